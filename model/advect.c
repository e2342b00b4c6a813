#include "advect.h"

#include "blur.h"
#include "coarse.h"

#include "core/hot.h"

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

/* Aligned to coarse cells. It grows with lead, so that what a late lead sees holds what an early one does. */
struct sq_window sq_advect_sight(const struct sq_cube *c, const struct sq_window *win, double lead_s)
{
    float sigma = sigma_cells(c, lead_s, near_m_per_min);
    return sq_around(&c->grid, win, sq_coarse_reach(sigma), sq_coarseness(sigma));
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

static void divide(float *share, const float *seen, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float p = seen[i] > 0 ? share[i] / seen[i] : 0;
        share[i] = p < 0 ? 0 : p > 1 ? 1 : p; /* rounding of running sums */
    }
}

void sq_advect_share(const struct sq_cube *c, const struct sq_newest *newest, double lead_s,
                     const struct sq_window *win, const float *edge, int n, float *ret, float *tmp)
{
    float sigma = sigma_cells(c, lead_s, near_m_per_min);
    struct sq_window at = sq_advect_sight(c, win, lead_s);
    struct sq_sight s = sq_sight_of(&at, sq_coarseness(sigma));
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
        sq_spread_out(share, &s, win, ret);
    }
}

/* ---- far ------------------------------------------------------------------------------------------------------ */

enum { FAR = 4 };

struct sq_far {
    const struct sq_cube *cube;
    struct sq_sight sight; /* the whole grid */
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
    *f = (struct sq_far){.cube = c, .sight = sq_sight_of(&all, FAR), .n = n};
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
        sq_spread_out(f->share + (size_t)k * f->coarse, &f->sight, win, ret);
}
