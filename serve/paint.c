#include "paint.h"
#include "png_index.h"
#include "shade.h"

#include "core/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a block of cells while one tile is painted. */
struct known {
    uint32_t tile;  /* number of the tile; of another, it says nothing */
    uint32_t at;    /* block of cells */
    bool shaded;    /* the cells are there */
    int uniform;    /* the index of all cells; -1: see there */
};

struct sq_brush {
    struct sq_warp *warp;
    struct sq_png_encoder *png;
    struct sq_shade shade; /* of the view at hand */
    uint8_t index[SQ_TILE_SIDE * SQ_TILE_SIDE];
    size_t room;           /* blocks that there is memory for */
    struct known *known;   /* [room] by number of the block */
    uint8_t *cells;        /* [room][SQ_BLOCK_CELLS], in the order of their use */
    uint32_t tile, used;   /* number of this tile, blocks of cells in use */
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
    free((*b)->known);
    free((*b)->cells);
    free(*b);
    *b = NULL;
}

enum sq_status sq_brush_locate(struct sq_brush *b, const struct sq_grid *g, const double lonlat[2], int *ret_row,
                               int *ret_col, struct sq_err *e)
{
    return sq_warp_locate(b->warp, g, lonlat, ret_row, ret_col, e);
}

/* ---- what can be painted ------------------------------------------------------------------------------- */

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

/* ---- cells ------------------------------------------------------------------------------------------- */

/* Room for all blocks of a volume. Of the cells' only that is touched which is used. */
static enum sq_status make_room(struct sq_brush *b, size_t n, struct sq_err *e)
{
    if (n > b->room) {
        free(b->known);
        free(b->cells);
        b->room = 0;
        b->known = calloc(n, sizeof *b->known);
        b->cells = malloc(n * SQ_BLOCK_CELLS);
        b->tile = 0;
        if (!b->known || !b->cells)
            return sq_fail(e, SQ_FAILED, "out of memory for a map tile");
        b->room = n;
    }
    if (!++b->tile) { /* after 2^32 tiles */
        memset(b->known, 0, b->room * sizeof *b->known);
        b->tile = 1;
    }
    b->used = 0;
    return SQ_OK;
}

static struct known *known_of(struct sq_brush *b, int i, int j)
{
    struct known *k = &b->known[i * b->shade.volume->across + j];
    if (k->tile != b->tile) {
        *k = (struct known){.tile = b->tile, .uniform = sq_shade_uniform(&b->shade, i, j)};
        if (k->uniform < 0)
            k->at = b->used++;
    }
    return k;
}

/* The cells of a block that is not uniform. */
static const uint8_t *cells_of(struct sq_brush *b, struct known *k, int i, int j)
{
    uint8_t *cells = b->cells + (size_t)k->at * SQ_BLOCK_CELLS;
    if (!k->shaded)
        sq_shade_block(&b->shade, i, j, cells);
    k->shaded = true;
    return cells;
}

/* The index of all cells of a box on the grid; -1 where they differ, or where it would take long to find out. */
static int uniform_box(struct sq_brush *b, const int box[4])
{
    enum { MANY = 100 };
    int top = box[0] / SQ_BLOCK, left = box[1] / SQ_BLOCK, bottom = box[2] / SQ_BLOCK, right = box[3] / SQ_BLOCK, all = -1;
    bool few = (box[2] - box[0] + 1) * (box[3] - box[1] + 1) <= MANY;
    if ((bottom - top + 1) * (right - left + 1) > MANY)
        return -1;
    for (int i = top; i <= bottom; i++)
        for (int j = left; j <= right; j++) {
            struct known *k = known_of(b, i, j);
            int first = k->uniform;
            if (first < 0 && !few)
                return -1;
            if (first < 0) {
                const uint8_t *cells = cells_of(b, k, i, j);
                int from = i == top ? box[0] % SQ_BLOCK : 0, to = i == bottom ? box[2] % SQ_BLOCK : SQ_BLOCK - 1;
                int west = j == left ? box[1] % SQ_BLOCK : 0, east = j == right ? box[3] % SQ_BLOCK : SQ_BLOCK - 1;
                first = cells[from * SQ_BLOCK + west];
                for (int y = from; y <= to; y++)
                    for (int x = west; x <= east; x++)
                        if (cells[y * SQ_BLOCK + x] != first)
                            return -1;
            }
            if (all >= 0 && first != all)
                return -1;
            all = first;
        }
    return all;
}

/* Pixel by pixel. `dense`: most cells below the tile will be asked for, and whole blocks are shaded at once. */
static void paint_square(struct sq_brush *b, int x, int y, bool dense, uint8_t *index, int stride)
{
    int row[SQ_WARP_SIDE * SQ_WARP_SIDE], col[SQ_WARP_SIDE * SQ_WARP_SIDE], n = sq_warp_side(b->warp);
    sq_warp_square(b->warp, x, y, row, col);
    for (int p = 0; p < n * n; p++) {
        uint8_t *to = index + p / n * stride + p % n;
        if (row[p] < 0) {
            *to = SQ_INDEX_NONE;
            continue;
        }
        int i = row[p] / SQ_BLOCK, j = col[p] / SQ_BLOCK, cell = row[p] % SQ_BLOCK * SQ_BLOCK + col[p] % SQ_BLOCK;
        struct known *k = known_of(b, i, j);
        *to = (uint8_t)(k->uniform >= 0 ? k->uniform
                        : dense         ? cells_of(b, k, i, j)[cell]
                                        : sq_shade_cell(&b->shade, i, j, cell));
    }
}

static void fill_square(int n, int value, uint8_t *index, int stride)
{
    for (int i = 0; i < n; i++)
        memset(index + i * stride, value, (size_t)n);
}

static void paint_cells(struct sq_brush *b, int side)
{
    const struct sq_volume *v = b->shade.volume;
    bool whole = b->shade.view->layer.kind == SQ_LAYER_NEAR;
    int n = sq_warp_side(b->warp), box[4];
    for (int y = 0; y < side; y += n)
        for (int x = 0; x < side; x += n) {
            uint8_t *to = b->index + y * side + x;
            enum sq_box kind = sq_warp_box(b->warp, x, y, box);
            bool inside = kind == SQ_BOX_KNOWN && box[0] >= 0 && box[1] >= 0 && box[2] < v->ny && box[3] < v->nx;
            int uniform = kind == SQ_BOX_NONE ? SQ_INDEX_NONE : inside ? uniform_box(b, box) : -1;
            if (uniform >= 0)
                fill_square(n, uniform, to, side);
            else
                paint_square(b, x, y, whole || kind != SQ_BOX_KNOWN || box[2] - box[0] <= 2 * n, to, side);
        }
}

/* ---- tiles ------------------------------------------------------------------------------------------- */

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
    const struct sq_grid *g = v->frame ? &v->frame->grid : &v->run->f.grid;
    int side = v->tile.side;
    bool on_grid = false, hatched = !v->bare && !v->classes->value;
    enum sq_status status = sq_warp_begin(b->warp, g, v->frame ? v->frame->box : v->run->box, &v->tile, &on_grid, e);
    if (!status && on_grid)
        status = sq_shade_init(&b->shade, v, e);
    if (!status && on_grid)
        status = make_room(b, (size_t)b->shade.volume->across * (size_t)b->shade.volume->down, e);
    if (!status && on_grid)
        paint_cells(b, side);
    else if (!status)
        memset(b->index, SQ_INDEX_NONE, (size_t)side * (size_t)side);
    sq_shade_finish(&b->shade);
    for (int y = 0; y < side && hatched && !status; y++)
        hatch(v, y, side, b->index + (size_t)y * (size_t)side);
    *ret = b->index;
    return status;
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
