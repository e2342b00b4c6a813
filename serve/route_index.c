/* What there is: runs, leads, layers, styles; and what their colours mean. */
#include "site.h"
#include "legend.h"
#include "png_write.h"

#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the index -------------------------------------------------------------------------------------------- */

static void put_run(struct sq_text *t, const struct sq_shelf *shelf, const struct sq_run *r)
{
    const struct sq_forecast *f = &r->f;
    char path[128];
    snprintf(path, sizeof path, "/tiles/{layer}/%s/{lead}/{z}/{x}/{y}.png", r->name);
    sq_json_open(t, NULL, '{');
    sq_json_string(t, "run", r->name);
    sq_json_time(t, "issued", f->issue_time);
    sq_json_string(t, "path", path);
    sq_json_open(t, "leads", '[');
    for (int i = 0; i < f->n_lead; i++)
        sq_json_number(t, NULL, f->lead_s[i] / 60.0, 6);
    sq_json_close(t, ']');
    sq_json_open(t, "valid", '[');
    for (int i = 0; i < f->n_lead; i++)
        sq_json_time(t, NULL, f->issue_time + f->lead_s[i]);
    sq_json_close(t, ']');
    sq_json_open(t, "observed", '['); /* leads of the layer `observed`, the oldest first */
    for (int i = shelf->n_frame - 1; i >= 0; i--)
        if (shelf->frame[i]->time <= f->issue_time && shelf->frame[i]->time >= f->issue_time - SQ_PAST_S)
            sq_json_number(t, NULL, (double)(shelf->frame[i]->time - f->issue_time) / 60, 6);
    sq_json_close(t, ']');
    sq_json_open(t, "windows", '[');
    for (int w = 0; w < SQ_WINDOWS; w++)
        if (r->window[w].n_level)
            sq_json_whole(t, NULL, sq_window_min[w]);
    sq_json_close(t, ']');
    sq_json_open(t, "thresholds", '[');
    for (int i = 0; i < f->n_threshold; i++)
        sq_json_number(t, NULL, (double)f->threshold_mmh[i], 6);
    sq_json_close(t, ']');
    sq_json_open(t, "bounds", '[');
    for (int i = 0; i < 4; i++)
        sq_json_number(t, NULL, r->box[i], 8);
    sq_json_close(t, ']');
    sq_json_string(t, "method", f->method);
    sq_json_string(t, "model", f->model);
    sq_json_string(t, "institution", f->institution);
    sq_json_string(t, "inputs_used", f->inputs_used);
    sq_json_string(t, "inputs_missing", f->inputs_missing);
    sq_json_close(t, '}');
}

static void put_layer(struct sq_text *t, const char *name)
{
    struct sq_layer l;
    char title[SQ_LAYER_TITLE_MAX];
    if (!sq_layer_parse(name, &l))
        return;
    enum sq_quantity q = sq_layer_quantity(&l);
    sq_json_open(t, name, '{');
    sq_json_string(t, "title", sq_layer_title(&l, title));
    sq_json_string(t, "quantity", sq_quantity_name(q));
    sq_json_string(t, "units", sq_quantity_units(q));
    sq_json_close(t, '}');
}

/* When the next forecast should be there: as much later as this one was than the one before. */
static int64_t next_expected(const struct sq_shelf *s)
{
    for (int i = 1; i < s->n_run; i++)
        if (s->run[i]->f.issue_time < s->run[0]->f.issue_time)
            return s->since + s->run[0]->f.issue_time - s->run[i]->f.issue_time;
    return s->since + 300;
}

void sq_serve_index(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    static const char *const layer[] = {"prob", "median", "p10", "p90", "mean", "observed", "within30", "within60",
                                        "near10", "coverage", "quality"};
    const struct sq_shelf *shelf = a->shelf;
    struct sq_text t = {0};
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "attribution", s->params.attribution);
    sq_json_whole(&t, "generated", shelf->since);
    sq_json_whole(&t, "next_expected", next_expected(shelf));
    sq_json_open(&t, "runs", '[');
    for (int i = 0; i < shelf->n_run; i++)
        put_run(&t, shelf, shelf->run[i]);
    sq_json_close(&t, ']');
    sq_json_open(&t, "layers", '{');
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
        put_layer(&t, layer[i]);
    sq_json_close(&t, '}');
    sq_json_open(&t, "styles", '[');
    for (int i = 0; sq_palette_at(i); i++)
        sq_json_string(&t, NULL, sq_palette_at(i)->name);
    sq_json_string(&t, NULL, "value");
    sq_json_close(&t, ']');
    if (shelf->n_run) {
        sq_json_open(&t, "bounds", '[');
        for (int i = 0; i < 4; i++)
            sq_json_number(&t, NULL, shelf->run[0]->box[i], 8);
        sq_json_close(&t, ']');
    }
    sq_json_whole(&t, "minzoom", 0);
    sq_json_whole(&t, "maxzoom", SQ_ZOOM_MAX);
    sq_json_close(&t, '}');
    sq_text_put(&t, "\n");
    sq_answer_text(ret, a, "application/json", SQ_CACHE_NEWEST, &t);
}

/* ---- legends ------------------------------------------------------------------------------------------------ */

static const char *const quantity_title[] = {"Probability", "Rain rate", "Radar quality"};

static void put_special(struct sq_text *t, int index, const char *meaning, const struct sq_classes *c)
{
    char colour[16];
    snprintf(colour, sizeof colour, "#%08x", c->rgba[index]);
    sq_json_open(t, NULL, '{');
    sq_json_whole(t, "index", index);
    sq_json_string(t, "meaning", meaning);
    if (!c->value)
        sq_json_string(t, "color", colour);
    sq_json_close(t, '}');
}

static void put_stop(struct sq_text *t, const struct sq_classes *c, int k)
{
    static const char *const quality[] = {"missing", "rejected by quality control"};
    bool percent = c->quantity == SQ_PROBABILITY;
    char colour[16], label[32];
    snprintf(colour, sizeof colour, "#%06x", c->rgba[SQ_INDEX_FIRST + k] >> 8);
    snprintf(label, sizeof label, percent ? "%.4g %%" : "%.3g", (double)c->edge[k] * (percent ? 100 : 1));
    sq_json_open(t, NULL, '{');
    sq_json_whole(t, "index", SQ_INDEX_FIRST + k);
    if (c->quantity != SQ_QUALITY) {
        sq_json_number(t, "from", (double)c->edge[k], 6);
        sq_json_number(t, "to", k + 1 < c->n ? (double)c->edge[k + 1] : percent ? 1 : (double)NAN, 6);
    }
    if (!c->value)
        sq_json_string(t, "color", colour);
    sq_json_string(t, "label", c->quantity == SQ_QUALITY ? quality[k] : label);
    sq_json_close(t, '}');
}

static void put_legend(struct sq_text *t, const struct sq_classes *c)
{
    char colour[16];
    sq_json_open(t, NULL, '{');
    sq_json_string(t, "style", c->style);
    sq_json_string(t, "quantity", sq_quantity_name(c->quantity));
    sq_json_string(t, "units", sq_quantity_units(c->quantity));
    sq_json_string(t, "title", quantity_title[c->quantity]);
    sq_json_open(t, "stops", '[');
    for (int k = 0; k < c->n; k++)
        put_stop(t, c, k);
    sq_json_close(t, ']');
    sq_json_open(t, "special", '[');
    put_special(t, SQ_INDEX_DRY, c->quantity == SQ_QUALITY ? "seen" : c->quantity == SQ_RATE ? "dry" : "below the first class", c);
    put_special(t, SQ_INDEX_NONE, "no coverage", c);
    if (!c->value)
        put_special(t, SQ_INDEX_FIRST + c->n, "no coverage", c); /* the hatching */
    sq_json_close(t, ']');
    sq_json_open(t, "palette", '[');
    for (int i = 0; i < c->n_rgba; i++) {
        snprintf(colour, sizeof colour, "#%08x", c->rgba[i]);
        sq_json_string(t, NULL, colour);
    }
    sq_json_close(t, ']');
    sq_json_whole(t, "bits", c->n_rgba && c->n_rgba <= 16 ? 4 : 8);
    sq_json_close(t, '}');
    sq_text_put(t, "\n");
}

enum { LEGEND_STEP = 16 };

int sq_legend_high(const struct sq_classes *c)
{
    return 18 + c->n * LEGEND_STEP + 56;
}

void sq_answer_legend(const struct sq_classes *c, struct sq_response *ret)
{
    enum { WIDE = SQ_LEGEND_WIDE, STEP = LEGEND_STEP };
    const struct sq_palette *p = sq_palette_find(c->style);
    bool percent = c->quantity == SQ_PROBABILITY;
    struct sq_canvas canvas = {0};
    struct sq_err err = {0};
    unsigned char *png = NULL;
    size_t n = 0;
    if (!p || c->quantity == SQ_QUALITY) {
        sq_answer_error(ret, 404, "there is no picture of this legend; take the .json");
        return;
    }
    const struct sq_scale *scale = percent ? &p->probability : &p->rate;
    int high = sq_legend_high(c);
    enum sq_status status = sq_canvas_init(&canvas, WIDE, high, SQ_RGB_DRY, &err);
    if (!status) {
        sq_legend_column(&canvas, 8, 6, STEP, scale, percent, percent ? "%" : "mm/h");
        sq_legend_marks(&canvas, 8, 6 + 18 + scale->n * STEP + 8, "dry");
        status = sq_png_encode(WIDE, high, canvas.rgb, NULL, 0, &png, &n, &err);
    }
    sq_canvas_finish(&canvas);
    if (status) {
        sq_answer_error(ret, 500, "%s", err.text);
        return;
    }
    ret->code = 200;
    ret->type = "image/png";
    ret->body = ret->owner = png;
    ret->n = n;
    ret->release = free;
}

/* "rate-squall.json": quantity, palette, and how it is told. */
void sq_serve_legend(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    const char *name = a->segment[1], *dash = strchr(name, '-'), *dot = strrchr(name, '.');
    struct sq_classes c;
    struct sq_text t = {0};
    char style[32];
    enum sq_quantity q = SQ_PROBABILITY;
    (void)s;
    bool png = dot && !strcmp(dot, ".png"), fine = dash && dot && dash < dot && (png || !strcmp(dot, ".json")) &&
                                                    (size_t)(dot - dash) < sizeof style;
    while (fine && q <= SQ_QUALITY &&
           (strlen(sq_quantity_name(q)) != (size_t)(dash - name) || strncmp(name, sq_quantity_name(q), (size_t)(dash - name))))
        q++;
    if (fine)
        snprintf(style, sizeof style, "%.*s", (int)(dot - dash - 1), dash + 1);
    if (!fine || q > SQ_QUALITY || !*style || !sq_classes_find(q, style, &c)) {
        sq_answer_error(ret, 404, "legends are probability-STYLE, rate-STYLE and quality-STYLE, as .json and .png");
        return;
    }
    if (!png) {
        put_legend(&t, &c);
        sq_answer_text(ret, a, "application/json", SQ_CACHE_NEWEST, &t);
        return;
    }
    ret->cache = SQ_CACHE_NEWEST;
    if (!sq_answer_unchanged(ret, a, 2, name))
        sq_answer_legend(&c, ret);
}
