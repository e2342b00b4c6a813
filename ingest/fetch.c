#include "fetch_bucket.h"
#include "ingest.h"

#include "core/instant.h"
#include "core/log.h"
#include "core/publish.h"
#include "core/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    INDEX_BYTES_MAX = 4 << 20,
    PART_KEPT_S = 86400, /* what was cut and never taken up again goes */
};

struct fetch {
    const struct sq_fetch_params *p;
    struct sq_dataset set;
    struct sq_http_params http;
    int64_t from; /* the oldest time looked for */
    struct sq_items items;
    char folder[SQ_PATH_MAX];
    int lock;
    struct sq_http_job *job;
    int n_job;
    int64_t bytes; /* to fetch */
    int n_new;
};

static bool is_newest(const struct fetch *f)
{
    return f->p->from == INT64_MIN;
}

/* ---- what is here already -------------------------------------------------------------------------------------------- */

static enum sq_status path_of(const struct fetch *f, const char *name, char ret[SQ_PATH_MAX], struct sq_err *e)
{
    int n = snprintf(ret, SQ_PATH_MAX, "%s/%s", f->folder, name);
    return n > 0 && n < SQ_PATH_MAX - 64 ? SQ_OK : sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", f->folder);
}

/* Where an item grows. Another object, or other spans of it, have another one: no part is ever continued with what
 * it did not begin with. */
static enum sq_status part_of(const struct fetch *f, const struct sq_item *item, char ret[SQ_PATH_MAX], struct sq_err *e)
{
    char name[SQ_FETCH_NAME_MAX + 48], hex[65], *text = NULL;
    size_t n = strlen(item->url) + strlen(item->etag) + 64 * (size_t)item->n_span + 64;
    enum sq_status status = sq_alloc((void **)&text, n, 1, "a name", e);
    if (status)
        return status;
    size_t used = (size_t)sprintf(text, "%s %s %lld", item->url, item->etag, (long long)item->size);
    for (int i = 0; i < item->n_span; i++)
        used += (size_t)sprintf(text + used, " %lld-%lld", (long long)item->span[i].first, (long long)item->span[i].last);
    sq_sha256(text, used, hex);
    free(text);
    snprintf(name, sizeof name, ".squall_%s.%.16s.part", item->name, hex);
    return path_of(f, name, ret, e);
}

static enum sq_status find_there(struct fetch *f, struct sq_err *e)
{
    for (int i = 0; i < f->items.n; i++) {
        char path[SQ_PATH_MAX];
        struct stat st;
        struct sq_item *item = &f->items.v[i];
        enum sq_status status = path_of(f, item->name, path, e);
        if (status)
            return status;
        /* of an object whose fields alone are fetched the size is not known yet */
        bool any = !stat(path, &st);
        if (any && !S_ISREG(st.st_mode))
            return sq_fail(e, SQ_FAILED, "%s: is in the way: it is no file", path);
        item->owner = f;
        item->there = any && (f->set.fields[0] ? st.st_size > 0 : st.st_size == item->size);
        if (item->there && f->p->on_file)
            f->p->on_file(f->p->ctx, &(struct sq_fetch_file){path, item->url, 0, item->time, true});
    }
    return SQ_OK;
}

/* Parts that nobody took up. */
static void remove_old_parts(const struct fetch *f)
{
    DIR *d = opendir(f->folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        size_t n = strlen(entry->d_name);
        struct stat st;
        if (n > 13 && !strncmp(entry->d_name, ".squall_", 8) && !strcmp(entry->d_name + n - 5, ".part") &&
            !fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && st.st_mtime < time(NULL) - PART_KEPT_S)
            unlinkat(dirfd(d), entry->d_name, 0);
    }
    if (d)
        closedir(d);
}

static enum sq_status open_folder(struct fetch *f, struct sq_err *e)
{
    int n = snprintf(f->folder, sizeof f->folder, "%s/%s", f->p->folder, f->set.name);
    if (n < 0 || (size_t)n >= sizeof f->folder)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", f->p->folder);
    if (f->p->dry_run)
        return SQ_OK;
    enum sq_status status = sq_publish_folder(f->folder, e);
    if (status)
        return status;
    f->lock = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock < 0)
        return sq_fail(e, SQ_FAILED, "%s: %s", f->folder, strerror(errno));
    if (flock(f->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return sq_fail(e, SQ_ABSENT, "%s: another squall fetch is at work there", f->folder);
    remove_old_parts(f);
    return SQ_OK;
}

/* ---- indexes ------------------------------------------------------------------------------------------------------- */

static enum sq_status set_spans(struct sq_item *item, const struct sq_span *span, int n, struct sq_err *e)
{
    enum sq_status status = sq_alloc((void **)&item->span, (size_t)n, sizeof *span, "spans", e);
    if (status)
        return status;
    memcpy(item->span, span, (size_t)n * sizeof *span);
    item->n_span = n;
    for (int i = 0; i < n; i++)
        item->bytes += span[i].last - span[i].first + 1;
    return SQ_OK;
}

/* The job's url is the item's, with .idx behind it. */
static enum sq_status take_index(struct sq_http_job *job, struct sq_err *e)
{
    struct sq_span span[SQ_FETCH_SPANS_MAX];
    struct sq_item *item = job->ctx;
    const struct fetch *f = item->owner;
    int n = 0;
    enum sq_status status = sq_index_spans(item->name, job->bytes ? job->bytes : "", (size_t)job->n, item->size, item->time,
                                           f->set.fields, span, &n, e);
    return status ? status : set_spans(item, span, n, e);
}

static enum sq_status read_indexes(struct fetch *f, struct sq_err *e)
{
    int n = 0;
    struct sq_http_job *job = NULL;
    enum sq_status status = sq_alloc((void **)&job, (size_t)f->items.n, sizeof *job, "jobs", e);
    for (int i = 0; i < f->items.n && !status; i++) {
        struct sq_item *item = &f->items.v[i];
        char *url = NULL;
        if (item->there || (status = sq_alloc((void **)&url, strlen(item->url) + 5, 1, "a URL", e)))
            continue;
        sprintf(url, "%s.idx", item->url);
        job[n++] = (struct sq_http_job){.url = url, .most = INDEX_BYTES_MAX, .take = take_index, .ctx = item};
    }
    if (!status)
        status = sq_http_run(&f->http, job, n, e);
    for (int i = 0; i < n; i++) {
        if (!status && job[i].status)
            status = sq_fail(e, job[i].status, "%s", job[i].err.text);
        free(job[i].bytes);
        free((char *)(uintptr_t)job[i].url);
    }
    free(job);
    return status;
}

/* What of each item is fetched. */
static enum sq_status find_spans(struct fetch *f, struct sq_err *e)
{
    enum sq_status status = f->set.fields[0] ? read_indexes(f, e) : SQ_OK;
    for (int i = 0; i < f->items.n && !status; i++) {
        const struct sq_span all = {0, f->items.v[i].size - 1};
        if (!f->set.fields[0])
            status = set_spans(&f->items.v[i], &all, 1, e);
        if (!f->items.v[i].there) {
            f->bytes += f->items.v[i].bytes;
            f->n_new++;
        }
        if (f->bytes > f->set.max_mb * INT64_C(1000000))
            return sq_fail(e, SQ_FAILED, "%s: more than %d MB to fetch; ask for less, or raise max_mb", f->set.name,
                           f->set.max_mb);
    }
    return status;
}

/* ---- fetching ------------------------------------------------------------------------------------------------------ */

static enum sq_status take_file(struct sq_http_job *job, struct sq_err *e)
{
    const struct sq_item *item = job->ctx;
    const struct fetch *f = item->owner;
    char path[SQ_PATH_MAX];
    enum sq_status status = path_of(f, item->name, path, e);
    if (!status)
        status = sq_fetch_check(job->path, f->set.check, e);
    if (!status)
        status = sq_publish_commit(job->path, path, e);
    if (!status && f->p->on_file)
        f->p->on_file(f->p->ctx, &(struct sq_fetch_file){path, item->url, item->bytes, item->time, false});
    return status;
}

static void on_progress(void *ctx)
{
    const struct fetch *f = ctx;
    int64_t done = 0;
    int n = 0;
    for (int i = 0; i < f->n_job; i++) {
        done += f->job[i].n;
        n += f->job[i].over;
    }
    f->p->on_progress(f->p->ctx, n, f->n_job, done, f->bytes);
}

static enum sq_status make_jobs(struct fetch *f, struct sq_err *e)
{
    enum sq_status status = sq_alloc((void **)&f->job, (size_t)f->n_new + 1, sizeof *f->job, "jobs", e);
    for (int i = 0; i < f->items.n && !status; i++) {
        struct sq_item *item = &f->items.v[i];
        char part[SQ_PATH_MAX], *path;
        if (item->there || (status = part_of(f, item, part, e)))
            continue;
        if (!(path = strdup(part)))
            return sq_fail(e, SQ_FAILED, "no memory for names");
        f->job[f->n_job++] = (struct sq_http_job){
            .url = item->url, .path = path, .etag = item->etag, .span = item->span, .n_span = item->n_span,
            .whole = !f->set.fields[0], .take = take_file, .ctx = item};
    }
    return status;
}

/* What went wrong, in one line. */
static enum sq_status sum_up(const struct fetch *f, struct sq_err *e)
{
    const struct sq_http_job *worst = NULL;
    int failed = 0;
    for (int i = 0; i < f->n_job; i++) {
        const struct sq_http_job *j = &f->job[i];
        if (!j->status)
            continue;
        if (!j->n)
            unlink(j->path); /* nothing to go on with */
        failed++;
        worst = worst && worst->status == SQ_FAILED ? worst : j;
    }
    if (!failed)
        return SQ_OK;
    return sq_fail(e, worst->status, "%d of %d files not fetched: %.400s", failed, f->n_job, worst->err.text);
}

static enum sq_status fetch_files(struct fetch *f, struct sq_err *e)
{
    enum sq_status status = make_jobs(f, e);
    f->http.progress = f->p->on_progress ? on_progress : NULL;
    f->http.progress_ctx = f;
    if (!status)
        status = sq_http_run(&f->http, f->job, f->n_job, e);
    return status ? status : sum_up(f, e);
}

static void tell_plan(const struct fetch *f)
{
    for (int i = 0; i < f->items.n && f->p->on_file; i++) {
        char path[SQ_PATH_MAX];
        const struct sq_item *item = &f->items.v[i];
        if (!item->there && !path_of(f, item->name, path, NULL))
            f->p->on_file(f->p->ctx, &(struct sq_fetch_file){path, item->url, item->bytes, item->time, false});
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */

static enum sq_status nothing_at_all(const struct fetch *f, struct sq_err *e)
{
    char a[32], b[32];
    return sq_fail(e, SQ_ABSENT, "%s: nothing%s from %s to %s in %s", f->set.name, f->set.n_leads ? " complete" : "",
                   sq_instant_iso(f->from, a), sq_instant_iso(f->p->to, b), f->set.url);
}

static enum sq_status nothing_new(const struct fetch *f, struct sq_err *e)
{
    char newest[32], next[32];
    int64_t t = f->items.v[f->items.n - 1].time;
    if (!is_newest(f)) /* a time that is past and here: done */
        return SQ_OK;
    return sq_fail(e, SQ_ABSENT, "%s: nothing new: that of %s is here, the next one is of about %s", f->set.name,
                   sq_instant_iso(t, newest), sq_instant_iso(t + f->set.every_s, next));
}

/* Of a time that is past: whether all of it is there. */
static void warn_of_gaps(const struct fetch *f)
{
    int64_t each = f->set.n_leads ? f->set.n_leads : 1, want = (f->p->to - f->from) / f->set.every_s * each;
    if (!is_newest(f) && f->items.n < want)
        sq_log(SQ_LOG_WARN, "%s: the bucket has %d of about %lld files of that time", f->set.name, f->items.n,
               (long long)want);
}

static enum sq_status find(struct fetch *f, struct sq_err *e)
{
    enum sq_status status = sq_bucket_list(&f->set, &f->http, f->from, f->p->to, is_newest(f) ? f->p->newest : 0,
                                           &f->items, e);
    if (!status && !f->items.n)
        return nothing_at_all(f, e);
    if (!status)
        status = find_there(f, e);
    if (!status)
        status = find_spans(f, e);
    if (status)
        return status;
    warn_of_gaps(f);
    sq_log(SQ_LOG_INFO, "%s: %d of %d files are here, %.1f MB to fetch", f->set.name, f->items.n - f->n_new,
           f->items.n, 1e-6 * (double)f->bytes);
    return f->n_new ? SQ_OK : nothing_new(f, e);
}

static enum sq_status run(struct fetch *f, struct sq_err *e)
{
    enum sq_status status = open_folder(f, e);
    if (!status)
        status = find(f, e);
    if (status || !f->n_new)
        return status;
    if (!f->p->dry_run)
        return fetch_files(f, e);
    tell_plan(f);
    return SQ_OK;
}

enum sq_status sq_fetch(const char *dataset, const struct sq_fetch_params *p, struct sq_err *e)
{
    struct fetch f = {.p = p, .lock = -1};
    enum sq_status status = sq_dataset_read(dataset, p->datasets, &f.set, e);
    if (status)
        return status;
    if (p->from > p->to)
        return sq_fail(e, SQ_USAGE, "the time to fetch ends before it begins");
    f.from = is_newest(&f) ? p->to - f.set.look_back_s : p->from;
    f.http = (struct sq_http_params){.parallel = f.set.parallel, .tries = f.set.tries, .wait_s = f.set.wait_s,
                                     .connect_s = f.set.connect_s, .stall_s = f.set.stall_s, .seed = p->seed,
                                     .stop = p->stop};
    status = run(&f, e);
    for (int i = 0; i < f.n_job; i++)
        free((char *)(uintptr_t)f.job[i].path);
    free(f.job);
    sq_items_finish(&f.items);
    if (f.lock >= 0)
        close(f.lock);
    return status;
}
