/* squall: finds the subcommand. */
#include "tools.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *about;
    int (*run)(int argc, char **argv);
} tool[] = {
    {"forecast", "radar files to one probabilistic forecast: netCDF and pictures", sq_tool_forecast},
    {"verify", "forecasts against what then happened", sq_tool_verify},
    {"serve", "map tiles and forecasts at a place, over HTTP", sq_tool_serve},
    {"export", "a forecast's tiles as one MBTiles file", sq_tool_export},
    {"train", "learn, or fine-tune on your own archive", sq_tool_train},
    {"fetch", "the newest, or a past time, from open buckets: MRMS, OPERA, GOES, HRRR", sq_tool_fetch},
    {"ingest", "decode and align files into a cube", sq_tool_ingest},
    {"synth", "simulated weather, to try squall without data", sq_tool_synth},
    {"info", "describe any file: an input, a cube, a network's weights, a forecast", sq_tool_info},
};
enum { N_TOOLS = sizeof tool / sizeof *tool, USAGE = 2 };

static void help(void)
{
    puts("squall: probabilistic precipitation nowcasting\n\nsquall SUBCOMMAND [OPTION]... WORD...\n");
    for (int i = 0; i < N_TOOLS; i++)
        printf("  %-10s %s\n", tool[i].name, tool[i].about);
    puts("\nsquall SUBCOMMAND --help says more; squall --version prints the version.\n"
         "Ends with 0: done, 1: failed, 2: usage, 75: the input is not there yet.\n\n"
         "Example:\n"
         "  squall synth -o storm.nc\n"
         "  squall forecast storm.nc -o out");
}

/* What was printed must have arrived: a full disk behind a pipe is a failure. */
static int end(int code)
{
    if (fflush(stdout) || ferror(stdout)) {
        fputs("squall: cannot write to standard output\n", stderr);
        return code ? code : 1;
    }
    return code;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    for (int i = 0; i < N_TOOLS; i++)
        if (!strcmp(word, tool[i].name))
            return end(tool[i].run(argc - 1, argv + 1));
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        help();
        return end(0);
    }
    if (!strcmp(word, "--version")) {
        puts("squall " SQ_VERSION);
        return end(0);
    }
    if (*word)
        fprintf(stderr, "squall: %s: no such subcommand; see squall --help\n", word);
    else
        fputs("squall: which subcommand? see squall --help\n", stderr);
    return USAGE;
}
