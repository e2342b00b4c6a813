#include "test.h"

#include "core/crs.h"
#include "ingest.h"

#define OPERA "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84"
#define SWISS \
    "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +k_0=1 +x_0=600000 +y_0=200000 +ellps=bessel " \
    "+towgs84=674.374,15.056,405.346,0,0,0,0 +units=m"
#define LAEA50 "+proj=laea +lat_0=50 +lon_0=10 +datum=WGS84"

/* The grids of the formats that squall reads, whole: columns, rows, first cell, cell, system. */
static const struct sq_grid sample[] = {
    {512, 512, -128000, 128000, 500, 500,
     "+proj=aea +lon_0=144.752 +lat_0=-37.852 +lat_1=-18 +lat_2=-36 +ellps=GRS80"},
    {512, 512, -127750, 127750, 500, 500,
     "+proj=aea +lon_0=153.24 +lat_0=-27.7178 +lat_1=-26.2 +lat_2=-29.3 +ellps=GRS80"},
    {760, 1226, 499.842, 1225044.845, 999.674, 999.629,
     "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=25 +x_0=380886.31 +y_0=3395677.92 +R=6371288"},
    {700, 765, 500, -3650500, 1000, 1000, "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378137 +b=6356752"},
    {710, 640, 255500, 479500, 1000, 1000, SWISS},
    {1900, 2200, 1000, -1000, 2000, 2000, OPERA},
    {3800, 4400, 500, -500, 1000, 1000, OPERA},
    {37, 48, -154199.3, -3412560.8, 2000, 2000, "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=14 +ellps=bessel"},
    {7000, 3500, 230.005, 54.995, 0.01, 0.01, SQ_CRS_LONLAT},
    {2500, 1500, -0.101332 * 35786023, 0.128212 * 35786023, 5.6e-5 * 35786023, 5.6e-5 * 35786023,
     "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80"},
    {2200, 1019, -3300000, 5568000, 3000, 3000, "+proj=geos +a=6378137 +b=6356752.3 +lon_0=0 +h=35785863"},
    {1799, 1059, -2697520.14, 1586693.85, 3000, 3000, "+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6371229"},
    {1440, 721, 0, 90, 0.25, 0.25, "+proj=longlat +R=6371229"},
    {315, 227, -5.842, 51.896, 0.025, 0.025, "+proj=longlat +R=6371229"},
    {900, 900, -522962.17, -3759144.72, 1000, 1000, "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6370040"},
    {1100, 1200, 0, 0, 1000, 1000,
     "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6378137 +b=6356752.3142451802 +x_0=543196.835 +y_0=3622588.862"},
};
enum { SAMPLES = sizeof sample / sizeof *sample };

static struct sq_grid grid(const char *crs, double west, double north, double cell, int nx, int ny)
{
    struct sq_grid g = {nx, ny, west + cell / 2, north - cell / 2, cell, cell, ""};
    snprintf(g.crs, sizeof g.crs, "%s", crs);
    return g;
}

static struct sq_regrid *plan(const struct sq_grid *from, const struct sq_grid *to, enum sq_regrid_method how)
{
    struct sq_err err = {0};
    struct sq_regrid *r = NULL;
    REQUIRE_OK(sq_regrid_create(from, to, how, &r, &err));
    return r;
}

static float *cells(const struct sq_grid *g, float value)
{
    float *p = malloc(sq_grid_cells(g) * sizeof *p);
    REQUIRE(p);
    for (size_t i = 0; i < sq_grid_cells(g); i++)
        p[i] = value;
    return p;
}

/* from -> to of a field given cell by cell; both freed by the caller. */
static float *regridded(const struct sq_grid *from, const float *src, const struct sq_grid *to,
                        enum sq_regrid_method how)
{
    struct sq_regrid *r = plan(from, to, how);
    float *dst = cells(to, -7);
    sq_regrid_apply(r, src, dst);
    sq_regrid_destroy(&r);
    return dst;
}

/* Bilinear interpolation of the column and row numbers gives the positions that the plan holds. */
static double worst_position(const struct sq_grid *from, const struct sq_grid *to, int *ret_compared)
{
    struct sq_err err = {0};
    float *col = cells(from, 0), *row = cells(from, 0);
    for (size_t i = 0; i < sq_grid_cells(from); i++) {
        col[i] = (float)(i % (size_t)from->nx);
        row[i] = (float)(i / (size_t)from->nx);
    }
    float *c = regridded(from, col, to, SQ_REGRID_BILINEAR), *r = regridded(from, row, to, SQ_REGRID_BILINEAR);
    struct sq_crs_map *m = NULL;
    REQUIRE_OK(sq_crs_map_create(to->crs, from->crs, &m, &err));
    double worst = 0, turn = sq_grid_geographic(from) ? 360 / from->dx : 0;
    *ret_compared = 0;
    for (int k = 0; k < 20000; k++) { /* scattered, and the same ones every time */
        size_t at = (size_t)k * 7919 % sq_grid_cells(to);
        double x = sq_grid_x(to, (double)(at % (size_t)to->nx)), y = sq_grid_y(to, (double)(at / (size_t)to->nx));
        sq_crs_forward(m, 1, &x, &y);
        double want_c = (x - from->x0) / from->dx, want_r = (from->y0 - y) / from->dy;
        if (turn > 0)
            want_c -= turn * floor((want_c + 0.5) / turn);
        bool in = want_c >= 0.2 && want_c <= from->nx - 1.2 && want_r >= 0.2 && want_r <= from->ny - 1.2;
        bool out = !(want_c >= -0.7 && want_c <= from->nx - 0.3 && want_r >= -0.7 && want_r <= from->ny - 0.3);
        if ((in && isnan(c[at])) || (out && !isnan(c[at])))
            fail_msg("%s -> %s: %.2f %.2f gave %g", to->crs, from->crs, want_c, want_r, (double)c[at]);
        if (!in)
            continue;
        worst = fmax(worst, hypot(want_c - (double)c[at], want_r - (double)r[at]));
        ++*ret_compared;
    }
    sq_crs_map_destroy(&m);
    free(col);
    free(row);
    free(c);
    free(r);
    return worst;
}

static void positions_are_those_of_proj(void **state)
{
    (void)state;
    struct sq_err err = {0};
    for (int k = 0; k < SAMPLES; k++) {
        const struct sq_grid *g = &sample[k];
        double box[4];
        int n;
        REQUIRE_OK(sq_crs_bounds(g, box, &err));
        int nx = g->nx < 600 ? g->nx : 600, ny = g->ny < 500 ? g->ny : 500;
        struct sq_grid to = {nx, ny, box[0], box[3] - 0.1, (box[2] - box[0]) / nx, (box[3] - box[1]) / ny, SQ_CRS_LONLAT};
        double worst = worst_position(g, &to, &n);
        if (!(worst < 0.1 && n > 1000))
            fail_msg("%s onto degrees: %g cells off in %d places", g->crs, worst, n);
        /* and the other way: each onto itself from degrees at its own resolution */
        struct sq_grid from = to;
        struct sq_grid few = *g;
        few.nx = few.nx > 700 ? 700 : few.nx;
        few.ny = few.ny > 700 ? 700 : few.ny;
        worst = worst_position(&from, &few, &n);
        if (!(worst < 0.1 && n > 1000))
            fail_msg("degrees onto %s: %g cells off in %d places", g->crs, worst, n);
    }
}

static void odd_shapes_of_the_earth_are_met(void **state)
{
    (void)state;
    int n;
    struct sq_grid disk = grid("+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80", -5434000, 5434000, 4000, 2717, 2717);
    struct sq_grid world = grid(SQ_CRS_LONLAT, -180, 90, 0.5, 720, 360);
    struct sq_grid pole = grid("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +R=6371229", -2000000, 2000000, 5000, 800, 800);
    struct sq_grid fiji = grid("+proj=merc +lon_0=180 +ellps=WGS84", -500000, 2000000, 1000, 1000, 700);
    REQUIRE(worst_position(&world, &disk, &n) < 0.1 && n > 10000);
    REQUIRE(worst_position(&world, &pole, &n) < 0.1 && n > 10000);
    REQUIRE(worst_position(&world, &fiji, &n) < 0.1 && n > 10000);
    REQUIRE(worst_position(&pole, &world, &n) < 0.1 && n > 1000);
    /* a disk seen from a grid that is mostly behind the earth: exact where it is seen, nothing elsewhere */
    float *src = cells(&disk, 1), *dst = regridded(&disk, src, &world, SQ_REGRID_BILINEAR);
    int seen = 0;
    for (size_t i = 0; i < sq_grid_cells(&world); i++)
        seen += dst[i] == 1;
    double share = (double)seen / (720.0 * 360);
    REQUIRE(share > 0.35 && share < 0.45); /* of the degrees; 0.42 of the sphere's area is in view */
    free(src);
    free(dst);
}

static void a_grid_onto_itself_changes_nothing(void **state)
{
    (void)state;
    struct sq_grid g = sample[9]; /* geostationary, corners in space */
    g.nx = 300;
    g.ny = 200;
    float *src = cells(&g, NAN);
    for (size_t i = 0; i < sq_grid_cells(&g); i++)
        src[i] = i % 7 ? (float)(i % 101) : NAN;
    for (enum sq_regrid_method how = SQ_REGRID_AUTO; how <= SQ_REGRID_AREA; how++) {
        float *dst = regridded(&g, src, &g, how);
        for (size_t i = 0; i < sq_grid_cells(&g); i++)
            REQUIRE(isnan(src[i]) ? isnan(dst[i]) : fabsf(dst[i] - src[i]) < 2e-2f); /* a float column: 1e-4 cells */
        free(dst);
    }
    free(src);
}

static void constants_stay_and_lines_stay_straight(void **state)
{
    (void)state;
    struct sq_grid from = sample[3], to = grid(LAEA50, -500000, 300000, 1700, 300, 300);
    float *src = cells(&from, 3.7f);
    for (enum sq_regrid_method how = SQ_REGRID_AUTO; how <= SQ_REGRID_AREA; how++) {
        float *dst = regridded(&from, src, &to, how);
        int n = 0;
        for (size_t i = 0; i < sq_grid_cells(&to); i++)
            if (!isnan(dst[i])) {
                REQUIRE_NEAR(dst[i], 3.7, 1e-5); /* rounding of a sum of weights */
                n++;
            }
        REQUIRE(n > 1000);
        free(dst);
    }
    to = from;
    to.x0 += 0.3 * to.dx;
    to.y0 -= 5.8 * to.dy;
    to.dx *= 0.7;
    to.nx -= 10;
    to.ny -= 10;
    for (size_t i = 0; i < sq_grid_cells(&from); i++)
        src[i] = 2.0f * (float)(i % (size_t)from.nx) - 0.5f * (float)(i / (size_t)from.nx);
    float *dst = regridded(&from, src, &to, SQ_REGRID_BILINEAR);
    for (int j = 0; j < to.ny; j++)
        for (int i = 0; i < to.nx; i++)
            REQUIRE_NEAR(dst[j * to.nx + i], 2 * (0.3 + 0.7 * i) - 0.5 * (5.8 + j), 1e-3);
    free(src);
    free(dst);
}

/* Not observed, dry and rain side by side never turn into one another. */
static void nothing_dry_and_rain_stay_distinct(void **state)
{
    (void)state;
    static const float thing[3] = {NAN, 0, 12.5f};
    struct sq_grid from = grid(LAEA50, -300000, 300000, 1000, 600, 600);
    struct sq_grid same = grid(LAEA50, -300000, 300000, 500, 1200, 1200);
    struct sq_grid coarse = grid(LAEA50, -300000, 300000, 4000, 150, 150);
    struct sq_grid other = grid(SWISS, 650000, 500000, 1000, 200, 200);
    const struct sq_grid *to[] = {&same, &coarse, &other};
    float *src = cells(&from, 0);
    for (size_t i = 0; i < sq_grid_cells(&from); i++)
        src[i] = thing[i % 600 / 200]; /* three stripes, 200 cells each */
    struct sq_err err = {0};
    for (int k = 0; k < 3; k++) {
        struct sq_crs_map *m = NULL;
        REQUIRE_OK(sq_crs_map_create(to[k]->crs, from.crs, &m, &err));
        for (enum sq_regrid_method how = SQ_REGRID_AUTO; how <= SQ_REGRID_AREA; how++) {
            float *dst = regridded(&from, src, to[k], how);
            for (size_t i = 0; i < sq_grid_cells(to[k]); i++) {
                double x = sq_grid_x(to[k], (double)(i % (size_t)to[k]->nx));
                double y = sq_grid_y(to[k], (double)(i / (size_t)to[k]->nx));
                sq_crs_forward(m, 1, &x, &y);
                double stripe = (x + 300000) / 200000, edge = fabs(stripe - round(stripe)) * 200; /* km */
                if (edge < 3 || stripe < 0 || stripe > 3 || fabs(y) > 297000)
                    continue;
                float want = thing[(int)stripe];
                if (!(isnan(want) ? isnan(dst[i]) : fabsf(dst[i] - want) < 1e-5f && (dst[i] != 0) == (want != 0)))
                    fail_msg("grid %d method %d: %g became %g", k, (int)how, (double)want, (double)dst[i]);
            }
            free(dst);
        }
        sq_crs_map_destroy(&m);
    }
    free(src);
}

static void half_of_the_weight_must_be_observed(void **state)
{
    (void)state;
    struct sq_grid from = grid(LAEA50, 0, 0, 1000, 4, 1), to = grid(LAEA50, 0, 0, 4000, 1, 1);
    to.dy = 1000;
    to.y0 = from.y0;
    const float three[4] = {NAN, NAN, NAN, 8}, two[4] = {NAN, 0, NAN, 8}, none[4] = {NAN, NAN, NAN, NAN};
    float out;
    struct sq_regrid *r = plan(&from, &to, SQ_REGRID_AREA);
    sq_regrid_apply(r, three, &out);
    REQUIRE(isnan(out));
    sq_regrid_apply(r, none, &out);
    REQUIRE(isnan(out));
    sq_regrid_apply(r, two, &out);
    REQUIRE_NEAR(out, 4, 1e-5); /* the mean of what was seen */
    sq_regrid_destroy(&r);
    /* bilinear, a quarter of a cell from an unobserved neighbour, and three quarters */
    to = grid(LAEA50, 2250, 0, 1000, 2, 1);
    r = plan(&from, &to, SQ_REGRID_BILINEAR);
    float pair[2];
    sq_regrid_apply(r, (const float[4]){1, 1, 6, NAN}, pair);
    REQUIRE_NEAR(pair[0], 6, 1e-5);
    REQUIRE(isnan(pair[1]));
    sq_regrid_destroy(&r);
}

/* Quality weighs among the cells that have one; what nobody knows counts by its area; 0 was not observed. */
static void quality_weighs_means(void **state)
{
    (void)state;
    const float n = NAN;
    struct sq_grid from = grid(LAEA50, 0, 0, 1000, 4, 1), to = grid(LAEA50, 0, 0, 4000, 1, 1);
    to.dy = 1000;
    to.y0 = from.y0;
    static const struct {
        float value[4], quality[4], want;
    } t[] = {
        {{2, 4, 6, 8}, {0.5f, 0.5f, 0.5f, 0.5f}, 5}, /* even weights are none */
        {{2, 4, 6, 8}, {1, 0.5f, 0.5f, 0}, 3.5f},    /* (2 + 2 + 3) / 2 */
        {{2, 4, 6, 8}, {NAN, NAN, NAN, NAN}, 5},
        {{2, 4, 6, 8}, {0.2f, 0.6f, NAN, NAN}, (2 * 3.5f + 14) / 4}, /* 3.5 = (0.2 x 2 + 0.6 x 4) / 0.8 for two cells */
        {{2, 4, NAN, 8}, {1, 0.5f, 1, 0}, 8 / 3.0f},                 /* half of it was observed */
        {{2, 4, 6, 8}, {0, 0, 0, 1}, NAN},                           /* a quarter of it */
        {{2, 4, 6, 8}, {0, 0, 1e-6f, 1e-6f}, 7},                     /* small weights are no small cover */
    };
    struct sq_regrid *r = plan(&from, &to, SQ_REGRID_AREA);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        float out, plain;
        sq_regrid_weighted(r, t[i].value, t[i].quality, &out);
        if (!(isnan(t[i].want) ? isnan(out) : fabsf(out - t[i].want) < 1e-5f)) /* floats of this size */
            fail_msg("case %zu: %g, not %g", i, (double)out, (double)t[i].want);
        sq_regrid_weighted(r, t[i].value, NULL, &out);
        sq_regrid_apply(r, t[i].value, &plain);
        REQUIRE(out == plain);
    }
    sq_regrid_destroy(&r);
    float pair[2];
    to = grid(LAEA50, 500, 0, 1000, 2, 1); /* centres on the first edges inside */
    r = plan(&from, &to, SQ_REGRID_BILINEAR);
    sq_regrid_weighted(r, (const float[4]){1, 3, 6, 6}, (const float[4]){0.25f, 0.75f, 0, n}, pair);
    REQUIRE_NEAR(pair[0], 2.5, 1e-5);
    REQUIRE_NEAR(pair[1], 3, 1e-5);
    sq_regrid_destroy(&r);
    r = plan(&from, &from, SQ_REGRID_NEAREST);
    float four[4];
    sq_regrid_weighted(r, (const float[4]){1, 3, 6, 6}, (const float[4]){0.25f, 0, NAN, 1}, four);
    REQUIRE(four[0] == 1 && isnan(four[1]) && four[2] == 6 && four[3] == 6);
    sq_regrid_destroy(&r);
}

/* Whatever the weights: a mean lies between the values, and a constant field stays one. */
static void weighted_means_stay_within_their_values(void **state)
{
    (void)state;
    struct sq_grid from = grid(LAEA50, -30000, 30000, 1000, 60, 60), to = grid(LAEA50, -30000, 30000, 2700, 22, 22);
    float *src = cells(&from, 3), *quality = cells(&from, 1), *dst = cells(&to, -7);
    for (int i = 0; i < 3600; i++)
        quality[i] = i % 7 == 0 ? NAN : i % 11 == 0 ? 0 : (float)(1 + i % 10) / 10; /* 0 in a few */
    for (int k = 0; k < 2; k++) {
        struct sq_regrid *r = plan(&from, &to, SQ_REGRID_AREA);
        sq_regrid_weighted(r, src, quality, dst);
        for (int i = 0; i < 22 * 22; i++)
            if (!(k ? dst[i] > 0.9999f && dst[i] < 5.0001f : fabsf(dst[i] - 3) < 1e-5f)) /* rounding of 9 floats */
                fail_msg("cell %d: %.7g", i, (double)dst[i]);
        sq_regrid_destroy(&r);
        for (int i = 0; i < 3600; i++)
            src[i] = (float)(1 + i % 5);
    }
    free(src);
    free(quality);
    free(dst);
}

static double total(const float *p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += isnan(p[i]) ? 0 : (double)p[i];
    return sum;
}

static void area_means_conserve_rain(void **state)
{
    (void)state;
    struct sq_grid from = grid(LAEA50, -300000, 300000, 1000, 600, 600);
    float *src = cells(&from, 0);
    for (int j = 0; j < 600; j++)
        for (int i = 0; i < 600; i++) { /* a storm of spikes, dry towards the rim */
            double r2 = (i - 310.0) * (i - 310.0) + (j - 280.0) * (j - 280.0);
            src[j * 600 + i] = (i * 7 + j * 13) % 5 ? 0 : (float)(50 * exp(-r2 / 5000));
        }
    double water = total(src, sq_grid_cells(&from)) * 1e6;
    const double cell[] = {2000, 3000, 2500, 1700, 50000};
    for (int k = 0; k < 5; k++) { /* tiles of one map: exact but for rounding */
        struct sq_grid to = grid(LAEA50, -300000, 300000, cell[k], (int)ceil(600000 / cell[k]), (int)ceil(600000 / cell[k]));
        float *dst = regridded(&from, src, &to, SQ_REGRID_AREA);
        REQUIRE_NEAR(total(dst, sq_grid_cells(&to)) * cell[k] * cell[k], water, 2e-5 * water);
        free(dst);
    }
    for (int k = 0; k < 4; k++) { /* two equal-area maps turned by 11 degrees */
        struct sq_grid to = grid("+proj=laea +lat_0=52 +lon_0=25 +datum=WGS84", -1500000, 400000, cell[k],
                                 (int)(800000 / cell[k]), (int)(900000 / cell[k]));
        float *dst = regridded(&from, src, &to, SQ_REGRID_AREA);
        REQUIRE_NEAR(total(dst, sq_grid_cells(&to)) * cell[k] * cell[k], water, 2e-3 * water);
        free(dst);
    }
    free(src);
}

static void the_method_follows_the_resolutions(void **state)
{
    (void)state;
    struct sq_grid from = grid(LAEA50, -30000, 30000, 1000, 60, 60);
    float *src = cells(&from, 0);
    for (size_t i = 0; i < sq_grid_cells(&from); i++)
        src[i] = (float)(i * 31 % 17);
    static const struct {
        double cell;
        enum sq_regrid_method want;
    } cases[] = {{500, SQ_REGRID_BILINEAR}, {1000, SQ_REGRID_BILINEAR}, {1400, SQ_REGRID_BILINEAR},
                 {1500, SQ_REGRID_AREA}, {4000, SQ_REGRID_AREA}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sq_grid to = grid(LAEA50, -20100, 20100, cases[k].cell, 10, 10);
        float *a = regridded(&from, src, &to, SQ_REGRID_AUTO), *b = regridded(&from, src, &to, cases[k].want);
        assert_memory_equal(a, b, 100 * sizeof *a);
        float *c = regridded(&from, src, &to,
                             cases[k].want == SQ_REGRID_AREA ? SQ_REGRID_BILINEAR : SQ_REGRID_AREA);
        if (cases[k].cell != 1000) /* there they are one and the same */
            REQUIRE(memcmp(a, c, 100 * sizeof *a));
        free(a);
        free(b);
        free(c);
    }
    free(src);
}

static void longitudes_wrap(void **state)
{
    (void)state;
    struct sq_grid mrms = grid(SQ_CRS_LONLAT, 230, 55, 0.1, 700, 350);
    struct sq_grid west = grid(SQ_CRS_LONLAT, -130, 55, 0.1, 700, 350);
    float *src = cells(&mrms, 0);
    for (size_t i = 0; i < sq_grid_cells(&mrms); i++)
        src[i] = (float)(i % 1009);
    float *dst = regridded(&mrms, src, &west, SQ_REGRID_NEAREST);
    assert_memory_equal(src, dst, sq_grid_cells(&mrms) * sizeof *src);
    free(dst);
    dst = regridded(&west, src, &mrms, SQ_REGRID_NEAREST);
    assert_memory_equal(src, dst, sq_grid_cells(&mrms) * sizeof *src);
    free(dst);
    free(src);

    /* round the world: the last column is the first one's neighbour, the poles have no hole */
    struct sq_grid gfs = sample[12], greenwich = grid(SQ_CRS_LONLAT, -1, 1, 0.05, 40, 40);
    struct sq_grid pole = grid("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +R=6371229", -100000, 100000, 1000, 200, 200);
    src = cells(&gfs, 0);
    for (size_t i = 0; i < sq_grid_cells(&gfs); i++)
        src[i] = (float)(10 * sin((double)(i % 1440) / 1440 * 2 * acos(-1)));
    for (enum sq_regrid_method how = SQ_REGRID_NEAREST; how <= SQ_REGRID_AREA; how++) {
        dst = regridded(&gfs, src, &greenwich, how);
        for (int i = 0; i < 1600; i++) {
            double lon = sq_grid_x(&greenwich, i % 40), half_a_cell = 0.125;
            double want = 10 * sin(lon * acos(-1) / 180), slope = 10 * acos(-1) / 180;
            REQUIRE_NEAR(dst[i], want, how == SQ_REGRID_BILINEAR ? 1e-4 : slope * half_a_cell * 1.01);
        }
        free(dst);
        dst = regridded(&gfs, src, &pole, how);
        for (int i = 0; i < 40000; i++)
            REQUIRE(fabsf(dst[i]) <= 10.001f);
        free(dst);
    }
    free(src);
}

static void states_go_to_the_nearest(void **state)
{
    (void)state;
    struct sq_grid from = grid(LAEA50, 0, 0, 1000, 3, 2), to = grid(LAEA50, -400, 400, 800, 5, 3);
    const uint8_t src[6] = {0, 1, 2, 4, 0, 3};
    uint8_t dst[15];
    struct sq_regrid *r = plan(&from, &to, SQ_REGRID_AUTO);
    sq_regrid_states(r, src, dst);
    /* centres at 0, 800, 1600, 2400, 3200 m: the first is on the edge and counts as inside */
    static const uint8_t want[15] = {0, 0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 4, 0, 3, 3};
    assert_memory_equal(dst, want, 15);
    sq_regrid_destroy(&r);
}

static void what_cannot_be_regridded_is_said(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_regrid *r = NULL;
    struct sq_grid a = grid(LAEA50, 0, 0, 1000, 10, 10), far = grid(LAEA50, 50000, 0, 1000, 10, 10), bad = a;
    REQUIRE_STATUS(sq_regrid_create(&a, &far, SQ_REGRID_AUTO, &r, &err), SQ_FAILED);
    REQUIRE(!r && strstr(err.text, "outside"));
    strcpy(bad.crs, "+proj=nowhere");
    REQUIRE_STATUS(sq_regrid_create(&a, &bad, SQ_REGRID_AUTO, &r, &err), SQ_FAILED);
    REQUIRE(!r && strstr(err.text, "nowhere"));
    bad = a;
    bad.dx = NAN;
    REQUIRE_STATUS(sq_regrid_create(&bad, &a, SQ_REGRID_AUTO, &r, &err), SQ_FAILED);
    REQUIRE(!r);
    sq_regrid_destroy(&r);
}

static void weights_worked_out_give_the_same(void **state)
{
    (void)state;
    const struct sq_grid from = grid(SQ_CRS_LONLAT, 5, 52, 0.05, 160, 120);
    const double sizes[] = {3000, 14000};
    float *src = cells(&from, 0);
    for (int i = 0; i < 160 * 120; i++)
        src[i] = i % 11 == 3 ? NAN : (float)(10 * sin(i % 160 / 9.0) * cos(i / 160 / 7.0));
    for (int k = 0; k < 2; k++)
        for (int how = SQ_REGRID_AUTO; how <= SQ_REGRID_AREA; how++) { /* beyond the edges, too */
            const struct sq_grid to = grid("+proj=laea +lat_0=49 +lon_0=9 +datum=WGS84", -350000, 350000, sizes[k],
                                           (int)(700000 / sizes[k]), (int)(700000 / sizes[k]));
            struct sq_regrid *r = plan(&from, &to, (enum sq_regrid_method)how);
            float *a = cells(&to, 1), *b = cells(&to, 2);
            int seen = 0;
            sq_regrid_apply(r, src, a);
            sq_regrid_prepare(r);
            sq_regrid_apply(r, src, b);
            for (size_t i = 0; i < sq_grid_cells(&to); i++) {
                REQUIRE(isnan(a[i]) == isnan(b[i]));
                seen += !isnan(a[i]);
                if (!isnan(a[i]))
                    REQUIRE_NEAR(a[i], b[i], 1e-4); /* sums of floats up to 10, in another order */
            }
            REQUIRE(seen > 100 && (size_t)seen < sq_grid_cells(&to));
            free(a);
            free(b);
            sq_regrid_destroy(&r);
        }
    free(src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_those_of_proj),
        cmocka_unit_test(odd_shapes_of_the_earth_are_met),
        cmocka_unit_test(a_grid_onto_itself_changes_nothing),
        cmocka_unit_test(constants_stay_and_lines_stay_straight),
        cmocka_unit_test(nothing_dry_and_rain_stay_distinct),
        cmocka_unit_test(half_of_the_weight_must_be_observed),
        cmocka_unit_test(quality_weighs_means),
        cmocka_unit_test(weighted_means_stay_within_their_values),
        cmocka_unit_test(area_means_conserve_rain),
        cmocka_unit_test(the_method_follows_the_resolutions),
        cmocka_unit_test(longitudes_wrap),
        cmocka_unit_test(states_go_to_the_nearest),
        cmocka_unit_test(weights_worked_out_give_the_same),
        cmocka_unit_test(what_cannot_be_regridded_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
