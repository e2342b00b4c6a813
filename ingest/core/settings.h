/* Settings: one schema, read by libcyaml from YAML, overridden by --set key=value.
 *
 * configs/squall.yaml explains every key where it stands; an unknown key or a value out of range is an
 * error that names file, key and range. */
#ifndef SQ_CORE_SETTINGS_H
#define SQ_CORE_SETTINGS_H

#include "forecast.h"

struct sq_settings {
    /* forecast */
    int leads_s[SQ_LEAD_MAX];              /* s, ascending; default 300..3600 by 300 */
    int n_leads;
    float thresholds_mmh[SQ_THRESHOLD_MAX]; /* default sq_thresholds_mmh */
    int n_thresholds;
    float percentiles[SQ_PERCENTILE_MAX];  /* %, default 10 25 50 75 90 */
    int n_percentiles;
    char method[32];     /* "auto" (network if weights fit, else advection), "network", "advection", "persistence" */
    char weights[4096];  /* path; "" = the weights that come with squall */
    char grid[64];       /* "native" or a name in grids.yaml */
    char institution[128];
    int threads;         /* 0 = all cores */
    /* reading */
    double zr_a, zr_b;   /* Z = a R^b, default 200, 1.6 */
    double rate_cap_mmh; /* rates above are set to it; default 300 */
    double dbz_cap;      /* default 55 */
    double range_km;     /* observed disc round the grid's middle for sources without a mask; 0 = off */
    /* pictures */
    float map_thresholds_mmh[SQ_THRESHOLD_MAX]; /* default 0.1 1 5 */
    int n_map_thresholds;
    char palette[32];
    int picture_px;      /* width of a map, default 900 */
};

void sq_settings_default(struct sq_settings *s);

/* Reads `path` over what *s holds; *s is untouched on failure. */
enum sq_status sq_settings_read(struct sq_settings *s, const char *path, struct sq_err *e) SQ_CHECK;

/* "key=value", value in YAML: --set thresholds_mmh=[1,5]. */
enum sq_status sq_settings_set(struct sq_settings *s, const char *assignment, struct sq_err *e) SQ_CHECK;

/* A named grid from grids.yaml (searched in the folder of configs), for --grid. */
enum sq_status sq_settings_grid(const char *name, struct sq_grid *ret, struct sq_err *e) SQ_CHECK;

/* Path of a file that comes with squall ("squall.yaml", "grids.yaml", "weights/..."): $SQUALL_DATA, the
 * source tree of the build, or the install prefix, in this order. */
enum sq_status sq_settings_file(const char *name, char ret_path[4096], struct sq_err *e) SQ_CHECK;

#endif
