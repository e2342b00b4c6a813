#include "scales.h"

#include "blur.h"
#include "fastmath.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DECIBEL 4.34294482f /* 10 / log 10 */

static float sigma_cells(const struct sq_cube *c, int scale)
{
    return (float)(ldexp(1000, scale - 1) / sqrt(c->cell_m[0] * c->cell_m[1]));
}

static struct sq_sight see(const struct sq_scene *s, const struct sq_window *win, int scale)
{
    float sigma = sigma_cells(s->cube, scale);
    if (!scale)
        return sq_sight_of(win, 1);
    struct sq_window at = sq_around(&s->cube->grid, win, sq_coarse_reach(sigma), sq_coarseness(sigma));
    return sq_sight_of(&at, sq_coarseness(sigma));
}

/* Frames as they are, over all that any scale sees: what a frame did not observe is 0, and `seen` says so. */
struct frames {
    struct sq_window at;
    float *db[SQ_SCALE_FRAMES], *seen;
};

static void frames_finish(struct frames *f)
{
    for (int k = 0; k < SQ_SCALE_FRAMES; k++)
        free(f->db[k]);
    free(f->seen);
}

/* Rates become decibels above dry; where the newest is missing nothing counts. */
SQ_HOT static void take(float *rate, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rate[i] = rate[i] >= 0.1f ? DECIBEL * sq_logf(rate[i]) - SQ_DRY_DB : isnan(rate[i]) ? -1 : 0;
}

static void settle(struct frames *f, int frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float newest = f->db[0][i];
        f->seen[i] = newest >= 0;
        f->db[0][i] = newest >= 0 ? newest : 0;
        for (int k = 1; k < frames; k++)
            if (f->db[k])
                f->db[k][i] = newest < 0 || f->db[k][i] < 0 ? f->db[0][i] : f->db[k][i];
    }
}

static enum sq_status frames_init(struct frames *ret, const struct sq_scene *s, const struct sq_window *at, int frames,
                                  struct sq_err *e)
{
    size_t n = (size_t)at->h * (size_t)at->w;
    enum sq_status st = sq_alloc((void **)&ret->seen, n, sizeof(float), "scales", e);
    ret->at = *at;
    for (int k = 0; k < frames && !st; k++) {
        int slot = sq_slots_find(&s->slots, k);
        if (slot < 0 || s->slot[slot] < 0)
            continue;
        st = sq_alloc((void **)&ret->db[k], n, sizeof(float), "scales", e);
        if (!st && k == 0)
            sq_scene_composite(s, at, ret->db[0], ret->seen);
        else if (!st)
            /* whole cells: means of two would be wet where one is, and rain would seem to dry up at its edges */
            sq_carry(s->cube->frame[s->slot[slot]].rate_mmh, &s->motion, s->back_x[slot], s->back_y[slot], at, true, ret->db[k]);
        if (!st)
            take(ret->db[k], n);
    }
    if (!st)
        settle(ret, frames, n);
    return st;
}

/* Means of f x f cells of a part of the frames. */
static void coarsen(const float *from, const struct sq_window *all, const struct sq_sight *s, float *ret)
{
    const float part = 1 / (float)(s->f * s->f);
    memset(ret, 0, (size_t)s->w * (size_t)s->h * sizeof *ret);
    for (int i = 0; i < s->at.h; i++) {
        const float *row = from + (size_t)(s->at.row - all->row + i) * (size_t)all->w + (s->at.col - all->col);
        float *to = ret + (size_t)(i / s->f) * (size_t)s->w;
        for (int j = 0, k = 0; j < s->at.w; k++)
            for (int end = j + s->f < s->at.w ? j + s->f : s->at.w; j < end; j++)
                to[k] += part * row[j];
    }
}

/* One scale of all frames. */
static enum sq_status smooth(struct sq_scales *x, const struct frames *f, int scale, float sigma)
{
    const struct sq_sight *s = &x->sight[scale];
    size_t n = (size_t)s->w * (size_t)s->h;
    float *seen = malloc((2 * n + (size_t)s->w) * sizeof *seen), *scratch = seen + n;
    if (!seen)
        return SQ_FAILED;
    coarsen(f->seen, &f->at, s, seen);
    if (scale)
        sq_blur(seen, scratch, s->w, s->h, sigma / (float)s->f);
    for (int k = 0; k < x->frames; k++) {
        float *to = x->smooth[k][scale];
        if (!to)
            continue;
        coarsen(f->db[k], &f->at, s, to);
        if (scale)
            sq_blur(to, scratch, s->w, s->h, sigma / (float)s->f);
        for (size_t i = 0; i < n; i++)
            to[i] = seen[i] > 1e-6f ? to[i] / seen[i] : 0;
    }
    free(seen);
    return SQ_OK;
}

enum sq_status sq_scales_init(struct sq_scales *ret, const struct sq_scene *s, const struct sq_window *win, int frames,
                              int finest, struct sq_err *e)
{
    struct frames f = {0};
    int missed = 0;
    *ret = (struct sq_scales){.win = *win, .frames = frames};
    for (int k = 0; k <= SQ_SCALES; k++)
        ret->sight[k] = see(s, win, k);
    enum sq_status st = frames_init(&f, s, &ret->sight[SQ_SCALES].at, frames, e);
    for (int k = 0; k < frames; k++)
        ret->known[k] = f.db[k];
    for (int k = 0; k < frames * (SQ_SCALES + 1) && !st; k++) {
        int frame = k / (SQ_SCALES + 1), scale = k % (SQ_SCALES + 1);
        const struct sq_sight *at = &ret->sight[scale];
        if (f.db[frame] && (frame == 0 || scale >= finest))
            st = sq_alloc((void **)&ret->smooth[frame][scale], (size_t)at->w * (size_t)at->h, sizeof(float), "scales", e);
    }
#pragma omp parallel for schedule(dynamic) reduction(+ : missed)
    for (int k = 0; k <= SQ_SCALES; k++)
        if (!st)
            missed += smooth(ret, &f, k, sigma_cells(s->cube, k)) != SQ_OK;
    frames_finish(&f);
    if (!st && missed)
        st = sq_fail(e, SQ_FAILED, "out of memory for scales");
    if (st)
        sq_scales_finish(ret);
    return st;
}

void sq_scales_finish(struct sq_scales *x)
{
    for (int k = 0; k < x->frames * (SQ_SCALES + 1); k++)
        free(x->smooth[k / (SQ_SCALES + 1)][k % (SQ_SCALES + 1)]);
    *x = (struct sq_scales){0};
}

void sq_scales_put(const struct sq_scales *x, int f, int k, const struct sq_window *at, float *ret)
{
    sq_spread_out(x->smooth[f][k], &x->sight[k], at, ret);
}
