/* netCDF calls of tests: one that fails ends the test. */
#ifndef SQ_TESTS_NC_H
#define SQ_TESTS_NC_H

#include "test.h"

#include <netcdf.h>

#define NC(call)                                                                                                       \
    do {                                                                                                               \
        int r_ = (call);                                                                                               \
        if (r_)                                                                                                        \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, nc_strerror(r_));                                     \
    } while (0)

#endif
