/* Where north is on the map: PROJ is asked at every 16th cell, by a step to the north and one to the south, and the
 * direction in between is interpolated; block by block, and cell by cell where it turns fast, as near a pole. */
#include "wind.h"

#include "core/crs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 };
static const double step_deg = 0.01;   /* to the north and south */
static const double even = 0.9996;     /* cosine of the most that north turns over a block, 1.6 degrees */

/* The direction of north at a place, as a vector of length 1 to the right and upwards on the map. */
struct north {
    double right, up;
};

struct way {
    const struct sq_grid *grid;
    struct sq_crs_map *map; /* from the grid's system to longitude and latitude */
    bool degrees;           /* the grid's x are longitudes of some sphere, which shrink towards its poles */
};

/* North at n <= BLOCK + 1 places of a row, columns i0, i0 + every, ... */
static void ask(const struct way *w, int i0, int every, int n, int j, struct north *ret)
{
    double x[2][BLOCK + 1], y[2][BLOCK + 1];
    for (int k = 0; k < n; k++) {
        x[0][k] = sq_grid_x(w->grid, i0 + k * every);
        y[0][k] = sq_grid_y(w->grid, j);
    }
    sq_crs_forward(w->map, (size_t)n, x[0], y[0]);
    for (int k = 0; k < n; k++) {
        double lat = y[0][k];
        x[1][k] = x[0][k];
        y[0][k] = fmin(lat + step_deg, 90);
        y[1][k] = fmax(lat - step_deg, -90);
    }
    sq_crs_inverse(w->map, (size_t)n, x[0], y[0]);
    sq_crs_inverse(w->map, (size_t)n, x[1], y[1]);
    for (int k = 0; k < n; k++) {
        double right = x[0][k] - x[1][k], up = y[0][k] - y[1][k];
        if (w->degrees)
            right = remainder(right, 360) * cos(sq_grid_y(w->grid, j) * M_PI / 180);
        double length = hypot(right, up);
        ret[k] = (struct north){right / length, up / length};
    }
}

static void turn(char axis, struct north n, float *value, float other)
{
    double x = axis == 'x' ? *value : other, y = axis == 'x' ? other : *value;
    *value = (float)(axis == 'x' ? x * n.up - y * n.right : x * n.right + y * n.up);
}

static double dot(struct north a, struct north b)
{
    return a.right * b.right + a.up * b.up;
}

static struct north between(const struct north c[4], double s, double t)
{
    double a = (1 - s) * (1 - t), b = s * (1 - t), d = (1 - s) * t, f = s * t;
    struct north n = {a * c[0].right + b * c[1].right + d * c[2].right + f * c[3].right,
                      a * c[0].up + b * c[1].up + d * c[2].up + f * c[3].up};
    const double length = sqrt(dot(n, n)); /* near 1: hypot's care is not needed */
    return (struct north){n.right / length, n.up / length};
}

/* Cells [i0, i1) x [j0, j1); c: north at the corners (i0, j0), (i0 + BLOCK, j0), and a block below. */
static void turn_block(const struct way *w, int i0, int i1, int j0, int j1, const struct north c[4], char axis,
                       float *value, const float *other)
{
    const size_t nx = (size_t)w->grid->nx;
    const bool flat = dot(c[0], c[1]) > even && dot(c[0], c[2]) > even && dot(c[0], c[3]) > even;
    for (int j = j0; j < j1; j++) {
        struct north row[BLOCK + 1];
        if (!flat)
            ask(w, i0, 1, i1 - i0, j, row);
        for (int i = i0; i < i1; i++) {
            size_t at = (size_t)j * nx + (size_t)i;
            struct north n = flat ? between(c, (double)(i - i0) / BLOCK, (double)(j - j0) / BLOCK) : row[i - i0];
            turn(axis, n, &value[at], other[at]);
        }
    }
}

enum sq_status sq_wind_turn(const struct sq_grid *g, char axis, float *value, const float *other, struct sq_err *e)
{
    struct way w = {.grid = g, .degrees = sq_grid_geographic(g) || strstr(g->crs, "+proj=ob_tran")};
    enum sq_status st = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &w.map, e);
    if (st)
        return st;
    for (int j = 0; j < g->ny; j += BLOCK)
        for (int i = 0; i < g->nx; i += BLOCK) {
            struct north c[4];
            ask(&w, i, BLOCK, 2, j, c);
            ask(&w, i, BLOCK, 2, j + BLOCK, c + 2);
            turn_block(&w, i, i + BLOCK < g->nx ? i + BLOCK : g->nx, j, j + BLOCK < g->ny ? j + BLOCK : g->ny, c, axis,
                       value, other);
        }
    sq_crs_map_destroy(&w.map);
    return SQ_OK;
}
