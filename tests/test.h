/* What every test program includes: cmocka and the requirements that print what they saw. */
#ifndef SQ_TESTS_TEST_H
#define SQ_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, #cond);                                      \
    } while (0)

/* |a - b| <= tol; the reason for tol stands beside the call. */
#define REQUIRE_NEAR(a, b, tol)                                                                    \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) <= (tol)))                                                             \
            fail_msg("%s:%d: %s = %.9g, %s = %.9g", __FILE__, __LINE__, #a, a_, #b, b_);           \
    } while (0)

/* status is as expected; prints the message otherwise */
#define REQUIRE_STATUS(call, want)                                                                 \
    do {                                                                                           \
        int s_ = (call);                                                                           \
        if (s_ != (want))                                                                          \
            fail_msg("%s:%d: %s = %d: %s", __FILE__, __LINE__, #call, s_, err.text);               \
    } while (0)
#define REQUIRE_OK(call) REQUIRE_STATUS(call, SQ_OK)

/* The folder of real data beside the project, or NULL: tests that need it skip. */
static inline const char *test_shared(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/../shared/data", SQ_SOURCE_DIR);
    return access(path, R_OK) ? NULL : path;
}
#define NEED_SHARED()                                                                              \
    do {                                                                                           \
        if (!test_shared()) {                                                                      \
            print_message("# no ../shared/data: skipped\n");                                         \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
