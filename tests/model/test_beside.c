/* What the network sees beside the radar: on the right cells, scaled, and unseen where it is missing. */
#include "test.h"

#include "beside.h"
#include "scene_features.h"

enum { NX = 24, NY = 20 };

static const char text[] = "- {name: radar, kind: radar, channels: rain_rate, slices_s: [0], latency_s: 0, reach_s: 300}\n"
                           "- {name: satellite, kind: satellite, channels: abi08 abi13, slices_s: [0, 600], latency_s: 0,\n"
                           "   reach_s: 600, coarser: 4, margin_km: 8}\n"
                           "- {name: place, kind: computed, channels: latitude, slices_s: [0]}\n";

/* Target cells of 1 km; satellite cells of 4 km, two of them beyond each side: 10 x 9. Its values are the position of
 * their middle in target cells, 100 * y + x, so that bilinear gives back the position of any cell. */
static struct sq_stack some_stack(const struct sq_beside *b, float *satellite, float *place)
{
    struct sq_err err = {0};
    struct sq_stack s;
    const struct sq_grid target = {.nx = NX, .ny = NY, .dx = 1000, .dy = 1000, .crs = "+proj=laea +lat_0=50 +lon_0=10"};
    REQUIRE_OK(sq_stack_init(&s, b->def, &target, 1000000, &err));
    const struct sq_stack_grid *g = &s.grid[s.grid_of[1]];
    assert_int_equal(g->grid.nx, NX / 4 + 4);
    assert_int_equal(g->grid.ny, NY / 4 + 4);
    for (int i = 0; i < g->grid.ny; i++)
        for (int j = 0; j < g->grid.nx; j++)
            satellite[i * g->grid.nx + j] = 100 * (((float)i - 2) * 4 + 1.5f) + ((float)j - 2) * 4 + 1.5f;
    for (int i = 0; i < NX * NY; i++)
        place[i] = (float)i;
    struct sq_stack_plane *p = sq_stack_at(&s, 1, 1, 0);
    p->value = satellite, p->why = SQ_STACK_USED;
    p = sq_stack_at(&s, 2, 0, 0);
    p->value = place, p->why = SQ_STACK_USED;
    return s;
}

static void planes_come_onto_the_cells(void **state)
{
    (void)state;
    enum { F = 10 };
    struct sq_err err = {0};
    struct sq_beside b;
    float satellite[10 * 9], place[NX * NY], f[6 * 5 * F];
    const struct sq_window win = {11, 17, 6, 5};
    REQUIRE_OK(sq_beside_init(&b, "here", text, &err));
    assert_int_equal(b.n, 5); /* radar is not beside itself */
    struct sq_stack s = some_stack(&b, satellite, place);
    sq_beside_put(&b, &s, 1, 0, &win, f, F);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 5; j++) {
            const float *cell = f + (i * 5 + j) * F;
            assert_true(cell[0] == 0 && cell[1] == 0 && cell[2] == 0 && cell[3] == 0); /* abi08 is not there */
            assert_true(cell[5] == 1 && cell[6] == 0 && cell[7] == 0 && cell[9] == 1);
        }
    /* scaled by what is there, values stay within reach; raw again: the position */
    struct sq_stack *all[2] = {&s, NULL};
    sq_beside_survey(&b, all, 2);
    assert_true(b.std[0] == 1 && b.mean[0] == 0);
    sq_beside_put(&b, &s, 1, 0, &win, f, F);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 5; j++) {
            const float *cell = f + (i * 5 + j) * F;
            REQUIRE_NEAR(cell[4] * b.std[2] + b.mean[2], 100 * (win.row + i) + win.col + j, 0.1);
            REQUIRE_NEAR(cell[8] * b.std[4] + b.mean[4], (win.row + i) * NX + win.col + j, 0.1);
        }
    /* cells twice as wide: the middle of each */
    const struct sq_window half = {3, 5, 2, 2};
    sq_beside_put(&b, &s, 2, 0, &half, f, F);
    REQUIRE_NEAR(f[4] * b.std[2] + b.mean[2], 100 * 6.5 + 10.5, 0.1);
    sq_stack_finish(&s);
    sq_beside_finish(&b);
}

static void any_source_may_be_missing(void **state)
{
    (void)state;
    enum { F = 10 };
    struct sq_err err = {0};
    struct sq_beside b;
    float satellite[10 * 9], place[NX * NY], f[4 * F];
    const struct sq_window win = {0, 0, 2, 2};
    REQUIRE_OK(sq_beside_init(&b, "here", text, &err));
    struct sq_stack s = some_stack(&b, satellite, place);
    satellite[2 * 10 + 2] = NAN; /* one cell of it */
    sq_beside_put(&b, &s, 1, 0, &win, f, F);
    assert_true(f[5] == 0 && f[4] == 0 && f[9] == 1);
    sq_beside_put(&b, &s, 1, 1u << 2, &win, f, F); /* the third source is dropped */
    assert_true(f[9] == 0 && f[8] == 0);
    sq_beside_put(&b, NULL, 1, 0, &win, f, F);
    for (int i = 0; i < 4 * F; i++)
        assert_true(f[i] == 0);
    sq_stack_finish(&s);
    sq_beside_finish(&b);
}

static void bad_sources_are_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_beside b;
    REQUIRE_STATUS(sq_beside_init(&b, "here", "- {name: radar, kind: radar, channels: rain_rate, slices_s: [0]}\n", &err),
                   SQ_FAILED);
    sq_beside_finish(&b);
    REQUIRE_STATUS(sq_beside_init(&b, "here", "nothing", &err), SQ_FAILED);
    sq_beside_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_come_onto_the_cells),
        cmocka_unit_test(any_source_may_be_missing),
        cmocka_unit_test(bad_sources_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
