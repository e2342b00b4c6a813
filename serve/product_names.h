/* Words that the forecast file's writer and reader share. */
#ifndef SQ_SERVE_PRODUCT_NAMES_H
#define SQ_SERVE_PRODUCT_NAMES_H

#define SQ_PRODUCT_PROB "probability_of_lwe_precipitation_rate_above_threshold"
#define SQ_PRODUCT_RATE "lwe_precipitation_rate"
#define SQ_PRODUCT_MEAN "lwe_precipitation_rate_mean"
#define SQ_PRODUCT_OBSERVED "observed_lwe_precipitation_rate"
#define SQ_PRODUCT_TIME_UNITS "seconds since 1970-01-01 00:00:00"

#endif
