/* The oneDNN backend. Activations are plain nhwc, by tag, always: blocked layouts or `any` fall back to
 * implementations up to a thousand times slower once a convolution is dilated. Forward is always "inference":
 * a convolution keeps nothing for its gradient. The gradient of x is the forward convolution of dy with the
 * weights turned by 180 degrees and transposed, which is fast at every dilation where oneDNN 2.6's own is
 * not. */
#include "kernels_dnnl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PACKINGS 16

/* Plans of one (in, out, kernel) may want different memory layouts of the same weights, by image size and
 * processor: each is a packing, and every set of weights of the family is kept in all of them. */
struct packing {
    bool turned;
    struct sq_op reorder; /* from float (out, in, ky, kx), or turned (in, out, ky, kx) */
    size_t bytes;
};

struct sq_family {
    struct sq_family *next;
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
    struct sq_family *family;
    struct weights *next;
    float *plain, *turned, *bias;
    dnnl_memory_t bias_memory;
    struct pack pack[MAX_PACKINGS];
};

/* A forward convolution, of x or of dy. Where oneDNN is slow because a dilation's padding is wider than its vectors (2.6 without
 * AVX-512), the image is put into a margin of zeros first, and the primitive pads nothing. */
struct pass {
    struct sq_op op;
    int packing;
    struct sq_conv_shape shape;
    int margin; /* cells; 0: the primitive pads */
    size_t at_scratch; /* in the arena, behind the image with its margin */
};

struct conv {
    struct sq_conv base;
    struct sq_family *family;
    struct pass forward, backward;
    struct sq_dw dw;
};

/* ---- small things ------------------------------------------------------------------------------------- */

static dnnl_status_t take(void *ret, size_t bytes)
{
    void *p = aligned_alloc(64, sq_engine_round(bytes ? bytes : 1));
    if (!p)
        return dnnl_out_of_memory;
    memset(p, 0, bytes);
    memcpy(ret, &p, sizeof p);
    return dnnl_success;
}

dnnl_status_t sq_engine_need(struct sq_engine *k, size_t bytes)
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

/* An instruction set includes the bits of those it extends. */
static bool supports(dnnl_cpu_isa_t isa)
{
    return (dnnl_get_effective_cpu_isa() & isa) == isa;
}

bool sq_kernels_bf16_fast(void)
{
    return supports(dnnl_cpu_isa_avx512_core_bf16);
}

/* ---- primitives --------------------------------------------------------------------------------------- */

int sq_op_slowness(const_dnnl_primitive_desc_t pd)
{
    const char *name = "ref";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, "ref") ? 2 : strstr(name, "gemm") ? 1 : 0;
}

void sq_op_finish(struct sq_op *o)
{
    dnnl_primitive_destroy(o->primitive);
    for (int i = 0; i < o->args; i++)
        if (i < o->own || o->arg[i].arg == DNNL_ARG_SCRATCHPAD)
            dnnl_memory_destroy(o->arg[i].memory);
    memset(o, 0, sizeof *o);
}

dnnl_status_t sq_op_init(struct sq_op *o, const struct sq_engine *k, const_dnnl_primitive_desc_t pd, int own,
                         int n, const int *ids)
{
    o->own = own;
    o->scratch_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
    dnnl_status_t s = dnnl_primitive_create(&o->primitive, pd);
    for (int i = 0; i < n + (o->scratch_bytes > 0) && !s; i++) {
        int id = i < n ? ids[i] : DNNL_ARG_SCRATCHPAD;
        o->arg[o->args++].arg = id;
        if (i < own || id == DNNL_ARG_SCRATCHPAD)
            s = dnnl_memory_create(&o->arg[i].memory,
                                   dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, id), k->engine,
                                   DNNL_MEMORY_NONE);
    }
    return s;
}

dnnl_status_t sq_op_init_reorder(struct sq_op *o, const struct sq_engine *k, desc_view from, desc_view to)
{
    const int ids[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, from, k->engine, to, k->engine, k->plain);
    if (!s)
        s = sq_op_init(o, k, pd, 2, 2, ids);
    dnnl_primitive_desc_destroy(pd);
    return s;
}

desc_view sq_op_view(const struct sq_op *o, int i)
{
    desc_view v = NULL;
    dnnl_status_t s = dnnl_memory_get_memory_desc(o->arg[i].memory, &v);
    assert(s == dnnl_success);
    return v;
}

size_t sq_op_bytes(const struct sq_op *o, int i)
{
    return dnnl_memory_desc_get_size(sq_op_view(o, i));
}

void sq_op_bind(struct sq_op *o, int i, const void *data)
{
    void *p;
    memcpy(&p, &data, sizeof p); /* oneDNN takes inputs and outputs alike */
    dnnl_status_t s = dnnl_memory_set_data_handle(o->arg[i].memory, p);
    assert(s == dnnl_success);
}

void sq_op_run(struct sq_op *o, const struct sq_engine *k, const void *a, const void *b, void *scratch)
{
    sq_op_bind(o, 0, a);
    sq_op_bind(o, 1, b);
    if (o->scratch_bytes)
        sq_op_bind(o, o->args - 1, scratch);
    dnnl_status_t s = dnnl_primitive_execute(o->primitive, k->stream, o->args, o->arg);
    assert(s == dnnl_success);
    s = dnnl_stream_wait(k->stream);
    assert(s == dnnl_success);
}

/* ---- the engine --------------------------------------------------------------------------------------- */

static void kernels_destroy(struct sq_kernels *base)
{
    struct sq_engine *k = (struct sq_engine *)base;
    for (struct sq_family *f = k->families, *next; f; f = next) {
        assert(!f->members); /* weights go before their kernels */
        next = f->next;
        for (int i = 0; i < f->packings; i++)
            sq_op_finish(&f->packing[i].reorder);
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
    struct sq_engine *k = NULL;
    enum sq_status st = sq_alloc((void **)&k, 1, sizeof *k, "kernels", e);
    if (st)
        return st;
    k->block = supports(dnnl_cpu_isa_avx512_core) ? dnnl_nChw16c : dnnl_nChw8c;
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

static size_t plain_count(const struct sq_family *f)
{
    return (size_t)f->in * (size_t)f->out * (size_t)(f->kernel * f->kernel);
}

static void pack_fill(struct weights *w, int i)
{
    struct packing *p = &w->family->packing[i];
    struct sq_engine *k = (struct sq_engine *)w->base.kernels;
    sq_op_run(&p->reorder, k, p->turned ? w->turned : w->plain, w->pack[i].data, k->arena);
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
        s = dnnl_memory_create(&p->memory, sq_op_view(&as->reorder, 1), engine, p->data);
    return s;
}

/* Adds a packing, also to the weights that exist. */
static dnnl_status_t packing_add(struct sq_engine *k, struct sq_family *f, bool turned, desc_view want)
{
    if (f->packings == MAX_PACKINGS)
        return dnnl_unimplemented;
    const dnnl_dims_t dims = {turned ? f->in : f->out, turned ? f->out : f->in, f->kernel, f->kernel};
    struct descs d = {0};
    struct packing p = {.turned = turned, .bytes = dnnl_memory_desc_get_size(want)};
    desc_view plain = describe(&d, 4, dims, dnnl_f32, dnnl_oihw);
    dnnl_status_t s = d.status ? d.status : sq_op_init_reorder(&p.reorder, k, plain, want);
    if (!s)
        s = sq_engine_need(k, p.reorder.scratch_bytes);
    for (struct weights *w = f->members; w && !s; w = w->next)
        s = pack_init(&w->pack[f->packings], &p, k->engine);
    descs_finish(&d);
    if (s) {
        for (struct weights *w = f->members; w; w = w->next)
            pack_finish(&w->pack[f->packings]);
        sq_op_finish(&p.reorder);
        return s;
    }
    f->packing[f->packings++] = p;
    for (struct weights *w = f->members; w; w = w->next)
        pack_fill(w, f->packings - 1);
    return s;
}

static dnnl_status_t packing_find(struct sq_engine *k, struct sq_family *f, bool turned, desc_view want,
                                  int *ret)
{
    for (int i = 0; i < f->packings; i++) {
        if (f->packing[i].turned == turned &&
            dnnl_memory_desc_equal(sq_op_view(&f->packing[i].reorder, 1), want)) {
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

static dnnl_status_t weights_init(struct weights *w, const struct sq_engine *k)
{
    const struct sq_family *f = w->family;
    const dnnl_dims_t dims = {f->out};
    size_t n = plain_count(f) * sizeof(float);
    struct descs d = {0};
    desc_view bias = describe(&d, 1, dims, dnnl_f32, dnnl_a);
    dnnl_status_t s = take(&w->plain, n);
    if (!s)
        s = take(&w->turned, n);
    if (!s)
        s = take(&w->bias, (size_t)f->out * sizeof(float));
    if (!s)
        s = d.status ? d.status : dnnl_memory_create(&w->bias_memory, bias, k->engine, w->bias);
    for (int i = 0; i < f->packings && !s; i++)
        s = pack_init(&w->pack[i], &f->packing[i], k->engine);
    descs_finish(&d);
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
    dnnl_status_t s = weights_init(w, (const struct sq_engine *)c->kernels);
    if (s) {
        weights_destroy(&w->base);
        return report(s, c, e);
    }
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

/* Of zeros around an image, so that y is as large as x. */
static int padding(const struct sq_conv_shape *s)
{
    return s->kernel / 2 * s->dilation;
}

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

/* Of shape s: x with the weights, or dy with the turned weights (then s has in and out exchanged, and there is no bias). */
static dnnl_status_t describe_pass(dnnl_primitive_desc_t *ret, const struct conv *c, const struct pass *p, bool turned, bool out_f32,
                                   int flags)
{
    const struct sq_engine *k = (const struct sq_engine *)c->base.kernels;
    const struct sq_conv_shape *s = &p->shape;
    const dnnl_dims_t dims_x = {s->n, s->in, s->h + 2 * p->margin, s->w + 2 * p->margin}, dims_y = {s->n, s->out, s->h, s->w},
                      dims_b = {s->out};
    const dnnl_dims_t dims_w = {s->out, s->in, s->kernel, s->kernel};
    const dnnl_dim_t pad = p->margin ? 0 : padding(s), gap = s->dilation - 1;
    const dnnl_dims_t pads = {pad, pad}, gaps = {gap, gap};
    struct descs d = {0};
    desc_view x = describe(&d, 4, dims_x, sq_engine_type(k), dnnl_nhwc);
    desc_view y = describe(&d, 4, dims_y, out_f32 ? dnnl_f32 : sq_engine_type(k), dnnl_nhwc);
    desc_view w = describe(&d, 4, dims_w, sq_engine_type(k), dnnl_format_tag_any);
    desc_view b = describe(&d, 1, dims_b, dnnl_f32, dnnl_a);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st = d.status ? d.status : make_attr(&attr, flags);
    if (!st)
        st = describe_forward(ret, k->engine, dnnl_forward_inference, x, w, turned ? NULL : b, y, gaps, pads, attr);
    dnnl_primitive_attr_destroy(attr);
    descs_finish(&d);
    return st;
}

/* With a margin where that is faster: one that quadruples the image is not. */
static dnnl_status_t choose_pass(dnnl_primitive_desc_t *ret, const struct conv *c, struct pass *p, bool turned, bool out_f32, int flags)
{
    dnnl_primitive_desc_t other = NULL;
    dnnl_status_t st = describe_pass(ret, c, p, turned, out_f32, flags);
    const int m = padding(&p->shape);
    if (st || !sq_op_slowness(*ret) || m == 0 || 2 * m > p->shape.h || 2 * m > p->shape.w)
        return st;
    p->margin = m;
    if (describe_pass(&other, c, p, turned, out_f32, flags) || sq_op_slowness(other) >= sq_op_slowness(*ret)) {
        dnnl_primitive_desc_destroy(other);
        p->margin = 0;
        return dnnl_success;
    }
    dnnl_primitive_desc_destroy(*ret);
    *ret = other;
    return dnnl_success;
}

static size_t margined_bytes(const struct sq_engine *k, const struct pass *p)
{
    const struct sq_conv_shape *s = &p->shape;
    return p->margin ? (size_t)s->n * (size_t)(s->h + 2 * p->margin) * (size_t)(s->w + 2 * p->margin) * (size_t)s->in * sq_engine_element(k)
                     : 0;
}

static dnnl_status_t make_pass(struct conv *c, const struct sq_conv_shape *s, bool turned, bool out_f32, int flags, struct pass *ret)
{
    struct sq_engine *k = (struct sq_engine *)c->base.kernels;
    const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS};
    dnnl_primitive_desc_t pd = NULL;
    ret->shape = *s;
    dnnl_status_t st = choose_pass(&pd, c, ret, turned, out_f32, flags);
    if (!st)
        st = sq_op_init(&ret->op, k, pd, 2, turned ? 3 : 4, ids);
    ret->at_scratch = sq_engine_round(margined_bytes(k, ret));
    if (!st)
        st = sq_engine_need(k, ret->at_scratch + ret->op.scratch_bytes);
    if (!st)
        st = packing_find(k, c->family, turned, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), &ret->packing);
    dnnl_primitive_desc_destroy(pd);
    return st;
}

/* Images (n, h, w, in) into a margin of zeros. */
static void put_margin(const struct pass *p, size_t pixel, const unsigned char *from, unsigned char *to)
{
    const struct sq_conv_shape *s = &p->shape;
    const int m = p->margin, h = s->h + 2 * m;
    const size_t side = (size_t)m * pixel, row = (size_t)s->w * pixel, wide = row + 2 * side;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < s->n * h; i++) {
        unsigned char *at = to + (size_t)i * wide;
        const int y = i % h - m;
        if (y < 0 || y >= s->h) {
            memset(at, 0, wide);
            continue;
        }
        memset(at, 0, side);
        memcpy(at + side, from + ((size_t)(i / h) * (size_t)s->h + (size_t)y) * row, row);
        memset(at + side + row, 0, side);
    }
}

/* Running binds memory objects to data: a plan is constant to its users only. */
static void run_pass(const struct sq_engine *k, struct pass *p, const struct weights *w, const void *x, void *y)
{
    if (p->margin) {
        put_margin(p, (size_t)p->shape.in * sq_engine_element(k), x, k->arena);
        x = k->arena;
    }
    p->op.arg[2].memory = w->pack[p->packing].memory;
    sq_op_run(&p->op, k, x, y, p->op.scratch_bytes ? k->arena + p->at_scratch : NULL); /* without scratch there may be no arena */
}

static void forward(const struct sq_conv *base, const struct sq_conv_weights *weights, const void *x, void *y)
{
    struct conv *c = (struct conv *)base;
    const struct weights *w = (const struct weights *)weights;
    c->forward.op.arg[3].memory = w->bias_memory;
    run_pass((const struct sq_engine *)base->kernels, &c->forward, w, x, y);
}

static void backward_data(const struct sq_conv *base, const struct sq_conv_weights *weights, const void *dy,
                          void *dx)
{
    run_pass((const struct sq_engine *)base->kernels, &((struct conv *)base)->backward, (const struct weights *)weights, dy, dx);
}

static void backward_weights(const struct sq_conv *base, const void *x, const void *dy, float *dw, float *db)
{
    sq_dw_run(&((struct conv *)base)->dw, x, dy, dw, db);
}

/* ---- plans -------------------------------------------------------------------------------------------- */

static struct sq_family *family_of(struct sq_engine *k, const struct sq_conv_shape *s)
{
    for (struct sq_family *f = k->families; f; f = f->next)
        if (f->in == s->in && f->out == s->out && f->kernel == s->kernel)
            return f;
    struct sq_family *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct sq_family){.next = k->families, .in = s->in, .out = s->out, .kernel = s->kernel};
    return k->families = f;
}

static void plan_destroy(struct sq_conv *base)
{
    struct conv *c = (struct conv *)base;
    sq_op_finish(&c->forward.op);
    sq_op_finish(&c->backward.op);
    sq_dw_finish(&c->dw);
    free(c);
}

static dnnl_status_t plan_init(struct conv *c)
{
    struct sq_conv_shape s = c->base.shape;
    int flags = c->base.flags, longest = s.h > s.w ? s.h : s.w;
    s.dilation = s.dilation < longest ? s.dilation : longest; /* beyond, only centre taps see the image */
    c->family = family_of((struct sq_engine *)c->base.kernels, &s);
    if (!c->family)
        return dnnl_out_of_memory;
    dnnl_status_t st = make_pass(c, &s, false, flags & SQ_CONV_OUT_F32, flags, &c->forward);
    if (st || !(flags & SQ_CONV_TRAIN))
        return st;
    struct sq_conv_shape back = s;
    back.in = s.out;
    back.out = s.in;
    st = make_pass(c, &back, true, flags & SQ_CONV_GRAD_F32, 0, &c->backward);
    return st ? st : sq_dw_init(&c->dw, (struct sq_engine *)c->base.kernels, &s);
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
