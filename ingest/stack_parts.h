/* The parts that sq_stacker is made of: which frame serves a plane, planes kept, how they are filled. */
#ifndef SQ_INGEST_STACK_PARTS_H
#define SQ_INGEST_STACK_PARTS_H

#include "source.h"

#include "core/stack.h"

/* ---- which frame (stack_pick.c) ---------------------------------------------------------------------- */

struct sq_pick {
    enum sq_stack_why why;
    int frame[2]; /* the second is -1 unless two leads of one run are mixed */
    float weight; /* of the second, [0, 1] */
};

/* Frames are ascending in time; broken[i] ones are passed over. `valid` is what slice asks for, at `at`. */
struct sq_pick sq_stack_pick(const struct sq_frame_info *const *frame, const bool *broken, int n,
                             const struct sq_stack_source *s, const char *channel, int64_t valid, int64_t at);

/* ---- how a frame comes onto a grid (stack_plans.c) ------------------------------------------------------------ */

#define SQ_PLANS_MAX 64 /* grids that move each have theirs: between builds, more are dropped */

/* What of the frames on a grid is looked at by any grid of the stack. */
struct sq_part {
    struct sq_grid from;
    bool whole;
    struct sq_window window;
    struct sq_grid grid; /* of the window */
};

/* A plan for a pair of grids. */
struct sq_plan {
    struct sq_grid from; /* all of it, where a part is read, too */
    int grid;            /* of the stack */
    enum sq_stack_method method;
    struct sq_regrid *regrid; /* NULL: the grids are equal */
    bool outside;             /* the target lies outside of the data */
    const struct sq_part *part;  /* NULL: all */
};

struct sq_plans {
    struct sq_plan *plan; /* [n] */
    int n;
    struct sq_part *part[SQ_PLANS_MAX];
    int n_parts;
};

struct sq_wanted_plan {
    const struct sq_stack *stack;
    const struct sq_frame_info *frame;
    bool in_parts; /* a part of the frame can be read alone */
    int grid;      /* of the stack, which is the same for all plans of a list */
    enum sq_stack_method method;
};

/* The plan for a frame, made where there is none: valid until the next call, what it points to until they are dropped. Data
 * that cannot be brought onto the grid cover none of it. */
enum sq_status sq_plans_find(struct sq_plans *p, const struct sq_wanted_plan *want, const struct sq_plan **ret,
                             struct sq_err *e) SQ_CHECK;
void sq_plans_drop(struct sq_plans *p);

/* ---- planes kept (stack_store.c) ----------------------------------------------------------------------- */

#define SQ_KEPT_KEY 33 /* hex of half a SHA-256, and its end */

/* What is known of a plane, beside its values. */
struct sq_seen {
    double coverage;
    struct sq_quality_report report;
};

/* An aligned plane, in memory that worker processes share. */
struct sq_kept {
    char key[SQ_KEPT_KEY];
    enum sq_stack_why why; /* NONE: not filled yet */
    float *value;          /* [cells]; NULL unless USED or NONE */
    size_t cells;
    struct sq_seen seen;
    unsigned used;         /* the build that used it last */
};

struct sq_store {
    struct sq_kept **kept; /* [n], by key */
    int n, room;
    size_t bytes;
};

/* The plane of a key, made with room for its values where there is none (*ret_new). Valid until it is dropped. */
enum sq_status sq_store_get(struct sq_store *s, const char *key, size_t cells, struct sq_kept **ret, bool *ret_new,
                            struct sq_err *e) SQ_CHECK;
/* Frees the values of a plane that cannot be filled. */
void sq_store_empty(struct sq_store *s, struct sq_kept *k, enum sq_stack_why why);
/* Drops what build `now` did not use, the oldest first, until at most `bytes` are held, and what is not filled. */
void sq_store_trim(struct sq_store *s, unsigned now, size_t bytes);
void sq_store_finish(struct sq_store *s);

/* ---- planes on disk (stack_cache.c) -------------------------------------------------------------------- */

/* Fills the values; false where the folder has no such plane, or not a whole one. */
bool sq_cache_get(const char *folder, const char *key, size_t cells, float *value, struct sq_seen *ret);
/* Whole or not at all; what cannot be written is not kept, with a line in the log. */
void sq_cache_put(const char *folder, const char *key, size_t cells, const float *value, const struct sq_seen *seen);
/* Removes the planes used longest ago until at most `bytes` are left, and what writers left that were killed. */
void sq_cache_trim(const char *folder, int64_t bytes);

/* ---- filling planes (stack_load.c) ----------------------------------------------------------------------- */

/* One frame, and one plane that is wanted of it. Several of a frame follow one another. */
struct sq_load {
    int frame;
    const struct sq_window *part; /* what of the frame is read; NULL: all */
    const struct sq_regrid *plan; /* from there; NULL: the grids are equal */
    struct sq_kept *to;           /* value is filled, why becomes USED; BROKEN where the frame cannot be read */
};

struct sq_load_params {
    struct sq_inputs *in;
    const char *cache; /* folder, NULL: none */
    int workers;       /* processes; 1: this one alone */
};

/* Fills all planes; frames that cannot be read are logged. Fails only where there is no memory. */
enum sq_status sq_stack_load(const struct sq_load_params *p, const struct sq_load *load, int n,
                             struct sq_err *e) SQ_CHECK;

/* ---- radar frames beside one another (stack_judge.c) ------------------------------------------------------- */

/* A frame on a grid of the stack. */
struct sq_slot {
    int64_t time;
    const char *path;
    const struct sq_kept *kept;
    struct sq_quality_report report; /* what is known of it now; its `frame`: why it is of no use */
    float *changed;                  /* its values where cells were taken out, the caller's to free; NULL: as they were */
};

/* Frames rise in time. Fills report and changed; the log has a line for each with a fault. */
enum sq_status sq_stack_judge(const struct sq_grid *g, struct sq_slot *slot, int n, struct sq_err *e) SQ_CHECK;

/* ---- what is computed (stack_computed.c) ----------------------------------------------------------------- */

/* Longitude and latitude of each cell of a grid, (ny, nx), degrees; NULL: not asked for yet. */
struct sq_places {
    double *lon, *lat;
};
void sq_places_finish(struct sq_places *p);

struct sq_computed {
    const struct sq_grid *grid;
    struct sq_places *places; /* of that grid; made where they are needed and not there */
    int64_t time;
    const char *elevation; /* path, NULL: none */
};

/* "sun_elevation" and so on into value (ny, nx). *ret_known is false where it is no name of ours, or there is no
 * file of elevation. */
enum sq_status sq_stack_compute(const struct sq_computed *c, const char *channel, float *value, bool *ret_known,
                                struct sq_err *e) SQ_CHECK;
/* Heights of a CF netCDF file, in m (stack_elevation.c). */
enum sq_status sq_stack_elevation(const char *path, const struct sq_grid *g, float *value, struct sq_err *e) SQ_CHECK;
/* Whether a channel changes with time, and its units ("1" where unknown). */
bool sq_stack_moves(const char *channel);
const char *sq_stack_units(const char *channel);

#endif
