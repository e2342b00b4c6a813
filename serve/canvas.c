#include "canvas.h"
#include "font.h"
#include "palette.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_canvas_init(struct sq_canvas *c, int w, int h, uint32_t rgb, struct sq_err *e)
{
    struct sq_canvas made = {.w = w, .h = h};
    assert(w >= 1 && h >= 1 && w <= 16384 && h <= 16384);
    size_t n = (size_t)w * (size_t)h;
    enum sq_status status = sq_alloc((void **)&made.rgb, n, sizeof *made.rgb, "a picture", e);
    if (!status)
        status = sq_alloc((void **)&made.cover, n, 1, "a picture", e);
    if (status) {
        sq_canvas_finish(&made);
        return status;
    }
    *c = made;
    sq_canvas_clip(c, 0, 0, 0, 0);
    sq_canvas_fill(c, 0, 0, w, h, rgb);
    return SQ_OK;
}

void sq_canvas_finish(struct sq_canvas *c)
{
    free(c->rgb);
    free(c->cover);
    *c = (struct sq_canvas){0};
}

static int clamp(double v, int low, int high)
{
    return v > low ? v < high ? (int)v : high : low; /* NaN: low */
}

/* The part of a rectangle inside the clip; false where nothing is left. */
static bool cut(const struct sq_canvas *c, double x0, double y0, double x1, double y1, int ret[4])
{
    ret[0] = clamp(x0, c->clip[0], c->clip[2]);
    ret[1] = clamp(y0, c->clip[1], c->clip[3]);
    ret[2] = clamp(x1, c->clip[0], c->clip[2]);
    ret[3] = clamp(y1, c->clip[1], c->clip[3]);
    return ret[0] < ret[2] && ret[1] < ret[3];
}

void sq_canvas_clip(struct sq_canvas *c, int x, int y, int w, int h)
{
    int r[4] = {0, 0, c->w, c->h};
    memcpy(c->clip, r, sizeof r);
    if (w <= 0)
        return;
    cut(c, x, y, x + w, y + h, r);
    memcpy(c->clip, r, sizeof r);
}

void sq_canvas_fill(struct sq_canvas *c, int x, int y, int w, int h, uint32_t rgb)
{
    int r[4];
    if (!cut(c, x, y, x + w, y + h, r))
        return;
    for (int j = r[1]; j < r[3]; j++)
        for (int i = r[0]; i < r[2]; i++)
            c->rgb[(size_t)j * (size_t)c->w + (size_t)i] = rgb;
}

void sq_canvas_frame(struct sq_canvas *c, int x, int y, int w, int h, uint32_t rgb)
{
    sq_canvas_fill(c, x - 1, y - 1, w + 2, 1, rgb);
    sq_canvas_fill(c, x - 1, y + h, w + 2, 1, rgb);
    sq_canvas_fill(c, x - 1, y, 1, h, rgb);
    sq_canvas_fill(c, x + w, y, 1, h, rgb);
}

void sq_canvas_hatch(struct sq_canvas *c, int x, int y, int w, int h)
{
    int r[4];
    if (!cut(c, x, y, x + w, y + h, r))
        return;
    for (int j = r[1]; j < r[3]; j++)
        for (int i = r[0]; i < r[2]; i++)
            c->rgb[(size_t)j * (size_t)c->w + (size_t)i] = sq_rgb_unseen(i, j);
}

/* ---- strokes ----------------------------------------------------------------------------------------- */

static void soil(struct sq_canvas *c, const int r[4])
{
    int *d = c->dirty;
    if (d[0] >= d[2]) {
        memcpy(d, r, 4 * sizeof *d);
        return;
    }
    d[0] = r[0] < d[0] ? r[0] : d[0];
    d[1] = r[1] < d[1] ? r[1] : d[1];
    d[2] = r[2] > d[2] ? r[2] : d[2];
    d[3] = r[3] > d[3] ? r[3] : d[3];
}

/* Coverage by distance from the middle of the stroke: exact for the inside and the outside of the pixel, and
 * close enough between. */
void sq_canvas_stroke(struct sq_canvas *c, double x0, double y0, double x1, double y1, double width)
{
    double weak = width < 1 ? width : 1; /* thinner than a pixel: as wide, but paler */
    double reach = width / weak / 2 + 0.5, dx = x1 - x0, dy = y1 - y0, len2 = dx * dx + dy * dy;
    int r[4];
    if (!cut(c, floor(fmin(x0, x1) - reach), floor(fmin(y0, y1) - reach), ceil(fmax(x0, x1) + reach),
             ceil(fmax(y0, y1) + reach), r))
        return;
    soil(c, r);
    for (int j = r[1]; j < r[3]; j++) {
        double py = j + 0.5, left = r[0], right = r[2];
        if (fabs(dy) > 1) { /* only the piece of the stroke near this row */
            double ta = fmin(1, fmax(0, (py - reach - y0) / dy)), tb = fmin(1, fmax(0, (py + reach - y0) / dy));
            left = fmax(left, floor(x0 + dx * (dx * dy > 0 ? ta : tb) - reach));
            right = fmin(right, ceil(x0 + dx * (dx * dy > 0 ? tb : ta) + reach));
        }
        uint8_t *row = c->cover + (size_t)j * (size_t)c->w;
        for (int i = (int)left; i < (int)right; i++) {
            double px = i + 0.5, t = len2 > 0 ? ((px - x0) * dx + (py - y0) * dy) / len2 : 0;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            double away = hypot(px - x0 - t * dx, py - y0 - t * dy), in = reach - away;
            uint8_t v = in <= 0 ? 0 : (uint8_t)(weak * 255 * (in < 1 ? in : 1));
            row[i] = v > row[i] ? v : row[i];
        }
    }
}

void sq_canvas_disc(struct sq_canvas *c, double x, double y, double radius)
{
    sq_canvas_stroke(c, x, y, x, y, 2 * radius);
}

void sq_canvas_ink(struct sq_canvas *c, uint32_t rgb)
{
    enum { LEVELS = 15 };
    const int *d = c->dirty;
    for (int j = d[1]; j < d[3]; j++) {
        uint8_t *cover = c->cover + (size_t)j * (size_t)c->w;
        uint32_t *to = c->rgb + (size_t)j * (size_t)c->w;
        for (int i = d[0]; i < d[2]; i++) {
            int level = (cover[i] * LEVELS + 127) / 255;
            if (level)
                to[i] = level == LEVELS ? rgb : sq_rgb_mix(to[i], rgb, level / (double)LEVELS);
            cover[i] = 0;
        }
    }
    memset(c->dirty, 0, sizeof c->dirty);
}

/* ---- lettering --------------------------------------------------------------------------------------- */

struct hand {
    struct sq_canvas *c;
    double x, y, pen;
    bool upwards;
};

static void write_stroke(void *arg, double x0, double y0, double x1, double y1)
{
    const struct hand *h = arg;
    if (h->upwards)
        sq_canvas_stroke(h->c, h->x + y0, h->y - x0, h->x + y1, h->y - x1, h->pen);
    else
        sq_canvas_stroke(h->c, h->x + x0, h->y + y0, h->x + x1, h->y + y1, h->pen);
}

static double pen_width(struct sq_lettering l)
{
    return l.bold ? fmax(1.9, l.cap_px * 0.2) : fmax(1.25, l.cap_px * 0.125);
}

int sq_canvas_text_width(struct sq_lettering l, const char *text)
{
    return sq_font_run(text, l.cap_px, pen_width(l), NULL, NULL);
}

void sq_canvas_text(struct sq_canvas *c, int x, int y, struct sq_lettering l, const char *text)
{
    double pen = pen_width(l);
    int width = l.anchor == SQ_LEFT ? 0 : sq_canvas_text_width(l, text);
    int back = l.anchor == SQ_CENTRE ? width / 2 : width;
    struct hand h = {c, x - (l.upwards ? 0 : back), y + (l.upwards ? back : 0), pen, l.upwards};
    sq_font_run(text, l.cap_px, pen, write_stroke, &h);
    sq_canvas_ink(c, l.rgb);
}
