#include "advect.h"

#include "blur.h"

#include "core/hot.h"
#include "fastmath.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 200 and 300 near are as good on the development events, 400 and 500 worse at every lead; far, 600 to 2400 are alike. */
static const double near_m_per_min = 250, far_m_per_min = 1200;

static float sigma_cells(const struct sq_cube *c, double lead_s, double m_per_min)
{
    return (float)(m_per_min * lead_s / 60 / sqrt(c->cell_m[0] * c->cell_m[1]));
}

float sq_advect_spread(const struct sq_cube *c, double lead_s)
{
    return sigma_cells(c, lead_s, near_m_per_min);
}

/* Of amounts. The first two at a quarter of an hour; chosen on the development events, where 1 to 3 km and half or twice
 * the error are nearly as good. */
static const float smooth_m = 2000, error_db = 3, dry_db = -15;

#define DECIBEL 4.34294482f /* 10 / log 10 */

static float grown(double lead_s)
{
    return sqrtf((float)lead_s / 900);
}

static float smooth_cells(const struct sq_cube *c, double lead_s)
{
    return smooth_m * grown(lead_s) / (float)sqrt(c->cell_m[0] * c->cell_m[1]);
}

/* Wide neighbourhoods need no narrow cells. */
static int coarseness(float sigma)
{
    int f = 1;
    while (f < 16 && sigma >= 5 * (float)f)
        f *= 2;
    return f;
}

static int greatest(int a, int b)
{
    return a > b ? a : b;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* A window and what is within reach of it, in whole blocks of f cells, inside the grid. */
static struct sq_window around(const struct sq_grid *g, const struct sq_window *win, int reach, int f)
{
    int top = win->row > reach ? (win->row - reach) / f * f : 0, left = win->col > reach ? (win->col - reach) / f * f : 0;
    int bottom = least((win->row + win->h + reach + f - 1) / f * f, g->ny);
    int right = least((win->col + win->w + reach + f - 1) / f * f, g->nx);
    return (struct sq_window){top, left, bottom - top, right - left};
}

/* Aligned to coarse cells. It grows with lead, so that what a late lead sees holds what an early one does. */
struct sq_window sq_advect_sight(const struct sq_cube *c, const struct sq_window *win, double lead_s)
{
    float sigma = sigma_cells(c, lead_s, near_m_per_min);
    int f = coarseness(sigma);
    /* the blur, its rounding, and coarse cells beyond */
    int reach = greatest((int)(3 * sigma) + 4 * f, sq_blur_reach(smooth_cells(c, lead_s)));
    return around(&c->grid, win, reach, f);
}

size_t sq_advect_room(const struct sq_cube *c, const struct sq_window *win, double lead_s)
{
    struct sq_window s = sq_advect_sight(c, win, lead_s);
    return 4 * (size_t)s.h * (size_t)s.w + (size_t)s.w;
}

/* Rates of the sight; returns the largest, -1 where nothing was observed. */
static float gather(const struct sq_newest *newest, const struct sq_window *sight, float *ret)
{
    float most = -1;
    for (int i = 0; i < sight->h; i++) {
        const float *from = newest->rate +
                            (size_t)(sight->row - newest->win.row + i) * (size_t)newest->win.w + (sight->col - newest->win.col);
        for (int j = 0; j < sight->w; j++) {
            float r = isnan(from[j]) ? -1 : from[j];
            ret[(size_t)i * (size_t)sight->w + (size_t)j] = r;
            most = r > most ? r : most;
        }
    }
    return most;
}

/* How many of the f x f cells under each coarse cell are at or above `edge`. */
SQ_HOT static void count(const float *rate, const struct sq_window *sight, int f, float edge, float *ret)
{
    int w = (sight->w + f - 1) / f, h = (sight->h + f - 1) / f;
    memset(ret, 0, (size_t)w * (size_t)h * sizeof *ret);
    for (int i = 0; i < sight->h; i++) {
        const float *from = rate + (size_t)i * (size_t)sight->w;
        float *to = ret + (size_t)(i / f) * (size_t)w;
        int whole = sight->w / f;
        for (int j = 0; j < whole; j++)
            for (int k = 0; k < f; k++)
                to[j] += from[j * f + k] >= edge;
        for (int j = whole * f; j < sight->w; j++)
            to[whole] += from[j] >= edge;
    }
}

/* A window in coarse cells. */
struct sight {
    struct sq_window at; /* cells of the grid */
    int f, w, h;
};

/* Where cell i (counted from the sight's edge) lies among n coarse cells: the cell before, and the part of the next. */
static inline int position(int i, int f, int n, float *part)
{
    float x = ((float)i + 0.5f) / (float)f - 0.5f;
    x = x < 0 ? 0 : x > (float)(n - 1) ? (float)(n - 1) : x;
    int at = least((int)x, n > 1 ? n - 2 : 0);
    *part = x - (float)at;
    return at;
}

/* Coarse shares, bilinear, onto the cells of the window. */
SQ_HOT static void spread_out(const float *share, const struct sight *s, const struct sq_window *win, float *ret)
{
    int row = win->row - s->at.row, col = win->col - s->at.col, next = s->w > 1, below = s->h > 1 ? s->w : 0;
    for (int i = 0; i < win->h; i++, ret += win->w) {
        if (s->f == 1) {
            memcpy(ret, share + (size_t)(row + i) * (size_t)s->w + col, (size_t)win->w * sizeof *ret);
            continue;
        }
        float fy;
        const float *a = share + (size_t)position(row + i, s->f, s->h, &fy) * (size_t)s->w, *b = a + below;
        for (int j = 0; j < win->w; j++) {
            float fx;
            int k = position(col + j, s->f, s->w, &fx);
            ret[j] = (1 - fy) * ((1 - fx) * a[k] + fx * a[k + next]) + fy * ((1 - fx) * b[k] + fx * b[k + next]);
        }
    }
}

static void divide(float *share, const float *seen, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float p = seen[i] > 0 ? share[i] / seen[i] : 0;
        share[i] = p < 0 ? 0 : p > 1 ? 1 : p; /* rounding of running sums */
    }
}

static float amount_share(double lead_s)
{
    return 0.38f * (float)exp(-lead_s / 2700);
}

/* Smoothed decibels of the sight; dry where nothing near is wet. */
static void smooth_db(const struct sq_window *sight, float sigma, float *rate, float *seen, float *scratch)
{
    size_t cells = (size_t)sight->h * (size_t)sight->w;
    for (size_t i = 0; i < cells; i++) {
        seen[i] = rate[i] >= 0;
        rate[i] = rate[i] >= 0.1f ? DECIBEL * sq_logf(rate[i]) - dry_db : 0;
    }
    sq_blur(rate, scratch, sight->w, sight->h, sigma);
    sq_blur(seen, scratch, sight->w, sight->h, sigma);
    for (size_t i = 0; i < cells; i++)
        rate[i] = dry_db + (seen[i] > 0 ? rate[i] / seen[i] : 0);
}

/* Pools P(rate >= t) into ret; odds = t^k. */
SQ_HOT static void pool_amounts(const float *db, size_t n, float k, float odds, float share, float *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] += share * ((db[i] > dry_db + 0.1f ? 1 / (1 + odds * sq_expf(-k * db[i])) : 0) - ret[i]);
}

static void add_amount(const struct sq_cube *c, const struct sq_newest *newest, double lead_s, const struct sq_window *win,
                      const float *edge, int n, float *ret, float *tmp)
{
    float sigma = smooth_cells(c, lead_s);
    struct sq_window sight = around(&c->grid, win, sq_blur_reach(sigma), 1);
    size_t cells = (size_t)sight.h * (size_t)sight.w, plane = (size_t)win->h * (size_t)win->w;
    float *db = tmp, *seen = db + cells, *scratch = seen + cells;
    float k = 1.7f / (error_db * grown(lead_s)); /* 1.7: a logistic law like a normal one */
    (void)gather(newest, &sight, db);
    smooth_db(&sight, sigma, db, seen, scratch);
    for (int i = 0; i < win->h; i++) {
        const float *from = db + (size_t)(win->row - sight.row + i) * (size_t)sight.w + (win->col - sight.col);
        for (int e = 0; e < n; e++)
            pool_amounts(from, (size_t)win->w, k, expf(k * DECIBEL * logf(edge[e])), amount_share(lead_s),
                         ret + (size_t)e * plane + (size_t)i * (size_t)win->w);
    }
}

void sq_advect_share(const struct sq_cube *c, const struct sq_newest *newest, double lead_s,
                     const struct sq_window *win, const float *edge, int n, float *ret, float *tmp)
{
    float sigma = sigma_cells(c, lead_s, near_m_per_min);
    struct sight s = {.at = sq_advect_sight(c, win, lead_s), .f = coarseness(sigma)};
    s.w = (s.at.w + s.f - 1) / s.f, s.h = (s.at.h + s.f - 1) / s.f;
    size_t cells = (size_t)s.at.h * (size_t)s.at.w, coarse = (size_t)s.h * (size_t)s.w, plane = (size_t)win->h * (size_t)win->w;
    float *rate = tmp, *seen = rate + cells, *share = seen + coarse, *scratch = share + coarse;
    float most = gather(newest, &s.at, rate);
    if (most >= edge[0]) {
        count(rate, &s.at, s.f, 0, seen);
        sq_blur(seen, scratch, s.w, s.h, sigma / (float)s.f);
    }
    for (int k = 0; k < n; k++, ret += plane) {
        if (most < edge[k]) {
            memset(ret, 0, plane * sizeof *ret);
            continue;
        }
        count(rate, &s.at, s.f, edge[k], share);
        sq_blur(share, scratch, s.w, s.h, sigma / (float)s.f);
        divide(share, seen, coarse);
        spread_out(share, &s, win, ret);
    }
    if (most >= edge[0])
        add_amount(c, newest, lead_s, win, edge, n, ret - (size_t)n * plane, tmp);
}

/* ---- far ------------------------------------------------------------------------------------------------------ */

enum { FAR = 4 };

struct sq_far {
    const struct sq_cube *cube;
    struct sight sight; /* the whole grid */
    int n;
    size_t coarse;
    float *counted; /* (n + 1, coarse): observed cells, then those at or above each edge */
    float *share;   /* (n + 1, coarse) of one lead */
};

enum sq_status sq_far_create(const struct sq_cube *c, const float *newest, const float *edge, int n, struct sq_far **ret,
                             struct sq_err *e)
{
    const struct sq_window all = {0, 0, c->grid.ny, c->grid.nx};
    const struct sq_newest view = {all, newest};
    struct sq_far *f;
    float *rate = NULL;
    enum sq_status s = sq_alloc((void **)&f, 1, sizeof *f, "forecast", e);
    if (s)
        return s;
    *f = (struct sq_far){.cube = c, .sight = {all, FAR, (all.w + FAR - 1) / FAR, (all.h + FAR - 1) / FAR}, .n = n};
    f->coarse = (size_t)f->sight.w * (size_t)f->sight.h;
    s = sq_alloc((void **)&f->counted, 2 * (size_t)(n + 1) * f->coarse, sizeof *f->counted, "forecast", e);
    if (!s)
        s = sq_alloc((void **)&rate, sq_grid_cells(&c->grid), sizeof *rate, "forecast", e);
    if (s) {
        sq_far_destroy(&f);
        return s;
    }
    f->share = f->counted + (size_t)(n + 1) * f->coarse;
    (void)gather(&view, &all, rate);
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k <= n; k++)
        count(rate, &all, FAR, k ? edge[k - 1] : 0, f->counted + (size_t)k * f->coarse);
    free(rate);
    *ret = f;
    return SQ_OK;
}

void sq_far_destroy(struct sq_far **f)
{
    if (*f)
        free((*f)->counted);
    free(*f);
    *f = NULL;
}

enum sq_status sq_far_lead(struct sq_far *f, double lead_s, struct sq_err *e)
{
    float sigma = sigma_cells(f->cube, lead_s, far_m_per_min) / FAR;
    int w = f->sight.w, h = f->sight.h, missed = 0;
    memcpy(f->share, f->counted, (size_t)(f->n + 1) * f->coarse * sizeof *f->share);
#pragma omp parallel reduction(+ : missed)
    {
        float *scratch = malloc((f->coarse + (size_t)w) * sizeof *scratch);
#pragma omp for schedule(dynamic)
        for (int k = 0; k <= f->n; k++)
            if (scratch)
                sq_blur(f->share + (size_t)k * f->coarse, scratch, w, h, sigma);
            else
                missed++;
        free(scratch);
#pragma omp for schedule(dynamic)
        for (int k = 1; k <= f->n; k++)
            divide(f->share + (size_t)k * f->coarse, f->share, f->coarse);
    }
    return missed ? sq_fail(e, SQ_FAILED, "out of memory for a lead of the forecast") : SQ_OK;
}

void sq_far_put(const struct sq_far *f, const struct sq_window *win, float *ret)
{
    for (int k = 1; k <= f->n; k++, ret += (size_t)win->h * (size_t)win->w)
        spread_out(f->share + (size_t)k * f->coarse, &f->sight, win, ret);
}
