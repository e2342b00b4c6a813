/* Parallax, beside the way of a sight line through space, with cct for places in space. */
#include "test.h"

#include "geos.h"
#include "parallax.h"

#include "core/crs.h"

#define GOES "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +a=6378137 +rf=298.257222101"
#define MSG "+proj=geos +h=35785863 +lon_0=0 +sweep=y +a=6378137 +b=6356752.3"
#define EARTH "+a=6378137 +rf=298.257222101"

static struct sq_grid disk(const char *crs, int n)
{
    struct sq_grid g = {.nx = n, .ny = n, .dx = 10848000.0 / n, .dy = 10848000.0 / n};
    g.x0 = -5424000 + g.dx / 2;
    g.y0 = 5424000 - g.dy / 2;
    snprintf(g.crs, sizeof g.crs, "%s", crs);
    return g;
}

/* Each cell holds its own row and column. */
static struct sq_field places(const struct sq_grid *g)
{
    struct sq_err err = {0};
    struct sq_field f = {0};
    REQUIRE_OK(sq_field_init(&f, g, &err));
    for (int i = 0; i < g->nx * g->ny; i++) {
        f.value[i] = (float)(i / g->nx * 1000 + i % g->nx);
        f.state[i] = SQ_STATE_VALID;
    }
    return f;
}

static void on_the_ground_it_is_the_view_of_proj(void **state)
{
    (void)state;
    static const char *const crs[] = {GOES, MSG, "+proj=geos +h=35785863 +lon_0=140.7 +sweep=y +ellps=WGS84"};
    struct sq_err err = {0};
    for (int k = 0; k < 3; k++) {
        struct sq_crs_map *map = NULL;
        struct sq_geos view;
        int seen = 0;
        REQUIRE(sq_geos_parse(crs[k], &view));
        REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, crs[k], &map, &err));
        for (int lat = -85; lat <= 85; lat += 5)
            for (int lon = -180; lon < 180; lon += 7) {
                double x = lon, y = lat, u, v;
                sq_crs_forward(map, 1, &x, &y);
                bool there = sq_geos_view(&view, lon, lat, 0, &u, &v);
                if (there == isnan(x))
                    fail_msg("%s: %d %d", crs[k], lon, lat);
                if (!there)
                    continue;
                REQUIRE_NEAR(u, x, 0.001);
                REQUIRE_NEAR(v, y, 0.001);
                seen++;
            }
        REQUIRE(seen > 500);
        sq_crs_map_destroy(&map);
    }
    struct sq_geos view;
    REQUIRE(!sq_geos_parse(SQ_CRS_LONLAT, &view) && !sq_geos_parse("+proj=geos", &view));
}

/* n places (lon, lat, height) to metres from the middle of the earth, or back, by cct. */
static void cct(const char *options, int n, double (*p)[3])
{
    char command[256], name[256], in[256];
    snprintf(in, sizeof in, "%s", test_path("in"));
    snprintf(name, sizeof name, "%s", test_path("out"));
    FILE *f = fopen(in, "w");
    REQUIRE(f);
    for (int i = 0; i < n; i++)
        fprintf(f, "%.12f %.12f %.6f 0\n", p[i][0], p[i][1], p[i][2]);
    REQUIRE(!fclose(f));
    snprintf(command, sizeof command, "cct -d 10 %s +proj=cart " EARTH " %.100s > %.100s", options, in, name);
    REQUIRE(!system(command) && (f = fopen(name, "r")));
    for (int i = 0; i < n; i++)
        REQUIRE(fscanf(f, "%lf %lf %lf %*s", &p[i][0], &p[i][1], &p[i][2]) == 3);
    fclose(f);
}

/* From the satellite through p, on to the ground beyond. */
static bool follow(double p[3])
{
    const double a = 6378137, b = a * (1 - 1 / 298.257222101), rad = acos(-1) / 180;
    const double s[3] = {(a + 35786023) * cos(-75 * rad), (a + 35786023) * sin(-75 * rad), 0}, axis[3] = {a, a, b};
    double d[3], q = 0, l = 0, c = -1;
    for (int k = 0; k < 3; k++) {
        d[k] = p[k] - s[k];
        q += d[k] * d[k] / (axis[k] * axis[k]);
        l += s[k] * d[k] / (axis[k] * axis[k]);
        c += s[k] * s[k] / (axis[k] * axis[k]);
    }
    if (l * l < q * c)
        return false; /* past the earth */
    double t = (-l - sqrt(l * l - q * c)) / q;
    for (int k = 0; k < 3; k++)
        p[k] = s[k] + t * d[k];
    return true;
}

enum { SIDE = 500, EVERY = 11 };

/* A cloud over the middle of a cell hides the ground that the sight line meets beyond it; where that lies in the image
 * is known through PROJ. The corrected field must take that cell: within half a cell of rounding, and 0.05. */
static void check_clouds(const struct sq_grid *g, double height_m, int least_moved)
{
    static double p[SIDE / EVERY * SIDE / EVERY + 2000][3];
    static int at[sizeof p / sizeof *p];
    static bool meets[sizeof p / sizeof *p];
    struct sq_err err = {0};
    struct sq_crs_map *map = NULL;
    struct sq_field f = places(g);
    int n = 0, moved = 0;
    REQUIRE_OK(sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &map, &err));
    REQUIRE_OK(sq_parallax_correct(&f, height_m, NULL, &err));
    REQUIRE(f.parallax_corrected);
    for (int r = 3; r < SIDE; r += EVERY)
        for (int c = 5; c < SIDE; c += EVERY) {
            double x = sq_grid_x(g, c), y = sq_grid_y(g, r);
            sq_crs_forward(map, 1, &x, &y);
            REQUIRE(!isnan(x) || f.state[r * SIDE + c] == SQ_STATE_NO_COVERAGE);
            if (isnan(x) || isnan(f.value[r * SIDE + c]))
                continue;
            p[n][0] = x, p[n][1] = y, p[n][2] = height_m;
            at[n++] = r * SIDE + c;
        }
    cct("", n, p);
    for (int i = 0; i < n; i++)
        meets[i] = follow(p[i]);
    cct("-I", n, p);
    for (int i = 0; i < n; i++) {
        if (!meets[i])
            continue;
        REQUIRE_NEAR(p[i][2], 0, 0.01);
        sq_crs_inverse(map, 1, &p[i][0], &p[i][1]);
        double col = (p[i][0] - g->x0) / g->dx, row = (g->y0 - p[i][1]) / g->dy;
        int took = (int)f.value[at[i]];
        if (!(fabs(col - took % 1000) <= 0.55 && fabs(row - took / 1000) <= 0.55))
            fail_msg("cell %d, %d: seen at %.3f, %.3f, taken from %d, %d", at[i] / SIDE, at[i] % SIDE, row, col,
                     took / 1000, took % 1000);
        moved += took != at[i] / SIDE * 1000 + at[i] % SIDE;
    }
    REQUIRE(n > 1000 && moved >= least_moved);
    sq_field_finish(&f);
    sq_crs_map_destroy(&map);
}

static void clouds_come_from_where_the_sight_line_ends(void **state)
{
    (void)state;
    if (system("command -v cct >/dev/null 2>&1")) {
        print_message("# no cct: skipped\n");
        skip();
    }
    const struct sq_grid all = disk(GOES, SIDE);
    struct sq_grid plains = {.nx = SIDE, .ny = SIDE, .x0 = -1500000, .y0 = 4400000, .dx = 2004, .dy = 2004, .crs = GOES};
    check_clouds(&all, 18000, 200); /* with the rim; 22 km a cell, so that only the outer ones move */
    check_clouds(&plains, 3000, 1000);
    check_clouds(&plains, 12000, 1000);
}

/* Heights that are the same everywhere are the same height. */
static void heights_of_cells_agree_with_one_height(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_grid g = disk(MSG, 990);
    g.y0 -= 100 * g.dy; /* Europe in the upper rows */
    g.ny = 300;
    struct sq_field a = places(&g), b = places(&g);
    size_t n = sq_grid_cells(&g), moved = 0;
    float *top = malloc(n * sizeof *top);
    REQUIRE(top);
    for (size_t i = 0; i < n; i++)
        top[i] = 11000;
    REQUIRE_OK(sq_parallax_correct(&a, 11000, NULL, &err));
    REQUIRE_OK(sq_parallax_correct(&b, 0, top, &err));
    for (size_t i = 0; i < n; i++) {
        REQUIRE(isnan(a.value[i]) ? a.state[i] == SQ_STATE_NO_COVERAGE : a.value[i] == b.value[i] && a.state[i] == b.state[i]);
        moved += a.value[i] != (float)(i / 990 * 1000 + i % 990);
    }
    REQUIRE(moved > n / 4);
    sq_field_finish(&a);
    sq_field_finish(&b);
    /* and no clouds are no shift */
    for (size_t i = 0; i < n; i++)
        top[i] = i % 2 ? NAN : -50;
    a = places(&g);
    REQUIRE_OK(sq_parallax_correct(&a, 0, top, &err));
    for (size_t i = 0; i < n; i++)
        REQUIRE(a.value[i] == (float)(i / 990 * 1000 + i % 990) || a.state[i] == SQ_STATE_NO_COVERAGE);
    free(top);
    sq_field_finish(&a);
}

/* A tower of 15 km over the Alps, 3 km cells: seen to the north, and moved back with what lies under it; the ground that it
 * hides, north of it, is not known. */
static void a_tower_moves_back_and_hides_the_ground_behind(void **state)
{
    (void)state;
    enum { N = 60, TOWER = 12 };
    struct sq_err err = {0};
    struct sq_field f = {0};
    struct sq_grid g = {.nx = N, .ny = N, .x0 = 0, .y0 = 4400000, .dx = 3000, .dy = 3000, .crs = MSG};
    float top[N * N];
    REQUIRE_OK(sq_field_init(&f, &g, &err));
    REQUIRE_OK(sq_alloc((void **)&f.quality, N * N, sizeof *f.quality, "", &err));
    for (int i = 0; i < N * N; i++) {
        bool tower = abs(i / N - 30) < TOWER / 2 && abs(i % N - 30) < TOWER / 2;
        top[i] = tower ? 15000 : NAN;
        f.value[i] = tower ? 210 : 290;
        f.quality[i] = tower ? 0.25f : 1;
        f.state[i] = SQ_STATE_VALID;
    }
    REQUIRE_OK(sq_parallax_correct(&f, 0, top, &err));
    int tall = 0, hidden = 0, row = 0;
    for (int i = 0; i < N * N; i++) {
        tall += f.value[i] == 210;
        row += f.value[i] == 210 ? i / N : 0;
        hidden += f.state[i] == SQ_STATE_MISSING;
        REQUIRE(isnan(f.value[i]) == (f.state[i] == SQ_STATE_MISSING || f.state[i] == SQ_STATE_NO_COVERAGE));
        REQUIRE(isnan(f.value[i]) ? isnan(f.quality[i]) : f.quality[i] == (f.value[i] == 210 ? 0.25f : 1));
    }
    /* Row 30 is seen under 0.1204 rad, so at 42164 / 6370 sin(0.1204) = sin of 53 degrees from the zenith: a tower of
     * 15 km reaches 12 km across the sight, where a cell of 3000 m / 35786 km has 3.23 km: 3.7 cells */
    REQUIRE_NEAR((double)row / tall, 30 + 3.7, 0.5);
    REQUIRE_NEAR(tall, 11 * 11, 12);
    REQUIRE_NEAR(hidden, 3.7 * 11, 12);
    REQUIRE(f.value[30 * N + 5] == 290 && f.value[50 * N + 30] == 290);
    sq_field_finish(&f);
}

static void other_maps_are_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_grid g = {.nx = 4, .ny = 3, .dx = 1, .dy = 1, .crs = SQ_CRS_LONLAT};
    struct sq_field f = places(&g);
    REQUIRE_STATUS(sq_parallax_correct(&f, 9000, NULL, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "geostationary") && f.value[5] == 1001 && !f.parallax_corrected);
    sq_field_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_ground_it_is_the_view_of_proj),
        cmocka_unit_test(clouds_come_from_where_the_sight_line_ends),
        cmocka_unit_test(heights_of_cells_agree_with_one_height),
        cmocka_unit_test(a_tower_moves_back_and_hides_the_ground_behind),
        cmocka_unit_test(other_maps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
