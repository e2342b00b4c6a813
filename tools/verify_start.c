/* The forecasts of one issue time beside the observations. */
#include "verify.h"

#include "ingest.h"
#include "model.h"
#include "serve.h"

#include "core/instant.h"
#include "core/nest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enum sq_method baseline[SQ_VERIFY_BASELINES] = {SQ_METHOD_PERSISTENCE, SQ_METHOD_EXTRAPOLATION,
                                                             SQ_METHOD_ADVECTION};

const char *sq_verify_baseline(int i)
{
    return sq_method_name(baseline[i]);
}

/* One label of one start. */
struct entry {
    const char *label;
    const struct sq_forecast *f;      /* the layout of its leads */
    struct sq_product_reader *reader; /* a file, or */
    struct sq_nowcast *nowcast;       /* a baseline with */
    struct sq_forecast own;           /* its description */
    struct sq_lead lead;
};

/* Forecasts of one issue time. */
struct start {
    struct sq_verify_job *job;
    const char *path;          /* of the first file */
    struct sq_forecast common; /* grid, issue time, thresholds that all have; owns nothing */
    struct entry entry[SQ_VERIFY_LINES];
    int n;
    struct sq_cube cube; /* what the baselines see */
    struct sq_mask mask; /* if any */
    float *truth;
    uint8_t *ok;
};

/* ---- one start --------------------------------------------------------------------------------------- */

static int threshold_at(const struct sq_forecast *f, float t)
{
    for (int i = 0; i < f->n_threshold; i++)
        if (fabsf(f->threshold_mmh[i] - t) <= 1e-6f * fmaxf(1, t))
            return i;
    return -1;
}

static int lead_at(const struct sq_forecast *f, int lead_s)
{
    for (int i = 0; i < f->n_lead; i++)
        if (f->lead_s[i] == lead_s)
            return i;
    return -1;
}

/* Brings the planes of the common thresholds to the front, where sq_scores_add expects them. */
static void pick_thresholds(struct sq_lead *l, const struct sq_forecast *from, const struct sq_forecast *to)
{
    size_t cells = sq_grid_cells(&to->grid);
    for (int k = 0; k < to->n_threshold; k++) { /* both ascend: the source never lies before the target */
        size_t j = (size_t)threshold_at(from, to->threshold_mmh[k]);
        memmove(l->prob + (size_t)k * cells, l->prob + j * cells, cells * sizeof *l->prob);
    }
}

/* Same cells? Forecasts may state one coordinate system in different words. */
static bool same_cells(const struct sq_grid *a, const struct sq_grid *b)
{
    struct sq_nest n;
    return a->nx == b->nx && a->ny == b->ny && !sq_nest_find(a, b, "", &n, NULL) && n.k == 1;
}

/* Opens one file of the start and narrows what is common. */
static enum sq_status open_entry(struct start *s, const struct sq_verify_file *file, struct sq_err *e)
{
    struct entry *n = &s->entry[s->n];
    struct sq_forecast *c = &s->common;
    enum sq_status st = sq_product_open(file->path, &n->f, &n->reader, e);
    if (st)
        return st;
    n->label = file->label;
    if (s->n++ == 0) {
        *c = *n->f;
        c->quality = NULL;
        c->inputs_used = c->inputs_missing = c->sources = NULL;
        return SQ_OK;
    }
    if (!same_cells(&c->grid, &n->f->grid))
        return sq_fail(e, SQ_FAILED, "%s: its grid is not that of %.200s: score them separately", file->path,
                       s->path);
    int kept = 0;
    for (int i = 0; i < c->n_threshold; i++)
        if (threshold_at(n->f, c->threshold_mmh[i]) >= 0)
            c->threshold_mmh[kept++] = c->threshold_mmh[i];
    c->n_threshold = kept;
    if (!kept)
        return sq_fail(e, SQ_FAILED, "%s: has no threshold in common with %.200s", file->path, s->path);
    return SQ_OK;
}

/* Leads that every file has, and the call asks for. */
static void common_leads(struct start *s)
{
    struct sq_forecast *c = &s->common;
    int kept = 0;
    for (int i = 0; i < c->n_lead; i++) {
        const struct sq_list *want = &s->job->leads;
        bool keep = !want->n;
        for (int k = 0; k < want->n; k++)
            keep |= fabs(want->v[k] * 60 - c->lead_s[i]) < 0.6;
        for (int k = 1; k < s->n; k++)
            keep &= lead_at(s->entry[k].f, c->lead_s[i]) >= 0;
        if (keep)
            c->lead_s[kept++] = c->lead_s[i];
    }
    c->n_lead = kept;
}

static void start_finish(struct start *s)
{
    for (int i = 0; i < s->n; i++) {
        sq_product_close(&s->entry[i].reader);
        sq_nowcast_destroy(&s->entry[i].nowcast);
        sq_forecast_finish(&s->entry[i].own);
        sq_lead_finish(&s->entry[i].lead);
    }
    sq_cube_finish(&s->cube);
    sq_mask_finish(&s->mask);
    free(s->truth);
    free(s->ok);
}

static enum sq_status open_baseline(struct start *s, enum sq_method method, struct sq_err *e)
{
    struct entry *n = &s->entry[s->n];
    enum sq_status st = SQ_OK;
    *n = (struct entry){.label = sq_method_name(method), .own = s->common};
    n->own.n_percentile = 0;
    n->f = &n->own;
    if (!s->cube.n) {
        struct sq_cube_params p = {.at = s->common.issue_time, .from = INT64_MIN, .frames = SQ_SLOTS, .past_s = SQ_PAST_S};
        char text[32];
        st = sq_cube_build(s->job->in, &p, &s->cube, e);
        if (!st && s->cube.frame[s->cube.n - 1].time != s->common.issue_time)
            st = sq_fail(e, SQ_FAILED, "no observed frame of %s", sq_instant_iso(s->common.issue_time, text));
        if (!st)
            st = sq_nest_cube(&s->cube, &s->common.grid, s->path, e);
    }
    struct sq_nowcast_params p = {.method = method, .threads = s->job->threads};
    if (!st)
        st = sq_nowcast_create(&s->cube, &p, &n->own, &n->nowcast, e);
    if (!st)
        st = sq_lead_init(&n->lead, n->f, e);
    s->n++;
    return st;
}

/* A baseline that cannot be made is left out, and counted. */
static void open_baselines(struct start *s)
{
    struct sq_verify_job *j = s->job;
    for (int i = 0; i < SQ_VERIFY_BASELINES; i++) {
        bool taken = j->no_baselines;
        for (int k = 0; k < j->set.n_label; k++)
            taken |= !strcmp(j->set.label[k], sq_verify_baseline(i));
        if (taken || !open_baseline(s, baseline[i], &j->why[i]))
            continue;
        struct entry *bad = &s->entry[--s->n];
        sq_nowcast_destroy(&bad->nowcast);
        sq_forecast_finish(&bad->own);
        sq_lead_finish(&bad->lead);
        j->failed[i]++;
    }
}

/* SQ_ABSENT: there are masks, but none for this issue time. */
static enum sq_status open_mask(struct start *s, struct sq_err *e)
{
    const struct sq_verify_job *j = s->job;
    char text[32];
    for (int i = 0; i < j->masks.n; i++)
        if (j->mask[i].issue == s->common.issue_time)
            return sq_mask_read(j->mask[i].path, &s->mask, e);
    return j->masks.n ? sq_fail(e, SQ_ABSENT, "no mask for %s", sq_instant_iso(s->common.issue_time, text))
                      : SQ_OK;
}

/* ---- one lead ---------------------------------------------------------------------------------------- */

/* The frame nearest to t within the tolerance, on the grid of the forecast. SQ_ABSENT where there is none. */
static enum sq_status read_truth(struct start *s, int64_t t, struct sq_err *e)
{
    struct sq_verify_job *j = s->job;
    int best = -1;
    for (int i = 0; i < sq_inputs_count(j->in); i++) {
        long long d = llabs((long long)(sq_inputs_info(j->in, i)->time - t));
        if (d <= j->within_s && (best < 0 || d < llabs((long long)(sq_inputs_info(j->in, best)->time - t))))
            best = i;
    }
    char text[32];
    if (best < 0)
        return sq_fail(e, SQ_ABSENT, "no observed frame of %s", sq_instant_iso(t, text));
    struct sq_nest nest;
    struct sq_field field = {0};
    enum sq_status st = sq_nest_find(&sq_inputs_info(j->in, best)->grid, &s->common.grid, s->path, &nest, e);
    if (!st)
        st = sq_inputs_read(j->in, best, &field, e);
    if (!st)
        sq_nest_mean(&nest, field.value, s->truth);
    sq_field_finish(&field);
    return st;
}

/* The mask of one lead on the grid of the forecast. *ret_ok: the mask has this lead (or there is no mask). */
static enum sq_status take_mask(struct start *s, int lead_s, bool *ret_ok, struct sq_err *e)
{
    const struct sq_mask *m = &s->mask;
    struct sq_nest nest;
    *ret_ok = !m->valid;
    for (int i = 0; i < m->n_lead; i++) {
        if (m->lead_s[i] != lead_s)
            continue;
        enum sq_status st = sq_nest_find(&m->grid, &s->common.grid, s->path, &nest, e);
        if (st)
            return st;
        sq_nest_all(&nest, m->valid + (size_t)i * sq_grid_cells(&m->grid), s->ok);
        *ret_ok = true;
    }
    return SQ_OK;
}

static enum sq_status take_lead(struct start *s, int lead_s, struct sq_err *e)
{
    struct sq_scored scored[SQ_VERIFY_LINES];
    bool ok;
    enum sq_status st = take_mask(s, lead_s, &ok, e);
    if (st || !ok)
        return st;
    st = read_truth(s, s->common.issue_time + lead_s, e);
    if (st == SQ_ABSENT) {
        s->job->leads_unseen++;
        return SQ_OK;
    }
    for (int i = 0; i < s->n && !st; i++) {
        struct entry *n = &s->entry[i];
        int k = lead_at(n->f, lead_s);
        st = n->reader ? sq_product_get(n->reader, k, &n->lead, e)
                       : sq_nowcast_lead(n->nowcast, k, &n->lead, e);
        if (!st)
            pick_thresholds(&n->lead, n->f, &s->common);
        scored[i] = (struct sq_scored){n->label, &n->lead};
    }
    if (!st)
        st = sq_scores_add(s->job->scores, &s->common, lead_s, s->truth, s->mask.valid ? s->ok : NULL, scored,
                           s->n, e);
    s->job->leads_seen += !st;
    return st;
}

enum sq_status sq_verify_start(struct sq_verify_job *j, int first, int n, struct sq_err *e)
{
    struct start s = {.job = j, .path = j->set.file[first].path};
    enum sq_status st = SQ_OK;
    if (n < j->set.n_label) {
        j->starts_alone++;
        return SQ_OK;
    }
    for (int i = 0; i < n && !st; i++)
        st = open_entry(&s, &j->set.file[first + i], e);
    if (!st)
        st = open_mask(&s, e);
    if (st == SQ_ABSENT) {
        j->starts_unmasked++;
        start_finish(&s);
        return SQ_OK;
    }
    common_leads(&s);
    for (int i = 0; i < s.n && !st; i++)
        st = sq_lead_init(&s.entry[i].lead, s.entry[i].f, e);
    size_t cells = sq_grid_cells(&s.common.grid);
    if (!st)
        st = sq_alloc((void **)&s.truth, cells, sizeof *s.truth, "observations", e);
    if (!st)
        st = sq_alloc((void **)&s.ok, cells, 1, "a mask", e);
    if (!st)
        open_baselines(&s);
    for (int k = 0; k < s.common.n_lead && !st; k++)
        st = take_lead(&s, s.common.lead_s[k], e);
    start_finish(&s);
    j->starts += !st;
    return st;
}
