#include "nowcast.h"

#include "tiles.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const method_names[] = {"network", "advection", "persistence", "extrapolation"};

const char *sq_method_name(enum sq_method m)
{
    return method_names[m];
}

enum sq_status sq_method_parse(const char *name, enum sq_method *ret, struct sq_err *e)
{
    for (int m = 0; m < 4; m++)
        if (!strcmp(name, method_names[m])) {
            *ret = (enum sq_method)m;
            return SQ_OK;
        }
    return sq_fail(e, SQ_USAGE, "unknown method '%s': network, advection, persistence or extrapolation", name);
}

/* ---- what all leads share ------------------------------------------------------------------------------------- */

static int newest_frame(const struct sq_cube *c)
{
    int i = c->n - 1;
    while (i >= 0 && !c->frame[i].rate_mmh)
        i--;
    return i;
}

static enum sq_status prepare(struct sq_nowcast *n, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    struct sq_window all = {0, 0, g->ny, g->nx};
    int newest = newest_frame(n->cube);
    float *tmp = NULL;
    if (newest < 0)
        return sq_fail(e, SQ_FAILED, "no frame to forecast from");
    enum sq_status s = sq_scene_init(&n->scene, n->cube, newest, n->cube->step_s, e);
    size_t nodes = s ? 0 : (size_t)n->scene.motion.mx * (size_t)n->scene.motion.my;
    if (!s)
        s = sq_alloc((void **)&n->composite, sq_grid_cells(g), sizeof(float), "forecast", e);
    if (!s)
        s = sq_alloc((void **)&tmp, sq_grid_cells(g), sizeof(float), "forecast", e);
    if (!s)
        s = sq_alloc((void **)&n->back_x, 2 * nodes, sizeof(float), "forecast", e);
    if (!s) {
        n->back_y = n->back_x + nodes;
        sq_scene_composite(&n->scene, &all, n->composite, tmp);
    }
    free(tmp);
    return s;
}

enum sq_status sq_nowcast_create(const struct sq_cube *c, const struct sq_nowcast_params *p, struct sq_forecast *f,
                                 struct sq_nowcast **ret, struct sq_err *e)
{
    struct sq_nowcast *n;
    enum sq_status s = sq_alloc((void **)&n, 1, sizeof *n, "forecast", e);
    if (s)
        return s;
    *n = (struct sq_nowcast){.cube = c, .f = f, .method = p->method, .weights = p->weights};
    if (p->threads > 0)
        omp_set_num_threads(p->threads);
    if (p->method == SQ_METHOD_NETWORK) {
        s = p->weights ? sq_weights_fit(p->weights, c, f->n_lead ? f->lead_s[f->n_lead - 1] : 0, e)
                       : sq_fail(e, SQ_FAILED, "the network needs weights");
    }
    if (!s)
        s = prepare(n, e);
    if (!s && p->method == SQ_METHOD_NETWORK)
        s = sq_hidden_create(p->weights, &n->scene, n->composite, &n->hidden, e);
    if (s) {
        sq_nowcast_destroy(&n);
        return s;
    }
    snprintf(f->method, sizeof f->method, "%s", sq_method_name(p->method));
    if (p->method == SQ_METHOD_NETWORK) {
        snprintf(f->model, sizeof f->model, "%s", p->weights->name);
        snprintf(f->model_sha256, sizeof f->model_sha256, "%s", p->weights->sha256);
    }
    *ret = n;
    return SQ_OK;
}

void sq_nowcast_destroy(struct sq_nowcast **n)
{
    if (!*n)
        return;
    sq_hidden_destroy(&(*n)->hidden);
    sq_scene_finish(&(*n)->scene);
    free((*n)->composite);
    free((*n)->back_x);
    free(*n);
    *n = NULL;
}

/* ---- summaries -------------------------------------------------------------------------------------------------- */

static void summarise_row(const struct sq_forecast *f, const struct sq_distribution *d, const float *weight,
                          struct sq_lead *l, size_t from, size_t to)
{
    size_t cells = sq_grid_cells(&f->grid);
    float p[SQ_THRESHOLD_MAX];
    for (size_t i = from; i < to; i++) {
        float mean = 0;
        for (int k = 0; k < f->n_threshold; k++) {
            p[k] = l->prob[(size_t)k * cells + i];
            mean += weight[k] * p[k];
        }
        l->mean[i] = mean;
        for (int k = 0; k < f->n_percentile; k++)
            l->rate[(size_t)k * cells + i] = sq_distribution_quantile(d, p, f->percentile[k] / 100);
    }
}

void sq_nowcast_summarise(const struct sq_forecast *f, struct sq_lead *ret)
{
    struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    float weight[SQ_THRESHOLD_MAX];
    size_t nx = (size_t)f->grid.nx;
    sq_distribution_mean_weights(&d, weight);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < f->grid.ny; i++)
        summarise_row(f, &d, weight, ret, (size_t)i * nx, (size_t)(i + 1) * nx);
}

/* ---- one known rate: persistence and extrapolation ---------------------------------------------------------------- */

static void certain(const struct sq_forecast *f, const float *rate, struct sq_lead *ret)
{
    size_t cells = sq_grid_cells(&f->grid);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < cells; i++) {
        float r = rate[i] < 0.1f ? 0 : rate[i];
        ret->mean[i] = r;
        for (int k = 0; k < f->n_percentile; k++)
            ret->rate[(size_t)k * cells + i] = r;
        for (int k = 0; k < f->n_threshold; k++)
            ret->prob[(size_t)k * cells + i] = isnan(r) ? NAN : r >= f->threshold_mmh[k] ? 1 : 0;
    }
}

static enum sq_status extrapolate(struct sq_nowcast *n, struct sq_lead *ret, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    struct sq_window all = {0, 0, g->ny, g->nx};
    float *rate;
    enum sq_status s = sq_alloc((void **)&rate, sq_grid_cells(g), sizeof *rate, "extrapolation", e);
    if (s)
        return s;
    sq_carry(n->composite, &n->scene.motion, n->back_x, n->back_y, &all, false, rate);
    certain(n->f, rate, ret);
    free(rate);
    return SQ_OK;
}

/* ---- the network's distribution, carried from the moving frame to the map ------------------------------------------ */

enum { BLOCK = 128 };

struct carry_block {
    int row, col, h, w;          /* on the map */
    float *y, *x;                /* (h, w) positions in the moving frame */
    struct sq_window source;     /* that they span */
    float *p, *tmp;              /* (n_edge, source), scratch */
    size_t room;
};

static void block_finish(struct carry_block *b)
{
    free(b->y);
    free(b->p);
    *b = (struct carry_block){0};
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void block_positions(const struct sq_nowcast *n, struct carry_block *b)
{
    const struct sq_grid *g = &n->cube->grid;
    float top = 1e9f, bottom = -1, left = 1e9f, right = -1;
    for (int i = 0; i < b->h; i++)
        sq_carry_positions(&n->scene.motion, n->back_x, n->back_y, b->row + i, b->col, b->w, b->y + i * BLOCK, b->x + i * BLOCK);
    for (int i = 0; i < b->h; i++)
        for (int j = 0; j < b->w; j++) {
            float y = b->y[i * BLOCK + j], x = b->x[i * BLOCK + j];
            if (!(y > -0.5f && x > -0.5f && y < (float)g->ny - 0.5f && x < (float)g->nx - 0.5f))
                continue;
            top = y < top ? y : top, bottom = y > bottom ? y : bottom;
            left = x < left ? x : left, right = x > right ? x : right;
        }
    b->source = (struct sq_window){0};
    if (bottom < 0 || right < 0)
        return;
    int r0 = top > 0 ? (int)top : 0, c0 = left > 0 ? (int)left : 0;
    b->source = (struct sq_window){r0, c0, least((int)bottom + 2, g->ny) - r0, least((int)right + 2, g->nx) - c0};
    b->source.h = b->source.h < 1 ? 1 : b->source.h;
    b->source.w = b->source.w < 1 ? 1 : b->source.w;
}

static enum sq_status block_room(struct carry_block *b, int edges, struct sq_err *e)
{
    size_t need = ((size_t)b->source.h + 1) * (size_t)b->source.w * (size_t)(2 * edges + 2);
    enum sq_status s = SQ_OK;
    if (!b->y)
        s = sq_alloc((void **)&b->y, 2 * BLOCK * BLOCK, sizeof *b->y, "forecast", e);
    if (!s)
        b->x = b->y + BLOCK * BLOCK;
    if (s || need <= b->room)
        return s;
    free(b->p);
    b->p = NULL;
    b->room = 0;
    s = sq_alloc((void **)&b->p, need, sizeof *b->p, "forecast", e);
    if (!s)
        b->room = need;
    return s;
}

/* Bilinear in the moving frame; NaN where the newest observation there is missing. */
static void block_cell(const struct sq_nowcast *n, const struct carry_block *b, int i, int j, int edges, float *p)
{
    const struct sq_grid *g = &n->cube->grid;
    float y = b->y[i * BLOCK + j], x = b->x[i * BLOCK + j];
    p[0] = NAN;
    if (!(y > -0.5f && x > -0.5f && y < (float)g->ny - 0.5f && x < (float)g->nx - 0.5f) ||
        isnan(n->composite[(size_t)(y + 0.5f) * (size_t)g->nx + (size_t)(x + 0.5f)]))
        return;
    y = (y < 0 ? 0 : y) - (float)b->source.row, x = (x < 0 ? 0 : x) - (float)b->source.col;
    int i0 = (int)y, j0 = (int)x, i1 = least(i0 + 1, b->source.h - 1), j1 = least(j0 + 1, b->source.w - 1);
    float fy = y - (float)i0, fx = x - (float)j0;
    size_t w = (size_t)b->source.w, plane = (size_t)b->source.h * w;
    size_t a = (size_t)i0 * w + (size_t)j0, c = (size_t)i1 * w + (size_t)j0;
    size_t ar = (size_t)i0 * w + (size_t)j1, cr = (size_t)i1 * w + (size_t)j1;
    for (int k = 0; k < edges; k++) {
        const float *q = b->p + (size_t)k * plane;
        p[k] = (1 - fy) * ((1 - fx) * q[a] + fx * q[ar]) + fy * ((1 - fx) * q[c] + fx * q[cr]);
    }
    sq_distribution_order(edges, p);
}

/* The class edge that a threshold is, or -1: then it is interpolated. */
static void match_edges(const struct sq_nowcast *n, int ret_edge[SQ_THRESHOLD_MAX])
{
    const struct sq_net_shape *s = &n->weights->net.shape;
    for (int k = 0; k < n->f->n_threshold; k++) {
        ret_edge[k] = -1;
        for (int i = 0; i < s->n_edge; i++)
            if (fabsf(s->edge_mmh[i] - n->f->threshold_mmh[k]) < 1e-6f)
                ret_edge[k] = i;
    }
}

static void block_out(const struct sq_nowcast *n, const struct carry_block *b, struct sq_lead *ret)
{
    const struct sq_forecast *f = n->f;
    const struct sq_net_shape *s = &n->weights->net.shape;
    struct sq_distribution d = {s->n_edge, s->edge_mmh, SQ_TAIL_MMH};
    size_t cells = sq_grid_cells(&f->grid);
    float p[SQ_CLASS_MAX];
    int edge[SQ_THRESHOLD_MAX];
    match_edges(n, edge);
    for (int i = 0; i < b->h; i++)
        for (int j = 0; j < b->w; j++) {
            size_t at = (size_t)(b->row + i) * (size_t)f->grid.nx + (size_t)(b->col + j);
            if (b->source.h > 0)
                block_cell(n, b, i, j, s->n_edge, p);
            bool none = b->source.h == 0 || isnan(p[0]);
            for (int k = 0; k < f->n_threshold; k++)
                ret->prob[(size_t)k * cells + at] = none           ? NAN
                                                    : edge[k] >= 0 ? p[edge[k]]
                                                                   : sq_distribution_exceed(&d, p, f->threshold_mmh[k]);
        }
}

static enum sq_status network_lead(struct sq_nowcast *n, int lead_s, struct sq_lead *ret, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    int edges = n->weights->net.shape.n_edge, rows = (g->ny + BLOCK - 1) / BLOCK, cols = (g->nx + BLOCK - 1) / BLOCK;
    enum sq_status s = SQ_OK;
#pragma omp parallel
    {
        struct carry_block b = {0};
        enum sq_status mine = SQ_OK;
#pragma omp for schedule(dynamic)
        for (int t = 0; t < rows * cols; t++) {
            b.row = t / cols * BLOCK, b.col = t % cols * BLOCK;
            b.h = least(BLOCK, g->ny - b.row), b.w = least(BLOCK, g->nx - b.col);
            b.source = (struct sq_window){0};
            if (!mine)
                mine = block_room(&b, edges, NULL);
            if (!mine)
                block_positions(n, &b);
            if (!mine)
                mine = block_room(&b, edges, NULL);
            if (mine)
                continue;
            if (b.source.h > 0)
                sq_hidden_exceed(n->hidden, lead_s, &b.source, b.p,
                                 b.p + (size_t)b.source.h * (size_t)b.source.w * (size_t)edges);
            block_out(n, &b, ret);
        }
        block_finish(&b);
        if (mine)
#pragma omp critical
            s = mine;
    }
    return s ? sq_fail(e, s, "out of memory for a lead of the forecast") : SQ_OK;
}

/* ---- one lead -------------------------------------------------------------------------------------------------- */

/* Steady trajectories are continued from lead to lead. */
static void trace_to(struct sq_nowcast *n, int lead_s)
{
    double from = lead_s >= n->traced_s ? n->traced_s : 0;
    sq_motion_trace(&n->scene.motion, -from, -(double)lead_s, n->back_x, n->back_y);
    n->traced_s = lead_s;
}

enum sq_status sq_nowcast_lead(struct sq_nowcast *n, int lead_index, struct sq_lead *ret, struct sq_err *e)
{
    int lead_s = n->f->lead_s[lead_index];
    enum sq_status s = SQ_OK;
    if (n->method == SQ_METHOD_PERSISTENCE) {
        certain(n->f, n->composite, ret);
        return SQ_OK;
    }
    trace_to(n, lead_s);
    if (n->method == SQ_METHOD_EXTRAPOLATION)
        return extrapolate(n, ret, e);
    s = n->method == SQ_METHOD_NETWORK ? network_lead(n, lead_s, ret, e) : sq_advect_lead(n, lead_s, ret, e);
    if (!s)
        sq_nowcast_summarise(n->f, ret);
    return s;
}
