/* A small mask of cells to score, whose rows run upwards. */
#ifndef SQ_TESTS_SMALL_MASK_H
#define SQ_TESTS_SMALL_MASK_H

#include "nc.h"

enum { SMALL_MASK_LEADS = 2, SMALL_MASK_NY = 3, SMALL_MASK_NX = 4, SMALL_MASK_ISSUE = 1468270800 };

/* `format`: NC_NETCDF4 or NC_64BIT_DATA; `leave`: the name of a variable that is not written. */
static inline void small_mask_write(const char *path, int format, const char *leave)
{
    enum { CELLS = SMALL_MASK_LEADS * SMALL_MASK_NY * SMALL_MASK_NX };
    const char *unit = "seconds since 1970-01-01 00:00:00";
    const double lead[] = {15, 30}, y[] = {1000, 2000, 3000}, x[] = {500, 1500, 2500, 3500};
    uint8_t valid[CELLS];
    int nc, d[3], issue = -1, cells = -1, axis[3] = {-1, -1, -1};
    const struct {
        const char *name;
        const double *value;
        size_t n;
    } axes[] = {{"lead", lead, SMALL_MASK_LEADS}, {"y", y, SMALL_MASK_NY}, {"x", x, SMALL_MASK_NX}};
    for (int i = 0; i < CELLS; i++)
        valid[i] = (uint8_t)i;
    NC(nc_create(path, format | NC_CLOBBER, &nc));
    for (int i = 0; i < 3; i++)
        NC(nc_def_dim(nc, axes[i].name, axes[i].n, &d[i]));
    for (int i = 0; i < 3; i++)
        if (strcmp(leave, axes[i].name))
            NC(nc_def_var(nc, axes[i].name, NC_DOUBLE, 1, d + i, &axis[i]));
    if (strcmp(leave, "forecast_reference_time")) {
        NC(nc_def_var(nc, "forecast_reference_time", NC_INT64, 0, NULL, &issue));
        NC(nc_put_att_text(nc, issue, "units", strlen(unit), unit));
    }
    if (strcmp(leave, "valid"))
        NC(nc_def_var(nc, "valid", NC_UBYTE, 3, d, &cells));
    NC(nc_enddef(nc));
    for (int i = 0; i < 3; i++)
        if (axis[i] >= 0)
            NC(nc_put_var_double(nc, axis[i], axes[i].value));
    if (issue >= 0)
        NC(nc_put_var_longlong(nc, issue, (long long[]){SMALL_MASK_ISSUE}));
    if (cells >= 0)
        NC(nc_put_var_uchar(nc, cells, valid));
    NC(nc_close(nc));
}

#endif
