/* Weather models: HRRR, GFS, ICON, AROME, ARPEGE and their like in GRIB 1 and 2, plain or packed. The table of
 * model_fields.h says which messages are wanted; the others are passed over.
 *
 * A sum is a rate over the interval that its own message states; combine.c takes the lead before off, and turns
 * winds, since what that needs may stand in another file. */
#include "grib.h"
#include "model_fields.h"
#include "source.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool probe(const struct sq_file *f)
{
    uint8_t head[8];
    return f->nc < 0 && sq_grib_head(f->path, head) && !(head[7] == 2 && head[6] == 209);
}

/* ---- the table against a message ---------------------------------------------------------------------- */

/* Calls `fits` with each word of a list. */
static bool any_word(const char *list, bool (*fits)(const char *word, const void *arg), const void *arg)
{
    char word[64];
    for (int n; sscanf(list, "%63s%n", word, &n) == 1; list += n)
        if (fits(word, arg))
            return true;
    return false;
}

static bool is_parameter_2(const char *word, const void *arg)
{
    const struct sq_grib_meta *m = arg;
    int p[3], centre = m->centre;
    return sscanf(word, "%d.%d.%d@%d", &p[0], &p[1], &p[2], &centre) >= 3 && !memcmp(p, m->parameter, sizeof p) &&
           centre == m->centre;
}

static bool is_parameter_1(const char *word, const void *arg)
{
    const int *p = ((const struct sq_grib_meta *)arg)->parameter;
    int a, b, n = sscanf(word, "%d.%d", &a, &b);
    return n == 2 ? a == p[1] && b == p[2] : n == 1 && a == p[2] && a < 128 && p[1] >= 1 && p[1] <= 3;
}

static bool is_name(const char *word, const void *name)
{
    return !strcmp(word, name);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * (1 + fabs(b));
}

static bool level_fits(const struct sq_model_field *r, const struct sq_grib_meta *m)
{
    static const struct {
        const char *word;
        int type[2]; /* -2: whatever */
        double unit;
    } kinds[] = {{"surface", {1, -2}, 1},         {"pressure", {100, -1}, 100},
                 {"pressure_layer", {100, 100}, 100}, {"sea_level", {101, -2}, 1},
                 {"height", {103, -1}, 1},        {"height_layer", {103, 103}, 1},
                 {"altitude", {102, -1}, 1},      {"pressure_above_ground", {108, 108}, 100},
                 {"atmosphere", {10, -2}, 1}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].word, r->level_type))
            continue;
        double a = r->level * kinds[i].unit, b = r->level_to * kinds[i].unit;
        if (m->level_type[0] != kinds[i].type[0] || (kinds[i].type[1] > -2 && m->level_type[1] != kinds[i].type[1]))
            return false;
        if (isnan(b))
            return isnan(a) || near(m->level[0], a) || (m->level_type[1] >= 0 && near(m->level[1], a));
        return (near(m->level[0], a) && near(m->level[1], b)) || (near(m->level[0], b) && near(m->level[1], a));
    }
    return true; /* any */
}

static bool time_fits(const struct sq_model_field *r, const struct sq_grib_meta *m)
{
    static const char *const over[] = {"instant", "sum", "mean"};
    double lead_h = (double)(m->end - m->reference) / 3600;
    return !strcmp(r->over, over[m->over]) && (m->over == SQ_GRIB_INSTANT || m->end > m->begin) &&
           m->end - m->begin < INT_MAX && lead_h >= r->lead_from_h && lead_h <= r->lead_to_h;
}

/* The first row that a message fits, or NULL. */
static const struct sq_model_field *find_row(const struct sq_model_fields *t, const struct sq_grib *g,
                                             const struct sq_grib_meta *m)
{
    char name[32] = "";
    for (int i = 0; i < t->n; i++) {
        const struct sq_model_field *r = &t->row[i];
        if (!level_fits(r, m) || !time_fits(r, m))
            continue;
        if (any_word(g->edition == 1 ? r->grib1 : r->grib2, g->edition == 1 ? is_parameter_1 : is_parameter_2, m))
            return r;
        if (!r->name[0])
            continue;
        if (!name[0])
            sq_grib_name(g, name);
        if (any_word(r->name, is_name, name))
            return r;
    }
    return NULL;
}

/* ---- frames ------------------------------------------------------------------------------------------- */

/* The parameter, and what is done to its values. */
static void write_product(const struct sq_model_field *r, const struct sq_grib *g, const struct sq_grib_meta *m,
                          char *out, size_t size)
{
    const int *p = m->parameter;
    int n = g->edition == 1 ? snprintf(out, size, "GRIB1 %d.%d", p[1], p[2])
                            : snprintf(out, size, "GRIB2 %d.%d.%d", p[0], p[1], p[2]);
    if (r->factor != 1 || r->offset != 0)
        snprintf(out + n, size - (size_t)n, " (%+g) * %g", r->offset, r->factor);
}

static enum sq_status add_frame(const struct sq_model_field *r, const struct sq_grib *g, const struct sq_grib_meta *m,
                                int index, const char *path, struct sq_frames *list, struct sq_err *e)
{
    struct sq_grib_grid grid;
    struct sq_frame_info info = {.kind = SQ_KIND_MODEL, .index = index, .time = m->end,
                                 .reference_time = m->reference, .interval_s = (int)(m->end - m->begin)};
    enum sq_status st = sq_grib_grid(g, path, &grid, e);
    if (st)
        return st;
    info.grid = grid.grid;
    write_product(r, g, m, info.product, sizeof info.product);
    memcpy(info.channel, r->channel, sizeof info.channel);
    memcpy(info.units, r->units, sizeof info.units);
    st = sq_frames_add(list, &info, e);
    if (!st && grid.along_grid && r->turn_with[0])
        sq_frames_turn(list, r->turn_with, r->axis[0]);
    return st;
}

static enum sq_status scan_open(struct sq_packed *in, const char *path, const struct sq_model_fields *t,
                                struct sq_frames *list, struct sq_err *e)
{
    struct sq_grib g = {0};
    struct sq_grib_meta m;
    char first[32] = "nothing";
    bool end = false, any = false;
    enum sq_status st = SQ_OK;
    for (int i = 0; !st; i++) {
        st = sq_grib_next(in, path, &g, &end, e);
        if (st || end)
            break;
        const struct sq_model_field *r = sq_grib_meta(&g, &m) ? find_row(t, &g, &m) : NULL;
        if (r)
            st = add_frame(r, &g, &m, i, path, list, e);
        else if (!any && i == 0)
            sq_grib_name(&g, first);
        any |= r != NULL;
    }
    if (!st && !any)
        st = sq_fail(e, SQ_FAILED, "%s: holds no model field that is asked for (its first is '%s'): see model_fields",
                     path, first);
    return st;
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_model_fields *t = NULL;
    struct sq_packed *in = NULL;
    enum sq_status st = sq_model_fields_load(sq_frames_params(list)->model_fields, &t, e);
    if (!st)
        st = sq_packed_open(f->path, &in, e);
    if (!st)
        st = scan_open(in, f->path, t, list, e);
    sq_packed_close(&in);
    free(t);
    return st;
}

/* ---- values ------------------------------------------------------------------------------------------- */

static void decode(const double *v, const struct sq_model_field *r, const struct sq_grib_meta *m,
                   const struct sq_grib_grid *grid, struct sq_field *f)
{
    const size_t n = sq_grid_cells(&grid->grid);
    const double hours = m->over == SQ_GRIB_SUM ? (double)(m->end - m->begin) / 3600 : 1;
    for (size_t i = 0; i < n; i++) {
        size_t at = sq_grib_cell(grid, i);
        double x = (v[i] + r->offset) * r->factor / hours;
        if (m->over == SQ_GRIB_SUM && x < 0)
            x = 0; /* packing */
        f->value[at] = (float)x;
        f->state[at] = isnan(x) ? SQ_STATE_NO_COVERAGE : SQ_STATE_VALID;
    }
}

/* Field `index` of the file, checked again: it may have changed since the scan. */
static enum sq_status read_open(struct sq_packed *in, const struct sq_frame_info *info,
                                const struct sq_model_fields *t, struct sq_field *ret, struct sq_err *e)
{
    struct sq_grib g = {0};
    struct sq_grib_meta m;
    struct sq_grib_grid grid;
    const struct sq_model_field *r = NULL;
    double *v = NULL;
    bool end = false;
    enum sq_status st = SQ_OK;
    for (int i = 0; i <= info->index && !st && !end; i++)
        st = sq_grib_next(in, info->path, &g, &end, e);
    if (!st && !end && sq_grib_meta(&g, &m))
        r = find_row(t, &g, &m);
    if (!st && r)
        st = sq_grib_grid(&g, info->path, &grid, e);
    if (!st && (!r || strcmp(r->channel, info->channel) || m.end != info->time ||
                m.reference != info->reference_time || !sq_grid_equal(&grid.grid, &info->grid)))
        st = sq_fail(e, SQ_FAILED, "%s: changed while it was read", info->path);
    if (!st)
        st = sq_grib_values(in, info->path, &g, info->grid.nx, info->grid.ny, &v, e);
    if (!st)
        decode(v, r, &m, &grid, ret);
    free(v);
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    struct sq_model_fields *t = NULL;
    struct sq_packed *in = NULL;
    enum sq_status st = sq_model_fields_load(p->model_fields, &t, e);
    if (!st)
        st = sq_packed_open(f->path, &in, e);
    if (!st)
        st = read_open(in, info, t, ret, e);
    sq_packed_close(&in);
    free(t);
    return st;
}

const struct sq_source sq_source_model = {"model", probe, scan, read_frame, true};
