/* From message to message and field to field, by lengths alone. */
#include "grib.h"

#include <string.h>

#define MESSAGE_MAX (1u << 30) /* bytes */
#define STRAY_MAX 1024         /* octets between messages */

static enum sq_status cut(const char *path, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: GRIB file is cut or broken", path);
}

/* Section k of n octets, whose first `have` stand in *head. Moves to its end. */
static bool take(struct sq_packed *f, struct sq_grib *g, int k, uint32_t n, const uint8_t *head, uint32_t have)
{
    uint32_t keep = n < SQ_GRIB_HEAD ? n : SQ_GRIB_HEAD;
    if (n < have || n > g->end - g->next)
        return false;
    memset(g->s[k], 0, SQ_GRIB_HEAD);
    memcpy(g->s[k], head, have);
    g->n[k] = n;
    g->at[k] = g->next;
    g->next += n;
    return sq_packed_take(f, g->s[k] + have, keep - have) && sq_packed_seek(f, g->next);
}

/* ---- edition 1 ------------------------------------------------------------------------------------------- */

static bool take_old(struct sq_packed *f, struct sq_grib *g)
{
    static const uint32_t least[5] = {8, 28, 32, 6, 11};
    for (int k = 1; k <= 4; k++) {
        uint8_t head[3];
        if ((k == 2 && !(g->s[1][7] & 0x80)) || (k == 3 && !(g->s[1][7] & 0x40)))
            continue;
        if (g->end - g->next < 3 || !sq_packed_take(f, head, 3))
            return false;
        uint32_t n = sq_grib_uint(head, 3);
        if (n < least[k] || !take(f, g, k, n, head, 3))
            return false;
    }
    return g->next == g->end;
}

/* ---- edition 2 ------------------------------------------------------------------------------------------- */

/* Whether section k may follow section `last`. */
static bool follows(int k, int last)
{
    if (k == 2)
        return last == 1 || last == 7;
    if (k == 3)
        return last == 1 || last == 2 || last == 7;
    return k >= 1 && k <= 7 && (last == k - 1 || (k == 4 && last == 7));
}

/* Sections up to the next 7. */
static bool take_new(struct sq_packed *f, struct sq_grib *g)
{
    static const uint32_t least[8] = {16, 21, 5, 15, 9, 11, 6, 5};
    do {
        uint8_t head[5];
        if (g->end - g->next < 5 || !sq_packed_take(f, head, 5) || !follows(head[4], g->last))
            return false;
        uint32_t n = sq_grib_uint(head, 4);
        g->last = head[4];
        if (n < least[g->last] || !take(f, g, g->last, n, head, 5))
            return false;
        if (g->last == 6 && g->s[6][5] == 0) { /* fields that follow may say 254: the same again */
            g->map_at = g->at[6];
            g->map_n = n;
        }
    } while (g->last != 7);
    return g->s[6][5] != 254 || g->map_n;
}

/* ---- both ------------------------------------------------------------------------------------------------ */

/* Moves behind the next "GRIB". Stray octets before it occur where files were put together from byte ranges that are
 * one too long, or came as bulletins. *end is set at the end of the file, where less than a word may be left over. */
static bool find_start(struct sq_packed *f, size_t *at, bool *end)
{
    uint8_t head[4];
    long n = sq_packed_read(f, head, 4);
    *end = n >= 0 && n < 4;
    for (int k = 0; n == 4 && memcmp(head, "GRIB", 4) && k < STRAY_MAX; k++) {
        memmove(head, head + 1, 3);
        n = sq_packed_take(f, head + 3, 1) ? 4 : 0;
        (*at)++;
    }
    return *end || (n == 4 && !memcmp(head, "GRIB", 4));
}

static enum sq_status begin(struct sq_packed *f, const char *path, struct sq_grib *g, bool *end, struct sq_err *e)
{
    size_t at = g->end ? g->end + 4 : 0;
    uint8_t head[16] = "GRIB";
    *g = (struct sq_grib){0};
    if (!find_start(f, &at, end) || (!*end && !sq_packed_take(f, head + 4, 4)))
        return cut(path, e);
    if (*end)
        return SQ_OK;
    g->edition = head[7];
    if (g->edition != 1 && g->edition != 2)
        return sq_fail(e, SQ_FAILED, "%s: GRIB edition %d, only 1 and 2 are read", path, g->edition);
    if (g->edition == 2 && !sq_packed_take(f, head + 8, 8))
        return cut(path, e);
    uint32_t length = g->edition == 1 ? sq_grib_uint(head + 4, 3) : sq_grib_uint(head + 12, 4);
    if (length > MESSAGE_MAX || (g->edition == 2 && sq_grib_uint(head + 8, 4)))
        return sq_fail(e, SQ_FAILED, "%s: GRIB message claims more than %u bytes", path, MESSAGE_MAX);
    g->n[0] = g->edition == 1 ? 8 : 16;
    if (length < g->n[0] + 4)
        return cut(path, e);
    memcpy(g->s[0], head, g->n[0]);
    g->at[0] = at;
    g->next = at + g->n[0];
    g->end = at + length - 4;
    return SQ_OK;
}

enum sq_status sq_grib_next(struct sq_packed *f, const char *path, struct sq_grib *g, bool *end, struct sq_err *e)
{
    uint8_t tail[4];
    enum sq_status st = SQ_OK;
    *end = false;
    if (g->next == g->end)
        st = begin(f, path, g, end, e);
    if (st || *end)
        return st;
    if (!(g->edition == 1 ? take_old(f, g) : take_new(f, g)))
        return cut(path, e);
    if (g->next == g->end && (!sq_packed_take(f, tail, 4) || memcmp(tail, "7777", 4)))
        return cut(path, e);
    return SQ_OK;
}
