/* Files of stacks. */
#include "fuzz.h"

#include "stack_file.h"

#include "core/log.h"

#define FUZZ_CELLS 1000000 /* larger stacks are lawful, but slow to fill */

static size_t cells_of(const struct sq_stack *s)
{
    size_t n = 0;
    for (int i = 0; i < s->def.n_sources; i++)
        n += (size_t)s->def.source[i].n_channels * (size_t)s->def.source[i].n_slices *
             sq_grid_cells(&s->grid[s->grid_of[i]].grid);
    return n;
}

static void check_plane(const struct sq_stack_plane *p, size_t cells, bool values)
{
    FUZZ_REQUIRE(p->why >= SQ_STACK_USED && p->why <= SQ_STACK_OUTSIDE);
    FUZZ_REQUIRE((p->value != NULL) == (values && p->why == SQ_STACK_USED));
    FUZZ_REQUIRE(p->coverage >= 0 && p->coverage <= 1 && p->report.frame < SQ_FAULTS);
    FUZZ_REQUIRE(memchr(p->path[0], 0, sizeof p->path[0]) && memchr(p->path[1], 0, sizeof p->path[1]) &&
                 memchr(p->product, 0, sizeof p->product) && memchr(p->units, 0, sizeof p->units));
    size_t sum = 0, bytes = p->value ? cells * sizeof *p->value : 0;
    for (size_t i = 0; i < bytes; i++)
        sum += ((const unsigned char *)p->value)[i]; /* all of it is there */
    FUZZ_REQUIRE(sum <= 255 * bytes);
}

static void check(const struct sq_stack *s, bool values)
{
    char line[200];
    size_t n = 0;
    FUZZ_REQUIRE(s->def.n_sources >= 1 && s->n_grids >= 1 && s->n_grids <= SQ_STACK_GRIDS);
    for (int i = 0; i < s->def.n_sources; i++) {
        const struct sq_stack_source *d = &s->def.source[i];
        for (int c = 0; c < d->n_channels; c++)
            for (int k = 0; k < d->n_slices; k++, n++)
                check_plane(sq_stack_at(s, i, c, k), sq_grid_cells(&s->grid[s->grid_of[i]].grid), values);
        sq_stack_say(s, i, line, sizeof line);
        FUZZ_REQUIRE(line[0]);
    }
    FUZZ_REQUIRE(n == s->n_planes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sq_stack s = {0};
    struct sq_err err = {0};
    char path[32];
    bool values = false;
    int fd = fuzz_file(data, size, path);
    sq_log_level(SQ_LOG_ERROR);
    enum sq_status st = SQ_OK;
    for (int i = 0; i < 2 && !st; i++) {
        st = sq_stack_read_here(path, values, &s, &err);
        FUZZ_REQUIRE(st == SQ_OK || (st == SQ_FAILED && err.text[0] && !strchr(err.text, '\n') && !s.plane && !s.block));
        if (st)
            break;
        check(&s, values);
        values = cells_of(&s) <= FUZZ_CELLS;
        sq_stack_finish(&s);
        if (!values)
            break;
    }
    fuzz_file_end(fd, path);
    return 0;
}
