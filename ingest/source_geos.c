#include "source_geos.h"

#include "geos.h"

#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <string.h>

static enum sq_status read_crs(const struct sq_file *f, int var, char ret[SQ_CRS_MAX], struct sq_err *e)
{
    char name[NC_MAX_NAME + 1];
    struct sq_cf_crs cf;
    struct sq_err why;
    int map;
    if (!sq_netcdf_text(f->nc, var, "grid_mapping", name, sizeof name) || nc_inq_varid(f->nc, name, &map) ||
        !sq_netcdf_mapping(f->nc, map, &cf))
        return sq_fail(e, SQ_FAILED, "%s: no grid mapping (goes_imager_projection)", f->path);
    if (strcmp(cf.name, "geostationary"))
        return sq_fail(e, SQ_FAILED, "%s: grid mapping %s, geostationary is expected", f->path, cf.name);
    return sq_crs_from_cf(&cf, ret, &why) ? sq_fail(e, SQ_FAILED, "%s: %s", f->path, why.text) : SQ_OK;
}

enum sq_status sq_geos_grid(const struct sq_file *f, int var, const char *crs, struct sq_grid *ret, struct sq_err *e)
{
    struct sq_grid g = {0};
    struct sq_axis x, y;
    struct sq_geos view;
    struct sq_err why;
    int n, dim[8];
    if (!sq_plane_size(f->nc, var, &g.ny, &g.nx) || nc_inq_varndims(f->nc, var, &n) || n != 2 ||
        nc_inq_vardimid(f->nc, var, dim))
        return sq_fail(e, SQ_FAILED, "%s: no plane of at most %d cells a side", f->path, SQ_GRID_MAX);
    enum sq_status st = crs ? sq_crs_normalise(crs, g.crs, NULL, &why) : read_crs(f, var, g.crs, e);
    if (crs && st)
        return sq_fail(e, SQ_FAILED, "%s: %s", f->path, why.text);
    if (!st)
        st = sq_netcdf_axis(f, dim[0], (size_t)g.ny, &y, e);
    if (!st)
        st = sq_netcdf_axis(f, dim[1], (size_t)g.nx, &x, e);
    if (st)
        return st;
    if (!sq_geos_parse(g.crs, &view))
        return sq_fail(e, SQ_FAILED, "%s: '%.160s' is no view of a geostationary satellite", f->path, g.crs);
    if (x.degrees || y.degrees || !(x.unit_m > 0 && y.unit_m > 0))
        return sq_fail(e, SQ_FAILED, "%s: x and y are expected in rad or m", f->path);
    if (x.step < 0 || y.step > 0)
        return sq_fail(e, SQ_FAILED, "%s: x is expected to run eastwards and y southwards", f->path);
    double ux = x.radians ? view.h : x.unit_m, uy = y.radians ? view.h : y.unit_m;
    g.x0 = x.first * ux;
    g.dx = x.step * ux;
    g.y0 = y.first * uy;
    g.dy = -y.step * uy;
    *ret = g;
    return SQ_OK;
}

double sq_geos_time(const struct sq_file *f, const char *name)
{
    char text[64];
    int y, mo, d, h, mi;
    double s;
    if (!sq_netcdf_text(f->nc, NC_GLOBAL, name, text, sizeof text) ||
        sscanf(text, "%d-%d-%dT%d:%d:%lf", &y, &mo, &d, &h, &mi, &s) != 6 || !(s >= 0 && s < 61))
        return NAN;
    int64_t t = sq_instant_civil(y, mo, d, h, mi, (int)s);
    return t == SQ_NO_TIME ? NAN : (double)t + (s - floor(s));
}

int64_t sq_geos_middle(const struct sq_file *f)
{
    double middle = (sq_geos_time(f, "time_coverage_start") + sq_geos_time(f, "time_coverage_end")) / 2;
    return isnan(middle) ? SQ_NO_TIME : (int64_t)floor(middle + 0.5);
}

enum sq_status sq_geos_numbers(const struct sq_file *f, int var, const struct sq_grid *g, const struct sq_read_params *p,
                               struct sq_field *ret, struct sq_err *e)
{
    struct sq_field field = {0};
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    int nx, ny, n;
    const struct sq_window *w = f->window;
    pl.wrap = 256; /* flags in signed bytes */
    pl.window = w;
    if (!sq_plane_size(f->nc, var, &ny, &nx) || nc_inq_varndims(f->nc, var, &n) || n != 2 || nx != (w ? w->of_nx : g->nx) ||
        ny != (w ? w->of_ny : g->ny))
        return sq_fail(e, SQ_FAILED, "%s: flags of another size than the image", f->path);
    enum sq_status st = sq_field_init(&field, g, e);
    if (!st)
        st = sq_plane_read(&pl, f->path, p, &field, e);
    if (st) {
        sq_field_finish(&field);
        return st;
    }
    *ret = field;
    return SQ_OK;
}

enum sq_status sq_geos_flags(const struct sq_file *f, int var, int no_value, const struct sq_read_params *p,
                             struct sq_field *ret, struct sq_err *e)
{
    struct sq_field flag = {0};
    enum sq_status st = sq_geos_numbers(f, var, &ret->grid, p, &flag, e);
    for (size_t i = 0; !st && i < sq_grid_cells(&ret->grid); i++) {
        float v = flag.value[i];
        if (v == 0)
            continue; /* the value says itself whether it is missing */
        ret->state[i] = v == (float)no_value ? SQ_STATE_MISSING : v == 255 ? SQ_STATE_NO_COVERAGE : SQ_STATE_REJECTED;
        ret->value[i] = NAN;
    }
    sq_field_finish(&flag);
    return st;
}

void sq_geos_limit(struct sq_field *f, float least, float most)
{
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        if (f->state[i] <= SQ_STATE_UNDETECT && !(f->value[i] >= least && f->value[i] <= most)) {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_REJECTED;
        }
}
