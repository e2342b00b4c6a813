#include "model.h"
#include "scores.h"

#include "core/distribution.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Sums over cells, of one label and lead or of all leads. */
struct tally {
    double cells, crps, crpsb, ae;
    struct sq_event_sums event[];
};

#define SLOTS (SQ_LEAD_MAX + 1) /* slot 0 pools all leads */

struct sq_scores {
    int n_threshold, n_fss, n_label, n_lead;
    float threshold[SQ_THRESHOLD_MAX], fss_km[SQ_SCORE_FSS_MAX], dry;
    char label[SQ_SCORE_LABEL_MAX][96];
    int lead_s[SLOTS]; /* in order of appearance, from slot 1 */
    struct tally *tally[SQ_SCORE_LABEL_MAX][SLOTS];
    struct tally *now; /* the sums of one forecast */
};

/* The cells that count, and what is common to the labels of one call. */
struct common {
    const struct sq_forecast *f;
    size_t cells, n;
    uint8_t *ok;                     /* [cells] */
    size_t *index;                   /* [n] cells that count */
    float *y;                        /* [n] observed there */
    float *fo, *ff;                  /* [cells] observed and forecast event, 0 where a cell does not count */
    double weight[SQ_THRESHOLD_MAX]; /* of each threshold of f in CRPSb */
    bool weighed;
    struct sq_crps crps;
};

/* ---- life -------------------------------------------------------------------------------------------- */

static enum sq_status tally_create(const struct sq_scores *s, struct tally **ret, struct sq_err *e)
{
    void *t = NULL;
    size_t size = sizeof(struct tally) + (size_t)s->n_threshold * sizeof(struct sq_event_sums);
    if (sq_alloc(&t, 1, size, "scores", e))
        return SQ_FAILED;
    *ret = t;
    return SQ_OK;
}

/* Copies a list of positive numbers, or the default. */
static enum sq_status take_list(const float *from, int n, const float *standard, int n_standard, int most,
                                const char *what, float *ret, int *ret_n, struct sq_err *e)
{
    if (!from || n == 0) {
        from = standard;
        n = n_standard;
    }
    if (n < 0 || n > most)
        return sq_fail(e, SQ_USAGE, "%d %s to score, allowed are %d", n, what, most);
    for (int i = 0; i < n; i++) {
        if (!(from[i] > 0) || !isfinite(from[i]))
            return sq_fail(e, SQ_USAGE, "%s %g to score is not above 0", what, (double)from[i]);
        ret[i] = from[i];
    }
    *ret_n = n;
    return SQ_OK;
}

enum sq_status sq_scores_create(const struct sq_scores_params *p, struct sq_scores **ret, struct sq_err *e)
{
    static const float thresholds[] = {0.1f, 0.2f, 1, 2, 5, 10}, scales[] = {1, 10, 20};
    void *mem = NULL;
    if (sq_alloc(&mem, 1, sizeof(struct sq_scores), "scores", e))
        return SQ_FAILED;
    struct sq_scores *s = mem;
    s->dry = p->dry_mmh > 0 ? p->dry_mmh : 0.1f;
    enum sq_status st = take_list(p->threshold_mmh, p->n_thresholds, thresholds, 6, SQ_THRESHOLD_MAX,
                                  "thresholds", s->threshold, &s->n_threshold, e);
    if (!st)
        st = take_list(p->fss_km, p->n_fss, scales, 3, SQ_SCORE_FSS_MAX, "scales", s->fss_km, &s->n_fss, e);
    if (!st)
        st = tally_create(s, &s->now, e);
    if (st)
        sq_scores_destroy(&s);
    else
        *ret = s;
    return st;
}

void sq_scores_destroy(struct sq_scores **s)
{
    if (!*s)
        return;
    for (int i = 0; i < SQ_SCORE_LABEL_MAX; i++)
        for (int j = 0; j < SLOTS; j++)
            free((*s)->tally[i][j]);
    free((*s)->now);
    free(*s);
    *s = NULL;
}

/* ---- finding ----------------------------------------------------------------------------------------- */

static int find_label(const struct sq_scores *s, const char *label)
{
    for (int i = 0; i < s->n_label; i++)
        if (!strcmp(s->label[i], label))
            return i;
    return -1;
}

static int find_slot(const struct sq_scores *s, int lead_s)
{
    if (lead_s == 0)
        return 0;
    for (int i = 1; i <= s->n_lead; i++)
        if (s->lead_s[i] == lead_s)
            return i;
    return -1;
}

static int find_threshold(const float *list, int n, float t)
{
    for (int i = 0; i < n; i++)
        if (fabsf(list[i] - t) <= 1e-6f * fmaxf(1, t))
            return i;
    return -1;
}

static enum sq_status have_label(struct sq_scores *s, const char *label, int *ret, struct sq_err *e)
{
    int i = find_label(s, label);
    if (i < 0) {
        if (strlen(label) >= sizeof s->label[0])
            return sq_fail(e, SQ_USAGE, "label %.40s... is longer than %zu", label, sizeof s->label[0] - 1);
        if (s->n_label == SQ_SCORE_LABEL_MAX)
            return sq_fail(e, SQ_USAGE, "label %s: at most %d are compared", label, SQ_SCORE_LABEL_MAX);
        i = s->n_label++;
        strcpy(s->label[i], label);
    }
    *ret = i;
    return SQ_OK;
}

static enum sq_status have_slot(struct sq_scores *s, int lead_s, int *ret, struct sq_err *e)
{
    int i = lead_s > 0 ? find_slot(s, lead_s) : -1;
    if (i < 0) {
        if (lead_s <= 0)
            return sq_fail(e, SQ_FAILED, "lead of %d s to score is not above 0", lead_s);
        if (s->n_lead == SQ_LEAD_MAX)
            return sq_fail(e, SQ_FAILED, "more than %d different leads to score", SQ_LEAD_MAX);
        i = ++s->n_lead;
        s->lead_s[i] = lead_s;
    }
    *ret = i;
    return SQ_OK;
}

/* ---- one forecast ------------------------------------------------------------------------------------ */

/* CRPSb: which thresholds of the forecast take part, and how heavily. */
static void weigh(struct common *c)
{
    int n = 0, at[SQ_THRESHOLDS];
    const float *t = c->f->threshold_mmh;
    for (int k = 0; k < SQ_THRESHOLDS; k++) {
        int j = find_threshold(t, c->f->n_threshold, sq_thresholds_mmh[k]);
        if (j >= 0)
            at[n++] = j;
    }
    for (int k = 0; k < n; k++) {
        double a = (double)t[at[k > 0 ? k - 1 : 0]], b = (double)t[at[k]];
        double z = (double)t[at[k + 1 < n ? k + 1 : n - 1]];
        c->weight[at[k]] = n == 1 ? 1 : k == 0 ? (b + z) / 2 : k == n - 1 ? b - a : (z - a) / 2;
    }
    c->weighed = n > 0;
}

static void keep_forecast(const float *prob, size_t cells, uint8_t *ok)
{
    for (size_t i = 0; i < cells; i++)
        ok[i] &= (uint8_t)(isfinite(prob[i]) != 0);
}

static void common_finish(struct common *c)
{
    free(c->ok);
    free(c->index);
    free(c->y);
    free(c->fo);
    free(c->ff);
}

static enum sq_status common_init(struct common *c, const struct sq_scores *s, const struct sq_forecast *f,
                                  const float *truth, const uint8_t *mask, const struct sq_scored *label,
                                  int n_labels, struct sq_err *e)
{
    size_t cells = sq_grid_cells(&f->grid);
    *c = (struct common){.f = f, .cells = cells};
    c->ok = malloc(cells);
    c->index = malloc(cells * sizeof *c->index);
    c->y = malloc(cells * sizeof *c->y);
    c->fo = malloc(cells * sizeof *c->fo);
    c->ff = malloc(cells * sizeof *c->ff);
    if (!c->ok || !c->index || !c->y || !c->fo || !c->ff) {
        common_finish(c);
        return sq_fail(e, SQ_FAILED, "out of memory to score %d x %d cells", f->grid.nx, f->grid.ny);
    }
    for (size_t i = 0; i < cells; i++)
        c->ok[i] = isfinite(truth[i]) && (!mask || mask[i]);
    for (int l = 0; l < n_labels; l++)
        for (int k = 0; k < f->n_threshold; k++)
            keep_forecast(label[l].lead->prob + (size_t)k * cells, cells, c->ok);
    for (size_t i = 0; i < cells; i++) {
        if (!c->ok[i])
            continue;
        c->index[c->n] = i;
        c->y[c->n++] = truth[i] < s->dry ? 0 : truth[i];
    }
    weigh(c);
    sq_crps_init(&c->crps, f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH);
    return SQ_OK;
}

static double brier_sum(const struct common *c, const float *prob, float t)
{
    double sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        double d = (double)prob[c->index[i]] - (c->y[i] >= t);
        sum += d * d;
    }
    return sum;
}

static void histogram(const struct common *c, const float *prob, float t, struct sq_event_sums *ret)
{
    uint32_t count[2][SQ_SCORE_LEVELS] = {0};
    for (size_t i = 0; i < c->n; i++) {
        float p = prob[c->index[i]];
        p = p > 0 ? p < 1 ? p : 1 : 0;
        count[c->y[i] >= t][lrintf(p * (SQ_SCORE_LEVELS - 1))]++;
    }
    for (int l = 0; l < SQ_SCORE_LEVELS; l++) {
        ret->n[l] = (double)count[0][l] + count[1][l];
        ret->o[l] = count[1][l];
    }
}

/* Box of a scale in cells along x and y. */
static void box_of(const struct sq_forecast *f, float km, int ret[2])
{
    bool degrees = sq_grid_geographic(&f->grid);
    double cell[2] = {degrees ? f->cell_m[0] : f->grid.dx, degrees ? f->cell_m[1] : f->grid.dy};
    for (int i = 0; i < 2; i++)
        ret[i] = (int)fmax(1, fmin(SQ_GRID_MAX, rint((double)km * 1000 / cell[i])));
}

static enum sq_status event_sums(const struct sq_scores *s, const struct common *c, const float *prob,
                                 float t, struct sq_event_sums *ret, struct sq_err *e)
{
    ret->bs = brier_sum(c, prob, t);
    histogram(c, prob, t, ret);
    memset(c->ff, 0, c->cells * sizeof *c->ff);
    memset(c->fo, 0, c->cells * sizeof *c->fo);
    for (size_t i = 0; i < c->n; i++) {
        c->ff[c->index[i]] = prob[c->index[i]];
        c->fo[c->index[i]] = c->y[i] >= t;
    }
    for (int k = 0; k < s->n_fss; k++) {
        int box[2];
        box_of(c->f, s->fss_km[k], box);
        enum sq_status st = sq_fss_sums(c->ff, c->fo, c->f->grid.nx, c->f->grid.ny, box, ret->fss[k], e);
        if (st)
            return st;
    }
    return SQ_OK;
}

static enum sq_status sum_lead(const struct sq_scores *s, const struct common *c, const struct sq_lead *l,
                               struct tally *ret, struct sq_err *e)
{
    const struct sq_forecast *f = c->f;
    ret->cells = (double)c->n;
    ret->crps = ret->ae = 0;
    for (size_t i = 0; i < c->n; i++) {
        float mean = l->mean[c->index[i]];
        ret->crps += sq_crps_cell(&c->crps, l->prob + c->index[i], c->cells, (double)c->y[i]);
        ret->ae += fabs((double)(mean < s->dry ? 0 : mean) - (double)c->y[i]);
    }
    ret->crpsb = c->weighed ? 0 : NAN;
    memset(ret->event, 0, (size_t)s->n_threshold * sizeof *ret->event);
    for (int k = 0; k < f->n_threshold; k++) {
        const float *prob = l->prob + (size_t)k * c->cells;
        float t = f->threshold_mmh[k];
        int j = find_threshold(s->threshold, s->n_threshold, t);
        enum sq_status st = j >= 0 ? event_sums(s, c, prob, t, &ret->event[j], e) : SQ_OK;
        if (st)
            return st;
        if (c->weight[k] > 0)
            ret->crpsb += c->weight[k] * (j >= 0 ? ret->event[j].bs : brier_sum(c, prob, t));
    }
    return SQ_OK;
}

static enum sq_status accumulate(struct sq_scores *s, struct tally **to, struct sq_err *e)
{
    if (!*to && tally_create(s, to, e))
        return SQ_FAILED;
    (*to)->cells += s->now->cells;
    (*to)->crps += s->now->crps;
    (*to)->crpsb += s->now->crpsb;
    (*to)->ae += s->now->ae;
    for (int k = 0; k < s->n_threshold; k++) {
        struct sq_event_sums *a = &(*to)->event[k];
        const struct sq_event_sums *b = &s->now->event[k];
        for (int l = 0; l < SQ_SCORE_LEVELS; l++) {
            a->n[l] += b->n[l];
            a->o[l] += b->o[l];
        }
        a->bs += b->bs;
        for (int i = 0; i < s->n_fss; i++)
            for (int j = 0; j < 3; j++)
                a->fss[i][j] += b->fss[i][j];
    }
    return SQ_OK;
}

enum sq_status sq_scores_add(struct sq_scores *s, const struct sq_forecast *f, int lead_s, const float *truth,
                             const uint8_t *mask, const struct sq_scored *label, int n_labels,
                             struct sq_err *e)
{
    struct common c;
    int slot = 0, at = 0;
    enum sq_status st = have_slot(s, lead_s, &slot, e);
    if (!st)
        st = common_init(&c, s, f, truth, mask, label, n_labels, e);
    if (st)
        return st;
    for (int i = 0; i < n_labels && !st; i++) {
        st = have_label(s, label[i].label, &at, e);
        if (!st)
            st = sum_lead(s, &c, label[i].lead, s->now, e);
        if (!st)
            st = accumulate(s, &s->tally[at][slot], e);
        if (!st)
            st = accumulate(s, &s->tally[at][0], e);
    }
    common_finish(&c);
    return st;
}

/* ---- results ----------------------------------------------------------------------------------------- */

static double fss_of(const struct sq_scores *s, const struct sq_event_sums *v, float scale_km)
{
    for (int k = 0; k < s->n_fss; k++) {
        const double *sum = v->fss[k];
        if (s->fss_km[k] == scale_km)
            return sum[0] + sum[1] > 0 ? 2 * sum[2] / (sum[0] + sum[1]) : NAN;
    }
    return NAN;
}

double sq_scores_get(const struct sq_scores *s, const char *label, int lead_s, const char *name,
                     float threshold_mmh, float scale_km)
{
#define SCORE(name, field)                                                                                   \
    {                                                                                                        \
        name, offsetof(struct sq_event_scores, field)                                                        \
    }
    static const struct {
        const char *name;
        size_t at;
    } table[] = {SCORE("BASE", base), SCORE("BS", bs),   SCORE("BSS", bss), SCORE("REL", rel),
                 SCORE("RES", res),   SCORE("ROC", roc), SCORE("CSI", csi), SCORE("CSImax", csimax),
                 SCORE("PMAX", pmax), SCORE("POD", pod), SCORE("FAR", far), SCORE("BIAS", bias)};
#undef SCORE
    int i = find_label(s, label), j = find_slot(s, lead_s);
    const struct tally *t = i >= 0 && j >= 0 ? s->tally[i][j] : NULL;
    if (!strcmp(name, "N"))
        return t ? t->cells : 0;
    if (!t || t->cells <= 0)
        return NAN;
    if (!strcmp(name, "CRPS"))
        return t->crps / t->cells;
    if (!strcmp(name, "CRPSb"))
        return t->crpsb / t->cells;
    if (!strcmp(name, "MAE"))
        return t->ae / t->cells;
    int k = find_threshold(s->threshold, s->n_threshold, threshold_mmh);
    if (k < 0)
        return NAN;
    if (!strcmp(name, "FSS"))
        return fss_of(s, &t->event[k], scale_km);
    struct sq_event_scores v;
    sq_event_scores(&t->event[k], &v);
    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++)
        if (!strcmp(name, table[n].name))
            return *(const double *)((const char *)&v + table[n].at);
    return NAN;
}

int sq_scores_labels(const struct sq_scores *s, const char **ret, int most)
{
    for (int i = 0; i < s->n_label && i < most; i++)
        ret[i] = s->label[i];
    return s->n_label < most ? s->n_label : most;
}

static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int sq_scores_leads(const struct sq_scores *s, int *ret, int most)
{
    int sorted[SLOTS];
    memcpy(sorted, s->lead_s, sizeof sorted);
    qsort(sorted + 1, (size_t)s->n_lead, sizeof *sorted, by_size);
    int n = s->n_lead < most ? s->n_lead : most;
    memcpy(ret, sorted + 1, (size_t)n * sizeof *ret);
    return n;
}

int sq_scores_reliability(const struct sq_scores *s, const char *label, int lead_s, float threshold_mmh,
                          int most, double *ret_forecast, double *ret_observed, double *ret_count)
{
    int i = find_label(s, label), j = find_slot(s, lead_s);
    int k = find_threshold(s->threshold, s->n_threshold, threshold_mmh), n = 0;
    if (i < 0 || j < 0 || k < 0 || !s->tally[i][j])
        return 0;
    const struct sq_event_sums *v = &s->tally[i][j]->event[k];
    int bins = most < SQ_SCORE_LEVELS ? most : SQ_SCORE_LEVELS;
    for (int b = 0, l = 0; b < bins; b++) {
        double count = 0, sum = 0, seen = 0;
        for (; l * bins < (b + 1) * SQ_SCORE_LEVELS; l++) {
            count += v->n[l];
            seen += v->o[l];
            sum += v->n[l] * l / (SQ_SCORE_LEVELS - 1.0);
        }
        if (count <= 0)
            continue;
        ret_forecast[n] = sum / count;
        ret_observed[n] = seen / count;
        ret_count[n++] = count;
    }
    return n;
}
