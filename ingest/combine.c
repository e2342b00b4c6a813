/* The order of frames, and what takes two messages, which may stand in two files: the rain of an hour out of sums that
 * begin with the run, and winds along a grid that are turned to east and north. */
#include "inputs.h"
#include "wind.h"

#include "core/instant.h"
#include "core/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t begin_of(const struct sq_frame *f)
{
    return f->info.time - f->own_s;
}

static int by_number(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* ---- sums --------------------------------------------------------------------------------------------- */

/* By kind, channel, run and beginning, then time. */
static int by_beginning(const void *a, const void *b)
{
    const struct sq_frame *x = *(struct sq_frame *const *)a, *y = *(struct sq_frame *const *)b;
    int order = by_number(x->info.kind, y->info.kind);
    if (!order)
        order = strcmp(x->info.channel, y->info.channel);
    if (!order)
        order = by_number(x->info.reference_time, y->info.reference_time);
    if (!order)
        order = by_number(begin_of(x), begin_of(y));
    if (!order)
        order = by_number(x->info.time, y->info.time);
    return order ? order : by_number(x->order, y->order);
}

static bool same_beginning(const struct sq_frame *x, const struct sq_frame *y)
{
    return x->info.kind == y->info.kind && !strcmp(x->info.channel, y->info.channel) &&
           x->info.reference_time == y->info.reference_time && begin_of(x) == begin_of(y);
}

/* Of sums that begin together, each has the one before taken off. */
static void take_off(struct sq_frame **sorted, int n)
{
    struct sq_frame *before = NULL; /* the last one with an earlier end */
    qsort(sorted, (size_t)n, sizeof *sorted, by_beginning);
    for (int i = 0; i < n; i++) {
        struct sq_frame *f = sorted[i];
        if (i && sorted[i - 1]->info.time != f->info.time)
            before = sorted[i - 1];
        if (f->info.kind != SQ_KIND_MODEL || !f->own_s || !before || !same_beginning(before, f) || !before->own_s ||
            !sq_grid_equal(&before->info.grid, &f->info.grid))
            continue;
        f->second = before->order;
        f->info.interval_s = (int)(f->info.time - before->info.time);
    }
}

/* ---- order -------------------------------------------------------------------------------------------- */

int sq_frames_compare(const struct sq_frame_info *x, const struct sq_frame_info *y)
{
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int channel = strcmp(x->channel, y->channel);
    if (channel)
        return channel;
    return x->reference_time > y->reference_time ? -1 : x->reference_time < y->reference_time;
}

/* As the list has it; of a model the shortest interval first, then what one message says alone. */
static int by_time(const void *a, const void *b)
{
    const struct sq_frame *x = *(struct sq_frame *const *)a, *y = *(struct sq_frame *const *)b;
    int order = sq_frames_compare(&x->info, &y->info);
    if (!order && x->info.kind == SQ_KIND_MODEL)
        order = by_number(x->info.interval_s, y->info.interval_s);
    if (!order)
        order = (x->second >= 0) - (y->second >= 0);
    return order ? order : by_number(x->order, y->order);
}

/* Puts the first of equal ones before the others; returns how many stay. `rest` has room for all. */
static int choose(struct sq_frame **sorted, struct sq_frame **rest, int n)
{
    int kept = 0, left = 0;
    qsort(sorted, (size_t)n, sizeof *sorted, by_time);
    for (int i = 0; i < n; i++) {
        const struct sq_frame *last = kept ? sorted[kept - 1] : NULL;
        if (!last || sq_frames_compare(&last->info, &sorted[i]->info)) {
            sorted[kept++] = sorted[i];
            continue;
        }
        rest[left++] = sorted[i];
        if (last->info.kind != SQ_KIND_MODEL || last->own_s == sorted[i]->own_s) {
            char text[32];
            sq_log(SQ_LOG_WARN, "%s: left out, %s has a frame of %s already", sorted[i]->info.path, last->info.path,
                   sq_instant_iso(last->info.time, text));
        }
    }
    memcpy(sorted + kept, rest, (size_t)left * sizeof *rest);
    return kept;
}

/* ---- winds -------------------------------------------------------------------------------------------- */

static int find_frame(const void *key, const void *entry)
{
    return sq_frames_compare(key, &(*(struct sq_frame *const *)entry)->info);
}

/* The other component of f among the n frames in order; NULL: not there. */
static struct sq_frame *find_partner(const struct sq_frame *f, struct sq_frame **sorted, int n)
{
    struct sq_frame_info key = f->info;
    memcpy(key.channel, f->with, sizeof key.channel);
    struct sq_frame **found = bsearch(&key, sorted, (size_t)n, sizeof *sorted, find_frame);
    return found && sq_grid_equal(&(*found)->info.grid, &f->info.grid) ? *found : NULL;
}

/* Returns how many of the n frames stay; those that cannot be turned go behind them. */
static int pair_winds(struct sq_frame **sorted, struct sq_frame **rest, int n)
{
    int kept = 0, left = 0;
    for (int i = 0; i < n; i++)
        if (sorted[i]->with[0]) {
            const struct sq_frame *partner = find_partner(sorted[i], sorted, n);
            sorted[i]->second = partner ? partner->order : -1;
        }
    for (int i = 0; i < n; i++) {
        if (!sorted[i]->with[0] || sorted[i]->second >= 0) {
            sorted[kept++] = sorted[i];
            continue;
        }
        sq_log(SQ_LOG_WARN, "%s: %s left out: it is along the grid, and %s is not there to turn it", sorted[i]->info.path,
               sorted[i]->info.channel, sorted[i]->with);
        rest[left++] = sorted[i];
    }
    memcpy(sorted + kept, rest, (size_t)left * sizeof *rest);
    return kept;
}

/* ---- the list ----------------------------------------------------------------------------------------- */

enum sq_status sq_frames_combine(struct sq_frames *list, struct sq_err *e)
{
    const int n = list->n;
    struct sq_frame **sorted = NULL, *to = NULL;
    enum sq_status st = sq_alloc((void **)&sorted, (size_t)n * 2, sizeof *sorted, "frames", e);
    if (!st)
        st = sq_alloc((void **)&to, (size_t)n, sizeof *to, "frames", e);
    if (st) {
        free(sorted);
        return st;
    }
    for (int i = 0; i < n; i++)
        sorted[i] = &list->frame[i];
    take_off(sorted, n);
    int kept = choose(sorted, sorted + n, n);
    kept = pair_winds(sorted, sorted + n, kept);
    for (int i = 0; i < n; i++)
        to[i] = *sorted[i];
    free(sorted);
    free(list->frame);
    list->frame = to;
    list->room = n;
    list->n = kept;
    list->n_hidden = n - kept;
    if (!kept)
        return sq_fail(e, SQ_FAILED, "%s: holds one component of winds alone, which cannot be turned to the north",
                       list->path);
    return SQ_OK;
}

/* ---- values ------------------------------------------------------------------------------------------- */

static void take_sum_off(const struct sq_frame *f, const struct sq_frame *second, float *value, const float *other,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = (double)value[i] * f->own_s - (double)other[i] * second->own_s;
        value[i] = sum < 0 ? 0 : (float)(sum / f->info.interval_s); /* packing leaves differences below 0 */
    }
}

enum sq_status sq_frames_apply(const struct sq_frame *f, const struct sq_frame *second, struct sq_field *field,
                               const struct sq_field *other, struct sq_err *e)
{
    const size_t n = sq_grid_cells(&field->grid);
    enum sq_status st = SQ_OK;
    if (f->with[0])
        st = sq_wind_turn(&field->grid, f->axis, field->value, other->value, e);
    else
        take_sum_off(f, second, field->value, other->value, n);
    for (size_t i = 0; i < n; i++)
        if (isnan(field->value[i]) && field->state[i] <= SQ_STATE_UNDETECT)
            field->state[i] = other->state[i] > SQ_STATE_UNDETECT ? other->state[i] : SQ_STATE_MISSING;
    return st;
}
