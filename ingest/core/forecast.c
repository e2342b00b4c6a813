#include "forecast.h"

#include <math.h>
#include <stdlib.h>

const float sq_thresholds_mmh[SQ_THRESHOLDS] = {0.1f, 0.2f, 0.3f, 0.5f, 0.7f, 1,  1.5f, 2, 3,
                                                4,    5,    7,    10,   15,   20, 30,   50};

void sq_forecast_finish(struct sq_forecast *f)
{
    free(f->quality);
    free(f->inputs_used);
    free(f->inputs_missing);
    *f = (struct sq_forecast){0};
}

static float *nan_array(size_t n)
{
    float *v = malloc((n ? n : 1) * sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = NAN;
    return v;
}

enum sq_status sq_lead_init(struct sq_lead *l, const struct sq_forecast *f, struct sq_err *e)
{
    size_t n = sq_grid_cells(&f->grid);
    l->prob = nan_array(n * (size_t)f->n_threshold);
    l->rate = nan_array(n * (size_t)f->n_percentile);
    l->mean = nan_array(n);
    if (l->prob && l->rate && l->mean)
        return SQ_OK;
    sq_lead_finish(l);
    return sq_fail(e, SQ_FAILED, "out of memory for a lead of %d x %d cells and %d thresholds",
                   f->grid.nx, f->grid.ny, f->n_threshold);
}

void sq_lead_finish(struct sq_lead *l)
{
    free(l->prob);
    free(l->rate);
    free(l->mean);
    *l = (struct sq_lead){0};
}
