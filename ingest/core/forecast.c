#include "forecast.h"
#include "cube.h"
#include "field.h"
#include "instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float sq_thresholds_mmh[SQ_THRESHOLDS] = {0.1f, 0.2f, 0.3f, 0.5f, 0.7f, 1,  1.5f, 2, 3,
                                                4,    5,    7,    10,   15,   20, 30,   50};

/* The ISO times of the cube's frames, or of those that are missing or empty, with blanks between. */
static enum sq_status list_times(const struct sq_cube *c, bool gaps, char **ret, struct sq_err *e)
{
    char time[32], *text = NULL;
    enum sq_status s = sq_alloc((void **)&text, (size_t)c->n + 1, sizeof time, "the times of inputs", e);
    if (s)
        return s;
    for (int i = 0, n = 0; i < c->n; i++)
        if (gaps == !(c->frame[i].rate_mmh && c->frame[i].coverage > 0))
            n += sprintf(text + n, "%s%s", n ? " " : "", sq_instant_iso(c->frame[i].time, time));
    *ret = text;
    return SQ_OK;
}

enum sq_status sq_forecast_begin(struct sq_forecast *ret, const struct sq_cube *c, struct sq_err *e)
{
    static const uint8_t quality[] = {[SQ_STATE_VALID] = 2,       [SQ_STATE_UNDETECT] = 2, [SQ_STATE_MISSING] = 1,
                                      [SQ_STATE_NO_COVERAGE] = 0, [SQ_STATE_REJECTED] = 3,
                                      [SQ_STATE_DARK] = 1};
    const uint8_t *state = c->frame[c->n - 1].state;
    const float *rate = c->frame[c->n - 1].rate_mmh;
    size_t n = sq_grid_cells(&c->grid);
    *ret = (struct sq_forecast){.grid = c->grid, .issue_time = c->frame[c->n - 1].time};
    memcpy(ret->cell_m, c->cell_m, sizeof ret->cell_m);
    enum sq_status s = list_times(c, false, &ret->inputs_used, e);
    if (!s)
        s = list_times(c, true, &ret->inputs_missing, e);
    if (!s && state)
        s = sq_alloc((void **)&ret->quality, n, 1, "the quality of the newest frame", e);
    for (size_t i = 0; !s && state && i < n; i++)
        ret->quality[i] = quality[state[i]];
    if (!s && rate)
        s = sq_alloc((void **)&ret->observed, n, sizeof *rate, "the newest frame", e);
    if (!s && rate)
        memcpy(ret->observed, rate, n * sizeof *rate);
    return s;
}

void sq_forecast_finish(struct sq_forecast *f)
{
    free(f->quality);
    free(f->observed);
    free(f->inputs_used);
    free(f->inputs_missing);
    free(f->sources);
    *f = (struct sq_forecast){0};
}

enum sq_status sq_lead_init(struct sq_lead *l, const struct sq_forecast *f, struct sq_err *e)
{
    const size_t n = sq_grid_cells(&f->grid);
    *l = (struct sq_lead){0};
    enum sq_status s = sq_alloc_unknown(&l->prob, n * (size_t)f->n_threshold, "probabilities", e);
    if (!s)
        s = sq_alloc_unknown(&l->rate, n * (size_t)f->n_percentile, "percentiles", e);
    if (!s)
        s = sq_alloc_unknown(&l->mean, n, "the mean", e);
    if (s)
        sq_lead_finish(l);
    return s;
}

void sq_lead_finish(struct sq_lead *l)
{
    free(l->prob);
    free(l->rate);
    free(l->mean);
    *l = (struct sq_lead){0};
}
