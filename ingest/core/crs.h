/* Coordinate systems: the only door to PROJ. Not thread safe: one map per thread.
 *
 * Coordinates are always x (easting, longitude) before y; degrees for geographic systems. Between a
 * sphere and an ellipsoid latitudes are taken as they are: no datum shift is inserted unless both sides
 * state one. The network is off. */
#ifndef SQ_CORE_CRS_H
#define SQ_CORE_CRS_H

#include "grid.h"

struct sq_crs_map; /* from one system to another */

/* PROJ strings or any text PROJ accepts ("EPSG:3857"). Caller destroys. NULL-safe destroy leaves NULL. */
enum sq_status sq_crs_map_create(const char *from, const char *to, struct sq_crs_map **ret,
                                 struct sq_err *e) SQ_CHECK;
void sq_crs_map_destroy(struct sq_crs_map **m);

/* Transforms n points in place; a point that cannot be transformed becomes NaN, NaN. */
void sq_crs_forward(struct sq_crs_map *m, size_t n, double *x, double *y);
void sq_crs_inverse(struct sq_crs_map *m, size_t n, double *x, double *y);

#define SQ_CRS_LONLAT "+proj=longlat +datum=WGS84 +no_defs"

/* Ground size of a cell at the middle of the grid, in metres: ret[0] along x, ret[1] along y. */
enum sq_status sq_crs_cell_m(const struct sq_grid *g, double ret[2], struct sq_err *e) SQ_CHECK;

/* Longitude and latitude box (degrees) of the grid's outer edge: west, south, east, north. West is in
 * [-180, 180), east in (west, west + 360], so beyond 180 where the box crosses the date line. Corners in space
 * (geostationary disks) are left out; then the box is exact to 1/256 of the grid. */
enum sq_status sq_crs_bounds(const struct sq_grid *g, double ret[4], struct sq_err *e) SQ_CHECK;

/* The CF description of a coordinate system: the grid mapping attributes (CF 1.11, appendix F). */
#define SQ_CF_ATTR_MAX 24
struct sq_cf_crs {
    char name[48]; /* grid_mapping_name, "latitude_longitude" and so on; "" where CF has none */
    int n;
    struct {
        char key[48];
        double value[7];
        int n_value; /* 1 or 2 (towgs84: 3 or 7); 0: text */
        char text[64];
    } attr[SQ_CF_ATTR_MAX];
    char *wkt; /* WKT2, heap; may be NULL */
};
enum sq_status sq_crs_to_cf(const char *crs, struct sq_cf_crs *ret, struct sq_err *e) SQ_CHECK;
/* The reverse, for readers: a PROJ string from grid mapping attributes; from the WKT where the name is none
 * of ours. Attributes that are not understood are passed over. */
enum sq_status sq_crs_from_cf(const struct sq_cf_crs *cf, char ret_crs[SQ_CRS_MAX], struct sq_err *e)
    SQ_CHECK;
void sq_cf_crs_finish(struct sq_cf_crs *cf);

/* WKT or any other text that PROJ reads, to a PROJ string in metres, one spelling for one system. Kilometre
 * strings are rewritten, those with a radius in kilometres too: coordinates written for `text` are to be
 * multiplied by *ret_unit_m (may be NULL; 1 for degrees). */
enum sq_status sq_crs_normalise(const char *text, char ret_crs[SQ_CRS_MAX], double *ret_unit_m,
                                struct sq_err *e) SQ_CHECK;

/* The ellipsoid (m; inverse flattening 0 for a sphere) and WKT2 of a normalised system. Caller frees *ret_wkt,
 * NULL where PROJ has none. */
enum sq_status sq_crs_describe(const char *crs, double *ret_a_m, double *ret_inverse_flattening, char **ret_wkt,
                               struct sq_err *e) SQ_CHECK;

#endif
