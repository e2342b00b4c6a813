/* Small GOES ABI level 2 files, written through netCDF-C in the layout of the GOES-R Product Definition and Users' Guide,
 * volume 5: a piece of the CONUS sector. What differs from the plain case is a field. */
#ifndef SQ_TESTS_SMALL_ABI_H
#define SQ_TESTS_SMALL_ABI_H

#include "small_cf.h"

#define ABI_NX 8
#define ABI_NY 6
/* The cell of the check point, -0.024052 and 0.095340 rad, is row 3, column 4. */
#define ABI_COL 1376
#define ABI_ROW 584

struct small_abi {
    int band;           /* CMIP of this one; 0: MCMIP */
    int nx, ny, stride; /* default ABI_NX, ABI_NY; every stride-th cell of CONUS from ABI_COL, ABI_ROW (0, 0) on */
    double t;           /* default 2019-06-10T18:02:30.4Z: day over America */
    const int16_t *raw; /* default 100 + 16 * cell + band */
    const int8_t *dqf;  /* default 0 */
    bool no_t, no_band, no_mapping, no_dqf, narrow_dqf, leftwards, degrees, sweep_y;
};

static inline void abi_text(int nc, int var, const char *name, const char *text)
{
    NC(nc_put_att_text(nc, var, name, strlen(text), text));
}
static inline void abi_double(int nc, int var, const char *name, double v)
{
    NC(nc_put_att_double(nc, var, name, NC_DOUBLE, 1, &v));
}
static inline void abi_float(int nc, int var, const char *name, float v)
{
    NC(nc_put_att_float(nc, var, name, NC_FLOAT, 1, &v));
}
static inline void abi_short(int nc, int var, const char *name, int n, const short *v)
{
    NC(nc_put_att_short(nc, var, name, NC_SHORT, (size_t)n, v));
}

static inline double abi_scale(int band)
{
    return band <= 6 ? 0.0003174604 : band == 7 ? 0.01309618 : 0.06145332;
}
static inline double abi_offset(int band)
{
    return band <= 6 ? 0 : band == 7 ? 197.31 : 89.62;
}
static inline short abi_most(int band)
{
    return band == 7 ? 16383 : 4095;
}

static inline int abi_axis(int nc, const char *name, int dim, float scale, float offset, const struct small_abi *a)
{
    int var;
    NC(nc_def_var(nc, name, NC_SHORT, 1, &dim, &var));
    abi_float(nc, var, "scale_factor", a->leftwards && *name == 'x' ? -scale : scale);
    abi_float(nc, var, "add_offset", offset);
    abi_text(nc, var, "units", a->degrees ? "degrees" : "rad");
    abi_text(nc, var, "axis", *name == 'x' ? "X" : "Y");
    abi_text(nc, var, "long_name", "GOES fixed grid projection coordinate");
    abi_text(nc, var, "standard_name", *name == 'x' ? "projection_x_coordinate" : "projection_y_coordinate");
    return var;
}

static inline int abi_image(int nc, const char *name, int band, const int dim[2])
{
    const short fill = -1, range[2] = {0, abi_most(band)};
    int var;
    NC(nc_def_var(nc, name, NC_SHORT, 2, dim, &var));
    abi_short(nc, var, "_FillValue", 1, &fill);
    abi_text(nc, var, "long_name", "ABI Cloud and Moisture Imagery");
    abi_text(nc, var, "standard_name", band <= 6 ? "toa_lambertian_equivalent_albedo_multiplied_by_cosine_solar_zenith_angle"
                                                 : "toa_brightness_temperature");
    abi_text(nc, var, "_Unsigned", "true");
    abi_short(nc, var, "valid_range", 2, range);
    abi_float(nc, var, "scale_factor", (float)abi_scale(band));
    abi_float(nc, var, "add_offset", (float)abi_offset(band));
    abi_text(nc, var, "units", band <= 6 ? "1" : "K");
    abi_text(nc, var, "coordinates", "band_id band_wavelength t y x");
    abi_text(nc, var, "grid_mapping", "goes_imager_projection");
    abi_text(nc, var, "cell_methods", "t: point area: point");
    return var;
}

static inline int abi_flags(int nc, const char *name, const int dim[2])
{
    const signed char fill = -1, values[] = {0, 1, 2, 3, 4};
    int var;
    NC(nc_def_var(nc, name, NC_BYTE, 2, dim, &var));
    NC(nc_put_att_schar(nc, var, "_FillValue", NC_BYTE, 1, &fill));
    abi_text(nc, var, "_Unsigned", "true");
    abi_text(nc, var, "units", "1");
    NC(nc_put_att_schar(nc, var, "flag_values", NC_BYTE, 5, values));
    abi_text(nc, var, "flag_meanings", "good_pixel_qf conditionally_usable_pixel_qf out_of_range_pixel_qf no_value_pixel_qf "
                                       "focal_plane_temperature_threshold_exceeded_qf");
    return var;
}

static inline void abi_mapping(int nc, const struct small_abi *a)
{
    int var;
    NC(nc_def_var(nc, "goes_imager_projection", NC_INT, 0, NULL, &var));
    abi_text(nc, var, "long_name", "GOES-R ABI fixed grid projection");
    abi_text(nc, var, "grid_mapping_name", a->no_mapping ? "mercator" : "geostationary");
    abi_double(nc, var, "perspective_point_height", 35786023);
    abi_double(nc, var, "semi_major_axis", 6378137);
    abi_double(nc, var, "semi_minor_axis", 6356752.31414);
    abi_double(nc, var, "inverse_flattening", 298.2572221);
    abi_double(nc, var, "latitude_of_projection_origin", 0);
    abi_double(nc, var, "longitude_of_projection_origin", -75);
    abi_text(nc, var, "sweep_angle_axis", a->sweep_y ? "y" : "x");
}

/* What stands beside the image in one and in all bands alike. */
static inline void abi_times(int nc, const struct small_abi *a)
{
    int var;
    abi_text(nc, NC_GLOBAL, "title", "ABI L2 Cloud and Moisture Imagery");
    abi_text(nc, NC_GLOBAL, "platform_ID", "G16");
    abi_text(nc, NC_GLOBAL, "scene_id", "CONUS");
    abi_text(nc, NC_GLOBAL, "time_coverage_start", "2019-06-10T18:01:12.0Z");
    abi_text(nc, NC_GLOBAL, "time_coverage_end", "2019-06-10T18:03:49.0Z");
    if (a->no_t)
        return;
    NC(nc_def_var(nc, "t", NC_DOUBLE, 0, NULL, &var));
    abi_text(nc, var, "long_name", "J2000 epoch mid-point between the start and end image scan in seconds");
    abi_text(nc, var, "standard_name", "time");
    abi_text(nc, var, "units", "seconds since 2000-01-01 12:00:00");
    NC(nc_put_var_double(nc, var, &a->t));
}

static inline void abi_fill(int nc, const struct small_abi *a, int band, int image, int flags)
{
    size_t n = (size_t)a->nx * (size_t)a->ny;
    short *raw = calloc(n, sizeof *raw);
    signed char *dqf = calloc(n, 1);
    REQUIRE(raw && dqf);
    for (size_t i = 0; i < n; i++)
        raw[i] = a->raw ? a->raw[i] : (short)(100 + 16 * i % 3000 + (size_t)band);
    NC(nc_put_var_short(nc, image, raw));
    if (!a->no_dqf && !a->narrow_dqf)
        NC(nc_put_var_schar(nc, flags, a->dqf ? (const signed char *)a->dqf : dqf));
    free(raw);
    free(dqf);
}

static inline void small_abi_write(const char *path, struct small_abi a)
{
    int nc, dim[2], x, y, var, narrow[2], first = a.band ? a.band : 1, last = a.band ? a.band : 16;
    char name[32];
    a.t = a.t != 0 ? a.t : 613461750.4;
    a.stride = a.stride ? a.stride : 1;
    bool all = a.nx;
    a.nx = a.nx ? a.nx : ABI_NX;
    a.ny = a.ny ? a.ny : ABI_NY;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "y", (size_t)a.ny, &dim[0]));
    NC(nc_def_dim(nc, "x", (size_t)a.nx, &dim[1]));
    NC(nc_def_dim(nc, "narrow", 2, &narrow[1]));
    narrow[0] = dim[0];
    y = abi_axis(nc, "y", dim[0], -5.6e-5f, 0.128212f, &a);
    x = abi_axis(nc, "x", dim[1], 5.6e-5f, -0.101332f, &a);
    abi_mapping(nc, &a);
    abi_times(nc, &a);
    for (int i = 0; i < a.nx || i < a.ny; i++) {
        size_t at = (size_t)i;
        short col = (short)((all ? 0 : ABI_COL) + i * a.stride), row = (short)((all ? 0 : ABI_ROW) + i * a.stride);
        if (i < a.nx)
            NC(nc_put_var1_short(nc, x, &at, &col));
        if (i < a.ny)
            NC(nc_put_var1_short(nc, y, &at, &row));
    }
    if (a.band && !a.no_band) {
        const signed char id = (signed char)a.band;
        int one;
        NC(nc_def_dim(nc, "band", 1, &one));
        NC(nc_def_var(nc, "band_id", NC_BYTE, 1, &one, &var));
        NC(nc_put_var_schar(nc, var, &id));
    }
    for (int band = first; band <= last; band++) {
        int flags = -1;
        snprintf(name, sizeof name, a.band ? "CMI" : "CMI_C%02d", band);
        var = abi_image(nc, name, band, dim);
        snprintf(name, sizeof name, a.band ? "DQF" : "DQF_C%02d", band);
        if (!a.no_dqf)
            flags = abi_flags(nc, name, a.narrow_dqf ? narrow : dim);
        abi_fill(nc, &a, band, var, flags);
    }
    NC(nc_close(nc));
}

static inline void abi_plane(int nc, const char *name, nc_type type, double scale, int grid_dim[2], const char *units)
{
    int var;
    NC(nc_def_var(nc, name, type, 2, grid_dim, &var));
    abi_text(nc, var, "grid_mapping", "goes_imager_projection");
    abi_text(nc, var, "units", units);
    if (type == NC_SHORT) {
        abi_text(nc, var, "_Unsigned", "true");
        abi_double(nc, var, "scale_factor", scale);
        abi_double(nc, var, "add_offset", 0);
    }
    for (size_t i = 0; i < ABI_NX * ABI_NY; i++) {
        const size_t at[] = {i / ABI_NX, i % ABI_NX};
        const double v = i % 5 ? 0 : (double)i;
        NC(nc_put_var1_double(nc, var, at, &v));
    }
}

/* Gridded lightning, as glmtools writes it: packed shorts, or floats. */
static inline void small_glm_write(const char *path, bool floats)
{
    struct small_abi a = {.nx = ABI_NX, .ny = ABI_NY};
    nc_type type = floats ? NC_FLOAT : NC_SHORT;
    int nc, dim[2], axis[2];
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "y", ABI_NY, &dim[0]));
    NC(nc_def_dim(nc, "x", ABI_NX, &dim[1]));
    axis[0] = abi_axis(nc, "y", dim[0], -5.6e-5f, 0.128212f, &a);
    axis[1] = abi_axis(nc, "x", dim[1], 5.6e-5f, -0.101332f, &a);
    for (size_t i = 0; i < ABI_NX; i++)
        for (int k = i < ABI_NY ? 0 : 1; k < 2; k++)
            NC(nc_put_var1_short(nc, axis[k], &i, &(short){(short)i}));
    abi_mapping(nc, &a);
    abi_text(nc, NC_GLOBAL, "time_coverage_start", "2018-07-02T04:33:00Z");
    abi_text(nc, NC_GLOBAL, "time_coverage_end", "2018-07-02T04:34:00Z");
    const signed char good[ABI_NX * ABI_NY] = {0};
    NC(nc_put_var_schar(nc, abi_flags(nc, "DQF", dim), good));
    abi_plane(nc, "flash_extent_density", type, 0.0625, dim, "Count per nominal    3136 microradian^2 pixel per 1.0 min");
    abi_plane(nc, "total_energy", type, 1.52597e-6, dim, floats ? "J" : "nJ");
    NC(nc_close(nc));
}

/* Convective rainfall rate of the NWC SAF's software. */
static inline void small_nwcsaf_write(const char *path)
{
    const unsigned short fill = 65535, rate[6] = {65535, 0, 3, 341, 0, 12}, quality[6] = {1, 8, 8, 16, 8, 32};
    const unsigned short status[6] = {0, 0, 8, 8, 0, 8};
    const float scale = 0.1f, ny[2] = {5568000, 5565000}, nx[3] = {-3000, 0, 3000};
    int nc, dim[2], y, x, var;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "ny", 2, &dim[0]));
    NC(nc_def_dim(nc, "nx", 3, &dim[1]));
    NC(nc_def_var(nc, "ny", NC_FLOAT, 1, &dim[0], &y));
    NC(nc_def_var(nc, "nx", NC_FLOAT, 1, &dim[1], &x));
    abi_text(nc, y, "units", "m");
    abi_text(nc, x, "units", "m");
    NC(nc_put_var_float(nc, y, ny));
    NC(nc_put_var_float(nc, x, nx));
    NC(nc_def_var(nc, "crr_intensity", NC_USHORT, 2, dim, &var));
    NC(nc_put_att_ushort(nc, var, "_FillValue", NC_USHORT, 1, &fill));
    NC(nc_put_att_float(nc, var, "scale_factor", NC_FLOAT, 1, &scale));
    abi_text(nc, var, "units", "mm/h");
    abi_text(nc, var, "coordinates", "lon lat");
    NC(nc_put_var_ushort(nc, var, rate));
    NC(nc_def_var(nc, "crr_quality", NC_USHORT, 2, dim, &var));
    NC(nc_put_var_ushort(nc, var, quality));
    NC(nc_def_var(nc, "crr_status_flag", NC_USHORT, 2, dim, &var));
    NC(nc_put_var_ushort(nc, var, status));
    abi_text(nc, NC_GLOBAL, "nominal_product_time", "2018-06-01T07:00:00Z");
    abi_text(nc, NC_GLOBAL, "time_coverage_start", "2018-06-01T07:08:58Z");
    abi_text(nc, NC_GLOBAL, "time_coverage_end", "2018-06-01T07:12:22Z");
    abi_text(nc, NC_GLOBAL, "gdal_projection",
             "+proj=geos +a=6378137.000000 +b=6356752.300000 +lon_0=0.000000 +h=35785863.000000");
    NC(nc_close(nc));
}

#endif
