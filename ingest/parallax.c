#include "parallax.h"

#include "geos.h"

#include "core/crs.h"

#include <math.h>
#include <stdlib.h>

/* Where a cloud over a cell is seen: `col`, `row` cells from it. NaN: the cell is not on the earth. */
struct shift {
    double col, row;
};

struct job {
    const struct sq_field *from;
    struct sq_field to;
    struct sq_geos view;
    struct sq_crs_map *map;
    double top_m;        /* the highest */
    const float *tops_m; /* NULL: all so */
};

/* The shift is all but linear in the scan angle, by the sine of the zenith angle at which a place sees the satellite: it is
 * calculated at the corners of blocks, and cell by cell only at the rim of the disk. */
enum { BLOCK = 16 };

static struct shift shift_at(const struct job *j, int row, int col)
{
    const struct sq_grid *g = &j->from->grid;
    double x = sq_grid_x(g, col), y = sq_grid_y(g, row), lon = x, lat = y, seen_x, seen_y;
    sq_crs_forward(j->map, 1, &lon, &lat);
    if (isnan(lon) || !sq_geos_view(&j->view, lon, lat, j->top_m, &seen_x, &seen_y))
        return (struct shift){NAN, NAN};
    return (struct shift){(seen_x - x) / g->dx, (y - seen_y) / g->dy};
}

/* The cell `part` of the way along the shift; -1: outside the field. */
static ptrdiff_t seen_cell(const struct job *j, int row, int col, struct shift s, double part)
{
    const struct sq_grid *g = &j->from->grid;
    double c = floor(col + part * s.col + 0.5), r = floor(row + part * s.row + 0.5);
    if (!(c >= 0 && c < g->nx && r >= 0 && r < g->ny))
        return -1;
    return (ptrdiff_t)r * g->nx + (ptrdiff_t)c;
}

/* Down the column above a cell, half a cell of the image at a time: the first point that is inside what the image shows there
 * is its top, unless that top is higher: then the point lies hidden behind it. -1: hidden, or outside. */
static ptrdiff_t find_top(const struct job *j, int row, int col, struct shift s, enum sq_state *why)
{
    int n = (int)ceil(2 * hypot(s.col, s.row)) + 1;
    double step = j->top_m / n;
    *why = SQ_STATE_NO_COVERAGE;
    for (int k = n; k >= 0; k--) {
        ptrdiff_t at = seen_cell(j, row, col, s, (double)k / n);
        if (at < 0)
            continue;
        double top = j->tops_m[at] > 0 ? fmin((double)j->tops_m[at], j->top_m) : 0;
        *why = SQ_STATE_MISSING;
        if (top >= (k - 0.5) * step)
            return top <= (k + 1) * step ? at : -1;
    }
    return -1;
}

static void move_cell(struct job *j, int row, int col, struct shift s)
{
    size_t to = (size_t)row * (size_t)j->from->grid.nx + (size_t)col;
    enum sq_state why = SQ_STATE_NO_COVERAGE;
    if (isnan(s.col))
        return;
    ptrdiff_t at = j->tops_m ? find_top(j, row, col, s, &why) : seen_cell(j, row, col, s, 1);
    j->to.state[to] = at < 0 ? (uint8_t)why : j->from->state[at];
    if (at < 0)
        return;
    j->to.value[to] = j->from->value[at];
    if (j->to.quality)
        j->to.quality[to] = j->from->quality[at];
}

/* `s`: the shifts at its corners, those above first. */
static void move_block(struct job *j, int row, int col, const struct shift s[4])
{
    const struct sq_grid *g = &j->from->grid;
    bool whole = !isnan(s[0].col + s[1].col + s[2].col + s[3].col);
    for (int r = row; r < row + BLOCK && r < g->ny; r++)
        for (int c = col; c < col + BLOCK && c < g->nx; c++) {
            double u = (double)(c - col) / BLOCK, v = (double)(r - row) / BLOCK;
            double w[4] = {(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v};
            struct shift here = {0};
            for (int k = 0; k < 4; k++) {
                here.col += w[k] * s[k].col;
                here.row += w[k] * s[k].row;
            }
            move_cell(j, r, c, whole ? here : shift_at(j, r, c));
        }
}

static enum sq_status move_all(struct job *j, struct sq_err *e)
{
    const struct sq_grid *g = &j->from->grid;
    int n = (g->nx + BLOCK - 1) / BLOCK + 1;
    struct shift *corner = NULL; /* two rows of n */
    enum sq_status st = sq_alloc((void **)&corner, 2 * (size_t)n, sizeof *corner, "the shifts of a field", e);
    for (int r = 0; !st && r < g->ny + BLOCK; r += BLOCK) {
        struct shift *above = corner + (r / BLOCK + 1) % 2 * n, *below = corner + r / BLOCK % 2 * n;
        for (int k = 0; k < n; k++)
            below[k] = shift_at(j, r, k * BLOCK);
        for (int k = 0; r && k < n - 1; k++)
            move_block(j, r - BLOCK, k * BLOCK, (struct shift[]){above[k], above[k + 1], below[k], below[k + 1]});
    }
    free(corner);
    return st;
}

static enum sq_status prepare(struct job *j, struct sq_err *e)
{
    const struct sq_field *f = j->from;
    size_t n = sq_grid_cells(&f->grid);
    if (!sq_geos_parse(f->grid.crs, &j->view))
        return sq_fail(e, SQ_FAILED, "parallax of %s: '%.160s' is no view of a geostationary satellite", f->channel,
                       f->grid.crs);
    enum sq_status st = sq_field_init(&j->to, &f->grid, e);
    if (!st && f->quality)
        st = sq_alloc((void **)&j->to.quality, n, sizeof *j->to.quality, "the quality of a field", e);
    for (size_t i = 0; !st && f->quality && i < n; i++)
        j->to.quality[i] = NAN;
    for (size_t i = 0; j->tops_m && i < n; i++)
        j->top_m = fmax(j->top_m, fmin((double)j->tops_m[i], SQ_CLOUD_TOP_MAX_M)); /* the number beside a NaN */
    return st ? st : sq_crs_map_create(f->grid.crs, SQ_CRS_LONLAT, &j->map, e);
}

enum sq_status sq_parallax_correct(struct sq_field *f, double top_m, const float *tops_m, struct sq_err *e)
{
    struct job j = {.from = f, .top_m = tops_m ? 1 : top_m, .tops_m = tops_m};
    enum sq_status st = prepare(&j, e);
    if (!st)
        st = move_all(&j, e);
    sq_crs_map_destroy(&j.map);
    if (st) {
        sq_field_finish(&j.to);
        return st;
    }
    free(f->value);
    free(f->state);
    free(f->quality);
    f->value = j.to.value;
    f->state = j.to.state;
    f->quality = j.to.quality;
    f->parallax_corrected = true;
    return SQ_OK;
}
