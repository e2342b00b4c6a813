#include "grib.h"

#include "core/crs.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { AGAINST_X = 0x80, ALONG_Y = 0x40, Y_FIRST = 0x20, TO_AND_FRO = 0x10 }; /* flag table 3.4 */

/* What both editions say of a grid, degrees and metres; NaN: not said. */
struct plan {
    enum { LONLAT, ROTATED, LAMBERT, POLAR } kind;
    uint32_t nx, ny;
    double lat, lon;           /* first point in the file */
    double last_lat, last_lon; /* LONLAT, ROTATED */
    double dx, dy;             /* > 0 */
    double step_unit;          /* the increments are rounded to it */
    uint8_t scan;
    bool south;                /* the south pole is in the middle of the map */
    double lov, lad, latin1, latin2;
    double pole_lat, pole_lon, turn; /* ROTATED: the southern pole */
    double a, b;               /* radii */
};

static enum sq_status refuse(const char *path, struct sq_err *e, const char *fmt, ...) SQ_PRINTF(3, 4);
static enum sq_status refuse(const char *path, struct sq_err *e, const char *fmt, ...)
{
    char why[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return sq_fail(e, SQ_FAILED, "%.200s: %s", path, why);
}

/* ---- edition 2: section 3 -------------------------------------------------------------------------------- */

/* Code table 3.2. */
static bool earth(const uint8_t *s, struct plan *p)
{
    double r = sq_grib_uint(s + 16, 4) * pow(10, -sq_grib_int(s + 15, 1));
    double a = sq_grib_uint(s + 21, 4) * pow(10, -sq_grib_int(s + 20, 1));
    double b = sq_grib_uint(s + 26, 4) * pow(10, -sq_grib_int(s + 25, 1));
    const double km = s[14] == 3 ? 1000 : 1;
    const double radii[10][2] = {{6367470, 6367470}, {r, r}, {6378160, 6356775}, {a * km, b * km},
                                 {6378137, 6356752.314140356}, {6378137, 6356752.314245179}, {6371229, 6371229},
                                 {a, b}, {6371200, 6371200}, {6377563.396, 6356256.909}};
    if (s[14] > 9)
        return false;
    p->a = radii[s[14]][0];
    p->b = radii[s[14]][1];
    return p->a > 6.3e6 && p->a < 6.4e6 && p->b > 6.3e6 && p->b <= p->a;
}

static double micro(const uint8_t *octets, double unit)
{
    return sq_grib_int(octets, 4) * unit;
}

/* Templates 3.0 and 3.1. */
static bool new_lonlat(const uint8_t *s, struct plan *p)
{
    uint32_t basic = sq_grib_uint(s + 38, 4), parts = sq_grib_uint(s + 42, 4);
    double unit = basic == 0 || basic == 0xffffffff ? 1e-6 : (double)basic / parts;
    if (!(unit > 0 && unit <= 1))
        return false;
    p->lat = micro(s + 46, unit);
    p->lon = micro(s + 50, unit);
    p->last_lat = micro(s + 55, unit);
    p->last_lon = micro(s + 59, unit);
    p->dx = s[54] & 0x20 && sq_grib_uint(s + 63, 4) != 0xffffffff ? micro(s + 63, unit) : NAN;
    p->dy = s[54] & 0x10 && sq_grib_uint(s + 67, 4) != 0xffffffff ? micro(s + 67, unit) : NAN;
    p->step_unit = unit;
    p->scan = s[71];
    p->pole_lat = micro(s + 72, unit);
    p->pole_lon = micro(s + 76, unit);
    float turn;
    const uint32_t bits = sq_grib_uint(s + 80, 4);
    memcpy(&turn, &bits, sizeof turn);
    p->turn = (double)turn;
    return true;
}

/* Templates 3.20 and 3.30 differ in what follows the scanning mode. */
static void new_map(const uint8_t *s, struct plan *p)
{
    p->lat = micro(s + 38, 1e-6);
    p->lon = micro(s + 42, 1e-6);
    p->lad = micro(s + 47, 1e-6);
    p->lov = micro(s + 51, 1e-6);
    p->dx = sq_grib_uint(s + 55, 4) * 1e-3;
    p->dy = sq_grib_uint(s + 59, 4) * 1e-3;
    p->south = s[63] & 0x80;
    p->scan = s[64];
    p->latin1 = micro(s + 65, 1e-6);
    p->latin2 = micro(s + 69, 1e-6);
}

static const char *new_kind_name(uint32_t template)
{
    return template == 40   ? "Gaussian"
           : template == 10 ? "Mercator"
           : template == 101 ? "icosahedral (of the global ICON)"
           : template == 50 ? "spectral"
                            : "this kind of";
}

static enum sq_status new_plan(const struct sq_grib *g, const char *path, struct plan *p, struct sq_err *e)
{
    static const struct {
        uint32_t template, length;
        int kind;
    } known[] = {{0, 72, LONLAT}, {1, 84, ROTATED}, {20, 65, POLAR}, {30, 81, LAMBERT}};
    const uint8_t *s = g->s[3];
    uint32_t template = sq_grib_uint(s + 12, 2);
    size_t i = 0;
    while (i < 4 && known[i].template != template)
        i++;
    if (i == 4)
        return refuse(path, e, "a %s grid (template 3.%u) is not read: fetch the product on a regular "
                      "latitude-longitude grid, or convert it (cdo remapbil)", new_kind_name(template), template);
    p->kind = known[i].kind;
    p->nx = sq_grib_uint(s + 30, 4);
    p->ny = sq_grib_uint(s + 34, 4);
    if (s[10] || s[11] || p->nx == 0xffffffff)
        return refuse(path, e, "a reduced grid, with rows of different lengths, is not read: convert it "
                      "(cdo setgridtype,regular)");
    bool fits = s[5] == 0 && g->n[3] >= known[i].length && earth(s, p);
    if (fits && p->kind <= ROTATED)
        fits = new_lonlat(s, p);
    else
        new_map(s, p);
    if (!fits || (p->kind > ROTATED && s[63] & 0x40) || sq_grib_uint(s + 6, 4) != p->nx * p->ny)
        return refuse(path, e, "grid definition is broken");
    return SQ_OK;
}

/* ---- edition 1: section 2 -------------------------------------------------------------------------------- */

static double milli(const uint8_t *octets)
{
    return sq_grib_int(octets, 3) * 1e-3;
}

/* IBM's float of 32 bits. */
static double ibm(const uint8_t *octets)
{
    double v = ldexp(sq_grib_uint(octets + 1, 3), 4 * ((octets[0] & 0x7f) - 64) - 24);
    return octets[0] & 0x80 ? -v : v;
}

static void old_lonlat(const uint8_t *s, struct plan *p)
{
    p->last_lat = milli(s + 17);
    p->last_lon = milli(s + 20);
    p->dx = s[16] & 0x80 ? sq_grib_uint(s + 23, 2) * 1e-3 : NAN;
    p->dy = s[16] & 0x80 ? sq_grib_uint(s + 25, 2) * 1e-3 : NAN;
    p->step_unit = 1e-3;
    if (p->kind != ROTATED)
        return;
    p->pole_lat = milli(s + 32);
    p->pole_lon = milli(s + 35);
    p->turn = ibm(s + 38);
}

static void old_map(const uint8_t *s, struct plan *p)
{
    p->lov = milli(s + 17);
    p->dx = sq_grib_uint(s + 20, 3);
    p->dy = sq_grib_uint(s + 23, 3);
    p->south = s[26] & 0x80;
    p->lad = p->south ? -60 : 60;
    if (p->kind != LAMBERT)
        return;
    p->lad = p->latin1 = milli(s + 28);
    p->latin2 = milli(s + 31);
}

static enum sq_status old_plan(const struct sq_grib *g, const char *path, struct plan *p, struct sq_err *e)
{
    const uint8_t *s = g->s[2];
    static const struct {
        int code, kind;
        uint32_t length;
    } known[] = {{0, LONLAT, 32}, {10, ROTATED, 42}, {5, POLAR, 32}, {3, LAMBERT, 40}};
    size_t i = 0;
    if (!g->n[2])
        return refuse(path, e, "message without a grid of its own, which is not read");
    while (i < 4 && known[i].code != s[5])
        i++;
    if (i == 4)
        return refuse(path, e, "a %s grid (GRIB 1, type %d) is not read: fetch the product on a regular "
                      "latitude-longitude grid, or convert it (cdo remapbil)", s[5] == 4 ? "Gaussian" : "this kind of",
                      s[5]);
    p->kind = known[i].kind;
    if (g->n[2] < known[i].length || (p->kind > ROTATED && s[26] & 0x40))
        return refuse(path, e, "grid definition is broken");
    p->nx = sq_grib_uint(s + 6, 2);
    p->ny = sq_grib_uint(s + 8, 2);
    if (p->nx == 0xffff || p->ny == 0xffff)
        return refuse(path, e, "a reduced grid, with rows of different lengths, is not read: convert it "
                      "(cdo setgridtype,regular)");
    p->lat = milli(s + 10);
    p->lon = milli(s + 13);
    p->a = s[16] & 0x40 ? 6378160 : 6367470;
    p->b = s[16] & 0x40 ? 6356775 : 6367470;
    p->scan = s[27];
    if (p->kind <= ROTATED)
        old_lonlat(s, p);
    else
        old_map(s, p);
    return SQ_OK;
}

/* ---- from either to ours --------------------------------------------------------------------------------- */

/* The step along one side of a latitude-longitude grid. First and last point are closer to the truth than the
 * increment, which may be rounded badly (1/16 degree is 62 or 63 milli); but they must agree. */
static bool step(double first, double last, bool backward, double said, uint32_t n, double unit, bool round,
                 double *ret)
{
    double span = backward ? first - last : last - first;
    if (round) /* the earth */
        span -= 360 * floor(span / 360 + 1e-9);
    double got = n > 1 ? span / (n - 1) : said;
    if (isnan(said))
        said = got;
    *ret = got;
    return got > 0 && got <= 180 && fabs(said - got) * (n - 1) < said / 2 + unit * n;
}

static void write_crs(const struct plan *p, char *out, size_t size)
{
    char earth_text[80];
    if (p->a == p->b)
        snprintf(earth_text, sizeof earth_text, "+R=%.10g", p->a);
    else
        snprintf(earth_text, sizeof earth_text, "+a=%.12g +b=%.14g", p->a, p->b);
    if (p->kind == LONLAT)
        snprintf(out, size, "+proj=longlat %s +no_defs", earth_text);
    else if (p->kind == ROTATED)
        snprintf(out, size, "+proj=ob_tran +o_proj=longlat +o_lat_p=%.10g +o_lon_p=%.10g +lon_0=%.10g %s +no_defs",
                 -p->pole_lat, -p->turn, remainder(p->pole_lon, 360), earth_text);
    else if (p->kind == LAMBERT)
        snprintf(out, size, "+proj=lcc +lat_0=%.10g +lon_0=%.10g +lat_1=%.10g +lat_2=%.10g %s +units=m +no_defs", p->lad,
                 remainder(p->lov, 360), p->latin1, p->latin2, earth_text);
    else
        snprintf(out, size, "+proj=stere +lat_0=%d +lat_ts=%.10g +lon_0=%.10g %s +units=m +no_defs",
                 p->south ? -90 : 90, p->lad, remainder(p->lov, 360), earth_text);
}

/* The first point on the map. */
static enum sq_status first_point(const struct plan *p, const char *crs, double ret[2], struct sq_err *e)
{
    struct sq_crs_map *m = NULL;
    ret[0] = p->lon;
    ret[1] = p->lat;
    if (p->kind <= ROTATED)
        return SQ_OK;
    enum sq_status st = sq_crs_map_create(SQ_CRS_LONLAT, crs, &m, e);
    if (st)
        return st;
    sq_crs_forward(m, 1, &ret[0], &ret[1]);
    sq_crs_map_destroy(&m);
    return SQ_OK;
}

static enum sq_status place(const struct plan *p, const char *path, struct sq_grib_grid *ret, struct sq_err *e)
{
    struct sq_grid *g = &ret->grid;
    char text[SQ_CRS_MAX];
    double first[2];
    bool fits = p->nx >= 1 && p->ny >= 1 && p->nx <= SQ_GRID_MAX && p->ny <= SQ_GRID_MAX && !(p->scan & 0x0f) &&
                fabs(p->lat) <= 90 && fabs(p->lon) <= 360;
    g->nx = (int)p->nx;
    g->ny = (int)p->ny;
    g->dx = p->dx;
    g->dy = p->dy;
    ret->scan = p->scan;
    if (fits && p->kind <= ROTATED)
        fits = step(p->lon, p->last_lon, p->scan & AGAINST_X, p->dx, p->nx, p->step_unit, true, &g->dx) &&
               step(p->lat, p->last_lat, !(p->scan & ALONG_Y), p->dy, p->ny, p->step_unit, false, &g->dy);
    if (!fits)
        return refuse(path, e, "grid of %u x %u points whose size, steps and corners are no grid", p->nx, p->ny);
    write_crs(p, text, sizeof text);
    enum sq_status st = sq_crs_normalise(text, g->crs, NULL, e);
    if (!st)
        st = first_point(p, g->crs, first, e);
    if (st)
        return st;
    g->x0 = p->scan & AGAINST_X ? first[0] - (g->nx - 1) * g->dx : first[0];
    g->y0 = p->scan & ALONG_Y ? first[1] + (g->ny - 1) * g->dy : first[1];
    if (p->kind <= ROTATED)
        g->x0 -= 360 * floor((g->x0 + 180) / 360);
    return sq_grid_check(g, path, e);
}

enum sq_status sq_grib_grid(const struct sq_grib *g, const char *path, struct sq_grib_grid *ret, struct sq_err *e)
{
    struct plan p = {.step_unit = NAN};
    uint8_t flags = g->edition == 1 ? g->s[2][16] : sq_grib_uint(g->s[3] + 12, 2) <= 1 ? g->s[3][54] : g->s[3][46];
    *ret = (struct sq_grib_grid){.along_grid = flags & 0x08};
    enum sq_status st = g->edition == 1 ? old_plan(g, path, &p, e) : new_plan(g, path, &p, e);
    return st ? st : place(&p, path, ret, e);
}

size_t sq_grib_cell(const struct sq_grib_grid *grid, size_t i)
{
    size_t nx = (size_t)grid->grid.nx, ny = (size_t)grid->grid.ny, n = grid->scan & Y_FIRST ? ny : nx;
    size_t fast = i % n, slow = i / n;
    if (grid->scan & TO_AND_FRO && slow % 2)
        fast = n - 1 - fast;
    size_t col = grid->scan & Y_FIRST ? slow : fast, row = grid->scan & Y_FIRST ? fast : slow;
    if (grid->scan & AGAINST_X)
        col = nx - 1 - col;
    if (grid->scan & ALONG_Y)
        row = ny - 1 - row;
    return row * nx + col;
}
