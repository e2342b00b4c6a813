/* Rows of a picture of few colours to a zlib stream (RFC 1950, 1951), several times faster than a packer that does not know
 * what it packs: bytes repeat the one before, or the row above, or are told as they are, in the fixed codes of the format. */
#ifndef SQ_SERVE_PNG_ROWS_H
#define SQ_SERVE_PNG_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* Codes as they are written, the lowest bit first; constant once made. */
struct sq_rows_packer {
    uint32_t length[259]; /* of repetitions, [3 to 258], with their extra bits */
    uint8_t length_bits[259];
    uint16_t byte[256];
    uint8_t byte_bits[256];
};
void sq_rows_packer_init(struct sq_rows_packer *p);

/* n bytes in rows of `stride`, [2, 32768], bytes. Returns the length of the stream, 0 where it would take more than `room`. */
size_t sq_rows_pack(const struct sq_rows_packer *p, const uint8_t *bytes, size_t n, size_t stride, uint8_t *to, size_t room);

#endif
