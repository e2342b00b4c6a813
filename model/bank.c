#include "bank.h"

#include <stdlib.h>
#include <string.h>

/* Samples that are kept, of 6 MB each with four leads and windows of 128 cells; how many in a row are windows of one
 * start. */
enum { KEPT = 512, ROW = 4 };

struct kept {
    int64_t number; /* of the sample, -1: none yet */
    float *features, *truth, *base;
    int lead_s[SQ_LEADS_MOST];
};

struct sq_bank {
    struct sq_bank_params p;
    struct sq_library *library;
    int n;
    struct kept kept[KEPT];
};

enum sq_status sq_bank_create(struct sq_library *l, const struct sq_bank_params *p, struct sq_bank **ret,
                              struct sq_err *e)
{
    struct sq_bank *b;
    enum sq_status s = sq_alloc((void **)&b, 1, sizeof *b, "samples", e);
    if (s)
        return s;
    *b = (struct sq_bank){.p = *p, .library = l, .n = p->reuse > 1 ? KEPT : 1};
    for (int k = 0; k < b->n; k++)
        b->kept[k].number = -1;
    *ret = b;
    return SQ_OK;
}

void sq_bank_destroy(struct sq_bank **b)
{
    for (int k = 0; *b && k < (*b)->n; k++)
        free((*b)->kept[k].features);
    free(*b);
    *b = NULL;
}

/* Every reuse-th use sees a sample that is new, the others any of those that are kept. */
static int64_t choose(const struct sq_bank *b, int64_t use, struct sq_random *r)
{
    int64_t newest = use / b->p.reuse;
    if (use % b->p.reuse == 0)
        return newest;
    return newest - sq_random_below(r, newest + 1 < b->n ? (int)newest + 1 : b->n);
}

static enum sq_status fill(struct sq_bank *b, int64_t number, struct kept *k, struct sq_err *e)
{
    size_t cells = (size_t)b->p.size * (size_t)b->p.size, leads = (size_t)b->p.leads;
    struct sq_random r = sq_random_seed(b->p.seed, 4 * (uint64_t)number + 1);
    struct sq_random which = sq_random_seed(b->p.seed, 4 * (uint64_t)(b->p.reuse > 1 ? number / ROW : number) + 3);
    enum sq_status s = SQ_OK;
    if (!k->features) {
        s = sq_alloc((void **)&k->features,
                     cells * ((size_t)b->p.features + leads * (1 + (size_t)b->p.edges)), sizeof(float),
                     "samples", e);
        if (s)
            return s;
        k->truth = k->features + cells * (size_t)b->p.features;
        k->base = k->truth + cells * leads;
    }
    k->number = -1;
    s = sq_library_draw(b->library, &which, &r, k->features, k->truth, k->base, k->lead_s, e);
    if (!s)
        k->number = number;
    return s;
}

/* One of the eight symmetries of the square: row i, column j of the result comes from cell ... of the source.
 */
static size_t turned(int turn, int size, int i, int j)
{
    int a = turn & 4 ? j : i, b = turn & 4 ? i : j;
    a = turn & 1 ? size - 1 - a : a;
    b = turn & 2 ? size - 1 - b : b;
    return (size_t)a * (size_t)size + (size_t)b;
}

static void turn_cells(const float *in, float *out, int turn, int size, size_t channels)
{
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++, out += channels)
            memcpy(out, in + turned(turn, size, i, j) * channels, channels * sizeof *in);
}

static void turn_planes(const float *in, float *out, int turn, int size, int planes)
{
    size_t cells = (size_t)size * (size_t)size;
    for (int k = 0; k < planes; k++, in += cells, out += cells)
        for (int i = 0; i < size; i++)
            for (int j = 0; j < size; j++)
                out[i * size + j] = in[turned(turn, size, i, j)];
}

enum sq_status sq_bank_take(struct sq_bank *b, int64_t use, float *features, float *truth, float *base,
                            int *lead_s, struct sq_err *e)
{
    struct sq_random r = sq_random_seed(b->p.seed, 4 * (uint64_t)use);
    int64_t number = choose(b, use, &r);
    struct kept *k = &b->kept[number % b->n];
    enum sq_status s = k->number == number ? SQ_OK : fill(b, number, k, e);
    if (s)
        return s;
    int turn = sq_random_below(&r, 8), size = b->p.size;
    turn_cells(k->features, features, turn, size, (size_t)b->p.features);
    turn_planes(k->truth, truth, turn, size, b->p.leads);
    turn_planes(k->base, base, turn, size, b->p.leads * b->p.edges);
    memcpy(lead_s, k->lead_s, (size_t)b->p.leads * sizeof *lead_s);
    return SQ_OK;
}
