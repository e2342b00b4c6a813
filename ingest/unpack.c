/* Tar as POSIX 1003.1 (ustar) and GNU tar write it: a header of 512 bytes a member, its content filled up to whole
 * blocks, and a block of zeros at the end. Long names and other things that such headers announce are passed over:
 * the name serves messages alone. */
#include "unpack.h"

#include "packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 512, CHUNK = 1 << 16 };

struct sq_unpack {
    struct sq_packed *file;
    char *path;
    bool tar, done;
    size_t at; /* of the next header */
    int n;     /* headers so far */
};

static enum sq_status cut(const struct sq_unpack *u, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: archive is cut or broken", u->path);
}

/* ---- headers -------------------------------------------------------------------------------------------- */

/* Octal digits up to a blank or NUL, blanks before them allowed; false where there are others. */
static bool octal(const uint8_t *text, int n, size_t *ret)
{
    size_t v = 0;
    int i = 0, digits = 0;
    while (i < n && text[i] == ' ')
        i++;
    for (; i < n && text[i] >= '0' && text[i] <= '7'; i++, digits++)
        v = v << 3 | (size_t)(text[i] - '0'); /* at most 12 digits: 36 bits */
    *ret = v;
    return digits && (i == n || text[i] == ' ' || text[i] == 0);
}

/* The checksum is that of the block with blanks in its own place. */
static bool is_header(const uint8_t *block)
{
    size_t want, sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return !memcmp(block + 257, "ustar", 5) && octal(block + 148, 8, &want) && want == sum;
}

static bool is_zero(const uint8_t *block)
{
    for (int i = 0; i < BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

/* Names of strangers go into lines of a log. */
static void take_name(const uint8_t *block, char ret[128])
{
    int n = 0;
    for (; n < 100 && block[n]; n++)
        ret[n] = block[n] > ' ' && block[n] < 127 ? (char)block[n] : '?';
    ret[n] = 0;
    if (!n)
        strcpy(ret, "?");
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* Whether the file itself is packed. */
static enum sq_status look(const char *path, bool *ret_packed, struct sq_err *e)
{
    uint8_t head[6] = {0};
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sq_fail(e, SQ_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, f);
    bool bad = ferror(f);
    fclose(f);
    if (bad)
        return sq_fail(e, SQ_FAILED, "%s: cannot be read", path);
    *ret_packed = n == 6 && (!memcmp(head, "\x1f\x8b", 2) || !memcmp(head, "BZh", 3) || !memcmp(head, "\xfd" "7zXZ", 6));
    return SQ_OK;
}

enum sq_status sq_unpack_open(const char *path, struct sq_unpack **ret, struct sq_err *e)
{
    struct sq_unpack *u = NULL;
    uint8_t block[BLOCK];
    bool packed = false;
    *ret = NULL;
    enum sq_status st = look(path, &packed, e);
    if (!st)
        st = sq_alloc((void **)&u, 1, sizeof *u, "an archive", e);
    if (st)
        return st;
    u->path = strdup(path);
    st = u->path ? sq_packed_open(path, &u->file, e) : sq_fail(e, SQ_FAILED, "out of memory for a path");
    if (!st)
        u->tar = sq_packed_take(u->file, block, BLOCK) && is_header(block);
    if (st || (!packed && !u->tar))
        sq_unpack_close(&u);
    *ret = u;
    return st;
}

void sq_unpack_close(struct sq_unpack **u)
{
    if (!*u)
        return;
    sq_packed_close(&(*u)->file);
    free((*u)->path);
    free(*u);
    *u = NULL;
}

/* What follows the last member holds nothing, but the packing tells there whether all of it was whole. */
static enum sq_status drain(struct sq_unpack *u, struct sq_err *e)
{
    uint8_t block[BLOCK];
    long n;
    size_t sum = u->at;
    while ((n = sq_packed_read(u->file, block, BLOCK)) > 0)
        if ((sum += (size_t)n) > SQ_UNPACK_MAX)
            return sq_fail(e, SQ_FAILED, "%s: holds more than %u bytes when unpacked", u->path, SQ_UNPACK_MAX);
    return n < 0 ? cut(u, e) : SQ_OK;
}

/* The next header, whatever it announces. */
static enum sq_status next_header(struct sq_unpack *u, uint8_t block[BLOCK], struct sq_member *ret, bool *end,
                                  struct sq_err *e)
{
    if (!sq_packed_seek(u->file, u->at) || !sq_packed_take(u->file, block, BLOCK))
        return cut(u, e);
    *end = is_zero(block);
    if (*end)
        return drain(u, e);
    if (!is_header(block) || !octal(block + 124, 12, &ret->size))
        return cut(u, e);
    if (ret->size > SQ_UNPACK_MEMBER_MAX || u->at > SQ_UNPACK_MAX - 2 * BLOCK - ret->size)
        return sq_fail(e, SQ_FAILED, "%s: a member of %zu bytes from byte %zu on: at most %u bytes of one and %u of all "
                       "are unpacked", u->path, ret->size, u->at, SQ_UNPACK_MEMBER_MAX, SQ_UNPACK_MAX);
    if (u->n++ >= SQ_UNPACK_MEMBERS_MAX)
        return sq_fail(e, SQ_FAILED, "%s: more than %d members", u->path, SQ_UNPACK_MEMBERS_MAX);
    take_name(block, ret->name);
    ret->at = u->at + BLOCK;
    u->at = ret->at + (ret->size + BLOCK - 1) / BLOCK * BLOCK;
    return SQ_OK;
}

enum sq_status sq_unpack_next(struct sq_unpack *u, struct sq_member *ret, bool *end, struct sq_err *e)
{
    uint8_t block[BLOCK];
    enum sq_status st = SQ_OK;
    *end = u->done;
    if (!u->tar) {
        *ret = (struct sq_member){.size = SIZE_MAX};
        u->done = true;
        return SQ_OK;
    }
    while (!*end) {
        st = next_header(u, block, ret, end, e);
        if (st || (!*end && (block[156] == '0' || block[156] == 0 || block[156] == '7')))
            return st; /* a regular file */
    }
    u->done = true;
    return SQ_OK;
}

static enum sq_status put(const struct sq_unpack *u, int to, const char *bytes, size_t n, struct sq_err *e)
{
    while (n > 0) {
        ssize_t done = write(to, bytes, n);
        if (done < 0)
            return sq_fail(e, SQ_FAILED, "%s: cannot be unpacked into /tmp: %s", u->path, strerror(errno));
        bytes += done;
        n -= (size_t)done;
    }
    return SQ_OK;
}

static enum sq_status copy(struct sq_unpack *u, const struct sq_member *m, int to, struct sq_err *e)
{
    char *chunk = NULL;
    enum sq_status st = sq_alloc((void **)&chunk, CHUNK, 1, "a chunk of a member", e);
    const bool known = m->size != SIZE_MAX;
    if (!st && !sq_packed_seek(u->file, m->at))
        st = cut(u, e);
    for (size_t done = 0; !st && done < m->size;) {
        size_t want = m->size - done < CHUNK ? m->size - done : CHUNK;
        long n = sq_packed_read(u->file, chunk, want);
        if (n < 0 || (known && (size_t)n < want))
            st = cut(u, e);
        else if (n == 0)
            break;
        else if ((done += (size_t)n) > SQ_UNPACK_MEMBER_MAX)
            st = sq_fail(e, SQ_FAILED, "%s: holds more than %u bytes when unpacked", u->path, SQ_UNPACK_MEMBER_MAX);
        else
            st = put(u, to, chunk, (size_t)n, e);
    }
    free(chunk);
    return st;
}

enum sq_status sq_unpack_member(struct sq_unpack *u, const struct sq_member *m, char ret_path[32], int *ret_fd,
                                struct sq_err *e)
{
    char path[32] = "/tmp/squall-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return sq_fail(e, SQ_FAILED, "%s: cannot be unpacked into /tmp: %s", u->path, strerror(errno));
    enum sq_status st = copy(u, m, fd, e);
    if (!st && lseek(fd, 0, SEEK_SET))
        st = sq_fail(e, SQ_FAILED, "%s: cannot be unpacked into /tmp: %s", u->path, strerror(errno));
    if (st) {
        close(fd);
        unlink(path);
        return st;
    }
    strcpy(ret_path, path);
    *ret_fd = fd;
    return SQ_OK;
}
