/* The forecast at a place, drawn: how hard it may rain, and how likely it is. SVG without a script or a style sheet. */
#include "onset.h"
#include "palette.h"
#include "text.h"

#include "core/distribution.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct frame {
    const struct sq_point *p;
    struct sq_text *t;
    double left, right, top, middle, bottom; /* rates between top and middle, chances between middle and bottom */
    double most_mmh;
};

#define GAP 26.0 /* between the two panels */

static double x_at(const struct frame *s, double lead_s)
{
    return s->left + lead_s / s->p->f->lead_s[s->p->f->n_lead - 1] * (s->right - s->left);
}

/* Light rain matters: the scale is that of the square root. */
static double y_of_rate(const struct frame *s, double mmh)
{
    return s->middle - sqrt(fmin(mmh, s->most_mmh) / s->most_mmh) * (s->middle - s->top);
}

static double y_of_chance(const struct frame *s, double chance)
{
    return s->bottom - chance * (s->bottom - s->middle - GAP);
}

static double quantile(const struct sq_point *p, int lead, float q)
{
    const struct sq_distribution d = {p->f->n_threshold, p->f->threshold_mmh, SQ_TAIL_MMH};
    return (double)sq_distribution_quantile(&d, p->prob + (size_t)lead * (size_t)p->f->n_threshold, q);
}

static void label(struct frame *s, double x, double y, const char *anchor, const char *text)
{
    sq_text_f(s->t, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    sq_text_xml(s->t, text);
    sq_text_put(s->t, "</text>\n");
}

static void line(struct frame *s, double x0, double y0, double x1, double y1, const char *colour)
{
    sq_text_f(s->t, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x0, y0, x1, y1, colour);
}

/* ---- axes ------------------------------------------------------------------------------------------------ */

static void draw_rate_axis(struct frame *s)
{
    static const double tick[] = {0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200};
    double last = INFINITY;
    char text[16];
    for (size_t i = 0; i < sizeof tick / sizeof *tick && tick[i] <= s->most_mmh; i++) {
        double y = y_of_rate(s, tick[i]);
        if (last - y < 14)
            continue;
        last = y;
        line(s, s->left, y, s->right, y, "#e3e5e7");
        snprintf(text, sizeof text, "%g", tick[i]);
        label(s, s->left - 6, y + 4, "end", text);
    }
    label(s, s->left, s->top - 8, "start", "mm/h: median, 25\u201375 %, 10\u201390 %");
}

static void draw_chance_axis(struct frame *s)
{
    for (int k = 0; k <= 2; k++) {
        double y = y_of_chance(s, k / 2.0);
        line(s, s->left, y, s->right, y, "#e3e5e7");
        label(s, s->left - 6, y + 4, "end", k == 0 ? "0" : k == 1 ? "50" : "100");
    }
    label(s, s->left, s->middle + GAP - 8, "start", "Chance of rain, %");
}

static void draw_time_axis(struct frame *s, int offset_min)
{
    const struct sq_forecast *f = s->p->f;
    static const int steps[] = {300, 600, 900, 1800, 3600, 7200, 10800, 21600};
    int last = f->lead_s[f->n_lead - 1], step = 0;
    char iso[32], text[32];
    for (size_t k = 0; k < sizeof steps / sizeof *steps && !step; k++)
        if ((s->right - s->left) * steps[k] / last >= 44)
            step = steps[k];
    step = step ? step : 43200;
    int64_t first = (f->issue_time + step - 1) / step * step;
    for (int64_t t = first; t <= f->issue_time + last; t += step) {
        double x = x_at(s, (double)(t - f->issue_time));
        line(s, x, s->bottom, x, s->bottom + 4, "#50565c");
        if (x < s->left + 22) /* there stands the name of the clock */
            continue;
        sq_instant_iso(t, iso);
        snprintf(text, sizeof text, "%.5s", iso + 11);
        label(s, x, s->bottom + 17, "middle", text);
        if (!offset_min)
            continue;
        sq_instant_iso(t + 60 * (int64_t)offset_min, iso);
        snprintf(text, sizeof text, "%.5s", iso + 11);
        label(s, x, s->bottom + 32, "middle", text);
    }
    label(s, s->left + 4, s->bottom + 17, "end", "UTC");
    if (offset_min)
        label(s, s->left + 4, s->bottom + 32, "end", "local");
}

/* ---- what is forecast ------------------------------------------------------------------------------------- */

/* The band between two quantiles, lead by lead; broken where there is no forecast. */
static void draw_band(struct frame *s, float low, float high, const char *colour)
{
    const struct sq_forecast *f = s->p->f;
    for (int i = 0, end; i < f->n_lead; i = end + 1) {
        for (end = i; end < f->n_lead && !isnan(quantile(s->p, end, low)); end++)
            ;
        if (end - i < 2)
            continue;
        sq_text_f(s->t, "<path fill=\"%s\" d=\"", colour);
        for (int k = i; k < end; k++)
            sq_text_f(s->t, "%c%.1f %.1f", k > i ? 'L' : 'M', x_at(s, f->lead_s[k]), y_of_rate(s, quantile(s->p, k, low)));
        for (int k = end - 1; k >= i; k--)
            sq_text_f(s->t, "L%.1f %.1f", x_at(s, f->lead_s[k]), y_of_rate(s, quantile(s->p, k, high)));
        sq_text_put(s->t, "Z\"/>\n");
    }
}

static void draw_median(struct frame *s)
{
    const struct sq_forecast *f = s->p->f;
    bool pen = false;
    sq_text_put(s->t, "<path fill=\"none\" stroke=\"#1b3f8b\" stroke-width=\"2\" d=\"");
    for (int i = 0; i < f->n_lead; i++) {
        double v = quantile(s->p, i, 0.5f);
        if (!isnan(v))
            sq_text_f(s->t, "%c%.1f %.1f", pen ? 'L' : 'M', x_at(s, f->lead_s[i]), y_of_rate(s, v));
        pen = !isnan(v);
    }
    sq_text_put(s->t, "\"/>\n");
}

static void draw_chances(struct frame *s, float threshold)
{
    const struct sq_forecast *f = s->p->f;
    const struct sq_scale *scale = &sq_palette_find(NULL)->probability;
    for (int i = 0; i < f->n_lead; i++) {
        float q = sq_point_exceed(s->p, i, threshold);
        int class = sq_scale_class(scale, q) - SQ_CLASS_FIRST;
        double end = x_at(s, f->lead_s[i]), begin = i ? x_at(s, f->lead_s[i - 1]) : s->left;
        if (isnan(q))
            continue;
        sq_text_f(s->t, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#%06x\" stroke=\"#9aa0a6\" "
                  "stroke-width=\"0.5\"><title>%g min: %.0f %%</title></rect>\n",
                  begin + 1, y_of_chance(s, (double)q), fmax(1, end - begin - 2), s->bottom - y_of_chance(s, (double)q),
                  class >= 0 ? scale->rgb[class] : 0xffffffu, f->lead_s[i] / 60.0, 100 * (double)q);
    }
}

/* What readers of screens get. */
static void describe(struct frame *s, const char *sentence, float threshold)
{
    const struct sq_forecast *f = s->p->f;
    char iso[32];
    sq_text_put(s->t, "<title>");
    sq_text_xml(s->t, sentence);
    sq_text_f(s->t, "</title>\n<desc>Forecast of %s for longitude %.4f, latitude %.4f. Minutes ahead: chance of rain, "
              "median rate, in mm/h.", sq_instant_iso(f->issue_time, iso), s->p->lonlat[0], s->p->lonlat[1]);
    for (int i = 0; i < f->n_lead; i++) {
        double q = (double)sq_point_exceed(s->p, i, threshold);
        if (!isnan(q))
            sq_text_f(s->t, " %g: %.0f %%, %.2g;", f->lead_s[i] / 60.0, 100 * q, quantile(s->p, i, 0.5f));
    }
    sq_text_put(s->t, "</desc>\n");
}

void sq_point_svg(const struct sq_point *p, const struct sq_point_params *params, struct sq_text *t)
{
    const struct sq_onset o = sq_onset_of(p);
    char sentence[SQ_SENTENCE_MAX], iso[32];
    struct frame s = {.p = p, .t = t, .left = 40, .right = params->w - 24, .top = 62,
                      .bottom = params->h - (params->utc_offset_min ? 40 : 26), .most_mmh = 2};
    s.middle = s.top + 0.58 * (s.bottom - s.top);
    for (int i = 0; i < p->f->n_lead; i++) {
        double high = quantile(p, i, 0.9f);
        s.most_mmh = high > s.most_mmh ? high : s.most_mmh;
    }
    sq_point_sentence(p, sentence);
    sq_text_f(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
              "font-family=\"sans-serif\" font-size=\"11\" fill=\"#3c4248\">\n", params->w, params->h, params->w, params->h);
    describe(&s, sentence, o.threshold_mmh);
    sq_text_f(t, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", params->w, params->h);
    sq_text_put(t, "<text x=\"12\" y=\"20\" font-size=\"15\" font-weight=\"bold\" fill=\"#1f2428\">");
    sq_text_xml(t, sentence);
    sq_text_put(t, "</text>\n");
    sq_instant_iso(p->f->issue_time, iso);
    sq_text_f(t, "<text x=\"12\" y=\"37\" fill=\"#5a6268\">%.4f\u00b0, %.4f\u00b0 \u00b7 forecast of %.10s %.5s UTC</text>\n",
              p->lonlat[0], p->lonlat[1], iso, iso + 11);
    draw_rate_axis(&s);
    draw_chance_axis(&s);
    draw_time_axis(&s, params->utc_offset_min);
    draw_band(&s, 0.1f, 0.9f, "#cfe0f7");
    draw_band(&s, 0.25f, 0.75f, "#9cc0ec");
    draw_median(&s);
    draw_chances(&s, o.threshold_mmh);
    line(&s, s.left, s.bottom, s.right, s.bottom, "#50565c");
    sq_text_put(t, "</svg>\n");
}
