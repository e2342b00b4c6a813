#include "nowcast.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>

/* Spread of the neighbourhood: a Gaussian of this standard deviation per minute of lead, that of a disc whose
 * diameter grows by 1 km a minute (along each axis a disc has half its radius). 200 and 300 are as good on the
 * development events, 400 and 500 worse at every lead. */
static const double spread_m_per_min = 250;

struct planes {
    int ny, nx;
    float *seen, *share, *tmp; /* blurred coverage, blurred exceedance, scratch */
    float *block;
};

static enum sq_status planes_init(struct planes *p, const struct sq_grid *g, struct sq_err *e)
{
    size_t cells = sq_grid_cells(g);
    *p = (struct planes){.ny = g->ny, .nx = g->nx};
    enum sq_status s = sq_alloc((void **)&p->block, 3 * cells + (size_t)g->nx, sizeof(float), "advection", e);
    if (s)
        return s;
    p->seen = p->block;
    p->share = p->seen + cells;
    p->tmp = p->share + cells;
    return SQ_OK;
}

/* The share of observed cells around each that reach t; NaN where the cell itself was not observed. */
static void share_above(const struct planes *p, const float *rate, float t, float sigma)
{
    size_t n = (size_t)p->ny * (size_t)p->nx;
    for (size_t i = 0; i < n; i++)
        p->share[i] = rate[i] >= t;
    sq_blur(p->share, p->tmp, p->nx, p->ny, sigma);
    for (size_t i = 0; i < n; i++)
        p->share[i] = isnan(rate[i]) ? NAN : fminf(fmaxf(p->share[i] / p->seen[i], 0), 1);
}

enum sq_status sq_advect_lead(struct sq_nowcast *n, int lead_s, struct sq_lead *ret, struct sq_err *e)
{
    const struct sq_forecast *f = n->f;
    const struct sq_grid *g = &n->cube->grid;
    struct sq_window all = {0, 0, g->ny, g->nx};
    size_t cells = sq_grid_cells(g);
    double cell = sqrt(n->cube->cell_m[0] * n->cube->cell_m[1]);
    float sigma = (float)(spread_m_per_min * lead_s / 60 / cell);
    struct planes p;
    enum sq_status s = planes_init(&p, g, e);
    if (s)
        return s;
    for (size_t i = 0; i < cells; i++)
        p.seen[i] = !isnan(n->composite[i]);
    sq_blur(p.seen, p.tmp, g->nx, g->ny, sigma);
    for (int k = 0; k < f->n_threshold; k++) {
        share_above(&p, n->composite, f->threshold_mmh[k], sigma);
        sq_carry(p.share, &n->scene.motion, n->back_x, n->back_y, &all, false, ret->prob + (size_t)k * cells);
    }
    for (size_t i = 0; i < cells; i++)
        for (int k = 1; k < f->n_threshold; k++) /* rounding may turn the order of equal shares */
            if (ret->prob[(size_t)k * cells + i] > ret->prob[(size_t)(k - 1) * cells + i])
                ret->prob[(size_t)k * cells + i] = ret->prob[(size_t)(k - 1) * cells + i];
    free(p.block);
    return SQ_OK;
}
