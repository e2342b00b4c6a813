/* Files that hold others: packed by gzip, bzip2 or xz, a tar of members, or both.
 *
 * Archives may be hostile: a few kB that unpack to terabytes, millions of members, sizes that are not there. What
 * passes a limit below is refused before it is written. Not thread safe: one archive per thread. */
#ifndef SQ_INGEST_UNPACK_H
#define SQ_INGEST_UNPACK_H

#include "core/err.h"

#include <stdbool.h>

#define SQ_UNPACK_MEMBERS_MAX 10000     /* a month of hours has 744, a month of 5 minutes 8928 */
#define SQ_UNPACK_MEMBER_MAX (1u << 29) /* bytes of one member */
#define SQ_UNPACK_MAX (1u << 31)        /* bytes of all of them */

struct sq_unpack; /* an open archive */

struct sq_member {
    char name[128];  /* printable ASCII, cut; "": what a packed file that is no tar holds */
    size_t at, size; /* bytes in the unpacked archive; size is SIZE_MAX where it is not known before */
};

/* *ret is NULL where the file is plain, to be read as it is. Caller closes. */
enum sq_status sq_unpack_open(const char *path, struct sq_unpack **ret, struct sq_err *e) SQ_CHECK;
void sq_unpack_close(struct sq_unpack **u);

/* The next regular file, in the order of the archive; *end is set instead after the last, once the archive has
 * been read to its end and found whole. */
enum sq_status sq_unpack_next(struct sq_unpack *u, struct sq_member *ret, bool *end, struct sq_err *e) SQ_CHECK;

/* Copies a member, in any order, into a temporary file, whose name the caller removes and whose descriptor, at its
 * first byte, the caller closes. A member may itself be packed: then the copy is. */
enum sq_status sq_unpack_member(struct sq_unpack *u, const struct sq_member *m, char ret_path[32], int *ret_fd,
                                struct sq_err *e) SQ_CHECK;

#endif
