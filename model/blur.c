#include "blur.h"

#include "core/hot.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

SQ_HOT static void box_rows(const float *a, float *out, int w, int h, int r)
{
    for (int i = 0; i < h; i++) {
        const float *p = a + (size_t)i * (size_t)w;
        float *q = out + (size_t)i * (size_t)w;
        double sum = 0;
        for (int j = 0; j < r && j < w; j++)
            sum += p[j];
        for (int j = 0; j < w; j++) {
            if (j + r < w)
                sum += p[j + r];
            if (j - r - 1 >= 0)
                sum -= p[j - r - 1];
            q[j] = (float)sum / (float)(2 * r + 1);
        }
    }
}

SQ_HOT static void box_columns(const float *a, float *out, float *sum, int w, int h, int r)
{
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
                out[(size_t)i * (size_t)w + (size_t)j] = sum[j] / (float)(2 * r + 1);
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
