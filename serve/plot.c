#include "serve.h"
#include "canvas.h"
#include "legend.h"
#include "png_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- looks ------------------------------------------------------------------------------------------- */

enum { LEFT = 78, TOP = 48, HIGH = 400, WIDE = 620, BELOW = 60, RIGHT = 26, SAMPLE = 40, LEGEND_MOST = 260 };
#define RGB_GRID 0xe4e6e8u

enum marker { DISC, SQUARE, TRIANGLE, DIAMOND, CROSS, PLUS, RING, FALLING };

/* Lines differ in colour (after Okabe and Ito, yellow replaced: it fades on white), dash and marker. */
static const struct look {
    uint32_t rgb;
    float dash[4]; /* on, off, on, off; px; first 0: solid */
    enum marker marker;
} looks[] = {
    {0x0072b2, {0}, DISC},          {0xd55e00, {9, 4, 9, 4}, SQUARE},  {0x009e73, {3, 3, 3, 3}, TRIANGLE},
    {0x222222, {0}, RING},          {0xcc79a7, {10, 3, 2, 3}, DIAMOND}, {0xe69f00, {0}, CROSS},
    {0x56b4e9, {9, 4, 9, 4}, PLUS}, {0x7a4f1d, {3, 3, 3, 3}, FALLING},
};

static const struct look *look_of(int line)
{
    return &looks[(size_t)line % (sizeof looks / sizeof *looks)];
}

static void mark(struct sq_canvas *c, double x, double y, enum marker m)
{
    const double r = 3.4, w = 1.6;
    switch (m) {
    case DISC:
        sq_canvas_disc(c, x, y, r);
        break;
    case RING:
        for (int i = 0; i < 12; i++)
            sq_canvas_stroke(c, x + r * cos(i * 0.5236), y + r * sin(i * 0.5236), x + r * cos((i + 1) * 0.5236),
                             y + r * sin((i + 1) * 0.5236), w);
        break;
    case SQUARE:
        for (double d = -2.5; d <= 2.5; d++)
            sq_canvas_stroke(c, x - 2.5, y + d, x + 2.5, y + d, 1);
        break;
    case DIAMOND:
        for (double d = -3.5; d <= 3.5; d++)
            sq_canvas_stroke(c, x - 3.5 + fabs(d), y + d, x + 3.5 - fabs(d), y + d, 1.2);
        break;
    case TRIANGLE:
    case FALLING:
        for (double d = 0; d <= 6; d++)
            sq_canvas_stroke(c, x - d / 1.8, y + (m == FALLING ? 3 - d : d - 4), x + d / 1.8,
                             y + (m == FALLING ? 3 - d : d - 4), 1.2);
        break;
    case CROSS:
        sq_canvas_stroke(c, x - 3, y - 3, x + 3, y + 3, w);
        sq_canvas_stroke(c, x - 3, y + 3, x + 3, y - 3, w);
        break;
    case PLUS:
        sq_canvas_stroke(c, x - 4, y, x + 4, y, w);
        sq_canvas_stroke(c, x, y - 4, x, y + 4, w);
        break;
    }
}

/* Draws a stroke with gaps; *at is how far along the pattern the line has come. */
static void dashed(struct sq_canvas *c, double x0, double y0, double x1, double y1, const float dash[4], double *at)
{
    double length = hypot(x1 - x0, y1 - y0), done = 0, round = dash[0] + dash[1] + dash[2] + dash[3];
    if (dash[0] <= 0 || !(length > 0)) {
        sq_canvas_stroke(c, x0, y0, x1, y1, 1.8);
        return;
    }
    while (done < length) {
        double phase = fmod(*at, round), end = 0;
        int k = 0;
        while (k < 4 && phase >= (end += dash[k]))
            k++;
        double step = fmin(fmax(end - phase, 0.01), length - done), a = done / length, b = (done + step) / length;
        if (k % 2 == 0)
            sq_canvas_stroke(c, x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0), 1.8);
        done += step;
        *at += step;
    }
}

/* ---- axes -------------------------------------------------------------------------------------------- */

struct axis {
    double low, high; /* logarithms to base 10 where `log` */
    bool log;
    int from, length; /* pixels: where low lies, and how far high is from it (negative: upwards) */
};

static double to_px(const struct axis *a, double value)
{
    if (a->log)
        value = value > 0 ? log10(value) : NAN;
    if (!isfinite(value))
        return NAN;
    double px = a->from + (value - a->low) / (a->high - a->low) * a->length;
    return fmin(fmax(px, -1e5), 1e5);
}

/* 1, 2 or 5 times a power of ten, so that the span has about n steps. */
static double nice_step(double span, int n)
{
    double raw = span / n, decade = pow(10, floor(log10(raw))), f = raw / decade;
    return decade * (f <= 1.0001 ? 1 : f <= 2.0001 ? 2 : f <= 5.0001 ? 5 : 10);
}

static void data_range(const struct sq_plot *p, bool y, struct axis *a)
{
    a->low = HUGE_VAL;
    a->high = -HUGE_VAL;
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < p->line[i].n; k++) {
            double v = y ? p->line[i].y[k] : p->line[i].x[k];
            v = a->log ? (v > 0 ? log10(v) : NAN) : v;
            if (!isfinite(v))
                continue;
            a->low = fmin(a->low, v);
            a->high = fmax(a->high, v);
        }
}

/* The range asked for, or that of the data, widened to whole steps. Returns false where there is nothing. */
static bool set_range(const struct sq_plot *p, bool y, struct axis *a)
{
    double low = y ? p->y_min : p->x_min, high = y ? p->y_max : p->x_max;
    a->log = y && p->log_y;
    if (isfinite(low) && isfinite(high) && low < high && (!a->log || low > 0)) {
        a->low = a->log ? log10(low) : low;
        a->high = a->log ? log10(high) : high;
        return true;
    }
    data_range(p, y, a);
    if (a->low > a->high) {
        a->low = 0;
        a->high = 1;
        return false;
    }
    if (!(a->high - a->low > 1e-9 * fmax(fabs(a->low), fabs(a->high)))) {
        double half = a->low == 0 ? 0.5 : 0.1 * fabs(a->low);
        a->low -= half;
        a->high += half;
    }
    double step = a->log ? 1 : nice_step(a->high - a->low, 6);
    a->low = step * floor(a->low / step + 1e-6);
    a->high = step * ceil(a->high / step - 1e-6);
    a->high += a->high <= a->low ? step : 0;
    return true;
}

/* Calls `draw` for each tick: its pixel, and its label or "" for lines between decades. */
typedef void draw_tick(struct sq_canvas *c, const struct axis *across, double px, const char *label);

static void decades(struct sq_canvas *c, const struct axis *a, const struct axis *across, draw_tick *draw)
{
    char text[32];
    int every = (int)ceil((a->high - a->low) / 8);
    bool few = a->high - a->low < 2;
    for (int k = (int)floor(a->low); k <= (int)ceil(a->high); k++)
        for (int m = 1; m < 10; m++) {
            double v = m * pow(10, k), at = log10(v);
            if (at < a->low - 1e-9 || at > a->high + 1e-9)
                continue;
            bool label = m == 1 ? k % every == 0 : few && (m == 2 || m == 5);
            snprintf(text, sizeof text, "%.4g", v);
            if (label || every == 1)
                draw(c, across, to_px(a, v), label ? text : "");
        }
}

static void ticks(struct sq_canvas *c, const struct axis *a, const struct axis *across, int most, draw_tick *draw)
{
    char text[32];
    if (a->log) {
        decades(c, a, across, draw);
        return;
    }
    double step = nice_step(a->high - a->low, most);
    for (double k = ceil(a->low / step - 1e-6); k * step <= a->high + 1e-6 * step; k++) {
        snprintf(text, sizeof text, "%.6g", k == 0 ? 0 : k * step);
        draw(c, across, to_px(a, k * step), text);
    }
}

static void tick_x(struct sq_canvas *c, const struct axis *y, double px, const char *label)
{
    struct sq_lettering l = {.cap_px = 9, .anchor = SQ_CENTRE, .rgb = SQ_RGB_TEXT};
    int x = (int)lrint(px);
    sq_canvas_fill(c, x, y->from + y->length, 1, -y->length, RGB_GRID);
    sq_canvas_fill(c, x, y->from, 1, 5, SQ_RGB_FRAME);
    sq_canvas_text(c, x, y->from + 19, l, label);
}

static void tick_y(struct sq_canvas *c, const struct axis *x, double px, const char *label)
{
    struct sq_lettering l = {.cap_px = 9, .anchor = SQ_RIGHT, .rgb = SQ_RGB_TEXT};
    int y = (int)lrint(px);
    sq_canvas_fill(c, x->from, y, x->length, 1, RGB_GRID);
    sq_canvas_fill(c, x->from - (*label ? 5 : 3), y, *label ? 5 : 3, 1, SQ_RGB_FRAME);
    sq_canvas_text(c, x->from - 9, y + 5, l, label);
}

/* ---- lines and legend -------------------------------------------------------------------------------- */

static void draw_line(struct sq_canvas *c, const struct sq_plot_line *line, const struct look *look,
                      const struct axis *x, const struct axis *y)
{
    double before[2] = {NAN, NAN}, at = 0;
    int every = line->n <= 30 ? 1 : line->n / 12;
    for (int k = 0; k < line->n; k++) {
        double px = to_px(x, line->x[k]), py = to_px(y, line->y[k]);
        if (isfinite(px) && isfinite(py)) {
            if (isfinite(before[0]))
                dashed(c, before[0], before[1], px, py, look->dash, &at);
            if (k % every == 0)
                mark(c, floor(px) + 0.5, floor(py) + 0.5, look->marker);
        } else {
            px = NAN;
        }
        before[0] = px;
        before[1] = py;
    }
    sq_canvas_ink(c, look->rgb);
}

static void draw_diagonal(struct sq_canvas *c, const struct axis *x, const struct axis *y)
{
    enum { N = 100 };
    double px = NAN, py = NAN;
    for (int i = 0; i <= N; i++) {
        double v = x->low + (x->high - x->low) * i / N, nx = to_px(x, v), ny = to_px(y, v);
        if (isfinite(py) && isfinite(ny))
            sq_canvas_stroke(c, px, py, nx, ny, 1.2);
        px = nx;
        py = ny;
    }
    sq_canvas_ink(c, 0x9aa0a6);
}

static bool has_legend(const struct sq_plot *p)
{
    for (int i = 0; i < p->n; i++)
        if (p->line[i].label && *p->line[i].label)
            return true;
    return false;
}

static int legend_width(const struct sq_plot *p, struct sq_lettering l)
{
    int most = 0;
    for (int i = 0; i < p->n; i++) {
        int w = sq_canvas_text_width(l, p->line[i].label ? p->line[i].label : "");
        most = w > most ? w : most;
    }
    return most < LEGEND_MOST ? most : LEGEND_MOST;
}

static void draw_legend(struct sq_canvas *c, const struct sq_plot *p, int x, int width, struct sq_lettering l)
{
    for (int i = 0; i < p->n; i++) {
        const struct look *look = look_of(i);
        double at = 0, y = TOP + 10.5 + 22 * i;
        dashed(c, x, y, x + SAMPLE, y, look->dash, &at);
        mark(c, x + SAMPLE / 2 + 0.5, y, look->marker);
        sq_canvas_ink(c, look->rgb);
        sq_text_within(c, x + SAMPLE + 10, (int)y + 5, width, l, p->line[i].label ? p->line[i].label : "");
    }
}

/* ---- the plot ---------------------------------------------------------------------------------------- */

static void draw_words(struct sq_canvas *c, const struct sq_plot *p, const struct axis *x, const struct axis *y)
{
    struct sq_lettering title = {.cap_px = 13, .bold = true, .rgb = SQ_RGB_TEXT};
    struct sq_lettering label = {.cap_px = 10, .anchor = SQ_CENTRE, .rgb = SQ_RGB_TEXT}, up = label;
    up.upwards = true;
    sq_text_within(c, x->from, 30, c->w - x->from - RIGHT, title, p->title ? p->title : "");
    sq_canvas_text(c, x->from + x->length / 2, y->from + 44, label, p->x_label ? p->x_label : "");
    sq_canvas_text(c, 24, y->from + y->length / 2, up, p->y_label ? p->y_label : "");
}

enum sq_status sq_plot_write(const struct sq_plot *p, const char *path, struct sq_err *e)
{
    const struct sq_lettering small = {.cap_px = 9, .rgb = SQ_RGB_TEXT}, note = {.cap_px = 12, .anchor = SQ_CENTRE,
                                                                                .rgb = SQ_RGB_QUIET};
    struct axis x = {.from = LEFT, .length = p->diagonal ? HIGH : WIDE}, y = {.from = TOP + HIGH, .length = -HIGH};
    bool any = set_range(p, false, &x);
    any = set_range(p, true, &y) && any;
    int legend = has_legend(p) ? legend_width(p, small) : 0, aside = legend ? 20 + SAMPLE + 10 + legend : 0;
    struct sq_canvas c;
    enum sq_status status = sq_canvas_init(&c, LEFT + x.length + aside + RIGHT, TOP + HIGH + BELOW, 0xffffff, e);
    if (status)
        return status;
    ticks(&c, &x, &y, p->diagonal ? 5 : 8, tick_x);
    ticks(&c, &y, &x, 6, tick_y);
    sq_canvas_frame(&c, x.from, TOP, x.length, HIGH, SQ_RGB_FRAME);
    draw_words(&c, p, &x, &y);
    if (legend)
        draw_legend(&c, p, LEFT + x.length + 20, legend, small);
    sq_canvas_clip(&c, x.from - 5, TOP - 5, x.length + 10, HIGH + 10); /* room for markers on the edge */
    if (p->diagonal)
        draw_diagonal(&c, &x, &y);
    for (int i = p->n - 1; i >= 0; i--) /* the first on top */
        draw_line(&c, &p->line[i], look_of(i), &x, &y);
    if (!any)
        sq_canvas_text(&c, x.from + x.length / 2, TOP + HIGH / 2, note, "no data");
    const struct sq_png_text text[] = {{"Title", p->title}, {"Software", "squall " SQ_VERSION}};
    status = sq_png_write(path, c.w, c.h, c.rgb, text, 2, e);
    sq_canvas_finish(&c);
    return status;
}
