/* Of the chance of rain at any of the leads of a window: what share of the way it lies from the greatest of the leads to all
 * of them apart from one another (sq_volume_any).
 *     bench_within FORECAST TRUTH [FORECAST TRUTH]...      radar files of the hours that followed, on the same grid
 * The Brier score of each share, and how often it rained where so much was said. */
#include "ingest.h"
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARES = 11, BINS = 10, LEVELS = 3 };
static const float level_mmh[LEVELS] = {0.1f, 1, 5};

struct sums {
    double n, brier[SHARES];
    double count[SHARES][BINS], said[SHARES][BINS], seen[SHARES][BINS];
};

static struct sums sums[SQ_WINDOWS][LEVELS];

static void give_up(const struct sq_err *e)
{
    fprintf(stderr, "bench_within: %s\n", e->text);
    exit(1);
}

/* The greatest rate of the leads of a window, (ny, nx); NaN where one was not observed. */
static float *observe(struct sq_inputs *in, const struct sq_run *run, int until_s)
{
    size_t n = sq_grid_cells(&run->f.grid);
    float *most = calloc(n, sizeof *most);
    struct sq_err err = {0};
    for (int k = 0; most && k < run->f.n_lead && run->f.lead_s[k] <= until_s; k++) {
        struct sq_field field = {0};
        int i = 0;
        while (i < sq_inputs_count(in) && sq_inputs_info(in, i)->time != run->f.issue_time + run->f.lead_s[k])
            i++;
        if (i == sq_inputs_count(in)) {
            sq_fail(&err, SQ_ABSENT, "no frame of lead %d s", run->f.lead_s[k]);
            give_up(&err);
        }
        if (sq_inputs_read(in, i, &field, &err))
            give_up(&err);
        if (!sq_grid_equal(&field.grid, &run->f.grid)) {
            sq_fail(&err, SQ_FAILED, "the frames are on another grid");
            give_up(&err);
        }
        for (size_t c = 0; c < n; c++)
            most[c] = isnan(field.value[c]) || isnan(most[c]) ? NAN : fmaxf(most[c], field.value[c]);
        sq_field_finish(&field);
    }
    return most;
}

static void add_cell(struct sums *s, float most, float none, bool rain)
{
    s->n++;
    for (int k = 0; k < SHARES; k++) {
        float p = most + (float)k / (SHARES - 1) * (1 - none - most);
        int bin = p < 1 ? (int)(BINS * p) : BINS - 1;
        s->brier[k] += (p - rain) * (p - rain);
        s->count[k][bin]++;
        s->said[k][bin] += p;
        s->seen[k][bin] += rain;
    }
}

static void add_forecast(const struct sq_run *run, const float *rate, int window, int level)
{
    float p[SQ_THRESHOLD_MAX];
    int t = 0;
    while (t < run->f.n_threshold - 1 && run->f.threshold_mmh[t] < 0.999f * level_mmh[level])
        t++;
    for (int row = 0; row < run->f.grid.ny; row++)
        for (int col = 0; col < run->f.grid.nx; col++) {
            float most = 0, none = 1, seen = rate[(size_t)row * (size_t)run->f.grid.nx + (size_t)col];
            for (int k = 0; k < run->f.n_lead && run->f.lead_s[k] <= 60 * sq_window_min[window]; k++) {
                sq_run_cell(run, k, row, col, p);
                most = isnan(p[0]) || isnan(most) ? NAN : fmaxf(most, p[t]);
                none *= 1 - p[t];
            }
            if (!isnan(most) && !isnan(seen))
                add_cell(&sums[window][level], most, none, seen >= level_mmh[level]);
        }
}

static void print_sums(int window, int level)
{
    const struct sums *s = &sums[window][level];
    printf("%d min, %g mm/h, %.0f cells\n  share   Brier   said and seen, by tenths of what was said\n", sq_window_min[window],
           (double)level_mmh[level], s->n);
    for (int k = 0; k < SHARES; k++) {
        printf("  %5.1f %7.5f  ", k / (SHARES - 1.0), s->brier[k] / s->n);
        for (int b = 0; b < BINS; b++)
            printf(" %.2f-%.2f", s->said[k][b] / s->count[k][b], s->seen[k][b] / s->count[k][b]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    struct sq_err err = {0};
    const struct sq_read_params params = SQ_READ_PARAMS_DEFAULT;
    for (int i = 1; i + 1 < argc; i += 2) {
        struct sq_run *run = NULL;
        struct sq_inputs *in = NULL;
        if (sq_run_load(argv[i], &run, &err) || sq_inputs_open(&argv[i + 1], 1, &params, &in, &err))
            give_up(&err);
        for (int w = 0; w < SQ_WINDOWS; w++) {
            float *rate = observe(in, run, 60 * sq_window_min[w]);
            for (int l = 0; l < LEVELS; l++)
                add_forecast(run, rate, w, l);
            free(rate);
        }
        sq_inputs_close(&in);
        sq_run_release(&run);
    }
    for (int w = 0; w < SQ_WINDOWS; w++)
        for (int l = 0; l < LEVELS; l++)
            print_sums(w, l);
    return 0;
}
