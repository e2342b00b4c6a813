/* The reader of weather models on messages made here: orders of values, maps, winds, sums over several files,
 * packings, and what it must refuse. */
#include "outside_grib.h"
#include "small_model.h"

#include "model_fields.h"

#include "core/instant.h"
#include "core/log.h"

#define RAIN .parameter = {0, 1, 8}
#define U .parameter = {0, 2, 2}, .level_type = 100, .level = 50000, .from_min = -1
#define V .parameter = {0, 2, 3}, .level_type = 100, .level = 50000, .from_min = -1

static struct sq_field read_frame(struct sq_inputs *in, int i)
{
    struct sq_field f = {0};
    struct sq_err err = {0};
    REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
    return f;
}

static struct sq_field read_first(const char *path)
{
    struct sq_inputs *in = open_path(path, NULL);
    struct sq_field f = read_frame(in, 0);
    sq_inputs_close(&in);
    return f;
}

static enum sq_status try_open(char *path, struct sq_err *err)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_field f = {0};
    p.kind = SQ_KIND_MODEL;
    enum sq_status st = sq_inputs_open(&path, 1, &p, &in, err);
    if (!st)
        st = sq_inputs_read(in, 0, &f, err);
    sq_field_finish(&f);
    sq_inputs_close(&in);
    return st;
}

/* ---- orders of values ------------------------------------------------------------------------------------ */

/* The walk that the flags describe: from point to point, value 0, 1, 2 ... Row 0 is the north. */
static void walk(int nx, int ny, uint8_t scan, double *at)
{
    int step_i = scan & 0x80 ? -1 : 1, step_j = scan & 0x40 ? -1 : 1; /* in columns and rows */
    int i = scan & 0x80 ? nx - 1 : 0, j = scan & 0x40 ? ny - 1 : 0;
    for (int k = 0; k < nx * ny; k++) {
        at[j * nx + i] = k;
        bool column = scan & 0x20;
        int *fast = column ? &j : &i, *slow = column ? &i : &j, n = column ? ny : nx;
        int *step = column ? &step_j : &step_i, slow_step = column ? step_i : step_j;
        int next = *fast + *step;
        if (next >= 0 && next < n) {
            *fast = next;
        } else {
            *slow += slow_step;
            if (scan & 0x10)
                *step = -*step;
            else
                *fast = *step > 0 ? 0 : n - 1;
        }
    }
}

static void values_lie_where_their_order_says(void **state)
{
    (void)state;
    for (int scan = 0; scan < 256; scan += 16) {
        double want[20];
        const bool west = !(scan & 0x80), north = !(scan & 0x40);
        put_model(test_path("a"), (struct small_model){RAIN, .lead_min = 60, .scan = (uint8_t)scan, .dx = 0.5, .dy = 0.25,
                                                       .lat = north ? 50 : 49.25, .lon = west ? 359 : 1}, "wb");
        walk(5, 4, (uint8_t)scan, want);
        struct sq_field f = read_first(test_path("a"));
        REQUIRE_NEAR(f.grid.x0, -1, 1e-9);
        REQUIRE_NEAR(f.grid.y0, 50, 1e-9);
        REQUIRE_NEAR(f.grid.dx, 0.5, 1e-9);
        REQUIRE_NEAR(f.grid.dy, 0.25, 1e-9);
        for (int i = 0; i < 20; i++)
            REQUIRE_NEAR(f.value[i], want[i] * 0.1, 1e-6);
        sq_field_finish(&f);
    }
}

/* ---- maps ------------------------------------------------------------------------------------------------ */

static const struct small_model rotated = {RAIN, .lead_min = 60, .grid = 1, .nx = 40, .ny = 30, .lat = -5, .lon = 355,
                                           .dx = 0.25, .dy = 0.25, .scan = 64, .pole_lat = -40, .pole_lon = 10};
static const struct small_model lambert = {RAIN, .lead_min = 60, .grid = 30, .nx = 40, .ny = 30, .lat = 21.138123,
                                           .lon = 237.280472, .dx = 90000, .dy = 90000, .scan = 64, .lov = 262.5,
                                           .lad = 38.5, .latin1 = 38.5, .latin2 = 38.5};
static const struct small_model polar = {RAIN, .lead_min = 60, .grid = 20, .nx = 40, .ny = 30, .lat = 40, .lon = 340,
                                         .dx = 50000, .dy = 50000, .scan = 64, .lov = 10, .lad = 60};
static const struct small_model southern = {RAIN, .lead_min = 60, .grid = 20, .nx = 40, .ny = 30, .lat = -40,
                                            .lon = 340, .dx = 50000, .dy = 50000, .scan = 64, .lov = 10, .lad = -60};

/* Against cs2cs, told the map in words of its own: all four corners within 0.1 cell. */
static void check_corners(struct small_model m, const char *proj)
{
    struct sq_err err = {0};
    struct sq_crs_map *map = NULL;
    put_model(test_path("a"), m, "wb");
    struct sq_field f = read_first(test_path("a"));
    REQUIRE_OK(sq_crs_map_create(f.grid.crs, SQ_CRS_LONLAT, &map, &err));
    for (int k = 0; k < 4; k++) {
        double x = sq_grid_x(&f.grid, k % 2 * (m.nx - 1)), y = sq_grid_y(&f.grid, k / 2 * (m.ny - 1));
        double lon = 0, lat = 0, there[2] = {x, y};
        char command[512];
        sq_crs_forward(map, 1, &x, &y);
        snprintf(command, sizeof command, "echo '%.9f %.9f' | cs2cs -f %%.9f %s +to +proj=longlat +R=6371229", there[0],
                 there[1], proj);
        FILE *p = popen(command, "r");
        REQUIRE(p && fscanf(p, "%lf %lf", &lon, &lat) == 2);
        assert_int_equal(pclose(p), 0);
        double cell_deg = m.grid >= 20 ? m.dx / 111195 : m.dx; /* a degree of this sphere */
        REQUIRE_NEAR(lat, y, 0.1 * cell_deg);
        REQUIRE_NEAR(remainder(lon - x, 360) * cos(lat * M_PI / 180), 0, 0.1 * cell_deg);
    }
    sq_crs_map_destroy(&map);
    sq_field_finish(&f);
}

static void maps_agree_with_cs2cs(void **state)
{
    (void)state;
    NEED_TOOL("cs2cs");
    check_corners(rotated, "+proj=ob_tran +o_proj=longlat +o_lat_p=40 +o_lon_p=0 +lon_0=10 +R=6371229");
    check_corners(lambert, "+proj=lcc +lat_1=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6371229");
    check_corners(polar, "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6371229");
    check_corners(southern, "+proj=stere +lat_0=-90 +lat_ts=-60 +lon_0=10 +R=6371229");
}

static void maps_agree_with_eccodes(void **state)
{
    (void)state;
    NEED_TOOL("grib_get_data");
    const struct small_model m[] = {rotated, lambert, polar, southern};
    for (int i = 0; i < 4; i++) {
        put_model(test_path("a"), m[i], "wb");
        struct sq_field f = read_first(test_path("a"));
        struct points p = outside(test_path("a"), 1);
        compare(&f, &p, NULL, 1, 2e-5); /* floats to 119.9 */
        finish_points(&p);
        sq_field_finish(&f);
    }
}

/* ---- winds ----------------------------------------------------------------------------------------------- */

/* The angle by which columns point east of north, in the formulas of the models' own documentation. */
static double lambert_angle(double lon, double lat)
{
    (void)lat;
    return sin(38.5 * M_PI / 180) * remainder(lon - 262.5, 360) * M_PI / 180; /* NOAA, HRRR and RAP */
}

static double polar_angle(double lon, double lat)
{
    (void)lat;
    return remainder(lon - 10, 360) * M_PI / 180;
}

static double southern_angle(double lon, double lat)
{
    (void)lat;
    return -remainder(lon - 10, 360) * M_PI / 180;
}

/* COSMO's uvrot2uv: the rotated north pole is at 40 N, 190 E. */
static double rotated_angle(double lon, double lat)
{
    double p = 40 * M_PI / 180, dl = (190 - lon) * M_PI / 180, phi = lat * M_PI / 180;
    return atan2(cos(p) * sin(dl), sin(p) * cos(phi) - cos(p) * sin(phi) * cos(dl));
}

static void check_winds(struct small_model m, double (*angle)(double, double))
{
    const int n = m.nx * m.ny;
    double u[1200], v[1200];
    struct sq_crs_map *map = NULL;
    struct sq_err err = {0};
    for (int i = 0; i < n; i++) {
        u[i] = i % 40 - 15;
        v[i] = 20 - i % 33;
    }
    struct small_model mu = m, mv = m;
    mu.along_grid = mv.along_grid = true;
    mu.level_type = mv.level_type = 100;
    mu.level = mv.level = 50000;
    mu.from_min = mv.from_min = -1;
    mu.parameter[1] = mv.parameter[1] = 2;
    mu.parameter[2] = 2;
    mv.parameter[2] = 3;
    mu.value = u;
    mv.value = v;
    put_model(test_path("w"), mu, "wb");
    put_model(test_path("w"), mv, "ab");
    struct sq_inputs *in = open_path(test_path("w"), NULL);
    assert_int_equal(sq_inputs_count(in), 2);
    struct sq_field f[2] = {read_frame(in, 0), read_frame(in, 1)};
    assert_string_equal(f[0].channel, "wind_u_500");
    assert_string_equal(f[1].channel, "wind_v_500");
    REQUIRE_OK(sq_crs_map_create(f[0].grid.crs, SQ_CRS_LONLAT, &map, &err));
    for (int i = 0; i < n; i++) {
        int row = m.ny - 1 - i / m.nx, col = i % m.nx; /* scan 64 */
        size_t at = (size_t)(row * m.nx + col);
        double x = sq_grid_x(&f[0].grid, col), y = sq_grid_y(&f[0].grid, row);
        sq_crs_forward(map, 1, &x, &y);
        double a = angle(x, y);
        REQUIRE_NEAR(f[0].value[at], u[i] * cos(a) + v[i] * sin(a), 2e-3); /* 30 m/s turned wrong by 0.004 degrees */
        REQUIRE_NEAR(f[1].value[at], v[i] * cos(a) - u[i] * sin(a), 2e-3);
    }
    sq_crs_map_destroy(&map);
    sq_field_finish(&f[0]);
    sq_field_finish(&f[1]);
    sq_inputs_close(&in);
}

static void winds_point_east_and_north(void **state)
{
    (void)state;
    check_winds(lambert, lambert_angle);
    check_winds(polar, polar_angle);
    check_winds(southern, southern_angle);
    check_winds(rotated, rotated_angle);
    struct small_model pole = polar; /* round the pole, where north turns from cell to cell */
    pole.lat = 85;
    pole.lon = 325;
    pole.dx = pole.dy = 20000;
    check_winds(pole, polar_angle);
}

/* Components in two files; one alone cannot be turned; winds of the earth need no other. */
static void winds_find_their_other_component(void **state)
{
    (void)state;
    struct sq_err err = {0};
    put_model(test_path("u"), (struct small_model){U, .along_grid = true}, "wb");
    REQUIRE_STATUS(try_open(test_path("u"), &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "component"));
    put_model(test_path("v"), (struct small_model){V, .along_grid = true}, "wb");
    struct sq_inputs *in = open_path(test_folder(), NULL);
    assert_int_equal(sq_inputs_count(in), 2);
    struct sq_field f = read_frame(in, 0);
    REQUIRE_NEAR(f.value[3], 0.3, 1e-6); /* columns of this grid point north */
    sq_field_finish(&f);
    sq_inputs_close(&in);
    put_model(test_path("u"), (struct small_model){U}, "wb");
    REQUIRE_OK(try_open(test_path("u"), &err));
    bool seen[20] = {true, true};
    put_model(test_path("u"), (struct small_model){U, .along_grid = true}, "wb");
    put_model(test_path("v"), (struct small_model){V, .along_grid = true, .seen = seen}, "wb");
    in = open_path(test_folder(), NULL);
    f = read_frame(in, 0);
    REQUIRE(!isnan(f.value[1]) && f.state[1] == SQ_STATE_VALID);
    REQUIRE(isnan(f.value[2]) && f.state[2] == SQ_STATE_NO_COVERAGE);
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

/* ---- sums ------------------------------------------------------------------------------------------------ */

static void put_sum(const char *name, int from_min, int to_min, double mm)
{
    double value[20];
    for (int i = 0; i < 20; i++)
        value[i] = i ? mm : 0;
    put_model(test_path(name), (struct small_model){RAIN, .from_min = from_min, .lead_min = to_min, .value = value}, "wb");
}

static void check_rate(struct sq_inputs *in, int i, int lead_min, int interval_min, double rate)
{
    struct sq_field f = read_frame(in, i);
    assert_int_equal(f.time - f.reference_time, 60 * lead_min);
    assert_int_equal(f.interval_s, 60 * interval_min);
    assert_int_equal(sq_inputs_info(in, i)->interval_s, f.interval_s);
    REQUIRE(f.value[0] == 0);
    REQUIRE_NEAR(f.value[1], rate, 1e-5);
    sq_field_finish(&f);
}

/* A file a lead, quarters of an hour and hours, buckets that begin anew, what is there directly, and a gap. */
static void sums_become_rates_over_their_true_interval(void **state)
{
    (void)state;
    put_sum("a", 0, 15, 1);
    put_sum("b", 0, 30, 3);
    put_sum("c", 0, 60, 2.9); /* packing: less than before */
    put_sum("d", 0, 120, 5.9);
    put_sum("e", 60, 120, 2.5); /* the same hour directly: it wins */
    put_sum("f", 120, 180, 1);  /* a bucket */
    put_sum("g", 120, 300, 7);  /* the lead between is missing */
    put_sum("h", 0, 0, 0);      /* nothing has been gathered yet */
    struct sq_inputs *in = open_path(test_folder(), NULL);
    assert_int_equal(sq_inputs_count(in), 6);
    check_rate(in, 0, 15, 15, 4);
    check_rate(in, 1, 30, 15, 8);
    check_rate(in, 2, 60, 30, 0);
    check_rate(in, 3, 120, 60, 2.5);
    check_rate(in, 4, 180, 60, 1);
    check_rate(in, 5, 300, 120, 3);
    sq_inputs_close(&in);
}

static void missing_rain_stays_missing(void **state)
{
    (void)state;
    bool seen[20] = {true, true, true};
    put_model(test_path("a"), (struct small_model){RAIN, .lead_min = 60, .seen = seen}, "wb");
    put_model(test_path("b"), (struct small_model){RAIN, .lead_min = 120}, "wb");
    struct sq_inputs *in = open_path(test_folder(), NULL);
    struct sq_field f = read_frame(in, 1);
    REQUIRE(f.value[2] == 0 && f.state[2] == SQ_STATE_VALID); /* as much as an hour before */
    REQUIRE(isnan(f.value[3]) && f.state[3] == SQ_STATE_NO_COVERAGE);
    sq_field_finish(&f);
    sq_inputs_close(&in);
    memset(seen, 0, sizeof seen);
    put_model(test_path("a"), (struct small_model){RAIN, .lead_min = 60, .seen = seen}, "wb");
    f = read_first(test_path("a"));
    REQUIRE(sq_field_coverage(&f) == 0);
    sq_field_finish(&f);
}

/* ---- packings -------------------------------------------------------------------------------------------- */

static void packings_agree_with_eccodes(void **state)
{
    (void)state;
    NEED_TOOL("grib_get_data");
    static const char *const set[] = {"packingType=grid_complex", "packingType=grid_complex_spatial_differencing",
                                      "packingType=grid_jpeg", "packingType=grid_png", "packingType=grid_ccsds",
                                      "edition=1"};
    bool seen[1200];
    double value[1200];
    for (int i = 0; i < 1200; i++) {
        seen[i] = i % 7;
        value[i] = i / 100 + i % 5;
    }
    for (int variant = 0; variant < 3; variant++)
        for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
            struct small_model m = rotated;
            m.seen = variant == 1 ? seen : NULL;
            m.value = variant == 2 ? memset(value, 0, sizeof value) : value; /* a dry hour: no bits at all */
            char command[1024];
            put_model(test_path("a"), m, "wb");
            snprintf(command, sizeof command, "grib_set -r -s %s %s %s 2>/dev/null", set[i], test_path("a"),
                     test_path("b"));
            if (system(command)) {
                print_message("# %s is not in this ecCodes\n", set[i]);
                continue;
            }
            struct sq_field f = read_first(test_path("b"));
            struct points p = outside(test_path("b"), 1);
            compare(&f, &p, NULL, 1, 1e-5);
            REQUIRE((sq_field_coverage(&f) < 1) == (variant == 1));
            finish_points(&p);
            sq_field_finish(&f);
        }
}

/* Complex packing can say of single values that they are missing, in two ways. */
static void missing_within_groups(void **state)
{
    (void)state;
    static uint8_t bytes[MODEL_ROOM];
    for (int ways = 1; ways <= 2; ways++) {
        (void)small_model(bytes, (struct small_model){RAIN, .lead_min = 60});
        uint8_t *at = bytes + 16 + 21 + 72 + 58, *s = model_section(&at, 47, 5);
        model_put(s + 5, 20, 4);
        s[10] = 2;
        s[19] = 4; /* bits of the groups' references */
        s[21] = 1;
        s[22] = (uint8_t)ways;
        model_put(s + 31, 1, 4); /* one group of 20 values of 3 bits */
        s[35] = 3;
        model_put(s + 37, 20, 4);
        s[41] = 1;
        model_put(s + 42, 20, 4);
        s = model_section(&at, 6, 6);
        s[5] = 255;
        s = model_section(&at, 5 + 1 + 8, 7);
        for (int i = 0; i < 20; i++) /* 0 ... 7, 0 ... */
            for (int b = 0; b < 3; b++)
                if (i % 8 >> (2 - b) & 1)
                    s[6 + (3 * i + b) / 8] |= (uint8_t)(0x80 >> (3 * i + b) % 8);
        memcpy(at, "7777", 4);
        size_t n = (size_t)(at + 4 - bytes);
        model_put(bytes + 12, (uint32_t)n, 4);
        FILE *file = fopen(test_path("a"), "wb");
        REQUIRE(file && fwrite(bytes, 1, n, file) == n && !fclose(file));
        struct sq_field f = read_first(test_path("a"));
        for (int i = 0; i < 20; i++) {
            bool missing = i % 8 > 7 - ways;
            if (missing ? !isnan(f.value[i]) || f.state[i] != SQ_STATE_NO_COVERAGE : f.value[i] != (float)(i % 8))
                fail_msg("value %d, %d ways: %g", i, ways, (double)f.value[i]);
        }
        sq_field_finish(&f);
    }
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static void the_file_says_what_the_default_says(void **state)
{
    (void)state;
    static struct sq_model_fields t;
    struct sq_model_fields *file = NULL;
    struct sq_err err = {0};
    sq_model_fields_default(&t);
    REQUIRE_OK(sq_model_fields_load(SQ_SOURCE_DIR "/configs/model_fields.yaml", &file, &err));
    assert_int_equal(file->n, t.n);
    for (int i = 0; i < t.n; i++) {
        const struct sq_model_field *a = &t.row[i], *b = &file->row[i];
#define SAME_TEXT(member) assert_string_equal(a->member, b->member)
#define SAME(member) REQUIRE(a->member == b->member || (isnan(a->member) && isnan(b->member)))
        SAME_TEXT(channel);
        SAME_TEXT(units);
        SAME_TEXT(name);
        SAME_TEXT(grib2);
        SAME_TEXT(grib1);
        SAME_TEXT(level_type);
        SAME_TEXT(over);
        SAME_TEXT(turn_with);
        SAME_TEXT(axis);
        SAME(level);
        SAME(level_to);
        SAME(factor);
        SAME(offset);
        SAME(lead_from_h);
        SAME(lead_to_h);
    }
    free(file);
}

static void rows_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[{channel: a, grib2: 0.1.8}]",
        "[{channel: a, units: m}]",
        "[{channel: a, units: m, grib2: 0.1.8, axis: x}]",
        "[{channel: a, units: m, grib2: 0.1.8, level_type: floor}]",
        "[{channel: a, units: m, grib2: 0.1.8, colour: red}]",
        "{channel: a}",
    };
    static struct sq_model_fields t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sq_err err = {0};
        REQUIRE_STATUS(sq_model_fields_parse(&t, "fields.yaml", bad[i], strlen(bad[i]), &err), SQ_FAILED);
        REQUIRE(strstr(err.text, "fields.yaml"));
    }
}

static void fields_are_chosen_by_level_lead_and_units(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++)
        put_model(test_path("a"), (struct small_model){.parameter = {0, 0, 6}, .level_type = 103, .level = k < 2 ? 2 : 80,
                                                       .from_min = -1, .lead_min = k % 2 * 60}, k ? "ab" : "wb");
    struct sq_inputs *in = open_path(test_path("a"), table_of("[{channel: dew, units: degree, name: 2d dpt, level: 2, "
                                                              "level_type: height, lead_from_h: 0.5, offset: -273.15, "
                                                              "factor: 2}]"));
    assert_int_equal(sq_inputs_count(in), 1);
    assert_int_equal(sq_inputs_info(in, 0)->index, 1);
    struct sq_field f = read_frame(in, 0);
    assert_string_equal(f.units, "degree");
    REQUIRE_NEAR(f.value[5], 2 * (0.5 - 273.15), 1e-4);
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

/* ---- refusals -------------------------------------------------------------------------------------------- */

static void refusals_say_what_to_do(void **state)
{
    (void)state;
    static const struct {
        struct small_model m;
        const char *says;
    } bad[] = {
        {{RAIN, .lead_min = 60, .grid = 40, .dx = 1, .dy = 1}, "Gaussian"},
        {{RAIN, .lead_min = 60, .grid = 101, .dx = 1, .dy = 1}, "icosahedral"},
        {{RAIN, .lead_min = 60, .scan = 8}, "grid"},
        {{.parameter = {0, 19, 0}, .from_min = -1}, "no model field"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sq_err err = {0};
        put_model(test_path("a"), bad[i].m, "wb");
        REQUIRE_STATUS(try_open(test_path("a"), &err), SQ_FAILED);
        if (!strstr(err.text, bad[i].says) || !strstr(err.text, test_path("a")))
            fail_msg("%s", err.text);
    }
}

/* Stray octets between messages: byte ranges that are one too long. */
static void stray_octets_are_passed_over(void **state)
{
    (void)state;
    static const char *const stray[] = {"G", "\r\r\n", "0123456789 GRI"};
    for (int i = 0; i < 3; i++) {
        put_model(test_path("a"), (struct small_model){RAIN, .lead_min = 60}, "wb");
        FILE *f = fopen(test_path("a"), "ab");
        REQUIRE(f && fputs(stray[i], f) >= 0 && !fclose(f));
        put_model(test_path("a"), (struct small_model){RAIN, .lead_min = 120}, "ab");
        struct sq_inputs *in = open_path(test_path("a"), NULL);
        assert_int_equal(sq_inputs_count(in), 2);
        sq_inputs_close(&in);
    }
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[MODEL_ROOM];
    size_t n = small_model(bytes, (struct small_model){RAIN, .lead_min = 60});
    for (size_t k = 0; k < n; k++) {
        struct sq_err err = {0};
        FILE *f = fopen(test_path("a"), "wb");
        REQUIRE(f && fwrite(bytes, 1, k, f) == k && !fclose(f));
        REQUIRE_STATUS(try_open(test_path("a"), &err), SQ_FAILED);
        REQUIRE(strstr(err.text, test_path("a")));
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
    const struct CMUnitTest tests[] = {
        CASE(values_lie_where_their_order_says),
        CASE(maps_agree_with_cs2cs),
        CASE(maps_agree_with_eccodes),
        CASE(winds_point_east_and_north),
        CASE(winds_find_their_other_component),
        CASE(sums_become_rates_over_their_true_interval),
        CASE(missing_rain_stays_missing),
        CASE(packings_agree_with_eccodes),
        CASE(missing_within_groups),
        CASE(the_file_says_what_the_default_says),
        CASE(rows_are_checked),
        CASE(fields_are_chosen_by_level_lead_and_units),
        CASE(refusals_say_what_to_do),
        CASE(stray_octets_are_passed_over),
        CASE(cut_files_are_refused),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, test_end);
}
