/* Small forecasts for tests: every kind of map projection, cells without forecast, dry ones and rain. */
#ifndef SQ_TESTS_SMALL_FORECAST_H
#define SQ_TESTS_SMALL_FORECAST_H

#include "test.h"

#include "serve.h"

#include "core/log.h"

#include <sys/stat.h>

static const struct small_grid {
    const char *name, *mapping, *crs;
    int nx, ny;
    double x0, y0, cell;
} small_grids[] = {
    {"lcc", "lambert_conformal_conic",
     "+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6371229 +units=m +no_defs", 40, 30, -100000,
     50000, 3000},
    {"lonlat", "latitude_longitude", "+proj=longlat +datum=WGS84 +no_defs", 40, 30, -129.995, 54.995, 0.01},
    {"somerc", "oblique_mercator",
     "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +k_0=1 +x_0=600000 +y_0=200000 +ellps=bessel "
     "+towgs84=674.374,15.056,405.346,0,0,0,0 +units=m +no_defs",
     31, 24, 255500, 479500, 1000},
    {"stere", "polar_stereographic",
     "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +a=6378137 +b=6356752 +x_0=0 +y_0=0 +units=m +no_defs", 30, 36, 500,
     -3650500, 1000},
    {"laea", "lambert_azimuthal_equal_area",
     "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +datum=WGS84 +units=m +no_defs", 38, 44, 50000,
     -50000, 100000},
    {"aea", "albers_conical_equal_area",
     "+proj=aea +lat_0=-37.852 +lon_0=144.752 +lat_1=-18 +lat_2=-36 +x_0=0 +y_0=0 +ellps=GRS80 +units=m +no_defs",
     30, 24, -10000, 10000, 500},
};
enum { SMALL_GRIDS = sizeof small_grids / sizeof *small_grids };

static inline struct sq_forecast small_forecast(const struct small_grid *g)
{
    struct sq_forecast f = {.grid = {.nx = g->nx, .ny = g->ny, .x0 = g->x0, .y0 = g->y0, .dx = g->cell, .dy = g->cell},
                            .issue_time = 1468274400, /* 2016-07-11T22:00Z */
                            .n_lead = 3,
                            .n_threshold = 4,
                            .n_percentile = 3,
                            .lead_s = {300, 600, 900},
                            .threshold_mmh = {0.1f, 1, 5, 10},
                            .percentile = {10, 50, 90},
                            .method = "network",
                            .model = "small",
                            .model_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                            .institution = "Institut f\xc3\xbcr Regen"};
    size_t n = sq_grid_cells(&f.grid);
    snprintf(f.grid.crs, sizeof f.grid.crs, "%s", g->crs);
    f.inputs_used = strdup("2016-07-11T21:55:00Z 2016-07-11T22:00:00Z");
    f.inputs_missing = strdup("2016-07-11T21:50:00Z");
    f.quality = malloc(n);
    f.observed = malloc(n * sizeof *f.observed);
    REQUIRE(f.quality && f.observed && f.inputs_used && f.inputs_missing);
    for (size_t i = 0; i < n; i++) {
        f.quality[i] = (uint8_t)(i % 4);
        f.observed[i] = i % 4 < 2 ? NAN : i % 3 ? 0 : 0.07f * (float)(i % 1000);
    }
    return f;
}

/* West: no forecast. Middle: dry. East: rain that comes closer with the lead, and to the south. */
static inline void small_lead(const struct sq_forecast *f, int lead, struct sq_lead *l)
{
    size_t n = sq_grid_cells(&f->grid);
    for (size_t i = 0; i < n; i++) {
        float x = (float)(i % (size_t)f->grid.nx) / (float)f->grid.nx;
        float y = (float)(i / (size_t)f->grid.nx) / (float)f->grid.ny;
        float wet = x > 0.6f ? (x - 0.6f) * (0.5f + y) * (1 + 0.3f * (float)lead) : 0;
        for (int k = 0; k < f->n_threshold; k++)
            l->prob[(size_t)k * n + i] = x < 0.3f ? NAN : fminf(1, 2 * wet / sqrtf(f->threshold_mmh[k]));
        for (int k = 0; k < f->n_percentile; k++)
            l->rate[(size_t)k * n + i] = x < 0.3f ? NAN : wet * wet * f->percentile[k];
        l->mean[i] = x < 0.3f ? NAN : 37.123f * wet;
    }
}

/* Writes f with `leads` of its leads put, and publishes. */
static inline enum sq_status small_write(const char *path, const struct sq_forecast *f, int leads, struct sq_err *e)
{
    struct sq_product_writer *w = NULL;
    struct sq_lead l = {0};
    enum sq_status status = sq_lead_init(&l, f, e);
    if (!status)
        status = sq_product_create(path, f, &w, e);
    for (int k = 0; k < leads && !status; k++) {
        small_lead(f, k, &l);
        status = sq_product_put(w, k, &l, e);
    }
    if (!status)
        status = sq_product_publish(w, e);
    sq_product_destroy(&w);
    sq_lead_finish(&l);
    return status;
}

static inline long size_of(const char *path)
{
    struct stat st;
    REQUIRE(!stat(path, &st));
    return (long)st.st_size;
}

/* As others leave it who copy or change a forecast. */
static inline void small_unseal(const char *path)
{
    REQUIRE(!truncate(path, size_of(path) - 16));
}

static inline char *slurp(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    *ret_n = (size_t)size_of(path);
    char *bytes = malloc(*ret_n);
    REQUIRE(f && bytes && fread(bytes, 1, *ret_n, f) == *ret_n && !fclose(f));
    return bytes;
}

static inline void put_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

#endif
