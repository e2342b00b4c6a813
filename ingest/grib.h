/* What readers of GRIB share: the head of a file, integers of octets, and the only door to ecCodes.
 *
 * ecCodes believes what a message says of itself, so readers check the octets first (WMO Manual on Codes, FM 92)
 * and hand over what can only be right. Not thread safe. */
#ifndef SQ_INGEST_GRIB_H
#define SQ_INGEST_GRIB_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

/* n <= 4 octets, the first the highest. */
static inline uint32_t sq_grib_uint(const uint8_t *octets, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | octets[i];
    return v;
}

/* The same with the sign in the first bit, as GRIB has it. */
static inline int32_t sq_grib_int(const uint8_t *octets, int n)
{
    uint32_t v = sq_grib_uint(octets, n), sign = 1u << (8 * n - 1);
    return v & sign ? -(int32_t)(v & ~sign) : (int32_t)v;
}

/* Whether the file, packed or not, begins with GRIB; its first octets: the edition is head[7], the discipline of
 * edition 2 head[6]. */
bool sq_grib_head(const char *path, uint8_t head[8]);

/* The n values of one whole message in the order of the file; *ret is the caller's to free. */
enum sq_status sq_grib_unpack(const char *path, const uint8_t *bytes, size_t n_bytes, size_t n, double **ret,
                              struct sq_err *e) SQ_CHECK;

#endif
