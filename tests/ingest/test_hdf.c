/* ODIM and KNMI on files made here: the variants that the samples do not show, and what is refused. */
#include "small_hdf.h"

#include "ingest.h"

#include "core/instant.h"
#include "core/log.h"

static char path[256];

static int begin(void **state)
{
    (void)state;
    sq_log_level(SQ_LOG_ERROR);
    strcpy(path, test_path("f.h5"));
    return 0;
}

static struct sq_field read_it(void)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    struct sq_field f = {0};
    char *paths[] = {path};
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    assert_int_equal(sq_inputs_count(in), 1);
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    sq_inputs_close(&in);
    return f;
}

static void check_refused(void)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {path};
    REQUIRE_STATUS(sq_inputs_open(paths, 1, &p, &in, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, path) && !strchr(err.text, '\n'));
}

#define ND -9999000
#define UD -8888000

static const double rates[] = {ND, UD, 0, 0.1, 1, 2, 50, 1205.22, UD, ND, ND, 3};

static void check_rates(const struct sq_field *f)
{
    for (int i = 0; i < SMALL_NX * SMALL_NY; i++) {
        int want = rates[i] == ND ? SQ_STATE_NO_COVERAGE : rates[i] == UD ? SQ_STATE_UNDETECT : SQ_STATE_VALID;
        assert_int_equal(f->state[i], want);
        if (want == SQ_STATE_NO_COVERAGE)
            REQUIRE(isnan(f->value[i]));
        else
            REQUIRE(f->value[i] == (float)fmin(fmax(rates[i], 0), 300));
    }
}

static void odim_is_described_at_any_level(void **state)
{
    (void)state;
    for (int k = 0; k < 6; k++) {
        small_odim_write(path, (struct small_odim){.level = k % 3, .strings = k >= 3, .value = rates});
        struct sq_field f = read_it();
        char text[32];
        check_rates(&f);
        assert_string_equal(sq_instant_iso(f.time, text), "2024-11-26T01:00:00Z");
        REQUIRE(f.grid.x0 == 1000 && f.grid.y0 == -1000 && f.grid.dx == 2000 && f.grid.dy == 2000);
        sq_field_finish(&f);
    }
}

static void odim_numbers_are_unpacked_after_the_codes(void **state)
{
    (void)state;
    const double bytes[] = {255, 0, 1, 64, 110, 150, 200, 254, 0, 255, 64, 64}; /* dBZ = v / 2 - 32 */
    small_odim_write(path, (struct small_odim){.quantity = "DBZH", .type = NC_UBYTE, .value = bytes, .gain = 0.5,
                                               .offset = -32, .nodata = 255, .undetect = 1e-300});
    struct sq_field f = read_it();
    REQUIRE(isnan(f.value[0]) && f.state[0] == SQ_STATE_NO_COVERAGE);
    REQUIRE_NEAR(f.value[4], pow(pow(10, 2.3) / 200, 1 / 1.6), 1e-6); /* 23 dBZ, float */
    REQUIRE_NEAR(f.value[7], pow(pow(10, 5.5) / 200, 1 / 1.6), 1e-4); /* capped at 55 dBZ */
    sq_field_finish(&f);
    small_odim_write(path, (struct small_odim){.quantity = "DBZH", .type = NC_UBYTE, .value = bytes, .gain = 0.5,
                                               .offset = -32, .nodata = 255, .zr_a = 316, .zr_b = 1.5});
    f = read_it();
    REQUIRE_NEAR(f.value[4], pow(pow(10, 2.3) / 316, 1 / 1.5), 1e-6); /* the file's own Z-R */
    sq_field_finish(&f);
    const double far[] = {4294967295.0, 0, 1, 1001, 2001}; /* RADOLAN RS: gain 0.001, offset -0.001 */
    double words[12] = {0};
    memcpy(words, far, sizeof far);
    small_odim_write(path, (struct small_odim){.type = NC_UINT, .value = words, .gain = 0.001, .offset = -0.001,
                                               .nodata = 4294967295.0});
    f = read_it();
    REQUIRE(f.state[0] == SQ_STATE_NO_COVERAGE && f.value[2] == 0);
    REQUIRE_NEAR(f.value[3], 1, 1e-6);
    REQUIRE_NEAR(f.value[4], 2, 1e-6);
    sq_field_finish(&f);
    double floats[12] = {-32.3, 1}; /* a code that a float cannot hold exactly */
    small_odim_write(path, (struct small_odim){.type = NC_FLOAT, .value = floats, .nodata = -32.3});
    f = read_it();
    REQUIRE(f.state[0] == SQ_STATE_NO_COVERAGE && f.value[1] == 1);
    sq_field_finish(&f);
}

static void odim_without_codes_uses_nan(void **state)
{
    (void)state;
    const double raw[12] = {NAN, 0, 1.5};
    small_odim_write(path, (struct small_odim){.plain = true, .value = raw});
    struct sq_field f = read_it();
    REQUIRE(isnan(f.value[0]) && f.state[0] == SQ_STATE_NO_COVERAGE);
    REQUIRE(f.value[1] == 0 && f.value[2] == 1.5f);
    sq_field_finish(&f);
}

static void odim_sums_and_corners(void **state)
{
    (void)state;
    const double sums[12] = {ND, UD, 1};
    small_odim_write(path, (struct small_odim){.quantity = "ACRR", .value = sums, .lower = true});
    struct sq_field f = read_it();
    assert_int_equal(f.interval_s, 900);
    REQUIRE(f.value[1] == 0 && f.value[2] == 4);
    REQUIRE(f.grid.x0 == 1000 && f.grid.y0 == -1000); /* found from the lower left corner */
    sq_field_finish(&f);
    small_odim_write(path, (struct small_odim){.geographic = true});
    f = read_it();
    REQUIRE_NEAR(f.grid.x0, -39.5357864125034 + 0.25, 1e-9); /* degrees as written */
    REQUIRE_NEAR(f.grid.y0, 67.0228327583087 - 0.125, 1e-9);
    REQUIRE(f.grid.dx == 0.5 && f.grid.dy == 0.25 && sq_grid_geographic(&f.grid));
    sq_field_finish(&f);
}

static void odim_that_is_no_rain_map_is_refused(void **state)
{
    (void)state;
    const struct small_odim refused[] = {
        {.object = "PVOL"}, {.quantity = "VRADH"}, {.xsize = SMALL_NX + 1}, {.quantity = "QIND"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        small_odim_write(path, refused[i]);
        check_refused();
    }
}

static void knmi_formulas_and_times_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *formula;
        double gain, offset;
    } good[] = {{"GEO=0.01*PV+0.0", 0.01, 0}, {"GEO=0.010000*PV+0.000000", 0.01, 0}, {" GEO = 0.5 * PV", 0.5, 0},
                {"GEO=0.5*PV-0.25", 0.5, -0.25}, {"GEO=1e-2*PV+0.01", 0.01, 0.01}};
    const double raw[12] = {65535, 0, 1, 2, 10};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        small_knmi_write(path, (struct small_knmi){.formula = good[i].formula, .value = raw});
        struct sq_field f = read_it();
        char text[32];
        REQUIRE(isnan(f.value[0]) && f.state[0] == SQ_STATE_NO_COVERAGE);
        for (int k = 3; k < 5; k++)
            REQUIRE_NEAR(f.value[k], 12 * (raw[k] * good[i].gain + good[i].offset), 1e-5); /* float */
        assert_string_equal(sq_instant_iso(f.time, text), "2010-08-26T00:00:00Z");
        REQUIRE(f.grid.x0 == 500 && f.grid.y0 == -3650500 && f.grid.dx == 1000 && strstr(f.grid.crs, "6378137"));
        sq_field_finish(&f);
    }
    small_knmi_write(path, (struct small_knmi){.value = raw, .start = "31-DEC-2010;23:00:00.000",
                                               .end = "01-JAN-2011;00:00:00.000"});
    struct sq_field f = read_it();
    assert_int_equal(f.interval_s, 3600);
    REQUIRE_NEAR(f.value[4], 0.1, 1e-6); /* ten hundredths in one hour, float */
    sq_field_finish(&f);
}

static void knmi_that_is_no_rain_sum_is_refused(void **state)
{
    (void)state;
    const struct small_knmi refused[] = {
        {.formula = "GEO=PV"},
        {.formula = "GEO=0.01*PV*2"},
        {.formula = "GEO=0.01*PV+rain"},
        {.formula = "GEO=-0.01*PV+0"},
        {.start = "26-AUG-2010;00:00:00.000"}, /* no interval */
        {.end = "26-AUX-2010;00:00:00.000"},
        {.end = "26-ANF-2010;00:00:00.000"}, /* between two names of months */
        {.end = "yesterday"},
        {.parameter = "REFLECTIVITY_[DBZ]"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        small_knmi_write(path, refused[i]);
        check_refused();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odim_is_described_at_any_level),
        cmocka_unit_test(odim_numbers_are_unpacked_after_the_codes),
        cmocka_unit_test(odim_without_codes_uses_nan),
        cmocka_unit_test(odim_sums_and_corners),
        cmocka_unit_test(odim_that_is_no_rain_map_is_refused),
        cmocka_unit_test(knmi_formulas_and_times_are_parsed),
        cmocka_unit_test(knmi_that_is_no_rain_sum_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, test_end);
}
