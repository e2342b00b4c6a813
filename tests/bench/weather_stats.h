/* Statistics of a cube of rain by which a simulated world is compared with real events. NaN: not to be had. */
#ifndef SQ_TESTS_WEATHER_STATS_H
#define SQ_TESTS_WEATHER_STATS_H

#include "core/cube.h"

enum { SCALES = 6, SCALE_KM = 4, LAGS = 9, QUANTILES = 5 }; /* scales 4, 8 ... 128 km */

struct weather_stats {
    double wet, rain;             /* fraction of observed cells with at least 0.1, 1 mm/h */
    double quantile[QUANTILES];   /* of rates of at least 0.1 mm/h: 0.5, 0.9, 0.99, 0.999, and the largest */
    double variance[SCALES];      /* of log rate, between blocks of a scale and of twice that */
    double slope;                 /* beta of the power spectrum k^-beta, 4 to 64 km */
    double correlation[SCALES][LAGS]; /* of those bands with what the motion carried there */
    double life_min[SCALES];      /* lag at which that falls to 1/e; LAGS' last where it does not */
    double speed_ms;              /* of the motion */
    double growth;                /* spread of log2(rain after 30 min / rain) of 32 km blocks that move along */
    double fresh;                 /* share of rain after 30 min that falls where none was to come */
    double trend;                 /* spread of log2 of the hourly change of rain over the whole grid */
};

extern const double weather_lag_min[LAGS];

/* `from` frames into the cube on. */
enum sq_status weather_stats(const struct sq_cube *c, struct weather_stats *ret, struct sq_err *e) SQ_CHECK;

#endif
