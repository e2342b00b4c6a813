/* What the parts of a stack's build share. */
#ifndef SQ_INGEST_STACK_BUILD_H
#define SQ_INGEST_STACK_BUILD_H

#include "listing.h"
#include "stack_parts.h"

struct sq_stacker {
    struct sq_stack_def def;
    struct sq_read_params read;
    struct sq_grid target;
    bool has_target;
    char *elevation, *cache;
    int64_t cache_bytes;
    int workers;
    struct sq_store store;
    struct sq_listing *known; /* NULL: not yet */
    struct sq_places places[SQ_STACK_GRIDS];
    unsigned now; /* builds so far */
    struct sq_plans plans;
};

/* One build. */
struct sq_build {
    struct sq_stacker *s;
    struct sq_inputs *in;
    int n; /* frames */
    const struct sq_frame_info **frame;
    bool *broken;
    struct sq_stack *stack;
    struct sq_pick *pick;    /* [n_planes] */
    struct sq_kept **kept;   /* [n_planes][2]: what the picks are made of */
    struct sq_quality_report *report; /* [n_planes]: of radar frames, beside others */
    enum sq_fault *verdict;  /* [n]: why a frame is of no use */
    enum sq_fault *fault;    /* [n_planes]: why the frame that was picked first was of none */
    struct sq_load *load;    /* to be filled, at most 2 n_planes */
    int n_load;
    char fields[65];         /* SHA-256 of the user's table of model fields; "": our own */
};

/* ---- stack_keys.c: by what planes are known again ---- */

/* Of n bytes of text. */
void sq_build_key(const char *text, int n, char ret[SQ_KEPT_KEY]);
/* Of everything that a plane of frame i depends on. False where its file is gone. */
bool sq_build_frame_key(const struct sq_build *b, int i, int grid, const struct sq_plan *plan, char ret[SQ_KEPT_KEY]);
/* As snprintf. */
int sq_build_print_grid(char *out, size_t size, const struct sq_grid *g);

/* ---- stack_beside.c: radar frames beside one another ---- */

/* Judges the radar frames that are loaded, and puts what is left of each into its planes. *ret_faulty: one is of no use, is
 * marked as broken, and its planes want another. */
enum sq_status sq_build_judge(struct sq_build *b, bool *ret_faulty, struct sq_err *e) SQ_CHECK;

#endif
