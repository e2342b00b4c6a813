#include "metrics.h"

#include <math.h>

const int sq_metrics_code[SQ_CODES] = {200, 204, 304, 400, 404, 405, 413, 414, 431, 500, 503, 0};
const double sq_metrics_bucket[SQ_BUCKETS] = {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, INFINITY};

void sq_metrics_request(struct sq_metrics *m, int route, int code)
{
    int k = 0;
    while (k < SQ_CODES - 1 && sq_metrics_code[k] != code)
        k++;
    atomic_fetch_add_explicit(&m->request[route][k], 1, memory_order_relaxed);
}

void sq_metrics_render(struct sq_metrics *m, enum sq_layer_kind kind, double s)
{
    int k = 0;
    while (s > sq_metrics_bucket[k])
        k++;
    atomic_fetch_add_explicit(&m->render[kind][k], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->render_ns[kind], (unsigned long long)(1e9 * s), memory_order_relaxed);
}
