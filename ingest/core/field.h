/* A field: one variable at one instant on its native grid.
 *
 * NaN = not observed, 0 = observed and dry. `state` keeps why. A field owns its arrays:
 * sq_field_init fills value and state with NaN and SQ_STATE_NO_COVERAGE and leaves quality NULL, sq_field_finish frees them and accepts a
 * zeroed or finished struct. */
#ifndef SQ_CORE_FIELD_H
#define SQ_CORE_FIELD_H

#include "grid.h"
#include "quality.h"

#include <stdint.h>

enum sq_state {
    SQ_STATE_VALID = 0,       /* value is a measurement, 0 included */
    SQ_STATE_UNDETECT = 1,    /* looked, nothing there: value 0 */
    SQ_STATE_MISSING = 2,     /* should have been there: NaN */
    SQ_STATE_NO_COVERAGE = 3, /* never looked: NaN */
    SQ_STATE_REJECTED = 4,    /* quality control: NaN */
    SQ_STATE_DARK = 5,        /* reflected sunlight was asked for, and there was none: NaN */
};

struct sq_field {
    struct sq_grid grid;
    int64_t time;           /* UTC s, what it is valid for; an accumulation carries its end */
    int64_t reference_time; /* UTC s, the run of a model; equal to time for an observation */
    int interval_s;         /* 0: instantaneous; else the accumulation the rate was made from */
    float *value;           /* (ny, nx), in `units` */
    uint8_t *state;         /* (ny, nx), enum sq_state */
    float *quality;         /* (ny, nx), 0 worthless to 1 best, NaN where nobody knows; NULL: the source does not say */
    struct sq_quality_report report; /* what quality control found */
    char source[32];        /* "mrms", "odim", "knmi", "cf" ... */
    char product[64];       /* what the file calls it: "PrecipRate", "DBZH" ... */
    char channel[24];       /* what squall calls it: "rain_rate", "abi13", "wind_u_500" ... */
    char units[16];         /* "mm h-1", "K", "1", "m s-1" ... */
    bool parallax_corrected; /* satellite: clouds stand over the ground below them; false: where they are seen */
};

enum sq_status sq_field_init(struct sq_field *f, const struct sq_grid *g, struct sq_err *e) SQ_CHECK;
void sq_field_finish(struct sq_field *f);

/* Cells of quality 0 were not observed: NaN, SQ_STATE_REJECTED. */
void sq_field_reject_worthless(struct sq_field *f);

/* Fraction of cells observed, 0 to 1. */
double sq_field_coverage(const struct sq_field *f);

/* The largest value; NaN where nothing is observed. */
float sq_field_most(const struct sq_field *f);

#endif
