/* The picture in a message packed by template 5.41: as many rows of it as are wanted, and of those the first columns.
 * A PNG (ISO/IEC 15948) is one stream of zlib, cut into chunks, whose rows say how they differ from what is to the left
 * and above; rows below and columns to the right need not be worked out. */
#include "grib.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, CHUNK_HEAD = 8, CHUNK_END = 4, BLOCK = 1 << 18 /* bytes of rows at a time, to stay in the cache */ };

struct stream {
    const uint8_t *at, *end; /* the next chunk */
    bool begun;
    z_stream z;
};

/* The next chunk of data that is not empty; false where there is none, or it is broken. */
static bool next_chunk(struct stream *s)
{
    while ((size_t)(s->end - s->at) >= CHUNK_HEAD + CHUNK_END) {
        const uint8_t *data = s->at + CHUNK_HEAD;
        const size_t n = sq_grib_uint(s->at, 4);
        const bool is_data = !memcmp(s->at + 4, "IDAT", 4);
        if (n > (size_t)(s->end - data) - CHUNK_END || (s->begun && !is_data))
            return false;
        if (is_data && crc32_z(crc32(0, NULL, 0), s->at + 4, n + 4) != sq_grib_uint(data + n, 4))
            return false;
        s->at = data + n + CHUNK_END;
        if (!is_data || !n)
            continue;
        /* the head of zlib; its checksum at the end is left, for each chunk has one */
        const size_t skip = s->begun ? 0 : 2;
        if (!s->begun && (n < 2 || (data[0] & 15) != 8 || data[1] & 32 || (data[0] << 8 | data[1]) % 31))
            return false;
        s->begun = true;
        s->z.next_in = (Bytef *)(uintptr_t)(data + skip); /* read, not written */
        s->z.avail_in = (uInt)(n - skip);
        if (n > skip)
            return true;
    }
    return false;
}

static bool take(struct stream *s, uint8_t *to, size_t n)
{
    s->z.next_out = to;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out) {
        if (!s->z.avail_in && !next_chunk(s))
            return false;
        const int rc = inflate(&s->z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            return !s->z.avail_out;
        if (rc != Z_OK)
            return false;
    }
    return true;
}

static uint8_t paeth(int left, int up, int corner)
{
    const int a = abs(up - corner), b = abs(left - corner), c = abs(left + up - 2 * corner);
    return (uint8_t)(a <= b && a <= c ? left : b <= c ? up : corner);
}

/* Octets 0 to n - 1 of a row; a sample has `size`, `up` is the row above. */
static bool unfilter(int filter, uint8_t *row, const uint8_t *up, size_t n, size_t size)
{
    const size_t first = filter == 0 || filter == 2 ? 0 : n < size ? n : size; /* samples without one to their left */
    for (size_t i = 0; i < first; i++)
        row[i] = (uint8_t)(row[i] + (filter == 1 ? 0 : filter == 3 ? up[i] / 2 : up[i]));
    switch (filter) {
    case 0:
        return true;
    case 1:
        for (size_t i = first; i < n; i++)
            row[i] = (uint8_t)(row[i] + row[i - size]);
        return true;
    case 2:
        for (size_t i = 0; i < n; i++)
            row[i] = (uint8_t)(row[i] + up[i]);
        return true;
    case 3:
        for (size_t i = first; i < n; i++)
            row[i] = (uint8_t)(row[i] + (row[i - size] + up[i]) / 2);
        return true;
    case 4:
        for (size_t i = first; i < n; i++)
            row[i] = (uint8_t)(row[i] + paeth(row[i - size], up[i], up[i - size]));
        return true;
    default:
        return false;
    }
}

bool sq_grib_png_whole(const uint8_t *png, size_t n)
{
    size_t at = SIGNATURE;
    while (at <= n && n - at >= CHUNK_HEAD + CHUNK_END) {
        const size_t data = sq_grib_uint(png + at, 4);
        if (data > n - at - CHUNK_HEAD - CHUNK_END)
            return false;
        if (!memcmp(png + at + 4, "IEND", 4))
            return true;
        at += CHUNK_HEAD + data + CHUNK_END;
    }
    return false;
}

bool sq_grib_png(const uint8_t *png, size_t n, const struct sq_grib_picture *p,
                 void (*use)(void *ctx, int row, const uint8_t *samples), void *ctx)
{
    struct stream s = {.at = png + SIGNATURE, .end = png + n};
    const size_t size = (size_t)p->depth / 8, line = 1 + size * (size_t)p->nx, wanted = size * (size_t)p->columns;
    const int at_once = (int)(BLOCK / line) + 1;
    if (n < SIGNATURE || inflateInit2(&s.z, -MAX_WBITS) != Z_OK)
        return false;
    uint8_t *rows = malloc((size_t)at_once * line), *above = calloc(1, line);
    bool fits = rows && above;
    for (int y = 0; y < p->rows && fits; y += at_once) {
        const int k = p->rows - y < at_once ? p->rows - y : at_once;
        const uint8_t *up = above;
        fits = take(&s, rows, (size_t)k * line);
        for (int i = 0; i < k && fits; i++) {
            uint8_t *row = rows + (size_t)i * line;
            fits = unfilter(row[0], row + 1, up, wanted, size);
            if (fits)
                use(ctx, y + i, row + 1);
            up = row + 1;
        }
        if (fits)
            memcpy(above, up, wanted);
    }
    free(rows);
    free(above);
    (void)inflateEnd(&s.z); /* it has nothing to say that take has not */
    return fits;
}
