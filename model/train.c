#include "model.h"

#include "core/instant.h"
#include "core/log.h"
#include "bank.h"
#include "head.h"
#include "recipe.h"
#include "weights.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Everything a training run holds. */
struct run {
    const struct sq_train_params *p;
    struct sq_recipe recipe;
    struct sq_cube *coarse; /* the events on wider cells, or NULL */
    struct sq_lesson *all;  /* the events and their coarse twins */
    int n_coarse, n_all;
    struct sq_library *library;
    struct sq_bank *bank;
    struct sq_kernels *kernels;
    struct sq_net_run *net_run;
    struct sq_weights weights;
    struct sq_optimiser optimiser;
    float *gradient, *features, *truth, *base, *d_scores;
    int *lead_s;
    FILE *log;
    double loss, entropy, crps; /* running means */
    double started, saved;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- setting up ------------------------------------------------------------------------------------------------ */

/* Mean over f x f cells, not observed where any of them is not: truth must stay what a cell that wide would see. */
static enum sq_status coarsen_frame(const struct sq_cube *c, const float *from, int f, float **ret, struct sq_err *e)
{
    int ny = c->grid.ny / f, nx = c->grid.nx / f;
    float *out;
    enum sq_status s = sq_alloc((void **)&out, (size_t)ny * (size_t)nx, sizeof *out, "coarse event", e);
    if (s)
        return s;
    for (int i = 0; i < ny * f; i++)
        for (int j = 0; j < nx * f; j++)
            out[(size_t)(i / f) * (size_t)nx + (size_t)(j / f)] +=
                from[(size_t)i * (size_t)c->grid.nx + (size_t)j] / (float)(f * f);
    *ret = out;
    return SQ_OK;
}

static enum sq_status coarsen_cube(const struct sq_cube *c, int f, struct sq_cube *ret, struct sq_err *e)
{
    *ret = (struct sq_cube){.grid = c->grid, .cell_m = {c->cell_m[0] * f, c->cell_m[1] * f}, .step_s = c->step_s};
    ret->grid.nx /= f, ret->grid.ny /= f;
    ret->grid.dx *= f, ret->grid.dy *= f;
    enum sq_status s = sq_alloc((void **)&ret->frame, (size_t)c->n, sizeof *ret->frame, "coarse event", e);
    for (int i = 0; i < c->n && !s; i++) {
        ret->frame[i].time = c->frame[i].time;
        ret->n = i + 1;
        if (c->frame[i].rate_mmh)
            s = coarsen_frame(c, c->frame[i].rate_mmh, f, &ret->frame[i].rate_mmh, e);
    }
    return s;
}

static enum sq_status gather_events(struct run *r, const struct sq_event *events, int n, struct sq_err *e)
{
    int f = r->recipe.coarsen, size = r->recipe.sample.size;
    enum sq_status s = sq_alloc((void **)&r->coarse, (size_t)n, sizeof *r->coarse, "events", e);
    if (!s)
        s = sq_alloc((void **)&r->all, 2 * (size_t)n, sizeof *r->all, "events", e);
    for (int k = 0; k < n && !s; k++) {
        const struct sq_cube *c = &events[k].cube;
        r->all[r->n_all++] = (struct sq_lesson){*c, events[k].stack, 1};
        if (f < 2 || c->grid.nx / f < size || c->grid.ny / f < size)
            continue;
        s = coarsen_cube(c, f, &r->coarse[r->n_coarse], e);
        r->all[n + r->n_coarse] = (struct sq_lesson){r->coarse[r->n_coarse], events[k].stack, f};
        r->n_coarse++;
    }
    r->n_all += r->n_coarse;
    return s;
}

static enum sq_status arrays(struct run *r, struct sq_err *e)
{
    const struct sq_recipe *q = &r->recipe;
    const struct sq_net_shape *s = &q->net;
    size_t cells = (size_t)q->batch * (size_t)q->sample.size * (size_t)q->sample.size;
    size_t scores = cells * (size_t)(s->n_node * sq_net_classes(s));
    enum sq_status st = sq_alloc((void **)&r->gradient, r->weights.net.n_parameters, sizeof(float), "gradient", e);
    if (!st)
        st = sq_alloc((void **)&r->features, cells * (size_t)sq_net_features(s), sizeof(float), "batch", e);
    if (!st)
        st = sq_alloc((void **)&r->truth, cells * (size_t)q->sample.leads, sizeof(float), "batch", e);
    if (!st)
        st = sq_alloc((void **)&r->base, cells * (size_t)(q->sample.leads * s->n_edge), sizeof(float), "batch", e);
    if (!st)
        st = sq_alloc((void **)&r->lead_s, (size_t)(q->batch * q->sample.leads), sizeof(int), "batch", e);
    if (!st)
        st = sq_alloc((void **)&r->d_scores, scores, sizeof(float), "batch", e);
    return st;
}

static enum sq_status build_network(struct run *r, struct sq_err *e)
{
    const struct sq_recipe *q = &r->recipe;
    enum sq_dtype t = q->bf16 && sq_kernels_bf16_fast() ? SQ_BF16 : SQ_F32;
    enum sq_status s = sq_net_init(&r->weights.net, &q->net, e);
    if (s)
        return s;
    sq_net_randomise(&r->weights.net, q->seed);
    s = sq_optimiser_init(&r->optimiser, &q->optimiser, r->weights.net.n_parameters, r->weights.net.theta, e);
    if (!s)
        s = sq_kernels_create(SQ_BACKEND_DNNL, t, &r->kernels, e);
    if (!s)
        s = sq_net_run_create(&r->weights.net, r->kernels, t, q->batch, q->sample.size, q->sample.size, true, &r->net_run, e);
    return s ? s : arrays(r, e);
}

static enum sq_status open_bank(struct run *r, struct sq_err *e)
{
    const struct sq_recipe *q = &r->recipe;
    const struct sq_bank_params p = {.seed = q->seed, .reuse = q->reuse, .size = q->sample.size,
                                     .features = sq_net_features(&q->net), .leads = q->sample.leads, .edges = q->net.n_edge};
    return sq_bank_create(r->library, &p, &r->bank, e);
}

/* Texts one under the other, the second under a heading. Frees the first. */
static char *joined(char *a, const char *heading, const char *name, const char *b)
{
    char *text = NULL;
    if (!a || asprintf(&text, "%s%s %s:\n%s", a, heading, name, b ? b : "") < 0)
        text = NULL;
    free(a);
    return text;
}

/* Takes the parameters of r->p->from; what those learnt, and how, is told beside. */
static enum sq_status begin_from(struct run *r, struct sq_err *e)
{
    struct sq_weights *from, *w = &r->weights;
    enum sq_status s = sq_weights_read(r->p->from, &from, e);
    if (s)
        return s;
    if (!strcmp(from->beside.text ? from->beside.text : "", w->beside.text ? w->beside.text : "") &&
        sq_net_grow(&w->net, &from->net)) {
        memcpy(w->beside.mean, from->beside.mean, sizeof w->beside.mean);
        memcpy(w->beside.std, from->beside.std, sizeof w->beside.std);
        w->data = joined(w->data, "before that, as", from->name, from->data);
        w->recipe = joined(w->recipe, "\n# ---- begun from", from->name, from->recipe);
    } else {
        s = sq_fail(e, SQ_FAILED, "%s: its network is not that of %s: begin with weights of the same shape, sources and frames", r->p->from,
                    r->p->recipe);
    }
    sq_weights_destroy(&from);
    return s;
}

/* What the weights file says of the data: one line an event. */
static char *describe_data(const struct sq_event *events, int n)
{
    char *text = calloc((size_t)n + 1, 512);
    for (int k = 0, at = 0; text && k < n; k++) {
        const struct sq_cube *c = &events[k].cube;
        const char *path = c->n && c->frame[0].path ? c->frame[0].path : "event", *base = strrchr(path, '/');
        char from[32], to[32];
        at += snprintf(text + at, 512, "%s: %d frames, %s to %s, every %d s, %d x %d cells of %.0f m\n",
                       base ? base + 1 : path, c->n, sq_instant_iso(c->frame[0].time, from),
                       sq_instant_iso(c->frame[c->n - 1].time, to), c->step_s, c->grid.nx, c->grid.ny, c->cell_m[0]);
    }
    return text;
}

static void describe(struct run *r, const struct sq_event *events, int n)
{
    struct sq_weights *w = &r->weights;
    snprintf(w->name, sizeof w->name, "%s", r->recipe.name);
    w->recipe = r->recipe.text ? strdup(r->recipe.text) : NULL;
    w->git = r->p->git ? strdup(r->p->git) : NULL;
    w->data = describe_data(events, n);
    w->least_step_s = 120, w->most_step_s = r->recipe.sample.most_step_s;
    w->least_cell_m = 400, w->most_cell_m = 4500;
}

/* ---- one step --------------------------------------------------------------------------------------------------- */

static enum sq_status draw_batch(struct run *r, struct sq_err *e)
{
    const struct sq_sample_params *s = &r->recipe.sample;
    size_t cells = (size_t)s->size * (size_t)s->size, features = (size_t)sq_net_features(&r->recipe.net);
    enum sq_status st = SQ_OK;
    int64_t first = r->optimiser.step * r->recipe.batch;
    for (int k = 0; k < r->recipe.batch && !st; k++)
        st = sq_bank_take(r->bank, first + k, r->features + (size_t)k * cells * features,
                             r->truth + (size_t)(k * s->leads) * cells,
                             r->base + (size_t)(k * s->leads * s->n_edge) * cells, r->lead_s + k * s->leads, e);
    return st;
}

/* CRPSb grows with the rain, and downpours would drown the rest: it is taken in parts of the rain that the window
 * shows, as its newest frame has it (known beforehand, or the score would not be proper). */
static float crps_weight(const struct run *r, int k)
{
    size_t cells = (size_t)r->recipe.sample.size * (size_t)r->recipe.sample.size;
    size_t stride = (size_t)sq_net_features(&r->recipe.net);
    const float *f = r->features + (size_t)k * cells * stride;
    double sum = 0, seen = 0;
    for (size_t i = 0; i < cells; i++) {
        sum += f[i * stride + 1] > 0 ? sq_feature_rate(f[i * stride]) : 0;
        seen += f[i * stride + 1];
    }
    return r->recipe.crps_weight / (0.2f + (float)(sum / (seen > 0 ? seen : 1)));
}

static struct sq_loss batch_loss(struct run *r, const float *scores)
{
    const struct sq_recipe *q = &r->recipe;
    size_t cells = (size_t)q->sample.size * (size_t)q->sample.size, seen = 0;
    size_t stride = cells * (size_t)(q->net.n_node * sq_net_classes(&q->net)), all = cells * (size_t)(q->batch * q->sample.leads);
    struct sq_loss loss = {0};
    for (size_t i = 0; i < all; i++)
        seen += !isnan(r->truth[i]);
    memset(r->d_scores, 0, stride * (size_t)q->batch * sizeof *r->d_scores);
    for (int k = 0; k < q->batch; k++) {
        float weight = crps_weight(r, k);
        for (int l = 0; l < q->sample.leads; l++)
            sq_head_loss(&q->net, r->lead_s[k * q->sample.leads + l], weight, 1 / (float)(seen ? seen : 1),
                         scores + (size_t)k * stride,
                         r->base + (size_t)((k * q->sample.leads + l) * q->net.n_edge) * cells, r->truth + (size_t)(k * q->sample.leads + l) * cells, cells,
                         r->d_scores + (size_t)k * stride, &loss);
    }
    return loss;
}

static enum sq_status step(struct run *r, struct sq_err *e)
{
    enum sq_status s = draw_batch(r, e);
    if (s)
        return s;
    sq_net_run_load(r->net_run, &r->weights.net);
    struct sq_loss loss = batch_loss(r, sq_net_forward(r->net_run, r->features));
    sq_net_backward(r->net_run, r->d_scores, r->gradient);
    double norm = sq_optimiser_step(&r->optimiser, r->gradient, r->weights.net.theta);
    if (!isfinite(norm)) {
        sq_log(SQ_LOG_WARN, "training: step skipped, its gradient is not a number");
        return SQ_OK;
    }
    double n = loss.cells > 0 ? loss.cells : 1, keep = r->optimiser.step > 200 ? 0.995 : 1 - 1 / (double)r->optimiser.step;
    r->loss = keep * r->loss + (1 - keep) * loss.sum / n;
    r->entropy = keep * r->entropy + (1 - keep) * loss.entropy / n;
    r->crps = keep * r->crps + (1 - keep) * loss.crps / n;
    return SQ_OK;
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

static void sibling(const struct run *r, const char *ending, char path[4096])
{
    snprintf(path, 4096, "%s%s", r->p->out, ending);
}

static enum sq_status save_checkpoint(struct run *r, struct sq_err *e)
{
    char path[4096];
    sibling(r, ".ckpt", path);
    struct sq_checkpoint c = {&r->optimiser, r->weights.net.theta};
    r->saved = now_s();
    return sq_weights_write(path, &r->weights, &c, e);
}

/* The averaged parameters are what ships. */
static enum sq_status save_weights(struct run *r, struct sq_err *e)
{
    float *raw = r->weights.net.theta;
    r->weights.net.theta = r->optimiser.average;
    enum sq_status s = sq_weights_write(r->p->out, &r->weights, NULL, e);
    r->weights.net.theta = raw;
    return s;
}

static enum sq_status resume(struct run *r, struct sq_err *e)
{
    char path[4096];
    sibling(r, ".ckpt", path);
    struct sq_checkpoint c = {&r->optimiser, r->weights.net.theta};
    return sq_checkpoint_read(path, &r->weights, &c, e);
}

static void report(struct run *r, int64_t first)
{
    double passed = now_s() - r->started, done = (double)(r->optimiser.step - first);
    double rate = done * r->recipe.batch / passed;
    double left = (double)(r->recipe.optimiser.steps - r->optimiser.step) * passed / (done > 0 ? done : 1);
    if (r->p->minutes > 0 && r->p->minutes * 60 - passed < left)
        left = r->p->minutes * 60 - passed;
    if (r->log) {
        fprintf(r->log, "%lld,%.1f,%.6g,%.5f,%.5f,%.5f,%.2f\n", (long long)r->optimiser.step, passed,
                sq_optimiser_rate(&r->recipe.optimiser, r->optimiser.step), r->loss, r->entropy, r->crps, rate);
        fflush(r->log);
    }
    if (r->p->progress)
        fprintf(stderr, "\rstep %lld of %d, loss %.4f (entropy %.4f, CRPSb %.4f), %.1f samples/s, %.0f min left   ",
                (long long)r->optimiser.step, r->recipe.optimiser.steps, r->loss, r->entropy, r->crps, rate, left / 60);
}

static enum sq_status open_log(struct run *r, struct sq_err *e)
{
    char path[4096];
    sibling(r, ".log.csv", path);
    r->log = fopen(path, r->p->resume ? "a" : "w");
    if (!r->log)
        return sq_fail(e, SQ_FAILED, "%s: cannot be written", path);
    if (!r->p->resume)
        fprintf(r->log, "step,seconds,rate,loss,entropy,crpsb,samples_per_s\n");
    return SQ_OK;
}

static enum sq_status learn(struct run *r, volatile const int *stop, struct sq_err *e)
{
    const double checkpoint_every_s = 120;
    enum sq_status s = SQ_OK;
    int64_t first = r->optimiser.step;
    r->started = r->saved = now_s();
    while (!s && r->optimiser.step < r->recipe.optimiser.steps && !(stop && *stop)) {
        s = step(r, e);
        if (!s && r->optimiser.step % 25 == 0)
            report(r, first);
        if (!s && now_s() - r->saved > checkpoint_every_s)
            s = save_checkpoint(r, e);
        if (r->p->minutes > 0 && now_s() - r->started > 60 * r->p->minutes)
            break;
    }
    if (r->p->progress)
        fputc('\n', stderr);
    if (!s)
        s = save_checkpoint(r, e);
    return s ? s : save_weights(r, e);
}

static void finish(struct run *r)
{
    struct sq_weights *w = &r->weights;
    sq_net_run_destroy(&r->net_run);
    sq_kernels_destroy(&r->kernels);
    sq_bank_destroy(&r->bank);
    sq_library_destroy(&r->library);
    sq_optimiser_finish(&r->optimiser);
    sq_net_finish(&w->net);
    sq_beside_finish(&w->beside);
    free(w->recipe);
    free(w->data);
    free(w->git);
    for (int k = 0; k < r->n_coarse; k++)
        sq_cube_finish(&r->coarse[k]);
    free(r->coarse);
    free(r->all);
    free(r->gradient);
    free(r->features);
    free(r->truth);
    free(r->base);
    free(r->lead_s);
    free(r->d_scores);
    sq_recipe_finish(&r->recipe);
    if (r->log)
        fclose(r->log);
}

/* What the recipe wants beside the radar, scaled by what there is of it. */
static enum sq_status take_sources(struct run *r, const struct sq_event *events, int n, struct sq_err *e)
{
    struct sq_beside *b = &r->weights.beside;
    struct sq_stack **all = NULL;
    char *text = NULL;
    size_t size;
    int count = 0;
    if (!r->recipe.sources[0])
        return SQ_OK;
    enum sq_status s = sq_stack_def_load(r->recipe.sources, &text, &size, e);
    if (!s)
        s = sq_beside_init(b, r->recipe.sources, text, e);
    free(text);
    for (int k = 0; k < n; k++)
        count += events[k].stack ? events[k].cube.n : 0;
    if (!s)
        s = sq_alloc((void **)&all, (size_t)count, sizeof *all, "sources", e);
    if (s)
        return s;
    for (int k = 0, at = 0; k < n; k++)
        for (int i = 0; events[k].stack && i < events[k].cube.n; i++)
            all[at++] = events[k].stack[i];
    sq_beside_survey(b, all, count);
    free(all);
    r->recipe.net.beside = b->n;
    return SQ_OK;
}

enum sq_status sq_train(const struct sq_train_params *p, const struct sq_event *events, int n,
                        volatile const int *stop, struct sq_err *e)
{
    struct run r = {.p = p};
    if (p->threads > 0)
        omp_set_num_threads(p->threads);
    enum sq_status s = sq_recipe_read(p->recipe, &r.recipe, e);
    if (!s)
        s = take_sources(&r, events, n, e);
    if (!s)
        s = gather_events(&r, events, n, e);
    if (!s) {
        r.recipe.sample.n_native = n;
        s = sq_library_create(r.all, r.n_all, r.weights.beside.n ? &r.weights.beside : NULL, &r.recipe.sample, &r.library, e);
    }
    if (!s)
        s = open_bank(&r, e);
    if (!s)
        s = build_network(&r, e);
    if (!s)
        describe(&r, events, n);
    if (!s && p->from)
        s = begin_from(&r, e);
    if (!s && p->resume)
        s = resume(&r, e);
    if (!s)
        s = open_log(&r, e);
    if (!s)
        s = learn(&r, stop, e);
    finish(&r);
    return s;
}
