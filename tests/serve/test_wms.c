/* The Web Map Service: maps against tiles, against PROJ and the forecast file, and what Python and GDAL make of it. */
#include "small_site.h"

#include "layer.h"

#include "core/crs.h"

#define WMS "/wms?SERVICE=WMS&VERSION=1.3.0&"
#define MAP WMS "REQUEST=GetMap&FORMAT=image/png&TRANSPARENT=TRUE&STYLES="
#define NOW "&DIM_REFERENCE_TIME=2016-07-11T22:00:00Z"

static struct small_png map, other;

static int differing(int pixels)
{
    int n = 0;
    for (int i = 0; i < pixels; i++)
        n += map.index[i] != other.index[i];
    return n;
}

/* Where a map is a tile, it shows the tile. */
static void maps_are_tiles(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *tile, *more, *lead;
    } pair[] = {{"probability", "prob", "", "20"},
                {"probability", "prob-2.3", "&dim_Threshold=2.3", "20"},
                {"percentile", "median", "", "60"},
                {"percentile", "p37.5", "&DIM_PERCENTILE=37.5", "5"},
                {"mean", "mean", "", "20"},
                {"near10", "near10-1", "&DIM_THRESHOLD=1", "20"},
                {"coverage", "coverage", "", "20"},
                {"within30", "within30-1", "&DIM_THRESHOLD=1", NULL},
                {"quality", "quality", "", NULL},
                {"observed", "observed", "", "0"}};
    struct sq_site *s = small_site_of(&small_grids[0]);
    const double half = 6378137 * M_PI, side = 2 * half / 256; /* z 8 */
    int x = 58, y = 98, kinds = 0;
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        char target[512], time[64] = "";
        int seen[256] = {0};
        if (pair[i].lead)
            snprintf(time, sizeof time, "&TIME=2016-07-11T%02d:%02d:00.000Z", atoi(pair[i].lead) < 60 ? 22 : 23,
                     atoi(pair[i].lead) % 60);
        snprintf(target, sizeof target, MAP "&LAYERS=%s%s%s&CRS=EPSG:3857&WIDTH=256&HEIGHT=256&BBOX=%.6f,%.6f,%.6f,%.6f",
                 pair[i].layer, pair[i].more, time, x * side - half, half - (y + 1) * side, (x + 1) * side - half,
                 half - y * side);
        ask_png(s, target, &map);
        snprintf(target, sizeof target, "/tiles/%s/latest/%s/8/%d/%d.png", pair[i].tile, pair[i].lead ? pair[i].lead : "0", x, y);
        ask_png(s, target, &other);
        if (differing(256 * 256) > 8) /* centres within rounding of an edge of cells */
            fail_msg("%s: %d pixels differ", target, differing(256 * 256));
        assert_memory_equal(map.rgba, other.rgba, sizeof map.rgba);
        for (int k = 0; k < 256 * 256; k++)
            kinds += !seen[map.index[k]]++;
    }
    REQUIRE(kinds > 40);
    sq_site_destroy(&s);
}

/* Pixels of a map of degrees against the forecast file through PROJ. */
static void check_grid(const struct small_grid *g)
{
    struct sq_err err = {0};
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    const struct sq_forecast *f;
    struct sq_crs_map *to_grid = NULL;
    struct sq_classes c;
    struct sq_site *s = small_site_of(g);
    double box[4], size[2];
    char target[512];
    int wrong = 0, shown = 0;
    REQUIRE_OK(sq_product_open(test_path("squall_20160711T2200Z.nc"), &f, &r, &err));
    REQUIRE_OK(sq_lead_init(&lead, f, &err));
    REQUIRE_OK(sq_product_get(r, 1, &lead, &err)); /* minute 10 */
    REQUIRE_OK(sq_crs_bounds(&f->grid, box, &err));
    REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, f->grid.crs, &to_grid, &err));
    REQUIRE(sq_classes_find(SQ_PROBABILITY, "", &c));
    const struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    box[3] = fmin(box[3], 89.5);
    for (int k = 0; k < 2; k++)
        size[k] = (box[2 + k] - box[k]) / 512; /* decoding takes 512 at most */
    snprintf(target, sizeof target, MAP "&LAYERS=probability&DIM_THRESHOLD=2.3&TIME=2016-07-11T22:10Z&CRS=CRS:84&WIDTH=512"
             "&HEIGHT=512&BBOX=%.10f,%.10f,%.10f,%.10f", box[0], box[1], box[2], box[3]);
    ask_png(s, target, &map);
    snprintf(target, sizeof target, MAP "&LAYERS=probability&DIM_THRESHOLD=2.3&TIME=2016-07-11T22:10Z&CRS=EPSG:4326&WIDTH=512"
             "&HEIGHT=512&BBOX=%.10f,%.10f,%.10f,%.10f", box[1], box[0], box[3], box[2]);
    ask_png(s, target, &other);
    assert_int_equal(differing(512 * 512), 0); /* latitude comes first there */
    for (int i = 0; i < 512; i += 5)
        for (int j = 0; j < 512; j += 5) {
            double x = box[0] + (j + 0.5) * size[0], y = box[3] - (i + 0.5) * size[1];
            int got = map.index[i * 512 + j];
            bool right = false;
            if (got == SQ_INDEX_FIRST + c.n) /* the hatching */
                got = SQ_INDEX_NONE;
            sq_crs_forward(to_grid, 1, &x, &y);
            for (int k = 0; k < 4 && !right; k++) {
                double nudge_x = k & 1 ? 0.02 : -0.02, nudge_y = k & 2 ? 0.02 : -0.02; /* of a cell */
                double col = floor((x - f->grid.x0) / f->grid.dx + 0.5 + nudge_x);
                double row = floor((f->grid.y0 - y) / f->grid.dy + 0.5 + nudge_y);
                int want = SQ_INDEX_NONE;
                if (col >= 0 && row >= 0 && col < f->grid.nx && row < f->grid.ny) {
                    float p[SQ_THRESHOLD_MAX];
                    size_t at = (size_t)row * (size_t)f->grid.nx + (size_t)col;
                    for (int t = 0; t < f->n_threshold; t++)
                        p[t] = lead.prob[(size_t)t * sq_grid_cells(&f->grid) + at];
                    float v = isnan(p[0]) ? NAN : sq_distribution_exceed(&d, p, 2.3f);
                    int n = 0;
                    while (n < c.n && v >= c.edge[n])
                        n++;
                    want = isnan(v) ? SQ_INDEX_NONE : n ? SQ_INDEX_FIRST + n - 1 : SQ_INDEX_DRY;
                }
                right = got == want;
            }
            wrong += !right;
            shown += got >= SQ_INDEX_FIRST;
        }
    if (wrong || shown < 100)
        fail_msg("%s: %d pixels show another cell, %d rain", g->name, wrong, shown);
    sq_crs_map_destroy(&to_grid);
    sq_lead_finish(&lead);
    sq_product_close(&r);
    sq_site_destroy(&s);
}

static void maps_show_the_forecast(void **state)
{
    (void)state;
    for (int i = 0; i < SMALL_GRIDS; i++) {
        check_grid(&small_grids[i]);
        test_end(NULL);
    }
}

static void refused(struct sq_site *s, const char *target, const char *code)
{
    char wanted[64];
    char *body = body_of(s, target);
    snprintf(wanted, sizeof wanted, code ? "<ServiceException code=\"%s\">" : "<ServiceException>", code);
    if (!strstr(body, "<ServiceExceptionReport version=\"1.3.0\"") || !strstr(body, wanted))
        fail_msg("%s: %s", target, body);
    free(body);
}

#define PLACE "&CRS=CRS:84&WIDTH=64&HEIGHT=64&BBOX=-99,37,-96,40"

static void what_it_cannot_do_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *target, *code;
    } bad[] = {
        {"/wms", "OperationNotSupported"},
        {WMS "REQUEST=GetTile", "OperationNotSupported"},
        {"/wms?SERVICE=WFS&REQUEST=GetCapabilities", NULL},
        {"/wms?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap", NULL},
        {WMS "REQUEST=GetMap&FORMAT=image/jpeg&LAYERS=mean" PLACE, "InvalidFormat"},
        {MAP "&LAYERS=", "LayerNotDefined"},
        {MAP "&LAYERS=mean,mean" PLACE, "LayerNotDefined"},
        {MAP "&LAYERS=%3Cb%3E" PLACE, "LayerNotDefined"},
        {MAP "none&LAYERS=mean" PLACE, "StyleNotDefined"},
        {MAP "&LAYERS=mean&CRS=EPSG:2056&WIDTH=64&HEIGHT=64&BBOX=1,2,3,4", "InvalidCRS"},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=2049&HEIGHT=64&BBOX=1,2,3,4", NULL},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=64&HEIGHT=0&BBOX=1,2,3,4", NULL},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=64&HEIGHT=64&BBOX=3,2,1,4", NULL},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=64&HEIGHT=64&BBOX=1,2,3,nan", NULL},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=64&HEIGHT=64&BBOX=1,2,3", NULL},
        {MAP "&LAYERS=mean&CRS=CRS:84&WIDTH=64&HEIGHT=64&BBOX=1,2,3,4,5", NULL},
        {MAP "&LAYERS=mean&TIME=2016-07-11T22:07Z" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=mean&TIME=2016-07-11T22:05Z/2016-07-11T22:10Z" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=mean&DIM_REFERENCE_TIME=2016-07-11T21:00Z" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=observed&TIME=2016-07-11T22:05Z" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=probability&DIM_THRESHOLD=99" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=probability&DIM_THRESHOLD=1,5" PLACE, "InvalidDimensionValue"},
        {MAP "&LAYERS=percentile&DIM_PERCENTILE=100" PLACE, "InvalidDimensionValue"},
        {WMS "REQUEST=GetMap&FORMAT=image/png&LAYERS=mean&BGCOLOR=red" PLACE, NULL},
        {WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=mean&I=64&J=0" PLACE, "InvalidPoint"},
        {WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=mean&I=1" PLACE, "InvalidPoint"},
        {WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=coverage&I=1&J=1" PLACE, "LayerNotQueryable"},
        {WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=mean&I=1&J=1&INFO_FORMAT=text/html" PLACE, "InvalidFormat"},
        {WMS "REQUEST=GetLegendGraphic&LAYER=mean&STYLE=value", "StyleNotDefined"},
        {WMS "REQUEST=GetLegendGraphic&LAYER=mean&FORMAT=image/gif", "InvalidFormat"},
    };
    struct sq_site *s = small_site_of(&small_grids[0]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(s, bad[i].target, bad[i].code);
    sq_site_destroy(&s);
    test_end(NULL);
    s = small_site(); /* nothing yet */
    refused(s, MAP "&LAYERS=mean" PLACE, NULL);
    refused(s, MAP "&LAYERS=observed" PLACE, "InvalidDimensionValue");
    char *body = body_of(s, WMS "REQUEST=GetCapabilities");
    REQUIRE(strstr(body, "</WMS_Capabilities>") && !strstr(body, "<Dimension"));
    free(body);
    sq_site_destroy(&s);
}

/* Without a reference time the newest forecast of the time answers, and that answer is not kept for long. */
static void the_newest_forecast_of_a_time_answers(void **state)
{
    (void)state;
    static const struct {
        const char *dimensions, *run, *valid;
        const char *cache;
    } want[] = {
        {"", "20160711T2210Z", "2016-07-11T22:15:00Z", "public, max-age=30"},
        {"&TIME=2016-07-11T22:20:00Z", "20160711T2210Z", "2016-07-11T22:20:00Z", "public, max-age=30"},
        {"&TIME=2016-07-11T22:05:00Z", "20160711T2200Z", "2016-07-11T22:05:00Z", "public, max-age=30"},
        {"&TIME=current" NOW, "20160711T2200Z", "2016-07-11T22:05:00Z", "public, max-age=30"},
        {"&time=2016-07-11T22:20:00Z&dim_reference_time=2016-07-11T22:00Z", "20160711T2200Z", "2016-07-11T22:20:00Z",
         "public, max-age=600"},
    };
    small_file("squall_20160711T2210Z.nc", &small_grids[0], 600);
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    struct sq_site *s = small_site();
    REQUIRE(sq_store_scan(sq_site_store(s), SMALL_NOW + 600) == 2);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char target[512];
        snprintf(target, sizeof target, MAP "&LAYERS=mean%s" PLACE, want[i].dimensions);
        struct sq_response r = ask(s, target);
        assert_string_equal(r.type, "image/png");
        assert_string_equal(r.run, want[i].run);
        assert_string_equal(r.valid, want[i].valid);
        assert_string_equal(r.cache, want[i].cache);
        REQUIRE(r.etag[0]);
        struct sq_request again = {.method = "GET", .target = target, .if_none_match = r.etag, .now = SMALL_NOW};
        struct sq_response unchanged;
        sq_route(s, &again, &unchanged);
        assert_int_equal(unchanged.code, 304);
        sq_response_finish(&unchanged);
        sq_response_finish(&r);
    }
    sq_site_destroy(&s);
}

static void a_map_without_transparency_has_a_ground(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    ask_png(s, WMS "REQUEST=GetMap&FORMAT=image/png&STYLES=radar&LAYERS=mean&BGCOLOR=0x102030" PLACE, &map);
    REQUIRE(map.rgba[SQ_INDEX_DRY] == 0x102030ff && map.rgba[SQ_INDEX_NONE] != map.rgba[SQ_INDEX_DRY]);
    for (int i = 0; i < map.n_palette; i++)
        assert_int_equal(map.rgba[i] & 0xff, 0xff);
    ask_png(s, MAP "radar&LAYERS=mean" PLACE, &other);
    assert_int_equal(differing(64 * 64), 0);
    assert_int_equal(other.rgba[SQ_INDEX_DRY], 0);
    assert_int_equal(other.rgba[SQ_INDEX_FIRST], map.rgba[SQ_INDEX_FIRST]);
    sq_site_destroy(&s);
}

/* The numbers at a pixel are those of /point. */
static void numbers_are_those_of_the_place(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    const char *ask_info = WMS "REQUEST=GetFeatureInfo&LAYERS=probability&QUERY_LAYERS=probability&I=32&J=32&DIM_THRESHOLD=1" PLACE;
    char target[512], line[64];
    snprintf(target, sizeof target, "%s&INFO_FORMAT=application/json", ask_info);
    char *json = body_of(s, target), *point = body_of(s, "/point?lon=-97.4765625&lat=38.4765625"), *text = body_of(s, ask_info);
    assert_string_equal(json, point);
    REQUIRE(is_json(json) && strstr(json, "\"covered\":true"));
    const char *row = strstr(json, "\"probability\":[[");
    REQUIRE(row);
    double second = atof(strchr(row + 16, ',') + 1); /* the first lead, at 1 mm/h */
    const char *at = strstr(text, "\n2016-07-11T22:05:00Z ");
    REQUIRE(at && strstr(text, "Probability of at least 1 mm/h, 1\nat -97.47656 E, 38.47656 N\n"));
    REQUIRE(second > 0.01 && fabs(atof(at + 22) - second) < 1e-3);
    free(json);
    free(point);
    free(text);
    snprintf(target, sizeof target, WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=observed&I=32&J=32" PLACE "&INFO_FORMAT=application/json");
    json = body_of(s, target);
    REQUIRE(is_json(json) && strstr(json, "\"valid\":\"2016-07-11T22:00:00Z\",\"rate\":"));
    free(json);
    text = body_of(s, WMS "REQUEST=GetFeatureInfo&QUERY_LAYERS=mean&I=0&J=0" PLACE);
    snprintf(line, sizeof line, "2016-07-11T23:00:00Z no coverage\n");
    REQUIRE(strstr(text, line));
    free(text);
    sq_site_destroy(&s);
}

static void from_outside(void **state)
{
    (void)state;
    char command[1024];
    struct sq_err err = {0};
    struct sq_server *s = NULL;
    struct sq_server_params p = {SQ_SERVER_DEFAULTS};
    const char *python = access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3";
    snprintf(command, sizeof command, "%s -c pass 2>/dev/null", python);
    if (system(command))
        skip();
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    p.folder = test_folder();
    p.port = 0;
    p.threads = 2;
    REQUIRE_OK(sq_server_start(&p, &s, &err));
    snprintf(command, sizeof command, "%s %s/tests/serve/wms.py %d %s >&2", python, SQ_SOURCE_DIR, sq_server_port(s),
             test_folder());
    int code = system(command);
    sq_server_stop(&s);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(maps_are_tiles),
        CASE(maps_show_the_forecast),
        CASE(what_it_cannot_do_is_refused),
        CASE(the_newest_forecast_of_a_time_answers),
        CASE(a_map_without_transparency_has_a_ground),
        CASE(numbers_are_those_of_the_place),
        CASE(from_outside),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
