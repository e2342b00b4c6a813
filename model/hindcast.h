/* Advection put to the test on frames that are past: one is carried to the time of another and compared with it, in blocks
 * some kilometres wide. What standing.h and growth.h learn of a case, they learn from this. */
#ifndef SQ_MODEL_HINDCAST_H
#define SQ_MODEL_HINDCAST_H

#include "advect.h"
#include "coarse.h"

/* As in CRPSb: the weight of a rate is half the distance between its neighbours. */
enum { SQ_HINDCAST_RATES = 6 };
extern const float sq_hindcast_rate_mmh[SQ_HINDCAST_RATES], sq_hindcast_weight[SQ_HINDCAST_RATES];

struct sq_hindcast {
    struct sq_sight sight; /* the whole grid in blocks */
    size_t cells, blocks;
    float block_m;
    float sigma;                        /* of near advection over the lag, blocks */
    float *moved, *in_place, *observed; /* cells: mm/h, NaN where one of the three is not known */
    float *known, *near_known;          /* blocks: how many cells are; the same, smoothed by sigma */
    float *tmp;                         /* blocks and a row */
};

/* Caller finishes. */
enum sq_status sq_hindcast_init(struct sq_hindcast *ret, const struct sq_cube *c, struct sq_err *e) SQ_CHECK;
void sq_hindcast_finish(struct sq_hindcast *h);

/* A frame (ny, nx) of `lag_s` ago, carried by node displacements dx, dy (carry.h), and what is observed now. */
void sq_hindcast_bring(struct sq_hindcast *h, const struct sq_cube *c, const float *frame, double lag_s, const struct sq_motion *m,
                       const float *dx, const float *dy, const float *observed);

/* Of `moved` or `in_place`: the smoothed number of cells of each block at or above a rate. Over near_known it is the
 * probability. */
void sq_hindcast_count(const struct sq_hindcast *h, const float *rate, float edge, float *ret);

#endif
