#include "product_names.h"
#include "product_seal.h"
#include "serve.h"

#include "core/crs.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PROB, RATE, MEAN, MAPS };
enum { TIME, THRESHOLD, PERCENTILE, Y, X, DIMS };

struct sq_product_reader {
    char *path;
    int nc; /* -1: not open */
    int dim[DIMS];
    int map[MAPS];
    struct sq_forecast f;
};

static enum sq_status damaged(const struct sq_product_reader *r, const char *what, int rc, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: %s cannot be read (%s): the file is damaged", r->path, what,
                   nc_strerror(rc));
}

static enum sq_status refuse(const struct sq_product_reader *r, const char *why, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: not a squall forecast: %s", r->path, why);
}

/* ---- words ------------------------------------------------------------------------------------------- */

/* A text attribute of either kind, malloc'ed; NULL where there is none. */
static char *text_of(const struct sq_product_reader *r, int var, const char *key)
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
static void short_text(const struct sq_product_reader *r, int var, const char *key, char *ret, size_t room)
{
    char *text = text_of(r, var, key);
    snprintf(ret, room, "%s", text ? text : "");
    free(text);
}

static bool says(const struct sq_product_reader *r, int var, const char *key, const char *want)
{
    char *text = text_of(r, var, key);
    bool same = text && !strcmp(text, want);
    free(text);
    return same;
}

/* ---- shapes ------------------------------------------------------------------------------------------ */

/* The variable `name` of `type` on the dimensions dim[0..n). */
static enum sq_status find(const struct sq_product_reader *r, const char *name, nc_type type, int n, const int *dim,
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

static enum sq_status length(const struct sq_product_reader *r, int dim, int most, int *ret, struct sq_err *e)
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
static enum sq_status read_shape(struct sq_product_reader *r, struct sq_err *e)
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
    enum sq_status status = find(r, SQ_PRODUCT_PROB, NC_FLOAT, 4, four, &r->map[PROB], e);
    if (!status)
        status = find(r, SQ_PRODUCT_RATE, NC_FLOAT, 4, rate, &r->map[RATE], e);
    if (!status)
        status = find(r, SQ_PRODUCT_MEAN, NC_FLOAT, 3, mean, &r->map[MEAN], e);
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

static enum sq_status read_levels(const struct sq_product_reader *r, const char *name, int dim, const char *units,
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

static enum sq_status read_times(struct sq_product_reader *r, struct sq_err *e)
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
static enum sq_status read_axis(const struct sq_product_reader *r, int dim, int n, int sign, double *ret_first,
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
static void read_mapping(const struct sq_product_reader *r, int var, struct sq_cf_crs *cf)
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

static enum sq_status read_crs(struct sq_product_reader *r, struct sq_err *e)
{
    struct sq_err why = {0};
    int var;
    char *proj;
    if (nc_inq_varid(r->nc, "crs", &var))
        return refuse(r, "it has no variable crs", e);
    if ((proj = text_of(r, var, "proj_params")) && strlen(proj) < SQ_CRS_MAX) {
        snprintf(r->f.grid.crs, SQ_CRS_MAX, "%s", proj);
        free(proj);
        return SQ_OK;
    }
    free(proj);
    struct sq_cf_crs cf = {0};
    read_mapping(r, var, &cf);
    enum sq_status status = sq_crs_from_cf(&cf, r->f.grid.crs, &why);
    sq_cf_crs_finish(&cf);
    return status ? sq_fail(e, status, "%s: %s", r->path, why.text) : SQ_OK;
}

static enum sq_status read_grid(struct sq_product_reader *r, struct sq_err *e)
{
    struct sq_grid *g = &r->f.grid;
    struct sq_err why = {0};
    enum sq_status status = read_axis(r, Y, g->ny, -1, &g->y0, &g->dy, e);
    if (!status)
        status = read_axis(r, X, g->nx, 1, &g->x0, &g->dx, e);
    if (!status)
        status = read_crs(r, e);
    if (!status)
        status = sq_grid_check(g, r->path, e);
    if (!status && (status = sq_crs_cell_m(g, r->f.cell_m, &why)))
        sq_fail(e, status, "%s: %s", r->path, why.text);
    return status;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static enum sq_status read_quality(struct sq_product_reader *r, struct sq_err *e)
{
    int var = -1, rc;
    size_t n = sq_grid_cells(&r->f.grid);
    if (nc_inq_varid(r->nc, "radar_quality", &var))
        return SQ_OK; /* unknown */
    enum sq_status status = find(r, "radar_quality", NC_BYTE, 2, &r->dim[Y], &var, e);
    if (!status)
        status = sq_alloc((void **)&r->f.quality, n, 1, "radar_quality", e);
    if (!status && (rc = nc_get_var_uchar(r->nc, var, r->f.quality)))
        status = damaged(r, "radar_quality", rc, e);
    for (size_t i = 0; i < n && !status; i++)
        if (r->f.quality[i] > 3)
            status = sq_fail(e, SQ_FAILED, "%s: radar_quality has a value other than 0 to 3", r->path);
    return status;
}

static void read_story(struct sq_product_reader *r)
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

static enum sq_status open_file(struct sq_product_reader *r, struct sq_err *e)
{
    struct stat st; /* first: netCDF takes some names for addresses in the network */
    int rc;
    if (stat(r->path, &st))
        return sq_fail(e, errno == ENOENT ? SQ_ABSENT : SQ_FAILED, "%s: %s", r->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sq_fail(e, SQ_FAILED, "%s: is not a file", r->path);
    enum sq_status status = sq_product_unbroken(r->path, e);
    if (status)
        return status;
    if ((rc = nc_open(r->path, NC_NOWRITE, &r->nc))) {
        r->nc = -1;
        return sq_fail(e, SQ_FAILED, "%s: not a squall forecast, or truncated: %s", r->path, nc_strerror(rc));
    }
    return SQ_OK;
}

enum sq_status sq_product_open(const char *path, const struct sq_forecast **ret_forecast,
                               struct sq_product_reader **ret, struct sq_err *e)
{
    struct sq_product_reader *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return sq_fail(e, SQ_FAILED, "%s: out of memory", path);
    }
    r->nc = -1;
    enum sq_status status = open_file(r, e);
    if (!status)
        status = read_shape(r, e);
    if (!status)
        status = read_levels(r, "threshold", THRESHOLD, "mm h-1", INFINITY, r->f.n_threshold, r->f.threshold_mmh, e);
    if (!status)
        status = read_levels(r, "percentile", PERCENTILE, "%", 100, r->f.n_percentile, r->f.percentile, e);
    if (!status)
        status = read_times(r, e);
    if (!status)
        status = read_grid(r, e);
    if (!status)
        status = read_quality(r, e);
    if (status) {
        sq_product_close(&r);
        return status;
    }
    read_story(r);
    *ret_forecast = &r->f;
    *ret = r;
    return SQ_OK;
}

#define MOST_MMH 1e6f /* more is no rain; a flipped bit */

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

/* Part of the map: first row and column, rows and columns. */
struct part {
    size_t row, col, ny, nx;
};

static enum sq_status get_map(const struct sq_product_reader *r, int map, const char *name, int lead, int n_level,
                              const struct part *p, float most, float *ret, struct sq_err *e)
{
    const size_t start4[4] = {(size_t)lead, 0, p->row, p->col}, count4[4] = {1, (size_t)n_level, p->ny, p->nx},
                 start3[3] = {(size_t)lead, p->row, p->col}, count3[3] = {1, p->ny, p->nx};
    float fill = NC_FILL_FLOAT;
    int rc = nc_inq_var_fill(r->nc, r->map[map], NULL, &fill);
    if (!rc)
        rc = nc_get_vara_float(r->nc, r->map[map], map == MEAN ? start3 : start4, map == MEAN ? count3 : count4,
                               ret);
    if (rc)
        return damaged(r, name, rc, e);
    if (!unfill((size_t)n_level * p->ny * p->nx, ret, fill, most))
        return sq_fail(e, SQ_FAILED, "%s: %s has a value outside 0 to %g: the file is damaged", r->path, name,
                       (double)most);
    return SQ_OK;
}

enum sq_status sq_product_bands(struct sq_product_reader *r, int lead_index, int row, int n_rows, float *ret_prob,
                                struct sq_err *e)
{
    assert(lead_index >= 0 && lead_index < r->f.n_lead && row >= 0 && n_rows > 0 && row + n_rows <= r->f.grid.ny);
    const struct part p = {(size_t)row, 0, (size_t)n_rows, (size_t)r->f.grid.nx};
    return get_map(r, PROB, SQ_PRODUCT_PROB, lead_index, r->f.n_threshold, &p, 1, ret_prob, e);
}

static enum sq_status get_observed(struct sq_product_reader *r, const struct part *p, float *ret, struct sq_err *e)
{
    const size_t start[2] = {p->row, p->col}, count[2] = {p->ny, p->nx};
    int var = -1, rc;
    float fill = NC_FILL_FLOAT;
    if (nc_inq_varid(r->nc, SQ_PRODUCT_OBSERVED, &var))
        return sq_fail(e, SQ_ABSENT, "%s: the forecast does not hold what was observed", r->path);
    enum sq_status status = find(r, SQ_PRODUCT_OBSERVED, NC_FLOAT, 2, &r->dim[Y], &var, e);
    if (status)
        return status;
    if ((rc = nc_inq_var_fill(r->nc, var, NULL, &fill)) || (rc = nc_get_vara_float(r->nc, var, start, count, ret)))
        return damaged(r, SQ_PRODUCT_OBSERVED, rc, e);
    if (!unfill(p->ny * p->nx, ret, fill, MOST_MMH))
        return sq_fail(e, SQ_FAILED, "%s: " SQ_PRODUCT_OBSERVED " has a value outside 0 to %g: the file is damaged",
                       r->path, (double)MOST_MMH);
    return SQ_OK;
}

enum sq_status sq_product_observed(struct sq_product_reader *r, float *ret_mmh, struct sq_err *e)
{
    return get_observed(r, &(struct part){0, 0, (size_t)r->f.grid.ny, (size_t)r->f.grid.nx}, ret_mmh, e);
}

enum sq_status sq_product_observed_cell(struct sq_product_reader *r, int row, int col, float *ret_mmh, struct sq_err *e)
{
    assert(row >= 0 && row < r->f.grid.ny && col >= 0 && col < r->f.grid.nx);
    return get_observed(r, &(struct part){(size_t)row, (size_t)col, 1, 1}, ret_mmh, e);
}

const struct sq_forecast *sq_product_forecast(const struct sq_product_reader *r)
{
    return &r->f;
}

static enum sq_status get_part(struct sq_product_reader *r, int lead_index, const struct part *p, struct sq_lead *l,
                               struct sq_err *e)
{
    assert(lead_index >= 0 && lead_index < r->f.n_lead);
    enum sq_status status = get_map(r, PROB, SQ_PRODUCT_PROB, lead_index, r->f.n_threshold, p, 1, l->prob, e);
    if (!status)
        status = get_map(r, RATE, SQ_PRODUCT_RATE, lead_index, r->f.n_percentile, p, MOST_MMH, l->rate, e);
    if (!status)
        status = get_map(r, MEAN, SQ_PRODUCT_MEAN, lead_index, 1, p, MOST_MMH, l->mean, e);
    return status;
}

enum sq_status sq_product_get(struct sq_product_reader *r, int lead_index, struct sq_lead *l, struct sq_err *e)
{
    return get_part(r, lead_index, &(struct part){0, 0, (size_t)r->f.grid.ny, (size_t)r->f.grid.nx}, l, e);
}

enum sq_status sq_product_cell(struct sq_product_reader *r, int lead_index, int row, int col, struct sq_lead *l,
                               struct sq_err *e)
{
    assert(row >= 0 && row < r->f.grid.ny && col >= 0 && col < r->f.grid.nx);
    return get_part(r, lead_index, &(struct part){(size_t)row, (size_t)col, 1, 1}, l, e);
}

void sq_product_close(struct sq_product_reader **r)
{
    if (!*r)
        return;
    if ((*r)->nc >= 0)
        nc_close((*r)->nc);
    sq_forecast_finish(&(*r)->f);
    free((*r)->path);
    free(*r);
    *r = NULL;
}
