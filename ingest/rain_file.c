#include "rain_file.h"
#include "cf_write.h"
#include "core/crs.h"
#include "core/publish.h"

#include <assert.h>
#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCALE 0.01
#define FILL 65535

struct sq_rain_file {
    char path[SQ_PATH_MAX], tmp[SQ_PATH_MAX];
    struct sq_grid grid;
    int nc; /* -1: closed */
    int time, rain, n, n_frames;
    uint16_t *packed; /* (ny, nx) */
};

static enum sq_status fail(const struct sq_rain_file *f, int rc, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: cannot write: %s", f->path, nc_strerror(rc));
}

static int define_rain(struct sq_rain_file *f, const int dim[3])
{
    const uint16_t fill = FILL;
    const double scale = SCALE, offset = 0;
    const size_t chunk[3] = {1, (size_t)f->grid.ny, (size_t)f->grid.nx};
    const char *text[][2] = {{"long_name", "rain rate"},
                             {"standard_name", "rainfall_rate"},
                             {"units", "mm h-1"},
                             {"grid_mapping", "crs"}};
    int rc = nc_def_var(f->nc, "rain_rate", NC_USHORT, 3, dim, &f->rain);
    if (!rc)
        rc = nc_def_var_chunking(f->nc, f->rain, NC_CHUNKED, chunk);
    if (!rc)
        rc = nc_def_var_deflate(f->nc, f->rain, 1, 1, 3);
    if (!rc)
        rc = nc_def_var_fill(f->nc, f->rain, NC_FILL, &fill);
    for (size_t i = 0; i < sizeof text / sizeof *text && !rc; i++)
        rc = sq_cf_text(f->nc, f->rain, text[i][0], text[i][1]);
    if (!rc)
        rc = nc_put_att_double(f->nc, f->rain, "scale_factor", NC_DOUBLE, 1, &scale);
    return rc ? rc : nc_put_att_double(f->nc, f->rain, "add_offset", NC_DOUBLE, 1, &offset);
}

static int define(struct sq_rain_file *f, const char *title, const char *source, const struct sq_cf_crs *cf)
{
    const struct sq_grid *g = &f->grid;
    int dim[3], plane[2];
    int rc = nc_def_dim(f->nc, "time", (size_t)f->n_frames, &dim[0]);
    if (!rc)
        rc = sq_cf_plane(f->nc, "", g, dim + 1, plane);
    if (!rc)
        rc = sq_cf_axis(f->nc, "time", dim[0], "time", "seconds since 1970-01-01 00:00:00", "T", &f->time);
    if (!rc)
        rc = sq_cf_text(f->nc, f->time, "calendar", "standard");
    if (!rc)
        rc = sq_cf_mapping(f->nc, g->crs, cf);
    if (!rc)
        rc = define_rain(f, dim);
    if (!rc)
        rc = sq_cf_text(f->nc, NC_GLOBAL, "Conventions", "CF-1.11");
    if (!rc)
        rc = sq_cf_text(f->nc, NC_GLOBAL, "title", title);
    if (!rc)
        rc = sq_cf_text(f->nc, NC_GLOBAL, "source", source);
    if (!rc)
        rc = nc_enddef(f->nc);
    return rc ? rc : sq_cf_centres(f->nc, plane, g);
}

enum sq_status sq_rain_file_create(const char *path, const struct sq_grid *g, int n_frames, const char *title,
                                   const char *source, struct sq_rain_file **ret, struct sq_err *e)
{
    struct sq_cf_crs cf = {0};
    void *block = NULL;
    struct sq_rain_file *f = NULL;
    int rc = NC_NOERR;
    assert(n_frames > 0);
    enum sq_status s = sq_grid_check(g, path, e);
    if (!s)
        s = sq_crs_to_cf(g->crs, &cf, e);
    if (!s)
        s = sq_alloc(&block, 1, sizeof *f, "a file of rain", e);
    if (s)
        goto fail;
    f = block;
    f->nc = -1;
    f->grid = *g;
    f->n_frames = n_frames;
    if ((s = sq_alloc(&block, sq_grid_cells(g), sizeof *f->packed, "a frame", e)))
        goto fail;
    f->packed = block;
    if ((s = sq_publish_begin(path, f->tmp, e)))
        goto fail;
    snprintf(f->path, sizeof f->path, "%s", path);
    if ((rc = nc_create(f->tmp, NC_NETCDF4 | NC_CLOBBER, &f->nc))) {
        f->nc = -1;
        s = fail(f, rc, e);
        goto fail;
    }
    if ((rc = define(f, title, source, &cf))) {
        s = fail(f, rc, e);
        goto fail;
    }
    sq_cf_crs_finish(&cf);
    *ret = f;
    return SQ_OK;
fail:
    sq_cf_crs_finish(&cf);
    sq_rain_file_destroy(&f);
    return s;
}

static uint16_t pack(float rate_mmh)
{
    if (isnan(rate_mmh))
        return FILL;
    return (uint16_t)fmin(FILL - 1, fmax(0, rint(rate_mmh / SCALE)));
}

enum sq_status sq_rain_file_put(struct sq_rain_file *f, int64_t time, const float *rate_mmh, struct sq_err *e)
{
    assert(f->n < f->n_frames);
    const size_t start[3] = {(size_t)f->n, 0, 0}, count[3] = {1, (size_t)f->grid.ny, (size_t)f->grid.nx};
    const double t = (double)time;
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        f->packed[i] = pack(rate_mmh[i]);
    int rc = nc_put_vara_ushort(f->nc, f->rain, start, count, f->packed);
    if (!rc)
        rc = nc_put_var1_double(f->nc, f->time, start, &t);
    f->n++;
    return rc ? fail(f, rc, e) : SQ_OK;
}

enum sq_status sq_rain_file_publish(struct sq_rain_file *f, struct sq_err *e)
{
    assert(f->n == f->n_frames);
    int rc = nc_close(f->nc);
    f->nc = -1;
    if (rc)
        return fail(f, rc, e);
    enum sq_status s = sq_publish_commit(f->tmp, f->path, e);
    f->tmp[0] = '\0'; /* renamed or removed */
    return s;
}

void sq_rain_file_destroy(struct sq_rain_file **ret)
{
    struct sq_rain_file *f = *ret;
    if (!f)
        return;
    if (f->nc >= 0)
        nc_abort(f->nc);
    if (f->tmp[0])
        sq_publish_abandon(f->tmp);
    free(f->packed);
    free(f);
    *ret = NULL;
}
