#include "rainiest.h"

#include <stdlib.h>

/* Wet cells are counted in every fourth row and column. */
enum { EVERY = 4 };

struct part {
    int wet, at;
};

static int by_rain(const void *a, const void *b)
{
    const struct part *x = a, *y = b; /* rain, then place */
    return x->wet != y->wet ? (x->wet < y->wet) - (x->wet > y->wet) : (x->at > y->at) - (x->at < y->at);
}

static struct sq_window window_of(const struct sq_grid *g, int side, int cols, int at)
{
    struct sq_window w = {at / cols * side, at % cols * side, side, side};
    w.h = g->ny - w.row < side ? g->ny - w.row : side;
    w.w = g->nx - w.col < side ? g->nx - w.col : side;
    return w;
}

enum sq_status sq_rainiest(const struct sq_grid *g, const float *rate, int side, int most, struct sq_window **ret, int *ret_n,
                           struct sq_err *e)
{
    int rows = (g->ny + side - 1) / side, cols = (g->nx + side - 1) / side, n = 0;
    struct part *part = NULL;
    enum sq_status s = sq_alloc((void **)&part, (size_t)rows * (size_t)cols, sizeof *part, "parts", e);
    if (!s)
        s = sq_alloc((void **)ret, (size_t)most, sizeof **ret, "parts", e);
    if (s) {
        free(part);
        return s;
    }
    for (int k = 0; k < rows * cols; k++)
        part[k].at = k;
    for (int i = 0; i < g->ny; i += EVERY)
        for (int j = 0; j < g->nx; j += EVERY)
            part[i / side * cols + j / side].wet += rate[(size_t)i * (size_t)g->nx + (size_t)j] >= 0.1f;
    qsort(part, (size_t)rows * (size_t)cols, sizeof *part, by_rain);
    for (; n < most && n < rows * cols && (n == 0 || part[n].wet > 0); n++)
        (*ret)[n] = window_of(g, side, cols, part[n].at);
    *ret_n = n;
    free(part);
    return SQ_OK;
}
