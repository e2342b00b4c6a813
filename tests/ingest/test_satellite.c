/* GOES imagery and lightning, and the rain rates of the NWC SAF: values and positions beside those of other programs,
 * what quality flags and the night do, and layouts that are refused. */
#include "small_abi.h"

#include "ingest.h"
#include "sunlit.h"

#include "core/crs.h"
#include "core/instant.h"
#include "core/log.h"
#include "core/sun.h"

#include <fcntl.h>
#include <glob.h>

static enum sq_status open_kind(const char *path, enum sq_kind kind, struct sq_inputs **in, struct sq_err *err)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    char *paths[] = {(char *)(uintptr_t)path};
    p.kind = kind;
    return sq_inputs_open(paths, 1, &p, in, err);
}

static struct sq_inputs *open_satellite(const char *path)
{
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    REQUIRE_OK(open_kind(path, SQ_KIND_SATELLITE, &in, &err));
    return in;
}

static struct sq_field read_channel(struct sq_inputs *in, const char *channel)
{
    struct sq_err err = {0};
    struct sq_field f = {0};
    for (int i = 0; i < sq_inputs_count(in) && !f.value; i++)
        if (!strcmp(sq_inputs_info(in, i)->channel, channel))
            REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
    REQUIRE(f.value);
    return f;
}

/* One channel of the file written so. */
static struct sq_field read_abi(struct small_abi a, const char *channel)
{
    small_abi_write(test_path("abi.nc"), a);
    struct sq_inputs *in = open_satellite(test_path("abi.nc"));
    struct sq_field f = read_channel(in, channel);
    sq_inputs_close(&in);
    return f;
}

/* ---- beside xarray and cs2cs ------------------------------------------------------------------------------------ */

static const char *python(void)
{
    return access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3"; /* Debian's has xarray */
}

#define NEED_XARRAY()                                                                              \
    do {                                                                                           \
        char command_[256];                                                                        \
        snprintf(command_, sizeof command_, "%s -c 'import xarray, netCDF4' 2>/dev/null && command -v cs2cs >/dev/null",  \
                 python());                                                                        \
        if (system(command_)) {                                                                    \
            print_message("# no xarray or cs2cs: skipped\n");                                      \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void compare(const char *path, const char *variable, const char *flag, double factor, const struct sq_field *f)
{
    char command[1024];
    size_t n = sq_grid_cells(&f->grid);
    FILE *out = fopen(test_path("field"), "wb");
    REQUIRE(out);
    fprintf(out, "%d %d %.17g %.17g %.17g %.17g\n%s\n", f->grid.nx, f->grid.ny, f->grid.x0, f->grid.y0, f->grid.dx,
            f->grid.dy, f->grid.crs);
    REQUIRE(fwrite(f->value, sizeof *f->value, n, out) == n && fwrite(f->state, 1, n, out) == n && !fclose(out));
    snprintf(command, sizeof command, "%s %s/tests/ingest/satellite.py %s %s %s %g %s", python(), SQ_SOURCE_DIR, path,
             variable, flag, factor, test_path("field"));
    if (system(command))
        fail_msg("%s", command);
}

static void imagery_is_that_of_xarray(void **state)
{
    (void)state;
    NEED_XARRAY();
    int16_t raw[ABI_NX * ABI_NY];
    int8_t dqf[ABI_NX * ABI_NY];
    for (int i = 0; i < ABI_NX * ABI_NY; i++) {
        raw[i] = (int16_t)(i % 11 == 5 ? -1 : 87 * i);
        dqf[i] = (int8_t)(i % 7 == 3 ? i % 6 - 1 : 0);
    }
    small_abi_write(test_path("mcmip.nc"), (struct small_abi){.raw = raw, .dqf = dqf});
    struct sq_inputs *in = open_satellite(test_path("mcmip.nc"));
    assert_int_equal(sq_inputs_count(in), 16);
    for (int band = 1; band <= 16; band++) {
        char channel[16], image[16], flag[16];
        snprintf(channel, sizeof channel, "abi%02d", band);
        snprintf(image, sizeof image, "CMI_C%02d", band);
        snprintf(flag, sizeof flag, "DQF_C%02d", band);
        struct sq_field f = read_channel(in, channel);
        compare(test_path("mcmip.nc"), image, flag, 1, &f);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    small_abi_write(test_path("cmip.nc"), (struct small_abi){.band = 13, .raw = raw, .dqf = dqf});
    in = open_satellite(test_path("cmip.nc"));
    struct sq_field f = read_channel(in, "abi13");
    compare(test_path("cmip.nc"), "CMI", "DQF", 1, &f);
    sq_field_finish(&f);
    sq_inputs_close(&in);
}

static void lightning_is_that_of_xarray(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_XARRAY();
    static const struct {
        const char *channel, *name;
    } quantity[] = {{"glm_flash_extent", "flash_extent_density"}, {"glm_flash_centroid", "flash_centroid_density"},
                    {"glm_group_extent", "group_extent_density"}, {"glm_group_centroid", "group_centroid_density"},
                    {"glm_event", "event_density"},               {"glm_energy", "total_energy"},
                    {"glm_flash_area", "average_flash_area"},     {"glm_group_area", "average_group_area"}};
    char where[4200];
    glob_t g = {0};
    snprintf(where, sizeof where, "%s/formats/goes/*.nc", test_shared());
    assert_int_equal(glob(where, 0, NULL, &g), 0);
    assert_int_equal(g.gl_pathc, 3);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct sq_inputs *in = open_satellite(g.gl_pathv[i]);
        bool joule = strstr(g.gl_pathv[i], "c20182551446");
        assert_int_equal(sq_inputs_count(in), 8);
        for (int k = 0; k < 8; k++) {
            struct sq_field f = read_channel(in, quantity[k].channel);
            assert_int_equal(f.time, sq_instant_civil(2018, 7, 2, 4, 34, 0));
            assert_int_equal(f.interval_s, 60);
            assert_string_equal(f.source, "glm");
            REQUIRE(!f.parallax_corrected);
            compare(g.gl_pathv[i], quantity[k].name, "DQF", joule && k == 5 ? 1e9 : 1, &f);
            sq_field_finish(&f);
        }
        sq_inputs_close(&in);
    }
    globfree(&g);
}

static void rain_rate_of_the_saf_is_that_of_xarray(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_XARRAY();
    char where[4200];
    glob_t g = {0};
    snprintf(where, sizeof where, "%s/formats/nwcsaf/*.nc", test_shared());
    assert_int_equal(glob(where, 0, NULL, &g), 0);
    assert_int_equal(g.gl_pathc, 8);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct sq_inputs *in = open_satellite(g.gl_pathv[i]);
        assert_int_equal(sq_inputs_count(in), 1);
        struct sq_field f = read_channel(in, "crr_rate");
        size_t count[6] = {0}, grade[3] = {0};
        assert_int_equal(f.time, sq_instant_civil(2018, 6, 1, 7, 0, 0) + 900 * (int64_t)i); /* as their names say */
        assert_string_equal(f.units, "mm h-1");
        REQUIRE(f.parallax_corrected && f.quality);
        for (size_t c = 0; c < sq_grid_cells(&f.grid); c++) {
            count[f.state[c]]++;
            REQUIRE(isnan(f.quality[c]) == isnan(f.value[c]));
            grade[0] += f.quality[c] == 1;
            grade[1] += f.quality[c] == 0.5f;
        }
        assert_int_equal(count[SQ_STATE_NO_COVERAGE], 378486); /* 16.9 % */
        assert_int_equal(count[SQ_STATE_VALID], 1019 * 2200 - 378486);
        if (i == 0)
            REQUIRE(grade[0] == 1844036 && grade[1] == 19278);
        compare(g.gl_pathv[i], "crr_intensity", "-", 1, &f);
        sq_field_finish(&f);
        sq_inputs_close(&in);
    }
    globfree(&g);
}

/* ---- positions, times, flags --------------------------------------------------------------------------------------- */

/* The check point of the GOES-R Product Definition and Users' Guide, volume 3, 5.1.2.8. */
static void check_point_of_the_fixed_grid_holds(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_field f = read_abi((struct small_abi){.band = 13}, "abi13");
    struct sq_crs_map *map = NULL;
    REQUIRE_OK(sq_crs_map_create(f.grid.crs, SQ_CRS_LONLAT, &map, &err));
    double x = sq_grid_x(&f.grid, 4), y = sq_grid_y(&f.grid, 3);
    sq_crs_forward(map, 1, &x, &y);
    REQUIRE_NEAR(x, -84.690932, 1e-5);
    REQUIRE_NEAR(y, 33.846162, 1e-5);
    x = -84.690932, y = 33.846162;
    sq_crs_inverse(map, 1, &x, &y);
    REQUIRE_NEAR((x - f.grid.x0) / f.grid.dx, 4, 0.01);
    REQUIRE_NEAR((f.grid.y0 - y) / f.grid.dy, 3, 0.01);
    sq_crs_map_destroy(&map);
    sq_field_finish(&f);
    f = read_abi((struct small_abi){.band = 13, .sweep_y = true}, "abi13");
    REQUIRE(strstr(f.grid.crs, "+sweep=y") || !strstr(f.grid.crs, "sweep"));
    sq_field_finish(&f);
}

static void frames_say_what_they_are(void **state)
{
    (void)state;
    small_abi_write(test_path("mcmip.nc"), (struct small_abi){0});
    struct sq_inputs *in = open_satellite(test_path("mcmip.nc"));
    for (int i = 0; i < 16; i++) {
        const struct sq_frame_info *info = sq_inputs_info(in, i);
        char channel[16];
        snprintf(channel, sizeof channel, "abi%02d", i + 1);
        assert_string_equal(info->channel, channel);
        assert_string_equal(info->units, i < 6 ? "1" : "K");
        assert_string_equal(info->source, "abi");
        assert_string_equal(info->product, "MCMIP");
        assert_int_equal(info->kind, SQ_KIND_SATELLITE);
        assert_int_equal(info->time, sq_instant_civil(2019, 6, 10, 18, 2, 30)); /* t */
        assert_int_equal(info->reference_time, info->time);
        assert_int_equal(info->interval_s, 0);
    }
    sq_inputs_close(&in);
    struct sq_field f = read_abi((struct small_abi){.band = 2, .no_t = true, .no_dqf = true}, "abi02");
    assert_int_equal(f.time, sq_instant_civil(2019, 6, 10, 18, 2, 31)); /* between start and end, 30.5 */
    REQUIRE_NEAR((double)f.value[0], 102 * 0.0003174604, 1e-7);
    sq_field_finish(&f);
}

static void flags_keep_their_meaning(void **state)
{
    (void)state;
    const int8_t flag[ABI_NX * ABI_NY] = {0, 1, 2, 3, 4, -1, 9};
    const uint8_t want[] = {SQ_STATE_VALID,    SQ_STATE_REJECTED,    SQ_STATE_REJECTED, SQ_STATE_MISSING,
                            SQ_STATE_REJECTED, SQ_STATE_NO_COVERAGE, SQ_STATE_REJECTED};
    struct sq_field f = read_abi((struct small_abi){.band = 13, .dqf = flag}, "abi13");
    for (int i = 0; i < 7; i++) {
        assert_int_equal(f.state[i], want[i]);
        REQUIRE(isnan(f.value[i]) == (i > 0));
    }
    sq_field_finish(&f);
    /* fill value, beyond the range of the band, and the coldest that it can say */
    const int16_t raw[ABI_NX * ABI_NY] = {-1, 4096, 0, 4095};
    f = read_abi((struct small_abi){.band = 13, .raw = raw}, "abi13");
    REQUIRE(f.state[0] == SQ_STATE_MISSING && f.state[1] == SQ_STATE_MISSING && isnan(f.value[0]) && isnan(f.value[1]));
    REQUIRE_NEAR((double)f.value[2], 89.62, 1e-4);
    REQUIRE_NEAR((double)f.value[3], 89.62 + 4095 * 0.06145332, 1e-4);
    sq_field_finish(&f);
}

/* ---- day and night ----------------------------------------------------------------------------------------------- */

static void reflected_light_needs_the_sun(void **state)
{
    (void)state;
    const double midnight = 613461750 - 12 * 3600; /* 06 UTC */
    struct sq_field f = read_abi((struct small_abi){.t = midnight}, "abi02");
    for (int i = 0; i < ABI_NX * ABI_NY; i++)
        REQUIRE(isnan(f.value[i]) && f.state[i] == SQ_STATE_DARK);
    sq_field_finish(&f);
    f = read_abi((struct small_abi){.t = midnight}, "abi07"); /* 3.9 um sees heat as well */
    for (int i = 0; i < ABI_NX * ABI_NY; i++)
        REQUIRE(f.state[i] == SQ_STATE_VALID);
    sq_field_finish(&f);
    const int8_t flag[ABI_NX * ABI_NY] = {1, -1};
    f = read_abi((struct small_abi){.t = midnight, .dqf = flag}, "abi02");
    REQUIRE(f.state[0] == SQ_STATE_REJECTED && f.state[1] == SQ_STATE_NO_COVERAGE && f.state[2] == SQ_STATE_DARK);
    sq_field_finish(&f);
}

/* The full disk at 10 km, with its rim: the short way beside the sun of every cell. */
static void terminator_is_where_the_sun_rises(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_field f = {0};
    struct sq_crs_map *map = NULL;
    struct sq_grid g = {.nx = 1085, .ny = 1083, .x0 = -5424000, .y0 = 5424000, .dx = 10000, .dy = 10000};
    strcpy(g.crs, "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m");
    REQUIRE_OK(sq_crs_map_create(g.crs, SQ_CRS_LONLAT, &map, &err));
    for (int k = 0; k < 4; k++) {
        REQUIRE_OK(sq_field_init(&f, &g, &err));
        f.time = sq_instant_civil(2019, 3 * k + 1, 20, 7 * k, 40, 0);
        for (size_t i = 0; i < sq_grid_cells(&g); i++)
            f.value[i] = 0.5f, f.state[i] = SQ_STATE_VALID;
        REQUIRE_OK(sq_sunlit_mask(&f, 2, &err));
        struct sq_sun sun = sq_sun_at(f.time);
        size_t wrong = 0, dark = 0;
        for (int r = 0; r < g.ny; r++)
            for (int c = 0; c < g.nx; c++) {
                double x = sq_grid_x(&g, c), y = sq_grid_y(&g, r);
                sq_crs_forward(map, 1, &x, &y);
                bool is_dark = f.state[(size_t)r * (size_t)g.nx + (size_t)c] == SQ_STATE_DARK;
                wrong += is_dark != (sq_sun_elevation(&sun, x, y) < 2); /* space, NaN: as it is */
                dark += is_dark;
            }
        assert_int_equal(wrong, 0);
        REQUIRE(dark > 10000 && dark < 900000);
        sq_field_finish(&f);
    }
    sq_crs_map_destroy(&map);
}

/* The files of the NWC SAF say of each cell whether it was day, which there is a sun of 10 degrees or more, when it was
 * scanned (crr_conditions, bits 2 and 4): the rows from south to north between time_coverage_start and _end. */
static void day_is_where_the_saf_sees_it(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_err err = {0};
    char path[4200];
    int nc, var;
    snprintf(path, sizeof path, "%s/formats/nwcsaf/S_NWC_CRR_MSG4_Europe-VISIR_20180601T070000Z.nc", test_shared());
    struct sq_inputs *in = open_satellite(path);
    struct sq_grid g = sq_inputs_info(in, 0)->grid;
    sq_inputs_close(&in);
    uint16_t *flag = calloc(sq_grid_cells(&g), sizeof *flag);
    struct sq_crs_map *map = NULL;
    REQUIRE(flag);
    NC(nc_open(path, NC_NOWRITE, &nc));
    NC(nc_inq_varid(nc, "crr_conditions", &var));
    NC(nc_get_var_ushort(nc, var, flag));
    NC(nc_close(nc));
    REQUIRE_OK(sq_crs_map_create(g.crs, SQ_CRS_LONLAT, &map, &err));
    double night = -90, day = 90;
    for (int r = 0; r < g.ny; r++) {
        struct sq_sun sun = sq_sun_at(sq_instant_civil(2018, 6, 1, 7, 8, 58) + 204 * (g.ny - r) / g.ny);
        for (int c = 0; c < g.nx; c++) {
            int is = flag[(size_t)r * (size_t)g.nx + (size_t)c] & 6;
            double x = sq_grid_x(&g, c), y = sq_grid_y(&g, r);
            sq_crs_forward(map, 1, &x, &y);
            double up = sq_sun_elevation(&sun, x, y);
            if (is == 2 && up > night)
                night = up;
            if (is == 4 && up < day)
                day = up;
        }
    }
    print_message("# day from %.3f degrees on, night to %.3f\n", day, night);
    REQUIRE_NEAR(day, 10, 0.1); /* a row has 0.2 s, but its ends differ */
    REQUIRE_NEAR(night, 10, 0.1);
    sq_crs_map_destroy(&map);
    free(flag);
}

/* ---- parallax ---------------------------------------------------------------------------------------------------- */

static void clouds_of_a_given_height_are_moved(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    struct sq_field seen = {0}, moved = {0};
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    small_abi_write(test_path("abi.nc"), (struct small_abi){.band = 13, .nx = 40, .ny = 40});
    char *paths[] = {test_path("abi.nc"), test_path("crr.nc")};
    p.kind = SQ_KIND_SATELLITE;
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, 0, &seen, &err));
    sq_inputs_close(&in);
    p.cloud_top_m = 12000;
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, 0, &moved, &err));
    sq_inputs_close(&in);
    REQUIRE(!seen.parallax_corrected && moved.parallax_corrected);
    /* The corner of CONUS lies northwest of the point below: clouds there are seen farther northwest, the outermost not
     * at all. */
    REQUIRE(moved.value[20 * 40 + 20] != seen.value[20 * 40 + 20]);
    REQUIRE(moved.state[0] == SQ_STATE_NO_COVERAGE);
    sq_field_finish(&seen);
    sq_field_finish(&moved);
    /* what was corrected already stays as it is */
    small_nwcsaf_write(paths[1]);
    REQUIRE_OK(sq_inputs_open(paths + 1, 1, &p, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, 0, &moved, &err));
    REQUIRE(moved.parallax_corrected && moved.value[3] == (float)(341 * 0.1f) && moved.state[0] == SQ_STATE_NO_COVERAGE);
    sq_inputs_close(&in);
    sq_field_finish(&moved);
}

/* ---- what is refused, and what is passed over -------------------------------------------------------------------- */

static void other_layouts_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct small_abi a;
        const char *why;
    } wrong[] = {
        {{.band = 13, .no_band = true}, "no band_id"},
        {{.band = 17}, "no band_id"},
        {{.band = 13, .no_mapping = true}, "geostationary is expected"},
        {{.band = 13, .leftwards = true}, "eastwards"},
        {{.band = 13, .degrees = true}, "in rad or m"},
        {{.band = 13, .narrow_dqf = true}, "another size"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sq_err err = {0};
        struct sq_inputs *in = NULL;
        struct sq_field f = {0};
        small_abi_write(test_path("wrong.nc"), wrong[i].a);
        enum sq_status s = open_kind(test_path("wrong.nc"), SQ_KIND_SATELLITE, &in, &err);
        if (!s)
            s = sq_inputs_read(in, 0, &f, &err);
        if (s != SQ_FAILED || !strstr(err.text, wrong[i].why) || !strstr(err.text, "wrong.nc"))
            fail_msg("%s: %d %s", wrong[i].why, s, err.text);
        sq_inputs_close(&in);
    }
}

/* What sq_inputs_open says on stderr of a folder. */
static const char *said_of(const char *path, enum sq_kind kind, int want_frames)
{
    static char text[1000];
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    int before = dup(STDERR_FILENO), to = open(test_path("said"), O_CREAT | O_TRUNC | O_RDWR, 0600);
    REQUIRE(before >= 0 && to >= 0 && dup2(to, STDERR_FILENO) >= 0);
    enum sq_status s = open_kind(path, kind, &in, &err);
    REQUIRE(dup2(before, STDERR_FILENO) >= 0);
    ssize_t n = pread(to, text, sizeof text - 1, 0);
    REQUIRE(n >= 0);
    text[n] = 0;
    close(to);
    close(before);
    assert_int_equal(s, want_frames ? SQ_OK : SQ_FAILED);
    assert_int_equal(in ? sq_inputs_count(in) : 0, want_frames);
    sq_inputs_close(&in);
    return text;
}

static void kinds_lie_side_by_side_in_a_folder(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    REQUIRE(!mkdir(test_path("mixed"), 0700));
    small_abi_write(test_path("mixed/abi.nc"), (struct small_abi){.band = 13});
    small_cf_write(test_path("mixed/rain.nc"), (struct small_cf){.n = 3});
    assert_string_equal(said_of(test_path("mixed"), SQ_KIND_SATELLITE, 1), "");
    assert_string_equal(said_of(test_path("mixed"), SQ_KIND_RADAR, 3), "");
    assert_string_equal(said_of(test_path("mixed"), SQ_KIND_MODEL, 0), "");
    FILE *f = fopen(test_path("mixed/notes"), "w");
    REQUIRE(f && fputs("wet\n", f) >= 0 && !fclose(f));
    REQUIRE(strstr(said_of(test_path("mixed"), SQ_KIND_SATELLITE, 1), "notes: no field"));
    /* a file that is named must hold what is asked for */
    REQUIRE_STATUS(open_kind(test_path("mixed/rain.nc"), SQ_KIND_SATELLITE, &in, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "rain.nc: holds no satellite frame"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imagery_is_that_of_xarray),
        cmocka_unit_test(lightning_is_that_of_xarray),
        cmocka_unit_test(rain_rate_of_the_saf_is_that_of_xarray),
        cmocka_unit_test(check_point_of_the_fixed_grid_holds),
        cmocka_unit_test(frames_say_what_they_are),
        cmocka_unit_test(flags_keep_their_meaning),
        cmocka_unit_test(reflected_light_needs_the_sun),
        cmocka_unit_test(terminator_is_where_the_sun_rises),
        cmocka_unit_test(day_is_where_the_saf_sees_it),
        cmocka_unit_test(clouds_of_a_given_height_are_moved),
        cmocka_unit_test(other_layouts_are_refused_by_name),
        cmocka_unit_test(kinds_lie_side_by_side_in_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
