/* Work that may end the process that does it (a foreign library over a broken file), in a process of its own. It is
 * forked once and asked many times: a fork costs the more, the more memory this process holds. Asked through memory
 * that both see. */
#ifndef SQ_CORE_APART_H
#define SQ_CORE_APART_H

#include "err.h"

#include <stddef.h>

struct sq_apart;

#define SQ_APART_LIMIT_S 60               /* for what is read of a file at once */
#define SQ_APART_MEMORY ((size_t)1 << 32) /* bytes that the other process may take of its own, on Linux */

enum sq_apart_end { SQ_APART_DONE, SQ_APART_DIED, SQ_APART_LATE };

/* The other process calls work(ctx, block) each time that it is asked; all else it sees is as it was when it was
 * forked. The block has `bytes`, zeroed, and takes memory only where it is touched. What the other process prints is lost.
 * Where this one has threads, work must not wait for what they may hold. Caller stops; a process forked from this one
 * must not. */
enum sq_status sq_apart_start(size_t bytes, void (*work)(void *ctx, void *block), void *ctx, struct sq_apart **ret,
                              struct sq_err *e) SQ_CHECK;
void *sq_apart_block(const struct sq_apart *a);

/* One call of work, at most limit_s long, > 0. Unless it is DONE, the process can only be stopped. */
enum sq_apart_end sq_apart_ask(struct sq_apart *a, int limit_s) SQ_CHECK;
/* The same where work reads the file `path`: fails with what befell it. */
enum sq_status sq_apart_read(struct sq_apart *a, int limit_s, const char *path, struct sq_err *e) SQ_CHECK;

/* Ends the process whatever it does, and frees the block. */
void sq_apart_stop(struct sq_apart **a);

#endif
