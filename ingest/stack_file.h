/* What the writer and the reader of a stack's file share. */
#ifndef SQ_INGEST_STACK_FILE_H
#define SQ_INGEST_STACK_FILE_H

#include "ingest.h"

#define SQ_STACK_MARK "squall_stack" /* global attribute: the version */
#define SQ_STACK_VERSION 1
#define SQ_STACK_NAME "squall_network"
#define SQ_STACK_CLOUD "satellite_cloud_top_m" /* see struct sq_stack */
#define SQ_STACK_TARGET "squall_target_grid" /* nx, ny, x0, y0, dx, dy */

/* Whole numbers of a source that are attributes of its group. */
static const struct sq_stack_attribute {
    const char *name;
    size_t at;
    int lo, hi;
} sq_stack_attributes[] = {
    {"latency_s", offsetof(struct sq_stack_source, latency_s), 0, 864000},
    {"reach_s", offsetof(struct sq_stack_source, reach_s), 0, 864000},
    {"clock_s", offsetof(struct sq_stack_source, clock_s), 0, 86400},
    {"coarser", offsetof(struct sq_stack_source, coarser), 1, 64},
};

/* As sq_stack_read, in this process, which a broken file may then end: for fuzzing, which sees its own process alone. */
enum sq_status sq_stack_read_here(const char *path, bool values, struct sq_stack *ret, struct sq_err *e) SQ_CHECK;

#endif
