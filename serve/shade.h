/* From what a map holds to the classes of a layer, block by block of its cells. */
#ifndef SQ_SERVE_SHADE_H
#define SQ_SERVE_SHADE_H

#include "near.h"
#include "paint.h"

#include "core/distribution.h"

/* P(rate >= t) from the codes of a cell: (c[a] + w * (c[b] - c[a])) * tail. */
struct sq_blend {
    int a, b;
    float w, tail;
};

/* What is to be shown; one thread's. */
struct sq_shade {
    const struct sq_tile_view *view;
    const struct sq_volume *volume;
    struct sq_distribution distribution;
    struct sq_blend blend[SQ_EDGES_MAX]; /* [0] of the layer's threshold; of percentiles: of each edge */
    float edge[SQ_EDGES_MAX];            /* in units of the values that are compared with them */
    struct sq_near near;
};

/* Begins with a view that sq_tile_view_check finds right and that outlives the shade; finish accepts a zeroed struct. */
enum sq_status sq_shade_init(struct sq_shade *s, const struct sq_tile_view *v, struct sq_err *e) SQ_CHECK;
void sq_shade_finish(struct sq_shade *s);

/* The index that all cells of block (i, j) have; -1 where they differ or may differ. */
int sq_shade_uniform(const struct sq_shade *s, int i, int j);

/* Indices of block (i, j), [SQ_BLOCK_CELLS]; beyond the grid they mean nothing. */
void sq_shade_block(struct sq_shade *s, int i, int j, uint8_t *ret);

/* The index of one of its cells; not of SQ_LAYER_NEAR. */
int sq_shade_cell(const struct sq_shade *s, int i, int j, int cell);

#endif
