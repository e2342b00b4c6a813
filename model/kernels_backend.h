/* What stands behind kernels.h: a backend is a table of verbs. Plans and weights begin with the structs
 * below, so that kernels.c keeps the cache of plans and each backend adds what it needs. */
#ifndef SQ_MODEL_KERNELS_BACKEND_H
#define SQ_MODEL_KERNELS_BACKEND_H

#include "kernels.h"

struct sq_conv {
    struct sq_kernels *kernels;
    struct sq_conv_shape shape;
    int flags;
    struct sq_conv *next;
};

struct sq_conv_weights {
    struct sq_kernels *kernels;
};

struct sq_kernels {
    const struct sq_backend_verbs *verbs;
    enum sq_dtype dtype;
    struct sq_conv *plans;
};

/* Destructors take half-built objects, never NULL. Plans go before their kernels. */
struct sq_backend_verbs {
    enum sq_status (*create)(struct sq_kernels **ret, struct sq_err *e);
    void (*destroy)(struct sq_kernels *k);
    /* c->kernels, shape and flags are those wanted; on success *ret is c's full-grown copy. */
    enum sq_status (*plan_create)(const struct sq_conv *c, struct sq_conv **ret, struct sq_err *e);
    void (*plan_destroy)(struct sq_conv *c);
    enum sq_status (*weights_create)(const struct sq_conv *c, struct sq_conv_weights **ret, struct sq_err *e);
    void (*weights_load)(struct sq_conv_weights *w, const float *weight, const float *bias);
    void (*weights_destroy)(struct sq_conv_weights *w);
    void (*forward)(const struct sq_conv *c, const struct sq_conv_weights *w, const void *x, void *y);
    void (*backward_data)(const struct sq_conv *c, const struct sq_conv_weights *w, const void *dy, void *dx);
    void (*backward_weights)(const struct sq_conv *c, const void *x, const void *dy, float *dw, float *db);
};

extern const struct sq_backend_verbs sq_backend_dnnl; /* kernels_dnnl.c */

#endif
