/* A grid that lies in a finer one: the same cells, a window of them, or cells of k x k, and values taken
 * from one to the other. The two coordinate systems are taken to be the same; their text is not compared. */
#ifndef SQ_CORE_NEST_H
#define SQ_CORE_NEST_H

#include "cube.h"

struct sq_nest {
    int row, col; /* of the fine cell in the north-west corner */
    int k;        /* a coarse cell is k x k fine ones */
    int nx, ny;   /* of the coarse grid */
    int width;    /* nx of the fine grid */
};

/* `what` (a path) begins the message when `coarse` does not lie in `fine`: cells that are no whole multiple,
 * not aligned within 0.01 cell, or reaching outside. */
enum sq_status sq_nest_find(const struct sq_grid *fine, const struct sq_grid *coarse, const char *what,
                            struct sq_nest *ret, struct sq_err *e) SQ_CHECK;

/* Mean of k x k cells; NaN if any of them is. `src` has the fine cells, `dst` the coarse ones. */
void sq_nest_mean(const struct sq_nest *n, const float *src, float *dst);

/* 1 where all k x k cells are not 0. */
void sq_nest_all(const struct sq_nest *n, const uint8_t *src, uint8_t *dst);

/* Brings a cube onto `coarse`, in place; states are dropped. On failure the cube may be half changed and is
 * good for sq_cube_finish alone. */
enum sq_status sq_nest_cube(struct sq_cube *c, const struct sq_grid *coarse, const char *what,
                            struct sq_err *e) SQ_CHECK;

#endif
