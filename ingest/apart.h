/* Work that may end the process that does it (a foreign library over a broken file), in a process of its own. It is
 * forked once and asked many times: a fork costs the more, the more memory this process holds. Asked through memory
 * that both see. */
#ifndef SQ_INGEST_APART_H
#define SQ_INGEST_APART_H

#include "core/err.h"

struct sq_apart;

enum sq_apart_end { SQ_APART_DONE, SQ_APART_DIED, SQ_APART_LATE };

/* The other process calls work(ctx, block) each time that it is asked; all else it sees is as it was when it was
 * forked. The block has `bytes`, zeroed, and takes memory only where it is touched. What the other process prints is lost.
 * Caller stops; a process forked from this one must not. */
enum sq_status sq_apart_start(size_t bytes, void (*work)(void *ctx, void *block), void *ctx, struct sq_apart **ret,
                              struct sq_err *e) SQ_CHECK;
void *sq_apart_block(const struct sq_apart *a);

/* One call of work, at most limit_s long. Unless it is DONE, the process can only be stopped. */
enum sq_apart_end sq_apart_ask(struct sq_apart *a, int limit_s) SQ_CHECK;

/* Ends the process whatever it does, and frees the block. */
void sq_apart_stop(struct sq_apart **a);

#endif
