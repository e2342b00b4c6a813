/* squall export: a forecast as a file of map tiles. */
#include "options.h"
#include "serve.h"
#include "tools.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sq_command command = {
    "export", "FORECAST",
    "Writes the tiles of one layer and lead of a forecast into an MBTiles file: a map that phones, QGIS and tile\n"
    "servers show without a network. The file appears whole or not at all.\n",
    "  squall export out/squall_20160711T2200Z.nc -o rain.mbtiles --layer median --lead 30 --zoom 4..9\n"};

static enum sq_status parse_zoom(const char *text, void *ret, struct sq_err *e)
{
    int *zoom = ret, n = -1;
    if (sscanf(text, "%2d..%2d%n", &zoom[0], &zoom[1], &n) == 2 && !text[n])
        return SQ_OK;
    return sq_fail(e, SQ_USAGE, "'%s' is no range of zooms, like 4..9", text);
}

int sq_tool_export(int argc, char **argv)
{
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_mbtiles_params p = {SQ_MBTILES_DEFAULTS};
    const char *out = NULL;
    double lead_min = 0;
    long long tiles;
    const struct sq_option table[] = {
        {"output", 'o', "FILE", "the file to write, .mbtiles", sq_parse_text, &out},
        {"layer", 0, "NAME", "prob, prob-1.5, median, p90, mean, within30, ...; default prob: 0.1 mm/h", sq_parse_text, &p.layer},
        {"lead", 0, "MINUTES", "default the first", sq_parse_number, &lead_min},
        {"zoom", 0, "A..B", "from 0 to 12; default 4..8", parse_zoom, p.zoom},
        {"style", 0, "NAME", "squall (the default), grey, radar, value", sq_parse_text, &p.style},
        {"attribution", 0, "TEXT", "whose data it is", sq_parse_text, &p.attribution},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && call.n_words != 1)
        s = sq_fail(&err, SQ_USAGE, "export: one forecast; see squall export --help");
    if (!s && !out)
        s = sq_fail(&err, SQ_USAGE, "export: -o FILE is missing; see squall export --help");
    if (!s && lead_min > 1e5)
        s = sq_fail(&err, SQ_USAGE, "export: --lead is in minutes");
    p.lead_s = s ? 0 : (int)lrint(60 * lead_min);
    if (!s)
        s = sq_mbtiles_export(call.words[0], &p, out, &tiles, &err);
    if (!s)
        printf("%s: %lld tiles\n", out, tiles);
    return sq_options_end(s, &err);
}
