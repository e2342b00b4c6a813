/* Simulated weather. A Gaussian-like field is summed from octaves of lattice noise, each with its own size,
 * strength and lifetime: large patterns live for hours, single cells for minutes. It rides on a wind that
 * circles round a distant low, faster towards the outside, so that paths are known in closed form. Where the
 * field is high it rains: log rate rises linearly above the level that leaves `WET` of the disc wet. */
#include "ingest.h"
#include "core/crs.h"
#include "rain_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define OCTAVES 7
#define LARGEST_M 192e3 /* lattice spacing of the first octave; each further one has half of it */
#define ROUGHNESS 0.5   /* amplitude ~ spacing^ROUGHNESS: a power-law spectrum, as radar rain has */
#define LIFE_S 5400.0   /* of patterns of 48 km; lifetime ~ spacing^0.8 */
#define STRETCH 1.5     /* patterns are longer than wide */
#define WET 0.18        /* fraction of the view with at least DRIZZLE */
#define DRIZZLE_MMH 0.1
#define PEAK_MMH 50.0   /* rate that one place in 10,000 exceeds */
#define MOST_MMH 120.0
#define DISC 0.47       /* radius of the radar's view in shorter sides of the grid */
#define SAMPLES 40000   /* places by which the level is found */

struct storm {
    const struct sq_grid *grid;
    double cell_m[2];
    uint64_t seed;
    double low[2];                 /* centre of the circling wind, m from the middle of the grid */
    double speed_ms, radius_m;     /* at the middle of the grid */
    double shear;                  /* relative rise of angular speed over one radius */
    double turn[OCTAVES][2];       /* cosine, sine: each lattice is turned, so that none shows */
    double along[2];               /* unit vector of the long side of patterns */
    double level, slope;           /* log(rate / DRIZZLE) = slope (field - level) */
};

/* splitmix64: a permutation of 64 bits that leaves no pattern. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* [0, 1) */
static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* The value of a lattice point, [-1, 1). */
static double lattice(uint64_t key, int64_t i, int64_t j, int64_t k)
{
    uint64_t place = (uint64_t)i * 0x8da6b343u ^ (uint64_t)j * 0xd8163841cb1ab7b9u ^ (uint64_t)k << 48;
    return 2 * unit(mix(key ^ mix(place))) - 1;
}

static double ease(double f)
{
    return f * f * f * (f * (6 * f - 15) + 10);
}

/* Noise at (x, y) in units of the lattice. In time two lattices are crossfaded with constant power. */
static double noise(uint64_t key, double x, double y, double t)
{
    double i = floor(x), j = floor(y), k = floor(t);
    double fx = ease(x - i), fy = ease(y - j), ft = t - k;
    double sum = 0;
    for (int n = 0; n < 2; n++) {
        double weight = n ? sin(ft * M_PI_2) : cos(ft * M_PI_2);
        int64_t a = (int64_t)i, b = (int64_t)j, c = (int64_t)k + n;
        double south = lattice(key, a, b, c) * (1 - fx) + lattice(key, a + 1, b, c) * fx;
        double north = lattice(key, a, b + 1, c) * (1 - fx) + lattice(key, a + 1, b + 1, c) * fx;
        sum += weight * (south * (1 - fy) + north * fy);
    }
    return sum;
}

/* Where the air that is at p (m from the middle) at t was at time 0: the circle about the low, undone. */
static void origin(const struct storm *s, double t, const double p[2], double ret[2])
{
    double dx = p[0] - s->low[0], dy = p[1] - s->low[1];
    double r = hypot(dx, dy);
    double angle = -t * s->speed_ms / s->radius_m * (1 + s->shear * (r / s->radius_m - 1));
    ret[0] = s->low[0] + cos(angle) * dx - sin(angle) * dy;
    ret[1] = s->low[1] + sin(angle) * dx + cos(angle) * dy;
}

static double field_at(const struct storm *s, double t, const double p[2])
{
    double o[2], sum = 0, spacing = LARGEST_M, amplitude = 1;
    origin(s, t, p, o);
    double u = (o[0] * s->along[0] + o[1] * s->along[1]) / STRETCH;
    double v = o[1] * s->along[0] - o[0] * s->along[1];
    for (int k = 0; k < OCTAVES; k++) {
        double x = (u * s->turn[k][0] - v * s->turn[k][1]) / spacing;
        double y = (u * s->turn[k][1] + v * s->turn[k][0]) / spacing;
        double life_s = LIFE_S * pow(spacing / 48e3, 0.8);
        sum += amplitude * noise(mix(s->seed + (uint64_t)k), x, y, t / life_s);
        spacing /= 2;
        amplitude *= exp2(-ROUGHNESS);
    }
    return sum;
}

/* Metres east and north of the middle of the grid. */
static void place(const struct storm *s, int row, int col, double ret[2])
{
    ret[0] = (col - 0.5 * (s->grid->nx - 1)) * s->cell_m[0];
    ret[1] = (0.5 * (s->grid->ny - 1) - row) * s->cell_m[1];
}

static double view_m(const struct storm *s)
{
    return DISC * fmin(s->grid->nx * s->cell_m[0], s->grid->ny * s->cell_m[1]);
}

static void weather(struct storm *s)
{
    uint64_t state = s->seed;
    double heading = (20 + 50 * unit(mix(++state))) * M_PI / 180; /* from the south-west, as most rain comes */
    s->speed_ms = 8 + 8 * unit(mix(++state));
    s->radius_m = 600e3 + 600e3 * unit(mix(++state));
    s->shear = 0.3 * unit(mix(++state));
    s->low[0] = -sin(heading) * s->radius_m; /* the low lies to the left */
    s->low[1] = cos(heading) * s->radius_m;
    double along = heading + M_PI_2 * (0.5 + unit(mix(++state)));
    s->along[0] = cos(along);
    s->along[1] = sin(along);
    for (int k = 0; k < OCTAVES; k++) {
        double turn = 2 * M_PI * unit(mix(++state));
        s->turn[k][0] = cos(turn);
        s->turn[k][1] = sin(turn);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Finds level and slope from places picked all over the radar's view and the time. */
static enum sq_status calibrate(struct storm *s, double span_s, struct sq_err *e)
{
    void *block;
    uint64_t state = ~s->seed;
    enum sq_status bad = sq_alloc(&block, SAMPLES, sizeof(double), "a sample of the storm", e);
    if (bad)
        return bad;
    double *v = block;
    for (int i = 0; i < SAMPLES; i++) {
        double r = view_m(s) * sqrt(unit(mix(++state))), angle = 2 * M_PI * unit(mix(++state));
        double t = (unit(mix(++state)) - 0.5) * span_s;
        v[i] = field_at(s, t, (double[]){r * cos(angle), r * sin(angle)});
    }
    qsort(v, SAMPLES, sizeof *v, ascending);
    s->level = v[(int)((1 - WET) * SAMPLES)];
    double top = v[(int)(0.9999 * SAMPLES)];
    s->slope = log(PEAK_MMH / DRIZZLE_MMH) / fmax(top - s->level, 1e-3);
    free(v);
    return SQ_OK;
}

static float rate_at(const struct storm *s, double t, int row, int col)
{
    double p[2];
    place(s, row, col, p);
    if (hypot(p[0], p[1]) > view_m(s))
        return NAN;
    double above = field_at(s, t, p) - s->level;
    return above < 0 ? 0 : (float)fmin(MOST_MMH, DRIZZLE_MMH * exp(s->slope * above));
}

static enum sq_status write_frames(const struct storm *s, const struct sq_synth_params *p, int n_frames,
                                   int step_s, struct sq_rain_file *file, struct sq_err *e)
{
    void *block;
    enum sq_status bad = sq_alloc(&block, sq_grid_cells(s->grid), sizeof(float), "a frame", e);
    if (bad)
        return bad;
    float *rate = block;
    for (int i = 0; i < n_frames && !bad; i++) {
        double t = (i - 0.5 * (n_frames - 1)) * step_s; /* the weather is made for the middle of the time */
        for (int row = 0; row < s->grid->ny; row++)
            for (int col = 0; col < s->grid->nx; col++)
                rate[(size_t)row * (size_t)s->grid->nx + (size_t)col] = rate_at(s, t, row, col);
        bad = sq_rain_file_put(file, p->start + (int64_t)i * step_s, rate, e);
    }
    free(rate);
    return bad;
}

enum sq_status sq_synth_write(const char *path, const struct sq_synth_params *p, struct sq_err *e)
{
    struct storm storm = {.grid = &p->grid, .seed = mix(p->seed)};
    struct sq_rain_file *file = NULL;
    const int n_frames = p->n_frames ? p->n_frames : 24, step_s = p->step_s ? p->step_s : 300;
    char source[128];
    snprintf(source, sizeof source, "squall " SQ_VERSION " synth, seed %llu", (unsigned long long)p->seed);
    enum sq_status s = sq_grid_check(&p->grid, path, e);
    if (!s)
        s = sq_crs_cell_m(&p->grid, storm.cell_m, e);
    if (s)
        return s;
    weather(&storm);
    s = calibrate(&storm, (double)n_frames * step_s, e);
    if (!s)
        s = sq_rain_file_create(path, &p->grid, n_frames, "simulated rain", source, &file, e);
    if (!s)
        s = write_frames(&storm, p, n_frames, step_s, file, e);
    if (!s)
        s = sq_rain_file_publish(file, e);
    sq_rain_file_destroy(&file);
    return s;
}
