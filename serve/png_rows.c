#include "png_rows.h"

#include <libdeflate.h>
#include <string.h>

enum { LEAST = 3, MOST = 258, SLACK = 16 /* bytes that one step may write */ };

/* Codes are written from their highest bit on, all else from its lowest (RFC 1951, 3.1.1). */
static uint32_t turned(uint32_t code, int bits)
{
    uint32_t r = 0;
    for (int i = 0; i < bits; i++)
        r |= (code >> i & 1) << (bits - 1 - i);
    return r;
}

/* Lengths (RFC 1951, 3.2.5 and 3.2.6): eight without extra bits, then four with one, four with two, ...; 258 alone. */
void sq_rows_packer_init(struct sq_rows_packer *p)
{
    for (int length = LEAST, symbol = 257, extra = 0, from = LEAST; length <= MOST; length++) {
        if (length == MOST) {
            symbol = 285;
            extra = 0;
            from = MOST;
        } else if (length == from + (1 << extra)) {
            symbol++;
            from = length;
            extra = symbol < 265 ? 0 : (symbol - 261) / 4;
        }
        int bits = symbol < 280 ? 7 : 8;
        uint32_t code = turned((uint32_t)(symbol < 280 ? symbol - 256 : 0xc0 + symbol - 280), bits);
        p->length[length] = code | (uint32_t)(length - from) << bits;
        p->length_bits[length] = (uint8_t)(bits + extra);
    }
    for (uint32_t i = 0; i < 256; i++) {
        p->byte_bits[i] = i < 144 ? 8 : 9;
        p->byte[i] = (uint16_t)turned(i < 144 ? 0x30 + i : 0x190 + i - 144, p->byte_bits[i]);
    }
}

/* Bits on their way; fewer than 32 wait. */
struct bits {
    uint64_t wait;
    int n;
    uint8_t *at;
};

static inline void put(struct bits *b, uint32_t v, int n)
{
    b->wait |= (uint64_t)v << b->n;
    b->n += n;
    if (b->n >= 32) {
        for (int i = 0; i < 4; i++)
            *b->at++ = (uint8_t)(b->wait >> 8 * i);
        b->wait >>= 32;
        b->n -= 32;
    }
}

struct distance {
    uint32_t code;
    int bits;
};

/* Five bits and the extra ones (RFC 1951, 3.2.5). */
static struct distance distance_of(uint32_t d)
{
    int log = 0;
    d--;
    while (d >> (log + 1))
        log++;
    if (d < 2)
        return (struct distance){turned(d, 5), 5};
    int extra = log - 1;
    uint32_t symbol = 2 * (uint32_t)log + (d >> extra & 1);
    return (struct distance){turned(symbol, 5) | (d & ((1u << extra) - 1)) << 5, 5 + extra};
}

/* How many of up to `most` bytes are the same. */
static inline size_t same(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t n = 0;
    uint64_t x, y;
    for (; n + sizeof x <= most; n += sizeof x) {
        memcpy(&x, a + n, sizeof x);
        memcpy(&y, b + n, sizeof y);
        if (x != y)
            break;
    }
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

size_t sq_rows_pack(const struct sq_rows_packer *p, const uint8_t *bytes, size_t n, size_t stride, uint8_t *to, size_t room)
{
    const struct distance one = distance_of(1), above = distance_of((uint32_t)stride);
    struct bits b = {.at = to + 2};
    if (room < 2 * SLACK)
        return 0;
    memcpy(to, "\x78\x01", 2);
    put(&b, 3, 3); /* the last block, of fixed codes */
    for (size_t i = 0; i < n;) {
        size_t most = n - i < MOST ? n - i : MOST;
        size_t run = i ? same(bytes + i, bytes + i - 1, most) : 0;
        size_t up = i >= stride && run < most ? same(bytes + i, bytes + i - stride, most) : 0;
        if (b.at + SLACK > to + room)
            return 0;
        if (run < LEAST && up < LEAST) {
            put(&b, p->byte[bytes[i]], p->byte_bits[bytes[i]]);
            i++;
            continue;
        }
        size_t length = up > run ? up : run;
        put(&b, p->length[length], p->length_bits[length]);
        put(&b, up > run ? above.code : one.code, up > run ? above.bits : one.bits);
        i += length;
    }
    put(&b, 0, 7); /* the end */
    for (; b.n > 0; b.n -= 8, b.wait >>= 8)
        *b.at++ = (uint8_t)b.wait;
    uint32_t sum = libdeflate_adler32(1, bytes, n);
    for (int shift = 24; shift >= 0; shift -= 8)
        *b.at++ = (uint8_t)(sum >> shift);
    return (size_t)(b.at - to);
}
