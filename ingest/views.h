/* How instruments and models see the simulated world. As the world, a view has no memory: the same seed, grid and
 * time give the same values. */
#ifndef SQ_INGEST_VIEWS_H
#define SQ_INGEST_VIEWS_H

#include "world.h"

/* ---- radar ---------------------------------------------------------------------------------------------- */

struct sq_radars; /* the sites that see a map */

enum sq_status sq_radars_create(const struct sq_world *w, const struct sq_world_map *m, struct sq_radars **ret,
                                struct sq_err *e) SQ_CHECK;
void sq_radars_destroy(struct sq_radars **r);

/* Their composite at t: rate (ny, nx) in mm/h of the lowest beam; NaN beyond range, behind what blocks the beam and
 * where a site is silent. The beam widens and rises with range, heavy rain hides what is behind it (C band), echoes of
 * the ground come through near the sites, and every value has noise. */
enum sq_status sq_radars_observe(const struct sq_radars *r, double t, float *rate, struct sq_err *e) SQ_CHECK;

#endif
