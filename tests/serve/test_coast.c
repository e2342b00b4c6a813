#include "serve/small_coast.h"

#include "coast.h"
#include "core/crs.h"
#include "view.h"

static const double world[4] = {-180, -90, 180, 90};

static void segments_are_read(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_coast c = {0};
    for (int border = 0; border < 2; border++) {
        const char *path = test_path(border ? "binned_border_l.nc" : "binned_GSHHS_l.nc");
        small_coast_write(path, (struct small_coast){.border = border});
        REQUIRE_OK(sq_coast_read(path, world, &c, &err));
        assert_int_equal(c.n_line, 2);
        assert_int_equal(c.n_point, 10);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(c.line[i].n, 5);
            assert_int_equal(c.line[i].first, 5 * i);
            assert_int_equal(c.line[i].level, 1 + i);
            assert_int_equal(c.line[i].closed, !border);
            REQUIRE_NEAR(c.lon[5 * i + 1], small_coast_box[i][2], 90.0 / 65535); /* the file's unit */
            REQUIRE_NEAR(c.lat[5 * i + 2], small_coast_box[i][3], 90.0 / 65535);
        }
        sq_coast_finish(&c);
    }
}

static void bins_outside_are_left_out(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_coast c = {0};
    const struct {
        double box[4];
        int lines;
    } cases[] = {
        {{5, 40, 7, 60}, 2},       {{-50, 10, -10, 60}, 0}, {{-50, 10, 10, 60}, 2},  {{350, 10, 370, 60}, 2},
        {{300, 10, 340, 60}, 0},   {{-355, 10, -350, 60}, 2}, {{80, 10, 80.5, 60}, 2}, {{100, 10, 130, 60}, 0},
        {{5, -60, 7, -10}, 0},     {{89, 1, 400, 2}, 2},
    };
    const char *path = test_path("binned_GSHHS_l.nc");
    small_coast_write(path, (struct small_coast){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        REQUIRE_OK(sq_coast_read(path, cases[i].box, &c, &err));
        if (c.n_line != cases[i].lines)
            fail_msg("box %zu: %d lines", i, c.n_line);
        sq_coast_finish(&c);
    }
}

static void damage_is_refused(void **state)
{
    (void)state;
    const struct small_coast cases[] = {
        {.first_point = 3},     {.first_point = -1},          {.extra_points = 1}, {.extra_points = 20000},
        {.segments = 3},        {.segments = -1},             {.segments = 1000},  {.minutes = 60},
        {.minutes = -5400},     {.no_latitudes = true},       {.border = true, .first_point = 3},
        {.border = true, .extra_points = -10},
    };
    struct sq_coast c = {0};
    const char *path = test_path("broken.nc");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sq_err err = {0};
        small_coast_write(path, cases[i]);
        if (sq_coast_read(path, world, &c, &err) != SQ_FAILED)
            fail_msg("case %zu was read", i);
        REQUIRE(strstr(err.text, "broken.nc") && !strchr(err.text, '\n'));
    }
    assert_null(c.line);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 14];
    struct sq_err err = {0};
    struct sq_coast c = {0};
    const char *path = test_path("binned_GSHHS_l.nc");
    small_coast_write(path, (struct small_coast){0});
    FILE *f = fopen(path, "rb");
    REQUIRE(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    REQUIRE(n > 200 && n < sizeof bytes);
    path = test_path("cut.nc");
    for (size_t keep = 0; keep + 64 < n; keep += 37) { /* the last points may be cut unseen: netCDF pads */
        REQUIRE((f = fopen(path, "wb")) && fwrite(bytes, 1, keep, f) == keep && !fclose(f));
        if (sq_coast_read(path, world, &c, &err) == SQ_OK)
            sq_coast_finish(&c);
    }
    REQUIRE_STATUS(sq_coast_read(test_path("absent.nc"), world, &c, &err), SQ_FAILED);
}

static void detail_suits_the_scale(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char path[128];
    setenv("SQUALL_GSHHG", test_folder(), 1);
    small_coast_write(test_path("binned_GSHHS_l.nc"), (struct small_coast){0});
    for (double km = 0.01; km < 1000; km *= 10) { /* what there is, whatever is asked for */
        REQUIRE_OK(sq_coast_find(SQ_COASTLINE, km, path, sizeof path, &err));
        assert_string_equal(path, test_path("binned_GSHHS_l.nc"));
    }
    setenv("SQUALL_GSHHG", "/nonexistent", 1);
    REQUIRE_STATUS(sq_coast_find(SQ_COASTLINE, 1, path, sizeof path, &err), SQ_ABSENT);
    REQUIRE(strstr(err.text, "/nonexistent"));
    unsetenv("SQUALL_GSHHG");
    if (sq_coast_find(SQ_COASTLINE, 1, path, sizeof path, &err) == SQ_OK && strstr(path, "gshhg/binned_GSHHS_i.nc")) {
        REQUIRE_OK(sq_coast_find(SQ_COASTLINE, 10, path, sizeof path, &err)); /* Debian's gmt-gshhg-low */
        REQUIRE(strstr(path, "binned_GSHHS_l.nc"));
        REQUIRE_OK(sq_coast_find(SQ_COASTLINE, 60, path, sizeof path, &err));
        REQUIRE(strstr(path, "binned_GSHHS_c.nc"));
    }
}

/* ---- on the map -------------------------------------------------------------------------------------- */

static const struct sq_grid knmi = {
    .nx = 700, .ny = 765, .x0 = 500, .y0 = -3650500, .dx = 1000, .dy = 1000,
    .crs = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +a=6378137 +b=6356752 +units=m"};

/* The strongest line within `reach` pixels of a place. */
static int ink_at(const struct sq_view *v, double lon, double lat, int reach)
{
    struct sq_err err = {0};
    struct sq_crs_map *m = NULL;
    int most = 0;
    REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, v->grid.crs, &m, &err));
    sq_crs_forward(m, 1, &lon, &lat);
    sq_crs_map_destroy(&m);
    lon -= sq_grid_geographic(&v->grid) ? 360 * floor((lon - v->grid.x0) / 360) : 0;
    int x = (int)floor(((lon - v->grid.x0) / v->grid.dx + 0.5) * v->w / v->grid.nx);
    int y = (int)floor(((v->grid.y0 - lat) / v->grid.dy + 0.5) * v->h / v->grid.ny);
    REQUIRE(x >= reach && x < v->w - reach && y >= reach && y < v->h - reach);
    for (int j = y - reach; j <= y + reach; j++)
        for (int i = x - reach; i <= x + reach; i++)
            most = v->ink[j * v->w + i] > most ? v->ink[j * v->w + i] : most;
    return most;
}

static void lines_fall_where_they_belong(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const double cell_m[2] = {1000, 1000}, degrees_m[2] = {700, 1110};
    struct sq_grid mrms = {.nx = 2000, .ny = 1000, .x0 = 355.005, .y0 = 54.995, .dx = 0.01, .dy = 0.01,
                           .crs = "+proj=longlat +datum=WGS84 +no_defs"};
    setenv("SQUALL_GSHHG", test_folder(), 1);
    small_coast_write(test_path("binned_GSHHS_l.nc"), (struct small_coast){0});
    small_coast_write(test_path("binned_border_l.nc"), (struct small_coast){.border = true});
    for (int k = 0; k < 2; k++) {
        struct sq_view v = {0};
        REQUIRE_OK(sq_view_init(&v, k ? &mrms : &knmi, k ? degrees_m : cell_m, 900, true, &err));
        REQUIRE(ink_at(&v, 4, 50.5, 0) >= 3); /* a line runs along a side of the island, and has a pixel's width */
        REQUIRE(ink_at(&v, 4, 51.3, 0) >= 3);
        REQUIRE(ink_at(&v, 6, 51.3, 0) >= 3);
        REQUIRE(ink_at(&v, 4.62, 51.3, 3) <= 1); /* within, but for meridians */
        REQUIRE(ink_at(&v, 3.3, 51.3, 3) <= 1);
        sq_view_finish(&v);
    }
}

/* Places on straight beaches, from maps: GSHHG's intermediate detail is good to 1 km, one pixel here. */
static void the_dutch_coast_is_in_place(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char path[128];
    const double cell_m[2] = {1000, 1000};
    struct sq_view v = {0};
    unsetenv("SQUALL_GSHHG");
    if (sq_coast_find(SQ_COASTLINE, 1, path, sizeof path, &err) || strstr(path, "_l.nc") || strstr(path, "_c.nc"))
        skip();
    REQUIRE_OK(sq_view_init(&v, &knmi, cell_m, 700, true, &err));
    REQUIRE(ink_at(&v, 4.523, 52.373, 1) >= 5); /* Zandvoort */
    REQUIRE(ink_at(&v, 4.272, 52.112, 1) >= 5); /* Scheveningen */
    REQUIRE(ink_at(&v, 4.618, 52.620, 1) >= 5); /* Egmond aan Zee */
    REQUIRE(ink_at(&v, 4.30, 52.50, 6) <= 1);   /* the sea west of them */
    REQUIRE(ink_at(&v, 5.50, 52.20, 6) <= 1);   /* the Veluwe */
    sq_view_finish(&v);
}

static void missing_files_are_said_once(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_view v = {0};
    char text[1024] = "";
    const double cell_m[2] = {1000, 1000};
    setenv("SQUALL_GSHHG", "/nonexistent", 1);
    fflush(stderr);
    int old = dup(2);
    FILE *f = fopen(test_path("stderr"), "w+");
    REQUIRE(old >= 0 && f && dup2(fileno(f), 2) == 2);
    enum sq_status status = sq_view_init(&v, &knmi, cell_m, 700, true, &err);
    fflush(stderr);
    REQUIRE(dup2(old, 2) == 2 && !close(old));
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    REQUIRE_OK(status);
    REQUIRE(n > 0 && strstr(text, "/nonexistent") && strchr(text, '\n') == text + n - 1);
    REQUIRE(v.n_bottom >= 3 && v.n_left >= 3); /* the rest of the map is there */
    sq_view_finish(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_read),
        cmocka_unit_test(bins_outside_are_left_out),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(detail_suits_the_scale),
        cmocka_unit_test(lines_fall_where_they_belong),
        cmocka_unit_test(the_dutch_coast_is_in_place),
        cmocka_unit_test(missing_files_are_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
