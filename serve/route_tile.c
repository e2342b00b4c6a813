/* Tiles by layer, run and lead, and what describes them to map libraries. */
#include "site.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- finding what is asked for ---------------------------------------------------------------------------- */

const struct sq_run *sq_asked_run(const struct sq_asked *a, const char *name, struct sq_response *ret)
{
    const struct sq_shelf *s = a->shelf;
    bool latest = !strcmp(name, "latest");
    for (int i = 0; i < s->n_run; i++)
        if (latest || !strcmp(name, s->run[i]->name)) {
            snprintf(ret->run, sizeof ret->run, "%s", s->run[i]->name);
            return s->run[i];
        }
    if (latest)
        sq_answer_error(ret, 503, "there is no forecast yet");
    else
        sq_answer_error(ret, 404, "there is no run of that name; see /index.json");
    return NULL;
}

void sq_lead_name(int lead_s, char out[16])
{
    snprintf(out, 16, "%.6g", lead_s / 60.0);
}

const struct sq_frame *sq_shelf_frame(const struct sq_shelf *s, int64_t time)
{
    for (int i = 0; i < s->n_frame; i++)
        if (s->frame[i]->time == time)
            return s->frame[i];
    return NULL;
}

/* The lead or, for 0 and before, the frame of v->run. Answers 400 or 404. */
static bool find_lead(const struct sq_asked *a, const char *word, struct sq_tile_view *v, struct sq_response *ret)
{
    const struct sq_forecast *f = &v->run->f;
    double minutes;
    enum sq_layer_kind kind = v->layer.kind;
    if (!sq_parse_real(word, -1440, 1e5, &minutes)) {
        sq_answer_error(ret, 400, "a lead is a number of minutes");
        return false;
    }
    if (kind == SQ_LAYER_WITHIN || kind == SQ_LAYER_QUALITY) {
        v->lead = 0; /* of the run as a whole */
        return true;
    }
    if (kind == SQ_LAYER_OBSERVED || (kind == SQ_LAYER_COVERAGE && minutes <= 0)) {
        v->frame = minutes > 0 ? NULL : sq_shelf_frame(a->shelf, f->issue_time + lrint(60 * minutes));
        if (!v->frame)
            sq_answer_error(ret, 404, "no frame was observed then; see /index.json");
        return v->frame;
    }
    for (v->lead = 0; v->lead < f->n_lead; v->lead++)
        if (f->lead_s[v->lead] == lrint(60 * minutes))
            return true;
    sq_answer_error(ret, 404, "the run has no such lead; see /index.json");
    return false;
}

/* "3.png" or "3@2x.png". */
static bool parse_y(const char *word, int most, int *ret_y, int *ret_side)
{
    char digits[16];
    size_t n = strspn(word, "0123456789");
    if (n >= sizeof digits)
        return false;
    memcpy(digits, word, n);
    digits[n] = 0;
    *ret_side = !strcmp(word + n, ".png") ? 256 : !strcmp(word + n, "@2x.png") ? 512 : 0;
    return *ret_side && sq_parse_whole(digits, 0, most, ret_y);
}

static bool find_tile(char *const *word, struct sq_tile *t, struct sq_response *ret)
{
    int x = 0, y = 0;
    if (!sq_parse_whole(word[0], 0, SQ_ZOOM_MAX, &t->z)) {
        sq_answer_error(ret, 400, "zoom is a number from 0 to %d", SQ_ZOOM_MAX);
        return false;
    }
    int most = (1 << t->z) - 1;
    if (!sq_parse_whole(word[1], 0, most, &x) || !parse_y(word[2], most, &y, &t->side)) {
        sq_answer_error(ret, 400, "a tile of zoom %d is x/y.png or x/y@2x.png with x and y from 0 to %d", t->z, most);
        return false;
    }
    t->x = x;
    t->y = y;
    return true;
}

static bool find_classes(const struct sq_asked *a, const struct sq_layer *l, struct sq_classes *c, struct sq_response *ret)
{
    char style[32] = "";
    sq_asked_value(a, "style", style, sizeof style);
    if (sq_classes_find(sq_layer_quantity(l), style, c))
        return true;
    sq_answer_error(ret, 404, "there is no style of that name; see /index.json");
    return false;
}

/* ---- answering ------------------------------------------------------------------------------------------ */

struct painting {
    struct sq_site *site;
    const struct sq_tile_view *view;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum sq_status paint(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    struct painting *p = arg;
    double start = seconds();
    struct sq_brush *b = sq_site_brush(p->site, e);
    if (!b)
        return SQ_FAILED;
    enum sq_status status = sq_paint(b, p->view, ret, ret_n, e);
    sq_site_lay_down(p->site, b);
    sq_metrics_render(&p->site->metrics, p->view->layer.kind, seconds() - start);
    return status;
}

static void release_blob(void *blob)
{
    sq_blob_release(blob);
}

void sq_answer_tile(struct sq_site *s, const struct sq_asked *a, const struct sq_tile_view *v, const char *cache,
                    struct sq_response *ret)
{
    char name[512], layer[SQ_LAYER_NAME_MAX];
    const struct sq_tile *t = &v->tile;
    const struct sq_forecast *f = v->run ? &v->run->f : NULL;
    uint64_t hash = v->frame ? v->frame->rate.hash : v->run->hash;
    struct sq_err err = {0};
    struct sq_blob *blob = NULL;
    struct painting p = {s, v};
    int64_t of = v->frame ? v->frame->time : f->issue_time;
    int n = snprintf(name, sizeof name, "%llx/%lld/%d/%s/%s%s/%d/%.15g/%.15g/%d/%s", (unsigned long long)hash, (long long)of,
             v->frame ? -1 : v->lead, sq_layer_name(&v->layer, layer), v->classes->style, v->bare ? "-bare" : "", t->z,
             t->x, t->y, t->side, v->run ? v->run->name : "");
    if (v->wide)
        snprintf(name + n, sizeof name - (size_t)n, "/%d/%d/%.15g/%.15g/%d/%x", v->wide, v->high, t->dx, t->dy, t->lonlat,
                 v->under);
    ret->cache = cache;
    sq_instant_iso(v->frame ? of : of + f->lead_s[v->lead], ret->valid);
    if (sq_answer_unchanged(ret, a, hash, name))
        return;
    if (sq_tile_cache_get(s->cache, name, paint, &p, &blob, &err)) {
        sq_answer_error(ret, 503, "%s", err.text);
        return;
    }
    ret->code = 200;
    ret->type = "image/png";
    ret->body = blob->data;
    ret->n = blob->n;
    ret->owner = blob;
    ret->release = release_blob;
}

/* The layer of the view is set; word: run, lead, z, x, y. */
static void answer_layer(struct sq_site *s, const struct sq_asked *a, struct sq_tile_view *v, char *const *word,
                         struct sq_response *ret)
{
    struct sq_classes classes;
    struct sq_err err = {0};
    char layer[SQ_LAYER_NAME_MAX];
    bool latest = !strcmp(word[0], "latest");
    v->classes = &classes;
    if (!find_tile(word + 2, &v->tile, ret) || !(v->run = sq_asked_run(a, word[0], ret)) ||
        !find_lead(a, word[1], v, ret) || !find_classes(a, &v->layer, &classes, ret))
        return;
    if (!v->frame && sq_tile_view_check(v->run, &v->layer, &err)) {
        sq_answer_error(ret, 404, "%s", err.text);
        return;
    }
    if (latest)
        snprintf(ret->location, sizeof ret->location, "/tiles/%s/%s/%s/%d/%.0f/%.0f%s.png%s%s",
                 sq_layer_name(&v->layer, layer), v->run->name, word[1], v->tile.z, v->tile.x, v->tile.y,
                 v->tile.side == 512 ? "@2x" : "", *classes.style ? "?style=" : "", classes.style);
    sq_answer_tile(s, a, v, latest ? SQ_CACHE_NEWEST : SQ_CACHE_FIXED, ret);
}

void sq_serve_tile(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {0};
    if (!sq_layer_parse(a->segment[1], &v.layer))
        sq_answer_error(ret, 404, "there is no layer of that name; see /index.json");
    else
        answer_layer(s, a, &v, a->segment + 2, ret);
}

static bool find_threshold(const char *word, float *ret_mmh, struct sq_response *ret)
{
    double v;
    if (!sq_parse_real(word, 0.001, 1000, &v)) {
        sq_answer_error(ret, 400, "a threshold is a number of mm/h from 0.001 to 1000");
        return false;
    }
    *ret_mmh = (float)v;
    return true;
}

void sq_serve_prob(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {.layer.kind = SQ_LAYER_PROB};
    if (find_threshold(a->segment[1], &v.layer.threshold_mmh, ret))
        answer_layer(s, a, &v, a->segment + 2, ret);
}

void sq_serve_percentile(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {.layer.kind = SQ_LAYER_PERCENTILE};
    double p;
    if (!sq_parse_real(a->segment[1], 1, 99, &p)) {
        sq_answer_error(ret, 400, "a percentile is a number from 1 to 99");
        return;
    }
    v.layer.percentile = (float)p;
    answer_layer(s, a, &v, a->segment + 2, ret);
}

void sq_serve_near(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {.layer.kind = SQ_LAYER_NEAR};
    double km;
    if (!find_threshold(a->segment[1], &v.layer.threshold_mmh, ret))
        return;
    if (!sq_parse_real(a->segment[2], 1, 100, &km)) {
        sq_answer_error(ret, 400, "a radius is a number of km from 1 to 100");
        return;
    }
    v.layer.km = (float)km;
    answer_layer(s, a, &v, a->segment + 3, ret);
}

/* window/{thr}/{from}-{to}/{run}/{z}/{x}/{y} */
void sq_serve_window(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {.layer.kind = SQ_LAYER_WITHIN};
    char lead[] = "0", *word[5] = {a->segment[3], lead, a->segment[4], a->segment[5], a->segment[6]};
    const char *span = a->segment[2];
    if (!find_threshold(a->segment[1], &v.layer.threshold_mmh, ret))
        return;
    if (strncmp(span, "0-", 2) != 0 || !sq_parse_whole(span + 2, 1, 9999, &v.layer.window_min)) {
        sq_answer_error(ret, 404, "windows begin now: 0-30 or 0-60, in minutes");
        return;
    }
    answer_layer(s, a, &v, word, ret);
}

/* ---- TileJSON 3.0.0 --------------------------------------------------------------------------------------- */

static void put_tilejson(struct sq_site *s, const struct sq_asked *a, const struct sq_tile_view *v, struct sq_text *t)
{
    char url[300], line[700], title[SQ_LAYER_TITLE_MAX], layer[SQ_LAYER_NAME_MAX];
    const struct sq_forecast *f = &v->run->f;
    const double *box = v->frame ? v->frame->box : v->run->box;
    const char *style = v->classes->style;
    sq_site_url(a, url, sizeof url);
    sq_layer_name(&v->layer, layer);
    sq_json_open(t, NULL, '{');
    sq_json_string(t, "tilejson", "3.0.0");
    sq_json_string(t, "name", sq_layer_title(&v->layer, title));
    sq_json_open(t, "tiles", '[');
    snprintf(line, sizeof line, "%s/tiles/%s/%s/%s/{z}/{x}/{y}.png?style=%s", url, layer, a->segment[2], a->segment[3],
             style);
    sq_json_string(t, NULL, line);
    sq_json_close(t, ']');
    sq_json_string(t, "scheme", "xyz");
    sq_json_open(t, "bounds", '[');
    for (int i = 0; i < 4; i++) /* on the map of the web, without its second turn */
        sq_json_number(t, NULL, i % 2 ? fmax(-85.0511, fmin(85.0511, box[i])) : box[2] > 180 ? (i ? 180 : -180) : box[i], 9);
    sq_json_close(t, ']');
    sq_json_whole(t, "minzoom", 0);
    sq_json_whole(t, "maxzoom", SQ_ZOOM_MAX);
    sq_json_string(t, "attribution", s->params.attribution);
    snprintf(line, sizeof line, "%s/legend/%s-%s.json", url, sq_quantity_name(v->classes->quantity), style);
    sq_json_string(t, "legend", line);
    sq_json_string(t, "run", v->run->name);
    sq_json_string(t, "lead", a->segment[3]);
    sq_json_time(t, "valid", v->frame ? v->frame->time : f->issue_time + f->lead_s[v->lead]);
    sq_json_close(t, '}');
    sq_text_put(t, "\n");
}

void sq_serve_tilejson(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_tile_view v = {0};
    struct sq_classes classes;
    struct sq_text t = {0};
    struct sq_err err = {0};
    v.classes = &classes;
    if (!sq_layer_parse(a->segment[1], &v.layer)) {
        sq_answer_error(ret, 404, "there is no layer of that name; see /index.json");
        return;
    }
    if (!(v.run = sq_asked_run(a, a->segment[2], ret)) || !find_lead(a, a->segment[3], &v, ret) ||
        !find_classes(a, &v.layer, &classes, ret))
        return;
    if (!v.frame && sq_tile_view_check(v.run, &v.layer, &err)) {
        sq_answer_error(ret, 404, "%s", err.text);
        return;
    }
    put_tilejson(s, a, &v, &t);
    sq_answer_text(ret, a, "application/json", strcmp(a->segment[2], "latest") ? SQ_CACHE_FIXED : SQ_CACHE_NEWEST, &t);
}
