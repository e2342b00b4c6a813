/* Wide neighbourhoods need no narrow cells: windows in blocks of f x f cells, aligned to the grid, so that a window
 * elsewhere sees the same blocks. */
#ifndef SQ_MODEL_COARSE_H
#define SQ_MODEL_COARSE_H

#include "carry.h"

/* Width of the blocks, 1, 2, 4, 8 or 16 cells, for a blur of sigma cells: two to five blocks to a sigma. */
int sq_coarseness(float sigma);

/* Of a blur of sigma cells on such blocks: cells it sees to each side, its rounding and the blocks beyond. */
int sq_coarse_reach(float sigma);

/* A window and what is within reach of it, in whole blocks of f cells, inside the grid. */
struct sq_window sq_around(const struct sq_grid *g, const struct sq_window *win, int reach, int f);

/* A window in blocks. */
struct sq_sight {
    struct sq_window at; /* cells of the grid */
    int f, w, h;         /* blocks */
};
struct sq_sight sq_sight_of(const struct sq_window *at, int f);

/* How many cells of each block are at or above `edge`: ret (h, w) of values (at.h, at.w). NaN is below every edge. */
void sq_blocks_count(const float *value, const struct sq_sight *s, float edge, float *ret);

/* Values of blocks (h, w), bilinear, onto the cells of a window inside the sight; ret (win->h, win->w). */
void sq_spread_out(const float *block, const struct sq_sight *s, const struct sq_window *win, float *ret);

#endif
