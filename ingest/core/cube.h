/* A cube: aligned frames of rain rate on one grid, oldest first, gaps kept as gaps.
 *
 * NaN = not observed, 0 = observed and dry, mm/h. The cube owns everything in it. */
#ifndef SQ_CORE_CUBE_H
#define SQ_CORE_CUBE_H

#include "grid.h"
#include "quality.h"

#include <stdint.h>

/* On grids of more cells some things are left out for want of time: the headers that do so say it. */
#define SQ_WIDE_CELLS 3000000

struct sq_cube_frame {
    int64_t time;      /* UTC s */
    float *rate_mmh;   /* (ny, nx); NULL = a gap: the slot was expected and nothing came */
    uint8_t *state;    /* (ny, nx), enum sq_state, of the newest frame; NULL elsewhere */
    double coverage;   /* fraction of cells observed */
    char *path;        /* where it came from; NULL for a gap */
    struct sq_quality_report report; /* what quality control found, also why it made this a gap */
};

struct sq_cube {
    struct sq_grid grid;
    double cell_m[2];  /* ground size of a cell at the middle of the grid, along x and y */
    int step_s;        /* nominal step between frames, > 0 (the most frequent one) */
    int n;             /* frames */
    struct sq_cube_frame *frame; /* [n], strictly ascending in time */
    int n_late;        /* frames newer than the last that quality control took out */
    struct sq_quality_report late; /* of the newest of them */
    char source[32];
};

void sq_cube_finish(struct sq_cube *c);

/* Index of the frame nearest to t within `slack_s` seconds that is not a gap, or -1. */
int sq_cube_find(const struct sq_cube *c, int64_t t, int slack_s);

#endif
