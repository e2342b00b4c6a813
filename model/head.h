/* The head: class scores -> the distribution of rain rate, and the loss it learns from.
 *
 * Class c holds rates from edge[c - 1] up to edge[c]; class 0 is dry (below edge[0]). The network corrects advection
 * probabilities: with q their probability of a class, and f a climate of rain,
 *
 *     p = softmax(score + log((1 - e) q + e f)), e = SQ_HEAD_FLOOR;   P(rate >= edge[k]) = sum of p[c] over c > k
 *
 * so a network that knows nothing (scores 0) forecasts what advection does, whatever the radar. f: 0.8 dry, the rest
 * falling by a fifth from class to class; it keeps what advection thinks impossible within reach.
 *
 *     loss = cross-entropy + crps_weight * sum over k of w[k] (P(rate >= edge[k]) - [rate >= edge[k]])^2
 *
 * the second term is CRPSb, the weighted Brier sum by which forecasts are judged (w as in scores.h). */
#ifndef SQ_MODEL_HEAD_H
#define SQ_MODEL_HEAD_H

#include "net.h"

#define SQ_HEAD_FLOOR 0.02f

/* Exceedance probabilities of `n` cells from their scores (classes, n), planes `score_stride` apart, already blended to one
 * lead, and those of advection: base and ret (n_edge, n), planes `stride` apart. */
void sq_head_exceed(int classes, const float *score, size_t score_stride, const float *base, size_t n, float *ret, size_t stride);

struct sq_loss {
    double sum, entropy, crps; /* added up over cells */
    double cells;
};

/* Adds the loss of one lead to *ret and its gradient, times `scale`, to d_scores (n, nodes * classes).
 * base (n_edge, n): advection probabilities of that lead. truth (n): mm/h, NaN where it does not count. */
void sq_head_loss(const struct sq_net_shape *s, double lead_s, float crps_weight, float scale, const float *scores,
                  const float *base, const float *truth, size_t n, float *d_scores, struct sq_loss *ret);

/* w[k] of CRPSb at the edges: half the distance between the neighbours. */
void sq_head_weights(const struct sq_net_shape *s, float *ret_w);

#endif
