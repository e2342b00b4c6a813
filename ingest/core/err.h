/* Status and message: how every fallible call of squall reports.
 *
 * A function that can fail returns enum sq_status and takes a struct sq_err * as its last argument
 * (NULL is allowed). The lowest level that knows the path, line or key writes the message, one line
 * without a full stop: what, where, and what to do. Levels above pass it up unchanged.
 * Bugs of ours are asserted, never reported this way. */
#ifndef SQ_CORE_ERR_H
#define SQ_CORE_ERR_H

#include <stddef.h>

/* The values are the exit codes of the program. */
enum sq_status {
    SQ_OK = 0,
    SQ_FAILED = 1,  /* bad input, no memory, no disk */
    SQ_USAGE = 2,   /* the call's words are off */
    SQ_ABSENT = 75, /* the input is not there yet: worth another try later */
};

struct sq_err {
    char text[512];
};

#define SQ_CHECK __attribute__((warn_unused_result))
#define SQ_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Writes the message into *e (if not NULL) and returns `status`, so that a fault is one line:
 *     return sq_fail(e, SQ_FAILED, "%s: truncated after %zu bytes", path, n); */
enum sq_status sq_fail(struct sq_err *e, enum sq_status status, const char *fmt, ...)
    SQ_PRINTF(3, 4);

/* malloc and calloc that fail with a message; *ret is untouched on failure. `what` names the thing. */
enum sq_status sq_alloc(void **ret, size_t count, size_t size, const char *what, struct sq_err *e)
    SQ_CHECK;

/* The same of floats that are all NaN: not observed until somebody says so. */
enum sq_status sq_alloc_unknown(float **ret, size_t count, const char *what, struct sq_err *e) SQ_CHECK;

#endif
