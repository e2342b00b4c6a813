#include "scores.h"

#include <math.h>

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* Murphy's parts; `base` is the mean observation. */
static void murphy(const struct sq_event_sums *s, double n, struct sq_event_scores *ret)
{
    ret->rel = ret->res = 0;
    for (int l = 0; l < SQ_SCORE_LEVELS; l++) {
        if (s->n[l] <= 0)
            continue;
        double p = l / (SQ_SCORE_LEVELS - 1.0), o = s->o[l] / s->n[l];
        ret->rel += s->n[l] * (p - o) * (p - o) / n;
        ret->res += s->n[l] * (o - ret->base) * (o - ret->base) / n;
    }
}

/* Warnings "level >= l" for every l, from the highest down. */
static void warnings(const struct sq_event_sums *s, double n, double events, struct sq_event_scores *ret)
{
    double hit = 0, wrong = 0, area = 0;
    ret->csimax = -1;
    for (int l = SQ_SCORE_LEVELS - 1; l >= 0; l--) {
        double fresh = s->n[l] - s->o[l], before = hit;
        hit += s->o[l];
        wrong += fresh;
        area += fresh * (before + hit) / 2;
        double csi = ratio(hit, events + wrong);
        if (l > 0 && csi >= ret->csimax) {
            ret->csimax = csi;
            ret->pmax = l / (SQ_SCORE_LEVELS - 1.0);
        }
        if (l == SQ_SCORE_LEVELS / 2) {
            ret->csi = csi;
            ret->pod = ratio(hit, events);
            ret->far = ratio(wrong, hit + wrong);
            ret->bias = events > 0 ? (hit + wrong) / events : NAN;
        }
    }
    ret->roc = events > 0 && n > events ? area / (events * (n - events)) : NAN;
}

void sq_event_scores(const struct sq_event_sums *s, struct sq_event_scores *ret)
{
    double n = 0, events = 0;
    for (int l = 0; l < SQ_SCORE_LEVELS; l++) {
        n += s->n[l];
        events += s->o[l];
    }
    if (n <= 0) {
        *ret = (struct sq_event_scores){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        return;
    }
    ret->base = events / n;
    ret->bs = s->bs / n;
    double uncertainty = ret->base * (1 - ret->base);
    ret->bss = uncertainty > 0 ? 1 - ret->bs / uncertainty : NAN;
    murphy(s, n, ret);
    warnings(s, n, events, ret);
}
