/* Pixels against the forecast file: every one shows the cell that cs2cs finds below its centre. */
#include "small_site.h"

#include "layer.h"
#include "warp.h"

#include "core/crs.h"

enum { POINTS = 1000 };

struct spot {
    int z, x, y, px, py;
    double lon, lat, col, row; /* in cells, by cs2cs */
};

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Pixels of random tiles over the grid and its surroundings, z 4 to 12. */
static void choose_spots(const struct sq_forecast *f, struct spot *s)
{
    struct sq_err err = {0};
    double box[4];
    uint64_t seed = 7;
    REQUIRE_OK(sq_crs_bounds(&f->grid, box, &err));
    for (int i = 0; i < POINTS; i++) {
        double n = 1 << (s[i].z = 4 + i % 9);
        double lon = box[0] + (1.1 * uniform(&seed) - 0.05) * (box[2] - box[0]);
        double lat = box[1] + (1.1 * uniform(&seed) - 0.05) * (box[3] - box[1]);
        double x = 256 * n * (lon + 180) / 360, y = 256 * n * (1 - asinh(tan(lat * (M_PI / 180))) / M_PI) / 2;
        s[i].x = (int)x / 256, s[i].px = (int)x % 256;
        s[i].y = (int)y / 256, s[i].py = (int)y % 256;
        s[i].lon = (s[i].x * 256 + s[i].px + 0.5) / (256 * n) * 360 - 180;
        s[i].lat = atan(sinh(M_PI * (1 - 2 * (s[i].y * 256 + s[i].py + 0.5) / (256 * n)))) * (180 / M_PI);
    }
}

/* Asks PROJ's program, which shares no code with the tiles; false where it is not installed. */
static bool ask_cs2cs(const struct sq_forecast *f, struct spot *s)
{
    char command[2 * SQ_CRS_MAX];
    FILE *in = fopen(test_path("spots"), "w"), *out;
    REQUIRE(in);
    if (system("command -v cs2cs >/dev/null"))
        return false;
    for (int i = 0; i < POINTS; i++)
        fprintf(in, "%.12f %.12f\n", s[i].lon, s[i].lat);
    fclose(in);
    snprintf(command, sizeof command, "cs2cs -f %%.9f +proj=longlat +datum=WGS84 +to %s < %s", f->grid.crs,
             test_path("spots"));
    REQUIRE((out = popen(command, "r")));
    for (int i = 0; i < POINTS; i++) {
        double x, y, z;
        REQUIRE(fscanf(out, "%lf %lf %lf", &x, &y, &z) == 3);
        s[i].col = (x - f->grid.x0) / f->grid.dx;
        s[i].row = (f->grid.y0 - y) / f->grid.dy;
    }
    return !pclose(out);
}

/* What the file says of a cell, in the classes of a layer. */
struct truth {
    const struct sq_forecast *f;
    struct sq_lead lead;
    float *observed;
};

static float value_of(const struct truth *t, const struct sq_layer *l, int row, int col)
{
    const struct sq_forecast *f = t->f;
    const struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    size_t cells = sq_grid_cells(&f->grid), at = (size_t)row * (size_t)f->grid.nx + (size_t)col;
    float p[SQ_THRESHOLD_MAX];
    if (row < 0 || col < 0 || row >= f->grid.ny || col >= f->grid.nx)
        return NAN;
    if (l->kind == SQ_LAYER_OBSERVED)
        return t->observed[at];
    for (int k = 0; k < f->n_threshold; k++)
        p[k] = t->lead.prob[(size_t)k * cells + at];
    if (isnan(p[0]))
        return NAN;
    return l->kind == SQ_LAYER_PROB         ? sq_distribution_exceed(&d, p, l->threshold_mmh)
           : l->kind == SQ_LAYER_PERCENTILE ? sq_distribution_quantile(&d, p, l->percentile / 100)
                                            : sq_distribution_mean(&d, p);
}

static int index_of(const struct sq_classes *c, float value)
{
    int k = 0;
    if (isnan(value))
        return SQ_INDEX_NONE;
    while (k < c->n && value >= c->edge[k])
        k++;
    return k ? SQ_INDEX_FIRST + k - 1 : SQ_INDEX_DRY;
}

/* How many of the spots show another class than their cell has. Positions are within 1/1000 pixel and 1/100 cell of
 * exact, so a spot that near to another cell may show that one. */
static int count_wrong(struct sq_site *s, const struct truth *t, const struct spot *spot, const char *name, const char *style)
{
    static struct small_png png;
    struct sq_layer l;
    struct sq_classes c;
    int wrong = 0;
    char target[160];
    REQUIRE(sq_layer_parse(name, &l) && sq_classes_find(sq_layer_quantity(&l), style, &c));
    for (int i = 0; i < POINTS; i++) {
        const struct spot *at = &spot[i];
        snprintf(target, sizeof target, "/tiles/%s/20160711T2200Z/%d/%d/%d/%d.png?style=%s", name,
                 l.kind == SQ_LAYER_OBSERVED ? 0 : 10, at->z, at->x, at->y, style);
        ask_png(s, target, &png);
        int got = png.index[at->py * 256 + at->px];
        if (got == SQ_INDEX_FIRST + c.n) /* the hatching */
            got = SQ_INDEX_NONE;
        bool right = false;
        for (int k = 0; k < 4 && !right; k++) {
            double dx = k & 1 ? 0.01 : -0.01, dy = k & 2 ? 0.01 : -0.01;
            right = got == index_of(&c, value_of(t, &l, (int)floor(at->row + 0.5 + dy), (int)floor(at->col + 0.5 + dx)));
        }
        wrong += !right;
    }
    return wrong;
}

static void check_grid(const struct small_grid *g, size_t first)
{
    static const struct {
        const char *layer, *style;
    } shown[] = {{"prob", ""}, {"prob-2.3", ""}, {"prob-2.3", "value"}, {"p50", ""}, {"p37", "value"},
                 {"mean", "radar"}, {"mean", "value"}, {"observed", ""}, {"observed", "value"}};
    struct sq_err err = {0};
    struct spot *spot = calloc(POINTS, sizeof *spot);
    struct sq_product_reader *r = NULL;
    struct truth t = {0};
    struct sq_site *s = small_site_of(g);
    REQUIRE_OK(sq_product_open(test_path("squall_20160711T2200Z.nc"), &t.f, &r, &err));
    REQUIRE_OK(sq_lead_init(&t.lead, t.f, &err));
    REQUIRE_OK(sq_product_get(r, 1, &t.lead, &err)); /* minute 10 */
    REQUIRE((t.observed = malloc(sq_grid_cells(&t.f->grid) * sizeof *t.observed)));
    REQUIRE_OK(sq_product_observed(r, t.observed, &err));
    choose_spots(t.f, spot);
    if (!ask_cs2cs(t.f, spot))
        skip();
    for (size_t i = first; i < sizeof shown / sizeof *shown; i += 3) { /* a third of them on each grid */
        int wrong = count_wrong(s, &t, spot, shown[i].layer, shown[i].style);
        if (wrong)
            fail_msg("%s, %s %s: %d of %d pixels show another cell's class", g->name, shown[i].layer, shown[i].style, wrong,
                     POINTS);
    }
    free(t.observed);
    sq_lead_finish(&t.lead);
    sq_product_close(&r);
    sq_site_destroy(&s);
    free(spot);
}

static void pixels_show_what_cs2cs_finds(void **state)
{
    (void)state;
    for (int i = 0; i < SMALL_GRIDS; i++) {
        check_grid(&small_grids[i], (size_t)i % 3);
        test_end(NULL);
    }
}

/* The largest distance, in pixels of the tile, of one square between where the warp and where PROJ itself puts a pixel. Cells
 * are made small, so that whole cells tell positions finely. All of its pixels lie in its box. */
static double check_square(const struct sq_warp *w, const struct sq_grid *g, struct sq_crs_map *map,
                           const struct sq_tile *tile, int x, int y, int *seen)
{
    int row[SQ_WARP_SIDE * SQ_WARP_SIDE], col[SQ_WARP_SIDE * SQ_WARP_SIDE], box[4], n = sq_warp_side(w);
    double worst = 0;
    enum sq_box kind = sq_warp_box(w, x, y, box);
    sq_warp_square(w, x, y, row, col);
    for (int i = 0; i < n * n; i++) {
        double at[2];
        if (row[i] < 0)
            continue;
        REQUIRE(kind != SQ_BOX_NONE);
        if (kind == SQ_BOX_KNOWN)
            REQUIRE(row[i] >= box[0] && row[i] <= box[2] && col[i] >= box[1] && col[i] <= box[3]);
        (*seen)++;
        if (i % 7)
            continue;
        sq_tile_lonlat(tile, x + i % n + 0.5, y + i / n + 0.5, at);
        sq_crs_forward(map, 1, &at[0], &at[1]);
        worst = fmax(worst, hypot(sq_grid_x(g, col[i]) - at[0], sq_grid_y(g, row[i]) - at[1]));
    }
    return worst;
}

static void positions_are_those_of_proj(void **state)
{
    (void)state;
    static const struct sq_tile tiles[] = {{.z = 3, .x = 4, .y = 2, .side = 256},
                                           {.z = 4, .x = 8, .y = 5, .side = 256},
                                           {.z = 5, .x = 16, .y = 10, .side = 512},
                                           {.z = 6, .x = 33, .y = 21, .side = 256},
                                           {.z = 7, .x = 66, .y = 43, .side = 512},
                                           {.z = 9, .x = 267, .y = 173, .side = 512},
                                           {.z = 0, .x = 0.52, .y = 0.33, .side = 32, .dx = 0.0002, .dy = 0.0002}};
    struct sq_err err = {0};
    struct sq_warp *w = NULL;
    struct sq_crs_map *map = NULL;
    REQUIRE_OK(sq_warp_create(&w, &err));
    for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
        double pixel_m = 40075016.7 * (tiles[t].dx > 0 ? tiles[t].dx : 1.0 / (1 << tiles[t].z) / tiles[t].side);
        double cell = pixel_m / 40, half = cell * 15000;
        struct sq_grid g = {30000, 30000, -half, half, cell, cell, "+proj=laea +lat_0=50 +lon_0=8 +datum=WGS84 +units=m"};
        double box[4], worst = 0;
        bool touches = false;
        int seen = 0;
        REQUIRE_OK(sq_crs_bounds(&g, box, &err));
        REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, g.crs, &map, &err));
        REQUIRE_OK(sq_warp_begin(w, &g, box, &tiles[t], &touches, &err));
        REQUIRE(touches);
        for (int y = 0; y < tiles[t].side; y += sq_warp_side(w))
            for (int x = 0; x < tiles[t].side; x += sq_warp_side(w))
                worst = fmax(worst, check_square(w, &g, map, &tiles[t], x, y, &seen) / pixel_m);
        REQUIRE(seen > 900);
        REQUIRE(worst < 0.1);           /* what is promised */
        REQUIRE(worst < 0.72 / 40 + 0.001); /* half a cell's diagonal: the reading of positions here */
        sq_crs_map_destroy(&map);
    }
    sq_warp_destroy(&w);
}

/* A row of pixels beyond the edge of a tile is the first row of its neighbour: pictures that lie across the seam show
 * the same as the tiles on both sides. */
static void tiles_join(void **state)
{
    (void)state;
    static struct small_png a, b, across;
    struct sq_site *s = small_site_of(&small_grids[4]); /* laea: 3800 km */
    for (int k = 0; k < 6; k++) {
        static const int at[6][3] = {{4, 8, 5}, {4, 7, 4}, {5, 16, 10}, {5, 15, 9}, {6, 33, 21}, {7, 66, 42}};
        int z = at[k][0], x = at[k][1], y = at[k][2], n = 1 << z;
        char target[128];
        snprintf(target, sizeof target, "/v2/radar/nowcast_20160711T2200Z_60/256/%d/%d/%d/2/0_0.png", z, x, y);
        ask_png(s, target, &a);
        snprintf(target, sizeof target, "/v2/radar/nowcast_20160711T2200Z_60/256/%d/%d/%d/2/0_0.png", z, x + 1, y);
        ask_png(s, target, &b);
        double lat = atan(sinh(M_PI * (1 - 2 * (y + 0.5) / n))) * (180 / M_PI), lon = (x + 1.0) / n * 360 - 180;
        snprintf(target, sizeof target, "/v2/radar/nowcast_20160711T2200Z_60/256/%d/%.12f/%.12f/2/0_0.png", z, lat, lon);
        ask_png(s, target, &across);
        int differ = 0, kinds[256] = {0};
        for (int i = 0; i < 256; i++)
            for (int j = 0; j < 256; j++) {
                int want = j < 128 ? a.index[i * 256 + 128 + j] : b.index[i * 256 + j - 128];
                differ += across.index[i * 256 + j] != want;
                kinds[want] = 1;
            }
        REQUIRE(differ <= 8); /* pixels whose centre is within rounding of an edge of cells */
        REQUIRE(k > 1 || kinds[SQ_INDEX_NONE]);
    }
    sq_site_destroy(&s);
}

static void no_coverage_is_not_dry(void **state)
{
    (void)state;
    static const char *const layer[] = {"prob", "median", "mean", "within30", "near10", "observed", "coverage"};
    static const char *const style[] = {"squall", "grey", "radar", "value"};
    static struct small_png png;
    struct sq_site *s = small_site_of(&small_grids[0]);
    char target[128];
    for (size_t l = 0; l < sizeof layer / sizeof *layer; l++)
        for (int k = 0; k < 4; k++) {
            int count[256] = {0}, side = k == 1 ? 512 : 256;
            if (l == 6 && k == 3)
                continue; /* coverage has no values */
            snprintf(target, sizeof target, "/tiles/%s/latest/%d/8/58/98%s.png?style=%s", layer[l], l == 5 ? 0 : 20,
                     side == 512 ? "@2x" : "", style[k]);
            ask_png(s, target, &png);
            assert_int_equal(png.side, side);
            for (int i = 0; i < side * side; i++)
                count[png.index[i]]++;
            if (!count[SQ_INDEX_NONE] || !count[SQ_INDEX_DRY])
                fail_msg("%s: %d without coverage, %d dry", target, count[SQ_INDEX_NONE], count[SQ_INDEX_DRY]);
            assert_int_equal(png.bits, k == 3 ? 8 : 4);
            if (k < 3) /* transparent, and veiled */
                REQUIRE((png.rgba[SQ_INDEX_DRY] & 255) == 0 && (png.rgba[SQ_INDEX_NONE] & 255) > 40);
        }
    REQUIRE(strstr(png.text, "squall:run=20160711T2200Z\n") && strstr(png.text, "squall:layer=coverage\n") &&
            strstr(png.text, "squall:model=small\n"));
    /* far away: nothing but no coverage */
    ask_png(s, "/tiles/prob/latest/20/5/30/20.png?style=value", &png);
    for (int i = 0; i < 256 * 256; i++)
        assert_int_equal(png.index[i], SQ_INDEX_NONE);
    sq_site_destroy(&s);
}

/* The chance within half an hour, to a class of half a percent: the greatest of the leads, and of what all of them apart
 * would have beyond that, a share. The mean over a disc lies between the least and the greatest. */
static void derived_layers_follow_the_leads(void **state)
{
    (void)state;
    static struct small_png within, lead[6], near, one;
    struct sq_site *s = small_site_of(&small_grids[0]);
    char target[128];
    int seen = 0, between = 0, lo = 255, hi = 0;
    ask_png(s, "/tiles/within30-1/latest/0/8/58/98.png?style=value", &within);
    for (int k = 0; k < 6; k++) {
        snprintf(target, sizeof target, "/tiles/prob-1/latest/%d/8/58/98.png?style=value", 5 * (k + 1));
        ask_png(s, target, &lead[k]);
    }
    for (int i = 0; i < 256 * 256; i++) {
        int most = 0;
        float none = 1;
        for (int k = 0; k < 6; k++) {
            most = lead[k].index[i] > most ? lead[k].index[i] : most;
            none *= lead[k].index[i] < 2 ? 1 : 1 - (float)(lead[k].index[i] - 1) / 200;
        }
        float p = (float)(most - 1) / 200, want = p + SQ_WINDOW_SHARE * (1 - none - p);
        if (most <= SQ_INDEX_NONE)
            REQUIRE(within.index[i] <= SQ_INDEX_FIRST); /* dry, or nothing known */
        else
            REQUIRE_NEAR((float)(within.index[i] - 1) / 200, want, 6.0f / 200);
        seen += most > 10;
    }
    REQUIRE(seen > 100);
    ask_png(s, "/tiles/near30-1/latest/10/8/58/98.png?style=value", &near);
    ask_png(s, "/tiles/prob-1/latest/10/8/58/98.png?style=value", &one);
    for (int i = 0; i < 256 * 256; i++) {
        assert_int_equal(near.index[i] == SQ_INDEX_NONE, one.index[i] == SQ_INDEX_NONE);
        if (one.index[i] == SQ_INDEX_NONE)
            continue;
        lo = one.index[i] < lo ? one.index[i] : lo;
        hi = one.index[i] > hi ? one.index[i] : hi;
        between += near.index[i] != one.index[i];
    }
    REQUIRE(between > 500 && hi > 100);
    for (int i = 0; i < 256 * 256; i++)
        REQUIRE(near.index[i] <= hi);
    ask_png(s, "/tiles/near1-1/latest/10/8/58/98.png?style=value", &near); /* a disc within the cell of 3 km */
    assert_memory_equal(near.index, one.index, 256 * 256);
    sq_site_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(pixels_show_what_cs2cs_finds),
        CASE(positions_are_those_of_proj),
        CASE(tiles_join),
        CASE(no_coverage_is_not_dry),
        CASE(derived_layers_follow_the_leads),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
