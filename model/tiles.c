#include "tiles.h"

#include "core/hot.h"
#include "scene_features.h"
#include "head.h"

#include <math.h>
#include <stdlib.h>

enum { LANE = 16 }; /* cells that are scored side by side */

/* A tile of the hidden layer, of the element type: (size, lanes, H, LANE); or nothing where no rain is in sight. */
struct sq_hidden {
    const struct sq_weights *w;
    enum sq_dtype type;
    int ny, nx, size; /* cells of the grid; of a tile's side */
    int lanes;        /* in a row of a tile */
    int rows, cols;   /* tiles */
    void **tile;
    struct sq_hidden *next; /* of the next network that is pooled */
};

/* On wide grids one network alone looks: there is no time for more. */
enum { TILE = 1024 };

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

/* (n, H) -> (lanes, H, LANE) */
static inline void to_lanes(const char *from, int n, int hidden, size_t element_size, char *to)
{
    for (int j = 0; j < n; j++)
        for (int i = 0; i < hidden; i++)
            memcpy(to + ((size_t)(j / LANE * hidden + i) * LANE + (size_t)(j % LANE)) * element_size,
                   from + ((size_t)j * (size_t)hidden + (size_t)i) * element_size, element_size);
}

/* Of one row. */
static size_t row_bytes(const struct sq_hidden *h)
{
    return (size_t)h->lanes * LANE * (size_t)h->w->net.shape.hidden * element(h);
}

/* Every lead reads the layer, so that it is laid out once as they want it. */
static void keep(struct sq_hidden *h, int r, int c, const struct sq_window *win, const char *hidden)
{
    const int top = r * h->size, left = c * h->size, H = h->w->net.shape.hidden;
    const size_t cell = (size_t)H * element(h);
    char *tile = h->tile[r * h->cols + c];
    int rows = clip(win->row + win->h - top, 0, h->size), cols = clip(win->col + win->w - left, 0, h->size);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < rows; i++) {
        const char *from = hidden + ((size_t)(top - win->row + i) * (size_t)win->w + (size_t)(left - win->col)) * cell;
        if (h->type == SQ_BF16)
            to_lanes(from, cols, H, 2, tile + (size_t)i * row_bytes(h));
        else
            to_lanes(from, cols, H, 4, tile + (size_t)i * row_bytes(h));
    }
}

static enum sq_status run_tile(struct sq_hidden *h, struct worker *k, const struct sq_scene *s, int r, int c, struct sq_err *e)
{
    struct sq_window win = context(h, r, c);
    enum sq_status st = worker_fit(k, h, win.h, win.w, e);
    if (!st)
        st = sq_alloc(&h->tile[r * h->cols + c], (size_t)h->size, row_bytes(h), "hidden layer", e);
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
    h->lanes = (h->size + LANE - 1) / LANE;
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
    const bool wide = sq_grid_cells(&s->cube->grid) > SQ_WIDE_CELLS;
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

/* Classes go GROUP at a time, so that their sums stay in registers; they are padded to whole groups, at most WIDE. */
enum { GROUP = 6, WIDE = 36 };

/* The head for one lead, its nodes blended: weight (groups, in, GROUP), bias (groups, GROUP). */
struct blended {
    int in, classes;
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
    *ret = (struct blended){.in = l->in, .classes = C};
    for (int c = 0; c < C; c++) {
        int ra = a * C + c, rb = b * C + c; /* rows of the layer */
        float *to = ret->weight + c / GROUP * l->in * GROUP + c % GROUP;
        ret->bias[c] = (1 - w) * theta[l->bias + (size_t)ra] + w * theta[l->bias + (size_t)rb];
        for (int i = 0; i < l->in; i++)
            to[i * GROUP] = (1 - w) * theta[l->weight + (size_t)(ra * l->in + i)] +
                            w * theta[l->weight + (size_t)(rb * l->in + i)];
    }
}

static inline float hidden_at(enum sq_dtype t, const void *hidden, int at)
{
    return t == SQ_BF16 ? sq_bf16_float(((const uint16_t *)hidden)[at]) : ((const float *)hidden)[at];
}

/* Scores of a group of classes, of one lane of cells. */
static inline void score_group(enum sq_dtype t, const void *hidden, int in, const float *weight, const float *bias,
                               float *restrict sum)
{
    for (int g = 0; g < GROUP; g++)
        for (int k = 0; k < LANE; k++)
            sum[g * LANE + k] = bias[g];
    for (int i = 0; i < in; i++)
#pragma omp simd
        for (int k = 0; k < LANE; k++) {
            float v = hidden_at(t, hidden, i * LANE + k);
            for (int g = 0; g < GROUP; g++)
                sum[g * LANE + k] += weight[i * GROUP + g] * v;
        }
}

/* ret (classes, lanes * LANE) */
SQ_HOT static void score_lanes(enum sq_dtype t, const char *hidden, const struct blended *h, int lanes, float *ret)
{
    for (int c = 0; c < h->classes; c += GROUP)
        for (int j = 0; j < lanes; j++) {
            float sum[GROUP * LANE];
            const float *weight = h->weight + c * h->in;
            if (t == SQ_BF16)
                score_group(SQ_BF16, hidden + j * h->in * LANE * 2, h->in, weight, h->bias + c, sum);
            else
                score_group(SQ_F32, hidden + j * h->in * LANE * 4, h->in, weight, h->bias + c, sum);
            for (int g = 0; g < GROUP && c + g < h->classes; g++)
                memcpy(ret + ((c + g) * lanes + j) * LANE, sum + g * LANE, LANE * sizeof *ret);
        }
}

/* One row of the window, one tile wide at a time; tmp: (classes, w and two lanes more). */
static void exceed_row(const struct sq_hidden *h, int row, int col, int w, const struct blended *head,
                       const float *base, float *ret, size_t stride, float *tmp)
{
    int C = head->classes;
    for (int j = 0; j < w;) {
        int r = row / h->size, c = (col + j) / h->size, n = clip((c + 1) * h->size - col - j, 1, w - j);
        const char *tile = h->tile[r * h->cols + c];
        if (tile) {
            int at = col + j - c * h->size, first = at / LANE, lanes = (at + n - 1) / LANE + 1 - first;
            const char *hidden = tile + (size_t)(row - r * h->size) * row_bytes(h) + (size_t)(first * LANE * head->in) * element(h);
            score_lanes(h->type, hidden, head, lanes, tmp);
            sq_head_exceed(C, tmp + at % LANE, (size_t)(lanes * LANE), base + j, (size_t)n, ret + j, stride);
        } else {
            for (int k = 0; k < C - 1; k++)
                memset(ret + (size_t)k * stride + (size_t)j, 0, (size_t)n * sizeof *ret);
        }
        j += n;
    }
}

static size_t row_room(int classes, const struct sq_window *win)
{
    return (size_t)classes * ((size_t)win->w + 2 * LANE);
}

size_t sq_hidden_room(int n_edge, const struct sq_window *win)
{
    return row_room(n_edge + 1, win) + (size_t)n_edge * (size_t)win->h * (size_t)win->w;
}

void sq_hidden_exceed(const struct sq_hidden *h, double lead_s, const struct sq_window *win, const float *base,
                      float *ret, float *tmp)
{
    int classes = sq_net_classes(&h->w->net.shape);
    size_t stride = (size_t)win->h * (size_t)win->w, all = stride * (size_t)(classes - 1);
    struct blended head;
    for (int done = 0; h; h = h->next, done++) {
        float *mine = done ? tmp + row_room(classes, win) : ret;
        blend_head(&h->w->net, lead_s, &head);
        for (size_t i = 0; i < stride; i += (size_t)win->w)
            exceed_row(h, win->row + (int)(i / (size_t)win->w), win->col, win->w, &head, base + i, mine + i, stride, tmp);
        for (size_t i = 0; done && i < all; i++)
            ret[i] += (mine[i] - ret[i]) / (float)(done + 1);
    }
}
