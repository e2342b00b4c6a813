#include "test.h"

#include "core/cube.h"
#include "core/distribution.h"
#include "core/field.h"
#include "core/forecast.h"
#include "core/instant.h"

static void times_parse_and_print(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char text[32];
    int64_t t = 0;
    REQUIRE_OK(sq_instant_parse("2016-07-11T22:00Z", &t, &err));
    assert_int_equal(t, 1468274400);
    assert_string_equal(sq_instant_iso(t, text), "2016-07-11T22:00:00Z");
    assert_string_equal(sq_instant_compact(t, text), "20160711T2200Z");
    int64_t same[4] = {0};
    REQUIRE_OK(sq_instant_parse("20160711T2200Z", &same[0], &err));
    REQUIRE_OK(sq_instant_parse("2016-07-11 22:00", &same[1], &err));
    REQUIRE_OK(sq_instant_parse("2016-07-11T22:00:00Z", &same[2], &err));
    REQUIRE_OK(sq_instant_parse("20160711T220000", &same[3], &err));
    for (int i = 0; i < 4; i++)
        assert_int_equal(same[i], t);
    REQUIRE_STATUS(sq_instant_parse("yesterday", &t, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_instant_parse("2016-13-11T22:00Z", &t, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_instant_parse("2016-07-11T22:00Zx", &t, &err), SQ_USAGE);
    REQUIRE_OK(sq_instant_parse("2016-02-29T00:00Z", &t, &err));
    REQUIRE_STATUS(sq_instant_parse("2015-02-29T00:00Z", &t, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_instant_parse("9999-12-31T24:00Z", &t, &err), SQ_USAGE);
}

/* The exceedance function is exact at edges, its quantile is its inverse, its mean its integral. */
static void distribution_is_consistent(void **state)
{
    (void)state;
    struct sq_distribution d = {SQ_THRESHOLDS, sq_thresholds_mmh, SQ_TAIL_MMH};
    float p[SQ_THRESHOLDS];
    for (int k = 0; k < d.n; k++)
        p[k] = 0.9f * expf(-0.15f * (float)k);
    for (int k = 0; k < d.n; k++)
        REQUIRE_NEAR(sq_distribution_exceed(&d, p, d.edge[k]), p[k], 1e-6);
    for (float q = 0.15f; q < 0.999f; q += 0.05f) {
        float r = sq_distribution_quantile(&d, p, q);
        REQUIRE_NEAR(sq_distribution_exceed(&d, p, r), 1 - q, 2e-5); /* float logs */
    }
    assert_true(sq_distribution_quantile(&d, p, 0.05f) == 0);
    double sum = 0, h = 1e-3; /* midpoint rule */
    for (double t = h / 2; t < 400; t += h)
        sum += h * (double)sq_distribution_exceed(&d, p, (float)t);
    REQUIRE_NEAR(sq_distribution_mean(&d, p), sum, 2e-3 * sum);
    float wild[4] = {0.5f, 0.7f, -1, NAN};
    sq_distribution_order(4, wild);
    REQUIRE(wild[0] == 0.5f && wild[1] == 0.5f && wild[2] == 0 && wild[3] == 0);
}

static void a_forecast_says_what_it_was_made_from(void **state)
{
    (void)state;
    struct sq_err err = {0};
    float rate[6] = {0};
    uint8_t states[6] = {SQ_STATE_VALID,       SQ_STATE_UNDETECT, SQ_STATE_MISSING,
                         SQ_STATE_NO_COVERAGE, SQ_STATE_REJECTED, SQ_STATE_VALID};
    struct sq_cube_frame frame[4] = {{.time = 1468274400 - 900, .rate_mmh = rate}, /* no cell observed */
                                     {.time = 1468274400 - 600, .rate_mmh = rate, .coverage = 1},
                                     {.time = 1468274400 - 300},
                                     {.time = 1468274400, .rate_mmh = rate, .coverage = 0.5, .state = states}};
    struct sq_cube c = {.grid = {3, 2, 0, 0, 1, 1, "+proj=laea"}, .cell_m = {1, 2}, .step_s = 300, .n = 4, .frame = frame};
    struct sq_forecast f;
    REQUIRE_OK(sq_forecast_begin(&f, &c, &err));
    assert_int_equal(f.issue_time, 1468274400);
    assert_string_equal(f.inputs_used, "2016-07-11T21:50:00Z 2016-07-11T22:00:00Z");
    assert_string_equal(f.inputs_missing, "2016-07-11T21:45:00Z 2016-07-11T21:55:00Z");
    REQUIRE(sq_grid_equal(&f.grid, &c.grid) && f.cell_m[1] == 2);
    assert_memory_equal(f.quality, "\2\2\1\0\3\2", 6);
    sq_forecast_finish(&f);
}

static void the_largest_value_passes_over_gaps(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_field f;
    struct sq_grid g = {3, 1, 0, 0, 1, 1, "+proj=laea"};
    REQUIRE_OK(sq_field_init(&f, &g, &err));
    REQUIRE(isnan(sq_field_most(&f)));
    f.value[1] = 0;
    REQUIRE(sq_field_most(&f) == 0);
    f.value[2] = 3;
    REQUIRE(sq_field_most(&f) == 3);
    sq_field_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_parse_and_print),
        cmocka_unit_test(distribution_is_consistent),
        cmocka_unit_test(a_forecast_says_what_it_was_made_from),
        cmocka_unit_test(the_largest_value_passes_over_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
