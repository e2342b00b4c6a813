#include "advect.h"

#include "blur.h"
#include "coarse.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float sigma_cells(const struct sq_cube *c, double lead_s, double m_per_min)
{
    return (float)(m_per_min * lead_s / 60 / sqrt(c->cell_m[0] * c->cell_m[1]));
}

float sq_advect_spread(const struct sq_cube *c, double lead_s)
{
    return sigma_cells(c, lead_s, SQ_NEAR_M_PER_MIN);
}

/* Aligned to coarse cells. It grows with lead, so that what a late lead sees holds what an early one does. */
struct sq_window sq_advect_sight(const struct sq_cube *c, const struct sq_window *win, double lead_s)
{
    float sigma = sigma_cells(c, lead_s, SQ_NEAR_M_PER_MIN);
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
    float sigma = sigma_cells(c, lead_s, SQ_NEAR_M_PER_MIN);
    struct sq_window at = sq_advect_sight(c, win, lead_s);
    struct sq_sight s = sq_sight_of(&at, sq_coarseness(sigma));
    size_t cells = (size_t)s.at.h * (size_t)s.at.w, coarse = (size_t)s.h * (size_t)s.w, plane = (size_t)win->h * (size_t)win->w;
    float *rate = tmp, *seen = rate + cells, *share = seen + coarse, *scratch = share + coarse;
    float most = gather(newest, &s.at, rate);
    if (most >= edge[0]) {
        sq_blocks_count(rate, &s, 0, seen);
        sq_blur(seen, scratch, s.w, s.h, sigma / (float)s.f);
    }
    for (int k = 0; k < n; k++, ret += plane) {
        if (most < edge[k]) {
            memset(ret, 0, plane * sizeof *ret);
            continue;
        }
        sq_blocks_count(rate, &s, edge[k], share);
        sq_blur(share, scratch, s.w, s.h, sigma / (float)s.f);
        divide(share, seen, coarse);
        sq_spread_out(share, &s, win, ret);
    }
}

/* ---- the whole grid ------------------------------------------------------------------------------------------- */

enum { WIDE = 4 };

struct sq_wide {
    const struct sq_cube *cube;
    double m_per_min;
    struct sq_sight sight; /* the whole grid */
    int n;
    size_t blocks;
    float *counted; /* (n + 1, blocks): observed cells, then those at or above each edge */
    float *share;   /* (n + 1, blocks) of one lead */
};

enum sq_status sq_wide_create(const struct sq_cube *c, const float *newest, double m_per_min, const float *edge, int n,
                              struct sq_wide **ret, struct sq_err *e)
{
    const struct sq_window all = {0, 0, c->grid.ny, c->grid.nx};
    struct sq_wide *f;
    enum sq_status s = sq_alloc((void **)&f, 1, sizeof *f, "forecast", e);
    if (s)
        return s;
    *f = (struct sq_wide){.cube = c, .m_per_min = m_per_min, .sight = sq_sight_of(&all, WIDE), .n = n};
    f->blocks = (size_t)f->sight.w * (size_t)f->sight.h;
    s = sq_alloc((void **)&f->counted, 2 * (size_t)(n + 1) * f->blocks, sizeof *f->counted, "forecast", e);
    if (s) {
        sq_wide_destroy(&f);
        return s;
    }
    f->share = f->counted + (size_t)(n + 1) * f->blocks;
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k <= n; k++)
        sq_blocks_count(newest, &f->sight, k ? edge[k - 1] : 0, f->counted + (size_t)k * f->blocks);
    *ret = f;
    return SQ_OK;
}

void sq_wide_destroy(struct sq_wide **f)
{
    if (*f)
        free((*f)->counted);
    free(*f);
    *f = NULL;
}

enum sq_status sq_wide_lead(struct sq_wide *f, double lead_s, struct sq_err *e)
{
    float sigma = sigma_cells(f->cube, lead_s, f->m_per_min) / WIDE;
    int w = f->sight.w, h = f->sight.h, missed = 0;
    memcpy(f->share, f->counted, (size_t)(f->n + 1) * f->blocks * sizeof *f->share);
#pragma omp parallel reduction(+ : missed)
    {
        float *scratch = malloc((f->blocks + (size_t)w) * sizeof *scratch);
#pragma omp for schedule(dynamic)
        for (int k = 0; k <= f->n; k++)
            if (scratch)
                sq_blur(f->share + (size_t)k * f->blocks, scratch, w, h, sigma);
            else
                missed++;
        free(scratch);
#pragma omp for schedule(dynamic)
        for (int k = 1; k <= f->n; k++)
            divide(f->share + (size_t)k * f->blocks, f->share, f->blocks);
    }
    return missed ? sq_fail(e, SQ_FAILED, "out of memory for a lead of the forecast") : SQ_OK;
}

void sq_wide_put(const struct sq_wide *f, const struct sq_window *win, float *ret)
{
    for (int k = 1; k <= f->n; k++, ret += (size_t)win->h * (size_t)win->w)
        sq_spread_out(f->share + (size_t)k * f->blocks, &f->sight, win, ret);
}
