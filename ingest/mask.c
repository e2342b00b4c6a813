/* Masks of cells to score, as other systems' comparisons bring them: netCDF with valid(lead, y, x), the
 * coordinates lead (minutes), y, x, and forecast_reference_time. */
#include "source_netcdf.h"

#include "core/apart.h"

#include <math.h>
#include <netcdf.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX (4 * (size_t)SQ_CELLS_MAX)

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
    if (size[0] * size[1] * size[2] > CELLS_MAX)
        return sq_fail(e, SQ_FAILED, "%s: claims %zu x %zu x %zu cells, at most %zu are read", path, size[0],
                       size[2], size[1], CELLS_MAX);
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

/* What is read of a mask; its cells follow. */
struct job {
    const char *path;
    bool whole; /* else the issue time alone */
    struct sq_mask m;
    enum sq_status status;
    struct sq_err err;
    uint8_t valid[];
};

static void read_file(struct job *j)
{
    int nc;
    j->status = sq_netcdf_open(j->path, &nc, &j->err);
    if (j->status)
        return;
    if (nc < 0)
        j->status = sq_fail(&j->err, SQ_FAILED, "%s: is no mask: it is not netCDF", j->path);
    if (!j->status)
        j->status = read_issue(nc, j->path, &j->m.issue_time, &j->err);
    if (!j->status && j->whole)
        j->status = read_mask(nc, j->path, &j->m, &j->err);
    sq_netcdf_close(nc);
}

static size_t n_cells(const struct sq_mask *m)
{
    return (size_t)m->n_lead * sq_grid_cells(&m->grid);
}

static void read_there(void *ctx, void *block)
{
    struct job *j = block;
    const struct job *asked = ctx;
    j->path = asked->path;
    j->whole = asked->whole;
    read_file(j);
    if (!j->status && j->whole)
        memcpy(j->valid, j->m.valid, n_cells(&j->m));
}

/* Masks in HDF5 are read by another process, see decode.h. */
static enum sq_status read_apart(struct job *j, struct sq_err *e)
{
    struct sq_apart *a = NULL;
    enum sq_status st = sq_apart_start(sizeof *j + CELLS_MAX, read_there, j, &a, e);
    if (!st)
        st = sq_apart_read(a, SQ_APART_LIMIT_S, j->path, e);
    if (!st) {
        const struct job *done = sq_apart_block(a);
        *j = *done;
        j->m.valid = NULL;
        if (!j->status && j->whole && !(j->status = sq_alloc((void **)&j->m.valid, n_cells(&j->m), 1, "a mask", &j->err)))
            memcpy(j->m.valid, done->valid, n_cells(&j->m));
    }
    sq_apart_stop(&a);
    return st;
}

static enum sq_status read_either(struct job *j, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    if (sq_netcdf_is_hdf5(j->path))
        st = read_apart(j, e);
    else
        read_file(j);
    if (!st && j->status)
        st = sq_fail(e, j->status, "%s", j->err.text);
    if (st)
        sq_mask_finish(&j->m);
    return st;
}

enum sq_status sq_mask_read(const char *path, struct sq_mask *ret, struct sq_err *e)
{
    struct job j = {.path = path, .whole = true};
    enum sq_status st = read_either(&j, e);
    if (!st)
        *ret = j.m;
    return st;
}

enum sq_status sq_mask_issue(const char *path, int64_t *ret, struct sq_err *e)
{
    struct job j = {.path = path};
    enum sq_status st = read_either(&j, e);
    if (!st)
        *ret = j.m.issue_time;
    return st;
}

void sq_mask_finish(struct sq_mask *m)
{
    free(m->valid);
    *m = (struct sq_mask){0};
}
