/* squall synth: simulated weather. */
#include "options.h"
#include "tools.h"
#include "core/publish.h"
#include "ingest.h"

#include <stdio.h>
#include <string.h>

/* Unless --grid says otherwise: 512 km of the North Sea's coast for radar alone, where a coastline shows, and of the
 * Great Plains where satellite and model are to see it too. */
static const struct sq_grid coast = {512, 512, -255500, 255500, 1000, 1000,
                                     "+proj=laea +lat_0=51.5 +lon_0=4 +datum=WGS84 +units=m +no_defs"};
static const struct sq_grid plains = {512, 512, -255500, 255500, 1000, 1000,
                                      "+proj=laea +lat_0=36 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"};

enum { FILE_RADAR = 8, FILE_TRUTH = 16 }; /* beside enum sq_synth_view */

struct what {
    unsigned views;
    double lonlat[2]; /* of the middle; NaN: see above */
    double size_km, cell_km;
};

static enum sq_status parse_format(const char *text, void *ret, struct sq_err *e)
{
    static const struct {
        const char *name;
        unsigned views;
    } known[] = {{"cf", FILE_RADAR}, {"truth", FILE_TRUTH}, {"mrms", SQ_SYNTH_MRMS}, {"goes", SQ_SYNTH_GOES},
                 {"hrrr", SQ_SYNTH_HRRR},
                 {"all", FILE_RADAR | FILE_TRUTH | SQ_SYNTH_MRMS | SQ_SYNTH_GOES | SQ_SYNTH_HRRR}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(text, known[i].name)) {
            *(unsigned *)ret = known[i].views;
            return SQ_OK;
        }
    return sq_fail(e, SQ_USAGE, "'%s' is none of cf, truth, mrms, goes, hrrr, all", text);
}

static const struct sq_command command = {
    "synth", NULL,
    "Writes simulated weather: rain that moves, grows and decays, from drizzle to convection, each seed another day.\n"
    "cf: what radars see of it, one CF netCDF file, rain_rate(time, y, x) in mm/h; truth: what falls, likewise.\n"
    "mrms, goes, hrrr: the same weather in a folder, as MRMS and HRRR GRIB2 and GOES ABI netCDF; all: all five.\n"
    "The same seed, middle of the domain and time are the same weather.\n",
    "  squall synth -o storm.nc --seed 7\n"
    "  squall forecast storm.nc -o out --at 2026-06-01T13:00Z\n"
    "  squall synth -o world --format all --hours 3 --domain -97.5,36 --size 1024\n"};

static enum sq_status domain(const struct what *w, struct sq_grid *ret, struct sq_err *e)
{
    *ret = w->views == FILE_RADAR || w->views == FILE_TRUTH ? coast : plains;
    const double cells = w->size_km / w->cell_km;
    if (!(cells >= 2 && cells <= SQ_GRID_MAX))
        return sq_fail(e, SQ_USAGE, "synth: --size %g and --cell %g give no grid; see squall synth --help", w->size_km,
                       w->cell_km);
    ret->nx = ret->ny = (int)cells;
    ret->dx = ret->dy = w->cell_km * 1e3;
    ret->x0 = -0.5 * (ret->nx - 1) * ret->dx;
    ret->y0 = -ret->x0;
    if (w->lonlat[0] <= 360)
        snprintf(ret->crs, sizeof ret->crs, "+proj=laea +lat_0=%.6f +lon_0=%.6f +datum=WGS84 +units=m +no_defs",
                 w->lonlat[1], w->lonlat[0]);
    return SQ_OK;
}

/* One file: -o itself, or in the folder -o. */
static enum sq_status one(const struct sq_synth_params *p, const char *out, const char *name, bool truth,
                          struct sq_err *e)
{
    char path[SQ_PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s%s", out, name ? "/" : "", name ? name : "") >= SQ_PATH_MAX)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", out);
    enum sq_status s = sq_synth_write(path, p, truth, e);
    if (!s)
        printf("%s\n", path);
    return s;
}

static enum sq_status write_all(const struct sq_synth_params *p, const char *out, unsigned views, struct sq_err *e)
{
    const unsigned folders = views & (SQ_SYNTH_MRMS | SQ_SYNTH_GOES | SQ_SYNTH_HRRR);
    int files = 0;
    enum sq_status s = SQ_OK;
    if (folders)
        s = sq_synth_folder(out, p, folders, &files, e);
    if (!s && folders)
        printf("%d files in %s\n", files, out);
    if (!s && views & FILE_RADAR)
        s = one(p, out, folders ? "radar.nc" : NULL, false, e);
    if (!s && views & FILE_TRUTH)
        s = one(p, out, folders ? "truth.nc" : NULL, true, e);
    return s;
}

int sq_tool_synth(int argc, char **argv)
{
    struct sq_synth_params p = {.seed = 1, .n_frames = 24, .step_s = 300, .start = 1780315200, .lead_h = 12};
    struct what what = {.views = FILE_RADAR, .lonlat = {1000, 0}, .size_km = 512, .cell_km = 1};
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_grid room;
    const struct sq_grid *grid = NULL;
    const char *out = NULL;
    int hours = 0;
    const struct sq_option table[] = {
        {"output", 'o', "FILE", "where to write it: a file, or a folder for other formats", sq_parse_text, &out},
        {"format", 0, "NAME", "cf (default), truth, mrms, goes, hrrr or all", parse_format, &what.views},
        {"seed", 0, "N", "which weather; default 1", sq_parse_seed, &p.seed},
        {"frames", 'n', "N", "how many radar frames; default 24", sq_parse_count, &p.n_frames},
        {"hours", 0, "N", "or for how many hours", sq_parse_count, &hours},
        {"step", 0, "TIME", "between radar frames, 5m or 300; default 5m", sq_parse_duration, &p.step_s},
        {"start", 0, "TIME", "of the first frame; default 2026-06-01T12:00Z", sq_parse_time, &p.start},
        {"leads", 0, "N", "hours that each model run goes ahead; default 12", sq_parse_count, &p.lead_h},
        {"domain", 0, "LON,LAT", "its middle; default 4,51.5 (-97.5,36 for mrms, goes, hrrr, all)", sq_parse_point,
         what.lonlat},
        {"size", 0, "KM", "of its sides; default 512", sq_parse_number, &what.size_km},
        {"cell", 0, "KM", "of a radar cell; default 1", sq_parse_number, &what.cell_km},
        {"grid", 0, "NAME", "or a grid of grids.yaml", sq_parse_grid, &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && !out)
        s = sq_fail(&err, SQ_USAGE, "synth: -o FILE is missing; see squall synth --help");
    if (!s)
        s = domain(&what, &p.grid, &err);
    if (!s)
        s = sq_options_grid(&call.settings, &room, &grid, &err);
    if (grid)
        p.grid = *grid;
    if (hours && hours < 100000)
        p.n_frames = (int)((int64_t)hours * 3600 / p.step_s) + 1;
    if (!s)
        s = write_all(&p, out, what.views, &err);
    return sq_options_end(s, &err);
}
