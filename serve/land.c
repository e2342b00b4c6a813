#include "land.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The zoom up to which a detail serves, and kilometres a pixel there at middle latitudes. */
static const struct {
    int zoom;
    double km_px;
} steps[] = {{2, 45}, {4, 9}, {7, 2}, {99, 0.4}};
enum { STEPS = sizeof steps / sizeof *steps, KINDS = 2, PATH_ROOM = 512, MARGIN = 64, THIN = 4 };

struct detail {
    char path[PATH_ROOM];
    struct sq_coast coast;
};

struct sq_land {
    int n_detail[KINDS];
    struct detail detail[KINDS][STEPS];
    int of_step[KINDS][STEPS];
};

/* ---- reading -------------------------------------------------------------------------------------------- */

static enum sq_status read_step(struct sq_land *l, enum sq_coast_kind kind, int step, struct sq_err *e)
{
    static const double world[4] = {0, -90, 360, 90};
    int *n = &l->n_detail[kind];
    struct detail *d = &l->detail[kind][*n];
    enum sq_status status = sq_coast_find(kind, steps[step].km_px, d->path, sizeof d->path, e);
    if (status)
        return status;
    for (int i = 0; i < *n; i++)
        if (!strcmp(l->detail[kind][i].path, d->path)) {
            l->of_step[kind][step] = i;
            return SQ_OK;
        }
    if ((status = sq_coast_read(d->path, world, &d->coast, e)))
        return status;
    l->of_step[kind][step] = (*n)++;
    return SQ_OK;
}

enum sq_status sq_land_read(struct sq_land **ret, struct sq_err *e)
{
    struct sq_land *l = calloc(1, sizeof *l);
    enum sq_status status = l ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for coastlines");
    for (int k = 0; k < KINDS && !status; k++)
        for (int i = 0; i < STEPS && !status; i++)
            status = read_step(l, k ? SQ_BORDER : SQ_COASTLINE, i, e);
    if (status)
        sq_land_destroy(&l);
    else
        *ret = l;
    return status;
}

void sq_land_destroy(struct sq_land **l)
{
    if (!*l)
        return;
    for (int k = 0; k < KINDS; k++)
        for (int i = 0; i < (*l)->n_detail[k]; i++)
            sq_coast_finish(&(*l)->detail[k][i].coast);
    free(*l);
    *l = NULL;
}

uint64_t sq_land_hash(const struct sq_land *l)
{
    uint64_t h = 1;
    for (int k = 0; k < KINDS && l; k++)
        for (int i = 0; i < l->n_detail[k]; i++)
            h = h * 0x100000001b3 + (uint64_t)l->detail[k][i].coast.n_point;
    return h;
}

/* ---- the map --------------------------------------------------------------------------------------------- */

#define PI 3.14159265358979323846

struct spot {
    double x, y; /* units of the tile */
};

/* A tile, and room for a ring or a line in it. */
struct sheet {
    int z, x, y;
    double turn; /* added to longitudes: 0 or -360 */
    int n, room;
    struct spot *spot, *spare;
    struct sq_text *t;
};

static struct spot project(const struct sheet *s, double lon, double lat)
{
    double n = ldexp(1, s->z), rad = fmax(-89, fmin(89, lat)) * PI / 180;
    return (struct spot){((lon + s->turn + 180) / 360 * n - s->x) * SQ_LAND_UNITS,
                         ((1 - asinh(tan(rad)) / PI) / 2 * n - s->y) * SQ_LAND_UNITS};
}

static bool grow(struct sheet *s, int more)
{
    if (s->n + more <= s->room)
        return true;
    int room = 2 * (s->n + more);
    struct spot *spot = realloc(s->spot, (size_t)room * sizeof *spot);
    s->spot = spot ? spot : s->spot;
    struct spot *spare = realloc(s->spare, 4 * (size_t)room * sizeof *spare); /* cutting may double a ring, twice */
    s->spare = spare ? spare : s->spare;
    if (spot && spare)
        s->room = room;
    s->t->failed |= !spot || !spare;
    return spot && spare;
}

static void add(struct sheet *s, double lon, double lat)
{
    if (grow(s, 1))
        s->spot[s->n++] = project(s, lon, lat);
}

/* The points of a line, without those that nobody could tell from the one before. */
static void add_line(struct sheet *s, const struct sq_coast *c, const struct sq_coast_line *l)
{
    struct spot last = {NAN, NAN};
    if (!grow(s, l->n))
        return;
    for (int i = l->first; i < l->first + l->n; i++) {
        struct spot p = project(s, c->lon[i], c->lat[i]);
        if (i > l->first && i < l->first + l->n - 1 && fabs(p.x - last.x) < THIN && fabs(p.y - last.y) < THIN)
            continue;
        s->spot[s->n++] = last = p;
    }
}

static void put_run(struct sheet *s, const struct spot *p, int n)
{
    sq_json_open(s->t, NULL, '[');
    for (int i = 0; i < n; i++) {
        sq_json_whole(s->t, NULL, lrint(p[i].x));
        sq_json_whole(s->t, NULL, lrint(p[i].y));
    }
    sq_json_close(s->t, ']');
}

/* ---- lines ------------------------------------------------------------------------------------------------ */

/* Which edges a spot lies beyond. */
static int beyond(const struct spot *p)
{
    const double lo = -MARGIN, hi = SQ_LAND_UNITS + MARGIN;
    return (p->x < lo) | (p->x > hi) << 1 | (p->y < lo) << 2 | (p->y > hi) << 3;
}

/* The stretches of the line on the sheet that may be seen. */
static void put_line(struct sheet *s)
{
    int begin = 0;
    for (int i = 1; i <= s->n; i++) {
        bool seen = i < s->n && !(beyond(&s->spot[i - 1]) & beyond(&s->spot[i]));
        if (seen)
            continue;
        if (i - begin >= 2)
            put_run(s, s->spot + begin, i - begin);
        begin = i;
    }
}

/* Bins touch the tile where it is `turn` away from theirs. */
static bool in_sight(const struct sheet *s, const struct sq_coast_bin *b)
{
    struct spot low = project(s, b->west, b->south), high = project(s, b->west + b->deg, b->south + b->deg);
    return low.x <= SQ_LAND_UNITS && high.x >= 0 && high.y <= SQ_LAND_UNITS && low.y >= 0;
}

static void put_lines(struct sheet *s, const struct sq_coast *c, int lowest, int highest)
{
    for (int turn = 0; turn < 2; turn++)
        for (int b = 0; b < c->n_bin; b++) {
            const struct sq_coast_bin *bin = &c->bin[b];
            s->turn = -360 * turn;
            if (!in_sight(s, bin))
                continue;
            for (int i = bin->first; i < bin->first + bin->n; i++) {
                if (c->line[i].level < lowest || c->line[i].level > highest)
                    continue;
                s->n = 0;
                add_line(s, c, &c->line[i]);
                put_line(s);
            }
        }
}

/* ---- land -------------------------------------------------------------------------------------------------- */

/* Cuts the ring at one edge of the tile (Sutherland and Hodgman 1974). */
static int cut(const struct spot *from, int n, bool by_x, double at, bool keep_less, struct spot *to)
{
    int made = 0;
    for (int i = 0; i < n; i++) {
        const struct spot *a = &from[i ? i - 1 : n - 1], *b = &from[i];
        double da = (by_x ? a->x : a->y) - at, db = (by_x ? b->x : b->y) - at;
        if ((da < 0) != (db < 0)) {
            double f = da / (da - db);
            to[made++] = (struct spot){a->x + f * (b->x - a->x), a->y + f * (b->y - a->y)};
        }
        if ((db < 0) == keep_less)
            to[made++] = *b;
    }
    return made;
}

/* The ring on the sheet. */
static void put_ring(struct sheet *s)
{
    const double lo = -MARGIN, hi = SQ_LAND_UNITS + MARGIN;
    struct spot *a = s->spare, *b = s->spare + 2 * s->room;
    if (s->n < 3)
        return;
    int n = cut(s->spot, s->n, true, lo, false, a);
    n = n <= s->room ? cut(a, n, true, hi, true, b) : 0;
    n = n <= s->room ? cut(b, n, false, lo, false, a) : 0;
    n = n <= s->room ? cut(a, n, false, hi, true, b) : 0;
    if (n >= 3)
        put_run(s, b, n);
}

/* Where a point lies on the sides of its bin: 0 to 4 counter-clockwise from the south-western corner, or -1. */
static double on_side(const struct sq_coast_bin *b, double lon, double lat)
{
    const double tiny = 1e-6;
    double x = (lon - b->west) / b->deg, y = (lat - b->south) / b->deg;
    return y < tiny ? x : x > 1 - tiny ? 1 + y : y > 1 - tiny ? 3 - x : x < tiny ? 4 - y : -1;
}

/* Makes a ring of a line that ends at sides of its bin, along these and counter-clockwise. Returns whether that passes
 * the south-western corner. */
static bool close_along_sides(struct sheet *s, const struct sq_coast *c, const struct sq_coast_bin *b,
                              const struct sq_coast_line *l)
{
    int last = l->first + l->n - 1;
    double from = on_side(b, c->lon[last], c->lat[last]), to = on_side(b, c->lon[l->first], c->lat[l->first]);
    if (l->closed || from < 0 || to < 0)
        return false;
    bool round = to < from;
    for (int corner = (int)floor(from) + 1; corner < to + 4 * round; corner++)
        add(s, b->west + (corner % 4 == 1 || corner % 4 == 2) * b->deg, b->south + (corner % 4 >= 2) * b->deg);
    return round;
}

/* Crossing a line turns land into water and back. So the bin is filled by the even-odd rule, all its lines made rings
 * anyhow within the bin, and where that gets the south-western corner wrong, by the whole bin as one more ring. */
static void put_bin(struct sheet *s, const struct sq_coast *c, const struct sq_coast_bin *b)
{
    bool land = false;
    for (int i = b->first; i < b->first + b->n; i++) {
        if (c->line[i].level > 5) /* Antarctica is counted with its ice */
            continue;
        s->n = 0;
        add_line(s, c, &c->line[i]);
        land ^= close_along_sides(s, c, b, &c->line[i]);
        put_ring(s);
    }
    if (land == b->land)
        return;
    s->n = 0;
    add(s, b->west, b->south);
    add(s, b->west + b->deg, b->south);
    add(s, b->west + b->deg, b->south + b->deg);
    add(s, b->west, b->south + b->deg);
    put_ring(s);
}

static void put_land(struct sheet *s, const struct sq_coast *c)
{
    for (int turn = 0; turn < 2; turn++)
        for (int b = 0; b < c->n_bin; b++) {
            s->turn = -360 * turn;
            if (in_sight(s, &c->bin[b]))
                put_bin(s, c, &c->bin[b]);
        }
}

/* ---- a tile -------------------------------------------------------------------------------------------------- */

static const struct sq_coast *detail_of(const struct sq_land *l, enum sq_coast_kind kind, int z)
{
    int step = 0;
    while (z > steps[step].zoom)
        step++;
    return &l->detail[kind][l->of_step[kind][step]].coast;
}

void sq_land_tile(const struct sq_land *l, int z, int x, int y, struct sq_text *ret)
{
    static const struct sq_coast nothing;
    static const struct {
        const char *key;
        enum sq_coast_kind kind;
        int lowest, highest; /* levels */
    } lines[] = {{"coast", SQ_COASTLINE, 1, 1}, {"lake", SQ_COASTLINE, 2, 4}, {"country", SQ_BORDER, 1, 1},
                 {"state", SQ_BORDER, 2, 2}};
    struct sheet s = {.z = z, .x = x, .y = y, .t = ret};
    sq_json_open(ret, NULL, '{');
    sq_json_open(ret, "land", '[');
    put_land(&s, l ? detail_of(l, SQ_COASTLINE, z) : &nothing);
    sq_json_close(ret, ']');
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        sq_json_open(ret, lines[i].key, '[');
        put_lines(&s, l ? detail_of(l, lines[i].kind, z) : &nothing, lines[i].lowest, lines[i].highest);
        sq_json_close(ret, ']');
    }
    sq_json_close(ret, '}');
    sq_text_put(ret, "\n");
    free(s.spot);
    free(s.spare);
}
