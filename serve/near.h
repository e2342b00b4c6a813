/* Mean probability over a disc round each cell, for one block of a map at a time: sums along rows, so that a disc costs two
 * look-ups a row. Cells without a forecast are left out. */
#ifndef SQ_SERVE_NEAR_H
#define SQ_SERVE_NEAR_H

#include "volume.h"

#include <stdbool.h>

struct sq_near {
    int reach_x, reach_y; /* columns and rows to either side, at most */
    int *span;            /* [2 * reach_y + 1] cells to either side in each row of the disc */
    int w, h;             /* of a block and what lies round it */
    uint64_t *sum;        /* (h, w + 1): known cells in the upper half, the sum of their codes in the lower */
};

/* Codes at the threshold of the map of a block, [SQ_BLOCK_CELLS], NaN where it is not known. */
typedef void sq_near_code(const void *arg, const struct sq_block *b, float *ret);

/* `cell_m`: size of a cell. finish accepts a zeroed struct. */
enum sq_status sq_near_init(struct sq_near *n, const struct sq_volume *v, const double cell_m[2], double km, struct sq_err *e)
    SQ_CHECK;
void sq_near_finish(struct sq_near *n);

/* The means of block (i, j), [SQ_BLOCK_CELLS], in codes; NaN where no cell is known. */
void sq_near_block(struct sq_near *n, const struct sq_volume *v, int i, int j, sq_near_code *code, const void *arg, float *ret);

#endif
