/* The room serve: forecasts written, read back, drawn. It samples and paints; it never changes a
 * forecast's values and knows nothing of the network. */
#ifndef SQ_SERVE_H
#define SQ_SERVE_H

#include "core/cube.h"
#include "core/forecast.h"

#include <stdbool.h>

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
void sq_product_close(struct sq_product_reader **r);

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
