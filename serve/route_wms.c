/* /wms: the Web Map Service, version 1.3.0. One layer a map; its dimensions are TIME, REFERENCE_TIME, THRESHOLD and
 * PERCENTILE. */
#include "wms.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A later forecast of the same reference time answers to the same address, so not for good. */
#define CACHE_GIVEN "public, max-age=600"

static const struct sq_wms_layer layers[] = {
    {"probability", "prob", "Probability of rain of at least a threshold", SQ_WMS_LEADS, true, false, true},
    {"percentile", "median", "Rain rate at a percentile", SQ_WMS_LEADS, false, true, true},
    {"mean", "mean", "Mean rain rate", SQ_WMS_LEADS, false, false, true},
    {"observed", "observed", "Observed rain rate", SQ_WMS_FRAMES, false, false, true},
    {"within30", "within30", "Probability of rain at some time within 30 minutes, estimated", SQ_WMS_TIMELESS, true, false, false},
    {"within60", "within60", "Probability of rain at some time within 60 minutes, estimated", SQ_WMS_TIMELESS, true, false, false},
    {"near10", "near10", "Probability of rain, mean over 10 km around", SQ_WMS_LEADS, true, false, false},
    {"coverage", "coverage", "Where there is a forecast", SQ_WMS_LEADS, false, false, false},
    {"quality", "quality", "Quality of the newest radar frame", SQ_WMS_TIMELESS, false, false, false},
};

const struct sq_wms_layer *sq_wms_layer_at(int i)
{
    return i < (int)(sizeof layers / sizeof *layers) ? &layers[i] : NULL;
}

float sq_wms_threshold(const struct sq_forecast *f)
{
    return fmaxf(SQ_LAYER_THRESHOLD_MMH, f->threshold_mmh[0]);
}

bool sq_wms_layer_there(const struct sq_wms_layer *w, const struct sq_shelf *shelf)
{
    struct sq_layer l;
    struct sq_err err = {0};
    if (w->time == SQ_WMS_FRAMES)
        return shelf->n_frame > 0;
    if (!shelf->n_run || !sq_layer_parse(w->layer, &l))
        return false;
    if (w->threshold)
        l.threshold_mmh = sq_wms_threshold(&shelf->run[0]->f);
    return !sq_tile_view_check(shelf->run[0], &l, &err);
}

void sq_wms_refuse(struct sq_response *ret, const char *code, const char *fmt, ...)
{
    struct sq_text t = {0};
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    sq_text_put(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ServiceExceptionReport version=\"1.3.0\" "
                    "xmlns=\"http://www.opengis.net/ogc\">\n<ServiceException");
    if (code)
        sq_text_f(&t, " code=\"%s\"", code);
    sq_text_put(&t, ">");
    sq_text_xml(&t, line);
    sq_text_put(&t, "</ServiceException>\n</ServiceExceptionReport>\n");
    if (t.failed) {
        sq_text_finish(&t);
        sq_answer_error(ret, 500, "out of memory");
        return;
    }
    ret->code = 200;
    ret->etag[0] = 0;
    ret->cache = SQ_CACHE_NEVER;
    ret->type = "text/xml";
    ret->body = ret->owner = t.data;
    ret->n = t.n;
    ret->release = free;
}

static void get_map(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_wms_map map;
    char format[32] = "";
    sq_asked_value(a, "FORMAT", format, sizeof format);
    if (strcmp(format, "image/png") != 0) {
        sq_wms_refuse(ret, "InvalidFormat", "FORMAT is image/png");
        return;
    }
    if (sq_wms_find_view(a, "LAYERS", &map, ret) && sq_wms_find_style(a, "STYLES", &map, ret) &&
        sq_wms_find_map(a, &map, ret))
        sq_answer_tile(s, a, &map.view, map.fixed ? CACHE_GIVEN : SQ_CACHE_NEWEST, ret);
}

static void get_legend(const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_wms_map map;
    char format[32] = "image/png";
    sq_asked_value(a, "FORMAT", format, sizeof format);
    if (strcmp(format, "image/png") != 0) {
        sq_wms_refuse(ret, "InvalidFormat", "FORMAT is image/png");
        return;
    }
    if (!sq_wms_find_view(a, "LAYER", &map, ret) || !sq_wms_find_style(a, "STYLE", &map, ret))
        return;
    ret->cache = SQ_CACHE_NEWEST;
    if (map.classes.value || map.classes.quantity == SQ_QUALITY)
        sq_wms_refuse(ret, "StyleNotDefined", "there is no picture of this legend; /legend/ has it as JSON");
    else if (!sq_answer_unchanged(ret, a, 3 + (uint64_t)map.classes.quantity, map.classes.style))
        sq_answer_legend(&map.classes, ret);
}

void sq_serve_wms(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    char service[16] = "WMS", version[16] = "1.3.0", request[32] = "";
    sq_asked_value(a, "SERVICE", service, sizeof service);
    sq_asked_value(a, "VERSION", version, sizeof version);
    sq_asked_value(a, "REQUEST", request, sizeof request);
    if (strcmp(service, "WMS") != 0)
        sq_wms_refuse(ret, NULL, "SERVICE is WMS");
    else if (!strcmp(request, "GetCapabilities"))
        sq_wms_capabilities(s, a, ret);
    else if (strcmp(version, "1.3.0") != 0)
        sq_wms_refuse(ret, NULL, "VERSION is 1.3.0");
    else if (!strcmp(request, "GetMap"))
        get_map(s, a, ret);
    else if (!strcmp(request, "GetFeatureInfo"))
        sq_wms_info(s, a, ret);
    else if (!strcmp(request, "GetLegendGraphic"))
        get_legend(a, ret);
    else
        sq_wms_refuse(ret, "OperationNotSupported",
                      "REQUEST is GetCapabilities, GetMap, GetFeatureInfo or GetLegendGraphic");
}
