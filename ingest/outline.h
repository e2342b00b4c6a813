/* The outline of a frame: a pyramid of coarser and coarser means, by which whole frames are compared. */
#ifndef SQ_INGEST_OUTLINE_H
#define SQ_INGEST_OUTLINE_H

#include "core/err.h"

#define SQ_OUTLINE_LEVELS 8

struct sq_outline {
    int block;                    /* cells of the frame along a side of a cell of level 0 */
    int n;                        /* levels, each half of the one before */
    int nx[SQ_OUTLINE_LEVELS], ny[SQ_OUTLINE_LEVELS];
    float *value[SQ_OUTLINE_LEVELS]; /* (ny, nx): mean of log(1 + rate / 0.1 mm/h), 0 where not observed */
    float *seen[SQ_OUTLINE_LEVELS];  /* (ny, nx): 1 observed, 0 not, and between */
};

/* rate: (ny, nx), NaN = not observed. */
enum sq_status sq_outline_init(struct sq_outline *o, const float *rate, int nx, int ny, struct sq_err *e) SQ_CHECK;
void sq_outline_finish(struct sq_outline *o);

/* Correlation of a, moved by d (x, y in cells of the frame), with b, at the level whose cells have at least
 * `cells` cells along a side, over what both have seen; -1 where that is too little or one is even. */
double sq_outline_match(const struct sq_outline *a, const struct sq_outline *b, int cells, const double d[2]);

/* The displacement d (x, y in cells, up to a quarter of the grid) that carries a to b, sought from the coarsest level to the
 * finest as the place of the largest correlation, which is returned (Kuglin and Hines 1975; here in space, for fields with gaps). */
double sq_outline_displacement(const struct sq_outline *a, const struct sq_outline *b, double d[2]);

#endif
