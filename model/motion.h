/* Motion of rain: dense, smooth fields from the last frames, and trajectories along them.
 *
 * Estimated coarse to fine by Lucas-Kanade with Gaussian windows (B. D. Lucas and T. Kanade, 1981; the
 * window-weighted dense form), on log rain rate, over several pairs of frames at once; where a window
 * holds no rain the estimate of the next wider window stands. Velocities are of the pattern, in cells per
 * second: u along columns (east), v along rows (south).
 *
 * There are two fields: frames minutes apart tell where echoes go now, frames a third of an hour apart where the
 * rain that lasts goes. The velocity fades from the first to the second, exp(-t / SQ_MOTION_FADE_S) of it being the
 * first. On the development events one field alone is worse: minutes at an hour, a third of an hour at 15 min.
 *
 * The fields move with the rain: a parcel keeps its own velocity, as in Lagrangian persistence (U. Germann and I. Zawadzki
 * 2002) it keeps its rate, so that at time t it is at x + D(t, x), D the integral of its two velocities. Fields that stand
 * still while the rain moves through them extrapolate worse at every lead. */
#ifndef SQ_MODEL_MOTION_H
#define SQ_MODEL_MOTION_H

#include "core/cube.h"

#define SQ_MOTION_FADE_S 2500

struct sq_motion {
    int nx, ny;   /* cells of the grid */
    int cell;     /* cells between nodes; node (i, j) stands at row (i + 0.5) * cell - 0.5, column alike */
    int mx, my;   /* nodes */
    float *u, *v; /* (my, mx), cells per second: now */
    float *lasting_u, *lasting_v; /* (my, mx): of the rain that lasts; NULL: as now */
};

/* From frames `step_s` apart up to `newest`, which is not a gap; gaps among them are left out; a single frame gives
 * calm. Caller finishes *ret. */
enum sq_status sq_motion_estimate(const struct sq_cube *c, int newest, int step_s, struct sq_motion *ret,
                                  struct sq_err *e) SQ_CHECK;
void sq_motion_finish(struct sq_motion *m);

/* Displacements, at the nodes, of the parcels that are there at the start: to where they are at time t_s, earlier where
 * t_s < 0. dx, dy are (my, mx), cells. */
void sq_motion_ahead(const struct sq_motion *m, double t_s, float *dx, float *dy);

/* Displacements of the parcels that are at the nodes at time t_s: to where they were at the start. */
void sq_motion_origin(const struct sq_motion *m, double t_s, float *dx, float *dy);

/* A node field at a cell: bilinear, constant beyond the outer nodes. */
float sq_motion_at(const struct sq_motion *m, const float *node, float row, float col);

#endif
