#include "standing.h"

#include "blur.h"
#include "hindcast.h"

#include <stdlib.h>
#include <string.h>

enum { LAGS = 3 };
static const double lag_s[LAGS] = {900, 1800, 2700};

/* Chosen by CRPSb on the development events, flat around these: a share counts twice as much at an hour as in the frames
 * that tell of it; less than a tenth is chance; it is told within 20 km, and somewhat by what is 160 km around. */
static const float near_m = 20000, around_m = 160000, around = 0.3f, growth = 2, chance = 0.1f;

/* Sums over cells of a block, rates and frames: with o what was observed (0 or 1), m moved and p in place, of
 * (o - m)(p - m), (p - m)^2 and (o - m)^2. */
enum { AGREE, APART, MISSED, SUMS };

/* Scratch of blocks: how many cells reach a rate moved, in place and observed. */
struct trial {
    struct sq_hindcast h;
    float *m, *p, *o;
};

static enum sq_status trial_init(struct trial *t, const struct sq_cube *c, struct sq_err *e)
{
    *t = (struct trial){0};
    enum sq_status s = sq_hindcast_init(&t->h, c, e);
    if (!s)
        s = sq_alloc((void **)&t->m, 3 * t->h.blocks, sizeof *t->m, "forecast", e);
    t->p = t->m + t->h.blocks, t->o = t->p + t->h.blocks;
    return s;
}

static void trial_finish(struct trial *t)
{
    sq_hindcast_finish(&t->h);
    free(t->m);
}

static void add_rate(struct trial *t, float rate, float weight, float *sum)
{
    const struct sq_hindcast *h = &t->h;
    sq_hindcast_count(h, h->moved, rate, t->m);
    sq_hindcast_count(h, h->in_place, rate, t->p);
    sq_blocks_count(h->observed, &h->sight, rate, t->o);
    for (size_t i = 0; i < h->blocks; i++) {
        if (h->known[i] == 0)
            continue;
        float m = t->m[i] / h->near_known[i], d = t->p[i] / h->near_known[i] - m;
        sum[AGREE * h->blocks + i] += weight * (t->o[i] - h->known[i] * m) * d;
        sum[APART * h->blocks + i] += weight * h->known[i] * d * d;
        sum[MISSED * h->blocks + i] += weight * (t->o[i] * (1 - m) * (1 - m) + (h->known[i] - t->o[i]) * m * m);
    }
}

/* The frame of a lag, moved and in place, beside the newest observation. */
static enum sq_status add_lag(struct trial *t, const struct sq_scene *s, double lag, const float *newest, float *sum,
                              struct sq_err *e)
{
    const struct sq_motion *m = &s->motion;
    const size_t nodes = (size_t)m->mx * (size_t)m->my;
    const int64_t now = s->cube->frame[s->newest].time;
    int frame = sq_cube_find(s->cube, now - (int64_t)lag, s->step_s / 2);
    float *d;
    if (frame < 0 || frame >= s->newest)
        return SQ_OK;
    enum sq_status st = sq_alloc((void **)&d, 2 * nodes, sizeof *d, "forecast", e);
    if (st)
        return st;
    const double past = (double)(now - s->cube->frame[frame].time);
    sq_motion_ahead(m, -past, d, d + nodes);
    sq_hindcast_bring(&t->h, s->cube, s->cube->frame[frame].rate_mmh, past, m, d, d + nodes, newest);
    free(d);
    for (int k = 0; k < SQ_HINDCAST_RATES; k++)
        add_rate(t, sq_hindcast_rate_mmh[k], sq_hindcast_weight[k], sum);
    return SQ_OK;
}

/* Least squares would be agree / apart. Where the two forecasts were further apart than either from the truth, the rain
 * moves, whatever little the sums say; where they were hardly apart, they say nothing. */
static float share_of(float agree, float apart, float missed)
{
    float share = missed > 0 ? growth * agree / (apart + 0.05f * missed + apart * apart / missed) - chance : 0;
    return share > SQ_STANDING_MOST ? SQ_STANDING_MOST : share > 0 ? share : 0;
}

/* sum (SUMS, blocks) becomes shares, in its first plane; returns the largest. */
static float conclude(struct trial *t, float *sum)
{
    const struct sq_hindcast *h = &t->h;
    float most = 0, *wide[SUMS] = {t->m, t->p, t->o};
    for (int k = 0; k < SUMS; k++) {
        memcpy(wide[k], sum + (size_t)k * h->blocks, h->blocks * sizeof *sum);
        sq_blur(wide[k], h->tmp, h->sight.w, h->sight.h, around_m / h->block_m);
        sq_blur(sum + (size_t)k * h->blocks, h->tmp, h->sight.w, h->sight.h, near_m / h->block_m);
    }
    for (size_t i = 0; i < h->blocks; i++) {
        float v[SUMS];
        for (int k = 0; k < SUMS; k++)
            v[k] = sum[(size_t)k * h->blocks + i] + around * wide[k][i];
        sum[i] = share_of(v[AGREE], v[APART], v[MISSED]);
        most = sum[i] > most ? sum[i] : most;
    }
    return most;
}

enum sq_status sq_standing_init(struct sq_standing *ret, const struct sq_scene *s, const float *newest, const float *edge,
                                int n, struct sq_err *e)
{
    struct trial t;
    float most = 0;
    *ret = (struct sq_standing){0};
    enum sq_status st = trial_init(&t, s->cube, e);
    ret->sight = t.h.sight;
    if (!st)
        st = sq_alloc((void **)&ret->share, SUMS * t.h.blocks, sizeof *ret->share, "forecast", e);
    for (int k = 0; k < LAGS && !st; k++)
        st = add_lag(&t, s, lag_s[k], newest, ret->share, e);
    if (!st)
        most = conclude(&t, ret->share);
    trial_finish(&t);
    if (!st && most > 0)
        st = sq_wide_create(s->cube, newest, SQ_NEAR_M_PER_MIN, edge, n, &ret->rain, e);
    if (st || most == 0)
        sq_standing_finish(ret);
    return st;
}

void sq_standing_finish(struct sq_standing *x)
{
    sq_wide_destroy(&x->rain);
    free(x->share);
    *x = (struct sq_standing){0};
}

enum sq_status sq_standing_lead(struct sq_standing *x, double lead_s, struct sq_err *e)
{
    return x->rain ? sq_wide_lead(x->rain, lead_s, e) : SQ_OK;
}

bool sq_standing_put(const struct sq_standing *x, double lead_s, const struct sq_window *win, float *ret_share, float *ret)
{
    float part = (float)(lead_s / 3600), most = 0;
    size_t cells = (size_t)win->h * (size_t)win->w;
    if (!x->rain)
        return false;
    sq_spread_out(x->share, &x->sight, win, ret_share);
    for (size_t i = 0; i < cells; i++) {
        ret_share[i] *= part;
        ret_share[i] = ret_share[i] < SQ_STANDING_MOST ? ret_share[i] : SQ_STANDING_MOST;
        most = ret_share[i] > most ? ret_share[i] : most;
    }
    if (most == 0)
        return false;
    sq_wide_put(x->rain, win, ret);
    return true;
}
