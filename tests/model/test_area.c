/* The area of rain that a network may not change. */
#include "test.h"
#include "made.h"

#include "nowcast.h"
#include "random.h"

enum { NX = 150, NY = 137, CELLS = NX * NY, EDGES = 3 };

static const float edges[EDGES] = {0.1f, 1, 5};

/* Classes weighed 1 : 2 : 3 : 4 and renormalised, against sums written out, for counts of cells that fill no vector. */
static void classes_are_reweighed(void **state)
{
    (void)state;
    struct sq_area a = {.n_edge = EDGES};
    const struct sq_net_shape shape = {.n_node = 2, .node_s = {900, 1800}};
    float p[EDGES * 21];
    struct sq_random r = sq_random_seed(5, 1);
    for (int n = 1; n <= 21; n++) {
        float q[EDGES * 21];
        for (int i = 0; i < n; i++) {
            p[i] = i == 3 ? 0 : i == 4 ? 1 : sq_random_uniform(&r);
            p[n + i] = p[i] * sq_random_uniform(&r);
            p[2 * n + i] = p[n + i] * sq_random_uniform(&r);
        }
        for (int c = 0; c < 4; c++) { /* half way between the nodes: the geometric mean */
            a.log_factor[0][c] = 0;
            a.log_factor[1][c] = 2 * logf((float)(c + 1));
        }
        memcpy(q, p, sizeof q);
        sq_area_apply(&a, &shape, 1350, (size_t)n, q);
        for (int i = 0; i < n; i++) {
            double w[4] = {1 - p[i], 2 * (p[i] - p[n + i]), 3 * (p[n + i] - p[2 * n + i]), 4 * p[2 * n + i]};
            double sum = w[0] + w[1] + w[2] + w[3];
            REQUIRE_NEAR(q[i], 1 - w[0] / sum, 1e-5);
            REQUIRE_NEAR(q[n + i], (w[2] + w[3]) / sum, 1e-5);
            REQUIRE_NEAR(q[2 * n + i], w[3] / sum, 1e-5);
        }
    }
}

/* Two frames of showers, not all of them observed. */
static void make_cube(struct sq_cube *c)
{
    made_cube(c, NX, NY, 2);
    for (int f = 0; f < 2; f++)
        for (int i = 0; i < CELLS; i++)
            c->frame[f].rate_mmh[i] =
                i < 700 ? NAN : fmaxf(0, 9 * sinf(0.2f * (float)(i % NX)) * cosf(0.15f * (float)(i / NX)) - 1);
}

static double total(const float *p)
{
    double sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += isnan(p[i]) ? 0 : (double)p[i];
    return sum;
}

static void forecast(const struct sq_cube *c, enum sq_method m, const struct sq_weights *w, double ret[EDGES])
{
    struct sq_err err = {0};
    struct sq_forecast f = {.grid = c->grid, .n_lead = 1, .lead_s = {1200}, .n_threshold = EDGES, .n_percentile = 1, .percentile = {50}};
    struct sq_nowcast_params p = {.method = m, .weights = w, .threads = 2};
    struct sq_nowcast *n = NULL;
    struct sq_lead l;
    memcpy(f.threshold_mmh, edges, sizeof edges);
    REQUIRE_OK(sq_nowcast_create(c, &p, &f, &n, &err));
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    REQUIRE_OK(sq_nowcast_lead(n, 0, &l, &err));
    for (int k = 0; k < EDGES; k++)
        ret[k] = total(l.prob + k * CELLS);
    sq_lead_finish(&l);
    sq_nowcast_destroy(&n);
}

/* A network that says what it likes, with a bias: trusted alone it changes the area of rain; beside advection it cannot. */
static void the_area_is_that_of_advection(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_weights w = {.name = "made", .least_step_s = 60, .most_step_s = 900, .least_cell_m = 100, .most_cell_m = 9000};
    const struct sq_net_shape shape = {.channels = 16, .stacks = 1, .n_dilation = 1, .dilation = {1}, .up = 4, .hidden = 16, .n_node = 2,
                                 .node_s = {900, 1800}, .slots = sq_slots_last, .n_edge = EDGES, .edge_mmh = {0.1f, 1, 5}};
    double advection[EDGES], alone[EDGES], beside[EDGES];
    make_cube(&c);
    REQUIRE_OK(sq_net_init(&w.net, &shape, &err));
    sq_net_randomise(&w.net, 1);
    const struct sq_layer *head = &w.net.layer[w.net.n_layer - 1];
    for (int node = 0; node < 2; node++)
        for (int k = 1; k <= EDGES; k++)
            w.net.theta[head->bias + (size_t)(node * (EDGES + 1) + k)] = 0.7f;
    forecast(&c, SQ_METHOD_ADVECTION, NULL, advection);
    forecast(&c, SQ_METHOD_NETWORK, &w, alone);
    w.advection_share = 0.01f;
    forecast(&c, SQ_METHOD_NETWORK, &w, beside);
    for (int k = 0; k < EDGES; k++) {
        assert_true(alone[k] > 1.1 * advection[k]);
        REQUIRE_NEAR(beside[k] / advection[k], 1, 0.05); /* fitted to every fourth row of the near part of advection */
    }
    sq_net_finish(&w.net);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_reweighed),
        cmocka_unit_test(the_area_is_that_of_advection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
