/* The distribution of rain rate at one place and lead: everything served comes from this one function.
 *
 * It is given by exceedance probabilities p[k] = P(rate >= edge[k]) at ascending edges (mm/h). Between
 * edges log-rate is interpolated linearly in p; below edge[0] the rate counts as 0 (dry); beyond the last
 * edge the tail is exponential with mean excess `tail_mmh`. NaN in p[0] means no forecast, and gives NaN. */
#ifndef SQ_CORE_DISTRIBUTION_H
#define SQ_CORE_DISTRIBUTION_H

#define SQ_DISTRIBUTION_MAX 64

struct sq_distribution {
    int n;              /* edges, 2 to SQ_DISTRIBUTION_MAX */
    const float *edge;  /* [n] mm/h, ascending, > 0 */
    float tail_mmh;     /* > 0 */
};

#define SQ_TAIL_MMH 15.0f

/* P(rate >= t). At an edge it is p itself. */
float sq_distribution_exceed(const struct sq_distribution *d, const float *p, float t);

/* The rate that is not exceeded with probability q in (0, 1): 0 where P(dry) >= q. */
float sq_distribution_quantile(const struct sq_distribution *d, const float *p, float q);

/* Mean rate: it is linear in p, sum of weight[k] * p[k], with the weights (n) of these edges. */
float sq_distribution_mean(const struct sq_distribution *d, const float *p);
void sq_distribution_mean_weights(const struct sq_distribution *d, float *ret_weight);

/* Makes p a distribution: into [0, 1] and falling. */
void sq_distribution_order(int n, float *p);

#endif
