#include "near.h"

#include <math.h>
#include <stdlib.h>

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void add_up(struct sq_near *n, const struct sq_volume *v, sq_near_code *code, const void *arg)
{
    for (int i = 0; i < n->h; i++) {
        uint64_t *sum = n->sum + (size_t)i * (size_t)(n->w + 1);
        sum[0] = 0;
        for (int j = 0; j < n->w; j++) {
            int n_code;
            const uint16_t *c = sq_volume_cell(v, n->row + i, n->col + j, &n_code);
            float value = code(arg, c, n_code);
            sum[j + 1] = sum[j] + (isnan(value) ? 0 : (uint64_t)1 << 32 | (uint32_t)lrintf(value));
        }
    }
}

enum sq_status sq_near_init(struct sq_near *n, const struct sq_volume *v, const int box[4], const double cell_m[2],
                            double km, sq_near_code *code, const void *arg, struct sq_err *e)
{
    double rx = 1000 * km / cell_m[0], ry = 1000 * km / cell_m[1];
    int wide = (int)fmin(rx, v->nx), last_row = clamp(box[2] + (int)fmin(ry, v->ny), 0, v->ny - 1);
    *n = (struct sq_near){.reach_y = (int)fmin(ry, v->ny)};
    n->row = clamp(box[0] - n->reach_y, 0, v->ny - 1);
    n->col = clamp(box[1] - wide, 0, v->nx - 1);
    n->h = last_row - n->row + 1;
    n->w = clamp(box[3] + wide, 0, v->nx - 1) - n->col + 1;
    enum sq_status status = sq_alloc((void **)&n->reach_x, 2 * (size_t)n->reach_y + 1, sizeof *n->reach_x, "a disc", e);
    if (!status)
        status = sq_alloc((void **)&n->sum, (size_t)n->h * (size_t)(n->w + 1), sizeof *n->sum, "a neighbourhood", e);
    if (status) {
        sq_near_finish(n);
        return status;
    }
    for (int dy = -n->reach_y; dy <= n->reach_y; dy++)
        n->reach_x[dy + n->reach_y] = (int)fmin(rx * sqrt(fmax(0, 1 - dy * dy / (ry * ry))), v->nx);
    add_up(n, v, code, arg);
    return SQ_OK;
}

void sq_near_finish(struct sq_near *n)
{
    free(n->reach_x);
    free(n->sum);
    *n = (struct sq_near){0};
}

float sq_near_mean(const struct sq_near *n, int row, int col)
{
    uint64_t known = 0, sum = 0;
    for (int dy = -n->reach_y; dy <= n->reach_y; dy++) {
        int i = row + dy - n->row, reach = n->reach_x[dy + n->reach_y];
        if (i < 0 || i >= n->h)
            continue;
        const uint64_t *line = n->sum + (size_t)i * (size_t)(n->w + 1);
        uint64_t part = line[clamp(col + reach - n->col + 1, 0, n->w)] - line[clamp(col - reach - n->col, 0, n->w)];
        known += part >> 32;
        sum += part & 0xffffffff;
    }
    return known ? (float)((double)sum / (double)known) : NAN;
}
