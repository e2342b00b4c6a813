/* Thin straight rays: emitters, the sun, broken sectors. They are sought anywhere, for composites forget where their
 * radars stand.
 *
 * 1. Thin: cells well above the opening of the field (erosion, then dilation, by a square), that is, above
 *    whatever is wide enough to hold the square.
 * 2. Connected thin cells, where they reach far enough to be a ray.
 * 3. Straight: for each of ANGLES directions the cells of a connected piece fall into strips across it (a Hough
 *    transform that keeps the places). A stretch of two strips that is nearly full, long enough, and has next to
 *    nothing thin on either side is a ray.
 *
 * Lengths are counted along the axis that a ray is closer to: a line one cell wide has one cell a step of it. */
#include "quality.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 5         /* of the square, cells */
#define PROMINENT 2.5f /* times the opening */
#define TRACE_MMH 0.1f
#define ANGLES 256
#define GAP_MAX 2        /* cells missing in a row within a ray */
#define FULL 0.9         /* least part of a ray that is there */
#define NEAR 4           /* cells to the side where it is to be weaker by half */
#define FAR 6
#define SUPPORT 4        /* cells: how far rain strays from its motion in a step */
#define OUT 0.8          /* least part of the ray where it is so */

enum { THICK, THIN, VISITED, RAY };

/* A connected piece of thin cells. */
struct piece {
    int nx, ny, least;
    float *wet;         /* (ny, nx): the rate, 0 where it is NaN */
    uint8_t *thin;      /* (ny, nx) */
    int (*at)[2];       /* x, y of each cell */
    int n;
    int lo[2], hi[2];   /* its box, inclusive */
    int *order;         /* indices of cells, strip by strip */
    int *strip;         /* where each strip begins in `order` */
    uint8_t *there;     /* along a strip */
};

/* One direction of strips. */
struct angle {
    double across[2]; /* unit vector across the strips */
    double first;     /* coordinate across of the edge of strip 0 */
    int strips;
    int along;        /* the axis of steps: 0 x, 1 y */
};

/* ---- thin ------------------------------------------------------------------------------------------------ */

static float pick(float a, float b, bool most)
{
    return (a > b) == most ? a : b;
}

/* The smallest (largest) of the SIDE cells round each of n, `stride` apart. */
static inline void extreme(const float *from, ptrdiff_t stride, int n, bool most, float *to)
{
    for (int x = 0; x < n; x++) {
        const float *p = from + x;
        float far = pick(p[-2 * stride], p[2 * stride], most), near = pick(p[-stride], p[stride], most);
        to[x] = pick(pick(far, near, most), p[0], most);
    }
}

SQ_HOT static void smallest(const float *from, ptrdiff_t stride, int n, float *to)
{
    extreme(from, stride, n, false, to);
}

SQ_HOT static void largest(const float *from, ptrdiff_t stride, int n, float *to)
{
    extreme(from, stride, n, true, to);
}

/* Erosion, or dilation, of plane a in place; b is room of its size. The two outer cells keep what they have. */
static void shape(float *a, float *b, int nx, int ny, void (*pass)(const float *, ptrdiff_t, int, float *))
{
    for (int y = 0; y < ny; y++)
        pass(a + (size_t)y * (size_t)nx + 2, 1, nx - 4, b + (size_t)y * (size_t)nx + 2);
    for (int y = 2; y < ny - 2; y++)
        pass(b + (size_t)y * (size_t)nx + 2, nx, nx - 4, a + (size_t)y * (size_t)nx + 2);
}

SQ_HOT static size_t mark_row(const float *wet, const float *opened, int n, uint8_t *thin)
{
    size_t count = 0;
    for (int x = 0; x < n; x++) {
        thin[x] = (wet[x] >= TRACE_MMH) & (wet[x] > PROMINENT * opened[x]);
        count += thin[x];
    }
    return count;
}

/* Marks the thin cells, but within SIDE - 1 of the edge of the grid, and counts them. */
static enum sq_status mark_thin(const float *wet, int nx, int ny, uint8_t *thin, size_t *ret_n, struct sq_err *e)
{
    const size_t n = (size_t)nx * (size_t)ny;
    float *opened = NULL, *room = NULL;
    enum sq_status s = sq_alloc((void **)&opened, n, sizeof *opened, "an opened field", e);
    if (!s)
        s = sq_alloc((void **)&room, n, sizeof *room, "an opened field", e);
    *ret_n = 0;
    if (!s) {
        memcpy(opened, wet, n * sizeof *opened);
        shape(opened, room, nx, ny, smallest);
        shape(opened, room, nx, ny, largest);
        for (int y = SIDE - 1; y <= ny - SIDE; y++) {
            const size_t at = (size_t)y * (size_t)nx + SIDE - 1;
            *ret_n += mark_row(wet + at, opened + at, nx - 2 * (SIDE - 1), thin + at);
        }
    }
    free(opened);
    free(room);
    return s;
}

/* ---- connected ------------------------------------------------------------------------------------------- */

static void add(struct piece *p, int x, int y)
{
    p->thin[(size_t)y * (size_t)p->nx + (size_t)x] = VISITED;
    p->at[p->n][0] = x;
    p->at[p->n++][1] = y;
    p->lo[0] = x < p->lo[0] ? x : p->lo[0];
    p->hi[0] = x > p->hi[0] ? x : p->hi[0];
    p->lo[1] = y < p->lo[1] ? y : p->lo[1];
    p->hi[1] = y > p->hi[1] ? y : p->hi[1];
}

/* The piece that (x, y) belongs to. Thin cells are never at the edge of the grid. */
static void follow(struct piece *p, int x, int y)
{
    p->n = 0;
    p->lo[0] = p->hi[0] = x;
    p->lo[1] = p->hi[1] = y;
    add(p, x, y);
    for (int k = 0; k < p->n; k++)
        for (int i = 0; i < 9; i++) {
            int u = p->at[k][0] + i % 3 - 1, v = p->at[k][1] + i / 3 - 1;
            if (p->thin[(size_t)v * (size_t)p->nx + (size_t)u] == THIN)
                add(p, u, v);
        }
}

/* ---- straight -------------------------------------------------------------------------------------------- */

static struct angle direction(const struct piece *p, int k)
{
    const double phi = M_PI * k / ANGLES;
    struct angle a = {.across = {-sin(phi), cos(phi)}, .along = fabs(cos(phi)) < fabs(sin(phi))};
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < 4; i++) {
        double c = a.across[0] * (i & 1 ? p->hi[0] : p->lo[0]) + a.across[1] * (i & 2 ? p->hi[1] : p->lo[1]);
        lo = fmin(lo, c);
        hi = fmax(hi, c);
    }
    a.first = lo - 0.5;
    a.strips = (int)(hi - a.first) + 1;
    return a;
}

static int strip_of(const struct angle *a, const int at[2])
{
    return (int)(a->across[0] * at[0] + a->across[1] * at[1] - a->first);
}

/* Counts the cells of each strip into p->strip[1...] and returns the most of two neighbours. */
static int count_strips(struct piece *p, const struct angle *a)
{
    int most = 0;
    memset(p->strip, 0, ((size_t)a->strips + 2) * sizeof *p->strip);
    for (int i = 0; i < p->n; i++)
        p->strip[strip_of(a, p->at[i]) + 1]++;
    for (int b = 1; b <= a->strips; b++) {
        int two = p->strip[b] + p->strip[b + 1];
        most = two > most ? two : most;
    }
    return most;
}

/* Sorts the cells by strip: strip b is order[strip[b]] to order[strip[b + 1] - 1]. */
static void sort_strips(struct piece *p, const struct angle *a)
{
    for (int b = 1; b <= a->strips; b++)
        p->strip[b] += p->strip[b - 1];
    for (int i = p->n - 1; i >= 0; i--)
        p->order[--p->strip[strip_of(a, p->at[i]) + 1]] = i;
    for (int b = 0; b < a->strips; b++)
        p->strip[b] = p->strip[b + 1];
    p->strip[a->strips] = p->n;
}

static float wet_at(const struct piece *p, int x, int y)
{
    return x >= 0 && x < p->nx && y >= 0 && y < p->ny ? p->wet[(size_t)y * (size_t)p->nx + (size_t)x] : 0;
}

/* The rate at step s along strips b and b + 1, `off` cells to their side. */
static float rate_beside(const struct piece *p, const struct angle *a, int b, int s, double off)
{
    int at[2];
    at[a->along] = s;
    at[!a->along] = (int)lround((a->first + b + 1 + off - a->across[a->along] * s) / a->across[!a->along]);
    return wet_at(p, at[0], at[1]);
}

/* Does the stretch [from, to) of strips b and b + 1 stand out from both sides nearly everywhere? */
static bool stands_out(const struct piece *p, const struct angle *a, int b, int from, int to)
{
    int lost = 0;
    for (int s = from; s < to; s++) {
        float ray = 0, side = 0;
        for (int k = -1; k <= 1; k++)
            ray = fmaxf(ray, rate_beside(p, a, b, s, k));
        for (int k = -1; k <= 1; k += 2)
            side = fmaxf(side, fmaxf(rate_beside(p, a, b, s, k * NEAR), rate_beside(p, a, b, s, k * FAR)));
        lost += side > 0.5f * ray;
    }
    return lost <= (1 - OUT) * (to - from);
}

static void mark_ray(struct piece *p, const struct angle *a, int b, int from, int to)
{
    for (int i = p->strip[b]; i < p->strip[b + 2]; i++) {
        const int *at = p->at[p->order[i]];
        if (at[a->along] >= from && at[a->along] < to)
            p->thin[(size_t)at[1] * (size_t)p->nx + (size_t)at[0]] = RAY;
    }
}

/* Looks for rays in strips b and b + 1. */
static void scan_strip(struct piece *p, const struct angle *a, int b)
{
    const int lo = p->lo[a->along], n = p->hi[a->along] - lo + 1;
    int from = -1, last = -1, there = 0;
    memset(p->there, 0, (size_t)n);
    for (int i = p->strip[b]; i < p->strip[b + 2]; i++)
        p->there[p->at[p->order[i]][a->along] - lo] = 1;
    for (int s = 0; s <= n + GAP_MAX; s++) {
        if (s < n && p->there[s]) {
            from = from < 0 ? s : from;
            last = s;
            there++;
        } else if (from >= 0 && s - last > GAP_MAX) {
            const int length = last + 1 - from;
            if (length >= p->least && there >= FULL * length && stands_out(p, a, b, lo + from, lo + last + 1))
                mark_ray(p, a, b, lo + from, lo + last + 1);
            from = -1;
            there = 0;
        }
    }
}

static void find_rays(struct piece *p)
{
    const int enough = (int)(FULL * p->least);
    for (int k = 0; k < ANGLES; k++) {
        const struct angle a = direction(p, k);
        if (p->hi[a.along] - p->lo[a.along] + 1 < p->least || count_strips(p, &a) < enough)
            continue;
        sort_strips(p, &a);
        for (int b = 0; b < a.strips - 1; b++)
            if (p->strip[b + 2] - p->strip[b] >= enough)
                scan_strip(p, &a, b);
    }
}

/* Does the frame beside have at least half the rate of (x, y) round where that was? */
static bool supported(const struct piece *p, const struct sq_beside *b, int x, int y)
{
    const float enough = 0.5f * wet_at(p, x, y);
    x -= b->moved[0];
    y -= b->moved[1];
    for (int v = y - SUPPORT; v <= y + SUPPORT; v++)
        for (int u = x - SUPPORT; u <= x + SUPPORT; u++)
            if (u >= 0 && u < p->nx && v >= 0 && v < p->ny &&
                b->rate_mmh[(size_t)v * (size_t)p->nx + (size_t)u] >= enough)
                return true;
    return false;
}

/* Rejects the cells of rays, unless most of them were there in the frame beside: narrow bands of rain stay from
 * frame to frame. */
static void reject_rays(const struct piece *p, const struct sq_beside *b, struct sq_examined *f)
{
    int n = 0, kept = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < p->n; i++) {
            const int x = p->at[i][0], y = p->at[i][1];
            const size_t at = (size_t)y * (size_t)p->nx + (size_t)x;
            if (p->thin[at] != RAY)
                continue;
            if (pass && 2 * kept < n)
                sq_quality_reject(f, NULL, at, SQ_FAULT_SPOKE);
            n += !pass;
            kept += !pass && supported(p, b, x, y);
        }
}

enum sq_status sq_quality_spokes(struct sq_examined *f, const struct sq_beside *beside, int least_cells,
                                 struct sq_err *e)
{
    struct piece p = {.nx = f->nx, .ny = f->ny, .least = least_cells};
    const size_t n = (size_t)f->nx * (size_t)f->ny, around = (size_t)f->nx + (size_t)f->ny;
    size_t n_thin = 0;
    if (f->nx < 2 * SIDE || f->ny < 2 * SIDE)
        return SQ_OK;
    enum sq_status s = sq_alloc((void **)&p.wet, n, sizeof *p.wet, "a frame", e);
    for (size_t i = 0; i < n && !s; i++)
        p.wet[i] = f->rate_mmh[i] > 0 ? f->rate_mmh[i] : 0;
    if (!s)
        s = sq_alloc((void **)&p.thin, n, sizeof *p.thin, "thin cells", e);
    if (!s)
        s = mark_thin(p.wet, f->nx, f->ny, p.thin, &n_thin, e);
    if (!s)
        s = sq_alloc((void **)&p.at, n_thin, sizeof *p.at, "thin cells", e);
    if (!s)
        s = sq_alloc((void **)&p.order, n_thin, sizeof *p.order, "thin cells", e);
    if (!s)
        s = sq_alloc((void **)&p.strip, around + 8, sizeof *p.strip, "strips", e);
    if (!s)
        s = sq_alloc((void **)&p.there, around, 1, "a strip", e);
    for (size_t i = 0; i < n && !s; i++) {
        if (p.thin[i] != THIN)
            continue;
        follow(&p, (int)(i % (size_t)f->nx), (int)(i / (size_t)f->nx));
        if (p.n >= FULL * p.least && (p.hi[0] - p.lo[0] + 1 >= p.least || p.hi[1] - p.lo[1] + 1 >= p.least)) {
            find_rays(&p);
            reject_rays(&p, beside, f);
        }
    }
    free(p.wet);
    free(p.thin);
    free(p.at);
    free(p.order);
    free(p.strip);
    free(p.there);
    return s;
}
