/* From the user's paths to a sorted list of frames, and from a frame to its field. */
#include "inputs.h"

#include "decode.h"
#include "listing.h"
#include "parallax.h"
#include "quality.h"
#include "unpack.h"

#include "core/instant.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lists ---------------------------------------------------------------------------------------------- */

struct input {
    char *path;
    bool named;    /* not found in a folder, by a glob or in an archive */
    int container; /* the input that holds this one: an archive, itself where it is packed; -1: none */
    struct sq_member member;
    const struct sq_source *source;
};

struct sq_inputs {
    struct sq_read_params params;
    struct input *input;
    int n_input, room_input;
    struct sq_frames frames;
    struct sq_decoder decoder; /* has the file read last open: its frames come one after the other */
    const char *open_path;     /* where its bytes lie */
    int open_input;            /* -1: none */
    int copy;            /* descriptor of its unpacked copy; -1: it is plain */
    char copy_path[32];
    struct sq_unpack *archive; /* the archive read last */
    int open_archive;          /* the input that it is; -1: none */
    struct sq_listing *known;  /* NULL: none. Not owned */
};

/* ---- files ---------------------------------------------------------------------------------------------- */

static void close_file(struct sq_inputs *in)
{
    sq_decoder_close(&in->decoder);
    if (in->copy >= 0)
        close(in->copy);
    in->open_input = in->copy = -1;
}

static void close_archive(struct sq_inputs *in)
{
    sq_unpack_close(&in->archive);
    in->open_archive = -1;
}

/* Leaves input i open as in->archive; NULL where it is plain. */
static enum sq_status open_archive(struct sq_inputs *in, int i, struct sq_err *e)
{
    if (in->open_archive == i)
        return SQ_OK;
    close_archive(in);
    enum sq_status st = sq_unpack_open(in->input[i].path, &in->archive, e);
    if (!st && in->archive)
        in->open_archive = i;
    return st;
}

/* Puts the copy of a packed input where readers can open it. */
static enum sq_status open_copy(struct sq_inputs *in, const struct input *input, struct sq_err *e)
{
    enum sq_status st = open_archive(in, input->container, e);
    if (!st && !in->archive)
        st = sq_fail(e, SQ_FAILED, "%s: changed while it was read", input->path);
    if (!st)
        st = sq_unpack_member(in->archive, &input->member, in->copy_path, &in->copy, e);
    if (!st)
        in->open_path = in->copy_path;
    return st;
}

/* What readers say of a copy is said of the user's file. */
static enum sq_status pass_fault(const char *path, const char *copy, enum sq_status st, const struct sq_err *why,
                                 struct sq_err *e)
{
    size_t n = strlen(copy);
    if (!st)
        return SQ_OK;
    return strncmp(why->text, copy, n) ? sq_fail(e, st, "%s", why->text) : sq_fail(e, st, "%s%s", path, why->text + n);
}

/* Leaves file i open in in->open. */
static enum sq_status open_file(struct sq_inputs *in, int i, struct sq_err *e)
{
    const struct input *input = &in->input[i];
    struct sq_err why = {0};
    enum sq_status st = SQ_OK;
    if (in->open_input == i)
        return SQ_OK;
    close_file(in);
    in->open_path = input->path;
    if (input->container >= 0)
        st = open_copy(in, input, &why);
    if (!st)
        st = sq_decoder_open(&in->decoder, in->open_path, &why);
    if (!st)
        in->open_input = i;
    st = pass_fault(input->path, in->open_path, st, &why, e);
    if (in->copy >= 0) { /* HDF5 wants a name to open; gone at once, no end of ours can leave it behind */
        unlink(in->copy_path);
        snprintf(in->copy_path, sizeof in->copy_path, "/proc/self/fd/%d", in->copy);
    }
    return st;
}

static const char *kind_name(enum sq_kind kind)
{
    static const char *const names[] = {"radar", "satellite", "model", "known"};
    return names[kind];
}

/* Leaves the frames from n on that are of the kind asked for. A file met in a folder may have none. */
static enum sq_status keep_kind(struct sq_inputs *in, int n, bool named, struct sq_err *e)
{
    struct sq_frames *list = &in->frames;
    int kept = n;
    for (int i = n; i < list->n; i++)
        if (in->params.kind == SQ_KIND_ANY || list->frame[i].info.kind == in->params.kind)
            list->frame[kept++] = list->frame[i];
    list->n = kept;
    if (kept == n && named)
        return sq_fail(e, SQ_FAILED, "%s: holds no %s frame", list->path, kind_name(in->params.kind));
    return SQ_OK;
}

/* Finds the reader of file i and lists its frames; on failure the list is as it was. */
static enum sq_status scan_file(struct sq_inputs *in, int i, struct sq_err *e)
{
    struct input *input = &in->input[i];
    struct sq_err why = {0};
    int n = in->frames.n;
    enum sq_status st = open_file(in, i, e);
    if (st)
        return st;
    in->frames.input = i;
    in->frames.named = in->input[i].named;
    in->frames.path = input->path;
    in->frames.file = input->container < 0 ? input->path : in->input[input->container].path;
    st = sq_decoder_scan(&in->decoder, &in->frames, &input->source, &why);
    st = pass_fault(input->path, in->open_path, st, &why, e);
    if (!st && in->frames.n == n)
        st = sq_fail(e, SQ_FAILED, "%s: holds no frame", input->path);
    if (!st)
        st = keep_kind(in, n, input->named, e);
    if (st) {
        in->frames.n = n;
        close_file(in);
    }
    return st;
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static enum sq_status add_input(struct sq_inputs *in, const char *folder, const char *name, bool named,
                                struct sq_err *e)
{
    enum sq_status st = sq_list_grow((void **)&in->input, in->n_input, &in->room_input, sizeof *in->input, e);
    if (st)
        return st;
    char *path = NULL;
    size_t n = strlen(folder);
    const char *slash = n && folder[n - 1] != '/' ? "/" : "";
    if (asprintf(&path, "%s%s%s", folder, slash, name) < 0)
        return sq_fail(e, SQ_FAILED, "out of memory for a path");
    in->input[in->n_input++] = (struct input){.path = path, .named = named, .container = -1};
    return SQ_OK;
}

/* A member of the archive i as an input of its own, "archive/member". */
static enum sq_status add_member(struct sq_inputs *in, int i, const struct sq_member *m, struct sq_err *e)
{
    enum sq_status st = add_input(in, in->input[i].path, m->name, false, e);
    if (!st) {
        in->input[in->n_input - 1].container = i;
        in->input[in->n_input - 1].member = *m;
    }
    return st;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static enum sq_status add_folder(struct sq_inputs *in, const char *folder, struct sq_err *e)
{
    struct dirent **entry = NULL;
    enum sq_status st = SQ_OK;
    int n = scandir(folder, &entry, visible, alphasort);
    if (n < 0)
        return sq_fail(e, SQ_FAILED, "%s: folder cannot be read: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (!st)
            st = add_input(in, folder, entry[i]->d_name, false, e);
        free(entry[i]);
    }
    free(entry);
    return st;
}

static enum sq_status add_glob(struct sq_inputs *in, const char *pattern, struct sq_err *e)
{
    glob_t found = {0};
    enum sq_status st = SQ_OK;
    int rc = glob(pattern, 0, NULL, &found);
    if (rc == GLOB_NOMATCH)
        st = sq_fail(e, SQ_ABSENT, "%s: no such file or folder", pattern);
    else if (rc)
        st = sq_fail(e, SQ_FAILED, "%s: cannot be searched", pattern);
    for (size_t i = 0; !st && i < found.gl_pathc; i++)
        st = add_input(in, "", found.gl_pathv[i], false, e);
    globfree(&found);
    return st;
}

static enum sq_status add_path(struct sq_inputs *in, const char *path, struct sq_err *e)
{
    struct stat s;
    if (!stat(path, &s))
        return S_ISDIR(s.st_mode) ? add_folder(in, path, e) : add_input(in, "", path, true, e);
    if (errno == ENOENT || errno == ENOTDIR)
        return add_glob(in, path, e);
    return sq_fail(e, SQ_FAILED, "%s: cannot be looked at: %s", path, strerror(errno));
}

/* The members of archive i are taken as the files of a folder are. */
static enum sq_status scan_members(struct sq_inputs *in, int i, struct sq_err *e)
{
    struct sq_member m = {0};
    struct sq_err why = {0};
    int n = in->frames.n;
    bool end = false;
    enum sq_status st = sq_unpack_next(in->archive, &m, &end, e);
    if (!st && !end && !m.name[0]) {
        in->input[i].container = i;
        in->input[i].member = m;
        return scan_file(in, i, e);
    }
    for (; !st && !end; st = st ? st : sq_unpack_next(in->archive, &m, &end, e)) {
        st = add_member(in, i, &m, e);
        if (!st && scan_file(in, in->n_input - 1, &why))
            sq_log(SQ_LOG_WARN, "%s: passed over", why.text);
    }
    if (!st && in->frames.n == n && in->input[i].named)
        st = sq_fail(e, SQ_FAILED, "%s: holds no %s frame", in->input[i].path, kind_name(in->params.kind));
    if (st)
        in->frames.n = n;
    return st;
}

static enum sq_status scan_path(struct sq_inputs *in, int i, struct sq_err *e)
{
    enum sq_status st = open_archive(in, i, e);
    if (st)
        return st;
    return in->archive ? scan_members(in, i, e) : scan_file(in, i, e);
}

/* Scans a file, or takes what is known of it. */
static enum sq_status scan_or_recall(struct sq_inputs *in, int i, const struct stat *s, struct sq_err *e)
{
    const int n = in->frames.n;
    const char *path = in->input[i].path;
    char source[32];
    in->frames.input = i;
    in->frames.named = in->input[i].named;
    in->frames.path = in->frames.file = path;
    if (in->known && sq_listing_get(in->known, path, s, &in->frames, source)) {
        in->input[i].source = sq_decoder_source(source);
        return SQ_OK;
    }
    enum sq_status st = scan_path(in, i, e);
    if (!st && in->known && in->open_archive != i) /* a plain file, whose frames are all its own */
        sq_listing_put(in->known, path, s, &in->frames, n);
    return st;
}

/* Scans file i. What was not named may be anything: it is logged and passed over. */
static enum sq_status take_file(struct sq_inputs *in, int i, struct sq_err *e)
{
    const char *path = in->input[i].path;
    const bool named = in->input[i].named;
    struct stat s;
    struct sq_err why = {0};
    enum sq_status st;
    if (stat(path, &s))
        st = sq_fail(&why, SQ_FAILED, "%s: cannot be looked at: %s", path, strerror(errno));
    else if (S_ISREG(s.st_mode))
        st = scan_or_recall(in, i, &s, &why);
    else if (S_ISDIR(s.st_mode) && !named)
        return SQ_OK; /* one level */
    else
        st = sq_fail(&why, SQ_FAILED, "%s: is not a regular file", path);
    if (!st)
        return SQ_OK;
    if (named)
        return sq_fail(e, st, "%s", why.text);
    sq_log(SQ_LOG_WARN, "%s: passed over", why.text);
    return SQ_OK;
}

/* ---- public --------------------------------------------------------------------------------------------- */

enum sq_status sq_inputs_open(char *const *paths, int n_paths, const struct sq_read_params *p,
                              struct sq_inputs **ret, struct sq_err *e)
{
    return sq_inputs_open_known(paths, n_paths, p, NULL, ret, e);
}

enum sq_status sq_inputs_open_known(char *const *paths, int n_paths, const struct sq_read_params *p,
                                    struct sq_listing *known, struct sq_inputs **ret, struct sq_err *e)
{
    struct sq_inputs *in = NULL;
    enum sq_status st = sq_alloc((void **)&in, 1, sizeof *in, "inputs", e);
    if (st)
        return st;
    in->params = *p;
    in->known = p->kind == SQ_KIND_ANY ? known : NULL;
    in->frames.params = &in->params;
    in->decoder = (struct sq_decoder){.params = &in->params, .file.nc = -1};
    in->open_input = in->open_archive = in->copy = -1;
    for (int i = 0; i < n_paths && !st; i++)
        st = add_path(in, paths[i], e);
    for (int i = 0, n = in->n_input; i < n && !st; i++) /* archives add their members */
        st = take_file(in, i, e);
    if (!st && !in->frames.n)
        st = sq_fail(e, SQ_FAILED, "%s: no file with a %s frame that squall reads", n_paths ? paths[0] : "input",
                     kind_name(p->kind));
    if (!st)
        st = sq_frames_combine(&in->frames, e);
    if (!st && (p->kind == SQ_KIND_RADAR || p->kind == SQ_KIND_ANY))
        st = sq_frames_keep_main(&in->frames, e);
    if (st) {
        sq_inputs_close(&in);
        return st;
    }
    *ret = in;
    return SQ_OK;
}

void sq_inputs_rest(struct sq_inputs *in)
{
    sq_decoder_finish(&in->decoder);
    close_file(in);
    close_archive(in);
}

bool sq_inputs_parts(const struct sq_inputs *in, int i)
{
    const struct sq_source *s = in->input[in->frames.frame[i].input].source;
    /* what is moved for its parallax comes from outside of the part; the disc is about the middle of all of it */
    return (s == &sq_source_abi && !(in->params.cloud_top_m > 0)) || (s == &sq_source_mrms && !(in->params.range_km > 0));
}

void sq_inputs_close(struct sq_inputs **in)
{
    struct sq_inputs *s = *in;
    if (!s)
        return;
    sq_inputs_rest(s);
    for (int i = 0; i < s->n_input; i++)
        free(s->input[i].path);
    free(s->input);
    free(s->frames.frame);
    free(s);
    *in = NULL;
}

int sq_inputs_count(const struct sq_inputs *in)
{
    return in->frames.n;
}

const struct sq_frame_info *sq_inputs_info(const struct sq_inputs *in, int i)
{
    return &in->frames.frame[i].info;
}

bool sq_inputs_named(const struct sq_inputs *in, int i)
{
    return in->frames.frame[i].named;
}

const struct sq_read_params *sq_inputs_params(const struct sq_inputs *in)
{
    return &in->params;
}

static struct sq_grid part_of(const struct sq_grid *g, const struct sq_window *w)
{
    struct sq_grid part = *g;
    part.nx = w->nx;
    part.ny = w->ny;
    part.x0 = sq_grid_x(g, w->col);
    part.y0 = sq_grid_y(g, w->row);
    return part;
}

/* The field of a frame's own message, or a part of it. */
static enum sq_status read_frame(struct sq_inputs *in, const struct sq_frame *f, const struct sq_window *w,
                                 struct sq_field *ret, struct sq_err *e)
{
    struct sq_field field = {0};
    struct sq_err why = {0};
    enum sq_status st = open_file(in, f->input, e);
    if (st)
        return st;
    const struct sq_grid grid = w ? part_of(&f->info.grid, w) : f->info.grid;
    st = sq_field_init(&field, &grid, e);
    if (st)
        return st;
    field.time = f->info.time;
    field.reference_time = f->info.reference_time;
    field.interval_s = f->info.interval_s;
    memcpy(field.channel, f->info.channel, sizeof field.channel);
    memcpy(field.units, f->info.units, sizeof field.units);
    memcpy(field.source, f->info.source, sizeof field.source);
    memcpy(field.product, f->info.product, sizeof field.product);
    st = sq_decoder_read(&in->decoder, in->input[f->input].source, &f->info, w, &field, &why);
    st = pass_fault(f->info.path, in->open_path, st, &why, e);
    if (st)
        close_file(in); /* it may be open no more */
    if (!st && f->info.kind == SQ_KIND_SATELLITE && in->params.cloud_top_m > 0 && !field.parallax_corrected)
        st = sq_parallax_correct(&field, in->params.cloud_top_m, NULL, e);
    if (!st && f->info.kind == SQ_KIND_RADAR)
        st = sq_quality_apply(&field, &in->params, e);
    if (st) {
        sq_field_finish(&field);
        return st;
    }
    *ret = field;
    return SQ_OK;
}

/* The frame that is found by its place in the order of discovery. */
static const struct sq_frame *find_second(const struct sq_frames *list, int order)
{
    const struct sq_frame *f = list->frame;
    while (f->order != order)
        f++;
    return f;
}

enum sq_status sq_inputs_read(struct sq_inputs *in, int i, struct sq_field *ret, struct sq_err *e)
{
    return sq_inputs_read_part(in, i, NULL, ret, e);
}

enum sq_status sq_inputs_read_part(struct sq_inputs *in, int i, const struct sq_window *w, struct sq_field *ret,
                                   struct sq_err *e)
{
    const struct sq_frame *f = &in->frames.frame[i];
    struct sq_field field = {0}, other = {0};
    enum sq_status st = read_frame(in, f, w, &field, e);
    if (!st && f->second >= 0) {
        const struct sq_frame *second = find_second(&in->frames, f->second);
        st = read_frame(in, second, w, &other, e);
        if (!st)
            st = sq_frames_apply(f, second, &field, &other, e);
    }
    sq_field_finish(&other);
    if (st)
        sq_field_finish(&field);
    else
        *ret = field;
    return st;
}
