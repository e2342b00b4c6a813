#include "cf_write.h"

#include <netcdf.h>
#include <stdio.h>
#include <string.h>

int sq_cf_text(int nc, int var, const char *key, const char *text)
{
    return nc_put_att_text(nc, var, key, strlen(text), text);
}

int sq_cf_axis(int nc, const char *name, int dim, const char *standard, const char *units, const char *axis, int *ret)
{
    int rc = nc_def_var(nc, name, NC_DOUBLE, 1, &dim, ret);
    if (!rc)
        rc = sq_cf_text(nc, *ret, "standard_name", standard);
    if (!rc)
        rc = sq_cf_text(nc, *ret, "units", units);
    return rc ? rc : sq_cf_text(nc, *ret, "axis", axis);
}

int sq_cf_plane(int nc, const char *suffix, const struct sq_grid *g, int ret_dim[2], int ret_var[2])
{
    const bool geo = sq_grid_geographic(g);
    char y[32], x[32];
    snprintf(y, sizeof y, "y%.20s", suffix);
    snprintf(x, sizeof x, "x%.20s", suffix);
    int rc = nc_def_dim(nc, y, (size_t)g->ny, &ret_dim[0]);
    if (!rc)
        rc = nc_def_dim(nc, x, (size_t)g->nx, &ret_dim[1]);
    if (!rc)
        rc = sq_cf_axis(nc, y, ret_dim[0], geo ? "latitude" : "projection_y_coordinate", geo ? "degrees_north" : "m", "Y",
                        &ret_var[0]);
    if (!rc)
        rc = sq_cf_axis(nc, x, ret_dim[1], geo ? "longitude" : "projection_x_coordinate", geo ? "degrees_east" : "m", "X",
                        &ret_var[1]);
    return rc;
}

int sq_cf_mapping(int nc, const char *proj, const struct sq_cf_crs *cf)
{
    int var;
    int rc = nc_def_var(nc, "crs", NC_INT, 0, NULL, &var);
    if (!rc && cf->name[0])
        rc = sq_cf_text(nc, var, "grid_mapping_name", cf->name);
    for (int i = 0; i < cf->n && !rc; i++) {
        if (cf->attr[i].n_value)
            rc = nc_put_att_double(nc, var, cf->attr[i].key, NC_DOUBLE, (size_t)cf->attr[i].n_value,
                                   cf->attr[i].value);
        else
            rc = sq_cf_text(nc, var, cf->attr[i].key, cf->attr[i].text);
    }
    if (!rc && cf->wkt)
        rc = sq_cf_text(nc, var, "crs_wkt", cf->wkt);
    return rc ? rc : sq_cf_text(nc, var, "proj4", proj);
}

/* The same formula for both axes, with a negative step for y. */
static int put_axis(int nc, int var, int n, double first, double step)
{
    int rc = NC_NOERR;
    for (int i = 0; i < n && !rc; i++) {
        const size_t at = (size_t)i;
        const double v = first + i * step;
        rc = nc_put_var1_double(nc, var, &at, &v);
    }
    return rc;
}

int sq_cf_centres(int nc, const int var[2], const struct sq_grid *g)
{
    int rc = put_axis(nc, var[0], g->ny, g->y0, -g->dy);
    return rc ? rc : put_axis(nc, var[1], g->nx, g->x0, g->dx);
}
