/* netCDF-C's part of reading a forecast file: words, axes and maps. It asks nothing of PROJ, so that it can be done by a
 * process forked from one with threads, see core/apart.h. */
#ifndef SQ_SERVE_PRODUCT_PARSE_H
#define SQ_SERVE_PRODUCT_PARSE_H

#include "core/crs.h"
#include "core/forecast.h"

enum sq_product_map { SQ_MAP_PROB, SQ_MAP_RATE, SQ_MAP_MEAN, SQ_MAP_OBSERVED, SQ_MAP_QUALITY };

struct sq_product_file {
    const char *path;         /* a file that is there; not owned */
    int nc;                   /* -1: not open */
    int dim[5], map[3];       /* its dimensions and its maps of leads */
    struct sq_forecast f;     /* without cell_m, quality and observed; grid.crs is "" where `mapping` says it */
    struct sq_cf_crs mapping; /* of files that have passed through other hands */
};

/* Opens the file and fills f, for which path is set and nc -1. Refuses, by name, what is not a squall forecast. */
enum sq_status sq_product_parse(struct sq_product_file *r, struct sq_err *e) SQ_CHECK;
void sq_product_file_finish(struct sq_product_file *r);

/* Part of a map: first row and column, rows and columns. */
struct sq_product_part {
    enum sq_product_map map;
    int lead; /* of those that have leads */
    size_t row, col, ny, nx;
};
/* Thresholds, percentiles or 1. */
int sq_product_levels(const struct sq_forecast *f, enum sq_product_map map);
/* (levels, ny, nx). What was observed, and how well, may be missing: SQ_ABSENT. */
enum sq_status sq_product_values(const struct sq_product_file *r, const struct sq_product_part *p, float *ret,
                                 struct sq_err *e) SQ_CHECK;

#endif
