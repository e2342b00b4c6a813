#include "fetch.h"

#include "core/instant.h"
#include "core/log.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64, LINE_MAX_BYTES = 512, LINES_MAX = 20000 };

struct wanted {
    char pattern[160]; /* of VAR:level:forecast */
    bool seen;
};

/* "PRATE:surface; APCP:surface:*-* hour acc fcst" to patterns; those with one colon take every forecast. */
static enum sq_status split_fields(const char *where, const char *fields, struct wanted *w, int *ret_n, struct sq_err *e)
{
    int n = 0;
    while (*fields) {
        fields += strspn(fields, "; ");
        size_t k = strcspn(fields, ";");
        const char *colon = memchr(fields, ':', k);
        if (!k)
            break;
        if (!colon || k > 150 || n == FIELDS_MAX)
            return sq_fail(e, SQ_FAILED, "%.200s: fields: '%.*s' is not VAR:level, or there are more than %d", where,
                           (int)(k < 100 ? k : 100), fields, FIELDS_MAX);
        bool two = memchr(colon + 1, ':', (size_t)(fields + k - colon - 1));
        snprintf(w[n++].pattern, sizeof w->pattern, "%.*s%s", (int)k, fields, two ? "" : ":*");
        fields += k;
    }
    *ret_n = n;
    return SQ_OK;
}

struct line {
    int64_t offset;
    char what[LINE_MAX_BYTES]; /* VAR:level:forecast */
    int64_t run;
};

static bool take_number(const char **at, int64_t *ret)
{
    char *end;
    errno = 0;
    long long v = strtoll(*at, &end, 10);
    if (**at < '0' || **at > '9' || errno)
        return false;
    *ret = v;
    *at = end;
    return true;
}

/* One line; false where it is none. Messages with several fields count them behind a point: "3.2". */
static bool read_line(const char *text, struct line *ret)
{
    const char *at = text;
    int64_t number, part;
    int y, mo, d, h, n = 0;
    if (!take_number(&at, &number) || (*at == '.' && (at++, !take_number(&at, &part))))
        return false;
    if (*at++ != ':' || !take_number(&at, &ret->offset) || *at++ != ':')
        return false;
    if (sscanf(at, "d=%4d%2d%2d%2d:%n", &y, &mo, &d, &h, &n) != 4 || !n)
        return false;
    ret->run = sq_instant_civil(y, mo, d, h, 0, 0);
    at += n;
    const char *level = strchr(at, ':'), *forecast = level ? strchr(level + 1, ':') : NULL;
    const char *end = forecast ? strchr(forecast + 1, ':') : NULL;
    if (!end || level == at)
        return false;
    snprintf(ret->what, sizeof ret->what, "%.*s", (int)(end - at), at);
    return true;
}

static bool is_wanted(struct wanted *w, int n, const char *what)
{
    bool found = false;
    for (int i = 0; i < n; i++) {
        if (fnmatch(w[i].pattern, what, 0))
            continue;
        w[i].seen = found = true;
    }
    return found;
}

struct message {
    int64_t offset;
    bool wanted;
};

/* Lines to messages, ascending; fields of one message are one. */
static enum sq_status read_messages(const char *where, const char *text, size_t size, int64_t object_size, int64_t run,
                                    struct wanted *w, int n_wanted, struct message *m, int *ret_n, struct sq_err *e)
{
    const char *end = text + size;
    int n = 0;
    for (int number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        char line[LINE_MAX_BYTES];
        struct line l;
        if (length >= sizeof line || memchr(text, 0, length))
            return sq_fail(e, SQ_FAILED, "%.250s: line %d is none of an index", where, number);
        memcpy(line, text, length);
        line[length] = 0;
        if (!read_line(line, &l) || l.offset >= object_size || l.offset < (n ? m[n - 1].offset : 0))
            return sq_fail(e, SQ_FAILED, "%.250s: line %d is none of an index of %lld bytes", where, number,
                           (long long)object_size);
        if (l.run != run)
            return sq_fail(e, SQ_FAILED, "%.250s: line %d is of another run", where, number);
        if (!n || l.offset > m[n - 1].offset) {
            if (n == LINES_MAX)
                return sq_fail(e, SQ_FAILED, "%.250s: more than %d messages", where, LINES_MAX);
            m[n++] = (struct message){.offset = l.offset};
        }
        m[n - 1].wanted |= is_wanted(w, n_wanted, l.what);
        text = stop ? stop + 1 : end;
    }
    *ret_n = n;
    return SQ_OK;
}

/* Neighbours that are wanted are one span. */
static int join(const struct message *m, int n, int64_t object_size, struct sq_span *span)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        int64_t last = (i + 1 < n ? m[i + 1].offset : object_size) - 1;
        if (!m[i].wanted)
            continue;
        if (k && span[k - 1].last + 1 == m[i].offset)
            span[k - 1].last = last;
        else if (k == SQ_FETCH_SPANS_MAX)
            return -1;
        else
            span[k++] = (struct sq_span){m[i].offset, last};
    }
    return k;
}

enum sq_status sq_index_spans(const char *where, const char *text, size_t size, int64_t object_size, int64_t run,
                              const char *fields, struct sq_span *ret, int *ret_n, struct sq_err *e)
{
    struct wanted w[FIELDS_MAX] = {0};
    struct message *m = NULL;
    int n_wanted = 0, n = 0;
    enum sq_status status = split_fields(where, fields, w, &n_wanted, e);
    if (!status)
        status = sq_alloc((void **)&m, LINES_MAX, sizeof *m, "an index", e);
    if (!status)
        status = read_messages(where, text, size, object_size, run, w, n_wanted, m, &n, e);
    if (status)
        goto done;
    int k = join(m, n, object_size, ret);
    if (k < 0)
        status = sq_fail(e, SQ_FAILED, "%.250s: the fields lie in more than %d places", where, SQ_FETCH_SPANS_MAX);
    else if (!k)
        status = sq_fail(e, SQ_FAILED, "%.250s: none of the %d fields wanted is there", where, n_wanted);
    else
        *ret_n = k;
    for (int i = 0; i < n_wanted && !status; i++)
        if (!w[i].seen)
            sq_log(SQ_LOG_INFO, "%.250s: has no %s", where, w[i].pattern);
done:
    free(m);
    return status;
}
