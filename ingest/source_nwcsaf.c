/* Convective rainfall rate (CRR) of the NWC SAF's software for Meteosat, NWC/GEO.
 *
 * Coordinates are metres on the map that the global attribute gdal_projection names (there is no grid mapping); the fill
 * value is space and what the satellite sees too obliquely. A frame is stamped with the nominal time, which its file is
 * named after: frames are a quarter of an hour apart, on the quarters. That is when the satellite begins its scan in the far
 * south; Europe it sees 9 to 12 minutes later, for which a network's latency_s is to allow. */
#include "source_geos.h"

#include "core/instant.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bits of crr_quality and crr_status_flag. */
enum { GRADE = 56, GOOD = 8, QUESTIONABLE = 16, INTERPOLATED = 32, PARALLAX_CORRECTED = 8 };

static bool probe(const struct sq_file *f)
{
    int var;
    char text[SQ_CRS_MAX];
    return f->nc >= 0 && !nc_inq_varid(f->nc, "crr_intensity", &var) &&
           sq_netcdf_text(f->nc, NC_GLOBAL, "gdal_projection", text, sizeof text);
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {.kind = SQ_KIND_SATELLITE, .product = "CRR",
                                 .channel = "crr_rate", .units = "mm h-1"};
    double nominal = sq_geos_time(f, "nominal_product_time");
    char crs[SQ_CRS_MAX], units[16];
    int var;
    if (nc_inq_varid(f->nc, "crr_intensity", &var) || !sq_netcdf_text(f->nc, var, "units", units, sizeof units) ||
        strcmp(units, "mm/h") || !sq_netcdf_text(f->nc, NC_GLOBAL, "gdal_projection", crs, sizeof crs))
        return sq_fail(e, SQ_FAILED, "%s: no crr_intensity in mm/h", f->path);
    info.time = isnan(nominal) ? sq_geos_middle(f) : (int64_t)nominal;
    enum sq_status st = sq_geos_grid(f, var, crs, &info.grid, e);
    return st ? st : sq_frames_add(list, &info, e);
}

static enum sq_status read_quality(const struct sq_file *f, const struct sq_read_params *p, struct sq_field *ret,
                                   struct sq_err *e)
{
    struct sq_field flag = {0};
    int var;
    if (nc_inq_varid(f->nc, "crr_quality", &var))
        return SQ_OK;
    enum sq_status st = sq_geos_numbers(f, var, &ret->grid, p, &flag, e);
    if (st)
        return st;
    for (size_t i = 0; i < sq_grid_cells(&ret->grid); i++) {
        int grade = isnan(ret->value[i]) || !(flag.value[i] >= 0) ? -1 : (int)fminf(flag.value[i], 255) & GRADE;
        flag.value[i] = grade < 0 ? NAN : grade == GOOD ? 1 : grade == QUESTIONABLE || grade == INTERPOLATED ? 0.5f : 0;
    }
    ret->quality = flag.value;
    flag.value = NULL;
    sq_field_finish(&flag);
    return SQ_OK;
}

/* The software corrects the parallax of the clouds that it finds rain in, and says so at each. */
static enum sq_status read_parallax(const struct sq_file *f, const struct sq_read_params *p, struct sq_field *ret,
                                    struct sq_err *e)
{
    struct sq_field flag = {0};
    int var;
    if (nc_inq_varid(f->nc, "crr_status_flag", &var))
        return SQ_OK;
    enum sq_status st = sq_geos_numbers(f, var, &ret->grid, p, &flag, e);
    for (size_t i = 0; !st && i < sq_grid_cells(&ret->grid) && !ret->parallax_corrected; i++)
        ret->parallax_corrected = flag.value[i] >= 0 && flag.value[i] < 65536 && (int)flag.value[i] & PARALLAX_CORRECTED;
    sq_field_finish(&flag);
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    int var;
    double fill = 65535;
    (void)info;
    if (nc_inq_varid(f->nc, "crr_intensity", &var))
        return sq_fail(e, SQ_FAILED, "%s: no crr_intensity", f->path);
    struct sq_plane pl = sq_plane_plain(f->nc, var);
    sq_plane_cf(&pl);
    (void)sq_netcdf_number(f->nc, var, "_FillValue", &fill);
    sq_plane_code(&pl, fill, SQ_STATE_NO_COVERAGE);
    enum sq_status st = sq_plane_read(&pl, f->path, p, ret, e);
    if (st)
        return st;
    sq_geos_limit(ret, 0, 1000);
    st = read_quality(f, p, ret, e);
    return st ? st : read_parallax(f, p, ret, e);
}

const struct sq_source sq_source_nwcsaf = {"nwcsaf", probe, scan, read_frame, false};
