/* For tests that score: made-up rain and forecasts, netCDF files of them, and the independent scorer. */
#ifndef SQ_TESTS_SCORER_H
#define SQ_TESTS_SCORER_H

#include "nc.h"

#include "core/distribution.h"
#include "core/forecast.h"

/* ---- a small generator, and shapes to fill ----------------------------------------------------------- */

#define MADE_CRS "+proj=laea +lat_0=55 +lon_0=10 +ellps=WGS84 +units=m +no_defs"

static inline double made_uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

static inline struct sq_forecast made_forecast(int nx, int ny, double cell_m)
{
    struct sq_forecast f = {.grid = {nx, ny, 0, 0, cell_m, cell_m, MADE_CRS},
                            .cell_m = {cell_m, cell_m},
                            .n_threshold = SQ_THRESHOLDS};
    memcpy(f.threshold_mmh, sq_thresholds_mmh, sizeof sq_thresholds_mmh);
    return f;
}

/* Rain in blobs of about `wave` cells, dry in between, steps of 0.01 mm/h. */
static inline float made_rain(uint64_t seed, int x, int y, double wave)
{
    double a = made_uniform(&seed) * 7, b = made_uniform(&seed) * 7;
    double v = 3.5 * sin(x / wave + a) * cos(y / wave + b) + sin(x / wave * 3.1 + b) + 0.5 * cos(y * 1.7 + a);
    return v > 0 ? (float)(rint(100 * (exp(v) - 0.95)) / 100) : 0;
}

/* Probabilities that fall with threshold round a shifted blob of an event of these cells from (0, 0). */
static inline void made_lead(struct sq_lead *l, const struct sq_forecast *f, double cell_m, uint64_t seed,
                             int shift, double width)
{
    size_t cells = sq_grid_cells(&f->grid);
    struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    for (int y = 0; y < f->grid.ny; y++)
        for (int x = 0; x < f->grid.nx; x++) {
            size_t i = (size_t)y * (size_t)f->grid.nx + (size_t)x;
            int col = (int)(sq_grid_x(&f->grid, x) / cell_m), row = (int)(-sq_grid_y(&f->grid, y) / cell_m);
            float at = logf(0.05f + made_rain(seed, col + shift, row - shift, 9)), p[SQ_THRESHOLD_MAX];
            for (int k = 0; k < f->n_threshold; k++) {
                p[k] = 1 / (1 + expf((logf(f->threshold_mmh[k]) - at) / (float)width));
                l->prob[(size_t)k * cells + i] = p[k] < 0.02f ? 0 : p[k];
            }
            l->mean[i] = sq_distribution_mean(&d, p);
        }
}

/* ---- netCDF ------------------------------------------------------------------------------------------- */

/* Defines a float variable over the last n of the dimensions (outermost first), returns its id. */
static inline int netcdf_float(int nc, const char *name, int n, const int *dims)
{
    int v;
    float fill = NAN;
    NC(nc_def_var(nc, name, NC_FLOAT, n, dims, &v));
    NC(nc_put_att_float(nc, v, "_FillValue", NC_FLOAT, 1, &fill));
    return v;
}

static inline int netcdf_time(int nc, const char *name, int n, const int *dims)
{
    int v;
    const char *unit = "seconds since 1970-01-01 00:00:00";
    NC(nc_def_var(nc, name, NC_INT64, n, dims, &v));
    NC(nc_put_att_text(nc, v, "units", strlen(unit), unit));
    return v;
}

static inline void netcdf_axes(int nc, const struct sq_grid *g, const int dims[2])
{
    for (int a = 0; a < 2; a++) {
        int v, n = a ? g->nx : g->ny;
        NC(nc_def_var(nc, a ? "x" : "y", NC_DOUBLE, 1, &dims[a], &v));
        NC(nc_enddef(nc));
        for (size_t i = 0; i < (size_t)n; i++) {
            double at = a ? sq_grid_x(g, (double)i) : sq_grid_y(g, (double)i);
            NC(nc_put_var1_double(nc, v, &i, &at));
        }
        NC(nc_redef(nc));
    }
}

/* As squall reads it, and as the scorer does. */
static inline void netcdf_event(const char *path, const struct sq_grid *g, int64_t t0, int step_s, int n,
                                const float *rate)
{
    int nc, d[3], v, time;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "time", (size_t)n, &d[0]));
    NC(nc_def_dim(nc, "y", (size_t)g->ny, &d[1]));
    NC(nc_def_dim(nc, "x", (size_t)g->nx, &d[2]));
    time = netcdf_time(nc, "time", 1, d);
    v = netcdf_float(nc, "rain_rate", 3, d);
    NC(nc_put_att_text(nc, v, "units", 6, "mm h-1"));
    NC(nc_put_att_text(nc, NC_GLOBAL, "proj_string", strlen(MADE_CRS), MADE_CRS));
    netcdf_axes(nc, g, d + 1);
    NC(nc_enddef(nc));
    for (size_t i = 0; i < (size_t)n; i++) {
        long long t = t0 + (int64_t)i * step_s;
        NC(nc_put_var1_longlong(nc, time, &i, &t));
    }
    NC(nc_put_var_float(nc, v, rate));
    NC(nc_close(nc));
}

/* ---- the scorer --------------------------------------------------------------------------------------- */

/* Path of the independent scorer, or NULL where it or what it needs is not at hand. */
static inline const char *scorer_path(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/../shared/score.py", SQ_SOURCE_DIR);
    if (access(path, R_OK) ||
        system("/usr/bin/python3 -c 'import numpy, scipy.ndimage, netCDF4' 2>/dev/null"))
        return NULL;
    return path;
}
#define NEED_SCORER()                                                                                        \
    do {                                                                                                     \
        if (!scorer_path()) {                                                                                \
            print_message("# no ../shared/score.py with numpy, scipy and netCDF4: skipped\n");               \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

static inline void run(const char *format, ...) SQ_PRINTF(1, 2);
static inline void run(const char *format, ...)
{
    char command[16384];
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    if (system(command))
        fail_msg("%s", command);
}

#endif
