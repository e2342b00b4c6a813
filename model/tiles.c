#include "tiles.h"

#include "core/hot.h"
#include "scene_features.h"
#include "head.h"

#include <math.h>
#include <stdlib.h>

enum { LANE = 16 }; /* cells that are scored side by side */

/* One axis of the grid: windows of one width overlap by twice the reach of the network, and each answers for what no border inside the
 * grid is near to. */
struct cut {
    int n, wide, step; /* windows, their width, and how far apart they begin */
    int cells, reach;
};

/* The hidden layer (ny, lanes, H, LANE) of bfloat16, whatever the network ran in, for every lead reads it whole. Where no rain is in
 * sight of a window nothing is known, and no memory is touched. */
struct sq_hidden {
    const struct sq_weights *w;
    int ny, nx;
    struct cut rows, cols;
    int lanes; /* in a row */
    uint16_t *layer;
    bool *known; /* (rows.n, cols.n) */
    struct sq_hidden *next; /* of the next network that is pooled */
};

/* What a window answers for on wide grids, about: all windows of a grid are alike, so that one run serves them. */
enum { TILE = 1024 };

static int even(int n)
{
    return n + n % 2;
}

static int clip(int x, int lo, int hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static struct cut cut_axis(int cells, int reach)
{
    struct cut c = {.n = 1, .cells = even(cells), .reach = even(reach)};
    if (cells > TILE + 2 * c.reach)
        c.n = (cells + TILE - 1) / TILE;
    c.wide = even((c.cells + 2 * c.reach * (c.n - 1) + c.n - 1) / c.n);
    c.step = c.wide - 2 * c.reach;
    return c;
}

/* Where window i begins, and the first cell that it answers for. */
static int window_at(const struct cut *c, int i)
{
    return clip(i * c->step, 0, c->cells - c->wide);
}

static int tile_at(const struct cut *c, int i)
{
    return i == 0 ? 0 : i == c->n ? c->cells : i * c->step + c->reach;
}

static int tile_of(const struct cut *c, int cell)
{
    return c->n == 1 ? 0 : clip((cell - c->reach) / c->step, 0, c->n - 1);
}

static bool rain_in(const struct sq_hidden *h, const float *composite, const struct sq_window *win)
{
    for (int i = win->row; i < win->row + win->h && i < h->ny; i++)
        for (int j = win->col; j < win->col + win->w && j < h->nx; j++)
            if (composite[(size_t)i * (size_t)h->nx + (size_t)j] >= 0.1f)
                return true;
    return false;
}

/* One run, which serves all windows. */
struct worker {
    enum sq_dtype type;
    struct sq_kernels *kernels;
    struct sq_net_run *run;
    float *features, *tmp;
};

static void worker_finish(struct worker *k)
{
    sq_net_run_destroy(&k->run);
    sq_kernels_destroy(&k->kernels);
    free(k->features);
    free(k->tmp);
}

static enum sq_status worker_init(struct worker *k, const struct sq_hidden *h, struct sq_err *e)
{
    const size_t cells = (size_t)h->rows.wide * (size_t)h->cols.wide;
    *k = (struct worker){.type = sq_kernels_bf16_fast() ? SQ_BF16 : SQ_F32};
    enum sq_status s = sq_kernels_create(SQ_BACKEND_DNNL, k->type, &k->kernels, e);
    if (!s)
        s = sq_alloc((void **)&k->features, cells * (size_t)sq_net_features(&h->w->net.shape), sizeof(float), "features", e);
    if (!s)
        s = sq_alloc((void **)&k->tmp, cells, sizeof(float), "features", e);
    if (!s)
        s = sq_net_run_create(&h->w->net, k->kernels, k->type, 1, h->rows.wide, h->cols.wide, false, &k->run, e);
    if (!s)
        sq_net_run_load(k->run, &h->w->net);
    return s;
}

/* n cells (n, H) -> those from `first` on of a row (lanes, H, LANE) */
static void to_lanes(enum sq_dtype type, const void *from, int n, int hidden, int first, uint16_t *row)
{
    const uint16_t *half = from;
    const float *full = from;
    for (int j = first, at = 0; j < first + n; j++)
        for (int i = 0; i < hidden; i++, at++)
            row[(j / LANE * hidden + i) * LANE + j % LANE] = type == SQ_BF16 ? half[at] : sq_float_bf16(full[at]);
}

static size_t row_size(const struct sq_hidden *h)
{
    return (size_t)h->lanes * LANE * (size_t)h->w->net.shape.hidden;
}

/* Every lead reads the layer, so that it is laid out once as they want it. */
static void keep(struct sq_hidden *h, int r, int c, const struct sq_window *win, enum sq_dtype type, const char *hidden)
{
    const int top = tile_at(&h->rows, r), bottom = clip(tile_at(&h->rows, r + 1), 0, h->ny);
    const int left = tile_at(&h->cols, c), right = clip(tile_at(&h->cols, c + 1), 0, h->nx);
    const size_t cell = (size_t)h->w->net.shape.hidden * (type == SQ_BF16 ? 2 : 4);
#pragma omp parallel for schedule(static)
    for (int i = top; i < bottom; i++)
        to_lanes(type, hidden + ((size_t)(i - win->row) * (size_t)win->w + (size_t)(left - win->col)) * cell, right - left,
                 h->w->net.shape.hidden, left, h->layer + (size_t)i * row_size(h));
}

/* Window (r, c), if rain is in its sight. */
static void run_window(struct sq_hidden *h, struct worker *k, const struct sq_scene *s, const float *composite, int r, int c)
{
    const struct sq_window win = {window_at(&h->rows, r), window_at(&h->cols, c), h->rows.wide, h->cols.wide};
    if (!rain_in(h, composite, &win))
        return;
    sq_features(s, &h->w->net.shape.slots, &win, sq_untouched, k->features, k->tmp);
    keep(h, r, c, &win, k->type, sq_net_forward(k->run, k->features));
    h->known[r * h->cols.n + c] = true;
}

static enum sq_status hidden_init(struct sq_hidden *h, const struct sq_weights *w, const struct sq_grid *g, struct sq_err *e)
{
    const int reach = sq_net_reach(&w->net.shape);
    *h = (struct sq_hidden){.w = w, .ny = g->ny, .nx = g->nx, .rows = cut_axis(g->ny, reach), .cols = cut_axis(g->nx, reach)};
    h->lanes = (g->nx + LANE - 1) / LANE;
    enum sq_status s = sq_alloc((void **)&h->known, (size_t)(h->rows.n * h->cols.n), sizeof *h->known, "hidden layer", e);
    return s ? s : sq_alloc((void **)&h->layer, (size_t)g->ny * row_size(h), sizeof *h->layer, "hidden layer", e);
}

static enum sq_status run_network(const struct sq_weights *w, const struct sq_scene *s, const float *composite,
                                  struct sq_hidden **ret, struct sq_err *e)
{
    struct worker k = {0};
    struct sq_hidden *h;
    enum sq_status st = sq_alloc((void **)&h, 1, sizeof *h, "hidden layer", e);
    if (st)
        return st;
    st = hidden_init(h, w, &s->cube->grid, e);
    if (!st)
        st = worker_init(&k, h, e);
    for (int t = 0; t < h->rows.n * h->cols.n && !st; t++)
        run_window(h, &k, s, composite, t / h->cols.n, t % h->cols.n);
    worker_finish(&k);
    if (st)
        sq_hidden_destroy(&h);
    else
        *ret = h;
    return st;
}

enum sq_status sq_hidden_create(const struct sq_weights *w, const struct sq_scene *s, const float *composite,
                                struct sq_hidden **ret, struct sq_err *e)
{
    const bool wide = sq_grid_cells(&s->cube->grid) > SQ_WIDE_CELLS; /* there is no time for more than one network */
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
    free((*h)->layer);
    free((*h)->known);
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

/* Scores of a group of classes, of one lane of cells. */
static inline void score_group(const uint16_t *hidden, int in, const float *weight, const float *bias, float *restrict sum)
{
    for (int g = 0; g < GROUP; g++)
        for (int k = 0; k < LANE; k++)
            sum[g * LANE + k] = bias[g];
    for (int i = 0; i < in; i++)
#pragma omp simd
        for (int k = 0; k < LANE; k++) {
            float v = sq_bf16_float(hidden[i * LANE + k]);
            for (int g = 0; g < GROUP; g++)
                sum[g * LANE + k] += weight[i * GROUP + g] * v;
        }
}

/* ret (classes, lanes * LANE) */
SQ_HOT static void score_lanes(const uint16_t *hidden, const struct blended *h, int lanes, float *ret)
{
    for (int c = 0; c < h->classes; c += GROUP)
        for (int j = 0; j < lanes; j++) {
            float sum[GROUP * LANE];
            score_group(hidden + j * h->in * LANE, h->in, h->weight + c * h->in, h->bias + c, sum);
            for (int g = 0; g < GROUP && c + g < h->classes; g++)
                memcpy(ret + ((c + g) * lanes + j) * LANE, sum + g * LANE, LANE * sizeof *ret);
        }
}

/* One row of the window, one tile wide at a time; tmp: (classes, w and two lanes more). */
static void exceed_row(const struct sq_hidden *h, int row, int col, int w, const struct blended *head,
                       const float *base, float *ret, size_t stride, float *tmp)
{
    const int C = head->classes, r = tile_of(&h->rows, row);
    for (int j = 0; j < w;) {
        const int c = tile_of(&h->cols, col + j), n = clip(tile_at(&h->cols, c + 1) - col - j, 1, w - j);
        if (h->known[r * h->cols.n + c]) {
            const int first = (col + j) / LANE, lanes = (col + j + n - 1) / LANE + 1 - first;
            score_lanes(h->layer + (size_t)row * row_size(h) + (size_t)(first * LANE * head->in), head, lanes, tmp);
            sq_head_exceed(C, tmp + (col + j) % LANE, (size_t)(lanes * LANE), base + j, (size_t)n, ret + j, stride);
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
