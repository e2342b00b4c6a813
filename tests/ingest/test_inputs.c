/* What users put in: kinds of paths, broken and foreign files, and the variants of CF that occur. */
#include "small_cf.h"

#include "ingest.h"

#include "core/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static void put(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(test_path(name), "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static enum sq_status open_paths(int n, const char *const *path, struct sq_inputs **in, struct sq_err *err)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    p.quality = (struct sq_quality_params){0}; /* values as they are */
    char *paths[8];
    for (int i = 0; i < n; i++)
        paths[i] = (char *)(uintptr_t)path[i];
    return sq_inputs_open(paths, n, &p, in, err);
}

static enum sq_status open_path(const char *path, struct sq_inputs **in, struct sq_err *err)
{
    return open_paths(1, &path, in, err);
}

/* One line that names the file, and nothing to close. */
static void check_refused(const char *path, int want)
{
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    REQUIRE_STATUS(open_path(path, &in, &err), want);
    if (in || !strstr(err.text, path) || strchr(err.text, '\n'))
        fail_msg("%s: %s", path, err.text);
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static void broken_files_that_are_named_fail(void **state)
{
    (void)state;
    check_refused(test_path("none.nc"), SQ_ABSENT);
    check_refused(test_path("none*.nc"), SQ_ABSENT);
    put("empty", "", 0);
    check_refused(test_path("empty"), SQ_FAILED);
    put("text", "not a radar file at all, but long enough to look into", 53);
    check_refused(test_path("text"), SQ_FAILED);
    put("hdf", "\x89HDF\r\n\x1a\n and then nothing of use", 33);
    check_refused(test_path("hdf"), SQ_FAILED);
    put("cdf", "CDF\1\0\0\0\0\0\0", 10);
    check_refused(test_path("cdf"), SQ_FAILED);
    put("grib", "GRIB\0\0\xd1\2\0\0\0\0\0\0\0\x40", 16);
    check_refused(test_path("grib"), SQ_FAILED);
    put("gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
    check_refused(test_path("gzip"), SQ_FAILED);
    NC(mkdir(test_path("nothing"), 0700));
    check_refused(test_path("nothing"), SQ_FAILED);
    NC(mkfifo(test_path("pipe"), 0600));
    check_refused(test_path("pipe"), SQ_FAILED); /* and does not wait for a writer */
    put("locked", "x", 1);
    NC(chmod(test_path("locked"), 0));
    if (access(test_path("locked"), R_OK)) /* root reads all */
        check_refused(test_path("locked"), SQ_FAILED);
}

static void a_folder_passes_over_what_is_not_radar(void **state)
{
    (void)state;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    const int64_t one[] = {600}, two[] = {300}, hidden[] = {0};
    small_cf_write(test_path("a.nc"), (struct small_cf){.time = one});
    small_cf_write(test_path("b.nc"), (struct small_cf){.time = two});
    small_cf_write(test_path(".c.nc"), (struct small_cf){.time = hidden});
    put("readme.txt", "hello", 5);
    put("broken.nc", "\x89HDF\r\n\x1a\n", 8);
    NC(mkdir(test_path("sub"), 0700));
    NC(symlink("nowhere", test_path("dangling")));
    REQUIRE_OK(open_path(test_folder(), &in, &err));
    assert_int_equal(sq_inputs_count(in), 2);
    assert_int_equal(sq_inputs_info(in, 0)->time, 300);
    assert_string_equal(sq_inputs_info(in, 0)->path, test_path("b.nc"));
    assert_string_equal(sq_inputs_info(in, 0)->source, "cf");
    assert_string_equal(sq_inputs_info(in, 0)->product, "rain_rate");
    assert_int_equal(sq_inputs_info(in, 1)->time, 600);
    sq_inputs_close(&in);
    REQUIRE(!in);
    sq_inputs_close(&in); /* NULL is fine */
    REQUIRE_OK(open_path(test_path("?.nc"), &in, &err));
    assert_int_equal(sq_inputs_count(in), 2);
    sq_inputs_close(&in);
    check_refused(test_path("broken.nc"), SQ_FAILED);
}

static void the_first_path_of_one_time_wins(void **state)
{
    (void)state;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    small_cf_write(test_path("a.nc"), (struct small_cf){.n = 3});
    small_cf_write(test_path("b.nc"), (struct small_cf){.n = 4});
    const char *paths[] = {test_path("b.nc"), test_path("a.nc"), test_path("b.nc")};
    REQUIRE_OK(open_paths(3, paths, &in, &err));
    assert_int_equal(sq_inputs_count(in), 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(sq_inputs_info(in, i)->path, test_path("b.nc"));
        assert_int_equal(sq_inputs_info(in, i)->index, i);
    }
    sq_inputs_close(&in);
}

/* ---- variants of CF ------------------------------------------------------------------------------------- */

static struct sq_field read_small(struct small_cf c, int frame)
{
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    struct sq_field f = {0};
    small_cf_write(test_path("v.nc"), c);
    REQUIRE_OK(open_path(test_path("v.nc"), &in, &err));
    REQUIRE_OK(sq_inputs_read(in, frame, &f, &err));
    sq_inputs_close(&in);
    return f;
}

/* Of 36 rain rates and one reflectivity in a folder the rates stay; a file that is named stays too. */
static void a_folder_gives_one_product(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    char mrms[4200], named[4400];
    snprintf(mrms, sizeof mrms, "%s/formats/mrms", test_shared());
    snprintf(named, sizeof named, "%s/MRMS_ReflectivityAtLowestAltitude_00.50_20230406-120039.grib2.gz", mrms);
    const char *both[] = {named, mrms};
    REQUIRE_OK(open_paths(1, &both[1], &in, &err));
    assert_int_equal(sq_inputs_count(in), 36);
    sq_inputs_close(&in);
    REQUIRE_OK(open_paths(2, both, &in, &err));
    assert_int_equal(sq_inputs_count(in), 37);
    sq_inputs_close(&in);
}

/* A long archive is listed in a moment: not every frame is held against every other. */
static void many_frames_are_listed_fast(void **state)
{
    (void)state;
    enum { N = 60000 };
    int64_t *t = malloc(N * sizeof *t);
    REQUIRE(t);
    for (int i = 0; i < N; i++)
        t[i] = 600 * (int64_t)i;
    small_cf_write(test_path("a.nc"), (struct small_cf){.n = N, .nx = 2, .ny = 2, .time = t, .name = "few"});
    for (int i = 0; i < N; i++)
        t[i] += 300;
    small_cf_write(test_path("b.nc"), (struct small_cf){.n = N, .nx = 2, .ny = 2, .time = t, .name = "many"});
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    clock_t begun = clock();
    REQUIRE_OK(open_path(test_folder(), &in, &err));
    double took_s = (double)(clock() - begun) / CLOCKS_PER_SEC;
    assert_int_equal(sq_inputs_count(in), N);
    assert_string_equal(sq_inputs_info(in, N - 1)->product, "many"); /* of equals the one with the newest frame */
    sq_inputs_close(&in);
    REQUIRE(took_s < 20); /* 0.5 s; every frame against every other takes minutes */
    free(t);
}

static void check_values(struct small_cf c, const float want[SMALL_NX * SMALL_NY])
{
    struct sq_field f = read_small(c, 0);
    for (int i = 0; i < SMALL_NX * SMALL_NY; i++)
        if (isnan(want[i]))
            REQUIRE(isnan(f.value[i]) && f.state[i] == SQ_STATE_MISSING);
        else
            REQUIRE_NEAR(f.value[i], want[i], 1e-6 * (double)fabsf(want[i])); /* float */
    sq_field_finish(&f);
}

static void units_and_packing_become_rates(void **state)
{
    (void)state;
    const float n = NAN;
    const double raw[] = {0, 1, 2, 3, 100, 200, -1, 5, 6, 7, 8, 65535}, scale = 0.1, offset = -0.5, f5 = 5;
    const float plain[] = {0, 1, 2, 3, 100, 200, n, 5, 6, 7, 8, 300}; /* -1: undeclared code; 65535: cap */
    check_values((struct small_cf){.value = raw}, plain);
    const float filled[] = {0, 1, 2, 3, 100, 200, n, n, 6, 7, 8, 300};
    check_values((struct small_cf){.value = raw, .fill = &f5}, filled);
    const float second[] = {0, 300, 300, 300, 300, 300, n, 300, 300, 300, 300, 300};
    check_values((struct small_cf){.value = raw, .units = "kg m-2 s-1"}, second);
    const double metres[12] = {1 / 3.6e6, 2 / 3.6e6};
    check_values((struct small_cf){.value = metres, .units = "m s-1", .type = NC_DOUBLE}, (float[12]){1, 2});
    check_values((struct small_cf){.value = metres, .units = "m s-1", .type = NC_DOUBLE, .name = "pr"},
                 (float[12]){1, 2});
    const double sums[12] = {1, 2};
    check_values((struct small_cf){.value = sums,
                                   .units = "mm",
                                   .standard_name = "lwe_thickness_of_precipitation_amount",
                                   .accumulation_minutes = 5},
                 (float[12]){12, 24});
    const double raw16[] = {0, 1, 2, 3, 32767, 5, -2, 5, 6, 7, 8, -1}, s3 = 0.001, fm = -1;
    const float unsigned16[] = {0, 0.001f, 0.002f, 0.003f, 32.767f, 0.005f, 65.534f, 0.005f,
                                0.006f, 0.007f, 0.008f, n};
    check_values((struct small_cf){.value = raw16, .type = NC_SHORT, .is_unsigned = true, .scale = &s3, .fill = &fm},
                 unsigned16);
    const double range[] = {1, 100};
    const float ranged[] = {n, 0, 0, 0, 9.5f, n, n, 0, 0.1f, 0.2f, 0.3f, n}; /* -0.4 ... 0 are not rain */
    const double packed[] = {0, 1, 2, 3, 100, 200, 300, 5, 6, 7, 8, 65535};
    check_values((struct small_cf){.value = packed, .type = NC_USHORT, .scale = &scale, .offset = &offset,
                                   .valid_range = range},
                 ranged);
    check_values((struct small_cf){.value = raw, .standard_name = "", .units = "mm/h", .name = "R"}, plain);
    check_values((struct small_cf){.value = raw, .classic = true}, plain);
    const double whole[12] = {0, 100, -9999, 300}, hundredth = 0.01, f9 = -9999;
    check_values((struct small_cf){.value = whole,
                                   .type = NC_INT64, .fill = &f9, .scale = &hundredth, .standard_name = "",
                                   .units = "mm/h"},
                 (float[12]){0, 1, n, 3});
}

/* NaN, 0 and rain side by side stay three things. */
static void missing_dry_and_wet_stay_apart(void **state)
{
    (void)state;
    const double raw[12] = {NAN, 0, 2.5, NAN, 0, 0, -0.6, 1e30, INFINITY};
    struct sq_field f = read_small((struct small_cf){.value = raw, .type = NC_DOUBLE}, 0);
    const uint8_t want[] = {SQ_STATE_MISSING, SQ_STATE_VALID, SQ_STATE_VALID, SQ_STATE_MISSING, SQ_STATE_VALID,
                            SQ_STATE_VALID, SQ_STATE_VALID, SQ_STATE_VALID, SQ_STATE_REJECTED};
    for (int i = 0; i < 9; i++)
        assert_int_equal(f.state[i], want[i]);
    REQUIRE(isnan(f.value[0]) && f.value[1] == 0 && f.value[2] == 2.5f);
    REQUIRE(f.value[6] == 0 && f.value[7] == 300 && isnan(f.value[8]));
    REQUIRE_NEAR(sq_field_coverage(&f), 9.0 / 12, 1e-12); /* a fraction of small whole numbers */
    sq_field_finish(&f);
}

static void grids_come_out_north_up_in_metres(void **state)
{
    (void)state;
    struct sq_field a = read_small((struct small_cf){0}, 0);
    REQUIRE(a.grid.x0 == 500 && a.grid.y0 == 2500 && a.grid.dx == 1000 && a.grid.dy == 1000);
    REQUIRE(a.grid.nx == SMALL_NX && a.grid.ny == SMALL_NY);
    struct sq_field b = read_small((struct small_cf){.y0 = 500, .dy = 1000}, 0); /* south up */
    REQUIRE(sq_grid_equal(&a.grid, &b.grid));
    for (int r = 0; r < SMALL_NY; r++)
        for (int c = 0; c < SMALL_NX; c++)
            REQUIRE(b.value[(SMALL_NY - 1 - r) * SMALL_NX + c] == a.value[r * SMALL_NX + c]);
    struct sq_field k =
        read_small((struct small_cf){.xy_units = "km", .x0 = 0.5, .dx = 1, .y0 = 2.5, .dy = -1}, 0);
    REQUIRE(sq_grid_equal(&a.grid, &k.grid));
    struct sq_field p = read_small((struct small_cf){.xy_units = "", .x0 = 0.5, .dx = 1, .y0 = 2.5, .dy = -1,
        .proj4 = "+proj=laea +lat_0=55 +lon_0=10 +x_0=0 +y_0=0 +datum=WGS84 +units=km +no_defs"}, 0);
    REQUIRE(sq_grid_equal(&a.grid, &p.grid));
    struct sq_field l = read_small((struct small_cf){.xy_units = "degrees", .proj4 = "", .x0 = 350, .dx = 0.25,
                                                     .y0 = 60, .dy = -0.25}, 0);
    REQUIRE(sq_grid_geographic(&l.grid) && l.grid.x0 == -10 && l.grid.y0 == 60 && l.grid.dx == 0.25);
    struct sq_field *all[] = {&a, &b, &k, &p, &l};
    for (int i = 0; i < 5; i++)
        sq_field_finish(all[i]);
}

static void times_are_read_as_they_are_said(void **state)
{
    (void)state;
    static const struct {
        const char *units;
        int64_t stored, want;
    } t[] = {
        {"seconds since 1970-01-01", 7, 7},
        {"seconds since 1970-01-01 00:00:00 UTC", 7, 7},
        {"minutes since 1970-01-02T00:00:00Z", 2, 86520},
        {"hours since 1970-01-01 01:30", 1, 9000},
        {"days since 2000-01-01 00:00:0.0", 0, 946684800},
        {"s since 1970-01-01 00:00:05", 1, 6},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct small_cf c = {.time = &t[i].stored, .time_units = t[i].units, .scalar_time = i % 2};
        struct sq_field f = read_small(c, 0);
        assert_int_equal(f.time, t[i].want);
        sq_field_finish(&f);
    }
}

/* What squall cannot read it refuses with a reason. */
static void what_is_not_an_observation_is_refused(void **state)
{
    (void)state;
    const char *path = test_path("v.nc");
    const int64_t never = INT64_MAX;
    const struct small_cf refused[] = {
        {.units = "K", .standard_name = "air_temperature"},
        {.units = "mm", .standard_name = "rainfall_amount"}, /* over what interval? */
        {.proj4 = ""},
        {.proj4 = "+proj=nonsense"},
        {.nx = 1},
        {.dx = -1000, .x0 = 500},
        {.time_units = "fortnights since 1970-01-01"},
        {.time_units = "seconds since tomorrow"},
        {.time_units = "seconds since 1970-13-01"},
        {.time = &never},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        small_cf_write(path, refused[i]);
        check_refused(path, SQ_FAILED);
    }
    int nc, var;
    small_cf_write(path, (struct small_cf){0});
    NC(nc_open(path, NC_WRITE, &nc)); /* a forecast must not come back as an observation */
    NC(nc_def_var(nc, "forecast_reference_time", NC_DOUBLE, 0, NULL, &var));
    NC(nc_close(nc));
    check_refused(path, SQ_FAILED);
}

/* A file of a few kB that claims more cells than any memory holds. */
static void claims_of_hugeness_are_refused(void **state)
{
    (void)state;
    static const size_t size[][3] = {{1, 32000, 32000}, {1, 40000, 4}, {300000, 4, 4}, {1, 1u << 30, 4}};
    for (int k = 0; k < 4; k++) {
        int nc, dim[3], v, vt, vx, vy;
        const char *path = test_path("huge.nc");
        const size_t chunk[3] = {1, 4, 4};
        NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
        NC(nc_def_dim(nc, "time", size[k][0], &dim[0]));
        NC(nc_def_dim(nc, "y", size[k][1], &dim[1]));
        NC(nc_def_dim(nc, "x", size[k][2], &dim[2]));
        NC(nc_def_var(nc, "time", NC_INT64, 1, dim, &vt));
        small_text(nc, vt, "units", NULL, "seconds since 1970-01-01");
        NC(nc_def_var(nc, "y", NC_FLOAT, 1, dim + 1, &vy));
        NC(nc_def_var(nc, "x", NC_FLOAT, 1, dim + 2, &vx));
        NC(nc_def_var(nc, "rain_rate", NC_FLOAT, 3, dim, &v));
        NC(nc_def_var_chunking(nc, v, NC_CHUNKED, chunk));
        small_text(nc, v, "units", NULL, "mm h-1");
        small_text(nc, v, "standard_name", NULL, "rainfall_rate");
        NC(nc_put_att_text(nc, NC_GLOBAL, "proj_string", strlen(SMALL_LAEA), SMALL_LAEA));
        if (k == 0) /* the axes are right */
            for (size_t i = 0; i < 32000; i++) {
                float x = (float)i, y = -(float)i;
                NC(nc_put_var1_float(nc, vx, &i, &x));
                NC(nc_put_var1_float(nc, vy, &i, &y));
            }
        NC(nc_close(nc));
        check_refused(path, SQ_FAILED);
    }
}

/* Found by fuzzing: netCDF-C believes the counts of a classic header, and is busy until memory ends. */
static void classic_headers_that_claim_too_much_are_refused(void **state)
{
    (void)state;
    static const uint8_t dims[] = "CDF\1\0\0\0\0\0\0\0\12\x7f\xff\xff\xff\0\0\0\1x\0\0\0\0\0\0\4";
    static const uint8_t wide[] = "CDF\5\0\0\0\0\0\0\0\0\0\0\0\12\0\0\0\0\x7f\xff\xff\xff";
    static const uint8_t name[] = "CDF\2\0\0\0\0\0\0\0\12\0\0\0\1\xff\xff\xff\xf0x\0\0\0";
    put("dims", dims, sizeof dims - 1);
    check_refused(test_path("dims"), SQ_FAILED);
    put("wide", wide, sizeof wide - 1);
    check_refused(test_path("wide"), SQ_FAILED);
    put("name", name, sizeof name - 1);
    check_refused(test_path("name"), SQ_FAILED);
}

/* netCDF-C reads zeros where a classic file has been cut, which would be no rain. */
static void classic_files_that_are_cut_are_refused(void **state)
{
    (void)state;
    struct stat s;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    const char *path = test_path("cut.nc");
    for (int k = 0; k < 2; k++) {
        small_cf_write(path, (struct small_cf){.classic = true, .records = k, .n = 3});
        REQUIRE(!stat(path, &s));
        REQUIRE_OK(open_path(path, &in, &err));
        assert_int_equal(sq_inputs_count(in), 3);
        sq_inputs_close(&in);
        for (off_t n = s.st_size - 1; n > 0; n--) {
            REQUIRE(!truncate(path, n));
            check_refused(path, SQ_FAILED);
        }
    }
}

static void the_range_disc_is_not_observed_outside(void **state)
{
    (void)state;
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    struct sq_field f = {0};
    char *path = (char *)(uintptr_t)test_path("v.nc");
    static double dry[41 * 41];
    small_cf_write(path, (struct small_cf){.nx = 41, .ny = 41, .value = dry, .x0 = -20000, .dx = 1000,
                                           .y0 = 20000, .dy = -1000});
    p.range_km = 15.5;
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    for (int r = 0; r < 41; r++)
        for (int c = 0; c < 41; c++) {
            bool inside = hypot(r - 20, c - 20) < 15.5;
            REQUIRE(inside ? f.value[r * 41 + c] == 0 && f.state[r * 41 + c] == SQ_STATE_VALID
                           : isnan(f.value[r * 41 + c]) && f.state[r * 41 + c] == SQ_STATE_NO_COVERAGE);
        }
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

int main(void)
{
    sq_log_level(SQ_LOG_ERROR); /* files passed over are logged as warnings */
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
    const struct CMUnitTest tests[] = {
        CASE(broken_files_that_are_named_fail),
        CASE(a_folder_passes_over_what_is_not_radar),
        CASE(the_first_path_of_one_time_wins),
        CASE(a_folder_gives_one_product),
        CASE(many_frames_are_listed_fast),
        CASE(units_and_packing_become_rates),
        CASE(missing_dry_and_wet_stay_apart),
        CASE(grids_come_out_north_up_in_metres),
        CASE(times_are_read_as_they_are_said),
        CASE(what_is_not_an_observation_is_refused),
        CASE(claims_of_hugeness_are_refused),
        CASE(classic_headers_that_claim_too_much_are_refused),
        CASE(classic_files_that_are_cut_are_refused),
        CASE(the_range_disc_is_not_observed_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
