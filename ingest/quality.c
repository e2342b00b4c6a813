/* Impossible rates, and the order of the checks. Nothing is filled, and whatever is changed is counted:
 * above the cap: set to the cap (OPERA has single cells beyond 1000 mm/h);
 * infinite, or no number although measured: rejected;
 * slightly negative (above -1): 0, as in products whose packing or advection leaves -0.6 (Bureau of
 * Meteorology, AROME differences);
 * -1 and below: missing, for it is a code that the file does not declare;
 * outside the range disc: no coverage, for sources that store it as 0. */
#include "quality.h"
#include "source.h"

#include "core/crs.h"

#include <math.h>
#include <stdlib.h>

float sq_rate_from_dbz(double dbz, const struct sq_read_params *p)
{
    double capped = dbz < p->dbz_cap ? dbz : p->dbz_cap;
    return (float)exp((capped * (M_LN10 / 10) - log(p->zr_a)) / p->zr_b);
}

void sq_quality_reject(struct sq_examined *f, float *wet, size_t i, enum sq_fault why)
{
    if (isnan(f->rate_mmh[i]))
        return;
    f->rate_mmh[i] = NAN;
    if (f->state)
        f->state[i] = SQ_STATE_REJECTED;
    if (wet)
        wet[i] = 0;
    f->report->cells[why]++;
}

static void check_rates(struct sq_field *f, float cap)
{
    uint32_t *count = f->report.cells;
    size_t n = sq_grid_cells(&f->grid);
    for (size_t i = 0; i < n; i++) {
        float v = f->value[i];
        if (f->state[i] > SQ_STATE_UNDETECT || (v >= 0 && v <= cap))
            continue;
        if (!isfinite(v)) {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_REJECTED;
            count[SQ_FAULT_NO_NUMBER]++;
        } else if (v > cap) {
            f->value[i] = cap;
            count[SQ_FAULT_CAPPED]++;
        } else if (v > -1) {
            f->value[i] = 0;
            count[SQ_FAULT_NEGATIVE]++;
        } else {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_MISSING;
            count[SQ_FAULT_UNDECLARED]++;
        }
    }
}

static enum sq_status cut_disc(struct sq_field *f, double range_m, struct sq_err *e)
{
    double cell[2];
    enum sq_status st = sq_crs_cell_m(&f->grid, cell, e);
    if (st)
        return st;
    const int nx = f->grid.nx, ny = f->grid.ny;
    for (int r = 0; r < ny; r++) {
        double y = (r - 0.5 * (ny - 1)) * cell[1];
        for (int c = 0; c < nx; c++) {
            double x = (c - 0.5 * (nx - 1)) * cell[0];
            if (x * x + y * y > range_m * range_m) {
                f->value[(size_t)r * (size_t)nx + (size_t)c] = NAN;
                f->state[(size_t)r * (size_t)nx + (size_t)c] = SQ_STATE_NO_COVERAGE;
            }
        }
    }
    return SQ_OK;
}

/* Checks that need this frame alone. Stripes go first: what is left of a row is not taken for spikes. */
static enum sq_status check_shapes(struct sq_field *f, const struct sq_quality_params *p, struct sq_err *e)
{
    struct sq_examined x = {f->grid.nx, f->grid.ny, f->value, f->state, &f->report};
    const size_t n = sq_grid_cells(&f->grid);
    float *wet = NULL;
    if (!(p->spike_ratio > 0) && p->stripe_cells <= 0)
        return SQ_OK;
    enum sq_status s = sq_alloc((void **)&wet, n, sizeof *wet, "a frame", e);
    for (size_t i = 0; i < n && !s; i++)
        wet[i] = f->value[i] > 0 ? f->value[i] : 0;
    if (!s && p->stripe_cells > 0)
        s = sq_quality_stripes(&x, wet, p->stripe_cells, e);
    if (!s && p->spike_ratio > 0)
        s = sq_quality_spikes(&x, wet, p->spike_ratio, e);
    free(wet);
    return s;
}

enum sq_status sq_quality_apply(struct sq_field *f, const struct sq_read_params *p, struct sq_err *e)
{
    check_rates(f, (float)p->rate_cap_mmh);
    enum sq_status s = p->range_km > 0 ? cut_disc(f, p->range_km * 1000, e) : SQ_OK;
    return s ? s : check_shapes(f, &p->quality, e);
}
