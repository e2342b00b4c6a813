#include "nearest.h"

#include <math.h>
#include <stdlib.h>

static float apart(const struct sq_nearest *n, int row, int col, int32_t cell)
{
    float dy = (float)(cell / n->nx - row), dx = (float)(cell % n->nx - col);
    return dy * dy + dx * dx;
}

/* What the neighbour knows, if it is nearer. */
static inline void ask(struct sq_nearest *n, int row, int col, int drow, int dcol)
{
    int r = row + drow, c = col + dcol;
    if (r < 0 || c < 0 || r >= n->ny || c >= n->nx)
        return;
    int32_t *mine = &n->cell[(size_t)row * (size_t)n->nx + (size_t)col], other = n->cell[(size_t)r * (size_t)n->nx + (size_t)c];
    if (other >= 0 && (*mine < 0 || apart(n, row, col, other) < apart(n, row, col, *mine)))
        *mine = other;
}

/* step 1: downwards, -1: upwards; each row to and fro. */
static void sweep(struct sq_nearest *n, int step)
{
    for (int k = 0; k < n->ny; k++) {
        int row = step > 0 ? k : n->ny - 1 - k, first = row * n->nx;
        for (int col = 0; col < n->nx; col++) {
            if (n->cell[first + col] == first + col)
                continue; /* observed */
            ask(n, row, col, -step, -1);
            ask(n, row, col, -step, 0);
            ask(n, row, col, -step, 1);
            ask(n, row, col, 0, -1);
        }
        for (int col = n->nx - 1; col >= 0; col--)
            if (n->cell[first + col] != first + col)
                ask(n, row, col, 0, 1);
    }
}

enum sq_status sq_nearest_init(struct sq_nearest *ret, const float *map, int nx, int ny, struct sq_err *e)
{
    size_t cells = (size_t)nx * (size_t)ny, holes = 0;
    *ret = (struct sq_nearest){.nx = nx, .ny = ny};
    for (size_t i = 0; i < cells; i++)
        holes += isnan(map[i]);
    if (holes == 0)
        return SQ_OK;
    enum sq_status s = sq_alloc((void **)&ret->cell, cells, sizeof *ret->cell, "forecast", e);
    if (s)
        return s;
    for (size_t i = 0; i < cells; i++)
        ret->cell[i] = isnan(map[i]) ? -1 : (int32_t)i;
    sweep(ret, 1);
    sweep(ret, -1);
    return SQ_OK;
}

void sq_nearest_finish(struct sq_nearest *n)
{
    free(n->cell);
    *n = (struct sq_nearest){0};
}

static float clamp(float x, int n)
{
    return !(x > 0) ? 0 : x > (float)(n - 1) ? (float)(n - 1) : x;
}

bool sq_nearest_move(const struct sq_nearest *n, float reach, float *y, float *x)
{
    float ny = clamp(*y, n->ny), nx = clamp(*x, n->nx); /* NaN becomes 0, and is too far */
    int row = (int)(ny + 0.5f), col = (int)(nx + 0.5f);
    int32_t cell = n->cell ? n->cell[(size_t)row * (size_t)n->nx + (size_t)col] : row * n->nx + col;
    if (cell < 0)
        return false;
    if (cell != row * n->nx + col)
        ny = (float)(cell / n->nx), nx = (float)(cell % n->nx);
    float dy = *y - ny, dx = *x - nx;
    if (!(dy * dy + dx * dx <= reach * reach))
        return false;
    *y = ny;
    *x = nx;
    return true;
}
