/* Cubes made by tests. */
#ifndef SQ_TESTS_MODEL_MADE_H
#define SQ_TESTS_MODEL_MADE_H

#include "core/cube.h"

#include <stdlib.h>

/* Dry frames every 5 minutes on cells of 1 km. */
static inline void made_cube(struct sq_cube *c, int nx, int ny, int frames)
{
    *c = (struct sq_cube){.cell_m = {1000, 1000}, .step_s = 300, .n = frames};
    c->grid = (struct sq_grid){.nx = nx, .ny = ny, .dx = 1000, .dy = 1000, .crs = "+proj=laea +lat_0=50"};
    c->frame = calloc((size_t)frames, sizeof *c->frame);
    for (int f = 0; f < frames; f++)
        c->frame[f] = (struct sq_cube_frame){.time = 300 * f, .rate_mmh = calloc((size_t)nx * (size_t)ny, sizeof(float))};
}

#endif
