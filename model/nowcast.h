/* How the methods hang together: each fills planes in the moving frame or on the map for one lead. */
#ifndef SQ_MODEL_NOWCAST_H
#define SQ_MODEL_NOWCAST_H

#include "core/distribution.h"

#include "advect.h"
#include "amounts.h"
#include "area.h"
#include "growth.h"
#include "model.h"
#include "nearest.h"
#include "scene.h"
#include "standing.h"
#include "weights.h"

struct sq_hidden; /* the network's last hidden layer over the whole grid: tiles.h */

struct sq_nowcast {
    const struct sq_cube *cube;
    const struct sq_forecast *f;
    enum sq_method method;
    int n_edge;            /* of the distribution in the moving frame */
    const float *edge;     /* [n_edge] mm/h */
    struct sq_scene scene;
    float *composite;      /* (ny, nx) newest observation of every cell, moving frame */
    struct sq_nearest nearest; /* observed cells of the composite */
    double traced_s;       /* of back_x, back_y */
    float *back_x, *back_y; /* node displacements: from where a map cell's air came */
    const struct sq_weights *weights;
    struct sq_hidden *hidden;
    struct sq_amounts amounts; /* of the network and advection */
    struct sq_scales scales;   /* of the whole grid */
    struct sq_wide *far;        /* NULL: no advection is pooled with the network */
    struct sq_area area;       /* where far is, of the network */
    struct sq_standing standing; /* of the network and advection */
    struct sq_growth growth;     /* of the network and advection */
};

/* How far (cells) outside what was observed a position may lie and still be forecast, from the nearest cell observed: as
 * far as advection is uncertain. At least what rounding needs. */
float sq_nowcast_reach(const struct sq_nowcast *n);

/* Near advection with errors of amount at the class edges, in the moving frame: what the network corrects. ret (n_edge, win->h,
 * win->w); tmp holds sq_advect_room() floats. */
void sq_nowcast_base(const struct sq_nowcast *n, double lead_s, const struct sq_window *win, float *ret, float *tmp);

/* One lead: probabilities (ret->prob) from the distribution in the moving frame, by advection, or by the network
 * with some of advection, carried along back_x, back_y to the map, block by block, and some of what stands there, grown as
 * rain grows there; NaN beyond the reach of what was observed. Mean and percentiles follow from them. */
enum sq_status sq_distribute(const struct sq_nowcast *n, int lead_s, struct sq_lead *ret, struct sq_err *e) SQ_CHECK;

#endif
