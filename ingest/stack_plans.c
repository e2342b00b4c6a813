/* Plans: how frames come onto the grids of a stack, and what of them is read for it. */
#include "stack_parts.h"

#include "core/log.h"

#include <stdlib.h>

#define WORTH_WHILE 0.8 /* of a frame: a part that is larger is not read alone */
#define BESIDE 64       /* cells round a part of a radar frame: stripes that end at its edge are long enough there */

void sq_plans_drop(struct sq_plans *p)
{
    for (int i = 0; i < p->n; i++)
        sq_regrid_destroy(&p->plan[i].regrid);
    free(p->plan);
    for (int i = 0; i < p->n_parts; i++)
        free(p->part[i]);
    *p = (struct sq_plans){0};
}

/* Cells on each side more, as far as there are any. */
static void widen(struct sq_window *w, int cells)
{
    const int row = w->row > cells ? w->row - cells : 0, col = w->col > cells ? w->col - cells : 0;
    const int end_row = w->row + w->ny + cells, end_col = w->col + w->nx + cells;
    w->ny = (end_row < w->of_ny ? end_row : w->of_ny) - row;
    w->nx = (end_col < w->of_nx ? end_col : w->of_nx) - col;
    w->row = row;
    w->col = col;
}

/* The window of `from` that all grids of the stack look at; `whole` where it is not worth while. */
static struct sq_part make_part(const struct sq_stack *stack, const struct sq_grid *from, int beside)
{
    struct sq_part p = {.from = *from, .whole = true, .grid = *from};
    struct sq_window w = {from->ny, from->nx, 0, 0, from->ny, from->nx};
    int end[2] = {0, 0};
    for (int k = 0; k < stack->n_grids; k++) {
        struct sq_regrid *r = NULL;
        struct sq_err ignored;
        if (sq_regrid_create(from, &stack->grid[k].grid, SQ_REGRID_BILINEAR, &r, &ignored))
            continue; /* it looks at nothing of it */
        const struct sq_window v = sq_regrid_window(r);
        sq_regrid_destroy(&r);
        w.row = v.row < w.row ? v.row : w.row;
        w.col = v.col < w.col ? v.col : w.col;
        end[0] = v.row + v.ny > end[0] ? v.row + v.ny : end[0];
        end[1] = v.col + v.nx > end[1] ? v.col + v.nx : end[1];
    }
    w.ny = end[0] - w.row;
    w.nx = end[1] - w.col;
    if (w.ny < 1 || w.nx < 1)
        return p;
    widen(&w, beside);
    if ((double)w.ny * w.nx > WORTH_WHILE * (double)sq_grid_cells(from))
        return p;
    p.whole = false;
    p.window = w;
    p.grid.nx = w.nx;
    p.grid.ny = w.ny;
    p.grid.x0 = sq_grid_x(from, w.col);
    p.grid.y0 = sq_grid_y(from, w.row);
    return p;
}

/* NULL: all of it is read. */
static const struct sq_part *find_part(struct sq_plans *s, const struct sq_wanted_plan *want)
{
    const struct sq_grid *from = &want->frame->grid;
    for (int i = 0; i < s->n_parts; i++)
        if (sq_grid_equal(&s->part[i]->from, from))
            return s->part[i]->whole ? NULL : s->part[i];
    struct sq_part *p = s->n_parts < SQ_PLANS_MAX ? malloc(sizeof *p) : NULL;
    if (!p)
        return NULL;
    *p = make_part(want->stack, from, want->frame->kind == SQ_KIND_RADAR ? BESIDE : 0);
    s->part[s->n_parts++] = p;
    return p->whole ? NULL : p;
}

static struct sq_plan make_plan(struct sq_plans *s, const struct sq_wanted_plan *want)
{
    static const enum sq_regrid_method methods[] = {SQ_REGRID_AUTO, SQ_REGRID_NEAREST, SQ_REGRID_BILINEAR,
                                                    SQ_REGRID_AREA};
    const struct sq_grid *to = &want->stack->grid[want->grid].grid, *from = &want->frame->grid;
    struct sq_plan p = {.from = *from, .grid = want->grid, .method = want->method};
    struct sq_err why;
    if (sq_grid_equal(from, to))
        return p;
    p.part = want->in_parts ? find_part(s, want) : NULL;
    if (sq_regrid_create(p.part ? &p.part->grid : from, to, methods[want->method], &p.regrid, &why)) {
        sq_log(SQ_LOG_INFO, "%s", why.text);
        p.outside = true;
    } else {
        sq_regrid_prepare(p.regrid);
    }
    return p;
}

enum sq_status sq_plans_find(struct sq_plans *s, const struct sq_wanted_plan *want, const struct sq_plan **ret,
                             struct sq_err *e)
{
    for (int k = 0; k < s->n; k++)
        if (s->plan[k].grid == want->grid && s->plan[k].method == want->method &&
            sq_grid_equal(&s->plan[k].from, &want->frame->grid)) {
            *ret = &s->plan[k];
            return SQ_OK;
        }
    struct sq_plan *more = realloc(s->plan, (size_t)(s->n + 1) * sizeof *more);
    if (!more)
        return sq_fail(e, SQ_FAILED, "out of memory for plans");
    s->plan = more;
    more[s->n] = make_plan(s, want);
    *ret = &more[s->n++];
    return SQ_OK;
}
