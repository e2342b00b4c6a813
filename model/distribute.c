#include "nowcast.h"

#include "advect.h"
#include "tiles.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 128, LANE = 16 };

struct carry_block {
    int row, col, h, w;          /* on the map */
    float *y, *x;                /* (h, w) positions in the moving frame; y NaN: not within reach */
    struct sq_window source;     /* that they span */
    float *p;                    /* (n_edge, source), then scratch */
    size_t room;
    float *share, *standing;     /* (h, w), (n_edge, h, w): what stands, and how much of it; where any does */
    bool stands;
    float *growth;               /* (h, w): of odds, where any grow */
    bool grows;
};

static void block_finish(struct carry_block *b)
{
    free(b->y);
    free(b->p);
    free(b->share);
    free(b->growth);
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
    r0 = least(r0, g->ny - 2), c0 = least(c0, g->nx - 2);
    b->source = (struct sq_window){r0, c0, least((int)bottom + 2, g->ny) - r0, least((int)right + 2, g->nx) - c0};
}

/* Scratch for the positions, then for the source: its planes three times (the result, advection near and far; a row more of
 * each, for a lane is read whole) and their own needs. */
static enum sq_status block_room(const struct sq_nowcast *n, struct carry_block *b, int lead_s, struct sq_err *e)
{
    size_t cells = ((size_t)b->source.h + 1) * (size_t)b->source.w, advect = sq_advect_room(n->cube, &b->source, lead_s);
    size_t amounts = 2 * cells, network = n->hidden ? sq_hidden_room(n->n_edge, &b->source) : 0;
    network = network > amounts ? network : amounts;
    size_t need = 3 * cells * (size_t)n->n_edge + (advect > network ? advect : network);
    enum sq_status s = SQ_OK;
    if (!b->y)
        s = sq_alloc((void **)&b->y, 2 * BLOCK * BLOCK, sizeof *b->y, "forecast", e);
    if (!s)
        b->x = b->y + BLOCK * BLOCK;
    if (!s && n->standing.rain && !b->share)
        s = sq_alloc((void **)&b->share, (1 + (size_t)n->n_edge) * BLOCK * BLOCK, sizeof *b->share, "forecast", e);
    if (!s && n->growth.shift && !b->growth)
        s = sq_alloc((void **)&b->growth, BLOCK * BLOCK, sizeof *b->growth, "forecast", e);
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

/* ---- a row of cells ---------------------------------------------------------------------------------------------- */

/* Neighbours on the map are mostly neighbours in the moving frame: then they are a run, and read side by side, a lane at a time.
 * What the last lane of a run holds too much, the next run overwrites. */
struct row {
    int n_run;
    struct run {
        int at, n;   /* cells of the row */
        size_t from; /* the upper left one of four in the source */
    } run[BLOCK];
    float weight[4][BLOCK + LANE]; /* of the four */
    float p[SQ_CLASS_MAX][BLOCK + LANE];
};

/* Row i of the block; a cell that is not known weighs NaN. */
static void find_runs(const struct carry_block *b, int i, struct row *r)
{
    const struct sq_window *s = &b->source;
    struct run *last = NULL;
    r->n_run = 0;
    for (int j = 0; j < b->w; j++) {
        float y = b->y[i * BLOCK + j] - (float)s->row, x = b->x[i * BLOCK + j] - (float)s->col;
        bool known = !isnan(y);
        int i0 = known ? least((int)y, s->h - 2) : 0, j0 = known ? least((int)x, s->w - 2) : 0;
        float fy = known ? y - (float)i0 : NAN, fx = known ? x - (float)j0 : NAN;
        size_t from = (size_t)i0 * (size_t)s->w + (size_t)j0;
        r->weight[0][j] = (1 - fy) * (1 - fx), r->weight[1][j] = (1 - fy) * fx;
        r->weight[2][j] = fy * (1 - fx), r->weight[3][j] = fy * fx;
        if (!last || (known && from != last->from + (size_t)last->n)) {
            last = &r->run[r->n_run++];
            *last = (struct run){j, 0, from};
        }
        last->n++;
    }
}

/* Bilinear: one plane of the source, `w` cells wide, along a row. */
SQ_HOT static void carry_row(const float *plane, size_t w, const struct row *r, float *ret)
{
    for (int k = 0; k < r->n_run; k++) {
        const struct run *run = &r->run[k];
        const float *a = plane + run->from, *c = a + w;
        for (int j0 = 0; j0 < run->n; j0 += LANE)
#pragma omp simd
            for (int j = j0; j < j0 + LANE; j++) {
                int at = run->at + j;
                ret[at] = r->weight[0][at] * a[j] + r->weight[1][at] * a[j + 1] + r->weight[2][at] * c[j] + r->weight[3][at] * c[j + 1];
            }
    }
}

/* Adds what stands there. */
SQ_HOT static void add_standing(float *restrict p, const float *share, const float *standing, int n)
{
    for (int j = 0; j < n; j++)
        p[j] += share[j] * (standing[j] - p[j]);
}

/* Odds p / (1 - p) times growth. */
SQ_HOT static void grow(float *restrict p, const float *growth, int n)
{
    for (int j = 0; j < n; j++)
        p[j] = p[j] * growth[j] / (1 + p[j] * (growth[j] - 1));
}

/* No rate is exceeded more often than the one below. */
SQ_HOT static void order(float *restrict p, float *restrict most, int n)
{
    for (int j = 0; j < n; j++) {
        float v = p[j] > 0 ? p[j] : p[j] <= 0 ? 0 : p[j]; /* NaN stays */
        p[j] = most[j] = v > most[j] ? most[j] : v;
    }
}

/* P(rate >= edge) of row i. */
static void block_row(const struct sq_nowcast *n, const struct carry_block *b, int i, struct row *r)
{
    const size_t plane = (size_t)b->source.h * (size_t)b->source.w, at = (size_t)i * (size_t)b->w, cells = (size_t)b->h * (size_t)b->w;
    float most[BLOCK];
    for (int j = 0; j < BLOCK; j++)
        most[j] = 1;
    find_runs(b, i, r);
    for (int k = 0; k < n->n_edge; k++) {
        carry_row(b->p + (size_t)k * plane, (size_t)b->source.w, r, r->p[k]);
        if (b->stands)
            add_standing(r->p[k], b->share + at, b->standing + (size_t)k * cells + at, b->w);
        if (b->grows)
            grow(r->p[k], b->growth + at, b->w);
        order(r->p[k], most, b->w);
    }
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

/* P(rate >= t) of a row, t no edge of a class. */
static void put_between(const struct sq_nowcast *n, const struct row *r, float t, int w, float *ret)
{
    const struct sq_distribution d = {n->n_edge, n->edge, SQ_TAIL_MMH};
    float p[SQ_CLASS_MAX];
    for (int j = 0; j < w; j++) {
        for (int k = 0; k < n->n_edge; k++)
            p[k] = r->p[k][j];
        ret[j] = sq_distribution_exceed(&d, p, t);
    }
}

SQ_HOT static void add_row(const float *p, float weight, int w, float *restrict sum)
{
    for (int j = 0; j < w; j++)
        sum[j] += weight * p[j];
}

/* Mean and percentiles of `w` cells from their probabilities at f's thresholds; `weight` is that of thresholds in the mean. NaN
 * passes on. */
static void summarise(const struct sq_forecast *f, const float *weight, size_t at, int w, struct sq_lead *ret)
{
    const struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    const size_t cells = sq_grid_cells(&f->grid);
    const float *prob = ret->prob + at;
    /* all percentiles are 0 where the highest is */
    const float least = f->n_percentile ? 1 - f->percentile[f->n_percentile - 1] / 100 : 1;
    float p[SQ_THRESHOLD_MAX], mean[BLOCK] = {0};
    for (int k = 0; k < f->n_threshold; k++)
        add_row(prob + (size_t)k * cells, weight[k], w, mean);
    memcpy(ret->mean + at, mean, (size_t)w * sizeof *mean);
    for (int j = 0; j < w; j++) {
        const bool dry = prob[j] <= least;
        for (int k = 0; k < f->n_threshold && !dry; k++)
            p[k] = prob[(size_t)k * cells + (size_t)j];
        for (int k = 0; k < f->n_percentile; k++)
            ret->rate[(size_t)k * cells + at + (size_t)j] = dry ? 0 : sq_distribution_quantile(&d, p, f->percentile[k] / 100);
    }
}

static void put_row(const struct sq_nowcast *n, const struct carry_block *b, const struct row *r, const int *edge, float *to)
{
    const size_t cells = sq_grid_cells(&n->f->grid);
    for (int k = 0; k < n->f->n_threshold; k++, to += cells)
        if (b->source.h == 0)
            for (int j = 0; j < b->w; j++)
                to[j] = NAN;
        else if (edge[k] >= 0)
            memcpy(to, r->p[edge[k]], (size_t)b->w * sizeof *to);
        else
            put_between(n, r, n->f->threshold_mmh[k], b->w, to);
}

/* Row by row, while it is at hand. */
static void block_out(const struct sq_nowcast *n, const struct carry_block *b, struct row *r, struct sq_lead *ret)
{
    const struct sq_distribution d = {n->f->n_threshold, n->f->threshold_mmh, SQ_TAIL_MMH};
    int edge[SQ_THRESHOLD_MAX];
    float weight[SQ_THRESHOLD_MAX];
    match_edges(n, edge);
    sq_distribution_mean_weights(&d, weight);
    for (int i = 0; i < b->h; i++) {
        const size_t at = (size_t)(b->row + i) * (size_t)n->f->grid.nx + (size_t)b->col;
        if (b->source.h > 0)
            block_row(n, b, i, r);
        put_row(n, b, r, edge, ret->prob + at);
        summarise(n->f, weight, at, b->w, ret);
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
        struct row r = {0};
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
            b.grows = b.source.h > 0 && sq_growth_put(&n->growth, lead_s, &here, b.growth);
            block_out(n, &b, &r, ret);
        }
        block_finish(&b);
        if (mine)
#pragma omp critical
            s = mine;
    }
    return s ? sq_fail(e, s, "out of memory for a lead of the forecast") : SQ_OK;
}
