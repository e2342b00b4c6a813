/* The only place where rain becomes numbers for the network: one function for training and forecasting. */
#ifndef SQ_MODEL_SCENE_FEATURES_H
#define SQ_MODEL_SCENE_FEATURES_H

#include "scene.h"

/* Channels of a cell: for each slot the scaled log rate (0 where not observed) and whether it was
 * observed (0 or 1); then cell size, step, speed and divergence of the motion, scaled to order 1. */
enum { SQ_FEATURES = 2 * SQ_SLOTS + 4 };

/* Rates are multiplied by `gain` first (augmentation; 1 when forecasting). ret (h, w, SQ_FEATURES); tmp
 * (h, w). No NaN leaves this function. */
void sq_features(const struct sq_scene *s, const struct sq_window *win, float gain, float *ret, float *tmp);

#endif
