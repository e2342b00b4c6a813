/* A stack as a file: a group a source. */
#include "cf_write.h"
#include "stack_file.h"

#include "core/publish.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINCE "seconds since 1970-01-01 00:00:00"

struct writer {
    const struct sq_stack *s;
    int nc;
    int dim[SQ_STACK_GRIDS][2]; /* y, x */
    float *plane;               /* of the largest grid */
};

/* ---- the root ------------------------------------------------------------------------------------------ */

static int put_int(int nc, const char *key, int v)
{
    return nc_put_att_int(nc, NC_GLOBAL, key, NC_INT, 1, &v);
}

static int define_grids(struct writer *w, const struct sq_cf_crs *cf)
{
    const struct sq_stack *s = w->s;
    const struct sq_grid *t = &s->grid[0].grid;
    const double target[6] = {t->nx, t->ny, t->x0, t->y0, t->dx, t->dy};
    int rc = sq_cf_mapping(w->nc, t->crs, cf);
    if (!rc)
        rc = nc_put_att_double(w->nc, NC_GLOBAL, SQ_STACK_TARGET, NC_DOUBLE, 6, target);
    for (int k = 0; k < s->n_grids && !rc; k++) {
        char suffix[16];
        int var[2];
        snprintf(suffix, sizeof suffix, "%d", k);
        rc = sq_cf_plane(w->nc, suffix, &s->grid[k].grid, w->dim[k], var);
        if (!rc)
            rc = sq_cf_centres(w->nc, var, &s->grid[k].grid);
    }
    return rc;
}

static int define_time(int nc, const char *name, int n_dims, const int *dim, const char *standard, int *ret)
{
    const double none = NC_FILL_DOUBLE;
    int rc = nc_def_var(nc, name, NC_DOUBLE, n_dims, dim, ret);
    if (!rc && n_dims)
        rc = nc_def_var_fill(nc, *ret, NC_FILL, &none);
    if (!rc)
        rc = sq_cf_text(nc, *ret, "standard_name", standard);
    if (!rc)
        rc = sq_cf_text(nc, *ret, "units", SINCE);
    return rc ? rc : sq_cf_text(nc, *ret, "calendar", "standard");
}

static int define_root(struct writer *w, const struct sq_cf_crs *cf)
{
    const double at = (double)w->s->at;
    int var;
    int rc = sq_cf_text(w->nc, NC_GLOBAL, "Conventions", "CF-1.11");
    if (!rc)
        rc = sq_cf_text(w->nc, NC_GLOBAL, "title", "aligned inputs of a network");
    if (!rc)
        rc = sq_cf_text(w->nc, NC_GLOBAL, "source", "squall " SQ_VERSION);
    if (!rc)
        rc = sq_cf_text(w->nc, NC_GLOBAL, SQ_STACK_NAME, w->s->def.name);
    if (!rc)
        rc = put_int(w->nc, SQ_STACK_MARK, SQ_STACK_VERSION);
    if (!rc)
        rc = nc_put_att_double(w->nc, NC_GLOBAL, SQ_STACK_CLOUD, NC_DOUBLE, 1, &w->s->cloud_top_m);
    if (!rc)
        rc = define_time(w->nc, "forecast_reference_time", 0, NULL, "forecast_reference_time", &var);
    if (!rc)
        rc = nc_put_var_double(w->nc, var, &at);
    return rc ? rc : define_grids(w, cf);
}

/* ---- a source ------------------------------------------------------------------------------------------ */

static int define_source(int g, const struct sq_stack_source *d)
{
    int rc = sq_cf_text(g, NC_GLOBAL, "kind", sq_stack_kind_name(d->kind));
    if (!rc)
        rc = sq_cf_text(g, NC_GLOBAL, "about", d->about);
    for (size_t i = 0; i < sizeof sq_stack_attributes / sizeof *sq_stack_attributes && !rc; i++) {
        int v;
        memcpy(&v, (const char *)d + sq_stack_attributes[i].at, sizeof v);
        rc = put_int(g, sq_stack_attributes[i].name, v);
    }
    return rc ? rc : nc_put_att_double(g, NC_GLOBAL, "margin_km", NC_DOUBLE, 1, &d->margin_km);
}

static int put_names(int g, const struct sq_stack_source *d, const int dim[2])
{
    int channel, slice;
    int rc = nc_def_var(g, "channel", NC_STRING, 1, &dim[0], &channel);
    if (!rc)
        rc = nc_def_var(g, "slice", NC_INT, 1, &dim[1], &slice);
    if (!rc)
        rc = sq_cf_text(g, slice, "long_name", "seconds before the issue time");
    if (!rc)
        rc = sq_cf_text(g, slice, "units", "s");
    for (int i = 0; i < d->n_channels && !rc; i++) {
        const size_t at = (size_t)i;
        const char *name = d->channel[i];
        rc = nc_put_var1_string(g, channel, &at, &name);
    }
    return rc ? rc : nc_put_var_int(g, slice, d->slice_s);
}

/* Variables of the provenance, (channel, slice). */
struct tables {
    int status, time, run, age, coverage, faults, file[2], product;
};

/* Cells touched by quality control, for each reason of enum sq_fault; [0] is why a whole frame was taken out, whose
 * place an older one takes, or none. */
static int define_faults(int g, const int dim[2], int *ret)
{
    char reasons[400] = "";
    int all[3] = {dim[0], dim[1]};
    for (int i = 1; i < SQ_FAULTS; i++)
        snprintf(reasons + strlen(reasons), sizeof reasons - strlen(reasons), "%s%s", i > 1 ? ", " : "",
                 sq_fault_name((enum sq_fault)i));
    int rc = nc_def_dim(g, "fault", SQ_FAULTS, &all[2]);
    if (!rc)
        rc = nc_def_var(g, "faults", NC_UINT, 3, all, ret);
    if (!rc)
        rc = sq_cf_text(g, *ret, "long_name", "cells of the frame that quality control touched; first why a newer frame was passed over");
    return rc ? rc : sq_cf_text(g, *ret, "reasons", reasons);
}

static int define_tables(int g, const int dim[2], struct tables *t)
{
    static const signed char flags[] = {0, 1, 2, 3, 4};
    const int no_age = NC_FILL_INT;
    char meanings[100] = "";
    for (int i = 0; i < 5; i++)
        snprintf(meanings + strlen(meanings), sizeof meanings - strlen(meanings), "%s%s", i ? " " : "",
                 sq_stack_why_name((enum sq_stack_why)i));
    int rc = nc_def_var(g, "status", NC_BYTE, 2, dim, &t->status);
    if (!rc)
        rc = nc_put_att_schar(g, t->status, "flag_values", NC_BYTE, 5, flags);
    if (!rc)
        rc = sq_cf_text(g, t->status, "flag_meanings", meanings);
    if (!rc)
        rc = define_time(g, "time", 2, dim, "time", &t->time);
    if (!rc)
        rc = define_time(g, "reference_time", 2, dim, "forecast_reference_time", &t->run);
    if (!rc)
        rc = nc_def_var(g, "age", NC_INT, 2, dim, &t->age);
    if (!rc)
        rc = nc_def_var_fill(g, t->age, NC_FILL, &no_age);
    if (!rc)
        rc = sq_cf_text(g, t->age, "long_name", "issue time less reference_time");
    if (!rc)
        rc = sq_cf_text(g, t->age, "units", "s");
    if (!rc)
        rc = nc_def_var(g, "coverage", NC_DOUBLE, 2, dim, &t->coverage);
    if (!rc)
        rc = sq_cf_text(g, t->coverage, "long_name", "fraction of cells observed");
    if (!rc)
        rc = sq_cf_text(g, t->coverage, "units", "1");
    if (!rc)
        rc = define_faults(g, dim, &t->faults);
    if (!rc)
        rc = nc_def_var(g, "file", NC_STRING, 2, dim, &t->file[0]);
    if (!rc)
        rc = nc_def_var(g, "second_file", NC_STRING, 2, dim, &t->file[1]);
    return rc ? rc : nc_def_var(g, "product", NC_STRING, 2, dim, &t->product);
}

static int put_row(int g, const struct tables *t, const size_t at[2], const struct sq_stack_plane *p)
{
    const bool there = p->why == SQ_STACK_USED;
    const signed char why = (signed char)p->why;
    const double time = (double)p->time, run = there ? (double)p->reference_time : NC_FILL_DOUBLE;
    const int age = there ? p->age_s : NC_FILL_INT;
    const char *text[3] = {p->path[0], p->path[1], p->product};
    int rc = nc_put_var1_schar(g, t->status, at, &why);
    if (!rc)
        rc = nc_put_var1_double(g, t->time, at, &time);
    if (!rc)
        rc = nc_put_var1_double(g, t->run, at, &run);
    if (!rc)
        rc = nc_put_var1_int(g, t->age, at, &age);
    if (!rc)
        rc = nc_put_var1_double(g, t->coverage, at, &p->coverage);
    const size_t start[3] = {at[0], at[1], 0}, count[3] = {1, 1, SQ_FAULTS};
    unsigned faults[SQ_FAULTS] = {(unsigned)p->report.frame};
    for (int i = 1; i < SQ_FAULTS; i++)
        faults[i] = p->report.cells[i];
    if (!rc)
        rc = nc_put_vara_uint(g, t->faults, start, count, faults);
    for (int i = 0; i < 2 && !rc; i++)
        rc = nc_put_var1_string(g, t->file[i], at, &text[i]);
    return rc ? rc : nc_put_var1_string(g, t->product, at, &text[2]);
}

/* One that is not there is not written: it reads as the fill value. */
static int put_plane(struct writer *w, int g, int var, size_t slice, const struct sq_stack_plane *p, const struct sq_grid *grid)
{
    const size_t start[3] = {slice, 0, 0}, count[3] = {1, (size_t)grid->ny, (size_t)grid->nx};
    if (!p->value)
        return NC_NOERR;
    for (size_t i = 0; i < sq_grid_cells(grid); i++)
        w->plane[i] = isnan(p->value[i]) ? NC_FILL_FLOAT : p->value[i];
    return nc_put_vara_float(g, var, start, count, w->plane);
}

static int put_channel(struct writer *w, int g, int source, int channel, int slice_dim, const struct tables *t)
{
    const struct sq_stack_source *d = &w->s->def.source[source];
    const int k = w->s->grid_of[source], dim[3] = {slice_dim, w->dim[k][0], w->dim[k][1]};
    const struct sq_grid *grid = &w->s->grid[k].grid;
    const size_t chunk[3] = {1, (size_t)grid->ny, (size_t)grid->nx};
    const float none = NC_FILL_FLOAT;
    const char *units = "";
    int var;
    for (int i = 0; i < d->n_slices; i++)
        if (!*units)
            units = sq_stack_at(w->s, source, channel, i)->units;
    int rc = nc_def_var(g, d->channel[channel], NC_FLOAT, 3, dim, &var);
    if (!rc)
        rc = nc_def_var_chunking(g, var, NC_CHUNKED, chunk);
    if (!rc)
        rc = nc_def_var_deflate(g, var, 1, 1, 1);
    if (!rc)
        rc = nc_def_var_fill(g, var, NC_FILL, &none);
    if (!rc && *units)
        rc = sq_cf_text(g, var, "units", units);
    if (!rc)
        rc = sq_cf_text(g, var, "grid_mapping", "crs");
    for (int i = 0; i < d->n_slices && !rc; i++) {
        const struct sq_stack_plane *p = sq_stack_at(w->s, source, channel, i);
        const size_t at[2] = {(size_t)channel, (size_t)i};
        rc = put_row(g, t, at, p);
        if (!rc)
            rc = put_plane(w, g, var, (size_t)i, p, grid);
    }
    return rc;
}

static int put_source(struct writer *w, int source)
{
    const struct sq_stack_source *d = &w->s->def.source[source];
    struct tables t;
    int g, dim[2];
    int rc = nc_def_grp(w->nc, d->name, &g);
    if (!rc)
        rc = nc_def_dim(g, "channel", (size_t)d->n_channels, &dim[0]);
    if (!rc)
        rc = nc_def_dim(g, "slice", (size_t)d->n_slices, &dim[1]);
    if (!rc)
        rc = define_source(g, d);
    if (!rc)
        rc = put_names(g, d, dim);
    if (!rc)
        rc = define_tables(g, dim, &t);
    for (int c = 0; c < d->n_channels && !rc; c++)
        rc = put_channel(w, g, source, c, dim[1], &t);
    return rc;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static enum sq_status put_all(struct writer *w, const char *path, const char *tmp, const struct sq_cf_crs *cf,
                              struct sq_err *e)
{
    int rc = nc_create(tmp, NC_NETCDF4 | NC_CLOBBER, &w->nc);
    if (rc)
        return sq_fail(e, SQ_FAILED, "%s: cannot write: %s", path, nc_strerror(rc));
    rc = define_root(w, cf);
    for (int i = 0; i < w->s->def.n_sources && !rc; i++)
        rc = put_source(w, i);
    if (rc)
        (void)nc_abort(w->nc); /* the fault is known */
    else
        rc = nc_close(w->nc);
    return rc ? sq_fail(e, SQ_FAILED, "%s: cannot write: %s", path, nc_strerror(rc)) : SQ_OK;
}

enum sq_status sq_stack_write(const char *path, const struct sq_stack *s, struct sq_err *e)
{
    struct writer w = {.s = s};
    struct sq_cf_crs cf = {0};
    char tmp[SQ_PATH_MAX];
    size_t most = 0;
    for (int k = 0; k < s->n_grids; k++)
        most = sq_grid_cells(&s->grid[k].grid) > most ? sq_grid_cells(&s->grid[k].grid) : most;
    enum sq_status status = sq_alloc((void **)&w.plane, most, sizeof *w.plane, "a plane", e);
    if (!status)
        status = sq_crs_to_cf(s->grid[0].grid.crs, &cf, e);
    if (!status)
        status = sq_publish_begin(path, tmp, e);
    if (!status) {
        status = put_all(&w, path, tmp, &cf, e);
        if (status)
            sq_publish_abandon(tmp);
        else
            status = sq_publish_commit(tmp, path, e);
    }
    sq_cf_crs_finish(&cf);
    free(w.plane);
    return status;
}
