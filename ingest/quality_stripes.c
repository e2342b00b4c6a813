/* Rows and columns unlike those on either side: dry ones through rain, constant or amplified ones. One to three
 * cells wide, over any stretch of the row. A cell counts for a stripe where it is beyond both sides, in one sense:
 * well above the larger, well below the smaller, or repeating the cell before it where both sides differ. A stretch of the row whose cells do so, with few that do
 * not, is a stripe; the stretch is the one with the largest sum of marks (Kadane's scan). Weather does not keep to
 * a row for long. */
#include "quality.h"

#include "core/hot.h"

#include <stdlib.h>
#include <string.h>

#define WIDEST 3
#define EDGE 4 /* rows at the edge of the grid, where coverage that ends makes lines, are left */
#define BEYOND 1.6f
#define TRACE_MMH 0.1f
#define AGAINST (-1.0f)   /* mark of a cell with rain about that does not count for the stripe */
#define NOTHING (-0.125f) /* of one without rain about */

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float smaller(float a, float b)
{
    return a < b ? a : b;
}

enum { ABOVE, BELOW, REPEATED, SENSES };

/* Cell x of w rows beside those above and below: which senses it counts for, and whether there is rain about. */
struct seen {
    int above, below, repeated, rain, rain_beside;
};

static inline struct seen look(const float *row, const float *middle, const float *last, const float *a, const float *b, int x)
{
    const float least = smaller(smaller(row[x], middle[x]), last[x]);
    const float most = larger(larger(row[x], middle[x]), last[x]);
    const float side_most = larger(a[x], b[x]), side_least = smaller(a[x], b[x]);
    return (struct seen){least > BEYOND * side_most + TRACE_MMH, BEYOND * most + TRACE_MMH < side_least,
                         (least >= TRACE_MMH) & (least == most) & (row[x] == row[x - 1]) & (row[x] != a[x]) & (row[x] != b[x]),
                         larger(side_most, most) >= TRACE_MMH, side_least >= TRACE_MMH};
}

/* How many cells of w rows, nx apart, of which `row` is the first, count for one sense, at most: few rows have enough, so
 * that nothing is marked in the others. */
SQ_HOT static int count(const float *row, int nx, int w)
{
    const float *a = row - nx, *b = row + (ptrdiff_t)w * nx;
    const float *last = row + (ptrdiff_t)(w - 1) * nx, *middle = row + (ptrdiff_t)(w / 2) * nx;
    int n_above = 0, n_below = 0, n_repeated = 0;
    for (int x = 1; x < nx; x++) {
        const struct seen s = look(row, middle, last, a, b, x);
        n_above += s.above;
        n_below += s.below;
        n_repeated += s.repeated;
    }
    const int n = n_above > n_below ? n_above : n_below;
    return n > n_repeated ? n : n_repeated;
}

/* The marks of those cells, for each sense. */
SQ_HOT static void mark(const float *row, int nx, int w, float *above, float *below, float *repeated)
{
    const float *a = row - nx, *b = row + (ptrdiff_t)w * nx;
    const float *last = row + (ptrdiff_t)(w - 1) * nx, *middle = row + (ptrdiff_t)(w / 2) * nx;
    above[0] = below[0] = repeated[0] = NOTHING;
    for (int x = 1; x < nx; x++) {
        const struct seen s = look(row, middle, last, a, b, x);
        const float other = s.rain ? AGAINST : NOTHING;
        above[x] = s.above ? 1 : other;
        below[x] = s.below ? 1 : s.rain_beside ? AGAINST : NOTHING;
        repeated[x] = s.repeated ? 1 : other;
    }
}

/* The stretch of largest sum; ret_to is exclusive. */
static float best_stretch(const float *marks, int nx, int *ret_from, int *ret_to)
{
    float best = 0, sum = 0;
    int from = 0;
    *ret_from = *ret_to = 0;
    for (int x = 0; x < nx; x++) {
        if (sum <= 0) {
            sum = 0;
            from = x;
        }
        sum += marks[x];
        if (sum > best) {
            best = sum;
            *ret_from = from;
            *ret_to = x + 1;
        }
    }
    return best;
}

/* Where a cell of the plane lies in the field: the plane may be its transpose. */
struct plane {
    float *wet;
    int nx, ny;
    bool turned;
    struct sq_examined *f;
    float *field_wet;
};

static void reject_stretch(struct plane *p, int y, int w, int from, int to)
{
    for (int v = y; v < y + w; v++)
        for (int x = from; x < to; x++) {
            size_t at = (size_t)v * (size_t)p->nx + (size_t)x;
            p->wet[at] = 0;
            if (p->turned)
                at = (size_t)x * (size_t)p->ny + (size_t)v;
            sq_quality_reject(p->f, p->field_wet, at, SQ_FAULT_STRIPE);
        }
}

static void find_stripes(struct plane *p, int least, float *marks)
{
    for (int w = 1; w <= WIDEST; w++)
        for (int y = EDGE; y + w <= p->ny - EDGE; y++) {
            const float *row = p->wet + (size_t)y * (size_t)p->nx;
            if (count(row, p->nx, w) < least)
                continue;
            mark(row, p->nx, w, marks, marks + p->nx, marks + 2 * (size_t)p->nx);
            for (int sense = 0; sense < SENSES; sense++) {
                int from, to;
                if (best_stretch(marks + (size_t)sense * (size_t)p->nx, p->nx, &from, &to) >= (float)least)
                    reject_stretch(p, y, w, from, to);
            }
        }
}

static void transpose(const float *from, int nx, int ny, float *to)
{
    enum { BLOCK = 32 };
    for (int y0 = 0; y0 < ny; y0 += BLOCK)
        for (int x0 = 0; x0 < nx; x0 += BLOCK)
            for (int y = y0; y < ny && y < y0 + BLOCK; y++)
                for (int x = x0; x < nx && x < x0 + BLOCK; x++)
                    to[(size_t)x * (size_t)ny + (size_t)y] = from[(size_t)y * (size_t)nx + (size_t)x];
}

enum sq_status sq_quality_stripes(struct sq_examined *f, float *wet, int least_cells, struct sq_err *e)
{
    float *turned = NULL, *marks = NULL;
    const int longest = f->nx > f->ny ? f->nx : f->ny;
    enum sq_status s = sq_alloc((void **)&turned, (size_t)f->nx * (size_t)f->ny, sizeof *turned, "a turned field", e);
    if (!s)
        s = sq_alloc((void **)&marks, SENSES * (size_t)longest, sizeof *marks, "marks", e);
    if (!s) {
        find_stripes(&(struct plane){wet, f->nx, f->ny, false, f, wet}, least_cells, marks);
        transpose(wet, f->nx, f->ny, turned);
        find_stripes(&(struct plane){turned, f->ny, f->nx, true, f, wet}, least_cells, marks);
    }
    free(turned);
    free(marks);
    return s;
}
