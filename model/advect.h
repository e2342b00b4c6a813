/* Advection probabilities: the share of observed cells at or above a rate in a neighbourhood that widens with lead
 * (Lagrangian probability: U. Germann and I. Zawadzki 2004), in the moving frame. A neighbourhood is a Gaussian whose
 * standard deviation grows by `spread` metres a minute. */
#ifndef SQ_MODEL_ADVECT_H
#define SQ_MODEL_ADVECT_H

#include "carry.h"

/* Near: what the network corrects; 250 is the deviation, along each axis, of a disc whose diameter grows by 1 km a
 * minute. Errors of place have longer tails than one Gaussian: some of the probability comes from far. */
#define SQ_SPREAD_NEAR 250.0
#define SQ_SPREAD_FAR 1200.0
#define SQ_FAR_SHARE 0.18f

/* The newest observation (h, w) of a window, mm/h, NaN where there is none. */
struct sq_newest {
    struct sq_window win;
    const float *rate;
};

/* What the neighbourhoods of a window see at lead_s, inside the grid. */
struct sq_window sq_advect_sight(const struct sq_cube *c, const struct sq_window *win, double lead_s, double spread);

/* ret (n, win->h, win->w): the share at or above each edge (mm/h, ascending) at lead_s; the window lies inside the
 * grid and `newest` holds all its sight. tmp holds sq_advect_room() floats. A window changes nothing: it sees as far
 * as its neighbourhoods reach. Wide neighbourhoods are counted on cells 2, 4, 8 or 16 times as wide. */
void sq_advect_share(const struct sq_cube *c, const struct sq_newest *newest, double lead_s, double spread,
                     const struct sq_window *win, const float *edge, int n, float *ret, float *tmp);
size_t sq_advect_room(const struct sq_cube *c, const struct sq_window *win, double lead_s, double spread);

#endif
