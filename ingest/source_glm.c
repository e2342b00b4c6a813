/* Gridded lightning of the GOES mapper (GLM) on the fixed grid of the imager: counts and energies a minute.
 *
 * The fill value 0 means that nothing flashed, which is an observation. A frame is stamped with the end of its interval. */
#include "source_geos.h"

#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <string.h>

/* `sum`: over the interval, made one a minute; else a mean over flashes or groups. */
static const struct quantity {
    const char *name, *channel, *units;
    bool sum;
} quantities[] = {
    {"flash_extent_density", "glm_flash_extent", "min-1", true},
    {"flash_centroid_density", "glm_flash_centroid", "min-1", true},
    {"group_extent_density", "glm_group_extent", "min-1", true},
    {"group_centroid_density", "glm_group_centroid", "min-1", true},
    {"event_density", "glm_event", "min-1", true},
    {"total_energy", "glm_energy", "nJ min-1", true},
    {"average_flash_area", "glm_flash_area", "km2", false},
    {"average_group_area", "glm_group_area", "km2", false},
};
enum { QUANTITIES = sizeof quantities / sizeof *quantities };

static bool probe(const struct sq_file *f)
{
    int var;
    return f->nc >= 0 && !nc_inq_varid(f->nc, "goes_imager_projection", &var) &&
           !nc_inq_varid(f->nc, "flash_extent_density", &var);
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {.kind = SQ_KIND_SATELLITE};
    double start = sq_geos_time(f, "time_coverage_start"), end = sq_geos_time(f, "time_coverage_end");
    enum sq_status st = SQ_OK;
    if (!(end - start >= 1 && end - start <= 86400))
        return sq_fail(e, SQ_FAILED, "%s: time_coverage_start and time_coverage_end are no interval", f->path);
    info.time = (int64_t)floor(end + 0.5);
    info.interval_s = (int)lround(end - start);
    for (int k = 0; k < QUANTITIES && !st; k++) {
        int var;
        if (nc_inq_varid(f->nc, quantities[k].name, &var))
            continue;
        info.index = k;
        snprintf(info.product, sizeof info.product, "%s", quantities[k].name);
        snprintf(info.channel, sizeof info.channel, "%s", quantities[k].channel);
        snprintf(info.units, sizeof info.units, "%s", quantities[k].units);
        st = sq_geos_grid(f, var, NULL, &info.grid, e);
        if (!st)
            st = sq_frames_add(list, &info, e);
    }
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    const struct quantity *q = &quantities[info->index];
    char units[16];
    int var, flags;
    if (nc_inq_varid(f->nc, q->name, &var))
        return sq_fail(e, SQ_FAILED, "%s: no %s", f->path, q->name);
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    sq_plane_cf(&pl);
    sq_plane_code(&pl, 0, SQ_STATE_UNDETECT); /* after, and so before, the fill value */
    pl.factor = q->sum ? 60.0 / info->interval_s : 1;
    if (sq_netcdf_text(f->nc, var, "units", units, sizeof units) && !strcmp(units, "J"))
        pl.factor *= 1e9;
    enum sq_status st = sq_plane_read(&pl, f->path, p, ret, e);
    if (!st && !nc_inq_varid(f->nc, "DQF", &flags))
        st = sq_geos_flags(f, flags, -1, p, ret, e);
    if (!st)
        sq_geos_limit(ret, 0, 1e9f);
    return st;
}

const struct sq_source sq_source_glm = {"glm", probe, scan, read_frame, false};
