#include "injuries.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance ---------------------------------------------------------------------------------------------- */

double chance_unit(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

int chance_below(uint64_t *seed, int n)
{
    return (int)(chance_unit(seed) * n);
}

double chance_between(uint64_t *seed, double lo, double hi)
{
    return lo + chance_unit(seed) * (hi - lo);
}

/* ---- what is hurt ---------------------------------------------------------------------------------------- */

static int below(struct trial *t, int n)
{
    return chance_below(&t->seed, n);
}

static double between(struct trial *t, double lo, double hi)
{
    return chance_between(&t->seed, lo, hi);
}

static void hurt(struct trial *t, int y, int x, float value)
{
    if (x < 0 || y < 0 || x >= t->nx || y >= t->ny)
        return;
    const size_t at = (size_t)y * (size_t)t->nx + (size_t)x;
    if (isnan(t->rate[at]) || t->rate[at] == value)
        return;
    t->rate[at] = value;
    t->hurt[at] = 1;
}

static float rate_at(const struct trial *t, int y, int x)
{
    return t->rate[(size_t)y * (size_t)t->nx + (size_t)x];
}

static void impossible(struct trial *t)
{
    static const float value[] = {INFINITY, -99, -0.4f, 5000};
    for (int i = 0; i < 40; i++)
        hurt(t, below(t, t->ny), below(t, t->nx), value[i % 4]);
}

static void spikes(struct trial *t)
{
    for (int i = 0; i < 20; i++)
        hurt(t, below(t, t->ny), below(t, t->nx), (float)between(t, 60, 300));
}

/* Onto dry cells: where it rains nobody could tell. */
static void speckle(struct trial *t)
{
    const int n = t->nx * t->ny / 300;
    for (int i = 0; i < n; i++) {
        const int y = below(t, t->ny), x = below(t, t->nx);
        if (rate_at(t, y, x) <= 0)
            hurt(t, y, x, (float)between(t, 0.3, 5));
    }
}

static void spoke(struct trial *t)
{
    const double phi = between(t, 0, 2 * M_PI), length = between(t, 60, 250), width = between(t, 1, 3), rate = between(t, 1, 20);
    const double x0 = between(t, 0.2, 0.8) * t->nx, y0 = between(t, 0.2, 0.8) * t->ny, start = between(t, 0, 20);
    for (int y = 0; y < t->ny; y++)
        for (int x = 0; x < t->nx; x++) {
            const double along = (x - x0) * cos(phi) + (y - y0) * sin(phi), off = (y - y0) * cos(phi) - (x - x0) * sin(phi);
            const float v = (float)(rate * between(t, 0.8, 1.2));
            if (along >= start && along <= start + length && fabs(off) <= width / 2 && rate_at(t, y, x) < v)
                hurt(t, y, x, v);
        }
}

enum stripe { DRY, CONSTANT, LOUD };

static void stripe(struct trial *t, enum stripe kind)
{
    const bool column = below(t, 2);
    const int width = 1 + below(t, 3), n = column ? t->nx : t->ny, first = below(t, n - 40) + 20;
    const float constant = (float)between(t, 1, 20);
    for (int y = column ? 0 : first; y < (column ? t->ny : first + width); y++)
        for (int x = column ? first : 0; x < (column ? first + width : t->nx); x++)
            hurt(t, y, x, kind == DRY ? 0 : kind == CONSTANT ? constant : 4 * rate_at(t, y, x));
}

static void stripe_dry(struct trial *t)
{
    stripe(t, DRY);
}

static void stripe_constant(struct trial *t)
{
    stripe(t, CONSTANT);
}

static void stripe_loud(struct trial *t)
{
    stripe(t, LOUD);
}

/* From a side of the grid inwards: a third to two thirds of it. */
static void half(struct trial *t, float value)
{
    const int side = below(t, 4), w = (int)(between(t, 0.33, 0.67) * t->nx), h = (int)(between(t, 0.33, 0.67) * t->ny);
    const int x0 = side == 1 ? t->nx - w : 0, x1 = side == 0 ? w : t->nx;
    const int y0 = side == 3 ? t->ny - h : 0, y1 = side == 2 ? h : t->ny;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            hurt(t, y, x, value);
}

static void half_dry(struct trial *t)
{
    half(t, 0);
}

static void half_missing(struct trial *t)
{
    half(t, NAN);
}

/* One radar of a composite: a disc. */
static void disc_dry(struct trial *t)
{
    const double r = between(t, 0.2, 0.35) * fmin(t->nx, t->ny), x0 = between(t, 0.2, 0.8) * t->nx, y0 = between(t, 0.2, 0.8) * t->ny;
    for (int y = 0; y < t->ny; y++)
        for (int x = 0; x < t->nx; x++)
            if (hypot(x - x0, y - y0) <= r)
                hurt(t, y, x, 0);
}

static void frozen(struct trial *t)
{
    memcpy(t->rate, t->event->frame[t->frame - 1].rate_mmh, sq_grid_cells(&t->event->grid) * sizeof *t->rate);
}

/* 20 to 100 km, or 10 to 50 cells where that is more. */
static void shifted(struct trial *t)
{
    const float *from = t->event->frame[t->frame].rate_mmh;
    const double phi = between(t, 0, 2 * M_PI), d = fmax(between(t, 20, 100) / t->cell_km, between(t, 10, 50));
    const int dx = (int)lround(d * cos(phi)), dy = (int)lround(d * sin(phi));
    for (int y = 0; y < t->ny; y++)
        for (int x = 0; x < t->nx; x++) {
            const int v = y - dy, u = x - dx;
            const bool in = u >= 0 && v >= 0 && u < t->nx && v < t->ny;
            t->rate[(size_t)y * (size_t)t->nx + (size_t)x] = in ? from[(size_t)v * (size_t)t->nx + (size_t)u] : NAN;
        }
}

/* The frame of another time, an hour and a half away or more; turned round where there is none. */
static void other_time(struct trial *t)
{
    const size_t n = sq_grid_cells(&t->event->grid);
    const int far = 5400 / t->event->step_s, own = t->frame;
    int k = below(t, t->event->n);
    for (int i = 0; i < t->event->n && (abs(k - own) < far || !t->event->frame[k].rate_mmh); i++)
        k = (k + 1) % t->event->n;
    memcpy(t->rate, t->event->frame[k].rate_mmh, n * sizeof *t->rate);
}

static void turned(struct trial *t)
{
    const float *from = t->event->frame[t->frame].rate_mmh;
    for (int y = 0; y < t->ny; y++)
        for (int x = 0; x < t->nx; x++)
            t->rate[(size_t)y * (size_t)t->nx + (size_t)x] = from[(size_t)(t->ny - 1 - y) * (size_t)t->nx + (size_t)x];
}

static void loud(struct trial *t)
{
    const float factor = below(t, 2) ? 4 : 0.25f;
    for (size_t i = 0; i < sq_grid_cells(&t->event->grid); i++)
        t->rate[i] *= factor;
}

const struct injury injuries[INJURIES] = {
    {"impossible rates, 40 cells", impossible, SQ_FAULT_NO_NUMBER, false, 0},
    {"spikes, 20 cells of 60 to 300 mm/h", spikes, SQ_FAULT_SPIKE, false, 0},
    {"radial spoke, 60 to 250 cells long, 1 to 3 wide", spoke, SQ_FAULT_SPOKE, false, 0},
    {"speckle, 0.3 % of the cells", speckle, SQ_FAULT_SPECKLE, false, 0},
    {"stripe, 1 to 3 wide: dry", stripe_dry, SQ_FAULT_STRIPE, false, 60},
    {"stripe: constant", stripe_constant, SQ_FAULT_STRIPE, false, 0},
    {"stripe: amplified by 4", stripe_loud, SQ_FAULT_STRIPE, false, 60},
    {"half delivered: 1/3 to 2/3 of the map dry", half_dry, SQ_FAULT_HALF, false, 500},
    {"half delivered: 1/3 to 2/3 missing", half_missing, SQ_FAULT_HALF, false, 500},
    {"half delivered: one radar's disc dry", disc_dry, SQ_FAULT_HALF, false, 500},
    {"frozen: the frame before, once more", frozen, SQ_FAULT_FROZEN, true, 0},
    {"shifted, 20 to 100 km", shifted, SQ_FAULT_SHIFTED, true, 0},
    {"far off: the frame of another time", other_time, SQ_FAULT_FAR, true, 0},
    {"far off: upside down", turned, SQ_FAULT_FAR, true, 0},
    {"far off: rates times 4, or a quarter", loud, SQ_FAULT_FAR, true, 0},
};
