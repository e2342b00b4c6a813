/* Small HDF5 files of the layouts of ODIM and KNMI, written through netCDF-C: what differs from the plain
 * case is a field. */
#ifndef SQ_TESTS_SMALL_HDF_H
#define SQ_TESTS_SMALL_HDF_H

#include "small_cf.h"

/* Attributes at a group or variable. */
static inline void put_text(int nc, int var, const char *name, const char *text)
{
    NC(nc_put_att_text(nc, var, name, strlen(text), text));
}
static inline void put_string(int nc, int var, const char *name, const char *text)
{
    NC(nc_put_att_string(nc, var, name, 1, &text));
}
static inline void put_double(int nc, int var, const char *name, double v)
{
    NC(nc_put_att_double(nc, var, name, NC_DOUBLE, 1, &v));
}

static inline int put_group(int nc, const char *name)
{
    int g;
    NC(nc_def_grp(nc, name, &g));
    return g;
}

/* A plane of SMALL_NY x SMALL_NX; `value` raw, default cell / 10. */
static inline void put_plane(int nc, const char *name, nc_type type, const double *value)
{
    int dim[2], v;
    double standard[SMALL_NX * SMALL_NY];
    for (int i = 0; i < SMALL_NX * SMALL_NY; i++)
        standard[i] = i / 10.0;
    NC(nc_def_dim(nc, "r", SMALL_NY, &dim[0]));
    NC(nc_def_dim(nc, "c", SMALL_NX, &dim[1]));
    NC(nc_def_var(nc, name, type, 2, dim, &v));
    NC(nc_put_var_double(nc, v, value ? value : standard));
}

struct small_odim {
    const char *object, *quantity; /* default COMP, RATE */
    int level;                     /* where gain, nodata and the quantity stand: 0 data, 1 dataset, 2 root */
    bool plain;                    /* without gain, offset, nodata, undetect */
    bool strings;                  /* attributes of variable length */
    bool lower;                    /* only the lower left corner is given */
    bool geographic;
    nc_type type;                  /* default NC_DOUBLE */
    const double *value;
    double gain, offset, nodata, undetect; /* default 1, 0, -9999000, -8888000 */
    double zr_a, zr_b;
    double xsize;                  /* what where says, default SMALL_NX */
    const double *quality;         /* raw, of gain 0.01 and nodata 255; NULL: none */
    const char *task;              /* default pl.imgw.quality.qi_total; "": none */
    int quality_at;                /* beside the data (0) or the dataset (1), or in a dataset of its own (2) */
};

static inline void small_quality(int nc, int dataset, int data, const struct small_odim *o)
{
    int own = o->quality_at == 2 ? put_group(put_group(nc, "dataset2"), "data1")
                                 : put_group(o->quality_at ? dataset : data, "quality1");
    int what = put_group(own, "what");
    if (o->quality_at == 2)
        put_text(what, NC_GLOBAL, "quantity", "QIND");
    else if (!o->task || *o->task)
        put_text(put_group(own, "how"), NC_GLOBAL, "task", o->task ? o->task : "pl.imgw.quality.qi_total");
    put_double(what, NC_GLOBAL, "gain", 0.01);
    put_double(what, NC_GLOBAL, "offset", 0);
    put_double(what, NC_GLOBAL, "nodata", 255);
    put_plane(own, "data", NC_UBYTE, o->quality);
}

static inline void small_odim_write(const char *path, struct small_odim o)
{
    void (*say)(int, int, const char *, const char *) = o.strings ? put_string : put_text;
    int nc;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    put_text(nc, NC_GLOBAL, "Conventions", "ODIM_H5/V2_4");
    int dataset = put_group(nc, "dataset1"), data = put_group(dataset, "data1");
    int what[3] = {put_group(data, "what"), put_group(dataset, "what"), put_group(nc, "what")};
    int where = put_group(nc, "where"), how = put_group(data, "how"), w = what[o.level];
    say(what[2], NC_GLOBAL, "object", o.object ? o.object : "COMP");
    say(what[2], NC_GLOBAL, "date", "20241126");
    say(what[2], NC_GLOBAL, "time", "010000");
    say(what[1], NC_GLOBAL, "startdate", "20241126");
    say(what[1], NC_GLOBAL, "starttime", "004500");
    say(what[1], NC_GLOBAL, "enddate", "20241126");
    say(what[1], NC_GLOBAL, "endtime", "010000");
    say(w, NC_GLOBAL, "quantity", o.quantity ? o.quantity : "RATE");
    if (!o.plain) {
        put_double(w, NC_GLOBAL, "gain", o.gain != 0 ? o.gain : 1);
        put_double(w, NC_GLOBAL, "offset", o.offset);
        put_double(w, NC_GLOBAL, "nodata", o.nodata != 0 ? o.nodata : -9999000);
        put_double(w, NC_GLOBAL, "undetect", o.undetect != 0 ? o.undetect : -8888000);
    }
    if (o.zr_a > 0) {
        put_double(how, NC_GLOBAL, "zr_a", o.zr_a);
        put_double(how, NC_GLOBAL, "zr_b", o.zr_b);
    }
    say(where, NC_GLOBAL, "projdef",
        o.geographic ? "+proj=longlat +datum=WGS84"
                     : "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84");
    put_double(where, NC_GLOBAL, "xsize", o.xsize > 0 ? o.xsize : SMALL_NX);
    put_double(where, NC_GLOBAL, "ysize", SMALL_NY);
    put_double(where, NC_GLOBAL, "xscale", o.geographic ? 0.5 : 2000);
    put_double(where, NC_GLOBAL, "yscale", o.geographic ? 0.25 : 2000);
    /* of OPERA: the upper left corner is 0, 0; the lower left is that of 3 rows, by PROJ */
    put_double(where, NC_GLOBAL, o.lower ? "LL_lon" : "UL_lon", o.lower ? -39.43724903 : -39.5357864125034);
    put_double(where, NC_GLOBAL, o.lower ? "LL_lat" : "UL_lat", o.lower ? 66.98506143 : 67.0228327583087);
    put_plane(data, "data", o.type ? o.type : NC_DOUBLE, o.value);
    if (o.quality)
        small_quality(nc, dataset, data, &o);
    NC(nc_close(nc));
}

struct small_knmi {
    const char *formula, *start, *end; /* default GEO=0.01*PV+0.0, 25-AUG-2010;23:55:00.000 and 5 min on */
    const char *parameter;             /* default ACCUMULATED_PRECIPITATION_[MM] */
    const double *value;               /* raw */
};

static inline void small_knmi_write(const char *path, struct small_knmi k)
{
    int nc;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    int geo = put_group(nc, "geographic"), map = put_group(geo, "map_projection"), image = put_group(nc, "image1");
    int cal = put_group(image, "calibration"), overview = put_group(nc, "overview");
    put_double(geo, NC_GLOBAL, "geo_pixel_size_x", 1);
    put_double(geo, NC_GLOBAL, "geo_pixel_size_y", -1);
    put_double(geo, NC_GLOBAL, "geo_column_offset", 0);
    put_double(geo, NC_GLOBAL, "geo_row_offset", 3650);
    put_text(geo, NC_GLOBAL, "geo_pixel_def", "LU");
    put_text(geo, NC_GLOBAL, "geo_dim_pixel", "KM,KM");
    put_text(map, NC_GLOBAL, "projection_proj4_params",
             "+proj=stere +lat_0=90 +lon_0=0.0 +lat_ts=60.0 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0");
    put_text(image, NC_GLOBAL, "image_geo_parameter", k.parameter ? k.parameter : "ACCUMULATED_PRECIPITATION_[MM]");
    put_text(cal, NC_GLOBAL, "calibration_formulas", k.formula ? k.formula : "GEO=0.01*PV+0.0");
    put_double(cal, NC_GLOBAL, "calibration_missing_data", 65535);
    put_double(cal, NC_GLOBAL, "calibration_out_of_image", 65535);
    put_string(overview, NC_GLOBAL, "product_datetime_start", k.start ? k.start : "25-AUG-2010;23:55:00.000");
    put_string(overview, NC_GLOBAL, "product_datetime_end", k.end ? k.end : "26-AUG-2010;00:00:00.000");
    put_plane(image, "image_data", NC_USHORT, k.value);
    NC(nc_close(nc));
}

#endif
