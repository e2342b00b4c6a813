#include "test.h"

#include "core/crs.h"

#define GOES "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80"
#define HRRR "+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6371229"
#define OPERA "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84"
#define KNMI "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378137 +b=6356752 +x_0=0 +y_0=0"
#define FMI "+proj=stere +lon_0=25E +lat_0=90N +lat_ts=60 +a=6371288 +x_0=380886.310 +y_0=3395677.920 +no_defs"
#define SWISS \
    "+proj=somerc +lon_0=7.43958333333333 +lat_0=46.9524055555556 +k_0=1 +x_0=600000 +y_0=200000 +ellps=bessel " \
    "+towgs84=674.374,15.056,405.346,0,0,0,0 +units=m +no_defs"
#define BOM "+proj=aea +lon_0=144.752 +lat_0=-37.852 +lat_1=-18 +lat_2=-36 +ellps=GRS80 +units=m"

/* Every kind of system that CF has a name for, with its name and two places inside its use. */
static const struct system {
    const char *crs, *cf;
    double lon[2], lat[2];
} systems[] = {
    {SQ_CRS_LONLAT, "latitude_longitude", {-129.995, 17}, {54.995, -33}},
    {"+proj=longlat +R=6371229", "latitude_longitude", {-100, 17}, {50, -33}},
    {HRRR, "lambert_conformal_conic", {-122.719528, -60.9}, {21.138123, 47.8}},
    {"+proj=lcc +lat_1=60 +lat_2=30 +lat_0=60 +lon_0=262 +R=6371229", "lambert_conformal_conic", {-120.45, -80}, {21.641, 45}},
    {OPERA, "lambert_azimuthal_equal_area", {-39.5, 29.4}, {67, 32}},
    {KNMI, "polar_stereographic", {0, 9}, {56, 48.9}},
    {FMI, "polar_stereographic", {19, 31}, {59, 70}},
    {"+proj=stere +lat_0=90 +lat_ts=60 +lon_0=14 +ellps=bessel", "polar_stereographic", {11, 13}, {57, 58}},
    {"+proj=stere +lat_0=-90 +lon_0=30 +k=0.97 +ellps=WGS84", "polar_stereographic", {20, 160}, {-70, -85}},
    {"+proj=stere +lat_0=50 +lon_0=15 +k=0.9998 +ellps=WGS84", "stereographic", {12, 18}, {48, 51}},
    {BOM, "albers_conical_equal_area", {143, 146}, {-39, -36.5}},
    {SWISS, "oblique_mercator", {6, 10}, {46, 47.5}},
    {"+proj=omerc +lat_0=46 +lonc=7 +alpha=30 +gamma=30 +k=0.9996 +x_0=1000 +y_0=2000 +ellps=GRS80", "oblique_mercator", {5, 9}, {45, 48}},
    {"+proj=merc +lon_0=10 +lat_ts=30 +ellps=WGS84", "mercator", {-20, 40}, {-10, 60}},
    {"EPSG:3857", "mercator", {-120, 40}, {-10, 60}},
    {"EPSG:3067", "transverse_mercator", {20, 30}, {60, 69}},
    {"+proj=utm +zone=56 +south +datum=WGS84", "transverse_mercator", {150, 154}, {-30, -25}},
    {"+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy", "transverse_mercator", {-5, 1}, {50, 58}},
    {"+proj=aeqd +lat_0=50.8 +lon_0=4.4 +ellps=WGS84", "azimuthal_equidistant", {2, 6}, {49, 52}},
    {GOES, "geostationary", {-84.690932, -100}, {33.846162, 20}},
    {"+proj=geos +a=6378137.0 +b=6356752.3 +lon_0=0.0 +h=35785863.0", "geostationary", {0, 20}, {23.8, 50}},
    {"+proj=sterea +lat_0=52.156 +lon_0=5.3876 +k=0.9999079 +x_0=155000 +y_0=463000 +ellps=bessel", "", {4, 6}, {51, 53}},
    {"+proj=lcc +lat_1=46.5 +lat_0=46.5 +lon_0=0 +k_0=0.999 +ellps=GRS80", "", {1, 3}, {46, 47}},
};
enum { SYSTEMS = sizeof systems / sizeof *systems };

static double metres_apart(double lon1, double lat1, double lon2, double lat2)
{
    double rad = acos(-1) / 180, dlon = remainder(lon2 - lon1, 360) * rad;
    return 6371000 * hypot(dlon * cos(lat1 * rad), (lat2 - lat1) * rad); /* they are neighbours */
}

static struct sq_grid grid(const char *crs, double x0, double y0, double cell, int nx, int ny)
{
    struct sq_grid g = {.nx = nx, .ny = ny, .x0 = x0, .y0 = y0, .dx = cell, .dy = cell};
    snprintf(g.crs, sizeof g.crs, "%s", crs);
    return g;
}

static void checkpoints_hold(void **state)
{
    (void)state;
    struct sq_err err = {0};
    FILE *f = fopen(SQ_SOURCE_DIR "/tests/ingest/checkpoints.txt", "r");
    REQUIRE(f);
    char line[2048], text[1024], crs[SQ_CRS_MAX];
    int lines = 0;
    while (fgets(line, sizeof line, f)) {
        double x, y, lon, lat, tol, unit;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%1023[^|]| %lf %lf | %lf %lf | %lf", text, &x, &y, &lon, &lat, &tol) != 6)
            fail_msg("not a line of check points: %s", line);
        REQUIRE_OK(sq_crs_normalise(text, crs, &unit, &err));
        struct sq_crs_map *m = NULL;
        REQUIRE_OK(sq_crs_map_create(crs, SQ_CRS_LONLAT, &m, &err));
        double u = x, v = y;
        sq_crs_forward(m, 1, &u, &v);
        if (!(metres_apart(lon, lat, u, v) <= tol))
            fail_msg("%s: %.7f %.7f", line, u, v);
        sq_crs_inverse(m, 1, &u, &v);
        if (!(fabs(remainder(u - x, strstr(crs, "longlat") ? 360 : 1e9)) <= 0.01 && fabs(v - y) <= 0.01))
            fail_msg("%s: comes back as %.7f %.7f", line, u, v);
        sq_crs_map_destroy(&m);
        lines++;
    }
    fclose(f);
    REQUIRE(lines >= 15);
}

static void positions_are_those_of_cs2cs(void **state)
{
    (void)state;
    struct sq_err err = {0};
    if (system("command -v cs2cs >/dev/null 2>&1")) {
        print_message("# no cs2cs: skipped\n");
        skip();
    }
    for (int k = 0; k < SYSTEMS; k++) {
        char command[2048], crs[SQ_CRS_MAX];
        const struct system *s = &systems[k];
        struct sq_crs_map *m = NULL;
        REQUIRE_OK(sq_crs_normalise(s->crs, crs, NULL, &err));
        REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, crs, &m, &err));
        snprintf(command, sizeof command, "printf '%%s\\n' '%.9f %.9f' '%.9f %.9f' | cs2cs -f %%.9f %s +to %s", s->lon[0],
                 s->lat[0], s->lon[1], s->lat[1], SQ_CRS_LONLAT, s->crs);
        FILE *f = popen(command, "r");
        REQUIRE(f);
        for (int i = 0; i < 2; i++) {
            double want[2], x = s->lon[i], y = s->lat[i];
            if (fscanf(f, "%lf %lf %*f", &want[0], &want[1]) != 2)
                fail_msg("cs2cs is silent: %s", command);
            sq_crs_forward(m, 1, &x, &y);
            double tol = strstr(crs, "longlat") ? 1e-5 : 1; /* one metre */
            REQUIRE_NEAR(x, want[0], tol);
            REQUIRE_NEAR(y, want[1], tol);
        }
        pclose(f);
        sq_crs_map_destroy(&m);
    }
}

/* The attributes alone, without the WKT, lead back to the same places. */
static void grid_mappings_go_both_ways(void **state)
{
    (void)state;
    struct sq_err err = {0};
    for (int k = 0; k < SYSTEMS; k++) {
        const struct system *s = &systems[k];
        struct sq_cf_crs cf;
        char back[SQ_CRS_MAX], crs[SQ_CRS_MAX];
        REQUIRE_OK(sq_crs_normalise(s->crs, crs, NULL, &err));
        REQUIRE_OK(sq_crs_to_cf(s->crs, &cf, &err));
        assert_string_equal(cf.name, s->cf);
        REQUIRE(cf.wkt && strstr(cf.wkt, "CRS[") && cf.n <= SQ_CF_ATTR_MAX);
        if (cf.name[0]) {
            free(cf.wkt);
            cf.wkt = NULL;
        }
        REQUIRE_OK(sq_crs_from_cf(&cf, back, &err));
        struct sq_crs_map *m = NULL;
        REQUIRE_OK(sq_crs_map_create(crs, back, &m, &err));
        struct sq_crs_map *from = NULL;
        REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, crs, &from, &err));
        for (int i = 0; i < 2; i++) {
            double x = s->lon[i], y = s->lat[i];
            sq_crs_forward(from, 1, &x, &y);
            double u = x, v = y;
            sq_crs_forward(m, 1, &u, &v);
            if (!(hypot(u - x, v - y) < 0.01))
                fail_msg("%s -> %s: %.4f %.4f became %.4f %.4f", s->crs, back, x, y, u, v);
        }
        sq_crs_map_destroy(&from);
        sq_crs_map_destroy(&m);
        sq_cf_crs_finish(&cf);
    }
}

static const double *attribute(const struct sq_cf_crs *cf, const char *key)
{
    for (int i = 0; i < cf->n; i++)
        if (!strcmp(cf->attr[i].key, key))
            return cf->attr[i].value;
    fail_msg("no attribute %s", key);
    return NULL;
}

static void grid_mappings_say_what_cf_says(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cf_crs cf;
    REQUIRE_OK(sq_crs_to_cf(HRRR, &cf, &err));
    REQUIRE_NEAR(attribute(&cf, "standard_parallel")[0], 38.5, 0);
    REQUIRE_NEAR(attribute(&cf, "longitude_of_central_meridian")[0], -97.5, 0);
    REQUIRE_NEAR(attribute(&cf, "latitude_of_projection_origin")[0], 38.5, 0);
    REQUIRE_NEAR(attribute(&cf, "earth_radius")[0], 6371229, 0);
    sq_cf_crs_finish(&cf);
    REQUIRE_OK(sq_crs_to_cf(SWISS, &cf, &err));
    REQUIRE_NEAR(attribute(&cf, "azimuth_of_central_line")[0], 90, 0);
    REQUIRE_NEAR(attribute(&cf, "false_easting")[0], 600000, 0);
    REQUIRE_NEAR(attribute(&cf, "towgs84")[2], 405.346, 0);
    sq_cf_crs_finish(&cf);
    REQUIRE_OK(sq_crs_to_cf(GOES, &cf, &err));
    REQUIRE_NEAR(attribute(&cf, "perspective_point_height")[0], 35786023, 0);
    for (int i = 0; i < cf.n; i++)
        if (!strcmp(cf.attr[i].key, "sweep_angle_axis"))
            assert_string_equal(cf.attr[i].text, "x");
    sq_cf_crs_finish(&cf);

    cf = (struct sq_cf_crs){.name = "rotated_latitude_longitude"};
    char crs[SQ_CRS_MAX] = "untouched";
    REQUIRE_STATUS(sq_crs_from_cf(&cf, crs, &err), SQ_FAILED);
    assert_string_equal(crs, "untouched");
    cf = (struct sq_cf_crs){.name = "polar_stereographic", .n = 1, .attr = {{"standard_parallel", {NAN}, 1, ""}}};
    REQUIRE_STATUS(sq_crs_from_cf(&cf, crs, &err), SQ_FAILED);
}

static void one_system_has_one_text(void **state)
{
    (void)state;
    struct sq_err err = {0};
    static const char *const same[][2] = {
        {KNMI, "+proj=stere +lat_0=90 +lon_0=0.0 +lat_ts=60.0 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0"},
        {OPERA, "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +a=6378137 +rf=298.257223563"},
        {OPERA, "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +datum=WGS84 +type=crs"},
        {OPERA, "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +units=km +datum=WGS84"},
        {SQ_CRS_LONLAT, "EPSG:4326"},
        {SQ_CRS_LONLAT, " +proj=longlat  +ellps=WGS84\n"},
        {"EPSG:21781", SWISS},
    };
    char a[SQ_CRS_MAX], b[SQ_CRS_MAX];
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        double unit[2];
        REQUIRE_OK(sq_crs_normalise(same[k][0], a, &unit[0], &err));
        REQUIRE_OK(sq_crs_normalise(same[k][1], b, &unit[1], &err));
        assert_string_equal(a, b);
        REQUIRE_NEAR(unit[0], 1, 0);
        REQUIRE_NEAR(unit[1], strstr(same[k][1], "km") || strstr(same[k][1], "6378.1") ? 1000 : 1, 0);
        REQUIRE_OK(sq_crs_normalise(a, b, NULL, &err)); /* and stays as it is */
        assert_string_equal(a, b);
    }
    /* shifted kilometres */
    REQUIRE_OK(sq_crs_normalise("+proj=stere +lat_0=90 +R=6371.2 +x_0=380.5 +units=km", a, NULL, &err));
    REQUIRE(strstr(a, "+x_0=380500") && strstr(a, "+R=6371200"));
}

static void nonsense_is_refused_in_one_line(void **state)
{
    (void)state;
    char out[SQ_CRS_MAX] = "untouched", longer[3 * SQ_CRS_MAX];
    static const char *const bad[] = {"", "WGS84 or so", "+proj=nowhere", "+proj=lcc", "EPSG:0", "PROJCRS[\"x\""};
    struct sq_err err;
    struct sq_crs_map *m = NULL;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        err.text[0] = 0;
        if (sq_crs_normalise(bad[k], out, NULL, &err) != SQ_FAILED)
            fail_msg("'%s' became '%s'", bad[k], out);
        REQUIRE(err.text[0] && !strchr(err.text, '\n'));
        assert_string_equal(out, "untouched");
        REQUIRE_STATUS(sq_crs_map_create(bad[k], SQ_CRS_LONLAT, &m, &err), SQ_FAILED);
        REQUIRE(!m);
    }
    memset(longer, '7', sizeof longer);
    memcpy(longer, "+proj=merc +lat_ts=", 19);
    longer[sizeof longer - 1] = 0;
    REQUIRE_STATUS(sq_crs_normalise(longer, out, NULL, &err), SQ_FAILED);
    sq_crs_map_destroy(&m); /* NULL is fine */
}

static void places_off_the_map_are_nan(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_crs_map *m = NULL;
    REQUIRE_OK(sq_crs_map_create(GOES, SQ_CRS_LONLAT, &m, &err));
    double x[3] = {6e6, 0, NAN}, y[3] = {6e6, 0, 0};
    sq_crs_forward(m, 3, x, y);
    REQUIRE(isnan(x[0]) && isnan(y[0]) && isnan(x[2]) && isnan(y[2]));
    REQUIRE_NEAR(x[1], -75, 1e-9); /* a bad point spoils no other */
    x[0] = 100; /* the far side */
    y[0] = 0;
    sq_crs_inverse(m, 1, x, y);
    REQUIRE(isnan(x[0]));
    sq_crs_map_destroy(&m);
}

static void cells_have_their_size_on_the_ground(void **state)
{
    (void)state;
    struct sq_err err = {0};
    double d[2];
    struct sq_grid g = grid(OPERA, 1000, -1000, 2000, 1900, 2200);
    REQUIRE_OK(sq_crs_cell_m(&g, d, &err));
    REQUIRE_NEAR(d[0] * d[1], 4e6, 4e4); /* equal area; the middle is near the origin */
    g = grid(SQ_CRS_LONLAT, 0.005, 45.005, 0.01, 1, 2);
    REQUIRE_OK(sq_crs_cell_m(&g, d, &err));
    REQUIRE_NEAR(d[0], 788.5, 0.5); /* cos 45 x 6388 km, the radius across the meridian */
    REQUIRE_NEAR(d[1], 1111.3, 0.5);
    g = grid(GOES, -5e6, 5e6, 2000, 2, 2);
    REQUIRE_STATUS(sq_crs_cell_m(&g, d, &err), SQ_FAILED);
}

static void require_box(const struct sq_grid *g, double west, double south, double east, double north, double tol)
{
    struct sq_err err = {0};
    double box[4];
    REQUIRE_OK(sq_crs_bounds(g, box, &err));
    REQUIRE_NEAR(box[0], west, tol);
    REQUIRE_NEAR(box[1], south, tol);
    REQUIRE_NEAR(box[2], east, tol);
    REQUIRE_NEAR(box[3], north, tol);
}

static void bounds_cope_with_poles_date_line_and_space(void **state)
{
    (void)state;
    struct sq_err err = {0};
    double box[4];
    struct sq_grid g = grid(SQ_CRS_LONLAT, 230.005, 54.995, 0.01, 7000, 3500); /* MRMS */
    require_box(&g, -130, 20, -60, 55, 1e-9);
    g = grid("+proj=longlat +R=6371229", 0, 90, 0.25, 1440, 721); /* GFS: half cells beyond the poles */
    require_box(&g, -180, -90, 180, 90, 1e-9);
    g = grid(KNMI, 500, -3650500, 1000, 700, 765);
    require_box(&g, 0, 48.895298, 10.856, 55.973562, 1e-3);
    g = grid("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +R=6371229", -999500, 1999500, 1000, 4000, 4000);
    REQUIRE_OK(sq_crs_bounds(&g, box, &err)); /* the pole is inside, not in the middle */
    REQUIRE(box[0] == -180 && box[2] == 180 && box[3] == 90 && box[1] > 55 && box[1] < 70);
    g = grid("+proj=merc +lon_0=180 +ellps=WGS84", -499500, 499500, 1000, 1000, 1000);
    require_box(&g, 175.5084, -4.5171, 184.4916, 4.5171, 1e-3);
    g = grid("EPSG:3857", -20037508.342789 + 50000, 20037508.342789 - 50000, 100000, 400, 400);
    REQUIRE_OK(sq_crs_bounds(&g, box, &err));
    REQUIRE_NEAR(box[2] - box[0], 360, 0.7);
    g = grid(GOES, -5434000, 5434000, 2000, 5434, 5434); /* the full disk, its corners in space */
    REQUIRE_OK(sq_crs_bounds(&g, box, &err));
    REQUIRE_NEAR(box[0], -75 - 81, 4);
    REQUIRE_NEAR(box[2], -75 + 81, 4);
    REQUIRE_NEAR(box[1], -81, 4);
    REQUIRE_NEAR(box[3], 81, 4);
    g = grid(GOES, 8e6, 8e6, 2000, 10, 10);
    REQUIRE_STATUS(sq_crs_bounds(&g, box, &err), SQ_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_hold),
        cmocka_unit_test(positions_are_those_of_cs2cs),
        cmocka_unit_test(grid_mappings_go_both_ways),
        cmocka_unit_test(grid_mappings_say_what_cf_says),
        cmocka_unit_test(one_system_has_one_text),
        cmocka_unit_test(nonsense_is_refused_in_one_line),
        cmocka_unit_test(places_off_the_map_are_nan),
        cmocka_unit_test(cells_have_their_size_on_the_ground),
        cmocka_unit_test(bounds_cope_with_poles_date_line_and_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
