#include "gzip.h"
#include "router.h"
#include "site.h"

#include "core/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the server knows: `*` is any one segment. The first row that fits answers. */
static const struct route {
    const char *name, *pattern;
    sq_handler *serve;
} routes[] = {
    {"viewer", "", sq_serve_viewer},
    {"viewer_file", "viewer/*", sq_serve_viewer},
    {"land", "land/*/*/*", sq_serve_land},
    {"tile", "tiles/*/*/*/*/*/*", sq_serve_tile},
    {"tilejson", "tiles/*/*/*/tilejson.json", sq_serve_tilejson},
    {"prob", "prob/*/*/*/*/*/*", sq_serve_prob},
    {"percentile", "percentile/*/*/*/*/*/*", sq_serve_percentile},
    {"neighbourhood", "neighbourhood/*/*/*/*/*/*/*", sq_serve_near},
    {"window", "window/*/*/*/*/*/*", sq_serve_window},
    {"index", "index.json", sq_serve_index},
    {"legend", "legend/*", sq_serve_legend},
    {"point", "point", sq_serve_point},
    {"plume", "plume.svg", sq_serve_plume},
    {"rainviewer_maps", "public/weather-maps.json", sq_serve_rainviewer_maps},
    {"rainviewer_tile", "v2/radar/*/*/*/*/*/*/*", sq_serve_rainviewer_tile},
    {"rainviewer_coverage", "v2/coverage/*/*/*/*/*", sq_serve_rainviewer_coverage},
    {"rainviewer_coverage_long", "v2/coverage/*/*/*/*/*/*/*", sq_serve_rainviewer_coverage},
    {"wms", "wms", sq_serve_wms},
    {"about", "about", sq_serve_about},
    {"healthz", "healthz", sq_serve_healthz},
    {"readyz", "readyz", sq_serve_readyz},
    {"metrics", "metrics", sq_serve_metrics},
};
enum { ROUTES = sizeof routes / sizeof *routes, OTHER = ROUTES };
_Static_assert((int)ROUTES < (int)SQ_ROUTES_MAX, "counters for every route and for what fits none");

const char *sq_route_name(int i)
{
    return i < ROUTES ? routes[i].name : i == OTHER ? "other" : NULL;
}

/* ---- taking apart -------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Copies n characters without their escapes; false for broken escapes, what is not printable ASCII, and too much. */
static bool unescape(const char *from, size_t n, bool plus, char *to, size_t room)
{
    for (const char *end = from + n; from < end; from++) {
        int c = (unsigned char)*from;
        if (c == '%') {
            if (end - from < 3 || hex(from[1]) < 0 || hex(from[2]) < 0)
                return false;
            c = 16 * hex(from[1]) + hex(from[2]);
            from += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < ' ' || c > '~' || room < 2)
            return false;
        *to++ = (char)c;
        room--;
    }
    *to = 0;
    return true;
}

/* Fills what of *a comes from the target: "/a/b?c=d". */
static bool take_apart(const char *target, struct sq_asked *a)
{
    const char *at = target, *end = target + strcspn(target, "?#");
    char *to = a->text;
    if (*at != '/')
        return false;
    a->query = *end == '?' ? end + 1 : "";
    while (at < end) { /* at a slash */
        const char *next = memchr(at + 1, '/', (size_t)(end - at - 1));
        size_t n = (size_t)((next ? next : end) - at - 1);
        if (n == 0 && !next)
            break; /* a slash at the end */
        if (a->n == SQ_SEGMENTS_MAX || !unescape(at + 1, n, false, to, (size_t)(a->text + sizeof a->text - to)))
            return false;
        a->segment[a->n++] = to;
        to += strlen(to) + 1;
        at = next ? next : end;
    }
    return true;
}

bool sq_asked_value(const struct sq_asked *a, const char *name, char *ret, size_t room)
{
    size_t wanted = strlen(name);
    for (const char *at = a->query; *at;) {
        size_t n = strcspn(at, "&#"), key = strcspn(at, "=&#");
        if (key == wanted && !strncasecmp(at, name, key)) {
            const char *value = at[key] == '=' ? at + key + 1 : at + key;
            if (!unescape(value, (size_t)(at + n - value), true, ret, room))
                snprintf(ret, room, "\x7f");
            return true;
        }
        at += n;
        if (*at != '&')
            break;
        at++;
    }
    return false;
}

static bool fits(const char *pattern, const struct sq_asked *a)
{
    for (int i = 0; i < a->n; i++) {
        size_t n = strcspn(pattern, "/");
        if (!n || (!(n == 1 && *pattern == '*') && (strlen(a->segment[i]) != n || memcmp(pattern, a->segment[i], n))))
            return false;
        pattern += n + (pattern[n] == '/');
    }
    return !*pattern;
}

bool sq_parse_whole(const char *s, int lo, int hi, int *ret)
{
    size_t n = strspn(s, "0123456789");
    if (!n || n > 8 || s[n])
        return false;
    *ret = atoi(s);
    return *ret >= lo && *ret <= hi;
}

bool sq_parse_real(const char *s, double lo, double hi, double *ret)
{
    const char *digits = s + (*s == '-');
    size_t n = strspn(digits, "0123456789.");
    if (!n || n > 20 || digits[n] || strchr(digits, '.') != strrchr(digits, '.') || !strpbrk(digits, "0123456789"))
        return false;
    *ret = strtod(s, NULL);
    return *ret >= lo && *ret <= hi;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

void sq_response_finish(struct sq_response *r)
{
    if (r->release)
        r->release(r->owner);
    *r = (struct sq_response){0};
}

void sq_answer_error(struct sq_response *ret, int code, const char *fmt, ...)
{
    char line[512];
    struct sq_text t = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "error", line);
    sq_json_close(&t, '}');
    sq_text_put(&t, "\n");
    ret->code = code;
    ret->etag[0] = ret->location[0] = 0;
    ret->cache = code == 404 ? "public, max-age=5" : SQ_CACHE_NEVER;
    ret->retry_after_s = code == 404 || code == 503 ? 10 : 0;
    if (t.failed) {
        sq_text_finish(&t);
        return; /* the code says it all */
    }
    ret->type = "application/json";
    ret->body = ret->owner = t.data;
    ret->n = t.n;
    ret->release = free;
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * 0x100000001b3; /* FNV-1a */
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    return h ^ h >> 31;
}

/* Whether a list of them, or "*", names *etag; compared weakly, and *etag becomes a weak one where the list's is. */
static bool matches(const char *list, char *etag, size_t room)
{
    char weak[24];
    if (!list || !(!strcmp(list, "*") || strstr(list, etag)))
        return false;
    snprintf(weak, sizeof weak, "W/%.21s", etag);
    if (strstr(list, weak))
        snprintf(etag, room, "%s", weak);
    return true;
}

bool sq_answer_unchanged(struct sq_response *ret, const struct sq_asked *a, uint64_t hash, const char *name)
{
    hash = mix(hash, SQ_VERSION, sizeof SQ_VERSION);
    snprintf(ret->etag, sizeof ret->etag, "\"%016llx\"", (unsigned long long)mix(hash, name, strlen(name)));
    if (!matches(a->request->if_none_match, ret->etag, sizeof ret->etag))
        return false;
    ret->code = 304;
    return true;
}

void sq_answer_text(struct sq_response *ret, const struct sq_asked *a, const char *type, const char *cache,
                    struct sq_text *t)
{
    if (t->failed) {
        sq_text_finish(t);
        sq_answer_error(ret, 500, "out of memory");
        return;
    }
    ret->cache = cache;
    if (!ret->etag[0] && strcmp(cache, SQ_CACHE_NEVER) != 0) {
        if (sq_answer_unchanged(ret, a, mix(1, t->data, t->n), "")) {
            sq_text_finish(t);
            return;
        }
    }
    ret->code = 200;
    ret->type = type;
    ret->body = ret->owner = t->data;
    ret->n = t->n;
    ret->release = free;
}

void sq_site_url(const struct sq_asked *a, char *ret, size_t room)
{
    const char *host = a->request->host, *proto = a->request->forwarded_proto;
    size_t n = host ? strlen(host) : 0;
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr(".-:[]_", host[i]))
            return;
    if (n && n < 256 && n + 16 < room)
        snprintf(ret, room, "%s://%s", proto && !strcmp(proto, "https") ? "https" : "http", host);
}

/* ---- the site -------------------------------------------------------------------------------------------- */

enum sq_status sq_site_create(const struct sq_site_params *p, struct sq_site **ret, struct sq_err *e)
{
    struct sq_site *s = calloc(1, sizeof *s);
    if (!s)
        return sq_fail(e, SQ_FAILED, "out of memory for the server");
    pthread_mutex_init(&s->lock, NULL);
    s->params = *p;
    s->params.attribution = strdup(p->attribution);
    enum sq_status status = s->params.attribution ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for the server");
    if (!status)
        status = sq_store_create(p->folder, p->keep, &s->store, e);
    struct sq_err why = {0};
    if (!status && sq_land_read(&s->land, &why))
        sq_log(SQ_LOG_WARN, "%s", why.text);
    if (!status)
        status = sq_tile_cache_create(p->cache_bytes, &s->cache, e);
    if (status)
        sq_site_destroy(&s);
    else
        *ret = s;
    return status;
}

void sq_site_destroy(struct sq_site **s)
{
    if (!*s)
        return;
    sq_store_destroy(&(*s)->store);
    sq_land_destroy(&(*s)->land);
    sq_tile_cache_destroy(&(*s)->cache);
    for (int i = 0; i < (*s)->n_brush; i++)
        sq_brush_destroy(&(*s)->brush[i]);
    pthread_mutex_destroy(&(*s)->lock);
    free((char *)(*s)->params.attribution);
    free(*s);
    *s = NULL;
}

struct sq_store *sq_site_store(struct sq_site *s)
{
    return s->store;
}

void sq_site_drain(struct sq_site *s)
{
    atomic_store(&s->draining, true);
}

struct sq_brush *sq_site_brush(struct sq_site *s, struct sq_err *e)
{
    struct sq_brush *b = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->n_brush)
        b = s->brush[--s->n_brush];
    pthread_mutex_unlock(&s->lock);
    if (!b && sq_brush_create(&b, e))
        return NULL;
    return b;
}

void sq_site_lay_down(struct sq_site *s, struct sq_brush *b)
{
    pthread_mutex_lock(&s->lock);
    if (s->n_brush < SQ_BRUSHES_MAX) {
        s->brush[s->n_brush++] = b;
        b = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    sq_brush_destroy(&b);
}

static void answer(struct sq_site *s, const struct sq_request *q, int *ret_route, struct sq_response *ret)
{
    struct sq_asked a = {.request = q};
    bool read = !strcmp(q->method, "GET") || !strcmp(q->method, "HEAD");
    int i = 0;
    *ret_route = OTHER;
    if (strlen(q->target) > SQ_TARGET_MAX) {
        sq_answer_error(ret, 414, "the address has more than %d characters", SQ_TARGET_MAX);
    } else if (q->has_body) {
        sq_answer_error(ret, 413, "no request here has a body");
    } else if (!strcmp(q->method, "OPTIONS")) {
        ret->code = 204;
        ret->allow = "GET, HEAD, OPTIONS";
    } else if (!read) {
        sq_answer_error(ret, 405, "only GET, HEAD and OPTIONS");
        ret->allow = "GET, HEAD, OPTIONS";
    } else if (!take_apart(q->target, &a)) {
        sq_answer_error(ret, 400, "the address cannot be read");
    } else {
        while (i < ROUTES && !fits(routes[i].pattern, &a))
            i++;
        *ret_route = i;
        if (i == ROUTES) {
            sq_answer_error(ret, 404, "there is nothing at this address");
            return;
        }
        a.shelf = sq_store_hold(s->store);
        routes[i].serve(s, &a, ret);
        sq_shelf_release(a.shelf);
    }
}

void sq_route(struct sq_site *s, const struct sq_request *q, struct sq_response *ret)
{
    int route;
    *ret = (struct sq_response){.policy = "default-src 'none'"};
    answer(s, q, &route, ret);
    sq_gzip_answer(s, q, ret);
    ret->route = sq_route_name(route);
    sq_metrics_request(&s->metrics, route, ret->code);
}
