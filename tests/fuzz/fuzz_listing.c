/* Listings of buckets, and the keys in them. */
#include "fuzz.h"

#include "core/instant.h"
#include "fetch.h"

static enum sq_status see(void *ctx, const struct sq_listed *item, struct sq_err *e)
{
    static const char *const pattern[] = {
        "CONUS/P/%Y%m%d/M_%Y%m%d-%H%M%S.gz", "A/%Y/%j/%H/O-M*_G19_s%Y%j%H%M%S*_e*_c*.nc", "h.%Y%m%d/h.t%Hz.f%L.g", "%Y%m%d*"};
    const char *slash = strrchr(item->key, '/');
    (void)ctx, (void)e;
    FUZZ_REQUIRE(item->size >= 0 && item->size <= INT64_C(1) << 50 && item->key[0] && strlen(item->key) < SQ_KEY_MAX && !strpbrk(item->etag, "\r\n"));
    FUZZ_REQUIRE(!sq_name_is_safe(item->key) || !slash);
    for (int i = 0; i < 4; i++) {
        int64_t t = SQ_NO_TIME;
        int lead_h = -1;
        if (sq_pattern_match(pattern[i], item->key, &t, &lead_h))
            FUZZ_REQUIRE(t != SQ_NO_TIME && lead_h >= 0 && lead_h <= 999);
    }
    return SQ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *next = NULL, prefix[64], out[64];
    struct sq_err err = {0};
    int unit_s = 0, lead_h;
    int64_t t;
    enum sq_status status = sq_listing_parse("fuzz", (const char *)data, size, see, NULL, &next, &err);
    FUZZ_REQUIRE(!status || (!next && err.text[0] && !strchr(err.text, '\n')));
    FUZZ_REQUIRE(!next || next[0]);
    free(next);
    /* the bytes as a pattern */
    char *text = fuzz_text(data, size);
    if (sq_pattern_prefix(text, 1780315200, prefix, sizeof prefix, &unit_s))
        FUZZ_REQUIRE(strlen(prefix) < sizeof prefix && (unit_s == 3600 || unit_s == 86400));
    if (sq_pattern_expand(text, 1780315200, 12, out, sizeof out) && sq_pattern_match(text, out, &t, &lead_h))
        FUZZ_REQUIRE(t <= 1780315200 && (lead_h == 12 || !lead_h));
    free(text);
    return 0;
}
