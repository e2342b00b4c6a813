/* The body of the targets that read files: the bytes are a file, which is either refused with one line or
 * gives frames whose every cell keeps the rules of a field. A fuzzer sees its own process alone: readers that do with the
 * classic format of netCDF meet that there, and HDF5 in another, as squall does. */
#ifndef SQ_TESTS_FUZZ_READER_H
#define SQ_TESTS_FUZZ_READER_H

#include "fuzz.h"

#include "ingest.h"

#include "core/log.h"

#include <math.h>

#define FUZZ_CELLS 1000000 /* larger fields are lawful, but slow to fill */

static inline void fuzz_check_field(const struct sq_field *f, enum sq_kind kind)
{
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++) {
        FUZZ_REQUIRE(f->state[i] <= SQ_STATE_DARK);
        FUZZ_REQUIRE((f->state[i] > SQ_STATE_UNDETECT) == isnan(f->value[i]));
        FUZZ_REQUIRE(!isinf(f->value[i]));
        FUZZ_REQUIRE(!f->quality || isnan(f->quality[i]) || (f->quality[i] >= 0 && f->quality[i] <= 1));
        FUZZ_REQUIRE(isnan(f->value[i]) || kind != SQ_KIND_RADAR || (f->value[i] >= 0 && f->value[i] <= 300));
    }
}

static inline int fuzz_reader_of(const uint8_t *data, size_t size, enum sq_kind kind, bool hdf5_here)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char path[32], *paths[] = {path};
    int fd = fuzz_file(data, size, path);
    p.kind = kind;
    p.together = hdf5_here || size < 4 || memcmp(data, "\x89HDF", 4);
    sq_log_level(SQ_LOG_ERROR);
    enum sq_status st = sq_inputs_open(paths, 1, &p, &in, &err);
    FUZZ_REQUIRE(st == SQ_OK || (st == SQ_FAILED && err.text[0] && !strchr(err.text, '\n')));
    for (int i = 0; !st && i < sq_inputs_count(in) && i < 4; i++) {
        struct sq_field f = {0};
        if (sq_grid_cells(&sq_inputs_info(in, i)->grid) <= FUZZ_CELLS &&
            sq_inputs_read(in, i, &f, &err) == SQ_OK)
            fuzz_check_field(&f, kind);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    fuzz_file_end(fd, path);
    return 0;
}

static inline int fuzz_reader(const uint8_t *data, size_t size)
{
    return fuzz_reader_of(data, size, SQ_KIND_RADAR, false);
}

#endif
