/* From a request to its answer, without a socket in sight: the table of what the server knows.
 *
 * A site is what is served: the forecasts, the cache, the counters. sq_route may be called by any number of threads at
 * once. No path of the file system is ever made from a request. */
#ifndef SQ_SERVE_ROUTER_H
#define SQ_SERVE_ROUTER_H

#include "store.h"

#include <stdbool.h>

enum { SQ_TARGET_MAX = 2048 }; /* characters of a path and its query */

struct sq_request {
    const char *method;        /* "GET" */
    const char *target;        /* path and query as they came, escapes and all */
    const char *if_none_match; /* headers; NULL where there is none */
    const char *accept_encoding;
    const char *host;
    const char *forwarded_proto;
    bool has_body;
    int64_t now; /* UTC s */
};

/* Answers own their body through `release(owner)`; sq_response_finish calls it. */
struct sq_response {
    int code;
    const char *route;     /* name in the table, for log and counters */
    const char *type;      /* Content-Type; NULL: no body */
    const char *encoding;  /* Content-Encoding; NULL: as it is */
    const void *body;
    size_t n;
    void *owner;
    void (*release)(void *owner);
    const char *cache;     /* Cache-Control */
    const char *policy;    /* Content-Security-Policy */
    const char *allow;     /* Allow, with 405 and OPTIONS */
    int retry_after_s;     /* 0: none */
    char etag[24];         /* with quotes, W/ before them where the body is packed; "" none */
    char run[40];          /* X-Run */
    char valid[32];        /* X-Valid-Time */
    char location[256];    /* Content-Location */
};
void sq_response_finish(struct sq_response *r);

struct sq_site_params {
    const char *folder; /* NULL: only what is put into the store */
    int keep;           /* forecasts in memory, default 3 */
    size_t cache_bytes; /* default 256 MiB */
    int stale_s;        /* /healthz fails where the newest forecast is older; default 1800 */
    const char *attribution; /* whose data it is, for maps and /about; may be "" */
};
#define SQ_SITE_DEFAULTS .keep = 3, .cache_bytes = (size_t)256 << 20, .stale_s = 1800, .attribution = ""

struct sq_site;
/* Strings are copied. The store is empty: sq_store_scan or sq_store_watch fills it. */
enum sq_status sq_site_create(const struct sq_site_params *p, struct sq_site **ret, struct sq_err *e) SQ_CHECK;
/* No request may be under way. */
void sq_site_destroy(struct sq_site **s);
struct sq_store *sq_site_store(struct sq_site *s);
/* From now on /readyz says 503, so that a balancer sends nobody any more. */
void sq_site_drain(struct sq_site *s);

/* Answers; *ret is overwritten, and the caller finishes it. HEAD gets the body of GET, for the caller to leave out. */
void sq_route(struct sq_site *s, const struct sq_request *q, struct sq_response *ret);

#endif
