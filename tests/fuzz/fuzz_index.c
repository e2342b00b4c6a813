/* Indexes of GRIB files, of an object of 1 MB. */
#include "fuzz.h"

#include "fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sq_span span[SQ_FETCH_SPANS_MAX];
    const char *const fields[] = {"PRATE:surface; [UV]GRD:500 mb; APCP:surface:*acc*", "*:*"};
    const int64_t object = 1000000;
    for (int i = 0; i < 2; i++) {
        struct sq_err err = {0};
        int n = 0;
        if (sq_index_spans("fuzz", (const char *)data, size, object, 1783728000, fields[i], span, &n, &err)) {
            FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n') && !n);
            continue;
        }
        FUZZ_REQUIRE(n >= 1 && n <= SQ_FETCH_SPANS_MAX && span[n - 1].last < object);
        for (int k = 0; k < n; k++)
            FUZZ_REQUIRE(span[k].first <= span[k].last && span[k].first > (k ? span[k - 1].last : -1));
    }
    return 0;
}
