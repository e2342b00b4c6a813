/* What stands between the convolutions: normalisation, activation, shuffles; forward and backward. Arrays
 * of the element type are void: float, or bfloat16. P cells of C channels, channels fastest. */
#ifndef SQ_MODEL_OPS_H
#define SQ_MODEL_OPS_H

#include "kernels.h"

/* y = (x - mean) / sqrt(var + 1e-5) over C; rstd (P) is kept for the way back. */
void sq_norm_forward(enum sq_dtype t, const float *x, void *y, float *rstd, size_t P, int C);
/* dx += rstd * (dy - mean(dy) - y * mean(dy * y)) */
void sq_norm_backward(enum sq_dtype t, const void *dy, const void *y, const float *rstd, float *dx, size_t P, int C);

/* y = x * sigmoid(x), n values; backward: dy becomes dx. */
void sq_silu_forward(enum sq_dtype t, const void *x, void *y, size_t n);
void sq_silu_backward(enum sq_dtype t, const void *x, void *dy, size_t n);

void sq_from_float(enum sq_dtype t, const float *x, void *y, size_t n);

/* (n, h, w, C) float -> (n, h/2, w/2, 4C) */
void sq_space_to_depth(enum sq_dtype t, const float *x, void *y, int n, int h, int w, int C);
/* (n, h/2, w/2, 4U) and features (n, h, w, F) -> (n, h, w, U + F); backward drops the features' part. */
void sq_depth_to_space(enum sq_dtype t, const void *x, const float *features, void *y, int n, int h, int w, int U,
                       int F);
void sq_depth_to_space_backward(enum sq_dtype t, const void *dy, void *dx, int n, int h, int w, int U, int F);

#endif
