/* Masks of cells to score, as other systems' comparisons bring them: netCDF with valid(lead, y, x), the
 * coordinates lead (minutes), y, x, and forecast_reference_time. */
#include "source_netcdf.h"

#include <math.h>
#include <netcdf.h>
#include <stdlib.h>
#include <string.h>

/* A variable of at most one dimension: only then does one index tell where to read. */
static bool find_row(int nc, const char *name, int *ret_var)
{
    int n;
    return !nc_inq_varid(nc, name, ret_var) && !nc_inq_varndims(nc, *ret_var, &n) && n <= 1;
}

static enum sq_status read_issue(int nc, const char *path, int64_t *ret, struct sq_err *e)
{
    static const char *const unit = "seconds since 1970-01-01";
    char text[64] = "";
    int var;
    long long t;
    if (!find_row(nc, "forecast_reference_time", &var) || nc_get_var1_longlong(nc, var, (size_t[]){0}, &t))
        return sq_fail(e, SQ_FAILED, "%s: is no mask: it has no forecast_reference_time", path);
    if (!sq_netcdf_text(nc, var, "units", text, sizeof text) || strncmp(text, unit, strlen(unit)))
        return sq_fail(e, SQ_FAILED, "%s: forecast_reference_time is expected in %s", path, unit);
    *ret = t;
    return SQ_OK;
}

#define CELL_MIN 1e-9 /* metres or degrees: less is a broken file */

/* First and last value of a coordinate of n values. */
static enum sq_status read_ends(int nc, const char *path, const char *name, size_t n, double ret[2],
                                struct sq_err *e)
{
    int var;
    if (n < 2 || !find_row(nc, name, &var) || nc_get_var1_double(nc, var, (size_t[]){0}, &ret[0]) ||
        nc_get_var1_double(nc, var, (size_t[]){n - 1}, &ret[1]) || !isfinite(ret[1] - ret[0]) ||
        fabs(ret[1] - ret[0]) / (double)(n - 1) < CELL_MIN)
        return sq_fail(e, SQ_FAILED, "%s: is no mask: it has no coordinate %s", path, name);
    return SQ_OK;
}

static enum sq_status read_leads(int nc, const char *path, size_t n, struct sq_mask *m, struct sq_err *e)
{
    int var;
    double minutes[SQ_MASK_LEADS];
    if (n < 1 || n > SQ_MASK_LEADS || !find_row(nc, "lead", &var) ||
        nc_get_vara_double(nc, var, (size_t[]){0}, (size_t[]){n}, minutes))
        return sq_fail(e, SQ_FAILED, "%s: is no mask: lead, 1 to %d of them, cannot be read", path,
                       SQ_MASK_LEADS);
    m->n_lead = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (!(minutes[i] > 0 && minutes[i] <= 1e5))
            return sq_fail(e, SQ_FAILED, "%s: a lead of %g minutes", path, minutes[i]);
        m->lead_s[i] = (int)lrint(minutes[i] * 60);
    }
    return SQ_OK;
}

static void flip_rows(uint8_t *plane, size_t ny, size_t nx)
{
    for (size_t a = 0, b = ny - 1; a < b; a++, b--)
        for (size_t i = 0; i < nx; i++) {
            uint8_t v = plane[a * nx + i];
            plane[a * nx + i] = plane[b * nx + i];
            plane[b * nx + i] = v;
        }
}

static enum sq_status read_mask(int nc, const char *path, struct sq_mask *m, struct sq_err *e)
{
    int var, n, dim[3];
    size_t size[3];
    double x[2], y[2];
    if (nc_inq_varid(nc, "valid", &var) || nc_inq_varndims(nc, var, &n) || n != 3 ||
        nc_inq_vardimid(nc, var, dim) || nc_inq_dimlen(nc, dim[0], &size[0]) ||
        !sq_plane_size(nc, var, &m->grid.ny, &m->grid.nx))
        return sq_fail(e, SQ_FAILED, "%s: is no mask: it has no valid(lead, y, x)", path);
    size[1] = (size_t)m->grid.ny;
    size[2] = (size_t)m->grid.nx;
    enum sq_status st = read_leads(nc, path, size[0], m, e);
    if (!st)
        st = read_ends(nc, path, "x", size[2], x, e);
    if (!st)
        st = read_ends(nc, path, "y", size[1], y, e);
    if (st)
        return st;
    if (x[1] < x[0])
        return sq_fail(e, SQ_FAILED, "%s: x runs from east to west, which squall does not read", path);
    if (size[0] * size[1] * size[2] > 4 * (size_t)SQ_CELLS_MAX)
        return sq_fail(e, SQ_FAILED, "%s: claims %zu x %zu x %zu cells, at most %zu are read", path, size[0],
                       size[2], size[1], 4 * (size_t)SQ_CELLS_MAX);
    m->grid.x0 = x[0];
    m->grid.dx = (x[1] - x[0]) / (double)(size[2] - 1);
    m->grid.y0 = fmax(y[0], y[1]);
    m->grid.dy = fabs(y[1] - y[0]) / (double)(size[1] - 1);
    st = sq_alloc((void **)&m->valid, size[0], size[1] * size[2], "a mask", e);
    if (!st && nc_get_var_uchar(nc, var, m->valid))
        return sq_fail(e, SQ_FAILED, "%s: valid cannot be read", path);
    for (size_t i = 0; !st && y[1] > y[0] && i < size[0]; i++)
        flip_rows(m->valid + i * size[1] * size[2], size[1], size[2]);
    return st;
}

enum sq_status sq_mask_read(const char *path, struct sq_mask *ret, struct sq_err *e)
{
    struct sq_mask m = {0};
    int nc;
    enum sq_status st = sq_netcdf_open(path, &nc, e);
    if (st)
        return st;
    if (nc < 0)
        return sq_fail(e, SQ_FAILED, "%s: is no mask: it is not netCDF", path);
    st = read_issue(nc, path, &m.issue_time, e);
    if (!st)
        st = read_mask(nc, path, &m, e);
    sq_netcdf_close(nc);
    if (st)
        sq_mask_finish(&m);
    else
        *ret = m;
    return st;
}

enum sq_status sq_mask_issue(const char *path, int64_t *ret, struct sq_err *e)
{
    int nc;
    enum sq_status st = sq_netcdf_open(path, &nc, e);
    if (st)
        return st;
    if (nc < 0)
        return sq_fail(e, SQ_FAILED, "%s: is no mask: it is not netCDF", path);
    st = read_issue(nc, path, ret, e);
    sq_netcdf_close(nc);
    return st;
}

void sq_mask_finish(struct sq_mask *m)
{
    free(m->valid);
    *m = (struct sq_mask){0};
}
