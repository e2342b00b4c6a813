/* The network over a grid that wants several windows. */
#include "test.h"
#include "made.h"

#include "random.h"
#include "tiles.h"

enum { NY = 46, WIDE = 3000, EDGES = 3, DRY = 2300 };

static const struct sq_net_shape shape = {.channels = 16, .stacks = 1, .n_dilation = 2, .dilation = {1, 3}, .up = 4, .hidden = 20, .n_node = 2,
                                          .node_s = {900, 1800}, .slots = {1, {0}}, .n_edge = EDGES, .edge_mmh = {0.1f, 1, 5}};

/* One frame, which says nothing of motion, of rain everywhere but in the east: columns [from, from + nx) of it. */
static void make_cube(struct sq_cube *c, int from, int nx)
{
    struct sq_random r = sq_random_seed(3, 1);
    made_cube(c, nx, NY, 1);
    for (int i = 0; i < NY; i++)
        for (int j = 0; j < WIDE; j++) {
            float v = expf(sq_random_normal(&r));
            if (j >= from && j < from + nx)
                c->frame[0].rate_mmh[i * nx + j - from] = j < DRY ? v : 0;
        }
}

/* P of columns [at, at + n) of the whole grid, ret (EDGES, NY, n), from columns [from, from + nx) alone. */
static void run(const struct sq_weights *w, int from, int nx, int at, int n, float *ret)
{
    const struct sq_window win = {0, at - from, NY, n};
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_scene s;
    struct sq_hidden *h = NULL;
    float *base = malloc((size_t)(EDGES * NY * n) * sizeof *base), *tmp = malloc(sq_hidden_room(EDGES, &win) * sizeof *tmp);
    for (int i = 0; i < EDGES * NY * n; i++)
        base[i] = 0.5f / (float)(1 + i / (NY * n));
    make_cube(&c, from, nx);
    REQUIRE_OK(sq_scene_init(&s, &c, 0, c.step_s, &shape.slots, &err));
    REQUIRE_OK(sq_hidden_create(w, &s, c.frame[0].rate_mmh, &h, &err));
    sq_hidden_exceed(h, 1200, &win, base, ret, tmp);
    sq_hidden_destroy(&h);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
    free(base);
    free(tmp);
}

static void init(struct sq_weights *w)
{
    struct sq_err err = {0};
    *w = (struct sq_weights){.name = "made"};
    REQUIRE_OK(sq_net_init(&w->net, &shape, &err));
    sq_net_randomise(&w->net, 5);
    const struct sq_layer *head = &w->net.layer[w->net.n_layer - 1];
    struct sq_random r = sq_random_seed(6, 1);
    for (size_t i = head->weight; i < head->bias; i++) /* the first scores of a network are next to 0 */
        w->net.theta[i] = 0.3f * sq_random_normal(&r);
}

/* Whatever the windows are, a cell sees what is within reach: a part of the grid, in one window, says the same. */
static void windows_change_nothing(void **state)
{
    (void)state;
    enum { N = 280 };
    static float whole[EDGES * NY * N], part[EDGES * NY * N];
    struct sq_weights w;
    init(&w);
    const int reach = sq_net_reach(&shape);
    double differ = 0;
    for (int at = 0; at < DRY; at += N) {
        const int from = at < 2 * reach ? 0 : at - 2 * reach; /* even, as blocks of the network are */
        run(&w, 0, WIDE, at, N, whole);
        run(&w, from, at + N + 2 * reach - from, at, N, part);
        for (int i = 0; i < EDGES * NY * N; i++) {
            REQUIRE_NEAR(whole[i], part[i], 2e-3); /* kept as bfloat16 */
            differ += fabs((double)whole[i] - 0.5 / (1 + i / (NY * N)));
        }
    }
    REQUIRE(differ > 0.05 * EDGES * NY * DRY); /* from what advection says */
    sq_net_finish(&w.net);
}

static void nothing_is_said_without_rain_in_sight(void **state)
{
    (void)state;
    enum { N = 500 };
    static float p[EDGES * NY * N];
    struct sq_weights w;
    init(&w);
    run(&w, DRY + 100, N, DRY + 100, N, p);
    for (int i = 0; i < EDGES * NY * N; i++)
        REQUIRE(p[i] == 0);
    sq_net_finish(&w.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_change_nothing),
        cmocka_unit_test(nothing_is_said_without_rain_in_sight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
