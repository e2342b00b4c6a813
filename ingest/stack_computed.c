/* Channels of place and time. */
#include "stack_parts.h"

#include "core/crs.h"
#include "core/sun.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400.0
#define YEAR_S (365.2425 * DAY_S)
#define PI 3.14159265358979323846

/* What is the same all over the map. */
struct moment {
    struct sq_sun sun;
    double day;                     /* that has passed at longitude 0, [0, 1) */
    double season_sin, season_cos;  /* of an angle that is 0 at the turn of the year 1970 and every 365.2425 days */
};

static struct moment moment_of(int64_t time)
{
    const double season = 2 * PI * fmod((double)time / YEAR_S, 1);
    return (struct moment){sq_sun_at(time), fmod((double)time, DAY_S) / DAY_S, sin(season), cos(season)};
}

/* 0 at midnight of the sun's mean time at this longitude, 2 pi a day later. */
static double hour_angle(double lon, const struct moment *m)
{
    return 2 * PI * (m->day + lon / 360);
}

static double longitude(double lon, double lat, const struct moment *m)
{
    (void)lat, (void)m;
    return lon;
}
static double latitude(double lon, double lat, const struct moment *m)
{
    (void)lon, (void)m;
    return lat;
}
static double sun(double lon, double lat, const struct moment *m)
{
    return sq_sun_elevation(&m->sun, lon, lat);
}
static double day_sin(double lon, double lat, const struct moment *m)
{
    return sin(hour_angle(lon, m)) + 0 * lat;
}
static double day_cos(double lon, double lat, const struct moment *m)
{
    return cos(hour_angle(lon, m)) + 0 * lat;
}
static double year_sin(double lon, double lat, const struct moment *m)
{
    return m->season_sin + 0 * (lon + lat);
}
static double year_cos(double lon, double lat, const struct moment *m)
{
    return m->season_cos + 0 * (lon + lat);
}

static const struct channel {
    const char *name, *units;
    bool moves; /* with time */
    double (*at)(double lon, double lat, const struct moment *m); /* NaN of NaN; NULL: from a file */
} channels[] = {
    {"longitude", "degrees_east", false, longitude}, {"latitude", "degrees_north", false, latitude},
    {"elevation", "m", false, NULL},                 {"sun_elevation", "degrees", true, sun},
    {"time_of_day_sin", "1", true, day_sin},         {"time_of_day_cos", "1", true, day_cos},
    {"day_of_year_sin", "1", true, year_sin},        {"day_of_year_cos", "1", true, year_cos},
};

static const struct channel *find(const char *name)
{
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        if (!strcmp(channels[i].name, name))
            return &channels[i];
    return NULL;
}

bool sq_stack_moves(const char *name)
{
    const struct channel *c = find(name);
    return c && c->moves;
}

const char *sq_stack_units(const char *name)
{
    const struct channel *c = find(name);
    return c ? c->units : "1";
}

void sq_places_finish(struct sq_places *p)
{
    free(p->lon);
    free(p->lat);
    *p = (struct sq_places){0};
}

/* A row at a time: PROJ is quicker with many points. */
static enum sq_status make_places(const struct sq_grid *g, struct sq_places *p, struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    const size_t nx = (size_t)g->nx;
    if (p->lon)
        return SQ_OK;
    enum sq_status status = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &map, e);
    if (!status)
        status = sq_alloc((void **)&p->lon, sq_grid_cells(g), sizeof *p->lon, "coordinates", e);
    if (!status)
        status = sq_alloc((void **)&p->lat, sq_grid_cells(g), sizeof *p->lat, "coordinates", e);
    for (int j = 0; j < g->ny && !status; j++) {
        double *lon = p->lon + (size_t)j * nx, *lat = p->lat + (size_t)j * nx;
        for (int i = 0; i < g->nx; i++) {
            lon[i] = sq_grid_x(g, i);
            lat[i] = sq_grid_y(g, j);
        }
        sq_crs_forward(map, nx, lon, lat);
    }
    sq_crs_map_destroy(&map);
    if (status)
        sq_places_finish(p);
    return status;
}

static enum sq_status fill(const struct sq_computed *c, const struct channel *channel, float *value, struct sq_err *e)
{
    const struct moment m = moment_of(c->time);
    enum sq_status status = make_places(c->grid, c->places, e);
    for (size_t i = 0; i < sq_grid_cells(c->grid) && !status; i++)
        value[i] = (float)channel->at(c->places->lon[i], c->places->lat[i], &m);
    return status;
}

enum sq_status sq_stack_compute(const struct sq_computed *c, const char *name, float *value, bool *ret_known,
                                struct sq_err *e)
{
    const struct channel *channel = find(name);
    *ret_known = channel && (channel->at || c->elevation);
    if (!*ret_known)
        return SQ_OK;
    return channel->at ? fill(c, channel, value, e) : sq_stack_elevation(c->elevation, c->grid, value, e);
}
