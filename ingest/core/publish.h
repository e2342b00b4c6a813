/* Outputs appear whole or not at all: write beside, fsync, rename, fsync the folder. */
#ifndef SQ_CORE_PUBLISH_H
#define SQ_CORE_PUBLISH_H

#include "err.h"

#define SQ_PATH_MAX 4096

/* Makes the name of the temporary file beside `path`: "DIR/.squall_NAME.PID.tmp". Those that processes left
 * which are no more are removed. */
enum sq_status sq_publish_begin(const char *path, char ret_tmp[SQ_PATH_MAX], struct sq_err *e) SQ_CHECK;

/* fsync tmp, rename it to path, fsync the folder. On failure tmp is removed and path is as it was. */
enum sq_status sq_publish_commit(const char *tmp, const char *path, struct sq_err *e) SQ_CHECK;

/* Removes tmp; for error paths. */
void sq_publish_abandon(const char *tmp);

/* begin + write + commit for a buffer. */
enum sq_status sq_publish_bytes(const char *path, const void *data, size_t n, struct sq_err *e) SQ_CHECK;

/* Creates a folder and its parents; an existing one is fine. */
enum sq_status sq_publish_folder(const char *path, struct sq_err *e) SQ_CHECK;

#endif
