#include "nowcast.h"

#include "advect.h"
#include "tiles.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 128 };

struct carry_block {
    int row, col, h, w;          /* on the map */
    float *y, *x;                /* (h, w) positions in the moving frame; y NaN: not within reach */
    struct sq_window source;     /* that they span */
    float *p;                    /* (n_edge, source), then scratch */
    size_t room;
    float *share, *standing;     /* (h, w), (n_edge, h, w): what stands, and how much of it; where any does */
    bool stands;
};

static void block_finish(struct carry_block *b)
{
    free(b->y);
    free(b->p);
    free(b->share);
    *b = (struct carry_block){0};
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void block_positions(const struct sq_nowcast *n, struct carry_block *b)
{
    const struct sq_grid *g = &n->cube->grid;
    float top = 1e9f, bottom = -1, left = 1e9f, right = -1, reach = sq_nowcast_reach(n);
    for (int i = 0; i < b->h; i++)
        sq_carry_positions(&n->scene.motion, n->back_x, n->back_y, b->row + i, b->col, b->w, b->y + i * BLOCK, b->x + i * BLOCK);
    for (int i = 0; i < b->h; i++)
        for (int j = 0; j < b->w; j++) {
            float y = b->y[i * BLOCK + j], x = b->x[i * BLOCK + j];
            bool known = sq_nearest_move(&n->nearest, reach, &y, &x);
            b->y[i * BLOCK + j] = known ? y : NAN;
            b->x[i * BLOCK + j] = x;
            if (!known)
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

/* Scratch for the positions, then for the source: its planes three times (the result, advection near and far) and their own
 * needs. */
static enum sq_status block_room(const struct sq_nowcast *n, struct carry_block *b, int lead_s, struct sq_err *e)
{
    size_t cells = ((size_t)b->source.h + 1) * (size_t)b->source.w, advect = sq_advect_room(n->cube, &b->source, lead_s);
    size_t network = cells * (size_t)(n->n_edge + 2);
    size_t need = 3 * cells * (size_t)n->n_edge + (advect > network ? advect : network);
    enum sq_status s = SQ_OK;
    if (!b->y)
        s = sq_alloc((void **)&b->y, 2 * BLOCK * BLOCK, sizeof *b->y, "forecast", e);
    if (!s)
        b->x = b->y + BLOCK * BLOCK;
    if (!s && n->standing.rain && !b->share)
        s = sq_alloc((void **)&b->share, (1 + (size_t)n->n_edge) * BLOCK * BLOCK, sizeof *b->share, "forecast", e);
    b->standing = b->share ? b->share + BLOCK * BLOCK : NULL;
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

/* Bilinear in the moving frame, with what stands on the map. */
static void block_cell(const struct sq_nowcast *n, const struct carry_block *b, int i, int j, float *p)
{
    float y = b->y[i * BLOCK + j] - (float)b->source.row, x = b->x[i * BLOCK + j] - (float)b->source.col;
    p[0] = NAN;
    if (isnan(y))
        return;
    int i0 = (int)y, j0 = (int)x, i1 = least(i0 + 1, b->source.h - 1), j1 = least(j0 + 1, b->source.w - 1);
    float fy = y - (float)i0, fx = x - (float)j0;
    size_t w = (size_t)b->source.w, plane = (size_t)b->source.h * w;
    size_t a = (size_t)i0 * w + (size_t)j0, c = (size_t)i1 * w + (size_t)j0;
    size_t ar = (size_t)i0 * w + (size_t)j1, cr = (size_t)i1 * w + (size_t)j1;
    for (int k = 0; k < n->n_edge; k++) {
        const float *q = b->p + (size_t)k * plane;
        p[k] = (1 - fy) * ((1 - fx) * q[a] + fx * q[ar]) + fy * ((1 - fx) * q[c] + fx * q[cr]);
    }
    size_t at = (size_t)i * (size_t)b->w + (size_t)j, cells = (size_t)b->h * (size_t)b->w;
    for (int k = 0; k < n->n_edge && b->stands; k++)
        p[k] += b->share[at] * (b->standing[(size_t)k * cells + at] - p[k]);
    sq_distribution_order(n->n_edge, p);
}

/* The class edge that a threshold is, or -1: then it is interpolated. */
static void match_edges(const struct sq_nowcast *n, int ret_edge[SQ_THRESHOLD_MAX])
{
    for (int k = 0; k < n->f->n_threshold; k++) {
        ret_edge[k] = -1;
        for (int i = 0; i < n->n_edge; i++)
            if (fabsf(n->edge[i] - n->f->threshold_mmh[k]) < 1e-6f)
                ret_edge[k] = i;
    }
}

static void block_out(const struct sq_nowcast *n, const struct carry_block *b, struct sq_lead *ret)
{
    const struct sq_forecast *f = n->f;
    struct sq_distribution d = {n->n_edge, n->edge, SQ_TAIL_MMH};
    size_t cells = sq_grid_cells(&f->grid);
    float p[SQ_CLASS_MAX];
    int edge[SQ_THRESHOLD_MAX];
    match_edges(n, edge);
    for (int i = 0; i < b->h; i++)
        for (int j = 0; j < b->w; j++) {
            size_t at = (size_t)(b->row + i) * (size_t)f->grid.nx + (size_t)(b->col + j);
            if (b->source.h > 0)
                block_cell(n, b, i, j, p);
            bool none = b->source.h == 0 || isnan(p[0]);
            for (int k = 0; k < f->n_threshold; k++)
                ret->prob[(size_t)k * cells + at] = none           ? NAN
                                                    : edge[k] >= 0 ? p[edge[k]]
                                                                   : sq_distribution_exceed(&d, p, f->threshold_mmh[k]);
        }
}

/* a becomes (1 - share) a + share b. */
static void pool(float *a, const float *b, float share, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += share * (b[i] - a[i]);
}

void sq_nowcast_base(const struct sq_nowcast *n, double lead_s, const struct sq_window *win, float *ret, float *tmp)
{
    const struct sq_newest newest = {{0, 0, n->cube->grid.ny, n->cube->grid.nx}, n->composite};
    sq_advect_share(n->cube, &newest, lead_s, win, n->edge, n->n_edge, ret, tmp);
    sq_amounts_pool(&n->amounts, &n->scales, lead_s, win, n->edge, n->n_edge, ret, tmp);
}

/* A share that is known at an hour, in proportion to lead. */
static float share_at(float hour, int lead_s)
{
    float share = hour * (float)lead_s / 3600;
    return share < 1 ? share : 1;
}

/* The distribution of the source in the moving frame: advection's, or the network's and some of advection's. */
static void block_source(const struct sq_nowcast *n, struct carry_block *b, int lead_s)
{
    size_t cells = (size_t)b->source.h * (size_t)b->source.w, planes = cells * (size_t)n->n_edge;
    float *base = n->hidden ? b->p + planes : b->p, *far = b->p + 2 * planes, *tmp = b->p + 3 * planes;
    sq_nowcast_base(n, lead_s, &b->source, base, tmp);
    if (n->hidden)
        sq_hidden_exceed(n->hidden, lead_s, &b->source, base, b->p, tmp);
    if (!n->far)
        return;
    sq_wide_put(n->far, &b->source, far);
    pool(base, far, share_at(SQ_FAR_SHARE, lead_s), planes);
    if (n->hidden) {
        sq_area_apply(&n->area, &n->weights->net.shape, lead_s, cells, b->p);
        pool(b->p, base, share_at(n->weights->advection_share, lead_s), planes);
    }
}

enum sq_status sq_distribute(const struct sq_nowcast *n, int lead_s, struct sq_lead *ret, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    int rows = (g->ny + BLOCK - 1) / BLOCK, cols = (g->nx + BLOCK - 1) / BLOCK;
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
                mine = block_room(n, &b, lead_s, NULL);
            if (!mine)
                block_positions(n, &b);
            if (!mine)
                mine = block_room(n, &b, lead_s, NULL);
            if (mine)
                continue;
            if (b.source.h > 0)
                block_source(n, &b, lead_s);
            const struct sq_window here = {b.row, b.col, b.h, b.w};
            b.stands = b.source.h > 0 && sq_standing_put(&n->standing, lead_s, &here, b.share, b.standing);
            block_out(n, &b, ret);
        }
        block_finish(&b);
        if (mine)
#pragma omp critical
            s = mine;
    }
    return s ? sq_fail(e, s, "out of memory for a lead of the forecast") : SQ_OK;
}
