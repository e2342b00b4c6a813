#include "coarse.h"

#include "core/hot.h"

#include <string.h>

int sq_coarseness(float sigma)
{
    int f = 1;
    while (f < 16 && sigma >= 5 * (float)f)
        f *= 2;
    return f;
}

int sq_coarse_reach(float sigma)
{
    return (int)(3 * sigma) + 4 * sq_coarseness(sigma);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

struct sq_window sq_around(const struct sq_grid *g, const struct sq_window *win, int reach, int f)
{
    int top = win->row > reach ? (win->row - reach) / f * f : 0, left = win->col > reach ? (win->col - reach) / f * f : 0;
    int bottom = least((win->row + win->h + reach + f - 1) / f * f, g->ny);
    int right = least((win->col + win->w + reach + f - 1) / f * f, g->nx);
    return (struct sq_window){top, left, bottom - top, right - left};
}

struct sq_sight sq_sight_of(const struct sq_window *at, int f)
{
    return (struct sq_sight){.at = *at, .f = f, .w = (at->w + f - 1) / f, .h = (at->h + f - 1) / f};
}

SQ_HOT static void count(const float *value, const struct sq_sight *s, float edge, float *ret)
{
    int f = s->f, whole = s->at.w / f;
    memset(ret, 0, (size_t)s->w * (size_t)s->h * sizeof *ret);
    for (int i = 0; i < s->at.h; i++) {
        const float *from = value + (size_t)i * (size_t)s->at.w;
        float *to = ret + (size_t)(i / f) * (size_t)s->w;
        for (int j = 0; j < whole; j++)
            for (int k = 0; k < f; k++)
                to[j] += from[j * f + k] >= edge;
        for (int j = whole * f; j < s->at.w; j++)
            to[whole] += from[j] >= edge;
    }
}

void sq_blocks_count(const float *value, const struct sq_sight *s, float edge, float *ret)
{
    count(value, s, edge, ret);
}

/* Where cell i (counted from the sight's edge) lies among n blocks: the block before, and the part of the next. */
static inline int position(int i, int f, int n, float *part)
{
    float x = ((float)i + 0.5f) / (float)f - 0.5f;
    x = x < 0 ? 0 : x > (float)(n - 1) ? (float)(n - 1) : x;
    int at = least((int)x, n > 1 ? n - 2 : 0);
    *part = x - (float)at;
    return at;
}

static void copy_out(const float *block, const struct sq_sight *s, const struct sq_window *win, float *ret)
{
    const float *from = block + (size_t)(win->row - s->at.row) * (size_t)s->w + (win->col - s->at.col);
    for (int i = 0; i < win->h; i++)
        memcpy(ret + (size_t)i * (size_t)win->w, from + (size_t)i * (size_t)s->w, (size_t)win->w * sizeof *ret);
}

/* Down the columns first, where there are few blocks, then along the row. */
enum { COLUMNS = 256 };

SQ_HOT static void spread_columns(const float *block, const struct sq_sight *s, const struct sq_window *win, int from, int n,
                                  float *ret)
{
    int row = win->row - s->at.row, col = win->col - s->at.col + from, below = s->h > 1 ? s->w : 0, at[COLUMNS];
    float part[COLUMNS], v[COLUMNS + 2];
    int first = position(col, s->f, s->w, part), width = least(position(col + n - 1, s->f, s->w, part) + 2, s->w) - first;
    v[width] = 0; /* one block: its neighbour's part is 0 */
    for (int j = 0; j < n; j++)
        at[j] = position(col + j, s->f, s->w, &part[j]) - first;
    for (int i = 0; i < win->h; i++, ret += win->w) {
        float fy;
        const float *a = block + (size_t)position(row + i, s->f, s->h, &fy) * (size_t)s->w + first, *b = a + below;
        for (int k = 0; k < width; k++)
            v[k] = (1 - fy) * a[k] + fy * b[k];
        for (int j = 0; j < n; j++)
            ret[j] = (1 - part[j]) * v[at[j]] + part[j] * v[at[j] + 1];
    }
}

void sq_spread_out(const float *block, const struct sq_sight *s, const struct sq_window *win, float *ret)
{
    if (s->f == 1) {
        copy_out(block, s, win, ret);
        return;
    }
    for (int j = 0; j < win->w; j += COLUMNS)
        spread_columns(block, s, win, j, least(COLUMNS, win->w - j), ret + j);
}
