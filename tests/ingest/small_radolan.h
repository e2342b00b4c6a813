/* Small-minded RADOLAN files: whole grids of one word, but for some cells. What differs from the plain case is a
 * field. */
#ifndef SQ_TESTS_SMALL_RADOLAN_H
#define SQ_TESTS_SMALL_RADOLAN_H

#include "test.h"

#include <stdbool.h>

struct small_cell {
    int row, column; /* row 0 is south */
    unsigned word;
};

struct small_radolan {
    const char *product;               /* default RY; RX has cells of one byte */
    const char *time, *date;           /* day, hour, minute; month, year: default 102050, 0814 */
    int rows, columns;                 /* default 900, 900 */
    int version, interval_min, power;  /* default 3, 5, -2 (of RX 0) */
    bool forecast;                     /* VV is there */
    int lead_min;
    long total;                        /* what BY says; default what is right */
    unsigned fill;                     /* default 0 */
    int n;
    const struct small_cell *cell;
};

#define SMALL_RADOLAN_ROOM (256 + 2 * 1200 * 1100)

/* Into `to`, SMALL_RADOLAN_ROOM bytes; returns how many. */
static inline size_t small_radolan(uint8_t *to, struct small_radolan r)
{
    const char *product = r.product ? r.product : "RY";
    char lead[16] = "", line[256] = "";
    const bool bytes = !strcmp(product, "RX");
    r.rows = r.rows ? r.rows : 900;
    r.columns = r.columns ? r.columns : 900;
    size_t cells = (size_t)r.rows * (size_t)r.columns, size = cells * (bytes ? 1 : 2), head = 0;
    if (r.forecast)
        snprintf(lead, sizeof lead, "VV %03d", r.lead_min);
    for (int k = 0; k < 2; k++) /* the second time with the length of the first in BY */
        head = (size_t)snprintf(line, sizeof line, "%s%s10000%sBY%7ldVS%2dSW   2.13.1PR E%+03dINT%4dGP%4dx%4d%sMS 10<boo,ess> \003",
                                product, r.time ? r.time : "102050", r.date ? r.date : "0814",
                                r.total ? r.total : (long)(head + size), r.version ? r.version : 3,
                                r.power ? r.power : bytes ? 0 : -2, r.interval_min ? r.interval_min : 5, r.rows,
                                r.columns, lead);
    REQUIRE(head < sizeof line && head + size <= SMALL_RADOLAN_ROOM);
    memcpy(to, line, head);
    for (size_t i = 0; i < cells; i++) {
        to[head + (bytes ? i : 2 * i)] = (uint8_t)r.fill;
        if (!bytes)
            to[head + 2 * i + 1] = (uint8_t)(r.fill >> 8);
    }
    for (int k = 0; k < r.n; k++) {
        size_t i = (size_t)r.cell[k].row * (size_t)r.columns + (size_t)r.cell[k].column;
        to[head + (bytes ? i : 2 * i)] = (uint8_t)r.cell[k].word;
        if (!bytes)
            to[head + 2 * i + 1] = (uint8_t)(r.cell[k].word >> 8);
    }
    return head + size;
}

#endif
