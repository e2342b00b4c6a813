/* What a map shows, and in which classes of colour: layers, their names, and the colours of tiles. Constant or caller's
 * own: any thread. */
#ifndef SQ_SERVE_LAYER_H
#define SQ_SERVE_LAYER_H

#include "palette.h"

#include "core/err.h"

enum sq_layer_kind {
    SQ_LAYER_PROB,       /* P(rate >= threshold) */
    SQ_LAYER_WITHIN,     /* the same at any lead of the next window_min minutes: sq_volume_any */
    SQ_LAYER_NEAR,       /* mean of the same over the disc of radius km */
    SQ_LAYER_PERCENTILE, /* of the rate */
    SQ_LAYER_MEAN,       /* of the rate */
    SQ_LAYER_OBSERVED,   /* rate that radar saw: leads 0 and before */
    SQ_LAYER_COVERAGE,   /* where there is a forecast, or was an observation */
    SQ_LAYER_QUALITY,    /* of the newest frame: how well radar saw */
    SQ_LAYER_KINDS,
};

struct sq_layer {
    enum sq_layer_kind kind;
    float threshold_mmh; /* PROB, WITHIN, NEAR: inside the stored thresholds */
    float percentile;    /* [1, 99] */
    int window_min;
    float km;            /* [1, 100] */
};

#define SQ_LAYER_THRESHOLD_MMH 0.1f /* where a name has none: any rain */
#define SQ_LAYER_NAME_MAX 48

/* "prob", "prob-1.5", "within30", "within60-5", "near10", "near10-1", "p90", "median", "mean", "observed", "coverage",
 * "quality". false: no such layer. */
bool sq_layer_parse(const char *name, struct sq_layer *ret);
/* The one name of a layer, numbers in their shortest form. Returns `out`. */
char *sq_layer_name(const struct sq_layer *l, char out[SQ_LAYER_NAME_MAX]);
/* For people: "Probability of at least 1 mm/h". Returns `out`. */
#define SQ_LAYER_TITLE_MAX 128
char *sq_layer_title(const struct sq_layer *l, char out[SQ_LAYER_TITLE_MAX]);

enum sq_quantity { SQ_PROBABILITY, SQ_RATE, SQ_QUALITY };
enum sq_quantity sq_layer_quantity(const struct sq_layer *l);
const char *sq_quantity_name(enum sq_quantity q);  /* "probability" ... */
const char *sq_quantity_units(enum sq_quantity q); /* "1", "mm h-1" */

/* ---- classes of tiles -------------------------------------------------------------------------------- */

/* Index in a tile: 0 dry (or below the first edge), 1 no coverage, 2 + k class k, n + 2 the hatching of no coverage. */
enum { SQ_INDEX_DRY, SQ_INDEX_NONE, SQ_INDEX_FIRST, SQ_EDGES_MAX = 254 };

struct sq_classes {
    enum sq_quantity quantity;
    char style[24];           /* "squall", ..., or "value" */
    int n;
    float edge[SQ_EDGES_MAX]; /* class k: edge[k] <= value < edge[k + 1] */
    bool value;               /* a value tile: 8-bit grey, the shade is the index; no hatching */
    int n_rgba;
    uint32_t rgba[256];       /* 0xRRGGBBAA by index; not for value tiles */
};

/* By the name of a palette, "" for the default, or "value". false: there is none of that name. */
bool sq_classes_find(enum sq_quantity q, const char *style, struct sq_classes *ret);

#endif
