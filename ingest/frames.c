/* The list of frames: how it grows, and which of several products stays. */
#include "inputs.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_list_grow(void **array, int n, int *room, size_t size, struct sq_err *e)
{
    if (n < *room)
        return SQ_OK;
    int more = *room ? *room * 2 : 64;
    void *p = realloc(*array, (size_t)more * size);
    if (!p)
        return sq_fail(e, SQ_FAILED, "out of memory for a list of %d", more);
    *array = p;
    *room = more;
    return SQ_OK;
}

enum sq_status sq_frames_add(struct sq_frames *list, const struct sq_frame_info *info, struct sq_err *e)
{
    enum sq_status st = sq_grid_check(&info->grid, list->path, e);
    if (st)
        return st;
    if (sq_grid_cells(&info->grid) > SQ_CELLS_MAX)
        return sq_fail(e, SQ_FAILED, "%s: claims %d x %d cells, at most %d are read", list->path,
                       info->grid.nx, info->grid.ny, SQ_CELLS_MAX);
    if (info->time < -377705116800 || info->time > 253402300799) /* years -9999 to 9999 */
        return sq_fail(e, SQ_FAILED, "%s: the time of frame %d is not a time", list->path, info->index);
    st = sq_list_grow((void **)&list->frame, list->n, &list->room, sizeof *list->frame, e);
    if (st)
        return st;
    struct sq_frame *f = &list->frame[list->n];
    *f = (struct sq_frame){.info = *info,
                           .input = list->input,
                           .named = list->named,
                           .order = list->found++,
                           .own_s = info->interval_s,
                           .second = -1};
    f->info.path = list->path;
    f->info.file = list->file;
    if (!f->info.reference_time)
        f->info.reference_time = f->info.time;
    if (!f->info.channel[0])
        snprintf(f->info.channel, sizeof f->info.channel, "rain_rate");
    if (!f->info.units[0])
        snprintf(f->info.units, sizeof f->info.units, "mm h-1");
    snprintf(f->info.source, sizeof f->info.source, "%s", list->source);
    list->n++;
    return SQ_OK;
}

const struct sq_read_params *sq_frames_params(const struct sq_frames *list)
{
    return list->params;
}

void sq_frames_turn(struct sq_frames *list, const char *with, char axis)
{
    struct sq_frame *f = &list->frame[list->n - 1];
    snprintf(f->with, sizeof f->with, "%s", with);
    f->axis = axis;
}

/* ---- products -------------------------------------------------------------------------------------------
 */

/* By source and product, then in the order of the list. */
static int by_product(const void *a, const void *b)
{
    const struct sq_frame *x = *(const struct sq_frame *const *)a, *y = *(const struct sq_frame *const *)b;
    int order = strcmp(x->info.source, y->info.source);
    if (!order)
        order = strcmp(x->info.product, y->info.product);
    return order ? order : x < y ? -1 : x > y;
}

static bool same_product(const struct sq_frame_info *a, const struct sq_frame_info *b)
{
    return !strcmp(a->source, b->source) && !strcmp(a->product, b->product);
}

/* A radar frame of the product that has the most, of equals the one with the newest frame. *ret is untouched
 * where no frame is of radar. */
static enum sq_status main_product(const struct sq_frames *list, struct sq_frame_info *ret, struct sq_err *e)
{
    const struct sq_frame **sorted = NULL, *best = NULL;
    int most = 0, n = 0;
    enum sq_status st = sq_alloc((void **)&sorted, (size_t)list->n, sizeof *sorted, "products", e);
    if (st)
        return st;
    for (int i = 0; i < list->n; i++)
        if (list->frame[i].info.kind == SQ_KIND_RADAR)
            sorted[n++] = &list->frame[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_product);
    for (int i = 0, run = 0; i < n; i++) {
        run = i && same_product(&sorted[i - 1]->info, &sorted[i]->info) ? run + 1 : 1;
        if (run > most || (run == most && sorted[i] > best)) {
            most = run;
            best = sorted[i];
        }
    }
    if (best)
        *ret = best->info;
    free(sorted);
    return SQ_OK;
}

enum sq_status sq_frames_keep_main(struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info keep = {0};
    enum sq_status st = main_product(list, &keep, e);
    int n = 0;
    for (int i = 0, logged = -1; i < list->n && !st; i++) {
        const struct sq_frame *f = &list->frame[i];
        if (f->info.kind != SQ_KIND_RADAR || same_product(&f->info, &keep) || f->named) {
            list->frame[n++] = *f;
        } else if (f->input != logged) { /* a file of many frames is named once */
            sq_log(SQ_LOG_WARN,
                   "%s: %s passed over beside %s, which has more frames: name the file to use it",
                   f->info.path, f->info.product, keep.product);
            logged = f->input;
        }
    }
    memmove(list->frame + n, list->frame + list->n, (size_t)list->n_hidden * sizeof *list->frame);
    list->n = n;
    return st;
}
