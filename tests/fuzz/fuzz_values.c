/* Lists, leads, places and numbers as users write them on the command line. */
#include "fuzz.h"

#include "tools/options.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct sq_settings s = {0};
    struct sq_list l;
    double p[2], x;
    int n;
    if (sq_parse_list(text, &l, NULL) == SQ_OK) {
        FUZZ_REQUIRE(l.n > 0 && l.n <= SQ_LEAD_MAX && l.v[0] > 0 && isfinite(l.v[l.n - 1]));
        for (int i = 1; i < l.n; i++)
            FUZZ_REQUIRE(l.v[i] > l.v[i - 1]);
    }
    if (sq_parse_leads(text, &s, NULL) == SQ_OK)
        for (int i = 0; i < s.n_leads; i++)
            FUZZ_REQUIRE(s.leads_s[i] > (i ? s.leads_s[i - 1] : 59) && s.leads_s[i] <= 86400);
    if (sq_parse_maps(text, &s, NULL) == SQ_OK)
        FUZZ_REQUIRE(s.n_map_thresholds > 0 && s.map_thresholds_mmh[0] > 0);
    if (sq_parse_point(text, p, NULL) == SQ_OK)
        FUZZ_REQUIRE(fabs(p[0]) <= 360 && fabs(p[1]) <= 90);
    if (sq_parse_number(text, &x, NULL) == SQ_OK)
        FUZZ_REQUIRE(x >= 0 && isfinite(x));
    if (sq_parse_count(text, &n, NULL) == SQ_OK)
        FUZZ_REQUIRE(n >= 1);
    free(text);
    return 0;
}
