/* Masks of cells to score. */
#include "fuzz.h"

#include "ingest/ingest.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct sq_mask m = {0};
    struct sq_err e = {0};
    int64_t issue;
    int fd = fuzz_file(data, size, path);
    if (sq_mask_read(path, &m, &e)) {
        FUZZ_REQUIRE(e.text[0] && !strchr(e.text, '\n') && !m.valid);
        fuzz_file_end(fd, path);
        return 0;
    }
    size_t cells = sq_grid_cells(&m.grid);
    FUZZ_REQUIRE(!sq_mask_issue(path, &issue, &e) && issue == m.issue_time);
    FUZZ_REQUIRE(m.n_lead >= 1 && m.n_lead <= SQ_MASK_LEADS && m.grid.dx > 0 && m.grid.dy > 0 && isfinite(m.grid.x0));
    unsigned sum = 0;
    for (size_t i = 0; i < cells * (size_t)m.n_lead; i++)
        sum += m.valid[i]; /* all of it is there */
    FUZZ_REQUIRE(sum <= 255u * cells * (size_t)m.n_lead);
    sq_mask_finish(&m);
    fuzz_file_end(fd, path);
    return 0;
}
