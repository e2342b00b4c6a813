#include "onset.h"
#include "text.h"

#include "core/crs.h"
#include "core/distribution.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_point_init(struct sq_point *ret, const struct sq_forecast *f, const double lonlat[2], struct sq_err *e)
{
    size_t n = (size_t)f->n_lead * (size_t)f->n_threshold;
    *ret = (struct sq_point){.f = f, .lonlat = {lonlat[0], lonlat[1]}, .row = -1, .col = -1, .observed_mmh = NAN};
    enum sq_status status = sq_alloc((void **)&ret->prob, n, sizeof *ret->prob, "a forecast at a place", e);
    for (size_t i = 0; i < n && !status; i++)
        ret->prob[i] = NAN;
    return status;
}

void sq_point_finish(struct sq_point *p)
{
    free(p->prob);
    *p = (struct sq_point){0};
}

static struct sq_distribution distribution(const struct sq_forecast *f)
{
    return (struct sq_distribution){f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
}

static const float *probabilities(const struct sq_point *p, int lead)
{
    return p->prob + (size_t)lead * (size_t)p->f->n_threshold;
}

float sq_point_exceed(const struct sq_point *p, int lead, float t_mmh)
{
    const struct sq_distribution d = distribution(p->f);
    return sq_distribution_exceed(&d, probabilities(p, lead), t_mmh);
}

/* ---- from a file ----------------------------------------------------------------------------------------- */

/* false: outside of the grid. */
static enum sq_status locate(const struct sq_grid *g, const double lonlat[2], int *ret_row, int *ret_col, bool *ret_on,
                             struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    double x = lonlat[0], y = lonlat[1], middle = g->x0 + (g->nx - 1) / 2.0 * g->dx;
    enum sq_status status = sq_crs_map_create(SQ_CRS_LONLAT, g->crs, &map, e);
    if (status)
        return status;
    sq_crs_forward(map, 1, &x, &y);
    sq_crs_map_destroy(&map);
    if (sq_grid_geographic(g)) /* the same meridian, where the grid has it */
        x = middle + remainder(x - middle, 360);
    double col = floor((x - g->x0) / g->dx + 0.5), row = floor((g->y0 - y) / g->dy + 0.5);
    *ret_on = col >= 0 && col < g->nx && row >= 0 && row < g->ny;
    *ret_row = *ret_on ? (int)row : 0;
    *ret_col = *ret_on ? (int)col : 0;
    return SQ_OK;
}

enum sq_status sq_product_point(struct sq_product_reader *r, const double lonlat[2], struct sq_point *ret,
                                struct sq_err *e)
{
    float rate[SQ_PERCENTILE_MAX], mean;
    int row = 0, col = 0;
    bool on_grid = false;
    const struct sq_forecast *f = sq_product_forecast(r);
    enum sq_status status = sq_point_init(ret, f, lonlat, e);
    if (!status)
        status = locate(&f->grid, lonlat, &row, &col, &on_grid, e);
    for (int i = 0; i < f->n_lead && !status && on_grid; i++) {
        float *prob = ret->prob + (size_t)i * (size_t)f->n_threshold;
        status = sq_product_cell(r, i, row, col, &(struct sq_lead){prob, rate, &mean}, e);
        if (!status && !isnan(*prob)) {
            sq_distribution_order(f->n_threshold, prob);
            ret->covered = true;
        }
    }
    if (!status && on_grid) {
        ret->row = row;
        ret->col = col;
    }
    if (!status && on_grid && sq_product_observed_cell(r, row, col, &ret->observed_mmh, e) == SQ_FAILED)
        status = SQ_FAILED;
    if (status)
        sq_point_finish(ret);
    return status;
}

/* ---- when rain begins ------------------------------------------------------------------------------------- */

/* When the running maximum of the chance q(lead) passes `share` of its greatest value; linear between leads, from 0 at
 * the issue time. */
static double reaches(const struct sq_forecast *f, const float *most, float share)
{
    float wanted = share * most[f->n_lead - 1], before = 0;
    int since = 0;
    for (int i = 0; i < f->n_lead; i++) {
        if (most[i] >= wanted)
            return since + (most[i] > before ? (wanted - before) / (most[i] - before) : 0) * (f->lead_s[i] - since);
        before = most[i];
        since = f->lead_s[i];
    }
    return since;
}

struct sq_onset sq_onset_of(const struct sq_point *p)
{
    const struct sq_forecast *f = p->f;
    struct sq_onset o = {.threshold_mmh = fmaxf(SQ_RAIN_MMH, f->threshold_mmh[0])};
    float begun[SQ_LEAD_MAX], ended[SQ_LEAD_MAX], wet = 0, dry = 0, first = NAN;
    if (!p->covered)
        return o;
    for (int i = 0; i < f->n_lead; i++) {
        float q = sq_point_exceed(p, i, o.threshold_mmh);
        first = isnan(first) ? q : first;
        wet = fmaxf(wet, q); /* what is not known passes by */
        dry = fmaxf(dry, 1 - q);
        begun[i] = wet;
        ended[i] = dry;
    }
    bool now = isnan(p->observed_mmh) ? first >= 0.5f : p->observed_mmh >= o.threshold_mmh;
    const float *most = now ? ended : begun;
    o.probability = now ? dry : wet;
    if (now && dry < 0.5f) {
        o.kind = SQ_ONSET_LASTS;
        o.probability = 1 - dry;
    } else if (!now && wet < 0.1f) {
        o.kind = SQ_ONSET_DRY;
    } else {
        o.kind = now ? SQ_ONSET_ENDS : SQ_ONSET_BEGINS;
        o.from_s = 300 * (int)floor(reaches(f, most, 0.25f) / 300);
        o.to_s = 300 * (int)ceil(reaches(f, most, 0.75f) / 300);
        o.to_s = o.to_s > o.from_s ? o.to_s : o.from_s + 300;
    }
    return o;
}

const char *sq_onset_name(enum sq_onset_kind kind)
{
    static const char *const name[] = {"unknown", "dry", "begins", "ends", "lasts"};
    return name[kind];
}

char *sq_point_sentence(const struct sq_point *p, char out[SQ_SENTENCE_MAX])
{
    const struct sq_onset o = sq_onset_of(p);
    char end[32];
    double percent = 100 * (double)o.probability;
    sq_instant_iso(p->f->issue_time + p->f->lead_s[p->f->n_lead - 1], end);
    end[16] = 0; /* hours and minutes */
    switch (o.kind) {
    case SQ_ONSET_UNKNOWN: snprintf(out, SQ_SENTENCE_MAX, "No forecast here"); break;
    case SQ_ONSET_DRY: snprintf(out, SQ_SENTENCE_MAX, "No rain expected until %s UTC, %.0f %%", end + 11, percent); break;
    case SQ_ONSET_BEGINS:
        snprintf(out, SQ_SENTENCE_MAX, "Rain begins in %d\u2013%d min, %.0f %%", o.from_s / 60, o.to_s / 60, percent);
        break;
    case SQ_ONSET_ENDS:
        snprintf(out, SQ_SENTENCE_MAX, "Rain now; it ends in %d\u2013%d min, %.0f %%", o.from_s / 60, o.to_s / 60, percent);
        break;
    case SQ_ONSET_LASTS:
        snprintf(out, SQ_SENTENCE_MAX, "Rain now, and until %s UTC, %.0f %%", end + 11, percent);
        break;
    }
    return out;
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

enum { DIGITS = 4 };

/* Numbers of all leads: thresholds, percentiles, or the mean. */
enum numbers { PROBABILITY, RATE, MEAN };

static int count_of(const struct sq_forecast *f, enum numbers what)
{
    return what == PROBABILITY ? f->n_threshold : what == RATE ? f->n_percentile : 1;
}

static double number_of(const struct sq_point *p, enum numbers what, int lead, int k)
{
    const struct sq_distribution d = distribution(p->f);
    const float *prob = probabilities(p, lead);
    if (isnan(*prob))
        return NAN;
    return (double)(what == PROBABILITY ? prob[k]
                    : what == RATE      ? sq_distribution_quantile(&d, prob, p->f->percentile[k] / 100)
                                        : sq_distribution_mean(&d, prob));
}

static void put_levels(struct sq_text *t, const char *key, int n, const float *v)
{
    sq_json_open(t, key, '[');
    for (int i = 0; i < n; i++)
        sq_json_number(t, NULL, (double)v[i], 6);
    sq_json_close(t, ']');
}

static void put_table(struct sq_text *t, const char *key, const struct sq_point *p, enum numbers what)
{
    sq_json_open(t, key, '[');
    for (int i = 0; i < p->f->n_lead; i++) {
        if (what != MEAN)
            sq_json_open(t, NULL, '[');
        for (int k = 0; k < count_of(p->f, what); k++)
            sq_json_number(t, NULL, number_of(p, what, i, k), DIGITS);
        if (what != MEAN)
            sq_json_close(t, ']');
    }
    sq_json_close(t, ']');
}

static void put_onset(struct sq_text *t, const struct sq_point *p)
{
    const struct sq_onset o = sq_onset_of(p);
    char sentence[SQ_SENTENCE_MAX];
    bool timed = o.kind == SQ_ONSET_BEGINS || o.kind == SQ_ONSET_ENDS;
    sq_json_open(t, "rain", '{');
    sq_json_string(t, "state", sq_onset_name(o.kind));
    sq_json_number(t, "probability", o.kind == SQ_ONSET_UNKNOWN ? (double)NAN : (double)o.probability, DIGITS);
    sq_json_number(t, "from_min", timed ? o.from_s / 60 : (double)NAN, DIGITS);
    sq_json_number(t, "to_min", timed ? o.to_s / 60 : (double)NAN, DIGITS);
    sq_json_number(t, "threshold", (double)o.threshold_mmh, DIGITS);
    sq_json_string(t, "sentence", sq_point_sentence(p, sentence));
    sq_json_close(t, '}');
}

static void put_json(const struct sq_point *p, const char *run, struct sq_text *t)
{
    const struct sq_forecast *f = p->f;
    sq_json_open(t, NULL, '{');
    sq_json_number(t, "lon", p->lonlat[0], 9);
    sq_json_number(t, "lat", p->lonlat[1], 9);
    sq_json_time(t, "run", f->issue_time);
    if (run)
        sq_json_string(t, "run_name", run);
    sq_json_bool(t, "covered", p->covered);
    sq_json_number(t, "observed", (double)p->observed_mmh, DIGITS);
    put_onset(t, p);
    sq_json_open(t, "leads", '[');
    for (int i = 0; i < f->n_lead; i++)
        sq_json_number(t, NULL, f->lead_s[i] / 60.0, 6);
    sq_json_close(t, ']');
    sq_json_open(t, "valid", '[');
    for (int i = 0; i < f->n_lead; i++)
        sq_json_time(t, NULL, f->issue_time + f->lead_s[i]);
    sq_json_close(t, ']');
    put_levels(t, "thresholds", f->n_threshold, f->threshold_mmh);
    put_table(t, "probability", p, PROBABILITY);
    put_levels(t, "percentiles", f->n_percentile, f->percentile);
    put_table(t, "rate", p, RATE);
    put_table(t, "mean", p, MEAN);
    sq_json_string(t, "units", "mm h-1");
    sq_json_close(t, '}');
    sq_text_put(t, "\n");
}

/* ---- CoverageJSON ----------------------------------------------------------------------------------------- */

static const struct {
    const char *key, *label, *units, *axis;
} parameter[] = {
    [PROBABILITY] = {"probability", "Probability that the rate is at least the threshold", "1", "custom:threshold"},
    [RATE] = {"rate", "Percentiles of the precipitation rate", "mm/h", "custom:percentile"},
    [MEAN] = {"mean", "Mean precipitation rate", "mm/h", NULL},
};

static void put_text_en(struct sq_text *t, const char *key, const char *label)
{
    sq_json_open(t, key, '{');
    sq_json_open(t, "label", '{');
    sq_json_string(t, "en", label);
    sq_json_close(t, '}');
    sq_json_close(t, '}');
}

static void put_parameter(struct sq_text *t, enum numbers what)
{
    sq_json_open(t, parameter[what].key, '{');
    sq_json_string(t, "type", "Parameter");
    put_text_en(t, "observedProperty", parameter[what].label);
    sq_json_open(t, "unit", '{');
    sq_json_string(t, "symbol", parameter[what].units);
    sq_json_close(t, '}');
    sq_json_close(t, '}');
}

static void put_range(struct sq_text *t, const struct sq_point *p, enum numbers what)
{
    const struct sq_forecast *f = p->f;
    int n = count_of(f, what);
    sq_json_open(t, parameter[what].key, '{');
    sq_json_string(t, "type", "NdArray");
    sq_json_string(t, "dataType", "float");
    sq_json_open(t, "axisNames", '[');
    sq_json_string(t, NULL, "t");
    if (parameter[what].axis)
        sq_json_string(t, NULL, parameter[what].axis);
    sq_json_close(t, ']');
    sq_json_open(t, "shape", '[');
    sq_json_whole(t, NULL, f->n_lead);
    if (parameter[what].axis)
        sq_json_whole(t, NULL, n);
    sq_json_close(t, ']');
    sq_json_open(t, "values", '[');
    for (int i = 0; i < f->n_lead; i++)
        for (int k = 0; k < n; k++)
            sq_json_number(t, NULL, number_of(p, what, i, k), DIGITS);
    sq_json_close(t, ']');
    sq_json_close(t, '}');
}

static void put_axis(struct sq_text *t, const char *key, int n, const float *v)
{
    sq_json_open(t, key, '{');
    put_levels(t, "values", n, v);
    sq_json_close(t, '}');
}

static void put_referencing(struct sq_text *t)
{
    sq_json_open(t, "referencing", '[');
    sq_json_open(t, NULL, '{');
    sq_json_open(t, "coordinates", '[');
    sq_json_string(t, NULL, "x");
    sq_json_string(t, NULL, "y");
    sq_json_close(t, ']');
    sq_json_open(t, "system", '{');
    sq_json_string(t, "type", "GeographicCRS");
    sq_json_string(t, "id", "http://www.opengis.net/def/crs/OGC/1.3/CRS84");
    sq_json_close(t, '}');
    sq_json_close(t, '}');
    sq_json_open(t, NULL, '{');
    sq_json_open(t, "coordinates", '[');
    sq_json_string(t, NULL, "t");
    sq_json_close(t, ']');
    sq_json_open(t, "system", '{');
    sq_json_string(t, "type", "TemporalRS");
    sq_json_string(t, "calendar", "Gregorian");
    sq_json_close(t, '}');
    sq_json_close(t, '}');
    sq_json_close(t, ']');
}

/* domainType is left out: none of those agreed upon has axes of thresholds or percentiles. */
static void put_domain(struct sq_text *t, const struct sq_point *p)
{
    const struct sq_forecast *f = p->f;
    sq_json_open(t, "domain", '{');
    sq_json_string(t, "type", "Domain");
    sq_json_open(t, "axes", '{');
    for (int i = 0; i < 2; i++) {
        sq_json_open(t, i ? "y" : "x", '{');
        sq_json_open(t, "values", '[');
        sq_json_number(t, NULL, p->lonlat[i], 9);
        sq_json_close(t, ']');
        sq_json_close(t, '}');
    }
    sq_json_open(t, "t", '{');
    sq_json_open(t, "values", '[');
    for (int i = 0; i < f->n_lead; i++)
        sq_json_time(t, NULL, f->issue_time + f->lead_s[i]);
    sq_json_close(t, ']');
    sq_json_close(t, '}');
    put_axis(t, "custom:threshold", f->n_threshold, f->threshold_mmh);
    put_axis(t, "custom:percentile", f->n_percentile, f->percentile);
    sq_json_close(t, '}');
    put_referencing(t);
    sq_json_close(t, '}');
}

static void put_covjson(const struct sq_point *p, struct sq_text *t)
{
    sq_json_open(t, NULL, '{');
    sq_json_string(t, "type", "Coverage");
    put_domain(t, p);
    sq_json_open(t, "parameters", '{');
    for (enum numbers w = PROBABILITY; w <= MEAN; w++)
        put_parameter(t, w);
    sq_json_close(t, '}');
    sq_json_open(t, "ranges", '{');
    for (enum numbers w = PROBABILITY; w <= MEAN; w++)
        put_range(t, p, w);
    sq_json_close(t, '}');
    sq_json_close(t, '}');
    sq_text_put(t, "\n");
}

enum sq_status sq_point_write(const struct sq_point *p, const struct sq_point_params *params, char **ret,
                              struct sq_err *e)
{
    struct sq_text t = {0};
    if (params->form == SQ_POINT_JSON)
        put_json(p, params->run, &t);
    else if (params->form == SQ_POINT_COVJSON)
        put_covjson(p, &t);
    else
        sq_point_svg(p, params, &t);
    if (t.failed) {
        sq_text_finish(&t);
        return sq_fail(e, SQ_FAILED, "out of memory for a forecast at a place");
    }
    *ret = t.data;
    return SQ_OK;
}
