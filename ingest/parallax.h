/* Parallax: a cloud is seen from aside, and so appears farther from the point below the satellite than it is. */
#ifndef SQ_INGEST_PARALLAX_H
#define SQ_INGEST_PARALLAX_H

#include "core/field.h"

#define SQ_CLOUD_TOP_MAX_M 20000

/* Moves what a geostationary imager saw to where it stands over the ground, by the nearest cell. Cloud tops are `top_m`
 * above the ellipsoid everywhere, (0, SQ_CLOUD_TOP_MAX_M]; or, where `tops_m` is not NULL, (ny, nx) heights of what
 * each cell shows, lower than 0 and NaN standing for the ground, higher than the maximum for that. With heights of cells,
 * ground that a cloud hides is SQ_STATE_MISSING. What lies beyond the field's edge is SQ_STATE_NO_COVERAGE. Sets
 * f->parallax_corrected. SQ_FAILED, the field as it was: its grid is none of +proj=geos, or no memory. */
enum sq_status sq_parallax_correct(struct sq_field *f, double top_m, const float *tops_m, struct sq_err *e) SQ_CHECK;

#endif
