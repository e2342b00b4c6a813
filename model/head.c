#include "head.h"

#include "core/hot.h"
#include "fastmath.h"

#include <math.h>
#include <string.h>

/* Cells are worked on LANE at a time, class by class, so that every loop is a vector over cells. */
enum { LANE = 16 };

void sq_head_weights(const struct sq_net_shape *s, float *ret_w)
{
    int n = s->n_edge;
    const float *t = s->edge_mmh;
    for (int k = 0; k < n; k++) {
        float lo = k ? t[k - 1] : -t[0], hi = k + 1 < n ? t[k + 1] : t[k];
        ret_w[k] = k + 1 < n ? 0.5f * (hi - lo) : t[k] - t[k - 1];
    }
}

/* Class probabilities of advection, floored. */
static inline void base_classes(float q[][LANE], int classes, const float *base, size_t stride, int lanes)
{
    float above[LANE], floor = SQ_HEAD_FLOOR * 0.04f / (1 - powf(0.8f, (float)(classes - 1)));
    for (int i = 0; i < LANE; i++)
        above[i] = 1;
    for (int c = 0; c < classes; c++) {
        float next[LANE] = {0};
        if (c + 1 < classes)
            memcpy(next, base + (size_t)c * stride, (size_t)lanes * sizeof *base);
        for (int i = 0; i < LANE; i++) {
            float p = above[i] - next[i];
            q[c][i] = (1 - SQ_HEAD_FLOOR) * (p > 0 ? p : 0) + (c ? floor : SQ_HEAD_FLOOR * 0.8f);
            above[i] = next[i];
        }
        floor *= c ? 0.8f : 1;
    }
}

/* Adds the logs of those to z. */
static inline void add_base(float z[][LANE], int classes, const float *base, size_t stride, int lanes)
{
    float q[SQ_CLASS_MAX][LANE];
    base_classes(q, classes, base, stride, lanes);
    for (int c = 0; c < classes; c++)
        for (int i = 0; i < LANE; i++)
            z[c][i] += sq_logf(q[c][i]);
}

/* z -> p in place; returns log of the sum in `lse`. */
static inline void softmax(float z[][LANE], int classes, float *lse)
{
    float top[LANE], sum[LANE] = {0};
    for (int i = 0; i < LANE; i++)
        top[i] = z[0][i];
    for (int c = 1; c < classes; c++)
        for (int i = 0; i < LANE; i++)
            top[i] = z[c][i] > top[i] ? z[c][i] : top[i];
    for (int c = 0; c < classes; c++)
        for (int i = 0; i < LANE; i++) {
            z[c][i] = sq_expf(z[c][i] - top[i]);
            sum[i] += z[c][i];
        }
    for (int i = 0; i < LANE; i++) {
        lse[i] = top[i] + logf(sum[i]);
        sum[i] = 1 / sum[i];
    }
    for (int c = 0; c < classes; c++)
        for (int i = 0; i < LANE; i++)
            z[c][i] *= sum[i];
}

/* softmax(score + log q) is q exp(score) but for a factor; the largest score is taken off, and the floor of q keeps the sum away
 * from 0. */
SQ_HOT static void exceed_lane(int classes, const float *score, size_t score_stride, const float *base, int lanes, float *ret,
                                size_t stride)
{
    float q[SQ_CLASS_MAX][LANE], z[SQ_CLASS_MAX][LANE] = {{0}}, top[LANE], sum[LANE] = {0}, above[LANE] = {0};
    for (int c = 0; c < classes; c++)
        memcpy(z[c], score + (size_t)c * score_stride, (size_t)lanes * sizeof *score);
    base_classes(q, classes, base, stride, lanes);
    memcpy(top, z[0], sizeof top);
    for (int c = 1; c < classes; c++)
        for (int i = 0; i < LANE; i++)
            top[i] = z[c][i] > top[i] ? z[c][i] : top[i];
    for (int c = 0; c < classes; c++)
        for (int i = 0; i < LANE; i++) {
            q[c][i] *= sq_expf(z[c][i] - top[i]);
            sum[i] += q[c][i];
        }
    for (int i = 0; i < LANE; i++)
        sum[i] = 1 / sum[i];
    for (int k = classes - 2; k >= 0; k--) {
        for (int i = 0; i < LANE; i++)
            above[i] += q[k + 1][i] * sum[i];
        memcpy(ret + (size_t)k * stride, above, (size_t)lanes * sizeof *ret);
    }
}

void sq_head_exceed(int classes, const float *score, size_t score_stride, const float *base, size_t n, float *ret, size_t stride)
{
    for (size_t i = 0; i < n; i += LANE)
        exceed_lane(classes, score + i, score_stride, base + i, n - i < LANE ? (int)(n - i) : LANE, ret + i, stride);
}

struct lane_job {
    int classes, total, a; /* total = nodes * classes: the stride of a cell */
    float w, crps_weight, scale;
    const float *edge, *weight;
    size_t stride; /* between the planes of base */
};

/* Cells side by side on their way from scores to the loss and its gradient. */
struct lane {
    float z[SQ_CLASS_MAX][LANE]; /* log probabilities of the classes but for a constant, then probabilities */
    float g[SQ_CLASS_MAX][LANE]; /* d loss / d scores */
    float truth_z[LANE], lse[LANE], crps[LANE];
    int class[LANE];             /* of the truth */
    float counts[LANE];          /* 1 or 0 */
};

static inline void blend_scores(const struct lane_job *j, const float *scores, int lanes, struct lane *l)
{
    const float *a = scores + j->a * j->classes, *b = j->w > 0 ? a + j->classes : a;
    for (int i = 0; i < lanes; i++)
        for (int c = 0; c < j->classes; c++)
            l->z[c][i] = (1 - j->w) * a[i * j->total + c] + j->w * b[i * j->total + c];
}

static inline void classify(const struct lane_job *j, const float *truth, int lanes, struct lane *l)
{
    for (int i = 0; i < lanes; i++)
        l->counts[i] = isnan(truth[i]) ? 0 : 1;
    for (int k = 0; k < j->classes - 1; k++)
        for (int i = 0; i < lanes; i++)
            l->class[i] += truth[i] >= j->edge[k];
    for (int i = 0; i < lanes; i++)
        l->truth_z[i] = l->z[l->class[i]][i];
}

/* CRPSb, and in g its derivative by the class probabilities: d / d p[c] = sum over k < c of 2 w[k] (P_k - o_k). `dot` is the
 * mean of that over the classes, by which it reaches the scores. */
static inline void rank(const struct lane_job *j, struct lane *l, float *dot)
{
    float above[LANE] = {0}, sum[LANE] = {0};
    for (int k = j->classes - 2; k >= 0; k--)
        for (int i = 0; i < LANE; i++) {
            above[i] += l->z[k + 1][i];
            float miss = above[i] - (float)(l->class[i] > k);
            l->crps[i] += j->weight[k] * miss * miss;
            l->g[k + 1][i] = 2 * j->weight[k] * miss;
        }
    for (int c = 1; c < j->classes; c++)
        for (int i = 0; i < LANE; i++) {
            sum[i] += l->g[c][i];
            l->g[c][i] = sum[i];
            dot[i] += sum[i] * l->z[c][i];
        }
}

/* Of entropy and CRPSb together. */
static inline void differentiate(const struct lane_job *j, const float *dot, struct lane *l)
{
    for (int c = 0; c < j->classes; c++)
        for (int i = 0; i < LANE; i++) {
            float entropy = l->z[c][i] - (float)(l->class[i] == c);
            float ranked = l->z[c][i] * (l->g[c][i] - dot[i]);
            l->g[c][i] = l->counts[i] * j->scale * (entropy + j->crps_weight * ranked);
        }
}

static inline void add_gradient(const struct lane_job *j, const struct lane *l, int lanes, float *d_scores)
{
    for (int i = 0; i < lanes; i++) {
        float *a = d_scores + (size_t)i * (size_t)j->total + j->a * j->classes;
        for (int c = 0; c < j->classes; c++)
            a[c] += (1 - j->w) * l->g[c][i];
        for (int c = 0; c < j->classes && j->w > 0; c++)
            a[j->classes + c] += j->w * l->g[c][i];
    }
}

static inline void add_loss(const struct lane_job *j, const struct lane *l, int lanes, struct sq_loss *ret)
{
    for (int i = 0; i < lanes; i++) {
        if (l->counts[i] == 0)
            continue;
        ret->entropy += l->lse[i] - l->truth_z[i];
        ret->crps += l->crps[i];
        ret->sum += l->lse[i] - l->truth_z[i] + j->crps_weight * l->crps[i];
        ret->cells += 1;
    }
}

SQ_HOT static void loss_lane(const struct lane_job *j, const float *scores, const float *base, const float *truth,
                             int lanes, float *d_scores, struct sq_loss *ret)
{
    struct lane l = {0};
    float dot[LANE] = {0};
    blend_scores(j, scores, lanes, &l);
    add_base(l.z, j->classes, base, j->stride, lanes);
    classify(j, truth, lanes, &l);
    softmax(l.z, j->classes, l.lse);
    rank(j, &l, dot);
    differentiate(j, dot, &l);
    add_gradient(j, &l, lanes, d_scores);
    add_loss(j, &l, lanes, ret);
}

void sq_head_loss(const struct sq_net_shape *s, double lead_s, float crps_weight, float scale, const float *scores,
                  const float *base, const float *truth, size_t n, float *d_scores, struct sq_loss *ret)
{
    float weight[SQ_CLASS_MAX];
    struct lane_job j = {.classes = sq_net_classes(s), .crps_weight = crps_weight, .scale = scale,
                         .edge = s->edge_mmh, .weight = weight, .stride = n};
    j.total = s->n_node * j.classes;
    sq_head_weights(s, weight);
    sq_net_blend(s, lead_s, &j.a, &j.w);
    for (size_t i = 0; i < n; i += LANE) {
        size_t at = i * (size_t)j.total;
        int lanes = n - i < LANE ? (int)(n - i) : LANE, seen = 0;
        for (int k = 0; k < lanes; k++)
            seen += !isnan(truth[i + (size_t)k]);
        if (seen)
            loss_lane(&j, scores + at, base + i, truth + i, lanes, d_scores + at, ret);
    }
}
