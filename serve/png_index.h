/* Small PNG pictures of few colours, fast: palette or grey, made in memory.
 *
 * The container is ours; libdeflate packs. An encoder is one thread's. */
#ifndef SQ_SERVE_PNG_INDEX_H
#define SQ_SERVE_PNG_INDEX_H

#include "png_write.h"

#include "core/err.h"

#include <stdint.h>

struct sq_png_encoder;
enum sq_status sq_png_encoder_create(struct sq_png_encoder **ret, struct sq_err *e) SQ_CHECK;
void sq_png_encoder_destroy(struct sq_png_encoder **p);

/* index (high, wide), [1, 16384] each: entries of rgba [n], 0xRRGGBBAA, n in [1, 256]; up to 16 of them take 4 bits a
 * pixel. rgba NULL: grey, 8 bits, and the index is the shade. Texts are Latin-1 (anything else is left out).
 * Caller frees *ret. */
enum sq_status sq_png_index(struct sq_png_encoder *p, int wide, int high, const uint8_t *index, const uint32_t *rgba, int n,
                            const struct sq_png_text *text, int n_text, unsigned char **ret, size_t *ret_n,
                            struct sq_err *e) SQ_CHECK;

#endif
