/* Faults that show beside other frames. Frames are judged from the oldest to the newest, each with the motion and the
 * likeness that the pairs of frames round it have, its own pairs left out. The newest frame has earlier neighbours
 * alone: what is judged by both sides elsewhere is judged by one there, with a wider margin.
 *
 * A fault that lasts is seen when it begins and then taken for the truth, so that one wrong judgement cannot blind the
 * forecast for longer than a frame; a frozen feed alone stays rejected. */
#include "quality.h"

#include "outline.h"

#include "core/instant.h"
#include "core/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUND 4           /* pairs on either side that tell what is usual */
#define APART_S 2700      /* frames farther apart say nothing about each other */
#define LEAST_GRID 10000  /* cells: on smaller ones whole frames look alike, or not, by chance */
#define LEAST_WET 200     /* cells: with less rain frames are not compared */
#define SURE 0.65         /* usual correlation above which a fall of it means something */
#define FAIR 0.5          /* above which the motion is believed */
#define COARSE 4          /* finest cells of an outline to a side where likeness is judged */
#define LOST_MOST 0.5     /* of the rain or the observed cells: a frame with less is no use */
#define JUMP 5.0          /* cells, and ... */
#define JUMP_BLOCKS 3.0   /* ... finest cells of an outline: shorter jumps are left */
#define JUMP_GAIN 0.1     /* of correlation, by jumping instead of moving on */
#define UNLIKE 0.3        /* fall of correlation of a frame far from both neighbours; 0.05 more for the newest */
#define AMOUNT_BOTH 2.0   /* factor of rain to both neighbours */
#define AMOUNT_ONE 3.0    /* to one */
#define WET_PART 0.01     /* of the cells: with less rain amounts are not compared */
#define WET_MMH 0.1f

struct pair {             /* of a frame with the one before it that was kept */
    int from;             /* -1: none near enough, or too little rain in one of them */
    double per_s[2];      /* motion, cells a second */
    double likeness;      /* correlation, moved along */
};

struct sequence {
    struct sq_cube *c;
    const struct sq_quality_params *p;
    size_t cells;
    struct sq_outline *outline; /* [n]: n = 0 where not made */
    struct pair *pair;          /* [n] */
    bool *paired;               /* [n] */
};

/* What is usual round a frame. */
struct usual {
    int n; /* pairs it was taken from */
    double per_s[2], likeness;
};

static bool is_there(const struct sequence *s, int k)
{
    return k >= 0 && k < s->c->n && s->c->frame[k].rate_mmh;
}

/* The next frame in the direction of `step` that is there and near enough; -1: none. */
static int neighbour(const struct sequence *s, int t, int step)
{
    for (int k = t + step; k >= 0 && k < s->c->n; k += step)
        if (is_there(s, k))
            return llabs(s->c->frame[k].time - s->c->frame[t].time) <= APART_S ? k : -1;
    return -1;
}

static bool is_wet_enough(const struct sequence *s, int k)
{
    size_t wet = 0;
    for (size_t i = 0; i < s->cells && wet < LEAST_WET; i++)
        wet += s->c->frame[k].rate_mmh[i] >= WET_MMH;
    return wet >= LEAST_WET;
}

static void take_out(struct sequence *s, int k, enum sq_fault why)
{
    struct sq_cube_frame *f = &s->c->frame[k];
    f->report.frame = why;
    free(f->rate_mmh);
    f->rate_mmh = NULL;
    f->coverage = 0;
}

/* ---- pairs ----------------------------------------------------------------------------------------------- */

static enum sq_status need_outline(struct sequence *s, int k, struct sq_err *e)
{
    return s->outline[k].n ? SQ_OK
                           : sq_outline_init(&s->outline[k], s->c->frame[k].rate_mmh, s->c->grid.nx, s->c->grid.ny, e);
}

static enum sq_status need_pair(struct sequence *s, int k, struct sq_err *e)
{
    struct pair *p = &s->pair[k];
    double d[2];
    if (s->paired[k])
        return SQ_OK;
    s->paired[k] = true;
    *p = (struct pair){.from = neighbour(s, k, -1)};
    if (p->from >= 0 && !(is_wet_enough(s, p->from) && is_wet_enough(s, k)))
        p->from = -1;
    if (p->from < 0)
        return SQ_OK;
    enum sq_status st = need_outline(s, p->from, e);
    if (!st)
        st = need_outline(s, k, e);
    if (st)
        return st;
    const struct sq_outline *a = &s->outline[p->from], *b = &s->outline[k];
    const double dt = (double)(s->c->frame[k].time - s->c->frame[p->from].time);
    sq_outline_displacement(a, b, d);
    p->likeness = sq_outline_match(a, b, COARSE * a->block, d);
    p->per_s[0] = d[0] / dt;
    p->per_s[1] = d[1] / dt;
    return SQ_OK;
}

static double distance(const struct sequence *s, const struct pair *p, int k, const double per_s[2])
{
    const double dt = (double)(s->c->frame[k].time - s->c->frame[p->from].time);
    return dt * hypot(p->per_s[0] - per_s[0], p->per_s[1] - per_s[1]);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* From the pairs round frame t but its own, and but those much less alike than the best: another frame's faults. */
static enum sq_status find_usual(struct sequence *s, int t, struct usual *ret, struct sq_err *e)
{
    double v[3][2 * ROUND + 2], best = -1;
    int n = 0;
    *ret = (struct usual){0};
    for (int k = t > ROUND ? t - ROUND : 0; k < s->c->n && k <= t + ROUND + 1; k++) {
        if (!is_there(s, k))
            continue;
        enum sq_status st = need_pair(s, k, e);
        if (st)
            return st;
        const struct pair *p = &s->pair[k];
        if (k == t || p->from == t || p->from < 0)
            continue;
        v[0][n] = p->per_s[0];
        v[1][n] = p->per_s[1];
        v[2][n++] = p->likeness;
        best = fmax(best, p->likeness);
    }
    for (int k = 0; k < n; k++)
        if (v[2][k] >= best - 0.5 * UNLIKE) {
            for (int i = 0; i < 3; i++)
                v[i][ret->n] = v[i][k];
            ret->n++;
        }
    if (ret->n) {
        ret->per_s[0] = median(v[0], ret->n);
        ret->per_s[1] = median(v[1], ret->n);
        ret->likeness = median(v[2], ret->n);
    }
    return SQ_OK;
}

/* ---- frozen ---------------------------------------------------------------------------------------------- */

static bool same_rain(const float *a, const float *b, size_t n)
{
    size_t wet = 0;
    if (memcmp(a, b, n * sizeof *a) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        wet += a[i] > 0;
    return wet >= LEAST_WET;
}

/* Measurements never repeat to the last bit where it rains. */
static void find_frozen(struct sequence *s)
{
    for (int k = 1, last = is_there(s, 0) ? 0 : -1; k < s->c->n; k++) {
        if (!is_there(s, k))
            continue;
        if (last >= 0 && same_rain(s->c->frame[last].rate_mmh, s->c->frame[k].rate_mmh, s->cells))
            take_out(s, k, SQ_FAULT_FROZEN);
        else
            last = k;
    }
}

/* ---- shifted --------------------------------------------------------------------------------------------- */

/* Does the pair that ends at frame k jump? */
static bool jumps(const struct sequence *s, int k, const struct usual *u)
{
    const struct pair *p = &s->pair[k];
    const struct sq_outline *a = &s->outline[p->from], *b = &s->outline[k];
    const double dt = (double)(s->c->frame[k].time - s->c->frame[p->from].time);
    const double jump[2] = {p->per_s[0] * dt, p->per_s[1] * dt}, go_on[2] = {u->per_s[0] * dt, u->per_s[1] * dt};
    if (distance(s, p, k, u->per_s) < fmax(JUMP, JUMP_BLOCKS * a->block))
        return false;
    return sq_outline_match(a, b, 0, jump) - sq_outline_match(a, b, 0, go_on) >= JUMP_GAIN;
}

/* Is the pair that ends at frame k as alike as usual? Where it is not, weather changes fast. */
static bool is_settled(const struct sequence *s, int k, const struct usual *u)
{
    return k >= 0 && s->pair[k].from >= 0 && s->pair[k].likeness > u->likeness - 0.5 * UNLIKE;
}

/* Frame t jumps away and, where there is a frame after it, back; at an end, the pair next to its own is as usual and does not jump.
 * `in` and `out` are the frames where its pairs end, -1: no such pair. */
static bool is_shifted(const struct sequence *s, int in, int out, const struct usual *u)
{
    const struct pair *a = in >= 0 ? &s->pair[in] : NULL, *b = out >= 0 ? &s->pair[out] : NULL;
    if (u->n < 2 || u->likeness < SURE || (!a && !b) || (a && !jumps(s, in, u)) || (b && !jumps(s, out, u)))
        return false;
    if (a && b) {
        const double away[2] = {a->per_s[0] - u->per_s[0], a->per_s[1] - u->per_s[1]};
        const double back[2] = {b->per_s[0] - u->per_s[0], b->per_s[1] - u->per_s[1]};
        return hypot(away[0] + back[0], away[1] + back[1]) < 0.5 * hypot(away[0], away[1]);
    }
    const int beside = a ? a->from : neighbour(s, out, 1);
    return is_settled(s, beside, u) && !jumps(s, beside, u);
}

/* ---- far off --------------------------------------------------------------------------------------------- */

static bool is_unlike(const struct sequence *s, int in, int out, const struct usual *u)
{
    const struct pair *a = in >= 0 ? &s->pair[in] : NULL, *b = out >= 0 ? &s->pair[out] : NULL;
    const double least = u->likeness - UNLIKE - (a && b ? 0 : 0.05);
    if (u->n < 2 || u->likeness < SURE || (!a && !b) || (a && a->likeness > least) || (b && b->likeness > least))
        return false;
    if (a && b) {
        const struct sq_outline *from = &s->outline[a->from], *to = &s->outline[out];
        const double dt = (double)(s->c->frame[out].time - s->c->frame[a->from].time);
        const double d[2] = {u->per_s[0] * dt, u->per_s[1] * dt};
        return sq_outline_match(from, to, COARSE * from->block, d) > u->likeness - UNLIKE;
    }
    const int beside = a ? a->from : neighbour(s, out, 1);
    return is_settled(s, beside, u);
}

/* How the rain of b compares with that of a over the cells that both have seen: log of the ratios of amount and of
 * area; false where a has too little. */
static bool compare_amounts(const struct sequence *s, int a, int b, double ret[2])
{
    const float *x = s->c->frame[a].rate_mmh, *y = s->c->frame[b].rate_mmh;
    double amount[2] = {0};
    size_t wet[2] = {0}, seen = 0;
    for (size_t i = 0; i < s->cells; i++) {
        if (isnan(x[i]) || isnan(y[i]))
            continue;
        seen++;
        amount[0] += (double)x[i];
        amount[1] += (double)y[i];
        wet[0] += x[i] >= WET_MMH;
        wet[1] += y[i] >= WET_MMH;
    }
    if (wet[0] < LEAST_WET || (double)wet[0] < WET_PART * (double)seen)
        return false;
    ret[0] = log(fmax(amount[1], 1e-9) / amount[0]);
    ret[1] = log(fmax((double)wet[1], 1e-9) / (double)wet[0]);
    return true;
}

static bool is_amount_off(const struct sequence *s, int before, int t, int after)
{
    double in[2], across[2];
    const int second = after >= 0 ? after : before >= 0 ? neighbour(s, before, -1) : -1;
    if (before < 0 || second < 0 || !compare_amounts(s, before, t, in) || !compare_amounts(s, before, second, across))
        return false;
    for (int k = 0; k < 2; k++) {
        /* with a frame after: from there to t; else the one before goes on as it did */
        const double out = after >= 0 ? in[k] - across[k] : in[k];
        const double least = log(after >= 0 ? AMOUNT_BOTH : AMOUNT_ONE);
        if (in[k] * out > 0 && fmin(fabs(in[k]), fabs(out)) >= least && fabs(across[k]) < 0.4 * least)
            return true;
    }
    return false;
}

/* ---- one frame after the other ---------------------------------------------------------------------------- */

static struct sq_examined examine(struct sequence *s, int t)
{
    struct sq_cube_frame *f = &s->c->frame[t];
    return (struct sq_examined){s->c->grid.nx, s->c->grid.ny, f->rate_mmh, f->state, &f->report};
}

/* Frame k as seen from frame t; k = -1: none. */
static struct sq_beside beside(const struct sequence *s, int t, int k, const struct usual *u)
{
    if (k < 0)
        return (struct sq_beside){0};
    const double dt = (double)(s->c->frame[t].time - s->c->frame[k].time);
    return (struct sq_beside){s->c->frame[k].rate_mmh, {(int)lround(u->per_s[0] * dt), (int)lround(u->per_s[1] * dt)}};
}

/* What was known of frame t as a whole holds no more. */
static void forget(struct sequence *s, int t)
{
    sq_outline_finish(&s->outline[t]);
    s->paired[t] = false;
    for (int k = t + 1; k < s->c->n; k++)
        if (s->paired[k] && s->pair[k].from == t)
            s->paired[k] = false;
}

static enum sq_status check_half(struct sequence *s, int t, int before, int after, const struct usual *u, struct sq_err *e)
{
    const int second = after >= 0 ? after : before >= 0 ? neighbour(s, before, -1) : -1;
    double lost = 0;
    if (before < 0 || second < 0)
        return SQ_OK;
    struct sq_examined f = examine(s, t);
    const struct sq_beside other[2] = {beside(s, t, before, u), beside(s, t, second, u)};
    enum sq_status st = sq_quality_half(&f, other, u->n && u->likeness >= FAIR, &lost, e);
    if (!st && lost > 0)
        forget(s, t);
    if (!st && lost > LOST_MOST)
        take_out(s, t, SQ_FAULT_HALF);
    return st;
}

/* Is the whole frame of no use? First whether it is shifted: what then lies outside would seem not to be delivered. */
static enum sq_status check_whole(struct sequence *s, int t, int before, int after, const struct usual *u,
                                  bool (*is_faulty)(const struct sequence *, int, int, const struct usual *),
                                  enum sq_fault why, struct sq_err *e)
{
    if (s->cells < LEAST_GRID || !is_there(s, t))
        return SQ_OK;
    enum sq_status st = need_pair(s, t, e);
    if (!st && after >= 0)
        st = need_pair(s, after, e);
    if (st)
        return st;
    const int in = s->pair[t].from >= 0 ? t : -1, out = after >= 0 && s->pair[after].from == t ? after : -1;
    if (is_faulty(s, in, out, u) || (why == SQ_FAULT_FAR && is_amount_off(s, before, t, after))) {
        take_out(s, t, why);
        forget(s, t);
    }
    return SQ_OK;
}

static enum sq_status check_cells(struct sequence *s, int t, int before, int after, const struct usual *u,
                                  struct sq_err *e)
{
    struct sq_examined f = examine(s, t);
    const struct sq_beside both[2] = {beside(s, t, before, u), beside(s, t, after, u)};
    enum sq_status st = SQ_OK;
    if (s->p->spoke_cells > 0 && (before >= 0 || after >= 0))
        st = sq_quality_spokes(&f, &both[before < 0], s->p->spoke_cells, e);
    if (!st && s->p->speckle_cells > 0)
        sq_quality_speckle(&f, both, s->p->speckle_cells);
    return st;
}

static enum sq_status judge(struct sequence *s, int t, struct sq_err *e)
{
    const int before = neighbour(s, t, -1), after = neighbour(s, t, 1);
    struct usual u;
    enum sq_status st = find_usual(s, t, &u, e);
    if (!st && s->p->frames)
        st = check_whole(s, t, before, after, &u, is_shifted, SQ_FAULT_SHIFTED, e);
    if (!st && s->p->frames && is_there(s, t))
        st = check_half(s, t, before, after, &u, e);
    if (!st && s->p->frames)
        st = check_whole(s, t, before, after, &u, is_unlike, SQ_FAULT_FAR, e);
    if (!st && is_there(s, t))
        st = check_cells(s, t, before, after, &u, e);
    return st;
}

static enum sq_status judge_all(struct sequence *s, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    for (int t = 0; t < s->c->n && !st; t++) {
        if (is_there(s, t))
            st = judge(s, t, e);
        for (int k = t - 2 * ROUND; k >= 0 && k > t - 2 * ROUND - 2; k--)
            sq_outline_finish(&s->outline[k]);
    }
    return st;
}

/* ---- the whole cube --------------------------------------------------------------------------------------- */

/* Where the newest frames were taken out, the cube ends before them. */
static void cut_end(struct sq_cube *c)
{
    while (c->n > 1 && !c->frame[c->n - 1].rate_mmh) {
        struct sq_cube_frame *f = &c->frame[--c->n];
        if (f->report.frame) {
            if (!c->n_late++)
                c->late = f->report;
        }
        free(f->state);
        free(f->path);
    }
}

/* A line for each frame that something was found in. */
static void tell(const struct sq_cube *c)
{
    for (int k = 0; k < c->n; k++) {
        const struct sq_cube_frame *f = &c->frame[k];
        char text[400], when[32];
        const bool grave = f->report.frame || f->report.cells[SQ_FAULT_NO_NUMBER] ||
                           f->report.cells[SQ_FAULT_UNDECLARED] || f->report.cells[SQ_FAULT_HALF];
        if (f->path && sq_quality_text(&f->report, text, sizeof text))
            sq_log(grave ? SQ_LOG_WARN : SQ_LOG_INFO, "%s: quality of %s: %s", f->path, sq_instant_iso(f->time, when), text);
    }
}

enum sq_status sq_quality_sequence(struct sq_cube *c, const struct sq_quality_params *p, struct sq_err *e)
{
    struct sequence s = {.c = c, .p = p, .cells = sq_grid_cells(&c->grid)};
    const size_t n = (size_t)c->n;
    enum sq_status st = sq_alloc((void **)&s.outline, n, sizeof *s.outline, "outlines", e);
    if (!st)
        st = sq_alloc((void **)&s.pair, n, sizeof *s.pair, "pairs", e);
    if (!st)
        st = sq_alloc((void **)&s.paired, n, sizeof *s.paired, "pairs", e);
    if (!st && p->frames)
        find_frozen(&s);
    if (!st && (p->frames || p->speckle_cells > 0 || p->spoke_cells > 0))
        st = judge_all(&s, e);
    for (int k = 0; s.outline && k < c->n; k++)
        sq_outline_finish(&s.outline[k]);
    free(s.outline);
    free(s.pair);
    free(s.paired);
    if (st)
        return st;
    tell(c);
    for (int k = 0; k < c->n; k++) {
        struct sq_cube_frame *f = &c->frame[k];
        if (f->rate_mmh)
            continue;
        free(f->path);
        f->path = NULL;
    }
    cut_end(c);
    return SQ_OK;
}
