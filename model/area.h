/* How much of the area is wet, left as advection has it.
 *
 * What a network learnt of one radar's rain it carries over to another's: there it lets too much or too little area reach
 * a rate. Advection knows the case: each rate keeps the area that it has now, and grows as it grew (amounts.h). So each class
 * gets a factor, the same everywhere, on its probability (renormalised: the correction of priors of M. Saerens,
 * P. Latinne and C. Decaestecker 2002), such that its total over the parts where it rains most is that of advection;
 * found by iterative proportional fitting. Where, and how certain, remains the network's. */
#ifndef SQ_MODEL_AREA_H
#define SQ_MODEL_AREA_H

#include "net.h"

struct sq_nowcast;

struct sq_area {
    int n_edge;
    float log_factor[SQ_NODE_MAX][SQ_CLASS_MAX]; /* at the network's lead nodes */
};

/* Of the nodes that leads up to the forecast's last one blend; needs all else of the nowcast. */
enum sq_status sq_area_init(struct sq_area *ret, const struct sq_nowcast *n, struct sq_err *e) SQ_CHECK;

/* Reweighs the classes of n cells: p (n_edge, n), P(rate >= edge), descending with edge. */
void sq_area_apply(const struct sq_area *a, const struct sq_net_shape *s, double lead_s, size_t n, float *p);

#endif
