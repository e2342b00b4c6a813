/* Where the cells of one grid lie in another. */
#ifndef SQ_INGEST_REGRID_PLACES_H
#define SQ_INGEST_REGRID_PLACES_H

#include "core/grid.h"

/* For every cell of `to` and a rim of one, (to->ny + 2, to->nx + 2), the column and row of its centre in `from`, counted
 * in cells of `from`, within 0.05 of them; NaN where the map has no such place. Columns that are degrees lie within one
 * turn from -0.5 on. */
enum sq_status sq_places_find(const struct sq_grid *from, const struct sq_grid *to, float *ret_col, float *ret_row,
                              struct sq_err *e) SQ_CHECK;

/* Columns in 360 degrees, 0 where columns are not degrees. */
double sq_places_turn(const struct sq_grid *from);

#endif
