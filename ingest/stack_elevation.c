/* Heights above the sea, from a CF netCDF file such as those of GEBCO and ETOPO. */
#include "source_netcdf.h"
#include "stack_parts.h"

#include <netcdf.h>
#include <stdlib.h>
#include <string.h>

static bool among(const char *text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

/* The first plane that is called heights, by its standard name or its own; -1: none. */
static int find(int nc)
{
    static const char *const standard[] = {"surface_altitude", "height_above_mean_sea_level",
                                           "height_above_reference_ellipsoid", "altitude"};
    static const char *const names[] = {"elevation", "altitude", "topo", "orography", "orog", "z", "Band1"};
    char text[NC_MAX_NAME + 1];
    int n = 0, ny, nx;
    if (nc_inq_nvars(nc, &n))
        return -1;
    for (int var = 0; var < n; var++)
        if (sq_plane_size(nc, var, &ny, &nx) &&
            ((sq_netcdf_text(nc, var, "standard_name", text, sizeof text) && among(text, standard, 4)) ||
             (!nc_inq_varname(nc, var, text) && among(text, names, 7))))
            return var;
    return -1;
}

static enum sq_status read_file(const struct sq_file *f, struct sq_field *ret, struct sq_err *e)
{
    const struct sq_read_params none = {0};
    struct sq_grid g = {0};
    int n_dims, var = find(f->nc);
    bool south_up;
    if (var < 0 || nc_inq_varndims(f->nc, var, &n_dims) || n_dims != 2)
        return sq_fail(e, SQ_FAILED, "%s: no heights: a variable elevation(y, x), or one with the standard name "
                       "surface_altitude, is expected", f->path);
    enum sq_status status = sq_cf_grid(f, var, &g, &south_up, e);
    if (!status && sq_grid_cells(&g) > SQ_CELLS_MAX)
        status = sq_fail(e, SQ_FAILED, "%s: %d x %d cells, at most %d are read: cut it to the region", f->path, g.nx, g.ny,
                         SQ_CELLS_MAX);
    if (!status)
        status = sq_grid_check(&g, f->path, e);
    if (!status)
        status = sq_field_init(ret, &g, e);
    if (status)
        return status;
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    sq_plane_cf(&pl);
    pl.south_up = south_up;
    status = sq_plane_read(&pl, f->path, &none, ret, e);
    if (status)
        sq_field_finish(ret);
    return status;
}

enum sq_status sq_stack_elevation(const char *path, const struct sq_grid *g, float *value, struct sq_err *e)
{
    struct sq_file f = {.path = path, .nc = -1};
    struct sq_field field = {0};
    struct sq_regrid *r = NULL;
    struct sq_err why;
    enum sq_status status = sq_netcdf_open(path, &f.nc, e);
    if (!status && f.nc < 0)
        status = sq_fail(e, SQ_FAILED, "%s: heights are expected as netCDF", path);
    if (!status)
        status = read_file(&f, &field, e);
    if (!status && sq_regrid_create(&field.grid, g, SQ_REGRID_AUTO, &r, &why))
        status = sq_fail(e, SQ_FAILED, "%s: %.300s", path, why.text);
    if (!status)
        sq_regrid_apply(r, field.value, value);
    sq_regrid_destroy(&r);
    sq_field_finish(&field);
    sq_netcdf_close(f.nc);
    return status;
}
