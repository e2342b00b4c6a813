/* What is in a bucket, and which of it is wanted. */
#include "fetch_bucket.h"

#include "core/instant.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_MAX = 50000,       /* of one call */
    PAGES_MAX = 1000,        /* of the listing of one hour or day */
    PAGE_BYTES_MAX = 8 << 20,
    UNITS_MAX = 24 * 62,     /* hours or days that are listed in one call */
};

struct search {
    const struct sq_dataset *set;
    const struct sq_http_params *http;
    int64_t from, to;
    struct sq_items *found;
};

static void item_finish(struct sq_item *item)
{
    free(item->key);
    free(item->etag);
    free(item->url);
    free(item->span);
}

void sq_items_finish(struct sq_items *items)
{
    for (int i = 0; i < items->n; i++)
        item_finish(&items->v[i]);
    free(items->v);
    *items = (struct sq_items){0};
}

/* ---- URLs ------------------------------------------------------------------------------------------------------- */

static bool is_plain(char c, bool slash)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c)) ||
           (slash && c == '/');
}

/* Appends text, percent-encoded; false where there is no room. */
static bool encode(char *out, size_t size, const char *text, bool slash)
{
    size_t n = strlen(out);
    for (; *text; text++) {
        if (n + 4 > size)
            return false;
        n += (size_t)sprintf(out + n, is_plain(*text, slash) ? "%c" : "%%%02X", (unsigned char)*text);
    }
    return true;
}

/* ---- what is in the bucket ------------------------------------------------------------------------------------------ */

static enum sq_status grow(struct sq_items *items, struct sq_err *e)
{
    if (items->n < items->room)
        return SQ_OK;
    int room = items->room ? 2 * items->room : 256;
    struct sq_item *more = realloc(items->v, (size_t)room * sizeof *more);
    if (!more)
        return sq_fail(e, SQ_FAILED, "no memory for a list of %d files", room);
    items->v = more;
    items->room = room;
    return SQ_OK;
}

static bool is_lead_wanted(const struct sq_dataset *d, int lead_h)
{
    for (int i = 0; i < d->n_leads; i++)
        if (d->leads_h[i] == lead_h)
            return true;
    return !d->n_leads;
}

/* The name that an object gets here. A key is somebody else's text: it never says a folder. */
static bool name_of(const struct sq_dataset *d, const char *key, int64_t time, int lead_h, char out[SQ_FETCH_NAME_MAX])
{
    const char *slash = strrchr(key, '/'), *last = slash ? slash + 1 : key;
    if (d->file[0])
        return sq_pattern_expand(d->file, time, lead_h, out, SQ_FETCH_NAME_MAX) && sq_name_is_safe(out);
    if (!sq_name_is_safe(last))
        return false;
    strcpy(out, last);
    return true;
}

/* An object that is wanted, with what its key says. */
static enum sq_status add(struct search *s, const struct sq_listed *listed, struct sq_item item, struct sq_err *e)
{
    char url[sizeof s->set->url + 3 * SQ_KEY_MAX + 2];
    if (s->found->n == FILES_MAX)
        return sq_fail(e, SQ_FAILED, "%s: more than %d files; ask for a shorter time", s->set->name, FILES_MAX);
    enum sq_status status = grow(s->found, e);
    if (status)
        return status;
    snprintf(url, sizeof url, "%s/", s->set->url);
    item.key = strdup(listed->key);
    item.etag = strdup(listed->etag);
    item.url = encode(url, sizeof url, listed->key, true) ? strdup(url) : NULL;
    if (!item.key || !item.etag || !item.url) {
        item_finish(&item);
        return sq_fail(e, SQ_FAILED, "no memory for a list of files");
    }
    s->found->v[s->found->n++] = item;
    return SQ_OK;
}

static enum sq_status on_listed(void *ctx, const struct sq_listed *listed, struct sq_err *e)
{
    struct search *s = ctx;
    struct sq_item item = {.size = listed->size};
    if (!listed->size || !sq_pattern_match(s->set->key, listed->key, &item.time, &item.lead_h) ||
        !is_lead_wanted(s->set, item.lead_h) || item.time > s->to || item.time < s->from)
        return SQ_OK;
    if (name_of(s->set, listed->key, item.time, item.lead_h, item.name))
        return add(s, listed, item, e);
    sq_log(SQ_LOG_WARN, "%s: '%.200s' is passed over: it cannot be the name of a file", s->set->name, listed->key);
    return SQ_OK;
}

/* One page of a listing. *next is what continues it, before and after. */
static enum sq_status list_page(struct search *s, const char *prefix, char **next, struct sq_err *e)
{
    char url[12 * 1024];
    struct sq_http_job job = {.url = url, .most = PAGE_BYTES_MAX};
    snprintf(url, sizeof url, "%s/?list-type=2&prefix=", s->set->url);
    bool fits = encode(url, sizeof url, prefix, false);
    if (*next) {
        strcat(url, "&continuation-token="); /* a prefix takes a quarter of the room */
        fits = fits && encode(url, sizeof url, *next, false);
    }
    free(*next);
    *next = NULL;
    if (!fits)
        return sq_fail(e, SQ_FAILED, "%s: the listing goes on with too long a text", s->set->url);
    enum sq_status status = sq_http_run(s->http, &job, 1, e);
    if (!status && job.status) /* also where the server knows no such bucket: that does not come by waiting */
        status = sq_fail(e, SQ_FAILED, "%s", job.err.text);
    if (!status)
        status = sq_listing_parse(s->set->url, job.bytes ? job.bytes : "", (size_t)job.n, on_listed, s, next, e);
    free(job.bytes);
    return status;
}

static enum sq_status list_unit(struct search *s, const char *prefix, struct sq_err *e)
{
    char *next = NULL;
    enum sq_status status = SQ_OK;
    int page = 0;
    do {
        if (++page > PAGES_MAX)
            status = sq_fail(e, SQ_FAILED, "%s: the listing of %.200s does not end", s->set->url, prefix);
        else
            status = list_page(s, prefix, &next, e);
    } while (!status && next);
    free(next);
    return status;
}

/* ---- what is wanted ------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct sq_item *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->lead_h != y->lead_h)
        return x->lead_h < y->lead_h ? -1 : 1;
    return strcmp(x->key, y->key);
}

/* Of several objects for one time and lead the last key stays: it was made last. */
static void sort(struct sq_items *f)
{
    int n = 0;
    if (f->n)
        qsort(f->v, (size_t)f->n, sizeof *f->v, by_time);
    for (int i = 0; i < f->n; i++) {
        bool again = i + 1 < f->n && f->v[i].time == f->v[i + 1].time && f->v[i].lead_h == f->v[i + 1].lead_h;
        if (again)
            item_finish(&f->v[i]);
        else
            f->v[n++] = f->v[i];
    }
    f->n = n;
}

/* Of the newest times those that have every lead that is wanted, `most` of them: marks their items, and says how
 * many such times there are. */
static int mark_newest(const struct sq_dataset *set, struct sq_items *f, int most)
{
    int found = 0;
    for (int end = f->n, begin; end > 0; end = begin) {
        for (begin = end - 1; begin > 0 && f->v[begin - 1].time == f->v[begin].time;)
            begin--;
        bool take = found < most && (!set->n_leads || end - begin == set->n_leads);
        found += take;
        for (int i = begin; i < end; i++)
            f->v[i].wanted = take;
    }
    return found;
}

static void keep_wanted(struct sq_items *f)
{
    int n = 0;
    for (int i = 0; i < f->n; i++) {
        if (f->v[i].wanted)
            f->v[n++] = f->v[i];
        else
            item_finish(&f->v[i]);
    }
    f->n = n;
}

/* The beginning of the unit (hour or day) that t is in. */
static int64_t floor_to(int64_t t, int unit_s)
{
    int64_t rest = t % unit_s;
    return t - rest - (rest < 0 ? unit_s : 0);
}

/* From the newest unit back to the oldest, or until `newest` times were found. */
static enum sq_status list_all(struct search *s, int newest, struct sq_err *e)
{
    char prefix[1024];
    int unit_s = 0;
    if (!sq_pattern_prefix(s->set->key, s->to, prefix, sizeof prefix, &unit_s))
        return sq_fail(e, SQ_FAILED, "%s: key: the pattern is too long", s->set->name);
    int64_t first = floor_to(s->from, unit_s), last = floor_to(s->to, unit_s);
    if ((last - first) / unit_s >= UNITS_MAX)
        return sq_fail(e, SQ_USAGE, "%s: that is more than %d %s at once; ask for a shorter time", s->set->name,
                       UNITS_MAX, unit_s == 3600 ? "hours" : "days");
    for (int64_t t = last; t >= first; t -= unit_s) {
        if (!sq_pattern_prefix(s->set->key, t, prefix, sizeof prefix, &unit_s))
            return sq_fail(e, SQ_FAILED, "%s: key: the pattern is too long", s->set->name);
        enum sq_status status = list_unit(s, prefix, e);
        if (status)
            return status;
        sort(s->found);
        if (newest && mark_newest(s->set, s->found, newest) == newest)
            return SQ_OK;
    }
    return SQ_OK;
}

enum sq_status sq_bucket_list(const struct sq_dataset *set, const struct sq_http_params *http, int64_t from, int64_t to,
                              int newest, struct sq_items *ret, struct sq_err *e)
{
    struct sq_items found = {0};
    struct search s = {set, http, from, to, &found};
    enum sq_status status = list_all(&s, newest, e);
    if (!status && newest)
        keep_wanted(&found);
    if (status)
        sq_items_finish(&found);
    *ret = found;
    return status;
}
