/* The sun, beside published values. */
#include "test.h"

#include "core/instant.h"
#include "core/sun.h"

static double elevation(int y, int mo, int d, int h, int mi, int s, double lon, double lat)
{
    struct sq_sun sun = sq_sun_at(sq_instant_civil(y, mo, d, h, mi, s));
    return sq_sun_elevation(&sun, lon, lat);
}

/* Reda and Andreas, Solar Position Algorithm (NREL/TP-560-34302), the example of its appendix: 39.87205 degrees before
 * refraction, as seen from the ground; the parallax of the sun, 8.8" cos(elevation), is left out here. */
static void elevation_is_that_of_nrel(void **state)
{
    (void)state;
    REQUIRE_NEAR(elevation(2003, 10, 17, 19, 30, 30, -105.1786, 39.742476), 39.872046 + 0.0019, 0.01);
}

/* Meeus, example 25.b (the complete theory): 1992-10-13 0 h, declination -7 degrees 47 min 1.74 s. */
static void declination_is_that_of_meeus(void **state)
{
    (void)state;
    struct sq_sun s = sq_sun_at(sq_instant_civil(1992, 10, 13, 0, 0, 0));
    REQUIRE_NEAR(s.lat, -(7 + 47 / 60.0 + 1.74 / 3600), 0.003);
    /* example 28.a: the equation of time is 3.427351 degrees then */
    REQUIRE_NEAR(s.lon, 180 - 3.427351, 0.003);
}

/* Seasons after the tables of the U.S. Naval Observatory, to the minute; the sun moves 0.0003 degree in one. */
static void seasons_begin_when_they_do(void **state)
{
    (void)state;
    REQUIRE_NEAR(elevation(2024, 3, 20, 3, 6, 0, 0, 90), 0, 0.003);
    REQUIRE_NEAR(elevation(2024, 9, 22, 12, 44, 0, 0, -90), 0, 0.003);
    REQUIRE_NEAR(elevation(2024, 6, 20, 20, 51, 0, 0, 90), 23.4364, 0.003);
    REQUIRE_NEAR(elevation(2024, 12, 21, 9, 20, 0, 0, -90), 23.4364, 0.003);
}

static void day_and_night_are_told_apart(void **state)
{
    (void)state;
    struct sq_sun s = sq_sun_at(sq_instant_civil(2018, 6, 1, 12, 0, 0));
    REQUIRE_NEAR(sq_sun_elevation(&s, s.lon, s.lat), 90, 1e-4);
    REQUIRE_NEAR(sq_sun_elevation(&s, s.lon + 180, -s.lat), -90, 1e-4);
    REQUIRE(isnan(sq_sun_elevation(&s, NAN, NAN)));
    REQUIRE(elevation(2018, 7, 2, 4, 33, 30, -75, 40) < -20); /* half past midnight there */
    REQUIRE(elevation(2018, 7, 2, 16, 33, 30, -75, 40) > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elevation_is_that_of_nrel),
        cmocka_unit_test(declination_is_that_of_meeus),
        cmocka_unit_test(seasons_begin_when_they_do),
        cmocka_unit_test(day_and_night_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
