/* Many files that appear together: they are written into a hidden folder beside and renamed at the end. */
#ifndef SQ_STAGED_H
#define SQ_STAGED_H

#include "core/publish.h"

struct sq_staged {
    char dir[SQ_PATH_MAX];    /* where they are to appear */
    char folder[SQ_PATH_MAX]; /* where they are until then; "" = nowhere */
    int n;
    char (*name)[128]; /* [n] */
};

/* Makes "DIR/.squall_NAME.PID.tmp". The caller ends with commit, and with abandon in any case. */
enum sq_status sq_staged_begin(struct sq_staged *s, const char *dir, const char *name, struct sq_err *e) SQ_CHECK;

/* Where the file `name` is to be written; a name may come again. */
enum sq_status sq_staged_path(struct sq_staged *s, const char *name, char ret_path[SQ_PATH_MAX],
                              struct sq_err *e) SQ_CHECK;

/* Moves every file that was named to its place. */
enum sq_status sq_staged_commit(struct sq_staged *s, struct sq_err *e) SQ_CHECK;

/* Removes what is left, and the folder. Accepts a zeroed or finished struct. */
void sq_staged_abandon(struct sq_staged *s);

#endif
