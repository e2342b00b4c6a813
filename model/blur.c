#include "blur.h"

#include "core/hot.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ROWS rows go side by side: the running sum of one alone waits for itself at every cell. */
enum { ROWS = 8 };

SQ_HOT static void box_rows(const float *a, float *out, int w, int h, int r)
{
    float scale = 1 / (float)(2 * r + 1);
    for (int i = 0; i < h; i += ROWS) {
        int live = h - i < ROWS ? h - i : ROWS;
        const float *p[ROWS];
        float *q[ROWS], sum[ROWS] = {0};
        for (int k = 0; k < ROWS; k++) {
            p[k] = a + (size_t)(i + (k < live ? k : 0)) * (size_t)w;
            q[k] = out + (size_t)(i + (k < live ? k : 0)) * (size_t)w;
        }
        for (int j = -r; j < w; j++) {
            if (j + r < w)
                for (int k = 0; k < ROWS; k++)
                    sum[k] += p[k][j + r];
            if (j - r - 1 >= 0)
                for (int k = 0; k < ROWS; k++)
                    sum[k] -= p[k][j - r - 1];
            if (j >= 0)
                for (int k = 0; k < ROWS; k++)
                    q[k][j] = sum[k] * scale;
        }
    }
}

SQ_HOT static void box_columns(const float *a, float *out, float *sum, int w, int h, int r)
{
    float scale = 1 / (float)(2 * r + 1);
    memset(sum, 0, (size_t)w * sizeof *sum);
    for (int i = -r; i < h; i++) {
        if (i + r < h)
            for (int j = 0; j < w; j++)
                sum[j] += a[(size_t)(i + r) * (size_t)w + (size_t)j];
        if (i - r - 1 >= 0)
            for (int j = 0; j < w; j++)
                sum[j] -= a[(size_t)(i - r - 1) * (size_t)w + (size_t)j];
        if (i >= 0)
            for (int j = 0; j < w; j++)
                out[(size_t)i * (size_t)w + (size_t)j] = sum[j] * scale;
    }
}

static int box_radius(float sigma)
{
    return (int)sqrtf(sigma * sigma + 0.25f); /* variance of 3 boxes of 2r + 1: r (r + 1) */
}

int sq_blur_reach(float sigma)
{
    return 3 * box_radius(sigma);
}

void sq_blur(float *a, float *tmp, int w, int h, float sigma)
{
    int r = box_radius(sigma);
    for (int k = 0; k < 3; k++) {
        box_rows(a, tmp, w, h, r);
        box_columns(tmp, a, tmp + (size_t)w * (size_t)h, w, h, r);
    }
}
