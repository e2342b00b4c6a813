#include "nest.h"

#include <math.h>
#include <stdlib.h>

static bool whole(double v, double tolerance)
{
    return fabs(v - rint(v)) <= tolerance;
}

enum sq_status sq_nest_find(const struct sq_grid *fine, const struct sq_grid *coarse, const char *what,
                            struct sq_nest *ret, struct sq_err *e)
{
    double kx = coarse->dx / fine->dx, ky = coarse->dy / fine->dy;
    if (!whole(kx, 1e-3) || !whole(ky, 1e-3) || rint(kx) != rint(ky) || rint(kx) < 1 || kx > SQ_GRID_MAX)
        return sq_fail(e, SQ_FAILED,
                       "%s: cells of %g x %g are no whole multiple of %g x %g: bring both onto "
                       "one grid first",
                       what, coarse->dx, coarse->dy, fine->dx, fine->dy);
    int k = (int)rint(kx);
    double half = (k - 1) / 2.0; /* from the middle of a coarse cell to that of its corner cell */
    double col = (coarse->x0 - fine->x0) / fine->dx - half, row = (fine->y0 - coarse->y0) / fine->dy - half;
    if (!whole(col, 0.01) || !whole(row, 0.01))
        return sq_fail(e, SQ_FAILED,
                       "%s: cells are not aligned with those of the observations: bring both onto "
                       "one grid first",
                       what);
    if (rint(col) < 0 || rint(row) < 0 || rint(col) + (double)coarse->nx * k > fine->nx ||
        rint(row) + (double)coarse->ny * k > fine->ny)
        return sq_fail(e, SQ_FAILED, "%s: the grid of %d x %d cells reaches outside that of the observations",
                       what, coarse->nx, coarse->ny);
    *ret = (struct sq_nest){(int)rint(row), (int)rint(col), k, coarse->nx, coarse->ny, fine->nx};
    return SQ_OK;
}

/* Index of the fine cell in the north-west corner of coarse cell (x, y). */
static size_t corner(const struct sq_nest *n, int x, int y)
{
    return ((size_t)n->row + (size_t)y * (size_t)n->k) * (size_t)n->width + (size_t)n->col +
           (size_t)x * (size_t)n->k;
}

void sq_nest_mean(const struct sq_nest *n, const float *src, float *dst)
{
    for (int y = 0; y < n->ny; y++)
        for (int x = 0; x < n->nx; x++) {
            const float *from = src + corner(n, x, y);
            double sum = 0;
            for (int v = 0; v < n->k; v++)
                for (int u = 0; u < n->k; u++)
                    sum += (double)from[(size_t)v * (size_t)n->width + (size_t)u];
            dst[(size_t)y * (size_t)n->nx + (size_t)x] = (float)(sum / ((double)n->k * n->k));
        }
}

void sq_nest_all(const struct sq_nest *n, const uint8_t *src, uint8_t *dst)
{
    for (int y = 0; y < n->ny; y++)
        for (int x = 0; x < n->nx; x++) {
            const uint8_t *from = src + corner(n, x, y);
            uint8_t all = 1;
            for (int v = 0; v < n->k; v++)
                for (int u = 0; u < n->k; u++)
                    all &= from[(size_t)v * (size_t)n->width + (size_t)u] != 0;
            dst[(size_t)y * (size_t)n->nx + (size_t)x] = all;
        }
}

enum sq_status sq_nest_cube(struct sq_cube *c, const struct sq_grid *coarse, const char *what,
                            struct sq_err *e)
{
    struct sq_nest n;
    if (sq_grid_equal(&c->grid, coarse))
        return SQ_OK;
    enum sq_status st = sq_nest_find(&c->grid, coarse, what, &n, e);
    for (int i = 0; i < c->n && !st; i++) {
        struct sq_cube_frame *f = &c->frame[i];
        void *rate = NULL;
        free(f->state);
        f->state = NULL;
        if (!f->rate_mmh)
            continue;
        st = sq_alloc(&rate, sq_grid_cells(coarse), sizeof(float), "frames of a cube", e);
        if (st)
            break;
        sq_nest_mean(&n, f->rate_mmh, rate);
        free(f->rate_mmh);
        f->rate_mmh = rate;
    }
    if (!st) {
        c->grid = *coarse;
        c->cell_m[0] *= n.k;
        c->cell_m[1] *= n.k;
    }
    return st;
}
