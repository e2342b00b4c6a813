/* Advection probabilities: against sums written out, and the same whatever the window. */
#include "test.h"

#include "advect.h"
#include "coarse.h"
#include "blur.h"
#include "random.h"

enum { NY = 150, NX = 170 };

static struct sq_cube plain(void)
{
    return (struct sq_cube){.grid = {.nx = NX, .ny = NY, .dx = 1000, .dy = 1000}, .cell_m = {1000, 1000}};
}

/* Blobs of rain, a corner not observed. */
static float *some_rain(void)
{
    struct sq_random r = sq_random_seed(3, 1);
    float *rate = calloc(NY * NX, sizeof *rate);
    for (int k = 0; k < 60; k++) {
        int row = sq_random_below(&r, NY - 8), col = sq_random_below(&r, NX - 8);
        float v = expf(sq_random_normal(&r));
        for (int i = 0; i < 8 * 8; i++)
            rate[(row + i / 8) * NX + col + i % 8] = v;
    }
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < 50; j++)
            rate[i * NX + j] = NAN;
    return rate;
}

/* The share at or above t under a Gaussian of sigma cells around (row, col). */
static double summed(const float *rate, int row, int col, double sigma, float t)
{
    double wet = 0, seen = 0;
    for (int i = 0; i < NY; i++)
        for (int j = 0; j < NX; j++) {
            double w = exp(-0.5 * ((i - row) * (i - row) + (j - col) * (j - col)) / (sigma * sigma));
            seen += isnan(rate[i * NX + j]) ? 0 : w;
            wet += rate[i * NX + j] >= t ? w : 0;
        }
    return wet / seen;
}

static void share(const float *rate, double lead_s, const struct sq_window *win, const float *edge, int n, float *ret)
{
    struct sq_cube c = plain();
    const struct sq_newest newest = {{0, 0, NY, NX}, rate};
    float *tmp = malloc(sq_advect_room(&c, win, lead_s) * sizeof *tmp);
    sq_advect_share(&c, &newest, lead_s, win, edge, n, ret, tmp);
    free(tmp);
}

/* Leads at which the cells counted are 1, 2, 4 and 8 wide. */
static const int leads_min[] = {10, 30, 60, 110};

/* A single cell blurred: its mass, variance along both axes, and how far it reaches. */
static void a_blur_is_as_wide_as_asked(void **state)
{
    (void)state;
    enum { N = 121, MIDDLE = 60 };
    static const float sigma[] = {0, 0.3f, 1, 2, 3, 3.75f, 7.2f, 12};
    float *a = malloc(N * N * sizeof *a), *tmp = malloc((N * N + N) * sizeof *tmp);
    for (int s = 0; s < 8; s++) {
        double mass = 0, vx = 0, vy = 0;
        memset(a, 0, N * N * sizeof *a);
        a[MIDDLE * N + MIDDLE] = 1;
        sq_blur(a, tmp, N, N, sigma[s]);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double v = a[i * N + j], y = i - MIDDLE, x = j - MIDDLE;
                if (fmax(fabs(x), fabs(y)) > sq_blur_reach(sigma[s])) {
                    REQUIRE(fabs(v) < 1e-7); /* what is left of running sums */
                    continue;
                }
                mass += v, vx += v * x * x, vy += v * y * y;
            }
        REQUIRE_NEAR(mass, 1, 1e-5);
        REQUIRE_NEAR(vx, sigma[s] * sigma[s], 1e-3 * (1 + vx));
        REQUIRE_NEAR(vy, sigma[s] * sigma[s], 1e-3 * (1 + vy));
    }
    free(a);
    free(tmp);
}

static void near_share_is_the_gaussian_sum(void **state)
{
    (void)state;
    const float edge[2] = {0.1f, 2};
    float *rate = some_rain(), *p = malloc(2 * NY * NX * sizeof *p);
    const struct sq_window all = {0, 0, NY, NX};
    for (int l = 0; l < 4; l++) {
        share(rate, leads_min[l] * 60, &all, edge, 2, p);
        for (int row = 3; row < NY; row += 24)
            for (int col = 5; col < NX; col += 23)
                for (int k = 0; k < 2 && !isnan(rate[row * NX + col]); k++) /* blocks of cells */
                    REQUIRE_NEAR(p[(k * NY + row) * NX + col], summed(rate, row, col, 0.2 * leads_min[l], edge[k]), 0.08);
    }
    free(rate);
    free(p);
}

/* Far neighbourhoods are counted on cells 4 times as wide. */
static void far_share_is_the_gaussian_sum(void **state)
{
    (void)state;
    const float edge[2] = {0.1f, 2};
    const struct sq_window win = {20, 31, 100, 90};
    struct sq_cube c = plain();
    struct sq_err err = {0};
    struct sq_wide *far = NULL;
    float *rate = some_rain(), *p = malloc(2 * 100 * 90 * sizeof *p);
    REQUIRE_OK(sq_wide_create(&c, rate, SQ_FAR_M_PER_MIN, edge, 2, &far, &err));
    for (int lead_min = 5; lead_min <= 20; lead_min += 5) {
        REQUIRE_OK(sq_wide_lead(far, lead_min * 60, &err));
        sq_wide_put(far, &win, p);
        for (int i = 2; i < 100; i += 16)
            for (int j = 3; j < 90; j += 17)
                for (int k = 0; k < 2 && !isnan(rate[(20 + i) * NX + 31 + j]); k++)
                    REQUIRE_NEAR(p[(k * 100 + i) * 90 + j], summed(rate, 20 + i, 31 + j, 1.2 * lead_min, edge[k]), 0.07);
    }
    sq_wide_destroy(&far);
    free(rate);
    free(p);
}

static void windows_change_nothing(void **state)
{
    (void)state;
    const float edge[1] = {0.5f};
    float *rate = some_rain(), *p = malloc(NY * NX * sizeof *p), *q = malloc(NY * NX * sizeof *q);
    const struct sq_window all = {0, 0, NY, NX}, part[] = {{61, 70, 33, 41}, {0, 0, 9, 11}, {143, 101, 7, 69}};
    for (int l = 0; l < 4; l++) {
        share(rate, leads_min[l] * 60, &all, edge, 1, p);
        for (size_t w = 0; w < sizeof part / sizeof *part; w++) {
            share(rate, leads_min[l] * 60, &part[w], edge, 1, q);
            for (int i = 0; i < part[w].h; i++)
                for (int j = 0; j < part[w].w; j++)
                    REQUIRE_NEAR(q[i * part[w].w + j], p[(part[w].row + i) * NX + part[w].col + j], 1e-5);
        }
    }
    free(rate);
    free(p);
    free(q);
}

/* What a late lead sees holds what an early one does: samples gather once for all leads. */
static void sight_grows_with_lead(void **state)
{
    (void)state;
    struct sq_cube c = plain();
    const struct sq_window win = {70, 81, 7, 5};
    struct sq_window last = win;
    for (int lead_s = 60; lead_s <= 7200; lead_s += 60) {
        struct sq_window s = sq_advect_sight(&c, &win, lead_s);
        assert_true(s.row <= last.row && s.col <= last.col);
        assert_true(s.row + s.h >= last.row + last.h && s.col + s.w >= last.col + last.w);
        last = s;
    }
    assert_true(last.row == 0 && last.col == 0 && last.h == NY && last.w == NX);
}

static float at_block(const float *block, const struct sq_sight *s, int row, int col)
{
    float x[2] = {((float)row + 0.5f) / (float)s->f - 0.5f, ((float)col + 0.5f) / (float)s->f - 0.5f}, v[2];
    int most[2] = {s->h - 1, s->w - 1}, low[2], high[2];
    for (int k = 0; k < 2; k++) {
        x[k] = x[k] < 0 ? 0 : x[k] > (float)most[k] ? (float)most[k] : x[k];
        low[k] = (int)x[k];
        high[k] = low[k] < most[k] ? low[k] + 1 : low[k];
    }
    for (int k = 0; k < 2; k++) {
        const float *line = block + (k ? high[0] : low[0]) * s->w;
        v[k] = line[low[1]] + (x[1] - (float)low[1]) * (line[high[1]] - line[low[1]]);
    }
    return v[0] + (x[0] - (float)low[0]) * (v[1] - v[0]);
}

/* Bilinear between the middles of blocks, constant beyond the outer ones, wherever the window lies. */
static void blocks_are_spread_between_their_middles(void **state)
{
    (void)state;
    const struct sq_window at = {16, 32, 75, 2101}, win[] = {{16, 32, 75, 2101}, {23, 45, 9, 700}, {90, 2132, 1, 1}, {40, 32, 5, 3}};
    float *block = calloc(75 * 2101, sizeof *block), *cell = malloc(75 * 2101 * sizeof *cell);
    for (int f = 1; f <= 16; f *= 2) {
        const struct sq_sight s = sq_sight_of(&at, f);
        for (int some = 0; some < 2; some++) {
            for (int i = 0; i < s.w * s.h; i++)
                block[i] = some ? (float)((i * 7919) % 101) : 0;
            for (size_t k = 0; k < sizeof win / sizeof *win; k++) {
                const struct sq_window *w = &win[k];
                sq_spread_out(block, &s, w, cell);
                for (int i = 0; i < w->h * w->w; i++)
                    REQUIRE_NEAR(cell[i], at_block(block, &s, w->row - at.row + i / w->w, w->col - at.col + i % w->w), 2e-3);
            }
        }
    }
    const struct sq_window narrow = {0, 0, 5, 7};
    const struct sq_sight one = sq_sight_of(&narrow, 8);
    block[0] = 3;
    sq_spread_out(block, &one, &narrow, cell);
    for (int i = 0; i < 35; i++)
        assert_true(cell[i] == 3);
    free(block);
    free(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_spread_between_their_middles),
        cmocka_unit_test(a_blur_is_as_wide_as_asked),
        cmocka_unit_test(near_share_is_the_gaussian_sum),
        cmocka_unit_test(far_share_is_the_gaussian_sum),
        cmocka_unit_test(windows_change_nothing),
        cmocka_unit_test(sight_grows_with_lead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
