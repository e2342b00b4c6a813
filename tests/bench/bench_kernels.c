/* What the convolutions reach on this machine: milliseconds and GFLOP/s per pass.
 *
 *     OMP_NUM_THREADS=1 bench_kernels [float|bfloat16]
 *
 * GFLOP/s counts only taps inside the image. Set DNNL_VERBOSE=1 (3.x: ONEDNN_VERBOSE=1) to see which
 * implementation ran. */
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One pass over buffers that stay. */
struct work {
    const struct sq_conv *plan;
    struct sq_conv_weights *weights;
    void *x, *y, *dx;
    float *dw, *db;
};

static void forward(struct work *w)
{
    sq_conv_forward(w->plan, w->weights, w->x, w->y);
}

static void backward_data(struct work *w)
{
    sq_conv_backward_data(w->plan, w->weights, w->y, w->dx);
}

static void backward_weights(struct work *w)
{
    sq_conv_backward_weights(w->plan, w->x, w->y, w->dw, w->db);
}

static void load(struct work *w)
{
    sq_conv_weights_load(w->weights, w->dw, w->db);
}

/* The best of at least 5 runs in a quarter of a second, in seconds. */
static double best_s(void (*pass)(struct work *), struct work *w)
{
    double best = 1e30, total = 0;
    for (int i = 0; i < 5 || total < 0.25; i++) {
        double t = now_s();
        pass(w);
        t = now_s() - t;
        best = t < best ? t : best;
        total += t;
    }
    return best;
}

/* Rows, or columns, that the three taps of a kernel see. */
static double seen(int length, const struct sq_conv_shape *s)
{
    int beside = s->kernel == 3 && s->dilation < length ? length - s->dilation : 0;
    return length + 2.0 * beside;
}

static double gflop(const struct sq_conv_shape *s)
{
    return 2e-9 * s->n * s->in * s->out * seen(s->h, s) * seen(s->w, s);
}

static void *zeros(size_t n)
{
    void *p = calloc(n, sizeof(float));
    if (!p) {
        fprintf(stderr, "bench_kernels: out of memory\n");
        exit(1);
    }
    return p;
}

static void fill(void *p, size_t n, enum sq_dtype t)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        float v = (float)(seed >> 8) * 0x1p-23f - 1;
        if (t == SQ_BF16)
            ((uint16_t *)p)[i] = sq_float_bf16(v);
        else
            ((float *)p)[i] = v;
    }
}

static void measure(struct sq_kernels *k, enum sq_dtype t, const struct sq_conv_shape *s, int flags)
{
    struct sq_err err = {{0}};
    struct work w = {0};
    double start = now_s();
    if (sq_conv_plan(k, s, flags, &w.plan, &err) || sq_conv_weights_create(w.plan, &w.weights, &err)) {
        printf("%s\n", err.text);
        return;
    }
    double plan = now_s() - start;
    size_t pixels = (size_t)s->n * (size_t)s->h * (size_t)s->w, in = (size_t)s->in, out = (size_t)s->out;
    w.x = zeros(pixels * in);
    w.dx = zeros(pixels * in);
    w.y = zeros(pixels * out);
    w.dw = zeros(in * out * 9);
    w.db = zeros(out);
    fill(w.x, pixels * in, t);
    fill(w.y, pixels * out, t);
    fill(w.dw, in * out * 9, SQ_F32);
    printf("%-5s %2d %4d %4d  %3d %3d  %d %3d  0x%02x %6.1f %6.3f", t == SQ_BF16 ? "bf16" : "float", s->n,
           s->h, s->w, s->in, s->out, s->kernel, s->dilation, (unsigned)flags, plan * 1e3,
           best_s(load, &w) * 1e3);
    void (*const pass[])(struct work *) = {backward_data, backward_weights, forward};
    for (int i = flags & SQ_CONV_TRAIN ? 0 : 2; i < 3; i++) {
        double seconds = best_s(pass[i], &w);
        printf("  %8.3f %6.1f", seconds * 1e3, gflop(s) / seconds);
    }
    printf("\n");
    sq_conv_weights_destroy(&w.weights);
    void *all[] = {w.x, w.dx, w.y, w.dw, w.db};
    for (int i = 0; i < 5; i++)
        free(all[i]);
}

static const struct {
    struct sq_conv_shape shape;
    int flags;
} cases[] = {
    /* training patches */
    {{4, 64, 64, 64, 64, 3, 1}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 4}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 8}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 16}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 24}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 32}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 64}, SQ_CONV_TRAIN},
    {{4, 64, 64, 32, 32, 3, 1}, SQ_CONV_TRAIN},
    {{4, 64, 64, 32, 32, 3, 8}, SQ_CONV_TRAIN},
    {{4, 64, 64, 32, 32, 3, 32}, SQ_CONV_TRAIN},
    {{4, 64, 64, 48, 48, 3, 1}, SQ_CONV_TRAIN},
    {{4, 64, 64, 48, 48, 3, 32}, SQ_CONV_TRAIN},
    {{4, 64, 64, 48, 48, 3, 1}, SQ_CONV_TRAIN | SQ_CONV_GRAD_F32},
    {{4, 128, 128, 48, 48, 3, 1}, SQ_CONV_TRAIN},
    {{4, 128, 128, 48, 48, 3, 16}, SQ_CONV_TRAIN},
    {{4, 128, 128, 48, 48, 3, 32}, SQ_CONV_TRAIN},
    {{4, 128, 128, 16, 48, 3, 1}, SQ_CONV_TRAIN},
    {{4, 128, 128, 48, 16, 3, 1}, SQ_CONV_TRAIN},
    {{4, 128, 128, 7, 32, 3, 1}, SQ_CONV_TRAIN},
    {{4, 64, 64, 64, 64, 3, 1}, SQ_CONV_TRAIN | SQ_CONV_OUT_F32 | SQ_CONV_ADD},
    {{4, 64, 64, 64, 96, 1, 1}, SQ_CONV_TRAIN | SQ_CONV_OUT_F32},
    {{4, 64, 64, 48, 160, 1, 1}, SQ_CONV_TRAIN | SQ_CONV_OUT_F32},
    /* inference tiles */
    {{1, 400, 400, 48, 48, 3, 1}, SQ_CONV_SILU},
    {{1, 320, 355, 48, 48, 3, 8}, SQ_CONV_SILU},
    {{1, 320, 355, 64, 64, 3, 32}, SQ_CONV_SILU},
    {{1, 320, 355, 64, 64, 3, 1}, SQ_CONV_OUT_F32 | SQ_CONV_ADD},
    {{1, 320, 355, 64, 160, 1, 1}, SQ_CONV_OUT_F32},
    {{1, 8, 8, 16, 16, 1, 1}, 0}, /* what a call costs */
};

int main(int argc, char **argv)
{
    printf("type   n    h    w   in out  k dil flags plan ms load ms   grad x ms GF/s   grad w ms GF/s   "
           "forward ms GF/s\n");
    for (int t = SQ_F32; t <= SQ_BF16; t++) {
        struct sq_kernels *k = NULL;
        struct sq_err err = {{0}};
        if (argc > 1 && strcmp(argv[1], t == SQ_BF16 ? "bfloat16" : "float") != 0)
            continue;
        if (sq_kernels_create(SQ_BACKEND_DNNL, (enum sq_dtype)t, &k, &err)) {
            fprintf(stderr, "bench_kernels: %s\n", err.text);
            return 1;
        }
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            measure(k, (enum sq_dtype)t, &cases[i].shape, cases[i].flags);
        sq_kernels_destroy(&k);
    }
    return 0;
}
