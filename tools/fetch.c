/* squall fetch: files from open buckets. */
#include "options.h"
#include "tools.h"
#include "ingest.h"

#include "core/instant.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct sq_command command = {
    "fetch", "DATASET...",
    "Brings the newest, or a time that is past, from open buckets: mrms, opera, goes19, goes18, hrrr, and what else\n"
    "configs/fetch.yaml describes. Files go to DIR/DATASET; each appears whole and checked, or not at all. What is\n"
    "there is not fetched again, and what was cut goes on with the next call. Prints the names of new files; ends\n"
    "with 75 where there is nothing new yet.\n",
    "  squall fetch mrms hrrr -o data --newest 12\n"
    "  squall fetch mrms -o data --from 2026-06-01T12:00Z --to 2026-06-01T13:00Z\n"
    "  squall forecast data/mrms -o out\n"};

struct task {
    const char *dataset;
    bool dry_run, terminal, shown;
    int n_new;
    double begin_s, shown_s;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void clear_line(struct task *t)
{
    if (t->shown)
        fputs("\r\033[K", stderr);
    t->shown = false;
}

static void on_file(void *ctx, const struct sq_fetch_file *f)
{
    struct task *t = ctx;
    if (f->there) {
        sq_log(SQ_LOG_INFO, "%s: is there", f->path);
        return;
    }
    clear_line(t);
    t->n_new++;
    if (t->dry_run)
        printf("%s %lld %s\n", f->path, (long long)f->size, f->url);
    else
        puts(f->path);
}

static void on_progress(void *ctx, int n_done, int n, int64_t bytes_done, int64_t bytes)
{
    struct task *t = ctx;
    double now = now_s();
    if (!t->terminal || now - t->shown_s < 0.2)
        return;
    t->shown_s = now;
    t->shown = true;
    fprintf(stderr, "\r\033[Ksquall: %s: %d of %d files, %.1f of %.1f MB, %.1f s", t->dataset, n_done, n,
            1e-6 * (double)bytes_done, 1e-6 * (double)bytes, now - t->begin_s);
}

/* The status of several data sets: a failure wins, and one that brought something wins over one that did not. */
static enum sq_status join(enum sq_status a, enum sq_status b)
{
    if (a == SQ_USAGE || b == SQ_USAGE)
        return SQ_USAGE;
    if (a == SQ_FAILED || b == SQ_FAILED)
        return SQ_FAILED;
    return a && b ? SQ_ABSENT : SQ_OK;
}

static enum sq_status fetch_all(const struct sq_call *call, struct sq_fetch_params p)
{
    enum sq_status all = SQ_ABSENT;
    for (int i = 0; i < call->n_words && all != SQ_USAGE && !*p.stop; i++) {
        struct task t = {.dataset = call->words[i], .dry_run = p.dry_run, .terminal = isatty(STDERR_FILENO),
                         .begin_s = now_s()};
        struct sq_err err = {0};
        p.ctx = &t;
        enum sq_status s = sq_fetch(t.dataset, &p, &err);
        clear_line(&t);
        if (s)
            fprintf(stderr, "squall: %s\n", err.text);
        all = join(all, s);
    }
    return all;
}

int sq_tool_fetch(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct sq_fetch_params p = {.from = INT64_MIN, .to = now.tv_sec, .newest = 1, .on_file = on_file,
                                .on_progress = on_progress, .stop = sq_options_stop(),
                                .seed = (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32};
    struct sq_call call;
    struct sq_err err = {0};
    int newest = 0;
    const struct sq_option table[] = {
        {"output", 'o', "DIR", "files go to DIR/DATASET; made if need be", sq_parse_text, &p.folder},
        {"newest", 'n', "N", "the newest N times of observation, or runs of a model; default 1", sq_parse_count, &newest},
        {"from", 0, "TIME", "all from then on, instead of the newest; of a model: its runs", sq_parse_time, &p.from},
        {"to", 0, "TIME", "none later than that; default now", sq_parse_time, &p.to},
        {"dry-run", 0, NULL, "print what would be fetched: file, bytes, URL", NULL, &p.dry_run},
        {"datasets", 0, "FILE", "what describes the data sets; default the fetch.yaml of squall", sq_parse_text,
         &p.datasets},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && !p.folder)
        s = sq_fail(&err, SQ_USAGE, "fetch: -o DIR is missing; see squall fetch --help");
    if (!s && newest && p.from != INT64_MIN)
        s = sq_fail(&err, SQ_USAGE, "fetch: --newest and --from exclude one another; see squall fetch --help");
    if (newest)
        p.newest = newest;
    return s ? sq_options_end(s, &err) : (int)fetch_all(&call, p);
}
