#include "geos.h"

#include "core/crs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RAD (M_PI / 180)

static double number(const char *crs, const char *key, double otherwise)
{
    const char *at = strstr(crs, key);
    return at ? strtod(at + strlen(key), NULL) : otherwise;
}

bool sq_geos_parse(const char *crs, struct sq_geos *ret)
{
    double a, rf;
    char *wkt = NULL;
    if (!strstr(crs, "+proj=geos") || sq_crs_describe(crs, &a, &rf, &wkt, NULL))
        return false;
    free(wkt);
    *ret = (struct sq_geos){.a = a,
                            .b = rf > 0 ? a * (1 - 1 / rf) : a,
                            .h = number(crs, "+h=", 0),
                            .lon_0 = number(crs, "+lon_0=", 0),
                            .sweep_x = strstr(crs, "+sweep=x")};
    return ret->h > 0 && isfinite(ret->h);
}

bool sq_geos_view(const struct sq_geos *g, double lon, double lat, double height_m, double *ret_x, double *ret_y)
{
    double q = g->b * g->b / (g->a * g->a), sin_lat = sin(RAD * lat), cos_lat = cos(RAD * lat);
    double n = g->a / sqrt(1 - (1 - q) * sin_lat * sin_lat); /* radius of curvature across the meridian */
    double dlon = RAD * (lon - g->lon_0), x = (n + height_m) * cos_lat * cos(dlon);
    double sx = g->h + g->a - x, sy = (n + height_m) * cos_lat * sin(dlon), sz = (n * q + height_m) * sin_lat;
    /* The horizon of the ellipsoid through the place: the sight line meets it from outside. */
    double up = sx * cos_lat * cos(dlon) - sy * cos_lat * sin(dlon) - sz * sin_lat;
    if (!(up > 0))
        return false;
    double across = g->sweep_x ? atan2(sy, hypot(sx, sz)) : atan2(sy, sx);
    double along = g->sweep_x ? atan2(sz, sx) : atan2(sz, hypot(sx, sy));
    *ret_x = across * g->h;
    *ret_y = along * g->h;
    return true;
}
