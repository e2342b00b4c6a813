/* For tests of the program against a stand-in for the buckets, which is there for all cases of a group. */
#ifndef SQ_TESTS_BUCKET_H
#define SQ_TESTS_BUCKET_H

#include "program.h"

#include "../standin.h"

#include <zlib.h>

static struct standin *server;

static inline int bucket_set_up(void **state)
{
    (void)state;
    setenv("no_proxy", "*", 1);
    server = standin_start();
    return 0;
}

static inline int bucket_tear_down(void **state)
{
    standin_stop(server);
    return test_end(state);
}

/* Bytes in gzip, as fast as can be; malloc'ed. */
static inline char *bucket_gzip(const void *bytes, size_t n, size_t *ret_n)
{
    const size_t room = n + n / 100 + 1000;
    char *out = malloc(room);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n, .next_out = (Bytef *)out, .avail_out = (uInt)room};
    REQUIRE(out && deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END);
    *ret_n = z.total_out;
    deflateEnd(&z);
    return out;
}

#endif
