/* Impossible rates. Nothing is filled, and whatever is changed is counted and logged:
 * above the cap: set to the cap (OPERA has single cells beyond 1000 mm/h);
 * infinite: rejected;
 * slightly negative (above -1): 0, as in products whose packing or advection leaves -0.6 (Bureau of
 * Meteorology, AROME differences);
 * -1 and below: missing, for it is a code that the file does not declare. */
#include "source.h"

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
        if (!(v > cap || v < 0)) /* NaN passes too */
            continue;
        if (isinf(v)) {
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

enum sq_status sq_quality_apply(struct sq_field *f, const char *path, const struct sq_read_params *p,
                                struct sq_err *e)
{
    struct counts c = check_rates(f, (float)p->rate_cap_mmh);
    if (c.capped)
        sq_log(SQ_LOG_INFO, "%s: %zu rates above %g mm/h set to it", path, c.capped, p->rate_cap_mmh);
    if (c.negative)
        sq_log(SQ_LOG_INFO, "%s: %zu slightly negative rates set to 0", path, c.negative);
    if (c.rejected)
        sq_log(SQ_LOG_WARN, "%s: %zu infinite rates rejected", path, c.rejected);
    if (c.undeclared)
        sq_log(SQ_LOG_WARN, "%s: %zu rates of -1 mm/h and below taken as missing", path, c.undeclared);
    if (p->range_km > 0)
        return sq_fail(e, SQ_FAILED, "%s: range_km cannot be used yet", path);
    return SQ_OK;
}
