/* GOES ABI level 2 cloud and moisture imagery: CMIP (one band a file) and MCMIP (all 16), on the fixed grid.
 *
 * Layout: GOES-R Product Definition and Users' Guide, volume 5. Bands 1 to 6 are reflectance factors (not divided by the
 * cosine of the sun's zenith angle), 7 to 16 brightness temperatures; a frame is stamped with the middle of its scan. */
#include "source_geos.h"
#include "sunlit.h"

#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <string.h>

enum { BANDS = 16, REFLECTIVE = 6 };

/* Variable NAME_Cnn of a file of all bands, or NAME of a file of one. */
static bool find(int nc, const char *name, int band, int *ret_var)
{
    char text[32];
    snprintf(text, sizeof text, "%s_C%02d", name, band);
    return !nc_inq_varid(nc, text, ret_var) || !nc_inq_varid(nc, name, ret_var);
}

static bool probe(const struct sq_file *f)
{
    int var;
    if (f->nc < 0 || nc_inq_varid(f->nc, "goes_imager_projection", &var))
        return false;
    for (int band = 1; band <= BANDS; band++)
        if (find(f->nc, "CMI", band, &var))
            return true;
    return false;
}

/* The band of a file of one, 0 where it holds all. */
static enum sq_status only_band(const struct sq_file *f, int *ret, struct sq_err *e)
{
    int var;
    size_t first = 0;
    double band = 0;
    *ret = 0;
    if (nc_inq_varid(f->nc, "CMI", &var))
        return SQ_OK;
    if (nc_inq_varid(f->nc, "band_id", &var) || nc_get_var1_double(f->nc, var, &first, &band) ||
        !(band >= 1 && band <= BANDS && band == floor(band)))
        return sq_fail(e, SQ_FAILED, "%s: no band_id from 1 to %d", f->path, BANDS);
    *ret = (int)band;
    return SQ_OK;
}

/* `t`, the middle of the scan since 2000-01-01 12:00, or what the attributes say of start and end. */
static int64_t scan_time(const struct sq_file *f)
{
    static const char since[] = "seconds since 2000-01-01 12:00";
    char units[64];
    size_t first = 0;
    double t;
    int var;
    if (!nc_inq_varid(f->nc, "t", &var) && sq_netcdf_text(f->nc, var, "units", units, sizeof units) &&
        !strncmp(units, since, strlen(since)) && !nc_get_var1_double(f->nc, var, &first, &t) && fabs(t) < 1e11)
        return sq_instant_civil(2000, 1, 1, 12, 0, 0) + (int64_t)floor(t + 0.5);
    return sq_geos_middle(f);
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {.kind = SQ_KIND_SATELLITE, .time = scan_time(f)};
    int only, var;
    enum sq_status st = only_band(f, &only, e);
    for (int band = 1; band <= BANDS && !st; band++) {
        if ((only && band != only) || !find(f->nc, "CMI", band, &var))
            continue;
        info.index = band;
        snprintf(info.product, sizeof info.product, only ? "CMIP" : "MCMIP");
        snprintf(info.channel, sizeof info.channel, "abi%02d", band);
        snprintf(info.units, sizeof info.units, band <= REFLECTIVE ? "1" : "K");
        st = sq_geos_grid(f, var, NULL, &info.grid, e);
        if (!st)
            st = sq_frames_add(list, &info, e);
    }
    return st;
}

/* DQF: 0 good, 1 conditionally usable, 2 out of range, 3 no value, 4 focal plane too warm. */
enum { NO_VALUE = 3 };

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    int var, flags;
    bool reflective = info->index <= REFLECTIVE;
    if (!find(f->nc, "CMI", info->index, &var))
        return sq_fail(e, SQ_FAILED, "%s: no image of %s", f->path, info->channel);
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    sq_plane_cf(&pl);
    pl.window = f->window;
    enum sq_status st = sq_plane_read(&pl, f->path, p, ret, e);
    if (!st && find(f->nc, "DQF", info->index, &flags))
        st = sq_geos_flags(f, flags, NO_VALUE, p, ret, e);
    if (st)
        return st;
    /* Wider than what the bands can say: about 0 to 1.3, and to 412 K in band 7. */
    sq_geos_limit(ret, reflective ? -0.2f : 50, reflective ? 2 : 450);
    return reflective ? sq_sunlit_mask(ret, 0, e) : SQ_OK;
}

const struct sq_source sq_source_abi = {"abi", probe, scan, read_frame, false};
