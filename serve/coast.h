/* Coastlines and borders: GSHHG in the netCDF files of GMT (Debian: gmt-gshhg-low, gmt-gshhg-high).
 *
 * The files cut the world into square bins, rows from north to south and from 0 E eastwards. A bin holds
 * segments, a segment points, as unsigned shorts: 1/65535 of the bin from its south-western corner. */
#ifndef SQ_SERVE_COAST_H
#define SQ_SERVE_COAST_H

#include "core/err.h"

#include <stdbool.h>

enum sq_coast_kind { SQ_COASTLINE, SQ_BORDER };

struct sq_coast_line {
    int first, n; /* points; n >= 2 */
    int level;    /* coastlines: 1 sea, 2 lake, 3 island in it, 4 pond on that, 5 and 6 Antarctica: ice front and
                     grounding line; borders: 1 countries, 2 states of the Americas, 3 at sea */
    bool closed;  /* a whole island or lake, or the piece of one within a bin */
};

/* A square of the world; lines end at its sides, to go on in the next one. */
struct sq_coast_bin {
    double west, south, deg; /* degrees; west in [0, 360) */
    int first, n;            /* lines */
    bool land;               /* its south-western corner; borders: false */
};

struct sq_coast {
    int n_bin, n_line, n_point;
    struct sq_coast_bin *bin;
    struct sq_coast_line *line;
    double *lon, *lat; /* [n_point] degrees, lon in [0, 360] */
};

/* The file whose detail suits a map of `km_px` kilometres a pixel: the coarsest that is fine enough, or the
 * finest there is. Looked for in $SQUALL_GSHHG, or else in /usr/share/gmt-gshhg and /usr/share/gmt-gshhg-*.
 * SQ_ABSENT where there is none. */
enum sq_status sq_coast_find(enum sq_coast_kind kind, double km_px, char *ret_path, size_t room,
                             struct sq_err *e) SQ_CHECK;

/* Reads the bins that touch the box: west, south, east, north in degrees, west <= east, any turn of longitude.
 * Caller finishes *ret. */
enum sq_status sq_coast_read(const char *path, const double box[4], struct sq_coast *ret, struct sq_err *e)
    SQ_CHECK;
void sq_coast_finish(struct sq_coast *c);

#endif
