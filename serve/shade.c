#include "shade.h"

#include "core/hot.h"

#include <math.h>
#include <string.h>

enum { LEAST = -1, MOST = -2, FEW = 16 }; /* instead of a cell: the bounds of its block; edges that are counted one by one */

/* ---- what is to be shown ------------------------------------------------------------------------------- */

/* As sq_distribution_exceed, on codes. */
static struct sq_blend blend_at(const struct sq_distribution *d, float t)
{
    int last = d->n - 1, k = 1;
    if (t <= d->edge[0])
        return (struct sq_blend){0, 0, 0, 1};
    if (t >= d->edge[last])
        return (struct sq_blend){last, last, 0, expf(-(t - d->edge[last]) / d->tail_mmh)};
    while (d->edge[k] < t)
        k++;
    return (struct sq_blend){k - 1, k, logf(t / d->edge[k - 1]) / logf(d->edge[k] / d->edge[k - 1]), 1};
}

/* The smallest code of a rate that is not below `edge`. */
static float rate_edge(float edge)
{
    uint16_t code = sq_rate_code(edge);
    return (float)(code + (sq_rate_of_code(code) < edge));
}

static const struct sq_volume *volume_of(const struct sq_tile_view *v)
{
    if (v->frame)
        return &v->frame->rate;
    if (v->layer.kind == SQ_LAYER_WITHIN)
        for (int w = 0; w < SQ_WINDOWS; w++)
            if (sq_window_min[w] == v->layer.window_min)
                return &v->run->window[w];
    return &v->run->lead[v->lead];
}

enum sq_status sq_shade_init(struct sq_shade *s, const struct sq_tile_view *v, struct sq_err *e)
{
    const struct sq_classes *c = v->classes;
    *s = (struct sq_shade){.view = v, .volume = volume_of(v)};
    if (v->run)
        s->distribution = (struct sq_distribution){v->run->f.n_threshold, v->run->f.threshold_mmh, SQ_TAIL_MMH};
    for (int k = 0; k < c->n; k++)
        s->edge[k] = v->layer.kind == SQ_LAYER_OBSERVED ? rate_edge(c->edge[k]) : c->edge[k] * SQ_CODE_ONE;
    if (sq_layer_quantity(&v->layer) == SQ_PROBABILITY)
        s->blend[0] = blend_at(&s->distribution, v->layer.threshold_mmh);
    if (v->layer.kind == SQ_LAYER_NEAR)
        return sq_near_init(&s->near, s->volume, v->run->f.cell_m, (double)v->layer.km, e);
    for (int k = 0; k < c->n && v->layer.kind == SQ_LAYER_PERCENTILE; k++)
        s->blend[k] = blend_at(&s->distribution, c->edge[k]);
    if (v->layer.kind == SQ_LAYER_PERCENTILE)
        s->edge[0] = (1 - v->layer.percentile / 100) * SQ_CODE_ONE;
    return SQ_OK;
}

void sq_shade_finish(struct sq_shade *s)
{
    sq_near_finish(&s->near);
}

/* ---- one cell, or the bounds of a block ------------------------------------------------------------------ */

static float code_at(const struct sq_block *b, int k, int cell)
{
    if (k >= b->n)
        return 0;
    return cell == LEAST ? b->plane[k].least : cell == MOST ? b->plane[k].most : sq_block_code(b, k, cell);
}

static float blended(const struct sq_block *b, struct sq_blend t, int cell)
{
    float low = code_at(b, t.a, cell), high = t.b == t.a ? low : code_at(b, t.b, cell);
    return (low + t.w * (high - low)) * t.tail;
}

/* How many edges a value reaches. */
static int reached(const struct sq_shade *s, float value)
{
    int lo = 0, hi = s->view->classes->n; /* edge[lo - 1] <= value < edge[hi] */
    while (lo < hi) {
        int k = lo ? (lo + hi) / 2 : 0; /* most cells are below the first */
        if (value >= s->edge[k])
            lo = k + 1;
        else
            hi = k;
    }
    return lo;
}

/* The rate whose exceedance is `above` is compared with the edges by their exceedances, without computing it. Where one of
 * them is met exactly, the distribution decides. */
static int percentile_reaches(const struct sq_shade *s, const struct sq_block *b, int cell)
{
    float above = s->edge[0], p[SQ_DISTRIBUTION_MAX];
    const struct sq_classes *c = s->view->classes;
    int lo = 0, hi = c->n;
    while (lo < hi) {
        int k = lo ? (lo + hi) / 2 : 0;
        float at = blended(b, s->blend[k], cell);
        if (at == above)
            goto exactly;
        if (at > above)
            lo = k + 1;
        else
            hi = k;
    }
    return lo;
exactly:
    for (int k = 0; k < s->distribution.n; k++)
        p[k] = code_at(b, k, cell) / SQ_CODE_ONE;
    float rate = sq_distribution_quantile(&s->distribution, p, s->view->layer.percentile / 100);
    for (lo = 0; lo < c->n && rate >= c->edge[lo]; lo++)
        ;
    return lo;
}

/* Edges that a known cell of the block reaches, or that every (LEAST) or any (MOST) may: all layers rise with every code. */
static int edges_at(const struct sq_shade *s, const struct sq_block *b, int cell)
{
    float sum = 0;
    switch (s->view->layer.kind) {
    case SQ_LAYER_PERCENTILE: return percentile_reaches(s, b, cell);
    case SQ_LAYER_OBSERVED: return reached(s, code_at(b, 0, cell));
    case SQ_LAYER_MEAN:
        for (int k = 0; k < b->n; k++)
            sum += s->view->run->mean_weight[k] * code_at(b, k, cell);
        return reached(s, sum);
    default: return reached(s, blended(b, s->blend[0], cell));
    }
}

/* ---- blocks ------------------------------------------------------------------------------------------ */

static int index_of(int edges)
{
    return edges ? SQ_INDEX_FIRST + edges - 1 : SQ_INDEX_DRY;
}

static int floor_block(int cell)
{
    return cell < 0 ? 0 : cell / SQ_BLOCK;
}

/* What cells between bounds have in common: a mean lies between the bounds of all that it is taken of. */
static int near_uniform(const struct sq_shade *s, int i, int j)
{
    const struct sq_volume *v = s->volume;
    int top = floor_block(i * SQ_BLOCK - s->near.reach_y), left = floor_block(j * SQ_BLOCK - s->near.reach_x);
    int bottom = (i + 1) * SQ_BLOCK - 1 + s->near.reach_y, right = (j + 1) * SQ_BLOCK - 1 + s->near.reach_x;
    int lo = SQ_EDGES_MAX, hi = 0;
    for (int y = top; y < v->down && y <= bottom / SQ_BLOCK; y++)
        for (int x = left; x < v->across && x <= right / SQ_BLOCK; x++) {
            const struct sq_block *b = v->block[y * v->across + x];
            int least = b ? edges_at(s, b, LEAST) : lo, most = b ? edges_at(s, b, MOST) : hi;
            lo = least < lo ? least : lo;
            hi = most > hi ? most : hi;
            if (lo < hi)
                return -1;
        }
    return index_of(lo);
}

int sq_shade_uniform(const struct sq_shade *s, int i, int j)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    enum sq_layer_kind kind = s->view->layer.kind;
    if (kind == SQ_LAYER_QUALITY)
        return -1;
    if (!b)
        return SQ_INDEX_NONE;
    if (b->partly)
        return -1;
    if (kind == SQ_LAYER_COVERAGE)
        return SQ_INDEX_DRY;
    if (kind == SQ_LAYER_NEAR)
        return near_uniform(s, i, j);
    int least = edges_at(s, b, LEAST);
    return least == edges_at(s, b, MOST) ? index_of(least) : -1;
}

/* n cells; `least` and `most` are the edges that all of them and that any of them reaches. */
SQ_HOT static void count_edges(int n, const float *restrict value, int least, int most, const float *restrict edge,
                               uint8_t *restrict index)
{
    for (int i = 0; i < n; i++)
        index[i] = (uint8_t)(least ? SQ_INDEX_FIRST + least - 1 : SQ_INDEX_DRY);
    for (int k = least; k < most; k++) {
        uint8_t more = k ? 1 : SQ_INDEX_FIRST;
        for (int i = 0; i < n; i++)
            index[i] = (uint8_t)(index[i] + (value[i] >= edge[k] ? more : 0));
    }
}

/* Codes of n cells of one level as numbers; 0 above the levels kept. */
static void level_values(const struct sq_block *b, int k, int first, int n, float *ret)
{
    uint16_t code[SQ_BLOCK_CELLS] = {0};
    if (k < b->n)
        sq_block_codes(b, k, first, n, code);
    for (int i = 0; i < n; i++)
        ret[i] = code[i];
}

SQ_HOT static void mix_values(int n, float w, const float *restrict high, float *restrict value)
{
    for (int i = 0; i < n; i++)
        value[i] += w * (high[i] - value[i]);
}

static void blended_values(const struct sq_block *b, struct sq_blend t, int first, int n, float *ret)
{
    float high[SQ_BLOCK_CELLS];
    level_values(b, t.a, first, n, ret);
    if (t.b != t.a) { /* and the tail is 1 */
        level_values(b, t.b, first, n, high);
        mix_values(n, t.w, high, ret);
        return;
    }
    for (int i = 0; i < n; i++)
        ret[i] *= t.tail;
}

static void mean_values(const struct sq_block *b, const float *weight, int first, int n, float *ret)
{
    float level[SQ_BLOCK_CELLS];
    for (int i = 0; i < n; i++)
        ret[i] = 0;
    for (int k = 0; k < b->n; k++) {
        level_values(b, k, first, n, level);
        for (int i = 0; i < n; i++)
            ret[i] += weight[k] * level[i];
    }
}

/* For sq_near_block. */
static void near_codes(const void *arg, const struct sq_block *b, int first, int n, float *ret)
{
    uint16_t code[SQ_BLOCK_CELLS];
    blended_values(b, *(const struct sq_blend *)arg, first, n, ret);
    if (!b->partly)
        return;
    sq_block_codes(b, 0, first, n, code);
    for (int i = 0; i < n; i++)
        ret[i] = code[i] == SQ_CODE_NONE ? NAN : ret[i];
}

/* Few classes at the percentile's edges: those whose exceedance is above what is asked for are counted. */
static void percentile_cells(const struct sq_shade *s, const struct sq_block *b, int least, int most, int first, int n,
                             uint8_t *index)
{
    float value[SQ_BLOCK_CELLS], above = s->edge[0];
    bool exactly[SQ_BLOCK_CELLS] = {0};
    for (int i = 0; i < n; i++)
        index[i] = (uint8_t)least;
    for (int k = least; k < most; k++) {
        blended_values(b, s->blend[k], first, n, value);
        for (int i = 0; i < n; i++) {
            index[i] = (uint8_t)(index[i] + (value[i] > above));
            exactly[i] |= value[i] == above;
        }
    }
    for (int i = 0; i < n; i++)
        index[i] = (uint8_t)index_of(exactly[i] ? percentile_reaches(s, b, first + i) : index[i]);
}

/* Values that are compared with the edges. */
static void cell_values(struct sq_shade *s, int i, int j, int first, int n, float *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    switch (s->view->layer.kind) {
    case SQ_LAYER_NEAR: sq_near_block(&s->near, s->volume, i, j, near_codes, &s->blend[0], ret); break;
    case SQ_LAYER_MEAN: mean_values(b, s->view->run->mean_weight, first, n, ret); break;
    case SQ_LAYER_OBSERVED: level_values(b, 0, first, n, ret); break;
    default: blended_values(b, s->blend[0], first, n, ret);
    }
}

static void known_cells(struct sq_shade *s, int i, int j, int first, int n, uint8_t *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    enum sq_layer_kind kind = s->view->layer.kind;
    float value[SQ_BLOCK_CELLS];
    bool wide = kind == SQ_LAYER_NEAR; /* what is round the block counts, too */
    int least = wide ? 0 : edges_at(s, b, LEAST), most = wide ? s->view->classes->n : edges_at(s, b, MOST);
    if (kind == SQ_LAYER_PERCENTILE && most - least <= FEW) {
        percentile_cells(s, b, least, most, first, n, ret);
    } else if (kind == SQ_LAYER_PERCENTILE) {
        for (int c = 0; c < n; c++)
            ret[c] = (uint8_t)index_of(percentile_reaches(s, b, first + c));
    } else {
        cell_values(s, i, j, first, n, value);
        if (most - least <= FEW)
            count_edges(n, value, least, most, s->edge, ret);
        for (int c = 0; c < n && most - least > FEW; c++)
            ret[c] = (uint8_t)index_of(reached(s, value[c]));
    }
}

static void quality_rows(const struct sq_shade *s, int i, int j, int first, int n, uint8_t *ret)
{
    /* no coverage, missing, seen, rejected */
    static const uint8_t of[4] = {SQ_INDEX_NONE, SQ_INDEX_FIRST, SQ_INDEX_DRY, SQ_INDEX_FIRST + 1};
    const struct sq_grid *g = &s->view->run->f.grid;
    int rows = g->ny - i * SQ_BLOCK - first, cols = g->nx - j * SQ_BLOCK;
    for (int y = 0; y < n && y < rows; y++) {
        size_t at = (size_t)(i * SQ_BLOCK + first + y) * (size_t)g->nx + (size_t)(j * SQ_BLOCK);
        const uint8_t *from = s->view->run->f.quality + at;
        for (int x = 0; x < SQ_BLOCK && x < cols; x++)
            ret[y * SQ_BLOCK + x] = of[from[x]];
    }
}

void sq_shade_rows(struct sq_shade *s, int i, int j, int first, int n, uint8_t *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    uint16_t code[SQ_BLOCK_CELLS];
    if (s->view->layer.kind == SQ_LAYER_QUALITY)
        quality_rows(s, i, j, first, n, ret);
    else if (!b || s->view->layer.kind == SQ_LAYER_COVERAGE)
        memset(ret, b ? SQ_INDEX_DRY : SQ_INDEX_NONE, (size_t)n * SQ_BLOCK);
    else
        known_cells(s, i, j, first * SQ_BLOCK, n * SQ_BLOCK, ret);
    if (!b || !b->partly || s->view->layer.kind == SQ_LAYER_QUALITY)
        return;
    sq_block_codes(b, 0, first * SQ_BLOCK, n * SQ_BLOCK, code);
    for (int c = 0; c < n * SQ_BLOCK; c++)
        ret[c] = code[c] == SQ_CODE_NONE ? SQ_INDEX_NONE : ret[c];
}
