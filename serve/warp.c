#include "warp.h"

#include "core/crs.h"
#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 32, NODES_MAX = CELLS_MAX + 3 };
enum kind { OUTSIDE, SMOOTH, EXACT };

struct sq_warp {
    struct sq_crs_map *map; /* from longitude, latitude to `crs` */
    char crs[SQ_CRS_MAX];
    struct sq_grid grid;
    bool geographic;
    struct sq_tile tile;
    int n, step;                       /* lattice cells along a side, pixels of one */
    double col[NODES_MAX * NODES_MAX]; /* (n + 3, n + 3): one node beyond each edge */
    double row[NODES_MAX * NODES_MAX];
    unsigned char kind[CELLS_MAX * CELLS_MAX];
};

enum sq_status sq_warp_create(struct sq_warp **ret, struct sq_err *e)
{
    struct sq_warp *w = calloc(1, sizeof *w);
    if (!w)
        return sq_fail(e, SQ_FAILED, "out of memory for a map tile");
    *ret = w;
    return SQ_OK;
}

void sq_warp_destroy(struct sq_warp **w)
{
    if (!*w)
        return;
    sq_crs_map_destroy(&(*w)->map);
    free(*w);
    *w = NULL;
}

/* ---- the map of the web ------------------------------------------------------------------------------ */

static double lon_of(const struct sq_tile *t, double px)
{
    double x = t->x + (t->dx > 0 ? px * t->dx : px / t->side);
    return t->lonlat ? x : x / (1 << t->z) * 360 - 180;
}

static double lat_of(const struct sq_tile *t, double py)
{
    double y = t->y + (t->dx > 0 ? py * t->dy : py / t->side);
    return t->lonlat ? y : atan(sinh(M_PI * (1 - 2 * y / (1 << t->z)))) * (180 / M_PI);
}

void sq_tile_lonlat(const struct sq_tile *t, double px, double py, double ret[2])
{
    ret[0] = lon_of(t, px);
    ret[1] = lat_of(t, py);
}

/* Whether a tile and a box of longitudes and latitudes, a little widened, have something in common. */
static bool touches(const struct sq_tile *t, const double box[4])
{
    double more_x = 0.01 * (box[2] - box[0]), more_y = 0.01 * (box[3] - box[1]);
    double west = lon_of(t, 0), east = lon_of(t, t->side), north = lat_of(t, 0), south = lat_of(t, t->side);
    if (north < box[1] - more_y || south > box[3] + more_y)
        return false;
    for (int turn = -360; turn <= 360; turn += 360)
        if (west + turn <= box[2] + more_x && east + turn >= box[0] - more_x)
            return true;
    return false;
}

/* ---- positions --------------------------------------------------------------------------------------- */

/* Longitudes and latitudes to columns and rows, in place; NaN where the projection has no place for them. */
static void to_cells(const struct sq_warp *w, size_t n, double *x, double *y)
{
    const struct sq_grid *g = &w->grid;
    double west = g->x0 + (g->nx - 1) / 2.0 * g->dx - 180; /* opposite of the middle: there the turns part */
    sq_crs_forward(w->map, n, x, y);
    for (size_t i = 0; i < n; i++) {
        if (w->geographic)
            x[i] -= 360 * floor((x[i] - west) / 360);
        x[i] = (x[i] - g->x0) / g->dx;
        y[i] = (g->y0 - y[i]) / g->dy;
    }
}

static void make_lattice(struct sq_warp *w)
{
    int nodes = w->n + 3;
    for (int i = 0; i < nodes; i++) {
        double lat = lat_of(&w->tile, (i - 1) * w->step);
        for (int j = 0; j < nodes; j++) {
            w->col[i * nodes + j] = lon_of(&w->tile, (j - 1) * w->step);
            w->row[i * nodes + j] = lat;
        }
    }
    to_cells(w, (size_t)nodes * (size_t)nodes, w->col, w->row);
}

/* Of 4 nodes in a line, `step` apart: the largest step, and the largest change from one step to the next. */
static void bends(const double *v, int step, double *most, double *bend)
{
    double a = v[step] - v[0], b = v[2 * step] - v[step], c = v[3 * step] - v[2 * step];
    *most = fmax(*most, fmax(fabs(a), fmax(fabs(b), fabs(c))));
    *bend = fmax(*bend, fmax(fabs(b - a), fabs(c - b)));
}

/* What the 16 nodes round a lattice cell say of it. */
static enum kind kind_of(const struct sq_warp *w, int i, int j)
{
    int nodes = w->n + 3, known = 0;
    const double *col = w->col + i * nodes + j, *row = w->row + i * nodes + j;
    double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY}, most = 0, bend = 0;
    for (int k = 0; k < 16; k++) {
        int at = k / 4 * nodes + k % 4;
        if (isnan(col[at]))
            continue;
        known++;
        lo[0] = fmin(lo[0], col[at]), hi[0] = fmax(hi[0], col[at]);
        lo[1] = fmin(lo[1], row[at]), hi[1] = fmax(hi[1], row[at]);
    }
    if (!known || hi[0] < -1 || lo[0] > w->grid.nx || hi[1] < -1 || lo[1] > w->grid.ny)
        return OUTSIDE;
    if (known < 16)
        return EXACT;
    for (int k = 0; k < 4; k++) {
        bends(col + k * nodes, 1, &most, &bend);
        bends(row + k * nodes, 1, &most, &bend);
        bends(col + k, nodes, &most, &bend);
        bends(row + k, nodes, &most, &bend);
    }
    return bend < 0.3 * most ? SMOOTH : EXACT;
}

static enum sq_status take_grid(struct sq_warp *w, const struct sq_grid *g, struct sq_err *e)
{
    if (!w->map || strcmp(w->crs, g->crs) != 0) {
        sq_crs_map_destroy(&w->map);
        enum sq_status status = sq_crs_map_create(SQ_CRS_LONLAT, g->crs, &w->map, e);
        if (status)
            return status;
        memcpy(w->crs, g->crs, sizeof w->crs);
    }
    w->grid = *g;
    w->geographic = sq_grid_geographic(g);
    return SQ_OK;
}

enum sq_status sq_warp_locate(struct sq_warp *w, const struct sq_grid *g, const double lonlat[2], int *ret_row,
                              int *ret_col, struct sq_err *e)
{
    double x = lonlat[0], y = lonlat[1];
    enum sq_status status = take_grid(w, g, e);
    if (status)
        return status;
    to_cells(w, 1, &x, &y);
    bool inside = x >= -0.5 && x < g->nx - 0.5 && y >= -0.5 && y < g->ny - 0.5;
    *ret_col = inside ? (int)(x + 0.5) : -1;
    *ret_row = inside ? (int)(y + 0.5) : -1;
    return SQ_OK;
}

enum sq_status sq_warp_begin(struct sq_warp *w, const struct sq_grid *g, const double box[4],
                             const struct sq_tile *t, bool *ret_touches, struct sq_err *e)
{
    if (!touches(t, box)) {
        *ret_touches = false;
        return SQ_OK;
    }
    enum sq_status status = take_grid(w, g, e);
    if (status)
        return status;
    w->tile = *t;
    w->n = t->z < 3 ? CELLS_MAX : CELLS_MAX / 2;
    w->step = t->side / w->n;
    make_lattice(w);
    *ret_touches = false;
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->n; j++) {
            w->kind[i * w->n + j] = (unsigned char)kind_of(w, i, j);
            *ret_touches |= w->kind[i * w->n + j] != OUTSIDE;
        }
    return SQ_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* Lagrange's weights of the nodes -1, 0, 1, 2 at t in [0, 1]. */
static void weights(double t, double ret[4])
{
    ret[0] = -t * (t - 1) * (t - 2) / 6;
    ret[1] = (t + 1) * (t - 1) * (t - 2) / 2;
    ret[2] = -(t + 1) * t * (t - 2) / 2;
    ret[3] = (t + 1) * t * (t - 1) / 6;
}

/* The polynomial in t through v[0..3] at -1, 0, 1, 2. */
static void polynomial(const double *v, double ret[4])
{
    ret[0] = v[1];
    ret[1] = -v[0] / 3 - v[1] / 2 + v[2] - v[3] / 6;
    ret[2] = v[0] / 2 - v[1] + v[2] / 2;
    ret[3] = (v[3] - v[0]) / 6 + (v[1] - v[2]) / 2;
}

/* n pixels of one lattice cell; 0.5 is in c[0] and r[0], so that cutting off the fraction finds the nearest cell. */
SQ_HOT static void along(int n, const double c[4], const double r[4], int nx, int ny, int *restrict row,
                         int *restrict col)
{
    double step = 1.0 / n;
    for (int j = 0; j < n; j++) {
        double t = (j + 0.5) * step;
        double x = c[0] + t * (c[1] + t * (c[2] + t * c[3])), y = r[0] + t * (r[1] + t * (r[2] + t * r[3]));
        bool inside = x >= 0 && x < nx && y >= 0 && y < ny;
        col[j] = inside ? (int)x : -1;
        row[j] = inside ? (int)y : -1;
    }
}

static void exactly(const struct sq_warp *w, int i, int first, int *row, int *col)
{
    double x[SQ_TILE_SIDE], y[SQ_TILE_SIDE];
    for (int j = 0; j < w->step; j++) {
        x[j] = lon_of(&w->tile, first + j + 0.5);
        y[j] = lat_of(&w->tile, i + 0.5);
    }
    to_cells(w, (size_t)w->step, x, y);
    for (int j = 0; j < w->step; j++) {
        bool inside = x[j] >= -0.5 && x[j] < w->grid.nx - 0.5 && y[j] >= -0.5 && y[j] < w->grid.ny - 0.5;
        col[j] = inside ? (int)(x[j] + 0.5) : -1;
        row[j] = inside ? (int)(y[j] + 0.5) : -1;
    }
}

void sq_warp_row(struct sq_warp *w, int i, int *ret_row, int *ret_col)
{
    int nodes = w->n + 3, line = i / w->step;
    double weight[4], c[NODES_MAX], r[NODES_MAX], pc[4], pr[4];
    weights((i % w->step + 0.5) / w->step, weight);
    for (int j = 0; j < nodes; j++) {
        c[j] = r[j] = 0;
        for (int k = 0; k < 4; k++) {
            c[j] += weight[k] * w->col[(line + k) * nodes + j];
            r[j] += weight[k] * w->row[(line + k) * nodes + j];
        }
    }
    for (int j = 0; j < w->n; j++, ret_row += w->step, ret_col += w->step)
        switch ((enum kind)w->kind[line * w->n + j]) {
        case OUTSIDE:
            for (int p = 0; p < w->step; p++)
                ret_row[p] = ret_col[p] = -1;
            break;
        case EXACT:
            exactly(w, i, j * w->step, ret_row, ret_col);
            break;
        case SMOOTH:
            polynomial(c + j, pc);
            polynomial(r + j, pr);
            pc[0] += 0.5;
            pr[0] += 0.5;
            along(w->step, pc, pr, w->grid.nx, w->grid.ny, ret_row, ret_col);
        }
}
