/* KNMI's own HDF5 layout: 5-minute sums, stamped with their end, on a map in kilometres. */
#include "source_netcdf.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool probe(const struct sq_file *f)
{
    return f->nc >= 0 && sq_netcdf_group(f->nc, "image1/calibration") >= 0 &&
           sq_netcdf_group(f->nc, "overview") >= 0 &&
           sq_netcdf_group(f->nc, "geographic/map_projection") >= 0;
}

/* "GEO=0.01*PV+0.0" */
static bool parse_formula(const char *text, double *gain, double *offset)
{
    int used = 0;
    if (sscanf(text, " GEO = %lf * PV%n", gain, &used) != 1 || !used)
        return false;
    text += used + strspn(text + used, " ");
    if (*text && *text != '+' && *text != '-')
        return false;
    text += *text == '+';
    char *end;
    *offset = *text ? strtod(text, &end) : 0;
    return (!*text || end != text) && isfinite(*gain) && isfinite(*offset) && *gain > 0;
}

/* "26-AUG-2010;00:00:00.000", whatever the locale */
static int64_t parse_time(const char *text)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    char month[4];
    int d, y, h, m, s;
    if (sscanf(text, "%d-%3[A-Z]-%d;%d:%d:%d", &d, month, &y, &h, &m, &s) != 6 || strlen(month) != 3)
        return SQ_NO_TIME;
    const char *at = strstr(months, month);
    return at && (at - months) % 3 == 0 ? sq_instant_civil(y, (int)(at - months) / 3 + 1, d, h, m, s)
                                        : SQ_NO_TIME;
}

static int64_t overview_time(const struct sq_file *f, const char *name)
{
    char text[64];
    return sq_netcdf_text(sq_netcdf_group(f->nc, "overview"), -1, name, text, sizeof text) ? parse_time(text)
                                                                                           : SQ_NO_TIME;
}

/* The image, with what its numbers mean: a sum in mm over interval_s. */
static enum sq_status describe(const struct sq_file *f, struct sq_plane *pl, struct sq_err *e)
{
    int image = sq_netcdf_group(f->nc, "image1"), cal = sq_netcdf_group(f->nc, "image1/calibration"), var;
    char text[128];
    double code;
    if (nc_inq_varid(image, "image_data", &var))
        return sq_fail(e, SQ_FAILED, "%s: KNMI file without image1/image_data", f->path);
    *pl = sq_plane_plain(image, var);
    if (!sq_netcdf_text(image, -1, "image_geo_parameter", text, sizeof text) ||
        strcmp(text, "ACCUMULATED_PRECIPITATION_[MM]"))
        return sq_fail(e, SQ_FAILED, "%s: KNMI file, but not of accumulated precipitation", f->path);
    if (!sq_netcdf_text(cal, -1, "calibration_formulas", text, sizeof text) ||
        !parse_formula(text, &pl->gain, &pl->offset))
        return sq_fail(e, SQ_FAILED, "%s: no calibration_formulas of the form GEO=0.01*PV+0.0", f->path);
    if (sq_netcdf_number(cal, -1, "calibration_missing_data", &code))
        sq_plane_code(pl, code, SQ_STATE_NO_COVERAGE);
    if (sq_netcdf_number(cal, -1, "calibration_out_of_image", &code))
        sq_plane_code(pl, code, SQ_STATE_NO_COVERAGE);
    return SQ_OK;
}

/* Offsets count pixels from the corner "LU": the upper left corner of the first pixel. */
static enum sq_status read_grid(const struct sq_file *f, struct sq_grid *g, struct sq_err *e)
{
    int geo = sq_netcdf_group(f->nc, "geographic");
    char text[SQ_CRS_MAX], corner[8], unit[16];
    double dx, dy, col, row, metres, km = 1000;
    if (!sq_netcdf_number(geo, -1, "geo_pixel_size_x", &dx) ||
        !sq_netcdf_number(geo, -1, "geo_pixel_size_y", &dy) ||
        !sq_netcdf_number(geo, -1, "geo_column_offset", &col) ||
        !sq_netcdf_number(geo, -1, "geo_row_offset", &row) || !(dx > 0 && dy < 0))
        return sq_fail(e, SQ_FAILED, "%s: no usable pixel sizes and offsets in geographic", f->path);
    if (!sq_netcdf_text(geo, -1, "geo_pixel_def", corner, sizeof corner) || strcmp(corner, "LU") ||
        !sq_netcdf_text(geo, -1, "geo_dim_pixel", unit, sizeof unit) || strcmp(unit, "KM,KM"))
        return sq_fail(e, SQ_FAILED, "%s: pixels are expected by their upper left corner, in km", f->path);
    if (!sq_netcdf_text(sq_netcdf_group(geo, "map_projection"), -1, "projection_proj4_params", text,
                        sizeof text))
        return sq_fail(e, SQ_FAILED, "%s: no projection_proj4_params", f->path);
    struct sq_err why;
    if (sq_crs_normalise(text, g->crs, &metres, &why))
        return sq_fail(e, SQ_FAILED, "%s: %s", f->path, why.text);
    g->dx = dx * km;
    g->dy = -dy * km;
    g->x0 = (col + 0.5) * g->dx;
    g->y0 = -(row + 0.5) * g->dy;
    return SQ_OK;
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {.time = overview_time(f, "product_datetime_end")};
    struct sq_plane pl;
    int64_t start = overview_time(f, "product_datetime_start");
    enum sq_status st = describe(f, &pl, e);
    if (!st)
        st = read_grid(f, &info.grid, e);
    if (st)
        return st;
    if (!sq_plane_size(pl.nc, pl.var, &info.grid.ny, &info.grid.nx))
        return sq_fail(e, SQ_FAILED, "%s: its image is no plane of at most %d cells a side", f->path,
                       SQ_GRID_MAX);
    if (start == SQ_NO_TIME || info.time == SQ_NO_TIME || info.time <= start || info.time - start > 864000)
        return sq_fail(e, SQ_FAILED, "%s: no usable product_datetime_start and _end", f->path);
    info.interval_s = (int)(info.time - start);
    (void)sq_netcdf_text(pl.nc, -1, "image_product_name", info.product, sizeof info.product); /* or "" */
    return sq_frames_add(list, &info, e);
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    struct sq_plane pl;
    enum sq_status st = describe(f, &pl, e);
    if (st)
        return st;
    pl.factor = 3600.0 / info->interval_s;
    return sq_plane_read(&pl, f->path, p, ret, e);
}

const struct sq_source sq_source_knmi = {"knmi", probe, scan, read_frame, false};
