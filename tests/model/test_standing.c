/* Rain that stands while its pattern moves: told from the last frames, place by place. */
#include "test.h"
#include "made.h"

#include "random.h"
#include "standing.h"

enum { NX = 420, NY = 120, CELLS = NX * NY, FRAMES = 10, STEP = 3 /* cells that the motion takes in a step */ };

static const float edges[2] = {0.5f, 2};

/* Showers of which the part left of `still` stands and the rest goes to the right, STEP cells a frame. */
static void make_cube(struct sq_cube *c, int still)
{
    struct sq_random r = sq_random_seed(7, 1);
    made_cube(c, NX, NY, FRAMES);
    for (int k = 0; k < 260; k++) {
        int row = sq_random_below(&r, NY - 8), col = sq_random_below(&r, NX);
        float v = expf(sq_random_normal(&r));
        for (int f = 0; f < FRAMES; f++)
            for (int i = 0; i < 64; i++) {
                int j = col + i % 8 + (col < still ? 0 : STEP * (f - FRAMES / 2));
                if (j >= 0 && j < NX)
                    c->frame[f].rate_mmh[(row + i / 8) * NX + j] = v;
            }
    }
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < 30; i++)
            c->frame[f].rate_mmh[40 * NX + 60 + i] = NAN;
}

/* A scene of the frame `newest` whose motion is STEP cells a step everywhere. */
static void make_scene(struct sq_scene *s, const struct sq_cube *c, int newest)
{
    struct sq_err err = {0};
    REQUIRE_OK(sq_scene_init(s, c, newest, c->step_s, &sq_slots_last, &err));
    for (int i = 0; i < s->motion.mx * s->motion.my; i++) {
        s->motion.u[i] = s->motion.lasting_u[i] = (float)STEP / 300;
        s->motion.v[i] = s->motion.lasting_v[i] = 0;
    }
}

static void init(struct sq_standing *x, const struct sq_cube *c, int newest)
{
    struct sq_scene s;
    struct sq_err err = {0};
    make_scene(&s, c, newest);
    REQUIRE_OK(sq_standing_init(x, &s, c->frame[newest].rate_mmh, edges, 2, &err));
    sq_scene_finish(&s);
}

/* Mean of the shares from column a to b, at an hour. */
static double mean_share(const struct sq_standing *x, int a, int b)
{
    const struct sq_window win = {20, a, NY - 40, b - a};
    size_t n = (size_t)win.h * (size_t)win.w;
    float *share = calloc(3 * n, sizeof *share);
    double sum = 0;
    if (sq_standing_put(x, 3600, &win, share, share + n))
        for (size_t i = 0; i < n; i++)
            sum += share[i];
    free(share);
    return sum / (double)n;
}

static void rain_that_moves_does_not_stand(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_standing x;
    make_cube(&c, 0);
    init(&x, &c, FRAMES - 1);
    REQUIRE(mean_share(&x, 0, NX) < 0.02);
    sq_standing_finish(&x);
    sq_cube_finish(&c);
}

static void rain_that_stays_stands_where_it_stays(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_standing x;
    make_cube(&c, NX / 2);
    init(&x, &c, FRAMES - 1);
    REQUIRE(mean_share(&x, 0, 150) > 0.5);
    REQUIRE(mean_share(&x, 300, NX) < 0.1);
    sq_standing_finish(&x);
    sq_cube_finish(&c);
}

/* At an hour near advection in place, at half an hour half of the share. */
static void probabilities_are_those_of_the_newest_rain_around_each_place(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_standing x;
    struct sq_err err = {0};
    make_cube(&c, NX);
    init(&x, &c, FRAMES - 1);
    const struct sq_window win = {24, 32, 64, 96};
    const struct sq_newest newest = {{0, 0, NY, NX}, c.frame[FRAMES - 1].rate_mmh};
    enum { N = 64 * 96 };
    float *share = malloc(9 * N * sizeof *share), *p = share + N, *half = p + 2 * N, *near = half + N + 2 * N;
    float *tmp = malloc(sq_advect_room(&c, &win, 3600) * sizeof *tmp);
    REQUIRE_OK(sq_standing_lead(&x, 3600, &err));
    REQUIRE(sq_standing_put(&x, 3600, &win, share, p));
    sq_advect_share(&c, &newest, 3600, &win, edges, 2, near, tmp);
    for (int i = 0; i < 2 * N; i += 7)
        REQUIRE_NEAR(p[i], near[i], 0.02);
    REQUIRE(sq_standing_put(&x, 1800, &win, half, half + N));
    for (int i = 0; i < N; i += 7)
        REQUIRE_NEAR(half[i], share[i] / 2, 1e-6);
    free(share);
    free(tmp);
    sq_standing_finish(&x);
    sq_cube_finish(&c);
}

static void without_earlier_frames_nothing_is_known_to_stand(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_standing x;
    struct sq_err err = {0};
    float share[64], p[128];
    make_cube(&c, NX);
    init(&x, &c, 2); /* ten minutes: no lag so short */
    const struct sq_window win = {0, 0, 8, 8};
    REQUIRE_OK(sq_standing_lead(&x, 3600, &err));
    REQUIRE(!sq_standing_put(&x, 3600, &win, share, p));
    sq_standing_finish(&x);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rain_that_moves_does_not_stand),
        cmocka_unit_test(rain_that_stays_stands_where_it_stays),
        cmocka_unit_test(probabilities_are_those_of_the_newest_rain_around_each_place),
        cmocka_unit_test(without_earlier_frames_nothing_is_known_to_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
