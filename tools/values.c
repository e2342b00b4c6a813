/* Values of options: text to numbers, times and settings. */
#include "options.h"
#include "core/instant.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_parse_text(const char *text, void *ret, struct sq_err *e)
{
    if (!*text)
        return sq_fail(e, SQ_USAGE, "the value is empty");
    *(const char **)ret = text;
    return SQ_OK;
}

/* A finite number that text begins with; *ret_end is what follows. */
static bool number(const char *text, double *ret, char **ret_end)
{
    errno = 0;
    *ret = strtod(text, ret_end);
    return *ret_end != text && isfinite(*ret) && !errno;
}

enum sq_status sq_parse_number(const char *text, void *ret, struct sq_err *e)
{
    char *end;
    double v;
    if (!number(text, &v, &end) || *end || v < 0)
        return sq_fail(e, SQ_USAGE, "%s: not a number of at least 0", text);
    *(double *)ret = v;
    return SQ_OK;
}

enum sq_status sq_parse_count(const char *text, void *ret, struct sq_err *e)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (end == text || *end || errno || v < 1 || v > 1000000000)
        return sq_fail(e, SQ_USAGE, "%s: not a whole number of at least 1", text);
    *(int *)ret = (int)v;
    return SQ_OK;
}

enum sq_status sq_parse_seed(const char *text, void *ret, struct sq_err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (end == text || *end || errno || strchr(text, '-'))
        return sq_fail(e, SQ_USAGE, "%s: not a whole number of at least 0", text);
    *(uint64_t *)ret = v;
    return SQ_OK;
}

enum sq_status sq_parse_time(const char *text, void *ret, struct sq_err *e)
{
    return sq_instant_parse(text, ret, e);
}

enum sq_status sq_parse_duration(const char *text, void *ret, struct sq_err *e)
{
    return sq_duration_parse(text, ret, e);
}

enum sq_status sq_parse_point(const char *text, void *ret, struct sq_err *e)
{
    double p[2];
    char *end;
    if (!number(text, &p[0], &end) || *end != ',' || !number(end + 1, &p[1], &end) || *end ||
        fabs(p[0]) > 360 || fabs(p[1]) > 90)
        return sq_fail(e, SQ_USAGE, "%s: not a place, give LON,LAT in degrees", text);
    memcpy(ret, p, sizeof p);
    return SQ_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* "5" or "5..60/5"; false when it is neither or the list is full. */
static bool list_part(const char *text, char **ret_end, struct sq_list *l)
{
    double first, last, step = 1;
    if (!number(text, &first, ret_end))
        return false;
    last = first;
    /* strtod takes "5." of "5..60": the second point tells a range */
    const char *p = *ret_end;
    if (p > text && p[-1] == '.' && p[0] == '.')
        p--;
    if (p[0] == '.' && p[1] == '.') {
        if (!number(p + 2, &last, ret_end) || **ret_end != '/' || !number(*ret_end + 1, &step, ret_end))
            return false;
    }
    if (!(first > 0) || last < first || !(step > 0) || (last - first) / step >= SQ_LEAD_MAX)
        return false;
    int n = (int)((last - first) / step + 1e-9) + 1;
    if (l->n + n > SQ_LEAD_MAX)
        return false;
    for (int i = 0; i < n; i++)
        l->v[l->n++] = first + i * step;
    return true;
}

enum sq_status sq_parse_list(const char *text, void *ret, struct sq_err *e)
{
    struct sq_list l = {0};
    char *end = NULL;
    for (const char *p = text;; p = end + 1) {
        if (!list_part(p, &end, &l) || (*end && *end != ','))
            return sq_fail(e, SQ_USAGE, "%s: not up to %d numbers above 0, like 1,5 or 5..60/5", text,
                           SQ_LEAD_MAX);
        if (!*end)
            break;
    }
    qsort(l.v, (size_t)l.n, sizeof *l.v, ascending);
    int n = 0;
    for (int i = 0; i < l.n; i++)
        if (!n || l.v[i] > l.v[n - 1])
            l.v[n++] = l.v[i];
    l.n = n;
    *(struct sq_list *)ret = l;
    return SQ_OK;
}

enum sq_status sq_parse_leads(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    struct sq_list l;
    int leads_s[SQ_LEAD_MAX] = {0};
    enum sq_status bad = sq_parse_list(text, &l, e);
    if (bad)
        return bad;
    for (int i = 0; i < l.n; i++) {
        double lead_s = l.v[i] * 60, whole = round(lead_s);
        if (whole < 60 || whole > 86400 || fabs(lead_s - whole) > 1e-6 || (i && whole <= leads_s[i - 1]))
            return sq_fail(e, SQ_USAGE, "%s: leads are minutes from 1 to 1440, in whole seconds", text);
        leads_s[i] = (int)whole;
    }
    memcpy(s->leads_s, leads_s, sizeof leads_s);
    s->n_leads = l.n;
    return SQ_OK;
}

enum sq_status sq_parse_maps(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    struct sq_list l;
    enum sq_status bad = sq_parse_list(text, &l, e);
    if (bad)
        return bad;
    if (l.n > SQ_THRESHOLD_MAX || l.v[0] < 0.01 || l.v[l.n - 1] > 500)
        return sq_fail(e, SQ_USAGE, "%s: up to %d rates in 0.01 to 500 mm/h", text, SQ_THRESHOLD_MAX);
    for (int i = 0; i < l.n; i++)
        s->map_thresholds_mmh[i] = (float)l.v[i];
    s->n_map_thresholds = l.n;
    return SQ_OK;
}

static enum sq_status copy_text(const char *text, char *ret, size_t room, struct sq_err *e)
{
    if (!*text || strlen(text) >= room)
        return sq_fail(e, SQ_USAGE, "'%.64s': empty or too long", text);
    strcpy(ret, text);
    return SQ_OK;
}

enum sq_status sq_parse_weights(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    return copy_text(text, s->weights, sizeof s->weights, e);
}

enum sq_status sq_parse_grid(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    return copy_text(text, s->grid, sizeof s->grid, e);
}

enum sq_status sq_parse_threads(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    return sq_parse_count(text, &s->threads, e);
}
