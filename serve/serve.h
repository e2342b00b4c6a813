/* The room serve: forecasts written, read back, drawn. It samples and paints; it never changes a
 * forecast's values and knows nothing of the network. */
#ifndef SQ_SERVE_H
#define SQ_SERVE_H

#include "core/cube.h"
#include "core/forecast.h"

#include <stdbool.h>
#include <stdio.h>

/* ---- the forecast file: CF 1.11 netCDF-4 with IMPROVER names ----------------------------------------- */

struct sq_product_writer;

/* Begins "DIR/squall_20160711T2200Z.nc" (or `path` as given). Leads are put in any order, each once; the
 * file appears at publish, whole. destroy without publish leaves nothing behind. */
enum sq_status sq_product_create(const char *path, const struct sq_forecast *f,
                                 struct sq_product_writer **ret, struct sq_err *e) SQ_CHECK;
enum sq_status sq_product_put(struct sq_product_writer *w, int lead_index, const struct sq_lead *l,
                              struct sq_err *e) SQ_CHECK;
enum sq_status sq_product_publish(struct sq_product_writer *w, struct sq_err *e) SQ_CHECK;
void sq_product_destroy(struct sq_product_writer **w);

struct sq_product_reader;

/* *ret_forecast is filled and owned by the reader. Refuses, by name, what is not a squall forecast. */
enum sq_status sq_product_open(const char *path, const struct sq_forecast **ret_forecast,
                               struct sq_product_reader **ret, struct sq_err *e) SQ_CHECK;
/* Caller has sq_lead_init'ed *l for this forecast. */
enum sq_status sq_product_get(struct sq_product_reader *r, int lead_index, struct sq_lead *l,
                              struct sq_err *e) SQ_CHECK;
/* One cell alone: *l has the levels of this forecast and a single cell. */
enum sq_status sq_product_cell(struct sq_product_reader *r, int lead_index, int row, int col, struct sq_lead *l,
                               struct sq_err *e) SQ_CHECK;
/* Probabilities of some rows alone: (n_threshold, n_rows, nx). */
enum sq_status sq_product_bands(struct sq_product_reader *r, int lead_index, int row, int n_rows, float *ret_prob,
                                struct sq_err *e) SQ_CHECK;
/* What the newest frame observed, (ny, nx); SQ_ABSENT where the file does not say. The reader's forecast has it NULL. */
enum sq_status sq_product_observed(struct sq_product_reader *r, float *ret_mmh, struct sq_err *e) SQ_CHECK;
enum sq_status sq_product_observed_cell(struct sq_product_reader *r, int row, int col, float *ret_mmh,
                                        struct sq_err *e) SQ_CHECK;
const char *sq_product_path(const struct sq_product_reader *r);
/* Whether its bytes are those that squall wrote. */
bool sq_product_sealed(const struct sq_product_reader *r);
const struct sq_forecast *sq_product_forecast(const struct sq_product_reader *r);
void sq_product_close(struct sq_product_reader **r);

/* ---- one place ---------------------------------------------------------------------------------------- */

/* A forecast at one place: the cell that it lies in. */
struct sq_point {
    const struct sq_forecast *f; /* must outlive it */
    double lonlat[2];            /* degrees east and north */
    int row, col;                /* -1, -1: outside of the grid */
    bool covered;                /* some lead has a forecast here */
    float observed_mmh;          /* of the newest frame; NaN: not known */
    float *prob;                 /* (n_lead, n_threshold), NaN where there is no forecast */
};
/* Everything unknown at first. finish accepts a zeroed struct. */
enum sq_status sq_point_init(struct sq_point *ret, const struct sq_forecast *f, const double lonlat[2],
                             struct sq_err *e) SQ_CHECK;
void sq_point_finish(struct sq_point *p);
/* Reads it from a file; the place may lie outside of the grid, and is not covered then. */
enum sq_status sq_product_point(struct sq_product_reader *r, const double lonlat[2], struct sq_point *ret,
                                struct sq_err *e) SQ_CHECK;

/* "Rain begins in 20\u201335 min, 70 %": when, and how sure that is. The greatest probability among the leads counts,
 * and the time within which it is reached; rain is at least 0.1 mm/h. Returns `out`. */
#define SQ_SENTENCE_MAX 160
char *sq_point_sentence(const struct sq_point *p, char out[SQ_SENTENCE_MAX]);

/* All of it as text, malloc'ed: JSON, CoverageJSON, or a drawing in SVG for people. */
enum sq_point_form { SQ_POINT_JSON, SQ_POINT_COVJSON, SQ_POINT_SVG };
struct sq_point_params {
    enum sq_point_form form;
    const char *run;      /* name of the run; NULL: its time */
    int w, h;             /* SVG: pixels, [200, 2000] */
    int utc_offset_min;   /* SVG: of a second clock below the axis; 0: none */
};
enum sq_status sq_point_write(const struct sq_point *p, const struct sq_point_params *params, char **ret,
                              struct sq_err *e) SQ_CHECK;

/* ---- tiles in a file ----------------------------------------------------------------------------------- */

struct sq_mbtiles_params {
    const char *layer;       /* "prob", "median" ...: as in the paths of tiles; default prob */
    int lead_s;              /* 0: the first */
    const char *style;       /* "": the default */
    int zoom[2];             /* from and to, [0, 12]; default 4 to 8 */
    const char *attribution; /* of the data */
};
#define SQ_MBTILES_DEFAULTS .layer = "prob", .style = "", .zoom = {4, 8}, .attribution = ""

/* The tiles of one layer and lead of a forecast file as MBTiles 1.3, written whole or not at all. SQ_USAGE where there
 * is no such layer, style, lead or zoom. */
enum sq_status sq_mbtiles_export(const char *forecast, const struct sq_mbtiles_params *p, const char *path,
                                 long long *ret_tiles, struct sq_err *e) SQ_CHECK;

/* ---- the server ------------------------------------------------------------------------------------------ */

struct sq_server_params {
    const char *folder;      /* of forecast files, watched */
    const char *bind;        /* address, of IPv4 or IPv6; default 127.0.0.1 */
    int port;                /* [0, 65535]; 0: any that is free */
    int threads;             /* 0: as many as there are cores */
    int keep;                /* forecasts in memory, [1, 32]; default 3 */
    int cache_mib;           /* of tiles, [1, 65536]; default 256 */
    int stale_s;             /* /healthz fails where the newest forecast is older; default 1800 */
    int connections;         /* at once, in all; default 1024 */
    int connections_address; /* from one address, 0: any number; default 0, for a proxy has one */
    int timeout_s;           /* of a connection on which nothing happens; default 10 */
    FILE *access;            /* a line for each request; NULL: none */
    const char *attribution; /* of the data */
};
#define SQ_SERVER_DEFAULTS                                                                                            \
    .bind = "127.0.0.1", .port = 8080, .keep = 3, .cache_mib = 256, .stale_s = 1800, .connections = 1024,              \
    .timeout_s = 10, .attribution = ""

/* Listens at once; forecasts appear as they are read. The strings are copied. */
struct sq_server;
enum sq_status sq_server_start(const struct sq_server_params *p, struct sq_server **ret, struct sq_err *e) SQ_CHECK;
int sq_server_port(const struct sq_server *s);
/* Finishes the requests under way. */
void sq_server_stop(struct sq_server **s);

/* ---- pictures ---------------------------------------------------------------------------------------- */

struct sq_picture_params {
    int width_px;         /* of the map; [200, 4000], default 900 */
    const char *palette;  /* "squall" (NULL or ""), safe for colour-blind readers; "grey"; "radar" */
    bool coastline;       /* default true; missing GSHHG data is logged once and left out */
};

/* The painter keeps the coastline projected for one grid; use it for all maps of a forecast, which must outlive it.
 * A pixel larger than a cell shows the mean over its area, and the picture says so. One thread. */
struct sq_painter;
enum sq_status sq_painter_create(const struct sq_forecast *f, const struct sq_picture_params *p,
                                 struct sq_painter **ret, struct sq_err *e) SQ_CHECK;
void sq_painter_destroy(struct sq_painter **p);

/* Maps of one lead: P(rate >= threshold) and a percentile of the rate. Written whole or not at all. */
enum sq_status sq_picture_probability(struct sq_painter *p, const struct sq_lead *l, int lead_index,
                                      int threshold_index, const char *path, struct sq_err *e) SQ_CHECK;
enum sq_status sq_picture_rate(struct sq_painter *p, const struct sq_lead *l, int lead_index,
                               int percentile_index, const char *path, struct sq_err *e) SQ_CHECK;
/* Observed rain of the newest frame. */
enum sq_status sq_picture_observed(struct sq_painter *p, const float *rate_mmh, const char *path,
                                   struct sq_err *e) SQ_CHECK;

/* One overview sheet, filled while leads go by: rows = the median and the given thresholds, columns = up
 * to six leads; the observed frame first. */
struct sq_sheet;
enum sq_status sq_sheet_create(struct sq_painter *p, const float *observed_mmh, const int *threshold_index,
                               int n_thresholds, struct sq_sheet **ret, struct sq_err *e) SQ_CHECK;
void sq_sheet_put(struct sq_sheet *s, const struct sq_lead *l, int lead_index);
enum sq_status sq_sheet_write(struct sq_sheet *s, const char *path, struct sq_err *e) SQ_CHECK;
void sq_sheet_destroy(struct sq_sheet **s);

/* ---- plots (for verify and train) -------------------------------------------------------------------- */

struct sq_plot_line {
    const char *label;
    int n;
    const double *x, *y; /* NaN in y breaks the line */
};
struct sq_plot {
    const char *title, *x_label, *y_label;
    double x_min, x_max, y_min, y_max; /* min == max: from the data */
    bool diagonal;                     /* the line y = x, for reliability diagrams */
    bool log_y;
    int n;
    const struct sq_plot_line *line;   /* [n], up to 8 distinguishable lines */
};
enum sq_status sq_plot_write(const struct sq_plot *p, const char *path, struct sq_err *e) SQ_CHECK;

#endif
