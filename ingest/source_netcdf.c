#include "source_netcdf.h"

#include "core/classic.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netcdf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool sq_netcdf_is_hdf5(const char *path)
{
    unsigned char head[8];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, head, sizeof head);
    close(fd);
    return n == 8 && !memcmp(head, hdf5, 8);
}

static bool looks_netcdf(const unsigned char *head, ssize_t n)
{
    return n == 8 && (!memcmp(head, hdf5, 8) ||
                      (!memcmp(head, "CDF", 3) && (head[3] == 1 || head[3] == 2 || head[3] == 5)));
}

enum sq_status sq_netcdf_open(const char *path, int *ret_nc, struct sq_err *e)
{
    unsigned char head[8];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sq_fail(e, SQ_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    ssize_t n = read(fd, head, sizeof head);
    int why = errno;
    close(fd);
    if (n < 0)
        return sq_fail(e, SQ_FAILED, "%s: cannot be read: %s", path, strerror(why));
    if (n == 0)
        return sq_fail(e, SQ_FAILED, "%s: the file is empty", path);
    *ret_nc = -1;
    if (!looks_netcdf(head, n))
        return SQ_OK;
    if (head[0] == 'C') {
        enum sq_status st = sq_classic_check(path, e);
        if (st)
            return st;
    }
    /* An absolute path is never taken for a URL. */
    char *full = path[0] == '/' ? strdup(path) : realpath(path, NULL);
    if (!full)
        return sq_fail(e, SQ_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    int rc = nc_open(full, NC_NOWRITE, ret_nc);
    free(full);
    if (rc)
        return sq_fail(e, SQ_FAILED, "%s: netCDF or HDF5 file is cut or broken: %s", path, nc_strerror(rc));
    return SQ_OK;
}

void sq_netcdf_close(int nc)
{
    if (nc >= 0)
        (void)nc_close(nc); /* read only: nothing to lose */
}

int sq_netcdf_group(int nc, const char *path)
{
    char name[NC_MAX_NAME + 1];
    int format;
    if (nc_inq_format(nc, &format) || format != NC_FORMAT_NETCDF4)
        return -1; /* classic files answer any name with themselves */
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n >= sizeof name)
            return -1;
        memcpy(name, path, n);
        name[n] = 0;
        if (nc_inq_grp_ncid(nc, name, &nc))
            return -1;
        path += n + (path[n] == '/');
    }
    return nc;
}

bool sq_netcdf_text(int nc, int var, const char *name, char *out, size_t size)
{
    nc_type type;
    size_t n;
    if (nc_inq_att(nc, var, name, &type, &n) || n < 1)
        return false;
    if (type == NC_STRING) {
        char *text = NULL;
        if (n != 1 || nc_get_att_string(nc, var, name, &text))
            return false;
        bool ok = text && strlen(text) < size;
        if (ok)
            strcpy(out, text);
        (void)nc_free_string(1, &text);
        return ok;
    }
    if (type != NC_CHAR || n >= size || nc_get_att_text(nc, var, name, out))
        return false;
    out[n] = 0;
    return true;
}

int sq_netcdf_numbers(int nc, int var, const char *name, double *out, int n)
{
    nc_type type;
    size_t len;
    double all[64];
    if (nc_inq_att(nc, var, name, &type, &len) || type == NC_CHAR || type > NC_UINT64 || len < 1 ||
        len > sizeof all / sizeof *all || nc_get_att_double(nc, var, name, all))
        return 0;
    int have = (int)len < n ? (int)len : n;
    memcpy(out, all, (size_t)have * sizeof *out);
    return have;
}

bool sq_netcdf_number(int nc, int var, const char *name, double *out)
{
    return sq_netcdf_numbers(nc, var, name, out, 1) == 1;
}

/* ---- coordinates ---------------------------------------------------------------------------------------- */

static void axis_unit(int nc, int var, struct sq_axis *a)
{
    char unit[64] = "";
    (void)sq_netcdf_text(nc, var, "units", unit, sizeof unit);
    a->degrees = !strncmp(unit, "degree", 6);
    a->radians = !strcmp(unit, "rad") || !strncmp(unit, "radian", 6);
    a->unit_m = !strcmp(unit, "km") || !strcmp(unit, "kilometer") || !strcmp(unit, "kilometre") ? 1000 : *unit ? 1 : 0;
}

enum sq_status sq_netcdf_axis(const struct sq_file *f, int dim, size_t n, struct sq_axis *ret, struct sq_err *e)
{
    char name[NC_MAX_NAME + 1];
    int var, n_dims, of;
    double *v = NULL, gain = 1, offset = 0;
    if (nc_inq_dimname(f->nc, dim, name) || nc_inq_varid(f->nc, name, &var) ||
        nc_inq_varndims(f->nc, var, &n_dims) || n_dims != 1 || nc_inq_vardimid(f->nc, var, &of) || of != dim)
        return sq_fail(e, SQ_FAILED, "%s: no coordinates of the grid (a variable named like its dimension)",
                       f->path);
    if (n < 2)
        return sq_fail(e, SQ_FAILED, "%s: %s has one value, so the size of its cells is unknown", f->path,
                       name);
    enum sq_status st = sq_alloc((void **)&v, n, sizeof *v, "coordinates", e);
    if (!st && nc_get_var_double(f->nc, var, v))
        st = sq_fail(e, SQ_FAILED, "%s: %s cannot be read", f->path, name);
    if (!st) {
        double step = (v[n - 1] - v[0]) / (double)(n - 1);
        for (size_t i = 0; i < n && !st; i++)
            if (!(fabs(v[i] - v[0] - (double)i * step) <= 0.1 * fabs(step)))
                st = sq_fail(e, SQ_FAILED, "%s: %s is not evenly spaced", f->path, name);
        if (!st && step == 0)
            st = sq_fail(e, SQ_FAILED, "%s: %s does not change", f->path, name);
        axis_unit(f->nc, var, ret);
        (void)sq_netcdf_number(f->nc, var, "scale_factor", &gain); /* absent: stays 1 and 0 */
        (void)sq_netcdf_number(f->nc, var, "add_offset", &offset);
        ret->first = v[0] * gain + offset;
        ret->step = step * gain;
    }
    free(v);
    return st;
}

bool sq_netcdf_mapping(int nc, int map, struct sq_cf_crs *ret)
{
    int n = 0;
    *ret = (struct sq_cf_crs){0};
    if (!sq_netcdf_text(nc, map, "grid_mapping_name", ret->name, sizeof ret->name) || nc_inq_varnatts(nc, map, &n))
        return false;
    for (int i = 0; i < n && ret->n < SQ_CF_ATTR_MAX; i++) {
        char key[NC_MAX_NAME + 1];
        int at = ret->n;
        if (nc_inq_attname(nc, map, i, key) || strlen(key) >= sizeof ret->attr[0].key)
            continue;
        ret->attr[at].n_value = sq_netcdf_numbers(nc, map, key, ret->attr[at].value, 7);
        if (!ret->attr[at].n_value &&
            !sq_netcdf_text(nc, map, key, ret->attr[at].text, sizeof ret->attr[0].text))
            continue;
        strcpy(ret->attr[at].key, key);
        ret->n++;
    }
    return true;
}

/* ---- planes --------------------------------------------------------------------------------------------- */

struct sq_plane sq_plane_plain(int nc, int var)
{
    return (struct sq_plane){.nc = nc,
                             .var = var,
                             .gain = 1,
                             .factor = 1,
                             .valid_min = -INFINITY,
                             .valid_max = INFINITY,
                             .nan = SQ_STATE_MISSING};
}

/* How a number read from an attribute is stored in the variable: codes are compared in the stored type. */
static double as_stored(const struct sq_plane *pl, double v)
{
    nc_type type;
    if (!nc_inq_vartype(pl->nc, pl->var, &type) && type == NC_FLOAT)
        return (double)(float)v;
    return v;
}

void sq_plane_code(struct sq_plane *pl, double raw, enum sq_state state)
{
    if (pl->n_code == (int)(sizeof pl->code / sizeof *pl->code))
        return;
    pl->code[pl->n_code].raw = as_stored(pl, raw);
    pl->code[pl->n_code++].state = (uint8_t)state;
}

bool sq_plane_size(int nc, int var, int *ret_ny, int *ret_nx)
{
    int n, dim[8];
    size_t ny, nx;
    if (nc_inq_varndims(nc, var, &n) || n < 2 || n > 8 || nc_inq_vardimid(nc, var, dim) ||
        nc_inq_dimlen(nc, dim[n - 2], &ny) || nc_inq_dimlen(nc, dim[n - 1], &nx) || ny < 1 || nx < 1 ||
        ny > SQ_GRID_MAX || nx > SQ_GRID_MAX)
        return false;
    *ret_ny = (int)ny;
    *ret_nx = (int)nx;
    return true;
}

static double unwrap(const struct sq_plane *pl, double raw)
{
    return raw < 0 ? raw + pl->wrap : raw;
}

static void cf_codes(struct sq_plane *pl, nc_type type)
{
    double v[8];
    int n = sq_netcdf_numbers(pl->nc, pl->var, "missing_value", v, 4);
    for (int i = 0; i < n; i++)
        sq_plane_code(pl, unwrap(pl, v[i]), SQ_STATE_MISSING);
    if (sq_netcdf_number(pl->nc, pl->var, "_FillValue", v)) {
        sq_plane_code(pl, unwrap(pl, v[0]), SQ_STATE_MISSING);
        return;
    }
    /* Without the attribute the default of the type stands, but for bytes, where every value is data. */
    static const struct {
        nc_type type;
        double fill;
    } standard[] = {{NC_SHORT, NC_FILL_SHORT}, {NC_INT, NC_FILL_INT},       {NC_FLOAT, (double)NC_FILL_FLOAT},
                    {NC_DOUBLE, NC_FILL_DOUBLE}, {NC_USHORT, NC_FILL_USHORT}, {NC_UINT, NC_FILL_UINT},
                    {NC_INT64, (double)NC_FILL_INT64}};
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (standard[i].type == type)
            sq_plane_code(pl, unwrap(pl, standard[i].fill), SQ_STATE_MISSING);
}

void sq_plane_cf(struct sq_plane *pl)
{
    char text[16];
    double v[2];
    nc_type type = NC_NAT;
    (void)nc_inq_vartype(pl->nc, pl->var, &type); /* NC_NAT then: no default fill */
    if (sq_netcdf_text(pl->nc, pl->var, "_Unsigned", text, sizeof text) && !strcmp(text, "true"))
        pl->wrap = type == NC_BYTE ? 256 : type == NC_SHORT ? 65536 : type == NC_INT ? 4294967296.0 : 0;
    cf_codes(pl, type);
    if (sq_netcdf_number(pl->nc, pl->var, "valid_min", v))
        pl->valid_min = as_stored(pl, unwrap(pl, v[0]));
    if (sq_netcdf_number(pl->nc, pl->var, "valid_max", v))
        pl->valid_max = as_stored(pl, unwrap(pl, v[0]));
    if (sq_netcdf_numbers(pl->nc, pl->var, "valid_range", v, 2) == 2) {
        pl->valid_min = as_stored(pl, unwrap(pl, v[0]));
        pl->valid_max = as_stored(pl, unwrap(pl, v[1]));
    }
    (void)sq_netcdf_number(pl->nc, pl->var, "scale_factor", &pl->gain); /* absent: stays 1 and 0 */
    (void)sq_netcdf_number(pl->nc, pl->var, "add_offset", &pl->offset);
}

/* Whole rows of chunks at a time, so that each chunk is unpacked once and memory stays small. 0: the file
 * claims chunks that cannot be meant. */
static size_t strip_rows(const struct sq_plane *pl, size_t ny, size_t nx)
{
    const size_t about = 1 << 20; /* cells */
    size_t rows = about / nx + 1, chunk[8], volume = 8;
    int storage;
    if (!nc_inq_var_chunking(pl->nc, pl->var, &storage, chunk) && storage == NC_CHUNKED) {
        for (int i = 0; i < pl->n_lead + 2; i++)
            if (!chunk[i] || __builtin_mul_overflow(volume, chunk[i], &volume) || volume > 1u << 30)
                return 0;
        size_t high = chunk[pl->n_lead];
        rows = (rows + high - 1) / high * high;
    }
    return rows < ny ? rows : ny;
}

/* One row of raw numbers into values and states. */
static void decode_row(const struct sq_plane *pl, const struct sq_read_params *p, size_t nx,
                       const double *raw, float *value, uint8_t *state)
{
    for (size_t i = 0; i < nx; i++) {
        double r = unwrap(pl, raw[i]);
        int is = isnan(r) ? (int)pl->nan : SQ_STATE_VALID;
        is = r < pl->valid_min || r > pl->valid_max ? SQ_STATE_MISSING : is;
        for (int k = 0; k < pl->n_code; k++)
            is = r == pl->code[k].raw ? pl->code[k].state : is;
        state[i] = (uint8_t)is;
        if (is == SQ_STATE_VALID) {
            double v = (r * pl->gain + pl->offset) * pl->factor;
            value[i] = pl->dbz ? sq_rate_from_dbz(v, p) : (float)v;
        } else {
            value[i] = is == SQ_STATE_UNDETECT ? 0 : NAN;
        }
    }
}

/* What the numbers of a type of at most 16 bits stand for; a number is its own place, negative ones behind the others. */
struct table {
    bool wide; /* 16 bits, else 8 */
    double raw[1 << 16];
    float value[1 << 16];
    uint8_t state[1 << 16];
};

/* *ret is NULL where a table would not pay, or cannot be; the caller frees it. */
static enum sq_status make_table(const struct sq_plane *pl, const struct sq_read_params *p, size_t cells,
                                 struct table **ret, struct sq_err *e)
{
    nc_type type;
    *ret = NULL;
    if (nc_inq_vartype(pl->nc, pl->var, &type) ||
        (type != NC_BYTE && type != NC_UBYTE && type != NC_SHORT && type != NC_USHORT))
        return SQ_OK;
    const bool wide = type == NC_SHORT || type == NC_USHORT, is_signed = type == NC_BYTE || type == NC_SHORT;
    const int n = wide ? 1 << 16 : 1 << 8;
    if (cells < (size_t)n)
        return SQ_OK;
    enum sq_status st = sq_alloc((void **)ret, 1, sizeof **ret, "a table of numbers", e);
    if (st)
        return st;
    (*ret)->wide = wide;
    for (int i = 0; i < n; i++)
        (*ret)->raw[i] = is_signed && i >= n / 2 ? i - n : i;
    decode_row(pl, p, (size_t)n, (*ret)->raw, (*ret)->value, (*ret)->state);
    return SQ_OK;
}

static void look_up(const struct table *t, size_t n, const void *raw, float *value, uint8_t *state)
{
    const uint8_t *narrow = raw;
    const uint16_t *wide = raw;
    for (size_t i = 0; i < n; i++) {
        const size_t at = t->wide ? wide[i] : narrow[i];
        value[i] = t->value[at];
        state[i] = t->state[at];
    }
}

enum sq_status sq_plane_read(const struct sq_plane *pl, const char *path, const struct sq_read_params *p,
                             struct sq_field *f, struct sq_err *e)
{
    size_t ny = (size_t)f->grid.ny, nx = (size_t)f->grid.nx, start[8], count[8];
    size_t rows = strip_rows(pl, ny, nx);
    struct table *table = NULL;
    double *raw = NULL;
    if (!rows)
        return sq_fail(e, SQ_FAILED, "%s: its chunks are too large to be meant", path);
    enum sq_status st = make_table(pl, p, ny * nx, &table, e);
    const size_t size = !table ? sizeof *raw : table->wide ? 2 : 1;
    if (!st)
        st = sq_alloc((void **)&raw, rows * nx, size, "a strip of numbers", e);
    for (int i = 0; i < pl->n_lead; i++) {
        start[i] = pl->at[i];
        count[i] = 1;
    }
    const struct sq_window *w = pl->window;
    const size_t first = !w ? 0 : (size_t)(pl->south_up ? w->of_ny - w->row - w->ny : w->row);
    start[pl->n_lead + 1] = w ? (size_t)w->col : 0;
    count[pl->n_lead + 1] = nx;
    for (size_t r = 0; r < ny && !st; r += rows) {
        start[pl->n_lead] = first + r;
        count[pl->n_lead] = r + rows < ny ? rows : ny - r;
        int rc = table ? nc_get_vara(pl->nc, pl->var, start, count, raw)
                       : nc_get_vara_double(pl->nc, pl->var, start, count, raw);
        if (rc)
            st = sq_fail(e, SQ_FAILED, "%s: data are cut or broken: %s", path, nc_strerror(rc));
        for (size_t k = 0; k < count[pl->n_lead] && !st; k++) {
            size_t to = (pl->south_up ? ny - 1 - (r + k) : r + k) * nx;
            if (table)
                look_up(table, nx, (const char *)raw + k * nx * size, f->value + to, f->state + to);
            else
                decode_row(pl, p, nx, raw + k * nx, f->value + to, f->state + to);
        }
    }
    free(table);
    free(raw);
    return st;
}
