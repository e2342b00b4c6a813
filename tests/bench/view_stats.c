#include "view_stats.h"
#include "views.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE = 256, CELLS = SIDE * SIDE, CELL_KM = 2 };

static const double lag_min[] = {-60, -30, -15, 0, 15, 30, 60}, lead_h[] = {1, 3, 6, 12};
static const int scale_km[] = {8, 32, 128};
enum { LAGS = sizeof lag_min / sizeof *lag_min, LEADS = sizeof lead_h / sizeof *lead_h,
       SCALES = sizeof scale_km / sizeof *scale_km };

enum { CLOUD, MODEL, AMOUNT = MODEL + SCALES, WIND, WATER };
const struct view_row view_row[VIEW_ROWS] = {
    [CLOUD] = {"cloud with rain, -60 -30 -15 0 15 30 60 min later", LAGS},
    [MODEL] = {"model with rain, 1 3 6 12 h ahead, of 8 km", LEADS},
    [MODEL + 1] = {"of 32 km", LEADS},
    [MODEL + 2] = {"of 128 km", LEADS},
    [AMOUNT] = {"model's rain, log2 of amount, off by", LEADS},
    [WIND] = {"model's wind at 850 hPa, m/s off its analysis", LEADS},
    [WATER] = {"model's precipitable water, mm off", LEADS},
};

/* Under the satellite, where no cloud is seen displaced; and in the middle of the continent. */
static const struct sq_grid below = {SIDE, SIDE, -255000, 255000, 2000, 2000,
                                     "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m +no_defs"};
static const struct sq_grid plains = {SIDE, SIDE, -255000, 255000, 2000, 2000,
                                      "+proj=laea +lat_0=36 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"};

static float log_rate(float rate)
{
    return log10f(fmaxf(rate, 0.1f) * 10);
}

/* Correlation of means of blocks of `side` cells. */
static double correlate(const float *a, const float *b, int side)
{
    const int n = SIDE / side, blocks = n * n;
    double a1 = 0, b1 = 0, aa = 0, bb = 0, ab = 0;
    for (int k = 0; k < blocks; k++) {
        double x = 0, y = 0;
        for (int r = 0; r < side; r++)
            for (int c = 0; c < side; c++) {
                size_t at = (size_t)(k / n * side + r) * SIDE + (size_t)(k % n * side + c);
                x += (double)a[at];
                y += (double)b[at];
            }
        a1 += x, b1 += y, aa += x * x, bb += y * y, ab += x * y;
    }
    return (ab - a1 * b1 / blocks) / sqrt((aa - a1 * a1 / blocks) * (bb - b1 * b1 / blocks));
}

static double mean(const float *v)
{
    double sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += (double)v[i];
    return sum / CELLS;
}

static double rms(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += (double)((a[i] - b[i]) * (a[i] - b[i]));
    return sqrt(sum / CELLS);
}

/* Correlation, in the air that moves, of how cold band 13 is with log rate. `plane`: SQ_ABI_BANDS + 2 of them. */
static enum sq_status cloud(uint64_t seed, int64_t t, float *plane, double (*ret)[VIEW_COLUMNS], struct sq_err *e)
{
    float *band[SQ_ABI_BANDS], *excess = plane + SQ_ABI_BANDS * CELLS, *kind = excess + CELLS, *cold = plane + 12 * CELLS;
    struct sq_world w;
    struct sq_world_map m = {0};
    sq_world_make(&w, seed, -75, 0);
    enum sq_status s = sq_world_map_init(&m, &w, &below, e);
    for (int b = 0; b < SQ_ABI_BANDS; b++)
        band[b] = plane + (size_t)b * CELLS;
    if (!s)
        s = sq_abi_see(&w, &m, t, band, e);
    for (int i = 0; i < CELLS && !s; i++)
        cold[i] = -cold[i];
    for (int l = 0; l < LAGS && !s; l++) {
        s = sq_world_render(&w, &m, (double)t, lag_min[l] * 60, NULL, excess, kind, e);
        for (int i = 0; i < CELLS && !s; i++)
            excess[i] = log_rate(sq_world_rate(excess[i], kind[i]));
        ret[CLOUD][l] = correlate(cold, excess, 4);
    }
    sq_world_map_finish(&m);
    return s;
}

/* `plane`: 6 of them: what fell and the analysis of the hour, then what an earlier run says of it. */
static enum sq_status model(uint64_t seed, int64_t t, float *plane, double (*ret)[VIEW_COLUMNS], struct sq_err *e)
{
    static const enum sq_model_field what[3] = {SQ_MODEL_RAIN, SQ_MODEL_U850, SQ_MODEL_WATER};
    float *field[2][SQ_MODEL_FIELDS] = {{NULL}}, *said = plane + 3 * CELLS;
    struct sq_world w;
    struct sq_world_map m = {0};
    sq_world_make(&w, seed, -97.5, 36);
    enum sq_status s = sq_world_map_init(&m, &w, &plains, e);
    for (int k = 0; k < 6; k++)
        field[k / 3][what[k % 3]] = plane + (size_t)k * CELLS;
    if (!s)
        s = sq_model_see(&w, &m, t, 0, field[0], e);
    if (!s)
        s = sq_world_render(&w, &m, (double)t, 0, NULL, plane, said, e);
    for (int i = 0; i < CELLS && !s; i++)
        plane[i] = sq_world_rate(plane[i], said[i]);
    const double fell = mean(plane);
    for (int i = 0; i < CELLS; i++)
        plane[i] = log_rate(plane[i]);
    for (int l = 0; l < LEADS && !s; l++) {
        s = sq_model_see(&w, &m, t - (int64_t)(lead_h[l] * 3600), lead_h[l] * 3600, field[1], e);
        ret[AMOUNT][l] = fabs(log2((mean(said) + 0.01) / (fell + 0.01)));
        for (int i = 0; i < CELLS; i++)
            said[i] = log_rate(said[i]);
        for (int j = 0; j < SCALES; j++)
            ret[MODEL + j][l] = correlate(plane, said, scale_km[j] / CELL_KM);
        ret[WIND][l] = rms(plane + CELLS, said + CELLS);
        ret[WATER][l] = rms(plane + 2 * CELLS, said + 2 * CELLS);
    }
    sq_world_map_finish(&m);
    return s;
}

enum sq_status view_stats(uint64_t seed, int64_t t, double ret[VIEW_ROWS][VIEW_COLUMNS], struct sq_err *e)
{
    void *plane;
    enum sq_status s = sq_alloc(&plane, (SQ_ABI_BANDS + 2) * CELLS, sizeof(float), "views", e);
    if (s)
        return s;
    s = cloud(seed, t, plane, ret, e);
    if (!s)
        s = model(seed, t, plane, ret, e);
    free(plane);
    return s;
}
