#include "sunlit.h"

#include "core/crs.h"
#include "core/sun.h"

#include <math.h>

/* The sun is found at the corners of tiles, and where they do not agree by far at those of the blocks in them. Across a block of the finest and coarsest grids in use (0.5 to 10 km a cell) it
 * moves by less than the margin, so that a block whose corners agree by more is decided; along the terminator, and at the
 * rim of the disk, it is found cell by cell. */
enum { BLOCK = 16, TILE = 8 /* blocks a side */ };
#define MARGIN_DEG 2.5 /* of a block */

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

/* Blocks of a square, `n` a side; `corner`: sun at its corners. False where they do not agree by `margin`. */
static bool mask_square(struct mask *m, int row, int col, int n, const double corner[4], double margin)
{
    int day = 0, night = 0;
    for (int k = 0; k < 4; k++) {
        day += corner[k] > m->least + margin;
        night += corner[k] < m->least - margin;
    }
    if (day < 4 && night < 4 && n > 1)
        return false;
    for (int r = row; r < row + n * BLOCK && r < m->f->grid.ny && day < 4; r++)
        for (int c = col; c < col + n * BLOCK && c < m->f->grid.nx; c++)
            darken(m, r, c, night < 4);
    return true;
}

static void mask_tile(struct mask *m, int row, int col)
{
    double sun[TILE + 1][TILE + 1];
    const int end = TILE * BLOCK;
    const double corner[4] = {elevation(m, row, col), elevation(m, row, col + end), elevation(m, row + end, col),
                              elevation(m, row + end, col + end)};
    if (mask_square(m, row, col, TILE, corner, TILE * MARGIN_DEG))
        return;
    for (int j = 0; j <= TILE; j++)
        for (int i = 0; i <= TILE; i++)
            sun[j][i] = elevation(m, row + j * BLOCK, col + i * BLOCK);
    for (int j = 0; j < TILE; j++)
        for (int i = 0; i < TILE; i++) {
            const double block[4] = {sun[j][i], sun[j][i + 1], sun[j + 1][i], sun[j + 1][i + 1]};
            (void)mask_square(m, row + j * BLOCK, col + i * BLOCK, 1, block, MARGIN_DEG); /* one block always is */
        }
}

enum sq_status sq_sunlit_mask(struct sq_field *f, double least_deg, struct sq_err *e)
{
    struct mask m = {.f = f, .sun = sq_sun_at(f->time), .least = least_deg};
    enum sq_status st = sq_crs_map_create(f->grid.crs, SQ_CRS_LONLAT, &m.map, e);
    for (int r = 0; !st && r < f->grid.ny; r += TILE * BLOCK)
        for (int c = 0; c < f->grid.nx; c += TILE * BLOCK)
            mask_tile(&m, r, c);
    sq_crs_map_destroy(&m.map);
    return st;
}
