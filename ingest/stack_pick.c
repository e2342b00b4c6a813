/* Which frame serves a plane: the newest that was there. */
#include "stack_parts.h"

#include <string.h>

/* Leads of a run are at most this far apart, and a field is that of a plane at most this far away. */
#define LEAD_GAP_S 21600

struct search {
    const struct sq_frame_info *const *frame;
    const bool *broken;
    int n;
    const struct sq_stack_source *s;
    const char *channel;
};

static bool fits(const struct search *q, int i)
{
    static const enum sq_kind kinds[] = {SQ_KIND_RADAR, SQ_KIND_SATELLITE, SQ_KIND_MODEL};
    return q->frame[i]->kind == kinds[q->s->kind] && !strcmp(q->frame[i]->channel, q->channel);
}

/* Index of the first frame after t. */
static int after(const struct search *q, int64_t t)
{
    int lo = 0, hi = q->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (q->frame[mid]->time > t)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* The newest frame at or before both the slice's time and what could be there at `at`. */
static struct sq_pick pick_observation(const struct search *q, int64_t valid, int64_t at)
{
    const int64_t there = at - q->s->latency_s, newest = valid < there ? valid : there;
    struct sq_pick none = {SQ_STACK_NONE, {-1, -1}, 0};
    for (int i = after(q, newest) - 1; i >= 0 && q->frame[i]->time > newest - q->s->reach_s; i--) {
        if (!fits(q, i))
            continue;
        if (!q->broken[i])
            return (struct sq_pick){SQ_STACK_USED, {i, -1}, 0};
        none.why = SQ_STACK_BROKEN;
    }
    for (int i = after(q, newest); i < q->n && q->frame[i]->time <= valid && none.why == SQ_STACK_NONE; i++)
        if (fits(q, i))
            none.why = SQ_STACK_LATE;
    return none;
}

/* The leads of one run next to `valid`: a field of an instant is mixed from the two it lies between; an amount
 * over an interval is that of the interval it lies in. */
static struct sq_pick bracket(const struct search *q, int lo, int hi, int64_t run, int64_t valid)
{
    int before = -1, behind = -1;
    for (int i = lo; i < hi; i++) {
        const struct sq_frame_info *f = q->frame[i];
        if (!fits(q, i) || q->broken[i] || f->reference_time != run)
            continue;
        if (f->time <= valid && (!f->interval_s || f->time == valid))
            before = i;
        if (f->time >= valid && behind < 0 && (!f->interval_s || f->time - f->interval_s < valid))
            behind = i;
    }
    if (behind >= 0 && (q->frame[behind]->interval_s || q->frame[behind]->time == valid))
        return (struct sq_pick){SQ_STACK_USED, {behind, -1}, 0};
    if (before < 0 || behind < 0 || q->frame[behind]->time - q->frame[before]->time > LEAD_GAP_S)
        return (struct sq_pick){SQ_STACK_NONE, {-1, -1}, 0};
    const int64_t a = q->frame[before]->time, b = q->frame[behind]->time;
    return (struct sq_pick){SQ_STACK_USED, {before, behind}, (float)(valid - a) / (float)(b - a)};
}

/* The newest run that was there and has leads on both sides of `valid`. */
static struct sq_pick pick_model(const struct search *q, int64_t valid, int64_t at)
{
    const int lo = after(q, valid - LEAD_GAP_S - 1), hi = after(q, valid + LEAD_GAP_S);
    const int64_t newest = at - q->s->latency_s, oldest = at - q->s->reach_s;
    struct sq_pick none = {SQ_STACK_NONE, {-1, -1}, 0};
    for (int64_t run = newest + 1;;) {
        int64_t next = INT64_MIN;
        for (int i = lo; i < hi; i++) {
            const int64_t t = q->frame[i]->reference_time;
            if (!fits(q, i) || t < oldest)
                continue;
            if (t > newest)
                none.why = none.why == SQ_STACK_NONE ? SQ_STACK_LATE : none.why;
            else if (q->broken[i])
                none.why = SQ_STACK_BROKEN;
            else if (t < run && t > next)
                next = t;
        }
        if (next == INT64_MIN)
            return none;
        struct sq_pick p = bracket(q, lo, hi, next, valid);
        if (p.why == SQ_STACK_USED)
            return p;
        run = next;
    }
}

struct sq_pick sq_stack_pick(const struct sq_frame_info *const *frame, const bool *broken, int n,
                             const struct sq_stack_source *s, const char *channel, int64_t valid, int64_t at)
{
    const struct search q = {frame, broken, n, s, channel};
    return s->kind == SQ_STACK_MODEL ? pick_model(&q, valid, at) : pick_observation(&q, valid, at);
}
