/* From a forecast in memory to the picture of one map tile. Every pixel shows the cell below its centre. */
#ifndef SQ_SERVE_PAINT_H
#define SQ_SERVE_PAINT_H

#include "layer.h"
#include "run.h"
#include "warp.h"

#define SQ_MAP_SIDE 2048

/* What is to be painted; whoever asks holds run and frame. */
struct sq_tile_view {
    const struct sq_run *run;     /* NULL for a frame that no run remembers */
    const struct sq_frame *frame; /* OBSERVED, and COVERAGE of the past; else NULL */
    int lead;                     /* index, where frame is NULL */
    struct sq_layer layer;
    const struct sq_classes *classes;
    bool bare;                    /* no coverage is transparent, without hatching */
    struct sq_tile tile;
    int wide, high;               /* pixels of a map that begins where the tile does, up to SQ_MAP_SIDE; 0: the tile */
    uint32_t under;               /* of a map: 0xRRGGBBff below everything; 0: nothing */
};

/* Whether the layer can be painted from this run: its threshold is inside the stored ones, its window is there. The
 * message says what there is. */
enum sq_status sq_tile_view_check(const struct sq_run *r, const struct sq_layer *l, struct sq_err *e) SQ_CHECK;

/* Tools of one thread. */
struct sq_brush;
enum sq_status sq_brush_create(struct sq_brush **ret, struct sq_err *e) SQ_CHECK;
void sq_brush_destroy(struct sq_brush **b);

/* The cell of a place: sq_warp_locate. */
enum sq_status sq_brush_locate(struct sq_brush *b, const struct sq_grid *g, const double lonlat[2], int *ret_row,
                               int *ret_col, struct sq_err *e) SQ_CHECK;

/* Indices of the classes, (side, side); the array is the brush's, until its next use. */
enum sq_status sq_paint_index(struct sq_brush *b, const struct sq_tile_view *v, const uint8_t **ret, struct sq_err *e)
    SQ_CHECK;

/* The tile or map as a PNG file with its provenance in text chunks; caller frees *ret. */
enum sq_status sq_paint(struct sq_brush *b, const struct sq_tile_view *v, unsigned char **ret, size_t *ret_n,
                        struct sq_err *e) SQ_CHECK;

#endif
