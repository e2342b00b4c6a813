/* When rain begins or ends at a place, from the forecast's probabilities. */
#ifndef SQ_SERVE_ONSET_H
#define SQ_SERVE_ONSET_H

#include "serve.h"

#define SQ_RAIN_MMH 0.1f

enum sq_onset_kind { SQ_ONSET_UNKNOWN, SQ_ONSET_DRY, SQ_ONSET_BEGINS, SQ_ONSET_ENDS, SQ_ONSET_LASTS };
struct sq_onset {
    enum sq_onset_kind kind;
    float probability;  /* of rain (DRY, BEGINS, LASTS), of its end (ENDS): at least */
    int from_s, to_s;   /* BEGINS, ENDS: the middle half of when, whole 5 minutes */
    float threshold_mmh;
};

struct sq_onset sq_onset_of(const struct sq_point *p);
const char *sq_onset_name(enum sq_onset_kind kind);

/* P(rate >= t) at lead i. */
float sq_point_exceed(const struct sq_point *p, int lead, float t_mmh);

/* The text of each form, for sq_point_write. */
struct sq_text;
void sq_point_svg(const struct sq_point *p, const struct sq_point_params *params, struct sq_text *t);

#endif
