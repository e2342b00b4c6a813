/* A view: how one grid looks at one size. Holds what all maps of it share: which cells a pixel shows, and the
 * coastline, borders and meridians as they fall on the pixels.
 *
 * A pixel smaller than a cell shows the cell at its middle; a larger one the mean over its area of what was
 * observed there, and no coverage where less than half of it was. Grids in degrees are drawn as wide as they are
 * on the ground at their middle latitude. A view belongs to one thread. */
#ifndef SQ_SERVE_VIEW_H
#define SQ_SERVE_VIEW_H

#include "canvas.h"
#include "palette.h"

#include "core/grid.h"

#define SQ_TICKS 16

struct sq_tick {
    int px; /* along the edge */
    char text[16];
};

struct sq_view {
    int w, h;
    struct sq_grid grid;
    double km_px;       /* ground length of a pixel at the middle, along x; NaN where unknown */
    bool coast;         /* drawn; false also where its files are missing */
    uint8_t *ink;       /* (h, w), 0 to SQ_INK: how strongly lines cover a pixel */
    struct sq_span *col, *row; /* [w], [h]: the cells of a pixel */
    float *sum, *seen;  /* [nx]: sums down the rows of a pixel */
    float *line;        /* [w]: a row of pixels */
    int n_bottom, n_left;
    struct sq_tick bottom[SQ_TICKS], left[SQ_TICKS]; /* longitudes, latitudes */
};
#define SQ_INK 7

/* The map is `width_px` wide, or the largest whole multiple of the grid below that, and at most twice as high.
 * cell_m: ground size of a cell. Missing coastline data is a warning in the log, not a failure. */
enum sq_status sq_view_init(struct sq_view *v, const struct sq_grid *g, const double cell_m[2], int width_px,
                            bool coastline, struct sq_err *e) SQ_CHECK;
void sq_view_finish(struct sq_view *v);

/* One row of pixels (w) from values (ny, nx). */
void sq_view_sample(struct sq_view *v, const float *values, int y, float *ret);

/* Paints values (ny, nx) at x, y of the canvas; returns the highest class met, as of sq_scale_class. */
int sq_view_paint(struct sq_view *v, const float *values, const struct sq_scale *s, struct sq_canvas *c, int x,
                  int y);

#endif
