#include "scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void find_slots(struct sq_scene *s)
{
    int64_t now = s->cube->frame[s->newest].time;
    for (int k = 0; k < s->slots.n; k++)
        s->slot[k] = k ? sq_cube_find(s->cube, now - (int64_t)s->slots.age[k] * s->step_s, s->step_s / 3) : s->newest;
}

static enum sq_status trace_back(struct sq_scene *s, struct sq_err *e)
{
    size_t nodes = (size_t)s->motion.mx * (size_t)s->motion.my;
    enum sq_status st = sq_alloc((void **)&s->back_x[0], 2 * (size_t)s->slots.n * nodes, sizeof(float), "trajectories", e);
    if (st)
        return st;
    for (int k = 0; k < s->slots.n; k++) {
        s->back_x[k] = s->back_x[0] + 2 * (size_t)k * nodes;
        s->back_y[k] = s->back_x[k] + nodes;
        if (k && s->slot[k] >= 0)
            sq_motion_ahead(&s->motion, (double)(s->cube->frame[s->slot[k]].time - s->cube->frame[s->newest].time),
                            s->back_x[k], s->back_y[k]);
    }
    return SQ_OK;
}

enum sq_status sq_scene_init(struct sq_scene *ret, const struct sq_cube *c, int newest, int step_s,
                             const struct sq_slots *slots, struct sq_err *e)
{
    *ret = (struct sq_scene){.cube = c, .newest = newest, .step_s = step_s, .slots = *slots};
    find_slots(ret);
    enum sq_status s = sq_motion_estimate(c, newest, step_s, &ret->motion, e);
    if (!s)
        s = trace_back(ret, e);
    if (s)
        sq_scene_finish(ret);
    return s;
}

void sq_scene_finish(struct sq_scene *s)
{
    sq_motion_finish(&s->motion);
    free(s->back_x[0]);
    *s = (struct sq_scene){0};
}

void sq_scene_slot(const struct sq_scene *s, int k, const struct sq_window *win, float *ret)
{
    size_t n = (size_t)win->h * (size_t)win->w;
    if (s->slot[k] < 0)
        for (size_t i = 0; i < n; i++)
            ret[i] = NAN;
    else
        sq_carry(s->cube->frame[s->slot[k]].rate_mmh, &s->motion, s->back_x[k], s->back_y[k], win, k == 0, ret);
}

void sq_scene_composite(const struct sq_scene *s, const struct sq_window *win, float *ret, float *tmp)
{
    size_t n = (size_t)win->h * (size_t)win->w;
    sq_scene_slot(s, 0, win, ret);
    for (int k = 1; k < s->slots.n && s->slots.age[k] <= SQ_FRESH; k++) {
        size_t holes = 0;
        for (size_t i = 0; i < n; i++)
            holes += isnan(ret[i]);
        if (s->slot[k] < 0 || holes == 0)
            continue;
        sq_scene_slot(s, k, win, tmp);
        for (size_t i = 0; i < n; i++)
            if (isnan(ret[i]))
                ret[i] = tmp[i];
    }
}
