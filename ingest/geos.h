/* The view of a geostationary imager: between a place with its height and the scan angles under which it is seen.
 *
 * Source: GOES-R Product Definition and Users' Guide, volume 3, section 5.1.2.8 (sweep x), and CGMS 03, LRIT/HRIT Global
 * Specification, section 4.4 (sweep y); with the height of the place added. For height 0 the same as PROJ's geos. */
#ifndef SQ_INGEST_GEOS_H
#define SQ_INGEST_GEOS_H

#include "core/grid.h"

struct sq_geos {
    double a, b;   /* m, half axes of the earth */
    double h;      /* m, the satellite above the equator */
    double lon_0;  /* degrees below the satellite */
    bool sweep_x;
};

/* From a PROJ string as sq_crs_normalise writes it; false where it is none of +proj=geos. */
bool sq_geos_parse(const char *crs, struct sq_geos *ret);

/* Where a place (degrees, geodetic) at `height_m` above the ellipsoid is seen: scan angle times h, which are PROJ's
 * metres. False where the earth hides it. */
bool sq_geos_view(const struct sq_geos *g, double lon, double lat, double height_m, double *ret_x, double *ret_y);

#endif
