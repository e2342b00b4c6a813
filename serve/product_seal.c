#include "product_seal.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEAL = 16, PART = 1 << 20 };

#define SEAL_FORM "squall1 %08lx"

/* CRC-32 of what lies before `end`, read from the beginning; false where it cannot be read. */
static int sum_until(FILE *f, long end, unsigned long *ret)
{
    unsigned char *part = malloc(PART);
    uint32_t sum = 0;
    int ok = part && !fseek(f, 0, SEEK_SET);
    while (ok && end > 0) {
        size_t n = end < PART ? (size_t)end : PART;
        ok = fread(part, 1, n, f) == n;
        if (ok)
            sum = libdeflate_crc32(sum, part, n);
        end -= (long)n;
    }
    free(part);
    *ret = sum;
    return ok;
}

enum sq_status sq_product_seal(const char *path, struct sq_err *e)
{
    char seal[SEAL + 1];
    unsigned long sum = 0;
    long end;
    FILE *f = fopen(path, "r+b");
    int ok = f && !fseek(f, 0, SEEK_END) && (end = ftell(f)) >= 0 && sum_until(f, end, &sum);
    snprintf(seal, sizeof seal, SEAL_FORM, sum);
    ok = ok && !fseek(f, 0, SEEK_END) && fwrite(seal, 1, SEAL, f) == SEAL;
    if (f && fclose(f))
        ok = 0;
    return ok ? SQ_OK : sq_fail(e, SQ_FAILED, "%s: not written: %s", path, strerror(errno));
}

enum sq_status sq_product_unbroken(const char *path, bool *ret_sealed, struct sq_err *e)
{
    char head[8] = "", seal[SEAL + 1] = "", want[SEAL + 1];
    unsigned long sum = 0;
    enum sq_status status = SQ_OK;
    FILE *f = fopen(path, "rb");
    if (!f)
        return sq_fail(e, errno == ENOENT ? SQ_ABSENT : SQ_FAILED, "%s: %s", path, strerror(errno));
    if (fread(head, 1, 8, f) != 8 || memcmp(head, "\x89HDF\r\n\x1a\n", 8))
        status = sq_fail(e, SQ_FAILED, "%s: not a squall forecast: not a netCDF-4 file, or truncated", path);
    long end = fseek(f, -SEAL, SEEK_END) ? -1 : ftell(f);
    *ret_sealed = !status && end >= 0 && fread(seal, 1, SEAL, f) == SEAL && !strncmp(seal, SEAL_FORM, 8);
    if (*ret_sealed) {
        if (!sum_until(f, end, &sum))
            status = sq_fail(e, SQ_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        snprintf(want, sizeof want, SEAL_FORM, sum);
        if (!status && strcmp(seal, want))
            status = sq_fail(e, SQ_FAILED, "%s: damaged: its bytes are not those that squall wrote", path);
    }
    fclose(f);
    return status;
}
