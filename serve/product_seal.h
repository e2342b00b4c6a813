/* The seal of a forecast file: 16 bytes behind the end of the HDF5 file, which HDF5 passes over, with a
 * checksum of all bytes before.
 *
 * HDF5 guards neither its global heap nor its older indices: one wrong bit there, and the library crashes or
 * never returns. So a damaged file is recognised before the library sees it. */
#ifndef SQ_SERVE_PRODUCT_SEAL_H
#define SQ_SERVE_PRODUCT_SEAL_H

#include "core/err.h"

#include <stdbool.h>

/* Appends the seal to a closed file. */
enum sq_status sq_product_seal(const char *path, struct sq_err *e) SQ_CHECK;

/* Refuses what is no HDF5 file, and a file whose bytes are not those that were sealed. One without a seal
 * passes, and *ret_sealed is false: other programs drop it when they change or copy a forecast. */
enum sq_status sq_product_unbroken(const char *path, bool *ret_sealed, struct sq_err *e) SQ_CHECK;

#endif
