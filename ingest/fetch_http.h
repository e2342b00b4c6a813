/* Requests over HTTP, a few at a time: the only door to libcurl.
 *
 * A job is one object, or some spans of its bytes, fetched into a file or into memory. What fails in a way that may
 * pass (no connection, a cut or stalled answer, 408, 429, 5xx) is tried again after a while that doubles, with
 * jitter, and not before the server's Retry-After; a file goes on where it was, under If-Match. Not thread safe. */
#ifndef SQ_INGEST_FETCH_HTTP_H
#define SQ_INGEST_FETCH_HTTP_H

#include "fetch.h"

struct sq_http_params {
    int parallel, tries;
    double wait_s;    /* before the second try */
    double connect_s; /* to connect within */
    double stall_s;   /* less than 1 kB/s for so long is a failure */
    uint64_t seed;    /* of the jitter */
    const volatile int *stop; /* not 0: end soon; NULL: never */
    void (*progress)(void *ctx); /* several times a second; NULL: nobody looks */
    void *progress_ctx;
};

struct sq_http_job {
    const char *url;
    const char *path; /* appended to, so that what it holds already is not fetched again; NULL: memory */
    const char *etag; /* of what is listed; "" or NULL: unknown */
    const struct sq_span *span; /* ascending */
    int n_span;                 /* 0: the whole object, of a size that is not known; into memory only */
    bool whole;                 /* the one span is the whole object */
    int64_t most;               /* bytes at most, into memory */
    /* All bytes are there: takes them; SQ_FAILED: they are no good and are fetched anew. NULL: any are good. */
    enum sq_status (*take)(struct sq_http_job *job, struct sq_err *e);
    void *ctx;
    /* the answer */
    bool over;
    enum sq_status status; /* SQ_ABSENT: the server knows no such object */
    struct sq_err err;
    int64_t n;   /* bytes there by now */
    char *bytes; /* into memory: with a NUL behind them; the caller frees */
};

/* Runs the jobs to their end. SQ_OK also where jobs failed: each says so itself. A failure is one of all: no memory,
 * or `stop`, after which the jobs that were not over are still not. */
enum sq_status sq_http_run(const struct sq_http_params *p, struct sq_http_job *job, int n, struct sq_err *e) SQ_CHECK;

#endif
