#include "beside.h"

#include "options.h"

#include <stdio.h>
#include <stdlib.h>

enum sq_status sq_beside_open(struct sq_beside_files *b, const struct sq_stack_def *def, const struct sq_grid *grid,
                              const struct sq_settings *set, char *const *paths, int n_paths, struct sq_err *e)
{
    const struct sq_stacker_params p = {.def = def, .target = grid, .read = sq_options_read(set), .workers = set->threads};
    *b = (struct sq_beside_files){.paths = paths, .n_paths = n_paths};
    return sq_stacker_open(&p, &b->stacker, e);
}

enum sq_status sq_beside_at(struct sq_beside_files *b, int64_t at, struct sq_stack **ret, struct sq_err *e)
{
    struct sq_stack *s = NULL;
    enum sq_status status = sq_alloc((void **)&s, 1, sizeof *s, "sources", e);
    *ret = NULL;
    if (!status)
        status = sq_stacker_build(b->stacker, b->paths, b->n_paths, at, s, e);
    if (!status)
        status = sq_stack_own(s, e);
    if (status) {
        sq_beside_drop(&s);
        return status == SQ_ABSENT ? SQ_OK : status;
    }
    *ret = s;
    return SQ_OK;
}

void sq_beside_close(struct sq_beside_files *b)
{
    sq_stacker_close(&b->stacker);
}

void sq_beside_drop(struct sq_stack **s)
{
    if (!*s)
        return;
    sq_stack_finish(*s);
    free(*s);
    *s = NULL;
}

char *sq_beside_say(const struct sq_stack_def *def, const struct sq_stack *s)
{
    char *text = NULL, line[512];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    for (int i = 0; f && i < def->n_sources; i++) {
        if (def->source[i].kind == SQ_STACK_RADAR)
            continue;
        if (s)
            sq_stack_say(s, i, line, sizeof line);
        else
            snprintf(line, sizeof line, "%s: nothing", def->source[i].name);
        fprintf(f, "%s%s", size || ftell(f) > 0 ? "\n" : "", line);
    }
    if (f && fclose(f)) {
        free(text);
        text = NULL;
    }
    return text;
}
