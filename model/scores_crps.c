#include "scores.h"

#include <math.h>

/* With w = log(t/a) / log(b/a) from 0 to 1 over the piece, P = (1 - w) p_a + w p_b, and by parts
 *     integral dt = b - a,  integral w dt = b - (b - a) / L,  integral w^2 dt = b - 2 / L integral w dt. */
void sq_crps_init(struct sq_crps *c, int n, const float *edge_mmh, float tail_mmh)
{
    *c = (struct sq_crps){.n = n, .tail = (double)tail_mmh};
    for (int k = 0; k < n; k++)
        c->edge[k] = (double)edge_mmh[k];
    for (int k = 0; k + 1 < n; k++) {
        double a = c->edge[k], b = c->edge[k + 1], l = log(b / a);
        double w = b - (b - a) / l, ww = b - 2 * w / l;
        c->piece[k].log_ratio = l;
        c->piece[k].a = b - a - w;
        c->piece[k].b = w;
        c->piece[k].aa = b - a - 2 * w + ww;
        c->piece[k].ab = 2 * (w - ww);
        c->piece[k].bb = ww;
    }
}

/* The integral of P from 0 to y. */
static double exceed_until(const struct sq_crps *c, const float *p, size_t stride, double y)
{
    int last = c->n - 1;
    double pa = (double)p[0], sum = pa * fmin(y, c->edge[0]);
    for (int k = 0; k < last && y > c->edge[k]; k++) {
        double pb = (double)p[(size_t)(k + 1) * stride], a = c->edge[k];
        if (y >= c->edge[k + 1]) {
            sum += c->piece[k].a * pa + c->piece[k].b * pb;
        } else {
            double slope =
                (pb - pa) / c->piece[k].log_ratio; /* dP / dlog t; integral of P dt = t (P - slope) */
            sum += y * (pa + slope * log(y / a) - slope) - a * (pa - slope);
        }
        pa = pb;
    }
    if (y > c->edge[last])
        sum += (double)p[(size_t)last * stride] * c->tail * (1 - exp((c->edge[last] - y) / c->tail));
    return sum;
}

/* integral of (P - 1{y >= t})^2 = integral of P^2 + integral from 0 to y of (1 - 2 P) */
double sq_crps_cell(const struct sq_crps *c, const float *p, size_t stride, double y)
{
    double pa = (double)p[0], sum = c->edge[0] * pa * pa;
    for (int k = 0; k + 1 < c->n; k++) {
        double pb = (double)p[(size_t)(k + 1) * stride];
        sum += c->piece[k].aa * pa * pa + c->piece[k].ab * pa * pb + c->piece[k].bb * pb * pb;
        pa = pb;
    }
    sum += pa * pa * c->tail / 2;
    return y > 0 ? sum + y - 2 * exceed_until(c, p, stride, y) : sum;
}
