/* PROJ is asked on a coarse lattice; a block is interpolated from its corners where its middle and the middles of its
 * sides come out right, and quartered where they do not. */
#include "regrid_places.h"

#include "core/crs.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32 };
static const double tolerance = 0.05; /* source cells, at the middles, where the error is greatest */

struct way {
    struct sq_crs_map *map; /* NULL: both grids are on one map */
    const struct sq_grid *from, *to;
    double turn;
    float *col, *row;
};

/* Exact: n places given as target column x and row y become source columns and rows. */
static void locate(const struct way *w, size_t n, double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = sq_grid_x(w->to, x[i]);
        y[i] = sq_grid_y(w->to, y[i]);
    }
    if (w->map)
        sq_crs_forward(w->map, n, x, y);
    for (size_t i = 0; i < n; i++) {
        x[i] = (x[i] - w->from->x0) / w->from->dx;
        y[i] = (w->from->y0 - y[i]) / w->from->dy;
    }
}

/* The column beside `near`, not a turn round the earth away from it. */
static double unwind(double col, double near, double turn)
{
    return turn > 0 ? near + remainder(col - near, turn) : col;
}

static void store(const struct way *w, int i, int j, double col, double row)
{
    size_t at = (size_t)(j + 1) * ((size_t)w->to->nx + 2) + (size_t)(i + 1);
    if (w->turn > 0)
        col -= w->turn * floor((col + 0.5) / w->turn);
    w->col[at] = (float)col;
    w->row[at] = (float)row;
}

static double blend(const double c[4], double u, double v)
{
    return (c[0] * (1 - u) + c[1] * u) * (1 - v) + (c[2] * (1 - u) + c[3] * u) * v;
}

/* Whether the corners (points 0 to 3 of 9) predict the other five. */
static bool corners_suffice(const double x[9], const double y[9], const double u[9], const double v[9])
{
    for (int k = 4; k < 9; k++)
        if (!(fabs(blend(x, u[k], v[k]) - x[k]) < tolerance && fabs(blend(y, u[k], v[k]) - y[k]) < tolerance))
            return false;
    return true;
}

/* Few cells: each by itself. */
static void fill_few(const struct way *w, int i0, int i1, int j0, int j1)
{
    double x[9], y[9];
    int n = 0, nx = i1 - i0 + 1, ny = j1 - j0 + 1;
    for (; n < nx * ny; n++) {
        x[n] = i0 + n % nx;
        y[n] = j0 + n / nx;
    }
    locate(w, (size_t)n, x, y);
    while (n--)
        store(w, i0 + n % nx, j0 + n / nx, x[n], y[n]);
}

/* Between the corners. */
static void fill_blended(const struct way *w, int i0, int i1, int j0, int j1, const double *x, const double *y)
{
    for (int j = j0; j <= j1; j++)
        for (int i = i0; i <= i1; i++) {
            double s = i1 > i0 ? (double)(i - i0) / (i1 - i0) : 0, t = j1 > j0 ? (double)(j - j0) / (j1 - j0) : 0;
            store(w, i, j, blend(x, s, t), blend(y, s, t));
        }
}

static void fill(const struct way *w, int i0, int i1, int j0, int j1);

static void fill_quarters(const struct way *w, int i0, int i1, int j0, int j1)
{
    int im = (i0 + i1) / 2, jm = (j0 + j1) / 2;
    fill(w, i0, im, j0, jm);
    if (im < i1)
        fill(w, im + 1, i1, j0, jm);
    if (jm < j1)
        fill(w, i0, im, jm + 1, j1);
    if (im < i1 && jm < j1)
        fill(w, im + 1, i1, jm + 1, j1);
}

/* Fills target columns i0 to i1 and rows j0 to j1, both included. */
static void fill(const struct way *w, int i0, int i1, int j0, int j1)
{
    static const double u[9] = {0, 1, 0, 1, 0.5, 0, 1, 0.5, 0.5}, v[9] = {0, 0, 1, 1, 0.5, 0.5, 0.5, 0, 1};
    double x[9], y[9], near = NAN;
    int lost = 0;
    if (i1 - i0 < 3 && j1 - j0 < 3) {
        fill_few(w, i0, i1, j0, j1);
        return;
    }
    for (int k = 0; k < 9; k++) {
        x[k] = i0 + u[k] * (i1 - i0);
        y[k] = j0 + v[k] * (j1 - j0);
    }
    locate(w, 9, x, y);
    for (int k = 0; k < 9; k++) {
        near = isnan(near) ? x[k] : near;
        x[k] = unwind(x[k], near, w->turn);
        lost += isnan(x[k]);
    }
    if (lost < 9 && !corners_suffice(x, y, u, v))
        fill_quarters(w, i0, i1, j0, j1);
    else
        fill_blended(w, i0, i1, j0, j1, x, y);
}

double sq_places_turn(const struct sq_grid *from)
{
    return sq_grid_geographic(from) ? 360 / from->dx : 0;
}

enum sq_status sq_places_find(const struct sq_grid *from, const struct sq_grid *to, float *ret_col, float *ret_row,
                              struct sq_err *e)
{
    struct way w = {.from = from, .to = to, .turn = sq_places_turn(from), .col = ret_col, .row = ret_row};
    enum sq_status status = strcmp(from->crs, to->crs) ? sq_crs_map_create(to->crs, from->crs, &w.map, e) : SQ_OK;
    if (status)
        return status;
    for (int j = -1; j <= to->ny; j += BLOCK)
        for (int i = -1; i <= to->nx; i += BLOCK)
            fill(&w, i, i + BLOCK > to->nx ? to->nx : i + BLOCK - 1, j,
                 j + BLOCK > to->ny ? to->ny : j + BLOCK - 1);
    sq_crs_map_destroy(&w.map);
    return SQ_OK;
}
