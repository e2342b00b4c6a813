/* Maps in memory: many levels (thresholds) on one grid, packed so that a continent fits.
 *
 * A value is a 16-bit code. Cells are kept in blocks of 32 x 32, and in a block level by level: where nothing is known, and
 * where every level is 0, a block takes no room; levels that are 0 in the whole block above all others are left out; of the
 * rest each is kept as what it exceeds its least code by, in 0, 4, 8 or 16 bits, whichever is enough. Nothing is lost.
 * A volume is built by one thread and then constant: any thread may read it. */
#ifndef SQ_SERVE_VOLUME_H
#define SQ_SERVE_VOLUME_H

#include "core/err.h"

#include <stdint.h>

#define SQ_BLOCK 32           /* cells along one side */
#define SQ_CODE_NONE 0xffffu  /* not observed, no forecast */
#define SQ_CODE_ONE 32768.0f  /* code of probability 1: what the forecast file holds, 1/2048, is exact */

#define SQ_BLOCK_CELLS (SQ_BLOCK * SQ_BLOCK)
#define SQ_LEVELS_MAX 64

/* One level of a block: code = least + (kept << shift). */
struct sq_plane {
    uint32_t at;          /* bytes from the block's beginning */
    uint16_t least, most; /* of the cells that are known */
    uint16_t bits, shift;
};

struct sq_block {
    uint16_t n;      /* levels kept */
    uint16_t partly; /* some cells are not known: all bits of theirs are set in level 0, and they say nothing in the others */
    struct sq_plane plane[];
};

struct sq_volume {
    int nx, ny, n_level;
    int across, down;            /* blocks */
    const struct sq_block **block; /* [down * across]; NULL: nothing known */
    struct sq_volume_page *page; /* where blocks lie */
    size_t bytes;                /* of memory */
    uint64_t hash;               /* of the contents */
};

/* n_level in [1, SQ_LEVELS_MAX]. Everything unknown at first; finish accepts a zeroed struct. */
enum sq_status sq_volume_init(struct sq_volume *v, int nx, int ny, int n_level, struct sq_err *e) SQ_CHECK;
void sq_volume_finish(struct sq_volume *v);

/* Packs a window of cells: code (n_level, n_rows, n_cols), its first row and column multiples of SQ_BLOCK, and its size too
 * unless it ends where the map does. Levels above one that is SQ_CODE_NONE are ignored. Each cell once. */
enum sq_status sq_volume_put(struct sq_volume *v, int row, int col, int n_rows, int n_cols, const uint16_t *code,
                             struct sq_err *e) SQ_CHECK;

/* Fills v, which is as sq_volume_init left it, with the probability that something is so in any of `n_from` volumes, up to
 * 128, of probabilities and of its size: `share`, [0, 1], of the way from the greatest of them to what they would be together
 * if one had nothing to do with another. Nothing is known where one of them knows nothing. */
enum sq_status sq_volume_any(struct sq_volume *v, int n_from, const struct sq_volume *from, float share, struct sq_err *e)
    SQ_CHECK;

/* Codes of the first n levels of a cell are written, [SQ_LEVELS_MAX] at most, the rest are 0; returns n. 1 and SQ_CODE_NONE
 * where nothing is known. */
int sq_volume_cell(const struct sq_volume *v, int row, int col, uint16_t *ret);

/* Codes of level k, below b->n, of a block, [SQ_BLOCK_CELLS], or of one of its cells. In level 0 they are SQ_CODE_NONE where
 * nothing is known. */
void sq_block_codes(const struct sq_block *b, int k, uint16_t *ret);
uint16_t sq_block_code(const struct sq_block *b, int k, int cell);

/* Rates as IEEE 754 half floats: codes rise with the rate, and what the forecast file holds is exact up to 65504 mm/h.
 * NaN is SQ_CODE_NONE. */
uint16_t sq_rate_code(float rate_mmh);
float sq_rate_of_code(uint16_t code);

#endif
