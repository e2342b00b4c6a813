#include "fetch_http.h"

#include "core/log.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MAX_S = 60,         /* of our own */
    RETRY_AFTER_MAX_S = 300, /* that a server may ask for */
    MEMORY_MAX_S = 300,      /* for a listing or an index */
    REDIRECTS_MAX = 3,
    POLL_MS = 100,
};

/* What becomes of an answer's body: REFUSE is for good, ANEW is for another try from the first byte. */
enum verdict { UNJUDGED, TAKE, DROP, ANEW, REFUSE };

struct transfer {
    struct sq_http_job *job;
    CURL *curl; /* NULL: not under way */
    struct curl_slist *headers;
    int fd;
    int tries;
    double due;              /* not before that */
    int64_t total;           /* of all spans; 0: unknown */
    int64_t first, last;     /* what this request asks for; last -1: all */
    bool ranged;             /* with a Range */
    int64_t range_start;     /* what the answer says it begins with; -1: nothing */
    enum verdict verdict;
    char why[CURL_ERROR_SIZE];
    const char *refusal;     /* why, for ANEW and REFUSE */
};

struct run {
    const struct sq_http_params *p;
    CURLM *multi;
    struct transfer *t;
    int n, n_over, n_active;
    int first; /* those before are over */
    double hold;   /* no request before that: the server asked for it */
    double shown;  /* when the progress was told */
    uint64_t random;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- where the bytes go ------------------------------------------------------------------------------------- */

static int64_t job_total(const struct sq_http_job *j)
{
    int64_t n = 0;
    for (int i = 0; i < j->n_span; i++)
        n += j->span[i].last - j->span[i].first + 1;
    return n;
}

/* Nothing of what is there is of use. */
static void begin_anew(struct transfer *t)
{
    t->job->n = 0;
    if (t->fd >= 0 && (ftruncate(t->fd, 0) || lseek(t->fd, 0, SEEK_SET)))
        sq_log(SQ_LOG_WARN, "%s: cannot be emptied: %s", t->job->path, strerror(errno));
}

static enum sq_status open_part(struct transfer *t)
{
    struct sq_http_job *j = t->job;
    struct stat st;
    if (!j->path || t->fd >= 0)
        return SQ_OK;
    t->fd = open(j->path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (t->fd < 0 || fstat(t->fd, &st) || lseek(t->fd, 0, SEEK_END) < 0)
        return sq_fail(&j->err, SQ_FAILED, "%s: cannot be written: %s", j->path, strerror(errno));
    j->n = st.st_size;
    if (j->n > t->total)
        begin_anew(t);
    return SQ_OK;
}

static void close_part(struct transfer *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static bool put_file(struct transfer *t, const char *data, size_t n)
{
    while (n) {
        ssize_t k = write(t->fd, data, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        data += k;
        n -= (size_t)k;
        t->job->n += k;
    }
    return true;
}

static bool put_memory(struct sq_http_job *j, const char *data, size_t n)
{
    if (n > (uint64_t)(j->most - j->n))
        return false;
    char *more = realloc(j->bytes, (size_t)j->n + n + 1);
    if (!more)
        return false;
    memcpy(more + j->n, data, n);
    j->bytes = more;
    j->n += (int64_t)n;
    more[j->n] = 0;
    return true;
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    static const char name[] = "content-range:", unit[] = "bytes ";
    struct transfer *t = arg;
    size_t at = sizeof name - 1;
    n *= size;
    if (n > 5 && !strncasecmp(data, "HTTP/", 5))
        t->range_start = -1; /* another answer: what went before was a redirection */
    if (n < at || strncasecmp(data, name, at))
        return n;
    while (at < n && data[at] == ' ')
        at++;
    if (n - at > sizeof unit - 1 && !strncasecmp(data + at, unit, sizeof unit - 1)) {
        int64_t v = 0;
        for (at += sizeof unit - 1; at < n && isdigit((unsigned char)data[at]) && v < INT64_MAX / 16; at++)
            v = 10 * v + data[at] - '0';
        t->range_start = v;
    }
    return n;
}

static enum verdict refuse(struct transfer *t, enum verdict how, const char *why)
{
    t->refusal = why;
    return how;
}

/* Before the first byte of a body. */
static enum verdict judge(struct transfer *t)
{
    long code = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 206 && t->ranged)
        return t->range_start == t->first ? TAKE : refuse(t, ANEW, "the server sent other bytes than were asked for");
    if (code != 200)
        return DROP;
    if (!t->ranged)
        return TAKE;
    if (!t->job->whole)
        return refuse(t, REFUSE, "the server gives no ranges of bytes");
    begin_anew(t); /* the whole again, rather than the rest: as good */
    t->first = 0;
    return TAKE;
}

static bool put(struct transfer *t, const char *data, size_t n)
{
    if (!t->job->path) {
        if (!put_memory(t->job, data, n))
            t->verdict = refuse(t, REFUSE, "the answer is too long");
    } else if ((int64_t)n > t->last + 1 - t->first) {
        t->verdict = refuse(t, ANEW, "more bytes than announced");
    } else if (!put_file(t, data, n)) {
        t->verdict = refuse(t, REFUSE, strerror(errno));
    } else {
        t->first += (int64_t)n; /* what is still to come of this request */
    }
    return t->verdict == TAKE;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    n *= size;
    if (t->verdict == UNJUDGED)
        t->verdict = judge(t);
    return t->verdict == DROP || (t->verdict == TAKE && put(t, data, n)) ? n : 0;
}

/* ---- a request --------------------------------------------------------------------------------------------------- */

/* The rest of the span that the next byte belongs to. */
static void find_range(struct transfer *t)
{
    const struct sq_http_job *j = t->job;
    int64_t before = j->n;
    t->first = 0;
    t->last = -1;
    t->ranged = false;
    for (int i = 0; i < j->n_span; i++) {
        int64_t length = j->span[i].last - j->span[i].first + 1;
        if (before < length) {
            t->first = j->span[i].first + before;
            t->last = j->span[i].last;
            t->ranged = !j->whole || before;
            return;
        }
        before -= length;
    }
}

static bool set_options(const struct run *r, struct transfer *t)
{
    const struct sq_http_job *j = t->job;
    CURL *c = t->curl;
    char text[300];
    bool fine = !curl_easy_setopt(c, CURLOPT_URL, j->url) && !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
                !curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, strncmp(j->url, "http:", 5) ? "https" : "http,https") &&
                !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) && !curl_easy_setopt(c, CURLOPT_WRITEDATA, t) &&
                !curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) && !curl_easy_setopt(c, CURLOPT_HEADERDATA, t) &&
                !curl_easy_setopt(c, CURLOPT_PRIVATE, t) && !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why) &&
                !curl_easy_setopt(c, CURLOPT_USERAGENT, "squall/" SQ_VERSION);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(1000 * r->p->connect_s));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1000L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)r->p->stall_s);
    if (!j->path)
        curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)MEMORY_MAX_S);
    if (fine && t->ranged) {
        snprintf(text, sizeof text, "%lld-%lld", (long long)t->first, (long long)t->last);
        fine = !curl_easy_setopt(c, CURLOPT_RANGE, text);
    }
    if (fine && t->ranged && j->n && j->etag && *j->etag == '"') { /* a weak one matches nothing */
        snprintf(text, sizeof text, "If-Match: %.200s", j->etag);
        t->headers = curl_slist_append(NULL, text);
        fine = t->headers && !curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
    }
    return fine;
}

static void end_request(struct run *r, struct transfer *t)
{
    if (t->curl) {
        curl_multi_remove_handle(r->multi, t->curl);
        curl_easy_cleanup(t->curl);
        r->n_active--;
    }
    curl_slist_free_all(t->headers);
    t->curl = NULL;
    t->headers = NULL;
}

/* The job is over; its message, if it failed, is written. */
static void end_job(struct run *r, struct transfer *t, enum sq_status status)
{
    close_part(t);
    t->job->over = true;
    t->job->status = status;
    r->n_over++;
}

/* 0.5 to 1 times the wait, which doubles from try to try. */
static double wait_of(struct run *r, int tries)
{
    double wait = r->p->wait_s;
    for (int i = 1; i < tries && wait < WAIT_MAX_S; i++)
        wait *= 2;
    r->random = r->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's; a jitter needs no better */
    return (wait < WAIT_MAX_S ? wait : WAIT_MAX_S) * (0.5 + 0.5 * (double)(r->random >> 40) / (1 << 24));
}

/* Another try, or the end of the job. `what` says what went wrong. */
static void try_again(struct run *r, struct transfer *t, const char *what, double at_least_s)
{
    struct sq_http_job *j = t->job;
    if (++t->tries >= r->p->tries || at_least_s > RETRY_AFTER_MAX_S) {
        sq_fail(&j->err, SQ_FAILED, "%.250s: %.150s; given up after %d %s", j->url, what, t->tries,
                t->tries == 1 ? "try" : "tries");
        end_job(r, t, SQ_FAILED);
        return;
    }
    double wait = wait_of(r, t->tries);
    if (wait < at_least_s)
        wait = at_least_s;
    sq_log(SQ_LOG_INFO, "%.250s: %.150s; again in %.1f s", j->url, what, wait);
    close_part(t); /* others may need the descriptor meanwhile */
    t->due = now_s() + wait;
}

static void take_all(struct run *r, struct transfer *t)
{
    struct sq_http_job *j = t->job;
    struct sq_err why = {0};
    close_part(t);
    enum sq_status status = j->take ? j->take(j, &why) : SQ_OK;
    if (!status) {
        end_job(r, t, SQ_OK);
        return;
    }
    if (j->path && truncate(j->path, 0) && errno != ENOENT)
        sq_log(SQ_LOG_WARN, "%s: cannot be emptied: %s", j->path, strerror(errno));
    j->n = 0;
    try_again(r, t, why.text, 0);
}

static void start(struct run *r, struct transfer *t)
{
    struct sq_http_job *j = t->job;
    if (open_part(t)) {
        end_job(r, t, SQ_FAILED);
        return;
    }
    if (!j->path)
        j->n = 0;
    if (j->n_span && j->n == t->total) { /* it was all there, from an earlier run */
        take_all(r, t);
        return;
    }
    find_range(t);
    t->range_start = -1;
    t->verdict = UNJUDGED;
    t->refusal = NULL;
    t->why[0] = 0;
    t->curl = curl_easy_init();
    r->n_active += t->curl != NULL;
    if (!t->curl || !set_options(r, t) || curl_multi_add_handle(r->multi, t->curl)) {
        end_request(r, t);
        sq_fail(&j->err, SQ_FAILED, "%.250s: cannot be asked for: is it a URL, and is there memory?", j->url);
        end_job(r, t, SQ_FAILED);
    }
}

/* ---- what became of a request --------------------------------------------------------------------------------------- */

static bool may_pass(long http)
{
    return http == 408 || http == 429 || http == 500 || http == 502 || http == 503 || http == 504;
}

/* Faults that another try would meet again. */
static bool is_lasting(CURLcode code)
{
    return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_WRITE_ERROR ||
           code == CURLE_OUT_OF_MEMORY;
}

static void settle_refusal(struct run *r, struct transfer *t, long http)
{
    struct sq_http_job *j = t->job;
    curl_off_t after = 0;
    char what[80];
    curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
    end_request(r, t);
    snprintf(what, sizeof what, "HTTP %ld%s", http, http == 412 ? ", it has changed" : "");
    if (after > RETRY_AFTER_MAX_S)
        snprintf(what, sizeof what, "HTTP %ld, and no more calls for %lld s, please", http, (long long)after);
    if (may_pass(http)) {
        if (after > 0 && after <= RETRY_AFTER_MAX_S && r->hold < now_s() + (double)after)
            r->hold = now_s() + (double)after; /* the others wait, too */
        try_again(r, t, what, (double)after);
    } else if (http == 412 || http == 416) {
        begin_anew(t);
        try_again(r, t, what, 0);
    } else {
        enum sq_status status = http == 404 || http == 410 ? SQ_ABSENT : SQ_FAILED;
        sq_fail(&j->err, status, "%.250s: %s%s", j->url, what,
                status == SQ_ABSENT ? ", it is not there" : http == 403 ? ", the server lets nobody in" : "");
        end_job(r, t, status);
    }
}

/* How S3 answers for a bucket of another region: the place stands in the body alone. */
static void settle_nowhere(struct run *r, struct transfer *t, long http)
{
    struct sq_http_job *j = t->job;
    end_request(r, t);
    sq_fail(&j->err, SQ_FAILED, "%.250s: HTTP %ld to nowhere: the bucket has another host or region; correct its url",
            j->url, http);
    end_job(r, t, SQ_FAILED);
}

/* The connection broke, or we broke it. */
static void settle_broken(struct run *r, struct transfer *t, CURLcode code)
{
    struct sq_http_job *j = t->job;
    char what[CURL_ERROR_SIZE + 64];
    bool lasting = t->verdict == REFUSE || (t->verdict != ANEW && is_lasting(code));
    snprintf(what, sizeof what, "%s", t->refusal ? t->refusal : t->why[0] ? t->why : curl_easy_strerror(code));
    end_request(r, t);
    if (t->verdict == ANEW)
        begin_anew(t);
    if (!lasting) {
        try_again(r, t, what, 0);
        return;
    }
    sq_fail(&j->err, SQ_FAILED, "%.250s: %.150s", j->url, what);
    end_job(r, t, SQ_FAILED);
}

static void settle_answer(struct run *r, struct transfer *t, long http)
{
    struct sq_http_job *j = t->job;
    char what[96];
    bool answered = http == 200 || (http == 206 && t->ranged);
    int64_t missing = j->n_span ? t->last + 1 - t->first : 0;
    end_request(r, t);
    if (!answered || missing) {
        begin_anew(t);
        snprintf(what, sizeof what, "HTTP %ld, and %lld bytes fewer than announced", http, (long long)missing);
        try_again(r, t, what, 0);
    } else if (!j->n_span || j->n == t->total) {
        take_all(r, t);
    } else {
        t->due = 0; /* the next span */
    }
}

static void settle(struct run *r, struct transfer *t, CURLcode code)
{
    long http = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &http);
    if (http >= 400)
        settle_refusal(r, t, http);
    else if (http >= 300 && !code)
        settle_nowhere(r, t, http);
    else if (t->refusal || code)
        settle_broken(r, t, code);
    else
        settle_answer(r, t, http);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------ */

/* Starts what is due while there is room; returns when the next one is. */
static double start_due(struct run *r)
{
    double now = now_s(), next = now + 3600;
    while (r->first < r->n && r->t[r->first].job->over)
        r->first++;
    for (int i = r->first; i < r->n && r->n_active < r->p->parallel; i++) {
        struct transfer *t = &r->t[i];
        double due = t->due > r->hold ? t->due : r->hold;
        if (t->job->over || t->curl)
            continue;
        if (due <= now)
            start(r, t);
        else if (due < next)
            next = due;
    }
    return next;
}

/* false where nothing has ended. */
static bool collect(struct run *r)
{
    bool any = false;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(r->multi, &left));) {
        struct transfer *t = NULL;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE && !curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) && t)
            settle(r, t, code);
        any = true;
    }
    return any;
}

static enum sq_status loop(struct run *r, struct sq_err *e)
{
    while (r->n_over < r->n) {
        int running;
        if (r->p->stop && *r->p->stop)
            return sq_fail(e, SQ_FAILED, "interrupted: what is whole stays, and the rest goes on with the next call");
        double next = start_due(r);
        CURLMcode code = curl_multi_perform(r->multi, &running);
        bool any = collect(r);
        double now = now_s(), wait_ms = 1000 * (next - now);
        if (r->p->progress && now - r->shown > 1e-3 * POLL_MS) {
            r->p->progress(r->p->progress_ctx);
            r->shown = now;
        }
        if (!code && !any && wait_ms > 0) /* what ended may have made room, or have more to ask for */
            code = curl_multi_poll(r->multi, NULL, 0, wait_ms < POLL_MS ? (int)wait_ms + 1 : POLL_MS, NULL);
        if (code)
            return sq_fail(e, SQ_FAILED, "libcurl: %s", curl_multi_strerror(code));
    }
    return SQ_OK;
}

enum sq_status sq_http_run(const struct sq_http_params *p, struct sq_http_job *job, int n, struct sq_err *e)
{
    struct run r = {.p = p, .n = n, .random = p->seed};
    enum sq_status status;
    if (!n)
        return SQ_OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return sq_fail(e, SQ_FAILED, "libcurl cannot be started");
    if ((status = sq_alloc((void **)&r.t, (size_t)n, sizeof *r.t, "transfers", e)))
        goto done;
    for (int i = 0; i < n; i++)
        r.t[i] = (struct transfer){.job = &job[i], .fd = -1, .total = job_total(&job[i])};
    if (!(r.multi = curl_multi_init())) {
        status = sq_fail(e, SQ_FAILED, "no memory for transfers");
        goto done;
    }
    status = loop(&r, e);
    for (int i = 0; i < n; i++) {
        end_request(&r, &r.t[i]);
        close_part(&r.t[i]);
    }
done:
    if (r.multi)
        curl_multi_cleanup(r.multi);
    free(r.t);
    curl_global_cleanup();
    return status;
}
