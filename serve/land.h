/* Land, coastlines and borders for the web's map: what lies in a tile, as JSON for the browser to draw.
 *
 * Everything is read once. Constant from then on: any thread. */
#ifndef SQ_SERVE_LAND_H
#define SQ_SERVE_LAND_H

#include "coast.h"
#include "text.h"

struct sq_land;
/* Reads GSHHG in as many details as are installed. SQ_ABSENT where there is none. */
enum sq_status sq_land_read(struct sq_land **ret, struct sq_err *e) SQ_CHECK;
void sq_land_destroy(struct sq_land **l);

/* {"land": [[x, y, x, y, ...], ...], "coast": [...], "lake": [...], "country": [...], "state": [...]}
 * in units of 1/2048 tile from its north-western corner, a little beyond its edges. Land: rings to be filled by the
 * even-odd rule, their edges along those of the bins are no coast. NULL for l: nothing in them. */
void sq_land_tile(const struct sq_land *l, int z, int x, int y, struct sq_text *ret);
enum { SQ_LAND_UNITS = 2048 };

/* Names what was read, for ETags. */
uint64_t sq_land_hash(const struct sq_land *l);

#endif
