#include "decode.h"

#include "inputs.h"
#include "source_netcdf.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More specific layouts come first. */
static const struct sq_source *const sources[] = {
    &sq_source_odim, &sq_source_knmi, &sq_source_abi, &sq_source_glm, &sq_source_nwcsaf, &sq_source_cf,
    &sq_source_radolan, &sq_source_mrms, &sq_source_model};

const struct sq_source *sq_decoder_source(const char *name)
{
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++)
        if (!strcmp(sources[k]->name, name))
            return sources[k];
    return NULL;
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, const struct sq_source **ret,
                           struct sq_err *e)
{
    *ret = NULL;
    for (size_t k = 0; k < sizeof sources / sizeof *sources && !*ret; k++)
        if (sources[k]->probe(f))
            *ret = sources[k];
    if (!*ret)
        return sq_fail(e, SQ_FAILED, "%s: no field of a kind that squall reads", f->path);
    list->source = (*ret)->name;
    return (*ret)->scan(f, list, e);
}

/* ---- the other process -------------------------------------------------------------------------------------- */

/* What is asked and answered; frames or planes follow. */
struct job {
    enum { OPEN, CLOSE, SCAN, READ } what;
    char path[PATH_MAX];
    const struct sq_source *source; /* tables lie at one place in both processes */
    struct sq_frame_info info;
    bool in_part;
    struct sq_window window;
    struct sq_field field; /* its planes follow: value, quality, state */
    bool has_quality;
    int n_frames;
    enum sq_status status;
    struct sq_err err;
    _Alignas(64) unsigned char rest[];
};

#define REST_MAX ((size_t)SQ_CELLS_MAX * (2 * sizeof(float) + 1))

static void scan_there(struct sq_decoder *d, struct job *j)
{
    struct sq_frames list = {.params = d->params, .path = j->path, .file = j->path};
    j->status = scan(&d->file, &list, &j->source, &j->err);
    if ((size_t)list.n > REST_MAX / sizeof *list.frame)
        j->status = sq_fail(&j->err, SQ_FAILED, "%s: claims %d frames", j->path, list.n);
    j->n_frames = j->status ? 0 : list.n;
    if (j->n_frames)
        memcpy(j->rest, list.frame, (size_t)list.n * sizeof *list.frame);
    free(list.frame);
}

/* Straight into the block: memory that is touched for the first time costs as much as a copy. */
static void read_there(struct sq_decoder *d, struct job *j)
{
    const size_t n = sq_grid_cells(&j->field.grid);
    struct sq_field f = j->field;
    f.value = (float *)j->rest;
    f.state = j->rest + 2 * n * sizeof(float);
    for (size_t i = 0; i < n; i++)
        f.value[i] = NAN;
    memset(f.state, SQ_STATE_NO_COVERAGE, n);
    d->file.window = j->in_part ? &j->window : NULL;
    j->status = j->source->read(&d->file, &j->info, d->params, &f, &j->err);
    j->field = f;
    j->has_quality = f.quality;
    if (f.quality)
        memcpy(j->rest + n * sizeof(float), f.quality, n * sizeof(float));
    free(f.quality);
}

static void work(void *ctx, void *block)
{
    struct sq_decoder *d = ctx;
    struct job *j = block;
    d->file.path = j->path;
    j->status = SQ_OK;
    switch (j->what) {
    case OPEN:
        j->status = sq_netcdf_open(j->path, &d->file.nc, &j->err);
        break;
    case CLOSE:
        sq_netcdf_close(d->file.nc);
        break;
    case SCAN:
        scan_there(d, j);
        break;
    case READ:
        read_there(d, j);
        break;
    }
}

/* ---- this process ------------------------------------------------------------------------------------------- */

/* A process whose library met a fault is not asked again: who knows what is left of it. */
static enum sq_status ask(struct sq_decoder *d, struct sq_err *e)
{
    struct job *j = sq_apart_block(d->apart);
    enum sq_status st = sq_apart_read(d->apart, SQ_APART_LIMIT_S, d->file.path, e);
    if (!st && j->status)
        st = sq_fail(e, j->status, "%s", j->err.text);
    if (st) {
        sq_apart_stop(&d->apart);
        d->far = false;
    }
    return st;
}

/* The block, filled in but for what is special. NULL: the path is too long. */
static struct job *job_of(struct sq_decoder *d, int what)
{
    struct job *j = sq_apart_block(d->apart);
    j->what = what;
    j->err = (struct sq_err){0};
    return snprintf(j->path, sizeof j->path, "%s", d->file.path) < (int)sizeof j->path ? j : NULL;
}

/* The other process, with its block filled in for `what`. */
static enum sq_status reach(struct sq_decoder *d, int what, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    if (!d->apart)
        st = sq_apart_start(sizeof(struct job) + REST_MAX, work, d, &d->apart, e);
    if (!st && !job_of(d, what))
        st = sq_fail(e, SQ_FAILED, "%s: its path is too long", d->file.path);
    return st;
}

static enum sq_status open_far(struct sq_decoder *d, struct sq_err *e)
{
    enum sq_status st = reach(d, OPEN, e);
    if (!st)
        st = ask(d, e);
    d->far = !st;
    return st;
}

enum sq_status sq_decoder_open(struct sq_decoder *d, const char *path, struct sq_err *e)
{
    sq_decoder_close(d);
    d->file = (struct sq_file){.path = path, .nc = -1};
    if (!d->params->together && sq_netcdf_is_hdf5(path))
        return open_far(d, e);
    return sq_netcdf_open(path, &d->file.nc, e);
}

enum sq_status sq_decoder_scan(struct sq_decoder *d, struct sq_frames *list, const struct sq_source **ret,
                               struct sq_err *e)
{
    if (!d->far)
        return scan(&d->file, list, ret, e);
    const struct job *j = job_of(d, SCAN);
    enum sq_status st = ask(d, e);
    if (st)
        return st;
    const struct sq_frame *frame = (const struct sq_frame *)j->rest;
    *ret = j->source;
    list->source = j->source->name;
    for (int i = 0; i < j->n_frames && !st; i++)
        st = sq_frames_add(list, &frame[i].info, e);
    return st;
}

enum sq_status sq_decoder_read(struct sq_decoder *d, const struct sq_source *source, const struct sq_frame_info *info,
                               const struct sq_window *window, struct sq_field *ret, struct sq_err *e)
{
    d->file.window = window;
    if (!d->far && (!source->apart || d->params->together))
        return source->read(&d->file, info, d->params, ret, e);
    enum sq_status st = reach(d, READ, e);
    if (st)
        return st;
    struct job *j = sq_apart_block(d->apart);
    const size_t n = sq_grid_cells(&ret->grid);
    j->in_part = window;
    j->window = window ? *window : (struct sq_window){0};
    j->source = source;
    j->info = *info;
    j->info.path = j->info.file = j->path;
    j->field = *ret;
    st = ask(d, e);
    if (!st && j->has_quality)
        st = sq_alloc((void **)&ret->quality, n, sizeof(float), "quality", e);
    if (st)
        return st;
    memcpy(ret->value, j->rest, n * sizeof(float));
    if (j->has_quality)
        memcpy(ret->quality, j->rest + n * sizeof(float), n * sizeof(float));
    memcpy(ret->state, j->rest + 2 * n * sizeof(float), n);
    struct sq_field f = j->field; /* what the reader says beside its planes */
    f.value = ret->value;
    f.state = ret->state;
    f.quality = ret->quality;
    *ret = f;
    return SQ_OK;
}

void sq_decoder_close(struct sq_decoder *d)
{
    struct sq_err ignored;
    if (d->far && job_of(d, CLOSE))
        (void)ask(d, &ignored); /* its frames have been read */
    sq_netcdf_close(d->file.nc);
    d->file.nc = -1;
    d->far = false;
}

void sq_decoder_finish(struct sq_decoder *d)
{
    sq_apart_stop(&d->apart);
    d->far = false;
    sq_decoder_close(d);
}
