#include "grid.h"

#include <math.h>
#include <string.h>

enum sq_status sq_grid_check(const struct sq_grid *g, const char *where, struct sq_err *e)
{
    if (g->nx < 1 || g->ny < 1 || g->nx > SQ_GRID_MAX || g->ny > SQ_GRID_MAX)
        return sq_fail(e, SQ_FAILED, "%s: grid of %d x %d cells, allowed are 1 to %d a side", where,
                       g->nx, g->ny, SQ_GRID_MAX);
    if (!(g->dx > 0 && g->dy > 0 && isfinite(g->dx) && isfinite(g->dy)))
        return sq_fail(e, SQ_FAILED, "%s: grid step %g, %g is not above 0", where, g->dx, g->dy);
    if (!isfinite(g->x0) || !isfinite(g->y0))
        return sq_fail(e, SQ_FAILED, "%s: grid origin is not a number", where);
    if (!g->crs[0])
        return sq_fail(e, SQ_FAILED, "%s: no coordinate system", where);
    return SQ_OK;
}

bool sq_grid_equal(const struct sq_grid *a, const struct sq_grid *b)
{
    if (a->nx != b->nx || a->ny != b->ny || strcmp(a->crs, b->crs))
        return false;
    double tx = 0.01 * a->dx, ty = 0.01 * a->dy;
    return fabs(a->x0 - b->x0) < tx && fabs(a->y0 - b->y0) < ty &&
           fabs(sq_grid_x(a, a->nx - 1) - sq_grid_x(b, b->nx - 1)) < tx &&
           fabs(sq_grid_y(a, a->ny - 1) - sq_grid_y(b, b->ny - 1)) < ty;
}

bool sq_grid_geographic(const struct sq_grid *g)
{
    return strstr(g->crs, "+proj=longlat") || strstr(g->crs, "+proj=latlong");
}
