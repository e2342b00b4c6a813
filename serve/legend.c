#include "legend.h"

#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct sq_lettering title_style = {.cap_px = 9, .rgb = SQ_RGB_TEXT};
static const struct sq_lettering label_style = {.cap_px = 8, .rgb = SQ_RGB_TEXT};
static const struct sq_lettering label_centre = {.cap_px = 8, .anchor = SQ_CENTRE, .rgb = SQ_RGB_TEXT};

/* ---- legends ----------------------------------------------------------------------------------------- */

static const char *edge_text(float edge, bool percent, char out[16])
{
    snprintf(out, 16, "%.4g", (double)(percent ? 100 * edge : edge));
    return out;
}

void sq_legend_bar(struct sq_canvas *c, int x, int y, int w, const struct sq_scale *s, bool percent,
                   const char *title)
{
    enum { HIGH = 14, TOP = 15 };
    char text[16];
    sq_canvas_text(c, x, y + 9, title_style, title);
    sq_canvas_fill(c, x - 1, y + TOP - 1, w + 2, HIGH + 2, SQ_RGB_FRAME);
    for (int k = 0; k < s->n; k++) {
        int left = x + k * w / s->n, right = x + (k + 1) * w / s->n;
        sq_canvas_fill(c, left, y + TOP, right - left, HIGH, s->rgb[k]);
        sq_canvas_text(c, left, y + TOP + HIGH + 13, label_centre, edge_text(s->edge[k], percent, text));
    }
    sq_canvas_text(c, x + w, y + TOP + HIGH + 13, label_centre, percent ? "100" : "");
}

void sq_legend_column(struct sq_canvas *c, int x, int y, int step, const struct sq_scale *s, bool percent,
                      const char *title)
{
    enum { WIDE = 24 };
    char from[16], text[48];
    struct sq_lettering l = label_style;
    l.cap_px = step >= 12 ? 8 : 7;
    sq_canvas_text(c, x, y + 9, title_style, title);
    y += 18;
    sq_canvas_fill(c, x - 1, y - 1, WIDE + 2, s->n * step + 2, SQ_RGB_FRAME);
    for (int k = s->n - 1; k >= 0; k--, y += step) {
        char to[16];
        sq_canvas_fill(c, x, y, WIDE, step, s->rgb[k]);
        edge_text(s->edge[k], percent, from);
        if (k + 1 < s->n || percent)
            snprintf(text, sizeof text, "%s \u2013 %s", from, k + 1 < s->n ? edge_text(s->edge[k + 1], percent, to) : "100");
        else
            snprintf(text, sizeof text, "\u2265 %s", from);
        sq_canvas_text(c, x + WIDE + 8, y + (step + l.cap_px) / 2, l, text);
    }
}

void sq_legend_marks(struct sq_canvas *c, int x, int y, const char *dry)
{
    enum { WIDE = 22, HIGH = 12, STEP = 19 };
    sq_canvas_fill(c, x, y, WIDE, HIGH, SQ_RGB_DRY);
    sq_canvas_frame(c, x, y, WIDE, HIGH, SQ_RGB_FRAME);
    sq_canvas_text(c, x + WIDE + 7, y + 10, label_style, dry);
    sq_canvas_hatch(c, x, y + STEP, WIDE, HIGH);
    sq_canvas_frame(c, x, y + STEP, WIDE, HIGH, SQ_RGB_FRAME);
    sq_canvas_text(c, x + WIDE + 7, y + STEP + 10, label_style, "no coverage");
}

void sq_scale_bar(struct sq_canvas *c, int right, int y, double km_px, int most)
{
    static const double step[] = {5, 2, 1};
    char text[32];
    if (!(km_px > 0))
        return;
    double decade = pow(10, floor(log10(km_px * most))), km = decade;
    for (int i = 0; i < 3 && (km = step[i] * decade) > km_px * most; i++)
        ;
    int w = (int)lrint(km / km_px);
    sq_canvas_fill(c, right - w, y + 17, w, 2, SQ_RGB_TEXT);
    sq_canvas_fill(c, right - w, y + 13, 1, 6, SQ_RGB_TEXT);
    sq_canvas_fill(c, right - 1, y + 13, 1, 6, SQ_RGB_TEXT);
    snprintf(text, sizeof text, "%.6g km", km);
    sq_canvas_text(c, right - w / 2, y + 9, label_centre, text);
}

/* ---- round the map ----------------------------------------------------------------------------------- */

void sq_map_frame(struct sq_canvas *c, const struct sq_view *v, int x, int y, bool ticks)
{
    struct sq_lettering along = {.cap_px = 8, .anchor = SQ_CENTRE, .rgb = SQ_RGB_QUIET};
    struct sq_lettering beside = along;
    beside.anchor = SQ_RIGHT;
    sq_canvas_frame(c, x, y, v->w, v->h, SQ_RGB_FRAME);
    for (int i = 0; i < v->n_bottom && ticks; i++) {
        sq_canvas_fill(c, x + v->bottom[i].px, y + v->h + 1, 1, 4, SQ_RGB_FRAME);
        sq_canvas_text(c, x + v->bottom[i].px, y + v->h + 16, along, v->bottom[i].text);
    }
    for (int i = 0; i < v->n_left && ticks; i++) {
        sq_canvas_fill(c, x - 5, y + v->left[i].px, 4, 1, SQ_RGB_FRAME);
        sq_canvas_text(c, x - 8, y + v->left[i].px + 4, beside, v->left[i].text);
    }
}

void sq_map_note(struct sq_canvas *c, const struct sq_view *v, int x, int y, const char *text)
{
    struct sq_lettering l = {.cap_px = 12, .anchor = SQ_CENTRE, .rgb = SQ_RGB_TEXT};
    int w;
    while ((w = sq_canvas_text_width(l, text) + 24) > v->w - 8 && l.cap_px > 6)
        l.cap_px--;
    int h = l.cap_px + 18, left = x + (v->w - w) / 2, top = y + (v->h - h) / 2;
    sq_canvas_fill(c, left, top, w, h, 0xffffff);
    sq_canvas_frame(c, left, top, w, h, SQ_RGB_FRAME);
    sq_canvas_text(c, x + v->w / 2, top + 9 + l.cap_px, l, text);
}

/* ---- captions ---------------------------------------------------------------------------------------- */

void sq_text_within(struct sq_canvas *c, int x, int y, int room, struct sq_lettering l, const char *text)
{
    char part[SQ_CAPTION_ISSUE_MAX + 4];
    size_t n = strlen(text);
    n = n < SQ_CAPTION_ISSUE_MAX ? n : SQ_CAPTION_ISSUE_MAX - 1;
    snprintf(part, sizeof part, "%.*s", (int)n, text);
    while (n && sq_canvas_text_width(l, part) > room) {
        do /* whole characters of UTF-8 */
            n--;
        while (n && ((unsigned char)text[n] & 0xc0) == 0x80);
        snprintf(part, sizeof part, "%.*s\u2026", (int)n, text);
    }
    sq_canvas_text(c, x, y, l, n ? part : "");
}

char *sq_caption_time(int64_t t, char out[SQ_CAPTION_MAX])
{
    char iso[32];
    sq_instant_iso(t, iso);
    snprintf(out, SQ_CAPTION_MAX, "%.10s %.*s UTC", iso, t % 60 ? 8 : 5, iso + 11);
    return out;
}

char *sq_caption_lead(int lead_s, char out[SQ_CAPTION_MAX])
{
    snprintf(out, SQ_CAPTION_MAX, "+%.4g min", lead_s / 60.0);
    return out;
}

char *sq_caption_probability(float threshold_mmh, char out[SQ_CAPTION_MAX])
{
    snprintf(out, SQ_CAPTION_MAX, "P(rain \u2265 %.4g mm/h)", (double)threshold_mmh);
    return out;
}

char *sq_caption_percentile(float percentile, char out[SQ_CAPTION_MAX])
{
    if (percentile == 50)
        snprintf(out, SQ_CAPTION_MAX, "Median rain rate");
    else
        snprintf(out, SQ_CAPTION_MAX, "Rain rate, percentile %.4g", (double)percentile);
    return out;
}

static int words(const char *s)
{
    int n = 0;
    for (; s && *s; s++)
        n += *s != ' ' && (s[1] == ' ' || !s[1]);
    return n;
}

char *sq_caption_issue(const struct sq_forecast *f, char out[SQ_CAPTION_ISSUE_MAX])
{
    char when[SQ_CAPTION_MAX], missing[48] = "";
    int n = words(f->inputs_missing);
    if (n)
        snprintf(missing, sizeof missing, " \u2013 %d input%s missing", n, n > 1 ? "s" : "");
    snprintf(out, SQ_CAPTION_ISSUE_MAX, "issued %s by squall, %s%s%s%s%s%s", sq_caption_time(f->issue_time, when),
             f->method, *f->model ? " " : "", f->model, missing, *f->institution ? " \u2013 " : "", f->institution);
    return out;
}
