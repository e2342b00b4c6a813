/* What a map tile costs one core: cold (painted and packed) and from the cache, of every layer, on a national 1 km grid
 * and on the full CONUS grid of MRMS. bench_tiles [TILES]: tiles of each layer, default 200. Times are the thread's own,
 * so that other work on the machine disturbs them little; the router is included, sockets are not. */
#include "serve/made_run.h"

#include <time.h>

static const struct {
    const char *name;
    struct sq_grid grid;
} maps[] = {
    {"national, 1 km, stere, 1100 x 1200",
     {1100, 1200, 0, 0, 1000, 1000,
      "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +datum=WGS84 +x_0=543196.83521776402 +y_0=3622588.8619310018 +units=m"}},
    {"CONUS, 1 km, lcc, 5397 x 3177",
     {5397, 3177, -2698520.14, 1587693.85, 1000, 1000,
      "+proj=lcc +lat_0=38.5 +lon_0=-97.5 +lat_1=38.5 +lat_2=38.5 +R=6371229 +units=m +no_defs"}},
    {"CONUS, 0.01 degree, 7000 x 3500",
     {7000, 3500, -129.995, 54.995, 0.01, 0.01, "+proj=longlat +datum=WGS84 +no_defs"}},
};

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A tile of zoom z that lies over the map, chosen by i. */
static void place(const double box[4], int z, int i, int *x, int *y)
{
    double u = fmod(0.5 + i * 0.7548776662, 1), v = fmod(0.5 + i * 0.5698402910, 1); /* the R2 sequence */
    double lon = box[0] + (0.15 + 0.7 * u) * (box[2] - box[0]), lat = box[1] + (0.15 + 0.7 * v) * (box[3] - box[1]);
    *x = (int)((lon + 180) / 360 * (1 << z));
    *y = (int)((1 - asinh(tan(lat * (M_PI / 180))) / M_PI) / 2 * (1 << z));
}

static double ask(struct sq_site *s, const char *target, size_t *bytes)
{
    struct sq_response r;
    const struct sq_request q = {.method = "GET", .target = target, .now = MADE_TIME};
    double start = cpu_us();
    sq_route(s, &q, &r);
    double took = cpu_us() - start;
    if (r.code != 200) {
        fprintf(stderr, "%s: %d %.*s\n", target, r.code, (int)r.n, (const char *)r.body);
        exit(1);
    }
    *bytes = r.n;
    sq_response_finish(&r);
    return took;
}

static void measure(struct sq_site *s, const struct sq_run *run, const char *layer, int n)
{
    double *cold = malloc(2 * (size_t)n * sizeof *cold), *warm = cold + n;
    size_t bytes = 0, sum = 0;
    char target[128];
    for (int i = 0; i < n; i++) {
        int z = 4 + i % 9, x, y;
        place(run->box, z, i, &x, &y);
        snprintf(target, sizeof target, "/tiles/%.*s/20160711T2200Z/5/%d/%d/%d.png%s", (int)strcspn(layer, "?"), layer, z, x,
                 y, strchr(layer, '?') ? "?style=value" : "");
        cold[i] = ask(s, target, &bytes);
        warm[i] = ask(s, target, &bytes);
        sum += bytes;
    }
    qsort(cold, (size_t)n, sizeof *cold, by_value);
    qsort(warm, (size_t)n, sizeof *warm, by_value);
    printf("  %-14s %7.0f %7.0f %7.0f %9.2f %8.0f\n", layer, cold[n / 2], cold[n * 95 / 100], cold[n - 1], warm[n / 2],
           (double)sum / n);
    free(cold);
}

int main(int argc, char **argv)
{
    static const char *const layer[] = {"prob", "prob-1.7", "median", "p90", "mean", "coverage", "near10", "prob?value", "p90?value"};
    int n = argc > 1 ? atoi(argv[1]) : 200;
    if (n < 1)
        return 2;
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++) {
        struct sq_err err = {0};
        struct sq_site *s = NULL;
        const struct sq_site_params p = {SQ_SITE_DEFAULTS};
        struct sq_run *run = made_run(&maps[m].grid, 1);
        if (sq_site_create(&p, &s, &err) || sq_store_put(sq_site_store(s), run, MADE_TIME, &err))
            return 1;
        printf("%s: %.0f MB a lead\n  layer        cold us     p95     max cached us    bytes\n", maps[m].name,
               1e-6 * (double)run->bytes);
        for (size_t l = 0; l < sizeof layer / sizeof *layer; l++)
            measure(s, run, layer[l], n);
        sq_site_destroy(&s);
    }
    return 0;
}
