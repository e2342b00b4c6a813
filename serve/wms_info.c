/* GetFeatureInfo: the numbers at a pixel of a map, at all times that there are. */
#include "wms.h"

#include "core/instant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the layer shows of one lead. */
static float value_of(const struct sq_tile_view *v, const float *prob)
{
    const struct sq_forecast *f = &v->run->f;
    const struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    if (isnan(*prob))
        return NAN;
    return v->layer.kind == SQ_LAYER_PROB         ? sq_distribution_exceed(&d, prob, v->layer.threshold_mmh)
           : v->layer.kind == SQ_LAYER_PERCENTILE ? sq_distribution_quantile(&d, prob, v->layer.percentile / 100)
                                                  : sq_distribution_mean(&d, prob);
}

static void put_line(struct sq_text *t, int64_t time, float value)
{
    char iso[32];
    sq_text_f(t, "%s ", sq_instant_iso(time, iso));
    if (isnan(value))
        sq_text_put(t, "no coverage\n");
    else
        sq_text_f(t, "%.4g\n", (double)value);
}

static void put_head(struct sq_text *t, const struct sq_tile_view *v, const double lonlat[2])
{
    char title[SQ_LAYER_TITLE_MAX];
    sq_text_f(t, "%s, %s\nat %.5f E, %.5f N\n", sq_layer_title(&v->layer, title),
              sq_quantity_units(sq_layer_quantity(&v->layer)), lonlat[0], lonlat[1]);
}

static enum sq_status put_forecast(struct sq_site *s, const struct sq_tile_view *v, const double lonlat[2], bool json,
                                   struct sq_text *t, struct sq_err *e)
{
    const struct sq_forecast *f = &v->run->f;
    const struct sq_point_params params = {.form = SQ_POINT_JSON, .run = v->run->name};
    struct sq_point p = {0};
    enum sq_status status = sq_site_point(s, v->run, lonlat, &p, e);
    if (!status && json) {
        status = sq_point_write(&p, &params, &t->data, e);
        t->n = status ? 0 : strlen(t->data);
    } else if (!status) {
        put_head(t, v, lonlat);
        sq_text_f(t, "forecast %s\n", v->run->name);
        for (int i = 0; i < f->n_lead; i++)
            put_line(t, f->issue_time + f->lead_s[i], value_of(v, p.prob + (size_t)i * (size_t)f->n_threshold));
    }
    sq_point_finish(&p);
    return status;
}

/* What was observed at the place in a frame; NaN outside. */
static enum sq_status observed_at(struct sq_brush *b, const struct sq_frame *f, const double lonlat[2], float *ret,
                                  struct sq_err *e)
{
    int row, col;
    uint16_t code[SQ_LEVELS_MAX];
    enum sq_status status = sq_brush_locate(b, &f->grid, lonlat, &row, &col, e);
    *ret = NAN;
    if (status || row < 0)
        return status;
    *ret = sq_volume_cell(&f->rate, row, col, code) ? sq_rate_of_code(*code) : 0;
    return SQ_OK;
}

static enum sq_status put_observed(struct sq_brush *b, const struct sq_shelf *shelf, const struct sq_tile_view *v,
                                   const double lonlat[2], bool json, struct sq_text *t, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    float value;
    if (json) {
        sq_json_open(t, NULL, '{');
        sq_json_number(t, "lon", lonlat[0], 9);
        sq_json_number(t, "lat", lonlat[1], 9);
        sq_json_string(t, "units", "mm h-1");
        sq_json_open(t, "observed", '[');
    } else {
        put_head(t, v, lonlat);
    }
    for (int i = shelf->n_frame - 1; i >= 0 && !status; i--) {
        status = observed_at(b, shelf->frame[i], lonlat, &value, e);
        if (!json) {
            put_line(t, shelf->frame[i]->time, value);
            continue;
        }
        sq_json_open(t, NULL, '{');
        sq_json_time(t, "valid", shelf->frame[i]->time);
        sq_json_number(t, "rate", (double)value, 4);
        sq_json_close(t, '}');
    }
    if (json) {
        sq_json_close(t, ']');
        sq_json_close(t, '}');
        sq_text_put(t, "\n");
    }
    return status;
}

static bool find_pixel(const struct sq_asked *a, const struct sq_tile_view *v, double lonlat[2], struct sq_response *ret)
{
    char word[2][16] = {"", ""};
    int i, j;
    sq_asked_value(a, "I", word[0], sizeof word[0]);
    sq_asked_value(a, "J", word[1], sizeof word[1]);
    if (!sq_parse_whole(word[0], 0, v->wide - 1, &i) || !sq_parse_whole(word[1], 0, v->high - 1, &j)) {
        sq_wms_refuse(ret, "InvalidPoint", "I and J are a pixel of the map");
        return false;
    }
    sq_tile_lonlat(&v->tile, i + 0.5, j + 0.5, lonlat);
    if (fabs(lonlat[0]) > 360 || fabs(lonlat[1]) > 90) {
        sq_wms_refuse(ret, "InvalidPoint", "the pixel lies outside of the earth");
        return false;
    }
    return true;
}

void sq_wms_info(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_wms_map map;
    struct sq_text t = {0};
    struct sq_err err = {0};
    struct sq_brush *b = NULL;
    char format[32] = "text/plain";
    double lonlat[2];
    enum sq_status status;
    sq_asked_value(a, "INFO_FORMAT", format, sizeof format);
    bool json = !strcmp(format, "application/json");
    if (!json && strcmp(format, "text/plain") != 0) {
        sq_wms_refuse(ret, "InvalidFormat", "INFO_FORMAT is text/plain or application/json");
        return;
    }
    if (!sq_wms_find_view(a, "QUERY_LAYERS", &map, ret) || !sq_wms_find_map(a, &map, ret) ||
        !find_pixel(a, &map.view, lonlat, ret))
        return;
    if (!map.layer->queryable) {
        sq_wms_refuse(ret, "LayerNotQueryable", "%s has no numbers at a place", map.layer->name);
        return;
    }
    if (!map.view.frame)
        status = put_forecast(s, &map.view, lonlat, json, &t, &err);
    else if (!(b = sq_site_brush(s, &err)))
        status = SQ_FAILED;
    else
        status = put_observed(b, a->shelf, &map.view, lonlat, json, &t, &err);
    if (b)
        sq_site_lay_down(s, b);
    if (!status) {
        sq_answer_text(ret, a, json ? "application/json" : "text/plain", SQ_CACHE_NEWEST, &t);
        return;
    }
    sq_text_finish(&t);
    sq_answer_error(ret, 503, "%s", err.text);
}
