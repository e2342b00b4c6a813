#include "run_leads.h"
#include "product_chunks.h"
#include "product_windows.h"

#include "core/hot.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

/* Those who read: each takes the next lead. */
struct crew {
    struct sq_windows *windows;
    struct sq_run *run;
    atomic_int next;
    atomic_bool stop;
    pthread_mutex_t lock; /* of the first error */
    enum sq_status status;
    struct sq_err err;
};

/* One of them. */
struct reader {
    struct sq_window_hand *hand;
    float *prob;    /* (n_threshold, rows, cols) of a window */
    uint16_t *code; /* likewise */
};

/* n cells of one threshold; `limit` holds those of the threshold below, which these do not exceed. */
SQ_HOT static void code_probabilities(size_t n, const float *restrict p, const uint16_t *restrict limit,
                                      uint16_t *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        float v = p[i] > 0 ? p[i] : 0; /* 0 for NaN */
        int c = (int)lrintf(v * SQ_CODE_ONE), most = limit ? limit[i] : (int)SQ_CODE_ONE;
        c = c < most ? c : most;
        to[i] = (uint16_t)(isnan(p[i]) ? (int)SQ_CODE_NONE : c);
    }
}

static enum sq_status read_window(const struct crew *c, const struct reader *r, int lead, int row, int col,
                                  struct sq_err *e)
{
    const struct sq_forecast *f = &c->run->f;
    int rows = sq_windows_rows(c->windows), cols = sq_windows_cols(c->windows);
    rows = f->grid.ny - row < rows ? f->grid.ny - row : rows;
    cols = f->grid.nx - col < cols ? f->grid.nx - col : cols;
    size_t plane = (size_t)rows * (size_t)cols;
    enum sq_status status = sq_windows_get(c->windows, r->hand, lead, row, col, r->prob, e);
    for (int k = 0; k < f->n_threshold && !status; k++)
        code_probabilities(plane, r->prob + (size_t)k * plane, k ? r->code + (size_t)(k - 1) * plane : NULL,
                           r->code + (size_t)k * plane);
    return status ? status : sq_volume_put(&c->run->lead[lead], row, col, rows, cols, r->code, e);
}

static enum sq_status read_lead(const struct crew *c, const struct reader *r, int lead, struct sq_err *e)
{
    const struct sq_forecast *f = &c->run->f;
    enum sq_status status = sq_volume_init(&c->run->lead[lead], f->grid.nx, f->grid.ny, f->n_threshold, e);
    for (int row = 0; row < f->grid.ny; row += sq_windows_rows(c->windows))
        for (int col = 0; col < f->grid.nx && !status && !c->stop; col += sq_windows_cols(c->windows))
            status = read_window(c, r, lead, row, col, e);
    return status;
}

static enum sq_status make_reader(const struct crew *c, struct reader *r, struct sq_err *e)
{
    size_t n = (size_t)c->run->f.n_threshold * (size_t)sq_windows_rows(c->windows) * (size_t)sq_windows_cols(c->windows);
    enum sq_status status = sq_window_hand_create(c->windows, &r->hand, e);
    if (!status)
        status = sq_alloc((void **)&r->prob, n, sizeof *r->prob, "a forecast", e);
    if (!status)
        status = sq_alloc((void **)&r->code, n, sizeof *r->code, "a forecast", e);
    return status;
}

static void *read_leads(void *arg)
{
    struct crew *c = arg;
    struct reader r = {0};
    struct sq_err err = {0};
    sq_chunks_quiet();
    enum sq_status status = make_reader(c, &r, &err);
    for (int i; !status && !c->stop && (i = atomic_fetch_add(&c->next, 1)) < c->run->f.n_lead;)
        status = read_lead(c, &r, i, &err);
    if (status) {
        pthread_mutex_lock(&c->lock);
        if (!c->status) {
            c->status = status;
            c->err = err;
        }
        pthread_mutex_unlock(&c->lock);
        c->stop = true;
    }
    sq_window_hand_destroy(&r.hand);
    free(r.prob);
    free(r.code);
    return NULL;
}

enum sq_status sq_run_leads(struct sq_product_reader *r, struct sq_run *ret, struct sq_err *e)
{
    struct crew c = {.run = ret, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t helper[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n = 0;
    enum sq_status status = sq_windows_create(r, &c.windows, e);
    if (status)
        return status;
    long most = cores < ret->f.n_lead ? cores : ret->f.n_lead;
    most = !sq_windows_parallel(c.windows) ? 1 : most < THREADS_MAX ? most : THREADS_MAX;
    while (n < most - 1 && !pthread_create(&helper[n], NULL, read_leads, &c)) /* the leads left over are this thread's */
        n++;
    read_leads(&c);
    for (int i = 0; i < n; i++)
        pthread_join(helper[i], NULL);
    pthread_mutex_destroy(&c.lock);
    sq_windows_destroy(&c.windows);
    if (c.status && e)
        *e = c.err;
    return c.status;
}
