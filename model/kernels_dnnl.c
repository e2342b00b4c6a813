/* The oneDNN backend. Activations are plain nhwc, by tag, always: blocked layouts or `any` fall back to
 * implementations up to a thousand times slower once a convolution is dilated.
 *
 * - Forward is always "inference": a convolution keeps nothing for its gradient.
 * - The gradient of x is the forward convolution of dy with the weights turned by 180 degrees and transposed,
 *   which is fast at every dilation where oneDNN 2.6's own is not.
 * - The gradient of the weights is fast at moderate dilation only. Beyond, the image is taken apart into the
 *   d x d grids of every d-th pixel, on which the convolution is dense. Where the dilation reaches the image's
 *   height or width the outer rows or columns of taps see nothing but padding and are left out. The choice is
 *   by rule and never by timing, which would make two runs differ. */
#include "dnnl_compat.h"
#include "kernels_backend.h"

#include <assert.h>
#include <stdlib.h>

#define MAX_PACKINGS 16

/* A primitive and its memory objects, bound to data at each run. Weights and bias are lent by struct weights. */
struct op {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arg[5];
    int args;
    size_t scratch_bytes;
};

/* Plans of one (in, out, kernel) may want different memory layouts of the same weights, by image size and
 * processor: each is a packing, and every set of weights of the family is kept in all of them. */
struct packing {
    bool turned;
    struct op reorder; /* from float (out, in, ky, kx), or turned (in, out, ky, kx) */
    size_t bytes;
};

struct family {
    struct family *next;
    int in, out, kernel;
    struct packing packing[MAX_PACKINGS];
    int packings;
    struct weights *members;
};

struct pack {
    void *data;
    dnnl_memory_t memory;
};

struct weights {
    struct sq_conv_weights base;
    struct family *family;
    struct weights *next;
    float *plain, *turned, *bias;
    dnnl_memory_t bias_memory;
    struct pack pack[MAX_PACKINGS];
};

/* The gradient of the weights: what is done to x and dy before the primitive and to dw after it. */
struct weights_pass {
    struct op op, collect; /* collect: the primitive's layout -> dw */
    bool blocked, split;
    struct op block_x, block_dy;
    int tap_h, tap_w;   /* taps that see the image: 1 or 3 */
    int grid_h, grid_w; /* grids the image is split into */
    size_t at_x, at_dy, at_dw, at_scratch; /* in the arena */
    size_t dw_offset;
};

struct conv {
    struct sq_conv base;
    struct family *family;
    struct op forward, backward;
    int forward_packing, backward_packing;
    struct weights_pass pass;
};

struct dnnl_kernels {
    struct sq_kernels base;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t plain; /* scratchpad is ours */
    dnnl_format_tag_t block;     /* the blocked layout of this processor's vectors */
    struct family *families;
    unsigned char *arena; /* scratch of the largest plan; plans run one at a time */
    size_t arena_bytes;
};

/* ---- small things ------------------------------------------------------------------------------------- */

static size_t round_up(size_t n)
{
    return (n + 63) / 64 * 64;
}

static dnnl_status_t take(void *ret, size_t bytes)
{
    void *p = aligned_alloc(64, round_up(bytes ? bytes : 1));
    if (!p)
        return dnnl_out_of_memory;
    memcpy(ret, &p, sizeof p);
    return dnnl_success;
}

static dnnl_status_t need_arena(struct dnnl_kernels *k, size_t bytes)
{
    if (bytes <= k->arena_bytes)
        return dnnl_success;
    unsigned char *bigger;
    dnnl_status_t s = take(&bigger, bytes);
    if (s)
        return s;
    free(k->arena);
    k->arena = bigger;
    k->arena_bytes = bytes;
    return dnnl_success;
}

static enum sq_status report(dnnl_status_t s, const struct sq_conv *c, struct sq_err *e)
{
    if (!s)
        return SQ_OK;
    const struct sq_conv_shape *p = &c->shape;
    const char *type = c->kernels->dtype == SQ_BF16 ? "bfloat16" : "float";
    const char *why = s == dnnl_out_of_memory ? "out of memory"
                      : s == dnnl_unimplemented && c->kernels->dtype == SQ_BF16
                          ? "oneDNN has none for this processor, use float"
                          : "refused by oneDNN";
    return sq_fail(e, SQ_FAILED, "%s convolution %dx%d, %d to %d channels, %d images of %dx%d: %s (%d)", type,
                   p->kernel, p->kernel, p->in, p->out, p->n, p->h, p->w, why, (int)s);
}

bool sq_kernels_bf16_fast(void)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa(), bf16 = dnnl_cpu_isa_avx512_core_bf16;
    return (isa & bf16) == bf16;
}

/* ---- primitives --------------------------------------------------------------------------------------- */

static bool lent(int arg)
{
    return arg == DNNL_ARG_WEIGHTS || arg == DNNL_ARG_BIAS;
}

static void op_finish(struct op *o)
{
    dnnl_primitive_destroy(o->primitive);
    for (int i = 0; i < o->args; i++)
        if (!lent(o->arg[i].arg))
            dnnl_memory_destroy(o->arg[i].memory);
    memset(o, 0, sizeof *o);
}

/* The arguments are `ids` in this order, then the scratchpad if there is one. */
static dnnl_status_t op_init(struct op *o, const struct dnnl_kernels *k, const_dnnl_primitive_desc_t pd, int n,
                             const int *ids)
{
    o->scratch_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
    dnnl_status_t s = dnnl_primitive_create(&o->primitive, pd);
    for (int i = 0; i < n + (o->scratch_bytes > 0) && !s; i++) {
        int id = i < n ? ids[i] : DNNL_ARG_SCRATCHPAD;
        o->arg[o->args++].arg = id;
        if (!lent(id))
            s = dnnl_memory_create(&o->arg[i].memory,
                                   dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, id), k->engine,
                                   DNNL_MEMORY_NONE);
    }
    return s;
}

static void bind(dnnl_memory_t m, const void *data)
{
    void *p;
    memcpy(&p, &data, sizeof p); /* oneDNN takes inputs and outputs alike */
    dnnl_status_t s = dnnl_memory_set_data_handle(m, p);
    assert(s == dnnl_success);
}

/* Runs on a and b as the first two arguments. */
static void op_run(struct op *o, const struct dnnl_kernels *k, const void *a, const void *b, void *scratch)
{
    bind(o->arg[0].memory, a);
    bind(o->arg[1].memory, b);
    if (o->scratch_bytes)
        bind(o->arg[o->args - 1].memory, scratch);
    dnnl_status_t s = dnnl_primitive_execute(o->primitive, k->stream, o->args, o->arg);
    assert(s == dnnl_success);
    s = dnnl_stream_wait(k->stream);
    assert(s == dnnl_success);
}

static desc_view view_of(dnnl_memory_t m)
{
    desc_view v = NULL;
    dnnl_status_t s = dnnl_memory_get_memory_desc(m, &v);
    assert(s == dnnl_success);
    return v;
}

static dnnl_status_t make_reorder(struct op *o, const struct dnnl_kernels *k, desc_view from, desc_view to)
{
    const int ids[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, from, k->engine, to, k->engine, k->plain);
    if (!s)
        s = op_init(o, k, pd, 2, ids);
    dnnl_primitive_desc_destroy(pd);
    return s;
}

/* ---- the engine --------------------------------------------------------------------------------------- */

static void kernels_destroy(struct sq_kernels *base)
{
    struct dnnl_kernels *k = (struct dnnl_kernels *)base;
    for (struct family *f = k->families, *next; f; f = next) {
        assert(!f->members); /* weights go before their kernels */
        next = f->next;
        for (int i = 0; i < f->packings; i++)
            op_finish(&f->packing[i].reorder);
        free(f);
    }
    dnnl_primitive_attr_destroy(k->plain);
    dnnl_stream_destroy(k->stream);
    dnnl_engine_destroy(k->engine);
    free(k->arena);
    free(k);
}

static enum sq_status kernels_create(struct sq_kernels **ret, struct sq_err *e)
{
    struct dnnl_kernels *k = NULL;
    enum sq_status st = sq_alloc((void **)&k, 1, sizeof *k, "kernels", e);
    if (st)
        return st;
    k->block = dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core & ~dnnl_cpu_isa_avx2 ? dnnl_nChw16c
                                                                                             : dnnl_nChw8c;
    dnnl_status_t s = dnnl_engine_create(&k->engine, dnnl_cpu, 0);
    if (!s)
        s = dnnl_stream_create(&k->stream, k->engine, dnnl_stream_default_flags);
    if (!s)
        s = dnnl_primitive_attr_create(&k->plain);
    if (!s)
        s = dnnl_primitive_attr_set_scratchpad_mode(k->plain, dnnl_scratchpad_mode_user);
    if (s) {
        kernels_destroy(&k->base);
        return sq_fail(e, SQ_FAILED, "oneDNN does not start (%d)", (int)s);
    }
    *ret = &k->base;
    return SQ_OK;
}

/* ---- weights ------------------------------------------------------------------------------------------ */

static size_t plain_count(const struct family *f)
{
    return (size_t)f->in * (size_t)f->out * (size_t)(f->kernel * f->kernel);
}

static void pack_fill(struct weights *w, int i)
{
    struct packing *p = &w->family->packing[i];
    struct dnnl_kernels *k = (struct dnnl_kernels *)w->base.kernels;
    op_run(&p->reorder, k, p->turned ? w->turned : w->plain, w->pack[i].data, k->arena);
}

static void pack_finish(struct pack *p)
{
    dnnl_memory_destroy(p->memory);
    free(p->data);
    memset(p, 0, sizeof *p);
}

static dnnl_status_t pack_init(struct pack *p, const struct packing *as, dnnl_engine_t engine)
{
    dnnl_status_t s = take(&p->data, as->bytes);
    if (!s)
        s = dnnl_memory_create(&p->memory, view_of(as->reorder.arg[1].memory), engine, p->data);
    return s;
}

/* The float (out, in, ky, kx) layout, or (in, out, ky, kx) when turned. */
static dnnl_status_t describe_plain(struct desc *d, const struct family *f, bool turned)
{
    const dnnl_dims_t dims = {turned ? f->in : f->out, turned ? f->out : f->in, f->kernel, f->kernel};
    return desc_by_tag(d, 4, dims, dnnl_f32, dnnl_oihw);
}

/* Adds a packing, also to the weights that exist. */
static dnnl_status_t packing_add(struct dnnl_kernels *k, struct family *f, bool turned, desc_view want)
{
    if (f->packings == MAX_PACKINGS)
        return dnnl_unimplemented;
    struct desc plain = {0};
    struct packing p = {.turned = turned, .bytes = dnnl_memory_desc_get_size(want)};
    dnnl_status_t s = describe_plain(&plain, f, turned);
    if (!s)
        s = make_reorder(&p.reorder, k, view(&plain), want);
    if (!s)
        s = need_arena(k, p.reorder.scratch_bytes);
    for (struct weights *w = f->members; w && !s; w = w->next)
        s = pack_init(&w->pack[f->packings], &p, k->engine);
    desc_finish(&plain);
    if (s) {
        for (struct weights *w = f->members; w; w = w->next)
            pack_finish(&w->pack[f->packings]);
        op_finish(&p.reorder);
        return s;
    }
    f->packing[f->packings++] = p;
    for (struct weights *w = f->members; w; w = w->next)
        pack_fill(w, f->packings - 1);
    return s;
}

static dnnl_status_t packing_find(struct dnnl_kernels *k, struct family *f, bool turned, desc_view want, int *ret)
{
    for (int i = 0; i < f->packings; i++) {
        if (f->packing[i].turned == turned &&
            dnnl_memory_desc_equal(view_of(f->packing[i].reorder.arg[1].memory), want)) {
            *ret = i;
            return dnnl_success;
        }
    }
    *ret = f->packings;
    return packing_add(k, f, turned, want);
}

static void weights_destroy(struct sq_conv_weights *base)
{
    struct weights *w = (struct weights *)base;
    for (struct weights **at = &w->family->members; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    for (int i = 0; i < MAX_PACKINGS; i++)
        pack_finish(&w->pack[i]);
    dnnl_memory_destroy(w->bias_memory);
    free(w->plain);
    free(w->turned);
    free(w->bias);
    free(w);
}

static dnnl_status_t weights_init(struct weights *w, const struct dnnl_kernels *k)
{
    const struct family *f = w->family;
    const dnnl_dims_t dims = {f->out};
    size_t n = plain_count(f) * sizeof(float);
    struct desc bias = {0};
    dnnl_status_t s = take(&w->plain, n);
    if (!s)
        s = take(&w->turned, n);
    if (!s)
        s = take(&w->bias, (size_t)f->out * sizeof(float));
    if (!s)
        s = desc_by_tag(&bias, 1, dims, dnnl_f32, dnnl_a);
    if (!s)
        s = dnnl_memory_create(&w->bias_memory, view(&bias), k->engine, w->bias);
    desc_finish(&bias);
    for (int i = 0; i < f->packings && !s; i++)
        s = pack_init(&w->pack[i], &f->packing[i], k->engine);
    return s;
}

static enum sq_status weights_create(const struct sq_conv *c, struct sq_conv_weights **ret, struct sq_err *e)
{
    struct weights *w = NULL;
    enum sq_status st = sq_alloc((void **)&w, 1, sizeof *w, "convolution weights", e);
    if (st)
        return st;
    w->base.kernels = c->kernels;
    w->family = ((const struct conv *)c)->family;
    dnnl_status_t s = weights_init(w, (const struct dnnl_kernels *)c->kernels);
    if (s) {
        weights_destroy(&w->base);
        return report(s, c, e);
    }
    memset(w->plain, 0, plain_count(w->family) * sizeof(float)); /* packed when a plan wants another packing */
    memset(w->turned, 0, plain_count(w->family) * sizeof(float));
    w->next = w->family->members;
    w->family->members = w;
    *ret = &w->base;
    return SQ_OK;
}

static void weights_load(struct sq_conv_weights *base, const float *weight, const float *bias)
{
    struct weights *w = (struct weights *)base;
    size_t in = (size_t)w->family->in, out = (size_t)w->family->out;
    size_t taps = (size_t)(w->family->kernel * w->family->kernel);
    memcpy(w->bias, bias, out * sizeof *bias);
    memcpy(w->plain, weight, in * out * taps * sizeof *weight);
    for (size_t o = 0; o < out; o++)
        for (size_t c = 0; c < in; c++)
            for (size_t t = 0; t < taps; t++)
                w->turned[(c * out + o) * taps + taps - 1 - t] = weight[(o * in + c) * taps + t];
    for (int i = 0; i < w->family->packings; i++)
        pack_fill(w, i);
}

/* ---- forward, and the gradient of x ------------------------------------------------------------------- */

static dnnl_status_t make_attr(dnnl_primitive_attr_t *ret, int flags)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t s = dnnl_primitive_attr_create(ret);
    if (!s)
        s = dnnl_primitive_attr_set_scratchpad_mode(*ret, dnnl_scratchpad_mode_user);
    if (!s)
        s = dnnl_post_ops_create(&ops);
    if (!s && (flags & SQ_CONV_SILU))
        s = append_silu(ops);
    if (!s && (flags & SQ_CONV_ADD))
        s = append_add(ops);
    if (!s)
        s = dnnl_primitive_attr_set_post_ops(*ret, ops);
    dnnl_post_ops_destroy(ops);
    return s;
}

/* A forward convolution of shape s: of x with the weights, or of dy with the turned weights (then s has in
 * and out exchanged, and there is no bias). */
static dnnl_status_t make_forward(struct conv *c, const struct sq_conv_shape *s, bool turned, bool out_f32, int flags,
                                  struct op *o, int *ret_packing)
{
    struct dnnl_kernels *k = (struct dnnl_kernels *)c->base.kernels;
    dnnl_data_type_t t = k->base.dtype == SQ_BF16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t dx = {s->n, s->in, s->h, s->w}, dy = {s->n, s->out, s->h, s->w};
    const dnnl_dims_t dw = {s->out, s->in, s->kernel, s->kernel}, db = {s->out};
    const dnnl_dim_t pad = (dnnl_dim_t)(s->kernel / 2) * s->dilation, gap = s->dilation - 1;
    const dnnl_dims_t pads = {pad, pad}, gaps = {gap, gap};
    const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS};
    struct desc x = {0}, y = {0}, w = {0}, b = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = make_attr(&attr, flags);
    if (!st)
        st = desc_by_tag(&x, 4, dx, t, dnnl_nhwc);
    if (!st)
        st = desc_by_tag(&y, 4, dy, out_f32 ? dnnl_f32 : t, dnnl_nhwc);
    if (!st)
        st = desc_by_tag(&w, 4, dw, t, dnnl_format_tag_any);
    if (!st)
        st = desc_by_tag(&b, 1, db, dnnl_f32, dnnl_a);
    if (!st)
        st = describe_forward(&pd, k->engine, dnnl_forward_inference, view(&x), view(&w), turned ? NULL : view(&b),
                              view(&y), gaps, pads, attr);
    if (!st)
        st = op_init(o, k, pd, turned ? 3 : 4, ids);
    if (!st)
        st = need_arena(k, o->scratch_bytes);
    if (!st)
        st = packing_find(k, c->family, turned, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0),
                          ret_packing);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    desc_finish(&x);
    desc_finish(&y);
    desc_finish(&w);
    desc_finish(&b);
    return st;
}

/* Running binds memory objects to data: a plan is constant to its users only. */
static void forward(const struct sq_conv *base, const struct sq_conv_weights *weights, const void *x, void *y)
{
    struct conv *c = (struct conv *)base;
    const struct weights *w = (const struct weights *)weights;
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)base->kernels;
    c->forward.arg[2].memory = w->pack[c->forward_packing].memory;
    c->forward.arg[3].memory = w->bias_memory;
    op_run(&c->forward, k, x, y, k->arena);
}

static void backward_data(const struct sq_conv *base, const struct sq_conv_weights *weights, const void *dy, void *dx)
{
    struct conv *c = (struct conv *)base;
    const struct weights *w = (const struct weights *)weights;
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)base->kernels;
    c->backward.arg[2].memory = w->pack[c->backward_packing].memory;
    op_run(&c->backward, k, dy, dx, k->arena);
}

/* ---- the gradient of the weights ---------------------------------------------------------------------- */

static void pass_finish(struct weights_pass *p)
{
    op_finish(&p->op);
    op_finish(&p->collect);
    op_finish(&p->block_x);
    op_finish(&p->block_dy);
}

/* From the primitive's layout to the taps' places in dw (out, in, ky, kx). */
static dnnl_status_t make_collect(struct weights_pass *p, const struct conv *c)
{
    const struct sq_conv_shape *s = &c->base.shape;
    const dnnl_dim_t taps = (dnnl_dim_t)s->kernel * s->kernel;
    const dnnl_dims_t dims = {s->out, s->in, p->tap_h, p->tap_w}, strides = {s->in * taps, taps, s->kernel, 1};
    struct desc dw = {0};
    dnnl_status_t st = desc_by_strides(&dw, 4, dims, dnnl_f32, strides);
    if (!st)
        st = make_reorder(&p->collect, (const struct dnnl_kernels *)c->base.kernels,
                          view_of(p->op.arg[2].memory), view(&dw));
    desc_finish(&dw);
    return st;
}

/* Every description that the primitive needs, in the layout `tag`. */
static dnnl_status_t describe_pass(dnnl_primitive_desc_t *ret, const struct conv *c, const struct weights_pass *p,
                                   dnnl_format_tag_t tag)
{
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)c->base.kernels;
    const struct sq_conv_shape *s = &c->base.shape;
    dnnl_data_type_t t = k->base.dtype == SQ_BF16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dim_t n = (dnnl_dim_t)s->n * p->grid_h * p->grid_w;
    const dnnl_dim_t h = (s->h + p->grid_h - 1) / p->grid_h, w = (s->w + p->grid_w - 1) / p->grid_w;
    const dnnl_dim_t d_h = p->split || p->tap_h == 1 ? 1 : s->dilation, d_w = p->split || p->tap_w == 1 ? 1 : s->dilation;
    const dnnl_dims_t dims_x = {n, s->in, h, w}, dims_y = {n, s->out, h, w}, dims_b = {s->out};
    const dnnl_dims_t dims_w = {s->out, s->in, p->tap_h, p->tap_w};
    const dnnl_dims_t gaps = {d_h - 1, d_w - 1}, pads = {p->tap_h / 2 * d_h, p->tap_w / 2 * d_w};
    struct desc x = {0}, dy = {0}, wt = {0}, dw = {0}, db = {0};
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t st = desc_by_tag(&x, 4, dims_x, t, tag);
    if (!st)
        st = desc_by_tag(&dy, 4, dims_y, t, tag);
    if (!st)
        st = desc_by_tag(&wt, 4, dims_w, t, dnnl_format_tag_any);
    if (!st)
        st = desc_by_tag(&dw, 4, dims_w, dnnl_f32, dnnl_format_tag_any);
    if (!st)
        st = desc_by_tag(&db, 1, dims_b, dnnl_f32, dnnl_a);
    if (!st)
        st = describe_forward(&hint, k->engine, dnnl_forward_training, view(&x), view(&wt), view(&db), view(&dy),
                              gaps, pads, k->plain);
    if (!st)
        st = describe_weights(ret, k->engine, view(&x), view(&dw), view(&db), view(&dy), gaps, pads, hint, k->plain);
    dnnl_primitive_desc_destroy(hint);
    desc_finish(&x);
    desc_finish(&dy);
    desc_finish(&wt);
    desc_finish(&dw);
    desc_finish(&db);
    return st;
}

/* How slow an implementation is, by its name: 0 fast, 1 gemm, 2 reference. */
static int slowness(const_dnnl_primitive_desc_t pd)
{
    const char *name = "ref";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, "ref") ? 2 : strstr(name, "gemm") ? 1 : 0;
}

/* Reorders of x and dy to the blocked layout of the primitive, from plain nhwc. */
static dnnl_status_t make_blocking(struct weights_pass *p, const struct conv *c)
{
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)c->base.kernels;
    const struct sq_conv_shape *s = &c->base.shape;
    dnnl_data_type_t t = k->base.dtype == SQ_BF16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t dims_x = {s->n, s->in, s->h, s->w}, dims_y = {s->n, s->out, s->h, s->w};
    struct desc x = {0}, dy = {0};
    dnnl_status_t st = desc_by_tag(&x, 4, dims_x, t, dnnl_nhwc);
    if (!st)
        st = desc_by_tag(&dy, 4, dims_y, t, dnnl_nhwc);
    if (!st)
        st = make_reorder(&p->block_x, k, view(&x), view_of(p->op.arg[0].memory));
    if (!st)
        st = make_reorder(&p->block_dy, k, view(&dy), view_of(p->op.arg[1].memory));
    desc_finish(&x);
    desc_finish(&dy);
    return st;
}

/* Tries one way; refuses (unimplemented) implementations slower than `most`. */
static dnnl_status_t try_pass(struct weights_pass *p, const struct conv *c, bool split, bool blocked, int most)
{
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)c->base.kernels;
    const struct sq_conv_shape *s = &c->base.shape;
    const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS};
    p->split = split;
    p->blocked = blocked;
    p->tap_h = s->dilation < s->h ? s->kernel : 1;
    p->tap_w = s->dilation < s->w ? s->kernel : 1;
    p->grid_h = split && p->tap_h > 1 ? s->dilation : 1;
    p->grid_w = split && p->tap_w > 1 ? s->dilation : 1;
    p->dw_offset = (size_t)((s->kernel - p->tap_h) / 2 * s->kernel + (s->kernel - p->tap_w) / 2);
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = describe_pass(&pd, c, p, blocked ? k->block : dnnl_nhwc);
    if (!st && slowness(pd) > most)
        st = dnnl_unimplemented;
    if (!st)
        st = op_init(&p->op, k, pd, 4, ids);
    if (!st)
        st = make_collect(p, c);
    if (!st && blocked)
        st = make_blocking(p, c);
    dnnl_primitive_desc_destroy(pd);
    if (st)
        pass_finish(p);
    return st;
}

/* Whether a dilation is in reach of the direct kernels along an axis: beyond a quarter of the image (and 16
 * in float) they fall back to gemm, or lose to splitting. Measured with oneDNN 2.6.3 and 3.7.2. */
static bool direct(const struct sq_conv_shape *s, int length, bool bf16)
{
    int most = bf16 || length / 4 < 16 ? length / 4 : 16;
    return s->kernel == 1 || s->dilation == 1 || s->dilation >= length || s->dilation <= most;
}

static dnnl_status_t choose_pass(struct conv *c)
{
    const struct sq_conv_shape *s = &c->base.shape;
    bool bf16 = c->base.kernels->dtype == SQ_BF16;
    bool split = !direct(s, s->h, bf16) || !direct(s, s->w, bf16);
    const struct {
        bool split, blocked;
    } beyond[] = {{true, false}, {false, false}, {false, true}}, near_f32[] = {{false, true}, {false, false}, {true, false}},
      near_bf16[] = {{false, false}, {false, true}, {true, false}}, *way = split ? beyond : bf16 ? near_bf16 : near_f32;
    dnnl_status_t st = dnnl_unimplemented;
    for (int most = 0; most <= 2 && st == dnnl_unimplemented; most++)
        for (int i = 0; i < 3 && st == dnnl_unimplemented; i++)
            st = try_pass(&c->pass, c, way[i].split, way[i].blocked, most);
    return st;
}

/* Places in the arena, one after the other. */
static dnnl_status_t place_pass(struct conv *c)
{
    struct weights_pass *p = &c->pass;
    bool copies = p->split || p->blocked;
    size_t x = copies ? dnnl_memory_desc_get_size(view_of(p->op.arg[0].memory)) : 0;
    size_t dy = copies ? dnnl_memory_desc_get_size(view_of(p->op.arg[1].memory)) : 0;
    p->at_x = 0;
    p->at_dy = p->at_x + round_up(x);
    p->at_dw = p->at_dy + round_up(dy);
    p->at_scratch = p->at_dw + round_up(dnnl_memory_desc_get_size(view_of(p->op.arg[2].memory)));
    size_t scratch = p->op.scratch_bytes;
    const struct op *others[] = {&p->collect, &p->block_x, &p->block_dy};
    for (int i = 0; i < 3; i++)
        if (others[i]->scratch_bytes > scratch)
            scratch = others[i]->scratch_bytes;
    return need_arena((struct dnnl_kernels *)c->base.kernels, p->at_scratch + scratch);
}

/* (n, h, w, pixel) -> (n, grid_h, grid_w, ceil(h / grid_h), ceil(w / grid_w), pixel), zero beyond the edge. */
static void split_image(const struct weights_pass *p, const struct sq_conv_shape *s, size_t pixel, const void *from,
                        void *to)
{
    int gh = p->grid_h, gw = p->grid_w, h = (s->h + gh - 1) / gh, w = (s->w + gw - 1) / gw;
#pragma omp parallel for schedule(static)
    for (int g = 0; g < s->n * gh * gw; g++) {
        int n = g / (gh * gw), a = g / gw % gh, b = g % gw;
        unsigned char *out = (unsigned char *)to + (size_t)g * (size_t)h * (size_t)w * pixel;
        for (int i = a; i < a + h * gh; i += gh) {
            const unsigned char *row =
                (const unsigned char *)from + ((size_t)n * (size_t)s->h + (size_t)i) * (size_t)s->w * pixel;
            for (int j = b; j < b + w * gw; j += gw, out += pixel) {
                if (i < s->h && j < s->w)
                    memcpy(out, row + (size_t)j * pixel, pixel);
                else
                    memset(out, 0, pixel);
            }
        }
    }
}

static void backward_weights(const struct sq_conv *base, const void *x, const void *dy, float *dw, float *db)
{
    struct conv *c = (struct conv *)base;
    struct weights_pass *p = &c->pass;
    const struct dnnl_kernels *k = (const struct dnnl_kernels *)base->kernels;
    const struct sq_conv_shape *s = &base->shape;
    size_t element = k->base.dtype == SQ_BF16 ? 2 : 4;
    unsigned char *scratch = k->arena + p->at_scratch;
    if (p->split) {
        split_image(p, s, (size_t)s->in * element, x, k->arena + p->at_x);
        split_image(p, s, (size_t)s->out * element, dy, k->arena + p->at_dy);
    } else if (p->blocked) {
        op_run(&p->block_x, k, x, k->arena + p->at_x, scratch);
        op_run(&p->block_dy, k, dy, k->arena + p->at_dy, scratch);
    }
    if (p->split || p->blocked) {
        x = k->arena + p->at_x;
        dy = k->arena + p->at_dy;
    }
    bind(p->op.arg[2].memory, k->arena + p->at_dw);
    bind(p->op.arg[3].memory, db);
    op_run(&p->op, k, x, dy, scratch);
    if (p->tap_h < s->kernel || p->tap_w < s->kernel)
        memset(dw, 0, plain_count(c->family) * sizeof *dw);
    op_run(&p->collect, k, k->arena + p->at_dw, dw + p->dw_offset, scratch);
}

/* ---- plans -------------------------------------------------------------------------------------------- */

static struct family *family_of(struct dnnl_kernels *k, const struct sq_conv_shape *s)
{
    for (struct family *f = k->families; f; f = f->next)
        if (f->in == s->in && f->out == s->out && f->kernel == s->kernel)
            return f;
    struct family *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct family){.next = k->families, .in = s->in, .out = s->out, .kernel = s->kernel};
    return k->families = f;
}

static void plan_destroy(struct sq_conv *base)
{
    struct conv *c = (struct conv *)base;
    op_finish(&c->forward);
    op_finish(&c->backward);
    pass_finish(&c->pass);
    free(c);
}

static dnnl_status_t plan_init(struct conv *c)
{
    const struct sq_conv_shape *s = &c->base.shape;
    int flags = c->base.flags;
    c->family = family_of((struct dnnl_kernels *)c->base.kernels, s);
    if (!c->family)
        return dnnl_out_of_memory;
    dnnl_status_t st = make_forward(c, s, false, flags & SQ_CONV_OUT_F32, flags, &c->forward, &c->forward_packing);
    if (st || !(flags & SQ_CONV_TRAIN))
        return st;
    struct sq_conv_shape back = *s;
    back.in = s->out;
    back.out = s->in;
    st = make_forward(c, &back, true, flags & SQ_CONV_GRAD_F32, 0, &c->backward, &c->backward_packing);
    if (!st)
        st = choose_pass(c);
    return st ? st : place_pass(c);
}

static enum sq_status plan_create(const struct sq_conv *want, struct sq_conv **ret, struct sq_err *e)
{
    struct conv *c = NULL;
    enum sq_status st = sq_alloc((void **)&c, 1, sizeof *c, "a convolution plan", e);
    if (st)
        return st;
    c->base = *want;
    dnnl_status_t s = plan_init(c);
    if (s) {
        plan_destroy(&c->base);
        return report(s, want, e);
    }
    *ret = &c->base;
    return SQ_OK;
}

const struct sq_backend_verbs sq_backend_dnnl = {
    kernels_create, kernels_destroy, plan_create, plan_destroy,  weights_create,
    weights_load,   weights_destroy, forward,     backward_data, backward_weights,
};
