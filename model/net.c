#include "net.h"

#include "ops.h"
#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the parameters --------------------------------------------------------------------------------------- */

static int blocks(const struct sq_net_shape *s)
{
    return s->stacks * s->n_dilation;
}

static void add_layer(struct sq_net *n, const char *name, int in, int out, int kernel)
{
    struct sq_layer *l = &n->layer[n->n_layer++];
    size_t weights = (size_t)out * (size_t)in * (size_t)(kernel * kernel);
    *l = (struct sq_layer){.in = in, .out = out, .kernel = kernel, .weight = n->n_parameters};
    snprintf(l->name, sizeof l->name, "%s", name);
    l->bias = l->weight + weights;
    n->n_parameters = l->bias + (size_t)out;
}

static enum sq_status check_shape(const struct sq_net_shape *s, struct sq_err *e)
{
    if (s->channels < 1 || s->channels > 512 || s->up < 1 || s->up > 256 || s->hidden < 1 || s->hidden > 512)
        return sq_fail(e, SQ_FAILED, "network: channels, up or hidden out of range [1, 512]");
    if (s->stacks < 1 || s->n_dilation < 1 || s->n_dilation > SQ_DILATION_MAX ||
        2 * blocks(s) + 4 > SQ_LAYER_MAX)
        return sq_fail(e, SQ_FAILED, "network: %d stacks of %d blocks are out of range", s->stacks, s->n_dilation);
    if (s->beside < 0 || s->beside > SQ_BESIDE_MAX)
        return sq_fail(e, SQ_FAILED, "network: %d planes beside the radar, at most %d can be", s->beside, SQ_BESIDE_MAX);
    for (int i = 0; i < s->n_dilation; i++)
        if (s->dilation[i] < 1 || s->dilation[i] > 1024)
            return sq_fail(e, SQ_FAILED, "network: dilation %d is out of range [1, 1024]", s->dilation[i]);
    if (s->n_node < 1 || s->n_node > SQ_NODE_MAX || s->n_edge < 2 || s->n_edge > SQ_CLASS_MAX - 1)
        return sq_fail(e, SQ_FAILED, "network: %d lead nodes or %d class edges out of range", s->n_node, s->n_edge);
    if (!sq_slots_valid(&s->slots))
        return sq_fail(e, SQ_FAILED, "network: ages of frames must be 0, then ascend");
    for (int i = 0; i < s->n_node; i++)
        if (s->node_s[i] <= (i ? s->node_s[i - 1] : 0))
            return sq_fail(e, SQ_FAILED, "network: lead nodes must ascend from above 0");
    for (int i = 0; i < s->n_edge; i++)
        if (!(s->edge_mmh[i] > (i ? s->edge_mmh[i - 1] : 0)))
            return sq_fail(e, SQ_FAILED, "network: class edges must ascend from above 0");
    return SQ_OK;
}

enum sq_status sq_net_init(struct sq_net *n, const struct sq_net_shape *s, struct sq_err *e)
{
    *n = (struct sq_net){.shape = *s};
    enum sq_status st = check_shape(s, e);
    if (st)
        return st;
    char name[32];
    add_layer(n, "stem", 4 * sq_net_features(s), s->channels, 3);
    for (int b = 0; b < blocks(s); b++) {
        snprintf(name, sizeof name, "block%02d.dilated", b);
        add_layer(n, name, s->channels, s->channels, 3);
        snprintf(name, sizeof name, "block%02d.dense", b);
        add_layer(n, name, s->channels, s->channels, 3);
    }
    add_layer(n, "neck", s->channels, 4 * s->up, 1);
    add_layer(n, "full", s->up + sq_net_features(s), s->hidden, 3);
    add_layer(n, "head", s->hidden, s->n_node * sq_net_classes(s), 1);
    return sq_alloc((void **)&n->theta, n->n_parameters, sizeof *n->theta, "network parameters", e);
}

void sq_net_finish(struct sq_net *n)
{
    free(n->theta);
    *n = (struct sq_net){0};
}

void sq_net_randomise(struct sq_net *n, uint64_t seed)
{
    struct sq_random r = sq_random_seed(seed, 1);
    int last = n->n_layer - 1;
    for (int i = 0; i < n->n_layer; i++) {
        const struct sq_layer *l = &n->layer[i];
        bool branch_end = i > 0 && i < last - 2 && i % 2 == 0; /* what a block adds to the stream */
        float std = sqrtf(2.0f / (float)(l->in * l->kernel * l->kernel));
        std *= i == last ? 0.1f : branch_end ? 0.2f : 1;
        for (size_t k = l->weight; k < l->bias; k++)
            n->theta[k] = std * sq_random_normal(&r);
    }
}

int sq_net_reach(const struct sq_net_shape *s)
{
    int half = 1; /* stem */
    for (int i = 0; i < s->n_dilation; i++)
        half += s->stacks * (s->dilation[i] + 1);
    return 2 * half + 2; /* cells of the half resolution, and the full-resolution layer */
}

void sq_net_blend(const struct sq_net_shape *s, double lead_s, int *ret_a, float *ret_w)
{
    int a = 0;
    while (a + 2 < s->n_node && lead_s > s->node_s[a + 1])
        a++;
    double w = s->n_node > 1 ? (lead_s - s->node_s[a]) / (s->node_s[a + 1] - s->node_s[a]) : 0;
    *ret_a = a;
    *ret_w = (float)(w < 0 ? 0 : w > 1 ? 1 : w);
}

/* ---- at work ------------------------------------------------------------------------------------------------ */

struct block {
    const struct sq_conv *dilated;
    void *a, *u, *v; /* norm(x), its convolution, silu of that */
    float *rstd;
};

struct sq_net_run {
    struct sq_net_shape shape;
    enum sq_dtype type;
    bool train;
    int n, h, w;        /* batch and full resolution */
    size_t half, full;  /* cells of the batch at each resolution */
    struct sq_layer layer[SQ_LAYER_MAX];
    struct sq_conv_weights *packed[SQ_LAYER_MAX];
    const struct sq_conv *stem, *dense, *neck, *fullconv, *head;
    int n_block;
    struct block *block;
    void *memory;
    void *input;        /* (half, 4F) */
    float *x, *dx;      /* (half, C) the stream and its gradient */
    void *neck_a, *neck_y; /* norm(x); (half, 4U) */
    float *neck_rstd;
    void *wide;         /* (full, U + F) */
    void *pre, *hidden; /* (full, H) before and after silu */
    float *scores;      /* (full, nodes * classes) */
    void *g_half, *g_half2, *g_wide, *g_hidden, *g_scores, *g_neck;
};

static enum sq_status plan(struct sq_net_run *r, struct sq_kernels *k, const struct sq_layer *l, bool half, int dilation,
                           int flags, const struct sq_conv **ret, struct sq_err *e)
{
    struct sq_conv_shape s = {.n = r->n, .h = half ? r->h / 2 : r->h, .w = half ? r->w / 2 : r->w, .in = l->in,
                              .out = l->out, .kernel = l->kernel, .dilation = dilation};
    return sq_conv_plan(k, &s, flags | (r->train ? SQ_CONV_TRAIN : 0), ret, e);
}

static enum sq_status plans(struct sq_net_run *r, struct sq_kernels *k, struct sq_err *e)
{
    const struct sq_layer *l = r->layer;
    int last = 1 + 2 * r->n_block, silu = r->train ? 0 : SQ_CONV_SILU;
    enum sq_status s = plan(r, k, &l[0], true, 1, SQ_CONV_OUT_F32, &r->stem, e);
    for (int b = 0; b < r->n_block && !s; b++)
        s = plan(r, k, &l[1 + 2 * b], true, r->shape.dilation[b % r->shape.n_dilation], silu, &r->block[b].dilated, e);
    if (!s)
        s = plan(r, k, &l[2], true, 1, SQ_CONV_OUT_F32 | SQ_CONV_ADD, &r->dense, e);
    if (!s)
        s = plan(r, k, &l[last], true, 1, 0, &r->neck, e);
    if (!s)
        s = plan(r, k, &l[last + 1], false, 1, silu, &r->fullconv, e);
    if (!s && r->train)
        s = plan(r, k, &l[last + 2], false, 1, SQ_CONV_OUT_F32, &r->head, e);
    return s;
}

static enum sq_status pack(struct sq_net_run *r, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    int layers = 1 + 2 * r->n_block + (r->train ? 3 : 2);
    for (int i = 0; i < layers && !s; i++) {
        const struct sq_conv *c = i == 0                      ? r->stem
                                  : i == 1 + 2 * r->n_block   ? r->neck
                                  : i == 2 + 2 * r->n_block   ? r->fullconv
                                  : i == 3 + 2 * r->n_block   ? r->head
                                  : i % 2                     ? r->block[i / 2].dilated
                                                              : r->dense;
        s = sq_conv_weights_create(c, &r->packed[i], e);
    }
    return s;
}

/* Slices of one block of memory; the first walk (base NULL) only adds up. */
static void *slice(char *base, size_t *at, size_t bytes)
{
    void *p = base ? base + *at : NULL;
    *at += (bytes + 63) & ~(size_t)63;
    return p;
}

static size_t lay_out(struct sq_net_run *r, char *base)
{
    size_t at = 0, wide = r->type == SQ_BF16 ? 2 : 4;
    size_t C = (size_t)r->shape.channels, U = (size_t)r->shape.up, H = (size_t)r->shape.hidden, F = (size_t)sq_net_features(&r->shape);
    size_t scores = (size_t)(r->shape.n_node * sq_net_classes(&r->shape));
    r->input = slice(base, &at, r->half * 4 * F * wide);
    r->x = slice(base, &at, r->half * C * 4);
    for (int b = 0; b < r->n_block; b++) {
        struct block *k = &r->block[b];
        if (b && !r->train) { /* nothing is kept for a way back */
            k->a = r->block[0].a, k->v = r->block[0].v, k->rstd = r->block[0].rstd;
            continue;
        }
        k->a = slice(base, &at, r->half * C * wide);
        k->v = slice(base, &at, r->half * C * wide);
        k->rstd = slice(base, &at, r->half * 4);
        k->u = r->train ? slice(base, &at, r->half * C * wide) : k->v;
    }
    r->neck_a = slice(base, &at, r->half * C * wide);
    r->neck_rstd = slice(base, &at, r->half * 4);
    r->neck_y = slice(base, &at, r->half * 4 * U * wide);
    r->wide = slice(base, &at, r->full * (U + F) * wide);
    r->hidden = slice(base, &at, r->full * H * wide);
    r->pre = r->hidden;
    if (r->train) {
        r->pre = slice(base, &at, r->full * H * wide);
        r->scores = slice(base, &at, r->full * scores * 4);
        r->dx = slice(base, &at, r->half * C * 4);
        r->g_half = slice(base, &at, r->half * C * wide);
        r->g_half2 = slice(base, &at, r->half * C * wide);
        r->g_neck = slice(base, &at, r->half * 4 * U * wide);
        r->g_wide = slice(base, &at, r->full * (U + F) * wide);
        r->g_hidden = slice(base, &at, r->full * H * wide);
        r->g_scores = slice(base, &at, r->full * scores * wide);
    }
    return at;
}

enum sq_status sq_net_run_create(const struct sq_net *n, struct sq_kernels *k, enum sq_dtype t, int batch, int h, int w,
                                 bool train, struct sq_net_run **ret, struct sq_err *e)
{
    struct sq_net_run *r;
    enum sq_status s = sq_alloc((void **)&r, 1, sizeof *r, "network", e);
    if (s)
        return s;
    *r = (struct sq_net_run){.shape = n->shape, .type = t, .train = train, .n = batch, .h = h, .w = w,
                             .n_block = blocks(&n->shape)};
    memcpy(r->layer, n->layer, sizeof r->layer);
    r->full = (size_t)batch * (size_t)h * (size_t)w;
    r->half = r->full / 4;
    s = sq_alloc((void **)&r->block, (size_t)r->n_block, sizeof *r->block, "network", e);
    if (!s)
        s = plans(r, k, e);
    if (!s)
        s = pack(r, e);
    if (!s) {
        size_t bytes = lay_out(r, NULL);
        r->memory = aligned_alloc(64, bytes);
        if (!r->memory)
            s = sq_fail(e, SQ_FAILED, "out of memory for a network on %d x %d x %d (%zu MB)", batch, h, w, bytes >> 20);
        else
            lay_out(r, r->memory);
    }
    if (s) {
        sq_net_run_destroy(&r);
        return s;
    }
    *ret = r;
    return SQ_OK;
}

void sq_net_run_destroy(struct sq_net_run **r)
{
    if (!*r)
        return;
    for (int i = 0; i < SQ_LAYER_MAX; i++)
        sq_conv_weights_destroy(&(*r)->packed[i]);
    free((*r)->memory);
    free((*r)->block);
    free(*r);
    *r = NULL;
}

void sq_net_run_load(struct sq_net_run *r, const struct sq_net *n)
{
    for (int i = 0; i < SQ_LAYER_MAX && r->packed[i]; i++)
        sq_conv_weights_load(r->packed[i], n->theta + r->layer[i].weight, n->theta + r->layer[i].bias);
}

const void *sq_net_forward(struct sq_net_run *r, const float *features)
{
    int C = r->shape.channels, U = r->shape.up, H = r->shape.hidden, last = 1 + 2 * r->n_block;
    enum sq_dtype t = r->type;
    sq_space_to_depth(t, features, r->input, r->n, r->h, r->w, sq_net_features(&r->shape));
    sq_conv_forward(r->stem, r->packed[0], r->input, r->x);
    for (int b = 0; b < r->n_block; b++) {
        struct block *k = &r->block[b];
        sq_norm_forward(t, r->x, k->a, k->rstd, r->half, C);
        sq_conv_forward(k->dilated, r->packed[1 + 2 * b], k->a, r->train ? k->u : k->v);
        if (r->train)
            sq_silu_forward(t, k->u, k->v, r->half * (size_t)C);
        sq_conv_forward(r->dense, r->packed[2 + 2 * b], k->v, r->x);
    }
    sq_norm_forward(t, r->x, r->neck_a, r->neck_rstd, r->half, C);
    sq_conv_forward(r->neck, r->packed[last], r->neck_a, r->neck_y);
    sq_depth_to_space(t, r->neck_y, features, r->wide, r->n, r->h, r->w, U, sq_net_features(&r->shape));
    sq_conv_forward(r->fullconv, r->packed[last + 1], r->wide, r->pre);
    if (!r->train)
        return r->hidden;
    sq_silu_forward(t, r->pre, r->hidden, r->full * (size_t)H);
    sq_conv_forward(r->head, r->packed[last + 2], r->hidden, r->scores);
    return r->scores;
}

static void conv_gradient(struct sq_net_run *r, int layer, const struct sq_conv *c, const void *x, const void *dy,
                          float *gradient)
{
    const struct sq_layer *l = &r->layer[layer];
    sq_conv_backward_weights(c, x, dy, gradient + l->weight, gradient + l->bias);
}

/* The way back, layer by layer in reverse; each line undoes one of sq_net_forward. */
void sq_net_backward(struct sq_net_run *r, float *d_scores, float *gradient)
{
    int C = r->shape.channels, U = r->shape.up, H = r->shape.hidden, last = 1 + 2 * r->n_block;
    enum sq_dtype t = r->type;
    size_t stream = r->half * (size_t)C;
    sq_from_float(t, d_scores, r->g_scores, r->full * (size_t)r->layer[last + 2].out);
    conv_gradient(r, last + 2, r->head, r->hidden, r->g_scores, gradient);
    sq_conv_backward_data(r->head, r->packed[last + 2], r->g_scores, r->g_hidden);
    sq_silu_backward(t, r->pre, r->g_hidden, r->full * (size_t)H);
    conv_gradient(r, last + 1, r->fullconv, r->wide, r->g_hidden, gradient);
    sq_conv_backward_data(r->fullconv, r->packed[last + 1], r->g_hidden, r->g_wide);
    sq_depth_to_space_backward(t, r->g_wide, r->g_neck, r->n, r->h, r->w, U, sq_net_features(&r->shape));
    conv_gradient(r, last, r->neck, r->neck_a, r->g_neck, gradient);
    sq_conv_backward_data(r->neck, r->packed[last], r->g_neck, r->g_half);
    memset(r->dx, 0, stream * sizeof *r->dx);
    sq_norm_backward(t, r->g_half, r->neck_a, r->neck_rstd, r->dx, r->half, C);
    for (int b = r->n_block - 1; b >= 0; b--) {
        struct block *k = &r->block[b];
        sq_from_float(t, r->dx, r->g_half, stream);
        conv_gradient(r, 2 + 2 * b, r->dense, k->v, r->g_half, gradient);
        sq_conv_backward_data(r->dense, r->packed[2 + 2 * b], r->g_half, r->g_half2);
        sq_silu_backward(t, k->u, r->g_half2, stream);
        conv_gradient(r, 1 + 2 * b, k->dilated, k->a, r->g_half2, gradient);
        sq_conv_backward_data(k->dilated, r->packed[1 + 2 * b], r->g_half2, r->g_half);
        sq_norm_backward(t, r->g_half, k->a, k->rstd, r->dx, r->half, C);
    }
    sq_from_float(t, r->dx, r->g_half, stream);
    conv_gradient(r, 0, r->stem, r->input, r->g_half, gradient);
}
