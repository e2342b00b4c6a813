/* Encoded pictures by name, the least recently used dropped first; one thread makes a picture, however many ask for it.
 * Any thread. */
#ifndef SQ_SERVE_TILE_CACHE_H
#define SQ_SERVE_TILE_CACHE_H

#include "core/err.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Bytes shared by counting. */
struct sq_blob {
    atomic_int held;
    size_t n;
    unsigned char *data;
};
void sq_blob_release(struct sq_blob *b); /* NULL is fine */

struct sq_tile_cache;
/* Keeps at most `most` bytes, names and its own book-keeping included. */
enum sq_status sq_tile_cache_create(size_t most, struct sq_tile_cache **ret, struct sq_err *e) SQ_CHECK;
/* Nobody may be waiting. Blobs that are held live on. */
void sq_tile_cache_destroy(struct sq_tile_cache **c);

/* Makes the bytes: malloc'ed, the cache's from then on. */
typedef enum sq_status sq_tile_cache_make(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e);

/* The bytes of that name, made by make(arg) if they are not there; the caller releases them. While another thread is
 * making them, waits. What fails is not kept: those who waited fail with it. */
enum sq_status sq_tile_cache_get(struct sq_tile_cache *c, const char *name, sq_tile_cache_make *make, void *arg, struct sq_blob **ret,
                            struct sq_err *e) SQ_CHECK;

struct sq_tile_cache_count {
    unsigned long long hits, misses; /* who waited for another thread has hit */
    size_t bytes, pictures;
};
void sq_tile_cache_count(struct sq_tile_cache *c, struct sq_tile_cache_count *ret);

#endif
