/* Samples used several times over. To draw one (sample.h) takes longer than to learn from it: each is kept
 * for a while and seen again, turned and mirrored otherwise. Which sample a use sees, and how it is turned,
 * follows from the seed and the number of the use alone, so that a run that is taken up again sees what it
 * would have seen. */
#ifndef SQ_MODEL_BANK_H
#define SQ_MODEL_BANK_H

#include "sample.h"

struct sq_bank;

/* How large a sample is, and how often it is used. */
struct sq_bank_params {
    uint64_t seed;
    int reuse;                        /* uses of a sample, on average; >= 1 */
    int size, features, leads, edges; /* as the library's */
};

/* The library outlives the bank. Caller destroys. */
enum sq_status sq_bank_create(struct sq_library *l, const struct sq_bank_params *p, struct sq_bank **ret,
                              struct sq_err *e) SQ_CHECK;
void sq_bank_destroy(struct sq_bank **b);

/* The sample of use number `use` (0, 1, ...), its arrays as those of sq_library_draw. */
enum sq_status sq_bank_take(struct sq_bank *b, int64_t use, float *features, float *truth, float *base,
                            int *lead_s, struct sq_err *e) SQ_CHECK;

#endif
