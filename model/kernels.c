/* The door to the kernels: checks shapes, keeps the plans, and holds the plain C backend, which is the
 * specification: sums in double, rounded once. */
#include "kernels_backend.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* ---- the reference backend ---------------------------------------------------------------------------- */

struct ref_weights {
    struct sq_conv_weights base;
    struct sq_conv_shape shape;
    float *bias;
    float weight[];
};

static double load(enum sq_dtype t, const void *p, size_t i)
{
    return t == SQ_BF16 ? (double)sq_bf16_float(((const uint16_t *)p)[i]) : (double)((const float *)p)[i];
}

static void store(enum sq_dtype t, void *p, size_t i, double v)
{
    if (t == SQ_BF16)
        ((uint16_t *)p)[i] = sq_float_bf16((float)v);
    else
        ((float *)p)[i] = (float)v;
}

static enum sq_status ref_create(struct sq_kernels **ret, struct sq_err *e)
{
    return sq_alloc((void **)ret, 1, sizeof **ret, "kernels", e);
}

static void ref_destroy(struct sq_kernels *k)
{
    free(k);
}

static enum sq_status ref_plan_create(const struct sq_conv *c, struct sq_conv **ret, struct sq_err *e)
{
    enum sq_status s = sq_alloc((void **)ret, 1, sizeof **ret, "a convolution plan", e);
    if (!s)
        **ret = *c;
    return s;
}

static void ref_plan_destroy(struct sq_conv *c)
{
    free(c);
}

static size_t weight_count(const struct sq_conv_shape *s)
{
    return (size_t)s->out * (size_t)s->in * (size_t)(s->kernel * s->kernel);
}

static enum sq_status ref_weights_create(const struct sq_conv *c, struct sq_conv_weights **ret,
                                         struct sq_err *e)
{
    struct ref_weights *w = NULL;
    size_t n = weight_count(&c->shape);
    enum sq_status s = sq_alloc((void **)&w, 1, sizeof *w + (n + (size_t)c->shape.out) * sizeof(float),
                                "convolution weights", e);
    if (s)
        return s;
    w->shape = c->shape;
    w->bias = w->weight + n;
    *ret = &w->base;
    return SQ_OK;
}

/* Weights are held as the fast backend holds them: in the kernels' element type; biases stay float. */
static void ref_weights_load(struct sq_conv_weights *base, const float *weight, const float *bias)
{
    struct ref_weights *w = (struct ref_weights *)base;
    size_t n = weight_count(&w->shape);
    bool bf16 = base->kernels->dtype == SQ_BF16;
    for (size_t i = 0; i < n; i++)
        w->weight[i] = bf16 ? sq_bf16_float(sq_float_bf16(weight[i])) : weight[i];
    memcpy(w->bias, bias, (size_t)w->shape.out * sizeof *bias);
}

static void ref_weights_destroy(struct sq_conv_weights *w)
{
    free(w);
}

/* Walks the taps of pixel (i, j) that fall inside the image. `sign` +1 goes from an output pixel to the
 * inputs it reads, -1 from an input pixel to the outputs that read it. */
struct tap {
    int ky, kx;
    int i, j; /* the pixel there */
};

static int taps_of(const struct sq_conv_shape *s, int i, int j, int sign, struct tap *ret)
{
    int n = 0, half = s->kernel / 2;
    for (int ky = 0; ky < s->kernel; ky++) {
        for (int kx = 0; kx < s->kernel; kx++) {
            int64_t y = i + (int64_t)sign * (ky - half) * s->dilation;
            int64_t x = j + (int64_t)sign * (kx - half) * s->dilation;
            if (y >= 0 && y < s->h && x >= 0 && x < s->w)
                ret[n++] = (struct tap){ky, kx, (int)y, (int)x};
        }
    }
    return n;
}

static size_t pixel(const struct sq_conv_shape *s, int n, int i, int j)
{
    return ((size_t)n * (size_t)s->h + (size_t)i) * (size_t)s->w + (size_t)j;
}

static size_t weight_at(const struct sq_conv_shape *s, int o, int c, int ky, int kx)
{
    return (((size_t)o * (size_t)s->in + (size_t)c) * (size_t)s->kernel + (size_t)ky) * (size_t)s->kernel +
           (size_t)kx;
}

static enum sq_dtype type_of_y(const struct sq_conv *c)
{
    return c->flags & SQ_CONV_OUT_F32 ? SQ_F32 : c->kernels->dtype;
}

static void ref_forward_pixel(const struct sq_conv *c, const struct ref_weights *w, const void *x, void *y,
                              int n, int i, int j)
{
    const struct sq_conv_shape *s = &c->shape;
    enum sq_dtype t = c->kernels->dtype, ty = type_of_y(c);
    struct tap tap[9];
    int taps = taps_of(s, i, j, 1, tap);
    for (int o = 0; o < s->out; o++) {
        double sum = (double)w->bias[o];
        for (int k = 0; k < taps; k++) {
            size_t at = pixel(s, n, tap[k].i, tap[k].j) * (size_t)s->in;
            for (int ch = 0; ch < s->in; ch++)
                sum += (double)w->weight[weight_at(s, o, ch, tap[k].ky, tap[k].kx)] *
                       load(t, x, at + (size_t)ch);
        }
        if (c->flags & SQ_CONV_SILU)
            sum = sum / (1 + exp(-sum));
        size_t to = pixel(s, n, i, j) * (size_t)s->out + (size_t)o;
        store(ty, y, to, c->flags & SQ_CONV_ADD ? load(ty, y, to) + sum : sum);
    }
}

static void ref_forward(const struct sq_conv *c, const struct sq_conv_weights *w, const void *x, void *y)
{
    for (int n = 0; n < c->shape.n; n++)
        for (int i = 0; i < c->shape.h; i++)
            for (int j = 0; j < c->shape.w; j++)
                ref_forward_pixel(c, (const struct ref_weights *)w, x, y, n, i, j);
}

static void ref_backward_data_pixel(const struct sq_conv *c, const struct ref_weights *w, const void *dy,
                                    void *dx, int n, int i, int j)
{
    const struct sq_conv_shape *s = &c->shape;
    enum sq_dtype t = c->kernels->dtype;
    struct tap tap[9];
    int taps = taps_of(s, i, j, -1, tap);
    for (int ch = 0; ch < s->in; ch++) {
        double sum = 0;
        for (int k = 0; k < taps; k++) {
            size_t at = pixel(s, n, tap[k].i, tap[k].j) * (size_t)s->out;
            for (int o = 0; o < s->out; o++)
                sum += (double)w->weight[weight_at(s, o, ch, tap[k].ky, tap[k].kx)] *
                       load(t, dy, at + (size_t)o);
        }
        store(c->flags & SQ_CONV_GRAD_F32 ? SQ_F32 : t, dx, pixel(s, n, i, j) * (size_t)s->in + (size_t)ch,
              sum);
    }
}

static void ref_backward_data(const struct sq_conv *c, const struct sq_conv_weights *w, const void *dy,
                              void *dx)
{
    for (int n = 0; n < c->shape.n; n++)
        for (int i = 0; i < c->shape.h; i++)
            for (int j = 0; j < c->shape.w; j++)
                ref_backward_data_pixel(c, (const struct ref_weights *)w, dy, dx, n, i, j);
}

/* The sum over all output pixels of dy[o] * x[ch] under one tap. */
static double ref_weight_gradient(const struct sq_conv *c, const void *x, const void *dy, int o, int ch,
                                  int ky, int kx)
{
    const struct sq_conv_shape *s = &c->shape;
    enum sq_dtype t = c->kernels->dtype;
    double sum = 0;
    int64_t down = (int64_t)(ky - s->kernel / 2) * s->dilation,
            right = (int64_t)(kx - s->kernel / 2) * s->dilation;
    for (int n = 0; n < s->n; n++)
        for (int64_t i = down < 0 ? -down : 0; i < s->h && i + down < s->h; i++)
            for (int64_t j = right < 0 ? -right : 0; j < s->w && j + right < s->w; j++)
                sum +=
                    load(t, dy, pixel(s, n, (int)i, (int)j) * (size_t)s->out + (size_t)o) *
                    load(t, x, pixel(s, n, (int)(i + down), (int)(j + right)) * (size_t)s->in + (size_t)ch);
    return sum;
}

static void ref_backward_weights(const struct sq_conv *c, const void *x, const void *dy, float *dw, float *db)
{
    const struct sq_conv_shape *s = &c->shape;
    size_t pixels = (size_t)s->n * (size_t)s->h * (size_t)s->w;
    for (int o = 0; o < s->out; o++) {
        for (int ch = 0; ch < s->in; ch++)
            for (int ky = 0; ky < s->kernel; ky++)
                for (int kx = 0; kx < s->kernel; kx++)
                    dw[weight_at(s, o, ch, ky, kx)] = (float)ref_weight_gradient(c, x, dy, o, ch, ky, kx);
        double sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += load(c->kernels->dtype, dy, p * (size_t)s->out + (size_t)o);
        db[o] = (float)sum;
    }
}

static const struct sq_backend_verbs reference = {
    ref_create,       ref_destroy,         ref_plan_create, ref_plan_destroy,  ref_weights_create,
    ref_weights_load, ref_weights_destroy, ref_forward,     ref_backward_data, ref_backward_weights,
};

/* ---- the door ----------------------------------------------------------------------------------------- */

enum sq_status sq_kernels_create(enum sq_backend b, enum sq_dtype t, struct sq_kernels **ret,
                                 struct sq_err *e)
{
    const struct sq_backend_verbs *verbs = b == SQ_BACKEND_DNNL ? &sq_backend_dnnl : &reference;
    struct sq_kernels *k = NULL;
    enum sq_status s = verbs->create(&k, e);
    if (s)
        return s;
    k->verbs = verbs;
    k->dtype = t;
    *ret = k;
    return SQ_OK;
}

void sq_kernels_destroy(struct sq_kernels **k)
{
    if (!*k)
        return;
    for (struct sq_conv *c = (*k)->plans, *next; c; c = next) {
        next = c->next;
        (*k)->verbs->plan_destroy(c);
    }
    (*k)->verbs->destroy(*k);
    *k = NULL;
}

/* At most 2^29 elements a tensor, so that ints count them all inside a backend, padding included. */
static bool countable(const struct sq_conv_shape *s)
{
    int most = s->in > s->out ? s->in : s->out;
    int64_t n = s->n;
    for (int i = 0; i < 3; i++) {
        n *= i == 0 ? s->h : i == 1 ? s->w : most;
        if (n > 1 << 29)
            return false;
    }
    return (int64_t)s->in * s->out <= (1 << 29) / 9;
}

static enum sq_status check(const struct sq_conv_shape *s, int flags, enum sq_dtype t, struct sq_err *e)
{
    if (s->n < 1 || s->h < 1 || s->w < 1 || s->in < 1 || s->out < 1 || s->dilation < 1 ||
        (s->kernel != 1 && s->kernel != 3) || !countable(s))
        return sq_fail(e, SQ_FAILED,
                       "convolution %dx%d, dilation %d, %d to %d channels, %d images of %dx%d: not "
                       "possible; kernel 1 or 3, the rest from 1, tensors up to 2^29 elements",
                       s->kernel, s->kernel, s->dilation, s->in, s->out, s->n, s->h, s->w);
    if ((flags & SQ_CONV_ADD) && t != SQ_F32 && !(flags & SQ_CONV_OUT_F32))
        return sq_fail(e, SQ_FAILED, "convolution: SQ_CONV_ADD needs SQ_CONV_OUT_F32");
    return SQ_OK;
}

static bool same_shape(const struct sq_conv_shape *a, const struct sq_conv_shape *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->in == b->in && a->out == b->out &&
           a->kernel == b->kernel && a->dilation == b->dilation;
}

enum sq_status sq_conv_plan(struct sq_kernels *k, const struct sq_conv_shape *shape, int flags,
                            const struct sq_conv **ret, struct sq_err *e)
{
    for (const struct sq_conv *c = k->plans; c; c = c->next) {
        if (c->flags == flags && same_shape(&c->shape, shape)) {
            *ret = c;
            return SQ_OK;
        }
    }
    enum sq_status s = check(shape, flags, k->dtype, e);
    if (s)
        return s;
    struct sq_conv want = {k, *shape, flags, k->plans}, *made = NULL;
    s = k->verbs->plan_create(&want, &made, e);
    if (!s)
        *ret = k->plans = made;
    return s;
}

enum sq_status sq_conv_weights_create(const struct sq_conv *c, struct sq_conv_weights **ret, struct sq_err *e)
{
    enum sq_status s = c->kernels->verbs->weights_create(c, ret, e);
    if (!s)
        (*ret)->kernels = c->kernels;
    return s;
}

void sq_conv_weights_load(struct sq_conv_weights *w, const float *weight, const float *bias)
{
    w->kernels->verbs->weights_load(w, weight, bias);
}

void sq_conv_weights_destroy(struct sq_conv_weights **w)
{
    if (*w)
        (*w)->kernels->verbs->weights_destroy(*w);
    *w = NULL;
}

void sq_conv_forward(const struct sq_conv *c, const struct sq_conv_weights *w, const void *x, void *y)
{
    c->kernels->verbs->forward(c, w, x, y);
}

void sq_conv_backward_data(const struct sq_conv *c, const struct sq_conv_weights *w, const void *dy, void *dx)
{
    assert(c->flags & SQ_CONV_TRAIN);
    c->kernels->verbs->backward_data(c, w, dy, dx);
}

void sq_conv_backward_weights(const struct sq_conv *c, const void *x, const void *dy, float *dw, float *db)
{
    assert(c->flags & SQ_CONV_TRAIN);
    c->kernels->verbs->backward_weights(c, x, dy, dw, db);
}
