/* squall info of satellite files, alone and beside others. */
#include "program.h"

#include "../ingest/small_abi.h"

static void a_satellite_file_is_described(void **state)
{
    (void)state;
    const char *abi = test_path("abi.nc"), *crr = test_path("crr.nc");
    small_abi_write(abi, (struct small_abi){0});
    small_nwcsaf_write(crr);
    const struct said *s = squall("info", abi, crr);
    require_done(s);
    REQUIRE(!s->err[0]);
    REQUIRE(strstr(s->out, "abi.nc: abi, MCMIP, 16 frames, 16 channels, 2019-06-10T18:02:30Z\n  grid: 8 x 6 cells"));
    REQUIRE(strstr(s->out, "+proj=geos") && strstr(s->out, "+sweep=x"));
    REQUIRE(strstr(s->out, "\n  abi02: 100.0 % of the cells observed, up to 0.2711, not corrected for parallax\n"));
    REQUIRE(strstr(s->out, "\n  abi16: 100.0 % of the cells observed, up to 143 K, not corrected for parallax\n"));
    REQUIRE(strstr(s->out, "crr.nc: nwcsaf, CRR, 1 frame, 2018-06-01T07:00:00Z\n"));
    REQUIRE(strstr(s->out, "newest frame: 83.3 % of the cells observed, up to 34.10 mm/h, corrected for parallax\n"));
    s = squall("info", "--set", "cloud_top_m=9000", abi);
    require_done(s);
    REQUIRE(strstr(s->out, "abi16:") && strstr(s->out, " K, corrected for parallax\n") && !strstr(s->out, "not corrected"));
}

static void kinds_in_a_folder_are_described_in_turn(void **state)
{
    (void)state;
    REQUIRE(!mkdir(test_path("mixed"), 0700));
    small_abi_write(test_path("mixed/abi.nc"), (struct small_abi){.band = 13});
    small_cf_write(test_path("mixed/rain.nc"), (struct small_cf){.n = 3});
    FILE *f = fopen(test_path("mixed/notes"), "w");
    REQUIRE(f && fputs("wet\n", f) >= 0 && !fclose(f));
    const struct said *s = squall("info", test_path("mixed"));
    require_done(s);
    const char *rain = strstr(s->out, "mixed: cf, rain_rate, 3 frames"), *abi = strstr(s->out, "mixed: abi, CMIP, 1 frame");
    REQUIRE(rain && abi && rain < abi);
    REQUIRE(lines(s->err) == 1 && strstr(s->err, "notes"));
    require_refusal(squall("info", test_path("mixed/notes")), 1, "notes: no field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_satellite_file_is_described, test_end),
        cmocka_unit_test_teardown(kinds_in_a_folder_are_described_in_turn, test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
