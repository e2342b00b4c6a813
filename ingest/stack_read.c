/* A stack from its file. Grids and times follow from the definition, the target and the issue time; planes and what
 * is known of them are held against that. */
#include "source_netcdf.h"
#include "stack_file.h"

#include "core/apart.h"

#include <limits.h>
#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX ((size_t)1 << 33) /* bytes */

struct reader {
    const char *path;
    int nc;
    struct sq_stack *s;
    float *next; /* where the next plane goes; NULL: nowhere yet */
};

static enum sq_status broken(const struct reader *r, const char *what, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: %.60s is not as squall writes it", r->path, what);
}

/* ---- the definition ------------------------------------------------------------------------------------ */

/* Length of dimension `name` of a group, in [1, most]; 0: it is not. */
static int length(int g, const char *name, int most)
{
    int dim;
    size_t n;
    return nc_inq_dimid(g, name, &dim) || nc_inq_dimlen(g, dim, &n) || n < 1 || n > (size_t)most ? 0 : (int)n;
}

/* The variable if it has n dimensions of these lengths, else -1. */
static int variable(int g, const char *name, int n, const size_t *want)
{
    int var, n_dims, dim[3];
    size_t len;
    if (nc_inq_varid(g, name, &var) || nc_inq_varndims(g, var, &n_dims) || n_dims != n || nc_inq_vardimid(g, var, dim))
        return -1;
    for (int i = 0; i < n; i++)
        if (nc_inq_dimlen(g, dim[i], &len) || len != want[i])
            return -1;
    return var;
}

/* A text of a table; false unless it fits. */
static bool get_text(int g, int var, const size_t *at, char *out, size_t size)
{
    char *text = NULL;
    nc_type type;
    if (nc_inq_vartype(g, var, &type) || type != NC_STRING || nc_get_var1_string(g, var, at, &text))
        return false;
    const bool fits = text && strlen(text) < size;
    if (fits)
        strcpy(out, text);
    (void)nc_free_string(1, &text);
    return fits;
}

static bool read_numbers(int g, struct sq_stack_source *d)
{
    char kind[16];
    double v;
    if (!sq_netcdf_text(g, NC_GLOBAL, "kind", kind, sizeof kind) || !sq_netcdf_number(g, NC_GLOBAL, "margin_km", &d->margin_km) ||
        !(d->margin_km >= 0 && d->margin_km <= 10000))
        return false;
    (void)sq_netcdf_text(g, NC_GLOBAL, "about", d->about, sizeof d->about); /* may be empty */
    for (size_t i = 0; i < sizeof sq_stack_attributes / sizeof *sq_stack_attributes; i++) {
        if (!sq_netcdf_number(g, NC_GLOBAL, sq_stack_attributes[i].name, &v) || !(v >= sq_stack_attributes[i].lo) ||
            !(v <= sq_stack_attributes[i].hi))
            return false;
        const int whole = (int)v;
        memcpy((char *)d + sq_stack_attributes[i].at, &whole, sizeof whole);
    }
    for (d->kind = SQ_STACK_RADAR; d->kind <= SQ_STACK_COMPUTED; d->kind++)
        if (!strcmp(kind, sq_stack_kind_name(d->kind)))
            return true;
    return false;
}

static bool read_source(int g, struct sq_stack_source *d)
{
    d->n_channels = length(g, "channel", SQ_STACK_CHANNELS);
    d->n_slices = length(g, "slice", SQ_STACK_SLICES);
    const size_t n[2] = {(size_t)d->n_channels, (size_t)d->n_slices};
    const int channel = variable(g, "channel", 1, &n[0]), slice = variable(g, "slice", 1, &n[1]);
    if (!n[0] || !n[1] || channel < 0 || slice < 0 || !read_numbers(g, d) || nc_get_var_int(g, slice, d->slice_s))
        return false;
    for (size_t i = 0; i < n[0]; i++)
        if (!get_text(g, channel, &i, d->channel[i], sizeof d->channel[0]))
            return false;
    for (size_t i = 0; i < n[1]; i++)
        if (d->slice_s[i] < -864000 || d->slice_s[i] > 864000)
            return false;
    return true;
}

/* Groups in the order in which they were written. */
static enum sq_status read_def(struct reader *r, int group[SQ_STACK_SOURCES], struct sq_stack_def *def, struct sq_err *e)
{
    char name[NC_MAX_NAME + 1];
    int n = 0;
    if (!sq_netcdf_text(r->nc, NC_GLOBAL, SQ_STACK_NAME, def->name, sizeof def->name) || nc_inq_grps(r->nc, &n, NULL) ||
        n < 1 || n > SQ_STACK_SOURCES || nc_inq_grps(r->nc, &n, group))
        return broken(r, "the list of sources", e);
    for (int i = 0; i < n; i++) {
        if (nc_inq_grpname(group[i], name) || strlen(name) >= sizeof def->source[0].name || !read_source(group[i], &def->source[i]))
            return broken(r, "a source", e);
        strcpy(def->source[i].name, name);
    }
    def->n_sources = n;
    return SQ_OK;
}

/* ---- planes -------------------------------------------------------------------------------------------- */

static bool get_time(int g, int var, const size_t at[2], int64_t *ret)
{
    double t;
    if (nc_get_var1_double(g, var, at, &t) || !(fabs(t) < 3e11))
        return false;
    *ret = (int64_t)llround(t);
    return true;
}

struct tables {
    int status, time, run, age, coverage, faults, file[2], product;
};

static bool find_tables(int g, const size_t n[2], struct tables *t)
{
    const size_t all[3] = {n[0], n[1], SQ_FAULTS};
    *t = (struct tables){variable(g, "status", 2, n), variable(g, "time", 2, n), variable(g, "reference_time", 2, n),
                         variable(g, "age", 2, n), variable(g, "coverage", 2, n),
                         variable(g, "faults", 3, all), {variable(g, "file", 2, n), variable(g, "second_file", 2, n)}, variable(g, "product", 2, n)};
    return t->status >= 0 && t->time >= 0 && t->run >= 0 && t->age >= 0 && t->coverage >= 0 && t->faults >= 0 && t->file[0] >= 0 &&
           t->file[1] >= 0 && t->product >= 0;
}

static bool read_faults(int g, int var, const size_t at[2], struct sq_quality_report *ret)
{
    const size_t start[3] = {at[0], at[1], 0}, count[3] = {1, 1, SQ_FAULTS};
    unsigned v[SQ_FAULTS];
    if (nc_get_vara_uint(g, var, start, count, v) || v[0] >= SQ_FAULTS)
        return false;
    ret->frame = (enum sq_fault)v[0];
    for (int i = 1; i < SQ_FAULTS; i++)
        ret->cells[i] = v[i];
    return true;
}

static bool read_row(int g, const struct tables *t, const size_t at[2], struct sq_stack_plane *p)
{
    int why;
    if (nc_get_var1_int(g, t->status, at, &why) || why < SQ_STACK_USED || why > SQ_STACK_OUTSIDE)
        return false;
    p->why = (enum sq_stack_why)why;
    if (!read_faults(g, t->faults, at, &p->report))
        return false;
    if (p->why != SQ_STACK_USED)
        return true;
    return get_time(g, t->time, at, &p->time) && get_time(g, t->run, at, &p->reference_time) &&
           !nc_get_var1_int(g, t->age, at, &p->age_s) && !nc_get_var1_double(g, t->coverage, at, &p->coverage) &&
           p->coverage >= 0 && p->coverage <= 1 &&
           get_text(g, t->file[0], at, p->path[0], sizeof p->path[0]) &&
           get_text(g, t->file[1], at, p->path[1], sizeof p->path[1]) &&
           get_text(g, t->product, at, p->product, sizeof p->product);
}

static bool read_plane(struct reader *r, int g, int var, size_t slice, const struct sq_grid *grid, struct sq_stack_plane *p)
{
    const size_t start[3] = {slice, 0, 0}, count[3] = {1, (size_t)grid->ny, (size_t)grid->nx}, cells = sq_grid_cells(grid);
    if (p->why != SQ_STACK_USED)
        return true;
    if (nc_get_vara_float(g, var, start, count, r->next))
        return false;
    for (size_t i = 0; i < cells; i++)
        if (r->next[i] == NC_FILL_FLOAT)
            r->next[i] = NAN;
    p->value = r->next;
    r->next += cells;
    return true;
}

static enum sq_status read_group(struct reader *r, int g, int source, bool values, struct sq_err *e)
{
    const struct sq_stack_source *d = &r->s->def.source[source];
    const struct sq_grid *grid = &r->s->grid[r->s->grid_of[source]].grid;
    const size_t n[2] = {(size_t)d->n_channels, (size_t)d->n_slices};
    const size_t size[3] = {n[1], (size_t)grid->ny, (size_t)grid->nx};
    struct tables t;
    if (!find_tables(g, n, &t))
        return broken(r, d->name, e);
    for (int c = 0; c < d->n_channels; c++) {
        const int var = variable(g, d->channel[c], 3, size);
        if (var < 0)
            return broken(r, d->channel[c], e);
        for (int k = 0; k < d->n_slices; k++) {
            struct sq_stack_plane *p = sq_stack_at(r->s, source, c, k);
            const size_t at[2] = {(size_t)c, (size_t)k};
            (void)sq_netcdf_text(g, var, "units", p->units, sizeof p->units); /* none where no plane is there */
            if (!read_row(g, &t, at, p) || (values && !read_plane(r, g, var, (size_t)k, grid, p)))
                return broken(r, d->channel[c], e);
        }
    }
    return SQ_OK;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static enum sq_status read_root(struct reader *r, int group[SQ_STACK_SOURCES], struct sq_stack_def *def, struct sq_err *e)
{
    double v[6], version = 0;
    struct sq_grid target = {0};
    int crs, at;
    int64_t issue = 0;
    if (!sq_netcdf_number(r->nc, NC_GLOBAL, SQ_STACK_MARK, &version) || version != SQ_STACK_VERSION)
        return sq_fail(e, SQ_FAILED, "%s: is no cube of several sources that this squall reads", r->path);
    if (sq_netcdf_numbers(r->nc, NC_GLOBAL, SQ_STACK_TARGET, v, 6) != 6 || !(v[0] >= 1 && v[0] <= SQ_GRID_MAX) ||
        !(v[1] >= 1 && v[1] <= SQ_GRID_MAX) || nc_inq_varid(r->nc, "crs", &crs) ||
        !sq_netcdf_text(r->nc, crs, "proj4", target.crs, sizeof target.crs))
        return broken(r, "the grid", e);
    target.nx = (int)v[0];
    target.ny = (int)v[1];
    target.x0 = v[2];
    target.y0 = v[3];
    target.dx = v[4];
    target.dy = v[5];
    if ((at = variable(r->nc, "forecast_reference_time", 0, NULL)) < 0 || !get_time(r->nc, at, NULL, &issue))
        return broken(r, "forecast_reference_time", e);
    struct sq_err why;
    enum sq_status status = read_def(r, group, def, e);
    if (!status && sq_stack_init(r->s, def, &target, issue, &why))
        status = sq_fail(e, SQ_FAILED, "%s: %.300s", r->path, why.text);
    (void)sq_netcdf_number(r->nc, NC_GLOBAL, SQ_STACK_CLOUD, &r->s->cloud_top_m); /* absent: stays 0 */
    return status;
}

/* Room for the planes of all sources, there or not; taken where the caller has none. */
static enum sq_status make_block(struct reader *r, struct sq_err *e)
{
    size_t cells = 0;
    for (int i = 0; i < r->s->def.n_sources; i++) {
        const struct sq_stack_source *d = &r->s->def.source[i];
        size_t n = sq_grid_cells(&r->s->grid[r->s->grid_of[i]].grid);
        if (__builtin_mul_overflow(n, (size_t)d->n_channels * (size_t)d->n_slices, &n) ||
            __builtin_add_overflow(cells, n, &cells) || cells > BLOCK_MAX / sizeof(float))
            return sq_fail(e, SQ_FAILED, "%s: claims more planes than can be meant", r->path);
    }
    if (r->next)
        return SQ_OK;
    enum sq_status status = sq_alloc((void **)&r->s->block, cells, sizeof(float), "planes", e);
    r->next = r->s->block;
    return status;
}

/* `room`: BLOCK_MAX bytes for values, or NULL; *ret_end is behind the last one then. */
static enum sq_status read_here(const char *path, bool values, float *room, struct sq_stack *ret, float **ret_end,
                                struct sq_err *e)
{
    struct sq_stack s = {0};
    struct reader r = {.path = path, .nc = -1, .s = &s, .next = room};
    struct sq_stack_def *def = NULL;
    int group[SQ_STACK_SOURCES];
    enum sq_status status = sq_alloc((void **)&def, 1, sizeof *def, "a definition", e);
    if (!status)
        status = sq_netcdf_open(path, &r.nc, e);
    if (!status && r.nc < 0)
        status = sq_fail(e, SQ_FAILED, "%s: is not netCDF", path);
    if (!status)
        status = read_root(&r, group, def, e);
    if (!status && values)
        status = make_block(&r, e);
    for (int i = 0; i < s.def.n_sources && !status; i++)
        status = read_group(&r, group[i], i, values, e);
    sq_netcdf_close(r.nc);
    free(def);
    *ret_end = r.next;
    if (status)
        sq_stack_finish(&s);
    else
        *ret = s;
    return status;
}

enum sq_status sq_stack_read_here(const char *path, bool values, struct sq_stack *ret, struct sq_err *e)
{
    float *end;
    return read_here(path, values, NULL, ret, &end, e);
}

/* ---- in another process: see decode.h -------------------------------------------------------------------- */

struct job {
    char path[PATH_MAX];
    bool values;
    enum sq_status status;
    struct sq_err err;
    struct sq_stack s; /* its planes and their values lie in `rest`, which both processes have at one address */
    _Alignas(64) float rest[];
};

#define PLANES_MAX ((size_t)SQ_STACK_SOURCES * SQ_STACK_CHANNELS * SQ_STACK_SLICES)
#define READ_LIMIT_S (10 * SQ_APART_LIMIT_S) /* hundreds of planes */

static void read_there(void *ctx, void *block)
{
    struct job *j = block;
    float *end;
    (void)ctx;
    j->status = read_here(j->path, j->values, j->rest, &j->s, &end, &j->err);
    if (j->status)
        return;
    struct sq_stack_plane *plane = (void *)((unsigned char *)j->rest + ((size_t)(end - j->rest) * sizeof *end + 63) / 64 * 64);
    memcpy(plane, j->s.plane, j->s.n_planes * sizeof *plane);
    free(j->s.plane);
    j->s.plane = plane;
}

static enum sq_status ask(struct sq_apart *a, struct sq_stack *ret, struct sq_err *e)
{
    const struct job *j = sq_apart_block(a);
    enum sq_status status = sq_apart_read(a, READ_LIMIT_S, j->path, e);
    if (status)
        return status;
    if (j->status)
        return sq_fail(e, j->status, "%s", j->err.text);
    struct sq_stack s = j->s;
    status = sq_alloc((void **)&s.plane, s.n_planes, sizeof *s.plane, "planes", e);
    if (!status)
        memcpy(s.plane, j->s.plane, s.n_planes * sizeof *s.plane);
    if (!status && j->values)
        status = sq_stack_own(&s, e);
    if (status)
        sq_stack_finish(&s);
    else
        *ret = s;
    return status;
}

enum sq_status sq_stack_read(const char *path, bool values, struct sq_stack *ret, struct sq_err *e)
{
    const size_t planes = PLANES_MAX * sizeof(struct sq_stack_plane) + 64;
    struct sq_apart *a = NULL;
    if (!sq_netcdf_is_hdf5(path))
        return sq_stack_read_here(path, values, ret, e);
    enum sq_status status = sq_apart_start(sizeof(struct job) + planes + (values ? BLOCK_MAX : 0), read_there, NULL, &a, e);
    if (status)
        return status;
    struct job *j = sq_apart_block(a);
    j->values = values;
    if (snprintf(j->path, sizeof j->path, "%s", path) < (int)sizeof j->path)
        status = ask(a, ret, e);
    else
        status = sq_fail(e, SQ_FAILED, "%s: its path is too long", path);
    sq_apart_stop(&a);
    return status;
}

static bool is_stack(const char *path)
{
    int nc = -1;
    double version;
    struct sq_err ignored;
    bool is = !sq_netcdf_open(path, &nc, &ignored) && nc >= 0 && sq_netcdf_number(nc, NC_GLOBAL, SQ_STACK_MARK, &version);
    sq_netcdf_close(nc);
    return is;
}

/* block: whether it is one */
static void probe_there(void *ctx, void *block)
{
    *(bool *)block = is_stack(ctx);
}

/* Asked of any file of a user's, and so of broken ones: see decode.h. */
bool sq_stack_probe(const char *path)
{
    struct sq_apart *a = NULL;
    struct sq_err ignored;
    if (!sq_netcdf_is_hdf5(path) || sq_apart_start(sizeof(bool), probe_there, (void *)(uintptr_t)path, &a, &ignored))
        return false;
    const bool is = sq_apart_ask(a, SQ_APART_LIMIT_S) == SQ_APART_DONE && *(bool *)sq_apart_block(a);
    sq_apart_stop(&a);
    return is;
}
