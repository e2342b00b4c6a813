/* What a network sees beside the radar's own frames: the planes of a stack that are not radar (satellite, model
 * fields, place and time), on the cells of the radar's grid, scaled to mean 0 and deviation 1 of what it learnt from.
 * Any of them may be missing: each comes with whether it was seen. */
#ifndef SQ_MODEL_BESIDE_H
#define SQ_MODEL_BESIDE_H

#include "carry.h"
#include "core/stack.h"

#define SQ_BESIDE_MAX 256 /* planes */

struct sq_beside {
    int n;                    /* planes; 0: radar alone */
    struct sq_stack_def *def; /* owned */
    char *text;               /* the definition as YAML; owned */
    float mean[SQ_BESIDE_MAX], std[SQ_BESIDE_MAX];
};

/* From a definition's text (`where` begins messages): mean 0, std 1. Caller finishes, after a failure too. */
enum sq_status sq_beside_init(struct sq_beside *b, const char *where, const char *text, struct sq_err *e) SQ_CHECK;
void sq_beside_finish(struct sq_beside *b);

/* Sets mean and std from all values of `n` stacks; NULL ones are passed over. */
void sq_beside_survey(struct sq_beside *b, struct sq_stack *const *stack, int n);

/* Writes two features a plane (scaled value, 0 where not seen; and whether seen) for each cell of the window, `stride`
 * floats apart. Cells are `wide` cells of the stack's target wide. `stack` NULL, and sources whose bit is set in
 * `dropped` (by their number in the definition): nothing seen. */
void sq_beside_put(const struct sq_beside *b, const struct sq_stack *stack, int wide, unsigned dropped,
                   const struct sq_window *win, float *ret, int stride);

#endif
