/* Simulated weather as the files of MRMS, GOES and HRRR. */
#include "abi_write.h"
#include "core/crs.h"
#include "core/instant.h"
#include "core/publish.h"
#include "grib_write.h"
#include "synth.h"
#include "views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600

/* One view while its files are written. */
struct task {
    const struct sq_synth_params *p;
    const struct sq_world *world;
    const char *dir;
    int64_t end;
    int *files;
};

/* ---- where ---------------------------------------------------------------------------------------------- */

#define RIM 64 /* points of each side of the domain */

/* The part of a large grid, whose cell (0, 0) is at x, y, that covers another: cells along its outer edge alone say how
 * far it goes. */
static enum sq_status cover(const struct sq_grid *domain, const char *crs, double x, double y, double step,
                            struct sq_grid *ret, struct sq_err *e)
{
    struct sq_crs_map *lonlat = NULL, *map = NULL;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    bool whole = true;
    enum sq_status s = sq_crs_map_create(domain->crs, SQ_CRS_LONLAT, &lonlat, e);
    if (!s)
        s = sq_crs_map_create(SQ_CRS_LONLAT, crs, &map, e);
    for (int i = 0; i < 4 * RIM && !s; i++) {
        const double f = (double)(i % RIM) / RIM, side[4][2] = {{f, 0}, {1, f}, {1 - f, 1}, {0, 1 - f}};
        double p[2] = {sq_grid_x(domain, side[i / RIM][0] * domain->nx - 0.5),
                       sq_grid_y(domain, side[i / RIM][1] * domain->ny - 0.5)};
        sq_crs_forward(lonlat, 1, &p[0], &p[1]);
        sq_crs_forward(map, 1, &p[0], &p[1]);
        whole = whole && isfinite(p[0]) && isfinite(p[1]);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], p[k]);
            high[k] = fmax(high[k], p[k]);
        }
    }
    sq_crs_map_destroy(&lonlat);
    sq_crs_map_destroy(&map);
    if (s)
        return s;
    const double west = floor((low[0] - x) / step), north = floor((y - high[1]) / step);
    const double nx = ceil((high[0] - x) / step) - west + 1, ny = ceil((y - low[1]) / step) - north + 1;
    if (!strcmp(crs, SQ_CRS_LONLAT) && nx * step > 180)
        return sq_fail(e, SQ_FAILED, "the grid crosses the date line or holds a pole, where MRMS's longitudes break off: "
                       "choose another place");
    if (!whole || nx > SQ_GRID_MAX || ny > SQ_GRID_MAX)
        return sq_fail(e, SQ_FAILED, "the grid lies where '%s' does not see it: choose one in or near North America", crs);
    *ret = (struct sq_grid){(int)nx, (int)ny, x + west * step, y - north * step, step, step, ""};
    snprintf(ret->crs, sizeof ret->crs, "%s", crs);
    return SQ_OK;
}

/* DIR/folder, made; then DIR/folder/name. */
static enum sq_status folder(const struct task *k, const char *name, struct sq_err *e)
{
    char path[SQ_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", k->dir, name) >= SQ_PATH_MAX)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", k->dir);
    return sq_publish_folder(path, e);
}

static enum sq_status file_path(const struct task *k, const char *name, char ret[SQ_PATH_MAX], struct sq_err *e)
{
    return snprintf(ret, SQ_PATH_MAX, "%s/%s", k->dir, name) >= SQ_PATH_MAX
               ? sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", k->dir)
               : SQ_OK;
}

/* "20260601120000" */
static const char *digits(int64_t t, char ret[32])
{
    char iso[32];
    int n = 0;
    sq_instant_iso(t, iso);
    for (const char *c = iso; *c; c++)
        if (*c >= '0' && *c <= '9')
            ret[n++] = *c;
    ret[n] = '\0';
    return ret;
}

/* A view's map, and room for `planes` of it. */
static enum sq_status prepare(const struct task *k, const struct sq_grid *g, int planes, struct sq_world_map *map,
                              float **ret, struct sq_err *e)
{
    void *block;
    enum sq_status s = sq_world_map_init(map, k->world, g, e);
    if (!s)
        s = sq_alloc(&block, sq_grid_cells(g) * (size_t)planes, sizeof(float), "a view of the world", e);
    if (!s)
        *ret = block;
    return s;
}

/* ---- MRMS ----------------------------------------------------------------------------------------------- */

#define MRMS_STEP_S 120
#define MRMS_MISSING (-3)

static enum sq_status write_mrms(const struct task *k, const struct sq_grid *g, int64_t t, const float *rate,
                                 struct sq_err *e)
{
    const struct sq_grib_product product = {
        .discipline = 209, .category = 6, .number = 1, .centre = 161, .tables = 255, .local_tables = 1,
        .significance = 3, .status = 2, .type = 7, .process = 8, .model = 97, .reference = t,
        .level_type = {102, 255}, .decimals = 1, .png = true};
    char name[96], path[SQ_PATH_MAX], text[32];
    struct sq_grib_file *f = NULL;
    digits(t, text);
    snprintf(name, sizeof name, "mrms/MRMS_PrecipRate_00.00_%.8s-%.6s.grib2", text, text + 8);
    enum sq_status s = file_path(k, name, path, e);
    if (!s)
        s = sq_grib_file_create(path, &f, e);
    if (!s)
        s = sq_grib_file_put(f, g, &product, rate, e);
    if (!s)
        s = sq_grib_file_publish(f, e);
    sq_grib_file_destroy(&f);
    *k->files += !s;
    return s;
}

static enum sq_status mrms(const struct task *k, struct sq_err *e)
{
    struct sq_grid g;
    struct sq_world_map map = {0};
    struct sq_radars *radars = NULL;
    float *rate = NULL;
    enum sq_status s = cover(&k->p->grid, SQ_CRS_LONLAT, -129.995, 54.995, 0.01, &g, e);
    if (!s)
        s = folder(k, "mrms", e);
    if (!s)
        s = prepare(k, &g, 1, &map, &rate, e);
    if (!s)
        s = sq_radars_create(k->world, &map, &radars, e);
    for (int64_t t = k->p->start; t <= k->end && !s; t += MRMS_STEP_S) {
        s = sq_radars_observe(radars, (double)t, rate, e);
        for (size_t i = 0; i < sq_grid_cells(&g) && !s; i++)
            if (isnan(rate[i]))
                rate[i] = MRMS_MISSING;
        if (!s)
            s = write_mrms(k, &g, t, rate, e);
    }
    sq_radars_destroy(&radars);
    sq_world_map_finish(&map);
    free(rate);
    return s;
}

/* ---- GOES ----------------------------------------------------------------------------------------------- */

#define GOES_STEP_S 300
#define GOES_SCAN_S 156 /* of CONUS */
#define GOES_LON (-75.0)

static enum sq_status goes(const struct task *k, struct sq_err *e)
{
    static const char crs[] = "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m +no_defs";
    const double pixel = SQ_ABI_PIXEL_RAD * SQ_ABI_HEIGHT_M;
    struct sq_grid g;
    struct sq_world_map map = {0};
    float *plane = NULL, *band[SQ_ABI_BANDS];
    enum sq_status s = cover(&k->p->grid, crs, 0.5 * pixel, -0.5 * pixel, pixel, &g, e);
    if (!s)
        s = folder(k, "goes", e);
    if (!s)
        s = prepare(k, &g, SQ_ABI_BANDS, &map, &plane, e);
    for (int b = 0; b < SQ_ABI_BANDS && !s; b++)
        band[b] = plane + (size_t)b * sq_grid_cells(&g);
    for (int64_t t = k->p->start; t <= k->end && !s; t += GOES_STEP_S) {
        char name[128] = "goes/", path[SQ_PATH_MAX];
        s = sq_abi_see(k->world, &map, t + GOES_SCAN_S / 2, band, e);
        sq_abi_name(t, t + GOES_SCAN_S, name + strlen(name));
        if (!s)
            s = file_path(k, name, path, e);
        if (!s)
            s = sq_abi_write(path, &g, GOES_LON, t, t + GOES_SCAN_S, band, e);
        *k->files += !s;
    }
    sq_world_map_finish(&map);
    free(plane);
    return s;
}

/* ---- HRRR ----------------------------------------------------------------------------------------------- */

enum { SURFACE = 1, PRESSURE = 100, HEIGHT = 103, ABOVE = 108, ATMOSPHERE = 200, NONE = 255 };

/* What HRRR calls each field; numbers of 192 and more are NCEP's own. */
static const struct {
    int category, number, type[2], level[2], decimals;
} hrrr_field[SQ_MODEL_FIELDS] = {
    [SQ_MODEL_RAIN] = {1, 7, {SURFACE, NONE}, {0, 0}, 6}, /* kg m-2 s-1 */
    [SQ_MODEL_U500] = {2, 2, {PRESSURE, NONE}, {50000, 0}, 2},
    [SQ_MODEL_V500] = {2, 3, {PRESSURE, NONE}, {50000, 0}, 2},
    [SQ_MODEL_U850] = {2, 2, {PRESSURE, NONE}, {85000, 0}, 2},
    [SQ_MODEL_V850] = {2, 3, {PRESSURE, NONE}, {85000, 0}, 2},
    [SQ_MODEL_U10] = {2, 2, {HEIGHT, NONE}, {10, 0}, 2},
    [SQ_MODEL_V10] = {2, 3, {HEIGHT, NONE}, {10, 0}, 2},
    [SQ_MODEL_STORM_U] = {2, 194, {HEIGHT, HEIGHT}, {0, 6000}, 2},
    [SQ_MODEL_STORM_V] = {2, 195, {HEIGHT, HEIGHT}, {0, 6000}, 2},
    [SQ_MODEL_OMEGA500] = {2, 8, {PRESSURE, NONE}, {50000, 0}, 3},
    [SQ_MODEL_LIFTED] = {7, 193, {ABOVE, ABOVE}, {18000, 0}, 1},
    [SQ_MODEL_CAPE] = {7, 6, {SURFACE, NONE}, {0, 0}, 0},
    [SQ_MODEL_PRESSURE] = {3, 0, {SURFACE, NONE}, {0, 0}, -1},
    [SQ_MODEL_T2] = {0, 0, {HEIGHT, NONE}, {2, 0}, 1},
    [SQ_MODEL_Q2] = {1, 0, {HEIGHT, NONE}, {2, 0}, 5},
    [SQ_MODEL_WATER] = {1, 3, {ATMOSPHERE, NONE}, {0, 0}, 1},
};

static struct sq_grib_product hrrr_product(int64_t run, int lead_h)
{
    return (struct sq_grib_product){.centre = 7, .tables = 2, .local_tables = 1, .significance = 1, .type = 1,
                                    .process = 2, .model = 83, .reference = run, .lead_h = lead_h};
}

/* The sums over the run and over the last hour, as HRRR has both. */
static enum sq_status put_sums(struct sq_grib_file *f, const struct sq_grid *g, int64_t run, int lead_h,
                               const float *total, const float *hour, struct sq_err *e)
{
    struct sq_grib_product product = hrrr_product(run, lead_h);
    product.category = 1;
    product.number = 8;
    product.level_type[0] = SURFACE;
    product.level_type[1] = NONE;
    product.decimals = 3;
    product.sum_h = lead_h;
    enum sq_status s = lead_h ? sq_grib_file_put(f, g, &product, total, e) : SQ_OK;
    product.sum_h = 1;
    return s || lead_h < 2 ? s : sq_grib_file_put(f, g, &product, hour, e);
}

static enum sq_status write_hrrr(const struct task *k, const struct sq_grid *g, int64_t run, int lead_h,
                                 float *const field[SQ_MODEL_FIELDS], const float *total, const float *hour,
                                 struct sq_err *e)
{
    char name[96], path[SQ_PATH_MAX], text[32];
    struct sq_grib_file *f = NULL;
    digits(run, text);
    snprintf(name, sizeof name, "hrrr/hrrr.%.8s.t%.2sz.wrfsfcf%02d.grib2", text, text + 8, lead_h);
    enum sq_status s = file_path(k, name, path, e);
    if (!s)
        s = sq_grib_file_create(path, &f, e);
    for (int i = 0; i < SQ_MODEL_FIELDS && !s; i++) {
        struct sq_grib_product product = hrrr_product(run, lead_h);
        product.category = hrrr_field[i].category;
        product.number = hrrr_field[i].number;
        memcpy(product.level_type, hrrr_field[i].type, sizeof product.level_type);
        memcpy(product.level, hrrr_field[i].level, sizeof product.level);
        product.decimals = hrrr_field[i].decimals;
        s = sq_grib_file_put(f, g, &product, field[i], e);
    }
    if (!s)
        s = put_sums(f, g, run, lead_h, total, hour, e);
    if (!s)
        s = sq_grib_file_publish(f, e);
    sq_grib_file_destroy(&f);
    *k->files += !s;
    return s;
}

#define QUARTERS 4 /* of an hour, from which it is summed */

/* One run: planes are the fields, then the sums. */
static enum sq_status hrrr_run(const struct task *k, const struct sq_world_map *map, int64_t run, float *plane,
                               struct sq_err *e)
{
    const size_t n = sq_grid_cells(&map->grid);
    float *field[SQ_MODEL_FIELDS], *rain[SQ_MODEL_FIELDS] = {NULL};
    float *total = plane + SQ_MODEL_FIELDS * n, *hour = total + n;
    enum sq_status s = SQ_OK;
    memset(total, 0, 2 * n * sizeof(float));
    for (int i = 0; i < SQ_MODEL_FIELDS; i++)
        field[i] = plane + (size_t)i * n;
    rain[SQ_MODEL_RAIN] = field[SQ_MODEL_RAIN];
    for (int lead_h = 0; lead_h <= k->p->lead_h && !s; lead_h++) {
        memset(hour, 0, n * sizeof(float));
        for (int q = 0; q < QUARTERS && lead_h && !s; q++) {
            s = sq_model_see(k->world, map, run, (lead_h - 1 + (q + 0.5) / QUARTERS) * HOUR, rain, e);
            for (size_t i = 0; i < n && !s; i++)
                hour[i] += rain[SQ_MODEL_RAIN][i] / QUARTERS;
        }
        for (size_t i = 0; i < n; i++)
            total[i] += hour[i];
        if (!s)
            s = sq_model_see(k->world, map, run, (double)lead_h * HOUR, field, e);
        for (size_t i = 0; i < n && !s; i++)
            field[SQ_MODEL_RAIN][i] /= HOUR; /* mm are kg m-2 */
        if (!s)
            s = write_hrrr(k, &map->grid, run, lead_h, field, total, hour, e);
    }
    return s;
}

static enum sq_status hrrr(const struct task *k, struct sq_err *e)
{
    static const char crs[] = "+proj=lcc +lat_0=38.5 +lon_0=-97.5 +lat_1=38.5 +lat_2=38.5 +R=6371229 +units=m +no_defs";
    struct sq_grid g;
    struct sq_world_map map = {0};
    float *plane = NULL;
    enum sq_status s = cover(&k->p->grid, crs, -2697520.14, -1587306.15, 3000, &g, e);
    if (!s)
        s = folder(k, "hrrr", e);
    if (!s)
        s = prepare(k, &g, SQ_MODEL_FIELDS + 2, &map, &plane, e);
    for (int64_t run = (k->p->start / HOUR - 2) * HOUR; run <= k->end && !s; run += HOUR)
        s = hrrr_run(k, &map, run, plane, e);
    sq_world_map_finish(&map);
    free(plane);
    return s;
}

enum sq_status sq_synth_folder(const char *dir, const struct sq_synth_params *given, unsigned views, int *ret_files,
                               struct sq_err *e)
{
    struct sq_synth_params p = *given;
    struct sq_world world;
    enum sq_status s = sq_synth_begin(&p, dir, &world, e);
    const struct task k = {&p, &world, dir, p.start + (int64_t)(p.n_frames - 1) * p.step_s, ret_files};
    if (!s)
        s = sq_publish_folder(dir, e);
    if (!s && views & SQ_SYNTH_MRMS)
        s = mrms(&k, e);
    if (!s && views & SQ_SYNTH_GOES)
        s = goes(&k, e);
    if (!s && views & SQ_SYNTH_HRRR)
        s = hrrr(&k, e);
    return s;
}
