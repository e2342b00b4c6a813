#include "coast.h"

#include <glob.h>
#include <limits.h>
#include <math.h>
#include <netcdf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where the files are ----------------------------------------------------------------------------- */

/* From coarse to fine: the letter in the file's name and the tolerance it was thinned with, in km. */
static const struct {
    char letter;
    double km;
} detail[] = {{'c', 25}, {'l', 5}, {'i', 1}, {'h', 0.2}, {'f', 0}};
enum { DETAILS = sizeof detail / sizeof *detail };

static bool try_file(const char *folder, enum sq_coast_kind kind, int k, char *path, size_t room)
{
    int n = snprintf(path, room, "%s/binned_%s_%c.nc", folder, kind == SQ_BORDER ? "border" : "GSHHS",
                     detail[k].letter);
    return n > 0 && (size_t)n < room && access(path, R_OK) == 0;
}

/* fine enough first, then finer, then coarser */
static bool try_folder(const char *folder, enum sq_coast_kind kind, double km_px, char *path, size_t room)
{
    int want = 0;
    while (want < DETAILS - 1 && detail[want].km > 0.6 * km_px)
        want++;
    for (int k = want; k < DETAILS; k++)
        if (try_file(folder, kind, k, path, room))
            return true;
    for (int k = want - 1; k >= 0; k--)
        if (try_file(folder, kind, k, path, room))
            return true;
    return false;
}

enum sq_status sq_coast_find(enum sq_coast_kind kind, double km_px, char *ret_path, size_t room, struct sq_err *e)
{
    const char *own = getenv("SQUALL_GSHHG");
    glob_t g = {0};
    bool found = false;
    if (own && *own) {
        if (try_folder(own, kind, km_px, ret_path, room))
            return SQ_OK;
        return sq_fail(e, SQ_ABSENT, "%s: no binned_GSHHS_*.nc there, maps have no coastline: set SQUALL_GSHHG", own);
    }
    if (glob("/usr/share/gmt-gshhg*", 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc && !found; i++)
            found = try_folder(g.gl_pathv[i], kind, km_px, ret_path, room);
    globfree(&g);
    if (found)
        return SQ_OK;
    return sq_fail(e, SQ_ABSENT, "no GSHHG files, maps have no coastline: install gmt-gshhg-low, or set SQUALL_GSHHG "
                                 "to their folder");
}

/* ---- the file ---------------------------------------------------------------------------------------- */

enum { CLOSED = 64 };

struct file {
    const char *path;
    int id;
    bool open;
    int columns, rows; /* of bins */
    double bin_deg;
    int n_segment, n_point;
    int *bin_first, *bin_n;             /* [columns * rows] */
    int *bin_corner;                    /* the same, or NULL: levels of the corners, three bits each, SW highest */
    int *seg_first, *seg_n, *seg_level; /* [n_segment]; a level may carry CLOSED */
    int lon_var, lat_var;
    struct sq_err *e;
};

static enum sq_status broken(const struct file *f, const char *what)
{
    return sq_fail(f->e, SQ_FAILED, "%s: not a GSHHG file, or a damaged one (%s): install gmt-gshhg-low anew", f->path,
                   what);
}

/* Reads a whole variable of n integers into *ret; n < 0 takes what is there and sets it. */
static enum sq_status ints(struct file *f, const char *name, int *n, int **ret)
{
    int var, dims, dim;
    size_t len;
    if (nc_inq_varid(f->id, name, &var) || nc_inq_varndims(f->id, var, &dims) || dims != 1 ||
        nc_inq_vardimid(f->id, var, &dim) || nc_inq_dimlen(f->id, dim, &len) || len > INT_MAX / 8)
        return broken(f, name);
    if (*n >= 0 && (size_t)*n != len)
        return broken(f, name);
    enum sq_status status = sq_alloc((void **)ret, len, sizeof **ret, "a coastline", f->e);
    if (status)
        return status;
    if (nc_get_var_int(f->id, var, *ret))
        return broken(f, name);
    *n = (int)len;
    return SQ_OK;
}

static enum sq_status number(struct file *f, const char *name, int low, int high, int *ret)
{
    int one = 1, *v = NULL;
    enum sq_status status = ints(f, name, &one, &v);
    if (!status && (*v < low || *v > high))
        status = broken(f, name);
    if (!status)
        *ret = *v;
    free(v);
    return status;
}

/* Points and levels of segments: two variables in borders; one packed number in coastlines: bits 0 to 2 and 3 to 5
 * the sides of the bin where it leaves and enters (4: nowhere), 6 to 8 the level, from 9 the points. */
static enum sq_status segments(struct file *f)
{
    int var;
    enum sq_status status;
    if (nc_inq_varid(f->id, "N_points_for_a_segment", &var) == NC_NOERR) {
        status = ints(f, "N_points_for_a_segment", &f->n_segment, &f->seg_n);
        return status ? status : ints(f, "Hierarchial_level_of_a_segment", &f->n_segment, &f->seg_level);
    }
    if ((status = ints(f, "Embedded_npts_levels_exit_entry_for_a_segment", &f->n_segment, &f->seg_n)) ||
        (status = sq_alloc((void **)&f->seg_level, (size_t)f->n_segment, sizeof(int), "a coastline", f->e)))
        return status;
    for (int s = 0; s < f->n_segment; s++) {
        uint32_t packed = (uint32_t)f->seg_n[s];
        f->seg_level[s] = (int)(packed >> 6 & 7) | ((packed & 7) == 4 ? CLOSED : 0);
        f->seg_n[s] = (int)(packed >> 9);
    }
    return SQ_OK;
}

/* Everything but the points. */
static enum sq_status open_file(struct file *f)
{
    enum sq_status status;
    int minutes = 0, dim, dims, var;
    size_t len;
    if (nc_open(f->path, NC_NOWRITE, &f->id))
        return broken(f, "not readable as netCDF");
    f->open = true;
    f->n_segment = -1;
    if ((status = number(f, "Bin_size_in_minutes", 1, 10800, &minutes)) ||
        (status = number(f, "N_bins_in_360_longitude_range", 1, 3600, &f->columns)) ||
        (status = number(f, "N_bins_in_180_degree_latitude_range", 1, 1800, &f->rows)))
        return status;
    f->bin_deg = minutes / 60.0;
    if (minutes * f->columns != 360 * 60 || minutes * f->rows != 180 * 60)
        return broken(f, "its bins do not cover the world");
    int bins = f->columns * f->rows;
    if ((status = ints(f, "Id_of_first_segment_in_a_bin", &bins, &f->bin_first)) ||
        (status = ints(f, "N_segments_in_a_bin", &bins, &f->bin_n)) || (status = segments(f)) ||
        (status = ints(f, "Id_of_first_point_in_a_segment", &f->n_segment, &f->seg_first)))
        return status;
    if (nc_inq_varid(f->id, "Relative_longitude_from_SW_corner_of_bin", &f->lon_var) ||
        nc_inq_varid(f->id, "Relative_latitude_from_SW_corner_of_bin", &f->lat_var) ||
        nc_inq_varndims(f->id, f->lon_var, &dims) || dims != 1 || nc_inq_vardimid(f->id, f->lon_var, &dim) ||
        nc_inq_dimlen(f->id, dim, &len) || len > INT_MAX / 8 || nc_inq_varndims(f->id, f->lat_var, &dims) || dims != 1)
        return broken(f, "its points");
    f->n_point = (int)len;
    if (nc_inq_varid(f->id, "Embedded_node_levels_in_a_bin", &var) == NC_NOERR)
        return ints(f, "Embedded_node_levels_in_a_bin", &bins, &f->bin_corner);
    return SQ_OK;
}

static void close_file(struct file *f)
{
    if (f->open)
        nc_close(f->id);
    free(f->bin_first);
    free(f->bin_n);
    free(f->bin_corner);
    free(f->seg_first);
    free(f->seg_n);
    free(f->seg_level);
}

/* ---- bins -------------------------------------------------------------------------------------------- */

static bool touches(const struct file *f, int bin, const double box[4])
{
    double west = bin % f->columns * f->bin_deg, north = 90 - bin / f->columns * f->bin_deg;
    if (north < box[1] || north - f->bin_deg > box[3])
        return false;
    /* from the box's western edge eastwards, the bin begins within the box, or ends after it has begun anew */
    double ahead = fmod(west - box[0], 360);
    ahead += ahead < 0 ? 360 : 0;
    return ahead <= box[2] - box[0] || ahead + f->bin_deg >= 360;
}

/* The points of a bin lie together: returns where they begin and how many they are, or false. */
static bool extent(const struct file *f, int bin, int *ret_first, int *ret_n)
{
    int s0 = f->bin_first[bin], n = f->bin_n[bin], at;
    if (s0 < 0 || n < 0 || s0 > f->n_segment || n > f->n_segment - s0)
        return false;
    at = *ret_first = n ? f->seg_first[s0] : 0;
    for (int s = s0; s < s0 + n; s++) {
        if (at < 0 || f->seg_first[s] != at || f->seg_n[s] < 0 || f->seg_n[s] > f->n_point - at)
            return false;
        at += f->seg_n[s];
    }
    *ret_n = at - *ret_first;
    return true;
}

/* Room for the lines and points of all bins wanted. */
static enum sq_status make_room(const struct file *f, const double box[4], struct sq_coast *c, short **ret_raw)
{
    size_t bins = 0, lines = 0, points = 0, most = 0;
    int first, n;
    enum sq_status status;
    for (int b = 0; b < f->columns * f->rows; b++) {
        if (!touches(f, b, box))
            continue;
        if (!extent(f, b, &first, &n))
            return broken(f, "segments point outside the file");
        bins++;
        lines += (size_t)f->bin_n[b];
        points += (size_t)n;
        most = (size_t)n > most ? (size_t)n : most;
        if (lines > (size_t)f->n_segment || points > (size_t)f->n_point)
            return broken(f, "bins share segments");
    }
    if ((status = sq_alloc((void **)&c->bin, bins + 1, sizeof *c->bin, "a coastline", f->e)) ||
        (status = sq_alloc((void **)&c->line, lines + 1, sizeof *c->line, "a coastline", f->e)) ||
        (status = sq_alloc((void **)&c->lon, points + 1, sizeof *c->lon, "a coastline", f->e)) ||
        (status = sq_alloc((void **)&c->lat, points + 1, sizeof *c->lat, "a coastline", f->e)))
        return status;
    return sq_alloc((void **)ret_raw, 2 * most + 1, sizeof **ret_raw, "a coastline", f->e);
}

static enum sq_status read_bin(const struct file *f, int bin, short *raw, struct sq_coast *c)
{
    int first = 0, n = 0, at = c->n_point;
    double west = bin % f->columns * f->bin_deg, south = 90 - (bin / f->columns + 1) * f->bin_deg;
    struct sq_coast_bin *b = &c->bin[c->n_bin++];
    *b = (struct sq_coast_bin){west, south, f->bin_deg, c->n_line, 0, f->bin_corner && f->bin_corner[bin] >> 9 & 1};
    if (!extent(f, bin, &first, &n) || !n)
        return SQ_OK;
    size_t start = (size_t)first, count = (size_t)n;
    if (nc_get_vara_short(f->id, f->lon_var, &start, &count, raw) ||
        nc_get_vara_short(f->id, f->lat_var, &start, &count, raw + n))
        return broken(f, "its points");
    for (int i = 0; i < n; i++) {
        c->lon[at + i] = west + (uint16_t)raw[i] * f->bin_deg / 65535;
        c->lat[at + i] = south + (uint16_t)raw[n + i] * f->bin_deg / 65535;
    }
    for (int s = f->bin_first[bin]; s < f->bin_first[bin] + f->bin_n[bin]; s++) {
        if (f->seg_n[s] >= 2)
            c->line[c->n_line++] = (struct sq_coast_line){at, f->seg_n[s], f->seg_level[s] & ~CLOSED,
                                                          (f->seg_level[s] & CLOSED) != 0};
        at += f->seg_n[s];
    }
    c->n_point = at;
    b->n = c->n_line - b->first;
    return SQ_OK;
}

enum sq_status sq_coast_read(const char *path, const double box[4], struct sq_coast *ret, struct sq_err *e)
{
    struct file f = {.path = path, .e = e};
    struct sq_coast c = {0};
    short *raw = NULL;
    enum sq_status status = open_file(&f);
    if (!status)
        status = make_room(&f, box, &c, &raw);
    for (int b = 0; b < f.columns * f.rows && !status; b++)
        if (touches(&f, b, box))
            status = read_bin(&f, b, raw, &c);
    free(raw);
    close_file(&f);
    if (status)
        sq_coast_finish(&c);
    else
        *ret = c;
    return status;
}

void sq_coast_finish(struct sq_coast *c)
{
    free(c->bin);
    free(c->line);
    free(c->lon);
    free(c->lat);
    *c = (struct sq_coast){0};
}
