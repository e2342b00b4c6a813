/* Every sample of every radar format, cell by cell, against the formats' own tools (h5dump, grib_get) and
 * against what is known of the files. SQ_TEST_FULL=1 compares all files, not some of each kind. */
#include "test.h"

#include "ingest.h"

#include "core/instant.h"

#include <netcdf.h>
#include <time.h>

static const struct sq_read_params uncapped = {
    .zr_a = 200, .zr_b = 1.6, .rate_cap_mmh = 1e9, .dbz_cap = 1e3};

static bool full(void)
{
    return getenv("SQ_TEST_FULL");
}

static bool have(const char *tool)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", tool);
    return !system(command);
}

static struct sq_inputs *open_one(const char *name)
{
    char path[4200], *paths[] = {path};
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    snprintf(path, sizeof path, "%s/%s", test_shared(), name);
    REQUIRE_OK(sq_inputs_open(paths, 1, &uncapped, &in, &err));
    return in;
}

/* The only frame of a file. */
static struct sq_field read_one(const char *name)
{
    struct sq_field f = {0};
    struct sq_err err = {0};
    struct sq_inputs *in = open_one(name);
    assert_int_equal(sq_inputs_count(in), 1);
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    sq_inputs_close(&in);
    return f;
}

static size_t count(const struct sq_field *f, enum sq_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        n += f->state[i] == state;
    return n;
}

/* NaN exactly where nothing was observed, 0 where nothing was detected, and nothing negative. */
static void check_states(const struct sq_field *f)
{
    size_t bad = 0;
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        bad += f->state[i] > SQ_STATE_UNDETECT ? !isnan(f->value[i])
               : f->state[i] == SQ_STATE_UNDETECT ? f->value[i] != 0
                                                  : !(f->value[i] >= 0);
    assert_int_equal(bad, 0);
}

/* The raw numbers of a dataset, as h5dump writes them; caller frees. */
static void *h5dump(const char *name, const char *dataset, size_t bytes)
{
    char command[9000];
    const char *out = test_path("raw");
    snprintf(command, sizeof command, "h5dump -d %s -b LE -o %s '%s/%s' >/dev/null", dataset, out, test_shared(),
             name);
    assert_int_equal(system(command), 0);
    void *raw = malloc(bytes + 1);
    FILE *f = fopen(out, "rb");
    REQUIRE(raw && f);
    assert_int_equal(fread(raw, 1, bytes + 1, f), bytes);
    fclose(f);
    unlink(out);
    return raw;
}

/* ---- MRMS ----------------------------------------------------------------------------------------------- */

struct tool_stats {
    double max, min, mean, sd;
};

static struct tool_stats grib_get(const char *name)
{
    char command[9000];
    struct tool_stats s = {0};
    snprintf(command, sizeof command, "grib_get -F %%.10g -p max,min,average,standardDeviation '%s/%s'",
             test_shared(), name);
    FILE *f = popen(command, "r");
    REQUIRE(f && fscanf(f, "%lf %lf %lf %lf", &s.max, &s.min, &s.mean, &s.sd) == 4);
    assert_int_equal(pclose(f), 0);
    return s;
}

/* The raw field, put together again from values and states, has the statistics that ecCodes' tool finds. */
static void check_mrms(const char *name, const struct sq_field *f)
{
    struct tool_stats t = grib_get(name), s = {-1e9, 1e9, 0, 0};
    size_t n = sq_grid_cells(&f->grid);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double v = f->state[i] == SQ_STATE_NO_COVERAGE ? -3 : f->state[i] == SQ_STATE_MISSING ? -1 : (double)f->value[i];
        s.max = fmax(s.max, v);
        s.min = fmin(s.min, v);
        sum += v;
        squares += v * v;
    }
    s.mean = sum / (double)n;
    s.sd = sqrt(squares / (double)n - s.mean * s.mean);
    REQUIRE_NEAR(s.max, t.max, 1e-5); /* float against decimal tenths */
    REQUIRE_NEAR(s.min, t.min, 1e-5);
    REQUIRE_NEAR(s.mean, t.mean, 1e-6);
    REQUIRE_NEAR(s.sd, t.sd, 1e-6);
}

static void check_conus(const struct sq_grid *g)
{
    assert_int_equal(g->nx, 7000);
    assert_int_equal(g->ny, 3500);
    REQUIRE_NEAR(sq_grid_x(g, 0), -129.995, 1e-9); /* microdegrees in the file */
    REQUIRE_NEAR(sq_grid_y(g, 0), 54.995, 1e-9);
    REQUIRE_NEAR(sq_grid_x(g, 6999), 299.995 - 360, 1e-9);
    REQUIRE_NEAR(sq_grid_y(g, 3499), 20.005, 1e-9);
}

static void mrms_rates_are_those_of_eccodes(void **state)
{
    (void)state;
    NEED_SHARED();
    for (int i = 0; i < 36; i += full() ? 1 : 35) {
        char name[128], text[32];
        snprintf(name, sizeof name, "formats/mrms/PrecipRate_00.00_20190610-%02d%02d00.grib2", i / 30, i * 2 % 60);
        struct sq_field f = read_one(name);
        assert_string_equal(f.source, "mrms");
        assert_string_equal(f.product, "PrecipRate");
        char want[32];
        snprintf(want, sizeof want, "2019-06-10T%02d:%02d:00Z", i / 30, i * 2 % 60);
        assert_string_equal(sq_instant_iso(f.time, text), want);
        check_conus(&f.grid);
        check_states(&f);
        assert_int_equal(count(&f, SQ_STATE_MISSING), 0);
        if (i == 0) { /* formats.md 3.1 */
            size_t dry = 0;
            for (size_t k = 0; k < sq_grid_cells(&f.grid); k++)
                dry += f.value[k] == 0;
            assert_int_equal(count(&f, SQ_STATE_NO_COVERAGE), 8769493);
            assert_int_equal(dry, 14747625);
            assert_int_equal(count(&f, SQ_STATE_VALID) - dry, 982882);
        }
        if (have("grib_get"))
            check_mrms(name, &f);
        sq_field_finish(&f);
    }
}

/* One whole field as the tool prints it, value by value in the order of the grid. */
static void mrms_cells_stand_where_eccodes_has_them(void **state)
{
    (void)state;
    NEED_SHARED();
    if (!have("grib_get"))
        skip();
    static const char name[] = "formats/mrms/PrecipRate_00.00_20190610-000000.grib2";
    struct sq_field f = read_one(name);
    const int step = full() ? 100003 : 8000009; /* a prime: cells all over the rows */
    for (size_t k = 1234567; k < sq_grid_cells(&f.grid); k += (size_t)step) {
        char command[9000];
        double want = NAN;
        snprintf(command, sizeof command, "grib_get -i %zu -F %%.10g '%s/%s'", k, test_shared(), name);
        FILE *p = popen(command, "r");
        REQUIRE(p && fscanf(p, "%lf", &want) == 1);
        pclose(p);
        if (want == -3)
            REQUIRE(isnan(f.value[k]));
        else
            REQUIRE_NEAR(f.value[k], want, 1e-5);
    }
    sq_field_finish(&f);
}

static void mrms_reflectivity_tells_dry_from_unseen(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_field f = read_one("formats/mrms/MRMS_ReflectivityAtLowestAltitude_00.50_20230406-120039.grib2.gz");
    char text[32];
    double n = (double)sq_grid_cells(&f.grid);
    assert_string_equal(sq_instant_iso(f.time, text), "2023-04-06T12:00:39Z"); /* seconds kept */
    check_conus(&f.grid);
    check_states(&f);
    REQUIRE_NEAR((double)count(&f, SQ_STATE_UNDETECT) / n, 0.614, 0.0005); /* formats.md 3.1, three digits */
    REQUIRE_NEAR((double)count(&f, SQ_STATE_NO_COVERAGE) / n, 0.348, 0.0005);
    REQUIRE_NEAR((double)count(&f, SQ_STATE_VALID) / n, 0.038, 0.0005);
    float least = 1e9f;
    for (size_t i = 0; i < sq_grid_cells(&f.grid); i++)
        if (f.state[i] == SQ_STATE_VALID)
            least = fminf(least, f.value[i]);
    REQUIRE(least > 0 && least < 0.001f); /* echoes of -31 dBZ are measurements */
    sq_field_finish(&f);
}

static void precip_flag_is_not_rain(void **state)
{
    (void)state;
    NEED_SHARED();
    char path[4200], *paths[] = {path};
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    snprintf(path, sizeof path, "%s/formats/mrms/MRMS_PrecipFlag_00.00_20260219-042400.grib2.gz", test_shared());
    REQUIRE_STATUS(sq_inputs_open(paths, 1, &uncapped, &in, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, path) && !in);
}

/* ---- ODIM ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *file, *time, *product;
    int nx, ny;
    double cell;
} odim[] = {
    {"T_PAAH21_C_EUOC_20180824180000.hdf", "2018-08-24T18:00:00Z", "RATE", 1900, 2200, 2000},
    {"T_PAAH21_C_EUOC_20180824181500.hdf", "2018-08-24T18:15:00Z", "RATE", 1900, 2200, 2000},
    {"T_PAAH21_C_EUOC_20180824183000.hdf", "2018-08-24T18:30:00Z", "RATE", 1900, 2200, 2000},
    {"T_PAAH21_C_EUOC_20180824184500.hdf", "2018-08-24T18:45:00Z", "RATE", 1900, 2200, 2000},
    {"T_PAAH22_C_EUOC_20241126010000.hdf", "2024-11-26T01:00:00Z", "RATE", 1900, 2200, 2000},
    {"T_PAAH22_C_EUOC_20241126011500.hdf", "2024-11-26T01:15:00Z", "RATE", 1900, 2200, 2000},
    {"T_PABV21_C_EUOC_20241126010000.hdf", "2024-11-26T01:00:00Z", "DBZH", 3800, 4400, 1000},
    {"T_PABV21_C_EUOC_20241126010500.hdf", "2024-11-26T01:05:00Z", "DBZH", 3800, 4400, 1000},
};

static void check_odim_cells(const char *name, const struct sq_field *f, bool dbz)
{
    size_t n = sq_grid_cells(&f->grid), bad = 0;
    double *raw = h5dump(name, "/dataset1/data1/data", n * sizeof *raw);
    for (size_t i = 0; i < n; i++) {
        double want = dbz ? pow(pow(10, raw[i] / 10) / 200, 1 / 1.6) : raw[i];
        if (raw[i] == -9999000)
            bad += f->state[i] != SQ_STATE_NO_COVERAGE || !isnan(f->value[i]);
        else if (raw[i] == -8888000)
            bad += f->state[i] != SQ_STATE_UNDETECT || f->value[i] != 0;
        else /* a float has 6e-8 */
            bad += f->state[i] != SQ_STATE_VALID || !(fabs((double)f->value[i] - want) <= 2e-7 * want);
    }
    free(raw);
    assert_int_equal(bad, 0);
}

/* formats.md 3.5: NIMBUS rates all that it sees, the others echo alone; there 0 says nothing. */
static void check_odim_quality(const char *name, const struct sq_field *f, const char *dataset, bool all)
{
    size_t n = sq_grid_cells(&f->grid), bad = 0, rated = 0, zeros = 0;
    double *raw = h5dump(name, dataset, n * sizeof *raw);
    for (size_t i = 0; i < n; i++) {
        bool none = !(raw[i] >= 0 && raw[i] <= 1) || (raw[i] == 0 && !all);
        bad += none ? !isnan(f->quality[i]) : f->quality[i] != (float)raw[i];
        rated += f->state[i] == SQ_STATE_VALID && !none;
        zeros += f->state[i] == SQ_STATE_VALID && raw[i] == 0;
    }
    free(raw);
    assert_int_equal(bad, 0);
    REQUIRE(rated && zeros);
    REQUIRE(!all || rated == count(f, SQ_STATE_VALID));
}

static void odim_layouts_are_those_of_h5dump(void **state)
{
    (void)state;
    NEED_SHARED();
    for (size_t k = 0; k < sizeof odim / sizeof *odim; k += full() ? 1 : k == 0 ? 4 : 2) {
        char name[128], text[32];
        snprintf(name, sizeof name, "formats/odim/%s", odim[k].file);
        struct sq_field f = read_one(name);
        assert_string_equal(f.source, "odim");
        assert_string_equal(f.product, odim[k].product);
        assert_string_equal(sq_instant_iso(f.time, text), odim[k].time);
        assert_int_equal(f.grid.nx, odim[k].nx);
        assert_int_equal(f.grid.ny, odim[k].ny);
        REQUIRE(f.grid.dx == odim[k].cell && f.grid.dy == odim[k].cell);
        REQUIRE(f.grid.x0 == odim[k].cell / 2 && f.grid.y0 == -odim[k].cell / 2); /* the corner is 0, 0 */
        check_states(&f);
        if (have("h5dump"))
            check_odim_cells(name, &f, !strcmp(odim[k].product, "DBZH"));
        if (have("h5dump"))
            check_odim_quality(name, &f, k < 4 ? "/dataset2/data1/data" : "/dataset1/data1/quality1/data", k == 4 || k == 5);
        sq_field_finish(&f);
    }
}

/* The event file was made from the same composites: nodata became fill, undetect 0, the rest was clipped at
 * what 16 bits hold. */
static void odyssey_is_the_opera_event(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_inputs *in = open_one("events/opera_20180824.nc");
    for (int k = 0; k < 4; k++) {
        char name[128];
        struct sq_err err = {0};
        struct sq_field e = {0};
        snprintf(name, sizeof name, "formats/odim/%s", odim[k].file);
        struct sq_field f = read_one(name);
        REQUIRE_OK(sq_inputs_read(in, k, &e, &err));
        size_t n = sq_grid_cells(&f.grid), bad = 0;
        assert_int_equal(e.time, f.time);
        REQUIRE(sq_grid_equal(&e.grid, &f.grid));
        for (size_t i = 0; i < n; i++) {
            double packed = isnan(f.value[i]) ? NAN : fmin(round(100 * (double)f.value[i]), 65534) / 100;
            bad += isnan(e.value[i]) ? !isnan(packed) : !(fabs((double)e.value[i] - packed) < 0.0101);
            /* 0.0101: the float of a half may round to the other hundredth */
        }
        assert_int_equal(bad, 0);
        sq_field_finish(&e);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
}

/* ---- KNMI ----------------------------------------------------------------------------------------------- */

static void knmi_is_the_event_and_what_h5dump_prints(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_inputs *in = open_one("events/knmi_20100826.nc");
    for (int k = 0; k < 24; k++) {
        char name[128];
        struct sq_err err = {0};
        struct sq_field e = {0};
        snprintf(name, sizeof name, "formats/knmi/RAD_NL25_RAP_5min_20100826%02d%02d.h5", k / 12, k % 12 * 5);
        struct sq_field f = read_one(name);
        REQUIRE_OK(sq_inputs_read(in, k, &e, &err));
        assert_string_equal(f.source, "knmi");
        assert_int_equal(f.interval_s, 300);
        assert_int_equal(f.time, e.time); /* the end of the five minutes */
        REQUIRE(f.grid.x0 == 500 && f.grid.y0 == -3650500 && f.grid.dx == 1000 && f.grid.dy == 1000);
        REQUIRE(sq_grid_equal(&f.grid, &e.grid));
        check_states(&f);
        size_t n = sq_grid_cells(&f.grid), bad = 0;
        for (size_t i = 0; i < n; i++)
            bad += isnan(e.value[i]) ? f.state[i] != SQ_STATE_NO_COVERAGE
                                     : !(fabsf(e.value[i] - f.value[i]) < 1e-5f); /* floats of hundredths */
        assert_int_equal(bad, 0);
        if (have("h5dump") && (full() || k % 12 == 0)) {
            uint16_t *raw = h5dump(name, "/image1/image_data", n * sizeof *raw);
            for (size_t i = 0; i < n; i++)
                bad += raw[i] == 65535 ? !isnan(f.value[i]) : !(fabs((double)f.value[i] - raw[i] * 0.12) < 1e-5);
            free(raw);
            assert_int_equal(bad, 0);
        }
        sq_field_finish(&e);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
}

/* ---- CF ------------------------------------------------------------------------------------------------- */

static void events_are_what_h5dump_prints(void **state)
{
    (void)state;
    NEED_SHARED();
    if (!have("h5dump"))
        skip();
    struct sq_inputs *in = open_one("events/mch_20160711.nc");
    const size_t n = 640 * 710;
    uint16_t *raw = h5dump("events/mch_20160711.nc", "/rain_rate", 40 * n * sizeof *raw);
    for (int k = 0; k < 40; k++) {
        struct sq_err err = {0};
        struct sq_field f = {0};
        size_t bad = 0;
        REQUIRE_OK(sq_inputs_read(in, k, &f, &err));
        const uint16_t *r = raw + (size_t)k * n;
        for (size_t i = 0; i < n; i++)
            bad += r[i] == 65535 ? f.state[i] != SQ_STATE_MISSING : f.value[i] != (float)(r[i] * 0.01);
        assert_int_equal(bad, 0);
        sq_field_finish(&f);
    }
    free(raw);
    sq_inputs_close(&in);
}

/* OpenMRG: 7 frames missing entirely (times in the README of the data), 521 without a cell of 0.1 mm/h. */
static void openmrg_tells_missing_from_dry(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_inputs *in = open_one("events/openmrg_2015_8days.nc");
    int missing = 0, dry = 0;
    for (int k = 0; k < sq_inputs_count(in); k++) {
        struct sq_err err = {0};
        struct sq_field f = {0};
        REQUIRE_OK(sq_inputs_read(in, k, &f, &err));
        size_t n = sq_grid_cells(&f.grid), seen = 0, wet = 0;
        for (size_t i = 0; i < n; i++) {
            seen += !isnan(f.value[i]);
            wet += f.value[i] >= 0.1f;
        }
        char text[32];
        if (!seen && !missing++)
            assert_string_equal(sq_instant_iso(f.time, text), "2015-07-26T21:50:00Z");
        dry += !wet;
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    assert_int_equal(missing, 7);
    assert_int_equal(dry, 521);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mrms_rates_are_those_of_eccodes),
        cmocka_unit_test(mrms_cells_stand_where_eccodes_has_them),
        cmocka_unit_test(mrms_reflectivity_tells_dry_from_unseen),
        cmocka_unit_test(precip_flag_is_not_rain),
        cmocka_unit_test(odim_layouts_are_those_of_h5dump),
        cmocka_unit_test(odyssey_is_the_opera_event),
        cmocka_unit_test(knmi_is_the_event_and_what_h5dump_prints),
        cmocka_unit_test(events_are_what_h5dump_prints),
        cmocka_unit_test(openmrg_tells_missing_from_dry),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
