#include "product_chunks.h"
#include "store.h"
#include "serve.h"

#include "core/instant.h"
#include "core/log.h"
#include "core/publish.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BEHIND = 5 }; /* niceness of those who read new forecasts: who answers goes first */

/* A file of the folder, and what became of it. */
enum fate { NEW, TAKEN, FRAME, PASSED, BAD };
struct file {
    char name[256];
    int64_t time; /* of the forecast, by its name; of the file where the name has none */
    struct timespec changed;
    off_t size;
    ino_t number;
    enum fate fate;
};

struct sq_store {
    char *folder;
    int keep;
    pthread_mutex_t lock; /* of shelf, count and stop */
    pthread_cond_t wake;
    struct sq_shelf *shelf;
    struct sq_store_count count;
    bool stop, watching;
    pthread_t thread;
    void (*on_new)(void *arg);
    void *arg;
    struct file *file; /* the scanner's alone */
    size_t n_file;
};

/* ---- shelves ------------------------------------------------------------------------------------------ */

void sq_shelf_release(struct sq_shelf *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->held, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < s->n_run; i++)
        sq_run_release(&s->run[i]);
    for (int i = 0; i < s->n_frame; i++)
        sq_frame_release(&s->frame[i]);
    free(s);
}

struct sq_shelf *sq_store_hold(struct sq_store *s)
{
    pthread_mutex_lock(&s->lock);
    struct sq_shelf *shelf = s->shelf;
    atomic_fetch_add_explicit(&shelf->held, 1, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    return shelf;
}

static void swap(struct sq_store *s, struct sq_shelf *next)
{
    pthread_mutex_lock(&s->lock);
    struct sq_shelf *old = s->shelf;
    s->shelf = next;
    pthread_mutex_unlock(&s->lock);
    sq_shelf_release(old);
}

/* Adds a frame in its place; one of the same time as another replaces it if `instead`. */
static void add_frame(struct sq_shelf *s, struct sq_frame *f, bool instead)
{
    int at = 0;
    while (at < s->n_frame && s->frame[at]->time > f->time)
        at++;
    if (at < s->n_frame && s->frame[at]->time == f->time) {
        if (instead) {
            sq_frame_release(&s->frame[at]);
            s->frame[at] = sq_frame_hold(f);
        }
        return;
    }
    if (s->n_frame == SQ_FRAMES_MAX)
        sq_frame_release(&s->frame[--s->n_frame]);
    if (at > s->n_frame)
        return;
    memmove(s->frame + at + 1, s->frame + at, (size_t)(s->n_frame - at) * sizeof *s->frame);
    s->frame[at] = sq_frame_hold(f);
    s->n_frame++;
}

static void drop_old_frames(struct sq_shelf *s)
{
    int64_t newest = s->n_frame ? s->frame[0]->time : 0;
    while (s->n_frame && s->frame[s->n_frame - 1]->time < newest - SQ_PAST_S - SQ_PAST_SLACK_S)
        sq_frame_release(&s->frame[--s->n_frame]);
}

/* The shelf of now, copied, to be changed and then swapped in. Only the one who scans or puts changes shelves. */
static struct sq_shelf *copy_shelf(struct sq_store *s, int64_t now)
{
    struct sq_shelf *next = calloc(1, sizeof *next), *old;
    if (!next)
        return NULL;
    next->held = 1;
    next->since = now;
    old = sq_store_hold(s);
    for (int i = 0; i < old->n_run; i++)
        next->run[next->n_run++] = sq_run_hold(old->run[i]);
    for (int i = 0; i < old->n_frame; i++)
        next->frame[next->n_frame++] = sq_frame_hold(old->frame[i]);
    sq_shelf_release(old);
    return next;
}

/* Gives a run its place and, where there is one of the same time, the next number. */
static void add_run(struct sq_shelf *s, int keep, struct sq_run *run)
{
    int at = 0, same = 0;
    char stamp[32];
    while (at < s->n_run && s->run[at]->f.issue_time > run->f.issue_time)
        at++;
    if (at < s->n_run && s->run[at]->f.issue_time == run->f.issue_time) {
        const char *number = strstr(s->run[at]->name, "_r");
        same = 1 + (number ? atoi(number + 2) : 0);
    }
    sq_instant_compact(run->f.issue_time, stamp);
    snprintf(run->name, sizeof run->name, same ? "%s_r%d" : "%s", stamp, same);
    if (at >= keep) {
        sq_run_release(&run);
        return;
    }
    if (s->n_run == keep)
        sq_run_release(&s->run[--s->n_run]);
    memmove(s->run + at + 1, s->run + at, (size_t)(s->n_run - at) * sizeof *s->run);
    s->run[at] = run;
    s->n_run++;
}

enum sq_status sq_store_put(struct sq_store *s, struct sq_run *run, int64_t now, struct sq_err *e)
{
    struct sq_shelf *next = copy_shelf(s, now);
    if (!next) {
        sq_run_release(&run);
        return sq_fail(e, SQ_FAILED, "out of memory for the list of forecasts");
    }
    for (int i = 0; i < next->n_run; i++)
        if (next->run[i]->f.issue_time == run->f.issue_time && next->run[i]->hash == run->hash) {
            sq_run_release(&run); /* the same again, perhaps copied */
            sq_shelf_release(next);
            return SQ_OK;
        }
    if (run->observed)
        add_frame(next, run->observed, true);
    add_run(next, s->keep, run);
    drop_old_frames(next);
    swap(s, next);
    return SQ_OK;
}

/* ---- the folder --------------------------------------------------------------------------------------- */

/* Reads "20160711T2200Z" wherever it stands in a name. */
static int64_t time_in(const char *name)
{
    int64_t t;
    char stamp[16];
    for (const char *c = name; (c = strstr(c, "20")); c++)
        if (strlen(c) >= 14 && c[8] == 'T' && c[13] == 'Z') {
            memcpy(stamp, c, 14);
            stamp[14] = 0;
            if (!sq_instant_parse(stamp, &t, NULL))
                return t;
        }
    return SQ_NO_TIME;
}

static int newest_first(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    return x->time != y->time ? (x->time < y->time) - (x->time > y->time) : strcmp(y->name, x->name);
}

static bool same_file(const struct file *a, const struct file *b)
{
    return !strcmp(a->name, b->name) && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec && a->size == b->size && a->number == b->number;
}

/* Fills *f; false for what is no forecast file. */
static bool look_at(const struct sq_store *s, const char *name, struct file *f)
{
    char path[SQ_PATH_MAX];
    struct stat st;
    size_t n = strlen(name);
    if (name[0] == '.' || n < 4 || n >= sizeof f->name || strcmp(name + n - 3, ".nc") != 0 ||
        snprintf(path, sizeof path, "%s/%s", s->folder, name) >= (int)sizeof path || stat(path, &st) ||
        !S_ISREG(st.st_mode))
        return false;
    memcpy(f->name, name, n + 1);
    f->time = time_in(name);
    if (f->time == SQ_NO_TIME)
        f->time = st.st_mtim.tv_sec;
    f->changed = st.st_mtim;
    f->size = st.st_size;
    f->number = st.st_ino;
    f->fate = NEW;
    for (size_t i = 0; i < s->n_file; i++)
        if (same_file(&s->file[i], f))
            f->fate = s->file[i].fate;
    return true;
}

/* Renews the list of files. */
static void list_files(struct sq_store *s)
{
    struct file *all = NULL, f;
    size_t n = 0, room = 0;
    DIR *d = opendir(s->folder);
    for (struct dirent *x; d && (x = readdir(d));) {
        if (!look_at(s, x->d_name, &f))
            continue;
        if (n == room) {
            room = 2 * room + 64;
            struct file *more = realloc(all, room * sizeof *all);
            if (!more)
                break; /* the rest another time */
            all = more;
        }
        all[n++] = f;
    }
    if (d)
        closedir(d);
    if (n)
        qsort(all, n, sizeof *all, newest_first);
    free(s->file);
    s->file = all;
    s->n_file = n;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void failed(struct sq_store *s, const struct sq_err *e)
{
    sq_log(SQ_LOG_WARN, "%s: passed over", e->text);
    pthread_mutex_lock(&s->lock);
    s->count.failed++;
    pthread_mutex_unlock(&s->lock);
}

static enum sq_status take_run(struct sq_store *s, const char *path, int64_t now, struct sq_err *e)
{
    double start = seconds();
    struct sq_run *run = NULL;
    enum sq_status status = sq_run_load(path, &run, e);
    if (!status)
        status = sq_store_put(s, run, now, e);
    if (status)
        return status;
    pthread_mutex_lock(&s->lock);
    s->count.taken++;
    s->count.load_s = seconds() - start;
    pthread_mutex_unlock(&s->lock);
    if (s->on_new)
        s->on_new(s->arg);
    return SQ_OK;
}

static enum sq_status take_frame(struct sq_store *s, const char *path, struct sq_err *e)
{
    struct sq_frame *frame = NULL;
    enum sq_status status = sq_frame_load(path, &frame, e);
    if (status)
        return status == SQ_ABSENT ? SQ_OK : status;
    struct sq_shelf *next = copy_shelf(s, frame->time);
    if (next) {
        next->since = s->shelf->since;
        add_frame(next, frame, false);
        drop_old_frames(next);
        swap(s, next);
    }
    sq_frame_release(&frame);
    return next ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for a radar frame");
}

int sq_store_scan(struct sq_store *s, int64_t now)
{
    int taken = 0, better = 0; /* better: forecasts in memory that are newer than the file at hand */
    char path[SQ_PATH_MAX];
    assert(s->folder);
    list_files(s);
    for (size_t i = 0; i < s->n_file; i++) {
        struct file *f = &s->file[i];
        struct sq_err err = {0};
        enum sq_status status = SQ_OK;
        bool of_interest = f->time >= s->file[0].time - SQ_PAST_S;
        if (f->fate == NEW && snprintf(path, sizeof path, "%s/%s", s->folder, f->name) < (int)sizeof path) {
            bool whole = better < s->keep;
            if (whole)
                status = take_run(s, path, now, &err);
            else if (of_interest)
                status = take_frame(s, path, &err);
            f->fate = status ? BAD : whole ? TAKEN : of_interest ? FRAME : PASSED;
            taken += f->fate == TAKEN;
        }
        better += f->fate == TAKEN;
        if (status)
            failed(s, &err);
        pthread_mutex_lock(&s->lock);
        bool stop = s->stop;
        pthread_mutex_unlock(&s->lock);
        if (stop)
            break;
    }
    return taken;
}

void sq_store_tell(struct sq_store *s, void (*on_new)(void *arg), void *arg)
{
    s->on_new = on_new;
    s->arg = arg;
}

static void *watch(void *arg)
{
    struct sq_store *s = arg;
    sq_chunks_quiet();
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BEHIND); /* of this thread and those it starts; it works as well without */
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct timespec until;
        pthread_mutex_unlock(&s->lock);
        sq_store_scan(s, (int64_t)time(NULL));
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_mutex_lock(&s->lock);
        if (!s->stop)
            pthread_cond_timedwait(&s->wake, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the store ----------------------------------------------------------------------------------------- */

enum sq_status sq_store_create(const char *folder, int keep, struct sq_store **ret, struct sq_err *e)
{
    assert(keep > 0 && keep <= SQ_KEEP_MAX);
    struct sq_store *s = calloc(1, sizeof *s);
    struct sq_shelf *empty = calloc(1, sizeof *empty);
    if (!s || !empty || (folder && !(s->folder = strdup(folder)))) {
        free(s);
        free(empty);
        return sq_fail(e, SQ_FAILED, "out of memory for a store of forecasts");
    }
    empty->held = 1;
    s->shelf = empty;
    s->keep = keep;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    *ret = s;
    return SQ_OK;
}

enum sq_status sq_store_watch(struct sq_store *s, struct sq_err *e)
{
    int rc = pthread_create(&s->thread, NULL, watch, s);
    s->watching = !rc;
    return rc ? sq_fail(e, SQ_FAILED, "no thread to watch %s: %s", s->folder, strerror(rc)) : SQ_OK;
}

void sq_store_destroy(struct sq_store **s)
{
    if (!*s)
        return;
    pthread_mutex_lock(&(*s)->lock);
    (*s)->stop = true;
    pthread_cond_signal(&(*s)->wake);
    pthread_mutex_unlock(&(*s)->lock);
    if ((*s)->watching)
        pthread_join((*s)->thread, NULL);
    sq_shelf_release((*s)->shelf);
    pthread_cond_destroy(&(*s)->wake);
    pthread_mutex_destroy(&(*s)->lock);
    free((*s)->file);
    free((*s)->folder);
    free(*s);
    *s = NULL;
}

void sq_store_count(struct sq_store *s, struct sq_store_count *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->count;
    pthread_mutex_unlock(&s->lock);
}
