/* CF netCDF: rain rates (or amounts over a known interval) on an even grid, one or many frames a file. */
#include "source_netcdf.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the variable -------------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    double factor; /* to mm/h; of an amount: to mm */
    bool amount;
};

static const struct unit *unit_find(const char *name)
{
    static const struct unit table[] = {
        {"mm h-1", 1, false},          {"mm/h", 1, false},           {"mm hr-1", 1, false},
        {"mm/hr", 1, false},           {"mm h^-1", 1, false},        {"mm hour-1", 1, false},
        {"kg m-2 h-1", 1, false},      {"kg m-2 s-1", 3600, false},  {"kg m^-2 s^-1", 3600, false},
        {"kg/m2/s", 3600, false},      {"mm s-1", 3600, false},      {"mm/s", 3600, false},
        {"m s-1", 3.6e6, false},       {"mm", 1, true},              {"kg m-2", 1, true},
        {"kg m^-2", 1, true},          {"m", 1000, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(name, table[i].name))
            return &table[i];
    return NULL;
}

/* How well a variable says that it is rain: 2 by standard name, 1 by a unit that only a rate has, 0 not. */
static int rain_likeness(int nc, int var)
{
    static const char *const standard[] = {"lwe_precipitation_rate", "rainfall_rate", "precipitation_flux",
                                           "rainfall_flux", "lwe_thickness_of_precipitation_amount",
                                           "precipitation_amount", "rainfall_amount"};
    char text[128];
    int ny, nx;
    const struct unit *unit = NULL;
    if (sq_netcdf_text(nc, var, "units", text, sizeof text))
        unit = unit_find(text);
    if (!unit || !sq_plane_size(nc, var, &ny, &nx))
        return 0;
    if (sq_netcdf_text(nc, var, "standard_name", text, sizeof text))
        for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
            if (!strcmp(text, standard[i]))
                return 2;
    return unit->factor == 1 && !unit->amount;
}

/* The first variable that is most like rain; -1: none. */
static int rain_variable(int nc)
{
    int n = 0, best = -1, most = 0;
    if (nc_inq_nvars(nc, &n))
        return -1;
    for (int var = 0; var < n; var++) {
        int like = rain_likeness(nc, var);
        if (like > most) {
            most = like;
            best = var;
        }
    }
    return best;
}

/* A forecast is not an observation: files of squall's own making must not come back as input. */
static bool is_forecast(int nc)
{
    int var;
    return !nc_inq_varid(nc, "forecast_reference_time", &var) || !nc_inq_varid(nc, "forecast_period", &var);
}

static bool probe(const struct sq_file *f)
{
    return f->nc >= 0 && !is_forecast(f->nc) && rain_variable(f->nc) >= 0;
}

/* ---- the grid ------------------------------------------------------------------------------------------ */

/* The coordinate system, from the most exact statement there is: proj4 says what CF has no words for (the
 * Swiss grid, datum shifts). `*unit_m` are metres of one unit of its coordinates. */
static enum sq_status read_crs(const struct sq_file *f, int var, bool degrees, char ret[SQ_CRS_MAX],
                               double *unit_m, struct sq_err *e)
{
    static const char *const wkt[] = {"crs_wkt", "spatial_ref"};
    char name[NC_MAX_NAME + 1], text[16384];
    struct sq_cf_crs cf;
    struct sq_err why;
    enum sq_status st = SQ_FAILED;
    int map = -1;
    *unit_m = 1;
    if (!sq_netcdf_text(f->nc, var, "grid_mapping", name, sizeof name) || nc_inq_varid(f->nc, name, &map))
        map = -1; /* which is also NC_GLOBAL, where no such attributes are */
    snprintf(why.text, sizeof why.text, "no coordinate system: a grid mapping is expected");
    if (map >= 0 && sq_netcdf_text(f->nc, map, "proj4", text, sizeof text))
        st = sq_crs_normalise(text, ret, unit_m, &why);
    if (st && map >= 0 && sq_netcdf_mapping(f->nc, map, &cf))
        st = sq_crs_from_cf(&cf, ret, &why);
    for (int i = 0; i < 2 && st && map >= 0; i++)
        if (sq_netcdf_text(f->nc, map, wkt[i], text, sizeof text))
            st = sq_crs_normalise(text, ret, unit_m, &why);
    if (st && sq_netcdf_text(f->nc, NC_GLOBAL, "proj_string", text, sizeof text))
        st = sq_crs_normalise(text, ret, unit_m, &why);
    if (st && degrees) {
        strcpy(ret, SQ_CRS_LONLAT);
        st = SQ_OK;
    }
    return st ? sq_fail(e, st, "%s: %s", f->path, why.text) : SQ_OK;
}

enum sq_status sq_cf_grid(const struct sq_file *f, int var, struct sq_grid *g, bool *ret_south_up, struct sq_err *e)
{
    int dim[8], n;
    struct sq_axis x, y;
    double unit_m;
    if (!sq_plane_size(f->nc, var, &g->ny, &g->nx) || nc_inq_varndims(f->nc, var, &n) ||
        nc_inq_vardimid(f->nc, var, dim))
        return sq_fail(e, SQ_FAILED, "%s: its variable has no plane of at most %d cells a side", f->path,
                       SQ_GRID_MAX);
    enum sq_status st = sq_netcdf_axis(f, dim[n - 2], (size_t)g->ny, &y, e);
    if (!st)
        st = sq_netcdf_axis(f, dim[n - 1], (size_t)g->nx, &x, e);
    if (!st)
        st = read_crs(f, var, x.degrees && y.degrees, g->crs, &unit_m, e);
    if (st)
        return st;
    if (x.step < 0)
        return sq_fail(e, SQ_FAILED, "%s: x runs from east to west, which squall does not read", f->path);
    double ux = x.unit_m > 0 ? x.unit_m : unit_m, uy = y.unit_m > 0 ? y.unit_m : unit_m;
    g->x0 = x.first * ux;
    g->dx = x.step * ux;
    g->dy = fabs(y.step) * uy;
    g->y0 = y.first * uy + (y.step > 0 ? (g->ny - 1) * g->dy : 0);
    *ret_south_up = y.step > 0;
    if (sq_grid_geographic(g) && g->x0 > 180)
        g->x0 -= 360;
    return SQ_OK;
}

/* ---- the times ----------------------------------------------------------------------------------------- */

/* "seconds since 1970-01-01 00:00:00" to seconds a unit and the instant of 0. */
static bool parse_since(const char *units, double *scale, int64_t *origin)
{
    static const struct {
        const char *name;
        double s;
    } unit[] = {{"second", 1}, {"sec", 1}, {"s", 1},      {"minute", 60}, {"min", 60},
                {"hour", 3600}, {"hr", 3600}, {"h", 3600}, {"day", 86400}, {"d", 86400}};
    char name[16];
    int y, mo, d, h = 0, mi = 0, used = 0;
    double s = 0;
    if (sscanf(units, "%15[a-z] since %d-%d-%d%n", name, &y, &mo, &d, &used) != 4)
        return false;
    units += used;
    units += *units == 'T' || *units == ' ';
    if (*units >= '0' && *units <= '9' && sscanf(units, "%d:%d:%lf", &h, &mi, &s) < 2)
        return false;
    *origin = s >= 0 && s < 61 ? sq_instant_civil(y, mo, d, h, mi, (int)s) : SQ_NO_TIME;
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == 's')
        name[n - 1] = 0;
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
        if (!strcmp(name, unit[i].name)) {
            *scale = unit[i].s;
            return *origin != SQ_NO_TIME;
        }
    return false;
}

/* The time variable: the coordinate of dimension `dim`, or (dim < 0) the single value that is called time. */
static int time_variable(int nc, int dim)
{
    char name[NC_MAX_NAME + 1] = "time";
    int var, n = 0;
    if (dim >= 0 && nc_inq_dimname(nc, dim, name))
        return -1;
    if (!nc_inq_varid(nc, name, &var))
        return var;
    if (dim >= 0 || nc_inq_nvars(nc, &n))
        return -1;
    for (var = 0; var < n; var++)
        if (sq_netcdf_text(nc, var, "standard_name", name, sizeof name) && !strcmp(name, "time"))
            return var;
    return -1;
}

/* n times of the file, in seconds. Caller frees *ret. */
static enum sq_status read_times(const struct sq_file *f, int dim, size_t n, int64_t **ret, struct sq_err *e)
{
    char units[128], calendar[32] = "standard";
    double scale, *v = NULL;
    int64_t origin;
    int n_dims, of = -1, var = time_variable(f->nc, dim);
    size_t len = 1;
    if (var < 0 || !sq_netcdf_text(f->nc, var, "units", units, sizeof units) ||
        !parse_since(units, &scale, &origin))
        return sq_fail(e, SQ_FAILED, "%s: no time variable with units such as 'seconds since 1970-01-01'",
                       f->path);
    (void)sq_netcdf_text(f->nc, var, "calendar", calendar, sizeof calendar);
    if (strcmp(calendar, "standard") && strcmp(calendar, "gregorian") &&
        strcmp(calendar, "proleptic_gregorian"))
        return sq_fail(e, SQ_FAILED, "%s: calendar %s is not that of observations", f->path, calendar);
    if (nc_inq_varndims(f->nc, var, &n_dims) || n_dims > 1 || nc_inq_vardimid(f->nc, var, &of) ||
        (n_dims && nc_inq_dimlen(f->nc, of, &len)) || len != n)
        return sq_fail(e, SQ_FAILED, "%s: the time variable does not fit the rain variable", f->path);
    enum sq_status st = sq_alloc((void **)&v, n, sizeof *v, "times", e);
    if (!st && nc_get_var_double(f->nc, var, v))
        st = sq_fail(e, SQ_FAILED, "%s: times cannot be read", f->path);
    if (!st)
        st = sq_alloc((void **)ret, n, sizeof **ret, "times", e);
    for (size_t i = 0; i < n && !st; i++) { /* what is no instant becomes SQ_NO_TIME, which the list refuses */
        double t = v[i] * scale + (double)origin;
        (*ret)[i] = fabs(t) < 3e11 ? (int64_t)llround(t) : SQ_NO_TIME;
    }
    free(v);
    return st;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

/* The dimension that counts frames (-1: none), its length and place; every other one before (y, x) must
 * have length 1. */
static enum sq_status frame_dimension(const struct sq_file *f, int var, int *ret_dim, size_t *ret_n,
                                      int *ret_place, struct sq_err *e)
{
    int n, dim[8];
    *ret_dim = *ret_place = -1;
    *ret_n = 1;
    if (nc_inq_varndims(f->nc, var, &n) || n > 8 || nc_inq_vardimid(f->nc, var, dim))
        return sq_fail(e, SQ_FAILED, "%s: the rain variable cannot be described", f->path);
    for (int i = 0; i < n - 2; i++) {
        size_t len;
        char name[NC_MAX_NAME + 1];
        if (nc_inq_dim(f->nc, dim[i], name, &len))
            return sq_fail(e, SQ_FAILED, "%s: the rain variable cannot be described", f->path);
        int v = time_variable(f->nc, dim[i]);
        char units[128];
        bool is_time = v >= 0 && sq_netcdf_text(f->nc, v, "units", units, sizeof units) &&
                       strstr(units, " since ");
        if (is_time && *ret_dim < 0) {
            *ret_dim = dim[i];
            *ret_place = i;
            *ret_n = len;
        } else if (len != 1) {
            return sq_fail(e, SQ_FAILED, "%s: the rain variable has %zu values along %s, one is expected",
                           f->path, len, name);
        }
    }
    return SQ_OK;
}

static const struct unit *variable_unit(const struct sq_file *f, int var)
{
    char text[64];
    return sq_netcdf_text(f->nc, var, "units", text, sizeof text) ? unit_find(text) : NULL;
}

static enum sq_status add_frames(struct sq_frame_info *info, const int64_t *time, size_t n,
                                 struct sq_frames *list, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    for (size_t i = 0; i < n && !st; i++) {
        info->time = time[i];
        info->index = (int)i;
        st = sq_frames_add(list, info, e);
    }
    return st;
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {0};
    int dim, place, var = rain_variable(f->nc);
    size_t n;
    double minutes;
    int64_t *time = NULL;
    char name[NC_MAX_NAME + 1];
    bool south_up;
    enum sq_status st = sq_cf_grid(f, var, &info.grid, &south_up, e);
    if (!st)
        st = frame_dimension(f, var, &dim, &n, &place, e);
    if (st)
        return st;
    if (n > SQ_FRAMES_MAX)
        return sq_fail(e, SQ_FAILED, "%s: claims %zu frames, at most %d are read", f->path, n, SQ_FRAMES_MAX);
    if (!nc_inq_varname(f->nc, var, name))
        snprintf(info.product, sizeof info.product, "%.63s", name);
    if (sq_netcdf_number(f->nc, NC_GLOBAL, "accumulation_minutes", &minutes) && minutes > 0 && minutes < 10000)
        info.interval_s = (int)lround(minutes * 60);
    const struct unit *unit = variable_unit(f, var);
    if (!unit || (unit->amount && !info.interval_s))
        return sq_fail(e, SQ_FAILED, "%s: %s is an amount over an unknown interval: the global attribute "
                       "accumulation_minutes is expected", f->path, info.product);
    st = read_times(f, dim, n, &time, e);
    if (!st)
        st = add_frames(&info, time, n, list, e);
    free(time);
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    int place, n_dims, dim[8], var = rain_variable(f->nc);
    size_t n;
    struct sq_axis y;
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    const struct unit *unit = variable_unit(f, var);
    enum sq_status st = frame_dimension(f, var, &dim[0], &n, &place, e);
    if (st)
        return st;
    if (!unit || nc_inq_varndims(f->nc, var, &n_dims) || n_dims < 2 || nc_inq_vardimid(f->nc, var, dim))
        return sq_fail(e, SQ_FAILED, "%s: the rain variable cannot be described", f->path);
    st = sq_netcdf_axis(f, dim[n_dims - 2], (size_t)info->grid.ny, &y, e);
    if (st)
        return st;
    sq_plane_cf(&pl);
    pl.south_up = y.step > 0;
    pl.n_lead = n_dims - 2;
    if (place >= 0)
        pl.at[place] = (size_t)info->index;
    pl.factor = unit->amount ? unit->factor * 3600 / info->interval_s : unit->factor;
    return sq_plane_read(&pl, f->path, p, ret, e);
}

const struct sq_source sq_source_cf = {"cf", probe, scan, read_frame, false};
