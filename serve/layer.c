#include "layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------- */

/* A plain decimal number, digits and a point, of at most 12 characters, that takes the whole text. */
static bool parse_number(const char *s, float lo, float hi, float *ret)
{
    size_t n = strspn(s, "0123456789.");
    if (!n || n > 12 || s[n] || strchr(s, '.') != strrchr(s, '.') || s[0] == '.' || s[n - 1] == '.')
        return false;
    *ret = strtof(s, NULL);
    return *ret >= lo && *ret <= hi;
}

/* "30" or "30-1.5": a number and, where given, a threshold. */
static bool parse_pair(const char *s, float lo, float hi, float *ret, float *ret_threshold)
{
    char first[16];
    size_t n = strcspn(s, "-");
    *ret_threshold = SQ_LAYER_THRESHOLD_MMH;
    if (n >= sizeof first)
        return false;
    memcpy(first, s, n);
    first[n] = 0;
    return parse_number(first, lo, hi, ret) && (!s[n] || parse_number(s + n + 1, 0.001f, 1000, ret_threshold));
}

bool sq_layer_parse(const char *name, struct sq_layer *ret)
{
    static const struct {
        const char *name;
        enum sq_layer_kind kind;
    } plain[] = {{"prob", SQ_LAYER_PROB},         {"mean", SQ_LAYER_MEAN},         {"observed", SQ_LAYER_OBSERVED},
                 {"coverage", SQ_LAYER_COVERAGE}, {"quality", SQ_LAYER_QUALITY}, {"median", SQ_LAYER_PERCENTILE}};
    struct sq_layer l = {.threshold_mmh = SQ_LAYER_THRESHOLD_MMH, .percentile = 50};
    float v;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(name, plain[i].name)) {
            l.kind = plain[i].kind;
            *ret = l;
            return true;
        }
    if (!strncmp(name, "prob-", 5)) {
        l.kind = SQ_LAYER_PROB;
        if (!parse_number(name + 5, 0.001f, 1000, &l.threshold_mmh))
            return false;
    } else if (!strncmp(name, "within", 6)) {
        l.kind = SQ_LAYER_WITHIN;
        if (!parse_pair(name + 6, 1, 9999, &v, &l.threshold_mmh) || v != floorf(v))
            return false;
        l.window_min = (int)v;
    } else if (!strncmp(name, "near", 4)) {
        l.kind = SQ_LAYER_NEAR;
        if (!parse_pair(name + 4, 1, 100, &l.km, &l.threshold_mmh))
            return false;
    } else if (*name == 'p') {
        l.kind = SQ_LAYER_PERCENTILE;
        if (!parse_number(name + 1, 1, 99, &l.percentile))
            return false;
    } else {
        return false;
    }
    *ret = l;
    return true;
}

char *sq_layer_name(const struct sq_layer *l, char out[SQ_LAYER_NAME_MAX])
{
    static const char *const plain[SQ_LAYER_KINDS] = {[SQ_LAYER_MEAN] = "mean", [SQ_LAYER_OBSERVED] = "observed",
                                                      [SQ_LAYER_COVERAGE] = "coverage", [SQ_LAYER_QUALITY] = "quality"};
    double threshold = (double)l->threshold_mmh;
    switch (l->kind) {
    case SQ_LAYER_PROB: snprintf(out, SQ_LAYER_NAME_MAX, "prob-%.7g", threshold); break;
    case SQ_LAYER_WITHIN: snprintf(out, SQ_LAYER_NAME_MAX, "within%d-%.7g", l->window_min, threshold); break;
    case SQ_LAYER_NEAR: snprintf(out, SQ_LAYER_NAME_MAX, "near%.7g-%.7g", (double)l->km, threshold); break;
    case SQ_LAYER_PERCENTILE: snprintf(out, SQ_LAYER_NAME_MAX, "p%.7g", (double)l->percentile); break;
    default: snprintf(out, SQ_LAYER_NAME_MAX, "%s", plain[l->kind]);
    }
    return out;
}

char *sq_layer_title(const struct sq_layer *l, char out[SQ_LAYER_TITLE_MAX])
{
    static const char *const plain[SQ_LAYER_KINDS] = {
        [SQ_LAYER_MEAN] = "Mean rain rate", [SQ_LAYER_OBSERVED] = "Observed rain rate",
        [SQ_LAYER_COVERAGE] = "Coverage", [SQ_LAYER_QUALITY] = "Quality of the newest radar frame"};
    double threshold = (double)l->threshold_mmh, p = (double)l->percentile;
    switch (l->kind) {
    case SQ_LAYER_PROB: snprintf(out, SQ_LAYER_TITLE_MAX, "Probability of at least %.7g mm/h", threshold); break;
    case SQ_LAYER_WITHIN:
        snprintf(out, SQ_LAYER_TITLE_MAX, "Probability of at least %.7g mm/h at some time within %d min, estimated", threshold,
                 l->window_min);
        break;
    case SQ_LAYER_NEAR:
        snprintf(out, SQ_LAYER_TITLE_MAX, "Probability of at least %.7g mm/h, mean over %.7g km around", threshold,
                 (double)l->km);
        break;
    case SQ_LAYER_PERCENTILE:
        if (l->percentile == 50)
            snprintf(out, SQ_LAYER_TITLE_MAX, "Median rain rate");
        else
            snprintf(out, SQ_LAYER_TITLE_MAX, "Rain rate, percentile %.7g", p);
        break;
    default: snprintf(out, SQ_LAYER_TITLE_MAX, "%s", plain[l->kind]);
    }
    return out;
}

enum sq_quantity sq_layer_quantity(const struct sq_layer *l)
{
    switch (l->kind) {
    case SQ_LAYER_PROB:
    case SQ_LAYER_WITHIN:
    case SQ_LAYER_NEAR: return SQ_PROBABILITY;
    case SQ_LAYER_PERCENTILE:
    case SQ_LAYER_MEAN:
    case SQ_LAYER_OBSERVED: return SQ_RATE;
    default: return SQ_QUALITY;
    }
}

const char *sq_quantity_name(enum sq_quantity q)
{
    static const char *const name[] = {"probability", "rate", "quality"};
    return name[q];
}

const char *sq_quantity_units(enum sq_quantity q)
{
    static const char *const units[] = {"1", "mm h-1", "1"};
    return units[q];
}

/* ---- classes ----------------------------------------------------------------------------------------- */

#define RGBA_NONE 0x80808048u
#define RGBA_HATCH 0x80808090u

static void scale_classes(const struct sq_scale *s, struct sq_classes *ret)
{
    ret->n = s->n;
    ret->rgba[SQ_INDEX_DRY] = 0;
    ret->rgba[SQ_INDEX_NONE] = RGBA_NONE;
    for (int k = 0; k < s->n; k++) {
        ret->edge[k] = s->edge[k];
        ret->rgba[SQ_INDEX_FIRST + k] = s->rgb[k] << 8 | 0xff;
    }
    ret->rgba[SQ_INDEX_FIRST + s->n] = RGBA_HATCH;
    ret->n_rgba = SQ_INDEX_FIRST + s->n + 1;
}

/* Fine classes: half percents, or 254 equal steps of log rate from 0.1 to 300 mm/h. */
static void value_classes(struct sq_classes *c)
{
    c->value = true;
    c->n = c->quantity == SQ_PROBABILITY ? 200 : SQ_EDGES_MAX;
    for (int k = 0; k < c->n; k++)
        c->edge[k] = c->quantity == SQ_PROBABILITY ? (float)(k + 1) / 200
                                                   : 0.1f * powf(3000, (float)k / (SQ_EDGES_MAX - 1));
}

bool sq_classes_find(enum sq_quantity q, const char *style, struct sq_classes *ret)
{
    /* of quality: where nothing came, and what quality control rejected */
    static const struct sq_scale quality = {2, {1, 3}, {0x6b7fae, 0xc0392b}};
    bool value = !strcmp(style, "value") && q != SQ_QUALITY;
    const struct sq_palette *p = sq_palette_find(value ? NULL : style);
    if (!p)
        return false;
    *ret = (struct sq_classes){.quantity = q};
    snprintf(ret->style, sizeof ret->style, "%s", value ? "value" : p->name);
    if (value)
        value_classes(ret);
    else
        scale_classes(q == SQ_QUALITY ? &quality : q == SQ_RATE ? &p->rate : &p->probability, ret);
    return true;
}
