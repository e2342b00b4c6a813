#include "grib.h"

#include "core/instant.h"

#include <math.h>
#include <string.h>

/* Seconds of a unit of time (code table 4.4; edition 1 has 254 for 13); 0: months and the like. */
static int64_t unit_s(int code)
{
    switch (code) {
    case 0:
        return 60;
    case 1:
        return 3600;
    case 2:
        return 86400;
    case 10:
        return 3 * 3600;
    case 11:
        return 6 * 3600;
    case 12:
        return 12 * 3600;
    case 13:
    case 254:
        return 1;
    default:
        return 0;
    }
}

/* ---- edition 1 ------------------------------------------------------------------------------------------- */

static bool old_time(const uint8_t *s, struct sq_grib_meta *m)
{
    int64_t unit = s[17] == 13 ? 0 : unit_s(s[17]), p1 = s[18], p2 = s[19];
    int century = s[24], year = s[12], range = s[20];
    m->reference = sq_instant_civil((century - 1) * 100 + year, s[13], s[14], s[15], s[16], 0);
    if (!unit || m->reference == SQ_NO_TIME)
        return false;
    switch (range) { /* code table 5 */
    case 0:
    case 1:
        p2 = p1;
        break;
    case 10:
        p1 = p2 = (int64_t)sq_grib_uint(s + 18, 2);
        break;
    case 3:
        m->over = SQ_GRIB_MEAN;
        break;
    case 4:
        m->over = SQ_GRIB_SUM;
        break;
    default:
        return false;
    }
    m->begin = m->reference + p1 * unit;
    m->end = m->reference + p2 * unit;
    return true;
}

/* Code table 3 into code table 4.5. */
static void old_level(const uint8_t *s, struct sq_grib_meta *m)
{
    static const struct {
        int old, type;
        double unit; /* 0: without a value */
        bool layer;
    } table[] = {{1, 1, 0, false},      {100, 100, 100, false}, {101, 100, 1000, true}, {102, 101, 0, false},
                 {103, 102, 1, false},  {105, 103, 1, false},   {106, 103, 100, true},  {116, 108, 100, true},
                 {200, 10, 0, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].old != s[9])
            continue;
        m->level_type[0] = table[i].type;
        m->level_type[1] = table[i].layer ? table[i].type : -1;
        if (table[i].layer) {
            m->level[0] = s[10] * table[i].unit;
            m->level[1] = s[11] * table[i].unit;
        } else if (table[i].unit > 0) {
            m->level[0] = sq_grib_uint(s + 10, 2) * table[i].unit;
        }
    }
}

static bool old_meta(const struct sq_grib *g, struct sq_grib_meta *m)
{
    const uint8_t *s = g->s[1];
    m->centre = s[4];
    m->parameter[0] = -1;
    m->parameter[1] = s[3];
    m->parameter[2] = s[8];
    old_level(s, m);
    return old_time(s, m);
}

/* ---- edition 2 ------------------------------------------------------------------------------------------- */

/* A surface: type, scale factor, scaled value. */
static void surface(const uint8_t *s, int k, struct sq_grib_meta *m)
{
    m->level_type[k] = s[0] == 255 ? -1 : s[0] == 200 ? 10 : s[0]; /* 200 is NCEP's "whole atmosphere" */
    if (s[0] != 255 && s[1] != 255 && sq_grib_uint(s + 2, 4) != 0xffffffff)
        m->level[k] = sq_grib_int(s + 2, 4) * pow(10, -sq_grib_int(s + 1, 1));
}

/* The interval of template 4.8; one range alone. */
static bool interval(const uint8_t *s, struct sq_grib_meta *m)
{
    int64_t unit = unit_s(s[48]);
    if (s[41] != 1 || !unit || s[46] > 1)
        return false;
    m->over = s[46] == 1 ? SQ_GRIB_SUM : SQ_GRIB_MEAN;
    m->end = m->begin + unit * sq_grib_uint(s + 49, 4);
    return true;
}

static bool new_meta(const struct sq_grib *g, struct sq_grib_meta *m)
{
    const uint8_t *s1 = g->s[1], *s = g->s[4];
    uint32_t template = sq_grib_uint(s + 7, 2);
    int64_t unit = unit_s(s[17]);
    m->centre = (int)sq_grib_uint(s1 + 5, 2);
    m->reference = sq_instant_civil((int)sq_grib_uint(s1 + 12, 2), s1[14], s1[15], s1[16], s1[17], s1[18]);
    if (s1[11] > 1 || m->reference == SQ_NO_TIME || !unit || sq_grib_uint(s + 5, 2) ||
        !((template == 0 && g->n[4] == 34) || (template == 8 && g->n[4] == 58)))
        return false;
    m->parameter[0] = g->s[0][6];
    m->parameter[1] = s[9];
    m->parameter[2] = s[10];
    surface(s + 22, 0, m);
    surface(s + 28, 1, m);
    m->begin = m->end = m->reference + unit * sq_grib_int(s + 18, 4);
    return template == 0 || interval(s, m);
}

/* ---- both ------------------------------------------------------------------------------------------------ */

bool sq_grib_meta(const struct sq_grib *g, struct sq_grib_meta *ret)
{
    *ret = (struct sq_grib_meta){.level_type = {-1, -1}, .level = {NAN, NAN}};
    return (g->edition == 1 ? old_meta(g, ret) : new_meta(g, ret)) && ret->end >= ret->begin;
}
