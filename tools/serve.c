/* squall serve: tiles and point forecasts over HTTP. */
#include "options.h"
#include "serve.h"
#include "tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const struct sq_command command = {
    "serve", "FOLDER",
    "Serves the forecasts of a folder over HTTP: map tiles, forecasts at a place, health. A new file is taken in\n"
    "within a second or two and replaces the older ones at once; a damaged one is passed over. Only programs on\n"
    "this machine are answered unless --bind says otherwise; towards the world, put nginx in front.\n"
    "  /                                                a map to look at\n"
    "  /index.json                                      runs, leads, layers, styles\n"
    "  /tiles/LAYER/RUN/LEAD/Z/X/Y.png, ...@2x.png      maps of the web; RUN may be latest, LEAD is in minutes\n"
    "  /tiles/LAYER/RUN/LEAD/tilejson.json              the same as TileJSON; /legend/rate-squall.json, .png\n"
    "  /point?lon=8.55&lat=47.37, /plume.svg?lon=&lat=  what a place has to expect\n"
    "  /wms?SERVICE=WMS&REQUEST=GetCapabilities         Web Map Service 1.3.0, for QGIS, GDAL, OpenLayers\n"
    "  /public/weather-maps.json, /v2/radar/...         what apps for RainViewer ask for\n"
    "  /about, /healthz, /readyz, /metrics\n"
    "Layers: prob, prob-1.5, median, p90, mean, observed, within30, within60, coverage, quality.\n",
    "  squall forecast radar/ -o out && squall serve out\n"
    "  curl 'http://127.0.0.1:8080/point?lon=4.5&lat=51.9'\n"};

/* Numbers of options: a whole number and its range. */
static enum sq_status parse_whole(const char *text, long lo, long hi, int *ret, struct sq_err *e)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < lo || v > hi)
        return sq_fail(e, SQ_USAGE, "'%s' is no whole number from %ld to %ld", text, lo, hi);
    *ret = (int)v;
    return SQ_OK;
}

static enum sq_status parse_port(const char *text, void *ret, struct sq_err *e)
{
    return parse_whole(text, 0, 65535, ret, e);
}

static enum sq_status parse_keep(const char *text, void *ret, struct sq_err *e)
{
    return parse_whole(text, 1, 32, ret, e);
}

static enum sq_status parse_mib(const char *text, void *ret, struct sq_err *e)
{
    return parse_whole(text, 1, 65536, ret, e);
}

static enum sq_status check_folder(const char *folder, struct sq_err *e)
{
    struct stat st;
    if (stat(folder, &st))
        return sq_fail(e, errno == ENOENT ? SQ_ABSENT : SQ_FAILED, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return sq_fail(e, SQ_USAGE, "%s: is not a folder", folder);
    return SQ_OK;
}

int sq_tool_serve(int argc, char **argv)
{
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_server_params p = {SQ_SERVER_DEFAULTS};
    struct sq_server *server = NULL;
    bool log = false;
    const struct sq_option table[] = {
        {"port", 'p', "N", "default 8080; 0: any that is free", parse_port, &p.port},
        {"bind", 0, "ADDRESS", "whom to answer: 127.0.0.1 (the default), ::1, 0.0.0.0, ::", sq_parse_text, &p.bind},
        {"keep", 0, "N", "forecasts held in memory, 1 to 32; default 3", parse_keep, &p.keep},
        {"cache", 0, "MIB", "memory for finished tiles; default 256", parse_mib, &p.cache_mib},
        {"stale", 0, "DURATION", "/healthz fails where the newest forecast is older; default 30m", sq_parse_duration,
         &p.stale_s},
        {"attribution", 0, "TEXT", "whose data it is, shown on maps and at /about", sq_parse_text, &p.attribution},
        {"access-log", 0, NULL, "a line on stderr for each request", NULL, &log},
        {"threads", 'j', "N", "threads that answer; default all cores", sq_parse_threads, &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && call.n_words != 1)
        s = sq_fail(&err, SQ_USAGE, "serve: one folder; see squall serve --help");
    const volatile int *stop = sq_options_stop();
    if (!s)
        s = check_folder(call.words[0], &err);
    if (!s) {
        p.folder = call.words[0];
        p.threads = call.settings.threads;
        p.access = log ? stderr : NULL;
        s = sq_server_start(&p, &server, &err);
    }
    if (!s) {
        printf(strchr(p.bind, ':') ? "http://[%s]:%d/\n" : "http://%s:%d/\n", p.bind, sq_server_port(server));
        fflush(stdout);
        while (!*stop)
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    sq_server_stop(&server);
    return sq_options_end(s, &err);
}
