/* What the two files of the oneDNN backend share: kernels_dnnl.c (engine, weights, forward, gradient of x)
 * and kernels_dnnl_dw.c (gradient of the weights). */
#ifndef SQ_MODEL_KERNELS_DNNL_H
#define SQ_MODEL_KERNELS_DNNL_H

#include "dnnl_compat.h"
#include "kernels_backend.h"

struct sq_engine {
    struct sq_kernels base;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t plain; /* scratchpad is ours */
    dnnl_format_tag_t block;     /* the blocked layout of this processor's vectors */
    struct sq_family *families;
    unsigned char *arena; /* scratch of the largest plan; plans run one at a time */
    size_t arena_bytes;
};

static inline dnnl_data_type_t sq_engine_type(const struct sq_engine *k)
{
    return k->base.dtype == SQ_BF16 ? dnnl_bf16 : dnnl_f32;
}

static inline size_t sq_engine_element(const struct sq_engine *k)
{
    return k->base.dtype == SQ_BF16 ? 2 : 4;
}

static inline size_t sq_engine_round(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Makes sure of so much scratch. Places in it are offsets: it may move while plans are made. */
dnnl_status_t sq_engine_need(struct sq_engine *k, size_t bytes);

/* A primitive and its memory objects, bound to data at each run. Those between `own` and the scratchpad are
 * lent by the weights. */
struct sq_op {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arg[5];
    int args, own;
    size_t scratch_bytes;
};

/* How slow an implementation is, by its name: 0 fast, 1 gemm, 2 reference. */
int sq_op_slowness(const_dnnl_primitive_desc_t pd);

/* The arguments are `ids` in this order, then the scratchpad if there is one; the first `own` get memory
 * objects. On failure the caller finishes. */
dnnl_status_t sq_op_init(struct sq_op *o, const struct sq_engine *k, const_dnnl_primitive_desc_t pd, int own,
                         int n, const int *ids);
dnnl_status_t sq_op_init_reorder(struct sq_op *o, const struct sq_engine *k, desc_view from, desc_view to);
void sq_op_finish(struct sq_op *o);
/* What argument i looks like, and the bytes it takes. */
desc_view sq_op_view(const struct sq_op *o, int i);
size_t sq_op_bytes(const struct sq_op *o, int i);
void sq_op_bind(struct sq_op *o, int i, const void *data);
/* Runs on a and b as the first two arguments; others are bound before. */
void sq_op_run(struct sq_op *o, const struct sq_engine *k, const void *a, const void *b, void *scratch);

/* The gradient of the weights. Either one primitive (DIRECT), on x and dy reordered to a blocked layout if
 * that is faster; or PRODUCTs of one tile of dy with 1, 2 or 3 tiles of x side by side. COLLECT then brings
 * the result into place. */
enum sq_dw_op { DIRECT, BLOCK_X, BLOCK_DY, COLLECT, PRODUCT, DW_OPS = PRODUCT + 3 };
struct sq_dw {
    struct sq_engine *engine;
    struct sq_conv_shape shape;
    struct sq_op op[DW_OPS];
    bool tiled, blocked;
    int taps_h, taps_w;                                /* taps that see the image: 1 or 3 */
    int tile_h, tile_w;                                /* pixels */
    int down, across;                                  /* tiles */
    size_t at_x, at_dy, at_dw, at_product, at_scratch; /* in the arena */
};

/* Zeroed before; on failure the caller finishes. */
dnnl_status_t sq_dw_init(struct sq_dw *p, struct sq_engine *k, const struct sq_conv_shape *s);
void sq_dw_finish(struct sq_dw *p);
void sq_dw_run(struct sq_dw *p, const void *x, const void *dy, float *dw, float *db);

#endif
