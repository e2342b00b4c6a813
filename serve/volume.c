#include "volume.h"

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

/* One block on its way in: [cell][level], all levels. */
struct gathered {
    uint16_t code[CELLS * LEVELS];
    int n; /* levels that are not 0 everywhere */
    bool known;
};

static void gather(const struct sq_volume *v, int row, int n_rows, int block_row, int block_col, const uint16_t *code,
                   struct gathered *g)
{
    int levels = v->n_level, top = block_row * SQ_BLOCK - row, left = block_col * SQ_BLOCK;
    size_t plane = (size_t)n_rows * (size_t)v->nx;
    g->n = 0;
    g->known = false;
    for (int i = 0; i < SQ_BLOCK; i++)
        for (int j = 0; j < SQ_BLOCK; j++) {
            uint16_t *to = g->code + (size_t)(i * SQ_BLOCK + j) * (size_t)levels;
            memset(to, 0, (size_t)levels * sizeof *to);
            if (top + i >= n_rows || left + j >= v->nx)
                continue; /* outside of the grid: nobody asks */
            const uint16_t *from = code + (size_t)(top + i) * (size_t)v->nx + left + j;
            to[0] = from[0];
            if (to[0] == SQ_CODE_NONE) {
                g->n = g->n ? g->n : 1;
                continue;
            }
            g->known = true;
            for (int k = 0; k < levels; k++) {
                to[k] = from[(size_t)k * plane];
                g->n = to[k] && k >= g->n ? k + 1 : g->n;
            }
        }
}

enum sq_status sq_volume_put(struct sq_volume *v, int row, int n_rows, const uint16_t *code, struct sq_err *e)
{
    struct gathered *g = malloc(sizeof *g);
    bool enough = g != NULL;
    assert(row % SQ_BLOCK == 0 && (n_rows % SQ_BLOCK == 0 || row + n_rows == v->ny));
    for (int r = row / SQ_BLOCK; enough && r * SQ_BLOCK < row + n_rows; r++)
        for (int c = 0; c < v->across && enough; c++) {
            uint16_t **block = &v->block[r * v->across + c];
            gather(v, row, n_rows, r, c, code, g);
            if (!g->known) {
                v->hash = mix(v->hash, 0);
            } else if (!g->n) {
                *block = (uint16_t *)dry; /* never written to */
                v->hash = mix(v->hash, 1);
            } else if ((enough = (*block = new_block(v, g->n)))) {
                for (size_t i = 0; i < CELLS; i++)
                    memcpy(*block + 1 + i * (size_t)g->n, g->code + i * (size_t)v->n_level,
                           (size_t)g->n * sizeof(uint16_t));
                add_hash(v, *block, g->n);
            }
        }
    free(g);
    return enough ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d cells", v->nx, v->ny);
}

/* to (n levels kept) = the greater one of itself and from, cell by cell; to has at least as many levels. */
static void merge(uint16_t *to, const uint16_t *from)
{
    size_t n = to[0], m = from[0];
    for (size_t i = 0; i < CELLS; i++) {
        uint16_t *a = to + 1 + i * n;
        const uint16_t *b = from + 1 + i * m;
        if (m && b[0] == SQ_CODE_NONE)
            continue;
        if (a[0] == SQ_CODE_NONE)
            a[0] = 0;
        for (size_t k = 0; k < m; k++)
            a[k] = a[k] > b[k] ? a[k] : b[k];
    }
}

static void copy_block(uint16_t *to, const uint16_t *from)
{
    size_t n = to[0], m = from[0];
    memset(to + 1, 0, CELLS * n * sizeof *to);
    for (size_t i = 0; i < CELLS; i++)
        memcpy(to + 1 + i * n, from + 1 + i * m, m * sizeof *to);
}

enum sq_status sq_volume_greatest(struct sq_volume *v, const struct sq_volume *other, struct sq_err *e)
{
    assert(v->nx == other->nx && v->ny == other->ny && v->n_level == other->n_level);
    for (size_t i = 0; i < (size_t)v->across * (size_t)v->down; i++) {
        const uint16_t *from = other->block[i], *own = v->block[i];
        if (!from)
            continue;
        if ((!own || own == dry) && from[0] == 0) {
            v->block[i] = (uint16_t *)dry;
            continue;
        }
        if (!own || own[0] < from[0]) {
            uint16_t *bigger = new_block(v, from[0]);
            if (!bigger)
                return sq_fail(e, SQ_FAILED, "out of memory for a map of %d x %d cells", v->nx, v->ny);
            copy_block(bigger, own ? own : from);
            v->block[i] = bigger;
        }
        merge(v->block[i], from);
    }
    v->hash = mix(v->hash, other->hash);
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
