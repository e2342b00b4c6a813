/* Mean probability over a disc round each cell, for one part of a map: sums along rows, so that a disc costs two look-ups
 * a row. Cells without a forecast are left out. */
#ifndef SQ_SERVE_NEAR_H
#define SQ_SERVE_NEAR_H

#include "volume.h"

struct sq_near {
    int row, col, h, w; /* of the part, the radius round it included */
    int reach_y;        /* rows up and down */
    int *reach_x;       /* [2 * reach_y + 1] cells to either side */
    uint64_t *sum;      /* (h, w + 1): known cells in the upper half, the sum of their codes in the lower */
};

/* The code of one cell at the threshold of the map; NaN where it is not known. */
typedef float sq_near_code(const void *arg, const uint16_t *code, int n_code);

/* For the cells of rows [box[0], box[2]], columns [box[1], box[3]]. `cell_m`: size of a cell. */
enum sq_status sq_near_init(struct sq_near *n, const struct sq_volume *v, const int box[4], const double cell_m[2],
                            double km, sq_near_code *code, const void *arg, struct sq_err *e) SQ_CHECK;
void sq_near_finish(struct sq_near *n);

/* In codes; NaN where no cell is known. */
float sq_near_mean(const struct sq_near *n, int row, int col);

#endif
