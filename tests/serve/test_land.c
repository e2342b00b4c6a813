#include "serve/small_coast.h"

#include "land.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static void small_land(struct sq_land **ret)
{
    struct sq_err err = {0};
    small_coast_write(test_path("binned_GSHHS_l.nc"), (struct small_coast){0});
    small_coast_write(test_path("binned_border_l.nc"), (struct small_coast){.border = true});
    setenv("SQUALL_GSHHG", test_folder(), 1);
    REQUIRE_OK(sq_land_read(ret, &err));
    unsetenv("SQUALL_GSHHG");
}

/* Whether x, y lies in the rings of the list behind "key", by the even-odd rule; also counts the rings. */
static bool inside(const char *json, const char *key, double x, double y, int *ret_n)
{
    char quoted[32];
    bool in = false;
    snprintf(quoted, sizeof quoted, "\"%s\":[", key);
    const char *at = strstr(json, quoted);
    REQUIRE(at);
    at += strlen(quoted);
    for (*ret_n = 0; *at == '['; ++*ret_n, at += *at == ',') {
        double v[2][2], first[2];
        int n = 0;
        for (char *end; *at != ']'; at = end, n++) {
            v[1][0] = strtod(at + 1, &end);
            v[1][1] = strtod(end + 1, &end);
            if (!n)
                memcpy(first, v[1], sizeof first);
            else
                in ^= (v[0][1] > y) != (v[1][1] > y) && x < v[0][0] + (y - v[0][1]) / (v[1][1] - v[0][1]) * (v[1][0] - v[0][0]);
            memcpy(v[0], v[1], sizeof first);
        }
        in ^= (v[0][1] > y) != (first[1] > y) && x < v[0][0] + (y - v[0][1]) / (first[1] - v[0][1]) * (first[0] - v[0][0]);
        at++;
    }
    return in;
}

/* Is there land at this place, as the tile of that zoom has it? */
static bool land_at(const struct sq_land *l, int z, double lon, double lat)
{
    double n = ldexp(1, z), x = (lon + 180) / 360 * n, y = (1 - asinh(tan(lat * PI / 180)) / PI) / 2 * n;
    struct sq_text t = {0};
    int rings;
    sq_land_tile(l, z, (int)x, (int)y, &t);
    REQUIRE(!t.failed);
    bool land = inside(t.data, "land", (x - floor(x)) * SQ_LAND_UNITS, (y - floor(y)) * SQ_LAND_UNITS, &rings);
    sq_text_finish(&t);
    return land;
}

static void islands_and_lakes_are_told_apart(void **state)
{
    (void)state;
    struct sq_land *l = NULL;
    small_land(&l);
    for (int z = 3; z <= 12; z++) {
        REQUIRE(land_at(l, z, 5.5, 51.5));   /* the island */
        REQUIRE(!land_at(l, z, 4.75, 50.75)); /* its lake */
        REQUIRE(!land_at(l, z, 20, 20));     /* the sea */
        REQUIRE(land_at(l, z, 130, 30));     /* a bin that is land all over */
        REQUIRE(!land_at(l, z, -100, 30));
    }
    sq_land_destroy(&l);
}

static void lines_have_their_kind(void **state)
{
    (void)state;
    struct sq_land *l = NULL;
    struct sq_text t = {0};
    static const char *const kind[] = {"coast", "lake", "country", "state"};
    int n;
    small_land(&l);
    sq_land_tile(l, 0, 0, 0, &t);
    for (int i = 0; i < 4; i++) {
        inside(t.data, kind[i], 0, 0, &n);
        assert_int_equal(n, 1);
    }
    sq_text_finish(&t);
    sq_land_tile(l, 12, 100, 2000, &t);
    assert_string_equal(t.data, "{\"land\":[],\"coast\":[],\"lake\":[],\"country\":[],\"state\":[]}\n");
    sq_text_finish(&t);
    sq_land_tile(NULL, 0, 0, 0, &t);
    assert_string_equal(t.data, "{\"land\":[],\"coast\":[],\"lake\":[],\"country\":[],\"state\":[]}\n");
    sq_text_finish(&t);
    sq_land_destroy(&l);
}

static void without_files_it_says_so(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_land *l = NULL;
    setenv("SQUALL_GSHHG", test_folder(), 1);
    assert_int_equal(sq_land_read(&l, &err), SQ_ABSENT);
    REQUIRE(!l && strstr(err.text, "SQUALL_GSHHG"));
    unsetenv("SQUALL_GSHHG");
}

/* Places of the world that nobody doubts, where the lines of bins are made rings along their sides. */
static void the_world_is_as_it_is(void **state)
{
    (void)state;
    static const struct {
        double lon, lat;
        bool land;
    } place[] = {
        {2.35, 48.85, true}, {-30, 45, false}, {12.6, 41.85, true},  {16.4, 39.3, true}, {12, 40, false},   {-98, 38, true},
        {-90, 26, false},    {25, 62.3, true}, {20, 59, false},      {134, -25, true},   {178, -38.6, true}, {-170, 0, false},
        {51, 42, false},     {32, -1, false},  {-0.5, 51.5, true},   {0.5, 51.2, true},  {0.02, 45, true},  {-65, -35.5, true},
        {139.4, 36, true},   {-87, 44, false}, {-150, 65, true},
    };
    struct sq_land *l = NULL;
    struct sq_err err = {0};
    char path[512];
    if (sq_coast_find(SQ_COASTLINE, 0.4, path, sizeof path, &err))
        skip();
    REQUIRE_OK(sq_land_read(&l, &err));
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        for (int z = 3; z <= 9; z += 2)
            if (land_at(l, z, place[i].lon, place[i].lat) != place[i].land)
                fail_msg("zoom %d, %g %g: land where there is none, or none where there is", z, place[i].lon, place[i].lat);
    sq_land_destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(islands_and_lakes_are_told_apart),
        CASE(lines_have_their_kind),
        CASE(without_files_it_says_so),
        CASE(the_world_is_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
