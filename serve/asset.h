/* The viewer's files, as the build found them: serve/viewer and Leaflet. */
#ifndef SQ_SERVE_ASSET_H
#define SQ_SERVE_ASSET_H

#include <stddef.h>

struct sq_asset {
    const char *name, *type; /* "viewer.js", its Content-Type */
    const unsigned char *data;
    size_t n;
};

/* The last one has no name. */
extern const struct sq_asset sq_assets[];

#endif
