/* The head: class scores -> the distribution of rain rate, and the loss it learns from.
 *
 * Class c holds rates from edge[c - 1] up to edge[c]; class 0 is dry (below edge[0]). With p = softmax of
 * the scores, P(rate >= edge[k]) = sum of p[c] over c > k.
 *
 *     loss = cross-entropy + crps_weight * sum over k of w[k] (P(rate >= edge[k]) - [rate >= edge[k]])^2
 *
 * the second term is CRPSb, the weighted Brier sum by which forecasts are judged (w as in scores.h). */
#ifndef SQ_MODEL_HEAD_H
#define SQ_MODEL_HEAD_H

#include "net.h"

/* Exceedance probabilities of `n` cells from their scores (n, classes), already blended to one lead:
 * ret (n_edge, n). */
void sq_head_exceed(int classes, const float *score, size_t n, float *ret, size_t ret_stride);

struct sq_loss {
    double sum, entropy, crps; /* added up over cells */
    double cells;
};

/* Adds the loss of one lead to *ret and its gradient, times `scale`, to d_scores (n, nodes * classes).
 * truth (n): mm/h, NaN where it does not count. */
void sq_head_loss(const struct sq_net_shape *s, double lead_s, float crps_weight, float scale, const float *scores,
                  const float *truth, size_t n, float *d_scores, struct sq_loss *ret);

/* w[k] of CRPSb at the edges: half the distance between the neighbours. */
void sq_head_weights(const struct sq_net_shape *s, float *ret_w);

#endif
