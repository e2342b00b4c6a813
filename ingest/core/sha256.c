#include "sha256.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct hash {
    uint32_t h[8], k[64];
    uint64_t bytes;
    uint8_t block[64];
};

/* The constants are the first 32 bits of the fractional parts of the roots of the first primes. */
static void begin(struct hash *s)
{
    *s = (struct hash){0};
    for (int n = 0, p = 2; n < 64; p++) {
        int d = 2;
        while (d * d <= p && p % d)
            d++;
        if (d * d <= p)
            continue;
        long double root = sqrtl(p), cube = cbrtl(p);
        if (n < 8)
            s->h[n] = (uint32_t)((root - floorl(root)) * 0x1p32L);
        s->k[n++] = (uint32_t)((cube - floorl(cube)) * 0x1p32L);
    }
}

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void digest_block(struct hash *s)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
                      s->k[i] + w[i];
        uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        s->h[i] += v[i];
}

static void add(struct hash *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->block[s->bytes++ % 64] = p[i];
        if (s->bytes % 64 == 0)
            digest_block(s);
    }
}

static void end(struct hash *s, char hex[65])
{
    uint64_t bits = s->bytes * 8;
    add(s, (const uint8_t[]){0x80}, 1);
    while (s->bytes % 64 != 56)
        add(s, (const uint8_t[]){0}, 1);
    for (int i = 7; i >= 0; i--)
        add(s, (const uint8_t[]){(uint8_t)(bits >> (8 * i))}, 1);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", s->h[i]);
}

void sq_sha256(const void *data, size_t n, char ret_hex[65])
{
    struct hash s;
    begin(&s);
    add(&s, data, n);
    end(&s, ret_hex);
}

enum sq_status sq_sha256_file(const char *path, char ret_hex[65], struct sq_err *e)
{
    uint8_t buffer[65536];
    struct hash s;
    FILE *f = fopen(path, "rb");
    if (!f)
        return sq_fail(e, SQ_FAILED, "%s: %s", path, strerror(errno));
    begin(&s);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        add(&s, buffer, n);
    int bad = ferror(f);
    fclose(f);
    if (bad)
        return sq_fail(e, SQ_FAILED, "%s: cannot be read to its end", path);
    end(&s, ret_hex);
    return SQ_OK;
}
