/* From files to a stack: what is picked, what of it is kept from the last time, and the rest. */
#include "listing.h"
#include "stack_parts.h"

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
#include <sys/stat.h>

#define KEEP_BYTES ((size_t)1 << 30)
#define CACHE_BYTES ((int64_t)4 << 30)

struct sq_stacker {
    struct sq_stack_def def;
    struct sq_read_params read;
    struct sq_grid target;
    bool has_target;
    char *elevation, *cache;
    int64_t cache_bytes;
    int workers;
    struct sq_store store;
    struct sq_listing *known; /* NULL: not yet */
    struct sq_places places[SQ_STACK_GRIDS];
    unsigned now; /* builds so far */
    struct sq_plans plans;
};

/* One build. */
struct build {
    struct sq_stacker *s;
    struct sq_inputs *in;
    int n; /* frames */
    const struct sq_frame_info **frame;
    bool *broken;
    struct sq_stack *stack;
    struct sq_pick *pick;    /* [n_planes] */
    struct sq_kept **kept;   /* [n_planes][2]: what the picks are made of */
    struct sq_quality_report *report; /* [n_planes]: of radar frames, beside others */
    enum sq_fault *verdict;  /* [n]: why a frame is of no use */
    enum sq_fault *fault;    /* [n_planes]: why the frame that was picked first was of none */
    struct sq_load *load;    /* to be filled, at most 2 n_planes */
    int n_load;
    char fields[65];         /* SHA-256 of the user's table of model fields; "": our own */
};

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

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void key_of(const char *text, int n, char ret[SQ_KEPT_KEY])
{
    char hex[65];
    sq_sha256(text, (size_t)n, hex);
    memcpy(ret, hex, SQ_KEPT_KEY - 1);
    ret[SQ_KEPT_KEY - 1] = '\0';
}

static int print_grid(char *out, size_t size, const struct sq_grid *g)
{
    return snprintf(out, size, "%d %d %.17g %.17g %.17g %.17g %s", g->nx, g->ny, g->x0, g->y0, g->dx, g->dy, g->crs);
}

/* Everything that a plane of frame i depends on. False where its file is gone. */
static bool frame_key(const struct build *b, int i, int grid, const struct sq_plan *plan, char ret[SQ_KEPT_KEY])
{
    const struct sq_frame_info *f = b->frame[i];
    const struct sq_read_params *p = &b->s->read;
    const struct sq_quality_params *q = &p->quality;
    const struct sq_window none = {0}, *w = plan->part ? &plan->part->window : &none;
    char full[SQ_PATH_MAX], g[SQ_CRS_MAX + 128], text[2 * SQ_PATH_MAX + SQ_CRS_MAX + 1024];
    struct stat st;
    if (stat(f->file, &st) || !realpath(f->file, full))
        return false;
    const char *member = f->path + strlen(f->file);
    print_grid(g, sizeof g, &b->stack->grid[grid].grid);
    int n = snprintf(text, sizeof text,
                     SQ_VERSION " %s|%s|%lld %lld.%09ld|%d %d %s %s %s %s|%lld %lld %d|%d|%g %g %g %g %g %g|%g %d %d %d|%d %d %d %d|%s|%s",
                     full, member, (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec,
                     f->index, (int)f->kind, f->source, f->product, f->channel, f->units, (long long)f->time,
                     (long long)f->reference_time, f->interval_s, (int)plan->method, p->zr_a, p->zr_b, p->rate_cap_mmh,
                     p->dbz_cap, p->range_km, p->cloud_top_m, q->spike_ratio, q->speckle_cells, q->stripe_cells, q->spoke_cells,
                     w->row, w->col, w->ny, w->nx, f->kind == SQ_KIND_MODEL ? b->fields : "", g);
    key_of(text, n, ret);
    return true;
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

/* The plane of frame i, as kept or to be loaded. Sets *ret_why where there will be none. */
static enum sq_status want_frame(struct build *b, int source, int i, struct sq_kept **ret, enum sq_stack_why *ret_why,
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
    if (!frame_key(b, i, grid, plan, key)) {
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
static enum sq_status want_plane(struct build *b, int source, int channel, int slice, bool *ret_broken, struct sq_err *e)
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

static enum sq_status want_all(struct build *b, bool *ret_broken, struct sq_err *e)
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
static enum sq_status load_all(struct build *b, struct sq_err *e)
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

/* ---- radar frames beside one another ------------------------------------------------------------------- */

/* The frames that serve the slices of a channel, each once, rising in time; returns how many. */
static int slots_of(struct build *b, int source, int channel, struct sq_slot *slot, int *frame)
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
static enum sq_status keep_changed(struct build *b, const struct sq_slot *slot, int n, int k, struct sq_kept **ret,
                                   struct sq_err *e)
{
    char text[(SQ_STACK_SLICES + 2) * SQ_KEPT_KEY], key[SQ_KEPT_KEY];
    const size_t cells = slot[k].kept->cells;
    bool fresh;
    int at = snprintf(text, sizeof text, "beside %s", slot[k].kept->key);
    for (int i = 0; i < n; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, " %s", slot[i].kept->key);
    key_of(text, at, key);
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
static enum sq_status apply(struct build *b, int source, int channel, const struct sq_slot *slot, const int *frame, int n,
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

static enum sq_status judge_channel(struct build *b, int source, int channel, bool *ret_faulty, struct sq_err *e)
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
static void note_verdicts(struct build *b)
{
    for (size_t k = 0; k < b->stack->n_planes; k++)
        if (b->stack->plane[k].why == SQ_STACK_USED && b->pick[k].why == SQ_STACK_USED && !b->fault[k])
            b->fault[k] = b->verdict[b->pick[k].frame[0]];
}

/* Loads, and judges radar frames; one of no use makes room for the next one, until all that is picked is good. */
static enum sq_status load_good(struct build *b, struct sq_err *e)
{
    enum sq_status status;
    bool faulty;
    do {
        status = load_all(b, e);
        faulty = false;
        memset(b->report, 0, b->stack->n_planes * sizeof *b->report);
        for (int i = 0; i < b->s->def.n_sources && b->s->read.quality.frames; i++) {
            const struct sq_stack_source *d = &b->s->def.source[i];
            for (int c = 0; c < d->n_channels && d->kind == SQ_STACK_RADAR && !status; c++)
                status = judge_channel(b, i, c, &faulty, e);
        }
        note_verdicts(b);
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
static enum sq_status mix(struct build *b, struct sq_kept *const from[2], float weight, struct sq_kept **ret,
                          struct sq_err *e)
{
    char text[2 * SQ_KEPT_KEY + 40], key[SQ_KEPT_KEY];
    bool fresh;
    const size_t cells = from[0]->cells;
    key_of(text, snprintf(text, sizeof text, "mix %s %s %.9g", from[0]->key, from[1]->key, (double)weight), key);
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

static enum sq_status settle_plane(struct build *b, size_t k, bool model, struct sq_err *e)
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
static enum sq_status compute(struct build *b, int source, int channel, int slice, struct sq_err *e)
{
    const char *name = b->s->def.source[source].channel[channel];
    const struct sq_grid *g = &b->stack->grid[b->stack->grid_of[source]].grid;
    struct sq_stack_plane *p = sq_stack_at(b->stack, source, channel, slice);
    const struct sq_computed c = {g, &b->s->places[b->stack->grid_of[source]], p->valid_time, b->s->elevation};
    char text[SQ_CRS_MAX + 300], key[SQ_KEPT_KEY];
    struct sq_kept *k = NULL;
    bool fresh, known = true;
    int n = snprintf(text, sizeof text, "computed %s %lld ", name, sq_stack_moves(name) ? (long long)p->valid_time : 0);
    n += print_grid(text + n, sizeof text - (size_t)n, g);
    key_of(text, n, key);
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

static enum sq_status settle_all(struct build *b, struct sq_err *e)
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
static enum sq_status take_inputs(struct build *b, int64_t at, struct sq_err *e)
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

static enum sq_status take_fields(struct build *b, struct sq_err *e)
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
static enum sq_status open_inputs(struct build *b, char *const *paths, int n_paths, struct sq_err *e)
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

static enum sq_status prepare(struct build *b, int64_t at, struct sq_err *e)
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
    struct build b = {.s = s, .stack = &stack};
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
