#include "staged.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* folder/name */
static enum sq_status join(const char *folder, const char *name, char ret[SQ_PATH_MAX], struct sq_err *e)
{
    if (snprintf(ret, SQ_PATH_MAX, "%s/%s", folder, name) >= SQ_PATH_MAX)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", folder);
    return SQ_OK;
}

enum sq_status sq_staged_begin(struct sq_staged *s, const char *dir, const char *name, struct sq_err *e)
{
    char hidden[128];
    *s = (struct sq_staged){0};
    snprintf(s->dir, sizeof s->dir, "%s", dir);
    snprintf(hidden, sizeof hidden, ".squall_%.80s.%ld.tmp", name, (long)getpid());
    enum sq_status status = join(dir, hidden, s->folder, e);
    if (!status && mkdir(s->folder, 0777) && errno != EEXIST)
        status = sq_fail(e, SQ_FAILED, "%s: cannot write there: %s", dir, strerror(errno));
    if (status)
        s->folder[0] = '\0';
    return status;
}

enum sq_status sq_staged_path(struct sq_staged *s, const char *name, char ret_path[SQ_PATH_MAX], struct sq_err *e)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name))
            return join(s->folder, name, ret_path, e);
    char(*more)[128] = realloc(s->name, (size_t)(s->n + 1) * sizeof *more);
    if (!more)
        return sq_fail(e, SQ_FAILED, "out of memory for the names of files");
    s->name = more;
    if (snprintf(more[s->n], sizeof *more, "%s", name) >= (int)sizeof *more)
        return sq_fail(e, SQ_FAILED, "%s: the name is too long", name);
    s->n++;
    return join(s->folder, name, ret_path, e);
}

enum sq_status sq_staged_commit(struct sq_staged *s, struct sq_err *e)
{
    char from[SQ_PATH_MAX], to[SQ_PATH_MAX];
    for (int i = 0; i < s->n; i++) {
        enum sq_status status = join(s->folder, s->name[i], from, e);
        if (!status)
            status = join(s->dir, s->name[i], to, e);
        if (!status && rename(from, to))
            status = sq_fail(e, SQ_FAILED, "%s: not written: %s", to, strerror(errno));
        if (status)
            return status;
    }
    return SQ_OK;
}

void sq_staged_abandon(struct sq_staged *s)
{
    char path[SQ_PATH_MAX];
    for (int i = 0; i < s->n; i++)
        if (!join(s->folder, s->name[i], path, NULL))
            unlink(path);
    if (s->folder[0])
        rmdir(s->folder);
    free(s->name);
    *s = (struct sq_staged){0};
}
