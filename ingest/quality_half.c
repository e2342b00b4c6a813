/* Half-delivered frames: a large part of the rain gone at once.
 *
 * The grid is cut into blocks. What a block should hold is the smaller of what the two frames nearest in time held
 * there, each moved along to the frame's time: before and after, or, for the newest, the two before. The rectangle of
 * blocks without a wet cell that should hold most (Kadane's scan over every band of rows) is found; where it should
 * have held a good part of all the rain, it was not delivered. Weather does not leave a rectangle in one step and
 * come back, nor, moved along, leave one at all. */
#include "quality.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 64       /* along the longer side, at most */
#define LEAST_BLOCK 4   /* cells */
#define SURE_MMH 0.3f   /* weaker rain comes and goes at the edge of what radars see */
#define PART 0.1        /* of the rain expected in the frame */
#define LEAST_WET 150   /* cells */
#define LEAST_BLOCKS 4

struct blocks {
    int nx, ny, cells; /* blocks along x and y; cells along the side of one */
    int *expected;     /* (ny, nx): wet cells that should be there */
    int *there;        /* (ny, nx): wet cells that are */
};

/* Inclusive of from, exclusive of to: of blocks, then of cells. */
struct box {
    int x0, y0, x1, y1;
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int largest(int a, int b)
{
    return a > b ? a : b;
}

SQ_HOT static int count_above(const float *rate, int n, float above)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += rate[i] > above;
    return sum;
}

/* Counts the cells of each block that are above a rate, in `rate` moved on. */
static void count_wet(const struct blocks *b, const struct sq_examined *f, const float *rate, float above, const int moved[2],
                      int *ret)
{
    const int left = moved[0] > 0 ? moved[0] : 0, right = moved[0] < 0 ? f->nx + moved[0] : f->nx;
    memset(ret, 0, (size_t)b->nx * (size_t)b->ny * sizeof *ret);
    for (int y = 0; y < f->ny; y++) {
        const int v = y - moved[1];
        for (int k = 0; k < b->nx && v >= 0 && v < f->ny; k++) {
            const int from = largest(k * b->cells, left), to = least((k + 1) * b->cells, right);
            if (from < to)
                ret[y / b->cells * b->nx + k] += count_above(rate + (size_t)v * (size_t)f->nx + (from - moved[0]), to - from, above);
        }
    }
}

/* The empty rectangle of blocks that should hold most; returns how much. */
static long best_box(const struct blocks *b, int *column, struct box *ret)
{
    long best = 0;
    for (int top = 0; top < b->ny; top++) {
        for (int x = 0; x < b->nx; x++)
            column[x] = 0;
        for (int bottom = top; bottom < b->ny; bottom++) {
            long sum = 0;
            for (int x = 0, from = 0; x < b->nx; x++) {
                const int at = bottom * b->nx + x;
                if (b->there[at])
                    column[x] = -1; /* not empty, whatever comes below */
                else if (column[x] >= 0)
                    column[x] += b->expected[at];
                if (column[x] < 0) {
                    sum = 0;
                    from = x + 1;
                } else {
                    sum += column[x];
                }
                if (sum > best) {
                    best = sum;
                    *ret = (struct box){from, top, x + 1, bottom + 1};
                }
            }
        }
    }
    return best;
}

static bool dry_line(const struct sq_examined *f, int x0, int y0, int x1, int y1)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (x < 0 || y < 0 || x >= f->nx || y >= f->ny || f->rate_mmh[(size_t)y * (size_t)f->nx + (size_t)x] > 0)
                return false;
    return true;
}

/* From blocks to cells, each side moved out while no rain is met, by less than a block. */
static struct box in_cells(const struct blocks *b, const struct sq_examined *f, struct box box)
{
    struct box c = {box.x0 * b->cells, box.y0 * b->cells, box.x1 * b->cells, box.y1 * b->cells};
    c.x1 = c.x1 < f->nx ? c.x1 : f->nx;
    c.y1 = c.y1 < f->ny ? c.y1 : f->ny;
    for (int k = 0; k < b->cells; k++) {
        c.x0 -= dry_line(f, c.x0 - 1, c.y0, c.x0, c.y1);
        c.x1 += dry_line(f, c.x1, c.y0, c.x1 + 1, c.y1);
        c.y0 -= dry_line(f, c.x0, c.y0 - 1, c.x1, c.y0);
        c.y1 += dry_line(f, c.x0, c.y1, c.x1, c.y1 + 1);
    }
    return c;
}

/* Rejects the rectangles that were not delivered, one after the other; returns the part of the rain they should have held. */
static double reject_boxes(struct blocks *b, struct sq_examined *f, long total, int *column)
{
    long lost = 0;
    for (int round = 0; round < b->nx * b->ny; round++) {
        struct box box = {0};
        const long held = best_box(b, column, &box);
        /* once something is missing, smaller pieces beside it are too */
        const long enough = lost ? LEAST_WET : (long)fmax(PART * (double)total, LEAST_WET);
        if (held < enough || (box.x1 - box.x0) * (box.y1 - box.y0) < LEAST_BLOCKS)
            break;
        const struct box c = in_cells(b, f, box);
        for (int y = c.y0; y < c.y1; y++)
            for (int x = c.x0; x < c.x1; x++)
                sq_quality_reject(f, NULL, (size_t)y * (size_t)f->nx + (size_t)x, SQ_FAULT_HALF);
        for (int y = box.y0; y < box.y1; y++)
            for (int x = box.x0; x < box.x1; x++)
                b->expected[y * b->nx + x] = 0;
        lost += held;
    }
    return (double)lost / (double)total;
}

/* Cells that both others have seen and this frame has not: counted where they are many. Returns their part. */
static double count_unseen(struct sq_examined *f, const struct sq_beside other[2])
{
    const size_t n = (size_t)f->nx * (size_t)f->ny;
    size_t seen = 0, lost = 0;
    for (size_t i = 0; i < n; i++) {
        const bool both = !isnan(other[0].rate_mmh[i]) && !isnan(other[1].rate_mmh[i]);
        seen += both;
        lost += both && isnan(f->rate_mmh[i]);
    }
    const double part = seen ? (double)lost / (double)seen : 0;
    if (part >= PART)
        f->report->cells[SQ_FAULT_HALF] += (uint32_t)lost;
    return part >= PART ? part : 0;
}

enum sq_status sq_quality_half(struct sq_examined *f, const struct sq_beside other[2], bool moves_known,
                               double *ret_lost, struct sq_err *e)
{
    const int longest = f->nx > f->ny ? f->nx : f->ny, side = (longest + BLOCKS - 1) / BLOCKS;
    struct blocks b = {.cells = side > LEAST_BLOCK ? side : LEAST_BLOCK};
    b.nx = (f->nx + b.cells - 1) / b.cells;
    b.ny = (f->ny + b.cells - 1) / b.cells;
    const size_t n = (size_t)b.nx * (size_t)b.ny;
    int *room = NULL; /* expected, there, of the second frame, a row */
    enum sq_status s = sq_alloc((void **)&room, 3 * n + (size_t)b.nx, sizeof *room, "blocks", e);
    if (s)
        return s;
    b.expected = room;
    b.there = room + n;
    int *second = room + 2 * n, *column = room + 3 * n;
    long total = 0;
    *ret_lost = count_unseen(f, other);
    count_wet(&b, f, other[0].rate_mmh, SURE_MMH, other[0].moved, b.expected);
    count_wet(&b, f, other[1].rate_mmh, SURE_MMH, other[1].moved, second);
    count_wet(&b, f, f->rate_mmh, 0, (const int[2]){0}, b.there);
    for (size_t i = 0; i < n; i++) {
        b.expected[i] = b.expected[i] < second[i] ? b.expected[i] : second[i];
        total += b.expected[i];
    }
    if (moves_known && total >= LEAST_WET)
        *ret_lost = fmax(*ret_lost, reject_boxes(&b, f, total, column));
    free(room);
    return SQ_OK;
}
