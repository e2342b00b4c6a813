#include "sunlit.h"

#include "core/crs.h"
#include "core/sun.h"

#include <math.h>
#include <stdlib.h>

/* The sun is found at the corners of blocks. Across a block of the finest and coarsest grids in use (0.5 to 10 km a cell) it
 * moves by less than the margin, so that a block whose corners agree by more is decided; along the terminator, and at the
 * rim of the disk, it is found cell by cell. */
enum { BLOCK = 16 };
#define MARGIN_DEG 2.5

struct mask {
    struct sq_field *f;
    struct sq_crs_map *map;
    struct sq_sun sun;
    double least;
};

static double elevation(const struct mask *m, int row, int col)
{
    double x = sq_grid_x(&m->f->grid, col), y = sq_grid_y(&m->f->grid, row);
    sq_crs_forward(m->map, 1, &x, &y);
    return sq_sun_elevation(&m->sun, x, y);
}

static void darken(struct mask *m, int row, int col, bool by_cell)
{
    size_t at = (size_t)row * (size_t)m->f->grid.nx + (size_t)col;
    if (m->f->state[at] > SQ_STATE_UNDETECT || (by_cell && !(elevation(m, row, col) < m->least)))
        return;
    m->f->value[at] = NAN;
    m->f->state[at] = SQ_STATE_DARK;
}

/* `corner`: sun at the corners above and below. */
static void mask_block(struct mask *m, int row, int col, const double corner[4])
{
    int day = 0, night = 0;
    for (int k = 0; k < 4; k++) {
        day += corner[k] > m->least + MARGIN_DEG;
        night += corner[k] < m->least - MARGIN_DEG;
    }
    if (day == 4)
        return;
    for (int r = row; r < row + BLOCK && r < m->f->grid.ny; r++)
        for (int c = col; c < col + BLOCK && c < m->f->grid.nx; c++)
            darken(m, r, c, night < 4);
}

enum sq_status sq_sunlit_mask(struct sq_field *f, double least_deg, struct sq_err *e)
{
    struct mask m = {.f = f, .sun = sq_sun_at(f->time), .least = least_deg};
    int n = (f->grid.nx + BLOCK - 1) / BLOCK + 1;
    double *row = NULL; /* two rows of n corners */
    enum sq_status st = sq_crs_map_create(f->grid.crs, SQ_CRS_LONLAT, &m.map, e);
    if (!st)
        st = sq_alloc((void **)&row, 2 * (size_t)n, sizeof *row, "the sun's height", e);
    for (int r = 0; !st && r < f->grid.ny + BLOCK; r += BLOCK) {
        double *above = row + (r / BLOCK + 1) % 2 * n, *below = row + r / BLOCK % 2 * n;
        for (int k = 0; k < n; k++)
            below[k] = elevation(&m, r, k * BLOCK);
        for (int k = 0; r && k < n - 1; k++)
            mask_block(&m, r - BLOCK, k * BLOCK, (double[]){above[k], above[k + 1], below[k], below[k + 1]});
    }
    free(row);
    sq_crs_map_destroy(&m.map);
    return st;
}
