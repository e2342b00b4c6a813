/* ODIM HDF5 composites (OPERA and its members): RATE, ACRR, DBZH or TH, one frame a file, with its quality.
 *
 * EUMETNET OPERA, ODIM_H5 2.0 to 2.4. What describes the data may stand at the data, the dataset or the
 * root, whichever comes first: OPERA itself has used all of these. */
#include "source_netcdf.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 3 /* data, dataset, root */

struct odim {
    int at[LEVELS]; /* groups, from the data outwards */
    char quantity[16];
};

static bool probe(const struct sq_file *f)
{
    char text[32];
    if (f->nc < 0 || sq_netcdf_group(f->nc, "what") < 0 || sq_netcdf_group(f->nc, "dataset1") < 0)
        return false;
    return (sq_netcdf_text(f->nc, NC_GLOBAL, "Conventions", text, sizeof text) &&
            !strncmp(text, "ODIM_H5/", 8)) ||
           sq_netcdf_text(sq_netcdf_group(f->nc, "what"), -1, "object", text, sizeof text);
}

static bool find_text(const struct odim *o, const char *group, const char *name, char *out, size_t size)
{
    for (int i = 0; i < LEVELS; i++) {
        int g = sq_netcdf_group(o->at[i], group);
        if (g >= 0 && sq_netcdf_text(g, -1, name, out, size))
            return true;
    }
    return false;
}

static bool find_number(const struct odim *o, const char *group, const char *name, double *out)
{
    for (int i = 0; i < LEVELS; i++) {
        int g = sq_netcdf_group(o->at[i], group);
        if (g >= 0 && sq_netcdf_number(g, -1, name, out))
            return true;
    }
    return false;
}

/* Rates are better than sums, sums better than reflectivity, and what was corrected better than what was not (TH). */
static const char *const quantities[] = {"TH", "DBZH", "ACRR", "RATE"};

/* 1 and up; 0: not rain. */
static int preference(const char *quantity)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(quantity, quantities[i]))
            return i + 1;
    return 0;
}

static bool is_reflectivity(const struct odim *o)
{
    return preference(o->quantity) && preference(o->quantity) <= 2;
}

/* The first data of the best quantity. */
static enum sq_status find_data(const struct sq_file *f, struct odim *ret, struct sq_err *e)
{
    int most = 0;
    char name[16], object[16] = "";
    for (int d = 1; d < 100; d++) {
        struct odim o = {.at = {-1, -1, f->nc}};
        snprintf(name, sizeof name, "dataset%d", d);
        o.at[1] = sq_netcdf_group(f->nc, name);
        for (int k = 1; o.at[1] >= 0 && k < 100; k++) {
            snprintf(name, sizeof name, "data%d", k);
            o.at[0] = sq_netcdf_group(o.at[1], name);
            if (o.at[0] < 0)
                break;
            if (!find_text(&o, "what", "quantity", o.quantity, sizeof o.quantity) ||
                preference(o.quantity) <= most)
                continue;
            most = preference(o.quantity);
            *ret = o;
        }
        if (o.at[1] < 0)
            break;
    }
    (void)sq_netcdf_text(sq_netcdf_group(f->nc, "what"), -1, "object", object, sizeof object);
    if (strcmp(object, "COMP") && strcmp(object, "IMAGE"))
        return sq_fail(e, SQ_FAILED, "%s: ODIM object '%s': squall reads maps (COMP, IMAGE)", f->path, object);
    if (!most)
        return sq_fail(e, SQ_FAILED, "%s: ODIM file without RATE, ACRR, DBZH or TH", f->path);
    return SQ_OK;
}

/* date "20180824" and time "180000" */
static int64_t find_time(const struct odim *o, const char *date_name, const char *time_name)
{
    char date[16], clock[16];
    int y, mo, d, h, mi, s, n = 0, k = 0;
    if (!find_text(o, "what", date_name, date, sizeof date) ||
        !find_text(o, "what", time_name, clock, sizeof clock) ||
        sscanf(date, "%4d%2d%2d%n", &y, &mo, &d, &n) != 3 || sscanf(clock, "%2d%2d%2d%n", &h, &mi, &s, &k) != 3 ||
        n != 8 || k != 6)
        return SQ_NO_TIME;
    return sq_instant_civil(y, mo, d, h, mi, s);
}

/* Files round longitude and latitude of the corner (NIMBUS: by 3 m): it is meant to lie on a multiple of the
 * cell where it is that near to one, else on a metre. */
static double tidy(double v, double cell)
{
    double multiple = round(v / cell) * cell;
    return fabs(v - multiple) < 0.01 * cell ? multiple : round(v);
}

/* x, y of the outer upper left corner. */
static enum sq_status corner(const struct sq_file *f, const struct odim *o, const struct sq_grid *g, double *x,
                             double *y, struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    struct sq_err why;
    bool upper = find_number(o, "where", "UL_lon", x) && find_number(o, "where", "UL_lat", y);
    if (!upper && !(find_number(o, "where", "LL_lon", x) && find_number(o, "where", "LL_lat", y)))
        return sq_fail(e, SQ_FAILED, "%s: no UL_lon, UL_lat and no LL_lon, LL_lat", f->path);
    if (!sq_grid_geographic(g)) {
        if (sq_crs_map_create(SQ_CRS_LONLAT, g->crs, &map, &why))
            return sq_fail(e, SQ_FAILED, "%s: %s", f->path, why.text);
        sq_crs_forward(map, 1, x, y);
        sq_crs_map_destroy(&map);
        *x = tidy(*x, g->dx);
        *y = tidy(*y, g->dy);
    }
    if (!upper)
        *y += g->ny * g->dy;
    return SQ_OK;
}

static enum sq_status read_grid(const struct sq_file *f, const struct odim *o, struct sq_grid *g,
                                struct sq_err *e)
{
    char text[SQ_CRS_MAX];
    double nx, ny, x, y, metres;
    struct sq_err why;
    if (!find_text(o, "where", "projdef", text, sizeof text) || !find_number(o, "where", "xsize", &nx) ||
        !find_number(o, "where", "ysize", &ny) || !find_number(o, "where", "xscale", &g->dx) ||
        !find_number(o, "where", "yscale", &g->dy))
        return sq_fail(e, SQ_FAILED, "%s: no projdef, xsize, ysize, xscale and yscale in where", f->path);
    if (nx != g->nx || ny != g->ny)
        return sq_fail(e, SQ_FAILED, "%s: where says %g x %g cells, the data have %d x %d", f->path, nx, ny,
                       g->nx, g->ny);
    if (sq_crs_normalise(text, g->crs, &metres, &why))
        return sq_fail(e, SQ_FAILED, "%s: %s", f->path, why.text);
    enum sq_status st = corner(f, o, g, &x, &y, e);
    g->x0 = x + 0.5 * g->dx;
    g->y0 = y - 0.5 * g->dy;
    return st;
}

/* ---- quality ------------------------------------------------------------------------------------------------- */

/* Groups quality1 and so on may also hold distances to radars or classes of echo: the task says which it is. */
static bool is_index(int group)
{
    char task[128];
    return !sq_netcdf_text(sq_netcdf_group(group, "how"), -1, "task", task, sizeof task) || strstr(task, "quality") ||
           strstr(task, "qi_total");
}

/* The first index of quality: a group beside the data or the dataset, or a dataset of its own (QIND). */
static bool find_quality(const struct sq_file *f, const struct odim *o, struct odim *ret)
{
    char name[32];
    for (int level = 0; level < 2; level++)
        for (int k = 1; k < 10; k++) {
            snprintf(name, sizeof name, "quality%d", k);
            *ret = (struct odim){.at = {sq_netcdf_group(o->at[level], name), -1, -1}};
            if (ret->at[0] >= 0 && is_index(ret->at[0]))
                return true;
        }
    for (int d = 1; d < 100; d++) {
        snprintf(name, sizeof name, "dataset%d", d);
        *ret = (struct odim){.at = {-1, sq_netcdf_group(f->nc, name), -1}};
        if (ret->at[1] < 0)
            return false;
        ret->at[0] = sq_netcdf_group(ret->at[1], "data1");
        if (ret->at[0] >= 0 && find_text(ret, "what", "quantity", ret->quantity, sizeof ret->quantity) &&
            !strcmp(ret->quantity, "QIND"))
            return true;
    }
    return false;
}

/* Leaves 0 to 1, and NaN where there is no quality. OPERA's ODYSSEY and CIRRUS give it to cells with echo alone, and 0 to
 * many of them (88 % in CIRRUS, 27 % in ODYSSEY): the part that no weight was worked out for. To drop those and keep
 * the dry cells round them would forecast dry weather, so 0 says nothing there. NIMBUS gives it to all that it sees. */
static void tidy_quality(const struct sq_field *f, const uint8_t *state, float *quality)
{
    const float above = 1 + 1e-5f; /* a gain of 1/255 does not hit 1 */
    size_t n = sq_grid_cells(&f->grid), dry = 0, rated = 0;
    for (size_t i = 0; i < n; i++) {
        if (state[i] != SQ_STATE_VALID || !(quality[i] >= 0 && quality[i] <= above))
            quality[i] = NAN;
        quality[i] = quality[i] > 1 ? 1 : quality[i];
        dry += f->state[i] == SQ_STATE_UNDETECT;
        rated += f->state[i] == SQ_STATE_UNDETECT && !isnan(quality[i]);
    }
    for (size_t i = 0; i < n && dry && !rated; i++)
        if (quality[i] == 0)
            quality[i] = NAN;
}

static enum sq_status read_quality(const struct sq_file *f, const struct odim *data, struct sq_field *ret, struct sq_err *e)
{
    const struct sq_read_params none = SQ_READ_PARAMS_DEFAULT;
    struct sq_field q = {0};
    struct odim o;
    double code;
    int var, ny, nx;
    if (!find_quality(f, data, &o) || nc_inq_varid(o.at[0], "data", &var) || !sq_plane_size(o.at[0], var, &ny, &nx) ||
        ny != ret->grid.ny || nx != ret->grid.nx)
        return SQ_OK;
    struct sq_plane pl = sq_plane_plain(o.at[0], var);
    (void)find_number(&o, "what", "gain", &pl.gain); /* absent: 1 and 0 */
    (void)find_number(&o, "what", "offset", &pl.offset);
    if (find_number(&o, "what", "undetect", &code))
        sq_plane_code(&pl, code, SQ_STATE_MISSING);
    if (find_number(&o, "what", "nodata", &code))
        sq_plane_code(&pl, code, SQ_STATE_MISSING);
    enum sq_status st = sq_field_init(&q, &ret->grid, e);
    if (!st)
        st = sq_plane_read(&pl, f->path, &none, &q, e);
    if (!st) {
        tidy_quality(ret, q.state, q.value);
        ret->quality = q.value;
        q.value = NULL;
    }
    sq_field_finish(&q);
    return st;
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {0};
    struct odim o;
    int var;
    enum sq_status st = find_data(f, &o, e);
    if (st)
        return st;
    if (nc_inq_varid(o.at[0], "data", &var) || !sq_plane_size(o.at[0], var, &info.grid.ny, &info.grid.nx))
        return sq_fail(e, SQ_FAILED, "%s: %s is no plane of at most %d cells a side", f->path, o.quantity,
                       SQ_GRID_MAX);
    st = read_grid(f, &o, &info.grid, e);
    if (st)
        return st;
    info.time = find_time(&o, "date", "time");
    if (!strcmp(o.quantity, "ACRR")) {
        int64_t start = find_time(&o, "startdate", "starttime"), end = find_time(&o, "enddate", "endtime");
        if (start == SQ_NO_TIME || end == SQ_NO_TIME || end <= start || end - start > 864000)
            return sq_fail(e, SQ_FAILED, "%s: a sum (ACRR) without start and end", f->path);
        info.interval_s = (int)(end - start);
    }
    snprintf(info.product, sizeof info.product, "%s", o.quantity);
    return sq_frames_add(list, &info, e);
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    struct odim o;
    int var;
    double code;
    struct sq_read_params own = *p;
    enum sq_status st = find_data(f, &o, e);
    if (st)
        return st;
    if (nc_inq_varid(o.at[0], "data", &var))
        return sq_fail(e, SQ_FAILED, "%s: no data", f->path);
    struct sq_plane pl = sq_plane_plain(o.at[0], var);
    pl.nan = SQ_STATE_NO_COVERAGE; /* members that give no nodata write NaN */
    (void)find_number(&o, "what", "gain", &pl.gain); /* absent: 1 and 0 */
    (void)find_number(&o, "what", "offset", &pl.offset);
    if (find_number(&o, "what", "undetect", &code))
        sq_plane_code(&pl, code, SQ_STATE_UNDETECT);
    if (find_number(&o, "what", "nodata", &code))
        sq_plane_code(&pl, code, SQ_STATE_NO_COVERAGE);
    pl.dbz = is_reflectivity(&o);
    if (info->interval_s)
        pl.factor = 3600.0 / info->interval_s;
    double a, b;
    if (find_number(&o, "how", "zr_a", &a) && find_number(&o, "how", "zr_b", &b) && a > 0 && b > 0) {
        own.zr_a = a;
        own.zr_b = b;
    }
    st = sq_plane_read(&pl, f->path, &own, ret, e);
    return st ? st : read_quality(f, &o, ret, e);
}

const struct sq_source sq_source_odim = {"odim", probe, scan, read_frame, false};
