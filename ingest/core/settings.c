#include "settings.h"
#include "config.h"
#include "crs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the schema ----------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct sq_settings, member)
#define ROOM(member) (int)(sizeof((struct sq_settings *)0)->member / sizeof(((struct sq_settings *)0)->member[0]))

/* clang-format off */
static const struct sq_config_key keys[] = {
    {"leads_s", SQ_CONFIG_WHOLES, AT(leads_s), AT(n_leads), SQ_LEAD_MAX, 60, 86400, NULL},
    {"thresholds_mmh", SQ_CONFIG_REALS, AT(thresholds_mmh), AT(n_thresholds), SQ_THRESHOLD_MAX, 0.01, 500, NULL},
    {"percentiles", SQ_CONFIG_REALS, AT(percentiles), AT(n_percentiles), SQ_PERCENTILE_MAX, 0.1, 99.9, NULL},
    {"method", SQ_CONFIG_TEXT, AT(method), 0, ROOM(method), 0, 0, "auto network advection persistence"},
    {"weights", SQ_CONFIG_TEXT, AT(weights), 0, ROOM(weights), 0, 0, NULL},
    {"grid", SQ_CONFIG_TEXT, AT(grid), 0, ROOM(grid), 0, 0, NULL},
    {"institution", SQ_CONFIG_TEXT, AT(institution), 0, ROOM(institution), 0, 0, NULL},
    {"threads", SQ_CONFIG_WHOLE, AT(threads), 0, 0, 0, 1024, NULL},
    {"zr_a", SQ_CONFIG_REAL, AT(zr_a), 0, 0, 1, 2000, NULL},
    {"zr_b", SQ_CONFIG_REAL, AT(zr_b), 0, 0, 0.5, 5, NULL},
    {"rate_cap_mmh", SQ_CONFIG_REAL, AT(rate_cap_mmh), 0, 0, 1, 2000, NULL},
    {"dbz_cap", SQ_CONFIG_REAL, AT(dbz_cap), 0, 0, 20, 100, NULL},
    {"range_km", SQ_CONFIG_REAL, AT(range_km), 0, 0, 0, 5000, NULL},
    {"cloud_top_m", SQ_CONFIG_REAL, AT(cloud_top_m), 0, 0, 0, 20000, NULL},
    {"model_fields", SQ_CONFIG_TEXT, AT(model_fields), 0, ROOM(model_fields), 0, 0, NULL},
    {"quality", SQ_CONFIG_TEXT, AT(quality), 0, ROOM(quality), 0, 0, "all cells off"},
    {"spike_ratio", SQ_CONFIG_REAL, AT(spike_ratio), 0, 0, 0, 1000, NULL},
    {"speckle_cells", SQ_CONFIG_WHOLE, AT(speckle_cells), 0, 0, 0, 16, NULL},
    {"stripe_cells", SQ_CONFIG_WHOLE, AT(stripe_cells), 0, 0, 0, SQ_GRID_MAX, NULL},
    {"spoke_cells", SQ_CONFIG_WHOLE, AT(spoke_cells), 0, 0, 0, SQ_GRID_MAX, NULL},
    {"map_thresholds_mmh", SQ_CONFIG_REALS, AT(map_thresholds_mmh), AT(n_map_thresholds), SQ_THRESHOLD_MAX, 0.01, 500, NULL},
    {"palette", SQ_CONFIG_TEXT, AT(palette), 0, ROOM(palette), 0, 0, NULL},
    {"picture_px", SQ_CONFIG_WHOLE, AT(picture_px), 0, 0, 200, 4000, NULL},
};
/* clang-format on */
enum { KEYS = sizeof keys / sizeof *keys };

void sq_settings_default(struct sq_settings *s)
{
    static const float percentiles[] = {10, 25, 50, 75, 90}, maps[] = {0.1f, 1, 5};
    *s = (struct sq_settings){.method = "auto", .grid = "native", .zr_a = 200, .zr_b = 1.6, .rate_cap_mmh = 300,
                              .dbz_cap = 55, .quality = "all", .spike_ratio = 5, .speckle_cells = 3,
                              .stripe_cells = 40, .spoke_cells = 40, .picture_px = 900};
    for (s->n_leads = 0; s->n_leads < 12; s->n_leads++)
        s->leads_s[s->n_leads] = 300 * (s->n_leads + 1);
    s->n_thresholds = SQ_THRESHOLDS;
    memcpy(s->thresholds_mmh, sq_thresholds_mmh, sizeof sq_thresholds_mmh);
    s->n_percentiles = 5;
    memcpy(s->percentiles, percentiles, sizeof percentiles);
    s->n_map_thresholds = 3;
    memcpy(s->map_thresholds_mmh, maps, sizeof maps);
}

enum sq_status sq_settings_parse(struct sq_settings *s, const char *where, const void *text, size_t size,
                                 struct sq_err *e)
{
    return sq_config_parse(keys, KEYS, where, text, size, s, sizeof *s, e);
}

enum sq_status sq_settings_read(struct sq_settings *s, const char *path, struct sq_err *e)
{
    char *text = NULL;
    size_t size = 0;
    enum sq_status status = sq_config_load(path, &text, &size, e);
    if (!status)
        status = sq_settings_parse(s, path, text, size, e);
    free(text);
    return status;
}

enum sq_status sq_settings_set(struct sq_settings *s, const char *assignment, struct sq_err *e)
{
    const char *equals = strchr(assignment, '=');
    char line[SQ_CRS_MAX + 4096 + 64];
    if (!equals || equals == assignment || strpbrk(assignment, "\r\n"))
        return sq_fail(e, SQ_USAGE, "--set: '%.100s' is not of the form key=value", assignment);
    int n = snprintf(line, sizeof line, "%.*s: %s", (int)(equals - assignment), assignment, equals + 1);
    if (n < 0 || (size_t)n >= sizeof line)
        return sq_fail(e, SQ_USAGE, "--set: '%.100s...' is too long", assignment);
    return sq_settings_parse(s, "--set", line, (size_t)n, e) ? SQ_USAGE : SQ_OK;
}

bool sq_settings_line(const struct sq_settings *s, int i, char *out, size_t size)
{
    if (i < 0 || i >= KEYS)
        return false;
    sq_config_print(&keys[i], s, out, size);
    return true;
}

/* ---- files that come with squall ------------------------------------------------------------------------ */

enum sq_status sq_settings_file(const char *name, char ret_path[4096], struct sq_err *e)
{
    const char *own = getenv("SQUALL_DATA");
    const char *const folder[] = {own && *own ? own : NULL, SQ_SOURCE_DIR "/configs", SQ_DATA_DIR};
    char path[4096];
    for (int i = 0; i < 3; i++) {
        int n = folder[i] ? snprintf(path, sizeof path, "%s/%s", folder[i], name) : -1;
        if (n > 0 && (size_t)n < sizeof path && !access(path, R_OK)) {
            strcpy(ret_path, path);
            return SQ_OK;
        }
    }
    return sq_fail(e, SQ_FAILED, "%.100s: not found in %.200s%s%s; set SQUALL_DATA to the folder that has it", name,
                   folder[0] ? folder[0] : "", folder[0] ? " or " : "", folder[2]);
}

/* ---- named grids ---------------------------------------------------------------------------------------- */

enum { GRIDS_MAX = 256 };

struct entry {
    char name[64], about[256], crs[SQ_CRS_MAX];
    int nx, ny;
    double cell, cell_y, west, north, lon, lat;
};

/* clang-format off */
static const struct sq_config_key grid_keys[] = {
    {"name", SQ_CONFIG_TEXT, offsetof(struct entry, name), 0, 64, 0, 0, NULL},
    {"about", SQ_CONFIG_TEXT, offsetof(struct entry, about), 0, 256, 0, 0, NULL},
    {"crs", SQ_CONFIG_TEXT, offsetof(struct entry, crs), 0, SQ_CRS_MAX, 0, 0, NULL},
    {"nx", SQ_CONFIG_WHOLE, offsetof(struct entry, nx), 0, 0, 1, SQ_GRID_MAX, NULL},
    {"ny", SQ_CONFIG_WHOLE, offsetof(struct entry, ny), 0, 0, 1, SQ_GRID_MAX, NULL},
    {"cell", SQ_CONFIG_REAL, offsetof(struct entry, cell), 0, 0, 1e-5, 1e6, NULL},
    {"cell_y", SQ_CONFIG_REAL, offsetof(struct entry, cell_y), 0, 0, 1e-5, 1e6, NULL},
    {"west", SQ_CONFIG_REAL, offsetof(struct entry, west), 0, 0, -1e9, 1e9, NULL},
    {"north", SQ_CONFIG_REAL, offsetof(struct entry, north), 0, 0, -1e9, 1e9, NULL},
    {"lon", SQ_CONFIG_REAL, offsetof(struct entry, lon), 0, 0, -360, 360, NULL},
    {"lat", SQ_CONFIG_REAL, offsetof(struct entry, lat), 0, 0, -90, 90, NULL},
};
/* clang-format on */
enum { GRID_KEYS = sizeof grid_keys / sizeof *grid_keys };

/* The outer corner: as given, or from the middle. Fails where the system cannot be reached from the earth. */
static enum sq_status find_corner(const struct entry *g, const char *crs, double unit, double ret[2], struct sq_err *e)
{
    struct sq_crs_map *m = NULL;
    double x = g->lon, y = g->lat;
    enum sq_status status = sq_crs_map_create(SQ_CRS_LONLAT, crs, &m, e);
    if (status)
        return status;
    sq_crs_forward(m, 1, &x, &y);
    sq_crs_map_destroy(&m);
    ret[0] = isnan(g->lon) ? g->west * unit : x - g->nx * g->cell * unit / 2;
    ret[1] = isnan(g->lon) ? g->north * unit : y + g->ny * g->cell_y * unit / 2;
    return SQ_OK;
}

static enum sq_status make_grid(const char *where, struct entry *g, struct sq_grid *ret, struct sq_err *e)
{
    bool corner = !isnan(g->west) && !isnan(g->north), centre = !isnan(g->lon) && !isnan(g->lat);
    struct sq_grid grid = {.nx = g->nx, .ny = g->ny};
    double unit, at[2];
    enum sq_status status;
    if (corner == centre || (corner && !isnan(g->lon)) || !g->nx || !g->ny || isnan(g->cell) || (corner && !g->crs[0]))
        return sq_fail(e, SQ_FAILED,
                       "%.200s: grid %s needs nx, ny, cell and either crs, west, north or lon, lat", where, g->name);
    if (isnan(g->cell_y))
        g->cell_y = g->cell;
    if (!g->crs[0])
        snprintf(g->crs, sizeof g->crs, "+proj=laea +lat_0=%.10g +lon_0=%.10g +datum=WGS84", g->lat, g->lon);
    if ((status = sq_crs_normalise(g->crs, grid.crs, &unit, e)) ||
        (status = find_corner(g, grid.crs, unit, at, e)))
        return status;
    grid.dx = g->cell * unit;
    grid.dy = g->cell_y * unit;
    grid.x0 = at[0] + grid.dx / 2;
    grid.y0 = at[1] - grid.dy / 2;
    if ((status = sq_grid_check(&grid, where, e)))
        return status;
    *ret = grid;
    return SQ_OK;
}

enum sq_status sq_settings_parse_grid(const char *name, const char *where, const void *text, size_t size,
                                      struct sq_grid *ret, struct sq_err *e)
{
    struct entry *g = NULL;
    char names[300] = "";
    int n = 0;
    enum sq_status status = sq_alloc((void **)&g, GRIDS_MAX, sizeof *g, "the list of grids", e);
    if (status)
        return status;
    for (int i = 0; i < GRIDS_MAX; i++)
        g[i].cell = g[i].cell_y = g[i].west = g[i].north = g[i].lon = g[i].lat = NAN;
    if ((status = sq_config_parse_list(grid_keys, GRID_KEYS, where, text, size, GRIDS_MAX, g, sizeof *g, &n, e)))
        goto done;
    for (int i = 0; i < n; i++) {
        if (!strcmp(g[i].name, name)) {
            status = make_grid(where, &g[i], ret, e);
            goto done;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", g[i].name);
    }
    status = sq_fail(e, SQ_USAGE, "no grid '%.63s' in %.150s, which has: native%s", name, where, names);
done:
    free(g);
    return status;
}

enum sq_status sq_settings_grid(const char *name, struct sq_grid *ret, struct sq_err *e)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    enum sq_status status = sq_settings_file("grids.yaml", path, e);
    if (!status)
        status = sq_config_load(path, &text, &size, e);
    if (!status)
        status = sq_settings_parse_grid(name, path, text, size, ret, e);
    free(text);
    return status;
}
