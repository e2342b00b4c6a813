/* GetCapabilities: what there is, as XML. */
#include "wms.h"

#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK "<OnlineResource xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:type=\"simple\" xlink:href=\""

static void put_element(struct sq_text *t, const char *name, const char *value)
{
    sq_text_f(t, "<%s>", name);
    sq_text_xml(t, value);
    sq_text_f(t, "</%s>\n", name);
}

static void put_link(struct sq_text *t, const char *url, const char *query)
{
    sq_text_put(t, LINK);
    sq_text_xml(t, url);
    sq_text_put(t, "/wms?");
    sq_text_xml(t, query);
    sq_text_put(t, "\"/>\n");
}

static void put_request(struct sq_text *t, const char *url, const char *name, const char *format, const char *other)
{
    sq_text_f(t, "<%s>\n", name);
    put_element(t, "Format", format);
    if (other)
        put_element(t, "Format", other);
    sq_text_put(t, "<DCPType><HTTP><Get>");
    put_link(t, url, "");
    sq_text_f(t, "</Get></HTTP></DCPType>\n</%s>\n", name);
}

/* ---- layers ----------------------------------------------------------------------------------------------- */

/* box: west, south, east, north; beyond 180 E it goes round the whole earth. */
static void put_bounds(struct sq_text *t, const double box[4])
{
    double west = box[2] > 180 ? -180 : box[0], east = box[2] > 180 ? 180 : box[2];
    double m = 6378137 * M_PI / 180, edge[2];
    for (int i = 0; i < 2; i++) {
        double lat = fmax(-85.0511, fmin(85.0511, box[1 + 2 * i]));
        edge[i] = 6378137 * asinh(tan(lat * (M_PI / 180)));
    }
    sq_text_f(t,
              "<EX_GeographicBoundingBox><westBoundLongitude>%.8g</westBoundLongitude><eastBoundLongitude>%.8g"
              "</eastBoundLongitude><southBoundLatitude>%.8g</southBoundLatitude><northBoundLatitude>%.8g"
              "</northBoundLatitude></EX_GeographicBoundingBox>\n",
              west, east, box[1], box[3]);
    sq_text_f(t, "<BoundingBox CRS=\"CRS:84\" minx=\"%.8g\" miny=\"%.8g\" maxx=\"%.8g\" maxy=\"%.8g\"/>\n", west, box[1],
              east, box[3]);
    sq_text_f(t, "<BoundingBox CRS=\"EPSG:4326\" minx=\"%.8g\" miny=\"%.8g\" maxx=\"%.8g\" maxy=\"%.8g\"/>\n", box[1], west,
              box[3], east);
    sq_text_f(t, "<BoundingBox CRS=\"EPSG:3857\" minx=\"%.3f\" miny=\"%.3f\" maxx=\"%.3f\" maxy=\"%.3f\"/>\n", west * m,
              edge[0], east * m, edge[1]);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void open_dimension(struct sq_text *t, const char *name, const char *units, const char *standard, bool current)
{
    sq_text_f(t, "<Dimension name=\"%s\" units=\"%s\" nearestValue=\"0\" multipleValues=\"0\"%s default=\"%s\">", name, units,
              current ? " current=\"1\"" : "", standard);
}

/* Rising, each once; the array is put in order. */
static void put_times(struct sq_text *t, const char *name, int64_t *time, size_t n, int64_t standard)
{
    char iso[32];
    qsort(time, n, sizeof *time, by_time);
    open_dimension(t, name, "ISO8601", sq_instant_iso(standard, iso), true);
    for (size_t i = 0; i < n; i++)
        if (!i || time[i] != time[i - 1])
            sq_text_f(t, "%s%s", i ? "," : "", sq_instant_iso(time[i], iso));
    sq_text_put(t, "</Dimension>\n");
}

static void put_frame_times(struct sq_text *t, const struct sq_shelf *s)
{
    int64_t time[SQ_FRAMES_MAX];
    size_t n = 0;
    for (int i = 0; i < s->n_frame; i++)
        if (s->frame[i]->time >= s->frame[0]->time - SQ_PAST_S) /* others are kept for those who were told of them */
            time[n++] = s->frame[i]->time;
    put_times(t, "time", time, n, s->frame[0]->time);
}

static void put_lead_times(struct sq_text *t, const struct sq_shelf *s)
{
    const struct sq_forecast *newest = &s->run[0]->f;
    size_t n = 0, room = (size_t)s->n_run * SQ_LEAD_MAX;
    int64_t *time = calloc(room, sizeof *time);
    if (!time) {
        t->failed = true;
        return;
    }
    for (int i = 0; i < s->n_run; i++)
        for (int k = 0; k < s->run[i]->f.n_lead; k++)
            time[n++] = s->run[i]->f.issue_time + s->run[i]->f.lead_s[k];
    put_times(t, "time", time, n, newest->issue_time + newest->lead_s[0]);
    free(time);
}

static void put_dimensions(struct sq_text *t, const struct sq_wms_layer *w, const struct sq_shelf *s)
{
    int64_t time[SQ_KEEP_MAX];
    char number[16];
    if (w->time == SQ_WMS_FRAMES)
        put_frame_times(t, s);
    if (w->time == SQ_WMS_LEADS)
        put_lead_times(t, s);
    if (w->time != SQ_WMS_FRAMES) {
        for (int i = 0; i < s->n_run; i++)
            time[i] = s->run[i]->f.issue_time;
        put_times(t, "reference_time", time, (size_t)s->n_run, s->run[0]->f.issue_time);
    }
    if (w->threshold) {
        snprintf(number, sizeof number, "%.6g", (double)sq_wms_threshold(&s->run[0]->f));
        open_dimension(t, "threshold", "mm/h", number, false);
        for (int i = 0; i < s->run[0]->f.n_threshold; i++)
            sq_text_f(t, "%s%.6g", i ? "," : "", (double)s->run[0]->f.threshold_mmh[i]);
        sq_text_put(t, "</Dimension>\n");
    }
    if (w->percentile) {
        open_dimension(t, "percentile", "%", "50", false);
        sq_text_put(t, SQ_WMS_PERCENTILE "</Dimension>\n");
    }
}

static void put_style(struct sq_text *t, const char *url, const char *layer, const struct sq_classes *c, const char *title)
{
    char query[256];
    sq_text_put(t, "<Style>\n");
    put_element(t, "Name", c->style);
    put_element(t, "Title", title);
    if (!c->value && c->quantity != SQ_QUALITY) {
        sq_text_f(t, "<LegendURL width=\"%d\" height=\"%d\"><Format>image/png</Format>", SQ_LEGEND_WIDE, sq_legend_high(c));
        snprintf(query, sizeof query,
                 "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetLegendGraphic&FORMAT=image/png&LAYER=%s&STYLE=%s", layer, c->style);
        put_link(t, url, query);
        sq_text_put(t, "</LegendURL>\n");
    }
    sq_text_put(t, "</Style>\n");
}

static void put_styles(struct sq_text *t, const char *url, const struct sq_wms_layer *w)
{
    struct sq_layer l;
    struct sq_classes c;
    if (!sq_layer_parse(w->layer, &l))
        return;
    enum sq_quantity q = sq_layer_quantity(&l);
    for (int i = 0; sq_palette_at(i) && (q != SQ_QUALITY || !i); i++)
        if (sq_classes_find(q, sq_palette_at(i)->name, &c))
            put_style(t, url, w->name, &c, c.style);
    if (q != SQ_QUALITY && sq_classes_find(q, "value", &c))
        put_style(t, url, w->name, &c, "Values, for clients that colour themselves");
}

/* Layers inherit it. */
static void put_attribution(struct sq_text *t, const char *whose)
{
    if (!*whose)
        return;
    sq_text_put(t, "<Attribution>\n");
    put_element(t, "Title", whose);
    sq_text_put(t, "</Attribution>\n");
}

static void put_layer(struct sq_text *t, const char *url, const struct sq_wms_layer *w, const struct sq_shelf *s)
{
    sq_text_f(t, "<Layer queryable=\"%d\">\n", w->queryable);
    put_element(t, "Name", w->name);
    put_element(t, "Title", w->title);
    if (w->threshold)
        put_element(t, "Abstract", "Any threshold between the first and the last is taken, not only those listed.");
    if (w->percentile)
        put_element(t, "Abstract", "Any percentile from 1 to 99 is taken, not only those listed.");
    put_bounds(t, w->time == SQ_WMS_FRAMES ? s->frame[0]->box : s->run[0]->box);
    put_dimensions(t, w, s);
    put_styles(t, url, w);
    sq_text_put(t, "</Layer>\n");
}

/* ---- the document --------------------------------------------------------------------------------------------- */

static void put_service(struct sq_text *t, const char *url)
{
    sq_text_put(t, "<Service>\n");
    put_element(t, "Name", "WMS");
    put_element(t, "Title", "Forecasts of rain in the coming minutes");
    put_element(t, "Abstract", "Probabilities and percentiles of rain rate, by squall " SQ_VERSION);
    put_link(t, url, "");
    sq_text_f(t, "<LayerLimit>1</LayerLimit>\n<MaxWidth>%d</MaxWidth>\n<MaxHeight>%d</MaxHeight>\n</Service>\n", SQ_MAP_SIDE,
              SQ_MAP_SIDE);
}

void sq_wms_capabilities(const struct sq_site *site, const struct sq_asked *a, struct sq_response *ret)
{
    static const double world[4] = {-180, -90, 180, 90};
    const struct sq_shelf *s = a->shelf;
    const struct sq_wms_layer *w;
    struct sq_text t = {0};
    char url[300];
    sq_site_url(a, url, sizeof url);
    sq_text_put(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<WMS_Capabilities version=\"1.3.0\" "
                    "xmlns=\"http://www.opengis.net/wms\">\n");
    put_service(&t, url);
    sq_text_put(&t, "<Capability>\n<Request>\n");
    put_request(&t, url, "GetCapabilities", "text/xml", NULL);
    put_request(&t, url, "GetMap", "image/png", NULL);
    put_request(&t, url, "GetFeatureInfo", "text/plain", "application/json");
    sq_text_put(&t, "</Request>\n<Exception><Format>XML</Format></Exception>\n<Layer>\n");
    put_element(&t, "Title", "squall");
    sq_text_put(&t, "<CRS>EPSG:3857</CRS>\n<CRS>EPSG:4326</CRS>\n<CRS>CRS:84</CRS>\n");
    put_bounds(&t, s->n_run ? s->run[0]->box : s->n_frame ? s->frame[0]->box : world);
    put_attribution(&t, site->params.attribution);
    for (int i = 0; (w = sq_wms_layer_at(i)); i++)
        if (sq_wms_layer_there(w, s))
            put_layer(&t, url, w, s);
    sq_text_put(&t, "</Layer>\n</Capability>\n</WMS_Capabilities>\n");
    sq_answer_text(ret, a, "text/xml", SQ_CACHE_NEWEST, &t);
}
