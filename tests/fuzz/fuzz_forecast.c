/* The reader of forecast files. A sealed file that was changed must be refused before HDF5 sees it. */
#include "fuzz.h"

#include "serve.h"

#include "core/log.h"

#include <math.h>

#define FUZZ_CELLS 100000 /* larger maps are lawful, but slow to fill */

static void check_map(size_t n, const float *v, float most)
{
    for (size_t i = 0; i < n; i++)
        FUZZ_REQUIRE(isnan(v[i]) || (v[i] >= 0 && v[i] <= most));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sq_product_reader *r = NULL;
    const struct sq_forecast *f;
    struct sq_lead l = {0};
    struct sq_err err = {0};
    char path[32];
    int fd = fuzz_file(data, size, path);
    sq_log_level(SQ_LOG_ERROR);
    enum sq_status st = sq_product_open(path, &f, &r, &err);
    FUZZ_REQUIRE(st == SQ_OK || (st == SQ_FAILED && err.text[0] && !strchr(err.text, '\n')));
    if (!st && sq_grid_cells(&f->grid) <= FUZZ_CELLS && sq_lead_init(&l, f, &err) == SQ_OK) {
        size_t n = sq_grid_cells(&f->grid);
        for (int i = 0; i < f->n_lead; i++)
            if (sq_product_get(r, i, &l, &err) == SQ_OK) {
                check_map(n * (size_t)f->n_threshold, l.prob, 1);
                check_map(n * (size_t)f->n_percentile, l.rate, 1e6f);
                check_map(n, l.mean, 1e6f);
            }
    }
    sq_lead_finish(&l);
    sq_product_close(&r);
    fuzz_file_end(fd, path);
    return 0;
}
