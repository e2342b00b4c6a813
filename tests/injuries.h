/* Faults to put into radar frames, at places of chance: what quality control is tried with. */
#ifndef SQ_TESTS_INJURIES_H
#define SQ_TESTS_INJURIES_H

#include "core/cube.h"

struct trial {
    const struct sq_cube *event; /* as it came */
    int frame;                   /* the one to hurt, not the first */
    float *rate;                 /* its rates: to be changed */
    uint8_t *hurt;               /* (ny, nx): cells that were; not kept for whole frames */
    int nx, ny;
    double cell_km;
    uint64_t seed;               /* goes on */
};

struct injury {
    const char *name;
    void (*put)(struct trial *t);
    enum sq_fault why;
    bool frame;    /* the whole of it */
    int least_wet; /* cells of INJURY_MMH that it must hit to count: a dry stripe through dry land is none */
};

#define INJURY_MMH 0.1f

#define INJURIES 15
extern const struct injury injuries[INJURIES];

/* Chance: [0, 1), [0, n), [lo, hi). */
double chance_unit(uint64_t *seed);
int chance_below(uint64_t *seed, int n);
double chance_between(uint64_t *seed, double lo, double hi);

#endif
