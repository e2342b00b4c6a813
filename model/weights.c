#include "weights.h"

#include "model.h"

#include "core/classic.h"
#include "core/publish.h"
#include "core/sha256.h"

#include <errno.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* netCDF calls in a row: the first fault stays, later calls do nothing. The classic format wants all
 * definitions before all data: what is put is walked through twice. */
struct file {
    int id, status;
    bool defining;
};

static bool ok(struct file *f, int status)
{
    if (f->status == NC_NOERR)
        f->status = status;
    return f->status == NC_NOERR;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static void put_text(struct file *f, const char *name, const char *text)
{
    if (text && f->defining && f->status == NC_NOERR)
        ok(f, nc_put_att_text(f->id, NC_GLOBAL, name, strlen(text), text));
}

static void put_ints(struct file *f, const char *name, const int *v, int n)
{
    if (f->defining && f->status == NC_NOERR)
        ok(f, nc_put_att_int(f->id, NC_GLOBAL, name, NC_INT, (size_t)n, v));
}

static void put_doubles(struct file *f, const char *name, const double *v, int n)
{
    if (f->defining && f->status == NC_NOERR)
        ok(f, nc_put_att_double(f->id, NC_GLOBAL, name, NC_DOUBLE, (size_t)n, v));
}

static void define_array(struct file *f, const char *name, const size_t *size, int dims)
{
    int var, dim[4];
    char text[64];
    for (int k = 0; k < dims && f->status == NC_NOERR; k++) {
        snprintf(text, sizeof text, "n%zu", size[k]); /* dimensions are named after their sizes, made once */
        if (nc_inq_dimid(f->id, text, &dim[k]) != NC_NOERR)
            ok(f, nc_def_dim(f->id, text, size[k], &dim[k]));
    }
    if (f->status == NC_NOERR)
        ok(f, nc_def_var(f->id, name, NC_FLOAT, dims, dim, &var));
}

static void put_array(struct file *f, const char *name, const float *v, const size_t *size, int dims)
{
    int var;
    if (f->defining)
        define_array(f, name, size, dims);
    else if (f->status == NC_NOERR && ok(f, nc_inq_varid(f->id, name, &var)))
        ok(f, nc_put_var_float(f->id, var, v));
}

static void put_shape(struct file *f, const struct sq_weights *w)
{
    const struct sq_net_shape *s = &w->net.shape;
    double edge[SQ_CLASS_MAX], cell[2] = {w->least_cell_m, w->most_cell_m};
    int step[2] = {w->least_step_s, w->most_step_s};
    for (int k = 0; k < s->n_edge; k++)
        edge[k] = s->edge_mmh[k];
    put_text(f, "format", "squall weights");
    put_ints(f, "format_version", &(int){SQ_WEIGHTS_VERSION}, 1);
    put_text(f, "name", w->name);
    put_ints(f, "beside", &s->beside, 1);
    put_text(f, "sources", w->beside.text);
    put_ints(f, "frame_age_steps", s->slots.age, s->slots.n);
    put_ints(f, "channels", &s->channels, 1);
    put_ints(f, "stacks", &s->stacks, 1);
    put_ints(f, "dilation", s->dilation, s->n_dilation);
    put_ints(f, "up", &s->up, 1);
    put_ints(f, "hidden", &s->hidden, 1);
    put_ints(f, "lead_node_s", s->node_s, s->n_node);
    put_doubles(f, "class_edge_mmh", edge, s->n_edge);
    put_ints(f, "step_range_s", step, 2);
    put_doubles(f, "cell_range_m", cell, 2);
    put_doubles(f, "advection_share", &(double){w->advection_share}, 1);
    put_text(f, "recipe", w->recipe);
    put_text(f, "data", w->data);
    put_text(f, "git", w->git);
    put_text(f, "scores", w->scores);
    char digest[65];
    sq_sha256(w->net.theta, w->net.n_parameters * sizeof *w->net.theta, digest);
    put_text(f, "parameters_sha256", digest);
}

static void put_tensors(struct file *f, const struct sq_net *n)
{
    for (int i = 0; i < n->n_layer; i++) {
        const struct sq_layer *l = &n->layer[i];
        size_t size[4] = {(size_t)l->out, (size_t)l->in, (size_t)l->kernel, (size_t)l->kernel};
        char name[64];
        snprintf(name, sizeof name, "%s.weight", l->name);
        put_array(f, name, n->theta + l->weight, size, 4);
        snprintf(name, sizeof name, "%s.bias", l->name);
        put_array(f, name, n->theta + l->bias, size, 1);
    }
}

static void put_beside(struct file *f, const struct sq_beside *b)
{
    size_t n = (size_t)b->n;
    if (n == 0)
        return;
    put_array(f, "beside.mean", b->mean, &n, 1);
    put_array(f, "beside.std", b->std, &n, 1);
}

static void put_checkpoint(struct file *f, const struct sq_checkpoint *c)
{
    const struct sq_optimiser *o = c->optimiser;
    const double step = (double)o->step;
    put_doubles(f, "checkpoint", &step, 1);
    put_array(f, "checkpoint.theta", c->theta, &o->n, 1);
    put_array(f, "checkpoint.m", o->m, &o->n, 1);
    put_array(f, "checkpoint.v", o->v, &o->n, 1);
    put_array(f, "checkpoint.average", o->average, &o->n, 1);
}

static void put_all(struct file *f, const struct sq_weights *w, const struct sq_checkpoint *c)
{
    put_shape(f, w);
    put_tensors(f, &w->net);
    put_beside(f, &w->beside);
    if (c)
        put_checkpoint(f, c);
}

enum sq_status sq_weights_write(const char *path, const struct sq_weights *w, const struct sq_checkpoint *c,
                                struct sq_err *e)
{
    char tmp[SQ_PATH_MAX];
    struct file f = {0};
    enum sq_status s = sq_publish_begin(path, tmp, e);
    if (s)
        return s;
    if (ok(&f, nc_create(tmp, NC_64BIT_OFFSET | NC_CLOBBER, &f.id))) {
        f.defining = true;
        put_all(&f, w, c);
        f.defining = false;
        if (f.status == NC_NOERR && ok(&f, nc_enddef(f.id)))
            put_all(&f, w, c);
        int closed = nc_close(f.id);
        ok(&f, closed);
    }
    if (f.status == NC_NOERR)
        return sq_publish_commit(tmp, path, e);
    sq_publish_abandon(tmp);
    return sq_fail(e, SQ_FAILED, "%s: cannot write weights: %s", path, nc_strerror(f.status));
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* An attribute of at most `most` numbers; returns how many, or -1. */
static int get_numbers(int id, const char *name, double *ret, int most)
{
    nc_type type;
    size_t n;
    if (nc_inq_att(id, NC_GLOBAL, name, &type, &n) || type == NC_CHAR || type == NC_STRING || n < 1 ||
        n > (size_t)most || nc_get_att_double(id, NC_GLOBAL, name, ret))
        return -1;
    for (size_t k = 0; k < n; k++)
        if (!(ret[k] > -1e18 && ret[k] < 1e18))
            return -1;
    return (int)n;
}

static int get_int(int id, const char *name)
{
    double v;
    return get_numbers(id, name, &v, 1) == 1 && v >= 0 && v < 1e9 ? (int)v : -1;
}

static int get_ints(int id, const char *name, int *ret, int most)
{
    double v[64];
    int n = get_numbers(id, name, v, most < 64 ? most : 64);
    for (int k = 0; k < n; k++) {
        if (!(v[k] >= 0 && v[k] < 1e9))
            return -1;
        ret[k] = (int)v[k];
    }
    return n;
}

/* A text attribute, at most 1 MiB; NULL when absent. */
static char *get_text(int id, const char *name)
{
    nc_type type;
    size_t n;
    if (nc_inq_att(id, NC_GLOBAL, name, &type, &n) || type != NC_CHAR || n > 1 << 20)
        return NULL;
    char *text = calloc(n + 1, 1);
    if (text && nc_get_att_text(id, NC_GLOBAL, name, text)) {
        free(text);
        return NULL;
    }
    return text;
}

static enum sq_status get_shape(int id, const char *path, struct sq_net_shape *s, struct sq_err *e)
{
    double edge[SQ_CLASS_MAX];
    *s = (struct sq_net_shape){.channels = get_int(id, "channels"), .stacks = get_int(id, "stacks"),
                               .up = get_int(id, "up"), .hidden = get_int(id, "hidden")};
    int beside = get_int(id, "beside");
    s->beside = beside < 0 ? 0 : beside; /* a file that does not say so knows the radar alone */
    s->n_dilation = get_ints(id, "dilation", s->dilation, SQ_DILATION_MAX);
    s->n_node = get_ints(id, "lead_node_s", s->node_s, SQ_NODE_MAX);
    s->n_edge = get_numbers(id, "class_edge_mmh", edge, SQ_CLASS_MAX - 1);
    for (int k = 0; k < s->n_edge; k++)
        s->edge_mmh[k] = (float)edge[k];
    int version = get_int(id, "format_version");
    if (version != SQ_WEIGHTS_VERSION)
        return sq_fail(e, SQ_FAILED, "%s: weights of format %d, this squall reads %d: train or fetch matching ones", path,
                       version, SQ_WEIGHTS_VERSION);
    s->slots = sq_slots_last; /* of a file that does not say so */
    if (!nc_inq_attid(id, NC_GLOBAL, "frame_age_steps", &(int){0}))
        s->slots.n = get_ints(id, "frame_age_steps", s->slots.age, SQ_SLOT_MAX);
    return SQ_OK;
}

/* By name, type and size; `ret` gets exactly the product of sizes. */
static enum sq_status get_array(int id, const char *path, const char *name, const size_t *size, int dims, float *ret,
                                struct sq_err *e)
{
    int var, n, dim[NC_MAX_VAR_DIMS];
    nc_type type;
    if (nc_inq_varid(id, name, &var) || nc_inq_vartype(id, var, &type) || nc_inq_varndims(id, var, &n) || n != dims ||
        nc_inq_vardimid(id, var, dim))
        return sq_fail(e, SQ_FAILED, "%s: tensor %s is missing or has another rank", path, name);
    size_t total = 1;
    for (int k = 0; k < dims; k++) {
        size_t len;
        if (nc_inq_dimlen(id, dim[k], &len) || len != size[k])
            return sq_fail(e, SQ_FAILED, "%s: tensor %s: dimension %d is not %zu as the shape says", path, name, k, size[k]);
        total *= len;
    }
    if (type != NC_FLOAT || nc_get_var_float(id, var, ret))
        return sq_fail(e, SQ_FAILED, "%s: tensor %s cannot be read as float", path, name);
    for (size_t k = 0; k < total; k++)
        if (!(ret[k] > -1e6f && ret[k] < 1e6f))
            return sq_fail(e, SQ_FAILED, "%s: tensor %s holds %g", path, name, (double)ret[k]);
    return SQ_OK;
}

static enum sq_status get_tensors(int id, const char *path, struct sq_net *n, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    for (int i = 0; i < n->n_layer && !s; i++) {
        const struct sq_layer *l = &n->layer[i];
        size_t size[4] = {(size_t)l->out, (size_t)l->in, (size_t)l->kernel, (size_t)l->kernel};
        char name[64];
        snprintf(name, sizeof name, "%s.weight", l->name);
        s = get_array(id, path, name, size, 4, n->theta + l->weight, e);
        snprintf(name, sizeof name, "%s.bias", l->name);
        if (!s)
            s = get_array(id, path, name, size, 1, n->theta + l->bias, e);
    }
    return s;
}

static enum sq_status get_beside(int id, const char *path, int n, struct sq_beside *b, struct sq_err *e)
{
    size_t size = (size_t)n;
    if (n == 0)
        return SQ_OK;
    char *text = get_text(id, "sources");
    enum sq_status s = text ? sq_beside_init(b, path, text, e) : sq_fail(e, SQ_FAILED, "%s: does not say its sources", path);
    free(text);
    if (!s && b->n != n)
        s = sq_fail(e, SQ_FAILED, "%s: %d planes beside the radar, its sources have %d", path, n, b->n);
    if (!s)
        s = get_array(id, path, "beside.mean", &size, 1, b->mean, e);
    if (!s)
        s = get_array(id, path, "beside.std", &size, 1, b->std, e);
    for (int k = 0; k < n && !s; k++)
        if (!(b->std[k] > 0))
            s = sq_fail(e, SQ_FAILED, "%s: beside.std holds %g", path, (double)b->std[k]);
    return s;
}

/* The bytes are those that were written. */
static enum sq_status check_digest(int id, const char *path, const struct sq_net *n, struct sq_err *e)
{
    char digest[65], *said = get_text(id, "parameters_sha256");
    sq_sha256(n->theta, n->n_parameters * sizeof *n->theta, digest);
    bool same = said && !strcmp(said, digest);
    free(said);
    return same ? SQ_OK : sq_fail(e, SQ_FAILED, "%s: the parameters are not those that were written: fetch it again", path);
}

static enum sq_status get_provenance(int id, const char *path, struct sq_weights *w, struct sq_err *e)
{
    double cell[2];
    int step[2];
    char *name = get_text(id, "name");
    snprintf(w->name, sizeof w->name, "%s", name ? name : "");
    free(name);
    w->recipe = get_text(id, "recipe");
    w->data = get_text(id, "data");
    w->git = get_text(id, "git");
    w->scores = get_text(id, "scores");
    if (get_ints(id, "step_range_s", step, 2) != 2 || get_numbers(id, "cell_range_m", cell, 2) != 2)
        return sq_fail(e, SQ_FAILED, "%s: does not say which steps and cell sizes it was made for", path);
    double share;
    if (get_numbers(id, "advection_share", &share, 1) != 1 || !(share >= 0 && share <= 1))
        return sq_fail(e, SQ_FAILED, "%s: advection_share is missing or not in [0, 1]", path);
    w->advection_share = (float)share;
    w->least_step_s = step[0], w->most_step_s = step[1];
    w->least_cell_m = cell[0], w->most_cell_m = cell[1];
    return SQ_OK;
}

/* Only the classic format is let in: once its header is checked, its parser stands up to broken files, that of
 * HDF5 does not. */
static bool classic(const char *path)
{
    char magic[4] = {0};
    FILE *f = fopen(path, "rb");
    bool yes = f && fread(magic, 1, 4, f) == 4 && !memcmp(magic, "CDF\2", 4);
    if (f)
        fclose(f);
    return yes;
}

static enum sq_status open_weights(const char *path, int *ret_id, struct sq_err *e)
{
    if (access(path, R_OK))
        return sq_fail(e, SQ_FAILED, "%s: %s", path, strerror(errno));
    if (!classic(path))
        return sq_fail(e, SQ_FAILED, "%s: not a weights file (netCDF, 64-bit offset)", path);
    enum sq_status st = sq_classic_check(path, e);
    if (st)
        return st;
    int status = nc_open(path, NC_NOWRITE, ret_id);
    if (status)
        return sq_fail(e, SQ_FAILED, "%s: not a weights file: %s", path, nc_strerror(status));
    char *format = get_text(*ret_id, "format");
    bool ours = format && !strcmp(format, "squall weights");
    free(format);
    if (ours)
        return SQ_OK;
    nc_close(*ret_id);
    return sq_fail(e, SQ_FAILED, "%s: a netCDF file, but not squall weights", path);
}

enum sq_status sq_weights_read(const char *path, struct sq_weights **ret, struct sq_err *e)
{
    struct sq_weights *w = NULL;
    struct sq_net_shape shape;
    int id;
    enum sq_status s = open_weights(path, &id, e);
    if (s)
        return s;
    s = sq_alloc((void **)&w, 1, sizeof *w, "weights", e);
    if (!s)
        s = get_shape(id, path, &shape, e);
    if (!s)
        s = sq_net_init(&w->net, &shape, e);
    if (!s)
        s = get_tensors(id, path, &w->net, e);
    if (!s)
        s = get_beside(id, path, shape.beside, &w->beside, e);
    if (!s)
        s = check_digest(id, path, &w->net, e);
    if (!s)
        s = get_provenance(id, path, w, e);
    nc_close(id);
    if (!s)
        s = sq_sha256_file(path, w->sha256, e);
    if (s)
        sq_weights_destroy(&w);
    else
        *ret = w;
    return s;
}

void sq_weights_destroy(struct sq_weights **w)
{
    if (!*w)
        return;
    sq_weights_destroy(&(*w)->next);
    sq_net_finish(&(*w)->net);
    sq_beside_finish(&(*w)->beside);
    free((*w)->recipe);
    free((*w)->data);
    free((*w)->git);
    free((*w)->scores);
    free(*w);
    *w = NULL;
}

enum sq_status sq_checkpoint_read(const char *path, const struct sq_weights *w, struct sq_checkpoint *c, struct sq_err *e)
{
    struct sq_net_shape shape;
    struct sq_optimiser *o = c->optimiser;
    double step;
    int id;
    enum sq_status s = open_weights(path, &id, e);
    if (s)
        return s;
    s = get_shape(id, path, &shape, e);
    if (!s && (memcmp(&shape, &w->net.shape, sizeof shape) || get_numbers(id, "checkpoint", &step, 1) != 1))
        s = sq_fail(e, SQ_FAILED, "%s: not a checkpoint of the network in the recipe", path);
    const char *name[] = {"checkpoint.theta", "checkpoint.m", "checkpoint.v", "checkpoint.average"};
    float *array[] = {c->theta, o->m, o->v, o->average};
    for (int k = 0; k < 4 && !s; k++)
        s = get_array(id, path, name[k], &o->n, 1, array[k], e);
    nc_close(id);
    if (s)
        return s;
    o->step = (int64_t)step;
    return SQ_OK;
}

enum sq_status sq_weights_attach(const char *path, const char *scores, double share, struct sq_err *e)
{
    struct sq_weights *w = NULL;
    if (share > 1)
        return sq_fail(e, SQ_USAGE, "a share of %g is not in [0, 1]", share);
    enum sq_status s = sq_weights_read(path, &w, e);
    if (s)
        return s;
    if (share >= 0)
        w->advection_share = (float)share;
    if (scores) {
        free(w->scores);
        w->scores = strdup(scores);
    }
    s = sq_weights_write(path, w, NULL, e);
    sq_weights_destroy(&w);
    return s;
}
