#include "abi_write.h"
#include "core/instant.h"
#include "core/publish.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EPOCH 946728000 /* 2000-01-01 12:00, from which ABI counts */

/* Wavelength, and how values are packed; 14 bits in band 7, 12 else. */
static const struct {
    double um, scale, offset;
    int most;
} pack[SQ_ABI_FILE_BANDS] = {
    {0.47, 3.1746e-4, 0, 4095},       {0.64, 3.1746e-4, 0, 4095},       {0.87, 3.1746e-4, 0, 4095},
    {1.38, 3.1746e-4, 0, 4095},       {1.61, 3.1746e-4, 0, 4095},       {2.25, 3.1746e-4, 0, 4095},
    {3.89, 0.01309618, 197.31, 16383}, {6.17, 0.04224919, 138.05, 4095}, {6.93, 0.04233915, 137.7, 4095},
    {7.34, 0.04988919, 126.91, 4095}, {8.44, 0.05212774, 127.69, 4095}, {9.61, 0.04572895, 117.49, 4095},
    {10.33, 0.06145332, 89.62, 4095}, {11.19, 0.05985371, 96.19, 4095}, {12.27, 0.05956082, 97.38, 4095},
    {13.27, 0.05502299, 92.7, 4095}};

void sq_abi_name(int64_t start, int64_t end, char ret[96])
{
    char text[3][24];
    const int64_t when[3] = {start, end, end + 60};
    for (int i = 0; i < 3; i++) {
        struct tm at;
        time_t t = (time_t)when[i];
        gmtime_r(&t, &at);
        snprintf(text[i], sizeof text[i], "%04d%03d%02d%02d%02d0", (at.tm_year + 1900) % 10000, (at.tm_yday + 1) % 1000,
                 at.tm_hour % 100, at.tm_min % 100, at.tm_sec % 100);
    }
    snprintf(ret, 96, "OR_ABI-L2-MCMIPC-M6_G16_s%.20s_e%.20s_c%.20s.nc", text[0], text[1], text[2]);
}

static int text(int nc, int var, const char *key, const char *value)
{
    return nc_put_att_text(nc, var, key, strlen(value), value);
}

static int real(int nc, int var, const char *key, double value)
{
    return nc_put_att_double(nc, var, key, NC_DOUBLE, 1, &value);
}

static int single(int nc, int var, const char *key, double value)
{
    return nc_put_att_double(nc, var, key, NC_FLOAT, 1, &value);
}

static int whole(int nc, int var, const char *key, nc_type type, int value)
{
    return nc_put_att_int(nc, var, key, type, 1, &value);
}

/* ---- what does not depend on the band ------------------------------------------------------------------- */

static int put_axis(int nc, const char *name, int dim, bool is_x, double first, double step)
{
    int var;
    const char *long_name = is_x ? "GOES fixed grid projection x-coordinate" : "GOES fixed grid projection y-coordinate";
    int rc = nc_def_var(nc, name, NC_SHORT, 1, &dim, &var);
    rc = rc ? rc : single(nc, var, "scale_factor", step);
    rc = rc ? rc : single(nc, var, "add_offset", first);
    rc = rc ? rc : text(nc, var, "units", "rad");
    rc = rc ? rc : text(nc, var, "axis", is_x ? "X" : "Y");
    rc = rc ? rc : text(nc, var, "long_name", long_name);
    return rc ? rc : text(nc, var, "standard_name", is_x ? "projection_x_coordinate" : "projection_y_coordinate");
}

static int put_projection(int nc, double lon_0)
{
    int var;
    int rc = nc_def_var(nc, "goes_imager_projection", NC_INT, 0, NULL, &var);
    rc = rc ? rc : text(nc, var, "long_name", "GOES-R ABI fixed grid projection");
    rc = rc ? rc : text(nc, var, "grid_mapping_name", "geostationary");
    rc = rc ? rc : real(nc, var, "perspective_point_height", SQ_ABI_HEIGHT_M);
    rc = rc ? rc : real(nc, var, "semi_major_axis", 6378137);
    rc = rc ? rc : real(nc, var, "semi_minor_axis", 6356752.31414);
    rc = rc ? rc : real(nc, var, "inverse_flattening", 298.2572221);
    rc = rc ? rc : real(nc, var, "latitude_of_projection_origin", 0);
    rc = rc ? rc : real(nc, var, "longitude_of_projection_origin", lon_0);
    return rc ? rc : text(nc, var, "sweep_angle_axis", "x");
}

static int put_time(int nc)
{
    int var, bounds;
    int rc = nc_def_dim(nc, "number_of_time_bounds", 2, &bounds);
    rc = rc ? rc : nc_def_var(nc, "t", NC_DOUBLE, 0, NULL, &var);
    rc = rc ? rc : text(nc, var, "long_name", "J2000 epoch mid-point between the start and end image scan in seconds");
    rc = rc ? rc : text(nc, var, "standard_name", "time");
    rc = rc ? rc : text(nc, var, "units", "seconds since 2000-01-01 12:00:00");
    rc = rc ? rc : text(nc, var, "axis", "T");
    rc = rc ? rc : text(nc, var, "bounds", "time_bounds");
    rc = rc ? rc : nc_def_var(nc, "time_bounds", NC_DOUBLE, 1, &bounds, &var);
    return rc ? rc : text(nc, var, "long_name", "Scan start and end times in seconds since epoch (2000-01-01 12:00:00)");
}

static int put_satellite(int nc)
{
    static const struct {
        const char *name, *units, *about;
    } row[] = {{"nominal_satellite_subpoint_lat", "degrees_north", "nominal satellite subpoint latitude"},
               {"nominal_satellite_subpoint_lon", "degrees_east", "nominal satellite subpoint longitude"},
               {"nominal_satellite_height", "km", "nominal satellite height above GRS 80 ellipsoid"}};
    int rc = NC_NOERR, var;
    for (size_t i = 0; i < sizeof row / sizeof *row && !rc; i++) {
        rc = nc_def_var(nc, row[i].name, NC_FLOAT, 0, NULL, &var);
        rc = rc ? rc : text(nc, var, "long_name", row[i].about);
        rc = rc ? rc : single(nc, var, "_FillValue", -999);
        rc = rc ? rc : text(nc, var, "units", row[i].units);
    }
    return rc;
}

static int put_globals(int nc, const char *path, int64_t start, int64_t end)
{
    char from[32], to[32], stamp[40];
    const char *slash = strrchr(path, '/');
    const char *row[][2] = {{"Conventions", "CF-1.7"}, {"Metadata_Conventions", "Unidata Dataset Discovery v1.0"},
                            {"title", "ABI L2 Cloud and Moisture Imagery"},
                            {"summary", "Simulated weather, written by squall " SQ_VERSION " synth"},
                            {"dataset_name", slash ? slash + 1 : path}, {"platform_ID", "G16"},
                            {"orbital_slot", "GOES-East"}, {"instrument_type", "GOES-R Series Advanced Baseline Imager"},
                            {"scene_id", "CONUS"}, {"timeline_id", "ABI Mode 6"}, {"cdm_data_type", "Image"},
                            {"processing_level", "National Aeronautics and Space Administration (NASA) L2"},
                            {"production_data_source", "Simulated"}, {"spatial_resolution", "2km at nadir"}};
    int rc = NC_NOERR;
    for (size_t i = 0; i < sizeof row / sizeof *row && !rc; i++)
        rc = text(nc, NC_GLOBAL, row[i][0], row[i][1]);
    const char *key[] = {"time_coverage_start", "time_coverage_end"};
    const char *when[] = {sq_instant_iso(start, from), sq_instant_iso(end, to)};
    for (int i = 0; i < 2 && !rc; i++) {
        snprintf(stamp, sizeof stamp, "%.19s.0Z", when[i]);
        rc = text(nc, NC_GLOBAL, key[i], stamp);
    }
    return rc;
}

/* ---- bands ---------------------------------------------------------------------------------------------- */

static int define_image(int nc, int b, const int dim[2], const size_t chunk[2])
{
    const bool reflective = b < 6;
    char name[64];
    int var;
    snprintf(name, sizeof name, "CMI_C%02d", b + 1);
    int rc = nc_def_var(nc, name, NC_SHORT, 2, dim, &var);
    rc = rc ? rc : nc_def_var_chunking(nc, var, NC_CHUNKED, chunk);
    rc = rc ? rc : nc_def_var_deflate(nc, var, 1, 1, 1);
    rc = rc ? rc : whole(nc, var, "_FillValue", NC_SHORT, -1);
    rc = rc ? rc : text(nc, var, "long_name", reflective ? "ABI L2+ Cloud and Moisture Imagery reflectance factor"
                                                         : "ABI L2+ Cloud and Moisture Imagery brightness temperature");
    rc = rc ? rc : text(nc, var, "standard_name",
                        reflective ? "toa_lambertian_equivalent_albedo_multiplied_by_cosine_solar_zenith_angle"
                                   : "toa_brightness_temperature");
    rc = rc ? rc : text(nc, var, "_Unsigned", "true");
    rc = rc ? rc : whole(nc, var, "sensor_band_bit_depth", NC_BYTE, b == 6 ? 14 : 12);
    rc = rc ? rc : nc_put_att_int(nc, var, "valid_range", NC_SHORT, 2, (int[]){0, pack[b].most});
    rc = rc ? rc : single(nc, var, "scale_factor", pack[b].scale);
    rc = rc ? rc : single(nc, var, "add_offset", pack[b].offset);
    rc = rc ? rc : text(nc, var, "units", reflective ? "1" : "K");
    rc = rc ? rc : text(nc, var, "coordinates", "t y x");
    rc = rc ? rc : text(nc, var, "grid_mapping", "goes_imager_projection");
    rc = rc ? rc : text(nc, var, "cell_methods", "t: point area: point");
    snprintf(name, sizeof name, "DQF_C%02d", b + 1);
    return rc ? rc : text(nc, var, "ancillary_variables", name);
}

static int define_flags(int nc, int b, const int dim[2], const size_t chunk[2])
{
    char name[32];
    int var;
    snprintf(name, sizeof name, "DQF_C%02d", b + 1);
    int rc = nc_def_var(nc, name, NC_BYTE, 2, dim, &var);
    rc = rc ? rc : nc_def_var_chunking(nc, var, NC_CHUNKED, chunk);
    rc = rc ? rc : nc_def_var_deflate(nc, var, 1, 1, 1);
    rc = rc ? rc : whole(nc, var, "_FillValue", NC_BYTE, -1);
    rc = rc ? rc : text(nc, var, "long_name", "ABI L2+ Cloud and Moisture Imagery data quality flags");
    rc = rc ? rc : text(nc, var, "standard_name", "status_flag");
    rc = rc ? rc : text(nc, var, "_Unsigned", "true");
    rc = rc ? rc : nc_put_att_int(nc, var, "valid_range", NC_BYTE, 2, (int[]){0, 4});
    rc = rc ? rc : text(nc, var, "units", "1");
    rc = rc ? rc : text(nc, var, "coordinates", "t y x");
    rc = rc ? rc : text(nc, var, "grid_mapping", "goes_imager_projection");
    rc = rc ? rc : nc_put_att_int(nc, var, "flag_values", NC_BYTE, 5, (int[]){0, 1, 2, 3, 4});
    return rc ? rc : text(nc, var, "flag_meanings",
                          "good_pixel_qf conditionally_usable_pixel_qf out_of_range_pixel_qf no_value_pixel_qf "
                          "focal_plane_temperature_threshold_exceeded_qf");
}

static int define_band(int nc, int b)
{
    char name[32];
    int dim, var;
    snprintf(name, sizeof name, "band_id_C%02d", b + 1);
    int rc = nc_inq_dimid(nc, "band", &dim);
    rc = rc ? rc : nc_def_var(nc, name, NC_BYTE, 1, &dim, &var);
    rc = rc ? rc : text(nc, var, "long_name", "ABI channel number");
    snprintf(name, sizeof name, "band_wavelength_C%02d", b + 1);
    rc = rc ? rc : nc_def_var(nc, name, NC_FLOAT, 1, &dim, &var);
    rc = rc ? rc : text(nc, var, "long_name", "ABI channel central wavelength");
    return rc ? rc : text(nc, var, "units", "um");
}

static int define(int nc, const char *path, const struct sq_grid *g, double lon_0, int64_t start, int64_t end)
{
    int dim[2], band;
    const size_t chunk[2] = {(size_t)fmin(g->ny, 250), (size_t)fmin(g->nx, 250)};
    const double x = g->x0 / SQ_ABI_HEIGHT_M, y = g->y0 / SQ_ABI_HEIGHT_M;
    int rc = nc_def_dim(nc, "y", (size_t)g->ny, &dim[0]);
    rc = rc ? rc : nc_def_dim(nc, "x", (size_t)g->nx, &dim[1]);
    rc = rc ? rc : nc_def_dim(nc, "band", 1, &band);
    for (int b = 0; b < SQ_ABI_FILE_BANDS && !rc; b++) {
        rc = define_image(nc, b, dim, chunk);
        rc = rc ? rc : define_flags(nc, b, dim, chunk);
        rc = rc ? rc : define_band(nc, b);
    }
    rc = rc ? rc : put_axis(nc, "y", dim[0], false, y, -SQ_ABI_PIXEL_RAD);
    rc = rc ? rc : put_axis(nc, "x", dim[1], true, x, SQ_ABI_PIXEL_RAD);
    rc = rc ? rc : put_projection(nc, lon_0);
    rc = rc ? rc : put_time(nc);
    rc = rc ? rc : put_satellite(nc);
    return rc ? rc : put_globals(nc, path, start, end);
}

/* ---- values --------------------------------------------------------------------------------------------- */

static int put_number(int nc, const char *name, double value)
{
    int var;
    const size_t first = 0;
    int rc = nc_inq_varid(nc, name, &var);
    return rc ? rc : nc_put_var1_double(nc, var, &first, &value);
}

static int put_counts(int nc, const char *name, int n, short *room)
{
    int var;
    for (int i = 0; i < n; i++)
        room[i] = (short)i;
    int rc = nc_inq_varid(nc, name, &var);
    return rc ? rc : nc_put_var_short(nc, var, room);
}

static int put_band(int nc, int b, size_t n, const float *v, short *room)
{
    char name[32];
    int var;
    for (size_t i = 0; i < n; i++)
        room[i] = (short)fmin(fmax(rint(((double)v[i] - pack[b].offset) / pack[b].scale), 0), pack[b].most);
    snprintf(name, sizeof name, "CMI_C%02d", b + 1);
    int rc = nc_inq_varid(nc, name, &var);
    rc = rc ? rc : nc_put_var_short(nc, var, room);
    memset(room, 0, n * sizeof *room);
    snprintf(name, sizeof name, "DQF_C%02d", b + 1);
    rc = rc ? rc : nc_inq_varid(nc, name, &var);
    rc = rc ? rc : nc_put_var_short(nc, var, room);
    snprintf(name, sizeof name, "band_id_C%02d", b + 1);
    rc = rc ? rc : put_number(nc, name, b + 1);
    snprintf(name, sizeof name, "band_wavelength_C%02d", b + 1);
    return rc ? rc : put_number(nc, name, pack[b].um);
}

static int fill(int nc, const struct sq_grid *g, double lon_0, int64_t start, int64_t end,
                float *const band[SQ_ABI_FILE_BANDS], short *room)
{
    const double bounds[2] = {(double)(start - EPOCH), (double)(end - EPOCH)};
    int var, rc = put_number(nc, "t", 0.5 * (bounds[0] + bounds[1]));
    rc = rc ? rc : nc_inq_varid(nc, "time_bounds", &var);
    rc = rc ? rc : nc_put_var_double(nc, var, bounds);
    rc = rc ? rc : put_number(nc, "nominal_satellite_subpoint_lat", 0);
    rc = rc ? rc : put_number(nc, "nominal_satellite_subpoint_lon", lon_0);
    rc = rc ? rc : put_number(nc, "nominal_satellite_height", 35786.023);
    rc = rc ? rc : put_counts(nc, "y", g->ny, room);
    rc = rc ? rc : put_counts(nc, "x", g->nx, room);
    for (int b = 0; b < SQ_ABI_FILE_BANDS && !rc; b++)
        rc = put_band(nc, b, sq_grid_cells(g), band[b], room);
    return rc;
}

enum sq_status sq_abi_write(const char *path, const struct sq_grid *g, double lon_0, int64_t start, int64_t end,
                            float *const band[SQ_ABI_FILE_BANDS], struct sq_err *e)
{
    char tmp[SQ_PATH_MAX];
    int nc = -1, rc;
    void *room = NULL;
    enum sq_status s = sq_publish_begin(path, tmp, e);
    if (s)
        return s;
    s = sq_alloc(&room, sq_grid_cells(g) + SQ_GRID_MAX, sizeof(short), "an image", e);
    if (s)
        return s;
    if ((rc = nc_create(tmp, NC_NETCDF4 | NC_CLOBBER, &nc)))
        nc = -1;
    rc = rc ? rc : define(nc, path, g, lon_0, start, end);
    rc = rc ? rc : nc_enddef(nc);
    rc = rc ? rc : fill(nc, g, lon_0, start, end, band, room);
    if (nc >= 0) {
        int closed = rc ? nc_abort(nc) : nc_close(nc);
        rc = rc ? rc : closed;
    }
    free(room);
    if (!rc)
        return sq_publish_commit(tmp, path, e);
    sq_publish_abandon(tmp);
    return sq_fail(e, SQ_FAILED, "%s: cannot write: %s", path, nc_strerror(rc));
}
