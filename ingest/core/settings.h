/* Settings: one table of keys, read from YAML, overridden by --set key=value.
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
    char weights[4096];  /* paths, joined by commas; "" = those that come with squall */
    char grid[64];       /* "native" or a name in grids.yaml */
    char institution[128];
    int threads;         /* 0 = all cores */
    /* reading */
    double zr_a, zr_b;   /* Z = a R^b, default 200, 1.6 */
    double rate_cap_mmh; /* rates above are set to it; default 300 */
    double dbz_cap;      /* default 55 */
    double range_km;     /* observed disc round the grid's middle for sources without a mask; 0 = off */
    double cloud_top_m;  /* satellite images are moved for the parallax of clouds this high; 0 = as seen */
    char model_fields[4096]; /* table of a weather model's fields; "" = configs/model_fields.yaml */
    /* quality control */
    char quality[8];     /* "all", "cells" (no whole frames), "off" */
    double spike_ratio;  /* these as in struct sq_quality_params of ingest.h */
    int speckle_cells, stripe_cells, spoke_cells;
    /* pictures */
    float map_thresholds_mmh[SQ_THRESHOLD_MAX]; /* default 0.1 1 5 */
    int n_map_thresholds;
    char palette[32];    /* "" = the default of serve */
    int picture_px;      /* width of a map, default 900 */
};

void sq_settings_default(struct sq_settings *s);

/* A file's bytes, laid over what *s holds; `where` begins the messages. *s is untouched on failure. */
enum sq_status sq_settings_parse(struct sq_settings *s, const char *where, const void *text, size_t size,
                                 struct sq_err *e) SQ_CHECK;

/* Reads `path` over what *s holds; *s is untouched on failure. */
enum sq_status sq_settings_read(struct sq_settings *s, const char *path, struct sq_err *e) SQ_CHECK;

/* "key=value", value in YAML: --set thresholds_mmh=[1,5]. SQ_USAGE where it does not fit. */
enum sq_status sq_settings_set(struct sq_settings *s, const char *assignment, struct sq_err *e) SQ_CHECK;

/* Setting i as "key: value"; false past the last one. */
bool sq_settings_line(const struct sq_settings *s, int i, char *out, size_t size);

/* A named grid from grids.yaml, for --grid; SQ_USAGE, with the names there are, where it is not among them.
 * "native" is not a grid: callers know it. */
enum sq_status sq_settings_grid(const char *name, struct sq_grid *ret, struct sq_err *e) SQ_CHECK;
/* The same from the bytes of such a file. */
enum sq_status sq_settings_parse_grid(const char *name, const char *where, const void *text, size_t size,
                                      struct sq_grid *ret, struct sq_err *e) SQ_CHECK;

/* Path of a file that comes with squall ("squall.yaml", "grids.yaml", "weights/..."): the first readable one in
 * $SQUALL_DATA, the configs of the source tree of the build, and the install prefix. */
enum sq_status sq_settings_file(const char *name, char ret_path[4096], struct sq_err *e) SQ_CHECK;

#endif
