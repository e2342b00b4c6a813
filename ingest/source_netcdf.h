/* What the netCDF and HDF5 readers share: attributes of any kind, groups by path, planes of packed numbers.
 *
 * netCDF-C unpacks nothing by itself (no scale, no _Unsigned, no fill): that is done here, once. */
#ifndef SQ_INGEST_SOURCE_NETCDF_H
#define SQ_INGEST_SOURCE_NETCDF_H

#include "source.h"

#include "core/crs.h"

/* Opens if the file is netCDF or HDF5 by its first bytes; otherwise *ret_nc is -1. */
enum sq_status sq_netcdf_open(const char *path, int *ret_nc, struct sq_err *e) SQ_CHECK;
void sq_netcdf_close(int nc);
/* By its first bytes; false where it cannot be opened. */
bool sq_netcdf_is_hdf5(const char *path);

/* Group "a/b/c" below nc, or -1. */
int sq_netcdf_group(int nc, const char *path);

/* Text attribute (fixed or variable string) of `var` (-1: of the group), cut to `size`. False where there is
 * none, or it is not text. */
bool sq_netcdf_text(int nc, int var, const char *name, char *out, size_t size);

/* Numeric attribute; an array gives its first `n` values. Returns how many there are, at most n; 0: none. */
int sq_netcdf_numbers(int nc, int var, const char *name, double *out, int n);
bool sq_netcdf_number(int nc, int var, const char *name, double *out);

/* Cell centres along a dimension. */
struct sq_axis {
    double first, step; /* in stored order, unpacked; step may be negative */
    double unit_m;      /* metres of a unit, 0 = not said */
    bool degrees, radians;
};

/* The coordinates of dimension `dim` of n cells: the variable named like it, evenly spaced within a tenth of a cell (float
 * coordinates jitter). */
enum sq_status sq_netcdf_axis(const struct sq_file *f, int dim, size_t n, struct sq_axis *ret, struct sq_err *e) SQ_CHECK;

/* The even grid of a variable (.., y, x) of a CF file, and whether its rows run from south to north. */
enum sq_status sq_cf_grid(const struct sq_file *f, int var, struct sq_grid *ret, bool *ret_south_up,
                          struct sq_err *e) SQ_CHECK;

/* The CF attributes of a grid mapping variable. False where there is no grid_mapping_name. */
bool sq_netcdf_mapping(int nc, int map, struct sq_cf_crs *ret);

/* A plane of packed numbers: value = (raw * gain + offset) * factor, in mm/h or dBZ. Codes and the valid
 * range are compared with raw numbers, before anything else. */
struct sq_plane {
    int nc, var;
    size_t at[8];  /* index in the dimensions before (y, x) */
    int n_lead;    /* how many those are */
    bool south_up; /* row 0 of the file is south */
    const struct sq_window *window; /* the part that the field is of; NULL: all */
    double wrap;   /* added to negative raw numbers: _Unsigned in a signed type; 0 = nothing */
    double gain, offset, factor;
    double valid_min, valid_max; /* raw */
    int n_code;
    struct {
        double raw;
        uint8_t state;
    } code[8];
    enum sq_state nan; /* what a stored NaN means */
    bool dbz; /* values are dBZ: made rates by Z-R */
};

/* gain 1, factor 1, no codes, no range, NaN is missing. */
struct sq_plane sq_plane_plain(int nc, int var);
void sq_plane_code(struct sq_plane *pl, double raw, enum sq_state state);
/* Codes, range and packing as the CF attributes of the variable say. */
void sq_plane_cf(struct sq_plane *pl);

/* Sizes of the last two dimensions of `var`; false unless there are 2 to 8 dimensions and both are in
 * [1, SQ_GRID_MAX]. */
bool sq_plane_size(int nc, int var, int *ret_ny, int *ret_nx);

/* Fills value and state of a field that has the plane's size. `path` begins the message. */
enum sq_status sq_plane_read(const struct sq_plane *pl, const char *path, const struct sq_read_params *p,
                             struct sq_field *f, struct sq_err *e) SQ_CHECK;

#endif
