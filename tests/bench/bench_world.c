/* bench_world [-o DIR] [-n SEEDS] EVENT...: the simulated world beside real events, in a table and plots. */
#include "weather_stats.h"
#include "ingest.h"
#include "serve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

static enum sq_status measure(char *path, struct weather_stats *ret, struct sq_err *e)
{
    struct sq_read_params read = SQ_READ_PARAMS_DEFAULT;
    const struct sq_cube_params want = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_inputs *in = NULL;
    struct sq_cube c = {0};
    enum sq_status s = sq_inputs_open(&path, 1, &read, &in, e);
    if (!s)
        s = sq_cube_build(in, &want, &c, e);
    if (!s)
        s = weather_stats(&c, ret, e);
    sq_cube_finish(&c);
    sq_inputs_close(&in);
    return s;
}

static void head(void)
{
    printf("%-22s %5s %5s | %5s %5s %5s %6s | %5s | life, min, of 4 8 16 32 64 128 km   | %4s %6s %5s %5s\n", "", "wet",
           ">=1", "q50", "q90", "q99", "q99.9", "beta", "m/s", "growth", "fresh", "trend");
}

static void line(const char *name, const struct weather_stats *w)
{
    printf("%-22.22s %5.3f %5.3f | %5.2f %5.2f %5.1f %6.1f | %5.2f |", name, w->wet, w->rain, w->quantile[0],
           w->quantile[1], w->quantile[2], w->quantile[3], w->slope);
    for (int j = 0; j < SCALES; j++)
        printf(" %5.0f", w->life_min[j]);
    printf(" | %4.0f %6.2f %5.2f %5.2f\n", w->speed_ms, w->growth, w->fresh, w->trend);
}

int main(int argc, char **argv)
{
    struct sq_err err = {0};
    static struct weather_stats w[MOST];
    head();
    for (int i = 1; i < argc && i < MOST; i++) {
        if (measure(argv[i], &w[i], &err)) {
            fprintf(stderr, "bench_world: %s\n", err.text);
            return 1;
        }
        const char *slash = strrchr(argv[i], '/');
        line(slash ? slash + 1 : argv[i], &w[i]);
        fflush(stdout);
    }
    return 0;
}
