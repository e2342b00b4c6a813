/* The network: features in the moving frame -> class scores per lead node and cell, in one pass.
 *
 *     features (h, w, F)  --space to depth 2-->  (h/2, w/2, 4F)  --3x3-->  x (h/2, w/2, C), the residual stream
 *     for each stack, for each dilation d:   x += conv3x3(silu(conv3x3 dilated by d (norm(x))))
 *     norm(x)  --1x1--> 4U  --depth to space 2--> (h, w, U), beside the features (h, w, F)
 *     --3x3--> silu (h, w, H)  --1x1--> (h, w, nodes * classes)
 *
 * norm: zero mean and unit variance over the channels of one cell (J. L. Ba et al. 2016, without affine:
 * the next convolution has it), never over space, so that tiles do not change the answer.
 * Context is that of MetNet-2's dilated residual stacks (L. Espeholt et al. 2022), one pass for all leads. */
#ifndef SQ_MODEL_NET_H
#define SQ_MODEL_NET_H

#include "scene_features.h"
#include "kernels.h"

#define SQ_NODE_MAX 16
#define SQ_DILATION_MAX 16
#define SQ_CLASS_MAX 33

struct sq_net_shape {
    int channels;                    /* C, the residual stream */
    int stacks;                      /* >= 1 */
    int n_dilation;                  /* blocks per stack */
    int dilation[SQ_DILATION_MAX];
    int up;                          /* U */
    int hidden;                      /* H */
    int n_node;                      /* lead nodes; leads between them blend the scores of their neighbours */
    int node_s[SQ_NODE_MAX];         /* ascending, > 0 */
    struct sq_slots slots;           /* radar frames that are looked at */
    int beside;                      /* planes beside the radar, two features each; 0: radar alone */
    int n_edge;                      /* class edges; classes = n_edge + 1 */
    float edge_mmh[SQ_CLASS_MAX - 1];
};

/* F, features of a cell. */
static inline int sq_net_features(const struct sq_net_shape *s)
{
    return SQ_FEATURES(s->slots.n) + 2 * s->beside;
}

static inline int sq_net_classes(const struct sq_net_shape *s)
{
    return s->n_edge + 1;
}

/* One convolution's place in the block of parameters: weight (out, in, k, k), then bias (out). */
struct sq_layer {
    char name[32];
    int in, out, kernel;
    size_t weight, bias; /* offsets */
};

#define SQ_LAYER_MAX 256

struct sq_net {
    struct sq_net_shape shape;
    int n_layer;
    struct sq_layer layer[SQ_LAYER_MAX]; /* stem, (block i: dilated, dense)..., neck, full, head */
    size_t n_parameters;
    float *theta; /* [n_parameters] */
};

/* Checks the shape and lays out zero parameters. Caller finishes. */
enum sq_status sq_net_init(struct sq_net *n, const struct sq_net_shape *s, struct sq_err *e) SQ_CHECK;
void sq_net_finish(struct sq_net *n);
/* He's initialisation, seeded; residual branches and class scores begin small. */
void sq_net_randomise(struct sq_net *n, uint64_t seed);
/* Takes the parameters of a network of the same shape that looks at the same radar frames or some of them; what the
 * others give begins with weights of 0. False: its shape is another. */
bool sq_net_grow(struct sq_net *n, const struct sq_net *from);
/* Cells of context that one output cell sees to each side. */
int sq_net_reach(const struct sq_net_shape *s);

/* A network at work on batches of one size: plans, packed weights and activations. */
struct sq_net_run;
enum sq_status sq_net_run_create(const struct sq_net *n, struct sq_kernels *k, enum sq_dtype t, int batch, int h,
                                 int w, bool train, struct sq_net_run **ret, struct sq_err *e) SQ_CHECK;
void sq_net_run_destroy(struct sq_net_run **r);
/* Packs the parameters; call after they changed. */
void sq_net_run_load(struct sq_net_run *r, const struct sq_net *n);

/* features (batch, h, w, F); h and w even. Inference: ends with the hidden layer, (batch, h, w, H) of the
 * element type. Training: ends with the scores, (batch, h, w, nodes * classes) float. Owned by the run. */
const void *sq_net_forward(struct sq_net_run *r, const float *features);
/* After a training forward: d loss / d scores (float, overwritten) -> gradient (n_parameters), overwritten. */
void sq_net_backward(struct sq_net_run *r, float *d_scores, float *gradient);

/* Node scores blend linearly in lead: score(lead) = (1 - *ret_w) * node[*ret_a] + *ret_w * node[*ret_a + 1];
 * constant beyond the ends. */
void sq_net_blend(const struct sq_net_shape *s, double lead_s, int *ret_a, float *ret_w);

#endif
