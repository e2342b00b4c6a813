/* A scene: one start time of a cube, its motion and its last frames in the moving frame. Forecasting and
 * training both begin here. */
#ifndef SQ_MODEL_SCENE_H
#define SQ_MODEL_SCENE_H

#include "beside.h"
#include "core/cube.h"

enum { SQ_SLOTS = 4 }; /* frames the network looks at: ages 0, 1, 2, 3 steps */

struct sq_scene {
    const struct sq_cube *cube;
    int newest;                            /* frame of the start time */
    int step_s;                            /* between slots */
    int slot[SQ_SLOTS];                    /* frame of each slot, -1 = a gap; slot[0] = newest */
    struct sq_motion motion;
    const struct sq_beside *beside; /* what the network sees beside the radar; NULL: nothing */
    const struct sq_stack *stack;   /* what of it was there; NULL: nothing */
    int stack_wide;                 /* cells of the stack's target that a cell is wide */
    float *back_x[SQ_SLOTS], *back_y[SQ_SLOTS]; /* node displacements to each slot's time; [0] is zero */
};

/* `newest` is a frame that is not a gap. The cube outlives the scene. Nothing is beside the radar until the caller
 * says so. Caller finishes *ret. */
enum sq_status sq_scene_init(struct sq_scene *ret, const struct sq_cube *c, int newest, int step_s,
                             struct sq_err *e) SQ_CHECK;
void sq_scene_finish(struct sq_scene *s);

/* Rain of slot k brought along its trajectories to the start time (h, w), mm/h, NaN = not observed. */
void sq_scene_slot(const struct sq_scene *s, int k, const struct sq_window *win, float *ret);

/* The newest observation of every cell: slot 0, its holes filled from slots 1, 2, 3. `tmp` as ret. */
void sq_scene_composite(const struct sq_scene *s, const struct sq_window *win, float *ret, float *tmp);

#endif
