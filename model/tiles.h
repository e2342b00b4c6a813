/* The network over a whole grid, tile by tile: every tile sees all the context that the network can see, so
 * tiles change nothing. Tiles without rain in sight are left out: there nothing is forecast. */
#ifndef SQ_MODEL_TILES_H
#define SQ_MODEL_TILES_H

#include "scene.h"
#include "weights.h"

struct sq_hidden;

/* Runs the network, and those that are pooled with it, on the scene; on more than SQ_WIDE_CELLS the first alone.
 * `composite` (ny, nx) says where rain is. Caller destroys. */
enum sq_status sq_hidden_create(const struct sq_weights *w, const struct sq_scene *s, const float *composite,
                                struct sq_hidden **ret, struct sq_err *e) SQ_CHECK;
void sq_hidden_destroy(struct sq_hidden **h);

/* Exceedance probabilities at the class edges in the moving frame: ret, and base, those of advection, are
 * (n_edge, win->h, win->w); the window lies inside the grid. tmp holds sq_hidden_room() floats. 0 where
 * there is no tile. */
void sq_hidden_exceed(const struct sq_hidden *h, double lead_s, const struct sq_window *win, const float *base,
                      float *ret, float *tmp);
size_t sq_hidden_room(int n_edge, const struct sq_window *win);

#endif
