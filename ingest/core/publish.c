#include "publish.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of path, "." where it names none. */
static void folder_of(const char *path, char out[SQ_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 1;
    snprintf(out, SQ_PATH_MAX, "%.*s", n ? n : 1, slash ? path : ".");
}

/* The process that a temporary file of `name` belongs to, 0 where `entry` is none. */
static pid_t owner_of(const char *entry, const char *name)
{
    size_t n = strlen(name);
    char *end;
    if (strncmp(entry, ".squall_", 8) || strncmp(entry + 8, name, n) || entry[8 + n] != '.')
        return 0;
    long pid = strtol(entry + 9 + n, &end, 10);
    return pid > 0 && pid <= INT_MAX && !strcmp(end, ".tmp") ? (pid_t)pid : 0;
}

/* What processes that were killed left of `name`. */
static void remove_leftovers(const char *folder, const char *name)
{
    DIR *d = opendir(folder);
    for (struct dirent *f; d && (f = readdir(d));) {
        pid_t pid = owner_of(f->d_name, name);
        if (pid && kill(pid, 0) && errno == ESRCH)
            unlinkat(dirfd(d), f->d_name, 0);
    }
    if (d)
        closedir(d);
}

enum sq_status sq_publish_begin(const char *path, char ret_tmp[SQ_PATH_MAX], struct sq_err *e)
{
    char folder[SQ_PATH_MAX], tmp[SQ_PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;
    if (!*name)
        return sq_fail(e, SQ_USAGE, "'%s': a file name is missing", path);
    if (strlen(path) + 32 > SQ_PATH_MAX || strlen(name) + 32 > NAME_MAX)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", path);
    folder_of(path, folder);
    if (stat(folder, &st))
        return sq_fail(e, SQ_FAILED, "%s: cannot write %s there: %s", folder, name, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return sq_fail(e, SQ_FAILED, "%s: is not a folder, cannot write %s there", folder, name);
    if (access(folder, W_OK | X_OK))
        return sq_fail(e, SQ_FAILED, "%s: cannot write %s there: %s", folder, name, strerror(errno));
    if (!stat(path, &st) && S_ISDIR(st.st_mode))
        return sq_fail(e, SQ_FAILED, "%s: is a folder, not a file to write", path);
    remove_leftovers(folder, name);
    snprintf(tmp, sizeof tmp, "%.*s.squall_%s.%ld.tmp", (int)(name - path), path, name, (long)getpid());
    strcpy(ret_tmp, tmp);
    return SQ_OK;
}

/* Flushes a file or folder to the disk. */
static int flush(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return -1;
    int failed = fsync(fd), why = errno;
    close(fd);
    errno = why;
    return failed;
}

enum sq_status sq_publish_commit(const char *tmp, const char *path, struct sq_err *e)
{
    char folder[SQ_PATH_MAX];
    if (flush(tmp, 0) || rename(tmp, path)) {
        enum sq_status status = sq_fail(e, SQ_FAILED, "%s: not written: %s", path, strerror(errno));
        sq_publish_abandon(tmp);
        return status;
    }
    folder_of(path, folder);
    if (flush(folder, O_DIRECTORY) && errno != EINVAL) /* some file systems cannot; the file is there */
        sq_log(SQ_LOG_WARN, "%s: written, but the folder was not flushed: %s", path, strerror(errno));
    return SQ_OK;
}

void sq_publish_abandon(const char *tmp)
{
    unlink(tmp);
}

static int write_all(const char *path, const char *data, size_t n)
{
    /* never through a link that somebody left under the temporary name */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    while (n) {
        ssize_t k = write(fd, data, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0) {
            int why = errno;
            close(fd);
            errno = why;
            return -1;
        }
        data += k;
        n -= (size_t)k;
    }
    return close(fd);
}

enum sq_status sq_publish_bytes(const char *path, const void *data, size_t n, struct sq_err *e)
{
    char tmp[SQ_PATH_MAX];
    enum sq_status status = sq_publish_begin(path, tmp, e);
    if (status)
        return status;
    if (write_all(tmp, data, n)) {
        status = sq_fail(e, SQ_FAILED, "%s: not written: %s", path, strerror(errno));
        sq_publish_abandon(tmp);
        return status;
    }
    return sq_publish_commit(tmp, path, e);
}

static int make_one(const char *path)
{
    struct stat st;
    if (!mkdir(path, 0777))
        return 0;
    int why = errno;
    if (!stat(path, &st) && S_ISDIR(st.st_mode)) /* also where its parent may not be written */
        return 0;
    errno = why;
    return -1;
}

enum sq_status sq_publish_folder(const char *path, struct sq_err *e)
{
    char part[SQ_PATH_MAX];
    if (!*path || strlen(path) >= SQ_PATH_MAX)
        return sq_fail(e, SQ_USAGE, "'%.200s': not a folder's name", path);
    for (size_t i = 1;; i++) {
        if (path[i] && path[i] != '/')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (make_one(part))
            return sq_fail(e, SQ_FAILED, "%s: folder not made: %s", part, strerror(errno));
        if (!path[i])
            return SQ_OK;
    }
}
