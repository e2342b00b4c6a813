#include "growth.h"

#include "blur.h"
#include "fastmath.h"
#include "hindcast.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>

enum { PAIRS = 5, EVERY_S = 900, LAG_S = 1800 };

/* Chosen by CRPSb on the development events, flat around these. Growth is told within 25 km; what is added to both amounts, a
 * pair and cell, keeps the ratio of little rain near 1; at half an hour and later it counts so often as it is believed. */
static const float near_m = 25000, added = 0.15f, strength = 2.5f;
static const float most = 1; /* of the shift: one pair may tell of much, by chance */
static const double unknown = 0.5; /* the belief where there are no older pairs to tell */

/* By blocks, rates weighted: how many cells were observed and said to reach them. */
struct pair {
    bool known;
    float *seen, *said;
};

static void add_rate(const struct sq_hindcast *h, float rate, float weight, float *scratch, struct pair *ret)
{
    sq_hindcast_count(h, h->moved, rate, scratch);
    for (size_t i = 0; i < h->blocks; i++)
        ret->said[i] += h->known[i] > 0 ? weight * h->known[i] * scratch[i] / h->near_known[i] : 0;
    sq_blocks_count(h->observed, &h->sight, rate, scratch);
    for (size_t i = 0; i < h->blocks; i++)
        ret->seen[i] += weight * scratch[i];
}

/* Frame `from` carried to the time of frame `to`, by the motion of `from`. */
static enum sq_status compare(struct sq_hindcast *h, const struct sq_scene *s, int from, int to, float *scratch, struct pair *ret,
                              struct sq_err *e)
{
    const struct sq_cube_frame *a = &s->cube->frame[from], *b = &s->cube->frame[to];
    struct sq_motion m;
    float *d = NULL;
    enum sq_status st = sq_motion_estimate(s->cube, from, s->step_s, &m, e);
    if (st)
        return st;
    const size_t nodes = (size_t)m.mx * (size_t)m.my;
    st = sq_alloc((void **)&d, 2 * nodes, sizeof *d, "forecast", e);
    if (!st) {
        sq_motion_origin(&m, (double)(b->time - a->time), d, d + nodes);
        sq_hindcast_bring(h, s->cube, a->rate_mmh, (double)(b->time - a->time), &m, d, d + nodes, b->rate_mmh);
        for (int k = 0; k < SQ_HINDCAST_RATES; k++)
            add_rate(h, sq_hindcast_rate_mmh[k], sq_hindcast_weight[k], scratch, ret);
        sq_blur(ret->seen, h->tmp, h->sight.w, h->sight.h, near_m / h->block_m);
        sq_blur(ret->said, h->tmp, h->sight.w, h->sight.h, near_m / h->block_m);
        ret->known = true;
    }
    free(d);
    sq_motion_finish(&m);
    return st;
}

/* Is there a frame up to two steps before that one? Without, its motion is not known. */
static bool has_motion(const struct sq_scene *s, int frame)
{
    const struct sq_cube_frame *f = s->cube->frame;
    for (int k = frame - 1; k >= 0 && 2 * (f[frame].time - f[k].time) <= 5 * s->step_s; k--)
        if (f[k].rate_mmh)
            return true;
    return false;
}

/* Pair k, the newest being 0, where there are frames for it. */
static enum sq_status find_pair(struct sq_hindcast *h, const struct sq_scene *s, int k, float *scratch, struct pair *ret,
                                struct sq_err *e)
{
    const struct sq_cube *c = s->cube;
    int to = sq_cube_find(c, c->frame[s->newest].time - k * EVERY_S, s->step_s / 2);
    int from = to < 0 || to > s->newest ? -1 : sq_cube_find(c, c->frame[to].time - LAG_S, s->step_s / 2);
    return !has_motion(s, from) || from >= to ? SQ_OK : compare(h, s, from, to, scratch, ret, e);
}

/* Log of growth in a block by pairs [first, PAIRS); false: there are none. */
static bool growth_of(const struct pair *p, int first, size_t block, float floor, float *ret)
{
    float seen = 0, said = 0;
    for (int k = first; k < PAIRS; k++)
        if (p[k].known)
            seen += floor + p[k].seen[block], said += floor + p[k].said[block];
    *ret = said > 0 ? logf(seen / said) : 0;
    return said > 0;
}

/* How much of the growth in pairs 0 and 1 those before told, of which none ends later than they begin: 0 to 1. */
static double belief(const struct pair *p, size_t blocks, float floor)
{
    double agree = 0, all = 0;
    for (int k = 0; k < 2 && p[k].known; k++)
        for (size_t i = 0; i < blocks; i++) {
            float told, came = logf((floor + p[k].seen[i]) / (floor + p[k].said[i]));
            if (!growth_of(p, k + LAG_S / EVERY_S, i, floor, &told))
                break;
            agree += (double)(p[k].said[i] * came * told);
            all += (double)(p[k].said[i] * told * told);
        }
    const double part = all > 0 ? agree / all : unknown;
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

static bool conclude(const struct pair *p, const struct sq_hindcast *h, float *shift)
{
    const float floor = added * (float)(h->sight.f * h->sight.f);
    const float power = strength * (float)belief(p, h->blocks, floor);
    bool any = false;
    for (size_t i = 0; i < h->blocks && power > 0; i++) {
        any |= growth_of(p, 0, i, floor, &shift[i]);
        shift[i] = fminf(fmaxf(power * shift[i], -most), most);
    }
    return any;
}

enum sq_status sq_growth_init(struct sq_growth *ret, const struct sq_scene *s, struct sq_err *e)
{
    struct sq_hindcast h;
    struct pair p[PAIRS] = {{0}};
    float *room = NULL;
    *ret = (struct sq_growth){0};
    enum sq_status st = sq_hindcast_init(&h, s->cube, e);
    if (!st)
        st = sq_alloc((void **)&room, (2 * PAIRS + 1) * h.blocks, sizeof *room, "forecast", e);
    for (int k = 0; k < PAIRS && !st; k++) {
        p[k].seen = room + (size_t)(2 * k + 1) * h.blocks, p[k].said = p[k].seen + h.blocks;
        st = find_pair(&h, s, k, room, &p[k], e);
    }
    if (!st)
        st = sq_alloc((void **)&ret->shift, h.blocks, sizeof *ret->shift, "forecast", e);
    ret->sight = h.sight;
    if (!st && !conclude(p, &h, ret->shift))
        sq_growth_finish(ret);
    free(room);
    sq_hindcast_finish(&h);
    return st;
}

void sq_growth_finish(struct sq_growth *x)
{
    free(x->shift);
    *x = (struct sq_growth){0};
}

SQ_HOT static void raise(float *shift, float part, size_t n)
{
    for (size_t i = 0; i < n; i++)
        shift[i] = sq_expf(part * shift[i]);
}

bool sq_growth_put(const struct sq_growth *x, double lead_s, const struct sq_window *win, float *ret)
{
    if (!x->shift)
        return false;
    sq_spread_out(x->shift, &x->sight, win, ret);
    raise(ret, lead_s < LAG_S ? (float)(lead_s / LAG_S) : 1, (size_t)win->h * (size_t)win->w);
    return true;
}
