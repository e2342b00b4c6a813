#include "volume.h"

#include "core/hot.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CELLS = SQ_BLOCK * SQ_BLOCK, LEVELS = 64, PAGE = 1 << 22 };

/* Straight from the system, so that a forecast that goes gives back what it took. */
struct sq_volume_page {
    struct sq_volume_page *next;
    size_t used; /* bytes, this head included */
};

static const uint16_t dry[1] = {0};

enum sq_status sq_volume_init(struct sq_volume *v, int nx, int ny, int n_level, struct sq_err *e)
{
    assert(n_level > 0 && n_level <= LEVELS);
    *v = (struct sq_volume){.nx = nx, .ny = ny, .n_level = n_level, .across = (nx + SQ_BLOCK - 1) / SQ_BLOCK,
                            .down = (ny + SQ_BLOCK - 1) / SQ_BLOCK, .hash = 0x9e3779b97f4a7c15};
    size_t n = (size_t)v->across * (size_t)v->down;
    v->block = calloc(n, sizeof *v->block);
    v->bytes = n * sizeof *v->block;
    return v->block ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d cells", nx, ny);
}

void sq_volume_finish(struct sq_volume *v)
{
    for (struct sq_volume_page *p = v->page, *next; p; p = next) {
        next = p->next;
        munmap(p, PAGE);
    }
    free(v->block);
    *v = (struct sq_volume){0};
}

static size_t block_bytes(int n)
{
    return ((size_t)CELLS * (size_t)n + 1) * sizeof(uint16_t);
}

/* Room for a block of n levels; NULL where there is no memory. */
static uint16_t *new_block(struct sq_volume *v, int n)
{
    size_t bytes = (block_bytes(n) + 63) / 64 * 64;
    if (!v->page || v->page->used + bytes > PAGE) {
        struct sq_volume_page *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return NULL;
        p->next = v->page;
        p->used = 64;
        v->page = p;
        v->bytes += PAGE;
    }
    uint16_t *b = (uint16_t *)((char *)v->page + v->page->used);
    v->page->used += bytes;
    b[0] = (uint16_t)n;
    return b;
}

/* After Stafford's variant 13 of the finaliser of MurmurHash3. */
static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    h = (h ^ h >> 27) * 0x94d049bb133111eb;
    return h ^ h >> 31;
}

static void add_hash(struct sq_volume *v, const uint16_t *block, int n)
{
    const uint16_t *at = block + 1;
    uint64_t h = mix(v->hash, (uint64_t)n + 1), four;
    for (size_t i = 0; i + 4 <= (size_t)CELLS * (size_t)n; i += 4) {
        memcpy(&four, at + i, sizeof four);
        h = (h ^ four) * 0x9fb21c651e98df25;
        h ^= h >> 32;
    }
    v->hash = mix(h, 0);
}

/* ---- putting ------------------------------------------------------------------------------------------ */

/* The part of a window that one block takes. */
struct piece {
    const uint16_t *code;
    size_t plane, stride; /* from level to level, from row to row */
    int n_level, rows, cols;
};

/* Whether something but 0 is there, where the first level is known. */
SQ_HOT static unsigned any_of(size_t n, const uint16_t *restrict first, const uint16_t *restrict level)
{
    unsigned any = 0;
    for (size_t i = 0; i < n; i++)
        any |= first[i] == SQ_CODE_NONE ? 0u : level[i];
    return any;
}

SQ_HOT static void look_for(size_t n, const uint16_t *restrict first, unsigned *ret_known, unsigned *ret_unknown)
{
    unsigned known = 0, unknown = 0;
    for (size_t i = 0; i < n; i++) {
        known |= first[i] != SQ_CODE_NONE;
        unknown |= first[i] == SQ_CODE_NONE;
    }
    *ret_known |= known;
    *ret_unknown |= unknown;
}

/* How many levels are to be kept: up to the last that is not 0 everywhere, and one where something is not known. -1:
 * nothing is. */
static int levels_of(const struct piece *p)
{
    unsigned known = 0, unknown = 0, any = 0;
    for (int i = 0; i < p->rows; i++)
        look_for((size_t)p->cols, p->code + (size_t)i * p->stride, &known, &unknown);
    if (!known)
        return -1;
    for (int k = p->n_level; k > 0; k--) {
        for (int i = 0; i < p->rows && !any; i++)
            any = any_of((size_t)p->cols, p->code + (size_t)i * p->stride,
                         p->code + (size_t)(k - 1) * p->plane + (size_t)i * p->stride);
        if (any)
            return k;
    }
    return unknown ? 1 : 0;
}

/* Levels of a cell come to lie side by side. */
static void turn(const struct piece *p, size_t n, uint16_t *to)
{
    if (p->rows < SQ_BLOCK || p->cols < SQ_BLOCK)
        memset(to, 0, CELLS * n * sizeof *to); /* outside of the grid: nobody asks */
    for (int i = 0; i < p->rows; i++) {
        const uint16_t *from = p->code + (size_t)i * p->stride;
        uint16_t *row = to + (size_t)(i * SQ_BLOCK) * n;
        for (size_t k = 0; k < n; k++)
            for (int j = 0; j < p->cols; j++)
                row[(size_t)j * n + k] = k && from[j] == SQ_CODE_NONE ? 0 : from[k * p->plane + (size_t)j];
    }
}

static bool put_piece(struct sq_volume *v, uint16_t **block, const struct piece *p)
{
    int n = levels_of(p);
    if (n <= 0) {
        *block = n ? NULL : (uint16_t *)dry; /* never written to */
        v->hash = mix(v->hash, n ? 0 : 1);
        return true;
    }
    if (!(*block = new_block(v, n)))
        return false;
    turn(p, (size_t)n, *block + 1);
    add_hash(v, *block, n);
    return true;
}

enum sq_status sq_volume_put(struct sq_volume *v, int row, int col, int n_rows, int n_cols, const uint16_t *code,
                             struct sq_err *e)
{
    assert(row % SQ_BLOCK == 0 && (n_rows % SQ_BLOCK == 0 || row + n_rows == v->ny));
    assert(col % SQ_BLOCK == 0 && (n_cols % SQ_BLOCK == 0 || col + n_cols == v->nx));
    for (int i = 0; i < n_rows; i += SQ_BLOCK)
        for (int j = 0; j < n_cols; j += SQ_BLOCK) {
            const struct piece p = {code + (size_t)i * (size_t)n_cols + j, (size_t)n_rows * (size_t)n_cols, (size_t)n_cols,
                                    v->n_level, n_rows - i < SQ_BLOCK ? n_rows - i : SQ_BLOCK,
                                    n_cols - j < SQ_BLOCK ? n_cols - j : SQ_BLOCK};
            if (!put_piece(v, &v->block[(row + i) / SQ_BLOCK * v->across + (col + j) / SQ_BLOCK], &p))
                return sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d cells", v->nx, v->ny);
        }
    return SQ_OK;
}

/* ---- any of several -------------------------------------------------------------------------------------- */

/* One level of one block: the greatest of all and the product of what is missing to 1. `from` steps over n codes a cell. */
static void add_level(size_t n, const uint16_t *restrict from, float *restrict greatest, float *restrict none)
{
    for (size_t i = 0; i < CELLS; i++) {
        float p = (float)from[i * n] * (1 / SQ_CODE_ONE);
        greatest[i] = p > greatest[i] ? p : greatest[i];
        none[i] *= 1 - p;
    }
}

/* Codes of one block, from as many blocks as there are volumes; known[i] where all of them know. */
static void any_block(const uint16_t *const *from, int n_from, float share, int n, const bool *known, uint16_t *to)
{
    float greatest[CELLS], none[CELLS];
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < CELLS; i++) {
            greatest[i] = 0;
            none[i] = 1;
        }
        for (int m = 0; m < n_from; m++)
            if (k < from[m][0])
                add_level(from[m][0], from[m] + 1 + k, greatest, none);
        for (int i = 0; i < CELLS; i++) {
            float p = greatest[i] + share * (1 - none[i] - greatest[i]);
            to[i * n + k] = known[i] ? (uint16_t)lrintf(p * SQ_CODE_ONE) : k ? 0 : SQ_CODE_NONE;
        }
    }
}

/* Block number `at` of v. */
static bool put_any(struct sq_volume *v, size_t at, int n_from, const struct sq_volume *from, float share)
{
    const uint16_t *block[LEVELS * 2];
    bool known[CELLS], all = true, some = false;
    int n = 0;
    for (int m = 0; m < n_from; m++) {
        if (!(block[m] = from[m].block[at]))
            return true;
        n = block[m][0] > n ? block[m][0] : n;
    }
    for (int i = 0; i < CELLS; i++) {
        known[i] = true;
        for (int m = 0; m < n_from; m++)
            known[i] &= !block[m][0] || block[m][1 + i * block[m][0]] != SQ_CODE_NONE;
        all &= known[i];
        some |= known[i];
    }
    if (!some)
        return true;
    if (!n && all) {
        v->block[at] = (uint16_t *)dry;
        return true;
    }
    if (!(v->block[at] = new_block(v, n ? n : 1)))
        return false;
    any_block(block, n_from, share, v->block[at][0], known, v->block[at] + 1);
    return true;
}

enum sq_status sq_volume_any(struct sq_volume *v, int n_from, const struct sq_volume *from, float share, struct sq_err *e)
{
    assert(n_from > 0 && n_from <= 2 * LEVELS);
    for (int m = 0; m < n_from; m++)
        v->hash = mix(v->hash, from[m].hash);
    for (size_t i = 0; i < (size_t)v->across * (size_t)v->down; i++)
        if (!put_any(v, i, n_from, from, share))
            return sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d cells", v->nx, v->ny);
    return SQ_OK;
}

/* ---- rates ------------------------------------------------------------------------------------------- */

uint16_t sq_rate_code(float rate_mmh)
{
    int exponent;
    if (isnan(rate_mmh))
        return SQ_CODE_NONE;
    if (!(rate_mmh > 0))
        return 0;
    if (rate_mmh >= 65504)
        return 0x7bff;
    float m = frexpf(rate_mmh, &exponent); /* m in [0.5, 1) */
    if (exponent < -13)
        return (uint16_t)lrintf(ldexpf(rate_mmh, 24)); /* subnormal: steps of 2^-24 */
    return (uint16_t)(((unsigned)(exponent + 14) << 10) + (unsigned)lrintf((m - 0.5f) * 2048)); /* may carry over */
}

float sq_rate_of_code(uint16_t code)
{
    int exponent = code >> 10, m = code & 1023;
    if (code == SQ_CODE_NONE)
        return NAN;
    return exponent ? ldexpf((float)(m + 1024), exponent - 25) : ldexpf((float)m, -24);
}
