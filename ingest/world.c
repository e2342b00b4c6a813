#include "world.h"
#include "noise.h"

#include <math.h>
#include <stdio.h>

#define KM 1e3
#define OUTER_M (100 * KM) /* spacing: waves of 250 km and more weaken with size */
#define CELL_M (8 * KM)    /* spacing: below it rain is smooth */
#define LIFE_POWER 0.93    /* a field's life goes with its spacing to this power */
#define STEP_S 1800.0      /* of trajectories; the flow changes over hundreds of kilometres and hours */

/* Even in [low, high); the state moves on. */
static double draw(uint64_t *state, double low, double high)
{
    return low + (high - low) * sq_unit(sq_mix(++*state));
}

/* What a standard Gaussian exceeds with probability p. */
static double quantile(double p)
{
    double low = -6, high = 6;
    while (high - low > 1e-9) {
        double mid = 0.5 * (low + high);
        *(0.5 * erfc(mid / M_SQRT2) > p ? &low : &high) = mid;
    }
    return low;
}

/* A mean wind from the west, mostly, with waves on it: long ones that make troughs and ridges, shorter ones that
 * make the shear within a storm. */
static void make_flow(struct sq_world *w, uint64_t *state)
{
    double heading = draw(state, -10, 60) * M_PI / 180, speed = draw(state, 6, 16);
    w->wind_ms[0] = speed * cos(heading);
    w->wind_ms[1] = speed * sin(heading);
    for (int i = 0; i < SQ_WORLD_WAVES; i++) {
        bool is_long = i < 2;
        double length = draw(state, is_long ? 1800 : 450, is_long ? 4000 : 1100) * KM;
        double angle = draw(state, 0, 2 * M_PI);
        w->wave[i].k[0] = 2 * M_PI / length * cos(angle);
        w->wave[i].k[1] = 2 * M_PI / length * sin(angle);
        w->wave[i].speed_ms = speed * draw(state, 0.1, is_long ? 0.35 : 0.2);
        w->wave[i].phase = draw(state, 0, 2 * M_PI);
        /* each moves with part of the mean wind */
        w->wave[i].rate = -draw(state, 0.3, 0.9) * (w->wave[i].k[0] * w->wind_ms[0] + w->wave[i].k[1] * w->wind_ms[1]);
    }
    double lie = heading + draw(state, 0.25, 0.75) * M_PI; /* bands lie across the flow, more or less */
    w->along[0] = cos(lie);
    w->along[1] = sin(lie);
}

/* Moisture, instability, then the cascade from 256 km down, every scale half of the one before; the sums into each field
 * have variance 1. Amplitudes follow a power law up to the outer scale, and fall beyond it, as the spectrum of T. von
 * Karman 1948 does. Lifetimes are a power of the scale (V. Venugopal, E. Foufoula-Georgiou, V. Sapozhnikov 1999; U.
 * Germann, I. Zawadzki 2002). Both powers and the outer scale are fitted to radar events (tests/bench/bench_world.c). */
static void make_layers(struct sq_world *w, uint64_t *state)
{
    const double large = 0.5 - 0.2 * w->convection, cells = 0.45 - 0.4 * w->convection;
    const double life = exp(draw(state, log(0.44), log(0.88))) * 3600, stretch = draw(state, 1, 2.2);
    double power[3] = {0};
    for (int i = 0; i < SQ_WORLD_LAYERS; i++) {
        struct sq_world_layer *l = &w->layer[i];
        const double turn = draw(state, 0, 2 * M_PI);
        *l = (struct sq_world_layer){.turn = {cos(turn), sin(turn)}, .offset = draw(state, 0, 1), .stretch = 1};
        if (i < 2) {
            l->spacing_m = i ? 480 * KM : 640 * KM;
            l->life_s = (i ? 20 : 24) * 3600;
            l->drift = i ? 0.6 : 0.8;
            l->amplitude = i ? 1 : 0.2;
            l->into = i ? 2 : 0;
        } else {
            l->spacing_m = ldexp(256 * KM, 2 - i);
            l->life_s = life * pow(l->spacing_m / CELL_M, LIFE_POWER);
            l->drift = 1;
            l->into = l->spacing_m < 50 * KM;
            l->amplitude = pow(l->spacing_m / (256 * KM), l->into ? cells : large);
            l->amplitude /= 1 + pow(l->spacing_m / OUTER_M, 2);
            if (l->spacing_m < CELL_M)
                l->amplitude *= pow(l->spacing_m / CELL_M, 0.8);
        }
        if (l->into == 0)
            l->stretch = stretch;
        power[l->into] += l->amplitude * l->amplitude;
    }
    for (int i = 0; i < SQ_WORLD_LAYERS; i++)
        w->layer[i].amplitude /= sqrt(power[w->layer[i].into]);
}

void sq_world_make(struct sq_world *w, uint64_t seed, double lon, double lat)
{
    uint64_t state = sq_mix(seed);
    *w = (struct sq_world){.seed = state, .lon = lon, .lat = lat};
    snprintf(w->crs, sizeof w->crs, "+proj=aeqd +lat_0=%.6f +lon_0=%.6f +datum=WGS84 +units=m +no_defs", lat, lon);
    w->convection = draw(&state, 0, 1);
    w->coverage = exp(draw(&state, log(0.075), log(0.38))) * (1.15 - 0.55 * w->convection);
    w->level = quantile(w->coverage);
    make_flow(w, &state);
    make_layers(w, &state);
}

void sq_world_flow(const struct sq_world *w, double t, double x, double y, double ret[2])
{
    ret[0] = w->wind_ms[0];
    ret[1] = w->wind_ms[1];
    for (int i = 0; i < SQ_WORLD_WAVES; i++) {
        const double *k = w->wave[i].k, size = hypot(k[0], k[1]);
        double v = w->wave[i].speed_ms * cos(k[0] * x + k[1] * y + w->wave[i].phase + w->wave[i].rate * t);
        ret[0] -= v * k[1] / size; /* across the wave: no divergence */
        ret[1] += v * k[0] / size;
    }
}

double sq_world_stream(const struct sq_world *w, double t, double x, double y)
{
    double sum = w->wind_ms[1] * x - w->wind_ms[0] * y;
    for (int i = 0; i < SQ_WORLD_WAVES; i++) {
        const double *k = w->wave[i].k;
        sum += w->wave[i].speed_ms / hypot(k[0], k[1]) *
               sin(k[0] * x + k[1] * y + w->wave[i].phase + w->wave[i].rate * t);
    }
    return sum;
}

void sq_world_trace(const struct sq_world *w, double drift, double from, double to, size_t n, double *x, double *y)
{
    const int steps = (int)ceil(fabs(to - from) / STEP_S);
    const double h = steps ? (to - from) / steps : 0;
    for (int s = 0; s < steps; s++)
        for (size_t i = 0; i < n; i++) {
            double t = from + s * h, u[2];
            sq_world_flow(w, t, x[i], y[i], u); /* the midpoint rule */
            sq_world_flow(w, t + 0.5 * h, x[i] + 0.5 * h * drift * u[0], y[i] + 0.5 * h * drift * u[1], u);
            x[i] += h * drift * u[0];
            y[i] += h * drift * u[1];
        }
}

double sq_world_warmth(const struct sq_world *w, double t)
{
    double hour = fmod(t / 3600 + w->lon / 15, 24);
    return cos((hour - 16) * M_PI / 12);
}

/* From events, whose rates and wet fractions give the excess of each quantile: the logarithm of the rate over its least
 * goes with the root of the excess, from one event to the next 2.3 to 4.1 times, the steadier the rain, the less. Edges
 * are steep: rain that comes where none was is soon heavy. */
float sq_world_rate(float excess, float kind)
{
    if (!(excess >= 0))
        return isnan(excess) ? excess : 0;
    return fminf(180, 0.1f * expf((3.0f + 2.0f * kind) * sqrtf(excess)));
}
