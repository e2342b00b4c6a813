/* A geostationary imager over the simulated world. Clouds are the weather's state some time ahead, and what is left of
 * it some time later; a cloud has a height, an optical depth and ice, and each band makes of these what it would. */
#include "views.h"
#include "core/crs.h"
#include "core/sun.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_S 1500  /* cloud tops before their rain */
#define BEHIND_S 1500 /* anvils after it */
#define TOP_KM 16

/* One pixel's cloud. */
struct cloud {
    float top_km; /* 0: none */
    float depth;  /* optical, visible */
};

/* Where the nodes are and how they are looked at. */
struct view {
    double *sine;     /* of the sun's elevation */
    double *dx, *dy;  /* pixels towards the satellite by which the line of sight moves per km of height */
    double *lat;
};

/* ---- geometry ------------------------------------------------------------------------------------------- */

static double number(const char *crs, const char *key)
{
    const char *at = strstr(crs, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

/* Degrees of longitude and latitude per km of height towards the satellite over (0, lon_0), on a sphere: tan(zenith
 * angle) that way. */
static void towards(double lon, double lat, double lon_0, double ret[2])
{
    const double radius = 6371, orbit = 42164, rad = M_PI / 180;
    const double d = (lon_0 - lon) * rad, p = lat * rad;
    const double east = orbit * sin(d), north = -orbit * sin(p) * cos(d), up = orbit * cos(p) * cos(d) - radius;
    ret[0] = east / up / (radius * cos(p)) / rad;
    ret[1] = north / up / radius / rad;
}

static enum sq_status look(const struct sq_world_map *m, int64_t t, struct view *ret, struct sq_err *e)
{
    const size_t n = (size_t)m->mx * (size_t)m->my;
    const double lon_0 = number(m->grid.crs, "+lon_0=");
    const struct sq_sun sun = sq_sun_at(t);
    struct sq_crs_map *map = NULL;
    void *block;
    if (!strstr(m->grid.crs, "+proj=geos") || isnan(lon_0))
        return sq_fail(e, SQ_FAILED, "%s: is no view of a geostationary satellite", m->grid.crs);
    enum sq_status s = sq_crs_map_create(m->grid.crs, SQ_CRS_LONLAT, &map, e);
    if (!s)
        s = sq_alloc(&block, 4 * n, sizeof(double), "lines of sight", e);
    if (s) {
        sq_crs_map_destroy(&map);
        return s;
    }
    *ret = (struct view){block, (double *)block + n, (double *)block + 2 * n, (double *)block + 3 * n};
    for (size_t i = 0; i < n; i++) {
        const double x = sq_grid_x(&m->grid, (double)(i % (size_t)m->mx) * m->step);
        const double y = sq_grid_y(&m->grid, (double)(i / (size_t)m->mx) * m->step);
        double way[2], lon = x, lat = y;
        sq_crs_forward(map, 1, &lon, &lat);
        ret->lat[i] = lat;
        ret->sine[i] = sin(sq_sun_elevation(&sun, lon, lat) * M_PI / 180);
        towards(lon, lat, lon_0, way);
        lon += way[0];
        lat += way[1];
        sq_crs_inverse(map, 1, &lon, &lat);
        ret->dx[i] = (lon - x) / m->grid.dx;
        ret->dy[i] = (y - lat) / m->grid.dy;
    }
    sq_crs_map_destroy(&map);
    return SQ_OK;
}

/* ---- clouds --------------------------------------------------------------------------------------------- */

/* Of the state ahead, now and behind. */
static struct cloud cloud_of(float ahead, float now, float behind, float kind)
{
    const float grows = fmaxf(ahead, fmaxf(now, 0.8f * behind - 0.2f)) + 0.7f; /* clouds are wider than their rain */
    if (grows <= 0)
        return (struct cloud){0};
    return (struct cloud){fminf(2.5f + (2.0f + 2.2f * kind) * grows, 10.5f + 4.5f * kind),
                          1.2f * expf(fminf(1.5f * grows, 4))};
}

/* The first cloud that the line of sight of a pixel meets on its way down. */
static struct cloud meet(const struct sq_world_map *m, const struct view *v, const struct cloud *all, int row, int col)
{
    const double dx = sq_world_between(m, v->dx, row, col), dy = sq_world_between(m, v->dy, row, col);
    const struct cloud *at = NULL;
    for (double h = TOP_KM; h >= 0; h -= 0.5) {
        const int r = (int)fmin(fmax(rint(row + h * dy), 0), m->grid.ny - 1);
        const int c = (int)fmin(fmax(rint(col + h * dx), 0), m->grid.nx - 1);
        at = &all[(size_t)r * (size_t)m->grid.nx + (size_t)c];
        if ((double)at->top_km >= h)
            break;
    }
    return *at;
}

/* ---- bands ---------------------------------------------------------------------------------------------- */

/* Of the ground, and of clouds of water and of ice, where the sun stands overhead. */
static const struct {
    double ground, water, ice;
} reflects[SQ_ABI_REFLECTIVE] = {{0.11, 0.82, 0.86}, {0.10, 0.84, 0.86}, {0.32, 0.86, 0.86},
                                 {0.002, 0.05, 0.45}, {0.24, 0.62, 0.32}, {0.14, 0.42, 0.2}};

/* What is seen without clouds, kelvin below the ground's, and the height below which clouds do not show. */
static const struct {
    double below, from_km;
} glows[SQ_ABI_BANDS - SQ_ABI_REFLECTIVE] = {{-1, 0}, {50, 6.5}, {41, 5}, {31, 3.5}, {2.5, 0},
                                             {26, 1}, {0.5, 0}, {1, 0}, {2.5, 0}, {21, 1.5}};

static double ice_of(const struct cloud *c)
{
    return fmin(1, fmax(0, ((double)c->top_km - 5) / 3));
}

static double reflectance(int band, const struct cloud *c, double sine)
{
    const double cover = (double)c->depth / ((double)c->depth + 7), ice = ice_of(c);
    const double bright = (1 - ice) * reflects[band].water + ice * reflects[band].ice;
    return fmax(0, sine) * ((1 - cover) * reflects[band].ground + cover * bright);
}

static double brightness(int band, const struct cloud *c, double ground, double sine)
{
    const int k = band - SQ_ABI_REFLECTIVE;
    const double clear = ground - glows[k].below, top = fmax(203, ground - 3 - 6.3 * (double)c->top_km);
    const double shows = fmin(1, fmax(0, ((double)c->top_km - glows[k].from_km) / 3 + (glows[k].from_km > 0 ? 0 : 1)));
    const double cover = c->top_km > 0 ? shows * (1 - exp(-0.5 * (double)c->depth)) : 0;
    double t = (1 - cover) * clear + cover * fmin(clear, top);
    if (k == 0) /* 3.9 um reflects the sun, clouds of water most */
        t += fmax(0, sine) * (4 + 22 * cover * (1 - ice_of(c)));
    return t;
}

static void paint(const struct sq_world_map *m, const struct view *v, const struct cloud *all, double warmth, int64_t t,
                  float *const band[SQ_ABI_BANDS])
{
    const double year = fmod((double)t / 86400 / 365.25, 1);
    for (int row = 0; row < m->grid.ny; row++)
        for (int col = 0; col < m->grid.nx; col++) {
            const size_t at = (size_t)row * (size_t)m->grid.nx + (size_t)col;
            const struct cloud c = meet(m, v, all, row, col);
            const double lat = sq_world_between(m, v->lat, row, col), side = lat < 0 ? -1 : 1;
            const double sine = sq_world_between(m, v->sine, row, col);
            const double season = side * 9 * cos(2 * M_PI * (year - 0.05)) * fmin(1, fabs(lat) / 40);
            const double ground = 301 - 0.0075 * lat * lat - season + 7 * warmth;
            for (int b = 0; b < SQ_ABI_BANDS; b++)
                band[b][at] = (float)(b < SQ_ABI_REFLECTIVE ? reflectance(b, &c, sine) : brightness(b, &c, ground, sine));
        }
}

enum sq_status sq_abi_see(const struct sq_world *w, const struct sq_world_map *m, int64_t t,
                          float *const band[SQ_ABI_BANDS], struct sq_err *e)
{
    static const double when[3] = {AHEAD_S, 0, -BEHIND_S};
    const size_t n = sq_grid_cells(&m->grid);
    struct view v = {0};
    void *sky = NULL, *clouds = NULL;
    enum sq_status s = sq_alloc(&sky, 4 * n, sizeof(float), "a sky", e);
    if (!s)
        s = sq_alloc(&clouds, n, sizeof(struct cloud), "clouds", e);
    float *excess = sky, *kind = excess ? excess + 3 * n : NULL;
    for (int k = 2; k >= 0 && !s; k--) /* the kind of what comes stays */
        s = sq_world_render(w, m, (double)t, when[k], NULL, excess + (size_t)k * n, kind, e);
    if (!s)
        s = look(m, t, &v, e);
    struct cloud *c = clouds;
    for (size_t i = 0; i < n && !s; i++)
        c[i] = cloud_of(excess[i], excess[n + i], excess[2 * n + i], kind[i]);
    if (!s)
        paint(m, &v, c, sq_world_warmth(w, (double)t), t, band);
    free(v.sine);
    free(sky);
    free(clouds);
    return s;
}
