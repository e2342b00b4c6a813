/* A weather model of the simulated world. It starts from a state that is right in the large and vague in the small;
 * with lead the vagueness climbs the scales (E. Lorenz 1969), its rain drifts away from its place, and its amounts
 * from theirs. Its other fields follow from the same state by rules of thumb. */
#include "views.h"
#include "noise.h"
#include "core/crs.h"

#include <math.h>
#include <stdlib.h>

#define HOUR 3600.0
#define START_H 1.2  /* lead at which the error would be none */
#define KNOWN 4.0    /* lives after which a layer is lost, to 1/e */

/* ---- its error ------------------------------------------------------------------------------------------ */

static struct sq_world_error error_of(const struct sq_world *w, int64_t run, double lead_s)
{
    struct sq_world_error r = {.seed = sq_mix(w->seed ^ sq_mix((uint64_t)run))};
    const double lead_h = lead_s / HOUR, angle = 2 * M_PI * sq_unit(sq_mix(r.seed + 1));
    const double off_m = (5e3 + 4.5e3 * lead_h) * (0.4 + 1.2 * sq_unit(sq_mix(r.seed + 2)));
    for (int l = 0; l < SQ_WORLD_LAYERS; l++)
        r.spoil[l] = 1 - exp(-(lead_h + START_H) * HOUR / (KNOWN * w->layer[l].life_s));
    r.shift_m[0] = off_m * cos(angle);
    r.shift_m[1] = off_m * sin(angle);
    r.excess = (0.05 + 0.018 * lead_h) * (double)sq_gauss(sq_mix(r.seed + 3));
    return r;
}

/* The flow as the run has it: its waves in the wrong place, too strong or weak, and a wind of its own added. */
static struct sq_world flow_of(const struct sq_world *w, const struct sq_world_error *r, double lead_s)
{
    struct sq_world off = *w;
    const double lead_h = lead_s / HOUR;
    for (uint64_t i = 0; i < SQ_WORLD_WAVES; i++) {
        off.wave[i].phase += (0.1 + 0.03 * lead_h) * (double)sq_gauss(sq_mix(r->seed + 10 + i));
        off.wave[i].speed_ms *= 1 + (0.1 + 0.02 * lead_h) * (double)sq_gauss(sq_mix(r->seed + 20 + i));
    }
    for (uint64_t i = 0; i < 2; i++)
        off.wind_ms[i] += (0.7 + 0.15 * lead_h) * (double)sq_gauss(sq_mix(r->seed + 30 + i));
    return off;
}

/* ---- the air at a cell ---------------------------------------------------------------------------------- */

struct air {
    double u, v;           /* steering flow, m/s along the grid */
    double excess, kind;   /* of rain */
    double warmth;         /* of the day, [-1, 1] */
    double celsius;        /* of the season, here */
    double pressure;       /* Pa */
};

static double humid(const struct air *a)
{
    return 0.52 + 0.42 / (1 + exp(-1.2 * (a->excess + 0.8)));
}

static double celsius_of(const struct air *a)
{
    return a->celsius + 4.5 * a->warmth - 3 / (1 + exp(-2 * a->excess)) + 2 * a->kind;
}

static double turned(const struct air *a, double factor, double angle, bool north)
{
    return factor * (north ? sin(angle) * a->u + cos(angle) * a->v : cos(angle) * a->u - sin(angle) * a->v);
}

/* kg/kg at saturation (Magnus, D. Bolton 1980). */
static double saturated(double celsius, double pressure)
{
    return 0.622 * 611.2 * exp(17.67 * celsius / (celsius + 243.5)) / pressure;
}

static double lifted_of(const struct air *a)
{
    return 6 - 11 * a->kind - 1.5 * a->kind * a->warmth - 2 * humid(a);
}

/* Winds turn to the right with height, and grow. */
static double value_of(enum sq_model_field f, const struct air *a)
{
    switch (f) {
    case SQ_MODEL_RAIN:
        return (double)sq_world_rate((float)a->excess, (float)a->kind);
    case SQ_MODEL_U500:
    case SQ_MODEL_V500:
        return turned(a, 1.3, -0.12, f == SQ_MODEL_V500);
    case SQ_MODEL_U850:
    case SQ_MODEL_V850:
        return turned(a, 0.75, 0.2, f == SQ_MODEL_V850);
    case SQ_MODEL_U10:
    case SQ_MODEL_V10:
        return turned(a, 0.35, 0.6, f == SQ_MODEL_V10);
    case SQ_MODEL_STORM_U:
    case SQ_MODEL_STORM_V:
        return turned(a, 0.95, 0, f == SQ_MODEL_STORM_V);
    case SQ_MODEL_OMEGA500:
        return 0.08 - (0.25 + 0.9 * a->kind) / (1 + exp(-2.5 * a->excess));
    case SQ_MODEL_LIFTED:
        return lifted_of(a);
    case SQ_MODEL_CAPE:
        return fmax(0, -360 * lifted_of(a));
    case SQ_MODEL_PRESSURE:
        return a->pressure;
    case SQ_MODEL_T2:
        return 273.15 + celsius_of(a);
    case SQ_MODEL_Q2:
        return humid(a) * saturated(celsius_of(a), a->pressure);
    case SQ_MODEL_WATER:
        return 2500 * humid(a) * saturated(celsius_of(a), a->pressure) * (0.8 + 0.4 * a->kind);
    case SQ_MODEL_FIELDS:
        break;
    }
    return NAN;
}

/* ---- the map -------------------------------------------------------------------------------------------- */

/* Latitudes of the nodes. */
static enum sq_status node_latitudes(const struct sq_world_map *m, double **ret, struct sq_err *e)
{
    const size_t n = (size_t)m->mx * (size_t)m->my;
    struct sq_crs_map *map = NULL;
    void *block;
    enum sq_status s = sq_alloc(&block, 2 * n, sizeof(double), "latitudes", e);
    if (s)
        return s;
    double *x = block, *y = x + n;
    for (size_t i = 0; i < n; i++) {
        x[i] = sq_grid_x(&m->grid, (double)(i % (size_t)m->mx) * m->step);
        y[i] = sq_grid_y(&m->grid, (double)(i / (size_t)m->mx) * m->step);
    }
    s = sq_crs_map_create(m->grid.crs, SQ_CRS_LONLAT, &map, e);
    if (s) {
        free(block);
        return s;
    }
    sq_crs_forward(map, n, x, y);
    sq_crs_map_destroy(&map);
    for (size_t i = 0; i < n; i++)
        x[i] = y[i];
    *ret = x;
    return SQ_OK;
}

/* From east and north of the world's plane to columns and rows upwards of the grid: the way of one column to the right. */
static void along_grid(const struct sq_world_map *m, int row, int col, double *u, double *v)
{
    double a[2], b[2];
    sq_world_place(m, row, col, a);
    sq_world_place(m, row, col + 1, b);
    const double length = hypot(b[0] - a[0], b[1] - a[1]), c = (b[0] - a[0]) / length, s = (b[1] - a[1]) / length;
    const double x = *u * c + *v * s, y = -*u * s + *v * c;
    *u = x;
    *v = y;
}

static struct air air_at(const struct sq_world *w, const struct sq_world_map *m, const struct sq_world_error *r, double t,
                         const double *lat, int row, int col)
{
    struct air a = {.warmth = sq_world_warmth(w, t)};
    double p[2], flow[2];
    const double here = sq_world_between(m, lat, row, col);
    sq_world_place(m, row, col, p);
    const double x = p[0] - r->shift_m[0], y = p[1] - r->shift_m[1];
    sq_world_flow(w, t, x, y, flow);
    a.u = flow[0];
    a.v = flow[1];
    along_grid(m, row, col, &a.u, &a.v);
    const double year = fmod(t / 86400 / 365.25, 1), side = here < 0 ? -1 : 1;
    a.celsius = 27 - 0.0075 * here * here - side * 9 * cos(2 * M_PI * (year - 0.05)) * fmin(1, fabs(here) / 40);
    /* geostrophic, 40 % of the steering level's, on land some 200 m up */
    a.pressure = 98900 + 0.4 * 1.1 * side * 1e-4 * sq_world_stream(w, t, x, y);
    a.pressure = fmin(fmax(a.pressure, 94000), 104500);
    return a;
}

enum sq_status sq_model_see(const struct sq_world *w, const struct sq_world_map *m, int64_t run, double lead_s,
                            float *const field[SQ_MODEL_FIELDS], struct sq_err *e)
{
    const struct sq_world_error error = error_of(w, run, lead_s);
    const struct sq_world flow = flow_of(w, &error, lead_s);
    const double t = (double)run + lead_s;
    const size_t n = sq_grid_cells(&m->grid), nx = (size_t)m->grid.nx;
    double *lat = NULL;
    void *block;
    enum sq_status s = sq_alloc(&block, 2 * n, sizeof(float), "a model's sky", e);
    if (s)
        return s;
    float *excess = block, *kind = excess + n;
    s = sq_world_render(w, m, t, 0, &error, excess, kind, e);
    if (!s)
        s = node_latitudes(m, &lat, e);
    for (size_t i = 0; i < n && !s; i++) {
        struct air a = air_at(&flow, m, &error, t, lat, (int)(i / nx), (int)(i % nx));
        a.excess = (double)excess[i];
        a.kind = (double)kind[i];
        for (int f = 0; f < SQ_MODEL_FIELDS; f++)
            if (field[f])
                field[f][i] = (float)value_of((enum sq_model_field)f, &a);
    }
    free(lat);
    free(block);
    return s;
}
