/* Maps in memory: many levels (thresholds) on one grid, packed so that a country fits.
 *
 * A value is a 16-bit code; those of one cell lie side by side. Cells are kept in blocks of 32 x 32: where nothing is
 * known, and where every level is 0, a block takes no room, and levels that are 0 in the whole block are left out.
 * A volume is built by one thread and then constant: any thread may read it. */
#ifndef SQ_SERVE_VOLUME_H
#define SQ_SERVE_VOLUME_H

#include "core/err.h"

#include <stdint.h>

#define SQ_BLOCK 32           /* cells along one side */
#define SQ_CODE_NONE 0xffffu  /* not observed, no forecast */
#define SQ_CODE_ONE 32768.0f  /* code of probability 1: what the forecast file holds, 1/2048, is exact */

struct sq_volume {
    int nx, ny, n_level;
    int across, down;       /* blocks */
    uint16_t **block;       /* [down * across]; NULL: nothing known. [0]: levels kept, then cells times levels */
    struct sq_volume_page *page; /* where blocks lie */
    size_t bytes;           /* of memory */
    uint64_t hash;          /* of the contents */
};

/* n_level in [1, 64]. Everything unknown at first; finish accepts a zeroed struct. */
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

/* The codes of a cell: points at *ret_n of them, the rest are 0; n 1 and SQ_CODE_NONE where nothing is known. */
static inline const uint16_t *sq_volume_cell(const struct sq_volume *v, int row, int col, int *ret_n)
{
    static const uint16_t none[1] = {SQ_CODE_NONE};
    const uint16_t *b = v->block[(row / SQ_BLOCK) * v->across + col / SQ_BLOCK];
    if (!b) {
        *ret_n = 1;
        return none;
    }
    *ret_n = b[0];
    return b + 1 + (size_t)((row % SQ_BLOCK) * SQ_BLOCK + col % SQ_BLOCK) * b[0];
}

/* Rates as IEEE 754 half floats: codes rise with the rate, and what the forecast file holds is exact up to 65504 mm/h.
 * NaN is SQ_CODE_NONE. */
uint16_t sq_rate_code(float rate_mmh);
float sq_rate_of_code(uint16_t code);

#endif
