/* A scene: one start time of a cube, its motion and its last frames in the moving frame. Forecasting and
 * training both begin here. */
#ifndef SQ_MODEL_SCENE_H
#define SQ_MODEL_SCENE_H

#include "beside.h"
#include "core/cube.h"

enum { SQ_SLOT_MAX = 8 };

/* Frames that are looked at: their ages in steps, ascending, the first 0. */
struct sq_slots {
    int n;
    int age[SQ_SLOT_MAX];
};
static const struct sq_slots sq_slots_last = {4, {0, 1, 2, 3}};

/* Adds those of b; the oldest go where there is no room. */
static inline void sq_slots_add(struct sq_slots *a, const struct sq_slots *b)
{
    for (int k = 0; k < b->n; k++) {
        int at = 0;
        while (at < a->n && a->age[at] < b->age[k])
            at++;
        if (at == SQ_SLOT_MAX || (at < a->n && a->age[at] == b->age[k]))
            continue;
        a->n += a->n < SQ_SLOT_MAX;
        for (int i = a->n - 1; i > at; i--)
            a->age[i] = a->age[i - 1];
        a->age[at] = b->age[k];
    }
}

/* Which of them is `age` steps old; -1: none. */
static inline int sq_slots_find(const struct sq_slots *s, int age)
{
    int k = 0;
    while (k < s->n && s->age[k] != age)
        k++;
    return k < s->n ? k : -1;
}

static inline bool sq_slots_valid(const struct sq_slots *s)
{
    bool ok = s->n >= 1 && s->n <= SQ_SLOT_MAX && s->age[0] == 0;
    for (int k = 1; ok && k < s->n; k++)
        ok = s->age[k] > s->age[k - 1] && s->age[k] <= 1000;
    return ok;
}

struct sq_scene {
    const struct sq_cube *cube;
    int newest;                            /* frame of the start time */
    int step_s;                            /* between slots */
    struct sq_slots slots;
    int slot[SQ_SLOT_MAX];                 /* frame of each slot, -1 = a gap; slot[0] = newest */
    struct sq_motion motion;
    const struct sq_beside *beside; /* what the network sees beside the radar; NULL: nothing */
    const struct sq_stack *stack;   /* what of it was there; NULL: nothing */
    int stack_wide;                 /* cells of the stack's target that a cell is wide */
    float *back_x[SQ_SLOT_MAX], *back_y[SQ_SLOT_MAX]; /* node displacements to each slot's time; [0] is zero */
};

/* `newest` is a frame that is not a gap. The cube outlives the scene. Nothing is beside the radar until the caller
 * says so. Caller finishes *ret. */
enum sq_status sq_scene_init(struct sq_scene *ret, const struct sq_cube *c, int newest, int step_s,
                             const struct sq_slots *slots, struct sq_err *e) SQ_CHECK;
void sq_scene_finish(struct sq_scene *s);

/* Rain of slot k brought along its trajectories to the start time (h, w), mm/h, NaN = not observed. */
void sq_scene_slot(const struct sq_scene *s, int k, const struct sq_window *win, float *ret);

/* The newest observation of every cell: slot 0, its holes filled from those up to SQ_FRESH steps old. `tmp` as ret. */
enum { SQ_FRESH = 3 };
void sq_scene_composite(const struct sq_scene *s, const struct sq_window *win, float *ret, float *tmp);

#endif
