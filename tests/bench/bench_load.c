/* What it takes a server to take in a forecast: bench_load FORECAST... */
#include "run.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    printf("      s  s of processors   MB held   MB at most\n");
    for (int i = 1; i < argc; i++) {
        struct sq_err err = {0};
        struct sq_run *run = NULL;
        struct rusage use;
        double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (sq_run_load(argv[i], &run, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        wall = seconds(CLOCK_MONOTONIC) - wall;
        cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        getrusage(RUSAGE_SELF, &use);
        printf("%7.2f %15.2f %10.0f %12.0f  %s, %d x %d cells, %d leads\n", wall, cpu, 1e-6 * (double)run->bytes,
               1.024e-3 * (double)use.ru_maxrss, argv[i], run->f.grid.nx, run->f.grid.ny, run->f.n_lead);
        sq_run_release(&run);
    }
    return 0;
}
