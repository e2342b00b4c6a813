/* What tells operators and balancers how the server is. */
#include "small_site.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(health_goes_by_age),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
