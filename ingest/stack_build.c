/* From files to a stack: what is picked, what of it is kept from the last time, and the rest. */
#include "stack_build.h"

#include "core/config.h"
#include "core/instant.h"
#include "core/log.h"
#include "core/publish.h"
#include "core/sha256.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_BYTES ((size_t)1 << 30)
#define CACHE_BYTES ((int64_t)4 << 30)

/* ---- opening ------------------------------------------------------------------------------------------- */

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

static enum sq_status copy(const char *text, char **ret, struct sq_err *e)
{
    if (!text || !*text)
        return SQ_OK;
    *ret = strdup(text);
    return *ret ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for a path");
}

enum sq_status sq_stacker_open(const struct sq_stacker_params *p, struct sq_stacker **ret, struct sq_err *e)
{
    struct sq_stacker *s = NULL;
    enum sq_status status = sq_alloc((void **)&s, 1, sizeof *s, "a stacker", e);
    if (status)
        return status;
    s->def = *p->def;
    s->read = p->read;
    s->read.kind = SQ_KIND_ANY;
    s->cache_bytes = p->cache_bytes > 0 ? p->cache_bytes : CACHE_BYTES;
    s->workers = p->workers > 0 ? p->workers : processors();
    s->has_target = p->target != NULL;
    if (p->target)
        s->target = *p->target;
    status = copy(p->elevation, &s->elevation, e);
    if (!status)
        status = copy(p->cache, &s->cache, e);
    if (!status && s->cache)
        status = sq_publish_folder(s->cache, e);
    if (status) {
        sq_stacker_close(&s);
        return status;
    }
    *ret = s;
    return SQ_OK;
}

void sq_stacker_close(struct sq_stacker **ret)
{
    struct sq_stacker *s = *ret;
    if (!s)
        return;
    sq_plans_drop(&s->plans);
    for (int i = 0; i < SQ_STACK_GRIDS; i++)
        sq_places_finish(&s->places[i]);
    sq_listing_close(&s->known);
    sq_store_finish(&s->store);
    free(s->elevation);
    free(s->cache);
    free(s);
    *ret = NULL;
}

size_t sq_stacker_bytes(const struct sq_stacker *s)
{
    return s->store.bytes;
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

/* The plane of frame i, as kept or to be loaded. Sets *ret_why where there will be none. */
static enum sq_status want_frame(struct sq_build *b, int source, int i, struct sq_kept **ret, enum sq_stack_why *ret_why,
                                 struct sq_err *e)
{
    const struct sq_stack_source *d = &b->s->def.source[source];
    const int grid = b->stack->grid_of[source];
    const struct sq_plan *plan = NULL;
    char key[SQ_KEPT_KEY];
    bool fresh;
    const struct sq_wanted_plan want = {b->stack, b->frame[i], sq_inputs_parts(b->in, i), grid, d->method};
    enum sq_status status = sq_plans_find(&b->s->plans, &want, &plan, e);
    if (status)
        return status;
    *ret_why = plan->outside ? SQ_STACK_OUTSIDE : SQ_STACK_USED;
    if (plan->outside)
        return SQ_OK;
    if (!sq_build_frame_key(b, i, grid, plan, key)) {
        *ret_why = SQ_STACK_BROKEN;
        return SQ_OK;
    }
    status = sq_store_get(&b->s->store, key, sq_grid_cells(&b->stack->grid[grid].grid), ret, &fresh, e);
    if (status)
        return status;
    (*ret)->used = b->s->now;
    if ((*ret)->why == SQ_STACK_BROKEN)
        *ret_why = SQ_STACK_BROKEN;
    else if (fresh)
        b->load[b->n_load++] = (struct sq_load){i, plan->part ? &plan->part->window : NULL, plan->regrid, *ret};
    return SQ_OK;
}

/* Picks for plane k of a source, and asks for its frames. */
static enum sq_status want_plane(struct sq_build *b, int source, int channel, int slice, bool *ret_broken, struct sq_err *e)
{
    const struct sq_stack_source *d = &b->s->def.source[source];
    struct sq_stack_plane *p = sq_stack_at(b->stack, source, channel, slice);
    const size_t k = (size_t)(p - b->stack->plane);
    struct sq_pick *pick = &b->pick[k];
    enum sq_status status = SQ_OK;
    *pick = sq_stack_pick(b->frame, b->broken, b->n, d, d->channel[channel], p->valid_time, b->stack->at);
    p->why = pick->why;
    for (int i = 0; i < 2 && !status && p->why == SQ_STACK_USED && pick->frame[i] >= 0; i++) {
        status = want_frame(b, source, pick->frame[i], &b->kept[2 * k + (size_t)i], &p->why, e);
        if (!status && p->why == SQ_STACK_BROKEN)
            b->broken[pick->frame[i]] = *ret_broken = true;
    }
    return status;
}

static enum sq_status want_all(struct sq_build *b, bool *ret_broken, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    *ret_broken = false;
    for (int i = 0; i < b->s->def.n_sources; i++) {
        const struct sq_stack_source *d = &b->s->def.source[i];
        for (int c = 0; c < d->n_channels && d->kind != SQ_STACK_COMPUTED; c++)
            for (int k = 0; k < d->n_slices && !status; k++)
                status = want_plane(b, i, c, k, ret_broken, e);
    }
    return status;
}

/* Frames of a file together, in its order; planes of a frame together. */
static int by_file(const void *a, const void *b, void *in)
{
    const struct sq_load *x = a, *y = b;
    const struct sq_frame_info *f = sq_inputs_info(in, x->frame), *g = sq_inputs_info(in, y->frame);
    int order = strcmp(f->path, g->path);
    if (order)
        return order;
    if (f->index != g->index)
        return f->index < g->index ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Loads what is picked. A frame that cannot be read makes room for the next one, until all that is picked is there. */
static enum sq_status load_all(struct sq_build *b, struct sq_err *e)
{
    const struct sq_load_params p = {b->in, b->s->cache, b->s->workers};
    enum sq_status status;
    bool broken = true;
    while (!(status = want_all(b, &broken, e)) && (b->n_load || broken)) {
        if (b->n_load)
            qsort_r(b->load, (size_t)b->n_load, sizeof *b->load, by_file, b->in);
        status = sq_stack_load(&p, b->load, b->n_load, e);
        for (int i = 0; i < b->n_load && !status; i++)
            if (b->load[i].to->why != SQ_STACK_USED)
                sq_store_empty(&b->s->store, b->load[i].to, SQ_STACK_BROKEN);
        b->n_load = 0;
        if (status)
            break;
    }
    return status;
}

/* Loads, and judges radar frames; one of no use makes room for the next one, until all that is picked is good. */
static enum sq_status load_good(struct sq_build *b, struct sq_err *e)
{
    enum sq_status status;
    bool faulty = false;
    do {
        status = load_all(b, e);
        if (!status)
            status = sq_build_judge(b, &faulty, e);
    } while (!status && faulty);
    return status;
}

/* ---- what comes out ------------------------------------------------------------------------------------ */

/* The end of a path that is too long for the plane. */
static void take_path(const char *path, char *out, size_t size)
{
    const size_t n = strlen(path);
    snprintf(out, size, "%s", n < size ? path : path + n - size + 1);
}

/* Between two leads of a run: 1 - weight of the first. */
static enum sq_status mix(struct sq_build *b, struct sq_kept *const from[2], float weight, struct sq_kept **ret,
                          struct sq_err *e)
{
    char text[2 * SQ_KEPT_KEY + 40], key[SQ_KEPT_KEY];
    bool fresh;
    const size_t cells = from[0]->cells;
    sq_build_key(text, snprintf(text, sizeof text, "mix %s %s %.9g", from[0]->key, from[1]->key, (double)weight), key);
    enum sq_status status = sq_store_get(&b->s->store, key, cells, ret, &fresh, e);
    if (status)
        return status;
    struct sq_kept *to = *ret;
    to->used = b->s->now;
    if (!fresh)
        return SQ_OK;
    size_t seen = 0;
    for (size_t i = 0; i < cells; i++) {
        to->value[i] = (1 - weight) * from[0]->value[i] + weight * from[1]->value[i];
        seen += !isnan(to->value[i]);
    }
    to->seen = (struct sq_seen){.coverage = (double)seen / (double)cells};
    to->why = SQ_STACK_USED;
    return SQ_OK;
}

static enum sq_status settle_plane(struct sq_build *b, size_t k, bool model, struct sq_err *e)
{
    struct sq_stack_plane *p = &b->stack->plane[k];
    const struct sq_pick *pick = &b->pick[k];
    p->report.frame = b->fault[k];
    if (p->why != SQ_STACK_USED)
        return SQ_OK;
    const struct sq_frame_info *f = b->frame[pick->frame[0]];
    struct sq_kept *kept = b->kept[2 * k];
    enum sq_status status = SQ_OK;
    if (pick->frame[1] >= 0) {
        status = mix(b, &b->kept[2 * k], pick->weight, &kept, e);
        take_path(b->frame[pick->frame[1]]->path, p->path[1], sizeof p->path[1]);
    } else if (!model) {
        p->time = f->time;
    }
    if (status)
        return status;
    p->value = kept->value;
    p->coverage = kept->seen.coverage;
    p->report = b->report[k].cells[SQ_FAULT_HALF] ? b->report[k] : kept->seen.report;
    p->report.frame = b->fault[k];
    p->reference_time = f->reference_time;
    p->age_s = (int)(b->stack->at - p->reference_time);
    take_path(f->path, p->path[0], sizeof p->path[0]);
    memcpy(p->product, f->product, sizeof p->product);
    memcpy(p->units, f->units, sizeof p->units);
    return SQ_OK;
}

/* A plane of place and time; what does not change from one build to the next is kept. */
static enum sq_status compute(struct sq_build *b, int source, int channel, int slice, struct sq_err *e)
{
    const char *name = b->s->def.source[source].channel[channel];
    const struct sq_grid *g = &b->stack->grid[b->stack->grid_of[source]].grid;
    struct sq_stack_plane *p = sq_stack_at(b->stack, source, channel, slice);
    const struct sq_computed c = {g, &b->s->places[b->stack->grid_of[source]], p->valid_time, b->s->elevation};
    char text[SQ_CRS_MAX + 300], key[SQ_KEPT_KEY];
    struct sq_kept *k = NULL;
    bool fresh, known = true;
    int n = snprintf(text, sizeof text, "computed %s %lld ", name, sq_stack_moves(name) ? (long long)p->valid_time : 0);
    n += sq_build_print_grid(text + n, sizeof text - (size_t)n, g);
    sq_build_key(text, n, key);
    enum sq_status status = sq_store_get(&b->s->store, key, sq_grid_cells(g), &k, &fresh, e);
    if (status)
        return status;
    k->used = b->s->now;
    if (fresh) {
        status = sq_stack_compute(&c, name, k->value, &known, e);
        if (status)
            return status;
        if (known)
            k->why = SQ_STACK_USED;
        else
            sq_store_empty(&b->s->store, k, SQ_STACK_NONE);
        size_t seen = 0;
        for (size_t i = 0; known && i < k->cells; i++)
            seen += !isnan(k->value[i]);
        k->seen.coverage = (double)seen / (double)k->cells;
    }
    p->why = k->why;
    p->value = k->value;
    p->coverage = k->seen.coverage;
    snprintf(p->units, sizeof p->units, "%s", sq_stack_units(name));
    p->age_s = (int)(b->stack->at - p->valid_time);
    return SQ_OK;
}

static enum sq_status settle_all(struct sq_build *b, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    for (int i = 0; i < b->s->def.n_sources; i++) {
        const struct sq_stack_source *d = &b->s->def.source[i];
        for (int c = 0; c < d->n_channels; c++)
            for (int k = 0; k < d->n_slices && !status; k++)
                status = d->kind == SQ_STACK_COMPUTED
                             ? compute(b, i, c, k, e)
                             : settle_plane(b, (size_t)(sq_stack_at(b->stack, i, c, k) - b->stack->plane),
                                            d->kind == SQ_STACK_MODEL, e);
    }
    return status;
}

/* ---- a build ------------------------------------------------------------------------------------------- */

/* The frames, and the target: where none was named, the grid of the newest radar frame that was there. */
static enum sq_status take_inputs(struct sq_build *b, int64_t at, struct sq_err *e)
{
    struct sq_stacker *s = b->s;
    b->n = sq_inputs_count(b->in);
    enum sq_status status = sq_alloc((void **)&b->frame, (size_t)b->n, sizeof *b->frame, "frames", e);
    if (!status)
        status = sq_alloc((void **)&b->broken, (size_t)b->n, sizeof *b->broken, "marks", e);
    if (!status)
        status = sq_alloc((void **)&b->verdict, (size_t)b->n, sizeof *b->verdict, "marks", e);
    for (int i = 0; i < b->n && !status; i++) {
        b->frame[i] = sq_inputs_info(b->in, i);
        if (!s->has_target && b->frame[i]->kind == SQ_KIND_RADAR && b->frame[i]->time <= at)
            s->target = b->frame[i]->grid;
    }
    if (!status && !s->target.nx)
        status = sq_fail(e, SQ_USAGE, "no radar frame to take the grid of: name a grid");
    s->has_target = s->has_target || !status;
    return status;
}

static enum sq_status take_fields(struct sq_build *b, struct sq_err *e)
{
    const char *path = b->s->read.model_fields;
    char *text = NULL;
    size_t size = 0;
    if (!path || !*path)
        return SQ_OK;
    enum sq_status status = sq_config_load(path, &text, &size, e);
    if (!status)
        sq_sha256(text, size, b->fields);
    free(text);
    return status;
}

/* The list of files of the build before, or of the call before; another one where the table of model fields, by which
 * files are listed, has changed. */
static enum sq_status open_inputs(struct sq_build *b, char *const *paths, int n_paths, struct sq_err *e)
{
    struct sq_stacker *s = b->s;
    char key[128];
    enum sq_status status = take_fields(b, e);
    snprintf(key, sizeof key, SQ_VERSION " %s", b->fields);
    if (s->known && strcmp(sq_listing_key(s->known), key))
        sq_listing_close(&s->known);
    if (!status && !s->known)
        status = sq_listing_open(s->cache, key, &s->known, e);
    if (!status)
        status = sq_inputs_open_known(paths, n_paths, &s->read, s->known, &b->in, e);
    if (!status)
        sq_listing_settle(s->known, s->cache);
    return status;
}

static enum sq_status prepare(struct sq_build *b, int64_t at, struct sq_err *e)
{
    enum sq_status status = take_inputs(b, at, e);
    if (!status)
        status = sq_stack_init(b->stack, &b->s->def, &b->s->target, at, e);
    b->stack->cloud_top_m = b->s->read.cloud_top_m;
    if (!status)
        status = sq_alloc((void **)&b->pick, b->stack->n_planes, sizeof *b->pick, "picks", e);
    if (!status)
        status = sq_alloc((void **)&b->kept, 2 * b->stack->n_planes, sizeof *b->kept, "picks", e);
    if (!status)
        status = sq_alloc((void **)&b->fault, b->stack->n_planes, sizeof *b->fault, "picks", e);
    if (!status)
        status = sq_alloc((void **)&b->report, b->stack->n_planes, sizeof *b->report, "picks", e);
    if (!status)
        status = sq_alloc((void **)&b->load, 2 * b->stack->n_planes, sizeof *b->load, "picks", e);
    return status;
}

static bool anything(const struct sq_stack *s)
{
    for (int i = 0; i < s->def.n_sources; i++)
        if (s->def.source[i].kind != SQ_STACK_COMPUTED && sq_stack_count(s, i))
            return true;
    return false;
}

enum sq_status sq_stacker_build(struct sq_stacker *s, char *const *paths, int n_paths, int64_t at,
                                struct sq_stack *ret, struct sq_err *e)
{
    struct sq_stack stack = {0};
    struct sq_build b = {.s = s, .stack = &stack};
    char text[32];
    if (s->plans.n > SQ_PLANS_MAX)
        sq_plans_drop(&s->plans);
    s->now++;
    enum sq_status status = open_inputs(&b, paths, n_paths, e);
    if (!status)
        status = prepare(&b, at, e);
    if (!status)
        status = load_good(&b, e);
    if (!status)
        status = settle_all(&b, e);
    if (!status && !anything(&stack))
        status = sq_fail(e, SQ_ABSENT, "%s: nothing of the network's sources was there at %s", n_paths ? paths[0] : "",
                         sq_instant_iso(at, text));
    sq_store_trim(&s->store, s->now, KEEP_BYTES);
    if (s->cache)
        sq_cache_trim(s->cache, s->cache_bytes);
    sq_inputs_close(&b.in);
    free(b.frame);
    free(b.broken);
    free(b.verdict);
    free(b.pick);
    free(b.kept);
    free(b.fault);
    free(b.report);
    free(b.load);
    if (status)
        sq_stack_finish(&stack);
    else
        *ret = stack;
    return status;
}
