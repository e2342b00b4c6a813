/* The world on a grid: every layer of the cascade is drawn on its own turned lattice, at two moments about the one
 * that is asked for, carried there along the flow, and cross-faded. */
#include "world.h"
#include "noise.h"
#include "core/crs.h"
#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NODE_M 24e3    /* between the places that are carried exactly */
#define SPLINE_VARIANCE 0.2300 /* mean of the squared weights of a cubic B-spline in two dimensions */
#define LATTICE_MAX 400e6      /* values of one lattice */

/* ---- the grid on the plane ------------------------------------------------------------------------------ */

enum sq_status sq_world_map_init(struct sq_world_map *ret, const struct sq_world *w, const struct sq_grid *g,
                                 struct sq_err *e)
{
    struct sq_world_map m = {.grid = *g};
    struct sq_crs_map *map = NULL;
    double cell_m[2];
    void *block;
    enum sq_status s = sq_crs_cell_m(g, cell_m, e);
    if (!s)
        s = sq_crs_map_create(g->crs, w->crs, &map, e);
    if (s)
        return s;
    m.cell_m = fmin(cell_m[0], cell_m[1]);
    m.step = (int)fmax(1, fmin(NODE_M / m.cell_m, 64));
    m.mx = (g->nx - 1) / m.step + 2;
    m.my = (g->ny - 1) / m.step + 2;
    const size_t n = (size_t)m.mx * (size_t)m.my;
    s = sq_alloc(&block, 2 * n, sizeof(double), "a map of the world", e);
    if (!s) {
        m.x = block;
        m.y = m.x + n;
        for (size_t i = 0; i < n; i++) {
            m.x[i] = sq_grid_x(g, (double)(i % (size_t)m.mx) * m.step);
            m.y[i] = sq_grid_y(g, (double)(i / (size_t)m.mx) * m.step);
        }
        sq_crs_forward(map, n, m.x, m.y);
        for (size_t i = 0; i < n && !s; i++)
            if (!isfinite(m.x[i]) || !isfinite(m.y[i]))
                s = sq_fail(e, SQ_FAILED, "the grid reaches beyond the Earth, or too far from %.2f E %.2f N: "
                            "choose a smaller one", w->lon, w->lat);
    }
    sq_crs_map_destroy(&map);
    if (s)
        sq_world_map_finish(&m);
    else
        *ret = m;
    return s;
}

void sq_world_map_finish(struct sq_world_map *m)
{
    free(m->x);
    *m = (struct sq_world_map){0};
}

double sq_world_between(const struct sq_world_map *m, const double *v, double row, double col)
{
    double r = row / m->step, c = col / m->step;
    int i = (int)fmin(fmax(r, 0), m->my - 2), j = (int)fmin(fmax(c, 0), m->mx - 2);
    const double *p = v + (size_t)i * (size_t)m->mx + j;
    r -= i;
    c -= j;
    return (1 - r) * ((1 - c) * p[0] + c * p[1]) + r * ((1 - c) * p[m->mx] + c * p[m->mx + 1]);
}

void sq_world_place(const struct sq_world_map *m, double row, double col, double ret[2])
{
    ret[0] = sq_world_between(m, m->x, row, col);
    ret[1] = sq_world_between(m, m->y, row, col);
}

/* ---- one draw of a layer -------------------------------------------------------------------------------- */

/* Positions of the nodes on the lattice of one draw, and the lattice. */
struct draw {
    int into;
    float weight;
    double *x, *y;     /* (my, mx), lattice units from its corner */
    int w, h;
    float *lattice;    /* (h, w) */
};

static void to_lattice(const struct sq_world *w, const struct sq_world_layer *l, size_t n, double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        double u = (x[i] * w->along[0] + y[i] * w->along[1]) / l->stretch;
        double v = y[i] * w->along[0] - x[i] * w->along[1];
        x[i] = (u * l->turn[0] - v * l->turn[1]) / l->spacing_m;
        y[i] = (u * l->turn[1] + v * l->turn[0]) / l->spacing_m;
    }
}

/* Moves the positions to the corner of their bounding box, with room for the spline; ret: that corner. */
static void corner(size_t n, double *v, int64_t *ret_first, int *ret_n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, v[i]);
        high = fmax(high, v[i]);
    }
    low = floor(low) - 1;
    for (size_t i = 0; i < n; i++)
        v[i] -= low;
    *ret_first = (int64_t)low;
    *ret_n = (int)fmin(high - low, 1e9) + 4;
}

struct key {
    uint64_t world, run; /* of this layer */
    int64_t moment;
    float own, other;    /* weights of the world and of the run's error; squares add to 1 */
};

static enum sq_status fill(struct draw *d, const struct key *k, int64_t i0, int64_t j0, struct sq_err *e)
{
    void *block;
    if ((double)d->w * d->h > LATTICE_MAX)
        return sq_fail(e, SQ_FAILED, "out of memory: the grid is too large for the simulated world");
    enum sq_status s = sq_alloc(&block, (size_t)d->w * (size_t)d->h, sizeof(float), "a lattice of noise", e);
    if (s)
        return s;
    d->lattice = block;
    for (int j = 0; j < d->h; j++)
        for (int i = 0; i < d->w; i++) {
            float v = k->own * sq_gauss(sq_mix_place(k->world, i0 + i, j0 + j, k->moment));
            if (k->other > 0)
                v += k->other * sq_gauss(sq_mix_place(k->run, i0 + i, j0 + j, k->moment));
            d->lattice[(size_t)j * (size_t)d->w + (size_t)i] = v;
        }
    return SQ_OK;
}

static enum sq_status make_draw(const struct sq_world *w, const struct sq_world_map *m, double t, double ahead_s,
                                const struct sq_world_error *error, int layer, int which, struct draw *ret,
                                struct sq_err *e)
{
    const struct sq_world_layer *l = &w->layer[layer];
    const size_t n = (size_t)m->mx * (size_t)m->my;
    const double age = (t + ahead_s) / l->life_s + l->offset, moment = floor(age) + which;
    const double fade = (age - floor(age)) * M_PI_2;
    const double spoil = error ? error->spoil[layer] : 0;
    const double sx = error ? error->shift_m[0] : 0, sy = error ? error->shift_m[1] : 0;
    struct key key = {sq_mix(w->seed + 1000 + (uint64_t)layer), 0, (int64_t)moment,
                      (float)sqrt(1 - spoil), (float)sqrt(spoil)};
    int64_t i0, j0;
    void *block;
    if (error)
        key.run = sq_mix(error->seed ^ key.world);
    enum sq_status s = sq_alloc(&block, 2 * n, sizeof(double), "trajectories", e);
    if (s)
        return s;
    ret->x = block;
    ret->y = ret->x + n;
    for (size_t i = 0; i < n; i++) {
        ret->x[i] = m->x[i] - sx;
        ret->y[i] = m->y[i] - sy;
    }
    sq_world_trace(w, l->drift, t, (moment - l->offset) * l->life_s, n, ret->x, ret->y);
    to_lattice(w, l, n, ret->x, ret->y);
    corner(n, ret->x, &i0, &ret->w);
    corner(n, ret->y, &j0, &ret->h);
    ret->into = l->into;
    ret->weight = (float)(l->amplitude / sqrt(SPLINE_VARIANCE) * (which ? sin(fade) : cos(fade)));
    return fill(ret, &key, i0, j0, e);
}

/* ---- cells ---------------------------------------------------------------------------------------------- */

/* Positions of one row of cells: bilinear between nodes. */
static void row_positions(const struct sq_world_map *m, const double *v, int row, float *ret)
{
    const int i = row / m->step;
    const double f = (double)(row % m->step) / m->step;
    const double *p = v + (size_t)i * (size_t)m->mx, *q = p + m->mx;
    for (int j = 0; j < m->mx - 1; j++) {
        const double a = (1 - f) * p[j] + f * q[j], b = (1 - f) * p[j + 1] + f * q[j + 1];
        for (int c = 0; c < m->step && j * m->step + c < m->grid.nx; c++)
            ret[j * m->step + c] = (float)(a + (b - a) * c / m->step);
    }
}

/* Adds the field of one draw to a row: a cubic B-spline over 4 x 4 values of the lattice, whose spectrum falls off
 * fast beyond its own scale. */
SQ_HOT static void add_row(const float *lattice, int w, float weight, int n, const float *restrict x,
                           const float *restrict y, float *restrict sum)
{
    for (int c = 0; c < n; c++) {
        const int i = (int)x[c], j = (int)y[c];
        const float f = x[c] - (float)i, g = y[c] - (float)j;
        const float a3 = f * f * f, a0 = (1 - f) * (1 - f) * (1 - f);
        const float a1 = 4 - 6 * f * f + 3 * a3, a2 = 6 - a0 - a1 - a3;
        const float b3 = g * g * g, b0 = (1 - g) * (1 - g) * (1 - g);
        const float b1 = 4 - 6 * g * g + 3 * b3, b2 = 6 - b0 - b1 - b3;
        const int at = (j - 1) * w + i - 1; /* a lattice has fewer than 2^31 values */
        const float *p = lattice;
        float v = b0 * (a0 * p[at] + a1 * p[at + 1] + a2 * p[at + 2] + a3 * p[at + 3]) +
                  b1 * (a0 * p[at + w] + a1 * p[at + w + 1] + a2 * p[at + w + 2] + a3 * p[at + w + 3]) +
                  b2 * (a0 * p[at + 2 * w] + a1 * p[at + 2 * w + 1] + a2 * p[at + 2 * w + 2] + a3 * p[at + 2 * w + 3]) +
                  b3 * (a0 * p[at + 3 * w] + a1 * p[at + 3 * w + 1] + a2 * p[at + 3 * w + 2] + a3 * p[at + 3 * w + 3]);
        sum[c] += v * weight * (1 / 36.f);
    }
}

/* From the three sums to what they mean: convection has more of its variance in small cells, needs the sun, and
 * covers less; where it rains far and wide there is less of it. */
static void finish_row(const struct sq_world *w, double warmth, double more, int n, const float *const sum[3],
                       float *excess, float *kind)
{
    const double base = w->convection * (1 + 0.25 * warmth);
    for (int c = 0; c < n; c++) {
        const float k = fminf(1, fmaxf(0, (float)base + 0.22f * sum[2][c] - 0.12f * sum[0][c]));
        const float small = 0.45f + 0.35f * k, large = sqrtf(1 - small * small);
        const float level = (float)(w->level - more) - 0.45f * k * (float)warmth;
        kind[c] = k;
        excess[c] = large * sum[0][c] + small * sum[1][c] - level;
    }
}

static enum sq_status render_rows(const struct sq_world *w, const struct sq_world_map *m, double t, double more,
                                  const struct draw *draw, int n_draw, float *excess, float *kind, struct sq_err *e)
{
    const size_t nx = (size_t)m->grid.nx;
    void *block;
    enum sq_status s = sq_alloc(&block, 5 * nx, sizeof(float), "a row of weather", e);
    if (s)
        return s;
    float *sum[3] = {block, (float *)block + nx, (float *)block + 2 * nx};
    float *x = sum[2] + nx, *y = x + nx;
    for (int row = 0; row < m->grid.ny; row++) {
        memset(block, 0, 3 * nx * sizeof(float));
        for (int d = 0; d < n_draw; d++) {
            row_positions(m, draw[d].x, row, x);
            row_positions(m, draw[d].y, row, y);
            add_row(draw[d].lattice, draw[d].w, draw[d].weight, m->grid.nx, x, y, sum[draw[d].into]);
        }
        finish_row(w, sq_world_warmth(w, t), more, m->grid.nx, (const float *const[]){sum[0], sum[1], sum[2]},
                   excess + (size_t)row * nx, kind + (size_t)row * nx);
    }
    free(block);
    return SQ_OK;
}

enum sq_status sq_world_render(const struct sq_world *w, const struct sq_world_map *m, double t, double ahead_s,
                               const struct sq_world_error *error, float *excess, float *kind, struct sq_err *e)
{
    struct draw draw[2 * SQ_WORLD_LAYERS] = {{0}};
    int n = 0;
    enum sq_status s = SQ_OK;
    for (int l = 0; l < SQ_WORLD_LAYERS && !s; l++)
        for (int which = 0; which < 2 && !s; which++)
            if (w->layer[l].spacing_m > 0.7 * m->cell_m) /* finer ones average out within a cell */
                s = make_draw(w, m, t, ahead_s, error, l, which, &draw[n++], e);
    if (!s)
        s = render_rows(w, m, t + ahead_s, error ? error->excess : 0, draw, n, excess, kind, e);
    for (int d = 0; d < n; d++) {
        free(draw[d].x);
        free(draw[d].lattice);
    }
    return s;
}
