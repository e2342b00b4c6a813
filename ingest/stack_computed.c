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

/* 0 at midnight of the sun's mean time at this longitude, 2 pi a day later. */
static double hour_angle(double lon, const struct sq_computed *c)
{
    return 2 * PI * (fmod((double)c->time, DAY_S) / DAY_S + lon / 360);
}

/* 0 at the turn of the year 1970 and every 365.2425 days. */
static double season_angle(const struct sq_computed *c)
{
    return 2 * PI * fmod((double)c->time / YEAR_S, 1);
}

static double longitude(double lon, double lat, const struct sq_computed *c)
{
    (void)lat, (void)c;
    return lon;
}
static double latitude(double lon, double lat, const struct sq_computed *c)
{
    (void)lon, (void)c;
    return lat;
}
static double sun(double lon, double lat, const struct sq_computed *c)
{
    const struct sq_sun s = sq_sun_at(c->time);
    return sq_sun_elevation(&s, lon, lat);
}
static double day_sin(double lon, double lat, const struct sq_computed *c)
{
    return sin(hour_angle(lon, c)) + 0 * lat;
}
static double day_cos(double lon, double lat, const struct sq_computed *c)
{
    return cos(hour_angle(lon, c)) + 0 * lat;
}
static double year_sin(double lon, double lat, const struct sq_computed *c)
{
    return sin(season_angle(c)) + 0 * (lon + lat);
}
static double year_cos(double lon, double lat, const struct sq_computed *c)
{
    return cos(season_angle(c)) + 0 * (lon + lat);
}

static const struct channel {
    const char *name, *units;
    bool moves; /* with time */
    double (*at)(double lon, double lat, const struct sq_computed *c); /* NaN of NaN; NULL: from a file */
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

/* A row at a time: PROJ is quicker with many points. */
static enum sq_status fill(const struct sq_computed *c, const struct channel *channel, float *value, struct sq_err *e)
{
    const struct sq_grid *g = c->grid;
    struct sq_crs_map *map = NULL;
    double *lon = NULL;
    enum sq_status status = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &map, e);
    if (!status)
        status = sq_alloc((void **)&lon, 2 * (size_t)g->nx, sizeof *lon, "coordinates", e);
    double *lat = lon + (lon ? g->nx : 0);
    for (int j = 0; j < g->ny && !status; j++) {
        for (int i = 0; i < g->nx; i++) {
            lon[i] = sq_grid_x(g, i);
            lat[i] = sq_grid_y(g, j);
        }
        sq_crs_forward(map, (size_t)g->nx, lon, lat);
        for (int i = 0; i < g->nx; i++)
            *value++ = (float)channel->at(lon[i], lat[i], c);
    }
    free(lon);
    sq_crs_map_destroy(&map);
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
