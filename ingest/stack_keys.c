#include "stack_build.h"

#include "core/publish.h"
#include "core/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void sq_build_key(const char *text, int n, char ret[SQ_KEPT_KEY])
{
    char hex[65];
    sq_sha256(text, (size_t)n, hex);
    memcpy(ret, hex, SQ_KEPT_KEY - 1);
    ret[SQ_KEPT_KEY - 1] = '\0';
}

int sq_build_print_grid(char *out, size_t size, const struct sq_grid *g)
{
    return snprintf(out, size, "%d %d %.17g %.17g %.17g %.17g %s", g->nx, g->ny, g->x0, g->y0, g->dx, g->dy, g->crs);
}

bool sq_build_frame_key(const struct sq_build *b, int i, int grid, const struct sq_plan *plan, char ret[SQ_KEPT_KEY])
{
    const struct sq_frame_info *f = b->frame[i];
    const struct sq_read_params *p = &b->s->read;
    const struct sq_quality_params *q = &p->quality;
    const struct sq_window none = {0}, *w = plan->part ? &plan->part->window : &none;
    char full[SQ_PATH_MAX], g[SQ_CRS_MAX + 128], text[2 * SQ_PATH_MAX + SQ_CRS_MAX + 1024];
    struct stat st;
    if (stat(f->file, &st) || !realpath(f->file, full))
        return false;
    const char *member = f->path + strlen(f->file);
    sq_build_print_grid(g, sizeof g, &b->stack->grid[grid].grid);
    int n = snprintf(text, sizeof text,
                     SQ_VERSION " %s|%s|%lld %lld.%09ld|%d %d %s %s %s %s|%lld %lld %d|%d|%g %g %g %g %g %g|%g %d %d %d|%d %d %d %d|%s|%s",
                     full, member, (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec,
                     f->index, (int)f->kind, f->source, f->product, f->channel, f->units, (long long)f->time,
                     (long long)f->reference_time, f->interval_s, (int)plan->method, p->zr_a, p->zr_b, p->rate_cap_mmh,
                     p->dbz_cap, p->range_km, p->cloud_top_m, q->spike_ratio, q->speckle_cells, q->stripe_cells, q->spoke_cells,
                     w->row, w->col, w->ny, w->nx, f->kind == SQ_KIND_MODEL ? b->fields : "", g);
    sq_build_key(text, n, ret);
    return true;
}
