#include "tile_cache.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16 };

struct entry {
    struct entry *next_in_slot;
    struct entry *newer, *older; /* neighbours in the order of use; a ring with the cache's head */
    struct sq_blob *blob;        /* NULL: being made */
    int waiting;                 /* threads that will look at it once it is made */
    bool failed;
    enum sq_status status;
    struct sq_err err;
    uint64_t hash;
    size_t bytes;
    char *name; /* behind it */
};

struct sq_tile_cache {
    pthread_mutex_t lock;
    pthread_cond_t made;
    size_t most;
    struct sq_tile_cache_count count;
    struct entry *slot[SLOTS];
    struct entry head; /* head.older: the newest, head.newer: the oldest */
};

void sq_blob_release(struct sq_blob *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->held, 1, memory_order_acq_rel) != 1)
        return;
    free(b->data);
    free(b);
}

static struct sq_blob *hold(struct sq_blob *b)
{
    atomic_fetch_add_explicit(&b->held, 1, memory_order_relaxed);
    return b;
}

enum sq_status sq_tile_cache_create(size_t most, struct sq_tile_cache **ret, struct sq_err *e)
{
    struct sq_tile_cache *c = calloc(1, sizeof *c);
    if (!c)
        return sq_fail(e, SQ_FAILED, "out of memory for the cache of tiles");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->made, NULL);
    c->most = most;
    c->head.newer = c->head.older = &c->head;
    *ret = c;
    return SQ_OK;
}

void sq_tile_cache_destroy(struct sq_tile_cache **c)
{
    if (!*c)
        return;
    for (struct entry *x = (*c)->head.older, *next; x != &(*c)->head; x = next) {
        next = x->older;
        sq_blob_release(x->blob);
        free(x);
    }
    pthread_cond_destroy(&(*c)->made);
    pthread_mutex_destroy(&(*c)->lock);
    free(*c);
    *c = NULL;
}

/* ---- the ring and the slots; the lock is held ------------------------------------------------------------ */

static uint64_t hash_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3;
    return h ^ h >> 32;
}

static struct entry **find(struct sq_tile_cache *c, const char *name, uint64_t hash)
{
    struct entry **at = &c->slot[hash % SLOTS];
    while (*at && ((*at)->hash != hash || strcmp((*at)->name, name) != 0))
        at = &(*at)->next_in_slot;
    return at;
}

static void take_out(struct entry *x)
{
    x->newer->older = x->older;
    x->older->newer = x->newer;
}

static void put_first(struct sq_tile_cache *c, struct entry *x)
{
    x->newer = &c->head;
    x->older = c->head.older;
    x->older->newer = x;
    c->head.older = x;
}

/* Out of slot and ring; freed by the last one that looks at it. */
static void forget(struct sq_tile_cache *c, struct entry *x)
{
    *find(c, x->name, x->hash) = x->next_in_slot;
    take_out(x);
    c->count.bytes -= x->bytes;
    c->count.pictures--;
    if (x->waiting)
        return;
    sq_blob_release(x->blob);
    free(x);
}

static void shrink(struct sq_tile_cache *c)
{
    for (struct entry *x = c->head.newer, *next; x != &c->head && c->count.bytes > c->most; x = next) {
        next = x->newer;
        if (x->blob && !x->waiting)
            forget(c, x);
    }
}

/* ---- getting ----------------------------------------------------------------------------------------- */

/* An entry in the making, for this thread to make. */
static struct entry *begin(struct sq_tile_cache *c, const char *name, uint64_t hash)
{
    size_t n = strlen(name) + 1;
    struct entry *x = calloc(1, sizeof *x + n);
    if (!x)
        return NULL;
    x->name = memcpy(x + 1, name, n);
    x->hash = hash;
    x->bytes = sizeof *x + n + sizeof(struct sq_blob);
    x->next_in_slot = c->slot[hash % SLOTS];
    c->slot[hash % SLOTS] = x;
    put_first(c, x);
    c->count.bytes += x->bytes;
    c->count.pictures++;
    return x;
}

/* Another thread is making it. */
static enum sq_status wait_for(struct sq_tile_cache *c, struct entry *x, struct sq_blob **ret, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    x->waiting++;
    while (!x->blob && !x->failed)
        pthread_cond_wait(&c->made, &c->lock);
    x->waiting--;
    if (x->failed) {
        status = x->status;
        if (e)
            *e = x->err;
        if (!x->waiting)
            free(x); /* it is in no ring any more */
    } else {
        *ret = hold(x->blob);
    }
    return status;
}

static enum sq_status make_it(struct sq_tile_cache *c, struct entry *x, sq_tile_cache_make *make, void *arg, struct sq_blob **ret,
                              struct sq_err *e)
{
    struct sq_err err = {0};
    struct sq_blob *b = calloc(1, sizeof *b);
    pthread_mutex_unlock(&c->lock);
    enum sq_status status = b ? make(arg, &b->data, &b->n, &err) : sq_fail(&err, SQ_FAILED, "out of memory for a tile");
    pthread_mutex_lock(&c->lock);
    if (status) {
        free(b);
        x->failed = true;
        x->status = status;
        x->err = err;
        if (e)
            *e = err;
        forget(c, x);
    } else {
        b->held = 1; /* the cache's */
        *ret = hold(b);
        x->blob = b;
        x->bytes += b->n;
        c->count.bytes += b->n;
        shrink(c);
    }
    pthread_cond_broadcast(&c->made);
    return status;
}

enum sq_status sq_tile_cache_get(struct sq_tile_cache *c, const char *name, sq_tile_cache_make *make, void *arg, struct sq_blob **ret,
                            struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    uint64_t hash = hash_of(name);
    pthread_mutex_lock(&c->lock);
    struct entry *x = *find(c, name, hash);
    if (x)
        c->count.hits++;
    else
        c->count.misses++;
    if (x && x->blob) {
        take_out(x);
        put_first(c, x);
        *ret = hold(x->blob);
    } else if (x) {
        status = wait_for(c, x, ret, e);
    } else if ((x = begin(c, name, hash))) {
        status = make_it(c, x, make, arg, ret, e);
    } else {
        status = sq_fail(e, SQ_FAILED, "out of memory for a tile");
    }
    pthread_mutex_unlock(&c->lock);
    return status;
}

void sq_tile_cache_count(struct sq_tile_cache *c, struct sq_tile_cache_count *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = c->count;
    pthread_mutex_unlock(&c->lock);
}
