/* A forecast held in memory, whole, for the server: constant from the moment it is loaded, shared by counting.
 *
 * All that is served of a place comes from its exceedance probabilities, through core/distribution.h. */
#ifndef SQ_SERVE_RUN_H
#define SQ_SERVE_RUN_H

#include "volume.h"

#include "core/distribution.h"
#include "core/forecast.h"

#include <stdatomic.h>

/* What radar observed at one instant. */
struct sq_frame {
    atomic_int held;
    struct sq_grid grid;
    double box[4]; /* west, south, east, north, degrees: sq_crs_bounds */
    int64_t time;
    struct sq_volume rate; /* one level, sq_rate_code */
};

/* Of sq_volume_any: half of the way, where tests/bench/bench_within finds the chances of 1 mm/h within 30 and 60 minutes most
 * nearly right. */
#define SQ_WINDOW_SHARE 0.5f

enum { SQ_WINDOWS = 2 };
extern const int sq_window_min[SQ_WINDOWS]; /* 30, 60 */

struct sq_run {
    atomic_int held;
    struct sq_forecast f;
    char name[40];  /* "20160711T2200Z", with "_r1" for a second forecast of the same time */
    double box[4];
    struct sq_volume lead[SQ_LEAD_MAX]; /* [f.n_lead] probabilities in units of 1 / SQ_CODE_ONE */
    /* The probability that it is so at any of the leads until minute sq_window_min[i]: sq_volume_any. Not there (n_level 0)
     * where the leads end earlier. */
    struct sq_volume window[SQ_WINDOWS];
    struct sq_frame *observed; /* NULL: the file does not say; issue time */
    float mean_weight[SQ_DISTRIBUTION_MAX];
    uint64_t hash;  /* of all that is served */
    size_t bytes;   /* of memory */
};

/* Reads a forecast file. Caller releases. */
enum sq_status sq_run_load(const char *path, struct sq_run **ret, struct sq_err *e) SQ_CHECK;
/* Reads what it says was observed, and nothing else; SQ_ABSENT where it does not. */
enum sq_status sq_frame_load(const char *path, struct sq_frame **ret, struct sq_err *e) SQ_CHECK;

struct sq_run *sq_run_hold(struct sq_run *r);
void sq_run_release(struct sq_run **r);
struct sq_frame *sq_frame_hold(struct sq_frame *f);
void sq_frame_release(struct sq_frame **f);

/* The probabilities of a cell at all thresholds, [f.n_threshold], NaN where there is no forecast. */
void sq_run_cell(const struct sq_run *r, int lead, int row, int col, float *ret_prob);

#endif
