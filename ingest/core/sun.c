#include "sun.h"

#include <math.h>

#define RAD (M_PI / 180)

struct sq_sun sq_sun_at(int64_t time)
{
    double d = ((double)time - 946728000) / 86400; /* days since 2000-01-01 12:00 */
    double t = d / 36525, m = RAD * (357.52911 + t * (35999.05029 - t * 0.0001537));
    double centre = (1.914602 - t * (0.004817 + t * 0.000014)) * sin(m) + (0.019993 - t * 0.000101) * sin(2 * m) +
                    0.000289 * sin(3 * m);
    double node = RAD * (125.04 - 1934.136 * t), nutation = -0.00478 * sin(node);
    double lon = RAD * (280.46646 + t * (36000.76983 + t * 0.0003032) + centre - 0.00569 + nutation);
    double tilt = RAD * (23.4392911 - t * 0.0130042 + 0.00256 * cos(node));
    double ascension = atan2(cos(tilt) * sin(lon), cos(lon)) / RAD;
    double greenwich = 280.46061837 + 360.98564736629 * d + 0.000387933 * t * t + nutation * cos(tilt);
    return (struct sq_sun){.lon = remainder(ascension - greenwich, 360), .lat = asin(sin(tilt) * sin(lon)) / RAD};
}

double sq_sun_elevation(const struct sq_sun *s, double lon, double lat)
{
    double up = sin(RAD * lat) * sin(RAD * s->lat) + cos(RAD * lat) * cos(RAD * s->lat) * cos(RAD * (lon - s->lon));
    return asin(up > 1 ? 1 : up < -1 ? -1 : up) / RAD;
}
