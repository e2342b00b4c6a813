#include "scores.h"

#include <stdlib.h>

/* Adds `sign` times a row of the map to the running column sums. */
static void add_row(const float *row, int nx, double sign, double *column)
{
    for (int i = 0; i < nx; i++)
        column[i] += sign * (double)row[i];
}

/* One row of boxes: a box slides along the column sums, which have zeros around them. */
static void slide(const double *cf, const double *co, int nx, int before, int after, double ret[3])
{
    double f = 0, o = 0, ff = 0, oo = 0, fo = 0;
    for (int i = -before; i <= after; i++) {
        f += cf[i];
        o += co[i];
    }
    for (int i = 0; i < nx; i++) {
        ff += f * f;
        oo += o * o;
        fo += f * o;
        f += cf[i + after + 1] - cf[i - before];
        o += co[i + after + 1] - co[i - before];
    }
    ret[0] += ff;
    ret[1] += oo;
    ret[2] += fo;
}

enum sq_status sq_fss_sums(const float *f, const float *o, int nx, int ny, const int box[2], double ret[3],
                           struct sq_err *e)
{
    int wide = box[0] < 2 * nx ? box[0] : 2 * nx, high = box[1] < 2 * ny ? box[1] : 2 * ny;
    int left = wide / 2, right = wide - left - 1, up = high / 2, down = high - up - 1;
    size_t padded = (size_t)left + (size_t)nx + (size_t)right + 1;
    void *work = NULL;
    if (sq_alloc(&work, 2 * padded, sizeof(double), "box sums", e))
        return SQ_FAILED;
    double *cf = (double *)work + left, *co = cf + padded;
    ret[0] = ret[1] = ret[2] = 0;
    for (int r = -down; r < ny; r++) { /* the rows before the map let the first box fill */
        size_t in = (size_t)(r + down) * (size_t)nx;
        if (r + down < ny) {
            add_row(f + in, nx, 1, cf);
            add_row(o + in, nx, 1, co);
        }
        if (r - up - 1 >= 0) {
            size_t out = (size_t)(r - up - 1) * (size_t)nx;
            add_row(f + out, nx, -1, cf);
            add_row(o + out, nx, -1, co);
        }
        if (r >= 0)
            slide(cf, co, nx, left, right, ret);
    }
    free(work);
    return SQ_OK;
}
