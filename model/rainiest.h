/* Parts of a grid where it rains most: there a case says most of itself. */
#ifndef SQ_MODEL_RAINIEST_H
#define SQ_MODEL_RAINIEST_H

#include "carry.h"

/* Windows of `side` cells along a side, smaller at the far edges of the grid, those with most wet cells first and at most
 * `most` of them: all are wet, or there is one. rate (ny, nx), mm/h. Caller frees *ret. */
enum sq_status sq_rainiest(const struct sq_grid *g, const float *rate, int side, int most, struct sq_window **ret, int *ret_n,
                           struct sq_err *e) SQ_CHECK;

#endif
