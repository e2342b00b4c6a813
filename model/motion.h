/* Motion of rain: a dense, smooth field from the last frames, and steady trajectories along it.
 *
 * Estimated coarse to fine by Lucas-Kanade with Gaussian windows (B. D. Lucas and T. Kanade, 1981; the
 * window-weighted dense form), on log rain rate, over several pairs of frames at once; where a window
 * holds no rain the estimate of the next wider window stands. Velocities are of the pattern, in cells per
 * second: u along columns (east), v along rows (south). */
#ifndef SQ_MODEL_MOTION_H
#define SQ_MODEL_MOTION_H

#include "core/cube.h"

struct sq_motion {
    int nx, ny;   /* cells of the grid */
    int cell;     /* cells between nodes; node (i, j) stands at row (i + 0.5) * cell - 0.5, column alike */
    int mx, my;   /* nodes */
    float *u, *v; /* (my, mx), cells per second */
};

#define SQ_MOTION_FRAMES 4

/* From the frames index[0] (newest) to index[n - 1] of the cube, none of them a gap; at most
 * SQ_MOTION_FRAMES are used, a single one gives calm. Caller finishes *ret. */
enum sq_status sq_motion_estimate(const struct sq_cube *c, const int *index, int n, struct sq_motion *ret,
                                  struct sq_err *e) SQ_CHECK;
void sq_motion_finish(struct sq_motion *m);

/* Displacements along steady trajectories after dt_s seconds, at the nodes: to where a parcel goes
 * (dt_s > 0) or from where it came (dt_s < 0); dx, dy are (my, mx), cells. They are continued from the
 * displacements of `from_s` that dx, dy hold (same sign, shorter); from_s = 0 starts anew. */
void sq_motion_trace(const struct sq_motion *m, double from_s, double dt_s, float *dx, float *dy);

/* A node field at a cell: bilinear, constant beyond the outer nodes. */
float sq_motion_at(const struct sq_motion *m, const float *node, float row, float col);

#endif
