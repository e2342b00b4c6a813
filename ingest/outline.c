#include "outline.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>

#define FINEST 512   /* cells along the longer side of level 0, at most */
#define COARSEST 32
#define TRACE_MMH 0.1f
#define LANES 8
#define CLIMB 6      /* steps from the place found a level coarser */

static float transformed(float rate)
{
    return rate > 0 ? logf(1 + rate / TRACE_MMH) : 0;
}

static void make_finest(struct sq_outline *o, const float *rate, int nx, int ny)
{
    for (int y = 0; y < o->ny[0]; y++)
        for (int x = 0; x < o->nx[0]; x++) {
            float sum = 0;
            int n = 0;
            for (int v = y * o->block; v < ny && v < (y + 1) * o->block; v++)
                for (int u = x * o->block; u < nx && u < (x + 1) * o->block; u++) {
                    const float r = rate[(size_t)v * (size_t)nx + (size_t)u];
                    if (isnan(r))
                        continue;
                    sum += transformed(r);
                    n++;
                }
            const size_t at = (size_t)y * (size_t)o->nx[0] + (size_t)x;
            o->value[0][at] = n ? sum / (float)n : 0;
            o->seen[0][at] = n > 0;
        }
}

static void halve(struct sq_outline *o, int k)
{
    for (int y = 0; y < o->ny[k]; y++)
        for (int x = 0; x < o->nx[k]; x++) {
            float sum = 0, seen = 0;
            for (int i = 0; i < 4; i++) {
                const int v = 2 * y + i / 2, u = 2 * x + i % 2;
                if (v >= o->ny[k - 1] || u >= o->nx[k - 1])
                    continue;
                const size_t at = (size_t)v * (size_t)o->nx[k - 1] + (size_t)u;
                sum += o->value[k - 1][at] * o->seen[k - 1][at];
                seen += o->seen[k - 1][at];
            }
            const size_t at = (size_t)y * (size_t)o->nx[k] + (size_t)x;
            o->value[k][at] = seen > 0 ? sum / seen : 0;
            o->seen[k][at] = seen / 4;
        }
}

enum sq_status sq_outline_init(struct sq_outline *o, const float *rate, int nx, int ny, struct sq_err *e)
{
    const int longest = nx > ny ? nx : ny;
    enum sq_status s = SQ_OK;
    *o = (struct sq_outline){.block = (longest + FINEST - 1) / FINEST};
    for (int k = 0; !s && k < SQ_OUTLINE_LEVELS; k++) {
        const int b = o->block << k;
        if (k && longest <= o->block * (COARSEST << (k - 1)))
            break;
        o->nx[k] = (nx + b - 1) / b;
        o->ny[k] = (ny + b - 1) / b;
        const size_t n = (size_t)o->nx[k] * (size_t)o->ny[k];
        s = sq_alloc((void **)&o->value[k], n, sizeof **o->value, "an outline", e);
        if (!s)
            s = sq_alloc((void **)&o->seen[k], n, sizeof **o->seen, "an outline", e);
        if (s)
            break;
        if (k)
            halve(o, k);
        else
            make_finest(o, rate, nx, ny);
        o->n = k + 1;
    }
    if (s)
        sq_outline_finish(o);
    return s;
}

void sq_outline_finish(struct sq_outline *o)
{
    for (int k = 0; k < SQ_OUTLINE_LEVELS; k++) {
        free(o->value[k]);
        free(o->seen[k]);
    }
    *o = (struct sq_outline){0};
}

/* ---- matching -------------------------------------------------------------------------------------------- */

enum { N, A, B, AA, BB, AB, SUMS };

/* Adds one row's weighted sums; lanes let the loop go in parallel without reordering what one lane adds. */
SQ_HOT static void add_row(const float *a, const float *wa, const float *b, const float *wb, int n, double sum[SUMS])
{
    float lane[SUMS][LANES] = {{0}};
    int x = 0;
    for (; x + LANES <= n; x += LANES)
        for (int i = 0; i < LANES; i++) {
            const float u = a[x + i], v = b[x + i], w = wa[x + i] * wb[x + i];
            lane[N][i] += w;
            lane[A][i] += w * u;
            lane[B][i] += w * v;
            lane[AA][i] += w * u * u;
            lane[BB][i] += w * v * v;
            lane[AB][i] += w * u * v;
        }
    for (; x < n; x++) {
        const float u = a[x], v = b[x], w = wa[x] * wb[x];
        const float term[SUMS] = {w, w * u, w * v, w * u * u, w * v * v, w * u * v};
        for (int k = 0; k < SUMS; k++)
            lane[k][0] += term[k];
    }
    for (int k = 0; k < SUMS; k++)
        for (int i = 0; i < LANES; i++)
            sum[k] += (double)lane[k][i];
}

/* Correlation at level k, a moved by (dx, dy) of its cells. */
static double correlate(const struct sq_outline *a, const struct sq_outline *b, int k, int dx, int dy)
{
    const int nx = a->nx[k], ny = a->ny[k];
    const int x0 = dx > 0 ? dx : 0, x1 = dx < 0 ? nx + dx : nx; /* in b */
    double s[SUMS] = {0};
    for (int y = dy > 0 ? dy : 0; x1 > x0 && y < ny && y - dy < ny; y++) {
        const size_t in_b = (size_t)y * (size_t)nx + (size_t)x0;
        const size_t in_a = (size_t)(y - dy) * (size_t)nx + (size_t)(x0 - dx);
        add_row(a->value[k] + in_a, a->seen[k] + in_a, b->value[k] + in_b, b->seen[k] + in_b, x1 - x0, s);
    }
    if (s[N] < 16)
        return -1;
    const double va = s[AA] - s[A] * s[A] / s[N], vb = s[BB] - s[B] * s[B] / s[N];
    return va > 1e-6 * s[N] && vb > 1e-6 * s[N] ? (s[AB] - s[A] * s[B] / s[N]) / sqrt(va * vb) : -1;
}

double sq_outline_match(const struct sq_outline *a, const struct sq_outline *b, int cells, const double d[2])
{
    int k = 0;
    while (k + 1 < a->n && a->block << k < cells)
        k++;
    const double unit = a->block << k;
    return correlate(a, b, k, (int)lround(d[0] / unit), (int)lround(d[1] / unit));
}

/* Moves (x, y) to the largest correlation near it. */
static double climb(const struct sq_outline *a, const struct sq_outline *b, int k, int reach, int steps, int *x, int *y)
{
    double best = correlate(a, b, k, *x, *y);
    for (int step = 0; step < steps; step++) {
        const int x0 = *x, y0 = *y;
        for (int dy = -reach; dy <= reach; dy++)
            for (int dx = -reach; dx <= reach; dx++) {
                const double c = dx || dy ? correlate(a, b, k, x0 + dx, y0 + dy) : -1;
                if (c > best) {
                    best = c;
                    *x = x0 + dx;
                    *y = y0 + dy;
                }
            }
        if (*x == x0 && *y == y0)
            break;
    }
    return best;
}

double sq_outline_displacement(const struct sq_outline *a, const struct sq_outline *b, double d[2])
{
    const int top = a->n - 1, longest = a->nx[top] > a->ny[top] ? a->nx[top] : a->ny[top];
    int x = 0, y = 0;
    double c = climb(a, b, top, longest / 4, 1, &x, &y);
    for (int k = top - 1; k >= 0; k--) {
        x *= 2;
        y *= 2;
        c = climb(a, b, k, 1, CLIMB, &x, &y);
    }
    d[0] = x * a->block;
    d[1] = y * a->block;
    return c;
}
