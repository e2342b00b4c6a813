/* Radar planes beside one another: frozen, shifted, half-delivered and far-off frames show on the stack's grid as they do
 * on the radar's own. Spokes and speckle do not: their lengths are in cells of the radar. */
#include "quality.h"
#include "stack_parts.h"

#include "core/cube.h"

#include <stdlib.h>
#include <string.h>

/* The slots as frames of a cube, which takes copies. */
static enum sq_status fill(const struct sq_slot *slot, int n, struct sq_cube *c, struct sq_err *e)
{
    const size_t cells = sq_grid_cells(&c->grid);
    enum sq_status status = sq_alloc((void **)&c->frame, (size_t)n, sizeof *c->frame, "frames", e);
    for (int k = 0; k < n && !status; k++) {
        struct sq_cube_frame *f = &c->frame[c->n++];
        f->time = slot[k].time;
        f->report = slot[k].kept->seen.report;
        f->path = strdup(slot[k].path);
        status = sq_alloc((void **)&f->rate_mmh, cells, sizeof *f->rate_mmh, "a frame", e);
        if (!status)
            memcpy(f->rate_mmh, slot[k].kept->value, cells * sizeof *f->rate_mmh);
    }
    return status;
}

enum sq_status sq_stack_judge(const struct sq_grid *g, struct sq_slot *slot, int n, struct sq_err *e)
{
    const struct sq_quality_params whole = {.frames = true};
    struct sq_cube c = {.grid = *g};
    enum sq_status status = fill(slot, n, &c, e);
    if (!status)
        status = sq_quality_sequence(&c, &whole, e);
    for (int k = 0; k < n && !status; k++) { /* the cube may have become shorter, its frames are still there */
        struct sq_cube_frame *f = &c.frame[k];
        slot[k].report = f->report;
        if (f->report.cells[SQ_FAULT_HALF] == slot[k].kept->seen.report.cells[SQ_FAULT_HALF] || !f->rate_mmh)
            continue;
        slot[k].changed = f->rate_mmh;
        f->rate_mmh = NULL;
    }
    sq_cube_finish(&c);
    return status;
}
