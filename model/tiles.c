#include "tiles.h"

#include "core/hot.h"
#include "scene_features.h"
#include "head.h"

#include <math.h>
#include <stdlib.h>

/* A tile of the hidden layer: (size, size, H) of the element type, or nothing where no rain is in sight. */
struct sq_hidden {
    const struct sq_weights *w;
    enum sq_dtype type;
    int ny, nx, size; /* cells of the grid; of a tile's side */
    int rows, cols;   /* tiles */
    void **tile;
    struct sq_hidden *next; /* of the next network that is pooled */
};

/* On wide grids one network alone looks: there is no time for more. */
enum { TILE = 1024, WIDE_CELLS = 3000000 };

static size_t element(const struct sq_hidden *h)
{
    return h->type == SQ_BF16 ? 2 : 4;
}

static int even(int n)
{
    return n + n % 2;
}

static int clip(int x, int lo, int hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* What the network looks at for tile (r, c): the tile and its reach, inside the grid. */
static struct sq_window context(const struct sq_hidden *h, int r, int c)
{
    int reach = even(sq_net_reach(&h->w->net.shape)), ny = even(h->ny), nx = even(h->nx);
    int top = clip(r * h->size - reach, 0, ny), bottom = clip((r + 1) * h->size + reach, 0, ny);
    int left = clip(c * h->size - reach, 0, nx), right = clip((c + 1) * h->size + reach, 0, nx);
    return (struct sq_window){top, left, bottom - top, right - left};
}

static bool rain_in(const struct sq_hidden *h, const float *composite, const struct sq_window *win)
{
    for (int i = win->row; i < win->row + win->h && i < h->ny; i++)
        for (int j = win->col; j < win->col + win->w && j < h->nx; j++)
            if (composite[(size_t)i * (size_t)h->nx + (size_t)j] >= 0.1f)
                return true;
    return false;
}

struct worker {
    struct sq_kernels *kernels;
    struct sq_net_run *run;
    int h, w;
    float *features, *tmp;
};

static void worker_finish(struct worker *k)
{
    sq_net_run_destroy(&k->run);
    free(k->features);
    free(k->tmp);
    k->features = k->tmp = NULL;
}

/* A run for windows of this size; the last one's is kept while sizes stay. */
static enum sq_status worker_fit(struct worker *k, const struct sq_hidden *h, int hh, int ww, struct sq_err *e)
{
    size_t cells = (size_t)hh * (size_t)ww;
    if (k->run && k->h == hh && k->w == ww)
        return SQ_OK;
    worker_finish(k);
    k->h = hh, k->w = ww;
    enum sq_status s = sq_alloc((void **)&k->features, cells * (size_t)sq_net_features(&h->w->net.shape), sizeof(float), "features", e);
    if (!s)
        s = sq_alloc((void **)&k->tmp, cells, sizeof(float), "features", e);
    if (!s)
        s = sq_net_run_create(&h->w->net, k->kernels, h->type, 1, hh, ww, false, &k->run, e);
    if (!s)
        sq_net_run_load(k->run, &h->w->net);
    return s;
}

static void keep(struct sq_hidden *h, int r, int c, const struct sq_window *win, const char *hidden)
{
    size_t cell = (size_t)h->w->net.shape.hidden * element(h), row = (size_t)h->size * cell;
    char *tile = h->tile[r * h->cols + c];
    int top = r * h->size, left = c * h->size;
    int rows = clip(win->row + win->h - top, 0, h->size), cols = clip(win->col + win->w - left, 0, h->size);
    for (int i = 0; i < rows; i++)
        memcpy(tile + (size_t)i * row,
               hidden + ((size_t)(top - win->row + i) * (size_t)win->w + (size_t)(left - win->col)) * cell,
               (size_t)cols * cell);
}

static enum sq_status run_tile(struct sq_hidden *h, struct worker *k, const struct sq_scene *s, int r, int c, struct sq_err *e)
{
    struct sq_window win = context(h, r, c);
    size_t bytes = (size_t)h->size * (size_t)h->size * (size_t)h->w->net.shape.hidden * element(h);
    enum sq_status st = worker_fit(k, h, win.h, win.w, e);
    if (!st)
        st = sq_alloc(&h->tile[r * h->cols + c], bytes, 1, "hidden layer", e);
    if (st)
        return st;
    sq_features(s, &h->w->net.shape.slots, &win, sq_untouched, k->features, k->tmp);
    keep(h, r, c, &win, (const char *)sq_net_forward(k->run, k->features));
    return SQ_OK;
}

static enum sq_status run_network(const struct sq_weights *w, const struct sq_scene *s, const float *composite,
                                  struct sq_hidden **ret, struct sq_err *e)
{
    struct sq_hidden *h;
    struct worker k = {0};
    enum sq_status st = sq_alloc((void **)&h, 1, sizeof *h, "hidden layer", e);
    if (st)
        return st;
    int ny = s->cube->grid.ny, nx = s->cube->grid.nx, most = ny > nx ? even(ny) : even(nx);
    int reach = even(sq_net_reach(&w->net.shape));
    *h = (struct sq_hidden){.w = w, .ny = ny, .nx = nx, .size = most <= TILE + 2 * reach ? most : TILE,
                            .type = sq_kernels_bf16_fast() ? SQ_BF16 : SQ_F32};
    h->rows = (ny + h->size - 1) / h->size;
    h->cols = (nx + h->size - 1) / h->size;
    st = sq_alloc((void **)&h->tile, (size_t)(h->rows * h->cols), sizeof *h->tile, "tiles", e);
    if (!st)
        st = sq_kernels_create(SQ_BACKEND_DNNL, h->type, &k.kernels, e);
    for (int t = 0; t < h->rows * h->cols && !st; t++) {
        struct sq_window win = context(h, t / h->cols, t % h->cols);
        if (rain_in(h, composite, &win))
            st = run_tile(h, &k, s, t / h->cols, t % h->cols, e);
    }
    worker_finish(&k);
    sq_kernels_destroy(&k.kernels);
    if (st)
        sq_hidden_destroy(&h);
    else
        *ret = h;
    return st;
}

enum sq_status sq_hidden_create(const struct sq_weights *w, const struct sq_scene *s, const float *composite,
                                struct sq_hidden **ret, struct sq_err *e)
{
    const bool wide = sq_grid_cells(&s->cube->grid) > WIDE_CELLS;
    enum sq_status st = SQ_OK;
    struct sq_hidden *first = NULL, **at = &first;
    for (; w && !st; w = wide ? NULL : w->next) {
        st = run_network(w, s, composite, at, e);
        at = *at ? &(*at)->next : at;
    }
    if (st)
        sq_hidden_destroy(&first);
    else
        *ret = first;
    return st;
}

void sq_hidden_destroy(struct sq_hidden **h)
{
    if (!*h)
        return;
    sq_hidden_destroy(&(*h)->next);
    for (int t = 0; (*h)->tile && t < (*h)->rows * (*h)->cols; t++)
        free((*h)->tile[t]);
    free((*h)->tile);
    free(*h);
    *h = NULL;
}

/* ---- scores of one lead -------------------------------------------------------------------------------------- */

enum { LANE = 16, WIDE = 48 }; /* classes are padded to whole lanes; at most WIDE */

/* The head for one lead, its nodes blended: weight (lanes, in, LANE), bias (lanes, LANE). */
struct blended {
    int in, classes, lanes;
    float weight[512 * WIDE], bias[WIDE];
};

static void blend_head(const struct sq_net *n, double lead_s, struct blended *ret)
{
    const struct sq_layer *l = &n->layer[n->n_layer - 1];
    const float *theta = n->theta;
    int C = sq_net_classes(&n->shape), a;
    float w;
    sq_net_blend(&n->shape, lead_s, &a, &w);
    int b = w > 0 ? a + 1 : a;
    ret->in = l->in, ret->classes = C, ret->lanes = (C + LANE - 1) / LANE;
    for (int c = 0; c < ret->lanes * LANE; c++) {
        int ra = a * C + c, rb = b * C + c; /* rows of the layer */
        float *to = ret->weight + c / LANE * l->in * LANE + c % LANE;
        ret->bias[c] = c < C ? (1 - w) * theta[l->bias + (size_t)ra] + w * theta[l->bias + (size_t)rb] : 0;
        for (int i = 0; i < l->in; i++)
            to[i * LANE] = c < C ? (1 - w) * theta[l->weight + (size_t)(ra * l->in + i)] +
                                       w * theta[l->weight + (size_t)(rb * l->in + i)]
                                 : 0;
    }
}

/* CELLS cells go side by side: one alone would wait for each sum before the next term. */
enum { CELLS = 6 };

SQ_HOT static void score_cells(enum sq_dtype t, const void *hidden, const struct blended *h, size_t n, float *ret)
{
    float v[CELLS][512] = {{0}};
    for (size_t p = 0; p < n; p += CELLS) {
        size_t live = n - p < CELLS ? n - p : CELLS;
        for (size_t k = 0; k < live; k++) {
            size_t at = (p + k) * (size_t)h->in;
            for (int i = 0; i < h->in; i++)
                v[k][i] = t == SQ_BF16 ? sq_bf16_float(((const uint16_t *)hidden)[at + (size_t)i])
                                       : ((const float *)hidden)[at + (size_t)i];
        }
        for (int lane = 0; lane < h->lanes; lane++) {
            const float *w = h->weight + lane * h->in * LANE;
            int real = h->classes - lane * LANE < LANE ? h->classes - lane * LANE : LANE;
            float sum[CELLS][LANE];
            for (int k = 0; k < CELLS; k++)
                memcpy(sum[k], h->bias + lane * LANE, sizeof sum[k]);
            for (int i = 0; i < h->in; i++)
                for (int k = 0; k < CELLS; k++)
                    for (int c = 0; c < LANE; c++)
                        sum[k][c] += v[k][i] * w[i * LANE + c];
            for (size_t k = 0; k < live; k++)
                memcpy(ret + (p + k) * (size_t)h->classes + lane * LANE, sum[k], (size_t)real * sizeof *ret);
        }
    }
}

/* One row of the window, one tile wide at a time. */
static void exceed_row(const struct sq_hidden *h, int row, int col, int w, const struct blended *head,
                       const float *base, float *ret, size_t stride, float *tmp)
{
    int C = head->classes;
    for (int j = 0; j < w;) {
        int r = row / h->size, c = (col + j) / h->size, n = clip((c + 1) * h->size - col - j, 1, w - j);
        const char *tile = h->tile[r * h->cols + c];
        if (tile) {
            size_t at = (size_t)(row - r * h->size) * (size_t)h->size + (size_t)(col + j - c * h->size);
            score_cells(h->type, tile + at * (size_t)head->in * element(h), head, (size_t)n, tmp);
            sq_head_exceed(C, tmp, base + j, (size_t)n, ret + j, stride);
        } else {
            for (int k = 0; k < C - 1; k++)
                memset(ret + (size_t)k * stride + (size_t)j, 0, (size_t)n * sizeof *ret);
        }
        j += n;
    }
}

void sq_hidden_exceed(const struct sq_hidden *h, double lead_s, const struct sq_window *win, const float *base,
                      float *ret, float *tmp)
{
    int classes = sq_net_classes(&h->w->net.shape);
    size_t stride = (size_t)win->h * (size_t)win->w, all = stride * (size_t)(classes - 1);
    struct blended head;
    for (int done = 0; h; h = h->next, done++) {
        float *mine = done ? tmp + (size_t)win->w * (size_t)classes : ret;
        blend_head(&h->w->net, lead_s, &head);
        for (size_t i = 0; i < stride; i += (size_t)win->w)
            exceed_row(h, win->row + (int)(i / (size_t)win->w), win->col, win->w, &head, base + i, mine + i, stride, tmp);
        for (size_t i = 0; done && i < all; i++)
            ret[i] += (mine[i] - ret[i]) / (float)(done + 1);
    }
}
