/* bench_world [-o DIR] [-n SEEDS] [EVENT...]: the simulated world beside real events, in a table and, with -o, in plots.
 *
 * Worlds are seeds 1 to SEEDS (16) on 512 x 512 km at 2 km, three hours of radar every 5 minutes. Events were chosen for
 * their rain, so worlds with less than 5 % of it are shown, but left out of the summary. What satellite and model
 * make of the same worlds follows. */
#include "view_stats.h"
#include "weather_stats.h"
#include "core/publish.h"
#include "ingest.h"
#include "serve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64, FRAMES = 37, ROWS = 3 + QUANTILES + SCALES + 4 };
#define WET_ENOUGH 0.05

static const struct sq_grid grid = {256, 256, -255000, 255000, 2000, 2000,
                                    "+proj=laea +lat_0=51.5 +lon_0=4 +datum=WGS84 +units=m +no_defs"};

static enum sq_status measure(char *path, struct weather_stats *ret, struct sq_err *e)
{
    const struct sq_cube_params want = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_read_params read = SQ_READ_PARAMS_DEFAULT;
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

static int64_t start_of(int seed)
{
    return 1780315200 + (int64_t)seed * 3 * 3600;
}

static enum sq_status simulate(int seed, struct weather_stats *ret, struct sq_err *e)
{
    const struct sq_synth_params p = {
        .seed = (uint64_t)seed, .n_frames = FRAMES, .step_s = 300, .start = start_of(seed), .grid = grid};
    char path[] = "/tmp/squall_world_XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return sq_fail(e, SQ_FAILED, "%s: cannot write", path);
    close(fd);
    enum sq_status s = sq_synth_write(path, &p, false, e);
    if (!s)
        s = measure(path, ret, e);
    unlink(path);
    return s;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

/* The statistics as a row of numbers. */
static void numbers(const struct weather_stats *w, double ret[ROWS])
{
    int n = 0;
    ret[n++] = w->wet;
    ret[n++] = w->rain;
    for (int q = 0; q < QUANTILES; q++)
        ret[n++] = w->quantile[q];
    ret[n++] = w->slope;
    for (int j = 0; j < SCALES; j++)
        ret[n++] = w->life_min[j];
    ret[n++] = w->speed_ms;
    ret[n++] = w->growth;
    ret[n++] = w->fresh;
    ret[n++] = w->trend;
}

static void head(void)
{
    printf("%-22s   wet   >=1 |   q50   q90   q99  q99.9  most |  beta | life, min, of 4 8 16 32 64 128 km   |  m/s growth "
           "fresh trend\n", "");
}

static void line(const char *name, const double v[ROWS])
{
    const double *life = v + 3 + QUANTILES, *rest = life + SCALES;
    printf("%-22.22s %5.3f %5.3f |", name, v[0], v[1]);
    for (int q = 0; q < QUANTILES; q++)
        printf(q < 2 ? " %5.2f" : " %5.1f", v[2 + q]);
    printf(" | %5.2f |", life[-1]);
    for (int j = 0; j < SCALES; j++)
        printf(" %5.0f", life[j]);
    printf(" | %4.0f %6.2f %5.2f %5.2f\n", rest[0], rest[1], rest[2], rest[3]);
    fflush(stdout);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Least, median and most of each number. */
static void summary(const char *name, int n, const struct weather_stats *w)
{
    double out[3][ROWS];
    for (int r = 0; r < ROWS; r++) {
        double v[MOST], row[ROWS];
        int m = 0;
        for (int i = 0; i < n; i++) {
            numbers(&w[i], row);
            if (!isnan(row[r]))
                v[m++] = row[r];
        }
        qsort(v, (size_t)m, sizeof *v, ascending);
        for (int k = 0; k < 3; k++)
            out[k][r] = m ? v[k * (m - 1) / 2] : NAN;
    }
    for (int k = 0; k < 3; k++) {
        char text[64];
        snprintf(text, sizeof text, "%s, %s", name, k == 0 ? "least" : k == 1 ? "median" : "most");
        line(text, out[k]);
    }
}

/* ---- plots ---------------------------------------------------------------------------------------------- */

enum { POINTS = 16 };

/* Least, median and most of one curve of two groups. */
struct band {
    double x[POINTS], y[6][POINTS];
};

static void gather(struct band *b, int first, int n, const struct weather_stats *w, int n_x,
                   double (*value)(const struct weather_stats *, int))
{
    for (int p = 0; p < n_x; p++) {
        double v[MOST];
        int m = 0;
        for (int i = 0; i < n; i++)
            if (isfinite(value(&w[i], p)))
                v[m++] = value(&w[i], p);
        qsort(v, (size_t)m, sizeof *v, ascending);
        for (int k = 0; k < 3; k++)
            b->y[first + k][p] = m ? v[k * (m - 1) / 2] : NAN;
    }
}

static double spectrum_of(const struct weather_stats *w, int j)
{
    return w->variance[j];
}
static double life_of(const struct weather_stats *w, int j)
{
    return w->life_min[j] < 1000 ? w->life_min[j] : NAN;
}
static double quantile_of(const struct weather_stats *w, int q)
{
    return w->quantile[q];
}
static double correlation_of(const struct weather_stats *w, int l)
{
    return w->correlation[2][l];
}

struct group {
    int n;
    const struct weather_stats *w;
};

static enum sq_status draw(const char *dir, const char *name, const char *title, const char *x_label,
                           const char *y_label, bool log_y, int n_x, const double *x, const struct group g[2],
                           double (*value)(const struct weather_stats *, int), struct sq_err *e)
{
    static const char *const label[6] = {"events, least", "events, median", "events, most",
                                         "worlds, least", "worlds, median", "worlds, most"};
    struct band b;
    struct sq_plot_line row[6];
    char path[SQ_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.png", dir, name);
    for (int k = 0; k < 2; k++)
        gather(&b, 3 * k, g[k].n, g[k].w, n_x, value);
    for (int i = 0; i < 6; i++)
        row[i] = (struct sq_plot_line){label[i], n_x, x, b.y[i]};
    const struct sq_plot plot = {.title = title, .x_label = x_label, .y_label = y_label, .log_y = log_y, .n = 6,
                                 .line = row};
    enum sq_status s = sq_plot_write(&plot, path, e);
    if (!s)
        printf("%s\n", path);
    return s;
}

static enum sq_status plots(const char *dir, const struct group g[2], struct sq_err *e)
{
    static const double octave[SCALES] = {2, 3, 4, 5, 6, 7}, share[QUANTILES] = {1, 2, 3, 4, 5};
    enum sq_status s = sq_publish_folder(dir, e);
    if (!s)
        s = draw(dir, "spectrum", "Variance of log rate by scale", "scale, log2 km", "variance", true, SCALES, octave, g,
                 spectrum_of, e);
    if (!s)
        s = draw(dir, "life", "Life along the motion by scale", "scale, log2 km", "minutes to 1/e", true, SCALES, octave,
                 g, life_of, e);
    if (!s)
        s = draw(dir, "rates", "Rates of wet cells", "quantile: 0.5, 0.9, 0.99, 0.999, largest", "mm/h", true, QUANTILES, share, g,
                 quantile_of, e);
    if (!s)
        s = draw(dir, "correlation", "Correlation along the motion at 16 km", "lag, min", "correlation", false, LAGS,
                 weather_lag_min, g, correlation_of, e);
    return s;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static enum sq_status show_events(int n, char **path, struct weather_stats *w, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    for (int i = 0; i < n && !s; i++) {
        const char *slash = strrchr(path[i], '/');
        double v[ROWS];
        s = measure(path[i], &w[i], e);
        numbers(&w[i], v);
        if (!s)
            line(slash ? slash + 1 : path[i], v);
    }
    return s;
}

static enum sq_status show_worlds(int seeds, struct weather_stats *w, int *ret_n, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    *ret_n = 0;
    for (int i = 1; i <= seeds && !s; i++) {
        char name[32];
        double v[ROWS];
        s = simulate(i, &w[*ret_n], e);
        snprintf(name, sizeof name, "world %d", i);
        numbers(&w[*ret_n], v);
        if (!s)
            line(name, v);
        *ret_n += w[*ret_n].wet >= WET_ENOUGH;
    }
    return s;
}

/* Means over the first worlds. */
static enum sq_status show_views(int seeds, struct sq_err *e)
{
    double sum[VIEW_ROWS][VIEW_COLUMNS] = {{0}}, n[VIEW_ROWS][VIEW_COLUMNS] = {{0}}, v[VIEW_ROWS][VIEW_COLUMNS];
    enum sq_status s = SQ_OK;
    for (int i = 1; i <= seeds && !s; i++) {
        s = view_stats((uint64_t)i, start_of(i), v, e);
        for (int r = 0; r < VIEW_ROWS && !s; r++)
            for (int c = 0; c < view_row[r].n; c++)
                if (!isnan(v[r][c])) { /* a dry one correlates with nothing */
                    sum[r][c] += v[r][c];
                    n[r][c]++;
                }
    }
    for (int r = 0; r < VIEW_ROWS && !s; r++) {
        printf("%-52s", view_row[r].name);
        for (int c = 0; c < view_row[r].n; c++)
            printf(" %6.2f", sum[r][c] / n[r][c]);
        printf("\n");
    }
    return s;
}

int main(int argc, char **argv)
{
    static struct weather_stats events[MOST], worlds[MOST];
    const char *dir = NULL;
    struct sq_err err = {0};
    int seeds = 16, n_worlds = 0;
    for (int o; (o = getopt(argc, argv, "o:n:")) != -1;) {
        if (o == 'o')
            dir = optarg;
        else if (o != 'n' || (seeds = atoi(optarg)) < 1 || seeds > MOST)
            return fputs("bench_world [-o DIR] [-n SEEDS] [EVENT...], at most 64 of each\n", stderr), 2;
    }
    const int n_events = argc - optind < MOST ? argc - optind : MOST;
    head();
    enum sq_status s = show_events(n_events, argv + optind, events, &err);
    if (!s)
        s = show_worlds(seeds, worlds, &n_worlds, &err);
    if (!s) {
        head();
        summary("events", n_events, events);
        summary("worlds", n_worlds, worlds);
        if (dir)
            s = plots(dir, (const struct group[]){{n_events, events}, {n_worlds, worlds}}, &err);
        if (!s)
            s = show_views(seeds, &err);
    }
    if (s)
        fprintf(stderr, "bench_world: %s\n", err.text);
    return (int)s;
}
