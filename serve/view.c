#include "view.h"
#include "coast.h"

#include "core/crs.h"
#include "core/log.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which cells a pixel shows ----------------------------------------------------------------------- */

struct sq_span {
    int first, n;
    float head, tail; /* share of the first and of the last cell; those between count wholly */
};

static void spans(struct sq_span *s, int pixels, int cells)
{
    for (int p = 0; p < pixels; p++) {
        double a = (double)p * cells / pixels, b = (double)(p + 1) * cells / pixels;
        int first = (int)floor(a + 1e-9), last = (int)ceil(b - 1e-9) - 1;
        if (cells <= pixels)
            first = last = (int)((p + 0.5) * cells / pixels);
        last = last < cells ? last : cells - 1;
        s[p] = (struct sq_span){first, last - first + 1, (float)(first + 1 - a), (float)(b - last)};
        if (s[p].n == 1)
            s[p].head = s[p].tail = 1;
    }
}

static float weight(const struct sq_span *s, int k)
{
    return k == 0 ? s->head : k == s->n - 1 ? s->tail : 1;
}

void sq_view_sample(struct sq_view *v, const float *values, int y, float *ret)
{
    const struct sq_span *r = &v->row[y];
    int nx = v->grid.nx;
    float *restrict sum = v->sum, *restrict seen = v->seen;
    memset(sum, 0, (size_t)nx * sizeof *sum);
    memset(seen, 0, (size_t)nx * sizeof *seen);
    float high = 0;
    for (int k = 0; k < r->n; k++) {
        const float *restrict from = values + (size_t)(r->first + k) * (size_t)nx;
        float share = weight(r, k);
        high += share;
        for (int i = 0; i < nx; i++) {
            float ok = from[i] == from[i] ? share : 0; /* NaN is not itself */
            sum[i] += from[i] == from[i] ? share * from[i] : 0;
            seen[i] += ok;
        }
    }
    for (int x = 0; x < v->w; x++) {
        const struct sq_span *c = &v->col[x];
        float total = 0, count = 0, wide = 0;
        for (int k = 0; k < c->n; k++) {
            float share = weight(c, k);
            total += share * sum[c->first + k];
            count += share * seen[c->first + k];
            wide += share;
        }
        ret[x] = count > 0 && 2 * count >= wide * high ? total / count : NAN;
    }
}

/* ---- lines on the map -------------------------------------------------------------------------------- */

/* Widths of lines in pixels; below one they are paler. */
#define COAST_PX 1.2
#define LAKE_PX 0.7
#define COUNTRY_PX 0.8
#define STATE_PX 0.45
#define GRATICULE_PX 0.18

struct sketch {
    struct sq_view *v;
    struct sq_canvas mask;
    struct sq_crs_map *to_grid; /* from longitude and latitude */
    double box[4];              /* west, south, east, north of the grid */
};

/* Longitude and latitude to pixels, in place. */
static void to_pixels(const struct sketch *s, size_t n, double *x, double *y)
{
    const struct sq_grid *g = &s->v->grid;
    bool turn = sq_grid_geographic(g);
    double west = sq_grid_x(g, (g->nx - 1) / 2.0) - 180;
    sq_crs_forward(s->to_grid, n, x, y);
    for (size_t i = 0; i < n; i++) {
        if (turn)
            x[i] -= 360 * floor((x[i] - west) / 360);
        x[i] = ((x[i] - g->x0) / g->dx + 0.5) * s->v->w / g->nx;
        y[i] = ((g->y0 - y[i]) / g->dy + 0.5) * s->v->h / g->ny;
    }
}

/* A stroke between two points that are near one another on the map; far ones are a turn of the globe. */
static void piece(struct sketch *s, const double *x, const double *y, double width)
{
    double w = s->v->w, h = s->v->h;
    if (!(fabs(x[1] - x[0]) < w / 2 + 20 && fabs(y[1] - y[0]) < h / 2 + 20)) /* NaN also ends here */
        return;
    sq_canvas_stroke(&s->mask, x[0], y[0], x[1], y[1], width);
}

/* Islands of a pixel or two would be specks, and small lakes a rash. */
static bool speck(const struct sq_coast_line *l, const double *x, const double *y)
{
    double box[4] = {HUGE_VAL, HUGE_VAL, -HUGE_VAL, -HUGE_VAL}, least = l->level == 1 ? 3 : 12;
    for (int i = 0; i < l->n && l->closed; i++) {
        box[0] = fmin(box[0], x[i]);
        box[1] = fmin(box[1], y[i]);
        box[2] = fmax(box[2], x[i]);
        box[3] = fmax(box[3], y[i]);
    }
    return l->closed && box[2] - box[0] < least && box[3] - box[1] < least;
}

static double line_width(enum sq_coast_kind kind, int level)
{
    if (kind == SQ_BORDER)
        return level == 1 ? COUNTRY_PX : level == 2 ? STATE_PX : 0;
    return level == 1 || level == 5 ? COAST_PX : level <= 4 ? LAKE_PX : 0;
}

static enum sq_status draw_coast(struct sketch *s, enum sq_coast_kind kind, struct sq_err *e)
{
    char path[4096];
    struct sq_coast c = {0};
    double km_px = s->v->km_px > 0 ? s->v->km_px : 1;
    enum sq_status status = sq_coast_find(kind, km_px, path, sizeof path, e);
    if (status || (status = sq_coast_read(path, s->box, &c, e)))
        return status;
    to_pixels(s, (size_t)c.n_point, c.lon, c.lat);
    for (int i = 0; i < c.n_line; i++) {
        const struct sq_coast_line *l = &c.line[i];
        const double *x = c.lon + l->first, *y = c.lat + l->first;
        double width = line_width(kind, l->level);
        if (width > 0 && !speck(l, x, y))
            for (int k = 0; k + 1 < l->n; k++)
                piece(s, x + k, y + k, width);
    }
    sq_coast_finish(&c);
    return SQ_OK;
}

/* ---- meridians and parallels ------------------------------------------------------------------------- */

/* Degrees between lines, so that about `most` of them cross an edge of the map: the lower one for meridians, the
 * left one for parallels. */
static double degrees_step(const struct sketch *s, bool meridian)
{
    static const double nice[] = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30};
    const struct sq_grid *g = &s->v->grid;
    double most = fmax(2, (meridian ? s->v->w : s->v->h) / 110.0);
    double x[2] = {sq_grid_x(g, 0), sq_grid_x(g, meridian ? g->nx - 1 : 0)};
    double y[2] = {sq_grid_y(g, g->ny - 1), sq_grid_y(g, meridian ? g->ny - 1 : 0)};
    sq_crs_inverse(s->to_grid, 2, x, y);
    double span = fabs(meridian ? x[1] - x[0] : y[1] - y[0]);
    span = meridian && span > 180 && !sq_grid_geographic(g) ? 360 - span : span;
    if (!(span > 0)) /* a corner off the earth, or a map of one cell */
        span = meridian ? s->box[2] - s->box[0] : s->box[3] - s->box[1];
    size_t i = 0;
    while (i + 1 < sizeof nice / sizeof *nice && span / nice[i] > most)
        i++;
    return nice[i];
}

static void tick(struct sq_tick *ticks, int *n, double at, int length, double degrees, const char *sides)
{
    if (*n == SQ_TICKS || !(at >= 0 && at <= length))
        return;
    degrees -= sides[0] == 'E' ? 360 * floor((degrees + 180) / 360) : 0;
    struct sq_tick *t = &ticks[(*n)++];
    t->px = (int)lrint(at);
    snprintf(t->text, sizeof t->text, "%.6g\xc2\xb0%.1s", fabs(degrees),
             degrees == 0 || degrees == -180 ? "" : degrees > 0 ? sides : sides + 1);
}

/* One meridian or parallel: a walk of points. Where it leaves the map at the bottom (meridian) or on the left
 * (parallel), there is a tick. */
static void walk(struct sketch *s, bool meridian, double degrees)
{
    enum { N = 200 };
    double x[N], y[N];
    struct sq_view *v = s->v;
    for (int i = 0; i < N; i++) {
        double t = (double)i / (N - 1);
        x[i] = meridian ? degrees : s->box[0] + t * (s->box[2] - s->box[0]);
        y[i] = meridian ? s->box[1] + t * (s->box[3] - s->box[1]) : degrees;
    }
    to_pixels(s, N, x, y);
    for (int i = 0; i + 1 < N; i++) {
        piece(s, x + i, y + i, GRATICULE_PX);
        const double *a = meridian ? y : x, *b = meridian ? x : y;
        double edge = meridian ? v->h - 0.01 : 0.01, t = (edge - a[i]) / (a[i + 1] - a[i]);
        if (!(t >= 0 && t < 1))
            continue;
        if (meridian)
            tick(v->bottom, &v->n_bottom, b[i] + t * (b[i + 1] - b[i]), v->w, degrees, "EW");
        else
            tick(v->left, &v->n_left, b[i] + t * (b[i + 1] - b[i]), v->h, degrees, "NS");
    }
}

static void draw_graticule(struct sketch *s)
{
    for (int meridian = 0; meridian < 2; meridian++) {
        double low = s->box[meridian ? 0 : 1], high = s->box[meridian ? 2 : 3];
        double step = degrees_step(s, meridian);
        for (double k = ceil(low / step); k * step <= high; k++)
            walk(s, meridian, k * step);
    }
}

/* Lines of the map into v->ink. Only memory is worth failing for. */
static enum sq_status draw_lines(struct sq_view *v, bool coastline, struct sq_err *e)
{
    struct sketch s = {.v = v};
    struct sq_err why = {""};
    size_t n = (size_t)v->w * (size_t)v->h;
    enum sq_status status = sq_canvas_init(&s.mask, v->w, v->h, 0, e);
    if (status)
        return status;
    if (sq_crs_bounds(&v->grid, s.box, &why) || sq_crs_map_create(SQ_CRS_LONLAT, v->grid.crs, &s.to_grid, &why)) {
        sq_log(SQ_LOG_WARN, "%s, maps have no coastline", why.text);
        goto done;
    }
    draw_graticule(&s);
    v->coast = coastline && !draw_coast(&s, SQ_COASTLINE, &why) && !draw_coast(&s, SQ_BORDER, &why);
    if (coastline && !v->coast)
        sq_log(SQ_LOG_WARN, "%s", why.text);
    for (size_t i = 0; i < n; i++)
        v->ink[i] = (uint8_t)((s.mask.cover[i] * SQ_INK + 127) / 255);
done:
    sq_crs_map_destroy(&s.to_grid);
    sq_canvas_finish(&s.mask);
    return SQ_OK;
}

/* ---- the view ---------------------------------------------------------------------------------------- */

static void size(struct sq_view *v, int width_px)
{
    const struct sq_grid *g = &v->grid;
    double ratio = g->dy / g->dx, middle = sq_grid_y(g, (g->ny - 1) / 2.0);
    if (sq_grid_geographic(g))
        ratio /= fmax(0.05, cos(middle * 0.017453292519943295));
    double aspect = ratio * g->ny / g->nx, w = fmin(width_px, 2.0 * width_px / aspect);
    if (w >= g->nx)
        w = g->nx * floor(w / g->nx);
    v->w = (int)fmax(1, floor(w));
    v->h = (int)fmin(2.0 * width_px, fmax(1, round(v->w * aspect)));
}

enum sq_status sq_view_init(struct sq_view *v, const struct sq_grid *g, const double cell_m[2], int width_px,
                            bool coastline, struct sq_err *e)
{
    struct sq_view made = {.grid = *g};
    size(&made, width_px);
    made.km_px = cell_m[0] > 0 ? cell_m[0] / 1000 * g->nx / made.w : NAN;
    enum sq_status status;
    if ((status = sq_alloc((void **)&made.ink, (size_t)made.w, (size_t)made.h, "a map", e)) ||
        (status = sq_alloc((void **)&made.col, (size_t)made.w, sizeof *made.col, "a map", e)) ||
        (status = sq_alloc((void **)&made.row, (size_t)made.h, sizeof *made.row, "a map", e)) ||
        (status = sq_alloc((void **)&made.sum, (size_t)g->nx, sizeof *made.sum, "a map", e)) ||
        (status = sq_alloc((void **)&made.seen, (size_t)g->nx, sizeof *made.seen, "a map", e)) ||
        (status = sq_alloc((void **)&made.line, (size_t)made.w, sizeof *made.line, "a map", e)))
        goto fail;
    spans(made.col, made.w, g->nx);
    spans(made.row, made.h, g->ny);
    if ((status = draw_lines(&made, coastline, e)))
        goto fail;
    *v = made;
    return SQ_OK;
fail:
    sq_view_finish(&made);
    return status;
}

void sq_view_finish(struct sq_view *v)
{
    free(v->ink);
    free(v->col);
    free(v->row);
    free(v->sum);
    free(v->seen);
    free(v->line);
    *v = (struct sq_view){0};
}

/* ---- painting ---------------------------------------------------------------------------------------- */

/* Lines are dark on light colours and light on dark ones. */
static uint32_t lined(uint32_t rgb, int ink)
{
    return sq_rgb_mix(rgb, sq_rgb_lightness(rgb) > 42 ? 0x2a2a2e : 0xf2f2ee, (double)ink / SQ_INK);
}

int sq_view_paint(struct sq_view *v, const float *values, const struct sq_scale *s, struct sq_canvas *c, int x,
                  int y)
{
    uint32_t table[SQ_CLASS_FIRST + SQ_CLASS_MAX][SQ_INK + 1], unseen[2][SQ_INK + 1];
    int most = SQ_CLASS_UNSEEN;
    for (int ink = 0; ink <= SQ_INK; ink++) {
        unseen[0][ink] = lined(SQ_RGB_UNSEEN_LINE, ink);
        unseen[1][ink] = lined(SQ_RGB_UNSEEN, ink);
        table[SQ_CLASS_DRY][ink] = lined(SQ_RGB_DRY, ink);
        for (int k = 0; k < s->n; k++)
            table[SQ_CLASS_FIRST + k][ink] = lined(s->rgb[k], ink);
    }
    for (int j = 0; j < v->h; j++) {
        uint32_t *to = c->rgb + (size_t)(y + j) * (size_t)c->w + (size_t)x;
        const uint8_t *ink = v->ink + (size_t)j * (size_t)v->w;
        sq_view_sample(v, values, j, v->line);
        for (int i = 0; i < v->w; i++) {
            int k = sq_scale_class(s, v->line[i]);
            to[i] = k == SQ_CLASS_UNSEEN ? unseen[sq_rgb_unseen(x + i, y + j) == SQ_RGB_UNSEEN][ink[i]]
                                         : table[k][ink[i]];
            most = k > most ? k : most;
        }
    }
    return most;
}
