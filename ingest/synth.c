/* Simulated weather as files: which frames there are, and who writes them. */
#include "ingest.h"
#include "core/crs.h"
#include "rain_file.h"
#include "views.h"

#include <stdio.h>
#include <stdlib.h>

/* Longitude and latitude of the middle of a grid. */
static enum sq_status middle(const struct sq_grid *g, double ret[2], struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    enum sq_status s = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &map, e);
    if (s)
        return s;
    ret[0] = sq_grid_x(g, 0.5 * (g->nx - 1));
    ret[1] = sq_grid_y(g, 0.5 * (g->ny - 1));
    sq_crs_forward(map, 1, &ret[0], &ret[1]);
    sq_crs_map_destroy(&map);
    return SQ_OK;
}

static enum sq_status write_frames(const struct sq_synth_params *p, const struct sq_radars *radars,
                                   struct sq_rain_file *file, struct sq_err *e)
{
    void *block;
    enum sq_status s = sq_alloc(&block, sq_grid_cells(&p->grid), sizeof(float), "a frame", e);
    if (s)
        return s;
    for (int i = 0; i < p->n_frames && !s; i++) {
        const int64_t t = p->start + (int64_t)i * p->step_s;
        s = sq_radars_observe(radars, (double)t, block, e);
        if (!s)
            s = sq_rain_file_put(file, t, block, e);
    }
    free(block);
    return s;
}

enum sq_status sq_synth_write(const char *path, const struct sq_synth_params *given, struct sq_err *e)
{
    struct sq_synth_params p = *given;
    struct sq_world world;
    struct sq_world_map map = {0};
    struct sq_radars *radars = NULL;
    struct sq_rain_file *file = NULL;
    double lonlat[2];
    char source[128];
    p.n_frames = p.n_frames ? p.n_frames : 24;
    p.step_s = p.step_s ? p.step_s : 300;
    snprintf(source, sizeof source, "squall " SQ_VERSION " synth, seed %llu", (unsigned long long)p.seed);
    enum sq_status s = sq_grid_check(&p.grid, path, e);
    if (!s)
        s = middle(&p.grid, lonlat, e);
    if (s)
        return s;
    sq_world_make(&world, p.seed, lonlat[0], lonlat[1]);
    s = sq_world_map_init(&map, &world, &p.grid, e);
    if (!s)
        s = sq_radars_create(&world, &map, &radars, e);
    if (!s)
        s = sq_rain_file_create(path, &p.grid, p.n_frames, "simulated rain", source, &file, e);
    if (!s)
        s = write_frames(&p, radars, file, e);
    if (!s)
        s = sq_rain_file_publish(file, e);
    sq_rain_file_destroy(&file);
    sq_radars_destroy(&radars);
    sq_world_map_finish(&map);
    return s;
}
