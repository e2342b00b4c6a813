/* Winds given along the columns and rows of a grid, turned to east and north. */
#ifndef SQ_INGEST_WIND_H
#define SQ_INGEST_WIND_H

#include "core/grid.h"

/* `value` is one component, `other` the other, (ny, nx); axis 'x': value is that along the rows (to the right) and
 * becomes the eastward one; 'y': that along the columns (upwards), which becomes the northward one. */
enum sq_status sq_wind_turn(const struct sq_grid *g, char axis, float *value, const float *other,
                            struct sq_err *e) SQ_CHECK;

#endif
