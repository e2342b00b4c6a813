/* Errors of amount: how rain grows and decays as it moves, scale by scale.
 *
 * Each band of scales (scales.h) follows an autoregression of order 2 whose coefficients are those of the case itself, by
 * Yule and Walker from the last three frames in the moving frame, as in STEPS (N. E. Bowler, C. E. Pierce and A. W. Seed
 * 2006; S. Pulkkinen and others 2019): small scales are soon forgotten, and what grew of late over tens of kilometres grows
 * on. Around that expected amount the error is logistic in decibels, with a scale that grows with the square root of
 * lead, in place of STEPS' members; and each rate is matched to the level that so much of the area is likely to reach as
 * has the rate now (probability matching: E. E. Ebert 2001): P(rate >= t) = 1 / (1 + exp(-k (expected - level(t)))). */
#ifndef SQ_MODEL_AMOUNTS_H
#define SQ_MODEL_AMOUNTS_H

#include "scales.h"

enum { SQ_LEVELS = 31 }; /* rates of 0.1 to 100 mm/h, 1 dB apart */

/* What the case says of itself. */
struct sq_amounts {
    int step_s;
    float phi[2][SQ_SCALES]; /* of the frame before, and of that before it */
    int n_lead;              /* leads at which levels are known, SQ_LEAD_STEP_S apart from the first */
    float (*level)[SQ_LEVELS]; /* [n_lead] dB above dry */
};
#define SQ_LEAD_STEP_S 300

/* From the last frames of the scene, in parts of a wide grid where it rains most; good for leads up to `most_lead_s`. Caller
 * finishes *ret. */
enum sq_status sq_amounts_init(struct sq_amounts *ret, const struct sq_scene *s, double most_lead_s, struct sq_err *e) SQ_CHECK;
void sq_amounts_finish(struct sq_amounts *a);

/* The scales that sq_amounts_pool wants, of a window inside the grid. Caller finishes *ret. */
enum sq_status sq_amounts_scales(struct sq_scales *ret, const struct sq_scene *s, const struct sq_window *win,
                                 struct sq_err *e) SQ_CHECK;

/* Some of the probability at lead_s comes from amounts: ret (n, at->h, at->w), P(rate >= edge), edges in mm/h, ascending,
 * becomes a mean of itself and of these. The window lies inside that of x; tmp (2 * at->h * at->w). */
void sq_amounts_pool(const struct sq_amounts *a, const struct sq_scales *x, double lead_s, const struct sq_window *at,
                     const float *edge, int n, float *ret, float *tmp);

#endif
