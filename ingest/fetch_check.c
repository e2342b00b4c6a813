#include "fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 1 << 16 };
#define INFLATED_MAX (INT64_C(1) << 32) /* no radar composite is larger */

/* zlib holds length and CRC of every member against what it inflated. */
static enum sq_status check_gzip(const char *path, struct sq_err *e)
{
    char chunk[CHUNK];
    int64_t total = 0;
    int n = 0;
    gzFile f = gzopen(path, "rb");
    if (!f)
        return sq_fail(e, SQ_FAILED, "it cannot be read: %s", strerror(errno));
    gzbuffer(f, CHUNK);
    bool plain = gzdirect(f); /* before an error makes it forget */
    while (total < INFLATED_MAX && (n = gzread(f, chunk, sizeof chunk)) > 0)
        total += n;
    int end = gzclose(f);
    if (plain || (!total && !n))
        return sq_fail(e, SQ_FAILED, "it is not gzip");
    if (total >= INFLATED_MAX)
        return sq_fail(e, SQ_FAILED, "it would inflate to more than 4 GB");
    return n < 0 || end != Z_OK ? sq_fail(e, SQ_FAILED, "it is damaged: its checksum or its end is wrong") : SQ_OK;
}

/* Length that a message gives, 0 where it is none. */
static uint64_t message_length(const unsigned char head[16])
{
    uint64_t v = 0;
    if (memcmp(head, "GRIB", 4))
        return 0;
    for (int i = head[7] == 2 ? 8 : 4; i < (head[7] == 2 ? 16 : 7); i++)
        v = v << 8 | head[i];
    return head[7] == 1 || head[7] == 2 ? v : 0;
}

static enum sq_status check_grib(const char *path, struct sq_err *e)
{
    unsigned char head[16], tail[4];
    enum sq_status status = SQ_OK;
    FILE *f = fopen(path, "rb");
    if (!f || fseeko(f, 0, SEEK_END)) {
        status = sq_fail(e, SQ_FAILED, "it cannot be read: %s", strerror(errno));
        goto done;
    }
    uint64_t size = (uint64_t)ftello(f), at = 0;
    while (!status && at < size) {
        uint64_t n = fseeko(f, (off_t)at, SEEK_SET) || fread(head, 1, 16, f) != 16 ? 0 : message_length(head);
        if (n < 20 || n > size - at || fseeko(f, (off_t)(at + n - 4), SEEK_SET) || fread(tail, 1, 4, f) != 4 ||
            memcmp(tail, "7777", 4))
            status = sq_fail(e, SQ_FAILED, "it is damaged: not whole GRIB messages");
        at += n;
    }
    if (!status && !size)
        status = sq_fail(e, SQ_FAILED, "it is empty");
done:
    if (f)
        fclose(f);
    return status;
}

static enum sq_status check_magic(const char *path, bool classic, struct sq_err *e)
{
    char head[8] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    bool fine = n == 8 && (!memcmp(head, "\211HDF\r\n\032\n", 8) || (classic && !memcmp(head, "CDF", 3)));
    return fine ? SQ_OK : sq_fail(e, SQ_FAILED, "it is not %s", classic ? "netCDF" : "HDF5");
}

enum sq_status sq_fetch_check(const char *path, const char *kind, struct sq_err *e)
{
    if (!strcmp(kind, "gzip"))
        return check_gzip(path, e);
    if (!strcmp(kind, "grib"))
        return check_grib(path, e);
    if (!strcmp(kind, "hdf5") || !strcmp(kind, "netcdf"))
        return check_magic(path, kind[0] == 'n', e);
    return SQ_OK;
}
