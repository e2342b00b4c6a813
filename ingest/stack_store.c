/* Planes kept from one build to the next. */
#include "stack_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Index of the key, or where it would go. */
static int place(const struct sq_store *s, const char *key)
{
    int lo = 0, hi = s->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (strcmp(s->kept[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void sq_store_empty(struct sq_store *s, struct sq_kept *k, enum sq_stack_why why)
{
    if (k->value) {
        munmap(k->value, k->cells * sizeof *k->value);
        s->bytes -= k->cells * sizeof *k->value;
    }
    k->value = NULL;
    k->why = why;
}

enum sq_status sq_store_get(struct sq_store *s, const char *key, size_t cells, struct sq_kept **ret, bool *ret_new,
                            struct sq_err *e)
{
    const int at = place(s, key);
    struct sq_kept *k = NULL;
    *ret_new = !(at < s->n && !strcmp(s->kept[at]->key, key));
    if (!*ret_new) {
        *ret = s->kept[at];
        return SQ_OK;
    }
    if (s->n == s->room) {
        const int room = s->room ? 2 * s->room : 512;
        struct sq_kept **more = realloc(s->kept, (size_t)room * sizeof *more);
        if (!more)
            return sq_fail(e, SQ_FAILED, "out of memory for %d planes", room);
        s->kept = more;
        s->room = room;
    }
    enum sq_status status = sq_alloc((void **)&k, 1, sizeof *k, "a plane", e);
    if (status)
        return status;
    void *value = mmap(NULL, cells * sizeof *k->value, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (value == MAP_FAILED) {
        free(k);
        return sq_fail(e, SQ_FAILED, "out of memory for a plane of %zu cells", cells);
    }
    *k = (struct sq_kept){.why = SQ_STACK_NONE, .value = value, .cells = cells};
    strcpy(k->key, key);
    memmove(s->kept + at + 1, s->kept + at, (size_t)(s->n - at) * sizeof(struct sq_kept *));
    s->kept[at] = k;
    s->n++;
    s->bytes += cells * sizeof *k->value;
    *ret = k;
    return SQ_OK;
}

static int by_use(const void *a, const void *b)
{
    const struct sq_kept *x = *(struct sq_kept *const *)a, *y = *(struct sq_kept *const *)b;
    return x->used != y->used ? (x->used < y->used ? -1 : 1) : strcmp(x->key, y->key);
}

static int by_key(const void *a, const void *b)
{
    const struct sq_kept *x = *(struct sq_kept *const *)a, *y = *(struct sq_kept *const *)b;
    return strcmp(x->key, y->key);
}

void sq_store_trim(struct sq_store *s, unsigned now, size_t bytes)
{
    int n = 0;
    if (s->n)
        qsort(s->kept, (size_t)s->n, sizeof(struct sq_kept *), by_use);
    for (int i = 0; i < s->n; i++) {
        struct sq_kept *k = s->kept[i];
        if (k->why == SQ_STACK_NONE || (s->bytes > bytes && k->used != now)) {
            sq_store_empty(s, k, SQ_STACK_NONE);
            free(k);
        } else {
            s->kept[n++] = k;
        }
    }
    s->n = n;
    if (n)
        qsort(s->kept, (size_t)n, sizeof(struct sq_kept *), by_key);
}

void sq_store_finish(struct sq_store *s)
{
    for (int i = 0; i < s->n; i++) {
        sq_store_empty(s, s->kept[i], SQ_STACK_NONE);
        free(s->kept[i]);
    }
    free(s->kept);
    *s = (struct sq_store){0};
}
