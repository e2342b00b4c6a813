/* Aligned slots from frames as they came: which frame goes where, and the gaps between. */
#include "quality.h"
#include "source.h"

#include "core/crs.h"
#include "core/instant.h"
#include "core/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 1000000

/* What is being built from: frames [first, last] of the inputs may be used. */
struct plan {
    struct sq_inputs *in;
    const struct sq_cube_params *p;
    int first, last;
    bool *broken; /* [count]: could not be read, or shows nothing */
    int blank;    /* newest frames that show nothing */
    int step_s, n;
    struct sq_grid grid;      /* of the cube */
    struct sq_grid from;      /* what `regrid` starts from */
    struct sq_regrid *regrid; /* NULL: none needed yet */
};

static int64_t time_of(const struct plan *b, int i)
{
    return sq_inputs_info(b->in, i)->time;
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

/* The most frequent of n values, the smaller of equals. Sorts v. */
static int mode(int *v, int n)
{
    int best = 0, most = 0;
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int i = 0, run = 0; i < n; i++) {
        run = i && v[i] == v[i - 1] ? run + 1 : 1;
        if (run > most) {
            most = run;
            best = v[i];
        }
    }
    return best;
}

/* Step of the slots. Spacings are rounded to 10 s: MRMS reflectivity comes at 12:00:39, 12:02:41. */
static enum sq_status find_step(struct plan *b, struct sq_err *e)
{
    int least = b->p->least_step_s > 0 ? b->p->least_step_s : 240, n = b->last - b->first, *d = NULL;
    if (b->p->step_s > 0) {
        b->step_s = b->p->step_s;
        return SQ_OK;
    }
    enum sq_status st = sq_alloc((void **)&d, (size_t)n, sizeof *d, "spacings", e);
    if (st)
        return st;
    for (int i = 0; i < n; i++) {
        int64_t s = (time_of(b, b->first + i + 1) - time_of(b, b->first + i) + 5) / 10 * 10;
        d[i] = s < 10 ? 10 : s > 864000 ? 864000 : (int)s;
    }
    int step = n ? mode(d, n) : 300;
    b->step_s = (least + step - 1) / step * step;
    free(d);
    return SQ_OK;
}

/* Slots that are asked for. */
static int count_wanted(const struct plan *b)
{
    const struct sq_grid *g = b->p->grid ? b->p->grid : &sq_inputs_info(b->in, b->last)->grid;
    const int reach = sq_grid_cells(g) > SQ_WIDE_CELLS ? 0 : b->p->past_s / b->step_s + 1;
    return reach > b->p->frames ? reach : b->p->frames;
}

/* The usable frames, the step and the number of slots. */
static enum sq_status plan_slots(struct plan *b, struct sq_err *e)
{
    const struct sq_cube_params *p = b->p;
    b->first = -1;
    for (int i = 0; i < sq_inputs_count(b->in); i++) {
        int64_t t = time_of(b, i);
        if (b->broken[i] || t > p->at || t < p->from)
            continue;
        b->first = b->first < 0 ? i : b->first;
        b->last = i;
    }
    char text[32];
    if (b->first < 0)
        return sq_fail(e, SQ_ABSENT, "no frame at or before %s: the first input is %s",
                       p->at == INT64_MAX ? "now" : sq_instant_iso(p->at, text),
                       sq_inputs_info(b->in, 0)->path);
    enum sq_status st = find_step(b, e);
    if (st)
        return st;
    int64_t span = time_of(b, b->last) - time_of(b, b->first);
    int64_t n = (span + b->step_s / 2) / b->step_s + 1;
    if (p->frames > 0 && n > count_wanted(b))
        n = count_wanted(b);
    if (p->frames > 0 && n < p->frames && p->from == INT64_MIN)
        n = p->frames;
    if (n > SLOTS_MAX)
        return sq_fail(e, SQ_FAILED, "frames from %s on span %lld steps of %d s: too many for one cube",
                       sq_instant_iso(time_of(b, b->first), text), (long long)n, b->step_s);
    b->n = (int)n;
    return SQ_OK;
}

/* The frame nearest to the slot at t among those that belong to it (half a step before, exclusive, to half a
 * step after, inclusive, so that no frame serves two slots); -1: none. */
static int frame_for(const struct plan *b, int64_t t)
{
    int best = -1, lo = b->first, hi = b->last + 1;
    while (lo < hi) { /* first frame of the slot */
        int mid = lo + (hi - lo) / 2;
        if (2 * (time_of(b, mid) - t) > -b->step_s)
            hi = mid;
        else
            lo = mid + 1;
    }
    for (int i = lo; i <= b->last && 2 * (time_of(b, i) - t) <= b->step_s; i++)
        if (!b->broken[i] && (best < 0 || llabs(time_of(b, i) - t) < llabs(time_of(b, best) - t)))
            best = i;
    return best;
}

/* Moves the field into the slot. */
static void fill_slot(struct sq_cube_frame *slot, struct sq_field *f)
{
    slot->time = f->time;
    slot->coverage = sq_field_coverage(f);
    slot->rate_mmh = f->value;
    slot->state = f->state;
    slot->report = f->report;
    f->value = NULL;
    f->state = NULL;
    sq_field_finish(f);
}

/* Puts the field onto the cube's grid. */
static enum sq_status onto_grid(struct plan *b, struct sq_field *f, struct sq_err *e)
{
    struct sq_field to = {0};
    enum sq_status st = SQ_OK;
    if (sq_grid_equal(&f->grid, &b->grid))
        return SQ_OK;
    if (!b->regrid || !sq_grid_equal(&f->grid, &b->from)) {
        sq_regrid_destroy(&b->regrid);
        b->from = f->grid;
        st = sq_regrid_create(&b->from, &b->grid, SQ_REGRID_AUTO, &b->regrid, e);
    }
    if (!st)
        st = sq_field_init(&to, &b->grid, e);
    if (st)
        return st;
    to.time = f->time;
    sq_regrid_weighted(b->regrid, f->value, f->quality, to.value);
    sq_regrid_states(b->regrid, f->state, to.state);
    to.report = f->report;
    sq_field_finish(f);
    *f = to;
    return SQ_OK;
}

static enum sq_status load_frame(struct plan *b, int i, struct sq_cube_frame *slot, struct sq_err *e)
{
    struct sq_field f = {0};
    enum sq_status st = sq_inputs_read(b->in, i, &f, e);
    if (st)
        return st;
    sq_field_reject_worthless(&f);
    st = onto_grid(b, &f, e);
    if (st) {
        sq_field_finish(&f);
        return st;
    }
    slot->path = strdup(sq_inputs_info(b->in, i)->path);
    if (!slot->path) {
        sq_field_finish(&f);
        return sq_fail(e, SQ_FAILED, "out of memory for a path");
    }
    fill_slot(slot, &f);
    return SQ_OK;
}

/* Loads frame i. One that is broken fails the build if the user named its file; else it is passed over:
 * broken[i] is set and the slot stays empty. */
static enum sq_status try_frame(struct plan *b, int i, struct sq_cube_frame *slot, struct sq_err *e)
{
    struct sq_err why = {0};
    const struct sq_frame_info *info = sq_inputs_info(b->in, i);
    if (!b->p->grid && !sq_grid_equal(&info->grid, &b->grid))
        return sq_fail(e, SQ_FAILED, "%s: its grid is not that of the newest frame: choose files of one kind, "
                       "or a grid for all", info->path);
    enum sq_status st = load_frame(b, i, slot, &why);
    if (st && sq_inputs_named(b->in, i))
        return sq_fail(e, st, "%s", why.text);
    if (st) {
        sq_log(SQ_LOG_WARN, "%s: passed over", why.text);
        b->broken[i] = true;
    }
    return SQ_OK;
}

static void drop_frame(struct sq_cube_frame *f)
{
    free(f->rate_mmh);
    free(f->state);
    free(f->path);
    *f = (struct sq_cube_frame){0};
}

/* A radar that is down may go on sending frames of nothing: the one before is taken, so that there is something to
 * start from. */
static enum sq_status step_back(struct plan *b, struct sq_cube_frame *newest, struct sq_err *e)
{
    char text[32];
    bool any = false;
    for (int i = b->first; i < b->last && !any; i++)
        any = !b->broken[i];
    sq_instant_iso(newest->time, text);
    if (!any || (b->p->frames > 0 && b->blank + 1 >= b->p->frames))
        return sq_fail(e, SQ_FAILED, "%s: no observed cell on this grid in the newest %d frames, down to %s: choose an "
                       "earlier time or another grid", newest->path, b->blank + 1, text);
    b->broken[b->last] = true;
    b->blank++;
    drop_frame(newest);
    return SQ_OK;
}

/* The newest frame that can be read, with the plan that follows from it: it fixes the grid and the slots. */
static enum sq_status load_newest(struct plan *b, struct sq_cube_frame *newest, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    char text[32];
    while (!st && !newest->rate_mmh) {
        st = plan_slots(b, e);
        if (st)
            break;
        b->grid = b->p->grid ? *b->p->grid : sq_inputs_info(b->in, b->last)->grid;
        st = try_frame(b, b->last, newest, e);
        if (!st && newest->rate_mmh && b->p->observed && !(newest->coverage > 0))
            st = step_back(b, newest, e);
    }
    if (!st && b->blank)
        sq_log(SQ_LOG_WARN, "%s: its frame of %s is the newest one used, %d after it have no observed cell on this grid",
               newest->path, sq_instant_iso(newest->time, text), b->blank);
    return st;
}

static enum sq_status load_slots(struct plan *b, struct sq_cube *c, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    int64_t end = c->frame[c->n - 1].time;
    for (int k = c->n - 2; k >= 0 && !st; k--) {
        struct sq_cube_frame *slot = &c->frame[k];
        slot->time = end - (int64_t)(c->n - 1 - k) * b->step_s;
        for (int i = 0; !st && !slot->rate_mmh && (i = frame_for(b, slot->time)) >= 0;)
            st = try_frame(b, i, slot, e);
    }
    return st;
}

/* What is as good as it gets: only the newest frame keeps its states. */
static void settle(struct sq_cube *c)
{
    for (int i = 0; i < c->n; i++) {
        struct sq_cube_frame *f = &c->frame[i];
        size_t seen = 0;
        for (size_t k = 0; f->rate_mmh && k < sq_grid_cells(&c->grid); k++)
            seen += !isnan(f->rate_mmh[k]);
        f->coverage = (double)seen / (double)sq_grid_cells(&c->grid);
        if (i == c->n - 1)
            break;
        free(f->state);
        f->state = NULL;
    }
}

static enum sq_status build(struct plan *b, struct sq_cube *c, struct sq_err *e)
{
    struct sq_cube_frame newest = {0};
    enum sq_status st = load_newest(b, &newest, e);
    if (st) {
        drop_frame(&newest);
        return st;
    }
    c->step_s = b->step_s;
    c->grid = b->grid;
    snprintf(c->source, sizeof c->source, "%s", sq_inputs_info(b->in, b->last)->source);
    st = sq_crs_cell_m(&c->grid, c->cell_m, e);
    if (!st)
        st = sq_alloc((void **)&c->frame, (size_t)b->n, sizeof *c->frame, "frames of a cube", e);
    if (st) {
        drop_frame(&newest);
        return st;
    }
    c->n = b->n;
    c->frame[c->n - 1] = newest;
    st = load_slots(b, c, e);
    if (!st)
        st = sq_quality_sequence(c, &sq_inputs_params(b->in)->quality, e);
    if (!st)
        settle(c);
    return st;
}

enum sq_status sq_cube_build(struct sq_inputs *in, const struct sq_cube_params *p, struct sq_cube *ret,
                             struct sq_err *e)
{
    struct plan b = {.in = in, .p = p};
    struct sq_cube c = {0};
    enum sq_status st = sq_alloc((void **)&b.broken, (size_t)sq_inputs_count(in), 1, "marks", e);
    if (!st)
        st = build(&b, &c, e);
    free(b.broken);
    sq_regrid_destroy(&b.regrid);
    if (st) {
        sq_cube_finish(&c);
        return st;
    }
    *ret = c;
    return SQ_OK;
}
