#include "area.h"

#include "nowcast.h"
#include "rainiest.h"
#include "tiles.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANE = 16 };

/* Factors on classes: reweighed P(rate >= edge) of some cells. */
SQ_HOT static void reweigh(int n_edge, const float *p, size_t stride, int lanes, const float *factor, float ret[][LANE])
{
    float q[SQ_CLASS_MAX + 1][LANE] = {{0}}, above[LANE] = {0};
    for (int k = 0; k < n_edge; k++)
        memcpy(q[k], p + (size_t)k * stride, (size_t)lanes * sizeof *p);
    for (int k = n_edge - 1; k >= 0; k--)
        for (int i = 0; i < LANE; i++) {
            above[i] += factor[k + 1] * (q[k][i] - q[k + 1][i]);
            ret[k][i] = above[i];
        }
    for (int i = 0; i < LANE; i++)
        above[i] = 1 / (above[i] + factor[0] * (1 - q[0][i]));
    for (int k = 0; k < n_edge; k++)
        for (int i = 0; i < LANE; i++)
            ret[k][i] *= above[i];
}

/* ---- fitting ----------------------------------------------------------------------------------------------------- */

/* Parts of the grid, and every how many of their rows. */
enum { SIDE = 128, PARTS = 12, EVERY = 4, ROUNDS = 8 };

/* So many cells count as if they agreed: the classes of heavy rain are seldom. */
static const double agreed = 10;

struct sampled {
    size_t room;
    float *p;                       /* (n_edge, room), of the network; 0: no cell */
    double advection[SQ_CLASS_MAX]; /* totals of P(rate >= edge) */
};

/* Rows of one part: the network's, and what advection adds up to. Scratch: base and its own, one row and its. */
static void sample_part(const struct sq_nowcast *n, double lead_s, const struct sq_window *part, float *p, size_t stride,
                        double *advection, float *tmp)
{
    size_t plane = (size_t)part->h * (size_t)part->w, w = (size_t)part->w, all = (size_t)n->n_edge * w;
    float *base = tmp, *row = base + (size_t)n->n_edge * plane, *out = row + all, *rest = out + all;
    sq_nowcast_base(n, lead_s, part, base, row);
    for (int i = EVERY / 2; i < part->h; i += EVERY, p += w) {
        const struct sq_window at = {part->row + i, part->col, 1, part->w};
        for (int k = 0; k < n->n_edge; k++)
            memcpy(row + (size_t)k * w, base + (size_t)k * plane + (size_t)i * w, w * sizeof *row);
        sq_hidden_exceed(n->hidden, lead_s, &at, row, out, rest);
        for (int k = 0; k < n->n_edge; k++) {
            memcpy(p + (size_t)k * stride, out + (size_t)k * w, w * sizeof *p);
            for (size_t j = 0; j < w; j++)
                advection[k] += (double)row[(size_t)k * w + j];
        }
    }
}

static enum sq_status sample(const struct sq_nowcast *n, double lead_s, const struct sq_window *part, int parts,
                             struct sampled *ret, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    double total[PARTS][SQ_CLASS_MAX] = {{0}};
    memset(ret->p, 0, (size_t)n->n_edge * ret->room * sizeof *ret->p);
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k < parts; k++) {
        size_t base = (size_t)n->n_edge * (size_t)part[k].h * (size_t)part[k].w, advect = sq_advect_room(n->cube, &part[k], lead_s);
        size_t rows = 2 * (size_t)n->n_edge * (size_t)part[k].w + sq_hidden_room(n->n_edge, &(struct sq_window){.h = 1, .w = part[k].w});
        float *tmp = malloc((base + (advect > rows ? advect : rows)) * sizeof *tmp);
        if (tmp)
            sample_part(n, lead_s, &part[k], ret->p + (size_t)k * (SIDE / EVERY * SIDE), ret->room, total[k], tmp);
        else
#pragma omp atomic write
            s = SQ_FAILED;
        free(tmp);
    }
    memset(ret->advection, 0, sizeof ret->advection);
    for (int k = 0; k < parts; k++)
        for (int i = 0; i < n->n_edge; i++)
            ret->advection[i] += total[k][i];
    return s ? sq_fail(e, s, "out of memory for the area of rain") : SQ_OK;
}

static void add_up(const struct sampled *x, int n_edge, const float *factor, double *ret)
{
    float out[SQ_CLASS_MAX][LANE];
    memset(ret, 0, SQ_CLASS_MAX * sizeof *ret);
    for (size_t i = 0; i < x->room; i += LANE) {
        reweigh(n_edge, x->p + i, x->room, LANE, factor, out);
        for (int k = 0; k < n_edge; k++)
            for (int j = 0; j < LANE; j++)
                ret[k] += (double)out[k][j];
    }
}

/* The first class, dry, keeps the factor 1: cells that are surely dry remain so. */
static void fit(const struct sampled *x, int n_edge, float *log_factor)
{
    float factor[SQ_CLASS_MAX];
    double sum[SQ_CLASS_MAX + 1];
    memset(log_factor, 0, SQ_CLASS_MAX * sizeof *log_factor);
    for (int r = 0; r < ROUNDS; r++) {
        for (int c = 0; c <= n_edge; c++)
            factor[c] = expf(log_factor[c]);
        add_up(x, n_edge, factor, sum);
        for (int c = 1; c <= n_edge; c++) {
            double now = sum[c - 1] - (c < n_edge ? sum[c] : 0);
            double wanted = x->advection[c - 1] - (c < n_edge ? x->advection[c] : 0);
            log_factor[c] += (float)log((fmax(wanted, 0) + agreed) / (fmax(now, 0) + agreed));
        }
    }
}

enum sq_status sq_area_init(struct sq_area *ret, const struct sq_nowcast *n, struct sq_err *e)
{
    const struct sq_net_shape *shape = &n->weights->net.shape;
    struct sampled x = {.room = (size_t)PARTS * (SIDE / EVERY) * SIDE};
    struct sq_window *part = NULL;
    int parts = 0, last = n->f->n_lead ? n->f->lead_s[n->f->n_lead - 1] : 0;
    *ret = (struct sq_area){.n_edge = n->n_edge};
    enum sq_status s = sq_rainiest(&n->cube->grid, n->composite, SIDE, PARTS, &part, &parts, e);
    if (!s)
        s = sq_alloc((void **)&x.p, (size_t)n->n_edge * x.room, sizeof *x.p, "area of rain", e);
    for (int k = 0; k < shape->n_node && !s && (k == 0 || shape->node_s[k - 1] < last); k++) {
        s = sample(n, shape->node_s[k], part, parts, &x, e);
        if (!s)
            fit(&x, n->n_edge, ret->log_factor[k]);
    }
    free(part);
    free(x.p);
    return s;
}

/* ---- one lead ---------------------------------------------------------------------------------------------------- */

void sq_area_apply(const struct sq_area *a, const struct sq_net_shape *s, double lead_s, size_t n, float *p)
{
    float factor[SQ_CLASS_MAX], out[SQ_CLASS_MAX][LANE], w;
    int node;
    sq_net_blend(s, lead_s, &node, &w);
    for (int c = 0; c <= a->n_edge; c++)
        factor[c] = expf((1 - w) * a->log_factor[node][c] + (w > 0 ? w * a->log_factor[node + 1][c] : 0));
    for (size_t i = 0; i < n; i += LANE) {
        int lanes = n - i < LANE ? (int)(n - i) : LANE;
        reweigh(a->n_edge, p + i, n, lanes, factor, out);
        for (int k = 0; k < a->n_edge; k++)
            memcpy(p + (size_t)k * n + i, out[k], (size_t)lanes * sizeof *p);
    }
}
