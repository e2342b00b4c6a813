#include "product_pack.h"

#include "core/hot.h"

#include <assert.h>
#include <isa-l.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sq_packer {
    size_t rows, cols;
    bool first;
    float *limit;         /* (rows, cols): the map before, which the next may not cross */
    uint32_t *value;      /* (rows, cols): the rounded floats, as bits */
    unsigned char *bytes; /* the four bytes of all values, plane by plane */
    unsigned char *zero;  /* the packed chunk of zeros: most of a forecast is dry */
    size_t n_zero;
    struct isal_zstream z;
    unsigned char *z_room; /* its own */
};

/* What a window holds. */
enum { SEEN = 1, NOT_ZERO = 2 };

/* Level 1 of ISA-L: several times as fast as the fastest of zlib, and packs as well. */
enum { Z_LEVEL = 1, Z_ROOM = ISAL_DEF_LVL1_DEFAULT };

static size_t deflate_bytes(struct sq_packer *p, unsigned char *out)
{
    isal_deflate_stateless_init(&p->z);
    p->z.gzip_flag = IGZIP_ZLIB;
    p->z.level = Z_LEVEL;
    p->z.level_buf = p->z_room;
    p->z.level_buf_size = Z_ROOM;
    p->z.end_of_stream = 1;
    p->z.next_in = p->bytes;
    p->z.avail_in = (uint32_t)(4 * p->rows * p->cols);
    p->z.next_out = out;
    p->z.avail_out = (uint32_t)sq_packer_bound(p);
    int ok = isal_deflate_stateless(&p->z);
    assert(ok == COMP_OK); /* the bound is that of bytes stored as they are */
    (void)ok;
    return p->z.total_out;
}

enum sq_status sq_packer_create(size_t rows, size_t cols, struct sq_packer **ret, struct sq_err *e)
{
    size_t n = rows * cols;
    struct sq_packer *p = calloc(1, sizeof *p);
    if (!p)
        goto fail;
    p->rows = rows;
    p->cols = cols;
    p->limit = malloc(n * sizeof *p->limit);
    p->value = malloc(n * sizeof *p->value);
    p->bytes = calloc(n, 4);
    p->z_room = malloc(Z_ROOM);
    if (!p->limit || !p->value || !p->bytes || !p->z_room || !(p->zero = malloc(sq_packer_bound(p))))
        goto fail;
    p->n_zero = deflate_bytes(p, p->zero);
    *ret = p;
    return SQ_OK;
fail:
    sq_packer_destroy(&p);
    return sq_fail(e, SQ_FAILED, "out of memory for chunks of %zu x %zu cells", rows, cols);
}

void sq_packer_destroy(struct sq_packer **p)
{
    if (!*p)
        return;
    free((*p)->z_room);
    free((*p)->limit);
    free((*p)->value);
    free((*p)->bytes);
    free((*p)->zero);
    free(*p);
    *p = NULL;
}

size_t sq_packer_bound(const struct sq_packer *p)
{
    size_t n = 4 * p->rows * p->cols;
    return n + 5 * (n / 65535 + 1) + 64; /* blocks of 65535 bytes as they are, and what frames them */
}

void sq_packer_begin(struct sq_packer *p)
{
    p->first = true;
}

static inline uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* To the nearest multiple of 2^-11: adding 1.5 * 2^12 leaves no bits for less. */
SQ_HOT static unsigned round_prob(size_t n, const float *restrict from, float *restrict limit, uint32_t *restrict to)
{
    unsigned seen = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        float v = from[i], old = limit[i], r = v + 6144.0f - 6144.0f;
        r = r < old ? r : old; /* old where v is NaN */
        r = r > 0 ? r : 0;
        limit[i] = r;
        to[i] = bits_of(isnan(v) ? SQ_PACK_FILL : r);
        seen |= isnan(v) ? 0 : SEEN;
        other |= to[i] != 0 ? NOT_ZERO : 0;
    }
    return seen | other;
}

/* To 11 significant bits; below 1/8, where these would be finer, to the nearest multiple of 2^-13. */
SQ_HOT static unsigned round_rate(size_t n, const float *restrict from, float *restrict limit, uint32_t *restrict to)
{
    unsigned seen = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        float v = from[i], old = limit[i], r;
        uint32_t bits = bits_of(v);
        bits = (bits + 0x0fff + (bits >> 13 & 1)) & ~0x1fffu;
        memcpy(&r, &bits, sizeof r);
        r = v < 0.125f ? v + 1536.0f - 1536.0f : r;
        r = r > old ? r : old;
        limit[i] = isnan(v) ? old : r;
        to[i] = bits_of(isnan(v) ? SQ_PACK_FILL : r);
        seen |= isnan(v) ? 0 : SEEN;
        other |= to[i] != 0 ? NOT_ZERO : 0;
    }
    return seen | other;
}

/* Byte k of every value into plane k. */
SQ_HOT static void shuffle(size_t n, const uint32_t *restrict in, unsigned char *restrict bytes)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (unsigned char)in[i];
        bytes[n + i] = (unsigned char)(in[i] >> 8);
        bytes[2 * n + i] = (unsigned char)(in[i] >> 16);
        bytes[3 * n + i] = (unsigned char)(in[i] >> 24);
    }
}

static size_t pack(struct sq_packer *p, const struct sq_pack_window *w, float first_limit,
                   unsigned (*round)(size_t, const float *, float *, uint32_t *), unsigned char *out)
{
    size_t n = p->rows * p->cols;
    unsigned holds = 0;
    assert(w->rows <= p->rows && w->cols <= p->cols);
    for (size_t i = 0; i < n && p->first; i++)
        p->limit[i] = first_limit;
    p->first = false;
    if (w->rows < p->rows || w->cols < p->cols)
        memset(p->value, 0, n * sizeof *p->value);
    for (size_t y = 0; y < w->rows; y++)
        holds |= round(w->cols, w->from + y * w->stride, p->limit + y * p->cols, p->value + y * p->cols);
    if (!(holds & SEEN))
        return 0;
    if (!(holds & NOT_ZERO)) {
        memcpy(out, p->zero, p->n_zero);
        return p->n_zero;
    }
    shuffle(n, p->value, p->bytes);
    return deflate_bytes(p, out);
}

size_t sq_pack_prob(struct sq_packer *p, const struct sq_pack_window *w, unsigned char *out)
{
    return pack(p, w, 1, round_prob, out);
}

size_t sq_pack_rate(struct sq_packer *p, const struct sq_pack_window *w, unsigned char *out)
{
    return pack(p, w, 0, round_rate, out);
}
