/* squall ingest with a network's definition, and what squall info says of the cube. */
#include "program.h"

#include "../ingest/small_cf.h"

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f && fputs(text, f) >= 0 && !fclose(f));
}

static void a_definition_makes_a_cube_of_sources(void **state)
{
    (void)state;
    const char *radar = test_path("radar.nc"), *def = test_path("net.yaml"), *cube = test_path("cube.nc");
    const char *cache = test_path("cache");
    small_cf_write(radar, (struct small_cf){.n = 4});
    write_text(def, "# two\n\n- name: radar\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 300]\n  reach_s: 300\n"
                    "  latency_s: 300\n- name: sat\n  kind: satellite\n  channels: abi13\n  slices_s: [0]\n  reach_s: 900\n");
    for (int i = 0; i < 2; i++) { /* decoded, and from the folder */
        const struct said *s = squall("ingest", radar, "-c", def, "--at", "1970-01-01T00:15Z", "-o", cube, "--cache", cache);
        require_done(s);
        REQUIRE(strstr(s->out, "radar: 2 of 2 planes, newest 1970-01-01T00:10:00Z, 300 s old\n"));
        REQUIRE(strstr(s->out, "sat: 0 of 1 planes; 1 no_frame\n"));
        assert_int_equal(count_files(cache, "", ".plane"), 1); /* both slices show the frame of 00:10 */
    }
    const struct said *s = squall("info", cube);
    require_done(s);
    REQUIRE(strstr(s->out, "what the network net sees at 1970-01-01T00:15:00Z"));
    REQUIRE(strstr(s->out, "rain_rate (mm h-1): 2 of 2, ages 300 300 s, coverage 1 to 1"));
    REQUIRE(strstr(s->out, "    not corrected for parallax\n    abi13: 0 of 1\n"));
    /* the settings' -c is what it was */
    write_text(def, "zr_a: 300\n");
    s = squall("ingest", radar, "-c", def, "-o", cube);
    require_done(s);
    REQUIRE(strstr(s->out, "4 frames"));
}

static void faults_are_named(void **state)
{
    (void)state;
    const char *radar = test_path("radar.nc"), *out = test_path("c.nc");
    small_cf_write(radar, (struct small_cf){.n = 1});
    require_refusal(squall("ingest", radar, "-c", "metnet2", "-o", out), 2, "--at");
    require_refusal(squall("ingest", radar, "-c", "metnet2", "-o", out, "--at", "1970-01-01T00:00Z", "--step", "5m"), 2, "--step");
    require_refusal(squall("ingest", radar, "--cache", out, "-o", out), 2, "network");
    require_refusal(squall("ingest", radar, "-c", "nosuchnet", "-o", out, "--at", "1970-01-01T00:00Z"), 1, "nosuchnet");
    require_refusal(squall("ingest", radar, "-c", "metnet2", "-o", out, "--at", "1970-01-01T00:00Z"), 75, "nothing");
    REQUIRE(access(out, F_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_definition_makes_a_cube_of_sources, test_end),
        cmocka_unit_test_teardown(faults_are_named, test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
