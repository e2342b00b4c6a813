/* The reader of weather models against ecCodes' own grib_get_data, on every sample: values, and where they lie. */
#include "outside_grib.h"

#include "core/instant.h"
#include "core/log.h"
#include "core/settings.h"

static char *sample(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/formats/nwp/%s", test_shared(), name);
    return path;
}

static void hrrr_rain_of_the_last_hour(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_TOOL("grib_get_data");
    struct sq_err err = {0};
    struct sq_field f = {0};
    char text[32], *path = sample("subset_20201214_hrrr.t00z.wrfsfcf12.grib2");
    struct sq_inputs *in = open_path(path, NULL);
    assert_int_equal(sq_inputs_count(in), 1);
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    assert_string_equal(sq_instant_iso(f.time, text), "2020-12-14T12:00:00Z");
    assert_string_equal(sq_instant_iso(f.reference_time, text), "2020-12-14T00:00:00Z");
    assert_string_equal(f.channel, "rain_rate");
    assert_string_equal(f.units, "mm h-1");
    assert_int_equal(f.interval_s, 3600);
    REQUIRE_NEAR(sq_field_most(&f), 42.122, 1e-3); /* as grib_ls prints it */
    REQUIRE_NEAR(f.grid.x0, -2697520.14, 1);       /* the check point of the HRRR, 0.0003 cells */
    REQUIRE_NEAR(f.grid.y0 - 1058 * 3000, -1587306.15, 1);
    struct sq_grid named;
    REQUIRE_OK(sq_settings_grid("hrrr-3km", &named, &err));
    REQUIRE(sq_grid_equal(&f.grid, &named));
    struct points p = outside(path, 2);
    compare(&f, &p, NULL, 1, 1e-5 * 42); /* float */
    finish_points(&p);
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

/* Sums from the start of the run become hourly rates. */
static void check_hours(const char *name, int nx, int ny, double dx)
{
    struct sq_err err = {0};
    char *path = sample(name);
    struct sq_inputs *in = open_path(path, NULL);
    assert_int_equal(sq_inputs_count(in), 24);
    struct points before = {0};
    for (int k = 0; k < 24; k++) {
        struct sq_field f = {0};
        const struct sq_frame_info *info = sq_inputs_info(in, k);
        assert_int_equal(info->time, info->reference_time + 3600 * (k + 1));
        assert_int_equal(info->interval_s, 3600);
        REQUIRE_OK(sq_inputs_read(in, k, &f, &err));
        assert_int_equal(f.grid.nx, nx);
        assert_int_equal(f.grid.ny, ny);
        REQUIRE_NEAR(f.grid.dx, dx, 1e-6);
        REQUIRE_NEAR(f.grid.x0, -5.842, 1e-9); /* as grib_ls prints the corner */
        REQUIRE_NEAR(f.grid.y0, 51.896, 1e-9);
        struct points p = outside(path, k + 1);
        double *values = malloc(p.n * sizeof *values);
        REQUIRE(values);
        memcpy(values, p.value, p.n * sizeof *values);
        compare(&f, &p, k ? &before : NULL, 1, 1e-5); /* floats of up to 50 mm */
        finish_points(&before);
        before = (struct points){.n = p.n, .value = values};
        free(p.lon);
        free(p.lat);
        free(p.value);
        sq_field_finish(&f);
    }
    finish_points(&before);
    sq_inputs_close(&in);
}

static void arome_and_arpege_rain_by_the_hour(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_TOOL("grib_get_data");
    check_hours("arome_PRECIP_NW_20180501000000.grib", 315, 227, 0.025);
    check_hours("arpege_PRECIP_NW_20180501000000.grib", 80, 58, 0.1);
}

/* Fields by name and by number, GRIB 1: every message of the file. */
static void arpege_winds(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_TOOL("grib_get_data");
    static const char *const channel[] = {"speed", "direction", "u", "v"};
    struct sq_err err = {0};
    char *path = sample("arpege_10m_NW_20180501000000.grib");
    struct sq_inputs *in = open_path(path, table_of("[{channel: u, units: m s-1, name: 10u u, level_type: height, level: 10},"
                                                    "{channel: v, units: m s-1, grib1: 34, level_type: height, level: 10},"
                                                    "{channel: speed, units: m s-1, grib1: 1.32},"
                                                    "{channel: direction, units: degree, name: wdir wdir10 10wdir}]"));
    assert_int_equal(sq_inputs_count(in), 100);
    int found[4] = {0};
    for (int i = 0; i < 100; i++) {
        struct sq_field f = {0};
        const struct sq_frame_info *info = sq_inputs_info(in, i);
        for (int k = 0; k < 4; k++)
            found[k] += !strcmp(info->channel, channel[k]);
        assert_int_equal(info->interval_s, 0);
        if (i % 9)
            continue; /* a process each */
        REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
        struct points p = outside(path, info->index + 1);
        compare(&f, &p, NULL, 1, 1e-4); /* of 360 degrees */
        finish_points(&p);
        sq_field_finish(&f);
    }
    for (int k = 0; k < 4; k++)
        assert_int_equal(found[k], 25);
    sq_inputs_close(&in);
}

static void check_one(const char *path, const char *plain, const char *table, double tolerance)
{
    struct sq_err err = {0};
    struct sq_field f = {0};
    struct sq_inputs *in = open_path(path, table_of(table));
    assert_int_equal(sq_inputs_count(in), 1);
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    struct points p = outside(plain, 1);
    compare(&f, &p, NULL, 1, tolerance);
    finish_points(&p);
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

static void lambert_with_two_parallels(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_TOOL("grib_get_data");
    check_one(sample("lambert.grib2"), sample("lambert.grib2"),
              "[{channel: t2m, units: K, grib2: 0.0.0, level_type: height, level: 2, lead_from_h: 2, lead_to_h: 2}]",
              2e-5); /* float of 300 */
}

/* As published by some: xz round the whole; and bzip2, as DWD has it. A build without the libraries says so. */
static void packed_files(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_TOOL("grib_get_data");
    NEED_TOOL("xz");
    NEED_TOOL("bzip2");
    static const char *const table = "[{channel: ventilation, units: m2 s-1, grib2: 0.2.224@7}]";
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_err err = {0};
    char command[9000], *plain = test_path("plain"), *packed[] = {sample("gdas.t12z.pgrb2.0p25.f000.12.xz"),
                                                                 test_path("plain.bz2")};
    snprintf(command, sizeof command, "xz -dc '%s' >'%s' && bzip2 -kf '%s'", packed[0], plain, plain);
    assert_int_equal(system(command), 0);
    check_one(plain, plain, table, 0.1); /* float of 1e6 */
    p.kind = SQ_KIND_MODEL;
    for (int i = 0; i < 2; i++) {
        struct sq_inputs *in = NULL;
        p.model_fields = table_of(table);
        if (sq_inputs_open(&packed[i], 1, &p, &in, &err)) {
            REQUIRE(strstr(err.text, i ? "bunzip2" : "unxz"));
            continue;
        }
        sq_inputs_close(&in);
        check_one(packed[i], plain, table, 0.1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hrrr_rain_of_the_last_hour),
        cmocka_unit_test(arome_and_arpege_rain_by_the_hour),
        cmocka_unit_test(arpege_winds),
        cmocka_unit_test(lambert_with_two_parallels),
        cmocka_unit_test(packed_files),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, test_end);
}
