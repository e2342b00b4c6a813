/* A training recipe: what the files in configs/recipes say, key by key. */
#ifndef SQ_MODEL_RECIPE_H
#define SQ_MODEL_RECIPE_H

#include "model.h"
#include "net.h"
#include "optimiser.h"
#include "sample.h"

struct sq_recipe {
    char name[64];       /* of the weights */
    char sources[256];   /* definition of what is seen beside the radar, "" for nothing */
    uint64_t seed;
    int batch;           /* samples per step */
    bool bf16;           /* bfloat16 where the processor is fast at it */
    int reuse;           /* uses of a sample that was drawn */
    float crps_weight;   /* of CRPSb in the loss */
    int coarsen;         /* also learn from the events on cells this many times as wide; 1 = no */
    struct sq_net_shape net;
    struct sq_sample_params sample;
    struct sq_optimiser_params optimiser;
    char *text;          /* the file itself, for the record; heap */
};

enum sq_status sq_recipe_read(const char *path, struct sq_recipe *ret, struct sq_err *e) SQ_CHECK;
void sq_recipe_finish(struct sq_recipe *r);

#endif
