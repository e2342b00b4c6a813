/* Small GRIB2 messages of weather models, octet by octet (WMO FM 92 GRIB edition 2), simply packed. */
#ifndef SQ_TESTS_SMALL_MODEL_H
#define SQ_TESTS_SMALL_MODEL_H

#include "test.h"

#include <stdbool.h>

#define MODEL_ROOM 65536

struct small_model {
    int nx, ny;             /* default 5 x 4 */
    int grid;               /* template 3: 0, 1 rotated, 20 polar stereographic, 30 Lambert, or another */
    double lat, lon;        /* of the first point in the file; default 50 N, 350 E */
    double dx, dy;          /* degrees or m; default 0.5 */
    double lov, lad, latin1, latin2; /* of maps */
    double pole_lat, pole_lon;       /* of the rotated southern pole */
    uint8_t scan;           /* flag table 3.4 */
    bool along_grid;        /* of winds */
    int parameter[3];       /* discipline, category, number; default 0.1.8, rain */
    int level_type, level;  /* default 1, without a value; 100 is Pa */
    int lead_min;           /* to the valid time */
    int from_min;           /* of a sum; -1: an instant */
    const double *value;    /* in the order of the file, tenths from -100 on; default 0, 0.1, 0.2 ... */
    const bool *seen;       /* bitmap; NULL: none */
};

static inline void model_put(uint8_t *to, uint32_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        to[i] = (uint8_t)v;
}

/* A number with its sign in the first bit. */
static inline void model_put_int(uint8_t *to, double v, int n)
{
    model_put(to, (uint32_t)llround(fabs(v)), n);
    if (v < 0)
        to[0] |= 0x80;
}

static inline uint8_t *model_section(uint8_t **at, uint32_t n, int number)
{
    uint8_t *s = *at;
    memset(s, 0, n);
    model_put(s, n, 4);
    s[4] = (uint8_t)number;
    *at += n;
    return s;
}

static inline void model_grid(uint8_t **at, const struct small_model *m)
{
    const bool map = m->grid >= 20;
    uint8_t *s = model_section(at, m->grid == 0 ? 72 : m->grid == 1 ? 84 : m->grid == 20 ? 65 : 81, 3);
    double sx = m->scan & 0x80 ? -1 : 1, sy = m->scan & 0x40 ? 1 : -1;
    model_put(s + 6, (uint32_t)(m->nx * m->ny), 4);
    model_put(s + 12, (uint32_t)m->grid, 2);
    s[14] = 6; /* a sphere of 6371229 m */
    model_put(s + 30, (uint32_t)m->nx, 4);
    model_put(s + 34, (uint32_t)m->ny, 4);
    if (map) {
        model_put_int(s + 38, m->lat * 1e6, 4);
        model_put_int(s + 42, m->lon * 1e6, 4);
        s[46] = m->along_grid ? 8 : 0;
        model_put_int(s + 47, m->lad * 1e6, 4);
        model_put_int(s + 51, m->lov * 1e6, 4);
        model_put_int(s + 55, m->dx * 1e3, 4);
        model_put_int(s + 59, m->dy * 1e3, 4);
        s[63] = m->lad < 0 ? 0x80 : 0;
        s[64] = m->scan;
        if (m->grid != 20) {
            model_put_int(s + 65, m->latin1 * 1e6, 4);
            model_put_int(s + 69, m->latin2 * 1e6, 4);
        }
        return;
    }
    model_put_int(s + 46, m->lat * 1e6, 4);
    model_put_int(s + 50, m->lon * 1e6, 4);
    s[54] = (uint8_t)(48 | (m->along_grid ? 8 : 0));
    model_put_int(s + 55, (m->lat + sy * (m->ny - 1) * m->dy) * 1e6, 4);
    model_put_int(s + 59, fmod(m->lon + sx * (m->nx - 1) * m->dx + 360, 360) * 1e6, 4);
    model_put_int(s + 63, m->dx * 1e6, 4);
    model_put_int(s + 67, m->dy * 1e6, 4);
    s[71] = m->scan;
    if (m->grid == 1) {
        model_put_int(s + 72, m->pole_lat * 1e6, 4);
        model_put_int(s + 76, m->pole_lon * 1e6, 4);
    }
}

static inline void model_product(uint8_t **at, const struct small_model *m)
{
    const bool sum = m->from_min >= 0;
    uint8_t *s = model_section(at, sum ? 58 : 34, 4);
    s[8] = sum ? 8 : 0;
    s[9] = (uint8_t)m->parameter[1];
    s[10] = (uint8_t)m->parameter[2];
    s[11] = 2;
    s[17] = 0; /* minutes */
    model_put(s + 18, (uint32_t)(sum ? m->from_min : m->lead_min), 4);
    s[22] = (uint8_t)m->level_type;
    model_put(s + 24, (uint32_t)m->level, 4);
    memset(s + 28, 255, 6);
    if (!sum)
        return;
    s[41] = 1;
    s[46] = 1;
    s[47] = 2;
    model_put(s + 49, (uint32_t)(m->lead_min - m->from_min), 4);
    s[53] = 255;
}

/* Writes the message into `to` (MODEL_ROOM octets) and returns its length. The run is 2021-06-01 12 UTC. */
static inline size_t small_model(uint8_t *to, struct small_model m)
{
    uint8_t *at = to + 16;
    if (!m.nx)
        m.nx = 5, m.ny = 4;
    if (m.dx <= 0)
        m.dx = m.dy = 0.5, m.lat = 50, m.lon = 350;
    if (!m.parameter[0] && !m.parameter[1] && !m.parameter[2])
        m.parameter[1] = 1, m.parameter[2] = 8;
    if (!m.level_type)
        m.level_type = 1;
    const int n = m.nx * m.ny;
    memset(to, 0, 16);
    memcpy(to, "GRIB", 4);
    to[6] = (uint8_t)m.parameter[0];
    to[7] = 2;
    uint8_t *s = model_section(&at, 21, 1);
    s[6] = 7; /* Washington */
    s[9] = 2;
    s[10] = 1;
    s[11] = 1;
    model_put(s + 12, 2021, 2);
    s[14] = 6;
    s[15] = 1;
    s[16] = 12;
    model_grid(&at, &m);
    model_product(&at, &m);
    uint32_t count = 0;
    for (int i = 0; i < n; i++)
        count += !m.seen || m.seen[i];
    s = model_section(&at, 21, 5);
    model_put(s + 5, count, 4);
    model_put(s + 11, 0xc47a0000, 4); /* -1000 */
    model_put(s + 17, 1, 2);          /* tenths */
    s[19] = 16;
    s = model_section(&at, 6 + (m.seen ? (uint32_t)(n + 7) / 8 : 0), 6);
    s[5] = m.seen ? 0 : 255;
    for (int i = 0; i < n && m.seen; i++)
        if (m.seen[i])
            s[6 + i / 8] |= (uint8_t)(0x80 >> i % 8);
    s = model_section(&at, 5 + 2 * count, 7);
    for (int i = 0, k = 0; i < n; i++)
        if (!m.seen || m.seen[i])
            model_put(s + 5 + 2 * k++, (uint32_t)lround((m.value ? m.value[i] : 0.1 * i) * 10 + 1000), 2);
    memcpy(at, "7777", 4);
    at += 4;
    model_put(to + 12, (uint32_t)(at - to), 4);
    return (size_t)(at - to);
}

static inline void put_model(const char *path, struct small_model m, const char *mode)
{
    static uint8_t bytes[MODEL_ROOM];
    size_t n = small_model(bytes, m);
    FILE *f = fopen(path, mode);
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

#endif
