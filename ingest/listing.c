#include "listing.h"

#include "core/log.h"
#include "core/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define NAME "listing"
#define BYTES_MAX ((size_t)1 << 30)

/* A file, as in memory so in the folder, where its path and its frames follow. */
struct entry {
    int64_t size, changed_s, changed_ns;
    uint32_t path_bytes; /* with its end */
    uint32_t n;
    char source[32];
};

struct known {
    struct entry e;
    char *path;
    struct sq_frame *frame; /* [n] */
    bool used;
};

struct sq_listing {
    char key[160];
    struct known *known; /* [n]: the first n_sorted by path, the others new */
    int n, n_sorted, room;
    bool changed;
};

static const char magic[8] = {'s', 'q', 'l', 'i', 's', 't', '0', '1'};

struct head {
    char magic[8];
    uint32_t frame_bytes; /* another program's may be laid out otherwise */
    uint32_t n;
    uint64_t crc;         /* of all that follows */
    char key[160];
};

static void finish(struct known *k)
{
    free(k->path);
    free(k->frame);
}

static void forget(struct sq_listing *l)
{
    for (int i = 0; i < l->n; i++)
        finish(&l->known[i]);
    l->n = l->n_sorted = 0;
}

/* The next place, zeroed; NULL: out of memory. */
static struct known *add(struct sq_listing *l)
{
    if (l->n == l->room) {
        const int room = l->room ? 2 * l->room : 256;
        struct known *more = realloc(l->known, (size_t)room * sizeof *more);
        if (!more)
            return NULL;
        l->known = more;
        l->room = room;
    }
    l->known[l->n] = (struct known){0};
    return &l->known[l->n++];
}

/* Copies path and frames, whose numbers k->e has; false where there is no memory, and k holds nothing. */
static bool fill(struct known *k, const char *path, const void *frame)
{
    k->path = malloc(k->e.path_bytes);
    k->frame = malloc(k->e.n * sizeof *k->frame);
    if (!k->path || !k->frame) {
        finish(k);
        *k = (struct known){0};
        return false;
    }
    memcpy(k->path, path, k->e.path_bytes);
    memcpy(k->frame, frame, k->e.n * sizeof *k->frame);
    return true;
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

static size_t length(const struct entry *e)
{
    return sizeof *e + e->path_bytes + (size_t)e->n * sizeof(struct sq_frame);
}

/* False where the bytes are not as `print` lays them out. */
static bool parse(struct sq_listing *l, const char *bytes, size_t n)
{
    struct head h;
    if (n < sizeof h)
        return false;
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) || h.frame_bytes != sizeof(struct sq_frame) ||
        strncmp(h.key, l->key, sizeof h.key) || h.crc != crc32_z(0, (const Bytef *)bytes + sizeof h, n - sizeof h))
        return false;
    size_t at = sizeof h;
    for (uint32_t i = 0; i < h.n; i++) {
        struct entry e;
        if (n - at < sizeof e)
            return false;
        memcpy(&e, bytes + at, sizeof e);
        if (!e.path_bytes || !e.n || e.n > SQ_FRAMES_MAX || length(&e) > n - at || bytes[at + sizeof e + e.path_bytes - 1])
            return false;
        struct known *k = add(l);
        if (!k)
            return false;
        k->e = e;
        if (!fill(k, bytes + at + sizeof e, bytes + at + sizeof e + e.path_bytes))
            return false;
        at += length(&e);
    }
    l->n_sorted = l->n;
    return true;
}

static void load(struct sq_listing *l, const char *folder)
{
    char path[SQ_PATH_MAX], *bytes = NULL;
    struct stat st;
    FILE *f = snprintf(path, sizeof path, "%s/" NAME, folder) < SQ_PATH_MAX ? fopen(path, "rbe") : NULL;
    const bool sized = f && !fstat(fileno(f), &st) && st.st_size > 0 && (size_t)st.st_size <= BYTES_MAX;
    const size_t n = sized ? (size_t)st.st_size : 0;
    if (n && (bytes = malloc(n)) && (fread(bytes, 1, n, f) != n || !parse(l, bytes, n)))
        forget(l);
    free(bytes);
    if (f)
        fclose(f);
}

static void save(const struct sq_listing *l, const char *folder)
{
    struct head h = {.frame_bytes = sizeof(struct sq_frame), .n = (uint32_t)l->n};
    char path[SQ_PATH_MAX];
    struct sq_err why;
    size_t n = sizeof h;
    for (int i = 0; i < l->n; i++)
        n += length(&l->known[i].e);
    char *bytes = n <= BYTES_MAX ? malloc(n) : NULL;
    if (!bytes || snprintf(path, sizeof path, "%s/" NAME, folder) >= SQ_PATH_MAX) {
        free(bytes);
        return;
    }
    char *at = bytes + sizeof h;
    for (int i = 0; i < l->n; i++) {
        const struct known *k = &l->known[i];
        memcpy(at, &k->e, sizeof k->e);
        memcpy(at + sizeof k->e, k->path, k->e.path_bytes);
        memcpy(at + sizeof k->e + k->e.path_bytes, k->frame, k->e.n * sizeof *k->frame);
        at += length(&k->e);
    }
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.key, l->key, sizeof h.key);
    h.crc = crc32_z(0, (const Bytef *)bytes + sizeof h, n - sizeof h);
    memcpy(bytes, &h, sizeof h);
    if (sq_publish_bytes(path, bytes, n, &why))
        sq_log(SQ_LOG_WARN, "%s: the list of files is not kept", why.text);
    free(bytes);
}

/* ---- what others call ---------------------------------------------------------------------------------- */

enum sq_status sq_listing_open(const char *folder, const char *key, struct sq_listing **ret, struct sq_err *e)
{
    enum sq_status status = sq_alloc((void **)ret, 1, sizeof **ret, "a list of files", e);
    if (status)
        return status;
    snprintf((*ret)->key, sizeof (*ret)->key, "%s", key);
    if (folder)
        load(*ret, folder);
    return SQ_OK;
}

void sq_listing_close(struct sq_listing **l)
{
    if (!*l)
        return;
    forget(*l);
    free((*l)->known);
    free(*l);
    *l = NULL;
}

const char *sq_listing_key(const struct sq_listing *l)
{
    return l->key;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->path, ((const struct known *)b)->path);
}

static bool same_file(const struct entry *e, const struct stat *st)
{
    return e->size == st->st_size && e->changed_s == st->st_mtim.tv_sec && e->changed_ns == st->st_mtim.tv_nsec;
}

bool sq_listing_get(struct sq_listing *l, const char *path, const struct stat *st, struct sq_frames *list,
                    char ret_source[32])
{
    const struct known key = {.path = (char *)(uintptr_t)path}; /* read, not written */
    struct known *k = l->n_sorted ? bsearch(&key, l->known, (size_t)l->n_sorted, sizeof *l->known, by_path) : NULL;
    const int first = list->n;
    if (!k || !same_file(&k->e, st))
        return false;
    list->source = k->e.source;
    for (uint32_t i = 0; i < k->e.n; i++) {
        struct sq_err why;
        if (sq_frames_add(list, &k->frame[i].info, &why)) {
            list->n = first;
            return false;
        }
        struct sq_frame *f = &list->frame[list->n - 1];
        memcpy(f->with, k->frame[i].with, sizeof f->with);
        f->axis = k->frame[i].axis;
    }
    k->used = true;
    memcpy(ret_source, k->e.source, sizeof k->e.source);
    return true;
}

void sq_listing_put(struct sq_listing *l, const char *path, const struct stat *st, const struct sq_frames *list, int first)
{
    struct known *k = add(l);
    if (!k)
        return;
    k->e = (struct entry){st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (uint32_t)strlen(path) + 1,
                          (uint32_t)(list->n - first), ""};
    memcpy(k->e.source, list->frame[first].info.source, sizeof k->e.source);
    k->used = fill(k, path, list->frame + first);
    if (!k->used) {
        l->n--;
        return;
    }
    for (uint32_t i = 0; i < k->e.n; i++)
        k->frame[i].info.path = k->frame[i].info.file = NULL; /* those of another list */
    l->changed = true;
}

void sq_listing_settle(struct sq_listing *l, const char *folder)
{
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        if (l->known[i].used)
            l->known[n++] = l->known[i];
        else
            finish(&l->known[i]);
    }
    const bool changed = l->changed || n < l->n;
    l->n = l->n_sorted = n;
    l->changed = false;
    if (n)
        qsort(l->known, (size_t)n, sizeof *l->known, by_path);
    if (changed && folder)
        save(l, folder);
    for (int i = 0; i < n; i++)
        l->known[i].used = false;
}
