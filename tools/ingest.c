/* squall ingest: files to a cube. */
#include "options.h"
#include "tools.h"
#include "ingest.h"

#include "core/instant.h"

#include <stdio.h>

static const struct sq_command command = {
    "ingest", "INPUT...",
    "Decodes radar files (MRMS GRIB2, ODIM and KNMI HDF5, CF netCDF), puts their frames onto one grid and\n"
    "into even time steps, and writes them as one CF netCDF file. INPUT is files, folders or globs.\n",
    "  squall ingest radar/*.h5 -o day.nc --from 2016-07-11T21:00Z --at 2016-07-11T22:00Z\n"};

static void report(const char *path, const struct sq_cube *c)
{
    char first[32], last[32];
    int gaps = 0;
    for (int i = 0; i < c->n; i++)
        gaps += !c->frame[i].rate_mmh;
    printf("%s: %d frames, %s to %s, every %d s, %d missing, %d x %d cells\n", path, c->n - gaps,
           sq_instant_iso(c->frame[0].time, first), sq_instant_iso(c->frame[c->n - 1].time, last), c->step_s, gaps,
           c->grid.nx, c->grid.ny);
}

int sq_tool_ingest(int argc, char **argv)
{
    struct sq_cube_params p = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_grid room;
    struct sq_inputs *in = NULL;
    struct sq_cube cube = {0};
    const char *out = NULL;
    const struct sq_option table[] = {
        {"output", 'o', "CUBE", "the file to write", sq_parse_text, &out},
        {"at", 0, "TIME", "newest frame to take; default the newest there is", sq_parse_time, &p.at},
        {"from", 0, "TIME", "oldest frame to take; default the oldest there is", sq_parse_time, &p.from},
        {"step", 0, "DURATION", "time between frames; default what is most frequent", sq_parse_duration, &p.step_s},
        {"grid", 0, "NAME", "native, or a grid of grids.yaml", sq_parse_grid, &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && !out)
        s = sq_fail(&err, SQ_USAGE, "ingest: -o CUBE is missing; see squall ingest --help");
    if (!s)
        s = sq_options_grid(&call.settings, &room, &p.grid, &err);
    if (!s) {
        const struct sq_read_params read = sq_options_read(&call.settings);
        s = sq_inputs_open(call.words, call.n_words, &read, &in, &err);
    }
    if (!s)
        s = sq_cube_build(in, &p, &cube, &err);
    if (!s)
        s = sq_cube_write(out, &cube, &err);
    if (!s)
        report(out, &cube);
    sq_cube_finish(&cube);
    sq_inputs_close(&in);
    return sq_options_end(s, &err);
}
