/* The only place where rain becomes numbers for the network: one function for training and forecasting. */
#ifndef SQ_MODEL_SCENE_FEATURES_H
#define SQ_MODEL_SCENE_FEATURES_H

#include "scene.h"

#include <math.h>

/* Channels of a cell that the radar gives: for each of n slots the scaled log rate (0 where not observed) and whether it was
 * observed (0 or 1); then cell size, step, speed and divergence of the motion, scaled to order 1. */
#define SQ_FEATURES(n) (2 * (n) + 4)

/* What training does, so that other radars and days of faults are met: rates are multiplied by `gain`, then those below
 * `least_mmh` are 0, as where a radar does not see light rain. NaN stays. */
struct sq_touch {
    float gain, least_mmh;
    unsigned dropped; /* sources beside the radar that are not seen: beside.h */
};
static const struct sq_touch sq_untouched = {1, 0, 0};

static inline float sq_touched(struct sq_touch t, float rate)
{
    rate *= t.gain;
    return rate < t.least_mmh ? 0 : rate;
}

/* The rate (mm/h) that a scaled log rate stands for. */
static inline float sq_feature_rate(float scaled)
{
    return 0.1f * (exp2f(4 * scaled) - 1);
}

/* Features of a cell: those of the radar, then two for each plane beside it. */
static inline int sq_features_count(const struct sq_scene *s, const struct sq_slots *slots)
{
    return SQ_FEATURES(slots->n) + (s->beside ? 2 * s->beside->n : 0);
}

/* Of the scene's slots those named; ret (h, w, sq_features_count(s, slots)); tmp (h, w). No NaN leaves this function. */
void sq_features(const struct sq_scene *s, const struct sq_slots *slots, const struct sq_window *win, struct sq_touch touch,
                 float *ret, float *tmp);

#endif
