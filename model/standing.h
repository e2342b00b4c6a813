/* Rain that stays where it is while its pattern moves on: over mountains, along coasts, or where the motion is none of
 * the rain's. It is Eulerian beside Lagrangian persistence (U. Germann and I. Zawadzki 2002), and some of the probability
 * comes from there.
 *
 * How much, the last frames say: each is carried along the motion to the start, and left where it was; in both, rain
 * counts in the neighbourhood of near advection (advect.h), and the share of the second that would have forecast best what
 * was then observed, by least squares over cells, rates and frames, is that of an hour. It is found in the surroundings of
 * each place, and grows in proportion to lead. */
#ifndef SQ_MODEL_STANDING_H
#define SQ_MODEL_STANDING_H

#include "advect.h"
#include "coarse.h"
#include "scene.h"

struct sq_standing {
    struct sq_sight sight; /* the whole grid in blocks */
    float *share;          /* (h, w) at an hour, 0 to SQ_STANDING_MOST; NULL: nothing stands */
    struct sq_wide *rain;  /* probabilities where it stands */
};
#define SQ_STANDING_MOST 0.6f

/* Of the newest observation of every cell (ny, nx), NaN where there is none, and the frames of the scene's cube up to 45
 * minutes before it; edges of P in mm/h. The scene's cube outlives *ret. Caller finishes. */
enum sq_status sq_standing_init(struct sq_standing *ret, const struct sq_scene *s, const float *newest, const float *edge,
                                int n, struct sq_err *e) SQ_CHECK;
void sq_standing_finish(struct sq_standing *x);

/* Before anything is asked of a lead. */
enum sq_status sq_standing_lead(struct sq_standing *x, double lead_s, struct sq_err *e) SQ_CHECK;

/* Shares (h, w) of a window inside the grid and P(rate >= edge) there (n, h, w), at lead_s; false, and neither, where all
 * shares are 0. */
bool sq_standing_put(const struct sq_standing *x, double lead_s, const struct sq_window *win, float *ret_share, float *ret);

#endif
