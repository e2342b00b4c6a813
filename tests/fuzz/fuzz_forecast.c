/* The reader of forecast files. A sealed file that was changed must be refused before HDF5 sees it; one without a seal is
 * read by another process. The classic format, which squall refuses as a forecast, shows here what is made of the words
 * and numbers of a file: its parser stands up to anything. */
#include "fuzz.h"

#include "product_parse.h"
#include "serve.h"

#include "core/classic.h"
#include "core/log.h"

#include <math.h>

#define FUZZ_CELLS 100000 /* larger maps are lawful, but slow to fill */

static bool is_refused(enum sq_status st, const struct sq_err *err)
{
    FUZZ_REQUIRE(st == SQ_OK || ((st == SQ_FAILED || st == SQ_ABSENT) && err->text[0] && !strchr(err->text, '\n')));
    return st;
}

static void check_map(size_t n, const float *v, float most)
{
    for (size_t i = 0; i < n; i++)
        FUZZ_REQUIRE(isnan(v[i]) || (v[i] >= 0 && v[i] <= most));
}

static void check_values(const struct sq_product_file *r)
{
    static float value[FUZZ_CELLS * SQ_THRESHOLD_MAX];
    struct sq_product_part p = {.ny = (size_t)r->f.grid.ny, .nx = (size_t)r->f.grid.nx};
    struct sq_err err = {0};
    FUZZ_REQUIRE(r->f.n_lead >= 1 && r->f.n_lead <= SQ_LEAD_MAX && r->f.grid.dx > 0 && r->f.grid.dy > 0);
    if (sq_grid_cells(&r->f.grid) > FUZZ_CELLS)
        return;
    for (int map = SQ_MAP_PROB; map <= SQ_MAP_QUALITY; map++) {
        const int levels = sq_product_levels(&r->f, (enum sq_product_map)map);
        FUZZ_REQUIRE(levels >= 1 && levels <= SQ_THRESHOLD_MAX);
        p.map = (enum sq_product_map)map;
        for (p.lead = 0; p.lead < (map < SQ_MAP_OBSERVED ? r->f.n_lead : 1); p.lead++)
            if (!is_refused(sq_product_values(r, &p, value, &err), &err))
                check_map((size_t)levels * p.ny * p.nx, value, map == SQ_MAP_PROB ? 1 : 1e6f);
    }
}

static void parse(const char *path)
{
    struct sq_product_file r = {.path = path, .nc = -1};
    struct sq_err err = {0};
    if (!is_refused(sq_classic_check(path, &err), &err) && !is_refused(sq_product_parse(&r, &err), &err))
        check_values(&r);
    sq_product_file_finish(&r);
}

static void read_all(const char *path)
{
    struct sq_product_reader *r = NULL;
    const struct sq_forecast *f;
    struct sq_lead l = {0};
    struct sq_err err = {0};
    if (!is_refused(sq_product_open(path, &f, &r, &err), &err) && sq_grid_cells(&f->grid) <= FUZZ_CELLS &&
        sq_lead_init(&l, f, &err) == SQ_OK) {
        size_t n = sq_grid_cells(&f->grid);
        for (int i = 0; i < f->n_lead; i++)
            if (!is_refused(sq_product_get(r, i, &l, &err), &err)) {
                check_map(n * (size_t)f->n_threshold, l.prob, 1);
                check_map(n * (size_t)f->n_percentile, l.rate, 1e6f);
                check_map(n, l.mean, 1e6f);
            }
    }
    sq_lead_finish(&l);
    sq_product_close(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int fd = fuzz_file(data, size, path);
    sq_log_level(SQ_LOG_ERROR);
    if (size > 3 && !memcmp(data, "CDF", 3) && (data[3] == 1 || data[3] == 2 || data[3] == 5))
        parse(path);
    else
        read_all(path);
    fuzz_file_end(fd, path);
    return 0;
}
