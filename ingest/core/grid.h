/* A grid of cells on a map: a value, copied freely, never changed once data hangs on it.
 *
 * Row 0 is north, column 0 is west of the projected plane. Indices mean cell centres, extents outer
 * edges. Units are those of the coordinate system: metres, or degrees where it is geographic. */
#ifndef SQ_CORE_GRID_H
#define SQ_CORE_GRID_H

#include "err.h"

#include <stdbool.h>

#define SQ_CRS_MAX 1024
#define SQ_GRID_MAX 32767 /* cells along one side */

struct sq_grid {
    int nx, ny;           /* columns and rows, each in [1, SQ_GRID_MAX] */
    double x0, y0;        /* centre of row 0, column 0 */
    double dx, dy;        /* cell size, > 0; y falls by dy from row to row */
    char crs[SQ_CRS_MAX]; /* PROJ string in metres (or +proj=longlat in degrees) */
};

/* Fails with what is wrong: sizes, steps, an empty crs. `where` (a path) begins the message. */
enum sq_status sq_grid_check(const struct sq_grid *g, const char *where, struct sq_err *e) SQ_CHECK;

static inline size_t sq_grid_cells(const struct sq_grid *g)
{
    return (size_t)g->nx * (size_t)g->ny;
}
static inline double sq_grid_x(const struct sq_grid *g, double col)
{
    return g->x0 + col * g->dx;
}
static inline double sq_grid_y(const struct sq_grid *g, double row)
{
    return g->y0 - row * g->dy;
}

/* Same cells: sizes equal, corners within 0.01 cell, the same crs text. */
bool sq_grid_equal(const struct sq_grid *a, const struct sq_grid *b);

bool sq_grid_geographic(const struct sq_grid *g);

#endif
