/* Inside of the Web Map Service 1.3.0 (OGC 06-042): what its four requests share. */
#ifndef SQ_SERVE_WMS_H
#define SQ_SERVE_WMS_H

#include "site.h"

/* What a layer has a time of. */
enum sq_wms_time { SQ_WMS_TIMELESS, SQ_WMS_LEADS, SQ_WMS_FRAMES };

struct sq_wms_layer {
    const char *name;
    const char *layer; /* as sq_layer_parse reads it, with default numbers */
    const char *title;
    enum sq_wms_time time;
    bool threshold, percentile; /* its dimensions; all but those of frames have a reference time */
    bool queryable;
};

#define SQ_WMS_PERCENTILE "1,5,10,25,50,75,90,95,99" /* announced; any from 1 to 99 is taken */

/* Layers by number from 0; NULL after the last. */
const struct sq_wms_layer *sq_wms_layer_at(int i);
/* Whether the newest run, or the frames, have anything of it. */
bool sq_wms_layer_there(const struct sq_wms_layer *w, const struct sq_shelf *shelf);

/* The threshold where a request names none: the usual one, or the forecast's least where that is more. */
float sq_wms_threshold(const struct sq_forecast *f);

/* A ServiceExceptionReport. The answer's code stays 200 for what the client did wrong, as clients expect: many do not
 * read the body of others. `code` is one of the standard's, or NULL. */
void sq_wms_refuse(struct sq_response *ret, const char *code, const char *fmt, ...) SQ_PRINTF(3, 4);

/* A map that was asked for. */
struct sq_wms_map {
    const struct sq_wms_layer *layer;
    struct sq_classes classes;
    struct sq_tile_view view; /* its classes point at those above */
    bool fixed;               /* nothing was left to defaults that change */
};
/* Layer, run, lead or frame, threshold and percentile, from the parameters; `key` names the one that says the layer.
 * The answer is a refusal where false. */
bool sq_wms_find_view(const struct sq_asked *a, const char *key, struct sq_wms_map *ret, struct sq_response *answer);
/* Style, size, system and box. */
bool sq_wms_find_map(const struct sq_asked *a, struct sq_wms_map *ret, struct sq_response *answer);
bool sq_wms_find_style(const struct sq_asked *a, const char *key, struct sq_wms_map *ret, struct sq_response *answer);

void sq_wms_capabilities(const struct sq_site *site, const struct sq_asked *a, struct sq_response *ret);
void sq_wms_info(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret);

#endif
