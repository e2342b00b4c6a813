/* Maps made small: rounded, shuffled and deflated, one chunk at a time.
 *
 * What netCDF-4 calls deflate 1 with shuffle, made by our own hands, so that all cores can do it. A packer
 * is one thread's; it is owned by its creator. */
#ifndef SQ_SERVE_PRODUCT_PACK_H
#define SQ_SERVE_PRODUCT_PACK_H

#include "core/err.h"

#define SQ_PACK_FILL 9.96921e+36f /* stands for NaN in the file; netCDF's own fill value */

/* Largest error of rounding: absolute for probabilities; for rates the greater of both. */
#define SQ_PACK_PROB_ERROR (1.0f / 4096)
#define SQ_PACK_RATE_ERROR_MMH (1.0f / 16384)
#define SQ_PACK_RATE_ERROR_RELATIVE (1.0f / 2048)

/* A window of a map: `rows` x `cols` cells at `from`, rows `stride` cells apart. */
struct sq_pack_window {
    const float *from;
    size_t stride, rows, cols;
};

struct sq_packer;

/* For chunks of `rows` x `cols` cells. */
enum sq_status sq_packer_create(size_t rows, size_t cols, struct sq_packer **ret, struct sq_err *e) SQ_CHECK;
void sq_packer_destroy(struct sq_packer **p);

/* Bytes that a packed chunk may take. */
size_t sq_packer_bound(const struct sq_packer *p);

/* Begins a family of maps that must be ordered: the next call packs its first. */
void sq_packer_begin(struct sq_packer *p);

/* Packs one window, no larger than the chunk, into `out` (sq_packer_bound bytes) and returns the number of
 * bytes; 0 where every cell is NaN and the chunk needs no place in the file. Probabilities are put into
 * [0, 1] and do not rise from one call to the next since begin; rates are not negative and do not fall. */
size_t sq_pack_prob(struct sq_packer *p, const struct sq_pack_window *w, unsigned char *out);
size_t sq_pack_rate(struct sq_packer *p, const struct sq_pack_window *w, unsigned char *out);

#endif
