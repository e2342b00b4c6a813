#include "warp.h"

#include "core/crs.h"
#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 32, NODES_MAX = CELLS_MAX + 3, CORNERS_MAX = SQ_TILE_SIDE / SQ_WARP_SIDE + 1 };
enum kind { OUTSIDE, SMOOTH, EXACT };

struct sq_warp {
    struct sq_crs_map *map; /* from longitude, latitude to `crs` */
    char crs[SQ_CRS_MAX];
    struct sq_grid grid;
    bool geographic;
    struct sq_tile tile;
    int n, step, square;               /* lattice cells along a side, pixels of one, pixels of a square's side */
    double col[NODES_MAX * NODES_MAX]; /* (n + 3, n + 3): one node beyond each edge */
    double row[NODES_MAX * NODES_MAX];
    unsigned char kind[CELLS_MAX * CELLS_MAX];
    double bend[CELLS_MAX * CELLS_MAX];   /* of a lattice cell: its largest second difference */
    double weight[SQ_TILE_SIDE / 4][4];   /* [step] of the nodes at the pixels of a lattice cell */
    double corner[2][CORNERS_MAX * CORNERS_MAX]; /* columns and rows of the corners of squares */
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

static double larger(double a, double b)
{
    return a > b ? a : b; /* no NaN here, which fmax would look for */
}

/* Of 4 nodes in a line, `step` apart: the largest step, and the largest change from one step to the next. */
static void bends(const double *v, int step, double *most, double *bend)
{
    double a = v[step] - v[0], b = v[2 * step] - v[step], c = v[3 * step] - v[2 * step];
    *most = larger(*most, larger(fabs(a), larger(fabs(b), fabs(c))));
    *bend = larger(*bend, larger(fabs(b - a), fabs(c - b)));
}

/* What the 16 nodes round a lattice cell say of it. */
static enum kind kind_of(const struct sq_warp *w, int i, int j, double *ret_bend)
{
    int nodes = w->n + 3, known = 0;
    const double *col = w->col + i * nodes + j, *row = w->row + i * nodes + j;
    double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY}, most = 0, bend = 0;
    for (int k = 0; k < 16; k++) {
        int at = k / 4 * nodes + k % 4;
        if (isnan(col[at]))
            continue;
        known++;
        lo[0] = -larger(-lo[0], -col[at]), hi[0] = larger(hi[0], col[at]);
        lo[1] = -larger(-lo[1], -row[at]), hi[1] = larger(hi[1], row[at]);
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
    *ret_bend = bend;
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

/* Where the corners of squares lie, in lattice cells that are smooth; elsewhere they mean nothing. On the edge of a lattice
 * cell, what lies beyond may be NaN, and has no say. */
static void make_corners(struct sq_warp *w)
{
    int nodes = w->n + 3, along = w->tile.side / w->square + 1, of_cell = w->step / w->square;
    double weight[4], line[NODES_MAX], p[4] = {0};
    for (int i = 0; i < along; i++) {
        int at = i / of_cell < w->n ? i / of_cell : w->n - 1;
        weights((double)(i - at * of_cell) / of_cell, weight);
        for (int d = 0; d < 2; d++) {
            const double *node = (d ? w->row : w->col) + at * nodes;
            for (int j = 0; j < nodes; j++)
                line[j] = i == at * of_cell ? node[nodes + j]
                                            : weight[0] * node[j] + weight[1] * node[nodes + j] +
                                                  weight[2] * node[2 * nodes + j] + weight[3] * node[3 * nodes + j];
            for (int j = 0; j < along; j++) {
                int cell = j / of_cell < w->n ? j / of_cell : w->n - 1;
                double t = (double)(j - cell * of_cell) / of_cell;
                if (j == cell * of_cell)
                    polynomial(line + cell, p);
                w->corner[d][i * along + j] = t > 0 ? p[0] + t * (p[1] + t * (p[2] + t * p[3])) : p[0];
            }
        }
    }
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
    w->n = t->z < 3 ? CELLS_MAX : t->z < 6 ? CELLS_MAX / 2 : t->z < 7 ? CELLS_MAX / 4 : CELLS_MAX / 8;
    w->step = t->side / w->n;
    w->square = w->step < SQ_WARP_SIDE ? w->step : SQ_WARP_SIDE;
    make_lattice(w);
    *ret_touches = false;
    for (int i = 0; i < w->n * w->n; i++) {
        w->kind[i] = (unsigned char)kind_of(w, i / w->n, i % w->n, &w->bend[i]);
        *ret_touches |= w->kind[i] != OUTSIDE;
    }
    for (int i = 0; i < w->step; i++)
        weights((i + 0.5) / w->step, w->weight[i]);
    make_corners(w);
    return SQ_OK;
}

/* ---- squares ----------------------------------------------------------------------------------------- */

int sq_warp_side(const struct sq_warp *w)
{
    return w->square;
}

/* Between its corners a square's positions are those of a bilinear surface but for an eighth of each second difference,
 * along and down; twice that is taken. */
enum sq_box sq_warp_box(const struct sq_warp *w, int x, int y, int ret[4])
{
    int cell = y / w->step * w->n + x / w->step, along = w->tile.side / w->square + 1;
    int at = y / w->square * along + x / w->square;
    double share = (double)w->square / w->step, margin = 0.5 * share * share * w->bend[cell] + 0.01;
    if (w->kind[cell] != SMOOTH)
        return w->kind[cell] == OUTSIDE ? SQ_BOX_NONE : SQ_BOX_UNKNOWN;
    for (int d = 0; d < 2; d++) {
        const double *c = w->corner[d] + at;
        double most = larger(larger(c[0], c[1]), larger(c[along], c[along + 1]));
        double least = -larger(larger(-c[0], -c[1]), larger(-c[along], -c[along + 1]));
        least += 0.5 - margin;
        most += 0.5 + margin;
        if (most < 0 || least >= (d ? w->grid.ny : w->grid.nx))
            return SQ_BOX_NONE;
        ret[1 - d] = least < 0 ? -1 : (int)least;
        ret[3 - d] = most < SQ_GRID_MAX ? (int)most : SQ_GRID_MAX;
    }
    return SQ_BOX_KNOWN;
}

/* n pixels; 0.5 is in c[0] and r[0], so that cutting off the fraction finds the nearest cell. `t`: of the first in its
 * lattice cell, and the step. */
SQ_HOT static void along(int n, const double t[2], const double c[4], const double r[4], int nx, int ny, int *restrict row,
                         int *restrict col)
{
    for (int j = 0; j < n; j++) {
        double u = t[0] + j * t[1];
        double x = c[0] + u * (c[1] + u * (c[2] + u * c[3])), y = r[0] + u * (r[1] + u * (r[2] + u * r[3]));
        bool inside = x >= 0 && x < nx && y >= 0 && y < ny;
        col[j] = inside ? (int)x : -1;
        row[j] = inside ? (int)y : -1;
    }
}

/* Pixels (first, i) to (first + n, i), by PROJ. */
static void exactly(const struct sq_warp *w, int n, int i, int first, int *row, int *col)
{
    double x[SQ_WARP_SIDE], y[SQ_WARP_SIDE];
    for (int j = 0; j < n; j++) {
        x[j] = lon_of(&w->tile, first + j + 0.5);
        y[j] = lat_of(&w->tile, i + 0.5);
    }
    to_cells(w, (size_t)n, x, y);
    for (int j = 0; j < n; j++) {
        bool inside = x[j] >= -0.5 && x[j] < w->grid.nx - 0.5 && y[j] >= -0.5 && y[j] < w->grid.ny - 0.5;
        col[j] = inside ? (int)(x[j] + 0.5) : -1;
        row[j] = inside ? (int)(y[j] + 0.5) : -1;
    }
}

/* The polynomial along row i of the pixels of the lattice cell whose nodes begin at `node`. */
static void row_polynomial(const struct sq_warp *w, const double *node, int i, double ret[4])
{
    int nodes = w->n + 3;
    const double *weight = w->weight[i];
    double line[4];
    for (int j = 0; j < 4; j++)
        line[j] = weight[0] * node[j] + weight[1] * node[nodes + j] + weight[2] * node[2 * nodes + j] +
                  weight[3] * node[3 * nodes + j];
    polynomial(line, ret);
    ret[0] += 0.5;
}

void sq_warp_square(const struct sq_warp *w, int x, int y, int *ret_row, int *ret_col)
{
    int n = w->square, cell = y / w->step * w->n + x / w->step, node = y / w->step * (w->n + 3) + x / w->step;
    double pc[4], pr[4], t[2] = {(x % w->step + 0.5) / w->step, 1.0 / w->step};
    for (int i = 0; i < n; i++, ret_row += n, ret_col += n)
        switch ((enum kind)w->kind[cell]) {
        case OUTSIDE:
            for (int j = 0; j < n; j++)
                ret_row[j] = ret_col[j] = -1;
            break;
        case EXACT:
            exactly(w, n, y + i, x, ret_row, ret_col);
            break;
        case SMOOTH:
            row_polynomial(w, w->col + node, y % w->step + i, pc);
            row_polynomial(w, w->row + node, y % w->step + i, pr);
            along(n, t, pc, pr, w->grid.nx, w->grid.ny, ret_row, ret_col);
        }
}
