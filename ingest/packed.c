#include "packed.h"

#ifdef SQ_HAVE_BZ2
#include <bzlib.h>
#endif
#include <errno.h>
#ifdef SQ_HAVE_LZMA
#include <lzma.h>
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define UNPACKED_MAX (2u << 30) /* bytes */

struct sq_packed {
    gzFile gz; /* reads plain files as they are */
};

enum { CHUNK = 65536 };

/* ---- xz and bzip2 ---------------------------------------------------------------------------------------- */

struct unpacking {
    const char *path;
    FILE *from, *to;
    size_t written;
    uint8_t in[CHUNK], out[CHUNK];
};

#if defined SQ_HAVE_BZ2 || defined SQ_HAVE_LZMA
/* n octets of `out` to the file. */
static enum sq_status put(struct unpacking *u, size_t n, struct sq_err *e)
{
    u->written += n;
    if (u->written > UNPACKED_MAX)
        return sq_fail(e, SQ_FAILED, "%s: holds more than %u bytes when unpacked", u->path, UNPACKED_MAX);
    if (n && fwrite(u->out, 1, n, u->to) != n)
        return sq_fail(e, SQ_FAILED, "%s: cannot be unpacked into a temporary file: %s", u->path, strerror(errno));
    return SQ_OK;
}

static enum sq_status cut(const struct unpacking *u, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: packed file is cut or broken", u->path);
}
#endif

#ifdef SQ_HAVE_LZMA
static enum sq_status unpack_xz(struct unpacking *u, struct sq_err *e)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret rc = lzma_stream_decoder(&s, 256u << 20, LZMA_CONCATENATED);
    enum sq_status st = rc == LZMA_OK ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for xz");
    while (!st && rc == LZMA_OK) {
        if (!s.avail_in && !feof(u->from)) {
            s.next_in = u->in;
            s.avail_in = fread(u->in, 1, CHUNK, u->from);
        }
        s.next_out = u->out;
        s.avail_out = CHUNK;
        rc = lzma_code(&s, feof(u->from) ? LZMA_FINISH : LZMA_RUN);
        st = rc == LZMA_OK || rc == LZMA_STREAM_END ? put(u, CHUNK - s.avail_out, e) : cut(u, e);
    }
    lzma_end(&s);
    return st;
}
#endif

#ifdef SQ_HAVE_BZ2
/* One stream after another: parallel packers write many. */
static enum sq_status unpack_bz2(struct unpacking *u, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    bz_stream s = {0};
    int rc = BZ2_bzDecompressInit(&s, 0, 0);
    while (!st && (rc == BZ_OK || rc == BZ_STREAM_END)) {
        if (!s.avail_in) {
            s.next_in = (char *)u->in;
            s.avail_in = (unsigned)fread(u->in, 1, CHUNK, u->from);
            if (!s.avail_in)
                break;
        }
        if (rc == BZ_STREAM_END) {
            bz_stream next = {.next_in = s.next_in, .avail_in = s.avail_in};
            BZ2_bzDecompressEnd(&s);
            s = next;
            rc = BZ2_bzDecompressInit(&s, 0, 0);
        }
        s.next_out = (char *)u->out;
        s.avail_out = CHUNK;
        if (rc == BZ_OK)
            rc = BZ2_bzDecompress(&s);
        if (rc == BZ_OK || rc == BZ_STREAM_END)
            st = put(u, CHUNK - s.avail_out, e);
    }
    BZ2_bzDecompressEnd(&s);
    return st || rc == BZ_STREAM_END ? st : cut(u, e);
}
#endif

static enum sq_status unpack(struct unpacking *u, bool xz, struct sq_err *e)
{
#ifdef SQ_HAVE_LZMA
    if (xz)
        return unpack_xz(u, e);
#endif
#ifdef SQ_HAVE_BZ2
    if (!xz)
        return unpack_bz2(u, e);
#endif
    return sq_fail(e, SQ_FAILED, "%s: is packed by %s, which this build cannot read: unpack it with %s", u->path,
                   xz ? "xz" : "bzip2", xz ? "unxz" : "bunzip2");
}

/* Unpacks into a file that has no name; *ret_fd is the caller's. */
static enum sq_status unpack_file(const char *path, bool xz, int *ret_fd, struct sq_err *e)
{
    struct unpacking *u = NULL;
    enum sq_status st = sq_alloc((void **)&u, 1, sizeof *u, "unpacking", e);
    if (st)
        return st;
    u->path = path;
    u->from = fopen(path, "rbe");
    u->to = tmpfile();
    if (!u->from || !u->to)
        st = sq_fail(e, SQ_FAILED, "%s: cannot be unpacked: %s", path, strerror(errno));
    else
        st = unpack(u, xz, e);
    if (!st && (fflush(u->to) || lseek(fileno(u->to), 0, SEEK_SET) || (*ret_fd = dup(fileno(u->to))) < 0))
        st = sq_fail(e, SQ_FAILED, "%s: cannot be unpacked into a temporary file: %s", path, strerror(errno));
    if (u->from)
        fclose(u->from);
    if (u->to)
        fclose(u->to);
    free(u);
    return st;
}

/* ---- public ---------------------------------------------------------------------------------------------- */

enum sq_status sq_packed_open(const char *path, struct sq_packed **ret, struct sq_err *e)
{
    char head[6] = "";
    struct sq_packed *f = NULL;
    int fd = -1;
    enum sq_status st = sq_alloc((void **)&f, 1, sizeof *f, "a file", e);
    if (st)
        return st;
    f->gz = gzopen(path, "rbe");
    if (f->gz && gzread(f->gz, head, 6) == 6 && (!memcmp(head, "\xfd" "7zXZ", 6) || !memcmp(head, "BZh", 3))) {
        gzclose_r(f->gz);
        f->gz = NULL;
        st = unpack_file(path, head[0] != 'B', &fd, e);
        if (!st && !(f->gz = gzdopen(fd, "rb")))
            close(fd);
    }
    if (!st && (!f->gz || gzseek(f->gz, 0, SEEK_SET)))
        st = sq_fail(e, SQ_FAILED, "%s: cannot be read", path);
    if (st)
        sq_packed_close(&f);
    else
        *ret = f;
    return st;
}

void sq_packed_close(struct sq_packed **f)
{
    if (*f && (*f)->gz)
        gzclose_r((*f)->gz);
    free(*f);
    *f = NULL;
}

long sq_packed_read(struct sq_packed *f, void *to, size_t n)
{
    int rc = Z_OK, got = gzread(f->gz, to, (unsigned)n);
    if (got < 0 || (size_t)got < n) {
        (void)gzerror(f->gz, &rc); /* a gzip stream may end too early */
        return rc == Z_OK ? got : -1;
    }
    return got;
}

bool sq_packed_take(struct sq_packed *f, void *to, size_t n)
{
    return sq_packed_read(f, to, n) == (long)n;
}

bool sq_packed_seek(struct sq_packed *f, size_t at)
{
    return gzseek(f->gz, (z_off_t)at, SEEK_SET) >= 0;
}

size_t sq_packed_tell(const struct sq_packed *f)
{
    return (size_t)gztell(f->gz);
}
