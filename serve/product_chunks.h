/* Packed chunks put straight into the variables of a netCDF-4 file that netCDF-C made and closed, and taken out of
 * one: what netCDF-C has no call for. The only door to HDF5. One thread at a time, and no netCDF call meanwhile. */
#ifndef SQ_SERVE_PRODUCT_CHUNKS_H
#define SQ_SERVE_PRODUCT_CHUNKS_H

#include "core/err.h"

struct sq_chunks;

/* Opens the variables name[0..n) for writing; they are float, chunked, shuffle and deflate. */
enum sq_status sq_chunks_open(const char *path, int n, const char *const *name, struct sq_chunks **ret,
                              struct sq_err *e) SQ_CHECK;

/* Writes the chunk that begins at cell `start` (as many numbers as the variable has dimensions). */
enum sq_status sq_chunks_put(struct sq_chunks *c, int variable, const size_t *start, const void *bytes, size_t n,
                             struct sq_err *e) SQ_CHECK;

/* Opens one variable of a file for reading. SQ_ABSENT where it is not as squall writes it: little-endian floats of four
 * dimensions, shuffle and deflate. chunk: the chunk's size. */
enum sq_status sq_chunks_look(const char *path, const char *name, struct sq_chunks **ret, size_t chunk[4],
                              struct sq_err *e) SQ_CHECK;
/* What stands for NaN in it. */
float sq_chunks_fill(const struct sq_chunks *c);
/* Of a file that is known to be whole. Reads the packed chunk that begins at cell `start` into *room bytes at *bytes,
 * malloc'ed, made larger where they are too few; *ret_n is 0 where the file has no such chunk. */
enum sq_status sq_chunks_get(struct sq_chunks *c, const size_t *start, unsigned char **bytes, size_t *room, size_t *ret_n,
                             struct sq_err *e) SQ_CHECK;

/* Writes what is left and closes; *c becomes NULL, on failure too. */
enum sq_status sq_chunks_close(struct sq_chunks **c, struct sq_err *e) SQ_CHECK;
/* The same where it has failed already and nobody listens. */
void sq_chunks_destroy(struct sq_chunks **c);

/* From now on HDF5 does not print on stderr what it finds wrong, on this thread: it has to be told on each one. */
void sq_chunks_quiet(void);

#endif
