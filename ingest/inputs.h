/* The list of frames (frames.c), between inputs.c, which has it filled, and combine.c, which finds what needs two
 * messages. */
#ifndef SQ_INGEST_INPUTS_H
#define SQ_INGEST_INPUTS_H

#include "source.h"

struct sq_frame {
    struct sq_frame_info info;
    int input;
    bool named;   /* its file was: not found in a folder, by a glob or in an archive */
    int order;    /* of discovery: no two have the same */
    int own_s;    /* the interval of the message itself; info.interval_s may be what is left of it */
    char with[24]; /* the wind component that it takes to turn this one; "" = none */
    char axis;     /* 'x' or 'y': which component this is */
    int second;   /* order of the frame that is read as well: a sum to take off, or that component; -1: none */
};

struct sq_frames {
    const struct sq_read_params *params;
    struct sq_frame *frame; /* [n + n_hidden] */
    int n, room, found;
    int n_hidden; /* frames behind the n: read for others only */
    int input;    /* the file being scanned */
    bool named;
    const char *path, *file, *source;
};

/* Makes room for one more of `size` bytes in a growing array of n. */
enum sq_status sq_list_grow(void **array, int n, int *room, size_t size, struct sq_err *e) SQ_CHECK;

/* A folder may hold several products: rates and, say, one reflectivity of another year. Those of radar with fewer frames
 * than the main one are left out, with a line in the log, unless their file was named. */
enum sq_status sq_frames_keep_main(struct sq_frames *list, struct sq_err *e) SQ_CHECK;

/* Ascending in time, then by kind and channel, the newest run first; 0: one time, kind, channel and run. */
int sq_frames_compare(const struct sq_frame_info *x, const struct sq_frame_info *y);

/* Puts frames into order, one a time, kind, channel and run: the first found, with a line in the log for the others.
 * Of a model's sums the shortest interval stays that a message or the difference of two gives. A wind along a grid
 * whose other component is not there is left out, with a line in the log. */
enum sq_status sq_frames_combine(struct sq_frames *list, struct sq_err *e) SQ_CHECK;

/* Frame f's field from its own message and that of its second. */
enum sq_status sq_frames_apply(const struct sq_frame *f, const struct sq_frame *second, struct sq_field *field,
                               const struct sq_field *other, struct sq_err *e) SQ_CHECK;

#endif
