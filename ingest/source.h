/* Readers as a table of verbs: a new network is one file and one line in decode.c.
 *
 * A reader knows one layout. `probe` says whether an opened file is of that layout, `scan` lists its frames
 * from its headers alone, `read` decodes one of them. Sentinels are resolved and units are mm/h when `read`
 * returns: no code of a format leaves its reader. Files may be broken or hostile: every number from a file
 * is checked before it sizes anything. */
#ifndef SQ_INGEST_SOURCE_H
#define SQ_INGEST_SOURCE_H

#include "ingest.h"

/* Limits against files that claim what they do not hold. CONUS at 1 km has 24.5 million cells, ten years of
 * 5-minute frames in one file 1 million. */
#define SQ_CELLS_MAX 100000000
#define SQ_FRAMES_MAX 200000

/* A part of a plane: rows and columns from (row, col) on, of a grid of of_ny x of_nx. */
struct sq_window {
    int row, col, ny, nx, of_ny, of_nx;
};

/* The part of the source that a plan looks at. */
struct sq_window sq_regrid_window(const struct sq_regrid *r);

struct sq_file {
    const char *path; /* where its bytes lie, plain or packed: the user's path, or a copy from an archive. Begins
                         messages: the user's path is put in its place. Not owned */
    int nc;           /* netCDF id where the file is netCDF or HDF5, else -1 */
    const struct sq_window *window; /* what is to be read, by readers of sq_inputs_parts; NULL: all of it */
};

struct sq_frames; /* a growing list */

struct sq_source {
    const char *name; /* goes into sq_frame_info.source */
    bool (*probe)(const struct sq_file *f);
    /* Adds the frames with sq_frames_add. */
    enum sq_status (*scan)(const struct sq_file *f, struct sq_frames *list, struct sq_err *e);
    /* `ret` is a field on info's grid, all NaN and SQ_STATE_NO_COVERAGE; fills value and state. */
    enum sq_status (*read)(const struct sq_file *f, const struct sq_frame_info *info,
                           const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e);
    bool apart; /* read leads through a library that broken bytes may bring down, though the file is not HDF5 */
};

extern const struct sq_source sq_source_mrms, sq_source_radolan, sq_source_odim, sq_source_knmi, sq_source_cf,
    sq_source_abi, sq_source_glm, sq_source_nwcsaf, sq_source_model;

/* Copies *info into the list after checking its grid and time; path and source are set by the list. */
enum sq_status sq_frames_add(struct sq_frames *list, const struct sq_frame_info *info, struct sq_err *e)
    SQ_CHECK;

/* What the call asks for. */
const struct sq_read_params *sq_frames_params(const struct sq_frames *list);

/* The frame added last is the component of a wind along the axis 'x' or 'y' of its grid: it is read together with
 * channel `with` and turned to east and north. */
void sq_frames_turn(struct sq_frames *list, const char *with, char axis);

struct sq_listing; /* listing.h */

/* As sq_inputs_open; of files that `known` (NULL: none) has unchanged, the frames are not listed again. It is used for
 * frames of any kind alone. */
enum sq_status sq_inputs_open_known(char *const *paths, int n_paths, const struct sq_read_params *p,
                                    struct sq_listing *known, struct sq_inputs **ret, struct sq_err *e) SQ_CHECK;

/* Whether frame i comes from a file that the user named (a fault in it is the user's to know), not from a
 * folder or a glob. */
bool sq_inputs_named(const struct sq_inputs *in, int i);

/* Closes the file that is kept open and ends the process that reads apart, so that processes may be forked that read. */
void sq_inputs_rest(struct sq_inputs *in);

/* Whether a part of frame i can be read alone. */
bool sq_inputs_parts(const struct sq_inputs *in, int i);
/* As sq_inputs_read: the part `w` of the frame, on the grid of that part; NULL: all of it. */
enum sq_status sq_inputs_read_part(struct sq_inputs *in, int i, const struct sq_window *w, struct sq_field *ret,
                                   struct sq_err *e) SQ_CHECK;

/* Rain rate of a reflectivity by Z = a R^b, after the cap. */
float sq_rate_from_dbz(double dbz, const struct sq_read_params *p);

/* How the inputs are read. */
const struct sq_read_params *sq_inputs_params(const struct sq_inputs *in);

#endif
