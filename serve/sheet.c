#include "serve.h"
#include "legend.h"
#include "painter.h"

#include "core/instant.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Columns: the observed frame, then leads. Below the observed frame stand the legends. */
enum { COLUMNS = 6, PANEL = 260, LEFT = 20, RIGHT = 20, TOP = 80, GAP = 10, LABELS = 30, BOTTOM = 18, LEGENDS = 290 };

struct sq_sheet {
    const struct sq_painter *p;
    struct sq_view view;
    struct sq_canvas canvas;
    int n_column, lead[COLUMNS]; /* indices of leads */
    int n_row, median;           /* rows; index of the percentile of row 0, -1: there is no such row */
    int threshold[SQ_THRESHOLD_MAX];
};

/* Up to six leads, evenly spread, the last one among them. */
static void choose_leads(struct sq_sheet *s, int n_lead)
{
    s->n_column = n_lead < COLUMNS ? n_lead : COLUMNS;
    for (int i = 0; i < s->n_column; i++)
        s->lead[i] = (i + 1) * n_lead / s->n_column - 1;
}

static int nearest_to_median(const struct sq_forecast *f)
{
    int best = -1;
    for (int i = 0; i < f->n_percentile; i++)
        if (best < 0 || fabsf(f->percentile[i] - 50) < fabsf(f->percentile[best] - 50))
            best = i;
    return best;
}

static int panel_x(const struct sq_sheet *s, int column) /* -1: the observed one */
{
    return column < 0 ? LEFT : LEFT + s->view.w + LABELS + column * (s->view.w + GAP);
}

static int panel_y(const struct sq_sheet *s, int row)
{
    return TOP + row * (s->view.h + GAP);
}

static void draw_heads(struct sq_sheet *s)
{
    const struct sq_forecast *f = s->p->f;
    struct sq_lettering title = {.cap_px = 15, .bold = true, .rgb = SQ_RGB_TEXT}, quiet = {.cap_px = 10, .rgb = SQ_RGB_QUIET};
    struct sq_lettering head = {.cap_px = 10, .bold = true, .anchor = SQ_LEFT, .rgb = SQ_RGB_TEXT}, time = quiet;
    char text[SQ_CAPTION_ISSUE_MAX], when[SQ_CAPTION_MAX];
    sq_canvas_text(&s->canvas, LEFT, 30, title, "Rain forecast");
    int x = LEFT + sq_canvas_text_width(title, "Rain forecast") + 24;
    sq_text_within(&s->canvas, x, 30, s->canvas.w - x - RIGHT, quiet, sq_caption_issue(f, text));
    time.anchor = SQ_RIGHT;
    for (int k = -1; k < s->n_column; k++) {
        int left = panel_x(s, k), lead_s = k < 0 ? 0 : f->lead_s[s->lead[k]];
        sq_canvas_text(&s->canvas, left, TOP - 10, head, k < 0 ? "observed" : sq_caption_lead(lead_s, when));
        sq_caption_time(f->issue_time + lead_s, when);
        sq_canvas_text(&s->canvas, left + s->view.w, TOP - 10, time, when + 11); /* without the date */
    }
}

static void draw_rows(struct sq_sheet *s)
{
    const struct sq_forecast *f = s->p->f;
    struct sq_lettering label = {.cap_px = 10, .upwards = true, .anchor = SQ_CENTRE, .rgb = SQ_RGB_TEXT};
    char text[SQ_CAPTION_MAX];
    for (int r = 0; r < s->n_row; r++) {
        if (r == 0 && s->median >= 0)
            sq_caption_percentile(f->percentile[s->median], text);
        else
            sq_caption_probability(f->threshold_mmh[s->threshold[r - (s->median >= 0)]], text);
        sq_canvas_text(&s->canvas, panel_x(s, 0) - 9, panel_y(s, r) + s->view.h / 2, label, text);
        for (int k = 0; k < s->n_column; k++) { /* until the lead comes */
            sq_canvas_hatch(&s->canvas, panel_x(s, k), panel_y(s, r), s->view.w, s->view.h);
            sq_map_frame(&s->canvas, &s->view, panel_x(s, k), panel_y(s, r), false);
        }
    }
}

static void draw_legends(struct sq_sheet *s)
{
    const struct sq_palette *p = s->p->palette;
    int y = TOP + s->view.h + 26, step = 15, second = LEFT + 130, marks = y + 18 + (p->rate.n + 1) * step;
    sq_legend_column(&s->canvas, LEFT + 1, y, step, &p->rate, false, "Rain in mm/h");
    if (s->n_row > (s->median >= 0))
        sq_legend_column(&s->canvas, second, y, step, &p->probability, true,
                         "Probability in %");
    sq_legend_marks(&s->canvas, LEFT + 1, marks, "dry");
    sq_scale_bar(&s->canvas, second + 100, marks, s->view.km_px, 100);
}

enum sq_status sq_sheet_create(struct sq_painter *p, const float *observed_mmh, const int *threshold_index,
                               int n_thresholds, struct sq_sheet **ret, struct sq_err *e)
{
    const struct sq_forecast *f = p->f;
    struct sq_sheet *s = NULL;
    assert(n_thresholds >= 0 && n_thresholds <= SQ_THRESHOLD_MAX);
    enum sq_status status = sq_alloc((void **)&s, 1, sizeof *s, "a sheet of maps", e);
    if (status)
        return status;
    s->p = p;
    s->median = nearest_to_median(f);
    for (int i = 0; i < n_thresholds; i++) {
        assert(threshold_index[i] >= 0 && threshold_index[i] < f->n_threshold);
        s->threshold[i] = threshold_index[i];
    }
    s->n_row = n_thresholds + (s->median >= 0);
    choose_leads(s, f->n_lead);
    if ((status = sq_view_init(&s->view, &f->grid, f->cell_m, PANEL, p->view.coast, e)))
        goto fail;
    int w = panel_x(s, s->n_column) - GAP + RIGHT, h = panel_y(s, s->n_row) - GAP, least = TOP + s->view.h + LEGENDS;
    if ((status = sq_canvas_init(&s->canvas, w, (h > least ? h : least) + BOTTOM, 0xffffff, e)))
        goto fail;
    draw_heads(s);
    draw_rows(s);
    draw_legends(s);
    sq_view_paint(&s->view, observed_mmh, &p->palette->rate, &s->canvas, panel_x(s, -1), panel_y(s, 0));
    sq_map_frame(&s->canvas, &s->view, panel_x(s, -1), panel_y(s, 0), false);
    *ret = s;
    return SQ_OK;
fail:
    sq_sheet_destroy(&s);
    return status;
}

void sq_sheet_put(struct sq_sheet *s, const struct sq_lead *l, int lead_index)
{
    const struct sq_palette *p = s->p->palette;
    size_t cells = sq_grid_cells(&s->p->f->grid);
    for (int k = 0; k < s->n_column; k++) {
        if (s->lead[k] != lead_index)
            continue;
        for (int r = 0; r < s->n_row; r++) {
            bool rate = r == 0 && s->median >= 0;
            int t = rate ? 0 : s->threshold[r - (s->median >= 0)];
            const float *values = rate ? l->rate + (size_t)s->median * cells : l->prob + (size_t)t * cells;
            int x = panel_x(s, k), y = panel_y(s, r);
            int most = sq_view_paint(&s->view, values, rate ? &p->rate : &p->probability, &s->canvas, x, y);
            char dry[SQ_CAPTION_MAX] = "no rain expected";
            if (!rate)
                snprintf(dry, sizeof dry, "no rain \u2265 %.4g mm/h", (double)s->p->f->threshold_mmh[t]);
            if (most <= SQ_CLASS_DRY)
                sq_map_note(&s->canvas, &s->view, x, y, most == SQ_CLASS_DRY ? dry : "no forecast");
        }
    }
}

enum sq_status sq_sheet_write(struct sq_sheet *s, const char *path, struct sq_err *e)
{
    const struct sq_picture_info info = {"Rain forecast", "overview", "mm/h, %", SQ_NO_TIME};
    return sq_picture_save(s->p->f, &s->canvas, &info, path, e);
}

void sq_sheet_destroy(struct sq_sheet **s)
{
    if (!s || !*s)
        return;
    sq_view_finish(&(*s)->view);
    sq_canvas_finish(&(*s)->canvas);
    free(*s);
    *s = NULL;
}
