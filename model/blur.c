#include "blur.h"

#include "core/hot.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* A running mean of 2 r + 1 cells and a part of one more at each end. */
struct box {
    int r;
    float end, scale; /* weight of the ends; 1 / sum of the weights */
};

/* Three of it have the variance sigma^2. */
static struct box box_of(float sigma)
{
    float v = sigma * sigma / 3;
    int r = (int)(0.5f * sqrtf(12 * v + 1) - 0.5f), n = 2 * r + 1;
    float end = (float)n * ((float)(r * (r + 1)) - 3 * v) / (6 * (v - (float)((r + 1) * (r + 1))));
    end = end > 0 ? end : 0; /* rounding */
    return (struct box){r, end, 1 / ((float)n + 2 * end)};
}

/* ROWS rows go side by side: the running sum of one alone waits for itself at every cell. */
enum { ROWS = 8 };

SQ_HOT static void box_rows(const float *a, float *out, int w, int h, struct box b)
{
    for (int i = 0; i < h; i += ROWS) {
        int live = h - i < ROWS ? h - i : ROWS;
        const float *p[ROWS];
        float *q[ROWS], sum[ROWS] = {0};
        for (int k = 0; k < ROWS; k++) {
            p[k] = a + (size_t)(i + (k < live ? k : 0)) * (size_t)w;
            q[k] = out + (size_t)(i + (k < live ? k : 0)) * (size_t)w;
        }
        for (int j = -b.r; j < w; j++) {
            int in = j + b.r, left = j - b.r - 1, right = in + 1;
            float end[ROWS] = {0};
            if (in < w)
                for (int k = 0; k < ROWS; k++)
                    sum[k] += p[k][in];
            if (left >= 0)
                for (int k = 0; k < ROWS; k++)
                    sum[k] -= p[k][left], end[k] = p[k][left];
            if (right < w)
                for (int k = 0; k < ROWS; k++)
                    end[k] += p[k][right];
            if (j >= 0)
                for (int k = 0; k < ROWS; k++)
                    q[k][j] = (sum[k] + b.end * end[k]) * b.scale;
        }
    }
}

SQ_HOT static void add_row(const float *a, float weight, int w, float *sum)
{
    for (int j = 0; j < w; j++)
        sum[j] += weight * a[j];
}

SQ_HOT static void put_row(const float *sum, const float *above, const float *below, struct box b, int w, float *out)
{
    for (int j = 0; j < w; j++)
        out[j] = (sum[j] + b.end * ((above ? above[j] : 0) + (below ? below[j] : 0))) * b.scale;
}

static void box_columns(const float *a, float *out, float *sum, int w, int h, struct box b)
{
    memset(sum, 0, (size_t)w * sizeof *sum);
    for (int i = -b.r; i < h; i++) {
        int in = i + b.r, above = i - b.r - 1, below = in + 1;
        if (in < h)
            add_row(a + (size_t)in * (size_t)w, 1, w, sum);
        if (above >= 0)
            add_row(a + (size_t)above * (size_t)w, -1, w, sum);
        if (i >= 0)
            put_row(sum, above >= 0 ? a + (size_t)above * (size_t)w : NULL, below < h ? a + (size_t)below * (size_t)w : NULL, b, w,
                    out + (size_t)i * (size_t)w);
    }
}

int sq_blur_reach(float sigma)
{
    return 3 * (box_of(sigma).r + 1);
}

void sq_blur(float *a, float *tmp, int w, int h, float sigma)
{
    struct box b = box_of(sigma);
    for (int k = 0; k < 3; k++) {
        box_rows(a, tmp, w, h, b);
        box_columns(tmp, a, tmp + (size_t)w * (size_t)h, w, h, b);
    }
}
