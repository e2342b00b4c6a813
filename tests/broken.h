/* A file cut short and with bits turned over, for tests that nothing comes of it but one line. */
#ifndef SQ_TESTS_BROKEN_H
#define SQ_TESTS_BROKEN_H

#include "test.h"

#include "core/err.h"

#include <stdbool.h>

static inline void broken_put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

/* The file, smaller than 1 MiB, is cut at `cuts` places and has `flips` times one to three bits turned over; each time
 * try is called, and is to fail the test unless the file is read, or refused in one line that names it. One that was
 * cut (must_fail) may not be read. */
static inline void broken_try(const char *path, int cuts, int flips, void (*try)(const char *path, bool must_fail))
{
    static uint8_t whole[1 << 20], bytes[1 << 20];
    uint64_t seed = 20241126;
    FILE *f = fopen(path, "rb");
    REQUIRE(f);
    const size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    REQUIRE(n > 0 && n < sizeof whole);
    for (int i = 0; i < cuts; i++) {
        broken_put(path, whole, n * (size_t)i / (size_t)cuts);
        try(path, true);
    }
    for (int i = 0; i < flips; i++) {
        memcpy(bytes, whole, n);
        for (int m = 0; m <= i % 3; m++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[(seed >> 33) % n] ^= (uint8_t)(1u << (seed >> 30 & 7));
        }
        broken_put(path, bytes, n);
        try(path, false);
    }
}

/* What try is to hold: `st` and `err` are what reading `path` gave. */
static inline void broken_check(const char *path, bool must_fail, enum sq_status st, const struct sq_err *err)
{
    if (!st && must_fail)
        fail_msg("%s: cut, and taken as whole", path);
    if (st && (st != SQ_FAILED || strncmp(err->text, path, strlen(path)) || strchr(err->text, '\n')))
        fail_msg("status %d: %s", st, err->text);
}

#endif
