/* Inside of the router: what handlers of routes share. A handler is one row in the table of router.c. */
#ifndef SQ_SERVE_SITE_H
#define SQ_SERVE_SITE_H

#include "land.h"
#include "tile_cache.h"
#include "metrics.h"
#include "paint.h"
#include "router.h"
#include "serve.h"
#include "text.h"

#include <pthread.h>

enum { SQ_SEGMENTS_MAX = 12, SQ_BRUSHES_MAX = 64 };

struct sq_site {
    struct sq_site_params params;
    struct sq_store *store;
    struct sq_tile_cache *cache;
    struct sq_land *land; /* NULL where there is none; read before any thread begins, as netCDF knows no threads */
    struct sq_metrics metrics;
    atomic_bool draining;
    pthread_mutex_t lock; /* of the brushes that nobody uses */
    int n_brush;
    struct sq_brush *brush[SQ_BRUSHES_MAX];
};

/* A request taken apart. */
struct sq_asked {
    const struct sq_request *request;
    struct sq_shelf *shelf; /* held while the request is answered */
    int n;
    char *segment[SQ_SEGMENTS_MAX]; /* of the path, without escapes, printable ASCII */
    const char *query;              /* "" where there is none */
    char text[SQ_TARGET_MAX + 1];   /* where they lie */
};

typedef void sq_handler(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret);

/* The value of a query parameter without its escapes; false where it is not there. Names are compared without case. What
 * does not fit or is no text becomes "\x7f", which no parser takes. */
bool sq_asked_value(const struct sq_asked *a, const char *name, char *ret, size_t room);

/* Tools for painting, for as long as the caller wants them; NULL where there is no memory. */
struct sq_brush *sq_site_brush(struct sq_site *s, struct sq_err *e);
void sq_site_lay_down(struct sq_site *s, struct sq_brush *b);

/* ---- numbers in paths ---------------------------------------------------------------------------------- */

/* Digits only, [lo, hi]. */
bool sq_parse_whole(const char *s, int lo, int hi, int *ret);
/* "-12.5": digits, at most one point and one sign before; [lo, hi]. */
bool sq_parse_real(const char *s, double lo, double hi, double *ret);

/* ---- answers ------------------------------------------------------------------------------------------- */

#define SQ_CACHE_FIXED "public, max-age=31536000, immutable"
#define SQ_CACHE_NEWEST "public, max-age=30"
#define SQ_CACHE_NEVER "no-store"

/* {"error": "..."} */
void sq_answer_error(struct sq_response *ret, int code, const char *fmt, ...) SQ_PRINTF(3, 4);
/* Takes the text over; 500 where it failed for want of memory. The ETag is made from it unless there is one. */
void sq_answer_text(struct sq_response *ret, const struct sq_asked *a, const char *type, const char *cache,
                    struct sq_text *t);
/* Whether the client has it already: then the answer is 304 and done. Sets the ETag from what names the contents. */
bool sq_answer_unchanged(struct sq_response *ret, const struct sq_asked *a, uint64_t hash, const char *name);
/* "http://host" as the client sees it; "" where it does not say. */
void sq_site_url(const struct sq_asked *a, char *ret, size_t room);

/* ---- what is asked for ----------------------------------------------------------------------------------- */

/* A run by its name or "latest"; answers 404 and gives NULL where there is none. Sets headers for "latest". */
const struct sq_run *sq_asked_run(const struct sq_asked *a, const char *name, struct sq_response *ret);
/* Minutes of a lead, as in paths: "30", "7.5", "-10". */
void sq_lead_name(int lead_s, char out[16]);
const struct sq_frame *sq_shelf_frame(const struct sq_shelf *s, int64_t time);

/* Paints v, or takes it from the cache, and answers. `style` was found already. */
void sq_answer_tile(struct sq_site *s, const struct sq_asked *a, const struct sq_tile_view *v, const char *cache,
                    struct sq_response *ret);

/* Draws the legend, SQ_LEGEND_WIDE pixels and so many high; 404 where there is no picture of it. */
#define SQ_LEGEND_WIDE 130
int sq_legend_high(const struct sq_classes *c);
void sq_answer_legend(const struct sq_classes *c, struct sq_response *ret);

/* The forecast at a place, from memory; caller finishes *ret, also after a failure. */
enum sq_status sq_site_point(struct sq_site *s, const struct sq_run *run, const double lonlat[2], struct sq_point *ret,
                             struct sq_err *e) SQ_CHECK;

/* ---- handlers ------------------------------------------------------------------------------------------ */

sq_handler sq_serve_tile, sq_serve_prob, sq_serve_percentile, sq_serve_near, sq_serve_window, sq_serve_tilejson;
sq_handler sq_serve_index, sq_serve_legend, sq_serve_point, sq_serve_plume;
sq_handler sq_serve_rainviewer_maps, sq_serve_rainviewer_tile, sq_serve_rainviewer_coverage;
/* Name of route i in the table, NULL past the last. */
const char *sq_route_name(int i);

sq_handler sq_serve_viewer, sq_serve_land;
sq_handler sq_serve_wms;
sq_handler sq_serve_about;
sq_handler sq_serve_healthz, sq_serve_readyz, sq_serve_metrics;

#endif
