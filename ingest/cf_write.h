/* What our own CF files share: texts, axes, the grid mapping. All return a netCDF code. */
#ifndef SQ_INGEST_CF_WRITE_H
#define SQ_INGEST_CF_WRITE_H

#include "core/crs.h"

int sq_cf_text(int nc, int var, const char *key, const char *text);

/* Defines a coordinate of doubles along dimension `dim`. */
int sq_cf_axis(int nc, const char *name, int dim, const char *standard, const char *units, const char *axis, int *ret);

/* Defines dimensions and coordinates of a grid, named y and x with `suffix`: [0] is y. */
int sq_cf_plane(int nc, const char *suffix, const struct sq_grid *g, int ret_dim[2], int ret_var[2]);

/* Defines the variable "crs": what CF says of it, and the PROJ string. */
int sq_cf_mapping(int nc, const char *proj, const struct sq_cf_crs *cf);

/* Puts the cell centres of a grid into the coordinates of sq_cf_plane. */
int sq_cf_centres(int nc, const int var[2], const struct sq_grid *g);

#endif
