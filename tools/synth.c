/* squall synth: simulated weather. */
#include "options.h"
#include "tools.h"
#include "ingest.h"

#include <stdio.h>

/* Unless --grid says otherwise: 512 km of the North Sea's coast, where a coastline shows. */
static const struct sq_grid coast = {512, 512, -255500, 255500, 1000, 1000,
                                     "+proj=laea +lat_0=51.5 +lon_0=4 +datum=WGS84 +units=m +no_defs"};

static const struct sq_command command = {
    "synth", NULL,
    "Writes a simulated storm as radar would see it: one CF netCDF file, rain_rate(time, y, x) in mm/h.\n"
    "It moves, grows and decays; nothing is observed outside a disc. The same seed gives the same storm.\n",
    "  squall synth -o storm.nc --seed 7\n"
    "  squall forecast storm.nc -o out --at 2026-06-01T13:00Z\n"};

int sq_tool_synth(int argc, char **argv)
{
    struct sq_synth_params p = {.seed = 1, .n_frames = 24, .step_s = 300, .start = 1780315200};
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_grid room;
    const struct sq_grid *grid = NULL;
    const char *out = NULL;
    const struct sq_option table[] = {
        {"output", 'o', "FILE", "where to write it", sq_parse_text, &out},
        {"seed", 0, "N", "which storm; default 1", sq_parse_seed, &p.seed},
        {"frames", 'n', "N", "how many frames; default 24", sq_parse_count, &p.n_frames},
        {"step", 0, "DURATION", "time between frames, like 5m or 300; default 5m", sq_parse_duration, &p.step_s},
        {"start", 0, "TIME", "of the first frame; default 2026-06-01T12:00Z", sq_parse_time, &p.start},
        {"grid", 0, "NAME", "a grid of grids.yaml; default 512 x 512 km of coast", sq_parse_grid, &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && !out)
        s = sq_fail(&err, SQ_USAGE, "synth: -o FILE is missing; see squall synth --help");
    if (!s)
        s = sq_options_grid(&call.settings, &room, &grid, &err);
    p.grid = grid ? *grid : coast;
    if (!s)
        s = sq_synth_write(out, &p, &err);
    if (!s)
        printf("%s\n", out);
    return sq_options_end(s, &err);
}
