/* Aligned planes in a folder, so that the next call of the program decodes only what is new. A file that was cut
 * by a loss of power is found by its checksum and made again: no plane is worth an fsync. */
#include "stack_parts.h"

#include "core/log.h"
#include "core/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define ENDING ".plane"
#define LEFTOVER_S 3600 /* a temporary file this old has no writer any more */

struct head {
    char magic[8];
    uint64_t cells;
    uint64_t crc; /* of the values */
    struct sq_seen seen;
};
static const char magic[8] = {'s', 'q', 'p', 'l', 'a', 'n', 'e', '2'};

static bool path_of(const char *folder, const char *key, const char *ending, char out[SQ_PATH_MAX])
{
    return snprintf(out, SQ_PATH_MAX, "%s/%s%s", folder, key, ending) < SQ_PATH_MAX;
}

static uint64_t sum(const float *value, size_t cells)
{
    return crc32_z(crc32(0, NULL, 0), (const Bytef *)value, cells * sizeof *value);
}

static bool move_all(int fd, void *data, size_t n, bool out)
{
    for (char *at = data; n;) {
        ssize_t k = out ? write(fd, at, n) : read(fd, at, n);
        if (k <= 0 && !(k < 0 && errno == EINTR))
            return false;
        at += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return true;
}

bool sq_cache_get(const char *folder, const char *key, size_t cells, float *value, struct sq_seen *ret)
{
    char path[SQ_PATH_MAX];
    struct head h;
    int fd = path_of(folder, key, ENDING, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool whole = fd >= 0 && move_all(fd, &h, sizeof h, false) && !memcmp(h.magic, magic, sizeof magic) &&
                 h.cells == cells && h.seen.coverage >= 0 && h.seen.coverage <= 1 &&
                 move_all(fd, value, cells * sizeof *value, false) && h.crc == sum(value, cells);
    if (fd >= 0)
        close(fd);
    if (!whole)
        return false;
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* used now; one that is not ours to touch is good all the same */
    *ret = h.seen;
    return true;
}

void sq_cache_put(const char *folder, const char *key, size_t cells, const float *value, const struct sq_seen *seen)
{
    struct head h = {.cells = cells, .crc = sum(value, cells), .seen = *seen};
    char path[SQ_PATH_MAX], tmp[SQ_PATH_MAX], ending[32];
    memcpy(h.magic, magic, sizeof magic);
    snprintf(ending, sizeof ending, ".%ld.tmp", (long)getpid());
    int fd = path_of(folder, key, ENDING, path) && path_of(folder, key, ending, tmp)
                 ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                 : -1;
    if (fd < 0) {
        sq_log(SQ_LOG_WARN, "%s: planes cannot be kept there: %s", folder, strerror(errno));
        return;
    }
    bool done = move_all(fd, &h, sizeof h, true) &&
                move_all(fd, (void *)(uintptr_t)value, cells * sizeof *value, true); /* written from, not to */
    done = !close(fd) && done;
    if (!done || rename(tmp, path)) {
        sq_log(SQ_LOG_WARN, "%s: a plane cannot be kept there: %s", folder, strerror(errno));
        unlink(tmp);
    }
}

struct entry {
    char name[64];
    int64_t used;
    int64_t bytes;
};

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->used < y->used ? -1 : x->used > y->used;
}

static bool ends(const char *name, const char *ending)
{
    const size_t n = strlen(name), k = strlen(ending);
    return n >= k && !strcmp(name + n - k, ending);
}

/* Whether a name of the folder is one that we give. */
static bool is_ours(const char *name)
{
    return strspn(name, "0123456789abcdef") == SQ_KEPT_KEY - 1 && name[SQ_KEPT_KEY - 1] == '.' &&
           strlen(name) < sizeof((struct entry *)0)->name && (ends(name, ENDING) || ends(name, ".tmp"));
}

void sq_cache_trim(const char *folder, int64_t bytes)
{
    DIR *d = opendir(folder);
    struct entry *list = NULL;
    int n = 0, room = 0;
    int64_t held = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        struct stat st;
        if (!is_ours(f->d_name) || fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        if (ends(f->d_name, ".tmp")) {
            if (st.st_mtime < time(NULL) - LEFTOVER_S)
                unlinkat(dirfd(d), f->d_name, 0);
            continue;
        }
        if (n == room) {
            struct entry *more = realloc(list, (size_t)(room = room ? 2 * room : 1024) * sizeof *more);
            if (!more)
                break; /* what is listed is trimmed; the rest is met next time */
            list = more;
        }
        list[n].used = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        list[n].bytes = st.st_size;
        strcpy(list[n++].name, f->d_name);
        held += st.st_size;
    }
    if (n)
        qsort(list, (size_t)n, sizeof *list, by_use);
    for (int i = 0; i < n && held > bytes; i++)
        if (!unlinkat(dirfd(d), list[i].name, 0))
            held -= list[i].bytes;
    if (d)
        closedir(d);
    free(list);
}
