/* Small GRIB2 messages of the shape that MRMS has, octet by octet (WMO FM 92 GRIB edition 2). */
#ifndef SQ_TESTS_SMALL_GRIB_H
#define SQ_TESTS_SMALL_GRIB_H

#include "test.h"

#include <stdbool.h>
#include <zlib.h>

#define GRIB_NX 5
#define GRIB_NY 4
#define GRIB_CELLS (GRIB_NX * GRIB_NY)
#define GRIB_ROOM 1024

struct small_grib {
    int minute, second;     /* of 2019-06-10 00 UTC */
    int category, number;   /* default 6, 1: PrecipRate */
    bool png;               /* else simple packing */
    bool spoil;             /* the PNG has a right head and no usable data */
    const double *value;    /* [GRIB_CELLS], tenths, from -999 on; default -3, -1, 0, 0.1, 0.2 ... */
};

static inline void octets(uint8_t *to, uint32_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        to[i] = (uint8_t)v;
}

/* A PNG chunk; returns its length. */
static inline size_t png_chunk(uint8_t *to, const char *type, const uint8_t *data, size_t n)
{
    octets(to, (uint32_t)n, 4);
    memcpy(to + 4, type, 4);
    if (n)
        memcpy(to + 8, data, n);
    octets(to + 8 + n, (uint32_t)crc32(0, to + 4, (uInt)n + 4), 4);
    return n + 12;
}

/* Grey, 16 bits, rows without a filter; returns the length. */
static inline size_t small_png(uint8_t *to, const uint16_t *packed, bool spoil)
{
    uint8_t head[13] = {0}, rows[GRIB_NY * (1 + 2 * GRIB_NX)], squeezed[512];
    uLongf n = sizeof squeezed;
    octets(head, GRIB_NX, 4);
    octets(head + 4, GRIB_NY, 4);
    head[8] = 16;
    for (int r = 0; r < GRIB_NY; r++) {
        rows[r * (1 + 2 * GRIB_NX)] = 0;
        for (int c = 0; c < GRIB_NX; c++)
            octets(rows + r * (1 + 2 * GRIB_NX) + 1 + 2 * c, packed[r * GRIB_NX + c], 2);
    }
    assert_int_equal(compress(squeezed, &n, rows, sizeof rows), Z_OK);
    if (spoil)
        memset(squeezed, 0xff, n);
    memcpy(to, "\x89PNG\r\n\x1a\n", 8);
    size_t at = 8 + png_chunk(to + 8, "IHDR", head, 13);
    at += png_chunk(to + at, "IDAT", squeezed, n);
    return at + png_chunk(to + at, "IEND", NULL, 0);
}

/* Writes the message into `to` (GRIB_ROOM octets) and returns its length. Section k begins at ret_at[k]. */
static inline size_t small_grib(uint8_t *to, struct small_grib g, size_t ret_at[8])
{
    static const double standard[GRIB_CELLS] = {-3, -1, 0, 0.1, 0.2, 1, 2.5, 10, 152.8, 400, -3, 0, 0, 0, 0,
                                                0,  0,  0, 0,   -3};
    const double *value = g.value ? g.value : standard;
    uint16_t packed[GRIB_CELLS];
    for (int i = 0; i < GRIB_CELLS; i++)
        packed[i] = (uint16_t)lround(value[i] * 10 + 9990);
    memset(to, 0, GRIB_ROOM);
    memcpy(to, "GRIB", 4);
    to[6] = 209;
    to[7] = 2;
    uint8_t *s = to + 16; /* section 1: NSSL, an observation's time */
    ret_at[1] = 16;
    octets(s, 21, 4);
    s[4] = 1;
    octets(s + 5, 161, 2);
    octets(s + 9, 0xff01, 2);
    s[11] = 3;
    octets(s + 12, 2019, 2);
    s[14] = 6;
    s[15] = 10;
    s[17] = (uint8_t)g.minute;
    s[18] = (uint8_t)g.second;
    s[19] = 2;
    s[20] = 7;
    s += 21; /* section 3: 0.01 degree from 54.995 N, 230.005 E */
    ret_at[3] = (size_t)(s - to);
    octets(s, 72, 4);
    s[4] = 3;
    octets(s + 6, GRIB_CELLS, 4);
    s[14] = 2;
    octets(s + 30, GRIB_NX, 4);
    octets(s + 34, GRIB_NY, 4);
    octets(s + 38, 1, 4);
    octets(s + 42, 1000000, 4);
    octets(s + 46, 54995000, 4);
    octets(s + 50, 230005000, 4);
    s[54] = 48;
    octets(s + 55, 54995000 - (GRIB_NY - 1) * 10000, 4);
    octets(s + 59, 230005000 + (GRIB_NX - 1) * 10000, 4);
    octets(s + 63, 10000, 4);
    octets(s + 67, 10000, 4);
    s += 72; /* section 4: which product */
    ret_at[4] = (size_t)(s - to);
    octets(s, 34, 4);
    s[4] = 4;
    s[9] = (uint8_t)(g.category || g.number ? g.category : 6);
    s[10] = (uint8_t)(g.category || g.number ? g.number : 1);
    s[11] = 8;
    s[13] = 97;
    s[22] = 102;
    s[28] = 255;
    s += 34; /* section 5: value = (R + packed) / 10, R = -9990 */
    ret_at[5] = (size_t)(s - to);
    octets(s, 21, 4);
    s[4] = 5;
    octets(s + 5, GRIB_CELLS, 4);
    octets(s + 9, g.png ? 41 : 0, 2);
    octets(s + 11, 0xc61c1800, 4); /* -9990 as an IEEE float */
    octets(s + 17, 1, 2);
    s[19] = 16;
    s += 21; /* section 6: no bitmap */
    ret_at[6] = (size_t)(s - to);
    octets(s, 6, 4);
    s[4] = 6;
    s[5] = 255;
    s += 6; /* section 7: the values */
    ret_at[7] = (size_t)(s - to);
    size_t n = 2 * GRIB_CELLS;
    if (g.png)
        n = small_png(s + 5, packed, g.spoil);
    else
        for (int i = 0; i < GRIB_CELLS; i++)
            octets(s + 5 + 2 * i, packed[i], 2);
    octets(s, (uint32_t)n + 5, 4);
    s[4] = 7;
    s += n + 5;
    memcpy(s, "7777", 4);
    size_t length = (size_t)(s - to) + 4;
    octets(to + 12, (uint32_t)length, 4);
    return length;
}

#endif
