/* Opens a file, finds its reader and runs it. libhdf5 (1.10.8 at least) can be brought down by a broken file, and so can
 * what ecCodes unpacks by: HDF5 is opened and read, fields of models are read by another process, and what kills that one
 * is a fault of the file. */
#ifndef SQ_INGEST_DECODE_H
#define SQ_INGEST_DECODE_H

#include "source.h"

#include "core/apart.h"

struct sq_decoder {
    const struct sq_read_params *params;
    struct sq_file file;    /* the open one; nc is -1 where the other process has it */
    bool far;               /* it has */
    struct sq_apart *apart; /* NULL: not forked yet */
};

/* The reader of a name. */
const struct sq_source *sq_decoder_source(const char *name);

/* Opens `path`, which the caller keeps as long as the file is open. */
enum sq_status sq_decoder_open(struct sq_decoder *d, const char *path, struct sq_err *e) SQ_CHECK;
/* Adds the frames of the open file to the list, whose source it sets, and says which reader it was. */
enum sq_status sq_decoder_scan(struct sq_decoder *d, struct sq_frames *list, const struct sq_source **ret,
                               struct sq_err *e) SQ_CHECK;
/* As the reader's read; window as in struct sq_file. */
enum sq_status sq_decoder_read(struct sq_decoder *d, const struct sq_source *source, const struct sq_frame_info *info,
                               const struct sq_window *window, struct sq_field *ret, struct sq_err *e) SQ_CHECK;
void sq_decoder_close(struct sq_decoder *d);
/* Ends the other process as well. */
void sq_decoder_finish(struct sq_decoder *d);

#endif
