#include "beside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int planes_of(const struct sq_stack_source *s)
{
    return s->kind == SQ_STACK_RADAR ? 0 : s->n_channels * s->n_slices;
}

enum sq_status sq_beside_init(struct sq_beside *b, const char *where, const char *text, struct sq_err *e)
{
    *b = (struct sq_beside){0};
    enum sq_status s = sq_alloc((void **)&b->def, 1, sizeof *b->def, "sources", e);
    if (!s)
        s = sq_stack_def_parse(where, text, strlen(text), b->def, e);
    if (s)
        return s;
    for (int i = 0; i < b->def->n_sources; i++)
        b->n += planes_of(&b->def->source[i]);
    if (b->n < 1 || b->n > SQ_BESIDE_MAX)
        return sq_fail(e, SQ_FAILED, "%s: %d planes beside the radar, 1 to %d can be", where, b->n, SQ_BESIDE_MAX);
    b->text = strdup(text);
    for (int k = 0; k < b->n; k++)
        b->std[k] = 1;
    return b->text ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for sources");
}

void sq_beside_finish(struct sq_beside *b)
{
    free(b->def);
    free(b->text);
    *b = (struct sq_beside){0};
}

/* ---- scaling ---------------------------------------------------------------------------------------------------- */

struct sums {
    double n, sum, squares;
};

static void add_plane(const struct sq_stack *s, int source, int i, struct sums *ret)
{
    const struct sq_grid *g = &s->grid[s->grid_of[source]].grid;
    const float *v = s->plane[s->first[source] + (size_t)i].value;
    for (size_t c = 0; v && c < sq_grid_cells(g); c++)
        if (!isnan(v[c])) {
            ret->n++;
            ret->sum += (double)v[c];
            ret->squares += (double)v[c] * (double)v[c];
        }
}

void sq_beside_survey(struct sq_beside *b, struct sq_stack *const *stack, int n)
{
    for (int source = 0, k = 0; source < b->def->n_sources; source++)
        for (int i = 0; i < planes_of(&b->def->source[source]); i++, k++) {
            struct sums a = {0};
            for (int t = 0; t < n; t++)
                if (stack[t])
                    add_plane(stack[t], source, i, &a);
            double mean = a.n > 0 ? a.sum / a.n : 0, variance = a.n > 0 ? a.squares / a.n - mean * mean : 1;
            b->mean[k] = (float)mean;
            b->std[k] = variance > 1e-12 * (1 + mean * mean) ? (float)sqrt(variance) : 1; /* a constant says nothing */
        }
}

/* ---- onto the radar's cells --------------------------------------------------------------------------------------- */

/* Position of a cell among the plane's: it begins `margin` of its cells before the target does. */
static float position(int cell, int wide, const struct sq_stack_grid *g, int axis)
{
    return ((float)cell + 0.5f) * (float)wide / (float)g->coarser + (float)g->margin[axis] - 0.5f;
}

static int clip(int x, int n)
{
    return x < 0 ? 0 : x >= n ? n - 1 : x;
}

/* Bilinear where all four are known, else the nearest; NaN outside. */
static float value_at(const float *v, const struct sq_grid *g, float y, float x)
{
    if (!(y > -1 && x > -1 && y < (float)g->ny && x < (float)g->nx))
        return NAN;
    float fi = floorf(y), fj = floorf(x), fy = y - fi, fx = x - fj;
    int i0 = clip((int)fi, g->ny), i1 = clip((int)fi + 1, g->ny), j0 = clip((int)fj, g->nx), j1 = clip((int)fj + 1, g->nx);
    const float *a = v + (size_t)i0 * (size_t)g->nx, *b = v + (size_t)i1 * (size_t)g->nx;
    float r = (1 - fy) * ((1 - fx) * a[j0] + fx * a[j1]) + fy * ((1 - fx) * b[j0] + fx * b[j1]);
    return isnan(r) ? (fy < 0.5f ? a : b)[fx < 0.5f ? j0 : j1] : r;
}

static void put_plane(const float *v, const struct sq_stack_grid *g, int wide, float mean, float std,
                      const struct sq_window *win, float *ret, int stride)
{
    for (int i = 0; i < win->h; i++)
        for (int j = 0; j < win->w; j++, ret += stride) {
            float x = v ? value_at(v, &g->grid, position(win->row + i, wide, g, 1), position(win->col + j, wide, g, 0)) : NAN;
            float z = (x - mean) / std;
            ret[0] = isnan(z) ? 0 : z < -8 ? -8 : z > 8 ? 8 : z;
            ret[1] = !isnan(z);
        }
}

void sq_beside_put(const struct sq_beside *b, const struct sq_stack *stack, int wide, unsigned dropped,
                   const struct sq_window *win, float *ret, int stride)
{
    for (int source = 0, k = 0; source < b->def->n_sources; source++) {
        bool seen = stack && !(dropped >> source & 1);
        const struct sq_stack_grid *g = stack ? &stack->grid[stack->grid_of[source]] : NULL;
        for (int i = 0; i < planes_of(&b->def->source[source]); i++, k++)
            put_plane(seen ? stack->plane[stack->first[source] + (size_t)i].value : NULL, g, wide, b->mean[k], b->std[k],
                      win, ret + 2 * k, stride);
    }
}
