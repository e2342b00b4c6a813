/* Impossible rates. Nothing is filled, and whatever is changed is counted and logged:
 * above the cap: set to the cap (OPERA has single cells beyond 1000 mm/h);
 * infinite, or no number although measured: rejected;
 * slightly negative (above -1): 0, as in products whose packing or advection leaves -0.6 (Bureau of
 * Meteorology, AROME differences);
 * -1 and below: missing, for it is a code that the file does not declare;
 * outside the range disc: no coverage, for sources that store it as 0. */
#include "source.h"

#include "core/crs.h"
#include "core/log.h"

#include <math.h>

float sq_rate_from_dbz(double dbz, const struct sq_read_params *p)
{
    double capped = dbz < p->dbz_cap ? dbz : p->dbz_cap;
    return (float)exp((capped * (M_LN10 / 10) - log(p->zr_a)) / p->zr_b);
}

struct counts {
    size_t capped, rejected, negative, undeclared;
};

static struct counts check_rates(struct sq_field *f, float cap)
{
    struct counts c = {0};
    size_t n = sq_grid_cells(&f->grid);
    for (size_t i = 0; i < n; i++) {
        float v = f->value[i];
        if (f->state[i] > SQ_STATE_UNDETECT || (v >= 0 && v <= cap))
            continue;
        if (!isfinite(v)) {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_REJECTED;
            c.rejected++;
        } else if (v > cap) {
            f->value[i] = cap;
            c.capped++;
        } else if (v > -1) {
            f->value[i] = 0;
            c.negative++;
        } else {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_MISSING;
            c.undeclared++;
        }
    }
    return c;
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

enum sq_status sq_quality_apply(struct sq_field *f, const char *path, const struct sq_read_params *p,
                                struct sq_err *e)
{
    struct counts c = check_rates(f, (float)p->rate_cap_mmh);
    if (c.capped)
        sq_log(SQ_LOG_INFO, "%s: %zu rates above %g mm/h set to it", path, c.capped, p->rate_cap_mmh);
    if (c.negative)
        sq_log(SQ_LOG_INFO, "%s: %zu slightly negative rates set to 0", path, c.negative);
    if (c.rejected)
        sq_log(SQ_LOG_WARN, "%s: %zu rates that are no numbers rejected", path, c.rejected);
    if (c.undeclared)
        sq_log(SQ_LOG_WARN, "%s: %zu rates of -1 mm/h and below taken as missing", path, c.undeclared);
    return p->range_km > 0 ? cut_disc(f, p->range_km * 1000, e) : SQ_OK;
}
