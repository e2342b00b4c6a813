/* The simulated world: weather that is there whether or not anyone looks.
 *
 * Rain is a multiplicative cascade: its logarithm is a sum of Gaussian fields, one a scale, each with its own
 * lifetime, in the moving frame (as in S-PROG and STEPS: A. Seed 2003; N. Bowler, C. Pierce, A. Seed 2006). The
 * large-scale flow is free of divergence and changes slowly; every field is carried along it to and from the moments
 * at which it is drawn. A seed is one world; what it holds at a place and a time depends on nothing else: not on the
 * grid, not on what was asked before, not on threads. */
#ifndef SQ_INGEST_WORLD_H
#define SQ_INGEST_WORLD_H

#include "core/grid.h"

#include <stdint.h>

enum { SQ_WORLD_LAYERS = 12, SQ_WORLD_WAVES = 5 };

/* One field of the cascade. */
struct sq_world_layer {
    double spacing_m;      /* of its lattice; it holds waves of about 2.5 times that */
    double life_s;         /* from one draw to the next, between which it is cross-faded */
    double drift;          /* share of the flow that carries it */
    double amplitude;
    double stretch;        /* bands: patterns are longer than wide, along sq_world's `along` */
    double turn[2];        /* cosine, sine: each lattice is turned, so that none shows */
    double offset;         /* of its draws in time, [0, 1) */
    int into;              /* 0 large, 1 small, 2 kind */
};

struct sq_world {
    uint64_t seed;
    double lon, lat;           /* its middle */
    char crs[SQ_CRS_MAX];      /* its plane: metres east and north of the middle */
    double convection;         /* [0, 1]: drizzle to thunderstorms, on the whole */
    double coverage, level;    /* fraction that rains on the whole, and what a Gaussian has to exceed for that */
    double wind_ms[2];         /* mean flow */
    struct {
        double k[2];           /* rad/m */
        double speed_ms;       /* amplitude of the velocity */
        double phase, rate;    /* rad, rad/s */
    } wave[SQ_WORLD_WAVES];
    double along[2];           /* unit vector along bands of rain */
    struct sq_world_layer layer[SQ_WORLD_LAYERS];
};

/* The world of a seed with its middle at lon, lat (degrees). */
void sq_world_make(struct sq_world *w, uint64_t seed, double lon, double lat);

/* Flow at a place of the plane: m/s east and north. */
void sq_world_flow(const struct sq_world *w, double t, double x, double y, double ret[2]);

/* The stream function of that flow, m2/s; u = -d/dy, v = d/dx. */
double sq_world_stream(const struct sq_world *w, double t, double x, double y);

/* Where the air that is at (x[i], y[i]) at time `from` is at time `to`, carried by `drift` of the flow. In place. */
void sq_world_trace(const struct sq_world *w, double drift, double from, double to, size_t n, double *x, double *y);

/* cos of the local solar hour's distance from 16:00: 1 when convection is strongest, -1 in the small hours. */
double sq_world_warmth(const struct sq_world *w, double t);

/* A grid laid on the world. */
struct sq_world_map {
    struct sq_grid grid;
    double cell_m;       /* the smaller side of a cell */
    int step, mx, my;    /* cells between nodes, nodes; node (i, j) is cell (i * step, j * step) */
    double *x, *y;       /* (my, mx), plane metres */
};

/* Fails where the grid reaches beyond what its projection can say. Caller finishes *ret. */
enum sq_status sq_world_map_init(struct sq_world_map *ret, const struct sq_world *w, const struct sq_grid *g,
                                 struct sq_err *e) SQ_CHECK;
void sq_world_map_finish(struct sq_world_map *m);

/* A node field (my, mx) at a cell: bilinear. */
double sq_world_between(const struct sq_world_map *m, const double *node, double row, double col);

/* A cell's place on the plane. */
void sq_world_place(const struct sq_world_map *m, double row, double col, double ret[2]);

/* How a forecast errs about the world; zeroed: not at all. */
struct sq_world_error {
    uint64_t seed;                     /* of the run */
    double spoil[SQ_WORLD_LAYERS];     /* share of each layer's variance that is not the world's, [0, 1] */
    double shift_m[2];                 /* phase: where it puts what is at the origin */
    double excess;                     /* amplitude: added to excess */
};

/* The weather at t on a map: `excess` (ny, nx) by how many deviations it exceeds the level of rain, `kind` (ny, nx)
 * 0 stratiform to 1 convective. `ahead_s`: the state which the air that is there now will have then. */
enum sq_status sq_world_render(const struct sq_world *w, const struct sq_world_map *m, double t, double ahead_s,
                               const struct sq_world_error *error, float *excess, float *kind,
                               struct sq_err *e) SQ_CHECK;

/* Rain rate, mm/h; 0 where excess < 0. */
float sq_world_rate(float excess, float kind);

#endif
