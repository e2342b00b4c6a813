#include "standin.h"

#include "core/sha256.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { OBJECTS_MAX = 512, FAULTS_MAX = 16, LOG_MAX = 4096, BLOCK = 4096 };

struct object {
    char key[256], etag[40];
    char *bytes;
    size_t n;
};

struct fault {
    char part[128];
    enum standin_fault kind;
    int value, times;
};

struct standin {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* over all that follows */
    char url[64];
    struct object object[OBJECTS_MAX];
    int n_object;
    struct fault fault[FAULTS_MAX];
    int n_fault;
    char log[LOG_MAX][256];
    int n_log, busy, most_busy, page;
    int64_t sent;
    bool reversed;
    char *listing;
};

/* What a connection's thread sends. */
struct body {
    struct standin *s;
    struct MHD_Connection *connection;
    char *bytes;
    size_t n, cut_at; /* cut_at: where the fault strikes */
    int slow_ms, stall_ms;
    bool reset, counted;
};

static void must(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "stand-in: %s\n", what);
        abort();
    }
}

static void nap(int ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- bodies ------------------------------------------------------------------------------------------------- */

static ssize_t read_body(void *arg, uint64_t at, char *out, size_t room)
{
    struct body *b = arg;
    size_t end = at < b->cut_at ? b->cut_at : b->n;
    if (at >= b->cut_at && b->cut_at < b->n) {
        const struct linger hard = {1, 0};
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(b->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        nap(b->stall_ms);
        if (b->reset && info)
            setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (at >= b->n)
        return MHD_CONTENT_READER_END_OF_STREAM;
    nap(b->slow_ms);
    size_t n = end - at < room ? end - at : room;
    n = n < BLOCK ? n : BLOCK;
    memcpy(out, b->bytes + at, n);
    if (b->counted) {
        pthread_mutex_lock(&b->s->lock);
        b->s->sent += (int64_t)n;
        pthread_mutex_unlock(&b->s->lock);
    }
    return (ssize_t)n;
}

static void free_body(void *arg)
{
    struct body *b = arg;
    free(b->bytes);
    free(b);
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, struct body *b, const char *const *header)
{
    struct MHD_Response *r = MHD_create_response_from_callback(b->n, BLOCK, read_body, b, free_body);
    must(r, "no memory");
    for (; *header; header += 2)
        MHD_add_response_header(r, header[0], header[1]);
    enum MHD_Result done = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return done;
}

static struct body *make_body(struct standin *s, struct MHD_Connection *c, const char *bytes, size_t n, size_t spare)
{
    struct body *b = calloc(1, sizeof *b);
    must(b && (b->bytes = calloc(n + spare + 1, 1)), "no memory");
    if (n)
        memcpy(b->bytes, bytes, n);
    b->s = s;
    b->connection = c;
    b->n = b->cut_at = n;
    return b;
}

/* S3 explains itself in XML. */
static enum MHD_Result reply_status(struct standin *s, struct MHD_Connection *c, int status, const char *const *header)
{
    char text[200];
    int n = snprintf(text, sizeof text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>no</Message>"
                     "<RequestId>1</RequestId></Error>", status == 301 ? "PermanentRedirect" : status == 503 ? "SlowDown" : "Other");
    return reply(c, (unsigned)status, make_body(s, c, text, (size_t)n, 0), header);
}

/* ---- listings ----------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(struct object *const *)a)->key, (*(struct object *const *)b)->key);
}

static void print_object(FILE *f, const struct object *o)
{
    fputs("<Contents><Key>", f);
    for (const char *p = o->key; *p; p++)
        *p == '&' ? fputs("&amp;", f) : *p == '<' ? fputs("&lt;", f) : fputc(*p, f);
    fprintf(f, "</Key><LastModified>2026-06-01T12:00:00.000Z</LastModified><ETag>&quot;%s&quot;</ETag>"
               "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>%zu</Size>"
               "<Owner><ID>1</ID><DisplayName/></Owner><StorageClass>STANDARD</StorageClass></Contents>", o->etag, o->n);
}

/* As S3 writes it, all on one line, and with what others of its kind add. The token is the number of the first key of the page. */
static char *list(struct standin *s, const char *prefix, const char *token, size_t *ret_n)
{
    struct object *found[OBJECTS_MAX];
    char *text = NULL;
    int n = 0, first = token ? atoi(token) : 0, page = s->page ? s->page : 1000;
    FILE *f = open_memstream(&text, ret_n);
    must(f, "no memory");
    for (int i = 0; i < s->n_object; i++)
        if (!strncmp(s->object[i].key, prefix, strlen(prefix)))
            found[n++] = &s->object[i];
    if (n)
        qsort(found, (size_t)n, sizeof *found, by_key);
    int end = first + page < n ? first + page : n;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
          "<Name>stand-in</Name>", f);
    fprintf(f, "<Prefix>%s</Prefix>", prefix);
    if (end < n)
        fprintf(f, "<NextContinuationToken>%d/+&amp;=</NextContinuationToken>", end);
    fprintf(f, "<KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys><IsTruncated>%s</IsTruncated>", end - first, page,
            end < n ? "true" : "false");
    for (int i = first; i < end; i++)
        print_object(f, found[s->reversed ? n - 1 - i : i]);
    fputs("</ListBucketResult>", f);
    fclose(f);
    return text;
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

static const struct object *find(const struct standin *s, const char *key)
{
    for (int i = 0; i < s->n_object; i++)
        if (!strcmp(s->object[i].key, key))
            return &s->object[i];
    return NULL;
}

/* The fault that strikes this request, or NULL. */
static const struct fault *strike(struct standin *s, const char *line)
{
    for (int i = 0; i < s->n_fault; i++) {
        if (!s->fault[i].times || !strstr(line, s->fault[i].part))
            continue;
        if (s->fault[i].times > 0)
            s->fault[i].times--;
        return &s->fault[i];
    }
    return NULL;
}

static void apply(struct body *b, const struct fault *f)
{
    if (f->kind == STANDIN_SLOW)
        b->slow_ms = f->value;
    if (f->kind == STANDIN_CUT || f->kind == STANDIN_RESET || f->kind == STANDIN_STALL)
        b->cut_at = b->n / 2;
    b->reset = f->kind == STANDIN_RESET;
    if (f->kind == STANDIN_STALL)
        b->stall_ms = f->value;
    if (f->kind == STANDIN_SHORT)
        b->n = b->cut_at = b->n / 2;
    if (f->kind == STANDIN_LONG)
        b->n = b->cut_at = b->n + (size_t)f->value;
    if (f->kind == STANDIN_DAMAGED && b->n)
        b->bytes[b->n / 2] ^= 0x55;
}

static enum MHD_Result send_object(struct standin *s, struct MHD_Connection *c, const struct object *o,
                                   const char *range, const struct fault *f)
{
    char etag[48], content_range[96];
    unsigned long long first = 0, last = o->n - 1;
    bool ranged = range && !(f && f->kind == STANDIN_NO_RANGES) && sscanf(range, "bytes=%llu-%llu", &first, &last) >= 1;
    if (ranged && (first >= o->n || last < first))
        return reply_status(s, c, 416, (const char *const[]){NULL});
    last = last < o->n ? last : o->n - 1;
    first += f && f->kind == STANDIN_WRONG_RANGE && first < last;
    snprintf(etag, sizeof etag, "\"%s\"", o->etag);
    snprintf(content_range, sizeof content_range, "bytes %llu-%llu/%zu", first, last, o->n);
    struct body *b = make_body(s, c, o->bytes + first, (size_t)(last + 1 - first), 4096);
    b->counted = true;
    if (f)
        apply(b, f);
    return reply(c, ranged ? 206 : 200, b, (const char *const[]){"ETag", etag, ranged ? "Content-Range" : NULL,
                                                                 content_range, NULL});
}

static enum MHD_Result answer(struct standin *s, struct MHD_Connection *c, const char *path, const char *line)
{
    const char *prefix = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "prefix");
    const char *token = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "continuation-token");
    const char *range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    const char *match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Match");
    const struct fault *f = strike(s, line);
    const struct object *o = find(s, path + 1);
    char number[16], etag[48];
    if (f && f->kind == STANDIN_STATUS)
        return reply_status(s, c, f->value, (const char *const[]){NULL});
    snprintf(number, sizeof number, "%d", f ? f->value : 0);
    if (f && f->kind == STANDIN_RETRY_AFTER)
        return reply_status(s, c, 503, (const char *const[]){"Retry-After", number, NULL});
    if (f && f->kind == STANDIN_REDIRECT)
        return reply_status(s, c, 302, (const char *const[]){"Location", path, NULL});
    if (!strcmp(path, "/") && prefix) {
        size_t n = s->listing ? strlen(s->listing) : 0;
        char *text = s->listing ? strdup(s->listing) : list(s, prefix, token, &n);
        struct body *b = make_body(s, c, text, n, 4096);
        free(text);
        if (f)
            apply(b, f);
        return reply(c, 200, b, (const char *const[]){"Content-Type", "application/xml", NULL});
    }
    if (!o)
        return reply_status(s, c, 404, (const char *const[]){NULL});
    snprintf(etag, sizeof etag, "\"%s\"", o->etag);
    if (match && strcmp(match, etag))
        return reply_status(s, c, 412, (const char *const[]){NULL});
    return send_object(s, c, o, range, f);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct standin *s = arg;
    const char *range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    const char *match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Match");
    const char *prefix = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "prefix");
    (void)version, (void)upload, (void)upload_size;
    if (strcmp(method, "GET"))
        return MHD_NO;
    pthread_mutex_lock(&s->lock);
    char *line = s->log[s->n_log % LOG_MAX];
    snprintf(line, sizeof s->log[0], "%s%s%s range=%s if-match=%s", path, prefix ? "?prefix=" : "", prefix ? prefix : "",
             range ? range : "", match ? match : "");
    s->n_log++;
    s->busy++;
    s->most_busy = s->busy > s->most_busy ? s->busy : s->most_busy;
    *state = s; /* this request is counted */
    enum MHD_Result done = answer(s, c, path, line);
    pthread_mutex_unlock(&s->lock);
    return done;
}

static void on_end(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
    struct standin *s = arg;
    (void)c, (void)code;
    pthread_mutex_lock(&s->lock);
    s->busy -= *state != NULL;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the outside -------------------------------------------------------------------------------------------- */

struct standin *standin_start(void)
{
    struct standin *s = calloc(1, sizeof *s);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; /* any port */
    must(s, "no memory");
    pthread_mutex_init(&s->lock, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
                                 s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here, MHD_OPTION_NOTIFY_COMPLETED, on_end, s,
                                 MHD_OPTION_END);
    must(s->daemon, "cannot listen");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)info->port);
    return s;
}

void standin_stop(struct standin *s)
{
    if (!s)
        return;
    MHD_stop_daemon(s->daemon);
    standin_remove_all(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *standin_url(const struct standin *s)
{
    return s->url;
}

void standin_put(struct standin *s, const char *key, const void *bytes, size_t n)
{
    char hex[65];
    pthread_mutex_lock(&s->lock);
    struct object *o = NULL;
    for (int i = 0; i < s->n_object; i++)
        if (!strcmp(s->object[i].key, key))
            o = &s->object[i];
    must(o || s->n_object < OBJECTS_MAX, "too many objects");
    o = o ? o : &s->object[s->n_object++];
    free(o->bytes);
    snprintf(o->key, sizeof o->key, "%s", key);
    o->bytes = malloc(n + 1);
    must(o->bytes, "no memory");
    memcpy(o->bytes, bytes, n);
    o->n = n;
    sq_sha256(bytes, n, hex);
    snprintf(o->etag, sizeof o->etag, "%.32s", hex); /* as long as S3's, which is an MD5 */
    pthread_mutex_unlock(&s->lock);
}

void standin_remove_all(struct standin *s)
{
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n_object; i++)
        free(s->object[i].bytes);
    memset(s->object, 0, sizeof s->object);
    s->n_object = s->n_fault = s->n_log = s->most_busy = s->page = 0;
    s->sent = 0;
    s->reversed = false;
    free(s->listing);
    s->listing = NULL;
    pthread_mutex_unlock(&s->lock);
}

void standin_fault(struct standin *s, const char *part, enum standin_fault kind, int value, int times)
{
    pthread_mutex_lock(&s->lock);
    must(s->n_fault < FAULTS_MAX, "too many faults");
    struct fault *f = &s->fault[s->n_fault++];
    *f = (struct fault){.kind = kind, .value = value, .times = times};
    snprintf(f->part, sizeof f->part, "%s", part);
    pthread_mutex_unlock(&s->lock);
}

void standin_heal(struct standin *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_fault = 0;
    pthread_mutex_unlock(&s->lock);
}

void standin_listing(struct standin *s, int page, bool reversed)
{
    pthread_mutex_lock(&s->lock);
    s->page = page;
    s->reversed = reversed;
    pthread_mutex_unlock(&s->lock);
}

void standin_listing_text(struct standin *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    free(s->listing);
    s->listing = text ? strdup(text) : NULL;
    pthread_mutex_unlock(&s->lock);
}

int standin_count(struct standin *s, const char *part)
{
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n_log && i < LOG_MAX; i++)
        n += strstr(s->log[i], part) != NULL;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int standin_most_at_once(struct standin *s)
{
    pthread_mutex_lock(&s->lock);
    int n = s->most_busy;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int64_t standin_bytes(struct standin *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t n = s->sent;
    pthread_mutex_unlock(&s->lock);
    return n;
}
