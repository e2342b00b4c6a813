/* SHA-256 (FIPS 180-4), to name files by their contents. */
#ifndef SQ_CORE_SHA256_H
#define SQ_CORE_SHA256_H

#include "err.h"

/* Hex digest of a file, 64 characters and a zero. */
enum sq_status sq_sha256_file(const char *path, char ret_hex[65], struct sq_err *e) SQ_CHECK;
void sq_sha256(const void *data, size_t n, char ret_hex[65]);

#endif
