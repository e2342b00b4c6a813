#include "product_chunks.h"
#include "product_names.h"
#include "product_pack.h"
#include "product_seal.h"
#include "serve.h"

#include "core/crs.h"
#include "core/instant.h"
#include "core/publish.h"

#include <assert.h>
#include <math.h>
#include <netcdf.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of a chunk; small enough that much of a map is nothing but dry or not covered. */
#define CHUNK_SIDE 256
#define BLOCK_SIDE 32

enum { PROB, RATE, MEAN, OBSERVED, MAPS };
enum { TIME, THRESHOLD, PERCENTILE, Y, X, DIMS };

static const char *const map_name[MAPS] = {SQ_PRODUCT_PROB, SQ_PRODUCT_RATE, SQ_PRODUCT_MEAN, SQ_PRODUCT_OBSERVED};

/* What one thread makes of one window of all maps. */
struct hand {
    struct sq_packer *packer;
    unsigned char *bytes; /* [n_map] slots of sq_packer_bound */
    size_t *n;            /* [n_map] bytes in a slot */
};

struct sq_product_writer {
    char *path, tmp[SQ_PATH_MAX];
    size_t nx, ny, chunk_y, chunk_x;
    int n_lead, n_threshold, n_percentile, n_map;
    bool put[SQ_LEAD_MAX];
    bool begun; /* tmp is ours to remove */
    struct sq_chunks *chunks;
    int n_hand;
    struct hand *hand;
};

/* ---- what the file says of itself ------------------------------------------------------------------- */

/* The file being defined. After a failed call the further ones do nothing. */
struct file {
    int nc, rc;
    int dim[DIMS];
    const struct sq_forecast *f;
};

static void text(struct file *d, int var, const char *key, const char *value)
{
    if (!d->rc)
        d->rc = nc_put_att_text(d->nc, var, key, strlen(value), value);
}

static void numbers(struct file *d, int var, const char *key, int n, const double *value)
{
    if (!d->rc)
        d->rc = nc_put_att_double(d->nc, var, key, NC_DOUBLE, (size_t)n, value);
}

static void whole(struct file *d, int var, const char *key, int value)
{
    if (!d->rc)
        d->rc = nc_put_att_int(d->nc, var, key, NC_INT, 1, &value);
}

static int variable(struct file *d, const char *name, nc_type type, int n, const int *dim)
{
    int var = -1;
    if (!d->rc)
        d->rc = nc_def_var(d->nc, name, type, n, dim, &var);
    return var;
}

static void dimension(struct file *d, int which, const char *name, int n)
{
    if (!d->rc)
        d->rc = nc_def_dim(d->nc, name, (size_t)n, &d->dim[which]);
}

/* One coordinate variable with the words that CF asks for; NULL = none. */
static int coordinate(struct file *d, int which, const char *name, nc_type type, const char *standard,
                      const char *units, const char *axis)
{
    int var = variable(d, name, type, 1, &d->dim[which]);
    if (standard)
        text(d, var, "standard_name", standard);
    text(d, var, "units", units);
    if (axis)
        text(d, var, "axis", axis);
    return var;
}

static void chunked(struct file *d, int var, int n, size_t chunk_y, size_t chunk_x)
{
    size_t size[4] = {1, 1, 1, 1};
    size[n - 2] = chunk_y;
    size[n - 1] = chunk_x;
    if (!d->rc)
        d->rc = nc_def_var_chunking(d->nc, var, NC_CHUNKED, size);
    if (!d->rc)
        d->rc = nc_def_var_deflate(d->nc, var, 1, 1, 1);
}

static void define_map(struct file *d, const struct sq_product_writer *w, int map)
{
    const int dim[MAPS][4] = {{d->dim[TIME], d->dim[THRESHOLD], d->dim[Y], d->dim[X]},
                              {d->dim[TIME], d->dim[PERCENTILE], d->dim[Y], d->dim[X]},
                              {d->dim[TIME], d->dim[Y], d->dim[X]},
                              {d->dim[Y], d->dim[X]}};
    const char *const long_name[MAPS] = {SQ_PRODUCT_PROB, "precipitation rate percentiles",
                                         "expected precipitation rate (mean of the forecast distribution)",
                                         "precipitation rate that radar observed at the reference time"};
    const int n_dim[MAPS] = {4, 4, 3, 2};
    const float fill = SQ_PACK_FILL, range[2] = {0, 1};
    int n = n_dim[map], var = variable(d, map_name[map], NC_FLOAT, n, dim[map]);
    if (map != PROB)
        text(d, var, "standard_name", "lwe_precipitation_rate");
    text(d, var, "long_name", long_name[map]);
    text(d, var, "units", map == PROB ? "1" : "mm h-1");
    if (map == PROB && !d->rc)
        d->rc = nc_put_att_float(d->nc, var, "valid_range", NC_FLOAT, 2, range);
    text(d, var, "coordinates",
         map == OBSERVED ? "forecast_reference_time" : "forecast_reference_time forecast_period");
    text(d, var, "grid_mapping", "crs");
    if (map != OBSERVED)
        text(d, var, "cell_methods", "time: point");
    if (d->f->quality)
        text(d, var, "ancillary_variables", "radar_quality");
    if (!d->rc)
        d->rc = nc_def_var_fill(d->nc, var, NC_FILL, &fill);
    chunked(d, var, n, w->chunk_y, w->chunk_x);
}

static void define_quality(struct file *d, const struct sq_product_writer *w)
{
    const signed char flag[4] = {0, 1, 2, 3};
    if (!d->f->quality)
        return;
    int var = variable(d, "radar_quality", NC_BYTE, 2, &d->dim[Y]);
    text(d, var, "long_name", "radar coverage and quality of the newest input frame");
    text(d, var, "standard_name", "quality_flag");
    if (!d->rc)
        d->rc = nc_put_att_schar(d->nc, var, "flag_values", NC_BYTE, 4, flag);
    text(d, var, "flag_meanings", "no_coverage missing undetect_or_valid low_quality");
    text(d, var, "grid_mapping", "crs");
    text(d, var, "coordinates", "forecast_reference_time");
    chunked(d, var, 2, w->chunk_y, w->chunk_x);
    if (!d->rc)
        d->rc = nc_put_var_uchar(d->nc, var, d->f->quality);
}

static void define_grid(struct file *d, bool geographic)
{
    const struct sq_grid *g = &d->f->grid;
    double *at = malloc((size_t)(g->nx > g->ny ? g->nx : g->ny) * sizeof *at);
    if (!at && !d->rc)
        d->rc = NC_ENOMEM;
    int y = geographic ? coordinate(d, Y, "latitude", NC_DOUBLE, "latitude", "degrees_north", "Y")
                       : coordinate(d, Y, "y", NC_DOUBLE, "projection_y_coordinate", "m", "Y");
    int x = geographic ? coordinate(d, X, "longitude", NC_DOUBLE, "longitude", "degrees_east", "X")
                       : coordinate(d, X, "x", NC_DOUBLE, "projection_x_coordinate", "m", "X");
    for (int i = 0; i < g->ny && !d->rc; i++)
        at[i] = sq_grid_y(g, i);
    if (!d->rc)
        d->rc = nc_put_var_double(d->nc, y, at);
    for (int i = 0; i < g->nx && !d->rc; i++)
        at[i] = sq_grid_x(g, i);
    if (!d->rc)
        d->rc = nc_put_var_double(d->nc, x, at);
    free(at);
}

static void define_crs(struct file *d, const struct sq_cf_crs *cf)
{
    int var = variable(d, "crs", NC_INT, 0, NULL);
    const int zero = 0;
    if (*cf->name)
        text(d, var, "grid_mapping_name", cf->name);
    for (int i = 0; i < cf->n; i++)
        if (cf->attr[i].n_value)
            numbers(d, var, cf->attr[i].key, cf->attr[i].n_value, cf->attr[i].value);
        else
            text(d, var, cf->attr[i].key, cf->attr[i].text);
    if (cf->wkt)
        text(d, var, "crs_wkt", cf->wkt);
    text(d, var, "proj_params", d->f->grid.crs); /* what CDO goes by, and the exact text for our reader */
    if (!d->rc)
        d->rc = nc_put_var_int(d->nc, var, &zero);
}

static void define_axes(struct file *d)
{
    const struct sq_forecast *f = d->f;
    double issued = (double)f->issue_time, valid[SQ_LEAD_MAX];
    int v = coordinate(d, THRESHOLD, "threshold", NC_FLOAT, "lwe_precipitation_rate", "mm h-1", NULL);
    text(d, v, "long_name", "precipitation rate threshold");
    text(d, v, "spp__relative_to_threshold", "greater_than_or_equal_to");
    if (!d->rc)
        d->rc = nc_put_var_float(d->nc, v, f->threshold_mmh);
    v = coordinate(d, PERCENTILE, "percentile", NC_FLOAT, NULL, "%", NULL);
    text(d, v, "long_name", "percentile");
    if (!d->rc)
        d->rc = nc_put_var_float(d->nc, v, f->percentile);
    v = coordinate(d, TIME, "time", NC_DOUBLE, "time", SQ_PRODUCT_TIME_UNITS, "T");
    text(d, v, "long_name", "valid time");
    text(d, v, "calendar", "standard");
    for (int i = 0; i < f->n_lead; i++)
        valid[i] = issued + f->lead_s[i];
    if (!d->rc)
        d->rc = nc_put_var_double(d->nc, v, valid);
    v = coordinate(d, TIME, "forecast_period", NC_INT, "forecast_period", "s", NULL);
    if (!d->rc)
        d->rc = nc_put_var_int(d->nc, v, f->lead_s);
    v = variable(d, "forecast_reference_time", NC_DOUBLE, 0, NULL);
    text(d, v, "standard_name", "forecast_reference_time");
    text(d, v, "long_name", "nominal time of the newest input frame");
    text(d, v, "units", SQ_PRODUCT_TIME_UNITS);
    text(d, v, "calendar", "standard");
    if (!d->rc)
        d->rc = nc_put_var_double(d->nc, v, &issued);
}

static void define_story(struct file *d, const double box[4])
{
    const struct sq_forecast *f = d->f;
    char now[32], stamp[32], line[256];
    const char *const side[4] = {"geospatial_lon_min", "geospatial_lat_min", "geospatial_lon_max",
                                 "geospatial_lat_max"};
    sq_instant_iso((int64_t)time(NULL), now);
    text(d, NC_GLOBAL, "Conventions", "CF-1.11, ACDD-1.3");
    text(d, NC_GLOBAL, "title", "squall precipitation nowcast");
    text(d, NC_GLOBAL, "institution", f->institution);
    snprintf(line, sizeof line, "squall %s, %s %s", SQ_VERSION, *f->model ? "model" : "method",
             *f->model ? f->model : f->method);
    text(d, NC_GLOBAL, "source", line);
    snprintf(line, sizeof line, "%s squall forecast", now);
    text(d, NC_GLOBAL, "history", line);
    snprintf(line, sizeof line, "squall_%s_r0", sq_instant_compact(f->issue_time, stamp));
    text(d, NC_GLOBAL, "id", line);
    text(d, NC_GLOBAL, "date_created", now);
    text(d, NC_GLOBAL, "time_coverage_start", sq_instant_iso(f->issue_time + f->lead_s[0], stamp));
    text(d, NC_GLOBAL, "time_coverage_end", sq_instant_iso(f->issue_time + f->lead_s[f->n_lead - 1], stamp));
    for (int i = 0; i < 4; i++)
        numbers(d, NC_GLOBAL, side[i], 1, &box[i]);
    text(d, NC_GLOBAL, "squall_method", f->method);
    text(d, NC_GLOBAL, "squall_model", f->model);
    text(d, NC_GLOBAL, "squall_model_sha256", f->model_sha256);
    whole(d, NC_GLOBAL, "squall_revision", 0);
    text(d, NC_GLOBAL, "squall_inputs_used", f->inputs_used ? f->inputs_used : "");
    text(d, NC_GLOBAL, "squall_inputs_missing", f->inputs_missing ? f->inputs_missing : "");
    if (f->sources)
        text(d, NC_GLOBAL, "squall_sources", f->sources);
}

/* Everything but the maps. */
static enum sq_status define(const struct sq_product_writer *w, const struct sq_forecast *f, struct sq_err *e)
{
    struct file d = {.nc = -1, .f = f};
    struct sq_cf_crs cf = {0};
    double box[4];
    bool geographic = sq_grid_geographic(&f->grid);
    enum sq_status status = sq_crs_bounds(&f->grid, box, e);
    if (!status)
        status = sq_crs_to_cf(f->grid.crs, &cf, e);
    if (status)
        return status;
    sq_publish_abandon(w->tmp); /* a link, or what a killed process with our number left */
    d.rc = nc_create(w->tmp, NC_NETCDF4 | NC_CLOBBER, &d.nc);
    bool open = !d.rc;
    dimension(&d, TIME, "time", f->n_lead);
    dimension(&d, THRESHOLD, "threshold", f->n_threshold);
    dimension(&d, PERCENTILE, "percentile", f->n_percentile);
    dimension(&d, Y, geographic ? "latitude" : "y", f->grid.ny);
    dimension(&d, X, geographic ? "longitude" : "x", f->grid.nx);
    for (int map = 0; map < (f->observed ? MAPS : OBSERVED); map++)
        define_map(&d, w, map);
    define_quality(&d, w);
    define_axes(&d);
    define_grid(&d, geographic);
    define_crs(&d, &cf);
    define_story(&d, box);
    sq_cf_crs_finish(&cf);
    int closed = open ? nc_close(d.nc) : 0;
    if (d.rc || closed)
        return sq_fail(e, SQ_FAILED, "%s: not written: %s", w->path, nc_strerror(d.rc ? d.rc : closed));
    return SQ_OK;
}

/* ---- the maps ----------------------------------------------------------------------------------------- */

/* Even parts, whole blocks of those in which the server holds maps, so that it need not unpack a chunk twice. */
static size_t chunk_side(size_t cells)
{
    size_t parts = (cells + CHUNK_SIDE - 1) / CHUNK_SIDE, side = (cells + parts - 1) / parts;
    return parts == 1 ? side : (side + BLOCK_SIDE - 1) / BLOCK_SIDE * BLOCK_SIDE;
}

static enum sq_status make_hands(struct sq_product_writer *w, struct sq_err *e)
{
    int n = omp_get_max_threads();
    w->hand = calloc((size_t)n, sizeof *w->hand);
    if (!w->hand)
        return sq_fail(e, SQ_FAILED, "%s: out of memory", w->path);
    for (w->n_hand = 0; w->n_hand < n; w->n_hand++) {
        struct hand *h = &w->hand[w->n_hand];
        enum sq_status status = sq_packer_create(w->chunk_y, w->chunk_x, &h->packer, e);
        if (!status)
            status = sq_alloc((void **)&h->n, (size_t)w->n_map, sizeof *h->n, "chunks", e);
        if (!status)
            status = sq_alloc((void **)&h->bytes, (size_t)w->n_map, sq_packer_bound(h->packer), "chunks", e);
        if (status) {
            w->n_hand++; /* this one, too, is half there */
            return status;
        }
    }
    return SQ_OK;
}

/* What was observed is the same for all leads: written once, at the beginning. */
static enum sq_status write_observed(const struct sq_product_writer *w, const float *observed, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    struct hand *h = &w->hand[0];
    for (size_t row = 0; row < w->ny; row += w->chunk_y)
        for (size_t col = 0; col < w->nx && !status; col += w->chunk_x) {
            const struct sq_pack_window win = {observed + row * w->nx + col, w->nx,
                                               w->ny - row < w->chunk_y ? w->ny - row : w->chunk_y,
                                               w->nx - col < w->chunk_x ? w->nx - col : w->chunk_x};
            const size_t start[2] = {row, col};
            sq_packer_begin(h->packer);
            size_t n = sq_pack_rate(h->packer, &win, h->bytes);
            if (n)
                status = sq_chunks_put(w->chunks, OBSERVED, start, h->bytes, n, e);
        }
    return status;
}

enum sq_status sq_product_create(const char *path, const struct sq_forecast *f, struct sq_product_writer **ret,
                                 struct sq_err *e)
{
    assert(f->n_lead > 0 && f->n_lead <= SQ_LEAD_MAX && f->n_threshold > 0 && f->n_percentile > 0);
    struct sq_product_writer *w = NULL;
    enum sq_status status = sq_grid_check(&f->grid, path, e);
    if (!status && (f->grid.nx < 2 || f->grid.ny < 2))
        status = sq_fail(e, SQ_FAILED, "%s: a forecast needs at least 2 x 2 cells, not %d x %d", path, f->grid.nx,
                         f->grid.ny);
    if (status)
        return status;
    w = calloc(1, sizeof *w);
    if (!w || !(w->path = strdup(path))) {
        free(w);
        return sq_fail(e, SQ_FAILED, "%s: out of memory", path);
    }
    w->nx = (size_t)f->grid.nx;
    w->ny = (size_t)f->grid.ny;
    w->chunk_x = chunk_side(w->nx);
    w->chunk_y = chunk_side(w->ny);
    w->n_lead = f->n_lead;
    w->n_threshold = f->n_threshold;
    w->n_percentile = f->n_percentile;
    w->n_map = f->n_threshold + f->n_percentile + 1;
    status = sq_publish_begin(path, w->tmp, e);
    w->begun = !status;
    if (!status)
        status = make_hands(w, e);
    if (!status)
        status = define(w, f, e);
    if (!status)
        status = sq_chunks_open(w->tmp, f->observed ? MAPS : OBSERVED, map_name, &w->chunks, e);
    if (!status && f->observed)
        status = write_observed(w, f->observed, e);
    if (!status) {
        *ret = w;
        return SQ_OK;
    }
    sq_product_destroy(&w);
    return status;
}

/* All maps of one window, rounded and packed. */
static void pack_window(const struct sq_product_writer *w, const struct sq_lead *l, size_t row, size_t col,
                        struct hand *h)
{
    size_t cells = w->nx * w->ny, at = row * w->nx + col, bound = sq_packer_bound(h->packer);
    struct sq_pack_window win = {.stride = w->nx,
                                 .rows = w->ny - row < w->chunk_y ? w->ny - row : w->chunk_y,
                                 .cols = w->nx - col < w->chunk_x ? w->nx - col : w->chunk_x};
    unsigned char *out = h->bytes;
    size_t *n = h->n;
    sq_packer_begin(h->packer);
    for (int k = 0; k < w->n_threshold; k++, out += bound) {
        win.from = l->prob + (size_t)k * cells + at;
        *n++ = sq_pack_prob(h->packer, &win, out);
    }
    sq_packer_begin(h->packer);
    for (int k = 0; k < w->n_percentile; k++, out += bound) {
        win.from = l->rate + (size_t)k * cells + at;
        *n++ = sq_pack_rate(h->packer, &win, out);
    }
    sq_packer_begin(h->packer);
    win.from = l->mean + at;
    *n = sq_pack_rate(h->packer, &win, out);
}

static enum sq_status write_window(const struct sq_product_writer *w, int lead, size_t row, size_t col,
                                   const struct hand *h, struct sq_err *e)
{
    size_t bound = sq_packer_bound(h->packer);
    for (int i = 0; i < w->n_map; i++) {
        int map = i < w->n_threshold ? PROB : i < w->n_map - 1 ? RATE : MEAN;
        size_t k = (size_t)(map == RATE ? i - w->n_threshold : i), time = (size_t)lead;
        const size_t start4[4] = {time, k, row, col}, start3[3] = {time, row, col};
        if (!h->n[i])
            continue;
        enum sq_status status = sq_chunks_put(w->chunks, map, map == MEAN ? start3 : start4,
                                              h->bytes + (size_t)i * bound, h->n[i], e);
        if (status)
            return status;
    }
    return SQ_OK;
}

/* Threads pack, one window each; chunks are written in the windows' order, so that the bytes of the file do
 * not depend on the threads. */
enum sq_status sq_product_put(struct sq_product_writer *w, int lead_index, const struct sq_lead *l,
                              struct sq_err *e)
{
    assert(lead_index >= 0 && lead_index < w->n_lead && !w->put[lead_index]);
    size_t across = (w->nx + w->chunk_x - 1) / w->chunk_x, down = (w->ny + w->chunk_y - 1) / w->chunk_y;
    enum sq_status status = SQ_OK;
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(w->n_hand)
    for (size_t i = 0; i < across * down; i++) {
        struct hand *h = &w->hand[omp_get_thread_num()];
        size_t row = i / across * w->chunk_y, col = i % across * w->chunk_x;
        pack_window(w, l, row, col, h);
#pragma omp ordered
        if (!status)
            status = write_window(w, lead_index, row, col, h, e);
    }
    w->put[lead_index] = true;
    return status;
}

enum sq_status sq_product_publish(struct sq_product_writer *w, struct sq_err *e)
{
    for (int i = 0; i < w->n_lead; i++)
        if (!w->put[i])
            return sq_fail(e, SQ_FAILED, "%s: not written: lead %d of %d was never put", w->path, i + 1, w->n_lead);
    enum sq_status status = sq_chunks_close(&w->chunks, e);
    if (!status)
        status = sq_product_seal(w->tmp, e);
    if (status)
        return status;
    w->begun = false;
    return sq_publish_commit(w->tmp, w->path, e);
}

void sq_product_destroy(struct sq_product_writer **w)
{
    if (!*w)
        return;
    sq_chunks_destroy(&(*w)->chunks);
    if ((*w)->begun)
        sq_publish_abandon((*w)->tmp);
    for (int i = 0; i < (*w)->n_hand; i++) {
        sq_packer_destroy(&(*w)->hand[i].packer);
        free((*w)->hand[i].bytes);
        free((*w)->hand[i].n);
    }
    free((*w)->hand);
    free((*w)->path);
    free(*w);
    *w = NULL;
}
