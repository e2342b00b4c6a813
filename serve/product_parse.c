/* netCDF-C's part of reading a forecast file. */
#include "product_parse.h"

#include "product_names.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIME, THRESHOLD, PERCENTILE, Y, X };

static enum sq_status damaged(const struct sq_product_file *r, const char *what, int rc, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: %s cannot be read (%s): the file is damaged", r->path, what,
                   nc_strerror(rc));
}

static enum sq_status refuse(const struct sq_product_file *r, const char *why, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: not a squall forecast: %s", r->path, why);
}

/* ---- words ------------------------------------------------------------------------------------------- */

/* A text attribute of either kind, malloc'ed; NULL where there is none. */
static char *text_of(const struct sq_product_file *r, int var, const char *key)
{
    nc_type type;
    size_t n;
    char *text = NULL, *string = NULL;
    if (nc_inq_att(r->nc, var, key, &type, &n))
        return NULL;
    if (type == NC_STRING && n == 1) {
        if (nc_get_att_string(r->nc, var, key, &string))
            return NULL;
        text = string ? strdup(string) : NULL;
        nc_free_string(1, &string);
        return text;
    }
    if (type != NC_CHAR || !(text = calloc(n + 1, 1)))
        return NULL;
    if (nc_get_att_text(r->nc, var, key, text)) {
        free(text);
        return NULL;
    }
    return text;
}

/* The same, cut to the room there is; "" where there is none. */
static void short_text(const struct sq_product_file *r, int var, const char *key, char *ret, size_t room)
{
    char *text = text_of(r, var, key);
    snprintf(ret, room, "%s", text ? text : "");
    free(text);
}

static bool says(const struct sq_product_file *r, int var, const char *key, const char *want)
{
    char *text = text_of(r, var, key);
    bool same = text && !strcmp(text, want);
    free(text);
    return same;
}

/* ---- shapes ------------------------------------------------------------------------------------------ */

/* The variable `name` of `type` on the dimensions dim[0..n). */
static enum sq_status find(const struct sq_product_file *r, const char *name, nc_type type, int n, const int *dim,
                           int *ret, struct sq_err *e)
{
    int var, n_dim, its[NC_MAX_VAR_DIMS];
    nc_type its_type;
    if (nc_inq_varid(r->nc, name, &var))
        return sq_fail(e, SQ_FAILED, "%s: not a squall forecast: it has no variable %s", r->path, name);
    if (nc_inq_vartype(r->nc, var, &its_type) || nc_inq_varndims(r->nc, var, &n_dim) ||
        nc_inq_vardimid(r->nc, var, its) || its_type != type || n_dim != n ||
        (n && memcmp(its, dim, (size_t)n * sizeof *dim)))
        return sq_fail(e, SQ_FAILED, "%s: not a squall forecast: the type or dimensions of %s are not what they "
                       "should be", r->path, name);
    *ret = var;
    return SQ_OK;
}

static enum sq_status length(const struct sq_product_file *r, int dim, int most, int *ret, struct sq_err *e)
{
    size_t n;
    char name[NC_MAX_NAME + 1];
    if (nc_inq_dim(r->nc, r->dim[dim], name, &n))
        return refuse(r, "a dimension is missing", e);
    if (n < 1 || n > (size_t)most)
        return sq_fail(e, SQ_FAILED, "%s: dimension %s is %zu, not 1 to %d", r->path, name, n, most);
    *ret = (int)n;
    return SQ_OK;
}

/* The maps and, from them, how much there is of everything. */
static enum sq_status read_shape(struct sq_product_file *r, struct sq_err *e)
{
    struct sq_forecast *f = &r->f;
    int prob, n_dim;
    static const char *const name[] = {"time", "threshold", "percentile"};
    if (nc_inq_varid(r->nc, SQ_PRODUCT_PROB, &prob))
        return refuse(r, "it has no variable " SQ_PRODUCT_PROB, e);
    if (nc_inq_varndims(r->nc, prob, &n_dim) || n_dim != 4)
        return refuse(r, SQ_PRODUCT_PROB " has not 4 dimensions", e);
    int dim[4];
    if (nc_inq_vardimid(r->nc, prob, dim))
        return refuse(r, SQ_PRODUCT_PROB " has no dimensions", e);
    for (int i = 0; i < 3; i++)
        if (nc_inq_dimid(r->nc, name[i], &r->dim[i]))
            return sq_fail(e, SQ_FAILED, "%s: not a squall forecast: it has no dimension %s", r->path, name[i]);
    r->dim[Y] = dim[2];
    r->dim[X] = dim[3];
    const int four[4] = {r->dim[TIME], r->dim[THRESHOLD], r->dim[Y], r->dim[X]};
    const int rate[4] = {r->dim[TIME], r->dim[PERCENTILE], r->dim[Y], r->dim[X]};
    const int mean[3] = {r->dim[TIME], r->dim[Y], r->dim[X]};
    enum sq_status status = find(r, SQ_PRODUCT_PROB, NC_FLOAT, 4, four, &r->map[SQ_MAP_PROB], e);
    if (!status)
        status = find(r, SQ_PRODUCT_RATE, NC_FLOAT, 4, rate, &r->map[SQ_MAP_RATE], e);
    if (!status)
        status = find(r, SQ_PRODUCT_MEAN, NC_FLOAT, 3, mean, &r->map[SQ_MAP_MEAN], e);
    if (!status)
        status = length(r, TIME, SQ_LEAD_MAX, &f->n_lead, e);
    if (!status)
        status = length(r, THRESHOLD, SQ_THRESHOLD_MAX, &f->n_threshold, e);
    if (!status)
        status = length(r, PERCENTILE, SQ_PERCENTILE_MAX, &f->n_percentile, e);
    if (!status)
        status = length(r, Y, SQ_GRID_MAX, &f->grid.ny, e);
    if (!status)
        status = length(r, X, SQ_GRID_MAX, &f->grid.nx, e);
    return status;
}

/* ---- axes -------------------------------------------------------------------------------------------- */

static enum sq_status read_levels(const struct sq_product_file *r, const char *name, int dim, const char *units,
                                  float below, int n, float *ret, struct sq_err *e)
{
    int var = -1, rc;
    enum sq_status status = find(r, name, NC_FLOAT, 1, &r->dim[dim], &var, e);
    if (status)
        return status;
    if (!says(r, var, "units", units))
        return sq_fail(e, SQ_FAILED, "%s: %s is not in %s", r->path, name, units);
    if ((rc = nc_get_var_float(r->nc, var, ret)))
        return damaged(r, name, rc, e);
    for (int i = 0; i < n; i++)
        if (!(ret[i] > (i ? ret[i - 1] : 0) && ret[i] < below))
            return sq_fail(e, SQ_FAILED, "%s: %s does not rise within (0, %g)", r->path, name, (double)below);
    return SQ_OK;
}

static enum sq_status read_times(struct sq_product_file *r, struct sq_err *e)
{
    struct sq_forecast *f = &r->f;
    int period = -1, reference = -1, rc;
    double issued;
    enum sq_status status = find(r, "forecast_period", NC_INT, 1, &r->dim[TIME], &period, e);
    if (!status)
        status = find(r, "forecast_reference_time", NC_DOUBLE, 0, NULL, &reference, e);
    if (status)
        return status;
    if (!says(r, period, "units", "s") || !says(r, reference, "units", SQ_PRODUCT_TIME_UNITS))
        return refuse(r, "forecast_period is not in s or forecast_reference_time not in " SQ_PRODUCT_TIME_UNITS, e);
    if ((rc = nc_get_var_int(r->nc, period, f->lead_s)) || (rc = nc_get_var_double(r->nc, reference, &issued)))
        return damaged(r, "forecast_period or forecast_reference_time", rc, e);
    if (!(fabs(issued) < 1e11))
        return sq_fail(e, SQ_FAILED, "%s: forecast_reference_time is no time of ours", r->path);
    f->issue_time = (int64_t)issued;
    for (int i = 0; i < f->n_lead; i++)
        if (f->lead_s[i] <= (i ? f->lead_s[i - 1] : 0))
            return sq_fail(e, SQ_FAILED, "%s: forecast_period does not rise", r->path);
    return SQ_OK;
}

/* Cell centres to the first one and the step, which `sign` says to rise or fall. */
static enum sq_status read_axis(const struct sq_product_file *r, int dim, int n, int sign, double *ret_first,
                                double *ret_step, struct sq_err *e)
{
    char name[NC_MAX_NAME + 1];
    int var = -1, rc;
    double *at = NULL;
    if (nc_inq_dimname(r->nc, r->dim[dim], name))
        return refuse(r, "a dimension has no name", e);
    enum sq_status status = find(r, name, NC_DOUBLE, 1, &r->dim[dim], &var, e);
    if (!status && n < 2)
        status = sq_fail(e, SQ_FAILED, "%s: %s has one value: the size of its cells cannot be told", r->path, name);
    if (!status)
        status = sq_alloc((void **)&at, (size_t)n, sizeof *at, name, e);
    if (!status && (rc = nc_get_var_double(r->nc, var, at)))
        status = damaged(r, name, rc, e);
    if (!status) {
        *ret_first = at[0];
        *ret_step = sign * (at[n - 1] - at[0]) / (n - 1);
        if (!(*ret_step > 0 && isfinite(*ret_step)))
            status = sq_fail(e, SQ_FAILED, "%s: %s does not %s", r->path, name, sign > 0 ? "rise" : "fall");
        for (int i = 0; i < n && !status; i++)
            if (!(fabs(at[i] - at[0] - sign * i * *ret_step) < 0.01 * *ret_step))
                status = sq_fail(e, SQ_FAILED, "%s: %s is not evenly spaced", r->path, name);
    }
    free(at);
    return status;
}

/* The grid mapping as CF says it, for files that have passed through other hands. */
static void read_mapping(const struct sq_product_file *r, int var, struct sq_cf_crs *cf)
{
    int n = 0;
    nc_type type;
    size_t len;
    char key[NC_MAX_NAME + 1];
    short_text(r, var, "grid_mapping_name", cf->name, sizeof cf->name);
    cf->wkt = text_of(r, var, "crs_wkt");
    if (nc_inq_varnatts(r->nc, var, &n))
        return;
    for (int i = 0; i < n && cf->n < SQ_CF_ATTR_MAX; i++) {
        if (nc_inq_attname(r->nc, var, i, key) || nc_inq_att(r->nc, var, key, &type, &len) ||
            strlen(key) >= sizeof cf->attr[0].key)
            continue;
        memcpy(cf->attr[cf->n].key, key, strlen(key) + 1);
        if (type == NC_CHAR || type == NC_STRING)
            short_text(r, var, key, cf->attr[cf->n].text, sizeof cf->attr[0].text);
        else if (len > sizeof cf->attr[0].value / sizeof(double) ||
                 nc_get_att_double(r->nc, var, key, cf->attr[cf->n].value))
            continue;
        else
            cf->attr[cf->n].n_value = (int)len;
        cf->n++;
    }
}

static enum sq_status read_crs(struct sq_product_file *r, struct sq_err *e)
{
    int var;
    char *proj;
    if (nc_inq_varid(r->nc, "crs", &var))
        return refuse(r, "it has no variable crs", e);
    if ((proj = text_of(r, var, "proj_params")) && strlen(proj) < SQ_CRS_MAX)
        snprintf(r->f.grid.crs, SQ_CRS_MAX, "%s", proj);
    else
        read_mapping(r, var, &r->mapping);
    free(proj);
    return SQ_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------- */

static void read_story(struct sq_product_file *r)
{
    struct sq_forecast *f = &r->f;
    short_text(r, NC_GLOBAL, "squall_method", f->method, sizeof f->method);
    short_text(r, NC_GLOBAL, "squall_model", f->model, sizeof f->model);
    short_text(r, NC_GLOBAL, "squall_model_sha256", f->model_sha256, sizeof f->model_sha256);
    short_text(r, NC_GLOBAL, "institution", f->institution, sizeof f->institution);
    f->inputs_used = text_of(r, NC_GLOBAL, "squall_inputs_used");
    f->inputs_missing = text_of(r, NC_GLOBAL, "squall_inputs_missing");
    f->sources = text_of(r, NC_GLOBAL, "squall_sources");
}

enum sq_status sq_product_parse(struct sq_product_file *r, struct sq_err *e)
{
    int rc = nc_open(r->path, NC_NOWRITE, &r->nc);
    if (rc) {
        r->nc = -1;
        return sq_fail(e, SQ_FAILED, "%s: not a squall forecast, or truncated: %s", r->path, nc_strerror(rc));
    }
    enum sq_status status = read_shape(r, e);
    if (!status)
        status = read_levels(r, "threshold", THRESHOLD, "mm h-1", INFINITY, r->f.n_threshold, r->f.threshold_mmh, e);
    if (!status)
        status = read_levels(r, "percentile", PERCENTILE, "%", 100, r->f.n_percentile, r->f.percentile, e);
    if (!status)
        status = read_times(r, e);
    if (!status)
        status = read_axis(r, Y, r->f.grid.ny, -1, &r->f.grid.y0, &r->f.grid.dy, e);
    if (!status)
        status = read_axis(r, X, r->f.grid.nx, 1, &r->f.grid.x0, &r->f.grid.dx, e);
    if (!status)
        status = read_crs(r, e);
    if (!status)
        read_story(r);
    return status;
}

void sq_product_file_finish(struct sq_product_file *r)
{
    if (r->nc >= 0)
        nc_close(r->nc);
    r->nc = -1;
    sq_forecast_finish(&r->f);
    sq_cf_crs_finish(&r->mapping);
}

/* ---- values ------------------------------------------------------------------------------------------ */

#define MOST_MMH 1e6f /* more is no rain; a flipped bit */

/* How each map is written. */
static const struct {
    const char *name;
    nc_type type;
    int dims; /* 4: leads and levels; 3: leads; 2: none */
    float most;
} maps[] = {
    [SQ_MAP_PROB] = {SQ_PRODUCT_PROB, NC_FLOAT, 4, 1},
    [SQ_MAP_RATE] = {SQ_PRODUCT_RATE, NC_FLOAT, 4, MOST_MMH},
    [SQ_MAP_MEAN] = {SQ_PRODUCT_MEAN, NC_FLOAT, 3, MOST_MMH},
    [SQ_MAP_OBSERVED] = {SQ_PRODUCT_OBSERVED, NC_FLOAT, 2, MOST_MMH},
    [SQ_MAP_QUALITY] = {"radar_quality", NC_BYTE, 2, 3},
};

int sq_product_levels(const struct sq_forecast *f, enum sq_product_map map)
{
    return map == SQ_MAP_PROB ? f->n_threshold : map == SQ_MAP_RATE ? f->n_percentile : 1;
}

/* Fill values to NaN in place; false where a value is outside [0, most]. */
static bool unfill(size_t n, float *v, float fill, float most)
{
    bool fine = true;
    for (size_t i = 0; i < n; i++) {
        v[i] = v[i] == fill ? NAN : v[i];
        fine &= isnan(v[i]) || (v[i] >= 0 && v[i] <= most);
    }
    return fine;
}

/* The variable of a map; those that a forecast must have were found when it was opened. */
static enum sq_status find_map(const struct sq_product_file *r, enum sq_product_map map, int *ret, struct sq_err *e)
{
    if (maps[map].dims > 2) {
        *ret = r->map[map];
        return SQ_OK;
    }
    if (nc_inq_varid(r->nc, maps[map].name, ret))
        return sq_fail(e, SQ_ABSENT, "%s: the forecast does not hold %s", r->path, maps[map].name);
    return find(r, maps[map].name, maps[map].type, 2, &r->dim[Y], ret, e);
}

enum sq_status sq_product_values(const struct sq_product_file *r, const struct sq_product_part *p, float *ret,
                                 struct sq_err *e)
{
    const char *name = maps[p->map].name;
    const size_t levels = (size_t)sq_product_levels(&r->f, p->map);
    size_t start[4], count[4], n = 0;
    float fill = NAN;
    int var, rc = 0;
    enum sq_status status = find_map(r, p->map, &var, e);
    if (status)
        return status;
    if (maps[p->map].dims > 2) {
        start[n] = (size_t)p->lead;
        count[n++] = 1;
    }
    if (maps[p->map].dims > 3) {
        start[n] = 0;
        count[n++] = levels;
    }
    start[n] = p->row;
    count[n++] = p->ny;
    start[n] = p->col;
    count[n++] = p->nx;
    if (maps[p->map].type == NC_FLOAT)
        rc = nc_inq_var_fill(r->nc, var, NULL, &fill);
    if (!rc)
        rc = nc_get_vara_float(r->nc, var, start, count, ret);
    if (rc)
        return damaged(r, name, rc, e);
    if (!unfill(levels * p->ny * p->nx, ret, fill, maps[p->map].most))
        return sq_fail(e, SQ_FAILED, "%s: %s has a value outside 0 to %g: the file is damaged", r->path, name,
                       (double)maps[p->map].most);
    return SQ_OK;
}
