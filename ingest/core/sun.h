/* Where the sun stands.
 *
 * Source: J. Meeus, Astronomical Algorithms, 2nd edition, chapters 12, 22 and 25 (low accuracy; the solar calculator of
 * NOAA uses the same), within 0.02 degree between 1900 and 2100. Without refraction, which lifts the sun by 0.6 degree at
 * the horizon and by less than 0.1 above 10. Universal time is taken for that of the ephemeris: 70 s, or 0.001 degree. */
#ifndef SQ_CORE_SUN_H
#define SQ_CORE_SUN_H

#include <stdint.h>

struct sq_sun {
    double lon, lat; /* degrees: where it stands overhead */
};

/* `time` in UTC s. */
struct sq_sun sq_sun_at(int64_t time);

/* Degrees above the horizon, -90 to 90, of a place in degrees (geodetic latitude). NaN gives NaN. */
double sq_sun_elevation(const struct sq_sun *s, double lon, double lat);

#endif
