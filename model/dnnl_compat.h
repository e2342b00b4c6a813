/* What differs between oneDNN 2.6 and 3.x, for the kernels_dnnl files alone: in 2.6 a memory descriptor is a struct
 * and primitives are described in two steps; in 3.x a descriptor is a handle and one call does it. */
#ifndef SQ_MODEL_DNNL_COMPAT_H
#define SQ_MODEL_DNNL_COMPAT_H

#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* The descriptors that one primitive is described with. The first failure stays in `status`; views live as
 * long as the set. Zeroed is empty. */
struct descs {
    dnnl_memory_desc_t d[8];
    int n;
    dnnl_status_t status;
};

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t desc_view;

static inline desc_view describe(struct descs *b, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                 dnnl_format_tag_t tag)
{
    dnnl_status_t s = dnnl_memory_desc_create_with_tag(&b->d[b->n], n, dims, t, tag);
    b->status = b->status ? b->status : s;
    return b->d[b->n++];
}

static inline desc_view describe_strides(struct descs *b, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                         const dnnl_dims_t strides)
{
    dnnl_status_t s = dnnl_memory_desc_create_with_strides(&b->d[b->n], n, dims, t, strides);
    b->status = b->status ? b->status : s;
    return b->d[b->n++];
}

static inline void descs_finish(struct descs *b)
{
    while (b->n > 0)
        dnnl_memory_desc_destroy(b->d[--b->n]);
}

static inline dnnl_status_t describe_forward(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                             dnnl_prop_kind_t kind, desc_view x, desc_view w, desc_view bias,
                                             desc_view y, const dnnl_dims_t dilate, const dnnl_dims_t pad,
                                             const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t stride = {1, 1};
    return dnnl_convolution_forward_primitive_desc_create(ret, engine, kind, dnnl_convolution_direct, x, w,
                                                          bias, y, stride, dilate, pad, pad, attr);
}

static inline dnnl_status_t describe_weights(dnnl_primitive_desc_t *ret, dnnl_engine_t engine, desc_view x,
                                             desc_view dw, desc_view db, desc_view dy,
                                             const dnnl_dims_t dilate, const dnnl_dims_t pad,
                                             const_dnnl_primitive_desc_t forward,
                                             const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t stride = {1, 1};
    return dnnl_convolution_backward_weights_primitive_desc_create(
        ret, engine, dnnl_convolution_direct, x, dw, db, dy, stride, dilate, pad, pad, forward, attr);
}

static inline dnnl_status_t describe_product(dnnl_primitive_desc_t *ret, dnnl_engine_t engine, desc_view a,
                                             desc_view b, desc_view c, const_dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(ret, engine, a, b, NULL, c, attr);
}

static inline dnnl_status_t append_silu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_swish, 1, 0);
}

static inline dnnl_status_t append_add(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_f32);
}

#else

typedef const dnnl_memory_desc_t *desc_view;

static inline desc_view describe(struct descs *b, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                 dnnl_format_tag_t tag)
{
    dnnl_status_t s = dnnl_memory_desc_init_by_tag(&b->d[b->n], n, dims, t, tag);
    b->status = b->status ? b->status : s;
    return &b->d[b->n++];
}

static inline desc_view describe_strides(struct descs *b, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                         const dnnl_dims_t strides)
{
    dnnl_status_t s = dnnl_memory_desc_init_by_strides(&b->d[b->n], n, dims, t, strides);
    b->status = b->status ? b->status : s;
    return &b->d[b->n++];
}

static inline void descs_finish(struct descs *b)
{
    b->n = 0;
}

static inline dnnl_status_t describe_forward(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                             dnnl_prop_kind_t kind, desc_view x, desc_view w, desc_view bias,
                                             desc_view y, const dnnl_dims_t dilate, const dnnl_dims_t pad,
                                             const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t stride = {1, 1};
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_dilated_convolution_forward_desc_init(&d, kind, dnnl_convolution_direct, x, w,
                                                                 bias, y, stride, dilate, pad, pad);
    return s ? s : dnnl_primitive_desc_create(ret, &d, attr, engine, NULL);
}

/* The first implementation whose name does not hold `without`. */
static inline dnnl_status_t describe_without(dnnl_primitive_desc_t *ret, const_dnnl_op_desc_t d, const char *without,
                                             dnnl_engine_t engine, const_dnnl_primitive_desc_t hint,
                                             const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_iterator_t i = NULL;
    dnnl_status_t s = dnnl_primitive_desc_iterator_create(&i, d, attr, engine, hint);
    for (; !s; s = dnnl_primitive_desc_iterator_next(i)) {
        const char *name = "";
        dnnl_primitive_desc_t pd = dnnl_primitive_desc_iterator_fetch(i);
        dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
        if (!strstr(name, without)) {
            *ret = pd;
            break;
        }
        dnnl_primitive_desc_destroy(pd);
    }
    dnnl_primitive_desc_iterator_destroy(i);
    return s == dnnl_iterator_ends ? dnnl_unimplemented : s;
}

/* With AMX, 2.6 computes some gradients of weights wrongly (dilation 2, channels that are no multiple of 16): without. */
static inline dnnl_status_t describe_weights(dnnl_primitive_desc_t *ret, dnnl_engine_t engine, desc_view x,
                                             desc_view dw, desc_view db, desc_view dy,
                                             const dnnl_dims_t dilate, const dnnl_dims_t pad,
                                             const_dnnl_primitive_desc_t forward,
                                             const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t stride = {1, 1};
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_dilated_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, x, dw,
                                                                          db, dy, stride, dilate, pad, pad);
    return s ? s : describe_without(ret, &d, "amx", engine, forward, attr);
}

static inline dnnl_status_t describe_product(dnnl_primitive_desc_t *ret, dnnl_engine_t engine, desc_view a,
                                             desc_view b, desc_view c, const_dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;
    dnnl_status_t s = dnnl_matmul_desc_init(&d, a, b, NULL, c);
    return s ? s : dnnl_primitive_desc_create(ret, &d, attr, engine, NULL);
}

static inline dnnl_status_t append_silu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_swish, 1, 0);
}

static inline dnnl_status_t append_add(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum_v3(ops, 1, 0, dnnl_f32);
}

#endif
#endif
