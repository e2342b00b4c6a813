/* Where the pixels of a map tile lie on a forecast's grid.
 *
 * Tiles are those of the web: EPSG:3857 cut into 2^z x 2^z squares, x from 180 W, y from the north. PROJ is asked at a
 * lattice, of 16 x 16 nodes a tile at zoom 5; between them positions are cubic polynomials, within 1/1000 pixel of what PROJ
 * says for the maps of weather services. Where a lattice cell is not smooth (the seam of a projection, the edge of a
 * disk), PROJ is asked for every pixel. A warp is one thread's. */
#ifndef SQ_SERVE_WARP_H
#define SQ_SERVE_WARP_H

#include "core/grid.h"

#define SQ_TILE_SIDE 512 /* the largest */
#define SQ_WARP_SIDE 16  /* pixels of a square, at most */
#define SQ_ZOOM_MAX 12

struct sq_tile {
    int z;       /* [0, SQ_ZOOM_MAX] */
    double x, y; /* upper left corner, in tiles: whole numbers in [0, 2^z) for a tile, any for a picture */
    int side;    /* pixels: 256 or 512 */
    /* A piece of any map, where not 0: the size of a pixel to the right and down. Then z is 0, x and y are in widths of
     * the world or, where `lonlat`, degrees east and north (dy below 0), and side is 32, 64, 128, 256 or 512. */
    double dx, dy;
    bool lonlat;
};

struct sq_warp;
enum sq_status sq_warp_create(struct sq_warp **ret, struct sq_err *e) SQ_CHECK;
void sq_warp_destroy(struct sq_warp **w);

/* Prepares one tile. `box`: sq_crs_bounds of the grid. *ret_touches is false where the tile lies outside of it. */
enum sq_status sq_warp_begin(struct sq_warp *w, const struct sq_grid *g, const double box[4],
                             const struct sq_tile *t, bool *ret_touches, struct sq_err *e) SQ_CHECK;

/* A tile is told square by square: pixels along the side of one, a power of 2, up to SQ_WARP_SIDE. */
int sq_warp_side(const struct sq_warp *w);

/* Rows and columns of cells, [first row, first column, last row, last column], between which all pixels lie of the square
 * that begins at pixel (x, y); they may be off the grid. SQ_BOX_NONE: no pixel is on the grid. SQ_BOX_UNKNOWN: it cannot be
 * said so easily. */
enum sq_box { SQ_BOX_NONE, SQ_BOX_KNOWN, SQ_BOX_UNKNOWN };
enum sq_box sq_warp_box(const struct sq_warp *w, int x, int y, int ret[4]);

/* The cells below the centres of the pixels of that square, row by row; -1, -1 outside of the grid. */
void sq_warp_square(const struct sq_warp *w, int x, int y, int *ret_row, int *ret_col);

/* The cell that a place lies in, degrees; -1, -1 outside of the grid. */
enum sq_status sq_warp_locate(struct sq_warp *w, const struct sq_grid *g, const double lonlat[2], int *ret_row,
                              int *ret_col, struct sq_err *e) SQ_CHECK;

/* Longitude and latitude of the middle of pixel (px, py) of a tile, degrees; for tests and legends. */
void sq_tile_lonlat(const struct sq_tile *t, double px, double py, double ret[2]);

#endif
