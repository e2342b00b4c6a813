#include "amounts.h"

#include "fastmath.h"
#include "rainiest.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the error at a quarter of an hour: 2.5 to 3.5 are nearly as good on the development events. */
static const float error_db = 3;

/* Finer scales do not live long enough to show how they grow: of them only the newest frame counts. */
enum { FINEST = 2 };

static float steepness(double lead_s)
{
    return 1.7f / (error_db * sqrtf((float)lead_s / 900)); /* 1.7: a logistic law like a normal one */
}

/* Of the probability; chosen on the development events. */
static float share(double lead_s)
{
    return 0.5f * (float)exp(-lead_s / 7200);
}

/* ---- autoregression ------------------------------------------------------------------------------------------- */

/* What the newest frame and the one before weigh, per band, after n steps of the recursion. */
static void weigh_steps(const struct sq_amounts *a, int n, float ret[2][SQ_SCALES])
{
    for (int k = 0; k < SQ_SCALES; k++) {
        float now[2] = {1, 0}, before[2] = {0, 1};
        for (int i = 0; i < n; i++)
            for (int f = 0; f < 2; f++) {
                float next = a->phi[0][k] * now[f] + a->phi[1][k] * before[f];
                before[f] = now[f];
                now[f] = next;
            }
        ret[0][k] = now[0];
        ret[1][k] = now[1];
    }
}

/* What each smoothing of the two frames weighs in the expected amount: bands are differences of neighbours, and the widest
 * stays as it is. Between steps linear. */
static void weigh(const struct sq_amounts *a, double lead_s, float ret[2][SQ_SCALES + 1])
{
    float low[2][SQ_SCALES], high[2][SQ_SCALES], at = (float)(lead_s / a->step_s), part = at - floorf(at);
    weigh_steps(a, (int)at, low);
    weigh_steps(a, (int)at + 1, high);
    for (int f = 0; f < 2; f++) {
        float finer = 0;
        for (int k = 0; k <= SQ_SCALES; k++) {
            float w = k < SQ_SCALES ? low[f][k] + part * (high[f][k] - low[f][k]) : f == 0;
            ret[f][k] = w - finer;
            finer = w;
        }
    }
}

/* ---- what the case says ---------------------------------------------------------------------------------------- */

enum { SIDE = 256, PARTS = 24, EVERY = 4, COLUMNS = SQ_SCALE_FRAMES * (SQ_SCALES + 1) };

/* Smoothed decibels of cells here and there. */
struct sampled {
    bool known[SQ_SCALE_FRAMES];
    size_t n;
    float (*row)[COLUMNS]; /* [n]: frame, scale */
};

/* Every fourth cell of a part of the grid, where the newest frame observed. */
static enum sq_status sample_part(const struct sq_scene *s, const struct sq_window *win, struct sampled *ret, float *tmp,
                                  struct sq_err *e)
{
    const size_t nx = (size_t)s->cube->grid.nx, from = ret->n;
    const float *rate = s->cube->frame[s->newest].rate_mmh;
    struct sq_scales x;
    enum sq_status st = sq_scales_init(&x, s, win, SQ_SCALE_FRAMES, 0, e);
    if (st)
        return st;
    for (int c = 0; c < COLUMNS; c++) {
        int f = c / (SQ_SCALES + 1);
        ret->known[f] = x.known[f];
        if (x.known[f])
            sq_scales_put(&x, f, c % (SQ_SCALES + 1), win, tmp);
        ret->n = from;
        for (int i = EVERY / 2; i < win->h; i += EVERY)
            for (int j = EVERY / 2; j < win->w; j += EVERY)
                if (!isnan(rate[(size_t)(win->row + i) * nx + (size_t)(win->col + j)]))
                    ret->row[ret->n++][c] = x.known[f] ? tmp[i * win->w + j] : 0;
    }
    sq_scales_finish(&x);
    return SQ_OK;
}

static enum sq_status sample(const struct sq_scene *s, struct sampled *ret, struct sq_err *e)
{
    struct sq_window *part = NULL;
    int n = 0;
    float *tmp = NULL;
    enum sq_status st = sq_rainiest(&s->cube->grid, s->cube->frame[s->newest].rate_mmh, SIDE, PARTS, &part, &n, e);
    if (!st)
        st = sq_alloc((void **)&ret->row, (size_t)n * (SIDE / EVERY) * (SIDE / EVERY), sizeof *ret->row, "amounts", e);
    if (!st)
        st = sq_alloc((void **)&tmp, SIDE * SIDE, sizeof *tmp, "amounts", e);
    for (int k = 0; k < n && !st; k++)
        st = sample_part(s, &part[k], ret, tmp, e);
    free(part);
    free(tmp);
    return st;
}

/* Sum over the sample of band k of frame a times that of frame b. */
static double product(const struct sampled *x, int k, int a, int b)
{
    double sum = 0;
    for (size_t i = 0; i < x->n; i++) {
        const float *p = x->row[i] + a * (SQ_SCALES + 1) + k, *q = x->row[i] + b * (SQ_SCALES + 1) + k;
        sum += (double)((p[0] - p[1]) * (q[0] - q[1]));
    }
    return sum;
}

static double correlation(const struct sampled *x, int k, int a, int b)
{
    double norm = sqrt(product(x, k, a, a) * product(x, k, b, b));
    return norm > 1 ? product(x, k, a, b) / norm : 0;
}

static double within(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* Where frames are missing: lifetimes grow with scale (the mean of the development events). */
static double usual(int k, double step_s)
{
    return exp(-step_s / (480 * pow(2, 1.2 * (k - 0.5))));
}

static void yule_walker(struct sq_amounts *a, const struct sampled *x)
{
    for (int k = 0; k < SQ_SCALES; k++) {
        bool first = x->known[1], second = first && x->known[2];
        double one = first ? correlation(x, k, 0, 1) : usual(k, a->step_s);
        if (second)
            one = 0.5 * (one + correlation(x, k, 1, 2));
        one = within(one, 0, 0.9999);
        double two = second && k >= FINEST ? (correlation(x, k, 0, 2) - one * one) / (1 - one * one) : 0;
        two = within(two, -0.98, 0.98); /* stationary */
        a->phi[0][k] = (float)(one * (1 - two));
        a->phi[1][k] = (float)two;
    }
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

/* Expected amounts in bins of a quarter of a decibel. */
enum { BINS = 240 };
static const float bin_db = 0.25f, lowest_db = -10, highest_db = 60;

/* The expected amount is that of rain only where there is some of it. */
#define NO_RAIN_DB 0.1f

static void count_amounts(const struct sampled *x, float w[2][SQ_SCALES + 1], float ret[BINS])
{
    memset(ret, 0, BINS * sizeof *ret);
    for (size_t i = 0; i < x->n; i++) {
        float db = 0;
        for (int f = 0; f < 2; f++)
            for (int k = 0; k <= SQ_SCALES; k++)
                db += w[f][k] * x->row[i][f * (SQ_SCALES + 1) + k];
        if (db > NO_RAIN_DB)
            ret[(int)within((db - lowest_db) / bin_db, 0, BINS - 1)]++;
    }
}

static double reached(const float count[BINS], float k, float level)
{
    double sum = 0;
    for (int b = 0; b < BINS; b++)
        if (count[b] > 0)
            sum += count[b] / (1 + exp((double)(k * (level - lowest_db - bin_db * ((float)b + 0.5f)))));
    return sum;
}

/* The level that `n` cells are expected to reach. */
static float match(const float count[BINS], float k, double n)
{
    float low = -30, high = highest_db;
    for (int i = 0; i < 16; i++) {
        float middle = 0.5f * (low + high);
        if (reached(count, k, middle) > n)
            low = middle;
        else
            high = middle;
    }
    return 0.5f * (low + high);
}

static void match_levels(const struct sq_amounts *a, const struct sampled *x, double lead_s, float ret[SQ_LEVELS])
{
    float w[2][SQ_SCALES + 1], count[BINS], last = highest_db;
    weigh(a, lead_s, w);
    count_amounts(x, w, count);
    for (int l = 0; l < SQ_LEVELS; l++) {
        float level = -10 + (float)l - SQ_DRY_DB;
        size_t n = 0;
        for (size_t i = 0; i < x->n; i++)
            n += x->row[i][0] >= level - 0.01f;
        if (n > 0)
            level = match(count, steepness(lead_s), (double)n);
        else
            level = last + 1; /* nowhere now: as far beyond the level before as the rate is beyond its */
        ret[l] = last = l == 0 || level > last ? level : last;
    }
}

enum sq_status sq_amounts_init(struct sq_amounts *ret, const struct sq_scene *s, double most_lead_s, struct sq_err *e)
{
    struct sampled x = {0};
    *ret = (struct sq_amounts){.step_s = s->step_s, .n_lead = (int)ceil(most_lead_s / SQ_LEAD_STEP_S)};
    ret->n_lead += ret->n_lead == 0;
    enum sq_status st = sq_alloc((void **)&ret->level, (size_t)ret->n_lead, sizeof *ret->level, "amounts", e);
    if (!st)
        st = sample(s, &x, e);
    if (!st)
        yule_walker(ret, &x);
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k < ret->n_lead; k++)
        if (!st)
            match_levels(ret, &x, (k + 1) * SQ_LEAD_STEP_S, ret->level[k]);
    free(x.row);
    if (st)
        sq_amounts_finish(ret);
    return st;
}

void sq_amounts_finish(struct sq_amounts *a)
{
    free(a->level);
    *a = (struct sq_amounts){0};
}

/* ---- probabilities ----------------------------------------------------------------------------------------------- */

/* Level of a rate (dB above dry) at a lead; linear between those known. */
static float level_of(const struct sq_amounts *a, double lead_s, float mmh)
{
    double t = within(lead_s / SQ_LEAD_STEP_S - 1, 0, a->n_lead - 1), r = within(10 * log10(mmh) + 10, 0, SQ_LEVELS - 1);
    int i = t < a->n_lead - 1 ? (int)t : a->n_lead - 1, j = r < SQ_LEVELS - 1 ? (int)r : SQ_LEVELS - 1;
    int i1 = i < a->n_lead - 1 ? i + 1 : i, j1 = j < SQ_LEVELS - 1 ? j + 1 : j;
    double ft = t - i, fr = r - j;
    return (float)((1 - ft) * ((1 - fr) * a->level[i][j] + fr * a->level[i][j1]) +
                   ft * ((1 - fr) * a->level[i1][j] + fr * a->level[i1][j1]));
}

enum sq_status sq_amounts_scales(struct sq_scales *ret, const struct sq_scene *s, const struct sq_window *win,
                                 struct sq_err *e)
{
    return sq_scales_init(ret, s, win, 2, FINEST, e);
}

SQ_HOT static void pool(const float *db, size_t n, float k, float level, float part, float *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] += part * ((db[i] > NO_RAIN_DB ? 1 / (1 + sq_expf(k * (level - db[i]))) : 0) - ret[i]);
}

void sq_amounts_pool(const struct sq_amounts *a, const struct sq_scales *x, double lead_s, const struct sq_window *at,
                     const float *edge, int n, float *ret, float *tmp)
{
    size_t cells = (size_t)at->h * (size_t)at->w;
    float w[2][SQ_SCALES + 1], *db = tmp, *smooth = tmp + cells;
    weigh(a, lead_s, w);
    memset(db, 0, cells * sizeof *db);
    for (int f = 0; f < 2; f++)
        for (int k = 0; k <= SQ_SCALES; k++) {
            if (!x->smooth[f][k])
                continue;
            sq_scales_put(x, f, k, at, smooth);
            for (size_t i = 0; i < cells; i++)
                db[i] += w[f][k] * smooth[i];
        }
    for (int c = 0; c < n; c++)
        pool(db, cells, steepness(lead_s), level_of(a, lead_s, edge[c]), share(lead_s), ret + (size_t)c * cells);
}
