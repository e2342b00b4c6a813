/* Semi-Lagrangian carrying: the values of a map at displaced positions. */
#ifndef SQ_MODEL_CARRY_H
#define SQ_MODEL_CARRY_H

#include "motion.h"

#include <stdbool.h>

struct sq_window {
    int row, col; /* of the upper left cell; may lie outside the grid */
    int h, w;     /* > 0 */
};

/* ret (h, w): the map (ny, nx) at row + i + dy, col + j + dx, where dx, dy are node fields of m (cells).
 * Bilinear over observed cells, NaN where less than half of the weight was observed; or the nearest cell,
 * which keeps every value as it was. Outside the map: NaN. */
void sq_carry(const float *map, const struct sq_motion *m, const float *dx, const float *dy,
              const struct sq_window *win, bool nearest, float *ret);

/* Displaced positions of one row of a window: pos_y, pos_x (w), in cells of the grid. */
void sq_carry_positions(const struct sq_motion *m, const float *dx, const float *dy, int row, int col, int w,
                        float *pos_y, float *pos_x);

#endif
