/* Which map a request of the Web Map Service asks for. */
#include "wms.h"

#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a parameter; false where it is missing, empty, or the word that stands for the default. */
static bool given(const struct sq_asked *a, const char *name, char *ret, size_t room)
{
    return sq_asked_value(a, name, ret, room) && *ret && strcmp(ret, "current") != 0 && strcmp(ret, "default") != 0;
}

/* ---- dimensions ------------------------------------------------------------------------------------------ */

/* An instant; fractions of seconds, which libraries in browsers add, are dropped. */
static bool parse_time(const char *text, int64_t *ret)
{
    struct sq_err err = {0};
    char word[64];
    const char *dot = strchr(text, '.');
    size_t n = dot ? (size_t)(dot - text) : strlen(text);
    if (n >= sizeof word)
        return false;
    snprintf(word, sizeof word, "%.*s%s", (int)n, text, dot ? dot + 1 + strspn(dot + 1, "0123456789") : "");
    return !sq_instant_parse(word, ret, &err);
}

static bool find_number(const struct sq_asked *a, const char *name, double lo, double hi, float *ret, bool *fixed,
                        struct sq_response *answer)
{
    char word[32];
    double v;
    if (!given(a, name, word, sizeof word)) {
        *fixed = false;
        return true;
    }
    if (!sq_parse_real(word, lo, hi, &v)) {
        sq_wms_refuse(answer, "InvalidDimensionValue", "%s is one number from %g to %g", name, lo, hi);
        return false;
    }
    *ret = (float)v;
    return true;
}

/* An instant, SQ_NO_TIME where none is given. */
static bool find_time(const struct sq_asked *a, const char *name, int64_t *ret, struct sq_response *answer)
{
    char word[64];
    *ret = SQ_NO_TIME;
    if (!given(a, name, word, sizeof word) || parse_time(word, ret))
        return true;
    sq_wms_refuse(answer, "InvalidDimensionValue", "%s is one instant, like 2016-07-11T22:00:00Z", name);
    return false;
}

static bool find_frame(const struct sq_asked *a, int64_t time, struct sq_tile_view *v, struct sq_response *answer)
{
    v->frame = time != SQ_NO_TIME ? sq_shelf_frame(a->shelf, time) : a->shelf->n_frame ? a->shelf->frame[0] : NULL;
    if (!v->frame)
        sq_wms_refuse(answer, "InvalidDimensionValue", "nothing is known to be observed then; see the capabilities");
    return v->frame;
}

static int lead_at(const struct sq_run *r, int64_t time)
{
    for (int i = 0; i < r->f.n_lead; i++)
        if (r->f.issue_time + r->f.lead_s[i] == time)
            return i;
    return -1;
}

/* The run of that reference time or, without one, the newest that knows the time. */
static bool find_lead(const struct sq_asked *a, int64_t reference, int64_t time, struct sq_tile_view *v,
                      struct sq_response *answer)
{
    bool run = false;
    for (int i = 0; i < a->shelf->n_run; i++) {
        const struct sq_run *r = a->shelf->run[i];
        if (reference != SQ_NO_TIME && r->f.issue_time != reference)
            continue;
        run = true;
        v->lead = time == SQ_NO_TIME ? 0 : lead_at(r, time);
        v->run = r;
        if (v->lead >= 0)
            return true;
    }
    if (run)
        sq_wms_refuse(answer, "InvalidDimensionValue", "nothing is forecast for that TIME; see the capabilities");
    else
        sq_wms_refuse(answer, reference == SQ_NO_TIME ? NULL : "InvalidDimensionValue",
                      reference == SQ_NO_TIME ? "there is no forecast yet" : "no forecast has that DIM_REFERENCE_TIME");
    return false;
}

bool sq_wms_find_view(const struct sq_asked *a, const char *key, struct sq_wms_map *ret, struct sq_response *answer)
{
    char name[64] = "";
    int64_t time = SQ_NO_TIME, reference = SQ_NO_TIME;
    struct sq_err err = {0};
    const struct sq_wms_layer *w;
    int i = 0;
    *ret = (struct sq_wms_map){.fixed = true};
    sq_asked_value(a, key, name, sizeof name);
    while ((w = sq_wms_layer_at(i)) && strcmp(w->name, name) != 0)
        i++;
    struct sq_layer *l = &ret->view.layer;
    ret->layer = w;
    if (!w || !sq_layer_parse(w->layer, l)) {
        sq_wms_refuse(answer, "LayerNotDefined", "%s is one layer of the capabilities", key);
        return false;
    }
    l->threshold_mmh = 0;
    if ((w->threshold && !find_number(a, "DIM_THRESHOLD", 0.001, 1000, &l->threshold_mmh, &ret->fixed, answer)) ||
        (w->percentile && !find_number(a, "DIM_PERCENTILE", 1, 99, &l->percentile, &ret->fixed, answer)) ||
        (w->time != SQ_WMS_TIMELESS && !find_time(a, "TIME", &time, answer)) ||
        (w->time != SQ_WMS_FRAMES && !find_time(a, "DIM_REFERENCE_TIME", &reference, answer)))
        return false;
    ret->fixed &= (w->time == SQ_WMS_TIMELESS || time != SQ_NO_TIME) && (w->time == SQ_WMS_FRAMES || reference != SQ_NO_TIME);
    if (w->time == SQ_WMS_FRAMES)
        return find_frame(a, time, &ret->view, answer);
    if (!find_lead(a, reference, time, &ret->view, answer))
        return false;
    if (w->threshold && !(l->threshold_mmh > 0))
        l->threshold_mmh = sq_wms_threshold(&ret->view.run->f);
    snprintf(answer->run, sizeof answer->run, "%s", ret->view.run->name);
    if (!sq_tile_view_check(ret->view.run, l, &err))
        return true;
    sq_wms_refuse(answer, w->threshold ? "InvalidDimensionValue" : "LayerNotDefined", "%s", err.text);
    return false;
}

bool sq_wms_find_style(const struct sq_asked *a, const char *key, struct sq_wms_map *ret, struct sq_response *answer)
{
    char style[32] = "";
    if (!given(a, key, style, sizeof style))
        *style = 0;
    ret->view.classes = &ret->classes;
    if (sq_classes_find(sq_layer_quantity(&ret->view.layer), style, &ret->classes))
        return true;
    sq_wms_refuse(answer, "StyleNotDefined", "%s is empty or one style of the capabilities", key);
    return false;
}

/* ---- box ---------------------------------------------------------------------------------------------------- */

static bool parse_box(const char *text, double box[4])
{
    for (int i = 0; i < 4; i++) {
        char *end;
        if (!*text || !strchr("+-.0123456789", *text) || text[strspn(text, "+-.0123456789eE,")])
            return false;
        box[i] = strtod(text, &end);
        if (end == text || *end != (i < 3 ? ',' : 0) || !(fabs(box[i]) < 1e9))
            return false;
        text = end + 1;
    }
    return box[0] < box[2] && box[1] < box[3];
}

/* west, south, east, north of the box to the corner and the pixels of the map. */
static void place(const char *crs, const double box[4], struct sq_tile_view *v)
{
    static const double half = 6378137 * M_PI; /* EPSG:3857 ends there */
    struct sq_tile *t = &v->tile;
    bool swapped = !strcmp(crs, "EPSG:4326"); /* latitude first */
    double west = box[swapped], south = box[!swapped], east = box[2 + swapped], north = box[2 + !swapped];
    t->lonlat = strcmp(crs, "EPSG:3857") != 0;
    if (!t->lonlat) {
        west = (west + half) / (2 * half), east = (east + half) / (2 * half);
        north = (half - north) / (2 * half), south = (half - south) / (2 * half);
    }
    t->x = west;
    t->y = north;
    t->dx = (east - west) / v->wide;
    t->dy = (south - north) / v->high;
    for (t->side = 32; t->side < SQ_TILE_SIDE && (t->side < v->wide || t->side < v->high);)
        t->side *= 2;
}

static bool find_background(const struct sq_asked *a, struct sq_tile_view *v, struct sq_response *answer)
{
    char word[16] = "FALSE";
    unsigned long rgb = 0xffffff;
    sq_asked_value(a, "TRANSPARENT", word, sizeof word);
    if (!strcasecmp(word, "TRUE"))
        return true;
    if (given(a, "BGCOLOR", word, sizeof word)) {
        if (strncasecmp(word, "0x", 2) != 0 || strlen(word) != 8 || strspn(word + 2, "0123456789abcdefABCDEF") != 6) {
            sq_wms_refuse(answer, NULL, "BGCOLOR is like 0xFFFFFF");
            return false;
        }
        rgb = strtoul(word, NULL, 16);
    }
    v->under = (uint32_t)rgb << 8 | 0xff;
    return true;
}

bool sq_wms_find_map(const struct sq_asked *a, struct sq_wms_map *ret, struct sq_response *answer)
{
    struct sq_tile_view *v = &ret->view;
    char crs[32] = "", text[160] = "", word[2][16] = {"", ""};
    double box[4];
    sq_asked_value(a, "CRS", crs, sizeof crs);
    sq_asked_value(a, "BBOX", text, sizeof text);
    sq_asked_value(a, "WIDTH", word[0], sizeof word[0]);
    sq_asked_value(a, "HEIGHT", word[1], sizeof word[1]);
    if (strcmp(crs, "EPSG:3857") != 0 && strcmp(crs, "EPSG:4326") != 0 && strcmp(crs, "CRS:84") != 0) {
        sq_wms_refuse(answer, "InvalidCRS", "CRS is EPSG:3857, EPSG:4326 or CRS:84");
        return false;
    }
    if (!sq_parse_whole(word[0], 1, SQ_MAP_SIDE, &v->wide) || !sq_parse_whole(word[1], 1, SQ_MAP_SIDE, &v->high)) {
        sq_wms_refuse(answer, NULL, "WIDTH and HEIGHT are 1 to %d", SQ_MAP_SIDE);
        return false;
    }
    if (!parse_box(text, box)) {
        sq_wms_refuse(answer, NULL, "BBOX is minx,miny,maxx,maxy, the lesser ones first");
        return false;
    }
    place(crs, box, v);
    return find_background(a, v, answer);
}
