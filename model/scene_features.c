#include "scene_features.h"

#include "core/hot.h"

#include <math.h>

#define REACH_M 8000 /* from a cell to where the motion around it is looked at */

/* log2(1 + 10 r) / 4: 0 when dry, 0.25 at 0.1 mm/h, 2.2 at 50 mm/h. */
SQ_HOT static void put_slot(const float *rate, struct sq_touch touch, size_t n, float *ret, size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        float r = sq_touched(touch, rate[i]);
        int seen = !isnan(r);
        ret[i * stride] = seen ? 0.25f * log2f(1 + 10 * r) : 0;
        ret[i * stride + 1] = (float)seen;
    }
}

/* Velocities in cells per second become metres per second over 20; divergence is per hour. Both are of the rain that
 * lasts and over a wide reach: what a few minutes tell in a small window is mostly noise, unlike from radar to radar. */
static void put_motion(const struct sq_scene *s, const struct sq_window *win, float *ret, int at, int stride)
{
    const struct sq_motion *m = &s->motion;
    const double *cell = s->cube->cell_m;
    float size = log2f((float)sqrt(cell[0] * cell[1]) / 1000), step = log2f((float)s->step_s / 300);
    const float *mu = m->lasting_u ? m->lasting_u : m->u, *mv = m->lasting_v ? m->lasting_v : m->v;
    float d = REACH_M / (float)sqrt(cell[0] * cell[1]);
    for (int i = 0; i < win->h; i++)
        for (int j = 0; j < win->w; j++) {
            float row = (float)(win->row + i), col = (float)(win->col + j);
            float *f = ret + ((size_t)i * (size_t)win->w + (size_t)j) * (size_t)stride + at;
            if (i % 4 || j % 4) { /* smooth fields: every fourth cell is enough */
                const float *g = f - ((i % 4) * win->w + j % 4) * stride;
                for (int k = 0; k < 4; k++)
                    f[k] = g[k];
                continue;
            }
            float u = sq_motion_at(m, mu, row, col), v = sq_motion_at(m, mv, row, col);
            float ux = sq_motion_at(m, mu, row, col + d) - sq_motion_at(m, mu, row, col - d);
            float vy = sq_motion_at(m, mv, row + d, col) - sq_motion_at(m, mv, row - d, col);
            f[0] = size;
            f[1] = step;
            f[2] = hypotf(u * (float)cell[0], v * (float)cell[1]) / 20;
            f[3] = (ux + vy) / (2 * d) * 3600;
        }
}

void sq_features(const struct sq_scene *s, const struct sq_slots *slots, const struct sq_window *win, struct sq_touch touch,
                 float *ret, float *tmp)
{
    size_t n = (size_t)win->h * (size_t)win->w;
    int stride = sq_features_count(s, slots);
    for (int k = 0; k < s->slots.n; k++) {
        int at = sq_slots_find(slots, s->slots.age[k]);
        if (at < 0)
            continue;
        sq_scene_slot(s, k, win, tmp);
        put_slot(tmp, touch, n, ret + 2 * at, (size_t)stride);
    }
    put_motion(s, win, ret, 2 * slots->n, stride);
    if (s->beside)
        sq_beside_put(s->beside, s->stack, s->stack_wide, touch.dropped, win, ret + SQ_FEATURES(slots->n), stride);
}
