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

static void odim_reflectivity_may_be_uncorrected(void **state)
{
    (void)state;
    const double dbz[12] = {ND, UD, 23};
    small_odim_write(path, (struct small_odim){.quantity = "TH", .value = dbz});
    struct sq_field f = read_it();
    assert_string_equal(f.product, "TH");
    REQUIRE(isnan(f.value[0]) && f.value[1] == 0);
    REQUIRE_NEAR(f.value[2], pow(pow(10, 2.3) / 200, 1 / 1.6), 1e-6); /* float */
    sq_field_finish(&f);
}

/* Quality stands at three places; nodata there is "nobody knows". */
static void odim_quality_is_found_and_scaled(void **state)
{
    (void)state;
    const double raw[12] = {0, 10, 50, 100, 255, 101, 0, 1, 2, 3, 4, 5};
    for (int k = 0; k < 3; k++) {
        small_odim_write(path, (struct small_odim){.value = rates, .quality = raw, .quality_at = k});
        struct sq_field f = read_it();
        check_rates(&f); /* as without */
        REQUIRE(f.quality && f.quality[0] == 0 && isnan(f.quality[4]) && isnan(f.quality[5])); /* 1.01 is none */
        REQUIRE_NEAR(f.quality[1], 0.1, 1e-7);
        REQUIRE_NEAR(f.quality[3], 1, 1e-7);
        sq_field_finish(&f);
    }
    small_odim_write(path, (struct small_odim){.value = rates, .quality = raw, .task = ""});
    struct sq_field f = read_it();
    REQUIRE(f.quality);
    sq_field_finish(&f);
    small_odim_write(path, (struct small_odim){.value = rates, .quality = raw, .task = "se.smhi.composite.distance.radar"});
    f = read_it();
    REQUIRE(!f.quality); /* kilometres, no index */
    sq_field_finish(&f);
    small_odim_write(path, (struct small_odim){.value = rates});
    f = read_it();
    REQUIRE(!f.quality);
    sq_field_finish(&f);
}

/* Where quality is given to echo alone, 0 would take away rain and leave the dry cells beside it. */
static void odim_quality_of_echo_alone_has_no_zeros(void **state)
{
    (void)state;
    double raw[12];
    for (int i = 0; i < 12; i++)
        raw[i] = rates[i] == UD || rates[i] == ND ? 255 : i % 2 ? 0 : 40;
    small_odim_write(path, (struct small_odim){.value = rates, .quality = raw});
    struct sq_field f = read_it();
    REQUIRE(isnan(f.quality[1]) && isnan(f.quality[3]) && isnan(f.quality[11]));
    REQUIRE_NEAR(f.quality[2], 0.4, 1e-7);
    sq_field_finish(&f);
    raw[1] = 0; /* one dry cell has a quality: they all may be believed */
    small_odim_write(path, (struct small_odim){.value = rates, .quality = raw});
    f = read_it();
    REQUIRE(f.quality[1] == 0 && f.quality[3] == 0);
    sq_field_finish(&f);
}

/* In a cube a cell of quality 0 was not observed, on the grid of the file and on any other. */
static void quality_weighs_in_a_cube(void **state)
{
    (void)state;
    const double rate[12] = {2, 4, UD, UD, 8, 8, 6, 1}, raw[12] = {0, 50, 100, 100, 100, 100, 100, 20, 255, 255, 255, 255};
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_cube_params cp = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_inputs *in = NULL;
    struct sq_cube c = {0};
    struct sq_err err = {0};
    char *paths[] = {path};
    small_odim_write(path, (struct small_odim){.value = rate, .quality = raw});
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    REQUIRE_OK(sq_cube_build(in, &cp, &c, &err));
    REQUIRE(isnan(c.frame[0].rate_mmh[0]) && c.frame[0].state[0] == SQ_STATE_REJECTED && c.frame[0].rate_mmh[1] == 4);
    sq_cube_finish(&c);
    struct sq_grid pairs = sq_inputs_info(in, 0)->grid; /* each cell of it is two of the file's */
    pairs.nx = 2;
    pairs.dx = 4000;
    pairs.x0 += 1000;
    cp.grid = &pairs;
    REQUIRE_OK(sq_cube_build(in, &cp, &c, &err));
    REQUIRE_NEAR(c.frame[0].rate_mmh[0], 4, 1e-5);                    /* the other one is worthless; floats */
    REQUIRE_NEAR(c.frame[0].rate_mmh[2], 8, 1e-5);
    REQUIRE_NEAR(c.frame[0].rate_mmh[3], (6 + 0.2) / 1.2, 1e-5);
    sq_cube_finish(&c);
    sq_inputs_close(&in);
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
        cmocka_unit_test(odim_reflectivity_may_be_uncorrected),
        cmocka_unit_test(odim_quality_is_found_and_scaled),
        cmocka_unit_test(odim_quality_of_echo_alone_has_no_zeros),
        cmocka_unit_test(quality_weighs_in_a_cube),
        cmocka_unit_test(odim_that_is_no_rain_map_is_refused),
        cmocka_unit_test(knmi_formulas_and_times_are_parsed),
        cmocka_unit_test(knmi_that_is_no_rain_sum_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, test_end);
}
