/* What was there beside the radar, for the subcommands that learn and forecast from several sources. */
#ifndef SQ_TOOLS_BESIDE_H
#define SQ_TOOLS_BESIDE_H

#include "ingest.h"

#include "core/settings.h"

/* Builds stacks of the sources `def` on the radar's own grid, one moment after the other, from the same paths. */
struct sq_beside_files {
    struct sq_stacker *stacker;
    char *const *paths;
    int n_paths;
};
enum sq_status sq_beside_open(struct sq_beside_files *b, const struct sq_stack_def *def, const struct sq_grid *grid,
                              const struct sq_settings *set, char *const *paths, int n_paths, struct sq_err *e) SQ_CHECK;
/* What was there at `at`, owned by *ret, heap; NULL where nothing was. */
enum sq_status sq_beside_at(struct sq_beside_files *b, int64_t at, struct sq_stack **ret, struct sq_err *e) SQ_CHECK;
void sq_beside_close(struct sq_beside_files *b);
void sq_beside_drop(struct sq_stack **s);

/* One line a source that is not radar: "satellite: 3 of 3 planes, newest ... ". `s` NULL: none of them is there. Heap. */
char *sq_beside_say(const struct sq_stack_def *def, const struct sq_stack *s);

#endif
