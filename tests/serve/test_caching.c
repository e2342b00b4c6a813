/* What is painted once, told once and packed once. */
#include "small_site.h"

#include "gzip.h"
#include "warm.h"

#include <zlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(what_a_client_has_is_not_painted_again),
        CASE(the_newest_is_named_and_kept_briefly),
        CASE(texts_are_packed_for_those_who_take_that),
        CASE(what_is_asked_first_is_painted_before),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests_name("caching", tests, NULL, NULL);
}
