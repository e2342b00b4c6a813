/* The fast kernels against the plain reference, and the reference against finite differences. */
#include "test.h"

#include "kernels.h"

#include <stdbool.h>

#define GUARD 64 /* bytes of canary on either side of every output */

/* ---- random numbers and tensors ----------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static int between(int low, int high)
{
    return low + (int)(next() % (uint32_t)(high - low + 1));
}

/* In [-1, 1], exact in bfloat16 so that both types see the same numbers. */
static float number(void)
{
    return sq_bf16_float(sq_float_bf16((float)between(-128, 128) / 128));
}

/* An output or input of either type, between canaries. */
struct tensor {
    size_t n;
    enum sq_dtype type;
    unsigned char *block, *data;
};

static size_t bytes_of(const struct tensor *t)
{
    return t->n * (t->type == SQ_BF16 ? 2 : 4);
}

static struct tensor tensor(size_t n, enum sq_dtype type)
{
    struct tensor t = {n, type, NULL, NULL};
    t.block = malloc(bytes_of(&t) + 2 * GUARD);
    assert_non_null(t.block);
    memset(t.block, 0xa5, bytes_of(&t) + 2 * GUARD);
    t.data = t.block + GUARD;
    return t;
}

static double at(const struct tensor *t, size_t i)
{
    if (t->type == SQ_BF16)
        return (double)sq_bf16_float(((const uint16_t *)(const void *)t->data)[i]);
    return (double)((const float *)(const void *)t->data)[i];
}

static void set(struct tensor *t, size_t i, float v)
{
    if (t->type == SQ_BF16)
        ((uint16_t *)(void *)t->data)[i] = sq_float_bf16(v);
    else
        ((float *)(void *)t->data)[i] = v;
}

static struct tensor noise(size_t n, enum sq_dtype type)
{
    struct tensor t = tensor(n, type);
    for (size_t i = 0; i < n; i++)
        set(&t, i, number());
    return t;
}

static struct tensor copy_of(const struct tensor *from)
{
    struct tensor t = tensor(from->n, from->type);
    memcpy(t.data, from->data, bytes_of(from));
    return t;
}

static void drop(struct tensor *t)
{
    for (size_t i = 0; i < GUARD; i++)
        REQUIRE(t->block[i] == 0xa5 && t->data[bytes_of(t) + i] == 0xa5);
    free(t->block);
}

static float *floats(const struct tensor *t)
{
    return (float *)(void *)t->data;
}

static void require_close(const struct tensor *want, const struct tensor *got, double tolerance,
                          const char *what, const struct sq_conv_shape *s, int flags)
{
    double most = 0, worst = 0;
    for (size_t i = 0; i < want->n; i++) {
        most = fmax(most, fabs(at(want, i)));
        double off = fabs(at(want, i) - at(got, i));
        worst = off <= worst ? worst : off; /* NaN comes through */
    }
    if (!(worst <= tolerance * most))
        fail_msg("%s, flags %d, %d x %d x %d, %d to %d channels, kernel %d, dilation %d: off by %g of %g",
                 what, flags, s->n, s->h, s->w, s->in, s->out, s->kernel, s->dilation, worst, most);
}

/* Both sum in float or better and round once. Float: a sum of m terms carries about eps sqrt(m) of its
 * largest terms' sum: 1e-5 holds to m = 5000. bfloat16 output: one unit in the last of 8 places. */
static double tolerance(enum sq_dtype type)
{
    return type == SQ_BF16 ? 1.0 / 128 : 1e-5;
}

/* ---- the fast kernels against the reference ----------------------------------------------------------- */

struct pair {
    struct sq_kernels *reference, *fast;
    enum sq_dtype type;
};

static struct pair pair(enum sq_dtype type)
{
    struct sq_err err = {0};
    struct pair p = {NULL, NULL, type};
    REQUIRE_OK(sq_kernels_create(SQ_BACKEND_REFERENCE, type, &p.reference, &err));
    REQUIRE_OK(sq_kernels_create(SQ_BACKEND_DNNL, type, &p.fast, &err));
    return p;
}

static size_t pixels(const struct sq_conv_shape *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w;
}

static size_t weight_count(const struct sq_conv_shape *s)
{
    return (size_t)s->in * (size_t)s->out * (size_t)(s->kernel * s->kernel);
}

/* A plan and its weights of one backend, ready to run. */
struct ready {
    const struct sq_conv *plan;
    struct sq_conv_weights *weights;
};

static struct ready ready(struct sq_kernels *k, const struct sq_conv_shape *s, int flags,
                          const struct tensor *w, const struct tensor *b)
{
    struct sq_err err = {0};
    struct ready r = {NULL, NULL};
    REQUIRE_OK(sq_conv_plan(k, s, flags, &r.plan, &err));
    REQUIRE_OK(sq_conv_weights_create(r.plan, &r.weights, &err));
    sq_conv_weights_load(r.weights, floats(w), floats(b));
    return r;
}

static void compare_forward(const struct pair *p, const struct sq_conv_shape *s, int flags,
                            const struct tensor *w, const struct tensor *b, const struct tensor *x)
{
    struct ready want = ready(p->reference, s, flags, w, b), got = ready(p->fast, s, flags, w, b);
    enum sq_dtype type = flags & SQ_CONV_OUT_F32 ? SQ_F32 : p->type;
    struct tensor y = noise(pixels(s) * (size_t)s->out, type), y1 = copy_of(&y), y2 = copy_of(&y);
    sq_conv_forward(want.plan, want.weights, x->data, y.data);
    sq_conv_forward(got.plan, got.weights, x->data, y1.data);
    sq_conv_forward(got.plan, got.weights, x->data, y2.data);
    require_close(&y, &y1, tolerance(type), "forward", s, flags);
    assert_memory_equal(y1.data, y2.data, bytes_of(&y1));
    drop(&y);
    drop(&y1);
    drop(&y2);
    sq_conv_weights_destroy(&want.weights);
    sq_conv_weights_destroy(&got.weights);
}

static void compare_backward_data(const struct pair *p, const struct sq_conv_shape *s, int flags,
                                  const struct tensor *w, const struct tensor *b, const struct tensor *dy)
{
    struct ready want = ready(p->reference, s, flags, w, b), got = ready(p->fast, s, flags, w, b);
    enum sq_dtype type = flags & SQ_CONV_GRAD_F32 ? SQ_F32 : p->type;
    size_t n = pixels(s) * (size_t)s->in;
    struct tensor dx = tensor(n, type), dx1 = tensor(n, type), dx2 = tensor(n, type);
    sq_conv_backward_data(want.plan, want.weights, dy->data, dx.data);
    sq_conv_backward_data(got.plan, got.weights, dy->data, dx1.data);
    sq_conv_backward_data(got.plan, got.weights, dy->data, dx2.data);
    require_close(&dx, &dx1, tolerance(type), "gradient of x", s, flags);
    assert_memory_equal(dx1.data, dx2.data, bytes_of(&dx1));
    drop(&dx);
    drop(&dx1);
    drop(&dx2);
    sq_conv_weights_destroy(&want.weights);
    sq_conv_weights_destroy(&got.weights);
}

static void compare_backward_weights(const struct pair *p, const struct sq_conv_shape *s,
                                     const struct tensor *x, const struct tensor *dy)
{
    struct sq_err err = {0};
    const struct sq_conv *want, *got;
    REQUIRE_OK(sq_conv_plan(p->reference, s, SQ_CONV_TRAIN, &want, &err));
    REQUIRE_OK(sq_conv_plan(p->fast, s, SQ_CONV_TRAIN, &got, &err));
    struct tensor dw[3], db[3];
    for (int i = 0; i < 3; i++) {
        dw[i] = tensor(weight_count(s), SQ_F32);
        db[i] = tensor((size_t)s->out, SQ_F32);
        sq_conv_backward_weights(i ? got : want, x->data, dy->data, floats(&dw[i]), floats(&db[i]));
    }
    require_close(&dw[0], &dw[1], 1e-5, "gradient of the weights", s, SQ_CONV_TRAIN);
    require_close(&db[0], &db[1], 1e-5, "gradient of the bias", s, SQ_CONV_TRAIN);
    assert_memory_equal(dw[1].data, dw[2].data, bytes_of(&dw[1]));
    assert_memory_equal(db[1].data, db[2].data, bytes_of(&db[1]));
    for (int i = 0; i < 3; i++) {
        drop(&dw[i]);
        drop(&db[i]);
    }
}

static void compare(const struct pair *p, const struct sq_conv_shape *s)
{
    const int forward[] = {0,
                           SQ_CONV_SILU,
                           SQ_CONV_OUT_F32,
                           SQ_CONV_OUT_F32 | SQ_CONV_SILU,
                           SQ_CONV_OUT_F32 | SQ_CONV_ADD,
                           SQ_CONV_OUT_F32 | SQ_CONV_ADD | SQ_CONV_SILU};
    struct tensor w = noise(weight_count(s), SQ_F32), b = noise((size_t)s->out, SQ_F32);
    struct tensor x = noise(pixels(s) * (size_t)s->in, p->type),
                  dy = noise(pixels(s) * (size_t)s->out, p->type);
    struct tensor x0 = copy_of(&x), dy0 = copy_of(&dy);
    for (size_t i = 0; i < sizeof forward / sizeof *forward; i++)
        compare_forward(p, s, forward[i], &w, &b, &x);
    compare_backward_data(p, s, SQ_CONV_TRAIN, &w, &b, &dy);
    compare_backward_data(p, s, SQ_CONV_TRAIN | SQ_CONV_GRAD_F32, &w, &b, &dy);
    compare_backward_weights(p, s, &x, &dy);
    assert_memory_equal(x.data, x0.data, bytes_of(&x)); /* inputs stay as they were */
    assert_memory_equal(dy.data, dy0.data, bytes_of(&dy));
    struct tensor *all[] = {&w, &b, &x, &dy, &x0, &dy0};
    for (int i = 0; i < 6; i++)
        drop(all[i]);
}

static void compare_all(enum sq_dtype type)
{
    /* n, h, w, in, out, kernel, dilation: every way the gradient of the weights is computed, and the edges */
    static const struct sq_conv_shape hard[] = {
        {1, 1, 1, 1, 1, 3, 1},     {2, 1, 9, 3, 5, 3, 1},     {1, 9, 1, 16, 16, 3, 2},
        {1, 5, 7, 70, 1, 3, 9},    {1, 7, 12, 33, 17, 3, 7},  {1, 12, 7, 16, 32, 3, 7},
        {2, 6, 40, 16, 16, 3, 6},  {2, 40, 6, 16, 16, 3, 6},  {4, 16, 16, 32, 32, 3, 4},
        {2, 16, 16, 32, 48, 3, 5}, {1, 17, 13, 32, 32, 3, 8}, {2, 16, 16, 16, 64, 3, 16},
        {3, 11, 13, 64, 70, 1, 1}, {1, 24, 20, 12, 64, 3, 3}, {1, 20, 20, 50, 20, 3, 19},
    };
    struct pair p = pair(type);
    seed = 7;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        compare(&p, &hard[i]);
    for (int i = 0; i < 40; i++) {
        struct sq_conv_shape s = {between(1, 3),     between(1, 18), between(1, 18),
                                  between(1, 70),    between(1, 70), 3,
                                  1 << between(0, 5)};
        if (next() % 4 == 0)
            s.kernel = 1;
        compare(&p, &s);
    }
    sq_kernels_destroy(&p.fast);
    sq_kernels_destroy(&p.reference);
}

static void float_agrees_with_the_reference(void **state)
{
    (void)state;
    compare_all(SQ_F32);
}

static void bfloat16_agrees_with_the_reference(void **state)
{
    (void)state;
    if (!sq_kernels_bf16_fast()) {
        print_message("no fast bfloat16 on this processor: skipped\n");
        skip();
    }
    compare_all(SQ_BF16);
}

/* ---- sharing ------------------------------------------------------------------------------------------ */

/* One set of weights serves plans of every size and dilation, also those made after it was loaded, whose
 * inner layout differs. */
static void weights_serve_every_plan(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_conv_shape small = {1, 1, 9, 32, 64, 3, 1},
                         shape[] = {{1, 33, 40, 32, 64, 3, 4}, {2, 5, 5, 32, 64, 3, 1}};
    struct pair p = pair(SQ_F32);
    struct tensor w = noise(weight_count(&small), SQ_F32), b = noise(64, SQ_F32);
    struct ready want = ready(p.reference, &small, SQ_CONV_TRAIN, &w, &b);
    struct ready got = ready(p.fast, &small, 0, &w, &b);
    for (int i = 0; i < 2; i++) {
        const struct sq_conv *a, *c;
        REQUIRE_OK(sq_conv_plan(p.reference, &shape[i], SQ_CONV_TRAIN, &a, &err));
        REQUIRE_OK(sq_conv_plan(p.fast, &shape[i], SQ_CONV_TRAIN, &c, &err));
        struct tensor x = noise(pixels(&shape[i]) * 32, SQ_F32), dy = noise(pixels(&shape[i]) * 64, SQ_F32);
        struct tensor y = tensor(dy.n, SQ_F32), y1 = tensor(dy.n, SQ_F32);
        struct tensor dx = tensor(x.n, SQ_F32), dx1 = tensor(x.n, SQ_F32);
        sq_conv_forward(a, want.weights, x.data, y.data);
        sq_conv_forward(c, got.weights, x.data, y1.data);
        require_close(&y, &y1, 1e-5, "forward, shared weights", &shape[i], 0);
        sq_conv_backward_data(a, want.weights, dy.data, dx.data);
        sq_conv_backward_data(c, got.weights, dy.data, dx1.data);
        require_close(&dx, &dx1, 1e-5, "gradient of x, shared weights", &shape[i], 0);
        struct tensor *all[] = {&x, &dy, &y, &y1, &dx, &dx1};
        for (int j = 0; j < 6; j++)
            drop(all[j]);
    }
    drop(&w);
    drop(&b);
    sq_conv_weights_destroy(&want.weights);
    sq_conv_weights_destroy(&got.weights);
    sq_kernels_destroy(&p.fast);
    sq_kernels_destroy(&p.reference);
}

static void plans_are_kept_and_shapes_checked(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const struct sq_conv *a, *b, *c;
    const struct sq_conv_shape good = {1, 8, 8, 4, 4, 3, 1}, bad[] = {{0, 8, 8, 4, 4, 3, 1},
                                                                      {1, 8, 8, 4, 4, 2, 1},
                                                                      {1, 8, 8, 4, 4, 3, 0},
                                                                      {1, 8, 8, -4, 4, 3, 1},
                                                                      {1, 1 << 16, 1 << 16, 4, 4, 3, 1},
                                                                      {1, 8, 8, 1 << 16, 1 << 16, 1, 1}};
    for (int backend = SQ_BACKEND_REFERENCE; backend <= SQ_BACKEND_DNNL; backend++) {
        struct sq_kernels *k = NULL;
        REQUIRE_OK(sq_kernels_create((enum sq_backend)backend, SQ_F32, &k, &err));
        REQUIRE_OK(sq_conv_plan(k, &good, 0, &a, &err));
        REQUIRE_OK(sq_conv_plan(k, &good, SQ_CONV_SILU, &b, &err));
        REQUIRE_OK(sq_conv_plan(k, &good, 0, &c, &err));
        REQUIRE(a == c && a != b);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            REQUIRE_STATUS(sq_conv_plan(k, &bad[i], 0, &c, &err), SQ_FAILED);
        REQUIRE(a == c);
        sq_kernels_destroy(&k);
        assert_null(k);
    }
    struct sq_kernels *k = NULL;
    REQUIRE_OK(sq_kernels_create(SQ_BACKEND_REFERENCE, SQ_BF16, &k, &err));
    REQUIRE_STATUS(sq_conv_plan(k, &good, SQ_CONV_ADD, &a, &err), SQ_FAILED);
    sq_kernels_destroy(&k);
}

/* ---- the reference against finite differences --------------------------------------------------------- */

/* The loss sum(g * y), in double. */
static double loss(const struct ready *r, const struct tensor *x, const struct tensor *g, struct tensor *y)
{
    double sum = 0;
    sq_conv_forward(r->plan, r->weights, x->data, y->data);
    for (size_t i = 0; i < y->n; i++)
        sum += at(y, i) * at(g, i);
    return sum;
}

/* d loss / d *v. The loss is linear in each number, so a step of one is exact but for the rounding of y. */
static double slope(const struct ready *r, const struct tensor *w, const struct tensor *b, struct tensor *x,
                    const struct tensor *g, struct tensor *y, float *v)
{
    float kept = *v;
    double side[2];
    for (int i = 0; i < 2; i++) {
        *v = kept + (float)(2 * i - 1);
        sq_conv_weights_load(r->weights, floats(w), floats(b));
        side[i] = loss(r, x, g, y);
    }
    *v = kept;
    sq_conv_weights_load(r->weights, floats(w), floats(b));
    return (side[1] - side[0]) / 2;
}

static void reference_gradients_are_slopes(void **state)
{
    (void)state;
    static const struct sq_conv_shape shape[] = {
        {2, 4, 5, 3, 2, 3, 1}, {1, 5, 4, 2, 3, 3, 2}, {1, 3, 7, 2, 2, 3, 4}, {2, 3, 3, 3, 4, 1, 1}};
    struct sq_kernels *k = NULL;
    struct sq_err err = {0};
    REQUIRE_OK(sq_kernels_create(SQ_BACKEND_REFERENCE, SQ_F32, &k, &err));
    seed = 3;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        const struct sq_conv_shape *s = &shape[i];
        struct tensor w = noise(weight_count(s), SQ_F32), b = noise((size_t)s->out, SQ_F32);
        struct tensor x = noise(pixels(s) * (size_t)s->in, SQ_F32),
                      g = noise(pixels(s) * (size_t)s->out, SQ_F32);
        struct tensor dw = copy_of(&w), db = copy_of(&b), dx = copy_of(&x), y = copy_of(&g);
        struct ready r = ready(k, s, SQ_CONV_TRAIN, &w, &b);
        sq_conv_backward_data(r.plan, r.weights, g.data, dx.data);
        sq_conv_backward_weights(r.plan, x.data, g.data, floats(&dw), floats(&db));
        /* y up to 30, rounded to 24 places, summed over at most 80 elements: 1e-4 at the very most */
        for (size_t j = 0; j < w.n; j++)
            REQUIRE_NEAR(slope(&r, &w, &b, &x, &g, &y, floats(&w) + j), at(&dw, j), 1e-4);
        for (size_t j = 0; j < b.n; j++)
            REQUIRE_NEAR(slope(&r, &w, &b, &x, &g, &y, floats(&b) + j), at(&db, j), 1e-4);
        for (size_t j = 0; j < x.n; j++)
            REQUIRE_NEAR(slope(&r, &w, &b, &x, &g, &y, floats(&x) + j), at(&dx, j), 1e-4);
        sq_conv_weights_destroy(&r.weights);
        struct tensor *all[] = {&w, &b, &x, &g, &dw, &db, &dx, &y};
        for (int j = 0; j < 8; j++)
            drop(all[j]);
    }
    sq_kernels_destroy(&k);
}

static void bfloat16_rounds_to_nearest_even(void **state)
{
    (void)state;
    REQUIRE(sq_float_bf16(1.0f) == 0x3f80 && sq_bf16_float(0x3f80) == 1.0f);
    REQUIRE(sq_float_bf16(1.0f + 1.0f / 256) == 0x3f80); /* a tie goes to the even neighbour below */
    REQUIRE(sq_float_bf16(1.0f + 3.0f / 256) == 0x3f82); /* and to the one above */
    REQUIRE(sq_float_bf16(1.0f + 1.01f / 256) == 0x3f81);
    REQUIRE(sq_float_bf16(-0.0f) == 0x8000 && sq_float_bf16(INFINITY) == 0x7f80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bfloat16_rounds_to_nearest_even),
        cmocka_unit_test(reference_gradients_are_slopes),
        cmocka_unit_test(plans_are_kept_and_shapes_checked),
        cmocka_unit_test(float_agrees_with_the_reference),
        cmocka_unit_test(bfloat16_agrees_with_the_reference),
        cmocka_unit_test(weights_serve_every_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
