#include "field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_field_init(struct sq_field *f, const struct sq_grid *g, struct sq_err *e)
{
    size_t n = sq_grid_cells(g);
    *f = (struct sq_field){.grid = *g};
    enum sq_status s = sq_alloc_unknown(&f->value, n, "a field", e);
    if (!s)
        s = sq_alloc((void **)&f->state, n, sizeof *f->state, "a field", e);
    if (s) {
        sq_field_finish(f);
        return s;
    }
    memset(f->state, SQ_STATE_NO_COVERAGE, n);
    return SQ_OK;
}

void sq_field_finish(struct sq_field *f)
{
    free(f->value);
    free(f->state);
    free(f->quality);
    *f = (struct sq_field){0};
}

void sq_field_reject_worthless(struct sq_field *f)
{
    for (size_t i = 0; f->quality && i < sq_grid_cells(&f->grid); i++)
        if (f->quality[i] == 0 && f->state[i] <= SQ_STATE_UNDETECT) {
            f->value[i] = NAN;
            f->state[i] = SQ_STATE_REJECTED;
        }
}

double sq_field_coverage(const struct sq_field *f)
{
    size_t n = sq_grid_cells(&f->grid), seen = 0;
    for (size_t i = 0; i < n; i++)
        seen += !isnan(f->value[i]);
    return (double)seen / (double)n;
}

float sq_field_most(const struct sq_field *f)
{
    float most = NAN;
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        most = fmaxf(most, f->value[i]); /* fmax prefers the number */
    return most;
}
