/* Which frames files hold, so that a file that has not changed since it was listed (path, size, time of change) is not
 * opened to list it again. Plain files alone: what archives hold is listed each time. */
#ifndef SQ_INGEST_LISTING_H
#define SQ_INGEST_LISTING_H

#include "inputs.h"

#include <sys/stat.h>

struct sq_listing;

/* `key` is what a listing depends on beside the files; of another key, it begins empty. `folder` has it from the call
 * before; NULL, or nothing good there: empty. */
enum sq_status sq_listing_open(const char *folder, const char *key, struct sq_listing **ret, struct sq_err *e) SQ_CHECK;
void sq_listing_close(struct sq_listing **l);
const char *sq_listing_key(const struct sq_listing *l);

/* Adds the frames of a file to the list, whose input, path and file are set, and names their source. False: not known,
 * and the list is as it was. */
bool sq_listing_get(struct sq_listing *l, const char *path, const struct stat *st, struct sq_frames *list,
                    char ret_source[32]);
/* Keeps the frames from `first` on, which the reader of that name found in the file. Out of memory: they are not kept. */
void sq_listing_put(struct sq_listing *l, const char *path, const struct stat *st, const struct sq_frames *list, int first);

/* Forgets files not asked for since the last time; into the folder (NULL: none) where anything changed. What cannot be
 * written is not kept, with a line in the log. */
void sq_listing_settle(struct sq_listing *l, const char *folder);

#endif
