/* Simulated weather as one file: what radars see, or the truth. */
#include "synth.h"
#include "core/crs.h"
#include "rain_file.h"
#include "views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum sq_status sq_synth_begin(struct sq_synth_params *p, const char *where, struct sq_world *ret, struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    p->n_frames = p->n_frames ? p->n_frames : 24;
    p->step_s = p->step_s ? p->step_s : 300;
    p->lead_h = p->lead_h ? p->lead_h : 12;
    enum sq_status s = sq_grid_check(&p->grid, where, e);
    if (!s)
        s = sq_crs_map_create(p->grid.crs, SQ_CRS_LONLAT, &map, e);
    if (s)
        return s;
    double lon = sq_grid_x(&p->grid, 0.5 * (p->grid.nx - 1)), lat = sq_grid_y(&p->grid, 0.5 * (p->grid.ny - 1));
    sq_crs_forward(map, 1, &lon, &lat);
    sq_crs_map_destroy(&map);
    if (isnan(lon) || isnan(lat))
        return sq_fail(e, SQ_FAILED, "%s: the middle of the grid is not on the Earth", where);
    sq_world_make(ret, p->seed, lon, lat);
    return SQ_OK;
}

/* What falls. */
static enum sq_status fall(const struct sq_world *w, const struct sq_world_map *m, double t, float *rate, float *kind,
                           struct sq_err *e)
{
    enum sq_status s = sq_world_render(w, m, t, 0, NULL, rate, kind, e);
    for (size_t i = 0; i < sq_grid_cells(&m->grid) && !s; i++)
        rate[i] = sq_world_rate(rate[i], kind[i]);
    return s;
}

static enum sq_status write_frames(const struct sq_synth_params *p, const struct sq_world *w,
                                   const struct sq_world_map *map, const struct sq_radars *radars,
                                   struct sq_rain_file *file, struct sq_err *e)
{
    void *block;
    const size_t n = sq_grid_cells(&p->grid);
    enum sq_status s = sq_alloc(&block, 2 * n, sizeof(float), "a frame", e);
    if (s)
        return s;
    float *rate = block;
    for (int i = 0; i < p->n_frames && !s; i++) {
        const int64_t t = p->start + (int64_t)i * p->step_s;
        s = radars ? sq_radars_observe(radars, (double)t, rate, e) : fall(w, map, (double)t, rate, rate + n, e);
        if (!s)
            s = sq_rain_file_put(file, t, rate, e);
    }
    free(block);
    return s;
}

enum sq_status sq_synth_write(const char *path, const struct sq_synth_params *given, bool truth, struct sq_err *e)
{
    struct sq_synth_params p = *given;
    struct sq_world world;
    struct sq_world_map map = {0};
    struct sq_radars *radars = NULL;
    struct sq_rain_file *file = NULL;
    char source[128];
    snprintf(source, sizeof source, "squall " SQ_VERSION " synth, seed %llu%s", (unsigned long long)p.seed,
             truth ? ", truth" : "");
    enum sq_status s = sq_synth_begin(&p, path, &world, e);
    if (!s)
        s = sq_world_map_init(&map, &world, &p.grid, e);
    if (!s && !truth)
        s = sq_radars_create(&world, &map, &radars, e);
    if (!s)
        s = sq_rain_file_create(path, &p.grid, p.n_frames, "simulated rain", source, &file, e);
    if (!s)
        s = write_frames(&p, &world, &map, radars, file, e);
    if (!s)
        s = sq_rain_file_publish(file, e);
    sq_rain_file_destroy(&file);
    sq_radars_destroy(&radars);
    sq_world_map_finish(&map);
    return s;
}
