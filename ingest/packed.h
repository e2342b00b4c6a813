/* A file as the bytes within: plain, or packed by gzip, xz or bzip2, told by its first bytes. */
#ifndef SQ_INGEST_PACKED_H
#define SQ_INGEST_PACKED_H

#include "core/err.h"

#include <stdbool.h>

struct sq_packed; /* an open file */

/* xz and bzip2 are unpacked whole, into a temporary file; more than 2 GB are refused, and so is what this build
 * has no library for. Caller closes. */
enum sq_status sq_packed_open(const char *path, struct sq_packed **ret, struct sq_err *e) SQ_CHECK;
void sq_packed_close(struct sq_packed **f);

/* Up to n (< 2^31) bytes into `to`; returns how many there were, and -1 where the packing is broken or cut. */
long sq_packed_read(struct sq_packed *f, void *to, size_t n);
/* Exactly n bytes; false where the file is shorter. */
bool sq_packed_take(struct sq_packed *f, void *to, size_t n);
/* Moves to a byte of the unpacked file; it may lie beyond the end. */
bool sq_packed_seek(struct sq_packed *f, size_t at);
size_t sq_packed_tell(const struct sq_packed *f);

#endif
