/* What the readers of geostationary products share: the fixed grid, its map, the times of a scan. */
#ifndef SQ_INGEST_SOURCE_GEOS_H
#define SQ_INGEST_SOURCE_GEOS_H

#include "source_netcdf.h"

/* The grid of variable `var` (y, x): coordinates in radians (scan angles) or metres, packed or not. `crs`: a PROJ string of
 * the view; NULL: the grid mapping of `var`. */
enum sq_status sq_geos_grid(const struct sq_file *f, int var, const char *crs, struct sq_grid *ret,
                            struct sq_err *e) SQ_CHECK;

/* The global attribute "2018-07-02T04:33:00.5Z" in seconds; NAN where there is none. */
double sq_geos_time(const struct sq_file *f, const char *name);

/* The middle between time_coverage_start and time_coverage_end, to the second; SQ_NO_TIME where they are not there. */
int64_t sq_geos_middle(const struct sq_file *f);

/* Applies quality flags, a plane of bytes beside that of `ret`: 0 is good, `no_value` missing, 255 (the fill value) no
 * coverage, any other rejected. */
enum sq_status sq_geos_flags(const struct sq_file *f, int var, int no_value, const struct sq_read_params *p,
                             struct sq_field *ret, struct sq_err *e) SQ_CHECK;

/* Reads the plane `var` of small numbers as it is, its sizes checked. Caller finishes *ret. */
enum sq_status sq_geos_numbers(const struct sq_file *f, int var, const struct sq_grid *g, const struct sq_read_params *p,
                               struct sq_field *ret, struct sq_err *e) SQ_CHECK;

/* Measured values that are no finite number in [least, most] are rejected. */
void sq_geos_limit(struct sq_field *f, float least, float most);

#endif
