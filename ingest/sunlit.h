/* Bands of reflected sunlight at night. */
#ifndef SQ_INGEST_SUNLIT_H
#define SQ_INGEST_SUNLIT_H

#include "core/field.h"

/* Observed cells of a reflective band over which the sun stands lower than `least_deg` at f->time hold noise, and a dark
 * cloud would pass for a clear sky: they become NaN and SQ_STATE_DARK. Those that are left keep their values: a
 * reflectance factor is not divided by the cosine of the sun's zenith angle. */
enum sq_status sq_sunlit_mask(struct sq_field *f, double least_deg, struct sq_err *e) SQ_CHECK;

#endif
