/* GRIB edition 2 written octet by octet (WMO Manual on Codes, FM 92), in the shapes that MRMS and HRRR have. */
#ifndef SQ_INGEST_GRIB_WRITE_H
#define SQ_INGEST_GRIB_WRITE_H

#include "core/grid.h"

#include <stdint.h>

/* What a field is; octets as the standard's code tables have them. */
struct sq_grib_product {
    int discipline, category, number;
    int centre, tables, local_tables;
    int significance;          /* of the reference time: 1 start of forecast, 3 observation */
    int status, type;          /* production status, type of data */
    int process, model;        /* type of generating process, its identifier */
    int64_t reference;         /* UTC s */
    int lead_h;                /* what it is valid for, after reference */
    int sum_h;                 /* a sum over the hours up to lead_h; 0: an instant */
    int level_type[2];         /* 255: none */
    int level[2];              /* in units of the type */
    int decimals;              /* values are kept to 10^-decimals */
    bool png;                  /* as 16-bit PNG (template 5.41), or simply packed (5.0) */
};

struct sq_grib_file;

/* Destroy without publish leaves nothing behind. */
enum sq_status sq_grib_file_create(const char *path, struct sq_grib_file **ret, struct sq_err *e) SQ_CHECK;
/* One more message. `value` (ny, nx), row 0 north, none NaN. A grid in degrees is written from the north-west, one of
 * +proj=lcc with one parallel from the south-west on the sphere of 6371229 m. Values beyond what the packing holds (16
 * bits in PNG, else 24) are refused. */
enum sq_status sq_grib_file_put(struct sq_grib_file *f, const struct sq_grid *g, const struct sq_grib_product *p,
                                const float *value, struct sq_err *e) SQ_CHECK;
enum sq_status sq_grib_file_publish(struct sq_grib_file *f, struct sq_err *e) SQ_CHECK;
void sq_grib_file_destroy(struct sq_grib_file **f);

#endif
