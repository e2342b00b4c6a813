/* Small CF netCDF files for tests of inputs and cube: what differs from the plain case is a field. */
#ifndef SQ_TESTS_SMALL_CF_H
#define SQ_TESTS_SMALL_CF_H

#include "nc.h"

#include <stdbool.h>

#define SMALL_NX 4
#define SMALL_NY 3
#define SMALL_LAEA "+proj=laea +lat_0=55 +lon_0=10 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"

struct small_cf {
    int nx, ny;            /* default SMALL_NX, SMALL_NY */
    int n;                 /* frames; default 1 */
    const int64_t *time;   /* [n]; default 0, 300, 600 ... */
    const char *time_units; /* default seconds since 1970 */
    nc_type type;          /* default NC_FLOAT */
    const double *value;   /* (n, ny, nx) raw; default frame + cell / 10 */
    const char *name, *standard_name, *units; /* default rain_rate, rainfall_rate, mm h-1; "" = none */
    const char *proj4;     /* default SMALL_LAEA; "" = none */
    const char *xy_units;  /* default m; "" = none */
    double x0, dx, y0, dy; /* of the stored order; default 500, 1000, 2500, -1000 */
    bool scalar_time;      /* (y, x), and time without a dimension */
    bool is_unsigned;
    bool classic; /* netCDF-3 */
    bool records; /* time is unlimited */
    const double *fill, *scale, *offset, *valid_range;
    double accumulation_minutes;
};

static inline void small_text(int nc, int var, const char *name, const char *text, const char *otherwise)
{
    text = text ? text : otherwise;
    if (*text)
        NC(nc_put_att_text(nc, var, name, strlen(text), text));
}

static inline int small_axis(int nc, int dim, const char *name, const struct small_cf *c)
{
    int var;
    bool degrees = c->xy_units && !strncmp(c->xy_units, "degree", 6);
    NC(nc_def_var(nc, name, NC_DOUBLE, 1, &dim, &var));
    small_text(nc, var, "units", degrees ? (*name == 'x' ? "degrees_east" : "degrees_north") : c->xy_units, "m");
    return var;
}

static inline void small_cf_write(const char *path, struct small_cf c)
{
    int nc, dim[3], vt, vy, vx, vcrs, v;
    c.nx = c.nx ? c.nx : SMALL_NX;
    c.ny = c.ny ? c.ny : SMALL_NY;
    c.n = c.n ? c.n : 1;
    if (c.dx == 0) {
        c.x0 = 500;
        c.dx = 1000;
    }
    if (c.dy == 0) {
        c.y0 = 2500;
        c.dy = -1000;
    }
    size_t cells = (size_t)c.n * (size_t)c.ny * (size_t)c.nx;
    NC(nc_create(path, NC_CLOBBER | (c.classic ? 0 : NC_NETCDF4), &nc));
    NC(nc_def_dim(nc, "time", c.records ? NC_UNLIMITED : (size_t)c.n, &dim[0]));
    NC(nc_def_dim(nc, "y", (size_t)c.ny, &dim[1]));
    NC(nc_def_dim(nc, "x", (size_t)c.nx, &dim[2]));
    NC(nc_def_var(nc, "time", c.classic ? NC_INT : NC_INT64, c.scalar_time ? 0 : 1, dim, &vt));
    small_text(nc, vt, "units", c.time_units, "seconds since 1970-01-01 00:00:00");
    small_text(nc, vt, "standard_name", NULL, "time");
    vy = small_axis(nc, dim[1], "y", &c);
    vx = small_axis(nc, dim[2], "x", &c);
    NC(nc_def_var(nc, "crs", NC_INT, 0, NULL, &vcrs));
    small_text(nc, vcrs, "proj4", c.proj4, SMALL_LAEA);
    nc_type type = c.type ? c.type : NC_FLOAT;
    NC(nc_def_var(nc, c.name ? c.name : "rain_rate", type, c.scalar_time ? 2 : 3, c.scalar_time ? dim + 1 : dim, &v));
    small_text(nc, v, "standard_name", c.standard_name, "rainfall_rate");
    small_text(nc, v, "units", c.units, "mm h-1");
    small_text(nc, v, "grid_mapping", NULL, "crs");
    if (c.is_unsigned)
        small_text(nc, v, "_Unsigned", NULL, "true");
    if (c.fill)
        NC(nc_put_att_double(nc, v, "_FillValue", type, 1, c.fill));
    if (c.scale)
        NC(nc_put_att_double(nc, v, "scale_factor", NC_DOUBLE, 1, c.scale));
    if (c.offset)
        NC(nc_put_att_double(nc, v, "add_offset", NC_DOUBLE, 1, c.offset));
    if (c.valid_range)
        NC(nc_put_att_double(nc, v, "valid_range", type, 2, c.valid_range));
    if (c.accumulation_minutes > 0)
        NC(nc_put_att_double(nc, NC_GLOBAL, "accumulation_minutes", NC_DOUBLE, 1, &c.accumulation_minutes));
    NC(nc_enddef(nc));
    int64_t *time = malloc((size_t)c.n * sizeof *time);
    double *value = malloc(cells * sizeof *value), xy[1024];
    REQUIRE(time && value && c.nx <= 1024 && c.ny <= 1024);
    for (int i = 0; i < c.n; i++)
        time[i] = c.time ? c.time[i] : 300 * i;
    for (size_t i = 0; i < cells; i++) {
        size_t plane = cells / (size_t)c.n;
        value[i] = c.value ? c.value[i] : (double)(i / plane) + (double)(i % plane) / 10;
    }
    const size_t from[3] = {0}, all[3] = {(size_t)c.n, (size_t)c.ny, (size_t)c.nx};
    NC(nc_put_vara_long(nc, vt, from, all, (const long *)time));
    for (int i = 0; i < c.nx; i++)
        xy[i] = c.x0 + i * c.dx;
    NC(nc_put_var_double(nc, vx, xy));
    for (int i = 0; i < c.ny; i++)
        xy[i] = c.y0 + i * c.dy;
    NC(nc_put_var_double(nc, vy, xy));
    NC(nc_put_vara_double(nc, v, from, c.scalar_time ? all + 1 : all, value));
    NC(nc_close(nc));
    free(time);
    free(value);
}

#endif
