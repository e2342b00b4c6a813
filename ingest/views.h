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

/* ---- weather model -------------------------------------------------------------------------------------- */

enum sq_model_field {
    SQ_MODEL_RAIN,       /* mm h-1 */
    SQ_MODEL_U500,       /* m s-1, along the grid's columns and rows, as HRRR has winds */
    SQ_MODEL_V500,
    SQ_MODEL_U850,
    SQ_MODEL_V850,
    SQ_MODEL_U10,
    SQ_MODEL_V10,
    SQ_MODEL_STORM_U,
    SQ_MODEL_STORM_V,
    SQ_MODEL_OMEGA500,   /* Pa s-1 */
    SQ_MODEL_LIFTED,     /* K */
    SQ_MODEL_CAPE,       /* J kg-1 */
    SQ_MODEL_PRESSURE,   /* Pa, at the surface */
    SQ_MODEL_T2,         /* K */
    SQ_MODEL_Q2,         /* kg kg-1 */
    SQ_MODEL_WATER,      /* kg m-2 */
    SQ_MODEL_FIELDS
};

/* What the run of `run` (UTC s) says of run + lead_s on a map: field[k] (ny, nx), NULL where it is not wanted. Its rain
 * and winds are in the wrong place and too strong or weak, more so with lead, and what is small is soon not the world's at
 * all. */
enum sq_status sq_model_see(const struct sq_world *w, const struct sq_world_map *m, int64_t run, double lead_s,
                            float *const field[SQ_MODEL_FIELDS], struct sq_err *e) SQ_CHECK;

/* ---- satellite ------------------------------------------------------------------------------------------ */

enum { SQ_ABI_BANDS = 16, SQ_ABI_REFLECTIVE = 6 };

/* What ABI sees at t on a map of its fixed grid (+proj=geos): band[k] (ny, nx), reflectance factors for the first six,
 * brightness temperatures (K) for the others. Cloud tops rise some 25 minutes before their rain falls, tall clouds are
 * seen displaced, and the reflective bands need the sun. */
enum sq_status sq_abi_see(const struct sq_world *w, const struct sq_world_map *m, int64_t t,
                          float *const band[SQ_ABI_BANDS], struct sq_err *e) SQ_CHECK;

#endif
