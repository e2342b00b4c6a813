/* The only door to libmicrohttpd: sockets on one side, sq_route on the other, and nothing decided here but limits. */
#include "gzip.h"
#include "router.h"
#include "serve.h"
#include "warm.h"

#include "core/instant.h"
#include "core/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A connection has this much for its request, line and headers together, and as much for the answer's head. */
enum { CONNECTION_BYTES = 24 << 10, BACKLOG = 511, THREADS_MAX = 64 };

struct sq_server {
    struct sq_site *site;
    struct MHD_Daemon *daemon;
    FILE *access;
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    struct timespec start;
    struct sq_response answer; /* without its body, which is libmicrohttpd's by then */
    bool asked; /* its headers were seen */
    char method[8];
    char target[];
};

/* ---- requests -------------------------------------------------------------------------------------------- */

/* Called with the address as it came, before anything is made of it. */
static void *on_target(void *server, const char *target, struct MHD_Connection *c)
{
    size_t n = strlen(target) + 1;
    struct exchange *x = calloc(1, sizeof *x + n);
    (void)server;
    (void)c;
    if (x) {
        clock_gettime(CLOCK_MONOTONIC, &x->start);
        memcpy(x->target, target, n);
    }
    return x;
}

/* Escapes are the router's business. */
static size_t keep_escapes(void *server, struct MHD_Connection *c, char *text)
{
    (void)server;
    (void)c;
    return strlen(text);
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static bool has_body(struct MHD_Connection *c)
{
    const char *length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) || (length && strcmp(length, "0") != 0);
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static void put(struct MHD_Response *r, const char *name, const char *value)
{
    if (value && *value)
        (void)MHD_add_response_header(r, name, value); /* fails for want of memory alone: then one is missing */
}

static void put_headers(struct MHD_Response *r, const struct sq_response *a)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", a->retry_after_s);
    put(r, "Content-Type", a->type);
    put(r, "Content-Encoding", a->encoding);
    put(r, "Vary", sq_packs(a->type) ? "Accept-Encoding" : NULL);
    put(r, "Cache-Control", a->cache);
    put(r, "ETag", a->etag);
    put(r, "X-Run", a->run);
    put(r, "X-Valid-Time", a->valid);
    put(r, "Content-Location", a->location);
    put(r, "Retry-After", a->retry_after_s ? seconds : NULL);
    put(r, "Allow", a->allow);
    put(r, "Access-Control-Allow-Origin", "*");
    put(r, "Access-Control-Allow-Methods", a->allow);
    put(r, "Access-Control-Expose-Headers", "ETag, X-Run, X-Valid-Time, Content-Location");
    put(r, "Content-Security-Policy", a->policy);
    put(r, "X-Content-Type-Options", "nosniff");
    put(r, "Referrer-Policy", "no-referrer");
}

/* The answer's body becomes libmicrohttpd's; *a stays for the log. */
static enum MHD_Result send_answer(struct MHD_Connection *c, struct sq_response *a)
{
    static const char nothing[1] = "";
    struct MHD_Response *r =
        a->release ? MHD_create_response_from_buffer_with_free_callback_cls(a->n, (void *)a->body, a->release, a->owner)
                   : MHD_create_response_from_buffer(a->n, (void *)(a->body ? a->body : nothing), MHD_RESPMEM_PERSISTENT);
    if (!r) {
        sq_response_finish(a);
        return MHD_NO;
    }
    a->release = NULL;
    a->body = a->owner = NULL;
    put_headers(r, a);
    enum MHD_Result sent = MHD_queue_response(c, (unsigned)a->code, r);
    MHD_destroy_response(r);
    return sent;
}

static enum MHD_Result on_request(void *server, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version, const char *data, size_t *n_data, void **exchange)
{
    struct sq_server *s = server;
    struct exchange *x = *exchange;
    (void)path;
    (void)version;
    (void)data;
    (void)n_data;
    if (!x)
        return MHD_NO;
    if (!x->asked && !has_body(c)) {
        x->asked = true; /* the library keeps connections open that are answered at the second call */
        return MHD_YES;
    }
    const struct sq_request q = {
        .method = method,
        .target = x->target,
        .if_none_match = header(c, MHD_HTTP_HEADER_IF_NONE_MATCH),
        .accept_encoding = header(c, MHD_HTTP_HEADER_ACCEPT_ENCODING),
        .host = header(c, MHD_HTTP_HEADER_HOST),
        .forwarded_proto = header(c, "X-Forwarded-Proto"),
        .has_body = has_body(c),
        .now = (int64_t)time(NULL),
    };
    snprintf(x->method, sizeof x->method, "%s", method);
    sq_route(s->site, &q, &x->answer);
    return send_answer(c, &x->answer);
}

/* ---- the access log ---------------------------------------------------------------------------------------- */

static const char *address(struct MHD_Connection *c, char out[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    const char *text = NULL;
    if (a && a->sa_family == AF_INET)
        text = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out, INET6_ADDRSTRLEN);
    else if (a && a->sa_family == AF_INET6)
        text = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, out, INET6_ADDRSTRLEN);
    return text ? text : "-";
}

/* What a request brought goes into the log as printable ASCII, and no longer than a line should be. */
static void on_end(void *server, struct MHD_Connection *c, void **exchange, enum MHD_RequestTerminationCode how)
{
    struct sq_server *s = server;
    struct exchange *x = *exchange;
    struct timespec now;
    char at[32], from[INET6_ADDRSTRLEN], target[256];
    size_t n = 0;
    if (s->access && x) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        for (; x->target[n] && n < sizeof target - 1; n++)
            target[n] = x->target[n] > ' ' && x->target[n] < 127 && x->target[n] != '"' ? x->target[n] : '?';
        target[n] = 0;
        fprintf(s->access, "%s %s \"%s %s\" %d %zu %.6f %s%s\n", sq_instant_iso((int64_t)time(NULL), at), address(c, from),
                x->method, target, x->answer.code, x->answer.n,
                (double)(now.tv_sec - x->start.tv_sec) + 1e-9 * (double)(now.tv_nsec - x->start.tv_nsec),
                x->answer.route ? x->answer.route : "-", how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " broken");
    }
    free(x);
    *exchange = NULL;
}

/* ---- starting and stopping ----------------------------------------------------------------------------------- */

static void log_line(void *server, const char *fmt, va_list ap)
{
    char line[256];
    (void)server;
    vsnprintf(line, sizeof line, fmt, ap);
    line[strcspn(line, "\r\n")] = 0;
    sq_log(SQ_LOG_INFO, "http: %s", line);
}

static bool parse_address(const char *text, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)ret;
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        return true;
    }
    return false;
}

static enum sq_status listen_at(struct sq_server *s, const struct sq_server_params *p, struct sq_err *e)
{
    struct sockaddr_storage at;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = p->threads ? p->threads : cores > 0 ? (int)cores : 1;
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    if (!parse_address(p->bind, p->port, &at))
        return sq_fail(e, SQ_USAGE, "%s: no address of IPv4 or IPv6, like 127.0.0.1 or ::", p->bind);
    errno = 0;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | (at.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    s->daemon = MHD_start_daemon(
        flags, (uint16_t)p->port, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, log_line, s,
        MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        s, MHD_OPTION_NOTIFY_COMPLETED, on_end, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)p->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)p->connections_address, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)p->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG, threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
        (unsigned)threads, MHD_OPTION_END);
    if (!s->daemon)
        return sq_fail(e, SQ_FAILED, "cannot listen at %s, port %d: %s", p->bind, p->port,
                       errno ? strerror(errno) : "the library refuses");
    return SQ_OK;
}

static void warm(void *site)
{
    sq_site_warm(site);
}

enum sq_status sq_server_start(const struct sq_server_params *p, struct sq_server **ret, struct sq_err *e)
{
    struct sq_server *s = calloc(1, sizeof *s);
    const struct sq_site_params site = {.folder = p->folder, .keep = p->keep, .cache_bytes = (size_t)p->cache_mib << 20,
                                        .stale_s = p->stale_s, .attribution = p->attribution};
    if (!s)
        return sq_fail(e, SQ_FAILED, "out of memory for the server");
    s->access = p->access;
    enum sq_status status = sq_site_create(&site, &s->site, e);
    if (!status)
        status = listen_at(s, p, e);
    if (!status) {
        sq_store_tell(sq_site_store(s->site), warm, s->site);
        status = sq_store_watch(sq_site_store(s->site), e);
    }
    if (status)
        sq_server_stop(&s);
    else
        *ret = s;
    return status;
}

int sq_server_port(const struct sq_server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void sq_server_stop(struct sq_server **s)
{
    if (!*s)
        return;
    if ((*s)->site)
        sq_site_drain((*s)->site);
    if ((*s)->daemon)
        MHD_stop_daemon((*s)->daemon);
    sq_site_destroy(&(*s)->site);
    free(*s);
    *s = NULL;
}
