/* The server without sockets: what is asked and what is answered. */
#include "small_site.h"

static void everything_that_is_advertised_is_there(void **state)
{
    (void)state;
    static const char *const layer[] = {"prob", "near10", "near5.5-1", "prob-0.7", "p10", "p50", "median", "p99",
                                        "mean", "within30", "within60-2", "coverage", "quality"};
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
        CASE(it_says_whose_data_it_is),
        CASE(head_and_options_are_answered),
        CASE(bad_requests_are_refused_by_name),
        CASE(hosts_that_are_none_are_not_repeated),
        CASE(legends_say_what_colours_mean),
        CASE(the_viewer_has_its_files),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
