/* RADOLAN: codes, rows, headers and maps on files made here, and every sample against a decoder in Python. */
#include "small_radolan.h"

#include "ingest.h"

#include "core/crs.h"
#include "core/instant.h"
#include "core/log.h"

static const struct sq_read_params uncapped = {.zr_a = 200, .zr_b = 1.6, .rate_cap_mmh = 1e9, .dbz_cap = 1e3};
static uint8_t room[SMALL_RADOLAN_ROOM];

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static struct sq_inputs *open_kind(char *path, enum sq_kind kind)
{
    struct sq_read_params p = uncapped;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    p.kind = kind;
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    return in;
}

static struct sq_inputs *open_small(struct small_radolan r, enum sq_kind kind)
{
    char *path = test_path("f");
    put(path, room, small_radolan(room, r));
    return open_kind(path, kind);
}

static struct sq_field read_small(struct small_radolan r)
{
    struct sq_err err = {0};
    struct sq_field f = {0};
    struct sq_inputs *in = open_small(r, SQ_KIND_RADAR);
    assert_int_equal(sq_inputs_count(in), 1);
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    sq_inputs_close(&in);
    return f;
}

/* ---- what cells say --------------------------------------------------------------------------------------- */

static void words_keep_their_meaning(void **state)
{
    (void)state;
    static const struct small_cell cell[] = {{0, 0, 7},          {0, 1, 0x1000 | 8}, {0, 2, 0x2000 | 2500},
                                             {0, 3, 0x8000 | 9}, {0, 4, 0x4000 | 1}, {899, 0, 4095}};
    struct sq_field f = read_small((struct small_radolan){.n = 6, .cell = cell});
    const size_t south = 899 * 900;
    REQUIRE_NEAR(f.value[south], 7 * 0.12, 1e-6); /* hundredths of a mm in 5 minutes; float */
    REQUIRE_NEAR(f.value[south + 1], 8 * 0.12, 1e-6);
    REQUIRE(isnan(f.value[south + 2]) && f.state[south + 2] == SQ_STATE_NO_COVERAGE);
    REQUIRE(isnan(f.value[south + 3]) && f.state[south + 3] == SQ_STATE_REJECTED);
    REQUIRE(f.value[south + 4] == 0); /* -0.12 mm/h: quality.c */
    REQUIRE_NEAR(f.value[0], 4095 * 0.12, 1e-4);
    REQUIRE(f.value[1] == 0 && f.state[1] == SQ_STATE_VALID);
    assert_int_equal(f.interval_s, 300);
    sq_field_finish(&f);
    f = read_small((struct small_radolan){.product = "RW", .power = -1, .interval_min = 60, .n = 6, .cell = cell});
    REQUIRE_NEAR(f.value[south], 0.7, 1e-6);
    assert_int_equal(f.interval_s, 3600);
    sq_field_finish(&f);
}

static void bytes_keep_their_meaning(void **state)
{
    (void)state;
    static const struct small_cell cell[] = {{0, 0, 125}, {0, 1, 1}, {0, 2, 250}, {0, 3, 249}, {0, 4, 251}};
    struct sq_field f = read_small((struct small_radolan){.product = "RX", .n = 5, .cell = cell});
    const size_t south = 899 * 900;
    REQUIRE_NEAR(f.value[south], pow(1000.0 / 200, 1 / 1.6), 1e-5); /* 30 dBZ; float */
    REQUIRE(f.value[south + 1] > 0 && f.value[south + 1] < 1e-3f && f.state[south + 1] == SQ_STATE_VALID);
    REQUIRE(isnan(f.value[south + 2]) && f.state[south + 2] == SQ_STATE_NO_COVERAGE);
    REQUIRE(isnan(f.value[south + 3]) && f.state[south + 3] == SQ_STATE_REJECTED);
    REQUIRE(isnan(f.value[south + 4]) && f.state[south + 4] == SQ_STATE_MISSING);
    REQUIRE(f.value[0] == 0 && f.state[0] == SQ_STATE_UNDETECT);
    assert_int_equal(f.interval_s, 0);
    sq_field_finish(&f);
}

/* The analysis is an observation, what comes after it the run of a model. */
static void forecasts_are_of_kind_model(void **state)
{
    (void)state;
    struct small_radolan rv = {.product = "RV", .forecast = true, .rows = 1200, .columns = 1100, .version = 5};
    struct sq_inputs *in = open_small(rv, SQ_KIND_RADAR);
    REQUIRE(sq_inputs_count(in) == 1 && sq_inputs_info(in, 0)->reference_time == sq_inputs_info(in, 0)->time);
    sq_inputs_close(&in);
    rv.lead_min = 65;
    in = open_small(rv, SQ_KIND_MODEL);
    const struct sq_frame_info *info = sq_inputs_info(in, 0);
    char text[32];
    assert_string_equal(sq_instant_iso(info->time, text), "2014-08-10T21:55:00Z");
    assert_string_equal(sq_instant_iso(info->reference_time, text), "2014-08-10T20:50:00Z");
    assert_string_equal(info->channel, "rain_rate");
    assert_string_equal(info->units, "mm h-1");
    assert_string_equal(info->product, "RV");
    sq_inputs_close(&in);
}

static void check_refused(const char *path, const char *why)
{
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {(char *)(uintptr_t)path};
    REQUIRE_STATUS(sq_inputs_open(paths, 1, &uncapped, &in, &err), SQ_FAILED);
    if (!strstr(err.text, path) || !strstr(err.text, why) || strchr(err.text, '\n'))
        fail_msg("wanted %s: %s", why, err.text);
}

static void other_headers_are_refused(void **state)
{
    (void)state;
    const char *path = test_path("f");
    static const struct {
        struct small_radolan r;
        const char *why;
    } bad[] = {
        {{.product = "SF"}, "SF"},
        {{.rows = 460, .columns = 460}, "460 rows x 460"},
        {{.columns = 1100}, "900 rows x 1100"},
        {{.total = 1620000}, "unknown form"},
        {{.interval_min = 2000}, "unknown form"},
        {{.power = 2}, "unknown form"},
        {{.time = "322050"}, "unknown form"},
        {{.date = "1314"}, "unknown form"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(path, room, small_radolan(room, bad[i].r));
        check_refused(path, bad[i].why);
    }
    size_t n = small_radolan(room, (struct small_radolan){0});
    put(path, room, n - 1);
    check_refused(path, "cut");
    put(path, room, 100);
    check_refused(path, "cut");
    room[40] = 0;
    put(path, room, n);
    check_refused(path, "unknown form");
}

/* ---- maps --------------------------------------------------------------------------------------------------- */

#define SPHERE "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040 +b=6370040"
#define DE1200                                                                                                     \
    "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6378137 +b=6356752.3142451802 +x_0=543196.83521776402 "           \
    "+y_0=3622588.8619310018"

/* South-west corners as published: DWD on RADOLAN, RADKLIM and DE1200; the last by counting from 9 E, 51 N. */
static const struct {
    const char *product, *crs;
    int rows, columns, version;
    double west, south;
} map[] = {
    {"RX", SPHERE, 900, 900, 3, -523462.17, -4658644.72},
    {"YW", SPHERE, 1100, 900, 3, -443462, -4758645},
    {"RV", DE1200, 1200, 1100, 5, -500, -1199500},
    {"RV", SPHERE, 1200, 1100, 4, -543462.17, -4808644.72},
};

/* 25 cells by the published map through cs2cs, and by ours: within 0.1 cell, and far within. */
static void check_map(int k, const struct sq_grid *g)
{
    char command[2048];
    const char *points = test_path("points");
    struct sq_err err = {0};
    struct sq_crs_map *m = NULL;
    FILE *f = fopen(points, "w");
    REQUIRE(f);
    for (int i = 0; i < 25; i++)
        fprintf(f, "%.3f %.3f\n", map[k].west + 1000 * (0.5 + i % 5 * (map[k].columns - 1) / 4),
                map[k].south + 1000 * (0.5 + i / 5 * (map[k].rows - 1) / 4));
    fclose(f);
    REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, g->crs, &m, &err));
    snprintf(command, sizeof command, "cs2cs -f %%.9f %s +to %s %s", map[k].crs, SQ_CRS_LONLAT, points);
    f = popen(command, "r");
    for (int i = 0; i < 25; i++) {
        double x, y;
        REQUIRE(f && fscanf(f, "%lf %lf %*f", &x, &y) == 2);
        sq_crs_forward(m, 1, &x, &y);
        double column = (x - g->x0) / g->dx, row = (g->y0 - y) / g->dy;
        REQUIRE_NEAR(column, i % 5 * (map[k].columns - 1) / 4, 0.001); /* corners are published to a metre */
        REQUIRE_NEAR(row, map[k].rows - 1 - i / 5 * (map[k].rows - 1) / 4, 0.001);
    }
    assert_int_equal(pclose(f), 0);
    sq_crs_map_destroy(&m);
}

static void cells_stand_where_the_published_maps_have_them(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        struct small_radolan r = {.product = map[k].product, .rows = map[k].rows, .columns = map[k].columns,
                                  .version = map[k].version};
        struct sq_inputs *in = open_small(r, SQ_KIND_RADAR);
        const struct sq_grid *g = &sq_inputs_info(in, 0)->grid;
        assert_int_equal(g->nx, map[k].columns);
        assert_int_equal(g->ny, map[k].rows);
        if (!system("command -v cs2cs >/dev/null 2>&1"))
            check_map(k, g);
        sq_inputs_close(&in);
    }
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static bool decode(const char *path, const char *out)
{
    char command[9000];
    const char *python = access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3"; /* Debian's has numpy */
    snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", python);
    if (system(command)) {
        print_message("# no numpy: skipped\n");
        return false;
    }
    snprintf(command, sizeof command, "%s %s/tests/ingest/radolan.py '%s' %s", python, SQ_SOURCE_DIR, path, out);
    assert_int_equal(system(command), 0);
    return true;
}

/* Frame i against the next one in the file. */
static void check_frame(struct sq_inputs *in, int i, FILE *want)
{
    struct sq_field f = {0};
    struct sq_err err = {0};
    const bool dbz = !strcmp(sq_inputs_info(in, i)->product, "RX");
    REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
    size_t n = sq_grid_cells(&f.grid), bad = 0, none = 0;
    float *v = malloc(n * sizeof *v);
    REQUIRE(v && fread(v, sizeof *v, n, want) == n);
    for (size_t k = 0; k < n; k++) {
        double w = dbz ? pow(pow(10, (double)v[k] / 10) / 200, 1 / 1.6) : (double)v[k];
        none += isnan(v[k]);
        bad += isnan(v[k]) ? !isnan(f.value[k]) || f.state[k] != SQ_STATE_NO_COVERAGE
                           : !(fabs((double)f.value[k] - w) <= 2e-7 * w); /* a float has 6e-8 */
        bad += dbz && isinf(v[k]) && f.state[k] != SQ_STATE_UNDETECT;
    }
    assert_int_equal(bad, 0);
    REQUIRE(none > n / 5 && none < n / 2); /* formats.md 3.8: 22 to 47 % */
    free(v);
    sq_field_finish(&f);
}

static void samples_are_what_python_decodes(void **state)
{
    (void)state;
    NEED_SHARED();
    static const char *const name[] = {"rx", "ry", "rz", "rw"};
    const char *out = test_path("decoded");
    char path[4200], text[32];
    for (int k = 0; k < 4; k++) {
        snprintf(path, sizeof path, "%s/formats/radolan/raa01-%s_10000-1408102050-dwd---bin.gz", test_shared(), name[k]);
        if (!decode(path, out))
            skip();
        struct sq_inputs *in = open_kind(path, SQ_KIND_RADAR);
        assert_int_equal(sq_inputs_count(in), 1);
        assert_string_equal(sq_instant_iso(sq_inputs_info(in, 0)->time, text), "2014-08-10T20:50:00Z");
        assert_string_equal(sq_inputs_info(in, 0)->source, "radolan");
        FILE *f = fopen(out, "rb");
        check_frame(in, 0, f);
        fclose(f);
        sq_inputs_close(&in);
    }
}

/* 25 members of one archive: one observation and 24 leads. */
static void an_archive_is_a_run(void **state)
{
    (void)state;
    NEED_SHARED();
    const char *out = test_path("decoded");
    char path[4200], text[32], member[4300];
    snprintf(path, sizeof path, "%s/formats/radolan/DE1200_RV2210180700.tar.bz2", test_shared());
    if (!decode(path, out))
        skip();
    FILE *f = fopen(out, "rb");
    struct sq_inputs *in = open_kind(path, SQ_KIND_RADAR);
    assert_int_equal(sq_inputs_count(in), 1);
    assert_string_equal(sq_instant_iso(sq_inputs_info(in, 0)->time, text), "2022-10-18T07:00:00Z");
    snprintf(member, sizeof member, "%s/DE1200_RV2210180700_000", path);
    assert_string_equal(sq_inputs_info(in, 0)->path, member);
    check_frame(in, 0, f);
    sq_inputs_close(&in);
    in = open_kind(path, SQ_KIND_MODEL);
    assert_int_equal(sq_inputs_count(in), 24);
    for (int i = 0; i < 24; i++) {
        assert_int_equal(sq_inputs_info(in, i)->time - sq_inputs_info(in, i)->reference_time, 300 * (i + 1));
        check_frame(in, i, f);
    }
    sq_inputs_close(&in);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_their_meaning),
        cmocka_unit_test(bytes_keep_their_meaning),
        cmocka_unit_test(forecasts_are_of_kind_model),
        cmocka_unit_test(other_headers_are_refused),
        cmocka_unit_test(cells_stand_where_the_published_maps_have_them),
        cmocka_unit_test(samples_are_what_python_decodes),
        cmocka_unit_test(an_archive_is_a_run),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, test_end);
}
