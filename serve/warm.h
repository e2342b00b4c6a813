/* The tiles that are asked for first, painted before they are. */
#ifndef SQ_SERVE_WARM_H
#define SQ_SERVE_WARM_H

#include "router.h"

/* Paints into the cache what shows the whole of the newest forecast: chance of rain and median of every lead, and the
 * newest frame, at the zooms at which few tiles cover them. */
void sq_site_warm(struct sq_site *s);

#endif
