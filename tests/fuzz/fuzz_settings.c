/* Settings and lists of grids, as users write them. */
#include "fuzz.h"

#include "core/settings.h"

static void require_rising(int n, int most, const float *v)
{
    FUZZ_REQUIRE(n >= 1 && n <= most);
    for (int i = 1; i < n; i++)
        FUZZ_REQUIRE(v[i] >= v[i - 1]); /* they rose as doubles */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sq_err err = {0};
    struct sq_settings s, again;
    struct sq_grid g;
    char line[8192];
    sq_settings_default(&s);
    if (sq_settings_parse(&s, "fuzz", data, size, &err)) {
        FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n'));
    } else {
        require_rising(s.n_thresholds, SQ_THRESHOLD_MAX, s.thresholds_mmh);
        require_rising(s.n_percentiles, SQ_PERCENTILE_MAX, s.percentiles);
        require_rising(s.n_map_thresholds, SQ_THRESHOLD_MAX, s.map_thresholds_mmh);
        FUZZ_REQUIRE(s.n_leads >= 1 && s.n_leads <= SQ_LEAD_MAX && s.picture_px >= 200 && s.zr_a >= 1);
        again = s;
        for (int i = 0; sq_settings_line(&s, i, line, sizeof line); i++)
            FUZZ_REQUIRE(strlen(line) < sizeof line - 1);
        FUZZ_REQUIRE(!memcmp(&again, &s, sizeof s));
    }
    char *text = fuzz_text(data, size);
    if (sq_settings_set(&s, text, &err))
        FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n'));
    free(text);
    if (!sq_settings_parse_grid("a", "fuzz", data, size, &g, &err))
        FUZZ_REQUIRE(sq_grid_check(&g, "fuzz", &err) == SQ_OK);
    return 0;
}
