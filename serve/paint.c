#include "near.h"
#include "paint.h"
#include "png_index.h"

#include "core/hot.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* P(rate >= t) from the codes of a cell: (c[a] + w * (c[b] - c[a])) * tail. */
struct blend {
    int a, b;
    float w, tail;
};

struct sq_brush {
    struct sq_warp *warp;
    struct sq_png_encoder *png;
    int row[SQ_TILE_SIDE], col[SQ_TILE_SIDE];
    float value[SQ_TILE_SIDE];
    uint8_t index[SQ_TILE_SIDE * SQ_TILE_SIDE];
    /* of the view at hand */
    const struct sq_volume *volume;
    struct sq_distribution distribution;
    struct blend blend[SQ_EDGES_MAX];
    struct sq_near near;
    float edge[SQ_EDGES_MAX]; /* in units of the values that are compared with them */
};

enum sq_status sq_brush_create(struct sq_brush **ret, struct sq_err *e)
{
    struct sq_brush *b = calloc(1, sizeof *b);
    if (!b)
        return sq_fail(e, SQ_FAILED, "out of memory for a map tile");
    enum sq_status status = sq_warp_create(&b->warp, e);
    if (!status)
        status = sq_png_encoder_create(&b->png, e);
    if (status)
        sq_brush_destroy(&b);
    else
        *ret = b;
    return status;
}

void sq_brush_destroy(struct sq_brush **b)
{
    if (!*b)
        return;
    sq_warp_destroy(&(*b)->warp);
    sq_png_encoder_destroy(&(*b)->png);
    free(*b);
    *b = NULL;
}

enum sq_status sq_brush_locate(struct sq_brush *b, const struct sq_grid *g, const double lonlat[2], int *ret_row,
                               int *ret_col, struct sq_err *e)
{
    return sq_warp_locate(b->warp, g, lonlat, ret_row, ret_col, e);
}

/* ---- what can be painted ------------------------------------------------------------------------------- */

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

enum sq_status sq_tile_view_check(const struct sq_run *r, const struct sq_layer *l, struct sq_err *e)
{
    const struct sq_forecast *f = &r->f;
    float least = f->threshold_mmh[0], most = f->threshold_mmh[f->n_threshold - 1];
    bool window = false;
    if (sq_layer_quantity(l) == SQ_PROBABILITY && !(l->threshold_mmh >= least && l->threshold_mmh <= most))
        return sq_fail(e, SQ_FAILED, "threshold %g is outside of the forecast's, %g to %g mm/h", (double)l->threshold_mmh,
                       (double)least, (double)most);
    for (int w = 0; w < SQ_WINDOWS; w++)
        window |= sq_window_min[w] == l->window_min && r->window[w].n_level > 0;
    if (l->kind == SQ_LAYER_WITHIN && !window)
        return sq_fail(e, SQ_FAILED, "no window of %d min: there are 30 and 60, where the forecast reaches so far",
                       l->window_min);
    if (l->kind == SQ_LAYER_QUALITY && !f->quality)
        return sq_fail(e, SQ_FAILED, "the forecast does not say how well radar saw");
    return SQ_OK;
}

/* ---- values ------------------------------------------------------------------------------------------ */

/* As sq_distribution_exceed, on codes. */
static struct blend blend_at(const struct sq_distribution *d, float t)
{
    int last = d->n - 1, k = 1;
    if (t <= d->edge[0])
        return (struct blend){0, 0, 0, 1};
    if (t >= d->edge[last])
        return (struct blend){last, last, 0, expf(-(t - d->edge[last]) / d->tail_mmh)};
    while (d->edge[k] < t)
        k++;
    return (struct blend){k - 1, k, logf(t / d->edge[k - 1]) / logf(d->edge[k] / d->edge[k - 1]), 1};
}

static inline float blended(const uint16_t *code, int n, struct blend b)
{
    float low = b.a < n ? (float)code[b.a] : 0, high = b.b < n ? (float)code[b.b] : 0;
    return (low + b.w * (high - low)) * b.tail;
}

/* Class indices of n values: 0 below the first edge, 1 where NaN. Few edges are counted, many are searched. */
SQ_HOT static void count_edges(int n, const float *restrict value, int n_edge, const float *restrict edge,
                               uint8_t *restrict index)
{
    for (int i = 0; i < n; i++)
        index[i] = isnan(value[i]) ? SQ_INDEX_NONE : 0;
    for (int k = 0; k < n_edge; k++) {
        uint8_t more = k ? 1 : SQ_INDEX_FIRST;
        for (int i = 0; i < n; i++)
            index[i] = (uint8_t)(index[i] + (value[i] >= edge[k] ? more : 0));
    }
}

static void search_edges(int n, const float *value, int n_edge, const float *edge, uint8_t *index)
{
    for (int i = 0; i < n; i++) {
        int lo = 0, hi = n_edge; /* edge[lo - 1] <= value < edge[hi] */
        while (lo < hi) {
            int k = (lo + hi) / 2;
            if (value[i] >= edge[k])
                lo = k + 1;
            else
                hi = k;
        }
        index[i] = (uint8_t)(isnan(value[i]) ? SQ_INDEX_NONE : lo ? SQ_INDEX_FIRST + lo - 1 : SQ_INDEX_DRY);
    }
}

static void classify(struct sq_brush *b, int n, int n_edge, uint8_t *index)
{
    if (n_edge <= SQ_CLASS_MAX)
        count_edges(n, b->value, n_edge, b->edge, index);
    else
        search_edges(n, b->value, n_edge, b->edge, index);
}

/* ---- rows: from cells to indices ------------------------------------------------------------------------ */

/* Calls the block for the pixels i whose cell is on the grid and is not that of the pixel before, with its codes. */
#define EACH_CELL(b, n, on_none, on_same)                                                                            \
    for (int i = 0, n_code = 0; i < (n); i++)                                                                        \
        if ((b)->row[i] < 0)                                                                                         \
            on_none;                                                                                                 \
        else if (i && (b)->row[i] == (b)->row[i - 1] && (b)->col[i] == (b)->col[i - 1])                              \
            on_same;                                                                                                 \
        else

static void probability_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    const struct blend blend = b->blend[0];
    EACH_CELL (b, n, b->value[i] = NAN, b->value[i] = b->value[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        b->value[i] = n_code && code[0] == SQ_CODE_NONE ? NAN : blended(code, n_code, blend);
    }
    classify(b, n, v->classes->n, index);
}

static float near_code(const void *arg, const uint16_t *code, int n_code)
{
    const struct blend *b = arg;
    return n_code && code[0] == SQ_CODE_NONE ? NAN : blended(code, n_code, *b);
}

static void near_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    EACH_CELL (b, n, b->value[i] = NAN, b->value[i] = b->value[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        b->value[i] = n_code && code[0] == SQ_CODE_NONE ? NAN : sq_near_mean(&b->near, b->row[i], b->col[i]);
    }
    classify(b, n, v->classes->n, index);
}

static void mean_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    const float *weight = v->run->mean_weight;
    EACH_CELL (b, n, b->value[i] = NAN, b->value[i] = b->value[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        float sum = 0;
        for (int k = 0; k < n_code; k++)
            sum += weight[k] * (float)code[k];
        b->value[i] = n_code && code[0] == SQ_CODE_NONE ? NAN : sum;
    }
    classify(b, n, v->classes->n, index);
}

/* The rate whose exceedance is `above` is compared with the edges by their exceedances, without computing it. Where
 * one of them is met exactly, the distribution decides. */
static int percentile_class(const struct sq_brush *b, const struct sq_tile_view *v, const uint16_t *code, int n_code)
{
    float above = b->edge[0], p[SQ_DISTRIBUTION_MAX];
    int lo = 0, hi = v->classes->n;
    while (lo < hi) {
        int k = lo ? (lo + hi) / 2 : 0; /* most cells are below the first */
        float at = blended(code, n_code, b->blend[k]);
        if (at == above)
            goto exactly;
        if (at > above)
            lo = k + 1;
        else
            hi = k;
    }
    return lo;
exactly:
    for (int k = 0; k < b->distribution.n; k++)
        p[k] = k < n_code ? (float)code[k] / SQ_CODE_ONE : 0;
    float rate = sq_distribution_quantile(&b->distribution, p, v->layer.percentile / 100);
    for (lo = 0; lo < v->classes->n && rate >= v->classes->edge[lo]; lo++)
        ;
    return lo;
}

static void percentile_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    EACH_CELL (b, n, index[i] = SQ_INDEX_NONE, index[i] = index[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        int classes = n_code && code[0] != SQ_CODE_NONE ? percentile_class(b, v, code, n_code) : 0;
        index[i] = (uint8_t)(n_code && code[0] == SQ_CODE_NONE ? SQ_INDEX_NONE
                             : classes                         ? SQ_INDEX_FIRST + classes - 1
                                                               : SQ_INDEX_DRY);
    }
}

static void observed_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    EACH_CELL (b, n, b->value[i] = NAN, b->value[i] = b->value[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        b->value[i] = !n_code ? 0 : code[0] == SQ_CODE_NONE ? NAN : (float)code[0];
    }
    classify(b, n, v->classes->n, index);
}

static void coverage_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    (void)v;
    EACH_CELL (b, n, index[i] = SQ_INDEX_NONE, index[i] = index[i - 1]) {
        const uint16_t *code = sq_volume_cell(b->volume, b->row[i], b->col[i], &n_code);
        index[i] = n_code && code[0] == SQ_CODE_NONE ? SQ_INDEX_NONE : SQ_INDEX_DRY;
    }
}

static void quality_row(struct sq_brush *b, const struct sq_tile_view *v, int n, uint8_t *index)
{
    /* no coverage, missing, seen, rejected */
    static const uint8_t of[4] = {SQ_INDEX_NONE, SQ_INDEX_FIRST, SQ_INDEX_DRY, SQ_INDEX_FIRST + 1};
    size_t nx = (size_t)v->run->f.grid.nx;
    for (int i = 0; i < n; i++)
        index[i] = b->row[i] < 0 ? SQ_INDEX_NONE : of[v->run->f.quality[(size_t)b->row[i] * nx + (size_t)b->col[i]]];
}

/* ---- tiles ------------------------------------------------------------------------------------------- */

/* The smallest code of a rate that is not below `edge`. */
static float rate_edge(float edge)
{
    uint16_t code = sq_rate_code(edge);
    return (float)(code + (sq_rate_of_code(code) < edge));
}

/* The rows and columns that the tile shows. */
static void find_box(struct sq_brush *b, int side, int box[4])
{
    box[0] = box[1] = SQ_GRID_MAX;
    box[2] = box[3] = 0;
    for (int y = 0; y < side; y++) {
        sq_warp_row(b->warp, y, b->row, b->col);
        for (int x = 0; x < side; x++)
            if (b->row[x] >= 0) {
                box[0] = b->row[x] < box[0] ? b->row[x] : box[0];
                box[1] = b->col[x] < box[1] ? b->col[x] : box[1];
                box[2] = b->row[x] > box[2] ? b->row[x] : box[2];
                box[3] = b->col[x] > box[3] ? b->col[x] : box[3];
            }
    }
}

static enum sq_status prepare_near(struct sq_brush *b, const struct sq_tile_view *v, bool *on_grid, struct sq_err *e)
{
    int box[4];
    find_box(b, v->tile.side, box);
    *on_grid = box[0] <= box[2];
    return *on_grid ? sq_near_init(&b->near, b->volume, box, v->run->f.cell_m, (double)v->layer.km, near_code, &b->blend[0], e)
                    : SQ_OK;
}

static void prepare(struct sq_brush *b, const struct sq_tile_view *v)
{
    const struct sq_classes *c = v->classes;
    b->volume = volume_of(v);
    if (v->run)
        b->distribution = (struct sq_distribution){v->run->f.n_threshold, v->run->f.threshold_mmh, SQ_TAIL_MMH};
    for (int k = 0; k < c->n; k++)
        b->edge[k] = v->layer.kind == SQ_LAYER_OBSERVED ? rate_edge(c->edge[k]) : c->edge[k] * SQ_CODE_ONE;
    if (sq_layer_quantity(&v->layer) == SQ_PROBABILITY)
        b->blend[0] = blend_at(&b->distribution, v->layer.threshold_mmh);
    if (v->layer.kind != SQ_LAYER_PERCENTILE)
        return;
    for (int k = 0; k < c->n; k++)
        b->blend[k] = blend_at(&b->distribution, c->edge[k]);
    b->edge[0] = (1 - v->layer.percentile / 100) * SQ_CODE_ONE;
}

/* Every eighth diagonal of what nobody sees; 8 divides the side of a tile, so that tiles join. */
static void hatch(const struct sq_tile_view *v, int y, int side, uint8_t *index)
{
    int pitch = v->wide ? 8 : side / 32;
    for (int x = (pitch - y % pitch) % pitch; x < side; x += pitch)
        if (index[x] == SQ_INDEX_NONE)
            index[x] = (uint8_t)(SQ_INDEX_FIRST + v->classes->n);
}

enum sq_status sq_paint_index(struct sq_brush *b, const struct sq_tile_view *v, const uint8_t **ret, struct sq_err *e)
{
    static void (*const paint_row[SQ_LAYER_KINDS])(struct sq_brush *, const struct sq_tile_view *, int, uint8_t *) = {
        [SQ_LAYER_PROB] = probability_row,     [SQ_LAYER_WITHIN] = probability_row, [SQ_LAYER_NEAR] = near_row,
        [SQ_LAYER_PERCENTILE] = percentile_row, [SQ_LAYER_MEAN] = mean_row,         [SQ_LAYER_OBSERVED] = observed_row,
        [SQ_LAYER_COVERAGE] = coverage_row,    [SQ_LAYER_QUALITY] = quality_row};
    const struct sq_grid *g = v->frame ? &v->frame->grid : &v->run->f.grid;
    int side = v->tile.side;
    bool on_grid = false, hatched = !v->bare && !v->classes->value;
    enum sq_status status = sq_warp_begin(b->warp, g, v->frame ? v->frame->box : v->run->box, &v->tile, &on_grid, e);
    if (status)
        return status;
    if (on_grid)
        prepare(b, v);
    if (on_grid && v->layer.kind == SQ_LAYER_NEAR && (status = prepare_near(b, v, &on_grid, e)))
        return status;
    for (int y = 0; y < side; y++) {
        uint8_t *index = b->index + (size_t)y * (size_t)side;
        if (on_grid) {
            sq_warp_row(b->warp, y, b->row, b->col);
            paint_row[v->layer.kind](b, v, side, index);
        } else {
            memset(index, SQ_INDEX_NONE, (size_t)side);
        }
        if (hatched)
            hatch(v, y, side, index);
    }
    sq_near_finish(&b->near);
    *ret = b->index;
    return SQ_OK;
}

/* A map, piece by piece; caller frees *ret. */
static enum sq_status paint_map(struct sq_brush *b, const struct sq_tile_view *v, uint8_t **ret, struct sq_err *e)
{
    struct sq_tile_view piece = *v;
    int side = v->tile.side;
    const uint8_t *index = NULL;
    enum sq_status status = SQ_OK;
    if (!(*ret = malloc((size_t)v->wide * (size_t)v->high)))
        return sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d", v->wide, v->high);
    for (int y = 0; y < v->high && !status; y += side)
        for (int x = 0; x < v->wide && !status; x += side) {
            size_t n = (size_t)(v->wide - x < side ? v->wide - x : side);
            piece.tile.x = v->tile.x + x * v->tile.dx;
            piece.tile.y = v->tile.y + y * v->tile.dy;
            status = sq_paint_index(b, &piece, &index, e);
            for (int i = 0; i < side && y + i < v->high && !status; i++)
                memcpy(*ret + (size_t)(y + i) * (size_t)v->wide + x, index + (size_t)i * (size_t)side, n);
        }
    return status;
}

/* Colours of the indices, on what lies below them. */
static void mix_colours(const struct sq_tile_view *v, uint32_t rgba[256])
{
    memcpy(rgba, v->classes->rgba, sizeof v->classes->rgba);
    if (v->bare)
        rgba[SQ_INDEX_NONE] = 0;
    for (int i = 0; i < v->classes->n_rgba && v->under; i++)
        rgba[i] = sq_rgb_mix(v->under >> 8, rgba[i] >> 8, (rgba[i] & 0xff) / 255.0) << 8 | 0xff;
}

enum sq_status sq_paint(struct sq_brush *b, const struct sq_tile_view *v, unsigned char **ret, size_t *ret_n,
                        struct sq_err *e)
{
    const struct sq_classes *c = v->classes;
    const struct sq_forecast *f = v->run ? &v->run->f : NULL;
    const uint8_t *index = NULL;
    uint8_t *map = NULL;
    char valid[32], name[SQ_LAYER_NAME_MAX], title[SQ_LAYER_TITLE_MAX];
    uint32_t rgba[256];
    enum sq_status status = v->wide ? paint_map(b, v, &map, e) : sq_paint_index(b, v, &index, e);
    if (status) {
        free(map);
        return status;
    }
    mix_colours(v, rgba);
    sq_instant_iso(v->frame ? v->frame->time : f->issue_time + f->lead_s[v->lead], valid);
    const struct sq_png_text text[] = {
        {"Title", sq_layer_title(&v->layer, title)},
        {"Software", "squall " SQ_VERSION},
        {"squall:run", v->run ? v->run->name : ""},
        {"squall:valid", valid},
        {"squall:layer", sq_layer_name(&v->layer, name)},
        {"squall:units", sq_quantity_units(c->quantity)},
        {"squall:model", f ? *f->model ? f->model : f->method : ""},
        {"squall:inputs_missing", f ? f->inputs_missing : ""},
    };
    status = sq_png_index(b->png, v->wide ? v->wide : v->tile.side, v->wide ? v->high : v->tile.side, map ? map : index,
                          c->value ? NULL : rgba, c->n_rgba, text, sizeof text / sizeof *text, ret, ret_n, e);
    free(map);
    return status;
}
