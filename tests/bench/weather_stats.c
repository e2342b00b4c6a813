#include "weather_stats.h"
#include "carry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRY_MMH 0.1
#define STARTS 6 /* times from which motion carries the rain */

const double weather_lag_min[LAGS] = {5, 10, 15, 20, 30, 45, 60, 90, 120};

/* ---- one point in time ---------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static enum sq_status intensities(const struct sq_cube *c, struct weather_stats *ret, struct sq_err *e)
{
    static const double level[QUANTILES] = {0.5, 0.9, 0.99, 0.999, 1};
    size_t seen = 0, wet = 0, rain = 0, cells = sq_grid_cells(&c->grid);
    void *block;
    enum sq_status s = sq_alloc(&block, cells * (size_t)c->n, sizeof(float), "rates", e);
    if (s)
        return s;
    float *rate = block;
    for (int k = 0; k < c->n; k++)
        for (size_t i = 0; c->frame[k].rate_mmh && i < cells; i++) {
            float r = c->frame[k].rate_mmh[i];
            seen += !isnan(r);
            rain += r >= 1;
            if (r >= (float)DRY_MMH)
                rate[wet++] = r;
        }
    qsort(rate, wet, sizeof *rate, ascending);
    ret->wet = (double)wet / (double)seen;
    ret->rain = (double)rain / (double)seen;
    for (int q = 0; q < QUANTILES; q++)
        ret->quantile[q] = wet ? (double)rate[(size_t)(level[q] * (double)(wet - 1))] : NAN;
    free(rate);
    return SQ_OK;
}

/* Means of log rate over blocks: (by, bx) of `side` cells each, NaN where a tenth or more was not observed. */
struct blocks {
    int side, bx, by;
    float *mean;
};

static float level_of(float rate)
{
    return (float)log10(fmax((double)rate, DRY_MMH) / DRY_MMH);
}

static enum sq_status block_means(const struct sq_grid *g, const float *rate, int side, bool logs,
                                  struct blocks *ret, struct sq_err *e)
{
    void *block;
    *ret = (struct blocks){.side = side, .bx = g->nx / side, .by = g->ny / side};
    enum sq_status s = sq_alloc(&block, (size_t)(ret->bx * ret->by + 1), sizeof(float), "blocks", e);
    if (s)
        return s;
    ret->mean = block;
    for (int b = 0; b < ret->bx * ret->by; b++) {
        double sum = 0;
        int n = 0;
        for (int r = 0; r < side; r++) {
            const float *row = rate + (size_t)(b / ret->bx * side + r) * (size_t)g->nx + b % ret->bx * side;
            for (int k = 0; k < side; k++)
                if (!isnan(row[k])) {
                    sum += logs ? (double)level_of(row[k]) : (double)row[k];
                    n++;
                }
        }
        ret->mean[b] = n * 10 > side * side * 9 ? (float)(sum / n) : NAN;
    }
    return SQ_OK;
}

/* What a block differs by from the block of twice its size that holds it; NaN where that is not known. */
static float band(const struct blocks *fine, const struct blocks *coarse, int by, int bx)
{
    int Y = by / 2, X = bx / 2;
    return Y < coarse->by && X < coarse->bx ? fine->mean[by * fine->bx + bx] - coarse->mean[Y * coarse->bx + X] : NAN;
}

/* Sums over a band of two maps: of a a, b b and a b. */
static enum sq_status band_sums(const struct sq_grid *g, const float *a, const float *b, int side, double sum[4],
                                struct sq_err *e)
{
    struct blocks part[4] = {{0}};
    enum sq_status s = SQ_OK;
    for (int i = 0; i < 4 && !s; i++)
        s = block_means(g, i < 2 ? a : b, side * (1 + i % 2), true, &part[i], e);
    for (int i = 0; i < part[0].bx * part[0].by && !s; i++) {
        float x = band(&part[0], &part[1], i / part[0].bx, i % part[0].bx);
        float y = band(&part[2], &part[3], i / part[0].bx, i % part[0].bx);
        if (isnan(x) || isnan(y))
            continue;
        sum[0] += (double)(x * x);
        sum[1] += (double)(y * y);
        sum[2] += (double)(x * y);
        sum[3] += 1;
    }
    for (int i = 0; i < 4; i++)
        free(part[i].mean);
    return s;
}

static int side_of(const struct sq_cube *c, int scale)
{
    return (int)fmax(1, rint(SCALE_KM * 1e3 * (1 << scale) / c->cell_m[0]));
}

static enum sq_status spectrum(const struct sq_cube *c, struct weather_stats *ret, struct sq_err *e)
{
    double xx = 0, xy = 0, x1 = 0, y1 = 0, n = 0;
    for (int j = 0; j < SCALES; j++) {
        double sum[4] = {0};
        for (int k = 0; k < c->n; k += 1 + c->n / 12) {
            const float *map = c->frame[k].rate_mmh;
            enum sq_status s = map ? band_sums(&c->grid, map, map, side_of(c, j), sum, e) : SQ_OK;
            if (s)
                return s;
        }
        ret->variance[j] = sum[3] >= 20 ? sum[0] / sum[3] : NAN;
        if (j > 4 || !(ret->variance[j] > 0))
            continue;
        double x = j * log(2), y = log(ret->variance[j]);
        xx += x * x, xy += x * y, x1 += x, y1 += y, n++;
    }
    ret->slope = 2 + (n * xy - x1 * y1) / (n * xx - x1 * x1); /* variance of an octave ~ length^(beta - 2) */
    return SQ_OK;
}

/* ---- along the motion ----------------------------------------------------------------------------------- */

struct growth {
    double n, sum, squares; /* of log2 ratios of blocks */
    double fresh, rain;
};

static enum sq_status grow(const struct sq_cube *c, const float *carried, const float *now, struct growth *g,
                           struct sq_err *e)
{
    struct blocks a = {0}, b = {0};
    enum sq_status s = block_means(&c->grid, carried, side_of(c, 3), false, &a, e);
    if (!s)
        s = block_means(&c->grid, now, side_of(c, 3), false, &b, e);
    for (int i = 0; i < a.bx * a.by && !s; i++)
        if (a.mean[i] > (float)DRY_MMH && b.mean[i] > 0.01f) {
            double ratio = log2((double)b.mean[i] / (double)a.mean[i]);
            g->n++, g->sum += ratio, g->squares += ratio * ratio;
        }
    for (size_t i = 0; i < sq_grid_cells(&c->grid) && !s; i++)
        if (!isnan(carried[i]) && !isnan(now[i])) {
            g->rain += (double)now[i];
            g->fresh += carried[i] < (float)DRY_MMH ? (double)now[i] : 0;
        }
    free(a.mean);
    free(b.mean);
    return s;
}

/* One start: frame k, its motion from up to four frames, what that carries against what came. */
static enum sq_status follow(const struct sq_cube *c, int k, double (*sum)[LAGS][4], struct growth *g, double *speed,
                             struct sq_err *e)
{
    struct sq_motion m = {0};
    const struct sq_window all = {0, 0, c->grid.ny, c->grid.nx};
    void *block = NULL, *moved = NULL;
    enum sq_status s = sq_motion_estimate(c, k, c->step_s, &m, e);
    size_t nodes = (size_t)m.mx * (size_t)m.my;
    if (!s)
        s = sq_alloc(&block, 2 * nodes, sizeof(float), "displacements", e);
    if (!s)
        s = sq_alloc(&moved, sq_grid_cells(&c->grid), sizeof(float), "a carried frame", e);
    float *dx = block, *carried = moved;
    for (size_t i = 0; i < nodes && !s; i++)
        *speed += hypot((double)m.u[i] * c->cell_m[0], (double)m.v[i] * c->cell_m[1]) / (double)nodes;
    for (int l = 0; l < LAGS && !s; l++) {
        double lag_s = weather_lag_min[l] * 60;
        int to = sq_cube_find(c, c->frame[k].time + (int64_t)lag_s, 30);
        if (to < 0)
            continue;
        sq_motion_origin(&m, lag_s, dx, dx + nodes);
        sq_carry(c->frame[k].rate_mmh, &m, dx, dx + nodes, &all, true, carried);
        for (int j = 0; j < SCALES && !s; j++)
            s = band_sums(&c->grid, carried, c->frame[to].rate_mmh, side_of(c, j), sum[j][l], e);
        if (!s && weather_lag_min[l] == 30)
            s = grow(c, carried, c->frame[to].rate_mmh, g, e);
    }
    free(block);
    free(moved);
    sq_motion_finish(&m);
    return s;
}

/* Where the correlation crosses 1/e; between lags in the logarithm. */
static double life(const double *correlation)
{
    double before = 0, was = 1;
    for (int l = 0; l < LAGS; l++) {
        double r = correlation[l];
        if (isnan(r))
            continue;
        if (r < exp(-1)) {
            double f = (log(was) + 1) / (log(was) - log(fmax(r, 1e-3)));
            return before + f * (weather_lag_min[l] - before);
        }
        before = weather_lag_min[l];
        was = r;
    }
    return was < 1 ? before / -log(was) : NAN; /* as if it went on so */
}

static enum sq_status change(const struct sq_cube *c, struct weather_stats *ret, struct sq_err *e)
{
    static double sum[SCALES][LAGS][4];
    struct growth g = {0};
    double speed = 0;
    int starts = 0;
    memset(sum, 0, sizeof sum);
    int last = c->n - 1 - (int)(3600 / c->step_s), step = (last - 3) / STARTS > 0 ? (last - 3) / STARTS : 1;
    for (int k = 3; k <= last; k += step) {
        bool whole = true;
        for (int i = 0; i < 4; i++)
            whole = whole && c->frame[k - i].rate_mmh;
        enum sq_status s = whole ? follow(c, k, sum, &g, &speed, e) : SQ_OK;
        if (s)
            return s;
        starts += whole;
    }
    for (int j = 0; j < SCALES; j++) {
        for (int l = 0; l < LAGS; l++)
            ret->correlation[j][l] = sum[j][l][3] >= 20 ? sum[j][l][2] / sqrt(sum[j][l][0] * sum[j][l][1]) : NAN;
        ret->life_min[j] = life(ret->correlation[j]);
    }
    ret->growth = g.n > 9 ? sqrt(g.squares / g.n - g.sum / g.n * (g.sum / g.n)) : NAN;
    ret->fresh = g.rain > 0 ? g.fresh / g.rain : NAN;
    ret->speed_ms = starts ? speed / starts : NAN;
    return SQ_OK;
}

/* Mean rain of a frame over what it observed. */
static double mean_rain(const struct sq_cube *c, int k)
{
    double sum = 0, n = 0;
    for (size_t i = 0; c->frame[k].rate_mmh && i < sq_grid_cells(&c->grid); i++)
        if (!isnan(c->frame[k].rate_mmh[i])) {
            sum += (double)c->frame[k].rate_mmh[i];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static void trend(const struct sq_cube *c, struct weather_stats *ret)
{
    int hour = 3600 / c->step_s;
    double squares = 0, n = 0;
    for (int k = 0; k + hour < c->n; k++) {
        double ratio = log2(mean_rain(c, k + hour) / mean_rain(c, k));
        if (isfinite(ratio)) {
            squares += ratio * ratio;
            n++;
        }
    }
    ret->trend = n > 0 ? sqrt(squares / n) : NAN;
}

enum sq_status weather_stats(const struct sq_cube *c, struct weather_stats *ret, struct sq_err *e)
{
    *ret = (struct weather_stats){0};
    enum sq_status s = intensities(c, ret, e);
    if (!s)
        s = spectrum(c, ret, e);
    if (!s)
        s = change(c, ret, e);
    if (!s)
        trend(c, ret);
    return s;
}
