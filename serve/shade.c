#include "shade.h"

#include "core/hot.h"

#include <math.h>
#include <string.h>

enum { CELLS = SQ_BLOCK_CELLS };
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
    float sum = 0, at;
    switch (s->view->layer.kind) {
    case SQ_LAYER_PERCENTILE: return percentile_reaches(s, b, cell);
    case SQ_LAYER_OBSERVED: return reached(s, code_at(b, 0, cell));
    case SQ_LAYER_MEAN:
        for (int k = 0; k < b->n && (at = code_at(b, k, cell)) > 0; k++) /* and 0 above */
            sum += s->view->run->mean_weight[k] * at;
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

static uint8_t quality_at(const struct sq_shade *s, int i, int j, int cell)
{
    /* no coverage, missing, seen, rejected */
    static const uint8_t of[4] = {SQ_INDEX_NONE, SQ_INDEX_FIRST, SQ_INDEX_DRY, SQ_INDEX_FIRST + 1};
    int row = i * SQ_BLOCK + cell / SQ_BLOCK, col = j * SQ_BLOCK + cell % SQ_BLOCK;
    return of[s->view->run->f.quality[(size_t)row * (size_t)s->view->run->f.grid.nx + (size_t)col]];
}

int sq_shade_cell(const struct sq_shade *s, int i, int j, int cell)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    if (s->view->layer.kind == SQ_LAYER_QUALITY)
        return quality_at(s, i, j, cell);
    if (!b || (b->partly && sq_block_code(b, 0, cell) == SQ_CODE_NONE))
        return SQ_INDEX_NONE;
    return s->view->layer.kind == SQ_LAYER_COVERAGE ? SQ_INDEX_DRY : index_of(edges_at(s, b, cell));
}

/* `least` and `most` are the edges that all cells and that any of them reaches. */
SQ_HOT static void count_edges(const float *restrict value, int least, int most, const float *restrict edge,
                               uint8_t *restrict index)
{
    for (int i = 0; i < CELLS; i++)
        index[i] = (uint8_t)(least ? SQ_INDEX_FIRST + least - 1 : SQ_INDEX_DRY);
    for (int k = least; k < most; k++) {
        uint8_t more = k ? 1 : SQ_INDEX_FIRST;
        for (int i = 0; i < CELLS; i++)
            index[i] = (uint8_t)(index[i] + (value[i] >= edge[k] ? more : 0));
    }
}

/* Codes of one level as numbers; 0 above the levels kept. */
static void level_values(const struct sq_block *b, int k, float *ret)
{
    uint16_t code[CELLS] = {0};
    if (k < b->n)
        sq_block_codes(b, k, code);
    for (int i = 0; i < CELLS; i++)
        ret[i] = code[i];
}

SQ_HOT static void mix_values(float w, const float *restrict high, float *restrict value)
{
    for (int i = 0; i < CELLS; i++)
        value[i] += w * (high[i] - value[i]);
}

static void blended_values(const struct sq_block *b, struct sq_blend t, float *ret)
{
    float high[CELLS];
    level_values(b, t.a, ret);
    if (t.b != t.a) { /* and the tail is 1 */
        level_values(b, t.b, high);
        mix_values(t.w, high, ret);
        return;
    }
    for (int i = 0; i < CELLS; i++)
        ret[i] *= t.tail;
}

static void mean_values(const struct sq_block *b, const float *weight, float *ret)
{
    float level[CELLS];
    for (int i = 0; i < CELLS; i++)
        ret[i] = 0;
    for (int k = 0; k < b->n; k++) {
        level_values(b, k, level);
        for (int i = 0; i < CELLS; i++)
            ret[i] += weight[k] * level[i];
    }
}

/* For sq_near_block. */
static void near_codes(const void *arg, const struct sq_block *b, float *ret)
{
    uint16_t code[CELLS];
    blended_values(b, *(const struct sq_blend *)arg, ret);
    if (!b->partly)
        return;
    sq_block_codes(b, 0, code);
    for (int i = 0; i < CELLS; i++)
        ret[i] = code[i] == SQ_CODE_NONE ? NAN : ret[i];
}

/* Few classes at the percentile's edges: those whose exceedance is above what is asked for are counted. */
static void percentile_cells(const struct sq_shade *s, const struct sq_block *b, int least, int most, uint8_t *index)
{
    float value[CELLS], above = s->edge[0];
    bool exactly[CELLS] = {0};
    for (int i = 0; i < CELLS; i++)
        index[i] = (uint8_t)least;
    for (int k = least; k < most; k++) {
        blended_values(b, s->blend[k], value);
        for (int i = 0; i < CELLS; i++) {
            index[i] = (uint8_t)(index[i] + (value[i] > above));
            exactly[i] |= value[i] == above;
        }
    }
    for (int i = 0; i < CELLS; i++)
        index[i] = (uint8_t)index_of(exactly[i] ? percentile_reaches(s, b, i) : index[i]);
}

/* Values that are compared with the edges. */
static void cell_values(struct sq_shade *s, int i, int j, float *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    switch (s->view->layer.kind) {
    case SQ_LAYER_NEAR: sq_near_block(&s->near, s->volume, i, j, near_codes, &s->blend[0], ret); break;
    case SQ_LAYER_MEAN: mean_values(b, s->view->run->mean_weight, ret); break;
    case SQ_LAYER_OBSERVED: level_values(b, 0, ret); break;
    default: blended_values(b, s->blend[0], ret);
    }
}

static void known_cells(struct sq_shade *s, int i, int j, uint8_t *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    enum sq_layer_kind kind = s->view->layer.kind;
    float value[CELLS];
    bool wide = kind == SQ_LAYER_NEAR; /* what is round the block counts, too */
    int least = wide ? 0 : edges_at(s, b, LEAST), most = wide ? s->view->classes->n : edges_at(s, b, MOST);
    if (kind == SQ_LAYER_PERCENTILE && most - least <= FEW) {
        percentile_cells(s, b, least, most, ret);
    } else if (kind == SQ_LAYER_PERCENTILE) {
        for (int c = 0; c < CELLS; c++)
            ret[c] = (uint8_t)index_of(percentile_reaches(s, b, c));
    } else {
        cell_values(s, i, j, value);
        if (most - least <= FEW)
            count_edges(value, least, most, s->edge, ret);
        for (int c = 0; c < CELLS && most - least > FEW; c++)
            ret[c] = (uint8_t)index_of(reached(s, value[c]));
    }
}

static void quality_cells(const struct sq_shade *s, int i, int j, uint8_t *ret)
{
    const struct sq_grid *g = &s->view->run->f.grid;
    for (int c = 0; c < CELLS; c++)
        if (i * SQ_BLOCK + c / SQ_BLOCK < g->ny && j * SQ_BLOCK + c % SQ_BLOCK < g->nx)
            ret[c] = quality_at(s, i, j, c);
}

void sq_shade_block(struct sq_shade *s, int i, int j, uint8_t *ret)
{
    const struct sq_block *b = s->volume->block[i * s->volume->across + j];
    uint16_t code[CELLS];
    if (s->view->layer.kind == SQ_LAYER_QUALITY) {
        quality_cells(s, i, j, ret);
        return;
    }
    if (!b || s->view->layer.kind == SQ_LAYER_COVERAGE)
        memset(ret, b ? SQ_INDEX_DRY : SQ_INDEX_NONE, CELLS);
    else
        known_cells(s, i, j, ret);
    if (!b || !b->partly)
        return;
    sq_block_codes(b, 0, code);
    for (int c = 0; c < CELLS; c++)
        ret[c] = code[c] == SQ_CODE_NONE ? SQ_INDEX_NONE : ret[c];
}
