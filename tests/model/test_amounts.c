/* Errors of amount: the case's own autoregression and levels, on made rain that stands still. */
#include "test.h"
#include "made.h"

#include "advect.h"
#include "amounts.h"
#include "blur.h"
#include "random.h"

enum { N = 288, CELLS = N * N, FRAMES = 3 };

/* The scene of the last frame, all of it at rest. */
static void scene_init(const struct sq_cube *c, struct sq_scene *s)
{
    struct sq_err err = {0};
    REQUIRE_OK(sq_scene_init(s, c, FRAMES - 1, 300, &sq_slots_last, &err));
    size_t nodes = (size_t)s->motion.mx * (size_t)s->motion.my;
    memset(s->motion.u, 0, nodes * sizeof(float));
    memset(s->motion.v, 0, nodes * sizeof(float));
    memset(s->back_x[0], 0, 2 * (size_t)s->slots.n * nodes * sizeof(float));
}

/* P(rate >= edge) of amounts pooled into `before` everywhere; the share of amounts is in ret[CELLS]. */
static float *pooled(const struct sq_scene *s, double lead_s, const struct sq_window *win, float edge)
{
    struct sq_err err = {0};
    struct sq_amounts a;
    struct sq_scales x;
    size_t n = (size_t)win->h * (size_t)win->w;
    float *p = calloc(2 * n, sizeof *p), *tmp = malloc(2 * n * sizeof *tmp);
    REQUIRE_OK(sq_amounts_init(&a, s, lead_s, &err));
    REQUIRE_OK(sq_amounts_scales(&x, s, win, &err));
    for (size_t i = 0; i < n; i++)
        p[n + i] = 1;
    sq_amounts_pool(&a, &x, lead_s, win, &edge, 1, p, tmp);
    sq_amounts_pool(&a, &x, lead_s, win, &edge, 1, p + n, tmp);
    p[n] = 1 - (p[n] - p[0]); /* (1 - share) 1 + share q, less share q */
    sq_amounts_finish(&a);
    sq_scales_finish(&x);
    free(tmp);
    return p;
}

static void blob(float *rate, int row, int col, float peak_db)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            float db = peak_db - 0.03f * (float)((i - row) * (i - row) + (j - col) * (j - col));
            if (db > -10)
                rate[i * N + j] = powf(10, db / 10);
        }
}

/* Showers that were weaker and showers that were stronger, and now are alike. */
static void what_grows_grows_on(void **state)
{
    (void)state;
    struct sq_cube c;
    struct sq_scene s;
    const struct sq_window all = {0, 0, N, N};
    made_cube(&c, N, N, FRAMES);
    for (int f = 0; f < FRAMES; f++)
        for (int k = 0; k < 8; k++)
            blob(c.frame[f].rate_mmh, 60 + 160 * (k / 4), 40 + 70 * (k % 4), 10 + (k % 2 ? 2.5f : -2.5f) * (float)(FRAMES - 1 - f));
    scene_init(&c, &s);
    float *p = pooled(&s, 900, &all, 5);
    for (int k = 0; k < 8; k += 2)
        assert_true(p[(60 + 160 * (k / 4)) * N + 40 + 70 * (k % 4)] > 1.1f * p[(60 + 160 * (k / 4)) * N + 110 + 70 * (k % 4)]);
    free(p);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* Frames of a Gaussian field, 10 dB with a deviation of 3, blurred by 4 km, that follows x = phi1 x' + phi2 x'' + noise. */
static void autoregress(struct sq_cube *c, float phi1, float phi2)
{
    enum { BURN = 40 };
    struct sq_random r = sq_random_seed(11, 1);
    float *x[3], *tmp = malloc((CELLS + N) * sizeof *tmp);
    for (int k = 0; k < 3; k++)
        x[k] = calloc(CELLS, sizeof(float));
    for (int t = 0; t < BURN + FRAMES; t++) {
        float *now = x[t % 3], *last = x[(t + 2) % 3], *before = x[(t + 1) % 3];
        double sum = 0;
        for (int i = 0; i < CELLS; i++)
            now[i] = sq_random_normal(&r);
        sq_blur(now, tmp, N, N, 4);
        for (int i = 0; i < CELLS; i++) {
            now[i] = phi1 * last[i] + phi2 * before[i] + now[i];
            sum += (double)(now[i] * now[i]);
        }
        for (int i = 0; t >= BURN && i < CELLS; i++)
            c->frame[t - BURN].rate_mmh[i] = powf(10, 1 + 0.3f * now[i] / (float)sqrt(sum / CELLS));
    }
    for (int k = 0; k < 3; k++)
        free(x[k]);
    free(tmp);
}

/* Some 400 independent places: correlations are known to 0.03, the coefficients to 0.1. */
static void the_case_says_how_it_lives(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_scene s;
    struct sq_amounts a;
    made_cube(&c, N, N, FRAMES);
    autoregress(&c, 1.2f, -0.4f);
    scene_init(&c, &s);
    REQUIRE_OK(sq_amounts_init(&a, &s, 3600, &err));
    for (int k = 3; k < 5; k++) { /* 4 to 16 km */
        REQUIRE_NEAR(a.phi[0][k], 1.2, 0.15);
        REQUIRE_NEAR(a.phi[1][k], -0.4, 0.15);
    }
    sq_amounts_finish(&a);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* Probability matching: as many cells as reach a rate now are expected to reach it later. */
static void the_area_of_each_rate_stays(void **state)
{
    (void)state;
    const float edge[] = {5, 10, 20};
    const int lead_s[] = {300, 1800, 3600};
    const struct sq_window all = {0, 0, N, N};
    struct sq_cube c;
    struct sq_scene s;
    made_cube(&c, N, N, FRAMES);
    autoregress(&c, 1.2f, -0.4f);
    scene_init(&c, &s);
    for (int l = 0; l < 3; l++)
        for (int k = 0; k < 3; k++) {
            float *p = pooled(&s, lead_s[l], &all, edge[k]);
            double expected = 0, now = 0;
            for (int i = 0; i < CELLS; i++) {
                expected += (double)(p[i] / p[CELLS]);
                now += c.frame[FRAMES - 1].rate_mmh[i] >= edge[k];
            }
            REQUIRE_NEAR(expected / now, 1, 0.04); /* every sixteenth cell is counted, in bins of 0.25 dB */
            free(p);
        }
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

static void windows_change_nothing(void **state)
{
    (void)state;
    const struct sq_window all = {0, 0, N, N}, part[] = {{61, 70, 33, 41}, {0, 0, 9, 11}, {279, 201, 9, 69}};
    struct sq_cube c;
    struct sq_scene s;
    made_cube(&c, N, N, FRAMES);
    autoregress(&c, 0.9f, -0.1f);
    for (int i = 0; i < 50; i++)
        for (int j = 0; j < 90; j++)
            c.frame[FRAMES - 1].rate_mmh[i * N + j] = NAN;
    scene_init(&c, &s);
    float *whole = pooled(&s, 1200, &all, 10);
    for (int w = 0; w < 3; w++) {
        float *p = pooled(&s, 1200, &part[w], 10);
        for (int i = 0; i < part[w].h; i++)
            for (int j = 0; j < part[w].w; j++)
                REQUIRE_NEAR(p[i * part[w].w + j], whole[(part[w].row + i) * N + part[w].col + j], 1e-4);
        free(p);
    }
    free(whole);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* What the frame before did not see is taken to have been as it is now, and no scale sees what the newest did not. */
static void holes_say_nothing(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const struct sq_window all = {0, 0, N, N};
    struct sq_cube c;
    struct sq_scene s;
    struct sq_scales x;
    float *now = malloc(CELLS * sizeof *now), *before = malloc(CELLS * sizeof *before);
    made_cube(&c, N, N, FRAMES);
    autoregress(&c, 0.9f, -0.1f);
    for (int i = 0; i < CELLS; i++) {
        c.frame[FRAMES - 2].rate_mmh[i] = i % N < 140 ? NAN : c.frame[FRAMES - 2].rate_mmh[i];
        for (int f = 0; f < FRAMES; f++)
            c.frame[f].rate_mmh[i] = i % N >= 280 ? NAN : c.frame[f].rate_mmh[i];
    }
    scene_init(&c, &s);
    REQUIRE_OK(sq_scales_init(&x, &s, &all, 2, 0, &err));
    for (int k = 0; k < 2; k++) { /* as it is, and blurred by 1 km */
        sq_scales_put(&x, 0, k, &all, now);
        sq_scales_put(&x, 1, k, &all, before);
        for (int i = 0; i < CELLS; i++)
            if (i % N < 130)
                REQUIRE_NEAR(before[i], now[i], 1e-4);
            else if (i % N == 279)
                assert_true(now[i] > 10); /* 25 dB above dry on average: not half of that */
    }
    free(now);
    free(before);
    sq_scales_finish(&x);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* A gap before the newest frame: small scales die before large ones, and nothing is known of growth. */
static void without_a_past_lives_are_the_usual(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_scene s;
    struct sq_amounts a;
    made_cube(&c, N, N, FRAMES);
    autoregress(&c, 1.2f, -0.4f);
    free(c.frame[FRAMES - 2].rate_mmh);
    c.frame[FRAMES - 2].rate_mmh = NULL;
    scene_init(&c, &s);
    REQUIRE_OK(sq_amounts_init(&a, &s, 900, &err));
    for (int k = 0; k < SQ_SCALES; k++)
        assert_true(a.phi[1][k] == 0 && a.phi[0][k] < 1 && a.phi[0][k] > (k ? a.phi[0][k - 1] : 0));
    sq_amounts_finish(&a);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* A cell far above the rate is likelier to stay above it than one that barely is; where it is dry nothing is expected. */
static void strong_rain_lasts(void **state)
{
    (void)state;
    const struct sq_window all = {0, 0, N, N};
    struct sq_cube c;
    struct sq_scene s;
    made_cube(&c, N, N, FRAMES);
    for (int f = 0; f < FRAMES; f++)
        for (int k = 0; k < 2; k++)
            blob(c.frame[f].rate_mmh, 100, 80 + 120 * k, k ? 16 : 2);
    scene_init(&c, &s);
    float *p = pooled(&s, 900, &all, 1);
    assert_true(p[100 * N + 200] > p[100 * N + 80] + 0.05f);
    assert_true(p[280 * N + 5] == 0);
    free(p);
    memset(c.frame[FRAMES - 1].rate_mmh, 0, CELLS * sizeof(float)); /* it has stopped raining */
    p = pooled(&s, 900, &all, 1);
    for (int i = 0; i < CELLS; i++)
        assert_true(p[i] < 1e-6f);
    free(p);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_grows_grows_on),
        cmocka_unit_test(the_case_says_how_it_lives),
        cmocka_unit_test(the_area_of_each_rate_stays),
        cmocka_unit_test(windows_change_nothing),
        cmocka_unit_test(holes_say_nothing),
        cmocka_unit_test(without_a_past_lives_are_the_usual),
        cmocka_unit_test(strong_rain_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
