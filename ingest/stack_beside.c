#include "stack_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The frames that serve the slices of a channel, each once, rising in time; returns how many. */
static int slots_of(struct sq_build *b, int source, int channel, struct sq_slot *slot, int *frame)
{
    int n = 0;
    for (int k = b->s->def.source[source].n_slices - 1; k >= 0; k--) {
        const struct sq_stack_plane *p = sq_stack_at(b->stack, source, channel, k);
        const size_t at = (size_t)(p - b->stack->plane);
        const int i = b->pick[at].frame[0];
        if (p->why != SQ_STACK_USED || (n && frame[n - 1] == i))
            continue;
        frame[n] = i;
        slot[n++] = (struct sq_slot){b->frame[i]->time, b->frame[i]->path, b->kept[2 * at], {{0}, SQ_FAULT_NONE}, NULL};
    }
    return n;
}

/* The values that are left of a frame, as a plane of their own: they depend on the frames beside. */
static enum sq_status keep_changed(struct sq_build *b, const struct sq_slot *slot, int n, int k, struct sq_kept **ret,
                                   struct sq_err *e)
{
    char text[(SQ_STACK_SLICES + 2) * SQ_KEPT_KEY], key[SQ_KEPT_KEY];
    const size_t cells = slot[k].kept->cells;
    bool fresh;
    int at = snprintf(text, sizeof text, "beside %s", slot[k].kept->key);
    for (int i = 0; i < n; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, " %s", slot[i].kept->key);
    sq_build_key(text, at, key);
    enum sq_status status = sq_store_get(&b->s->store, key, cells, ret, &fresh, e);
    if (status)
        return status;
    (*ret)->used = b->s->now;
    if (!fresh)
        return SQ_OK;
    size_t seen = 0;
    memcpy((*ret)->value, slot[k].changed, cells * sizeof *slot[k].changed);
    for (size_t i = 0; i < cells; i++)
        seen += !isnan((*ret)->value[i]);
    (*ret)->seen.coverage = (double)seen / (double)cells;
    (*ret)->why = SQ_STACK_USED;
    return SQ_OK;
}

/* What was found in frame `frame[k]` is said of the planes that it serves. */
static enum sq_status apply(struct sq_build *b, int source, int channel, const struct sq_slot *slot, const int *frame, int n,
                            int k, struct sq_err *e)
{
    struct sq_kept *changed = NULL;
    enum sq_status status = slot[k].changed ? keep_changed(b, slot, n, k, &changed, e) : SQ_OK;
    for (int i = 0; i < b->s->def.source[source].n_slices && !status; i++) {
        const struct sq_stack_plane *p = sq_stack_at(b->stack, source, channel, i);
        const size_t at = (size_t)(p - b->stack->plane);
        if (p->why != SQ_STACK_USED || b->pick[at].frame[0] != frame[k])
            continue;
        b->report[at] = slot[k].report;
        if (changed)
            b->kept[2 * at] = changed;
    }
    return status;
}

static enum sq_status judge_channel(struct sq_build *b, int source, int channel, bool *ret_faulty, struct sq_err *e)
{
    struct sq_slot slot[SQ_STACK_SLICES];
    int frame[SQ_STACK_SLICES];
    const int n = slots_of(b, source, channel, slot, frame);
    enum sq_status status = n > 1 ? sq_stack_judge(&b->stack->grid[b->stack->grid_of[source]].grid, slot, n, e) : SQ_OK;
    for (int k = 0; k < n && n > 1; k++) {
        if (!status)
            status = apply(b, source, channel, slot, frame, n, k, e);
        if (!status && slot[k].report.frame) {
            b->broken[frame[k]] = *ret_faulty = true;
            b->verdict[frame[k]] = slot[k].report.frame;
        }
        free(slot[k].changed);
    }
    return status;
}

/* Why planes will be served by other frames, of whatever channel the verdict was. */
static void note_verdicts(struct sq_build *b)
{
    for (size_t k = 0; k < b->stack->n_planes; k++)
        if (b->stack->plane[k].why == SQ_STACK_USED && b->pick[k].why == SQ_STACK_USED && !b->fault[k])
            b->fault[k] = b->verdict[b->pick[k].frame[0]];
}

enum sq_status sq_build_judge(struct sq_build *b, bool *ret_faulty, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    *ret_faulty = false;
    memset(b->report, 0, b->stack->n_planes * sizeof *b->report);
    for (int i = 0; i < b->s->def.n_sources && b->s->read.quality.frames; i++) {
        const struct sq_stack_source *d = &b->s->def.source[i];
        for (int c = 0; c < d->n_channels && d->kind == SQ_STACK_RADAR && !status; c++)
            status = judge_channel(b, i, c, ret_faulty, e);
    }
    note_verdicts(b);
    return status;
}
