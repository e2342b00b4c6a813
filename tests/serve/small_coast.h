/* Small GSHHG files: bins of 90 degrees, and in the bin of 0..90 E, 0..90 N two boxes. */
#ifndef SQ_TESTS_SMALL_COAST_H
#define SQ_TESTS_SMALL_COAST_H

#include "test.h"

#include <netcdf.h>
#include <stdbool.h>

/* Corners of the boxes: an island, and a lake (coastlines) or a state (borders), as west, south, east, north. */
static const double small_coast_box[2][4] = {{4, 50, 6, 52}, {4.5, 50.5, 5, 51}};

struct small_coast {
    bool border;
    int first_point;   /* of the first segment; other than 0 is broken */
    int extra_points;  /* claimed by the second segment; other than 0 is broken */
    int segments;      /* of the bin; 0 means the right number, 2 */
    int minutes;       /* of a bin; 0 means the right number, 5400 */
    bool no_latitudes; /* the variable is missing */
};

static inline void small_coast_ints(int id, const char *name, nc_type type, size_t n, const int *v, bool define)
{
    int dim, var;
    char of[80];
    if (define) {
        snprintf(of, sizeof of, "of_%s", name);
        REQUIRE(!nc_def_dim(id, of, n, &dim) && !nc_def_var(id, name, type, 1, &dim, &var));
    } else {
        REQUIRE(!nc_inq_varid(id, name, &var) && !nc_put_var_int(id, var, v));
    }
}

static inline void small_coast_write(const char *path, struct small_coast c)
{
    int id, minutes = c.minutes ? c.minutes : 5400, columns = 4, rows = 2, lon[10], lat[10];
    int bin_first[8] = {0, 2, 2, 2, 2, 2, 2, 2}, bin_n[8] = {c.segments ? c.segments : 2};
    int corner[8] = {0, 4681}; /* all four corners of the second bin are land */
    int seg_n[2] = {5, 5 + c.extra_points}, seg_first[2] = {c.first_point, 5}, level[2] = {1, 2}, packed[2];
    for (int i = 0; i < 10; i++) {
        const double *b = small_coast_box[i / 5];
        int k = i % 5 % 4;
        double x = b[k == 1 || k == 2 ? 2 : 0], y = b[k >= 2 ? 3 : 1];
        lon[i] = (int16_t)(uint16_t)lrint(x / 90 * 65535);
        lat[i] = (int16_t)(uint16_t)lrint(y / 90 * 65535);
    }
    for (int s = 0; s < 2; s++)
        packed[s] = seg_n[s] * 512 + level[s] * 64 + 4 * 8 + 4;
    REQUIRE(!nc_create(path, NC_CLOBBER, &id));
    for (int define = 1; define >= 0; define--) {
        small_coast_ints(id, "Bin_size_in_minutes", NC_INT, 1, &minutes, define);
        small_coast_ints(id, "N_bins_in_360_longitude_range", NC_INT, 1, &columns, define);
        small_coast_ints(id, "N_bins_in_180_degree_latitude_range", NC_INT, 1, &rows, define);
        small_coast_ints(id, "Id_of_first_segment_in_a_bin", NC_INT, 8, bin_first, define);
        small_coast_ints(id, "N_segments_in_a_bin", NC_SHORT, 8, bin_n, define);
        small_coast_ints(id, "Id_of_first_point_in_a_segment", NC_INT, 2, seg_first, define);
        if (c.border) {
            small_coast_ints(id, "N_points_for_a_segment", NC_SHORT, 2, seg_n, define);
            small_coast_ints(id, "Hierarchial_level_of_a_segment", NC_SHORT, 2, level, define);
        } else {
            small_coast_ints(id, "Embedded_npts_levels_exit_entry_for_a_segment", NC_INT, 2, packed, define);
            small_coast_ints(id, "Embedded_node_levels_in_a_bin", NC_SHORT, 8, corner, define);
        }
        small_coast_ints(id, "Relative_longitude_from_SW_corner_of_bin", NC_SHORT, 10, lon, define);
        if (!c.no_latitudes)
            small_coast_ints(id, "Relative_latitude_from_SW_corner_of_bin", NC_SHORT, 10, lat, define);
        REQUIRE(!(define ? nc_enddef(id) : nc_close(id)));
    }
}

#endif
