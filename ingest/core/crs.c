#include "crs.h"

#include <math.h>
#include <proj.h>
#include <proj_experimental.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sq_crs_map {
    PJ_CONTEXT *ctx;
    PJ *pj;
};

/* ---- a quiet, offline PROJ -------------------------------------------------------------------------- */

struct note {
    char text[256]; /* the first complaint of PROJ: what follows is mostly its echo */
};

static void listen(void *arg, int level, const char *message)
{
    struct note *n = arg;
    (void)level;
    if (!n || n->text[0])
        return;
    snprintf(n->text, sizeof n->text, "%s", message);
    n->text[strcspn(n->text, "\r\n")] = 0;
}

/* `n` must outlive the context, or be replaced by NULL. */
static PJ_CONTEXT *context_create(struct note *n)
{
    PJ_CONTEXT *ctx = proj_context_create();
    if (!ctx)
        return NULL;
    proj_context_set_enable_network(ctx, 0);
    proj_log_func(ctx, n, listen);
    return ctx;
}

static enum sq_status refuse(const char *text, const struct note *n, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "coordinate system '%.160s': %s", text,
                   n->text[0] ? n->text : "PROJ does not know it");
}

/* ---- the words of a PROJ string ------------------------------------------------------------------------ */

/* The next blank-separated word at *at, its length in *n; NULL at the end. */
static const char *next_word(const char **at, int *n)
{
    const char *word = *at + strspn(*at, " \t\r\n");
    *n = (int)strcspn(word, " \t\r\n");
    *at = word + *n;
    return *n ? word : NULL;
}

static bool starts(const char *word, const char *with)
{
    return !strncmp(word, with, strlen(with));
}

/* ---- positions -------------------------------------------------------------------------------------- */

/* Whether a system says nothing of a datum: then the way from one to the other is latitudes as they are. */
static bool is_plain(const char *crs)
{
    static const char *const more[] = {"+towgs84=", "+nadgrids=", "+datum=", "+geoidgrids=", "+pm=", "+axis=",
                                       "+init=", "+o_proj=", "+proj=pipeline"};
    const char *word;
    if (!strstr(crs, "+proj=") || strlen(crs) >= SQ_CRS_MAX)
        return false;
    for (int n; (word = next_word(&crs, &n));)
        for (size_t k = 0; k < sizeof more / sizeof *more; k++)
            if (starts(word, more[k]) && !starts(word, "+datum=WGS84"))
                return false;
    return true;
}

/* Adds a step of a pipeline: from the map to radians, or, `out`, from radians to the map. */
static void add_step(const char *crs, bool out, char *text, size_t size)
{
    size_t at = strlen(text);
    const char *word;
    if (strstr(crs, "+proj=longlat") || strstr(crs, "+proj=latlong")) {
        snprintf(text + at, size - at, " +step +proj=unitconvert +xy_in=%s +xy_out=%s", out ? "rad" : "deg",
                 out ? "deg" : "rad");
        return;
    }
    at += (size_t)snprintf(text + at, size - at, " +step%s", out ? "" : " +inv");
    for (int n; at < size && (word = next_word(&crs, &n));) {
        bool wgs84 = starts(word, "+datum=");
        if (!starts(word, "+type="))
            at += (size_t)snprintf(text + at, size - at, " %.*s", wgs84 ? 12 : n, wgs84 ? "+ellps=WGS84" : word);
    }
}

/* PROJ searches its database for the best way between any two systems, for 20 to 60 ms. Between plain ones
 * there is but one, and it is told. */
static PJ *find_way(PJ_CONTEXT *ctx, const char *from, const char *to)
{
    char text[3 * SQ_CRS_MAX] = "+proj=pipeline";
    if (is_plain(from) && is_plain(to)) {
        add_step(from, false, text, sizeof text);
        add_step(to, true, text, sizeof text);
        return proj_create(ctx, text);
    }
    PJ *any = proj_create_crs_to_crs(ctx, from, to, NULL);
    PJ *ours = any ? proj_normalize_for_visualization(ctx, any) : NULL;
    proj_destroy(any);
    return ours;
}

enum sq_status sq_crs_map_create(const char *from, const char *to, struct sq_crs_map **ret, struct sq_err *e)
{
    enum sq_status status = SQ_FAILED;
    struct note note = {0};
    struct sq_crs_map *m = calloc(1, sizeof *m);
    if (!m || !(m->ctx = context_create(&note))) {
        sq_fail(e, SQ_FAILED, "out of memory for a coordinate system");
        goto fail;
    }
    m->pj = find_way(m->ctx, from, to);
    if (!m->pj) {
        sq_fail(e, SQ_FAILED, "no way from '%.150s' to '%.150s': %s", from, to,
                note.text[0] ? note.text : "PROJ does not know one of them");
        goto fail;
    }
    proj_log_func(m->ctx, NULL, listen);
    *ret = m;
    m = NULL;
    status = SQ_OK;
fail:
    sq_crs_map_destroy(&m);
    return status;
}

void sq_crs_map_destroy(struct sq_crs_map **m)
{
    if (!*m)
        return;
    proj_destroy((*m)->pj);
    if ((*m)->ctx) /* NULL would be the default context */
        proj_context_destroy((*m)->ctx);
    free(*m);
    *m = NULL;
}

static void transform(struct sq_crs_map *m, PJ_DIRECTION direction, size_t n, double *x, double *y)
{
    proj_trans_generic(m->pj, direction, x, sizeof *x, n, y, sizeof *y, n, NULL, 0, 0, NULL, 0, 0);
    proj_errno_reset(m->pj);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]) || !isfinite(y[i]))
            x[i] = y[i] = NAN;
}

void sq_crs_forward(struct sq_crs_map *m, size_t n, double *x, double *y)
{
    transform(m, PJ_FWD, n, x, y);
}

void sq_crs_inverse(struct sq_crs_map *m, size_t n, double *x, double *y)
{
    transform(m, PJ_INV, n, x, y);
}

/* ---- what a grid covers ------------------------------------------------------------------------------ */

enum sq_status sq_crs_cell_m(const struct sq_grid *g, double ret[2], struct sq_err *e)
{
    struct sq_crs_map *m = NULL;
    enum sq_status status = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &m, e);
    if (status)
        return status;
    double cx = sq_grid_x(g, (g->nx - 1) / 2.0), cy = sq_grid_y(g, (g->ny - 1) / 2.0);
    double x[4] = {cx - g->dx / 2, cx + g->dx / 2, cx, cx};
    double y[4] = {cy, cy, cy - g->dy / 2, cy + g->dy / 2};
    sq_crs_forward(m, 4, x, y);
    PJ *earth = proj_create(m->ctx, "+proj=longlat +ellps=WGS84");
    double d[2];
    for (int k = 0; k < 2; k++) {
        PJ_COORD a = proj_coord(proj_torad(x[2 * k]), proj_torad(y[2 * k]), 0, 0);
        PJ_COORD b = proj_coord(proj_torad(x[2 * k + 1]), proj_torad(y[2 * k + 1]), 0, 0);
        d[k] = earth ? proj_lp_dist(earth, a, b) : NAN;
    }
    proj_destroy(earth);
    sq_crs_map_destroy(&m);
    if (!(d[0] > 0 && d[1] > 0))
        return sq_fail(e, SQ_FAILED, "grid '%.160s': its middle is not on the earth", g->crs);
    ret[0] = d[0];
    ret[1] = d[1];
    return SQ_OK;
}

enum { EDGE = 256, WALK = 4 * EDGE, DISC = 256 };

/* Once around the outer edge, WALK points. */
static void edge_points(const struct sq_grid *g, double *x, double *y)
{
    double west = g->x0 - g->dx / 2, north = g->y0 + g->dy / 2;
    double w = g->nx * g->dx, h = g->ny * g->dy;
    for (int i = 0; i < WALK; i++) {
        double t = (double)(i % EDGE) / EDGE;
        double u[4] = {t, 1, 1 - t, 0}, v[4] = {0, t, 1, 1 - t};
        x[i] = west + u[i / EDGE] * w;
        y[i] = north - v[i / EDGE] * h;
    }
}

/* The whole extent, DISC x DISC points: for grids with corners in space. */
static void all_points(const struct sq_grid *g, double *x, double *y)
{
    for (int j = 0; j < DISC; j++)
        for (int i = 0; i < DISC; i++) {
            x[j * DISC + i] = g->x0 + ((double)i / (DISC - 1) * g->nx - 0.5) * g->dx;
            y[j * DISC + i] = g->y0 - ((double)j / (DISC - 1) * g->ny - 0.5) * g->dy;
        }
}

/* Box of points; longitudes are followed from `lon_ref`, or from point to point when `walk`. */
static int box_of(const double *lon, const double *lat, int n, double lon_ref, bool walk, double box[4])
{
    int seen = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(lon[i]))
            continue;
        double l = lon_ref + remainder(lon[i] - lon_ref, 360);
        if (walk)
            lon_ref = l;
        box[0] = seen ? fmin(box[0], l) : l;
        box[1] = seen ? fmin(box[1], lat[i]) : lat[i];
        box[2] = seen ? fmax(box[2], l) : l;
        box[3] = seen ? fmax(box[3], lat[i]) : lat[i];
        seen++;
    }
    return seen;
}

static void cover_poles(const struct sq_grid *g, struct sq_crs_map *m, double box[4])
{
    for (int s = -1; s <= 1; s += 2) {
        double x = 0, y = 90 * s;
        sq_crs_inverse(m, 1, &x, &y);
        double col = (x - g->x0) / g->dx, row = (g->y0 - y) / g->dy;
        if (!(col >= -0.5 && col <= g->nx - 0.5 && row >= -0.5 && row <= g->ny - 0.5))
            continue;
        box[0] = -180;
        box[2] = 180;
        box[s < 0 ? 1 : 3] = 90 * s;
    }
}

static void tidy(double box[4])
{
    double width = fmin(box[2] - box[0], 360);
    box[0] -= 360 * floor((box[0] + 180) / 360);
    if (width == 360)
        box[0] = -180;
    box[2] = box[0] + width;
    box[1] = fmax(box[1], -90);
    box[3] = fmin(box[3], 90);
}

enum sq_status sq_crs_bounds(const struct sq_grid *g, double ret[4], struct sq_err *e)
{
    double box[4] = {g->x0 - g->dx / 2, g->y0 - (g->ny - 0.5) * g->dy, g->x0 + (g->nx - 0.5) * g->dx,
                     g->y0 + g->dy / 2};
    struct sq_crs_map *m = NULL;
    double *x = NULL, *y;
    int seen = 1;
    enum sq_status status = SQ_OK;
    if (sq_grid_geographic(g))
        goto done;
    status = sq_alloc((void **)&x, 2 * DISC * DISC, sizeof *x, "the edge of a grid", e);
    if (status || (status = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &m, e)))
        goto fail;
    y = x + DISC * DISC;
    edge_points(g, x, y);
    sq_crs_forward(m, WALK, x, y);
    seen = box_of(x, y, WALK, x[0], true, box);
    if (seen < WALK) {
        double lon = sq_grid_x(g, (g->nx - 1) / 2.0), lat = sq_grid_y(g, (g->ny - 1) / 2.0);
        sq_crs_forward(m, 1, &lon, &lat);
        all_points(g, x, y);
        sq_crs_forward(m, DISC * DISC, x, y);
        seen = box_of(x, y, DISC * DISC, isnan(lon) ? 0 : lon, false, box);
    }
    cover_poles(g, m, box);
done:
    if (!seen) {
        status = sq_fail(e, SQ_FAILED, "grid '%.160s': no point of it is on the earth", g->crs);
        goto fail;
    }
    tidy(box);
    memcpy(ret, box, sizeof box);
fail:
    sq_crs_map_destroy(&m);
    free(x);
    return status;
}

/* ---- one text for one system ------------------------------------------------------------------------- */

static bool is_length(const char *word)
{
    static const char *const keys[] = {"+a=", "+b=", "+R=", "+x_0=", "+y_0=", "+h="};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (starts(word, keys[k]))
            return true;
    return false;
}

/* 1000 where the radius of the earth is given in kilometres, as radar centres do: every length of the text,
 * and the coordinates, are kilometres then. Else 1. */
static double radius_unit(const char *text)
{
    const char *word;
    for (int n; (word = next_word(&text, &n));)
        if (starts(word, "+a=") || starts(word, "+R=")) {
            double r = strtod(word + 3, NULL);
            return r > 6000 && r < 7000 ? 1000 : 1;
        }
    return 1;
}

/* What is put into the text that PROJ gets: lengths in metres. `out` has room for twice the text. */
static void write_metres(const char *text, double unit, char out[2 * SQ_CRS_MAX])
{
    const char *word;
    size_t at = 0, room = 2 * SQ_CRS_MAX;
    for (int n; at < room && (word = next_word(&text, &n));) {
        if (starts(word, "+type=") || (unit != 1 && starts(word, "+units=")))
            continue;
        int key = (int)strcspn(word, "=") + 1;
        if (unit != 1 && is_length(word))
            at += (size_t)snprintf(out + at, room - at, "%.*s%.12g ", key, word, unit * strtod(word + key, NULL));
        else
            at += (size_t)snprintf(out + at, room - at, "%.*s ", n, word);
    }
    if (at < room)
        snprintf(out + at, room - at, "+type=crs");
}

/* "+units=km" -> 1000; NAN for what no map is drawn in. */
static double unit_metres(const char *word, int n)
{
    static const struct {
        const char *word;
        double m;
    } units[] = {{"+units=m", 1}, {"+units=km", 1000}, {"+units=ft", 0.3048}, {"+units=us-ft", 1200.0 / 3937}};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (strlen(units[k].word) == (size_t)n && starts(word, units[k].word))
            return units[k].m;
    return starts(word, "+to_meter=") ? strtod(word + 10, NULL) : NAN;
}

/* PROJ's own spelling `s` -> ours: metres, the datum of the ellipsoid of WGS84, no shift of nothing. */
static bool write_ours(const char *s, char out[SQ_CRS_MAX], double *unit)
{
    const char *word;
    size_t at = 0;
    for (int n; at < SQ_CRS_MAX && (word = next_word(&s, &n));) {
        const char *blank = at ? " " : "";
        if (starts(word, "+type=") || starts(word, "+towgs84=0,0,0,0,0,0,0"))
            continue;
        if (starts(word, "+units=") || starts(word, "+to_meter=")) {
            *unit *= unit_metres(word, n);
            at += (size_t)snprintf(out + at, SQ_CRS_MAX - at, "%s+units=m", blank);
        } else if (n == 12 && starts(word, "+ellps=WGS84")) {
            at += (size_t)snprintf(out + at, SQ_CRS_MAX - at, "%s+datum=WGS84", blank);
        } else {
            at += (size_t)snprintf(out + at, SQ_CRS_MAX - at, "%s%.*s", blank, n, word);
        }
    }
    return at > 0 && at < SQ_CRS_MAX && *unit > 0;
}

enum sq_status sq_crs_normalise(const char *text, char ret_crs[SQ_CRS_MAX], double *ret_unit_m, struct sq_err *e)
{
    enum sq_status status = SQ_FAILED;
    struct note note = {0};
    char metres[2 * SQ_CRS_MAX], ours[SQ_CRS_MAX] = "";
    bool is_proj = strstr(text, "+proj=");
    double unit = is_proj ? radius_unit(text) : 1;
    PJ *pj = NULL, *bound = NULL;
    PJ_CONTEXT *ctx = context_create(&note);
    if (!ctx)
        return sq_fail(e, SQ_FAILED, "out of memory for a coordinate system");
    if (is_proj && strlen(text) >= SQ_CRS_MAX) {
        status = sq_fail(e, SQ_FAILED, "coordinate system '%.60s...' has more than %d characters", text, SQ_CRS_MAX - 1);
        goto fail;
    }
    if (is_proj)
        write_metres(text, unit, metres);
    pj = proj_create(ctx, is_proj ? metres : text);
    if (!pj || !proj_is_crs(pj)) {
        status = refuse(text, &note, e);
        goto fail;
    }
    if (!is_proj) /* keeps the datum shift, which a PROJ string can only say as +towgs84 */
        bound = proj_crs_create_bound_crs_to_WGS84(ctx, pj, NULL);
    const char *s = proj_as_proj_string(ctx, bound ? bound : pj, PJ_PROJ_4, NULL);
    if (!s || !write_ours(s, ours, &unit)) {
        status = refuse(text, &note, e);
        goto fail;
    }
    memcpy(ret_crs, ours, sizeof ours);
    if (ret_unit_m)
        *ret_unit_m = unit;
    status = SQ_OK;
fail:
    proj_destroy(bound);
    proj_destroy(pj);
    proj_context_destroy(ctx);
    return status;
}

enum sq_status sq_crs_describe(const char *crs, double *ret_a_m, double *ret_inverse_flattening, char **ret_wkt,
                               struct sq_err *e)
{
    enum sq_status status = SQ_FAILED;
    static const char *const one_line[] = {"MULTILINE=NO", NULL};
    struct note note = {0};
    char text[2 * SQ_CRS_MAX], *wkt = NULL;
    double a = 0, rf = 0;
    PJ *pj = NULL, *ellipsoid = NULL;
    PJ_CONTEXT *ctx = context_create(&note);
    if (!ctx)
        return sq_fail(e, SQ_FAILED, "out of memory for a coordinate system");
    write_metres(crs, 1, text);
    pj = proj_create(ctx, text);
    if (!pj || !(ellipsoid = proj_get_ellipsoid(ctx, pj)) ||
        !proj_ellipsoid_get_parameters(ctx, ellipsoid, &a, NULL, NULL, &rf)) {
        status = refuse(crs, &note, e);
        goto fail;
    }
    const char *s = proj_as_wkt(ctx, pj, PJ_WKT2_2019, one_line);
    if (s && !(wkt = strdup(s))) {
        sq_fail(e, SQ_FAILED, "out of memory for a coordinate system");
        goto fail;
    }
    *ret_a_m = a;
    *ret_inverse_flattening = rf;
    *ret_wkt = wkt;
    status = SQ_OK;
fail:
    proj_destroy(ellipsoid);
    proj_destroy(pj);
    proj_context_destroy(ctx);
    return status;
}
