/* How long it takes to build what a network sees: from files, and again when one radar frame more has come.
 *
 *     bench_ingest NETWORK GRID AT STEP_S WORKERS PATH...
 *
 * builds at AT and then, in the same process, at AT + STEP_S. Peak memory is that of this process and of the largest
 * decoder; planes, which they share, are in both. */
#include "ingest.h"

#include "core/instant.h"
#include "core/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of this process and of those that ended: user and system time. */
static double cpu_s(void)
{
    double s = 0;
    const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (int i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(who[i], &u);
        s += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return s;
}

static double peak_mb(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)u.ru_maxrss / 1024;
}

static enum sq_status run(struct sq_stacker *s, int64_t at, char **path, int n, struct sq_err *e)
{
    struct sq_stack stack = {0};
    char line[200];
    double t = now_s(), cpu = cpu_s();
    enum sq_status status = sq_stacker_build(s, path, n, at, &stack, e);
    if (status)
        return status;
    t = now_s() - t;
    cpu = cpu_s() - cpu;
    printf("%s: %.2f s, %.2f s of processors; planes %.0f MB, peak %.0f MB, of a decoder %.0f MB\n", sq_instant_iso(at, line), t,
           cpu, (double)sq_stacker_bytes(s) / 1e6, peak_mb(RUSAGE_SELF), peak_mb(RUSAGE_CHILDREN));
    for (int i = 0; i < stack.def.n_sources; i++) {
        sq_stack_say(&stack, i, line, sizeof line);
        printf("  %s\n", line);
    }
    sq_stack_finish(&stack);
    return SQ_OK;
}

int main(int argc, char **argv)
{
    struct sq_err err = {0};
    struct sq_grid grid;
    struct sq_stack_def *def = malloc(sizeof *def);
    struct sq_stacker *s = NULL;
    int64_t at;
    if (argc < 7 || !def) {
        fprintf(stderr, "bench_ingest NETWORK GRID AT STEP_S WORKERS PATH...\n");
        free(def);
        return SQ_USAGE;
    }
    enum sq_status status = sq_stack_def_read(argv[1], def, &err);
    if (!status)
        status = sq_settings_grid(argv[2], &grid, &err);
    if (!status)
        status = sq_instant_parse(argv[3], &at, &err);
    if (!status) {
        const struct sq_stacker_params p = {.def = def, .target = &grid, .read = SQ_READ_PARAMS_DEFAULT, .workers = atoi(argv[5])};
        status = sq_stacker_open(&p, &s, &err);
    }
    if (!status)
        status = run(s, at, argv + 6, argc - 6, &err);
    if (!status)
        status = run(s, at + atoi(argv[4]), argv + 6, argc - 6, &err);
    if (status)
        fprintf(stderr, "%s\n", err.text);
    sq_stacker_close(&s);
    free(def);
    return (int)status;
}
