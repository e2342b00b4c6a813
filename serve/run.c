#include "run.h"
#include "run_leads.h"
#include "serve.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAND = 256 }; /* rows packed at a time: whole blocks of a volume */

const int sq_window_min[SQ_WINDOWS] = {30, 60};

/* ---- frames ------------------------------------------------------------------------------------------ */

static enum sq_status pack_observed(const float *rate, struct sq_volume *v, struct sq_err *e)
{
    size_t n = (size_t)BAND * (size_t)v->nx;
    uint16_t *code = NULL;
    enum sq_status status = sq_alloc((void **)&code, n, sizeof *code, "a radar frame", e);
    for (int row = 0; row < v->ny && !status; row += BAND) {
        int rows = v->ny - row < BAND ? v->ny - row : BAND;
        for (size_t i = 0; i < (size_t)rows * (size_t)v->nx; i++)
            code[i] = sq_rate_code(rate[(size_t)row * (size_t)v->nx + i]);
        status = sq_volume_put(v, row, 0, rows, v->nx, code, e);
    }
    free(code);
    return status;
}

static enum sq_status read_frame(struct sq_product_reader *r, const struct sq_forecast *f, struct sq_frame **ret,
                                 struct sq_err *e)
{
    float *rate = NULL;
    struct sq_frame *frame = calloc(1, sizeof *frame);
    if (!frame)
        return sq_fail(e, SQ_FAILED, "out of memory for a radar frame");
    frame->held = 1;
    frame->grid = f->grid;
    frame->time = f->issue_time;
    enum sq_status status = sq_alloc((void **)&rate, sq_grid_cells(&f->grid), sizeof *rate, "a radar frame", e);
    if (!status)
        status = sq_product_observed(r, rate, e);
    if (!status)
        status = sq_crs_bounds(&f->grid, frame->box, e);
    if (!status)
        status = sq_volume_init(&frame->rate, f->grid.nx, f->grid.ny, 1, e);
    if (!status)
        status = pack_observed(rate, &frame->rate, e);
    free(rate);
    if (status)
        sq_frame_release(&frame);
    else
        *ret = frame;
    return status;
}

enum sq_status sq_frame_load(const char *path, struct sq_frame **ret, struct sq_err *e)
{
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    enum sq_status status = sq_product_open(path, &f, &r, e);
    if (!status)
        status = read_frame(r, f, ret, e);
    sq_product_close(&r);
    return status;
}

struct sq_frame *sq_frame_hold(struct sq_frame *f)
{
    atomic_fetch_add_explicit(&f->held, 1, memory_order_relaxed);
    return f;
}

void sq_frame_release(struct sq_frame **f)
{
    if (*f && atomic_fetch_sub_explicit(&(*f)->held, 1, memory_order_acq_rel) == 1) {
        sq_volume_finish(&(*f)->rate);
        free(*f);
    }
    *f = NULL;
}

/* ---- runs -------------------------------------------------------------------------------------------- */

/* Everything of `from` but its maps. */
static enum sq_status copy_story(struct sq_forecast *to, const struct sq_forecast *from, struct sq_err *e)
{
    size_t n = sq_grid_cells(&from->grid);
    *to = *from;
    to->observed = NULL;
    to->quality = from->quality ? malloc(n) : NULL;
    to->inputs_used = strdup(from->inputs_used ? from->inputs_used : "");
    to->inputs_missing = strdup(from->inputs_missing ? from->inputs_missing : "");
    to->sources = from->sources ? strdup(from->sources) : NULL;
    if (to->quality)
        memcpy(to->quality, from->quality, n);
    if ((from->quality && !to->quality) || !to->inputs_used || !to->inputs_missing || (from->sources && !to->sources))
        return sq_fail(e, SQ_FAILED, "out of memory for a forecast");
    return SQ_OK;
}

static enum sq_status make_windows(struct sq_run *run, struct sq_err *e)
{
    const struct sq_forecast *f = &run->f;
    enum sq_status status = SQ_OK;
    for (int w = 0; w < SQ_WINDOWS && !status; w++) {
        int until_s = 60 * sq_window_min[w], n = 0;
        if (f->lead_s[f->n_lead - 1] < until_s)
            continue;
        while (n < f->n_lead && f->lead_s[n] <= until_s)
            n++;
        status = sq_volume_init(&run->window[w], f->grid.nx, f->grid.ny, f->n_threshold, e);
        if (!status)
            status = sq_volume_any(&run->window[w], n, run->lead, SQ_WINDOW_SHARE, e);
    }
    return status;
}

static uint64_t add_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * 0x100000001b3; /* FNV-1a */
    return h;
}

/* What the run is told from another by, and how much it takes. */
static void sum_up(struct sq_run *run)
{
    const struct sq_forecast *f = &run->f;
    uint64_t h = (uint64_t)f->issue_time;
    h = add_bytes(h, &f->grid.nx, sizeof f->grid.nx);
    h = add_bytes(h, &f->grid.x0, sizeof f->grid.x0);
    h = add_bytes(h, &f->grid.y0, sizeof f->grid.y0);
    h = add_bytes(h, &f->grid.dx, sizeof f->grid.dx);
    h = add_bytes(h, &f->grid.dy, sizeof f->grid.dy);
    h = add_bytes(h, f->grid.crs, strlen(f->grid.crs));
    h = add_bytes(h, f->lead_s, (size_t)f->n_lead * sizeof *f->lead_s);
    h = add_bytes(h, f->threshold_mmh, (size_t)f->n_threshold * sizeof *f->threshold_mmh);
    run->bytes = sizeof *run + (f->quality ? sq_grid_cells(&f->grid) : 0);
    for (int i = 0; i < f->n_lead; i++) {
        h = (h ^ run->lead[i].hash) * 0x9fb21c651e98df25;
        run->bytes += run->lead[i].bytes;
    }
    for (int w = 0; w < SQ_WINDOWS; w++)
        run->bytes += run->window[w].bytes;
    if (run->observed) {
        h = (h ^ run->observed->rate.hash) * 0x9fb21c651e98df25;
        run->bytes += run->observed->rate.bytes;
    }
    if (f->quality)
        h = add_bytes(h, f->quality, sq_grid_cells(&f->grid));
    run->hash = h ^ h >> 32;
}

static enum sq_status read_run(struct sq_product_reader *r, const struct sq_forecast *f, struct sq_run *run,
                               struct sq_err *e)
{
    char stamp[32];
    enum sq_status status = copy_story(&run->f, f, e);
    if (!status)
        status = sq_crs_bounds(&f->grid, run->box, e);
    if (!status)
        status = sq_run_leads(r, run, e);
    if (!status)
        status = make_windows(run, e);
    if (!status && read_frame(r, f, &run->observed, e) == SQ_FAILED)
        status = SQ_FAILED;
    if (status)
        return status;
    snprintf(run->name, sizeof run->name, "%s", sq_instant_compact(f->issue_time, stamp));
    sq_distribution_mean_weights(&(struct sq_distribution){f->n_threshold, run->f.threshold_mmh, SQ_TAIL_MMH},
                                 run->mean_weight);
    sum_up(run);
    return SQ_OK;
}

enum sq_status sq_run_load(const char *path, struct sq_run **ret, struct sq_err *e)
{
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    struct sq_run *run = calloc(1, sizeof *run);
    if (!run)
        return sq_fail(e, SQ_FAILED, "%s: out of memory", path);
    run->held = 1;
    enum sq_status status = sq_product_open(path, &f, &r, e);
    if (!status && f->n_threshold < 2)
        status = sq_fail(e, SQ_FAILED, "%s: has one threshold: a distribution needs two", path);
    if (!status)
        status = read_run(r, f, run, e);
    sq_product_close(&r);
    if (status)
        sq_run_release(&run);
    else
        *ret = run;
    return status;
}

struct sq_run *sq_run_hold(struct sq_run *r)
{
    atomic_fetch_add_explicit(&r->held, 1, memory_order_relaxed);
    return r;
}

void sq_run_release(struct sq_run **r)
{
    struct sq_run *run = *r;
    *r = NULL;
    if (!run || atomic_fetch_sub_explicit(&run->held, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < run->f.n_lead; i++)
        sq_volume_finish(&run->lead[i]);
    for (int w = 0; w < SQ_WINDOWS; w++)
        sq_volume_finish(&run->window[w]);
    sq_frame_release(&run->observed);
    sq_forecast_finish(&run->f);
    free(run);
}

void sq_run_cell(const struct sq_run *r, int lead, int row, int col, float *ret_prob)
{
    uint16_t code[SQ_LEVELS_MAX];
    int n = sq_volume_cell(&r->lead[lead], row, col, code);
    for (int k = 0; k < r->f.n_threshold; k++)
        ret_prob[k] = k < n ? (code[k] == SQ_CODE_NONE ? NAN : (float)code[k] / SQ_CODE_ONE) : 0;
}
