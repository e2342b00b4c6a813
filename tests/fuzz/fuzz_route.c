/* Requests as they come over the wire, against a site with one forecast: the address, the router and what it serves. The
 * first line is the method and the target, the next ones If-None-Match, Host and X-Forwarded-Proto. */
#include "fuzz.h"

#include "serve/made_run.h"

static struct sq_site *site(void)
{
    static struct sq_site *s; /* made once: only requests differ */
    struct sq_err err = {0};
    const struct sq_grid g = {70, 50, 0, 0, 10000, 10000, "+proj=laea +lat_0=50 +lon_0=8 +datum=WGS84 +units=m"};
    const struct sq_site_params p = {.keep = 1, .cache_bytes = 1 << 20, .stale_s = 1800, .attribution = "\"fuzz\""};
    if (s)
        return s;
    FUZZ_REQUIRE(!sq_site_create(&p, &s, &err));
    FUZZ_REQUIRE(!sq_store_put(sq_site_store(s), made_run(&g, 2), MADE_TIME, &err));
    return s;
}

/* Cuts the next line off *rest. */
static const char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    *rest = end ? end + 1 : line + strlen(line);
    if (end)
        *end = 0;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *rest = text, *target;
    const char *method = next_line(&rest);
    struct sq_response r;
    if (!method || !(target = strchr(method, ' '))) {
        free(text);
        return 0;
    }
    *target++ = 0;
    struct sq_request q = {.method = method, .target = target, .now = MADE_TIME + 60};
    q.if_none_match = next_line(&rest);
    q.host = next_line(&rest);
    q.forwarded_proto = next_line(&rest);
    q.has_body = rest[0] == 'b';
    sq_route(site(), &q, &r);
    FUZZ_REQUIRE(r.code == 200 || r.code == 204 || r.code == 304 || (r.code >= 400 && r.code <= 503));
    FUZZ_REQUIRE(r.code != 200 || (r.body && r.n > 0 && r.type && r.cache));
    FUZZ_REQUIRE(r.code != 500 && r.route && r.policy);
    for (const char *c = r.location; *c; c++)
        FUZZ_REQUIRE(*c >= ' ' && *c <= '~');
    if (r.type && !strncmp(r.type, "image/png", 9))
        FUZZ_REQUIRE(!memcmp(r.body, "\x89PNG\r\n\x1a\n", 8));
    sq_response_finish(&r);
    free(text);
    return 0;
}
