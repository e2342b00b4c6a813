/* A forecast, as it is made, written, drawn, served and scored: what is common to all leads, and one
 * lead's maps. Leads are handed over one at a time: a whole CONUS forecast does not fit into memory.
 *
 * Probabilities are P(rate >= threshold), in [0, 1], falling with threshold; percentiles rise.
 * NaN = no forecast there. Rates in mm/h. */
#ifndef SQ_CORE_FORECAST_H
#define SQ_CORE_FORECAST_H

#include "grid.h"

#include <stdint.h>

#define SQ_LEAD_MAX 96
#define SQ_THRESHOLD_MAX 64
#define SQ_PERCENTILE_MAX 32

struct sq_forecast {
    struct sq_grid grid;
    double cell_m[2];
    int64_t issue_time; /* nominal time of the newest input frame, UTC s */
    int n_lead, n_threshold, n_percentile;
    int lead_s[SQ_LEAD_MAX];                   /* ascending, > 0 */
    float threshold_mmh[SQ_THRESHOLD_MAX];     /* ascending, > 0 */
    float percentile[SQ_PERCENTILE_MAX];       /* ascending, (0, 100) */
    uint8_t *quality; /* (ny, nx): 0 no coverage, 1 missing, 2 undetect or valid, 3 rejected; NULL = unknown */
    float *observed;         /* (ny, nx), mm/h: the newest frame, NaN where it saw nothing; NULL = unknown */
    char method[32];         /* "network", "advection", "persistence" */
    char model[64];          /* name of the weights, "" for none */
    char model_sha256[65];   /* of the weights file, "" for none */
    char institution[128];
    char *inputs_used;       /* ISO times, blanks between; heap */
    char *inputs_missing;    /* likewise */
    char *sources;           /* beside the radar: a line each, what of it was there; NULL: none is asked for; heap */
};

struct sq_lead {
    float *prob;    /* (n_threshold, ny, nx) */
    float *rate;    /* (n_percentile, ny, nx), mm/h */
    float *mean;    /* (ny, nx), mm/h */
};

/* The 17 thresholds (mm/h) by which squall forecasts and scores: edges of CRPSb. */
#define SQ_THRESHOLDS 17
extern const float sq_thresholds_mmh[SQ_THRESHOLDS];

struct sq_cube;

/* What a forecast from this cube says of it: grid, issue time, inputs, and what the newest frame observed and
 * how well. *ret is overwritten; the caller finishes it, after a failure too. */
enum sq_status sq_forecast_begin(struct sq_forecast *ret, const struct sq_cube *c, struct sq_err *e) SQ_CHECK;
void sq_forecast_finish(struct sq_forecast *f);

/* Arrays for one lead of f, filled with NaN. finish accepts a zeroed struct. */
enum sq_status sq_lead_init(struct sq_lead *l, const struct sq_forecast *f, struct sq_err *e) SQ_CHECK;
void sq_lead_finish(struct sq_lead *l);

#endif
