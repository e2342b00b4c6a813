/* The server without sockets: what is asked and what is answered. */
#include "small_site.h"

#include "gzip.h"
#include "tile_cache.h"
#include "text.h"
#include "warm.h"

#include "core/instant.h"

#include <pthread.h>
#include <zlib.h>

#define TILE "tiles/prob/20160711T2200Z/30/7/30/48.png" /* somewhere on the grid lcc */
#define LAYERS "prob", "near10", "near5.5-1", "prob-0.7", "p10", "p50", "median", "p99", "mean", "within30", "within60-2", "coverage", "quality"

/* ---- the index keeps its word ------------------------------------------------------------------------------ */

static void everything_that_is_advertised_is_there(void **state)
{
    (void)state;
    static const char *const layer[] = {LAYERS};
    struct sq_site *s = small_site_of(&small_grids[0]);
    char *index = body_of(s, "/index.json"), path[128];
    REQUIRE(is_json(index));
    REQUIRE(strstr(index, "\"run\":\"20160711T2200Z\"") && strstr(index, "\"leads\":[5,10,15,20,25,30,35,40,45,50,55,60]"));
    REQUIRE(strstr(index, "\"observed\":[0]") && strstr(index, "\"windows\":[30,60]"));
    REQUIRE(json_at(index, "generated") == SMALL_NOW && json_at(index, "next_expected") > SMALL_NOW);
    for (size_t l = 0; l < sizeof layer / sizeof *layer; l++)
        for (int lead = 5; lead <= 60; lead += 5) {
            snprintf(path, sizeof path, "/tiles/%s/20160711T2200Z/%d/0/0/0.png", layer[l], lead);
            assert_int_equal(code_of(s, path), 200);
            snprintf(path, sizeof path, "/tiles/%s/latest/%d/tilejson.json", layer[l], lead);
            assert_int_equal(code_of(s, path), 200);
        }
    assert_int_equal(code_of(s, "/tiles/observed/latest/0/12/0/4095@2x.png"), 200);
    assert_int_equal(code_of(s, "/tiles/coverage/latest/0/12/0/4095.png"), 200);
    assert_int_equal(code_of(s, "/prob/0.15/latest/5/1/0/0.png"), 200);
    assert_int_equal(code_of(s, "/percentile/33.3/latest/5/1/0/0.png"), 200);
    assert_int_equal(code_of(s, "/window/1/0-30/latest/1/0/0.png"), 200);
    free(index);
    sq_site_destroy(&s);
}

static void every_path_of_rainviewer_is_there(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    char *maps = body_of(s, "/public/weather-maps.json"), path[256];
    int n = 0;
    REQUIRE(is_json(maps) && strstr(maps, "\"host\":\"http://localhost:8080\"") && strstr(maps, "\"infrared\":[]"));
    for (const char *at = maps; (at = strstr(at, "\"path\":\"")); n++) {
        int length = (int)strcspn(at += 8, "\"");
        static const char *const rest[] = {"/256/4/3/6/2/1_1.png", "/512/7/30/48/99/0_0.png", "/256/6/38.5/-97.5/6/1_0.png"};
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "%.*s%s", length, at, rest[i]);
            assert_int_equal(code_of(s, path), 200);
        }
    }
    assert_int_equal(n, 1 + 12);
    assert_int_equal(code_of(s, "/v2/radar/latest/256/0/0/0/0/0_0.png"), 200);
    assert_int_equal(code_of(s, "/v2/coverage/0/256/7/30/48/0/0_0.png"), 200);
    assert_int_equal(code_of(s, "/v2/coverage/0/256/7/30/48.png"), 200);
    assert_int_equal(code_of(s, "/v2/radar/1468274401/256/0/0/0/0/0_0.png"), 404);
    assert_int_equal(code_of(s, "/v2/radar/nowcast_20160711T2200Z_7/256/0/0/0/0/0_0.png"), 404);
    assert_int_equal(code_of(s, "/v2/radar/nowcast_20160711T2200Z/256/0/0/0/0/0_0.png"), 400);
    assert_int_equal(code_of(s, "/v2/radar/latest/300/0/0/0/0/0_0.png"), 400);
    assert_int_equal(code_of(s, "/v2/radar/latest/256/0/0/0/0/0_0.webp"), 404);
    free(maps);
    sq_site_destroy(&s);
}

static void without_a_forecast_it_says_so(void **state)
{
    (void)state;
    struct sq_site *s = small_site();
    char *index = body_of(s, "/index.json"), *maps = body_of(s, "/public/weather-maps.json");
    REQUIRE(is_json(index) && is_json(maps));
    assert_int_equal(code_of(s, "/tiles/prob/latest/5/0/0/0.png"), 503);
    assert_int_equal(code_of(s, "/point?lon=1&lat=1"), 503);
    assert_int_equal(code_of(s, "/v2/coverage/0/256/0/0/0/0/0_0.png"), 503);
    assert_int_equal(code_of(s, "/readyz"), 503);
    assert_int_equal(code_of(s, "/healthz"), 503);
    assert_int_equal(code_of(s, "/metrics"), 200);
    free(index);
    free(maps);
    sq_site_destroy(&s);
}

/* ---- caching ------------------------------------------------------------------------------------------------ */

static unsigned long long painted(struct sq_site *s)
{
    char *metrics = body_of(s, "/metrics");
    unsigned long long n = strtoull(strstr(metrics, "\nsquall_tile_cache_misses_total ") + 32, NULL, 10);
    free(metrics);
    return n;
}

static void what_a_client_has_is_not_painted_again(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_response first = ask(s, "/" TILE), second;
    struct sq_request q = {.method = "GET", .target = "/" TILE, .now = SMALL_NOW};
    assert_int_equal(first.code, 200);
    assert_string_equal(first.cache, "public, max-age=31536000, immutable");
    REQUIRE(first.etag[0] == '"' && painted(s) == 1);
    second = ask(s, "/" TILE); /* from the cache: the very same bytes */
    REQUIRE(second.body == first.body && second.n == first.n && painted(s) == 1);
    sq_response_finish(&second);
    sq_response_finish(&first);

    char other[64], list[128];
    first = ask(s, "/" TILE);
    snprintf(list, sizeof list, "\"0123\", %s", first.etag);
    q.if_none_match = list;
    sq_route(s, &q, &second);
    REQUIRE(second.code == 304 && !second.body && !second.n && !strcmp(second.etag, first.etag));
    sq_response_finish(&second);
    q.target = "/tiles/prob/20160711T2200Z/35/7/30/48.png"; /* another lead: never painted, other contents */
    sq_route(s, &q, &second);
    REQUIRE(second.code == 200 && strcmp(second.etag, first.etag) != 0);
    snprintf(other, sizeof other, "%s", second.etag);
    sq_response_finish(&second);
    sq_site_destroy(&s);

    s = small_site(); /* the same file in another server: the ETag holds, and nothing is painted */
    REQUIRE(sq_store_scan(sq_site_store(s), SMALL_NOW) == 1);
    q.if_none_match = other;
    sq_route(s, &q, &second);
    REQUIRE(second.code == 304 && painted(s) == 0);
    sq_response_finish(&second);
    sq_response_finish(&first);
    sq_site_destroy(&s);
}

static void the_newest_is_named_and_kept_briefly(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_response newest = ask(s, "/tiles/median/latest/30/7/30/48.png?style=radar"), fixed;
    assert_string_equal(newest.cache, "public, max-age=30");
    assert_string_equal(newest.run, "20160711T2200Z");
    assert_string_equal(newest.valid, "2016-07-11T22:30:00Z");
    fixed = ask(s, newest.location);
    REQUIRE(fixed.code == 200 && fixed.body == newest.body && !strcmp(fixed.etag, newest.etag));
    REQUIRE(strstr(fixed.cache, "immutable"));
    sq_response_finish(&newest);
    sq_response_finish(&fixed);
    sq_site_destroy(&s);
}

/* Asks as one who takes gzip. */
static struct sq_response ask_packed(struct sq_site *s, const char *target, const char *if_none_match)
{
    struct sq_response r;
    const struct sq_request q = {.method = "GET", .target = target, .host = "localhost:8080", .now = SMALL_NOW,
                                 .accept_encoding = "br, gzip;q=0.8", .if_none_match = if_none_match};
    sq_route(s, &q, &r);
    return r;
}

static void texts_are_packed_for_those_who_take_that(void **state)
{
    (void)state;
    static const char *const text[] = {"/index.json", "/viewer/leaflet.min.js", "/land/2/1/1.json", "/about",
                                       "/wms?REQUEST=GetCapabilities", "/point?lon=-97.5&lat=38.6"};
    static unsigned char room[1 << 20];
    struct sq_site *s = small_site_of(&small_grids[0]);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct sq_response plain = ask(s, text[i]), packed = ask_packed(s, text[i], NULL), again;
        z_stream z = {.next_in = (void *)packed.body, .avail_in = (uInt)packed.n, .next_out = room, .avail_out = sizeof room};
        REQUIRE(plain.code == 200 && !plain.encoding && packed.code == 200 && !strcmp(packed.type, plain.type));
        if (plain.n < 700) /* land without land, say */
            REQUIRE(!packed.encoding);
        else
            REQUIRE(!strcmp(packed.encoding, "gzip") && 3 * packed.n < 2 * plain.n && !strncmp(packed.etag, "W/\"", 3) &&
                    inflateInit2(&z, 15 + 16) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == plain.n &&
                    !memcmp(room, plain.body, plain.n) && inflateEnd(&z) == Z_OK);
        again = ask_packed(s, text[i], packed.etag);
        REQUIRE(again.code == 304 && !again.n && !strcmp(again.etag, packed.etag));
        sq_response_finish(&again);
        sq_response_finish(&packed);
        sq_response_finish(&plain);
    }
    struct sq_response tile = ask_packed(s, "/" TILE, NULL);
    REQUIRE(tile.code == 200 && !tile.encoding && tile.etag[0] == '"');
    sq_response_finish(&tile);
    sq_site_destroy(&s);
    REQUIRE(sq_takes_gzip("gzip") && sq_takes_gzip("deflate , GZIP; q=0.5") && sq_takes_gzip("*"));
    REQUIRE(!sq_takes_gzip(NULL) && !sq_takes_gzip("") && !sq_takes_gzip("identity") && !sq_takes_gzip("gzip;q=0") &&
            !sq_takes_gzip("gzip;q=0.000, *") && !sq_takes_gzip("xgzip, gzipx"));
}

static void it_says_whose_data_it_is(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_site *s = NULL;
    const struct sq_site_params p = {.folder = test_folder(), .keep = 3, .cache_bytes = 1 << 20, .stale_s = 1800,
                                     .attribution = "Radar: <A & B>"};
    struct sq_forecast f = small_hour(&small_grids[0], 0);
    REQUIRE((f.sources = strdup("abi13: 3 of 3\nhrrr: 1 of 1")));
    REQUIRE_OK(small_write(test_path("squall_20160711T2200Z.nc"), &f, f.n_lead, &err));
    sq_forecast_finish(&f);
    REQUIRE_OK(sq_site_create(&p, &s, &err));
    REQUIRE(sq_store_scan(sq_site_store(s), SMALL_NOW) == 1);
    char *about = body_of(s, "/about"), *index = body_of(s, "/index.json"), *wms = body_of(s, "/wms?REQUEST=GetCapabilities"),
         *tiles = body_of(s, "/tiles/prob/latest/30/tilejson.json");
    REQUIRE(strstr(about, "Radar: &lt;A &amp; B&gt;") && strstr(about, SQ_VERSION) && strstr(about, "Apache") &&
            strstr(about, "abi13: 3 of 3") &&
            strstr(about, "2016-07-11T22:00:00Z") && !strstr(about, "<script"));
    REQUIRE(strstr(index, "\"attribution\":\"Radar: <A & B>\"") && strstr(tiles, "\"attribution\":\"Radar: <A & B>\""));
    REQUIRE(strstr(wms, "<Attribution>\n<Title>Radar: &lt;A &amp; B&gt;</Title>"));
    free(about);
    free(index);
    free(wms);
    free(tiles);
    sq_site_destroy(&s);
}

static void what_is_asked_first_is_painted_before(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    sq_site_warm(s);
    unsigned long long before = painted(s);
    REQUIRE(before > 2 * 12);
    assert_int_equal(code_of(s, "/tiles/prob/latest/60/0/0/0.png"), 200);
    assert_int_equal(code_of(s, "/tiles/prob-0.1/20160711T2200Z/5/7/29/48.png"), 200);
    assert_int_equal(code_of(s, "/tiles/median/latest/30/6/14/24.png"), 200);
    assert_int_equal(code_of(s, "/tiles/observed/latest/0/6/14/24.png"), 200);
    REQUIRE(painted(s) == before);
    sq_site_warm(s);
    REQUIRE(painted(s) == before);
    sq_site_destroy(&s);
    s = small_site(); /* with nothing to paint */
    sq_site_warm(s);
    REQUIRE(painted(s) == 0);
    sq_site_destroy(&s);
}

static void head_and_options_are_answered(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_response get = ask(s, "/" TILE), r;
    struct sq_request q = {.method = "HEAD", .target = "/" TILE, .now = SMALL_NOW};
    sq_route(s, &q, &r);
    REQUIRE(r.code == 200 && r.n == get.n && !strcmp(r.etag, get.etag));
    sq_response_finish(&r);
    sq_response_finish(&get);
    q.method = "OPTIONS";
    sq_route(s, &q, &r);
    REQUIRE(r.code == 204 && !r.body && strstr(r.allow, "GET"));
    sq_response_finish(&r);
    q.method = "POST";
    sq_route(s, &q, &r);
    REQUIRE(r.code == 405 && r.allow);
    sq_response_finish(&r);
    q.method = "GET";
    q.has_body = true;
    sq_route(s, &q, &r);
    assert_int_equal(r.code, 413);
    sq_response_finish(&r);
    sq_site_destroy(&s);
}

/* ---- what cannot be answered ---------------------------------------------------------------------------------- */

static void bad_requests_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *target;
    } bad[] = {
        {400, ""}, {400, "tiles"}, {400, "/%"}, {400, "/%zz"}, {400, "/a%00b"}, {400, "/a\nb"}, {400, "/%80"},
        {404, "/viewer"}, {404, "/viewer/../router.c"}, {404, "/viewer/nothing.js"}, {400, "/land/13/0/0.json"},
        {400, "/land/1/2/0.json"}, {404, "/land/1/1/0"}, {400, "/land/1/1/x.json"}, {404, "/nothing"}, {404, "/tiles"}, {404, "/tiles/prob/latest/30/7/30"},
        {404, "/tiles/prob/latest/30/7/30/48.png/"  "x"}, {404, "/../etc/passwd"}, {404, "/%2e%2e/%2e%2e/etc/passwd"},
        {404, "/tiles/nolayer/latest/30/0/0/0.png"}, {404, "/tiles/p0.5/latest/30/0/0/0.png"},
        {404, "/tiles/p100/latest/30/0/0/0.png"}, {404, "/tiles/prob-/latest/30/0/0/0.png"},
        {404, "/tiles/prob-0/latest/30/0/0/0.png"}, {404, "/tiles/prob-1e1/latest/30/0/0/0.png"},
        {404, "/tiles/prob-0.05/latest/30/0/0/0.png"}, {404, "/tiles/prob-11/latest/30/0/0/0.png"},
        {404, "/tiles/within45/latest/30/0/0/0.png"}, {404, "/tiles/within30-99/latest/30/0/0/0.png"},
        {404, "/tiles/prob/20160711T2205Z/30/0/0/0.png"}, {404, "/tiles/prob/../30/0/0/0.png"},
        {404, "/tiles/prob/latest/31/0/0/0.png"}, {404, "/tiles/prob/latest/0/0/0/0.png"},
        {404, "/tiles/observed/latest/5/0/0/0.png"}, {404, "/tiles/observed/latest/-5/0/0/0.png"},
        {400, "/tiles/prob/latest/x/0/0/0.png"}, {400, "/tiles/prob/latest/1e1/0/0/0.png"},
        {400, "/tiles/prob/latest/nan/0/0/0.png"}, {400, "/tiles/prob/latest/30/13/0/0.png"},
        {400, "/tiles/prob/latest/30/-1/0/0.png"}, {400, "/tiles/prob/latest/30/0/1/0.png"},
        {400, "/tiles/prob/latest/30/0/0/1.png"}, {400, "/tiles/prob/latest/30/7/99999999999/0.png"},
        {400, "/tiles/prob/latest/30/7/0/0.jpg"}, {400, "/tiles/prob/latest/30/7/0/0@3x.png"},
        {400, "/tiles/prob/latest/30/7/0/.png"}, {400, "/tiles/prob/latest/30/7/+1/0.png"},
        {404, "/tiles/prob/latest/30/0/0/0.png?style=none"}, {404, "/tiles/prob/latest/30/0/0/0.png?style=%ff"},
        {404, "/tiles/prob/latest/30/0/0/0.png?style=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {400, "/prob/x/latest/30/0/0/0.png"}, {404, "/prob/900/latest/30/0/0/0.png"},
        {400, "/percentile/0/latest/30/0/0/0.png"}, {404, "/window/1/10-30/latest/0/0/0.png"},
        {404, "/legend/rate-none.json"}, {404, "/legend/rate.json"}, {404, "/legend/-.json"}, {404, "/legend/rate-squall.gif"},
        {400, "/point"}, {400, "/point?lon=1"}, {400, "/point?lon=1&lat=91"}, {400, "/point?lon=nan&lat=1"},
        {400, "/point?lon=1&lat="}, {400, "/point?lon=1&lat=1&f=xml"}, {404, "/point?lon=1&lat=1&run=old"},
        {400, "/plume.svg?lon=1&lat=1&w=100"}, {400, "/plume.svg?lon=1&lat=1&h=99999"},
    };
    struct sq_site *s = small_site_of(&small_grids[0]);
    char target[SQ_TARGET_MAX + 10];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sq_response r = ask(s, bad[i].target);
        if (r.code != bad[i].code)
            fail_msg("%s: %d, not %d", bad[i].target, r.code, bad[i].code);
        char *reason = strndup(r.body, r.n);
        REQUIRE(is_json(reason) && !strncmp(reason, "{\"error\":\"", 10) && strlen(reason) < 200);
        REQUIRE(!r.etag[0] && !r.location[0] && !strstr(r.cache, "immutable"));
        free(reason);
        sq_response_finish(&r);
    }
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[SQ_TARGET_MAX + 1] = 0;
    assert_int_equal(code_of(s, target), 414);
    target[SQ_TARGET_MAX] = 0;
    assert_int_equal(code_of(s, target), 404);
    memset(target, '/', SQ_TARGET_MAX);
    assert_int_equal(code_of(s, target), 400);
    sq_site_destroy(&s);
}

/* A header is no place to write into an answer from. */
static void hosts_that_are_none_are_not_repeated(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_response r;
    struct sq_request q = {.method = "GET", .target = "/public/weather-maps.json", .host = "x\"><script>", .now = SMALL_NOW};
    sq_route(s, &q, &r);
    char *body = strndup(r.body, r.n);
    REQUIRE(is_json(body) && strstr(body, "\"host\":\"\""));
    free(body);
    sq_response_finish(&r);
    q.host = "maps.example.org";
    q.forwarded_proto = "https";
    sq_route(s, &q, &r);
    body = strndup(r.body, r.n);
    REQUIRE(strstr(body, "\"host\":\"https://maps.example.org\""));
    free(body);
    sq_response_finish(&r);
    sq_site_destroy(&s);
}

/* ---- one place ------------------------------------------------------------------------------------------------ */

static void a_place_gets_what_the_file_holds(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_site *s = small_site_of(&small_grids[1]);
    struct sq_forecast f = small_hour(&small_grids[1], 0);
    const struct sq_forecast *back;
    struct sq_product_reader *r = NULL;
    struct sq_point p = {0};
    char target[128], *want = NULL;
    const double place[2] = {f.grid.x0 + 33 * f.grid.dx, f.grid.y0 - 20 * f.grid.dy};
    REQUIRE_OK(sq_product_open(test_path("squall_20160711T2200Z.nc"), &back, &r, &err));
    REQUIRE_OK(sq_product_point(r, place, &p, &err));
    REQUIRE_OK(sq_point_write(&p, &(struct sq_point_params){.form = SQ_POINT_JSON, .run = "20160711T2200Z"}, &want, &err));
    snprintf(target, sizeof target, "/point?lon=%.9g&lat=%.9g", place[0], place[1]);
    char *got = body_of(s, target);
    assert_string_equal(got, want); /* from memory and from the file: the same numbers */
    REQUIRE(is_json(got) && strstr(got, "\"covered\":true"));
    float x = 33.0f / 40, y = 20.0f / 30, wet = (x - 0.6f) * (0.5f + y); /* small_lead */
    REQUIRE_NEAR(atof(strstr(got, "\"probability\":[[") + 16), 1, 0);
    REQUIRE_NEAR(p.prob[1], fminf(1, 2 * wet), 1.0 / 2048); /* threshold 1 mm/h; rounding of the file */
    free(got);
    free(want);
    sq_point_finish(&p);
    sq_product_close(&r);
    sq_forecast_finish(&f);
    sq_site_destroy(&s);
}

static void places_without_a_forecast_are_told_so(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[1]);
    static const char *const target[] = {"/point?lon=0&lat=0", "/point?lon=-129.99&lat=54.9"}; /* off the grid; west */
    for (int i = 0; i < 2; i++) {
        char *got = body_of(s, target[i]);
        REQUIRE(is_json(got) && strstr(got, "\"covered\":false") && strstr(got, "No forecast here"));
        REQUIRE(strstr(got, "\"mean\":[null,null"));
        free(got);
    }
    sq_site_destroy(&s);
}

static void a_place_in_other_words(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[1]);
    char *cov = body_of(s, "/point?lon=-129.7&lat=54.8&f=covjson"), *svg;
    REQUIRE(is_json(cov) && strstr(cov, "\"type\":\"Coverage\"") && strstr(cov, "\"shape\":[12,4]"));
    free(cov);
    svg = body_of(s, "/plume.svg?lon=-129.7&lat=54.8&w=400&h=300&utc_offset=-420");
    REQUIRE(!strncmp(svg, "<svg ", 5) && strstr(svg, "<title>") && strstr(svg, "</svg>\n"));
    REQUIRE(!strstr(svg, "nan") && !strstr(svg, "inf") && !strstr(svg, "<script"));
    free(svg);
    svg = body_of(s, "/plume.svg?lon=0&lat=0");
    REQUIRE(strstr(svg, "No forecast here") && !strstr(svg, "nan"));
    free(svg);
    sq_site_destroy(&s);
}

/* Sentences from chances of rain at 5, 10, ... 60 minutes. */
static void sentences_say_when(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_hour(&small_grids[0], 0);
    struct sq_point p = {0};
    char text[SQ_SENTENCE_MAX];
    const double place[2] = {0, 0};
    static const struct {
        float observed, chance[12];
        const char *want;
    } c[] = {
        {NAN, {0, 0, 0, 0, 0.2f, 0.5f, 0.7f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f}, "Rain begins in 20\u201335 min, 70 %"},
        {0, {0.6f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f}, "Rain begins in 0\u20135 min, 80 %"},
        {0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.02f, 0.04f}, "No rain expected until 23:00 UTC, 4 %"},
        {2, {1, 1, 0.9f, 0.7f, 0.5f, 0.3f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f}, "Rain now; it ends in 15\u201330 min, 80 %"},
        {NAN, {1, 1, 1, 1, 1, 1, 1, 0.9f, 0.9f, 0.9f, 0.9f, 0.9f}, "Rain now, and until 23:00 UTC, 90 %"},
    };
    REQUIRE_OK(sq_point_init(&p, &f, place, &err));
    assert_string_equal(sq_point_sentence(&p, text), "No forecast here");
    p.covered = true;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        p.observed_mmh = c[i].observed;
        for (int k = 0; k < 12; k++)
            p.prob[k * f.n_threshold] = c[i].chance[k];
        assert_string_equal(sq_point_sentence(&p, text), c[i].want);
    }
    sq_point_finish(&p);
    sq_forecast_finish(&f);
}

/* ---- the store ------------------------------------------------------------------------------------------------- */

static void a_new_forecast_takes_over_and_the_old_one_stays(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_store *store = sq_site_store(s);
    struct sq_shelf *held = sq_store_hold(store);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 0); /* nothing new */
    small_file("squall_20160711T2205Z.nc", &small_grids[0], 300);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    struct sq_response r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2205Z");
    sq_response_finish(&r);
    assert_int_equal(code_of(s, "/" TILE), 200);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-5/0/0/0.png"), 200); /* what the older one observed */
    assert_string_equal(held->run[0]->name, "20160711T2200Z");                /* as it was */
    for (int i = 2; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "squall_20160711T22%02dZ.nc", 5 * i);
        small_file(name, &small_grids[0], 300 * i);
        assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    }
    assert_int_equal(code_of(s, "/" TILE), 404); /* three are kept */
    assert_int_equal(code_of(s, "/tiles/prob/20160711T2210Z/5/0/0/0.png"), 200);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-20/0/0/0.png"), 200); /* its frame is kept for longer */
    assert_string_equal(held->run[0]->name, "20160711T2200Z");
    sq_shelf_release(held);
    sq_site_destroy(&s);
    s = small_site(); /* started afresh: as many forecasts, all frames */
    assert_int_equal(sq_store_scan(sq_site_store(s), SMALL_NOW), 3);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-20/0/0/0.png"), 200);
    assert_int_equal(code_of(s, "/tiles/prob/20160711T2205Z/5/0/0/0.png"), 404);
    sq_site_destroy(&s);
}

static void bad_files_are_kept_out(void **state)
{
    (void)state;
    size_t n;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_store *store = sq_site_store(s);
    struct sq_store_count count;
    char *bytes = slurp(test_path("squall_20160711T2200Z.nc"), &n);
    small_file("squall_20160711T2210Z.nc", &small_grids[0], 600);
    put_bytes(test_path("squall_20160711T2300Z.nc"), bytes, n / 2);
    put_bytes(test_path("squall_20160711T2301Z.nc"), bytes, 0);
    put_bytes(test_path("squall_20160711T2302Z.nc"), "nonsense", 8);
    bytes[n / 3] ^= 1;
    put_bytes(test_path("squall_20160711T2303Z.nc"), bytes, n);
    put_bytes(test_path(".squall_20160711T2304Z.nc"), bytes, n); /* somebody is writing it */
    put_bytes(test_path("notes.txt"), bytes, n);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1); /* the good one among them */
    sq_store_count(store, &count);
    REQUIRE(count.taken == 2 && count.failed == 4);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 0); /* not tried again */
    sq_store_count(store, &count);
    REQUIRE(count.failed == 4);
    struct sq_response r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2210Z");
    sq_response_finish(&r);
    bytes[n / 3] ^= 1;
    put_bytes(test_path("squall_20160711T2301Z.nc"), bytes, n); /* copied at last: the first forecast over again */
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    sq_store_count(store, &count);
    REQUIRE(count.failed == 4);
    r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2210Z");
    sq_response_finish(&r);
    free(bytes);
    sq_site_destroy(&s);
}

static void a_second_forecast_of_a_time_has_another_name(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_forecast f = small_hour(&small_grids[0], 0);
    struct sq_response first = ask(s, "/" TILE), second;
    for (int i = 0; i < f.n_lead; i++)
        f.lead_s[i] += 60;
    REQUIRE_OK(small_write(test_path("squall_20160711T2200Z.nc"), &f, f.n_lead, &err));
    assert_int_equal(sq_store_scan(sq_site_store(s), SMALL_NOW), 1);
    second = ask(s, "/tiles/prob/latest/31/7/30/48.png");
    assert_string_equal(second.run, "20160711T2200Z_r1");
    REQUIRE(strcmp(second.etag, first.etag) != 0);
    sq_response_finish(&second);
    second = ask(s, "/" TILE);
    REQUIRE(second.code == 200 && !strcmp(second.etag, first.etag)); /* what was fixed stays */
    sq_response_finish(&second);
    sq_response_finish(&first);
    sq_forecast_finish(&f);
    sq_site_destroy(&s);
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

static void health_goes_by_age(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_response r;
    struct sq_request q = {.method = "GET", .target = "/healthz", .now = SMALL_NOW};
    assert_int_equal(code_of(s, "/healthz"), 200);
    q.now = 1468274400 + 1801;
    sq_route(s, &q, &r);
    assert_int_equal(r.code, 503);
    char *body = strndup(r.body, r.n);
    REQUIRE(is_json(body) && strstr(body, "\"status\":\"stale\"") && json_at(body, "run_age_s") == 1801);
    free(body);
    sq_response_finish(&r);
    assert_int_equal(code_of(s, "/readyz"), 200);
    sq_site_drain(s);
    assert_int_equal(code_of(s, "/readyz"), 503);
    char *metrics = body_of(s, "/metrics");
    REQUIRE(strstr(metrics, "squall_http_requests_total{route=\"healthz\",code=\"503\"} 1\n"));
    REQUIRE(strstr(metrics, "\nsquall_nowcast_age_seconds 60\n") && strstr(metrics, "model=\"small\"} 1\n"));
    free(metrics);
    sq_site_destroy(&s);
}

static void legends_say_what_colours_mean(void **state)
{
    (void)state;
    static const char *const quantity[] = {"probability", "rate", "quality"}, *const style[] = {"squall", "grey", "radar", "value"};
    struct sq_site *s = small_site();
    char target[64];
    for (int q = 0; q < 3; q++)
        for (int k = 0; k < 4; k++) {
            snprintf(target, sizeof target, "/legend/%s-%s.json", quantity[q], style[k]);
            if (q == 2 && k == 3) {
                assert_int_equal(code_of(s, target), 404);
                continue;
            }
            char *legend = body_of(s, target);
            REQUIRE(is_json(legend) && strstr(legend, "no coverage"));
            free(legend);
            snprintf(target, sizeof target, "/legend/%s-%s.png", quantity[q], style[k]);
            assert_int_equal(code_of(s, target), q == 2 || k == 3 ? 404 : 200);
        }
    sq_site_destroy(&s);
}

/* ---- the cache ------------------------------------------------------------------------------------------------- */

struct kitchen {
    struct sq_tile_cache *cache;
    pthread_mutex_t lock;
    int made, fails;
};

static enum sq_status cook(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    struct kitchen *k = arg;
    pthread_mutex_lock(&k->lock);
    k->made++;
    bool fails = k->fails-- > 0;
    pthread_mutex_unlock(&k->lock);
    usleep(20000);
    if (fails)
        return sq_fail(e, SQ_FAILED, "burnt");
    *ret = calloc(1, *ret_n = 1000);
    return *ret ? SQ_OK : SQ_FAILED;
}

static void *guest(void *arg)
{
    struct kitchen *k = arg;
    struct sq_blob *b = NULL;
    if (sq_tile_cache_get(k->cache, "soup", cook, k, &b, NULL))
        return NULL;
    bool full = b->n == 1000;
    sq_blob_release(b);
    return full ? k : NULL;
}

static int serve_guests(struct kitchen *k)
{
    pthread_t t[8];
    int served = 0;
    void *full;
    for (int i = 0; i < 8; i++)
        REQUIRE(!pthread_create(&t[i], NULL, guest, k));
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &full);
        served += full != NULL;
    }
    return served;
}

static void one_cooks_however_many_ask(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct kitchen k = {.lock = PTHREAD_MUTEX_INITIALIZER, .fails = 1};
    REQUIRE_OK(sq_tile_cache_create(1 << 20, &k.cache, &err));
    REQUIRE(serve_guests(&k) < 8); /* those who came first share the failure */
    assert_int_equal(serve_guests(&k), 8);
    assert_int_equal(k.made, 2);
    sq_tile_cache_destroy(&k.cache);
}

static void the_cache_keeps_to_its_room(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct kitchen k = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct sq_tile_cache_count count;
    struct sq_blob *b = NULL, *first = NULL;
    char name[16];
    REQUIRE_OK(sq_tile_cache_create(5000, &k.cache, &err));
    REQUIRE_OK(sq_tile_cache_get(k.cache, "first", cook, &k, &first, &err));
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "dish %d", i);
        REQUIRE_OK(sq_tile_cache_get(k.cache, name, cook, &k, &b, &err));
        sq_blob_release(b);
        REQUIRE_OK(sq_tile_cache_get(k.cache, "dish 0", cook, &k, &b, &err)); /* in use: stays */
        sq_blob_release(b);
    }
    sq_tile_cache_count(k.cache, &count);
    REQUIRE(count.bytes <= 5000 && count.pictures >= 2);
    assert_int_equal(k.made, 7);
    REQUIRE(first->n == 1000 && first->data[999] == 0); /* held: lives on */
    sq_blob_release(first);
    REQUIRE_OK(sq_tile_cache_get(k.cache, "first", cook, &k, &first, &err));
    assert_int_equal(k.made, 8);
    sq_blob_release(first);
    sq_tile_cache_destroy(&k.cache);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void text_is_escaped(void **state)
{
    (void)state;
    struct sq_text t = {0};
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "a\"b", "\x01\\ \xc3\xbc\n");
    sq_json_open(&t, "list", '[');
    sq_json_number(&t, NULL, NAN, 3);
    sq_json_number(&t, NULL, (double)INFINITY, 3);
    sq_json_number(&t, NULL, 1.0 / 3, 3);
    sq_json_whole(&t, NULL, INT64_MIN);
    sq_json_string(&t, NULL, NULL);
    sq_json_close(&t, ']');
    sq_json_bool(&t, "b", true);
    sq_json_close(&t, '}');
    assert_string_equal(t.data, "{\"a\\\"b\":\"\\u0001\\\\ \xc3\xbc\\u000a\",\"list\":[null,null,0.333,"
                                "-9223372036854775808,null],\"b\":true}");
    sq_text_finish(&t);
    sq_text_xml(&t, "<a b='c'>\"&\x02");
    assert_string_equal(t.data, "&lt;a b=&#39;c&#39;&gt;&quot;&amp; ");
    sq_text_finish(&t);
}

/* ---- the viewer -------------------------------------------------------------------------------------------------- */

static void the_viewer_has_its_files(void **state)
{
    (void)state;
    static const char *const part[] = {"viewer/viewer.css", "viewer/leaflet.css", "viewer/leaflet.min.js",
                                       "viewer/viewer.js"};
    static const char *const imported[] = {"/viewer/land.js", "/viewer/frames.js", "/viewer/icon.svg"};
    struct sq_site *s = small_site();
    struct sq_response r = ask(s, "/");
    assert_int_equal(r.code, 200);
    assert_string_equal(r.type, "text/html; charset=utf-8");
    REQUIRE(strstr(r.policy, "script-src 'self';") && !strstr(r.policy, "unsafe"));
    sq_response_finish(&r);
    char *page = body_of(s, "/"), address[64];
    for (int i = 0; i < 4; i++) {
        REQUIRE(strstr(page, part[i]));
        snprintf(address, sizeof address, "/%s", part[i]);
        assert_int_equal(code_of(s, address), 200);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(code_of(s, imported[i]), 200);
    REQUIRE(!strstr(page, "<style") && !strstr(page, "style=") && !strstr(page, "onclick"));
    free(page);
    sq_site_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(everything_that_is_advertised_is_there),
        CASE(every_path_of_rainviewer_is_there),
        CASE(without_a_forecast_it_says_so),
        CASE(what_a_client_has_is_not_painted_again),
        CASE(the_newest_is_named_and_kept_briefly),
        CASE(texts_are_packed_for_those_who_take_that),
        CASE(it_says_whose_data_it_is),
        CASE(what_is_asked_first_is_painted_before),
        CASE(head_and_options_are_answered),
        CASE(bad_requests_are_refused_by_name),
        CASE(hosts_that_are_none_are_not_repeated),
        CASE(a_place_gets_what_the_file_holds),
        CASE(places_without_a_forecast_are_told_so),
        CASE(a_place_in_other_words),
        CASE(sentences_say_when),
        CASE(a_new_forecast_takes_over_and_the_old_one_stays),
        CASE(bad_files_are_kept_out),
        CASE(a_second_forecast_of_a_time_has_another_name),
        CASE(health_goes_by_age),
        CASE(legends_say_what_colours_mean),
        CASE(one_cooks_however_many_ask),
        CASE(the_cache_keeps_to_its_room),
        CASE(text_is_escaped),
        CASE(the_viewer_has_its_files),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
