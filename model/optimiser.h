/* AdamW (I. Loshchilov and F. Hutter 2019) with a warm-up and cosine schedule, clipped gradients, and an
 * exponential average of the weights, which is what ships. */
#ifndef SQ_MODEL_OPTIMISER_H
#define SQ_MODEL_OPTIMISER_H

#include "core/err.h"

#include <stdint.h>

struct sq_optimiser_params {
    double rate;      /* peak learning rate */
    double decay;     /* of weights, per unit of rate */
    double average;   /* of the exponential average, < 1 */
    double clip;      /* gradients are scaled down to this norm */
    int warmup, steps;
};

struct sq_optimiser {
    struct sq_optimiser_params p;
    size_t n;
    int64_t step;     /* taken so far */
    float *m, *v, *average;
};

enum sq_status sq_optimiser_init(struct sq_optimiser *o, const struct sq_optimiser_params *p, size_t n,
                                 const float *theta, struct sq_err *e) SQ_CHECK;
void sq_optimiser_finish(struct sq_optimiser *o);

/* The learning rate of step `step`. */
double sq_optimiser_rate(const struct sq_optimiser_params *p, int64_t step);

/* One step; returns the norm of the gradient before clipping. Not a number in it: nothing is changed. */
double sq_optimiser_step(struct sq_optimiser *o, const float *gradient, float *theta);

#endif
