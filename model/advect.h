/* Advection probabilities: the share of observed cells at or above a rate in a neighbourhood that widens with lead
 * (Lagrangian probability: U. Germann and I. Zawadzki 2004), in the moving frame. A neighbourhood is a Gaussian whose
 * standard deviation grows by so many metres a minute. These are errors of place.
 *
 * Near: 200; along each axis, a disc whose diameter grows by 1 km a minute has 250. Far: 1200; errors of place have longer
 * tails than one Gaussian, and some of the probability comes from there. Errors of amount: amounts.h. */
#ifndef SQ_MODEL_ADVECT_H
#define SQ_MODEL_ADVECT_H

#include "carry.h"

/* On the development events 180 to 225 near are alike and 350 is worse at every lead; far, 600 to 2400 are alike. */
#define SQ_NEAR_M_PER_MIN 200.0
#define SQ_FAR_M_PER_MIN 1200.0
#define SQ_FAR_SHARE 0.14f /* of far in advection at an hour; in proportion to lead */

/* Standard deviation of near, cells. */
float sq_advect_spread(const struct sq_cube *c, double lead_s);

/* The newest observation (h, w) of a window, mm/h, NaN where there is none. */
struct sq_newest {
    struct sq_window win;
    const float *rate;
};

/* What the neighbourhoods of a window see at lead_s, inside the grid. */
struct sq_window sq_advect_sight(const struct sq_cube *c, const struct sq_window *win, double lead_s);

/* Near. ret (n, win->h, win->w): P(rate >= edge), edges in mm/h, ascending, at lead_s; the window lies inside the
 * grid and `newest` holds all its sight. tmp holds sq_advect_room() floats. A window changes nothing: it sees as far
 * as its neighbourhoods reach. Wide neighbourhoods are counted on cells 2, 4, 8 or 16 times as wide. */
void sq_advect_share(const struct sq_cube *c, const struct sq_newest *newest, double lead_s,
                     const struct sq_window *win, const float *edge, int n, float *ret, float *tmp);
size_t sq_advect_room(const struct sq_cube *c, const struct sq_window *win, double lead_s);

/* The whole grid at once, on blocks 4 cells wide, for what is smooth or sees far. */
struct sq_wide;
/* Neighbourhoods widen by `m_per_min`; `newest` (ny, nx) as that of sq_newest. Caller destroys. */
enum sq_status sq_wide_create(const struct sq_cube *c, const float *newest, double m_per_min, const float *edge, int n,
                              struct sq_wide **ret, struct sq_err *e) SQ_CHECK;
void sq_wide_destroy(struct sq_wide **f);
/* Makes the shares of one lead; sq_wide_put then gives those of a window, ret (n, win->h, win->w). */
enum sq_status sq_wide_lead(struct sq_wide *f, double lead_s, struct sq_err *e) SQ_CHECK;
void sq_wide_put(const struct sq_wide *f, const struct sq_window *win, float *ret);

#endif
