/* Motion, trajectories, carrying and the features of a scene. */
#include "test.h"
#include "made.h"

#include "core/cube.h"
#include "model.h"
#include "nearest.h"
#include "scene.h"
#include "scene_features.h"

enum { NX = 200, NY = 160, FRAMES = 4 };

static const double u_cells = 1.5, v_cells = -0.75; /* per frame: to the east and to the north */

/* Cells of rain that ride along, with a hole in coverage at the left edge. */
static float rain(double row, double col)
{
    double r = 0;
    for (int k = 0; k < 12; k++) {
        double y = 20 + 13 * k % 120, x = 30 + 47 * k % 140, s = 5 + k % 3;
        r += 12 * exp(-((row - y) * (row - y) + (col - x) * (col - x)) / (2 * s * s));
    }
    return r < 0.1 ? 0 : (float)r;
}

static void moving_rain(struct sq_cube *c)
{
    made_cube(c, NX, NY, FRAMES);
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < NY; i++)
            for (int j = 0; j < NX; j++)
                c->frame[f].rate_mmh[i * NX + j] = j < 6 ? NAN : rain(i - v_cells * f, j - u_cells * f);
}

static void rain_that_moves_is_followed(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_motion m;
    moving_rain(&c);
    REQUIRE_OK(sq_motion_estimate(&c, FRAMES - 1, 300, &m, &err));
    for (int i = 30; i < NY - 30; i += 5)
        for (int j = 40; j < NX - 30; j += 5) { /* between echoes, the wider windows' answer: a fifth of the speed off */
            double off = (double)rain(i, j) > 1 ? 0.15 : 0.4;
            REQUIRE_NEAR(300 * (double)sq_motion_at(&m, m.u, (float)i, (float)j), u_cells, off);
            REQUIRE_NEAR(300 * (double)sq_motion_at(&m, m.v, (float)i, (float)j), v_cells, off);
            REQUIRE_NEAR(300 * (double)sq_motion_at(&m, m.lasting_u, (float)i, (float)j), u_cells, off);
        }
    sq_motion_finish(&m);
    REQUIRE_OK(sq_motion_estimate(&c, 0, 300, &m, &err)); /* one frame: calm */
    for (int k = 0; k < m.mx * m.my; k++)
        assert_true(m.u[k] == 0 && m.v[k] == 0);
    sq_motion_finish(&m);
    sq_cube_finish(&c);
}

/* A field that turns: there and back again ends where it began; and a parcel keeps its velocity. */
static void trajectories_return(void **state)
{
    (void)state;
    struct sq_motion m = {.nx = 320, .ny = 320, .cell = 8, .mx = 40, .my = 40};
    size_t n = 40 * 40;
    m.u = malloc(2 * n * sizeof(float));
    m.v = m.u + n;
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < 40; j++) {
            m.u[i * 40 + j] = 1e-3f * (float)(i - 20);
            m.v[i * 40 + j] = -1e-3f * (float)(j - 20);
        }
    float *d = calloc(4 * n, sizeof(float));
    sq_motion_ahead(&m, 1800, d, d + n);
    sq_motion_origin(&m, 1800, d + 2 * n, d + 3 * n);
    for (int i = 12; i < 28; i += 3)
        for (int j = 12; j < 28; j += 3) {
            float row = (float)(8 * i) + 3.5f, col = (float)(8 * j) + 3.5f;
            float y = row + d[n + (size_t)(i * 40 + j)], x = col + d[i * 40 + j];
            /* the way back is read between nodes 8 cells apart */
            REQUIRE_NEAR(y + sq_motion_at(&m, d + 3 * n, y, x), row, 0.1);
            REQUIRE_NEAR(x + sq_motion_at(&m, d + 2 * n, y, x), col, 0.1);
        }
    float *h = calloc(2 * n, sizeof(float));
    sq_motion_ahead(&m, -900, h, h + n);
    for (size_t k = 0; k < 2 * n; k++)
        REQUIRE_NEAR(-2 * h[k], d[k], 1e-4); /* rounding */
    free(h);
    free(d);
    free(m.u);
}

/* Echoes that ride now at one speed and later stand: they come as far as the speed fades. */
static void motion_fades_to_what_lasts(void **state)
{
    (void)state;
    float speed[4] = {2e-3f, 2e-3f, 2e-3f, 2e-3f}, zero[4] = {0}, dx[4] = {0}, dy[4] = {0};
    struct sq_motion m = {.nx = 16, .ny = 16, .cell = 8, .mx = 2, .my = 2, .u = speed, .v = zero, .lasting_u = zero, .lasting_v = zero};
    for (double to = -1200; to <= 3600; to += 1200) {
        sq_motion_ahead(&m, to, dx, dy);
        REQUIRE_NEAR(dx[3], copysign(2e-3 * SQ_MOTION_FADE_S * (1 - exp(-fabs(to) / SQ_MOTION_FADE_S)), to), 0.01);
        REQUIRE_NEAR(dy[3], 0, 1e-6);
    }
}

/* Between nodes displacements are bilinear, before the first and after the last constant, wherever a row of them begins. */
static void positions_are_bilinear_between_nodes(void **state)
{
    (void)state;
    enum { COLS = 61, ROWS = 45, MX = 9, MY = 7, CELL = 7 };
    struct sq_motion m = {.nx = COLS, .ny = ROWS, .cell = CELL, .mx = MX, .my = MY};
    float dx[MX * MY], dy[MX * MY], y[COLS], x[COLS];
    for (int k = 0; k < MX * MY; k++) {
        dx[k] = (float)((k * 37) % 11) - 5;
        dy[k] = (float)((k * 53) % 13) - 6;
    }
    for (int row = 0; row < ROWS; row++)
        for (int col = -30; col < COLS + 30; col += 10) { /* windows may reach beyond the grid */
            sq_carry_positions(&m, dx, dy, row, col, COLS - 10, y, x);
            for (int k = 0; k < COLS - 10; k++) {
                REQUIRE_NEAR(x[k], (float)(col + k) + sq_motion_at(&m, dx, (float)row, (float)(col + k)), 1e-4);
                REQUIRE_NEAR(y[k], (float)row + sq_motion_at(&m, dy, (float)row, (float)(col + k)), 1e-4);
            }
        }
}

/* Every hole finds a cell as near as any, within a tenth. */
static void holes_find_the_nearest_cell(void **state)
{
    (void)state;
    enum { W = 37, H = 29 };
    struct sq_err err = {0};
    struct sq_nearest n = {0};
    float map[W * H], y, x;
    for (int i = 0; i < W * H; i++)
        map[i] = (i * 7919) % 23 ? NAN : 1;
    REQUIRE_OK(sq_nearest_init(&n, map, W, H, &err));
    for (int i = 0; i < W * H; i++) {
        double best = 1e9;
        for (int k = 0; k < W * H; k++)
            if (!isnan(map[k]))
                best = fmin(best, hypot(k / W - i / W, k % W - i % W));
        y = (float)(i / W), x = (float)(i % W);
        assert_true(sq_nearest_move(&n, 100, &y, &x) && !isnan(map[(int)y * W + (int)x]));
        assert_true(hypot((double)y - i / W, (double)x - i % W) <= 1.1 * best + 1e-6);
    }
    y = -30, x = 5;
    assert_false(sq_nearest_move(&n, 20, &y, &x));
    y = NAN;
    assert_false(sq_nearest_move(&n, 20, &y, &x));
    sq_nearest_finish(&n);
    for (int i = 0; i < W * H; i++)
        map[i] = 0;
    REQUIRE_OK(sq_nearest_init(&n, map, W, H, &err)); /* no hole: positions stay, those outside come to the edge */
    y = 3.4f, x = (float)W + 1;
    assert_true(sq_nearest_move(&n, 3, &y, &x) && y == 3.4f && x == W - 1);
    assert_true(!n.cell);
    sq_nearest_finish(&n);
}

/* Not observed, dry and rain stay three things on their way through a displaced window. */
static void carrying_keeps_nan_and_dry(void **state)
{
    (void)state;
    float map[8 * 8], zero[4] = {0}, half[4] = {0.5f, 0.5f, 0.5f, 0.5f}, out[8 * 8];
    struct sq_motion m = {.nx = 8, .ny = 8, .cell = 8, .mx = 1, .my = 1};
    struct sq_window all = {0, 0, 8, 8}, beyond = {-2, -2, 4, 4};
    for (int k = 0; k < 64; k++)
        map[k] = k % 8 < 2 ? NAN : k % 8 < 5 ? 0 : 4;
    sq_carry(map, &m, zero, zero, &all, false, out);
    for (int k = 0; k < 64; k++)
        assert_true(isnan(map[k]) ? isnan(out[k]) : out[k] == map[k]);
    sq_carry(map, &m, half, zero, &all, false, out);
    assert_true(isnan(out[0]) && out[2] == 0 && out[5] == 4);
    REQUIRE_NEAR(out[4], 2, 1e-6);
    sq_carry(map, &m, half, zero, &all, true, out);
    assert_true(out[4] == 0 || out[4] == 4);
    sq_carry(map, &m, zero, zero, &beyond, false, out);
    assert_true(isnan(out[0]) && isnan(out[5]));
}

/* A window of the features is the same bits as that part of the whole: training sees what forecasting sees. */
static void features_are_the_same_everywhere(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    struct sq_scene s;
    moving_rain(&c);
    REQUIRE_OK(sq_scene_init(&s, &c, 3, 300, &sq_slots_last, &err));
    struct sq_window all = {0, 0, NY, NX}, part = {40, 56, 32, 24};
    float *whole = malloc(NX * NY * SQ_FEATURES(4) * sizeof(float)), *some = malloc(32 * 24 * SQ_FEATURES(4) * sizeof(float));
    float *tmp = malloc(NX * NY * sizeof(float));
    sq_features(&s, &sq_slots_last, &all, sq_untouched, whole, tmp);
    sq_features(&s, &sq_slots_last, &part, sq_untouched, some, tmp);
    for (int i = 0; i < NX * NY * SQ_FEATURES(4); i++)
        assert_true(isfinite(whole[i]));
    for (int i = 0; i < 32; i++)
        assert_memory_equal(some + i * 24 * SQ_FEATURES(4), whole + ((40 + i) * NX + 56) * SQ_FEATURES(4),
                            24 * SQ_FEATURES(4) * sizeof(float));
    assert_true(whole[1] == 0 && whole[7 * SQ_FEATURES(4) + 1] == 1); /* not observed, observed */
    /* in the moving frame the storm stands still: the slots agree where there is rain */
    double apart = 0, size = 0;
    for (int i = 30; i < NY - 30; i++)
        for (int j = 40; j < NX - 40; j++) {
            const float *f = whole + (i * NX + j) * SQ_FEATURES(4);
            apart += fabs((double)f[0] - (double)f[6]);
            size += (double)f[0];
        }
    assert_true(apart < 0.05 * size);
    free(whole);
    free(some);
    free(tmp);
    sq_scene_finish(&s);
    sq_cube_finish(&c);
}

/* Every method without weights: probabilities in order, dry stays dry, not observed stays not observed. */
static void methods_without_weights(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    moving_rain(&c);
    for (int m = SQ_METHOD_ADVECTION; m <= SQ_METHOD_EXTRAPOLATION; m++) {
        struct sq_forecast f = {.grid = c.grid, .n_lead = 2, .lead_s = {300, 1800}, .n_threshold = 3,
                                .threshold_mmh = {0.1f, 1, 5}, .n_percentile = 2, .percentile = {50, 90}};
        struct sq_nowcast_params p = {.method = (enum sq_method)m, .threads = 1};
        struct sq_nowcast *n = NULL;
        struct sq_lead l;
        REQUIRE_OK(sq_nowcast_create(&c, &p, &f, &n, &err));
        REQUIRE_OK(sq_lead_init(&l, &f, &err));
        for (int k = 0; k < 2; k++) {
            REQUIRE_OK(sq_nowcast_lead(n, k, &l, &err));
            double wet = 0;
            for (int i = 0; i < NX * NY; i++) {
                const float *q = l.prob + i;
                assert_true(isnan(q[0]) == isnan(l.mean[i]));
                if (isnan(q[0]))
                    continue;
                assert_true(q[0] <= 1 && q[0] >= q[NX * NY] && q[NX * NY] >= q[2 * NX * NY] && q[2 * NX * NY] >= 0);
                assert_true(l.rate[i] <= l.rate[NX * NY + i]);
                wet += (double)q[0];
            }
            assert_true(wet > 1000 && isnan(l.prob[80 * NX + 1]));
        }
        sq_lead_finish(&l);
        sq_nowcast_destroy(&n);
        sq_forecast_finish(&f);
    }
    struct sq_forecast f = {.grid = c.grid};
    struct sq_nowcast_params p = {.method = SQ_METHOD_NETWORK};
    struct sq_nowcast *n = NULL;
    REQUIRE_STATUS(sq_nowcast_create(&c, &p, &f, &n, &err), SQ_FAILED);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rain_that_moves_is_followed),     cmocka_unit_test(trajectories_return),
        cmocka_unit_test(carrying_keeps_nan_and_dry),      cmocka_unit_test(features_are_the_same_everywhere),
        cmocka_unit_test(motion_fades_to_what_lasts),     cmocka_unit_test(positions_are_bilinear_between_nodes),
        cmocka_unit_test(holes_find_the_nearest_cell),    cmocka_unit_test(methods_without_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
