/* Every cell of every event file, through reader and cube, against the raw numbers that netCDF-C gives. */
#include "test.h"

#include "ingest.h"

#include <netcdf.h>
#include <time.h>

struct event {
    const char *file, *var;
    int nx, ny, frames, step_s;
    double scale;
    int fill;
    double dx, x0, y0;
};

static const struct event events[] = {
    {"bom_20180616.nc", "rain_rate", 512, 512, 61, 360, 0.01, 65535, 500, -128000, 128000},
    {"bom_20201031.nc", "rain_rate", 512, 512, 144, 600, 0.01, 65535, 500, -127750, 127750},
    {"fmi_20160928.nc", "rain_rate", 760, 1226, 40, 300, 0.01, 65535, 999.6, 499.842, 1225044.845},
    {"knmi_20100826.nc", "rain_rate", 700, 765, 92, 300, 0.01, 65535, 1000, 500, -3650500},
    {"mch_20150515.nc", "rain_rate", 710, 640, 40, 300, 0.01, 65535, 1000, 255500, 479500},
    {"mch_20160711.nc", "rain_rate", 710, 640, 40, 300, 0.01, 65535, 1000, 255500, 479500},
    {"opera_20180824.nc", "rain_rate", 1900, 2200, 24, 900, 0.01, 65535, 2000, 1000, -1000},
    {"openmrg_2015_8days.nc", "R", 37, 48, 2304, 300, 0.01, -9999, 2000, -154199.32290894, -3412560.83300758},
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void compare_frame(const struct event *ev, int nc, int var, int k, const float *got)
{
    size_t n = (size_t)ev->nx * (size_t)ev->ny, bad = 0;
    size_t start[3] = {(size_t)k, 0, 0}, count[3] = {1, (size_t)ev->ny, (size_t)ev->nx};
    int *raw = malloc(n * sizeof *raw);
    assert_int_equal(nc_get_vara_int(nc, var, start, count, raw), 0);
    for (size_t i = 0; i < n; i++)
        bad += raw[i] == ev->fill ? !isnan(got[i]) : got[i] != (float)(raw[i] * ev->scale);
    free(raw);
    assert_int_equal(bad, 0);
}

static void events_are_read_to_the_last_cell(void **state)
{
    (void)state;
    NEED_SHARED();
    for (size_t k = 0; k < sizeof events / sizeof *events; k++) {
        const struct event *ev = &events[k];
        char path[4200], *paths[] = {path};
        snprintf(path, sizeof path, "%s/events/%s", test_shared(), ev->file);
        struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
        p.rate_cap_mmh = 1e6;
        p.quality = (struct sq_quality_params){0};
        struct sq_inputs *in = NULL;
        struct sq_cube c = {0};
        struct sq_err err = {0};
        double t0 = seconds();
        REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
        assert_int_equal(sq_inputs_count(in), ev->frames);
        struct sq_cube_params cp = {.at = INT64_MAX, .from = INT64_MIN};
        REQUIRE_OK(sq_cube_build(in, &cp, &c, &err));
        print_message("# %s: %.2f s\n", ev->file, seconds() - t0);
        assert_int_equal(c.n, ev->frames);
        assert_int_equal(c.step_s, ev->step_s);
        assert_int_equal(c.grid.nx, ev->nx);
        assert_int_equal(c.grid.ny, ev->ny);
        REQUIRE_NEAR(c.grid.dx, ev->dx, 0.1); /* the table's digits */
        REQUIRE_NEAR(c.grid.dy, ev->dx, 0.1);
        REQUIRE_NEAR(c.grid.x0, ev->x0, 1e-6); /* as ncdump prints it */
        REQUIRE_NEAR(c.grid.y0, ev->y0, 1e-6);
        REQUIRE_NEAR(c.cell_m[0], ev->dx, 0.1 * ev->dx); /* maps stretch */
        int nc, var;
        assert_int_equal(nc_open(path, NC_NOWRITE, &nc), 0);
        assert_int_equal(nc_inq_varid(nc, ev->var, &var), 0);
        for (int i = 0; i < c.n; i++) {
            REQUIRE(c.frame[i].rate_mmh);
            REQUIRE(!c.frame[i].state == (i < c.n - 1));
            compare_frame(ev, nc, var, i, c.frame[i].rate_mmh);
        }
        nc_close(nc);
        sq_cube_finish(&c);
        sq_inputs_close(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_to_the_last_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
