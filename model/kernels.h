/* Convolutions, forward and backward: oneDNN behind one door, and the plain C reference that says what is
 * meant. Activations are dense NHWC, channels fastest. Zero padding keeps height and width.
 *
 *     y[n,i,j,o] = b[o] + sum over c, ky, kx of w[o,c,ky,kx] * x[n, i+(ky-k/2)*d, j+(kx-k/2)*d, c]
 *
 * Dilation 1 means dense. Weights and their gradients are float (out, in, ky, kx), biases float (out).
 * Activations are of the kernels' element type: float, or bfloat16 (uint16_t, round to nearest even) where
 * the processor has it. Kernels validate nothing: shapes were checked when the plan was made. One set of
 * kernels per thread of control; inside, OpenMP. Same input, same thread count: same bits. */
#ifndef SQ_MODEL_KERNELS_H
#define SQ_MODEL_KERNELS_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum sq_dtype { SQ_F32, SQ_BF16 };
enum sq_backend { SQ_BACKEND_REFERENCE, SQ_BACKEND_DNNL };

struct sq_kernels; /* an engine and its cache of plans */

enum sq_status sq_kernels_create(enum sq_backend b, enum sq_dtype t, struct sq_kernels **ret,
                                 struct sq_err *e) SQ_CHECK;
void sq_kernels_destroy(struct sq_kernels **k);
/* True where bfloat16 is faster than float (avx512_bf16 or better). */
bool sq_kernels_bf16_fast(void);

struct sq_conv_shape {
    int n, h, w;  /* batch, height, width, > 0 */
    int in, out;  /* channels, > 0; multiples of 32 are fast */
    int kernel;   /* 1 or 3 */
    int dilation; /* >= 1 */
};

enum sq_conv_flags {
    SQ_CONV_SILU = 1,      /* y = silu(conv): inference only */
    SQ_CONV_ADD = 2,       /* y += conv, or silu(conv); y is float (needs OUT_F32) */
    SQ_CONV_OUT_F32 = 4,   /* y is float whatever the element type */
    SQ_CONV_TRAIN = 8,     /* plan the backward passes too */
    SQ_CONV_GRAD_F32 = 16, /* the gradient of x is written as float */
};

/* A plan is made once per shape and flags, kept and owned by the kernels. What oneDNN itself calls ref or
 * gemm is used only where no work-around has anything better (odd channel counts, old processors). It is
 * made for the thread count of the moment (omp_get_max_threads) and must run under the same. */
struct sq_conv;
enum sq_status sq_conv_plan(struct sq_kernels *k, const struct sq_conv_shape *s, int flags,
                            const struct sq_conv **ret, struct sq_err *e) SQ_CHECK;

/* Weights packed for plans of one (in, out, kernel); shared by plans of every size and dilation, made before
 * or after. Zero until loaded. Destroyed by the caller, before the kernels. */
struct sq_conv_weights;
enum sq_status sq_conv_weights_create(const struct sq_conv *c, struct sq_conv_weights **ret,
                                      struct sq_err *e) SQ_CHECK;
void sq_conv_weights_load(struct sq_conv_weights *w, const float *weight, const float *bias);
void sq_conv_weights_destroy(struct sq_conv_weights **w);

void sq_conv_forward(const struct sq_conv *c, const struct sq_conv_weights *w, const void *x, void *y);
/* Backward wants a plan made with SQ_CONV_TRAIN. dy is of the element type, dx of the element type or float
 * (GRAD_F32); dx is overwritten. */
void sq_conv_backward_data(const struct sq_conv *c, const struct sq_conv_weights *w, const void *dy,
                           void *dx);
/* dw and db are overwritten. */
void sq_conv_backward_weights(const struct sq_conv *c, const void *x, const void *dy, float *dw, float *db);

/* bfloat16 is the upper half of a float. */
static inline float sq_bf16_float(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline uint16_t sq_float_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16); /* nearest even; no NaN enters a kernel */
}

#endif
