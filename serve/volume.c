#include "volume.h"

#include "core/hot.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CELLS = SQ_BLOCK_CELLS, HALF = SQ_BLOCK / 2, PAGE = 1 << 22 };

/* Straight from the system, so that a forecast that goes gives back what it took. */
struct sq_volume_page {
    struct sq_volume_page *next;
    size_t used; /* bytes, this head included */
};

static const struct sq_block dry = {0};

enum sq_status sq_volume_init(struct sq_volume *v, int nx, int ny, int n_level, struct sq_err *e)
{
    assert(n_level > 0 && n_level <= SQ_LEVELS_MAX);
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
    free((void *)v->block);
    *v = (struct sq_volume){0};
}

/* Room for a block, whole cache lines; NULL where there is no memory. */
static struct sq_block *new_block(struct sq_volume *v, size_t bytes)
{
    if (!v->page || v->page->used + bytes > PAGE) {
        struct sq_volume_page *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return NULL;
        p->next = v->page;
        p->used = 64;
        v->page = p;
        v->bytes += PAGE;
    }
    struct sq_block *b = (struct sq_block *)(void *)((char *)v->page + v->page->used);
    v->page->used += bytes;
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

static void add_hash(struct sq_volume *v, const struct sq_block *block, size_t bytes)
{
    const char *at = (const char *)block;
    uint64_t h = mix(v->hash, bytes), eight;
    for (size_t i = 0; i < bytes; i += sizeof eight) {
        memcpy(&eight, at + i, sizeof eight);
        h = (h ^ eight) * 0x9fb21c651e98df25;
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

/* One level of a block, whole; beyond the edge of the grid it goes on as it ends. */
static void copy_level(const struct piece *p, int k, uint16_t *to)
{
    for (int i = 0; i < SQ_BLOCK; i++, to += SQ_BLOCK) {
        const uint16_t *from = p->code + (size_t)k * p->plane + (size_t)(i < p->rows ? i : p->rows - 1) * p->stride;
        memcpy(to, from, (size_t)p->cols * sizeof *to);
        for (int j = p->cols; j < SQ_BLOCK; j++)
            to[j] = to[p->cols - 1];
    }
}

/* The least and the most of what is known, and all bits in which something differs from `least`. */
SQ_HOT static void measure(const uint16_t *restrict first, const uint16_t *restrict code, unsigned *ret_least,
                           unsigned *ret_most, unsigned *ret_bits)
{
    unsigned short least = 0xffff, most = 0, bits = 0;
    for (int i = 0; i < CELLS; i++) {
        unsigned short c = first[i] == SQ_CODE_NONE ? 0xffff : code[i], d = first[i] == SQ_CODE_NONE ? 0 : code[i];
        least = c < least ? c : least;
        most = d > most ? d : most;
    }
    for (int i = 0; i < CELLS; i++)
        bits = (unsigned short)(bits | (first[i] == SQ_CODE_NONE ? 0 : code[i] - least));
    *ret_least = least;
    *ret_most = most;
    *ret_bits = bits;
}

/* How a level is kept best; `holes`: what is not known takes a number of its own, above all others. */
static struct sq_plane plan(const uint16_t *first, const uint16_t *code, bool holes)
{
    unsigned least, most, bits;
    int shift = 0;
    measure(first, code, &least, &most, &bits);
    while (bits && !(bits >> shift & 1))
        shift++;
    unsigned numbers = ((most - least) >> shift) + holes;
    return (struct sq_plane){.least = (uint16_t)least, .most = (uint16_t)most, .shift = (uint16_t)shift,
                             .bits = !numbers ? 0 : numbers < 16 ? 4 : numbers < 256 ? 8 : 16};
}

/* Four bits: in each row the cells of the left half are the lower ones. */
SQ_HOT static void keep_level(const struct sq_plane *p, const uint16_t *restrict first, const uint16_t *restrict code,
                              uint8_t *restrict to)
{
    uint16_t kept[CELLS], *wide = (uint16_t *)(void *)to;
    for (int i = 0; i < CELLS; i++)
        kept[i] = (uint16_t)(first[i] == SQ_CODE_NONE ? 0xffff : (code[i] - p->least) >> p->shift);
    for (int i = 0; i < CELLS && p->bits == 8; i++)
        to[i] = (uint8_t)kept[i];
    for (int i = 0; i < CELLS && p->bits == 16; i++)
        wide[i] = kept[i];
    for (int i = 0; i < SQ_BLOCK && p->bits == 4; i++)
        for (int j = 0; j < HALF; j++)
            to[i * HALF + j] = (uint8_t)((kept[i * SQ_BLOCK + j] & 15) | kept[i * SQ_BLOCK + HALF + j] << 4);
}

static bool put_piece(struct sq_volume *v, const struct sq_block **block, const struct piece *p)
{
    uint16_t first[CELLS], code[CELLS];
    struct sq_plane plane[SQ_LEVELS_MAX];
    int n = levels_of(p);
    if (n <= 0) {
        *block = n ? NULL : &dry;
        v->hash = mix(v->hash, n ? 0 : 1);
        return true;
    }
    size_t bytes = (sizeof(struct sq_block) + (size_t)n * sizeof *plane + 63) / 64 * 64;
    bool holes = false;
    copy_level(p, 0, first);
    for (int i = 0; i < CELLS; i++)
        holes |= first[i] == SQ_CODE_NONE;
    for (int k = 0; k < n; k++) {
        copy_level(p, k, code);
        plane[k] = plan(first, code, holes && !k);
        plane[k].at = (uint32_t)bytes;
        bytes += (size_t)CELLS * plane[k].bits / 8;
    }
    struct sq_block *b = new_block(v, bytes);
    if (!b)
        return false;
    b->n = (uint16_t)n;
    b->partly = holes;
    memcpy(b->plane, plane, (size_t)n * sizeof *plane);
    for (int k = 0; k < n; k++) {
        copy_level(p, k, code);
        keep_level(&plane[k], first, code, (uint8_t *)b + plane[k].at);
    }
    add_hash(v, b, bytes);
    *block = b;
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

/* ---- reading ------------------------------------------------------------------------------------------- */

SQ_HOT static void from_4(const struct sq_plane *p, const uint8_t *restrict from, uint16_t *restrict to)
{
    for (int i = 0; i < SQ_BLOCK; i++)
        for (int j = 0; j < HALF; j++) {
            to[i * SQ_BLOCK + j] = (uint16_t)(p->least + ((from[i * HALF + j] & 15) << p->shift));
            to[i * SQ_BLOCK + HALF + j] = (uint16_t)(p->least + (from[i * HALF + j] >> 4 << p->shift));
        }
}

SQ_HOT static void from_8(const struct sq_plane *p, const uint8_t *restrict from, uint16_t *restrict to)
{
    for (int i = 0; i < CELLS; i++)
        to[i] = (uint16_t)(p->least + (from[i] << p->shift));
}

SQ_HOT static void from_16(const struct sq_plane *p, const uint16_t *restrict from, uint16_t *restrict to)
{
    for (int i = 0; i < CELLS; i++)
        to[i] = (uint16_t)(p->least + (from[i] << p->shift));
}

SQ_HOT static void put_holes(uint16_t hole, uint16_t *restrict code)
{
    for (int i = 0; i < CELLS; i++)
        code[i] = code[i] == hole ? SQ_CODE_NONE : code[i];
}

/* What the number of all bits, of cells that are not known, becomes. */
static uint16_t hole_of(const struct sq_plane *p)
{
    return (uint16_t)(p->least + (((1u << p->bits) - 1) << p->shift));
}

void sq_block_codes(const struct sq_block *b, int k, uint16_t *ret)
{
    const struct sq_plane *p = &b->plane[k];
    const uint8_t *from = (const uint8_t *)b + p->at;
    if (p->bits == 4)
        from_4(p, from, ret);
    else if (p->bits == 8)
        from_8(p, from, ret);
    else if (p->bits == 16)
        from_16(p, (const uint16_t *)(const void *)from, ret);
    else
        for (int i = 0; i < CELLS; i++)
            ret[i] = p->least;
    if (b->partly && !k)
        put_holes(hole_of(p), ret);
}

uint16_t sq_block_code(const struct sq_block *b, int k, int cell)
{
    const struct sq_plane *p = &b->plane[k];
    const uint8_t *from = (const uint8_t *)b + p->at;
    int row = cell / SQ_BLOCK, col = cell % SQ_BLOCK;
    int kept = p->bits == 8    ? from[cell]
               : p->bits == 16 ? ((const uint16_t *)(const void *)from)[cell]
               : p->bits == 4  ? from[row * HALF + col % HALF] >> (col < HALF ? 0 : 4) & 15
                               : 0;
    uint16_t code = (uint16_t)(p->least + (kept << p->shift));
    return b->partly && !k && code == hole_of(p) ? SQ_CODE_NONE : code;
}

int sq_volume_cell(const struct sq_volume *v, int row, int col, uint16_t *ret)
{
    const struct sq_block *b = v->block[row / SQ_BLOCK * v->across + col / SQ_BLOCK];
    for (int k = 0; b && k < b->n; k++)
        ret[k] = sq_block_code(b, k, row % SQ_BLOCK * SQ_BLOCK + col % SQ_BLOCK);
    if (b && (!b->n || *ret != SQ_CODE_NONE))
        return b->n;
    *ret = SQ_CODE_NONE;
    return 1;
}

/* ---- any of several -------------------------------------------------------------------------------------- */

enum { FROM_MAX = 128, FINENESS = (int)SQ_CODE_ONE / 2048 }; /* what comes from rounded chances is no finer than they are */

/* One level of one block: the greatest of all and the product of what is missing to 1. */
SQ_HOT static void add_level(const uint16_t *restrict from, float *restrict greatest, float *restrict none)
{
    for (size_t i = 0; i < CELLS; i++) {
        float p = (float)from[i] * (1 / SQ_CODE_ONE);
        greatest[i] = p > greatest[i] ? p : greatest[i];
        none[i] *= 1 - p;
    }
}

/* Level k of one block, from as many blocks as there are volumes. */
static void any_level(const struct sq_block *const *from, int n_from, float share, int k, uint16_t *to)
{
    float greatest[CELLS], none[CELLS];
    for (int i = 0; i < CELLS; i++) {
        greatest[i] = 0;
        none[i] = 1;
    }
    for (int m = 0; m < n_from; m++)
        if (k < from[m]->n) {
            sq_block_codes(from[m], k, to);
            add_level(to, greatest, none);
        }
    for (int i = 0; i < CELLS; i++) {
        float p = greatest[i] + share * (1 - none[i] - greatest[i]);
        to[i] = (uint16_t)(FINENESS * lrintf(p * (SQ_CODE_ONE / FINENESS)));
    }
}

/* Block (i, j) of v. */
static bool put_any(struct sq_volume *v, int i, int j, int n_from, const struct sq_volume *from, float share)
{
    const struct sq_block *block[FROM_MAX];
    uint16_t code[SQ_LEVELS_MAX * CELLS], first[CELLS];
    size_t at = (size_t)i * (size_t)v->across + (size_t)j;
    int n = 1, rows = v->ny - i * SQ_BLOCK, cols = v->nx - j * SQ_BLOCK;
    for (int m = 0; m < n_from; m++) {
        if (!(block[m] = from[m].block[at]))
            return true;
        n = block[m]->n > n ? block[m]->n : n;
    }
    for (int k = 0; k < n; k++)
        any_level(block, n_from, share, k, code + k * CELLS);
    for (int m = 0; m < n_from; m++)
        if (block[m]->partly) {
            sq_block_codes(block[m], 0, first);
            for (int c = 0; c < CELLS; c++)
                code[c] = first[c] == SQ_CODE_NONE ? SQ_CODE_NONE : code[c];
        }
    const struct piece p = {code, CELLS, SQ_BLOCK, n, rows < SQ_BLOCK ? rows : SQ_BLOCK, cols < SQ_BLOCK ? cols : SQ_BLOCK};
    return put_piece(v, &v->block[at], &p);
}

enum sq_status sq_volume_any(struct sq_volume *v, int n_from, const struct sq_volume *from, float share, struct sq_err *e)
{
    assert(n_from > 0 && n_from <= FROM_MAX);
    for (int m = 0; m < n_from; m++)
        v->hash = mix(v->hash, from[m].hash);
    for (int i = 0; i < v->down; i++)
        for (int j = 0; j < v->across; j++)
            if (!put_any(v, i, j, n_from, from, share))
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
