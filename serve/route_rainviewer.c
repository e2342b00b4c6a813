/* RainViewer's interface, version 2: what many radar apps speak. Past frames are observed, those to come the median. */
#include "site.h"

#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list of frames --------------------------------------------------------------------------------- */

static void put_frame(struct sq_text *t, int64_t time, const char *path)
{
    sq_json_open(t, NULL, '{');
    sq_json_whole(t, "time", time);
    sq_json_string(t, "path", path);
    sq_json_close(t, '}');
}

void sq_serve_rainviewer_maps(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    const struct sq_shelf *shelf = a->shelf;
    const struct sq_run *run = shelf->n_run ? shelf->run[0] : NULL;
    struct sq_text t = {0};
    char url[300], path[96], lead[16];
    (void)s;
    sq_site_url(a, url, sizeof url);
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "version", "2.0");
    sq_json_whole(&t, "generated", shelf->since);
    sq_json_string(&t, "host", url);
    sq_json_open(&t, "radar", '{');
    sq_json_open(&t, "past", '[');
    for (int i = shelf->n_frame - 1; i >= 0; i--) {
        if (shelf->frame[i]->time < shelf->frame[0]->time - SQ_PAST_S)
            continue; /* kept for those who were told of it earlier */
        snprintf(path, sizeof path, "/v2/radar/%lld", (long long)shelf->frame[i]->time);
        put_frame(&t, shelf->frame[i]->time, path);
    }
    sq_json_close(&t, ']');
    sq_json_open(&t, "nowcast", '[');
    for (int i = 0; run && i < run->f.n_lead; i++) {
        sq_lead_name(run->f.lead_s[i], lead);
        snprintf(path, sizeof path, "/v2/radar/nowcast_%s_%s", run->name, lead);
        put_frame(&t, run->f.issue_time + run->f.lead_s[i], path);
    }
    sq_json_close(&t, ']');
    sq_json_close(&t, '}');
    sq_json_open(&t, "satellite", '{');
    sq_json_open(&t, "infrared", '[');
    sq_json_close(&t, ']');
    sq_json_close(&t, '}');
    sq_json_close(&t, '}');
    sq_text_put(&t, "\n");
    sq_answer_text(ret, a, "application/json", SQ_CACHE_NEWEST, &t);
}

/* ---- tiles ------------------------------------------------------------------------------------------------ */

/* "nowcast_20160711T2200Z_30" or a time, or "latest", into run, lead or frame of the view. */
static bool find_frame(const struct sq_asked *a, const char *word, struct sq_tile_view *v, struct sq_response *ret)
{
    const struct sq_shelf *shelf = a->shelf;
    char name[40];
    double minutes;
    v->layer = (struct sq_layer){.kind = SQ_LAYER_OBSERVED};
    if (!strncmp(word, "nowcast_", 8)) {
        const char *run = word + 8, *lead = strrchr(run, '_');
        if (!lead || (size_t)(lead - run) >= sizeof name || !sq_parse_real(lead + 1, 0, 1e5, &minutes)) {
            sq_answer_error(ret, 400, "take paths from /public/weather-maps.json");
            return false;
        }
        snprintf(name, sizeof name, "%.*s", (int)(lead - run), run);
        v->layer = (struct sq_layer){.kind = SQ_LAYER_PERCENTILE, .percentile = 50};
        if (!(v->run = sq_asked_run(a, name, ret)))
            return false;
        for (v->lead = 0; v->lead < v->run->f.n_lead; v->lead++)
            if (v->run->f.lead_s[v->lead] == lrint(60 * minutes))
                return true;
    } else if (!strcmp(word, "latest") || !strcmp(word, "0")) {
        v->frame = shelf->n_frame ? shelf->frame[0] : NULL;
    } else if (strspn(word, "0123456789") == strlen(word) && strlen(word) < 12) {
        v->frame = sq_shelf_frame(shelf, atoll(word));
    } else {
        sq_answer_error(ret, 400, "take paths from /public/weather-maps.json");
        return false;
    }
    if (!v->frame)
        sq_answer_error(ret, 404, "there is no such frame; see /public/weather-maps.json");
    return v->frame;
}

/* {size}/{z}/{x}/{y}, or {size}/{z}/{lat}/{lon} with points in both: a picture round that place. `y` without ".png". */
static bool find_place(char *const *word, const char *y, struct sq_tile *t, struct sq_response *ret)
{
    double lat, lon, n;
    int size = 0;
    if (!sq_parse_whole(word[0], 256, 512, &size) || (size != 256 && size != 512) ||
        !sq_parse_whole(word[1], 0, SQ_ZOOM_MAX, &t->z)) {
        sq_answer_error(ret, 400, "size is 256 or 512, zoom 0 to %d", SQ_ZOOM_MAX);
        return false;
    }
    t->side = size;
    n = 1 << t->z;
    if (strchr(word[2], '.') && strchr(y, '.')) {
        if (sq_parse_real(word[2], -85.05, 85.05, &lat) && sq_parse_real(y, -180, 180, &lon)) {
            t->x = n * (lon + 180) / 360 - 0.5;
            t->y = n * (1 - asinh(tan(lat * (M_PI / 180))) / M_PI) / 2 - 0.5;
            return true;
        }
    } else {
        int ix = 0, iy = 0;
        if (sq_parse_whole(word[2], 0, (int)n - 1, &ix) && sq_parse_whole(y, 0, (int)n - 1, &iy)) {
            t->x = ix;
            t->y = iy;
            return true;
        }
    }
    sq_answer_error(ret, 400, "there is no such tile or place");
    return false;
}

/* Their numbers of colours: those we know; others get the default. */
static const char *palette_of(const char *colour)
{
    static const char *const name[] = {[0] = "grey", [1] = "radar", [2] = "squall", [6] = "radar", [11] = "radar"};
    int k;
    return sq_parse_whole(colour, 0, 11, &k) && name[k] ? name[k] : "";
}

void sq_serve_rainviewer_tile(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_classes classes;
    struct sq_tile_view v = {.bare = true, .classes = &classes};
    const char *options = a->segment[8], *dot = strrchr(options, '.');
    if (!dot || strcmp(dot, ".png") != 0) {
        sq_answer_error(ret, 404, "only .png is made here");
        return;
    }
    if (!find_frame(a, a->segment[2], &v, ret) || !find_place(a->segment + 3, a->segment[6], &v.tile, ret))
        return;
    if (!sq_classes_find(SQ_RATE, palette_of(a->segment[7]), &classes))
        return;
    sq_answer_tile(s, a, &v, strcmp(a->segment[2], "latest") && strcmp(a->segment[2], "0") ? SQ_CACHE_FIXED : SQ_CACHE_NEWEST,
                   ret);
}

/* Transparent where there is radar, black where there is none: v2/coverage/0/{size}/{z}/{x}/{y}[/0/0_0].png */
void sq_serve_rainviewer_coverage(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_classes classes;
    struct sq_tile_view v = {.classes = &classes};
    char last[32];
    const char *y = a->segment[6];
    size_t n = strlen(y);
    if (a->n == 7 && n > 4 && n < sizeof last && !strcmp(y + n - 4, ".png")) {
        memcpy(last, y, n - 4);
        last[n - 4] = 0;
        y = last;
    }
    if (!find_place(a->segment + 3, y, &v.tile, ret))
        return;
    v.layer.kind = SQ_LAYER_COVERAGE;
    v.frame = a->shelf->n_frame ? a->shelf->frame[0] : NULL;
    v.run = a->shelf->n_run ? a->shelf->run[0] : NULL;
    if (!v.frame && !v.run) {
        sq_answer_error(ret, 503, "there is no forecast yet");
        return;
    }
    if (!sq_classes_find(SQ_QUALITY, "", &classes))
        return;
    snprintf(classes.style, sizeof classes.style, "black");
    classes.rgba[SQ_INDEX_NONE] = classes.rgba[SQ_INDEX_FIRST + classes.n] = 0xff;
    sq_answer_tile(s, a, &v, SQ_CACHE_NEWEST, ret);
}
