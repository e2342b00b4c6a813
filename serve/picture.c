#include "serve.h"
#include "legend.h"
#include "painter.h"

#include "core/instant.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the painter ------------------------------------------------------------------------------------- */

static enum sq_status choose_palette(const char *name, const struct sq_palette **ret, struct sq_err *e)
{
    char names[128] = "";
    if ((*ret = sq_palette_find(name)))
        return SQ_OK;
    for (int i = 0; sq_palette_at(i); i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", sq_palette_at(i)->name);
    return sq_fail(e, SQ_USAGE, "palette '%.40s' is not known, there are: %s", name, names);
}

enum sq_status sq_painter_create(const struct sq_forecast *f, const struct sq_picture_params *p,
                                 struct sq_painter **ret, struct sq_err *e)
{
    struct sq_painter *made = NULL;
    const struct sq_palette *palette;
    enum sq_status status = choose_palette(p->palette, &palette, e);
    if (status)
        return status;
    if (p->width_px < 200 || p->width_px > 4000)
        return sq_fail(e, SQ_USAGE, "a map %d pixels wide: 200 to 4000 can be drawn", p->width_px);
    if ((status = sq_grid_check(&f->grid, "map", e)) ||
        (status = sq_alloc((void **)&made, 1, sizeof *made, "a map", e)))
        return status;
    made->f = f;
    made->palette = palette;
    status = sq_view_init(&made->view, &f->grid, f->cell_m, p->width_px, p->coastline, e);
    if (status)
        sq_painter_destroy(&made);
    else
        *ret = made;
    return status;
}

void sq_painter_destroy(struct sq_painter **p)
{
    if (!p || !*p)
        return;
    sq_view_finish(&(*p)->view);
    free(*p);
    *p = NULL;
}

/* ---- the file ---------------------------------------------------------------------------------------- */

/* RFC 1123. The issue time stands for the creation, so that one forecast gives the same bytes whenever drawn. */
static void http_date(int64_t t, char out[40])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)t;
    struct tm tm;
    out[0] = 0;
    if (gmtime_r(&seconds, &tm))
        snprintf(out, 40, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
                 months + 3 * tm.tm_mon, 1900 + tm.tm_year, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

enum sq_status sq_picture_save(const struct sq_forecast *f, const struct sq_canvas *c,
                               const struct sq_picture_info *info, const char *path, struct sq_err *e)
{
    char created[40], run[32], valid[32] = "", model[sizeof f->method + sizeof f->model + sizeof f->model_sha256 + 4];
    http_date(f->issue_time, created);
    sq_instant_iso(f->issue_time, run);
    if (info->valid != SQ_NO_TIME)
        sq_instant_iso(info->valid, valid);
    snprintf(model, sizeof model, "%s%s%s%s%s", f->method, *f->model ? " " : "", f->model, *f->model_sha256 ? " " : "",
             f->model_sha256);
    const struct sq_png_text text[] = {
        {"Title", info->title},
        {"Source", f->institution},
        {"Creation Time", created},
        {"Software", "squall " SQ_VERSION},
        {"squall:run", run},
        {"squall:valid", valid},
        {"squall:layer", info->layer},
        {"squall:units", info->units},
        {"squall:model", model},
        {"squall:inputs_missing", f->inputs_missing},
    };
    return sq_png_write(path, c->w, c->h, c->rgb, text, sizeof text / sizeof *text, e);
}

/* ---- one map ----------------------------------------------------------------------------------------- */

enum { LEFT = 56, RIGHT = 18, TOP = 54, BELOW = 22, BOTTOM = 8 };

struct sheet_of_one {
    const float *values;
    const struct sq_scale *scale;
    bool percent;
    const char *title, *when, *legend, *dry;
    const char *note_dry, *note_unseen;
    struct sq_picture_info info;
};

static void draw_head(struct sq_canvas *c, const struct sq_painter *p, const struct sheet_of_one *m)
{
    struct sq_lettering title = {.cap_px = 13, .bold = true, .rgb = SQ_RGB_TEXT}, quiet = {.cap_px = 9, .rgb = SQ_RGB_QUIET};
    const struct sq_view *v = &p->view;
    char issue[SQ_CAPTION_ISSUE_MAX], pixel[SQ_CAPTION_MAX] = "";
    double across = (double)v->grid.nx / v->w, down = (double)v->grid.ny / v->h;
    int right = c->w - RIGHT, y = 46, room = c->w - LEFT - RIGHT;
    sq_canvas_text(c, LEFT, 26, title, m->title);
    title.anchor = SQ_RIGHT;
    sq_canvas_text(c, right, 26, title, m->when);
    if (across > 1.001 || down > 1.001) {
        snprintf(pixel, sizeof pixel, "1 pixel: mean of %.2g \u00d7 %.2g cells", fmax(1, across), fmax(1, down));
        quiet.anchor = SQ_RIGHT;
        sq_canvas_text(c, right, y, quiet, pixel);
        room -= sq_canvas_text_width(quiet, pixel) + 20;
        quiet.anchor = SQ_LEFT;
    }
    sq_text_within(c, LEFT, y, room, quiet, sq_caption_issue(p->f, issue));
}

static void draw_foot(struct sq_canvas *c, const struct sq_view *v, const struct sheet_of_one *m, int y)
{
    enum { SCALE_BAR = 110, GAP = 24 };
    int room = c->w - LEFT - RIGHT - SQ_LEGEND_MARKS_W - SCALE_BAR - 2 * GAP;
    int w = room < 46 * m->scale->n ? room : 46 * m->scale->n;
    sq_legend_bar(c, LEFT, y, w, m->scale, m->percent, m->legend);
    sq_legend_marks(c, LEFT + w + GAP, y - 2, m->dry);
    sq_scale_bar(c, c->w - RIGHT, y, v->km_px, SCALE_BAR);
}

static enum sq_status paint(struct sq_painter *p, const struct sheet_of_one *m, const char *path, struct sq_err *e)
{
    enum { NARROWEST = 560 }; /* of the legend */
    struct sq_view *v = &p->view;
    struct sq_canvas c;
    const struct sq_lettering title = {.cap_px = 13, .bold = true};
    int w = sq_canvas_text_width(title, m->title) + sq_canvas_text_width(title, m->when) + 40;
    w = w > v->w ? w : v->w;
    w = w > NARROWEST ? w : NARROWEST;
    int x = LEFT + (w - v->w) / 2, foot = TOP + v->h + BELOW + 10;
    enum sq_status status = sq_canvas_init(&c, LEFT + w + RIGHT, foot + SQ_LEGEND_BAR_H + BOTTOM, 0xffffff, e);
    if (status)
        return status;
    int most = sq_view_paint(v, m->values, m->scale, &c, x, TOP);
    sq_map_frame(&c, v, x, TOP, true);
    draw_head(&c, p, m);
    draw_foot(&c, v, m, foot);
    if (most <= SQ_CLASS_DRY)
        sq_map_note(&c, v, x, TOP, most == SQ_CLASS_DRY ? m->note_dry : m->note_unseen);
    status = sq_picture_save(p->f, &c, &m->info, path, e);
    sq_canvas_finish(&c);
    return status;
}

static void valid_text(const struct sq_forecast *f, int lead, char out[2 * SQ_CAPTION_MAX])
{
    char when[SQ_CAPTION_MAX], ahead[SQ_CAPTION_MAX];
    snprintf(out, 2 * SQ_CAPTION_MAX, "valid %s  %s", sq_caption_time(f->issue_time + f->lead_s[lead], when),
             sq_caption_lead(f->lead_s[lead], ahead));
}

enum sq_status sq_picture_probability(struct sq_painter *p, const struct sq_lead *l, int lead_index,
                                      int threshold_index, const char *path, struct sq_err *e)
{
    const struct sq_forecast *f = p->f;
    char title[SQ_CAPTION_MAX], when[2 * SQ_CAPTION_MAX], dry[48], note[SQ_CAPTION_MAX];
    assert(lead_index >= 0 && lead_index < f->n_lead && threshold_index >= 0 && threshold_index < f->n_threshold);
    double least = 100 * (double)p->palette->probability.edge[0], mmh = (double)f->threshold_mmh[threshold_index];
    valid_text(f, lead_index, when);
    snprintf(dry, sizeof dry, "below %.3g %%", least);
    snprintf(note, sizeof note, "no rain \u2265 %.4g mm/h expected (P < %.3g %%)", mmh, least);
    struct sheet_of_one m = {
        .values = l->prob + (size_t)threshold_index * sq_grid_cells(&f->grid),
        .scale = &p->palette->probability,
        .percent = true,
        .title = sq_caption_probability(f->threshold_mmh[threshold_index], title),
        .when = when,
        .legend = "Probability in %",
        .dry = dry,
        .note_dry = note,
        .note_unseen = "no forecast: nothing was observed",
        .info = {title, "probability_of_rain_rate", "%", f->issue_time + f->lead_s[lead_index]},
    };
    return paint(p, &m, path, e);
}

enum sq_status sq_picture_rate(struct sq_painter *p, const struct sq_lead *l, int lead_index, int percentile_index,
                               const char *path, struct sq_err *e)
{
    const struct sq_forecast *f = p->f;
    char title[SQ_CAPTION_MAX], when[2 * SQ_CAPTION_MAX], dry[48], note[SQ_CAPTION_MAX];
    assert(lead_index >= 0 && lead_index < f->n_lead && percentile_index >= 0 && percentile_index < f->n_percentile);
    double least = (double)p->palette->rate.edge[0], percentile = (double)f->percentile[percentile_index];
    valid_text(f, lead_index, when);
    snprintf(dry, sizeof dry, "below %.3g", least);
    if (percentile == 50)
        snprintf(note, sizeof note, "no rain expected (median < %.3g mm/h)", least);
    else
        snprintf(note, sizeof note, "percentile %.4g is dry (< %.3g mm/h)", percentile, least);
    struct sheet_of_one m = {
        .values = l->rate + (size_t)percentile_index * sq_grid_cells(&f->grid),
        .scale = &p->palette->rate,
        .title = sq_caption_percentile(f->percentile[percentile_index], title),
        .when = when,
        .legend = "Rain rate in mm/h",
        .dry = dry,
        .note_dry = note,
        .note_unseen = "no forecast: nothing was observed",
        .info = {title, "rain_rate_percentile", "mm/h", f->issue_time + f->lead_s[lead_index]},
    };
    return paint(p, &m, path, e);
}

enum sq_status sq_picture_observed(struct sq_painter *p, const float *rate_mmh, const char *path, struct sq_err *e)
{
    const struct sq_forecast *f = p->f;
    char when[SQ_CAPTION_MAX], dry[48];
    snprintf(dry, sizeof dry, "below %.3g", (double)p->palette->rate.edge[0]);
    struct sheet_of_one m = {
        .values = rate_mmh,
        .scale = &p->palette->rate,
        .title = "Observed rain rate",
        .when = sq_caption_time(f->issue_time, when),
        .legend = "Rain rate in mm/h",
        .dry = dry,
        .note_dry = "no rain observed",
        .note_unseen = "nothing was observed",
        .info = {"Observed rain rate", "rain_rate_observed", "mm/h", f->issue_time},
    };
    return paint(p, &m, path, e);
}
