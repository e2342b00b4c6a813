/* Time: int64_t seconds since 1970-01-01T00:00:00Z, no leap seconds. A radar accumulation carries its end. */
#ifndef SQ_CORE_INSTANT_H
#define SQ_CORE_INSTANT_H

#include "err.h"

#include <stdint.h>

#define SQ_NO_TIME INT64_MIN

/* Civil date (proleptic Gregorian) to seconds; fields out of range give SQ_NO_TIME. */
int64_t sq_instant_civil(int year, int month, int day, int hour, int minute, int second);

/* Accepts 2016-07-11T22:00Z, 2016-07-11T22:00:05Z, 20160711T2200Z, 2016-07-11 22:00 (all UTC). */
enum sq_status sq_instant_parse(const char *text, int64_t *ret, struct sq_err *e) SQ_CHECK;

/* "2016-07-11T22:00:00Z" and "20160711T2200Z" (names of files). Return `out`. */
char *sq_instant_iso(int64_t t, char out[32]);
char *sq_instant_compact(int64_t t, char out[32]);

/* "300", "300s", "5m", "1h" to seconds; > 0. */
enum sq_status sq_duration_parse(const char *text, int *ret_s, struct sq_err *e) SQ_CHECK;

#endif
