/* Values and names. ecCodes is given a message written here, on a plain grid of the same size: of the file it sees
 * only the data, and only after what it would follow (counts, widths, heads of pictures) has been found to fit. For a
 * name it sees what the field is, in sections of fixed length, and no data. */
#include "grib.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A stretch of octets, the first of them bit 0. */
struct bits {
    const uint8_t *at;
    uint64_t n, next;
};

/* The next k <= 32 bits; 0 beyond the end, where next > n tells. */
static uint32_t take_bits(struct bits *b, uint32_t k)
{
    uint32_t v = 0;
    for (uint32_t i = 0; i < k; i++, b->next++)
        v = v << 1 | (b->next < b->n ? b->at[b->next / 8] >> (7 - b->next % 8) & 1u : 0);
    return v;
}

static void to_octet(struct bits *b)
{
    b->next = (b->next + 7) / 8 * 8;
}

static size_t count_ones(const uint8_t *at, size_t n_bits)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bits; i++)
        n += at[i / 8] >> (7 - i % 8) & 1u;
    return n;
}

/* ---- what ecCodes would follow: edition 2 ----------------------------------------------------------------- */

/* Complex packing, with (template 5.3) or without spatial differences: the groups hold the values and no more. */
static bool groups_fit(const uint8_t *s, uint32_t n_s, struct bits data, uint32_t count)
{
    const bool differences = sq_grib_uint(s + 9, 2) == 3;
    const uint32_t bits = s[19], groups = sq_grib_uint(s + 31, 4), width_0 = s[35], width_bits = s[36];
    const uint64_t length_0 = sq_grib_uint(s + 37, 4), length_step = s[41], length_last = sq_grib_uint(s + 42, 4);
    const uint32_t length_bits = s[46], order = s[47], extra = s[48];
    if (n_s < (differences ? 49u : 47u) || bits > 32 || width_bits > 8 || length_bits > 32 || s[21] != 1 || s[22] > 2 ||
        groups < 1 || groups > count)
        return false;
    if (differences && order) { /* order 0, which the standard does not have, is written by ecCodes */
        if (order > 2 || extra < 1 || extra > 4 || count < order)
            return false;
        data.next += (order + 1) * extra * 8;
    }
    data.next += (uint64_t)groups * bits;
    to_octet(&data);
    struct bits width = data, length = data;
    length.next += (uint64_t)groups * width_bits;
    to_octet(&length);
    uint64_t cells = 0, used = (length.next + (uint64_t)groups * length_bits + 7) / 8 * 8;
    for (uint32_t k = 0; k < groups && used <= data.n; k++) {
        uint64_t w = width_0 + take_bits(&width, width_bits);
        uint64_t l = length_0 + take_bits(&length, length_bits) * length_step;
        l = k + 1 < groups ? l : length_last;
        if (w > 32 || l > count)
            return false;
        cells += l;
        used += l * w;
    }
    return cells == count && used <= data.n;
}

/* A grey PNG with as many pixels as there are values. */
static bool png_fits(const uint8_t *p, size_t n, uint32_t bits, uint32_t count)
{
    return n >= 29 && !memcmp(p, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) &&
           (uint64_t)sq_grib_uint(p + 16, 4) * sq_grib_uint(p + 20, 4) == count && p[25] == 0 &&
           (p[24] == 8 || p[24] == 16) && (bits + 7) / 8 * 8 == p[24] &&
           sq_grib_png_whole(p, n);
}

/* A JPEG 2000 code stream whose first marker, SIZ, says one component as large as there are values. */
static bool jpeg_fits(const uint8_t *p, size_t n, uint32_t bits, uint32_t count)
{
    if (n < 45 || memcmp(p, "\xff\x4f\xff\x51", 4))
        return false;
    uint64_t x1 = sq_grib_uint(p + 8, 4), y1 = sq_grib_uint(p + 12, 4), x0 = sq_grib_uint(p + 16, 4);
    uint64_t y0 = sq_grib_uint(p + 20, 4), tile_x = sq_grib_uint(p + 24, 4), tile_y = sq_grib_uint(p + 28, 4);
    return x0 == 0 && y0 == 0 && sq_grib_uint(p + 32, 4) == 0 && sq_grib_uint(p + 36, 4) == 0 && x1 * y1 == count &&
           tile_x >= 1 && tile_y >= 1 && (x1 / tile_x + 1) * (y1 / tile_y + 1) < 65536 && bits <= 30 &&
           sq_grib_uint(p + 40, 2) == 1 && p[42] < 30 && p[43] == 1 && p[44] == 1;
}

/* What CCSDS 121.0-B allows of blocks and of blocks between reference samples: libaec divides by them. */
static bool ccsds_fits(const uint8_t *s)
{
    const uint32_t block = s[22], interval = sq_grib_uint(s + 23, 2);
    return (block == 8 || block == 16 || block == 32 || block == 64) && interval >= 1 && interval <= 4096;
}

static bool new_data_fit(const uint8_t *s, uint32_t n_s, const uint8_t *data, size_t n, uint32_t count)
{
    const uint32_t template = sq_grib_uint(s + 9, 2), bits = s[19];
    const uint32_t reference = sq_grib_uint(s + 11, 4);
    if (n_s < 21 || sq_grib_uint(s + 5, 4) != count || bits > 32 || (reference & 0x7f800000) == 0x7f800000)
        return false;
    switch (template) {
    case 0:
        return ((uint64_t)count * bits + 7) / 8 <= n;
    case 2:
    case 3:
        return groups_fit(s, n_s, (struct bits){data, (uint64_t)n * 8, 0}, count);
    case 40:
        return n_s >= 23 && (!bits || jpeg_fits(data, n, bits, count));
    case 41:
        return !bits || png_fits(data, n, bits, count);
    default: /* 42 */
        return n_s >= 25 && (!bits || (n > 0 && ccsds_fits(s)));
    }
}

/* ---- the message for ecCodes ------------------------------------------------------------------------------ */

struct message {
    uint8_t *bytes;
    size_t n;
};

static void put(uint8_t *to, uint32_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        to[i] = (uint8_t)v;
}

/* n octets more, zeroed but for the length and the number that sections begin with. */
static uint8_t *section(struct message *m, uint32_t n, int number)
{
    uint8_t *s = m->bytes + m->n;
    memset(s, 0, n);
    put(s, n, number < 0 ? 3 : 4);
    if (number >= 0)
        s[4] = (uint8_t)number;
    m->n += n;
    return s;
}

static void copy(struct message *m, const uint8_t *from, size_t n)
{
    memcpy(m->bytes + m->n, from, n);
    m->n += n;
}

/* A section of the file; its head is written anew, for the file may have changed since it was walked. */
static void copy_section(struct message *m, const uint8_t *from, uint32_t n, int number)
{
    size_t head = number < 0 ? 3 : 5;
    (void)section(m, (uint32_t)head, number);
    put(m->bytes + m->n - head, n, number < 0 ? 3 : 4);
    copy(m, from + head, n - head);
}

enum { NEW_FRAME = 16 + 21 + 72 + 58 + 4, OLD_FRAME = 8 + 28 + 32 + 4 };

/* Sections 0 to 4 of a field on nx x ny points. Where `g` is given, what it is and where it is from. */
static void new_frame(struct message *m, const struct sq_grib *g, uint32_t nx, uint32_t ny)
{
    m->n = 16;
    memset(m->bytes, 0, 16);
    memcpy(m->bytes, "GRIB", 4);
    m->bytes[7] = 2;
    uint8_t *s = section(m, 21, 1);
    static const uint8_t some[16] = {0, 0, 0, 0, 4, 0, 1, 7, 0xd0, 1, 1, 0, 0, 0, 0, 1};
    memcpy(s + 5, g ? g->s[1] + 5 : some, 16);
    s = section(m, 72, 3);
    put(s + 6, nx * ny, 4);
    s[14] = 6;
    put(s + 30, nx, 4);
    put(s + 34, ny, 4);
    s[54] = 48;
    put(s + 63, 1, 4);
    put(s + 67, 1, 4);
    uint32_t n = g ? g->n[4] : 34;
    s = section(m, n, 4);
    memset(s + 22, 255, 12);
    if (g) {
        m->bytes[6] = g->s[0][6];
        memcpy(s, g->s[4], n);
    }
}

static void new_close(struct message *m)
{
    copy(m, (const uint8_t *)"7777", 4);
    put(m->bytes + 12, (uint32_t)m->n, 4);
}

/* Sections 0 to 2; of a field's product definition all is taken where it is to be `named`, else its decimal scale. */
static void old_frame(struct message *m, const struct sq_grib *g, bool named, uint32_t nx, uint32_t ny, bool map)
{
    m->n = 8;
    memset(m->bytes, 0, 8);
    memcpy(m->bytes, "GRIB", 4);
    m->bytes[7] = 1;
    uint8_t *s = section(m, 28, -1);
    static const uint8_t some[25] = {2, 7, 0, 255, 0, 11, 1, 0, 0, 20, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 21};
    memcpy(s + 3, named ? g->s[1] + 3 : some, 25);
    memcpy(s + 26, g->s[1] + 26, 2);
    s[7] = map ? 0xc0 : 0x80;
    s = section(m, 32, -1);
    s[4] = 255;
    put(s + 6, nx, 2);
    put(s + 8, ny, 2);
    s[16] = 0x80;
    put(s + 23, 1, 2);
    put(s + 25, 1, 2);
}

static void old_close(struct message *m)
{
    copy(m, (const uint8_t *)"7777", 4);
    put(m->bytes + 4, (uint32_t)m->n, 3);
}

/* ---- values ----------------------------------------------------------------------------------------------- */

static enum sq_status broken(const char *path, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: packed values do not fit their grid, the file is broken", path);
}

/* Octets of the file; *ret is the caller's to free. */
static enum sq_status load(struct sq_packed *f, const char *path, size_t at, size_t n, uint8_t **ret,
                           struct sq_err *e)
{
    uint8_t *bytes = NULL;
    enum sq_status st = sq_alloc((void **)&bytes, n, 1, "a section of GRIB", e);
    if (!st && (!sq_packed_seek(f, at) || !sq_packed_take(f, bytes, n)))
        st = sq_fail(e, SQ_FAILED, "%s: GRIB file is cut or broken", path);
    if (st)
        free(bytes);
    else
        *ret = bytes;
    return st;
}

/* Sections 5 to 7, as they stand, in a frame of ours; nothing where the bitmap has no value at all. */
static enum sq_status new_message(const char *path, const struct sq_grib *g, uint32_t nx, uint32_t ny,
                                  const uint8_t *map, const uint8_t *data, struct message *m, struct sq_err *e)
{
    const uint32_t template = sq_grib_uint(g->s[5] + 9, 2);
    size_t count = (size_t)nx * ny, n_map = map ? g->map_n : 0;
    if (template != 0 && template != 2 && template != 3 && template != 40 && template != 41 && template != 42)
        return sq_fail(e, SQ_FAILED, "%s: values packed by template 5.%u, which is not read: repack them "
                       "(grib_set -r -s packingType=grid_ccsds)", path, template);
    if (map) {
        if (map[5] || n_map - 6 < (count + 7) / 8)
            return broken(path, e);
        count = count_ones(map + 6, count);
        if (!count)
            return SQ_OK;
    }
    if (g->n[5] > SQ_GRIB_HEAD || !new_data_fit(g->s[5], g->n[5], data + 5, g->n[7] - 5, (uint32_t)count))
        return broken(path, e);
    enum sq_status st = sq_alloc((void **)&m->bytes, NEW_FRAME + g->n[5] + n_map + 6 + g->n[7], 1, "a GRIB message", e);
    if (st)
        return st;
    new_frame(m, NULL, nx, ny);
    copy_section(m, g->s[5], g->n[5], 5);
    if (map)
        copy_section(m, map, g->map_n, 6);
    else
        section(m, 6, 6)[5] = 255;
    copy_section(m, data, g->n[7], 7);
    new_close(m);
    return SQ_OK;
}

static enum sq_status old_message(const char *path, const struct sq_grib *g, uint32_t nx, uint32_t ny,
                                  const uint8_t *map, const uint8_t *data, struct message *m, struct sq_err *e)
{
    size_t count = (size_t)nx * ny, room = (size_t)(g->n[4] - 11) * 8, unused = data[3] & 15, bits = data[10];
    if (data[3] & 0xd0)
        return sq_fail(e, SQ_FAILED, "%s: values of GRIB 1 packed otherwise than simply, which is not read: repack them "
                       "(grib_set -r -s packingType=grid_simple)", path);
    if (map) {
        if (sq_grib_uint(map + 4, 2) || (size_t)(g->n[3] - 6) * 8 < count + map[3])
            return broken(path, e);
        count = count_ones(map + 6, count);
        if (!count)
            return SQ_OK;
    }
    if (bits > 32 || (bits && (room < unused || (room - unused) / bits != count)))
        return broken(path, e);
    size_t n_map = map ? g->n[3] : 0;
    if (OLD_FRAME + n_map + g->n[4] >= 1u << 23)
        return broken(path, e);
    enum sq_status st = sq_alloc((void **)&m->bytes, OLD_FRAME + n_map + g->n[4], 1, "a GRIB message", e);
    if (st)
        return st;
    old_frame(m, g, false, nx, ny, map);
    if (map)
        copy_section(m, map, g->n[3], -1);
    copy_section(m, data, g->n[4], -1);
    old_close(m);
    return SQ_OK;
}

enum sq_status sq_grib_values(struct sq_packed *f, const char *path, const struct sq_grib *g, int nx, int ny,
                              double **ret, struct sq_err *e)
{
    const bool old = g->edition == 1, mapped = old ? g->n[3] > 0 : g->s[6][5] != 255;
    const size_t n = (size_t)nx * (size_t)ny;
    uint8_t *map = NULL, *data = NULL;
    struct message m = {0};
    double *v = NULL;
    enum sq_status st = old || g->s[6][5] == 0 || g->s[6][5] >= 254
                            ? load(f, path, g->at[old ? 4 : 7], g->n[old ? 4 : 7], &data, e)
                            : sq_fail(e, SQ_FAILED, "%s: bitmap %d of its centre, which is not read", path, g->s[6][5]);
    if (!st && mapped)
        st = load(f, path, old ? g->at[3] : g->map_at, old ? g->n[3] : g->map_n, &map, e);
    if (!st)
        st = (old ? old_message : new_message)(path, g, (uint32_t)nx, (uint32_t)ny, map, data, &m, e);
    if (!st)
        st = m.bytes ? sq_grib_unpack(path, m.bytes, m.n, n, &v, e)
                     : sq_alloc((void **)&v, n, sizeof *v, "values", e);
    for (size_t i = 0; !st && i < n; i++)
        if (!m.bytes || v[i] == SQ_GRIB_MISSING)
            v[i] = NAN;
        else if (!(fabs(v[i]) < 1e15)) /* so that a float holds whatever is made of it */
            st = broken(path, e);
    free(m.bytes);
    free(map);
    free(data);
    if (st)
        free(v);
    else
        *ret = v;
    return st;
}

void sq_grib_name(const struct sq_grib *g, char ret[32])
{
    uint8_t bytes[NEW_FRAME + 64];
    struct message m = {bytes, 0};
    struct sq_grib_meta known; /* templates of known length */
    strcpy(ret, "unknown");
    if (!sq_grib_meta(g, &known))
        return;
    if (g->edition == 1) {
        old_frame(&m, g, true, 1, 1, false);
        section(&m, 12, -1)[3] = 8;
        old_close(&m);
    } else {
        new_frame(&m, g, 1, 1);
        put(section(&m, 21, 5) + 5, 1, 4);
        section(&m, 6, 6)[5] = 255;
        section(&m, 5, 7);
        new_close(&m);
    }
    sq_grib_short_name(m.bytes, m.n, ret);
}
