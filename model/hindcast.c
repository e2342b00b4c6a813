#include "hindcast.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of the largest power of two of cells that are at most so wide. */
static const double block_m = 4000;

const float sq_hindcast_rate_mmh[SQ_HINDCAST_RATES] = {0.2f, 0.5f, 1, 2, 5, 10};
const float sq_hindcast_weight[SQ_HINDCAST_RATES] = {0.3f, 0.4f, 0.75f, 2, 4, 5};

enum sq_status sq_hindcast_init(struct sq_hindcast *ret, const struct sq_cube *c, struct sq_err *e)
{
    const struct sq_window all = {0, 0, c->grid.ny, c->grid.nx};
    double cell_m = sqrt(c->cell_m[0] * c->cell_m[1]);
    int f = 1;
    while (f < 16 && 2 * f * cell_m <= block_m)
        f *= 2;
    *ret = (struct sq_hindcast){.sight = sq_sight_of(&all, f), .cells = sq_grid_cells(&c->grid), .block_m = (float)(f * cell_m)};
    ret->blocks = (size_t)ret->sight.h * (size_t)ret->sight.w;
    enum sq_status s = sq_alloc((void **)&ret->moved, 3 * ret->cells, sizeof *ret->moved, "forecast", e);
    if (!s)
        s = sq_alloc((void **)&ret->known, 3 * ret->blocks + (size_t)ret->sight.w, sizeof *ret->known, "forecast", e);
    if (s) {
        sq_hindcast_finish(ret);
        return s;
    }
    ret->in_place = ret->moved + ret->cells, ret->observed = ret->in_place + ret->cells;
    ret->near_known = ret->known + ret->blocks, ret->tmp = ret->near_known + ret->blocks;
    return SQ_OK;
}

void sq_hindcast_finish(struct sq_hindcast *h)
{
    free(h->moved);
    free(h->known);
    *h = (struct sq_hindcast){0};
}

void sq_hindcast_bring(struct sq_hindcast *h, const struct sq_cube *c, const float *frame, double lag_s, const struct sq_motion *m,
                       const float *dx, const float *dy, const float *observed)
{
    /* whole cells: means of two would be wet where one is, and rain would seem to dry up at its edges */
    sq_carry(frame, m, dx, dy, &h->sight.at, true, h->moved);
    for (size_t i = 0; i < h->cells; i++) {
        bool all = !isnan(h->moved[i]) && !isnan(frame[i]) && !isnan(observed[i]);
        h->moved[i] = all ? h->moved[i] : NAN;
        h->in_place[i] = all ? frame[i] : NAN;
        h->observed[i] = all ? observed[i] : NAN;
    }
    h->sigma = sq_advect_spread(c, lag_s) / (float)h->sight.f;
    sq_blocks_count(h->observed, &h->sight, 0, h->known);
    memcpy(h->near_known, h->known, h->blocks * sizeof *h->known);
    sq_blur(h->near_known, h->tmp, h->sight.w, h->sight.h, h->sigma);
}

void sq_hindcast_count(const struct sq_hindcast *h, const float *rate, float edge, float *ret)
{
    sq_blocks_count(rate, &h->sight, edge, ret);
    sq_blur(ret, h->tmp, h->sight.w, h->sight.h, h->sigma);
}
