/* Cells without an observation take that of the nearest cell that has one. */
#ifndef SQ_MODEL_NEAREST_H
#define SQ_MODEL_NEAREST_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sq_nearest {
    int nx, ny;
    int32_t *cell; /* (ny, nx) index of the nearest observed cell, -1 where there is none at all; NULL: all are observed */
};

/* Of a map (ny, nx), NaN = not observed, by two sweeps in which neighbours hand on what is nearest to them
 * (P.-E. Danielsson 1980): off by a fraction of a cell at most. Caller finishes. */
enum sq_status sq_nearest_init(struct sq_nearest *ret, const float *map, int nx, int ny, struct sq_err *e) SQ_CHECK;
void sq_nearest_finish(struct sq_nearest *n);

/* Moves a position (cells; it may lie outside the grid) to the nearest observed cell, if that is at most `reach` cells
 * away. One that lies in an observed cell stays as it is. False: there is none. */
bool sq_nearest_move(const struct sq_nearest *n, float reach, float *y, float *x);

#endif
