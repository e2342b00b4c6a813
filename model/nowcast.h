/* How the methods hang together: each fills planes in the moving frame or on the map for one lead. */
#ifndef SQ_MODEL_NOWCAST_H
#define SQ_MODEL_NOWCAST_H

#include "core/distribution.h"
#include "model.h"
#include "scene.h"
#include "weights.h"

struct sq_hidden; /* the network's last hidden layer over the whole grid: tiles.h */

struct sq_nowcast {
    const struct sq_cube *cube;
    const struct sq_forecast *f;
    enum sq_method method;
    struct sq_scene scene;
    float *composite;      /* (ny, nx) newest observation of every cell, moving frame */
    double traced_s;       /* of back_x, back_y */
    float *back_x, *back_y; /* node displacements: from where a map cell's air came */
    const struct sq_weights *weights;
    struct sq_hidden *hidden;
};

/* Advection probabilities: the share of cells at or above a threshold in a neighbourhood that widens by
 * 1 km a minute, carried to the map (Lagrangian probability: U. Germann and I. Zawadzki 2004). */
enum sq_status sq_advect_lead(struct sq_nowcast *n, int lead_s, struct sq_lead *ret, struct sq_err *e) SQ_CHECK;

/* Percentiles and mean of one lead from its probabilities at f's thresholds (ret->prob); NaN passes on. */
void sq_nowcast_summarise(const struct sq_forecast *f, struct sq_lead *ret);

#endif
