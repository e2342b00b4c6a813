#include "ops.h"

#include "core/hot.h"
#include "fastmath.h"

#include <math.h>

/* Pieces are brought to float, worked on and stored, so that each loop is written once for both element
 * types. A piece stays in the first cache. */
enum { PIECE = 512 };

static size_t width(enum sq_dtype t)
{
    return t == SQ_BF16 ? 2 : 4;
}

static inline void load(enum sq_dtype t, const void *p, size_t at, size_t n, float *out)
{
    if (t == SQ_F32) {
        memcpy(out, (const float *)p + at, n * sizeof *out);
        return;
    }
    const uint16_t *h = (const uint16_t *)p + at;
    for (size_t i = 0; i < n; i++)
        out[i] = sq_bf16_float(h[i]);
}

static inline void store(enum sq_dtype t, const float *in, size_t n, void *p, size_t at)
{
    if (t == SQ_F32) {
        memcpy((float *)p + at, in, n * sizeof *in);
        return;
    }
    uint16_t *h = (uint16_t *)p + at;
    for (size_t i = 0; i < n; i++)
        h[i] = sq_float_bf16(in[i]);
}

SQ_HOT static void norm_piece(enum sq_dtype t, const float *x, void *y, float *rstd, size_t from, size_t to, int C)
{
    float v[PIECE];
    for (size_t p = from; p < to; p++) {
        const float *a = x + p * (size_t)C;
        float sum[16] = {0}, sq[16] = {0};
        int c = 0;
        for (; c + 16 <= C; c += 16)
            for (int k = 0; k < 16; k++) {
                sum[k] += a[c + k];
                sq[k] += a[c + k] * a[c + k];
            }
        for (; c < C; c++) {
            sum[0] += a[c];
            sq[0] += a[c] * a[c];
        }
        for (int k = 1; k < 16; k++) {
            sum[0] += sum[k];
            sq[0] += sq[k];
        }
        float mean = sum[0] / (float)C, var = sq[0] / (float)C - mean * mean;
        float r = 1 / sqrtf((var > 0 ? var : 0) + 1e-5f);
        rstd[p] = r;
        for (c = 0; c < C; c++)
            v[c] = (a[c] - mean) * r;
        store(t, v, (size_t)C, y, p * (size_t)C);
    }
}

SQ_HOT static void norm_back_piece(enum sq_dtype t, const void *dy, const void *y, const float *rstd, float *dx,
                                   size_t from, size_t to, int C)
{
    float g[PIECE], n[PIECE];
    for (size_t p = from; p < to; p++) {
        load(t, dy, p * (size_t)C, (size_t)C, g);
        load(t, y, p * (size_t)C, (size_t)C, n);
        float sum[16] = {0}, dot[16] = {0};
        int c = 0;
        for (; c + 16 <= C; c += 16)
            for (int k = 0; k < 16; k++) {
                sum[k] += g[c + k];
                dot[k] += g[c + k] * n[c + k];
            }
        for (; c < C; c++) {
            sum[0] += g[c];
            dot[0] += g[c] * n[c];
        }
        for (int k = 1; k < 16; k++) {
            sum[0] += sum[k];
            dot[0] += dot[k];
        }
        float mean = sum[0] / (float)C, proj = dot[0] / (float)C, r = rstd[p];
        float *d = dx + p * (size_t)C;
        for (c = 0; c < C; c++)
            d[c] += r * (g[c] - mean - n[c] * proj);
    }
}

SQ_HOT static void silu_piece(enum sq_dtype t, const void *x, void *y, size_t at, size_t n)
{
    float v[PIECE];
    load(t, x, at, n, v);
    for (size_t i = 0; i < n; i++)
        v[i] = v[i] / (1 + sq_expf(-v[i]));
    store(t, v, n, y, at);
}

SQ_HOT static void silu_back_piece(enum sq_dtype t, const void *x, void *dy, size_t at, size_t n)
{
    float v[PIECE], g[PIECE];
    load(t, x, at, n, v);
    load(t, dy, at, n, g);
    for (size_t i = 0; i < n; i++) {
        float s = 1 / (1 + sq_expf(-v[i]));
        g[i] *= s * (1 + v[i] * (1 - s));
    }
    store(t, g, n, dy, at);
}

SQ_HOT static void convert_piece(enum sq_dtype t, const float *x, void *y, size_t at, size_t n)
{
    store(t, x + at, n, y, at);
}

static size_t piece_end(size_t from, size_t step, size_t n)
{
    return from + step < n ? from + step : n;
}

void sq_norm_forward(enum sq_dtype t, const float *x, void *y, float *rstd, size_t P, int C)
{
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < P; p += PIECE)
        norm_piece(t, x, y, rstd, p, piece_end(p, PIECE, P), C);
}

void sq_norm_backward(enum sq_dtype t, const void *dy, const void *y, const float *rstd, float *dx, size_t P, int C)
{
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < P; p += PIECE)
        norm_back_piece(t, dy, y, rstd, dx, p, piece_end(p, PIECE, P), C);
}

void sq_silu_forward(enum sq_dtype t, const void *x, void *y, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i += PIECE)
        silu_piece(t, x, y, i, piece_end(i, PIECE, n) - i);
}

void sq_silu_backward(enum sq_dtype t, const void *x, void *dy, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i += PIECE)
        silu_back_piece(t, x, dy, i, piece_end(i, PIECE, n) - i);
}

void sq_from_float(enum sq_dtype t, const float *x, void *y, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i += PIECE)
        convert_piece(t, x, y, i, piece_end(i, PIECE, n) - i);
}

SQ_HOT static void depth_row(enum sq_dtype t, const float *top, const float *bottom, void *y, size_t at, int w, int C)
{
    for (int j = 0; j < w / 2; j++) { /* two neighbours of a row lie side by side already */
        size_t to = at + (size_t)j * 4 * (size_t)C;
        store(t, top + (size_t)(2 * j * C), 2 * (size_t)C, y, to);
        store(t, bottom + (size_t)(2 * j * C), 2 * (size_t)C, y, to + 2 * (size_t)C);
    }
}

void sq_space_to_depth(enum sq_dtype t, const float *x, void *y, int n, int h, int w, int C)
{
    size_t row = (size_t)w * (size_t)C;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n * h / 2; i++)
        depth_row(t, x + 2 * (size_t)i * row, x + (2 * (size_t)i + 1) * row, y, 2 * (size_t)i * row, w, C);
}

SQ_HOT static void space_row(enum sq_dtype t, const void *x, size_t from, const float *features, void *y, size_t at,
                             int w, int U, int F)
{
    size_t wide = width(t);
    for (int j = 0; j < w; j++) {
        size_t src = from + (size_t)(j / 2) * 4 * (size_t)U + (size_t)(j % 2) * (size_t)U;
        size_t dst = at + (size_t)j * (size_t)(U + F);
        memcpy((char *)y + dst * wide, (const char *)x + src * wide, (size_t)U * wide);
        store(t, features + (size_t)j * (size_t)F, (size_t)F, y, dst + (size_t)U);
    }
}

void sq_depth_to_space(enum sq_dtype t, const void *x, const float *features, void *y, int n, int h, int w, int U,
                       int F)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n * h; i++) {
        size_t src = ((size_t)(i / 2) * (size_t)(w / 2) * 4 + (size_t)(i % 2) * 2) * (size_t)U;
        size_t cells = (size_t)i * (size_t)w;
        space_row(t, x, src, features + cells * (size_t)F, y, cells * (size_t)(U + F), w, U, F);
    }
}

void sq_depth_to_space_backward(enum sq_dtype t, const void *dy, void *dx, int n, int h, int w, int U, int F)
{
    size_t wide = width(t);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n * h; i++)
        for (int j = 0; j < w; j++) {
            size_t src = ((size_t)i * (size_t)w + (size_t)j) * (size_t)(U + F);
            size_t dst = ((size_t)(i / 2) * (size_t)(w / 2) + (size_t)(j / 2)) * 4 * (size_t)U +
                         (size_t)(2 * (i % 2) + j % 2) * (size_t)U;
            memcpy((char *)dx + dst * wide, (const char *)dy + src * wide, (size_t)U * wide);
        }
}
