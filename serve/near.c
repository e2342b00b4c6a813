#include "near.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_near_init(struct sq_near *n, const struct sq_volume *v, const double cell_m[2], double km, struct sq_err *e)
{
    double rx = 1000 * km / cell_m[0], ry = 1000 * km / cell_m[1];
    *n = (struct sq_near){.reach_x = (int)fmin(rx, v->nx), .reach_y = (int)fmin(ry, v->ny)};
    n->w = SQ_BLOCK + 2 * n->reach_x;
    n->h = SQ_BLOCK + 2 * n->reach_y;
    enum sq_status status = sq_alloc((void **)&n->span, 2 * (size_t)n->reach_y + 1, sizeof *n->span, "a disc", e);
    if (!status)
        status = sq_alloc((void **)&n->sum, (size_t)n->h * (size_t)(n->w + 1), sizeof *n->sum, "a neighbourhood", e);
    if (status) {
        sq_near_finish(n);
        return status;
    }
    for (int dy = -n->reach_y; dy <= n->reach_y; dy++)
        n->span[dy + n->reach_y] = (int)fmin(rx * sqrt(fmax(0, 1 - dy * dy / (ry * ry))), v->nx);
    return SQ_OK;
}

void sq_near_finish(struct sq_near *n)
{
    free(n->span);
    free(n->sum);
    *n = (struct sq_near){0};
}

static int smallest(int a, int b, int c)
{
    return a < b ? (a < c ? a : c) : b < c ? b : c;
}

/* Puts what a block of `rows` x `cols` cells, the first of them (row, col) of the window, has in common with it behind the
 * sums' first column. */
static void put_block(struct sq_near *n, const struct sq_block *b, int rows, int cols, int row, int col, sq_near_code *code,
                      const void *arg)
{
    float value[SQ_BLOCK_CELLS];
    int from = row < 0 ? -row : 0, to = smallest(rows, n->h - row, SQ_BLOCK);
    int left = col < 0 ? -col : 0, right = smallest(cols, n->w - col, SQ_BLOCK);
    if (from >= to)
        return;
    code(arg, b, value);
    for (int i = from; i < to; i++) {
        const float *line = value + i * SQ_BLOCK;
        uint64_t *sum = n->sum + (size_t)(row + i) * (size_t)(n->w + 1) + 1 + col;
        for (int j = left; j < right; j++)
            sum[j] = isnan(line[j]) ? 0 : (uint64_t)1 << 32 | (uint32_t)(int)(line[j] + 0.5f);
    }
}

static void add_up(struct sq_near *n)
{
    for (int i = 0; i < n->h; i++) {
        uint64_t *line = n->sum + (size_t)i * (size_t)(n->w + 1), sum = 0;
        for (int j = 1; j <= n->w; j++)
            line[j] = sum += line[j];
    }
}

/* A row of the disc, for a row of cells; `left` and `right`: the sums at both of its ends. */
SQ_HOT static void add_row(const uint64_t *restrict left, const uint64_t *restrict right, uint64_t *restrict known,
                           uint64_t *restrict sum)
{
    for (int j = 0; j < SQ_BLOCK; j++) {
        uint64_t part = right[j] - left[j];
        known[j] += part >> 32;
        sum[j] += part & 0xffffffff;
    }
}

void sq_near_block(struct sq_near *n, const struct sq_volume *v, int i, int j, sq_near_code *code, const void *arg, float *ret)
{
    int row = i * SQ_BLOCK - n->reach_y, col = j * SQ_BLOCK - n->reach_x; /* where the window begins */
    size_t stride = (size_t)n->w + 1;
    memset(n->sum, 0, (size_t)n->h * stride * sizeof *n->sum);
    for (int bi = row < 0 ? 0 : row / SQ_BLOCK; bi < v->down && bi * SQ_BLOCK < row + n->h; bi++)
        for (int bj = col < 0 ? 0 : col / SQ_BLOCK; bj < v->across && bj * SQ_BLOCK < col + n->w; bj++)
            if (v->block[bi * v->across + bj])
                put_block(n, v->block[bi * v->across + bj], v->ny - bi * SQ_BLOCK, v->nx - bj * SQ_BLOCK, bi * SQ_BLOCK - row,
                          bj * SQ_BLOCK - col, code, arg);
    add_up(n);
    for (int y = 0; y < SQ_BLOCK; y++, ret += SQ_BLOCK) {
        uint64_t known[SQ_BLOCK] = {0}, sum[SQ_BLOCK] = {0};
        for (int dy = 0; dy <= 2 * n->reach_y; dy++) {
            const uint64_t *line = n->sum + (size_t)(y + dy) * stride + n->reach_x;
            add_row(line - n->span[dy], line + n->span[dy] + 1, known, sum);
        }
        for (int x = 0; x < SQ_BLOCK; x++)
            ret[x] = known[x] ? (float)((double)sum[x] / (double)known[x]) : NAN;
    }
}
