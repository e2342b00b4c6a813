/* Forecast files that are none, or broken; and what other programs make of ours. */
#include "broken.h"
#include "small_forecast.h"

#include "core/crs.h"

#include <netcdf.h>

#define PROB "probability_of_lwe_precipitation_rate_above_threshold"

/* ---- what is no forecast --------------------------------------------------------------------------------- */

/* Opens and reads everything; a refusal is one line that names the file. */
static enum sq_status read_all(const char *path, struct sq_err *e)
{
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    struct sq_lead l = {0};
    enum sq_status status = sq_product_open(path, &f, &r, e);
    if (!status)
        status = sq_lead_init(&l, f, e);
    for (int k = 0; !status && k < f->n_lead; k++)
        status = sq_product_get(r, k, &l, e);
    sq_lead_finish(&l);
    sq_product_close(&r);
    if (status && (!strstr(e->text, path) || strchr(e->text, '\n')))
        fail_msg("refused without its name or in many lines: %s", e->text);
    return status;
}

static void refuses(const char *path, enum sq_status want, const char *word)
{
    struct sq_err err = {0};
    enum sq_status status = read_all(path, &err);
    assert_int_equal(status, want);
    if (!strstr(err.text, word))
        fail_msg("'%s' is not said: %s", word, err.text);
}

static void what_is_no_forecast_is_refused_by_name(void **state)
{
    (void)state;
    int nc;
    refuses(test_path("none.nc"), SQ_ABSENT, "No such file");
    refuses(test_folder(), SQ_FAILED, "is not a file");
    put_bytes(test_path("empty.nc"), "", 0);
    refuses(test_path("empty.nc"), SQ_FAILED, "not a squall forecast");
    put_bytes(test_path("text.nc"), "rain later", 10);
    refuses(test_path("text.nc"), SQ_FAILED, "not a squall forecast");
    REQUIRE(!nc_create(test_path("classic.nc"), NC_CLOBBER, &nc) && !nc_close(nc));
    refuses(test_path("classic.nc"), SQ_FAILED, "not a netCDF-4 file");
    REQUIRE(!nc_create(test_path("other.nc"), NC_NETCDF4, &nc) && !nc_close(nc));
    refuses(test_path("other.nc"), SQ_FAILED, "has no variable " PROB);
}

struct twist {
    const char *what, *word;
    int (*twist)(int nc, int var);
    const char *var;
};

static int threshold_in_metres(int nc, int var)
{
    return nc_put_att_text(nc, var, "units", 5, "m s-1");
}
static int falling_thresholds(int nc, int var)
{
    const float v[4] = {0.1f, 5, 1, 10};
    return nc_put_var_float(nc, var, v);
}
static int percentile_of_nan(int nc, int var)
{
    const float v[3] = {10, NAN, 90};
    return nc_put_var_float(nc, var, v);
}
static int renamed(int nc, int var)
{
    return nc_rename_var(nc, var, "other");
}
static int leads_fall(int nc, int var)
{
    const int v[3] = {600, 300, 900};
    return nc_put_var_int(nc, var, v);
}
static int no_time(int nc, int var)
{
    const double v = 1e300;
    return nc_put_var_double(nc, var, &v);
}
static int uneven(int nc, int var)
{
    const size_t at = 5;
    const double v = 0;
    return nc_put_var1_double(nc, var, &at, &v);
}
static int wrong_flag(int nc, int var)
{
    const size_t at[2] = {5, 5};
    const signed char v = 9;
    return nc_put_var1_schar(nc, var, at, &v);
}
static int too_likely(int nc, int var)
{
    const size_t at[4] = {1, 1, 20, 20};
    const float v = 1.5f;
    return nc_put_var1_float(nc, var, at, &v);
}
static int never_rain(int nc, int var)
{
    const size_t at[4] = {1, 1, 20, 20};
    const float v = INFINITY;
    return nc_put_var1_float(nc, var, at, &v);
}
static int no_such_projection(int nc, int var)
{
    return nc_put_att_text(nc, var, "proj_params", 14, "+proj=nonsense");
}

static void a_forecast_with_a_twist_is_refused(void **state)
{
    (void)state;
    static const struct twist twists[] = {
        {"units", "threshold is not in mm h-1", threshold_in_metres, "threshold"},
        {"order", "threshold does not rise", falling_thresholds, "threshold"},
        {"nan", "percentile does not rise", percentile_of_nan, "percentile"},
        {"rate", "no variable lwe_precipitation_rate", renamed, "lwe_precipitation_rate"},
        {"mean", "no variable lwe_precipitation_rate_mean", renamed, "lwe_precipitation_rate_mean"},
        {"crs", "no variable crs", renamed, "crs"},
        {"x", "no variable x", renamed, "x"},
        {"reference", "no variable forecast_reference_time", renamed, "forecast_reference_time"},
        {"leads", "forecast_period does not rise", leads_fall, "forecast_period"},
        {"time", "forecast_reference_time", no_time, "forecast_reference_time"},
        {"y", "y is not evenly spaced", uneven, "y"},
        {"flag", "radar_quality", wrong_flag, "radar_quality"},
        {"prob", "outside 0 to 1", too_likely, PROB},
        {"inf", "outside 0 to", never_rain, "lwe_precipitation_rate"},
        {"proj", "nonsense", no_such_projection, "crs"},
    };
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    for (size_t i = 0; i < sizeof twists / sizeof *twists; i++) {
        int nc = -1, var = -1;
        REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
        REQUIRE(!nc_open(test_path("f.nc"), NC_WRITE, &nc) && !nc_inq_varid(nc, twists[i].var, &var));
        if (twists[i].twist(nc, var) || nc_close(nc))
            fail_msg("twist %s", twists[i].what);
        refuses(test_path("f.nc"), SQ_FAILED, twists[i].word);
    }
    sq_forecast_finish(&f);
}

static void a_truncated_forecast_is_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    size_t n;
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    char *bytes = slurp(test_path("f.nc"), &n);
    for (size_t i = 0; i < 50; i++) {
        put_bytes(test_path("cut.nc"), bytes, n * i / 50);
        refuses(test_path("cut.nc"), SQ_FAILED, "truncated");
    }
    free(bytes);
    sq_forecast_finish(&f);
}

/* HDF5 crashes on some of these, or never returns: the seal must keep them from it. */
static void a_forecast_with_a_wrong_bit_is_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    size_t n;
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    char *bytes = slurp(test_path("f.nc"), &n);
    for (size_t i = 0; i < n; i += 37) {
        bytes[i] ^= (char)(1 << i % 8);
        put_bytes(test_path("flip.nc"), bytes, n);
        if (i < n - 16)
            refuses(test_path("flip.nc"), SQ_FAILED, i < 8 ? "not a netCDF-4 file" : "damaged");
        bytes[i] ^= (char)(1 << i % 8);
    }
    for (size_t i = n - 16; i < n; i++) { /* in the seal: either way, the forecast is whole */
        struct sq_err why = {0};
        bytes[i] ^= 1;
        put_bytes(test_path("flip.nc"), bytes, n);
        REQUIRE(read_all(test_path("flip.nc"), &why) == (i < n - 8 ? SQ_OK : SQ_FAILED));
        bytes[i] ^= 1;
    }
    free(bytes);
    sq_forecast_finish(&f);
}

static void try_it(const char *path, bool must_fail)
{
    struct sq_err err = {0};
    broken_check(path, must_fail, read_all(path, &err), &err);
}

/* Without its seal nothing tells that a forecast was damaged before libhdf5 sees it. */
static void broken_forecasts_without_a_seal_are_refused_in_one_line(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    REQUIRE_OK(small_write(test_path("broken.nc"), &f, f.n_lead, &err));
    small_unseal(test_path("broken.nc"));
    broken_try(test_path("broken.nc"), 50, 300, try_it);
    sq_forecast_finish(&f);
}

/* ---- what others make of it ------------------------------------------------------------------------------ */

static const char *python(void)
{
    return access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3"; /* Debian's has xarray */
}

/* The scorer that knows nothing of squall: a forecast that knows what came has no error, and one that says
 * 1/2 everywhere the Brier score 1/4. */
static void write_event(const char *path, const struct sq_forecast *f, const float *rain)
{
    int nc = -1, dim[3], time = -1, rate = -1, x = -1, y = -1;
    size_t nx = (size_t)f->grid.nx, ny = (size_t)f->grid.ny;
    double at[64];
    REQUIRE(nx <= 64 && ny <= 64 && !nc_create(path, NC_NETCDF4, &nc));
    REQUIRE(!nc_def_dim(nc, "time", 3, &dim[0]) && !nc_def_dim(nc, "y", ny, &dim[1]) &&
            !nc_def_dim(nc, "x", nx, &dim[2]));
    REQUIRE(!nc_def_var(nc, "time", NC_DOUBLE, 1, dim, &time) && !nc_def_var(nc, "y", NC_DOUBLE, 1, dim + 1, &y) &&
            !nc_def_var(nc, "x", NC_DOUBLE, 1, dim + 2, &x) && !nc_def_var(nc, "rain_rate", NC_FLOAT, 3, dim, &rate));
    REQUIRE(!nc_put_att_text(nc, time, "units", 33, "seconds since 1970-01-01 00:00:00"));
    for (int k = 0; k < 3; k++)
        at[k] = (double)f->issue_time + f->lead_s[k];
    REQUIRE(!nc_put_var_double(nc, time, at));
    for (size_t i = 0; i < ny; i++)
        at[i] = sq_grid_y(&f->grid, (double)i);
    REQUIRE(!nc_put_var_double(nc, y, at));
    for (size_t i = 0; i < nx; i++)
        at[i] = sq_grid_x(&f->grid, (double)i);
    REQUIRE(!nc_put_var_double(nc, x, at) && !nc_put_var_float(nc, rate, rain) && !nc_close(nc));
}

static void score_reads_it(void **state)
{
    (void)state;
    NEED_SHARED();
    char command[1024];
    snprintf(command, sizeof command, "%s -c 'import numpy, scipy, netCDF4' 2>/dev/null", python());
    if (system(command))
        skip();
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    struct sq_product_writer *sure = NULL, *unsure = NULL;
    struct sq_lead l = {0};
    size_t n = sq_grid_cells(&f.grid);
    float *rain = malloc(3 * n * sizeof *rain);
    REQUIRE(rain);
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    REQUIRE_OK(sq_product_create(test_path("sure.nc"), &f, &sure, &err));
    REQUIRE_OK(sq_product_create(test_path("unsure.nc"), &f, &unsure, &err));
    for (int k = 0; k < 3; k++) {
        float *now = rain + (size_t)k * n;
        for (size_t i = 0; i < n; i++)
            now[i] = i % 7 ? 0.07f * (float)(i % (size_t)f.grid.nx) * (float)(i % 5) : 0;
        for (size_t i = 0; i < 4 * n; i++)
            l.prob[i] = i % 11 == 0 ? NAN : now[i % n] >= f.threshold_mmh[i / n];
        REQUIRE_OK(sq_product_put(sure, k, &l, &err));
        for (size_t i = 0; i < 4 * n; i++)
            l.prob[i] = 0.5f;
        REQUIRE_OK(sq_product_put(unsure, k, &l, &err));
    }
    REQUIRE_OK(sq_product_publish(sure, &err));
    REQUIRE_OK(sq_product_publish(unsure, &err));
    write_event(test_path("event.nc"), &f, rain);
    snprintf(command, sizeof command,
             "cd %s && %s %s/../shared/score.py --event event.nc --forecast sure=sure.nc --forecast "
             "unsure=unsure.nc --thresholds 1,5 --fss-km 1 --pooled-only --csv out.csv >out.txt && %s -c \"import csv; "
             "r = {q['label']: q for q in csv.DictReader(open('out.csv')) if q['lead'] == 'all'}; "
             "assert float(r['sure']['CRPSb']) == 0 and float(r['sure']['BS_5']) == 0 and int(r['sure']['n']) > 1000; "
             "assert abs(float(r['unsure']['BS_1']) - 0.25) < 1e-9\"",
             test_folder(), python(), SQ_SOURCE_DIR, python());
    assert_int_equal(system(command), 0);
    sq_product_destroy(&sure);
    sq_product_destroy(&unsure);
    sq_lead_finish(&l);
    sq_forecast_finish(&f);
    free(rain);
}

static void other_programs_understand_it(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char command[1024];
    snprintf(command, sizeof command, "%s -c pass", python());
    if (system(command))
        skip();
    for (int i = 0; i < SMALL_GRIDS; i++) {
        const struct small_grid *g = &small_grids[i];
        struct sq_forecast f = small_forecast(g);
        struct sq_crs_map *m = NULL;
        double x = g->x0, y = g->y0;
        REQUIRE_OK(sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &m, &err));
        sq_crs_forward(m, 1, &x, &y);
        sq_crs_map_destroy(&m);
        REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
        snprintf(command, sizeof command, "%s %s/tests/serve/outside.py %s %s %d %d %.9g %.9g %.9g %.9f %.9f", python(),
                 SQ_SOURCE_DIR, test_path("f.nc"), g->mapping, g->nx, g->ny, g->x0, g->y0, g->cell, x, y);
        if (system(command))
            fail_msg("%s: see above", g->name);
        sq_forecast_finish(&f);
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, test_end)
int main(void)
{
    sq_log_level(SQ_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_forecast_is_refused_by_name),
        TEST(a_forecast_with_a_twist_is_refused),
        TEST(a_truncated_forecast_is_refused),
        TEST(a_forecast_with_a_wrong_bit_is_refused),
        TEST(broken_forecasts_without_a_seal_are_refused_in_one_line),
        TEST(score_reads_it),
        TEST(other_programs_understand_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
