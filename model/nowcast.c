#include "nowcast.h"

#include "core/sha256.h"
#include "tiles.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const method_names[] = {"network", "advection", "persistence", "extrapolation"};

const char *sq_method_name(enum sq_method m)
{
    return method_names[m];
}

enum sq_status sq_method_parse(const char *name, enum sq_method *ret, struct sq_err *e)
{
    for (int m = 0; m < 4; m++)
        if (!strcmp(name, method_names[m])) {
            *ret = (enum sq_method)m;
            return SQ_OK;
        }
    return sq_fail(e, SQ_USAGE, "unknown method '%s': network, advection, persistence or extrapolation", name);
}

/* ---- what all leads share ------------------------------------------------------------------------------------- */

static int newest_frame(const struct sq_cube *c)
{
    int i = c->n - 1;
    while (i >= 0 && !c->frame[i].rate_mmh)
        i--;
    return i;
}

static enum sq_status prepare(struct sq_nowcast *n, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    struct sq_window all = {0, 0, g->ny, g->nx};
    int newest = newest_frame(n->cube);
    float *tmp = NULL;
    if (newest < 0)
        return sq_fail(e, SQ_FAILED, "no frame to forecast from");
    if (g->nx < 2 || g->ny < 2)
        return sq_fail(e, SQ_FAILED, "a forecast needs at least 2 x 2 cells, not %d x %d", g->nx, g->ny);
    struct sq_slots slots = sq_slots_last;
    for (const struct sq_weights *w = n->weights; w; w = w->next)
        sq_slots_add(&slots, &w->net.shape.slots);
    enum sq_status s = sq_scene_init(&n->scene, n->cube, newest, n->cube->step_s, &slots, e);
    size_t nodes = s ? 0 : (size_t)n->scene.motion.mx * (size_t)n->scene.motion.my;
    if (!s)
        s = sq_alloc((void **)&n->composite, sq_grid_cells(g), sizeof(float), "forecast", e);
    if (!s)
        s = sq_alloc((void **)&tmp, sq_grid_cells(g), sizeof(float), "forecast", e);
    if (!s)
        s = sq_alloc((void **)&n->back_x, 2 * nodes, sizeof(float), "forecast", e);
    if (!s) {
        n->back_y = n->back_x + nodes;
        sq_scene_composite(&n->scene, &all, n->composite, tmp);
        s = sq_nearest_init(&n->nearest, n->composite, g->nx, g->ny, e);
    }
    free(tmp);
    return s;
}

/* Names joined by " + "; the digest of several is that of their digests. */
static void name_networks(const struct sq_weights *w, struct sq_forecast *f)
{
    char digests[8 * 64 + 1] = "";
    size_t n = 0;
    snprintf(f->model, sizeof f->model, "%s", w->name);
    snprintf(f->model_sha256, sizeof f->model_sha256, "%s", w->sha256);
    for (const struct sq_weights *m = w; w->next && m && n + 64 < sizeof digests; m = m->next, n += 64) {
        size_t at = strlen(f->model);
        snprintf(digests + n, 65, "%s", m->sha256);
        snprintf(f->model + at, sizeof f->model - at, "%s%s", m == w ? "" : " + ", m == w ? "" : m->name);
    }
    if (n)
        sq_sha256(digests, n, f->model_sha256);
}

/* What advection, alone or in the network's forecast, tells beside errors of place. */
static enum sq_status prepare_advection(struct sq_nowcast *n, struct sq_err *e)
{
    const struct sq_window all = {0, 0, n->cube->grid.ny, n->cube->grid.nx};
    enum sq_status s = sq_amounts_init(&n->amounts, &n->scene, n->f->n_lead ? n->f->lead_s[n->f->n_lead - 1] : 0, e);
    if (!s)
        s = sq_amounts_scales(&n->scales, &n->scene, &all, e);
    if (!s)
        s = sq_standing_init(&n->standing, &n->scene, n->composite, n->edge, n->n_edge, e);
    return s ? s : sq_growth_init(&n->growth, &n->scene, e);
}

enum sq_status sq_nowcast_create(const struct sq_cube *c, const struct sq_nowcast_params *p, struct sq_forecast *f,
                                 struct sq_nowcast **ret, struct sq_err *e)
{
    struct sq_nowcast *n;
    enum sq_status s = sq_alloc((void **)&n, 1, sizeof *n, "forecast", e);
    if (s)
        return s;
    *n = (struct sq_nowcast){.cube = c, .f = f, .method = p->method, .weights = p->weights};
    n->n_edge = p->method == SQ_METHOD_NETWORK && p->weights ? p->weights->net.shape.n_edge : SQ_THRESHOLDS;
    n->edge = p->method == SQ_METHOD_NETWORK && p->weights ? p->weights->net.shape.edge_mmh : sq_thresholds_mmh;
    if (p->threads > 0)
        omp_set_num_threads(p->threads);
    if (p->method == SQ_METHOD_NETWORK) {
        s = p->weights ? sq_weights_fit(p->weights, c, f->n_lead ? f->lead_s[f->n_lead - 1] : 0, e)
                       : sq_fail(e, SQ_FAILED, "the network needs weights");
    }
    if (!s)
        s = prepare(n, e);
    if (!s && p->method == SQ_METHOD_NETWORK && p->weights->beside.n) {
        n->scene.beside = &p->weights->beside;
        n->scene.stack = p->stack;
        n->scene.stack_wide = 1;
    }
    if (!s && p->method == SQ_METHOD_NETWORK)
        s = sq_hidden_create(p->weights, &n->scene, n->composite, &n->hidden, e);
    if (!s && (p->method == SQ_METHOD_ADVECTION || (n->hidden && p->weights->advection_share > 0)))
        s = sq_wide_create(c, n->composite, SQ_FAR_M_PER_MIN, n->edge, n->n_edge, &n->far, e);
    if (!s && (p->method == SQ_METHOD_ADVECTION || n->hidden))
        s = prepare_advection(n, e);
    if (!s && n->hidden && n->far)
        s = sq_area_init(&n->area, n, e);
    if (s) {
        sq_nowcast_destroy(&n);
        return s;
    }
    snprintf(f->method, sizeof f->method, "%s", sq_method_name(p->method));
    if (p->method == SQ_METHOD_NETWORK)
        name_networks(p->weights, f);
    *ret = n;
    return SQ_OK;
}

void sq_nowcast_destroy(struct sq_nowcast **n)
{
    if (!*n)
        return;
    sq_hidden_destroy(&(*n)->hidden);
    sq_wide_destroy(&(*n)->far);
    sq_standing_finish(&(*n)->standing);
    sq_growth_finish(&(*n)->growth);
    sq_amounts_finish(&(*n)->amounts);
    sq_scales_finish(&(*n)->scales);
    sq_scene_finish(&(*n)->scene);
    sq_nearest_finish(&(*n)->nearest);
    free((*n)->composite);
    free((*n)->back_x);
    free(*n);
    *n = NULL;
}

/* ---- one known rate: persistence and extrapolation ---------------------------------------------------------------- */

static void certain(const struct sq_forecast *f, const float *rate, struct sq_lead *ret)
{
    size_t cells = sq_grid_cells(&f->grid);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < cells; i++) {
        float r = rate[i] < 0.1f ? 0 : rate[i];
        ret->mean[i] = r;
        for (int k = 0; k < f->n_percentile; k++)
            ret->rate[(size_t)k * cells + i] = r;
        for (int k = 0; k < f->n_threshold; k++)
            ret->prob[(size_t)k * cells + i] = isnan(r) ? NAN : r >= f->threshold_mmh[k] ? 1 : 0;
    }
}

float sq_nowcast_reach(const struct sq_nowcast *n)
{
    float spread = sq_advect_spread(n->cube, n->traced_s);
    return spread > 1 ? spread : 1;
}

/* What is missing in a row is taken from the nearest cell observed, if it is within reach. */
static void fill_row(const struct sq_nowcast *n, int row, float *rate)
{
    enum { PIECE = 64 };
    float y[PIECE], x[PIECE], reach = sq_nowcast_reach(n);
    int nx = n->cube->grid.nx;
    for (int j = 0; j < nx; j += PIECE) {
        int w = nx - j < PIECE ? nx - j : PIECE;
        sq_carry_positions(&n->scene.motion, n->back_x, n->back_y, row, j, w, y, x);
        for (int k = 0; k < w; k++)
            if (isnan(rate[j + k]) && sq_nearest_move(&n->nearest, reach, &y[k], &x[k]))
                rate[j + k] = n->composite[(size_t)(y[k] + 0.5f) * (size_t)nx + (size_t)(x[k] + 0.5f)];
    }
}

static enum sq_status extrapolate(struct sq_nowcast *n, struct sq_lead *ret, struct sq_err *e)
{
    const struct sq_grid *g = &n->cube->grid;
    struct sq_window all = {0, 0, g->ny, g->nx};
    float *rate;
    enum sq_status s = sq_alloc((void **)&rate, sq_grid_cells(g), sizeof *rate, "extrapolation", e);
    if (s)
        return s;
    sq_carry(n->composite, &n->scene.motion, n->back_x, n->back_y, &all, false, rate);
#pragma omp parallel for schedule(dynamic, 16)
    for (int i = 0; i < g->ny; i++)
        fill_row(n, i, rate + (size_t)i * (size_t)g->nx);
    certain(n->f, rate, ret);
    free(rate);
    return SQ_OK;
}

/* ---- one lead -------------------------------------------------------------------------------------------------- */

enum sq_status sq_nowcast_lead(struct sq_nowcast *n, int lead_index, struct sq_lead *ret, struct sq_err *e)
{
    int lead_s = n->f->lead_s[lead_index];
    if (n->method == SQ_METHOD_PERSISTENCE) {
        certain(n->f, n->composite, ret);
        return SQ_OK;
    }
    sq_motion_origin(&n->scene.motion, lead_s, n->back_x, n->back_y);
    n->traced_s = lead_s;
    if (n->method == SQ_METHOD_EXTRAPOLATION)
        return extrapolate(n, ret, e);
    enum sq_status s = n->far ? sq_wide_lead(n->far, lead_s, e) : SQ_OK;
    if (!s)
        s = sq_standing_lead(&n->standing, lead_s, e);
    return s ? s : sq_distribute(n, lead_s, ret, e);
}
