/* How forecasts are judged: the definitions behind sq_scores_* (model.h), and the parts they are made of.
 *
 * The observation y is the radar on the forecast's grid; y below `dry_mmh` is 0, and so is the mean of the
 * forecast below it. Event at threshold t: o = (y >= t). p is the forecast's P(rate >= t). Only cells count
 * that are observed, unmasked, and forecast (every threshold not NaN) by all labels. Scores follow from
 * sums over cells, so pooling over leads and forecasts weighs by cells.
 *
 *   CRPS    mean of integral over t of (P(rate >= t) - 1{y >= t})^2, the forecast's own function of
 *           core/distribution.h integrated exactly (Matheson and Winkler 1976; Gneiting and Raftery 2007)
 *   CRPSb   the same integral as a sum of Brier scores, over the forecast's thresholds t_k that are among
 *           sq_thresholds_mmh: sum of w_k BS(t_k), w_k = (t_k+1 - t_k-1) / 2, w_1 = (t_1 + t_2) / 2,
 *           w_K = t_K - t_K-1 (threshold decomposition: Gneiting and Ranjan 2011)
 *   MAE     mean |E[rate] - y|
 *   BS      mean (p - o)^2 (Brier 1950); BASE = mean o; BSS = 1 - BS / (BASE (1 - BASE))
 *   REL RES reliability and resolution (Murphy 1973) of p rounded to 201 levels l/200
 *   ROC     area under hit rate against false alarm rate over these levels, trapezoids (Mason 1982)
 *   CSI POD FAR BIAS  of the warning "level >= 100", that is p >= 0.5 but for rounding
 *   CSImax  the largest CSI over warnings "level >= l", l >= 1; PMAX = l/200 of the lowest such l
 *   FSS     fractions skill score, 2 sum(F O) / (sum F^2 + sum O^2) with F, O the means of p and of o in a
 *           box of round(scale / cell) cells, zero beyond the map and in cells that do not count (Roberts
 *           and Lean 2008, with probabilities in the place of a binary forecast)
 */
#ifndef SQ_MODEL_SCORES_H
#define SQ_MODEL_SCORES_H

#include "core/forecast.h"

#include <stddef.h>

#define SQ_SCORE_LEVELS 201
#define SQ_SCORE_FSS_MAX 8
#define SQ_SCORE_LABEL_MAX 16

/* ---- one event: sums, and the scores that follow ----------------------------------------------------- */

struct sq_event_sums {
    double n[SQ_SCORE_LEVELS];       /* cells forecast at each level */
    double o[SQ_SCORE_LEVELS];       /* of these, cells where the event came */
    double bs;                       /* sum of (p - o)^2 */
    double fss[SQ_SCORE_FSS_MAX][3]; /* sums of F F, O O, F O */
};

struct sq_event_scores {
    double base, bs, bss, rel, res, roc, csi, csimax, pmax, pod, far, bias;
};

/* NaN throughout where no cell was counted; a score alone is NaN where it is not defined. FAR without a
 * warning and POD without an event are 0. */
void sq_event_scores(const struct sq_event_sums *s, struct sq_event_scores *ret);

/* ---- CRPS of one cell -------------------------------------------------------------------------------- */

/* What depends on the edges alone; made once for a forecast. */
struct sq_crps {
    int n;
    double tail;
    double edge[SQ_THRESHOLD_MAX];
    struct {
        double log_ratio;  /* log(b / a) of the piece from edge k = a to edge k + 1 = b */
        double a, b;       /* integral of P over the piece = a p[k] + b p[k + 1] */
        double aa, ab, bb; /* of P^2 = aa p[k]^2 + ab p[k] p[k+1] + bb p[k+1]^2 */
    } piece[SQ_THRESHOLD_MAX];
};
void sq_crps_init(struct sq_crps *c, int n, const float *edge_mmh, float tail_mmh);

/* p[k * stride] = P(rate >= edge k), y >= 0 mm/h; mm/h. */
double sq_crps_cell(const struct sq_crps *c, const float *p, size_t stride, double y);

/* ---- fractions skill score --------------------------------------------------------------------------- */

/* Sums of F F, O O and F O over all cells, F and O being sums over a box of box[0] x box[1] cells (x, y)
 * whose cell box / 2 (counted from 0) lies on the cell in question; f and o are (ny, nx). Fails when out of
 * memory. */
enum sq_status sq_fss_sums(const float *f, const float *o, int nx, int ny, const int box[2], double ret[3],
                           struct sq_err *e) SQ_CHECK;

#endif
