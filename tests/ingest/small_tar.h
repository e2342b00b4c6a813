/* Tar archives written block by block, so that they can lie. */
#ifndef SQ_TESTS_SMALL_TAR_H
#define SQ_TESTS_SMALL_TAR_H

#include "test.h"

/* A header into 512 bytes. `type`: '0' a file, '5' a folder, 'L' a long name ... */
static inline void small_tar_head(uint8_t *block, const char *name, size_t size, char type)
{
    unsigned sum = 0;
    char octal[16];
    memset(block, 0, 512);
    memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
    snprintf(octal, sizeof octal, "%011zo", size);
    memcpy(block + 124, octal, 12);
    memset(block + 148, ' ', 8);
    block[156] = (uint8_t)type;
    memcpy(block + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += block[i];
    snprintf(octal, sizeof octal, "%06o", sum);
    memcpy(block + 148, octal, 7);
}

/* A member at `to`; returns its bytes, whole blocks. */
static inline size_t small_tar(uint8_t *to, const char *name, const void *content, size_t size, char type)
{
    size_t whole = (size + 511) / 512 * 512;
    small_tar_head(to, name, size, type);
    memset(to + 512, 0, whole);
    memcpy(to + 512, content, size);
    return 512 + whole;
}

#endif
