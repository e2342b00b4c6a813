#include "test.h"

#include "core/crs.h"
#include "core/publish.h"
#include "core/settings.h"

static enum sq_status parse(struct sq_settings *s, const char *text, struct sq_err *err)
{
    err->text[0] = 0;
    return sq_settings_parse(s, "a.yaml", text, strlen(text), err);
}

static void keys_are_laid_over_what_is_there(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_settings s;
    sq_settings_default(&s);
    REQUIRE_OK(parse(&s, "picture_px: 1200\nleads_s: [60, 120]\nzr_b: 1.4 # hail\n", &err));
    REQUIRE_OK(parse(&s, "thresholds_mmh:\n  - 0.1\n  - 1\nmethod: advection\ninstitution: \"Æ: b\"\n", &err));
    assert_int_equal(s.picture_px, 1200);
    assert_int_equal(s.n_leads, 2);
    assert_int_equal(s.leads_s[1], 120);
    REQUIRE_NEAR(s.zr_b, 1.4, 0);
    REQUIRE_NEAR(s.zr_a, 200, 0); /* not given */
    assert_int_equal(s.n_thresholds, 2);
    REQUIRE(s.thresholds_mmh[0] == 0.1f && s.thresholds_mmh[1] == 1);
    assert_string_equal(s.method, "advection");
    assert_string_equal(s.institution, "Æ: b");
    REQUIRE_OK(parse(&s, "institution:\n", &err));
    assert_string_equal(s.institution, "");
    struct sq_settings before = s;
    REQUIRE_OK(parse(&s, "", &err)); /* nothing is said, nothing changes */
    REQUIRE_OK(parse(&s, "# only a remark\n\n", &err));
    assert_memory_equal(&s, &before, sizeof s);
}

/* Every fault is one line that holds these words, and leaves the settings alone. */
static void faults_are_named(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"picture_px: 20", "picture_px", "20 is outside [200, 4000]"},
        {"picture_px: 1e3", "picture_px", "'1e3' is not a whole number"},
        {"picture_px: 900px", "picture_px", "'900px' is not"},
        {"picture_px: 99999999999999999999", "picture_px", "is outside"},
        {"picture_px:", "picture_px", "'' is not"},
        {"picture_px: [900]", "picture_px", "one value"},
        {"picture_px: {a: 1}", "picture_px", "one value"},
        {"zr_a: 200mm", "zr_a", "'200mm' is not a number"},
        {"zr_a: nan", "zr_a", "'nan' is not a number"},
        {"zr_a: .inf", "zr_a", "'.inf' is not a number"},
        {"zr_a: -1", "zr_a", "-1 is outside [1, 2000]"},
        {"method: magic", "method", "none of: auto network advection persistence"},
        {"method: \"auto network\"", "method", "none of"},
        {"method: net", "method", "none of"},
        {"method: \"\"", "method", "none of"},
        {"pictures: 3", "pictures", "no such key"},
        {"Picture_px: 900", "Picture_px", "no such key"},
        {"leads_s: 300", "leads_s", "list"},
        {"leads_s: []", "leads_s", ""},
        {"leads_s: [300, 300]", "leads_s", "must rise"},
        {"leads_s: [600, 300]", "leads_s", "must rise"},
        {"leads_s: [300, [600]]", "leads_s", "one value"},
        {"leads_s: [300.5]", "leads_s", "'300.5' is not a whole number"},
        {"percentiles: [10, 100]", "percentiles", "100 is outside [0.1, 99.9]"},
        {"zr_a: 1\nzr_a: 2", "zr_a", ""},
        {"zr_a: &x 200\nzr_b: *x", "zr_b", "alias"},
        {"zr_a: 200\n---\nzr_a: 300\n", "", "document"},
        {"just words", "", "key: value"},
        {"[1, 2]", "", "key: value"},
        {"zr_a: 200\n\tzr_b: 2\n", "line", "tab"},
        {"zr_a: \"200", "zr_a", "libyaml"},
        {"zr_a: \xff\xfe", "", "libyaml"},
        {"{", "", "libyaml"},
        {"\"a\\nb\\e[31m\": 1", "", "no such key"},
    };
    struct sq_err err;
    struct sq_settings s, before;
    sq_settings_default(&s);
    before = s;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        REQUIRE_STATUS(parse(&s, bad[k][0], &err), SQ_FAILED);
        if (strncmp(err.text, "a.yaml:", 7) || !strstr(err.text, bad[k][1]) || !strstr(err.text, bad[k][2]))
            fail_msg("%s: said '%s'", bad[k][0], err.text);
        for (const char *c = err.text; *c; c++)
            REQUIRE((unsigned char)*c >= ' ');
        assert_memory_equal(&s, &before, sizeof s);
    }
    char text[4000] = "institution: ";
    memset(text + 13, 'x', 200);
    REQUIRE_STATUS(parse(&s, text, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "institution") && strstr(err.text, "more than 127 bytes"));
    strcpy(text, "leads_s: [60");
    for (int i = 61; i < 61 + SQ_LEAD_MAX; i++)
        sprintf(text + strlen(text), ", %d", i);
    REQUIRE_STATUS(parse(&s, strcat(text, "]"), &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "leads_s") && strstr(err.text, "96"));
    assert_memory_equal(&s, &before, sizeof s);
    /* one good key before a bad one is not taken either */
    REQUIRE_STATUS(parse(&s, "zr_a: 300\npicture_px: 1\n", &err), SQ_FAILED);
    assert_memory_equal(&s, &before, sizeof s);
}

static void one_key_is_set_like_a_file(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_settings s;
    sq_settings_default(&s);
    REQUIRE_OK(sq_settings_set(&s, "thresholds_mmh=[1,5]", &err));
    REQUIRE(s.n_thresholds == 2 && s.thresholds_mmh[1] == 5);
    REQUIRE_OK(sq_settings_set(&s, "weights=/a=b.nc", &err));
    assert_string_equal(s.weights, "/a=b.nc");
    REQUIRE_OK(sq_settings_set(&s, "weights=", &err));
    assert_string_equal(s.weights, "");
    REQUIRE_STATUS(sq_settings_set(&s, "picture_px=20", &err), SQ_USAGE);
    assert_string_equal(err.text, "--set: picture_px: 20 is outside [200, 4000]");
    REQUIRE_STATUS(sq_settings_set(&s, "pixels=20", &err), SQ_USAGE);
    REQUIRE(strstr(err.text, "pixels: no such key"));
    REQUIRE_STATUS(sq_settings_set(&s, "picture_px", &err), SQ_USAGE);
    REQUIRE_STATUS(sq_settings_set(&s, "=20", &err), SQ_USAGE);
    REQUIRE_STATUS(sq_settings_set(&s, "zr_a=1\nzr_b=1", &err), SQ_USAGE);
    static char huge[20000] = "weights=";
    memset(huge + 8, 'w', sizeof huge - 9);
    REQUIRE_STATUS(sq_settings_set(&s, huge, &err), SQ_USAGE);
}

static void files_are_read(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_settings s, before;
    const char *folder = test_folder(), *path = test_path("a.yaml");
    sq_settings_default(&s);
    before = s;
    REQUIRE_STATUS(sq_settings_read(&s, path, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "a.yaml: No such file"));
    REQUIRE_STATUS(sq_settings_read(&s, folder, &err), SQ_FAILED);
    REQUIRE_OK(sq_publish_bytes(path, "", 0, &err));
    REQUIRE_OK(sq_settings_read(&s, path, &err));
    char *huge = malloc(3 << 20);
    REQUIRE(huge);
    memset(huge, '#', 3 << 20);
    REQUIRE_OK(sq_publish_bytes(path, huge, 3 << 20, &err));
    free(huge);
    REQUIRE_STATUS(sq_settings_read(&s, path, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "more than a megabyte"));
    assert_memory_equal(&s, &before, sizeof s);
    REQUIRE_OK(sq_publish_bytes(path, "zr_a: 0\n", 8, &err));
    REQUIRE_STATUS(sq_settings_read(&s, path, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "a.yaml: zr_a: 0 is outside [1, 2000]"));
}

/* configs/squall.yaml says every key, and says the defaults. */
static void the_file_that_comes_along_is_the_defaults(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_settings s, plain;
    char line[8192], path[4096], key[80];
    static char text[20000];
    sq_settings_default(&plain);
    memset(&s, 0, sizeof s);
    REQUIRE_OK(sq_settings_file("squall.yaml", path, &err));
    REQUIRE_OK(sq_settings_read(&s, path, &err));
    assert_memory_equal(&s, &plain, sizeof s);
    FILE *f = fopen(path, "r");
    REQUIRE(f);
    REQUIRE(fread(text, 1, sizeof text - 1, f) > 1000);
    fclose(f);
    int i = 0;
    for (; sq_settings_line(&plain, i, line, sizeof line); i++) {
        snprintf(key, sizeof key, "\n%.*s: ", (int)strcspn(line, ":"), line);
        if (!strstr(text, key))
            fail_msg("configs/squall.yaml lacks %s", key);
    }
    REQUIRE(i > 10);
    REQUIRE(!sq_settings_line(&plain, -1, line, sizeof line));
}

/* What is printed can be read again. */
static void lines_go_both_ways(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_settings s, again;
    char line[8192];
    sq_settings_default(&s);
    REQUIRE_OK(parse(&s, "zr_a: 316.25\nleads_s: [60]\nthresholds_mmh: [0.05, 0.123]\nmethod: network\nrange_km: 128", &err));
    sq_settings_default(&again);
    for (int i = 0; sq_settings_line(&s, i, line, sizeof line); i++)
        REQUIRE_OK(parse(&again, line, &err));
    again.leads_s[1] = s.leads_s[1]; /* beyond the end of the list nothing is said */
    for (int k = 0; k < SQ_LEAD_MAX; k++)
        again.leads_s[k] = k < s.n_leads ? again.leads_s[k] : s.leads_s[k];
    for (int k = s.n_thresholds; k < SQ_THRESHOLD_MAX; k++)
        again.thresholds_mmh[k] = s.thresholds_mmh[k];
    assert_memory_equal(&s, &again, sizeof s);
    char tiny[8];
    for (int i = 0; sq_settings_line(&s, i, tiny, sizeof tiny); i++)
        REQUIRE(strlen(tiny) < sizeof tiny);
}

static void files_are_found_in_order(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const char *folder = test_folder(), *want = test_path("grids.yaml");
    char path[4096];
    REQUIRE_OK(sq_publish_bytes(want, "- {name: town, lon: 8, lat: 47, cell: 500, nx: 4, ny: 2}\n", 57, &err));
    REQUIRE(!setenv("SQUALL_DATA", folder, 1));
    REQUIRE_OK(sq_settings_file("grids.yaml", path, &err));
    assert_string_equal(path, want);
    struct sq_grid g;
    REQUIRE_OK(sq_settings_grid("town", &g, &err));
    REQUIRE_OK(sq_settings_file("squall.yaml", path, &err)); /* not there: the next place */
    assert_string_equal(path, SQ_SOURCE_DIR "/configs/squall.yaml");
    REQUIRE_STATUS(sq_settings_file("no.yaml", path, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "no.yaml") && strstr(err.text, folder) && strstr(err.text, SQ_DATA_DIR));
    REQUIRE(!unsetenv("SQUALL_DATA"));
}

static void named_grids_are_grids(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_grid g;
    REQUIRE_OK(sq_settings_grid("mrms-conus", &g, &err));
    REQUIRE(g.nx == 7000 && g.ny == 3500 && sq_grid_geographic(&g));
    REQUIRE_NEAR(g.x0, -129.995, 1e-9);
    REQUIRE_NEAR(g.y0, 54.995, 1e-9);
    REQUIRE_OK(sq_settings_grid("mch-1km", &g, &err));
    REQUIRE_NEAR(g.x0, 255500, 1e-6);
    REQUIRE_NEAR(g.y0, 479500, 1e-6);
    REQUIRE_OK(sq_settings_grid("fmi-1km", &g, &err));
    REQUIRE_NEAR(sq_grid_x(&g, g.nx - 1), 759252.448, 0.01);
    REQUIRE_NEAR(sq_grid_y(&g, g.ny - 1), 499.824, 0.01);
    REQUIRE_OK(sq_settings_grid("alps-1km", &g, &err)); /* by its middle */
    double lon = sq_grid_x(&g, (g.nx - 1) / 2.0), lat = sq_grid_y(&g, (g.ny - 1) / 2.0);
    struct sq_crs_map *m = NULL;
    REQUIRE_OK(sq_crs_map_create(g.crs, SQ_CRS_LONLAT, &m, &err));
    sq_crs_forward(m, 1, &lon, &lat);
    sq_crs_map_destroy(&m);
    REQUIRE_NEAR(lon, 8.6, 1e-9);
    REQUIRE_NEAR(lat, 46.6, 1e-9);
    REQUIRE_STATUS(sq_settings_grid("moon", &g, &err), SQ_USAGE);
    REQUIRE(strstr(err.text, "no grid 'moon'") && strstr(err.text, "native mrms-conus opera-2km"));
    /* all of them, on the earth, with cells of the size they say */
    char names[512], *save = NULL;
    snprintf(names, sizeof names, "%s", strstr(err.text, "native") + 6);
    int n = 0;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save), n++) {
        double d[2], box[4];
        REQUIRE_OK(sq_settings_grid(name, &g, &err));
        REQUIRE_OK(sq_crs_cell_m(&g, d, &err));
        REQUIRE(d[0] > 500 && d[0] < 3500 && d[1] > 500 && d[1] < 3500);
        REQUIRE_OK(sq_crs_bounds(&g, box, &err));
    }
    REQUIRE(n >= 8);
}

static enum sq_status grid_of(const char *text, struct sq_grid *g, struct sq_err *err)
{
    return sq_settings_parse_grid("a", "g.yaml", text, strlen(text), g, err);
}

static void grids_are_checked(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_grid g = {0};
    REQUIRE_OK(grid_of("- {name: a, crs: +proj=laea +lat_0=50 +units=km, west: -10, north: 20, cell: 2, cell_y: 1, nx: 5, ny: 6}",
                       &g, &err));
    REQUIRE(g.dx == 2000 && g.dy == 1000 && g.x0 == -9000 && g.y0 == 19500); /* kilometres became metres */
    REQUIRE_OK(grid_of("- {name: a, crs: +proj=longlat, lon: 10, lat: 50, cell: 0.5, nx: 4, ny: 2}", &g, &err));
    REQUIRE_NEAR(g.x0, 9.25, 1e-9);
    REQUIRE_NEAR(g.y0, 50.25, 1e-9);
    static const char *const bad[][2] = {
        {"- {name: a, nx: 5, ny: 6}", "either"},
        {"- {name: a, lon: 8, lat: 47, west: 0, north: 0, cell: 1, nx: 5, ny: 6}", "either"},
        {"- {name: a, west: 0, north: 0, cell: 1, nx: 5, ny: 6}", "either"},
        {"- {name: a, lon: 8, cell: 1, nx: 5, ny: 6}", "either"},
        {"- {name: a, crs: nowhere-land, west: 0, north: 0, cell: 1, nx: 5, ny: 6}", "nowhere-land"},
        {"- {name: a, crs: '+proj=lcc', lon: 0, lat: 0, cell: 1, nx: 5, ny: 6}", "lcc"},
        {"- {name: a, crs: '+proj=geos +h=35786023', lon: 180, lat: 0, cell: 1, nx: 5, ny: 6}", "not a number"},
        {"- {name: a, lon: 8, lat: 47, cell: 0, nx: 5, ny: 6}", "cell: 0 is outside"},
        {"- {name: a, lon: 8, lat: 47, cell: 1, nx: 99999, ny: 6}", "nx: 99999 is outside [1, 32767]"},
        {"- {name: a, size: 8}", "size: no such key"},
        {"name: a", ""},
        {"- a", ""},
        {"", "no grid 'a'"},
        {"- {name: b}", "no grid 'a' in g.yaml, which has: native b"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        err.text[0] = 0;
        if (!grid_of(bad[k][0], &g, &err) || !strstr(err.text, bad[k][1]) || !err.text[0])
            fail_msg("%s: said '%s'", bad[k][0], err.text);
    }
    REQUIRE_NEAR(g.x0, 9.25, 1e-9); /* as it was */
}

int main(void)
{
    unsetenv("SQUALL_DATA");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_laid_over_what_is_there),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(one_key_is_set_like_a_file),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(the_file_that_comes_along_is_the_defaults),
        cmocka_unit_test(lines_go_both_ways),
        cmocka_unit_test(files_are_found_in_order),
        cmocka_unit_test(named_grids_are_grids),
        cmocka_unit_test(grids_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
