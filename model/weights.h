/* Weights on disk: netCDF (64-bit offset), one variable per tensor (NAME.weight (out, in, k, k), NAME.bias (out)), the shape
 * of the network, what sources it sees beside the radar, what data it expects, and where it comes from. Checkpoints are the same file with the state of
 * the optimiser beside. */
#ifndef SQ_MODEL_WEIGHTS_H
#define SQ_MODEL_WEIGHTS_H

#include "beside.h"
#include "net.h"
#include "optimiser.h"

#define SQ_WEIGHTS_VERSION 2

struct sq_weights {
    struct sq_net net;
    char name[64];
    struct sq_beside beside;       /* what it sees beside the radar; n = net.shape.beside */
    char sha256[65];               /* of the file, when read */
    int least_step_s, most_step_s; /* between frames */
    double least_cell_m, most_cell_m;
    char *recipe, *data, *git, *scores; /* texts; heap, may be NULL */
    struct sq_weights *next;               /* another network, whose forecasts are pooled with this one's; NULL: none */
    float advection_share; /* [0, 1] of advection in the forecast at an hour; see below */
};

struct sq_checkpoint {
    struct sq_optimiser *optimiser;
    float *theta; /* the raw, not the averaged parameters (n_parameters) */
};

/* A forecast is the linear pool (M. Stone 1961) of the network's probabilities, their area that of advection (area.h), and
 * of advection: on radars that the network has not learnt from the pool is better than either. The share of advection grows
 * in proportion to lead; what it is at an hour is chosen on held-out events. 0, as trained: the network alone, its area its
 * own. */

/* Whole or not at all. `c` may be NULL. */
enum sq_status sq_weights_write(const char *path, const struct sq_weights *w, const struct sq_checkpoint *c,
                                struct sq_err *e) SQ_CHECK;

/* Reads the state of a checkpoint written for the same shape into *c, whose arrays are allocated. */
enum sq_status sq_checkpoint_read(const char *path, const struct sq_weights *w, struct sq_checkpoint *c,
                                  struct sq_err *e) SQ_CHECK;

#endif
