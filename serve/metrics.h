/* Counters of the server. Labels come from fixed sets, never from a request. Any thread. */
#ifndef SQ_SERVE_METRICS_H
#define SQ_SERVE_METRICS_H

#include "layer.h"

#include <stdatomic.h>

enum { SQ_ROUTES_MAX = 32, SQ_CODES = 12, SQ_BUCKETS = 10 };

extern const int sq_metrics_code[SQ_CODES];        /* HTTP codes; the last stands for all others */
extern const double sq_metrics_bucket[SQ_BUCKETS]; /* upper ends, s; the last is infinite */

struct sq_metrics {
    atomic_ullong request[SQ_ROUTES_MAX][SQ_CODES];
    atomic_ullong render[SQ_LAYER_KINDS][SQ_BUCKETS]; /* each bucket alone */
    atomic_ullong render_ns[SQ_LAYER_KINDS];
};

void sq_metrics_request(struct sq_metrics *m, int route, int code);
void sq_metrics_render(struct sq_metrics *m, enum sq_layer_kind kind, double s);

#endif
