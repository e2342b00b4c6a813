#include "standing.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAGS = 3, RATES = 6 };

/* Blocks of the largest power of two of cells that are at most so wide. */
static const double block_m = 4000;

static const double lag_s[LAGS] = {900, 1800, 2700};
/* As in CRPSb: the weight of a rate is half the distance between its neighbours. */
static const float rate_mmh[RATES] = {0.2f, 0.5f, 1, 2, 5, 10}, rate_weight[RATES] = {0.3f, 0.4f, 0.75f, 2, 4, 5};

/* Chosen by CRPSb on the development events, flat around these: a share counts twice as much at an hour as in the frames
 * that tell of it; less than a tenth is chance; it is told within 20 km, and somewhat by what is 160 km around. */
static const float near_m = 20000, around_m = 160000, around = 0.3f, growth = 2, chance = 0.1f;

/* Sums over cells of a block, rates and frames: with o what was observed (0 or 1), m moved and p in place, of
 * (o - m)(p - m), (p - m)^2 and (o - m)^2. */
enum { AGREE, APART, MISSED, SUMS };

/* Scratch, in cells of the grid and in blocks. */
struct trial {
    struct sq_sight sight;
    size_t cells, blocks;
    float block_m;
    float *moved, *in_place, *observed;                 /* cells: mm/h, NaN where one of the three is not known */
    float *known, *near_known, *m, *p, *o, *tmp;        /* blocks: counts */
};

static enum sq_status trial_init(struct trial *t, const struct sq_cube *c, struct sq_err *e)
{
    const struct sq_window all = {0, 0, c->grid.ny, c->grid.nx};
    double cell_m = sqrt(c->cell_m[0] * c->cell_m[1]);
    int f = 1;
    while (f < 16 && 2 * f * cell_m <= block_m)
        f *= 2;
    *t = (struct trial){.sight = sq_sight_of(&all, f), .cells = sq_grid_cells(&c->grid), .block_m = (float)(f * cell_m)};
    t->blocks = (size_t)t->sight.h * (size_t)t->sight.w;
    enum sq_status s = sq_alloc((void **)&t->moved, 3 * t->cells, sizeof *t->moved, "forecast", e);
    if (!s)
        s = sq_alloc((void **)&t->known, 6 * t->blocks + (size_t)t->sight.w, sizeof *t->known, "forecast", e);
    if (s) {
        free(t->moved);
        return s;
    }
    t->in_place = t->moved + t->cells, t->observed = t->in_place + t->cells;
    float **slice[] = {&t->near_known, &t->m, &t->p, &t->o, &t->tmp};
    for (size_t k = 0; k < sizeof slice / sizeof *slice; k++)
        *slice[k] = t->known + (k + 1) * t->blocks;
    return SQ_OK;
}

static void trial_finish(struct trial *t)
{
    free(t->moved);
    free(t->known);
}

/* The frame of a lag, moved and in place, beside what was then observed. */
static enum sq_status bring(struct trial *t, const struct sq_scene *s, int frame, const float *newest, struct sq_err *e)
{
    const struct sq_motion *m = &s->motion;
    const float *from = s->cube->frame[frame].rate_mmh;
    size_t nodes = (size_t)m->mx * (size_t)m->my;
    float *d;
    enum sq_status st = sq_alloc((void **)&d, 2 * nodes, sizeof *d, "forecast", e);
    if (st)
        return st;
    sq_motion_ahead(m, (double)(s->cube->frame[frame].time - s->cube->frame[s->newest].time), d, d + nodes);
    sq_carry(from, m, d, d + nodes, &t->sight.at, true, t->moved);
    free(d);
    for (size_t i = 0; i < t->cells; i++) {
        bool all = !isnan(t->moved[i]) && !isnan(from[i]) && !isnan(newest[i]);
        t->moved[i] = all ? t->moved[i] : NAN;
        t->in_place[i] = all ? from[i] : NAN;
        t->observed[i] = all ? newest[i] : NAN;
    }
    return SQ_OK;
}

static void add_rate(struct trial *t, float rate, float weight, float sigma, float *sum)
{
    const struct sq_sight *s = &t->sight;
    sq_blocks_count(t->moved, s, rate, t->m);
    sq_blocks_count(t->in_place, s, rate, t->p);
    sq_blocks_count(t->observed, s, rate, t->o);
    sq_blur(t->m, t->tmp, s->w, s->h, sigma);
    sq_blur(t->p, t->tmp, s->w, s->h, sigma);
    for (size_t i = 0; i < t->blocks; i++) {
        if (t->known[i] == 0)
            continue;
        float m = t->m[i] / t->near_known[i], d = t->p[i] / t->near_known[i] - m;
        sum[AGREE * t->blocks + i] += weight * (t->o[i] - t->known[i] * m) * d;
        sum[APART * t->blocks + i] += weight * t->known[i] * d * d;
        sum[MISSED * t->blocks + i] += weight * (t->o[i] * (1 - m) * (1 - m) + (t->known[i] - t->o[i]) * m * m);
    }
}

static enum sq_status add_lag(struct trial *t, const struct sq_scene *s, double lag, const float *newest, float *sum,
                              struct sq_err *e)
{
    const struct sq_cube_frame *now = &s->cube->frame[s->newest];
    int frame = sq_cube_find(s->cube, now->time - (int64_t)lag, s->step_s / 2);
    if (frame < 0 || frame >= s->newest)
        return SQ_OK;
    float sigma = sq_advect_spread(s->cube, (double)(now->time - s->cube->frame[frame].time)) / (float)t->sight.f;
    enum sq_status st = bring(t, s, frame, newest, e);
    if (st)
        return st;
    sq_blocks_count(t->observed, &t->sight, 0, t->known);
    memcpy(t->near_known, t->known, t->blocks * sizeof *t->known);
    sq_blur(t->near_known, t->tmp, t->sight.w, t->sight.h, sigma);
    for (int k = 0; k < RATES; k++)
        add_rate(t, rate_mmh[k], rate_weight[k], sigma, sum);
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
    float most = 0, *wide[SUMS] = {t->m, t->p, t->o};
    for (int k = 0; k < SUMS; k++) {
        memcpy(wide[k], sum + (size_t)k * t->blocks, t->blocks * sizeof *sum);
        sq_blur(wide[k], t->tmp, t->sight.w, t->sight.h, around_m / t->block_m);
        sq_blur(sum + (size_t)k * t->blocks, t->tmp, t->sight.w, t->sight.h, near_m / t->block_m);
    }
    for (size_t i = 0; i < t->blocks; i++) {
        float v[SUMS];
        for (int k = 0; k < SUMS; k++)
            v[k] = sum[(size_t)k * t->blocks + i] + around * wide[k][i];
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
    if (st)
        return st;
    ret->sight = t.sight;
    st = sq_alloc((void **)&ret->share, SUMS * t.blocks, sizeof *ret->share, "forecast", e);
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
