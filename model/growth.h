/* Where rain has grown or decayed of late, and is to go on so: over mountains, at coasts, where radars see less or more, under
 * weather that builds or dies over hours. Errors of a nowcast persist in place (L. Foresti and A. Seed 2015), and so its past ones
 * tell.
 *
 * Each quarter of an hour of the last hour, rain is carried there from half an hour before, by the motion of then; what was
 * observed over what was said so, in the surroundings of a place, is its growth in half an hour. How far that can be
 * believed the case itself says: by least squares, how much of the growth in the newest pairs the older ones told. The odds of
 * every rate are multiplied by the growth to that power. */
#ifndef SQ_MODEL_GROWTH_H
#define SQ_MODEL_GROWTH_H

#include "coarse.h"
#include "scene.h"

struct sq_growth {
    struct sq_sight sight; /* the whole grid in blocks */
    float *shift;          /* (h, w) of log odds, at half an hour and later; NULL: nothing is known */
};

/* Of frames of the scene's cube up to the newest: five pairs and the motion of the oldest want 105 minutes, fewer will do. Caller
 * finishes. */
enum sq_status sq_growth_init(struct sq_growth *ret, const struct sq_scene *s, struct sq_err *e) SQ_CHECK;
void sq_growth_finish(struct sq_growth *x);

/* What the odds of a window inside the grid are multiplied by at lead_s, ret (h, w); false, and nothing, where none are. */
bool sq_growth_put(const struct sq_growth *x, double lead_s, const struct sq_window *win, float *ret);

#endif
