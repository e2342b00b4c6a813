#include "instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Days since 1970-01-01: Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t days_civil(int y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t sq_instant_civil(int y, int mo, int d, int h, int mi, int s)
{
    if (y < 1000 || y > 9999 || mo < 1 || mo > 12 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 59)
        return SQ_NO_TIME;
    int64_t first = days_civil(y, mo, 1), next = days_civil(y + mo / 12, mo % 12 + 1, 1);
    if (d < 1 || d > next - first)
        return SQ_NO_TIME;
    return (first + d - 1) * 86400 + h * 3600 + mi * 60 + s;
}

enum sq_status sq_instant_parse(const char *text, int64_t *ret, struct sq_err *e)
{
    static const char *const form[] = {"%4d-%2d-%2dT%2d:%2d:%2d%n", "%4d-%2d-%2d %2d:%2d:%2d%n",
                                       "%4d-%2d-%2dT%2d:%2d%n",     "%4d-%2d-%2d %2d:%2d%n",
                                       "%4d%2d%2dT%2d%2d%2d%n",     "%4d%2d%2dT%2d%2d%n"};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        int y, mo, d, h, mi, s = 0, n = -1;
        if (i % 6 == 2 || i == 3 || i == 5)
            (void)sscanf(text, form[i], &y, &mo, &d, &h, &mi, &n);
        else
            (void)sscanf(text, form[i], &y, &mo, &d, &h, &mi, &s, &n);
        if (n < 0 || (text[n] && strcmp(text + n, "Z")))
            continue;
        int64_t t = sq_instant_civil(y, mo, d, h, mi, s);
        if (t == SQ_NO_TIME)
            break;
        *ret = t;
        return SQ_OK;
    }
    return sq_fail(e, SQ_USAGE, "'%s' is not a time: write 2016-07-11T22:00Z", text);
}

static struct tm civil(int64_t t)
{
    time_t tt = (time_t)t;
    struct tm tm = {0};
    gmtime_r(&tt, &tm);
    return tm;
}

char *sq_instant_iso(int64_t t, char out[32])
{
    struct tm tm = civil(t);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

char *sq_instant_compact(int64_t t, char out[32])
{
    struct tm tm = civil(t);
    strftime(out, 32, "%Y%m%dT%H%MZ", &tm);
    return out;
}

enum sq_status sq_duration_parse(const char *text, int *ret_s, struct sq_err *e)
{
    char *end;
    double v = strtod(text, &end);
    double unit = !strcmp(end, "") || !strcmp(end, "s") ? 1
                  : !strcmp(end, "m") || !strcmp(end, "min") ? 60
                  : !strcmp(end, "h")                        ? 3600
                                                             : 0;
    if (end == text || unit == 0 || !(v * unit >= 1 && v * unit <= 864000))
        return sq_fail(e, SQ_USAGE, "'%s' is not a duration: write 300, 5m or 1h", text);
    *ret_s = (int)(v * unit + 0.5);
    return SQ_OK;
}
