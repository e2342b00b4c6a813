/* Times and durations as users write them. */
#include "fuzz.h"

#include "core/instant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), again[32];
    struct sq_err err = {0};
    int64_t t, t2;
    int s;
    if (sq_instant_parse(text, &t, &err) == SQ_OK) {
        sq_instant_iso(t, again);
        FUZZ_REQUIRE(sq_instant_parse(again, &t2, &err) == SQ_OK && t2 == t);
    }
    if (sq_duration_parse(text, &s, &err) == SQ_OK)
        FUZZ_REQUIRE(s > 0);
    free(text);
    return 0;
}
