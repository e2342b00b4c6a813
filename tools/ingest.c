/* squall ingest: files to a cube. */
#include "options.h"
#include "tools.h"
#include "ingest.h"

#include "core/instant.h"

#include <stdio.h>
#include <stdlib.h>

static const struct sq_command command = {
    "ingest", "INPUT...",
    "Decodes radar files (MRMS GRIB2, ODIM and KNMI HDF5, CF netCDF), puts their frames onto one grid and\n"
    "into even time steps, and writes them as one CF netCDF file. INPUT is files, folders or globs.\n"
    "With a network's definition it makes what the network sees at one moment instead: radar, satellite and model\n"
    "files, each frame used only if it could have been there by then, and what is computed from place and time.\n",
    "  squall ingest radar/*.h5 -o day.nc --from 2016-07-11T21:00Z --at 2016-07-11T22:00Z\n"
    "  squall ingest radar/ goes/ hrrr/ -c metnet2 --grid oklahoma-512km --at 2019-06-10T01:10Z -o cube.nc\n"};

/* What quality control found in all frames together; those it took out are in the log, one by one. */
static void report_quality(const struct sq_cube *c)
{
    struct sq_quality_report sum = {0};
    char text[400];
    int frames[SQ_FAULTS] = {[SQ_FAULT_NONE] = 0};
    for (int i = 0; i < c->n; i++) {
        frames[c->frame[i].report.frame]++;
        for (int k = 0; k < SQ_FAULTS; k++)
            sum.cells[k] += c->frame[i].report.cells[k];
    }
    if (c->n_late)
        printf("quality: newest frame%s rejected: %s\n", c->n_late > 1 ? "s" : "", sq_fault_name(c->late.frame));
    for (int k = SQ_FAULT_NONE + 1; k < SQ_FAULTS; k++)
        if (frames[k])
            printf("quality: frames rejected: %s %d\n", sq_fault_name((enum sq_fault)k), frames[k]);
    if (sq_quality_text(&sum, text, sizeof text))
        printf("quality: %s\n", text);
}

static void report(const char *path, const struct sq_cube *c)
{
    char first[32], last[32];
    int gaps = 0;
    for (int i = 0; i < c->n; i++)
        gaps += !c->frame[i].rate_mmh;
    printf("%s: %d frames, %s to %s, every %d s, %d missing, %d x %d cells\n", path, c->n - gaps,
           sq_instant_iso(c->frame[0].time, first), sq_instant_iso(c->frame[c->n - 1].time, last), c->step_s, gaps,
           c->grid.nx, c->grid.ny);
    report_quality(c);
}

/* ---- what a network sees ------------------------------------------------------------------------------------------- */

struct wish {
    struct sq_settings *settings;
    const char *network; /* its definition; NULL: rain alone */
    const char *elevation, *cache;
    int cache_mib;
};

/* -c: a list is a definition, a mapping settings. */
static enum sq_status parse_config(const char *text, void *ret, struct sq_err *e)
{
    struct wish *w = ret;
    if (!sq_stack_def_is(text))
        return sq_settings_read(w->settings, text, e);
    w->network = text;
    return SQ_OK;
}

static void report_stack(const char *path, const struct sq_stack *s)
{
    char time[32], line[200];
    printf("%s: %s at %s, %d x %d cells\n", path, s->def.name, sq_instant_iso(s->at, time), s->grid[0].grid.nx,
           s->grid[0].grid.ny);
    for (int i = 0; i < s->def.n_sources; i++) {
        sq_stack_say(s, i, line, sizeof line);
        printf("  %s\n", line);
    }
}

static enum sq_status make_stack(const struct wish *w, const struct sq_call *call, const struct sq_grid *grid, int64_t at,
                                 const char *out, struct sq_err *e)
{
    struct sq_stack_def *def = NULL;
    struct sq_stacker *stacker = NULL;
    struct sq_stack stack = {0};
    enum sq_status s = sq_alloc((void **)&def, 1, sizeof *def, "a definition", e);
    if (!s)
        s = sq_stack_def_read(w->network, def, e);
    if (!s) {
        const struct sq_stacker_params p = {.def = def,
                                            .target = grid,
                                            .read = sq_options_read(w->settings),
                                            .elevation = w->elevation,
                                            .cache = w->cache,
                                            .cache_bytes = (int64_t)w->cache_mib << 20,
                                            .workers = w->settings->threads};
        s = sq_stacker_open(&p, &stacker, e);
    }
    if (!s)
        s = sq_stacker_build(stacker, call->words, call->n_words, at, &stack, e);
    if (!s)
        s = sq_stack_write(out, &stack, e);
    if (!s)
        report_stack(out, &stack);
    sq_stack_finish(&stack);
    sq_stacker_close(&stacker);
    free(def);
    return s;
}

/* ---- rain alone ---------------------------------------------------------------------------------------------------- */

static enum sq_status make_cube(const struct sq_call *call, const struct sq_cube_params *p, const char *out,
                                struct sq_err *e)
{
    const struct sq_read_params read = sq_options_read(&call->settings);
    struct sq_inputs *in = NULL;
    struct sq_cube cube = {0};
    enum sq_status s = sq_inputs_open(call->words, call->n_words, &read, &in, e);
    if (!s)
        s = sq_cube_build(in, p, &cube, e);
    if (!s)
        s = sq_cube_write(out, &cube, e);
    if (!s)
        report(out, &cube);
    sq_cube_finish(&cube);
    sq_inputs_close(&in);
    return s;
}

int sq_tool_ingest(int argc, char **argv)
{
    struct sq_cube_params p = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_grid room;
    const char *out = NULL;
    struct wish wish = {.settings = &call.settings};
    const struct sq_option table[] = {
        {"output", 'o', "CUBE", "the file to write", sq_parse_text, &out},
        {"config", 'c', "FILE", "settings, or a network: a file or name of configs/networks", parse_config, &wish},
        {"at", 0, "TIME", "newest frame to take; of a network: its issue time", sq_parse_time, &p.at},
        {"from", 0, "TIME", "oldest frame to take; default the oldest there is", sq_parse_time, &p.from},
        {"step", 0, "DURATION", "time between frames; default what is most frequent", sq_parse_duration, &p.step_s},
        {"grid", 0, "NAME", "native, or a grid of grids.yaml", sq_parse_grid, &call.settings},
        {"elevation", 0, "FILE", "netCDF file of heights, for a network", sq_parse_text, &wish.elevation},
        {"cache", 0, "DIR", "keep aligned planes there for the next call", sq_parse_text, &wish.cache},
        {"cache-mib", 0, "N", "most that DIR holds; default 4096", sq_parse_count, &wish.cache_mib},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && !out)
        s = sq_fail(&err, SQ_USAGE, "ingest: -o CUBE is missing; see squall ingest --help");
    if (!s && !wish.network && (wish.elevation || wish.cache || wish.cache_mib))
        s = sq_fail(&err, SQ_USAGE, "ingest: --elevation and --cache need a network: -c NAME");
    if (!s && wish.network && (p.at == INT64_MAX || p.from != INT64_MIN || p.step_s))
        s = sq_fail(&err, SQ_USAGE, "ingest: a network needs --at TIME, and takes neither --from nor --step");
    if (!s)
        s = sq_options_grid(&call.settings, &room, &p.grid, &err);
    if (!s)
        s = wish.network ? make_stack(&wish, &call, p.grid, p.at, out, &err) : make_cube(&call, &p, out, &err);
    return sq_options_end(s, &err);
}
