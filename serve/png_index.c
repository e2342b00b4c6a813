#include "png_index.h"
#include "png_rows.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 512, MOST = 16384, LEVEL = 1, FEW = 8 };

struct sq_png_encoder {
    struct libdeflate_compressor *z;
    struct sq_rows_packer packer;
    uint8_t rows[SIDE_MAX * (SIDE_MAX + 1)]; /* of a tile, as PNG wants them: a filter byte before each */
};

enum sq_status sq_png_encoder_create(struct sq_png_encoder **ret, struct sq_err *e)
{
    struct sq_png_encoder *p = malloc(sizeof *p);
    if (p && !(p->z = libdeflate_alloc_compressor(LEVEL))) {
        free(p);
        p = NULL;
    }
    if (!p)
        return sq_fail(e, SQ_FAILED, "out of memory for a PNG picture");
    sq_rows_packer_init(&p->packer);
    *ret = p;
    return SQ_OK;
}

void sq_png_encoder_destroy(struct sq_png_encoder **p)
{
    if (!*p)
        return;
    libdeflate_free_compressor((*p)->z);
    free(*p);
    *p = NULL;
}

/* ---- chunks: length, type, data, checksum of type and data (PNG, section 5.3) -------------------------- */

static unsigned char *put32(unsigned char *at, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (unsigned char)(v >> shift);
    return at;
}

/* Closes the chunk whose n bytes of data stand at `start` + 8 already; returns its end. */
static unsigned char *seal(unsigned char *start, const char *type, size_t n)
{
    put32(start, (uint32_t)n);
    memcpy(start + 4, type, 4);
    return put32(start + 8 + n, libdeflate_crc32(0, start + 4, n + 4));
}

static unsigned char *put_chunk(unsigned char *at, const char *type, const void *data, size_t n)
{
    memcpy(at + 8, data, n);
    return seal(at, type, n);
}

static unsigned char *put_palette(unsigned char *at, const uint32_t *rgba, int n)
{
    unsigned char rgb[3 * 256], alpha[256];
    int n_alpha = 0; /* entries beyond are opaque */
    for (int i = 0; i < n; i++) {
        rgb[3 * i] = (unsigned char)(rgba[i] >> 24);
        rgb[3 * i + 1] = (unsigned char)(rgba[i] >> 16);
        rgb[3 * i + 2] = (unsigned char)(rgba[i] >> 8);
        alpha[i] = (unsigned char)rgba[i];
        if (alpha[i] != 255)
            n_alpha = i + 1;
    }
    at = put_chunk(at, "PLTE", rgb, 3 * (size_t)n);
    return n_alpha ? put_chunk(at, "tRNS", alpha, (size_t)n_alpha) : at;
}

static unsigned char *put_text(unsigned char *at, const struct sq_png_text *t)
{
    size_t key = strlen(t->key);
    unsigned char *to = at + 8;
    memcpy(to, t->key, key + 1);
    to += key + 1;
    for (const char *c = t->text; *c; c++)
        if (*c >= ' ' && *c < 127)
            *to++ = (unsigned char)*c;
    return seal(at, "tEXt", (size_t)(to - at) - 8);
}

/* ---- pixels ------------------------------------------------------------------------------------------ */

static void put_rows(uint8_t *to, int wide, int high, const uint8_t *index, int bits)
{
    for (int y = 0; y < high; y++, index += wide) {
        *to++ = 0; /* no filter: neighbours are equal or unrelated */
        if (bits == 8) {
            memcpy(to, index, (size_t)wide);
            to += wide;
            continue;
        }
        for (int x = 0; x + 1 < wide; x += 2)
            *to++ = (uint8_t)(index[x] << 4 | index[x + 1]);
        if (wide % 2)
            *to++ = (uint8_t)(index[wide - 1] << 4);
    }
}

/* Large areas of few colours are packed fast, others well. */
static size_t pack(struct sq_png_encoder *p, const uint8_t *rows, size_t n, size_t stride, unsigned char *to, size_t room)
{
    size_t packed = sq_rows_pack(&p->packer, rows, n, stride, to, n / FEW);
    return packed ? packed : libdeflate_zlib_compress(p->z, rows, n, to, room);
}

enum sq_status sq_png_index(struct sq_png_encoder *p, int wide, int high, const uint8_t *index, const uint32_t *rgba, int n,
                            const struct sq_png_text *text, int n_text, unsigned char **ret, size_t *ret_n,
                            struct sq_err *e)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    assert(wide > 0 && wide <= MOST && high > 0 && high <= MOST && (!rgba || (n > 0 && n <= 256)));
    int bits = rgba && n <= 16 ? 4 : 8;
    size_t n_rows = (size_t)high * (1 + (size_t)(bits == 8 ? wide : (wide + 1) / 2));
    size_t bound = libdeflate_zlib_compress_bound(p->z, n_rows), room = bound + 2048;
    for (int i = 0; i < n_text; i++)
        room += text[i].text ? strlen(text[i].key) + strlen(text[i].text) + 16 : 0;
    uint8_t *rows = n_rows > sizeof p->rows ? malloc(n_rows) : p->rows;
    unsigned char *out = malloc(room), head[13] = {0}, *at = out, *smaller;
    if (!out || !rows) {
        free(out);
        if (rows != p->rows)
            free(rows);
        return sq_fail(e, SQ_FAILED, "out of memory for a PNG picture");
    }
    put_rows(rows, wide, high, index, bits);
    memcpy(at, signature, 8);
    at += 8;
    put32(head, (uint32_t)wide);
    put32(head + 4, (uint32_t)high);
    head[8] = (unsigned char)bits;
    head[9] = rgba ? 3 : 0; /* palette or grey */
    at = put_chunk(at, "IHDR", head, sizeof head);
    if (rgba)
        at = put_palette(at, rgba, n);
    for (int i = 0; i < n_text; i++)
        if (text[i].text && *text[i].text)
            at = put_text(at, &text[i]);
    at = seal(at, "IDAT", pack(p, rows, n_rows, n_rows / (size_t)high, at + 8, bound));
    if (rows != p->rows)
        free(rows);
    at = seal(at, "IEND", 0);
    *ret_n = (size_t)(at - out);
    smaller = realloc(out, *ret_n);
    *ret = smaller ? smaller : out;
    return SQ_OK;
}
