/* The network, its loss and its optimiser: gradients against finite differences, the blend of leads, seeds. */
#include "test.h"

#include "head.h"
#include "net.h"
#include "optimiser.h"
#include "random.h"

enum { SIZE = 16, BATCH = 2, CELLS = BATCH * SIZE * SIZE };

static struct sq_net_shape small_shape(void)
{
    struct sq_net_shape s = {.slots = sq_slots_last, .channels = 16, .stacks = 1, .n_dilation = 2, .dilation = {1, 3}, .up = 4, .hidden = 16,
                             .n_node = 2, .node_s = {300, 900}, .n_edge = 4, .edge_mmh = {0.1f, 1, 5, 20}};
    return s;
}

struct bench {
    struct sq_net net;
    struct sq_kernels *kernels;
    struct sq_net_run *run;
    float features[CELLS * SQ_FEATURES(4)], truth[CELLS], base[4 * CELLS], *d_scores, *gradient;
};

static void bench_start(struct bench *b, enum sq_backend backend)
{
    struct sq_err err = {0};
    struct sq_net_shape s = small_shape();
    struct sq_random r = sq_random_seed(7, 3);
    *b = (struct bench){0};
    REQUIRE_OK(sq_net_init(&b->net, &s, &err));
    sq_net_randomise(&b->net, 5);
    for (size_t i = 0; i < b->net.n_parameters; i++) /* biases too, or their slopes are met at a special place */
        b->net.theta[i] += 0.02f * sq_random_normal(&r);
    REQUIRE_OK(sq_kernels_create(backend, SQ_F32, &b->kernels, &err));
    REQUIRE_OK(sq_net_run_create(&b->net, b->kernels, SQ_F32, BATCH, SIZE, SIZE, true, &b->run, &err));
    for (int i = 0; i < CELLS * SQ_FEATURES(4); i++)
        b->features[i] = sq_random_normal(&r);
    for (int i = 0; i < CELLS; i++)
        b->truth[i] = i % 7 == 0 ? NAN : expf(2 * sq_random_normal(&r));
    for (int i = 0; i < CELLS; i++) {
        float p = 1;
        for (int k = 0; k < 4; k++) /* falls from edge to edge, and is now and then 0 */
            b->base[k * CELLS + i] = p = i % 5 == k ? 0 : p * sq_random_uniform(&r);
    }
    b->d_scores = calloc(CELLS * 2 * 5, sizeof(float));
    b->gradient = calloc(b->net.n_parameters, sizeof(float));
}

static void bench_end(struct bench *b)
{
    sq_net_run_destroy(&b->run);
    sq_kernels_destroy(&b->kernels);
    sq_net_finish(&b->net);
    free(b->d_scores);
    free(b->gradient);
}

static double loss_of(struct bench *b)
{
    struct sq_loss l = {0};
    sq_net_run_load(b->run, &b->net);
    const float *scores = sq_net_forward(b->run, b->features);
    memset(b->d_scores, 0, CELLS * 2 * 5 * sizeof(float));
    sq_head_loss(&b->net.shape, 500, 0.5f, 1.0f / CELLS, scores, b->base, b->truth, CELLS, b->d_scores, &l);
    return l.sum / CELLS;
}

/* The slope along a random direction within each layer: one number a layer sums all of its gradients. */
static void check_gradients(enum sq_backend backend)
{
    struct bench *b = malloc(sizeof *b);
    struct sq_random r = sq_random_seed(11, 1);
    bench_start(b, backend);
    loss_of(b);
    sq_net_backward(b->run, b->d_scores, b->gradient);
    for (int l = 0; l < b->net.n_layer; l++) {
        size_t from = b->net.layer[l].weight, to = b->net.layer[l].bias + (size_t)b->net.layer[l].out, n = to - from;
        float *direction = malloc(n * sizeof *direction), *keep = malloc(n * sizeof *keep);
        double slope = 0, up, down, h = 2e-3;
        memcpy(keep, b->net.theta + from, n * sizeof *keep);
        for (size_t i = 0; i < n; i++) {
            direction[i] = b->gradient[from + i] + 0.3f * fabsf(b->gradient[from + i]) * sq_random_normal(&r);
            slope += (double)direction[i] * (double)direction[i];
        }
        float norm = 1 / (float)sqrt(slope);
        slope = 0;
        for (size_t i = 0; i < n; i++)
            slope += (double)(direction[i] *= norm) * (double)b->gradient[from + i];
        for (size_t i = 0; i < n; i++)
            b->net.theta[from + i] = keep[i] + (float)h * direction[i];
        up = loss_of(b);
        for (size_t i = 0; i < n; i++)
            b->net.theta[from + i] = keep[i] - (float)h * direction[i];
        down = loss_of(b);
        memcpy(b->net.theta + from, keep, n * sizeof *keep);
        /* float sums of 1e3 terms and the curvature over 4e-3 leave about a part in a thousand */
        REQUIRE_NEAR((up - down) / (2 * h) / slope, 1, 0.01);
        free(direction);
        free(keep);
    }
    bench_end(b);
    free(b);
}

static void gradients_reference(void **state)
{
    (void)state;
    check_gradients(SQ_BACKEND_REFERENCE);
}

static void gradients_onednn(void **state)
{
    (void)state;
    check_gradients(SQ_BACKEND_DNNL);
}

/* Inference by tiles ends with the hidden layer that training computes. */
static void inference_equals_training(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct bench *b = malloc(sizeof *b);
    struct sq_net_run *run = NULL;
    bench_start(b, SQ_BACKEND_DNNL);
    REQUIRE_OK(sq_net_run_create(&b->net, b->kernels, SQ_F32, BATCH, SIZE, SIZE, false, &run, &err));
    sq_net_run_load(run, &b->net);
    sq_net_run_load(b->run, &b->net);
    const float *hidden = sq_net_forward(run, b->features);
    const float *scores = sq_net_forward(b->run, b->features);
    const struct sq_layer *head = &b->net.layer[b->net.n_layer - 1];
    for (int i = 0; i < CELLS; i += 37)
        for (int o = 0; o < head->out; o++) {
            double sum = b->net.theta[head->bias + (size_t)o];
            for (int c = 0; c < head->in; c++)
                sum += (double)hidden[i * head->in + c] * (double)b->net.theta[head->weight + (size_t)(o * head->in + c)];
            REQUIRE_NEAR(scores[i * head->out + o], sum, 1e-4); /* float, two orders of summation */
        }
    sq_net_run_destroy(&run);
    bench_end(b);
    free(b);
}

/* A network that grew answers as before, whatever the frames that it did not look at show. */
static void grown_answers_alike(void **state)
{
    (void)state;
    enum { WIDE = SQ_FEATURES(5), NARROW = SQ_FEATURES(3), MOST = 8 * 8 };
    static const int from[NARROW] = {0, 1, 2, 3, 6, 7, 10, 11, 12, 13}; /* ages 0, 1 and 3; then what is not radar */
    struct sq_err err = {0};
    struct sq_random r = sq_random_seed(3, 3);
    struct sq_net_shape shape = small_shape();
    struct sq_net narrow = {0}, wide = {0};
    struct sq_kernels *k = NULL;
    struct sq_net_run *a = NULL, *b = NULL;
    float few[MOST * NARROW], many[MOST * WIDE];
    shape.slots = (struct sq_slots){3, {0, 1, 3}};
    REQUIRE_OK(sq_net_init(&narrow, &shape, &err));
    sq_net_randomise(&narrow, 11);
    shape.slots = (struct sq_slots){5, {0, 1, 2, 3, 6}};
    REQUIRE_OK(sq_net_init(&wide, &shape, &err));
    sq_net_randomise(&wide, 12);
    assert_false(sq_net_grow(&narrow, &wide));
    assert_true(sq_net_grow(&wide, &narrow));
    for (int i = 0; i < MOST * WIDE; i++)
        many[i] = sq_random_normal(&r);
    for (int i = 0; i < MOST; i++)
        for (int f = 0; f < NARROW; f++)
            few[i * NARROW + f] = many[i * WIDE + from[f]];
    REQUIRE_OK(sq_kernels_create(SQ_BACKEND_REFERENCE, SQ_F32, &k, &err));
    REQUIRE_OK(sq_net_run_create(&narrow, k, SQ_F32, 1, 8, 8, false, &a, &err));
    REQUIRE_OK(sq_net_run_create(&wide, k, SQ_F32, 1, 8, 8, false, &b, &err));
    sq_net_run_load(a, &narrow);
    sq_net_run_load(b, &wide);
    const float *p = sq_net_forward(a, few), *q = sq_net_forward(b, many);
    for (int i = 0; i < MOST * shape.hidden; i++)
        REQUIRE_NEAR(p[i], q[i], 1e-4); /* float, terms of 0 between */
    sq_net_run_destroy(&a);
    sq_net_run_destroy(&b);
    sq_kernels_destroy(&k);
    sq_net_finish(&narrow);
    sq_net_finish(&wide);
}

static void slots_are_merged(void **state)
{
    (void)state;
    struct sq_slots a = sq_slots_last;
    sq_slots_add(&a, &(struct sq_slots){6, {0, 1, 2, 3, 6, 9}});
    assert_true(a.n == 6 && a.age[4] == 6 && a.age[5] == 9 && sq_slots_valid(&a));
    sq_slots_add(&a, &(struct sq_slots){4, {0, 4, 8, 12}});
    assert_true(a.n == SQ_SLOT_MAX && a.age[4] == 4 && a.age[7] == 9 && sq_slots_valid(&a)); /* 12 finds no room */
    assert_true(sq_slots_find(&a, 8) == 6 && sq_slots_find(&a, 5) == -1);
    assert_false(sq_slots_valid(&(struct sq_slots){2, {1, 2}}) || sq_slots_valid(&(struct sq_slots){2, {0, 0}}));
}

/* What the head makes of a class that advection gives q. */
static float base_class(float q, int class, int classes)
{
    float rest = 0.2f, first = rest * 0.2f / (1 - powf(0.8f, (float)(classes - 1)));
    return (1 - SQ_HEAD_FLOOR) * q + SQ_HEAD_FLOOR * (class ? first * powf(0.8f, (float)(class - 1)) : 1 - rest);
}

/* A network that knows nothing forecasts what advection does. */
static void scores_of_zero_are_advection(void **state)
{
    (void)state;
    enum { N = 21, CLASSES = 5 };
    float score[N * CLASSES] = {0}, base[4 * N], p[4 * N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 4; k++)
            base[k * N + i] = (float)(i * (4 - k)) / (4 * N);
    sq_head_exceed(CLASSES, score, N, base, N, p, N);
    for (int i = 0; i < N; i++) {
        float above = 0;
        for (int k = 3; k >= 0; k--) {
            above += base_class(base[k * N + i] - (k < 3 ? base[(k + 1) * N + i] : 0), k + 1, CLASSES);
            REQUIRE_NEAR(p[k * N + i], above, 1e-5);
        }
    }
}

static void loss_is_lowest_at_the_truth(void **state)
{
    (void)state;
    struct sq_net_shape s = small_shape();
    float truth[2] = {3, NAN}, d[2 * 10] = {0}, right[2 * 10] = {0}, wrong[2 * 10] = {0};
    float base[4 * 2] = {0.6f, 0.6f, 0.4f, 0.4f, 0.2f, 0.2f}; /* classes 2 and 4 are likely alike */
    struct sq_loss a = {0}, b = {0};
    right[2] = right[5 + 2] = 20; /* 1 to 5 mm/h is class 2, at both nodes */
    wrong[4] = wrong[5 + 4] = 20;
    sq_head_loss(&s, 600, 0.5f, 1, right, base, truth, 2, d, &a);
    sq_head_loss(&s, 600, 0.5f, 1, wrong, base, truth, 2, d, &b);
    REQUIRE_NEAR(a.sum, 0, 1e-5);
    REQUIRE_NEAR(b.entropy, 20 + logf(base_class(0, 4, 5)) - logf(base_class(0.2f, 2, 5)), 1e-3);
    REQUIRE_NEAR(b.crps, (20 - 1) * 0.5 + (20 - 5), 1e-3); /* w of 5 and of 20 mm/h, both missed by one */
    assert_true(a.cells == 1 && b.cells == 1);
    for (int i = 10; i < 20; i++)
        assert_true(d[i] == 0); /* what was not observed does not teach */
}

static void leads_blend(void **state)
{
    (void)state;
    struct sq_net_shape s = small_shape();
    int a;
    float w;
    sq_net_blend(&s, 60, &a, &w);
    assert_true(a == 0 && w == 0);
    sq_net_blend(&s, 600, &a, &w);
    assert_int_equal(a, 0);
    REQUIRE_NEAR(w, 0.5, 1e-6);
    sq_net_blend(&s, 4000, &a, &w);
    assert_true(a == 0 && w == 1);
}

/* AdamW finds the bottom of a bowl; its average follows. */
static void optimiser_descends(void **state)
{
    (void)state;
    struct sq_err err = {0};
    float theta[2] = {3, -2}, g[2];
    struct sq_optimiser o;
    struct sq_optimiser_params p = {.rate = 0.05, .average = 0.9, .clip = 100, .warmup = 10, .steps = 400};
    REQUIRE_OK(sq_optimiser_init(&o, &p, 2, theta, &err));
    for (int i = 0; i < 400; i++) {
        g[0] = 2 * (theta[0] - 1);
        g[1] = 8 * theta[1];
        sq_optimiser_step(&o, g, theta);
    }
    REQUIRE_NEAR(theta[0], 1, 0.01);
    REQUIRE_NEAR(theta[1], 0, 0.01);
    REQUIRE_NEAR(o.average[0], 1, 0.02);
    float before = theta[0];
    g[0] = NAN;
    assert_true(isnan(sq_optimiser_step(&o, g, theta)));
    assert_true(theta[0] == before && o.step == 401); /* it counts: the next step sees other samples */
    sq_optimiser_finish(&o);
}

static void bad_shapes_are_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_net n;
    struct sq_net_shape s = small_shape();
    s.node_s[1] = 300;
    REQUIRE_STATUS(sq_net_init(&n, &s, &err), SQ_FAILED);
    s = small_shape();
    s.dilation[0] = 0;
    REQUIRE_STATUS(sq_net_init(&n, &s, &err), SQ_FAILED);
    s = small_shape();
    s.edge_mmh[0] = NAN;
    REQUIRE_STATUS(sq_net_init(&n, &s, &err), SQ_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_reference),
        cmocka_unit_test(gradients_onednn),
        cmocka_unit_test(inference_equals_training),
        cmocka_unit_test(grown_answers_alike),
        cmocka_unit_test(slots_are_merged),
        cmocka_unit_test(scores_of_zero_are_advection),
        cmocka_unit_test(loss_is_lowest_at_the_truth),
        cmocka_unit_test(leads_blend),
        cmocka_unit_test(optimiser_descends),
        cmocka_unit_test(bad_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
