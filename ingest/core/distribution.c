#include "distribution.h"

#include <math.h>

float sq_distribution_exceed(const struct sq_distribution *d, const float *p, float t)
{
    const float *edge = d->edge;
    int last = d->n - 1;
    if (t <= edge[0])
        return p[0];
    if (t >= edge[last])
        return p[last] * expf(-(t - edge[last]) / d->tail_mmh);
    int k = 1;
    while (edge[k] < t)
        k++;
    float w = logf(t / edge[k - 1]) / logf(edge[k] / edge[k - 1]);
    return p[k - 1] + w * (p[k] - p[k - 1]);
}

float sq_distribution_quantile(const struct sq_distribution *d, const float *p, float q)
{
    float above = 1 - q; /* the probability left above the answer */
    int last = d->n - 1;
    if (isnan(p[0]))
        return NAN;
    if (p[0] <= above)
        return 0;
    if (p[last] > above)
        return d->edge[last] + d->tail_mmh * logf(p[last] / above);
    int k = 1;
    while (p[k] > above)
        k++;
    float w = (p[k - 1] - above) / (p[k - 1] - p[k]);
    return d->edge[k - 1] * powf(d->edge[k] / d->edge[k - 1], w);
}

/* E[R] = integral of P(R >= t). With P linear in log t between a and b, the piece from a to b is
 * p_a * (m - a) + p_b * (b - m) with m = (b - a) / log(b / a), the logarithmic mean. */
void sq_distribution_mean_weights(const struct sq_distribution *d, float *ret_weight)
{
    ret_weight[0] = d->edge[0];
    for (int k = 1; k < d->n; k++) {
        double a = d->edge[k - 1], b = d->edge[k], m = (b - a) / log(b / a);
        ret_weight[k - 1] += (float)(m - a);
        ret_weight[k] = (float)(b - m);
    }
    ret_weight[d->n - 1] += d->tail_mmh;
}

float sq_distribution_mean(const struct sq_distribution *d, const float *p)
{
    float weight[SQ_DISTRIBUTION_MAX], sum = 0;
    sq_distribution_mean_weights(d, weight);
    for (int k = 0; k < d->n; k++)
        sum += weight[k] * p[k];
    return sum;
}

void sq_distribution_order(int n, float *p)
{
    float most = 1;
    for (int k = 0; k < n; k++) {
        p[k] = p[k] > most ? most : p[k] > 0 ? p[k] : 0;
        most = p[k];
    }
}
