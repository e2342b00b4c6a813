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
enum { BLOCKS = 128, WIDEST = 16 };

/* Between the middles of two blocks lie f cells: to[k] of pair j is a + (b - a) * (k + 0.5) / f. */
static inline void spread_row(const float *v, int n, int f, float *to)
{
    for (int j = 0; j < n; j++)
        for (int k = 0; k < f; k++)
            to[j * f + k] = v[j] + ((float)k + 0.5f) / (float)f * (v[j + 1] - v[j]);
}

/* v (n + 1): the values of n + 1 blocks side by side; to (n * f): the cells between their middles. */
SQ_HOT static void spread_blocks(const float *v, int n, int f, float *to)
{
    switch (f) { /* widths that the compiler knows become vectors */
    case 2:
        spread_row(v, n, 2, to);
        break;
    case 4:
        spread_row(v, n, 4, to);
        break;
    case 8:
        spread_row(v, n, 8, to);
        break;
    default:
        spread_row(v, n, f, to);
    }
}

SQ_HOT static void mix(const float *a, const float *b, float part, int n, float *ret)
{
    for (int k = 0; k < n; k++)
        ret[k] = a[k] + part * (b[k] - a[k]);
}

/* The blocks that a window of cells lies on and between, as a window of the sight's. */
static struct sq_window blocks_of(const struct sq_sight *s, const struct sq_window *win)
{
    float part;
    int row = win->row - s->at.row, col = win->col - s->at.col;
    struct sq_window b = {position(row, s->f, s->h, &part), position(col, s->f, s->w, &part), 0, 0};
    b.h = least(position(row + win->h - 1, s->f, s->h, &part) + 2, s->h) - b.row;
    b.w = least(position(col + win->w - 1, s->f, s->w, &part) + 2, s->w) - b.col;
    return b;
}

SQ_HOT static bool all_zero(const float *block, const struct sq_sight *s, const struct sq_window *b)
{
    int some = 0;
    for (int i = b->row; i < b->row + b->h && !some; i++)
        for (int j = b->col; j < b->col + b->w; j++)
            some |= block[(size_t)i * (size_t)s->w + (size_t)j] != 0;
    return !some;
}

/* Pairs [first, first + n) of blocks side by side: pair p is of p - 1 and p, at the sight's ends of one block with itself, and the
 * cells between their middles are f p - f / 2 and those after it. */
static void spread_pairs(const float *block, const struct sq_sight *s, const struct sq_window *win, int first, int n, float *ret)
{
    float v[BLOCKS + 1], cells[BLOCKS * WIDEST], fy;
    int row = win->row - s->at.row, col = win->col - s->at.col, at = first * s->f - s->f / 2, below = s->h > 1 ? s->w : 0;
    int skip = at < col ? col - at : 0, to = at + skip - col, width = least(n * s->f - skip, win->w - to);
    int from = first > 0 ? first - 1 : 0, last = least(first + n - 1, s->w - 1);
    for (int i = 0; i < win->h; i++) {
        const float *a = block + (size_t)position(row + i, s->f, s->h, &fy) * (size_t)s->w + from;
        mix(a, a + below, fy, last - from + 1, v + (from - first + 1));
        v[0] = first > 0 ? v[0] : v[1];
        v[n] = first + n - 1 < s->w ? v[n] : v[n - 1];
        spread_blocks(v, n, s->f, cells);
        memcpy(ret + (size_t)i * (size_t)win->w + to, cells + skip, (size_t)width * sizeof *ret);
    }
}

void sq_spread_out(const float *block, const struct sq_sight *s, const struct sq_window *win, float *ret)
{
    if (s->f == 1) {
        copy_out(block, s, win, ret);
        return;
    }
    const struct sq_window blocks = blocks_of(s, win);
    if (all_zero(block, s, &blocks)) {
        memset(ret, 0, (size_t)win->h * (size_t)win->w * sizeof *ret);
        return;
    }
    int col = win->col - s->at.col, end = (col + win->w - 1 + s->f / 2) / s->f + 1;
    for (int p = (col + s->f / 2) / s->f; p < end; p += BLOCKS)
        spread_pairs(block, s, win, p, least(BLOCKS, end - p), ret);
}
