/* How a simulated satellite and a simulated weather model go with the simulated rain. */
#ifndef SQ_TESTS_VIEW_STATS_H
#define SQ_TESTS_VIEW_STATS_H

#include "core/err.h"

#include <stdint.h>

enum { VIEW_ROWS = 7, VIEW_COLUMNS = 7 };

extern const struct view_row {
    const char *name;
    int n; /* of its numbers */
} view_row[VIEW_ROWS];

/* Of the world of a seed at t, on 512 x 512 km. */
enum sq_status view_stats(uint64_t seed, int64_t t, double ret[VIEW_ROWS][VIEW_COLUMNS], struct sq_err *e) SQ_CHECK;

#endif
