/* Growth of rain in place: told from what advection had said of the last hours. */
#include "test.h"
#include "made.h"

#include "growth.h"
#include "random.h"

enum { NX = 480, NY = 160, FRAMES = 22, STEP = 3 /* cells that rain moves in a step */, BAND = 200, WIDTH = 60 };

/* Showers that move to the right, `factor` times as strong in a band that stays. */
static void make_cube(struct sq_cube *c, float factor)
{
    struct sq_random r = sq_random_seed(7, 1);
    made_cube(c, NX, NY, FRAMES);
    for (int k = 0; k < 700; k++) {
        int row = sq_random_below(&r, NY - 8), col = sq_random_below(&r, NX + STEP * FRAMES) - STEP * FRAMES;
        float v = expf(sq_random_normal(&r));
        for (int f = 0; f < FRAMES; f++)
            for (int i = 0; i < 64; i++) {
                int j = col + i % 8 + STEP * f;
                if (j >= 0 && j < NX)
                    c->frame[f].rate_mmh[(row + i / 8) * NX + j] = j >= BAND && j < BAND + WIDTH ? factor * v : v;
            }
    }
}

static void init(struct sq_growth *x, const struct sq_cube *c, int newest)
{
    struct sq_scene s;
    struct sq_err err = {0};
    REQUIRE_OK(sq_scene_init(&s, c, newest, c->step_s, &sq_slots_last, &err));
    REQUIRE_OK(sq_growth_init(x, &s, &err));
    sq_scene_finish(&s);
}

/* Mean of what odds are multiplied by in columns [a, b). */
static double mean_growth(const struct sq_growth *x, double lead_s, int a, int b)
{
    const struct sq_window win = {20, a, NY - 40, b - a};
    const int n = win.h * win.w;
    float *growth = malloc((size_t)n * sizeof *growth);
    double sum = 0;
    if (sq_growth_put(x, lead_s, &win, growth))
        for (int i = 0; i < n; i++)
            sum += (double)growth[i];
    free(growth);
    return sum / n;
}

static void rain_grows_where_it_grew(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_growth x;
    make_cube(&c, 4);
    init(&x, &c, FRAMES - 1);
    REQUIRE(mean_growth(&x, 3600, BAND, BAND + 20) > 1.2);
    REQUIRE(mean_growth(&x, 3600, BAND + WIDTH, BAND + WIDTH + 20) < 0.85);
    REQUIRE_NEAR(mean_growth(&x, 3600, BAND + WIDTH + 120, NX - 20), 1, 0.1);
    sq_growth_finish(&x);
    sq_cube_finish(&c);
}

/* As much as the root of it at half the lead, and no more after half an hour. */
static void growth_comes_with_lead(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_growth x;
    make_cube(&c, 4);
    init(&x, &c, FRAMES - 1);
    const struct sq_window win = {32, BAND, 64, 64};
    enum { N = 64 * 64 };
    float *early = malloc(3 * N * sizeof *early), *half = early + N, *hour = half + N;
    REQUIRE(sq_growth_put(&x, 900, &win, early) && sq_growth_put(&x, 1800, &win, half) && sq_growth_put(&x, 3600, &win, hour));
    for (int i = 0; i < N; i += 7) {
        REQUIRE_NEAR(early[i] * early[i], half[i], 1e-4);
        REQUIRE(hour[i] == half[i]);
    }
    free(early);
    sq_growth_finish(&x);
    sq_cube_finish(&c);
}

static void rain_that_moves_on_does_not_grow(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_growth x;
    make_cube(&c, 1);
    init(&x, &c, FRAMES - 1);
    for (int a = 80; a < NX - 40; a += 40)
        if (x.shift)
            REQUIRE_NEAR(mean_growth(&x, 3600, a, a + 40), 1, 0.1);
    sq_growth_finish(&x);
    sq_cube_finish(&c);
}

/* Of the frame 30 minutes before it is not known how it moved. */
static void calm_for_want_of_frames_is_no_growth(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_growth x;
    float growth[64];
    make_cube(&c, 1);
    for (int f = 0; f < FRAMES - 7; f++) {
        free(c.frame[f].rate_mmh);
        c.frame[f].rate_mmh = NULL;
    }
    init(&x, &c, FRAMES - 1);
    const struct sq_window win = {0, 0, 8, 8};
    REQUIRE(!sq_growth_put(&x, 3600, &win, growth));
    sq_growth_finish(&x);
    sq_cube_finish(&c);
}

static void without_half_an_hour_nothing_is_known_to_grow(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_growth x;
    float growth[64];
    make_cube(&c, 4);
    init(&x, &c, 5);
    const struct sq_window win = {0, 0, 8, 8};
    REQUIRE(!sq_growth_put(&x, 3600, &win, growth));
    sq_growth_finish(&x);
    for (int f = 0; f < FRAMES - 1; f += 2) { /* gaps: the frames that are left serve */
        free(c.frame[f].rate_mmh);
        c.frame[f].rate_mmh = NULL;
    }
    init(&x, &c, FRAMES - 1);
    REQUIRE(sq_growth_put(&x, 3600, &win, growth));
    sq_growth_finish(&x);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rain_grows_where_it_grew),
        cmocka_unit_test(growth_comes_with_lead),
        cmocka_unit_test(rain_that_moves_on_does_not_grow),
        cmocka_unit_test(calm_for_want_of_frames_is_no_growth),
        cmocka_unit_test(without_half_an_hour_nothing_is_known_to_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
