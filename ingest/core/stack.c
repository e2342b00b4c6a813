#include "stack.h"
#include "crs.h"
#include "instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sq_stack_why_name(enum sq_stack_why why)
{
    static const char *const names[] = {"used", "no_frame", "not_yet_there", "unreadable", "outside"};
    return names[why];
}

int64_t sq_stack_valid_time(const struct sq_stack_source *s, int i, int64_t at)
{
    int64_t t = at - s->slice_s[i];
    if (s->clock_s > 0 && s->slice_s[i] > 0) {
        int64_t over = t % s->clock_s;
        t -= over < 0 ? over + s->clock_s : over;
    }
    return t;
}

/* The grid of a source. Its cells are `coarser` times those of the target and begin at the target's corner, so
 * that where the target does not hold a whole number of them, the last reach beyond it. */
static enum sq_status make_grid(const struct sq_stack_grid *target, const struct sq_stack_source *s,
                                struct sq_stack_grid *ret, struct sq_err *e)
{
    const struct sq_grid *t = &target->grid;
    struct sq_stack_grid g = {.grid = *t, .coarser = s->coarser};
    const bool degrees = sq_grid_geographic(t);
    const int n[2] = {t->nx, t->ny};
    const double cell[2] = {t->dx, t->dy};
    int long_n[2];
    for (int k = 0; k < 2; k++) {
        g.margin[k] = (int)lround(s->margin_km * 1000 / (s->coarser * (degrees ? target->cell_m[k] : cell[k])));
        long_n[k] = (n[k] + s->coarser - 1) / s->coarser + 2 * g.margin[k];
        if (long_n[k] > SQ_GRID_MAX)
            return sq_fail(e, SQ_FAILED, "source '%s': margin_km makes a grid of %d cells, at most %d can be", s->name,
                           long_n[k], SQ_GRID_MAX);
    }
    g.grid.nx = long_n[0];
    g.grid.ny = long_n[1];
    g.grid.dx = s->coarser * t->dx;
    g.grid.dy = s->coarser * t->dy;
    g.grid.x0 = t->x0 - t->dx / 2 + (0.5 - g.margin[0]) * g.grid.dx;
    g.grid.y0 = t->y0 + t->dy / 2 - (0.5 - g.margin[1]) * g.grid.dy;
    enum sq_status status = sq_grid_check(&g.grid, s->name, e);
    if (!status)
        status = sq_crs_cell_m(&g.grid, g.cell_m, e);
    if (!status)
        *ret = g;
    return status;
}

/* Grids, each once, and which one a source has. */
static enum sq_status lay_grids(struct sq_stack *s, const struct sq_grid *target, struct sq_err *e)
{
    s->grid[0] = (struct sq_stack_grid){.grid = *target, .coarser = 1};
    s->n_grids = 1;
    enum sq_status status = sq_grid_check(target, "target grid", e);
    if (!status)
        status = sq_crs_cell_m(target, s->grid[0].cell_m, e);
    for (int i = 0; i < s->def.n_sources && !status; i++) {
        struct sq_stack_grid g;
        status = make_grid(&s->grid[0], &s->def.source[i], &g, e);
        if (status)
            break;
        int k = 0;
        while (k < s->n_grids && !(s->grid[k].coarser == g.coarser && s->grid[k].margin[0] == g.margin[0] &&
                                   s->grid[k].margin[1] == g.margin[1]))
            k++;
        if (k == SQ_STACK_GRIDS)
            return sq_fail(e, SQ_FAILED, "source '%s': more than %d resolutions in one network", s->def.source[i].name,
                           SQ_STACK_GRIDS);
        if (k == s->n_grids)
            s->grid[s->n_grids++] = g;
        s->grid_of[i] = k;
    }
    return status;
}

enum sq_status sq_stack_init(struct sq_stack *s, const struct sq_stack_def *def, const struct sq_grid *target,
                             int64_t at, struct sq_err *e)
{
    *s = (struct sq_stack){.at = at, .def = *def};
    enum sq_status status = lay_grids(s, target, e);
    for (int i = 0; i < def->n_sources; i++) {
        s->first[i] = s->n_planes;
        s->n_planes += (size_t)def->source[i].n_channels * (size_t)def->source[i].n_slices;
    }
    if (!status)
        status = sq_alloc((void **)&s->plane, s->n_planes, sizeof *s->plane, "planes", e);
    for (int i = 0; i < def->n_sources && !status; i++)
        for (int c = 0; c < def->source[i].n_channels; c++)
            for (int k = 0; k < def->source[i].n_slices; k++) {
                struct sq_stack_plane *p = sq_stack_at(s, i, c, k);
                p->why = SQ_STACK_NONE;
                p->valid_time = p->time = p->reference_time = sq_stack_valid_time(&def->source[i], k, at);
            }
    if (status)
        sq_stack_finish(s);
    return status;
}

void sq_stack_finish(struct sq_stack *s)
{
    free(s->plane);
    free(s->block);
    s->plane = NULL;
    s->block = NULL;
    s->n_planes = 0;
}

/* Cells of the grid of each source, times its planes that are there. */
static size_t cells_there(const struct sq_stack *s)
{
    size_t n = 0;
    for (int i = 0; i < s->def.n_sources; i++)
        n += (size_t)sq_stack_count(s, i) * sq_grid_cells(&s->grid[s->grid_of[i]].grid);
    return n;
}

enum sq_status sq_stack_own(struct sq_stack *s, struct sq_err *e)
{
    float *block, *to;
    enum sq_status status = s->block ? SQ_OK : sq_alloc((void **)&block, cells_there(s), sizeof *block, "a stack", e);
    if (status || s->block)
        return status;
    to = s->block = block;
    for (int i = 0; i < s->def.n_sources; i++) {
        const size_t cells = sq_grid_cells(&s->grid[s->grid_of[i]].grid);
        const size_t n = (size_t)s->def.source[i].n_channels * (size_t)s->def.source[i].n_slices;
        for (size_t k = s->first[i]; k < s->first[i] + n; k++)
            if (s->plane[k].value) {
                memcpy(to, s->plane[k].value, cells * sizeof *to);
                s->plane[k].value = to;
                to += cells;
            }
    }
    return SQ_OK;
}

int sq_stack_count(const struct sq_stack *s, int source)
{
    const size_t n = (size_t)s->def.source[source].n_channels * (size_t)s->def.source[source].n_slices;
    int there = 0;
    for (size_t i = 0; i < n; i++)
        there += s->plane[s->first[source] + i].why == SQ_STACK_USED;
    return there;
}

void sq_stack_say(const struct sq_stack *s, int source, char *out, size_t size)
{
    const struct sq_stack_source *d = &s->def.source[source];
    const int n = d->n_channels * d->n_slices, there = sq_stack_count(s, source);
    const struct sq_stack_plane *newest = NULL;
    int why[SQ_STACK_OUTSIDE + 1] = {0};
    char text[32];
    for (int i = 0; i < n; i++) {
        const struct sq_stack_plane *p = &s->plane[s->first[source] + (size_t)i];
        why[p->why]++;
        if (p->why == SQ_STACK_USED && (!newest || p->reference_time > newest->reference_time))
            newest = p;
    }
    size_t at = (size_t)snprintf(out, size, "%s: %d of %d planes", d->name, there, n);
    if (newest && d->kind != SQ_STACK_COMPUTED && at < size)
        at += (size_t)snprintf(out + at, size - at, ", newest %s%s, %d s old",
                               d->kind == SQ_STACK_MODEL ? "run " : "", sq_instant_iso(newest->reference_time, text),
                               newest->age_s);
    for (int w = SQ_STACK_NONE; w <= SQ_STACK_OUTSIDE; w++)
        if (why[w] && at < size)
            at += (size_t)snprintf(out + at, size - at, "; %d %s", why[w], sq_stack_why_name((enum sq_stack_why)w));
}
