#include "fetch.h"

#include "core/instant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Fields by letter, and how many digits each has. %L has two or three. */
static const char letters[] = "YmdjHMSL";
static const int digits[] = {4, 2, 2, 3, 2, 2, 2, 2};
enum { YEAR, MONTH, DAY, DAY_OF_YEAR, HOUR, MINUTE, SECOND, LEAD, N_FIELDS };

static int field_of(char letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? (int)(at - letters) : -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads field f at *text and moves on; false where it is none, or another than before. */
static bool take_field(int f, const char **text, int value[N_FIELDS])
{
    int v = 0, n = 0;
    for (; n < digits[f] + (f == LEAD); n++) {
        if (!is_digit((*text)[n]))
            break;
        v = 10 * v + (*text)[n] - '0';
    }
    if (n < digits[f] || (value[f] >= 0 && value[f] != v))
        return false;
    value[f] = v;
    *text += n;
    return true;
}

static int64_t time_of(const int v[N_FIELDS])
{
    int hour = v[HOUR] < 0 ? 0 : v[HOUR], minute = v[MINUTE] < 0 ? 0 : v[MINUTE], second = v[SECOND] < 0 ? 0 : v[SECOND];
    if (v[DAY_OF_YEAR] < 0)
        return sq_instant_civil(v[YEAR], v[MONTH], v[DAY], hour, minute, second);
    int64_t first = sq_instant_civil(v[YEAR], 1, 1, hour, minute, second), next = sq_instant_civil(v[YEAR] + 1, 1, 1, 0, 0, 0);
    if (first == SQ_NO_TIME || v[DAY_OF_YEAR] < 1)
        return SQ_NO_TIME;
    int64_t t = first + (v[DAY_OF_YEAR] - 1) * INT64_C(86400);
    return next != SQ_NO_TIME && t >= next ? SQ_NO_TIME : t;
}

bool sq_pattern_match(const char *pattern, const char *text, int64_t *ret_time, int *ret_lead_h)
{
    int value[N_FIELDS] = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            text += strcspn(text, (char[]){'/', pattern[1], 0});
        } else if (*pattern == '%') {
            int f = field_of(*++pattern);
            if (f < 0 || !take_field(f, &text, value))
                return false;
        } else if (*pattern != *text++) {
            return false;
        }
    }
    int64_t t = *text ? SQ_NO_TIME : time_of(value);
    if (t == SQ_NO_TIME)
        return false;
    *ret_time = t;
    *ret_lead_h = value[LEAD] < 0 ? 0 : value[LEAD];
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

/* Field f of a time as text. */
static void print_field(int f, const struct tm *tm, int lead_h, char out[16])
{
    const int value[N_FIELDS] = {tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_yday + 1,
                                 tm->tm_hour,        tm->tm_min,     tm->tm_sec,  lead_h};
    snprintf(out, 16, "%0*d", digits[f], value[f]);
}

/* Fills in the first n bytes of the pattern. */
static bool expand(const char *pattern, size_t n, int64_t time, int lead_h, char *out, size_t size)
{
    time_t when = (time_t)time;
    struct tm tm = {0};
    size_t used = 0;
    gmtime_r(&when, &tm);
    for (size_t i = 0; i < n; i++) {
        char word[16] = {pattern[i], 0};
        if (pattern[i] == '%') {
            int f = field_of(pattern[++i]);
            if (f < 0)
                return false;
            print_field(f, &tm, lead_h, word);
        }
        if (used + strlen(word) >= size)
            return false;
        strcpy(out + used, word);
        used += strlen(word);
    }
    out[used] = 0;
    return true;
}

bool sq_pattern_expand(const char *pattern, int64_t time, int lead_h, char *out, size_t size)
{
    return *pattern && !strchr(pattern, '*') && expand(pattern, strlen(pattern), time, lead_h, out, size);
}

bool sq_pattern_prefix(const char *pattern, int64_t time, char *out, size_t size, int *ret_unit_s)
{
    bool seen[N_FIELDS] = {0};
    size_t n = 0;
    for (; pattern[n] && pattern[n] != '*'; n++) {
        if (pattern[n] != '%')
            continue;
        int f = field_of(pattern[n + 1]);
        if (f == MINUTE || f == SECOND || f == LEAD)
            break;
        if (f < 0)
            return false;
        seen[f] = true;
        n++;
    }
    if (!seen[YEAR] || !(seen[DAY_OF_YEAR] || (seen[MONTH] && seen[DAY])))
        return false;
    *ret_unit_s = seen[HOUR] ? 3600 : 86400;
    return expand(pattern, n, time, 0, out, size);
}

bool sq_name_is_safe(const char *name)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+=,-";
    size_t n = strlen(name);
    return n && n < SQ_FETCH_NAME_MAX && name[0] != '.' && name[0] != '-' && strspn(name, fine) == n;
}
