/* One grid onto another, by the places that regrid_places.h finds.
 *
 * One rule samples for all methods: a box, as wide as a part of the target cell but at most one source cell,
 * takes the mean of the source cells under it. A box of width 1 is bilinear interpolation, and boxes that tile
 * the target cell give its area mean. */
#include "regrid_places.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 256 };
#define TAPS_MAX ((size_t)1 << 24)
#define CELL_TAPS_MAX 400
static const float enough = 0.5f - 1e-4f;   /* half of the weight, but for rounding */
static const double coarser = 1.5 - 1e-3;

struct sq_regrid {
    struct sq_grid from, to;
    enum sq_regrid_method method;
    int period;       /* columns round the earth where the source goes round it; else 0 */
    size_t stride;    /* to.nx + 2 */
    float *col, *row; /* (to.ny + 2, to.nx + 2); NaN where the map has no such place */
    struct taps *taps; /* NULL: weights are worked out each time */
};

/* Target cell i is the mean of source cells tap[first[i]] to tap[first[i + 1] - 1], if at least `need[i]` of their
 * weight was observed. */
struct tap {
    uint32_t at;
    float weight;
};
struct taps {
    size_t *first; /* [cells + 1] */
    float *need;   /* [cells] */
    struct tap *tap;
    size_t n, room;
};

/* ---- from positions to cells --------------------------------------------------------------------------- */

/* floorf of what fits an int: a call of the C library costs more than the rest of a sample. */
static inline int below(float x)
{
    int i = (int)x;
    return i - ((float)i > x);
}

static inline bool inside(const struct sq_regrid *r, float col, float row)
{
    return (r->period || (col >= -0.5f && col <= (float)r->from.nx - 0.5f)) && row >= -0.5f &&
           row <= (float)r->from.ny - 0.5f;
}

/* Index of column j of the source, which may be one beyond its ends. */
static inline int wrap(const struct sq_regrid *r, int j)
{
    if (j < 0)
        return r->period ? r->period - 1 : 0;
    if (j >= r->from.nx)
        return r->period ? j - r->period : r->from.nx - 1;
    return j;
}

static inline int clip(int i, int n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

static inline size_t nearest(const struct sq_regrid *r, float col, float row)
{
    int i = wrap(r, below(col + 0.5f)), j = clip(below(row + 0.5f), r->from.ny);
    return (size_t)j * (size_t)r->from.nx + (size_t)i;
}

/* Cells of a known quality are weighed by it among themselves; to the mean of all they contribute as much as they
 * cover, so that cells whose quality nobody knows are neither better nor worse. */
struct sums {
    float sum, seen;               /* of cells without a quality: value x cover, cover */
    float rated, weight, covered;  /* of those with one above 0: value x quality x cover, quality x cover, cover */
};

/* Adds what is under a box round (col, row), 1/qx x 1/qy cells. */
static inline void sample(const struct sq_regrid *r, const float *src, const float *quality, float col, float row, float qx,
                          float qy, struct sums *s)
{
    int left = below(col), top = below(row);
    float u = 0.5f + (col - (float)left - 0.5f) * qx, v = 0.5f + (row - (float)top - 0.5f) * qy;
    u = u < 0 ? 0 : u > 1 ? 1 : u;
    v = v < 0 ? 0 : v > 1 ? 1 : v;
    size_t i0 = (size_t)wrap(r, left), i1 = (size_t)wrap(r, left + 1), nx = (size_t)r->from.nx;
    size_t j0 = (size_t)clip(top, r->from.ny) * nx, j1 = (size_t)clip(top + 1, r->from.ny) * nx;
    const size_t at[4] = {j0 + i0, j0 + i1, j1 + i0, j1 + i1};
    const float cover[4] = {(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v};
    for (int k = 0; k < 4; k++) {
        float value = src[at[k]], q = quality ? quality[at[k]] : NAN;
        if (isnan(value))
            continue;
        if (isnan(q)) {
            s->sum += cover[k] * value;
            s->seen += cover[k];
        } else if (q > 0) {
            s->rated += cover[k] * q * value;
            s->weight += cover[k] * q;
            s->covered += cover[k];
        }
    }
}

/* The mean, NaN where less than half of `cover` was observed. */
static inline float mean(const struct sums *s, float cover)
{
    float seen = s->seen + s->covered;
    if (!(seen >= enough * cover))
        return NAN;
    return s->covered > 0 ? (s->sum + s->rated / s->weight * s->covered) / seen : s->sum / seen;
}

/* How far position p moves from one target cell to the next, half the way over both neighbours. */
static inline float slope(const float *p, size_t stride, float period)
{
    float before = isnan(p[-(ptrdiff_t)stride]) ? *p : p[-(ptrdiff_t)stride];
    float after = isnan(p[stride]) ? *p : p[stride];
    float d = after - before;
    if (period > 0 && fabsf(d) > period / 2)
        d -= copysignf(period, d);
    return isnan(p[-(ptrdiff_t)stride]) || isnan(p[stride]) ? d : d / 2;
}

/* Source cells that a target cell is long, along its two sides, in columns and rows. */
struct shape {
    float col_i, col_j, row_i, row_j;
};

static inline struct shape shape_at(const struct sq_regrid *r, size_t at, float turn)
{
    return (struct shape){slope(r->col + at, 1, turn), slope(r->col + at, r->stride, turn),
                          slope(r->row + at, 1, 0), slope(r->row + at, r->stride, 0)};
}

static inline int parts(float a, float b)
{
    float x = fabsf(a), y = fabsf(b), n = (x > y ? x : y) - 1e-3f; /* two cells, but for rounding, are two */
    return n > PARTS ? PARTS : n > 1 ? -below(-n) : 1;
}

/* 1 / the width of the box for one of ni x nj parts. */
static inline float narrow(float along_i, int ni, float along_j, int nj)
{
    float i = along_i / (float)ni, j = along_j / (float)nj, s = sqrtf(i * i + j * j);
    return s > 1 ? 1 : s > 1e-3f ? 1 / s : 1e3f;
}

/* The mean over target cell `at`. */
static inline float area_mean(const struct sq_regrid *r, const float *src, const float *quality, size_t at, float turn)
{
    struct shape c = shape_at(r, at, turn);
    int ni = parts(c.col_i, c.row_i), nj = parts(c.col_j, c.row_j);
    float qx = narrow(c.col_i, ni, c.col_j, nj), qy = narrow(c.row_i, ni, c.row_j, nj);
    struct sums all = {0};
    for (int j = 0; j < nj; j++) {
        struct sums line = {0}; /* short sums first: keeps a constant field constant */
        for (int i = 0; i < ni; i++) {
            float s = ((float)i + 0.5f) / (float)ni - 0.5f, t = ((float)j + 0.5f) / (float)nj - 0.5f;
            float col = r->col[at] + s * c.col_i + t * c.col_j, row = r->row[at] + s * c.row_i + t * c.row_j;
            if (r->period)
                col -= (float)r->period * (float)below((col + 0.5f) / (float)r->period);
            if (inside(r, col, row))
                sample(r, src, quality, col, row, qx, qy, &line);
        }
        all.sum += line.sum;
        all.seen += line.seen;
        all.rated += line.rated;
        all.weight += line.weight;
        all.covered += line.covered;
    }
    return mean(&all, (float)ni * (float)nj);
}

/* ---- weights worked out --------------------------------------------------------------------------------- */

static bool add_tap(struct taps *t, size_t begin, size_t at, float weight)
{
    if (!(weight > 0))
        return true;
    if (t->n - begin > CELL_TAPS_MAX) /* looking through them would take long */
        return false;
    for (size_t i = begin; i < t->n; i++)
        if (t->tap[i].at == at) {
            t->tap[i].weight += weight;
            return true;
        }
    if (t->n == t->room) {
        const size_t room = t->room ? 2 * t->room : 1 << 20;
        struct tap *more = room > TAPS_MAX ? NULL : realloc(t->tap, room * sizeof *more);
        if (!more)
            return false;
        t->tap = more;
        t->room = room;
    }
    t->tap[t->n++] = (struct tap){(uint32_t)at, weight};
    return true;
}

/* What `sample` adds up. */
static bool tap_sample(const struct sq_regrid *r, struct taps *t, size_t begin, float col, float row, float qx, float qy)
{
    int left = below(col), top = below(row);
    float u = 0.5f + (col - (float)left - 0.5f) * qx, v = 0.5f + (row - (float)top - 0.5f) * qy;
    u = u < 0 ? 0 : u > 1 ? 1 : u;
    v = v < 0 ? 0 : v > 1 ? 1 : v;
    size_t i0 = (size_t)wrap(r, left), i1 = (size_t)wrap(r, left + 1), nx = (size_t)r->from.nx;
    size_t line0 = (size_t)clip(top, r->from.ny) * nx, line1 = (size_t)clip(top + 1, r->from.ny) * nx;
    return add_tap(t, begin, line0 + i0, (1 - u) * (1 - v)) && add_tap(t, begin, line0 + i1, u * (1 - v)) &&
           add_tap(t, begin, line1 + i0, (1 - u) * v) && add_tap(t, begin, line1 + i1, u * v);
}

/* What `area_mean` goes through. */
static bool tap_area(const struct sq_regrid *r, struct taps *t, size_t at, float turn, float *ret_parts)
{
    const size_t begin = t->n;
    struct shape c = shape_at(r, at, turn);
    int ni = parts(c.col_i, c.row_i), nj = parts(c.col_j, c.row_j);
    float qx = narrow(c.col_i, ni, c.col_j, nj), qy = narrow(c.row_i, ni, c.row_j, nj);
    *ret_parts = (float)ni * (float)nj;
    for (int j = 0; j < nj; j++)
        for (int i = 0; i < ni; i++) {
            float s = ((float)i + 0.5f) / (float)ni - 0.5f, v = ((float)j + 0.5f) / (float)nj - 0.5f;
            float col = r->col[at] + s * c.col_i + v * c.col_j, row = r->row[at] + s * c.row_i + v * c.row_j;
            if (r->period)
                col -= (float)r->period * (float)below((col + 0.5f) / (float)r->period);
            if (inside(r, col, row) && !tap_sample(r, t, begin, col, row, qx, qy))
                return false;
        }
    return true;
}

/* The weights of one target cell; false where there are too many. */
static bool tap_cell(const struct sq_regrid *r, struct taps *t, size_t at, float turn, float *ret_need)
{
    float col = r->col[at], row = r->row[at], whole = 1;
    bool fits = true;
    if (inside(r, col, row)) {
        if (r->method == SQ_REGRID_NEAREST)
            fits = add_tap(t, t->n, nearest(r, col, row), 1);
        else if (r->method == SQ_REGRID_AREA)
            fits = tap_area(r, t, at, turn, &whole);
        else
            fits = tap_sample(r, t, t->n, col, row, 1, 1);
    }
    *ret_need = enough * whole;
    return fits;
}

static void drop_taps(struct taps **t)
{
    if (!*t)
        return;
    free((*t)->first);
    free((*t)->need);
    free((*t)->tap);
    free(*t);
    *t = NULL;
}

static void apply_taps(const struct taps *t, size_t cells, const float *src, float *dst)
{
    for (size_t i = 0; i < cells; i++) {
        float sum = 0, seen = 0;
        for (const struct tap *k = t->tap + t->first[i]; k < t->tap + t->first[i + 1]; k++) {
            const float v = src[k->at];
            const bool there = !isnan(v);
            sum += there ? k->weight * v : 0;
            seen += there ? k->weight : 0;
        }
        dst[i] = seen >= t->need[i] ? sum / seen : NAN;
    }
}

/* ---- cell by cell --------------------------------------------------------------------------------------- */

static inline float value_at(const struct sq_regrid *r, const float *src, const float *quality, size_t at, float turn)
{
    float col = r->col[at], row = r->row[at];
    struct sums s = {0};
    if (!inside(r, col, row))
        return NAN;
    if (r->method == SQ_REGRID_NEAREST) {
        size_t i = nearest(r, col, row);
        return quality && quality[i] == 0 ? NAN : src[i];
    }
    if (r->method == SQ_REGRID_AREA)
        return area_mean(r, src, quality, at, turn);
    sample(r, src, quality, col, row, 1, 1, &s);
    return mean(&s, 1);
}

/* ---- the plan ------------------------------------------------------------------------------------------ */

/* Counts target cells inside the source; *ret_factor: how many times coarser they are, on average. */
static size_t survey(const struct sq_regrid *r, double *ret_factor)
{
    double sum = 0;
    size_t n = 0;
    for (int j = 0; j < r->to.ny; j++)
        for (int i = 0; i < r->to.nx; i++) {
            size_t at = (size_t)(j + 1) * r->stride + (size_t)(i + 1);
            if (!inside(r, r->col[at], r->row[at]))
                continue;
            struct shape c = shape_at(r, at, (float)sq_places_turn(&r->from));
            sum += sqrt(fabs((double)c.col_i * c.row_j - (double)c.col_j * c.row_i));
            n++;
        }
    *ret_factor = sum / (double)n;
    return n;
}

enum sq_status sq_regrid_create(const struct sq_grid *from, const struct sq_grid *to, enum sq_regrid_method method,
                                struct sq_regrid **ret, struct sq_err *e)
{
    struct sq_regrid *r = NULL;
    size_t cells = ((size_t)to->nx + 2) * ((size_t)to->ny + 2);
    enum sq_status status;
    double factor;
    if ((status = sq_grid_check(from, "source grid", e)) || (status = sq_grid_check(to, "target grid", e)))
        return status;
    if ((status = sq_alloc((void **)&r, 1, sizeof *r, "a regridding plan", e)) ||
        (status = sq_alloc((void **)&r->col, cells, sizeof *r->col, "a regridding plan", e)) ||
        (status = sq_alloc((void **)&r->row, cells, sizeof *r->row, "a regridding plan", e)) ||
        (status = sq_places_find(from, to, r->col, r->row, e)))
        goto fail;
    r->from = *from;
    r->to = *to;
    r->stride = (size_t)to->nx + 2;
    const double turn = sq_places_turn(from);
    r->period = turn > 0 && from->nx > turn - 0.01 ? (int)lround(turn) : 0;
    if (!survey(r, &factor)) {
        status = sq_fail(e, SQ_FAILED, "the target grid (%d x %d cells) lies outside of the data", to->nx, to->ny);
        goto fail;
    }
    r->method = method != SQ_REGRID_AUTO ? method : factor >= coarser ? SQ_REGRID_AREA : SQ_REGRID_BILINEAR;
    *ret = r;
    r = NULL;
fail:
    sq_regrid_destroy(&r);
    return status;
}

struct sq_window sq_regrid_window(const struct sq_regrid *r)
{
    const struct sq_window all = {0, 0, r->from.ny, r->from.nx, r->from.ny, r->from.nx};
    float lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY}; /* of columns and rows under target cells */
    if (r->period)
        return all;
    for (int j = 0; j < r->to.ny; j++)
        for (int i = 0; i < r->to.nx; i++) {
            size_t at = (size_t)(j + 1) * r->stride + (size_t)(i + 1);
            if (!inside(r, r->col[at], r->row[at]))
                continue;
            struct shape c = shape_at(r, at, (float)sq_places_turn(&r->from));
            float half[2] = {(fabsf(c.col_i) + fabsf(c.col_j)) / 2, (fabsf(c.row_i) + fabsf(c.row_j)) / 2};
            lo[0] = fminf(lo[0], r->col[at] - half[0]), hi[0] = fmaxf(hi[0], r->col[at] + half[0]);
            lo[1] = fminf(lo[1], r->row[at] - half[1]), hi[1] = fmaxf(hi[1], r->row[at] + half[1]);
        }
    int first[2], last[2], n[2] = {r->from.nx, r->from.ny};
    for (int k = 0; k < 2; k++) { /* a sample reaches one cell farther, and a plan for the window may round otherwise */
        first[k] = clip(below(fmaxf(lo[k], 0)) - 2, n[k]);
        last[k] = clip(below(fminf(hi[k], (float)n[k])) + 3, n[k]);
    }
    return (struct sq_window){first[1], first[0], last[1] - first[1] + 1, last[0] - first[0] + 1, r->from.ny, r->from.nx};
}

void sq_regrid_destroy(struct sq_regrid **r)
{
    if (!*r)
        return;
    free((*r)->col);
    free((*r)->row);
    drop_taps(&(*r)->taps);
    free(*r);
    *r = NULL;
}

void sq_regrid_prepare(struct sq_regrid *r)
{
    const size_t cells = sq_grid_cells(&r->to);
    float turn = (float)sq_places_turn(&r->from);
    struct taps *t = NULL;
    size_t n = 0;
    bool fits = !r->taps && !sq_alloc((void **)&t, 1, sizeof *t, "weights", NULL) &&
                !sq_alloc((void **)&t->first, cells + 1, sizeof *t->first, "weights", NULL) &&
                !sq_alloc((void **)&t->need, cells, sizeof *t->need, "weights", NULL);
    for (int j = 0; j < r->to.ny && fits; j++)
        for (int i = 0; i < r->to.nx && fits; i++, n++) {
            fits = tap_cell(r, t, (size_t)(j + 1) * r->stride + (size_t)(i + 1), turn, &t->need[n]);
            t->first[n + 1] = t->n;
        }
    if (fits)
        r->taps = t;
    else
        drop_taps(&t);
}

void sq_regrid_apply(const struct sq_regrid *r, const float *src, float *dst)
{
    float turn = (float)sq_places_turn(&r->from);
    if (r->taps) {
        apply_taps(r->taps, sq_grid_cells(&r->to), src, dst);
        return;
    }
    for (int j = 0; j < r->to.ny; j++)
        for (int i = 0; i < r->to.nx; i++)
            *dst++ = value_at(r, src, NULL, (size_t)(j + 1) * r->stride + (size_t)(i + 1), turn);
}

void sq_regrid_weighted(const struct sq_regrid *r, const float *src, const float *quality, float *dst)
{
    float turn = (float)sq_places_turn(&r->from);
    if (!quality) {
        sq_regrid_apply(r, src, dst);
        return;
    }
    for (int j = 0; j < r->to.ny; j++)
        for (int i = 0; i < r->to.nx; i++)
            *dst++ = value_at(r, src, quality, (size_t)(j + 1) * r->stride + (size_t)(i + 1), turn);
}

void sq_regrid_states(const struct sq_regrid *r, const uint8_t *src, uint8_t *dst)
{
    for (int j = 0; j < r->to.ny; j++)
        for (int i = 0; i < r->to.nx; i++) {
            size_t at = (size_t)(j + 1) * r->stride + (size_t)(i + 1);
            bool there = inside(r, r->col[at], r->row[at]);
            *dst++ = there ? src[nearest(r, r->col[at], r->row[at])] : SQ_STATE_NO_COVERAGE;
        }
}
