/* From end to end: an hour of simulated weather, published as MRMS, GOES and HRRR publish theirs by a server that is
 * not always well, is fetched, aligned and forecast. */
#include "bucket.h"

#include "serve.h"

#include <math.h>
#include <sys/resource.h>

#define FROM "2026-06-01T20:00:00Z"
#define TO "2026-06-01T21:00:00Z"

/* ---- publishing ------------------------------------------------------------------------------------------------- */

static uint8_t *load(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f && !fseek(f, 0, SEEK_END));
    size_t n = (size_t)ftell(f);
    uint8_t *bytes = malloc(n + 1);
    rewind(f);
    REQUIRE(bytes && fread(bytes, 1, n, f) == n && !fclose(f));
    *ret_n = n;
    return bytes;
}

static void put_gzipped(const char *key, const uint8_t *bytes, size_t n)
{
    size_t size;
    char *out = bucket_gzip(bytes, n, &size);
    standin_put(server, key, out, size);
    free(out);
}

static uint64_t number(const uint8_t *at, int n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | *at++;
    return v;
}

/* What the index of HRRR calls a message: by the section of its product. */
static const char *field_of(const uint8_t *message)
{
    static const struct {
        int category, number, level_type;
        const char *name;
    } known[] = {
        {1, 7, 1, "PRATE:surface"},
        {1, 8, 1, "APCP:surface"},
        {2, 2, 103, "UGRD:10 m above ground"},
        {2, 3, 103, "VGRD:10 m above ground"},
        {2, 194, 103, "USTM:0-6000 m above ground"},
        {2, 195, 103, "VSTM:0-6000 m above ground"},
        {2, 8, 100, "VVEL:500 mb"},
        {7, 193, 108, "4LFTX:180-0 mb above ground"},
        {7, 6, 1, "CAPE:surface"},
        {3, 0, 1, "PRES:surface"},
        {0, 0, 103, "TMP:2 m above ground"},
        {1, 0, 103, "SPFH:2 m above ground"},
        {1, 3, 200, "PWAT:entire atmosphere (considered as a single layer)"},
    };
    static char wind[32];
    const uint8_t *s = message + 16;
    while (s[4] != 4)
        s += number(s, 4);
    if (s[9] == 2 && s[10] < 4 && s[22] == 100) {
        snprintf(wind, sizeof wind, "%cGRD:%d mb", s[10] == 2 ? 'U' : 'V', (int)number(s + 24, 4) / 100);
        return wind;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (s[9] == known[i].category && s[10] == known[i].number && s[22] == known[i].level_type)
            return known[i].name;
    fail_msg("a field that is not known: %d.%d", s[9], s[10]);
    return NULL;
}

static void put_index(const char *key, const char *day, const char *hour, const char *lead, const uint8_t *bytes, size_t n)
{
    char text[8000] = "", name[520];
    int i = 0;
    for (size_t at = 0; at < n; at += (size_t)number(bytes + at + 8, 8))
        sprintf(text + strlen(text), "%d:%zu:d=%.8s%.2s:%s:%d hour fcst:\n", ++i, at, day, hour, field_of(bytes + at), atoi(lead));
    snprintf(name, sizeof name, "%s.idx", key);
    standin_put(server, name, text, strlen(text));
}

/* A file of squall synth under the key that it would have. */
static void publish(const char *path, const char *name)
{
    char key[512];
    size_t n;
    uint8_t *bytes = load(path, &n);
    if (!strncmp(name, "MRMS", 4)) {
        snprintf(key, sizeof key, "CONUS/PrecipRate_00.00/%.8s/%s.gz", name + 22, name);
        put_gzipped(key, bytes, n);
    } else if (!strncmp(name, "OR_ABI", 6)) {
        const char *s = strstr(name, "_s") + 2;
        snprintf(key, sizeof key, "ABI-L2-MCMIPC/%.4s/%.3s/%.2s/%s", s, s + 4, s + 7, name);
        standin_put(server, key, bytes, n);
    } else if (strncmp(name, "hrrr.20260601.t21z.wrfsfcf02", 28) < 0) { /* the newest run is not all there yet */
        const char *hour = name + 15, *lead = strstr(name, "sfcf") + 4;
        snprintf(key, sizeof key, "hrrr.%.8s/conus/hrrr.t%.2sz.wrfsfcf%.2s.grib2", name + 5, hour, lead);
        standin_put(server, key, bytes, n);
        put_index(key, name + 5, hour, lead, bytes, n);
    }
    free(bytes);
}

static void publish_folder(const char *folder)
{
    char path[512];
    DIR *d = opendir(folder);
    REQUIRE(d);
    for (struct dirent *f; (f = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        if (f->d_name[0] != '.')
            publish(path, f->d_name);
    }
    closedir(d);
}

/* The data sets that come with squall, but at our server; and the simulated satellite is number 16. */
static const char *data_sets(void)
{
    const char *path = test_path("fetch.yaml");
    char line[400];
    FILE *in = fopen(SQ_SOURCE_DIR "/configs/fetch.yaml", "r"), *out = fopen(path, "w");
    REQUIRE(in && out);
    while (fgets(line, sizeof line, in)) {
        char *g = strstr(line, "_G19_");
        if (g)
            memcpy(g, "_G16_", 5);
        if (!strncmp(line, "  url: ", 7))
            snprintf(line, sizeof line, "  url: %s\n  wait_s: 0.05\n", standin_url(server));
        fputs(line, out);
    }
    fclose(in);
    fclose(out);
    return path;
}

/* ---- all the way ------------------------------------------------------------------------------------------------ */

static void write_network(const char *path)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    fputs("- {name: radar, kind: radar, channels: rain_rate, slices_s: [0, 600, 1200, 1800], latency_s: 120, reach_s: 300}\n"
          "- {name: satellite, kind: satellite, channels: abi08 abi13, slices_s: [0, 600], latency_s: 300, reach_s: 900,"
          " coarser: 2}\n"
          "- {name: model, kind: model, channels: wind_u_500 wind_v_850 cape rain_rate, slices_s: [-3600, 0],"
          " latency_s: 3300, reach_s: 21600, coarser: 2}\n"
          "- {name: sun, kind: computed, channels: sun_elevation, slices_s: [0], coarser: 2}\n", f);
    fclose(f);
}

static void require_forecast(const char *path)
{
    const struct sq_forecast *f = NULL;
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    struct sq_err err = {0};
    size_t observed = 0, wet = 0;
    REQUIRE_OK(sq_product_open(path, &f, &r, &err));
    REQUIRE(f->n_lead == 6 && f->lead_s[5] == 3600 && f->n_threshold >= 17);
    REQUIRE_OK(sq_lead_init(&lead, f, &err));
    REQUIRE_OK(sq_product_get(r, 0, &lead, &err));
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++) {
        observed += !isnan(lead.prob[i]);
        wet += lead.prob[i] > 0.5f;
        REQUIRE(isnan(lead.prob[i]) || (lead.prob[i] >= 0 && lead.prob[i] <= 1));
    }
    REQUIRE(wet > 100 && wet < observed);
    sq_lead_finish(&lead);
    sq_product_close(&r);
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void an_hour_of_weather_is_fetched_and_forecast(void **state)
{
    (void)state;
    static const char *const format[] = {"mrms", "goes", "hrrr"};
    const char *world = test_path("world"), *data = test_path("data"), *sets = data_sets(), *net = test_path("net.yaml");
    double begin = cpu_s();
    for (int i = 0; i < 3; i++)
        require_done(squall("synth", "-o", world, "--format", format[i], "--hours", "1", "--start", FROM, "--leads", "8",
                            "--domain", "-97.5,36", "--size", "256", "--seed", "4"));
    publish_folder(test_path("world/mrms"));
    publish_folder(test_path("world/goes"));
    publish_folder(test_path("world/hrrr"));

    standin_listing(server, 7, true);
    standin_fault(server, "prefix=", STANDIN_STATUS, 503, 1);
    standin_fault(server, "20260601-201400.grib2.gz", STANDIN_CUT, 0, 1);
    standin_fault(server, "20260601-203000.grib2.gz", STANDIN_DAMAGED, 0, 1);
    standin_fault(server, "OR_ABI", STANDIN_RESET, 0, 1);
    standin_fault(server, "t20z.wrfsfcf03.grib2 range", STANDIN_CUT, 0, 1);
    const struct said *s = squall("fetch", "mrms", "goes19", "-o", data, "--datasets", sets, "--from", FROM, "--to", TO);
    require_done(s);
    assert_int_equal(lines(s->out), 31 + 13);
    s = squall("fetch", "hrrr", "-o", data, "--datasets", sets, "-n", "2", "--to", TO);
    require_done(s);
    REQUIRE(lines(s->out) == 18 && strstr(s->out, "hrrr.20260601.t20z.wrfsfcf00") && strstr(s->out, "hrrr.20260601.t19z.wrfsfcf08"));

    write_network(net);
    s = squall("ingest", test_path("data/mrms"), test_path("data/goes19"), test_path("data/hrrr"), "-c", net, "--at", TO, "-o",
               test_path("cube.nc"));
    require_done(s);
    REQUIRE(strstr(s->out, "radar: 4 of 4 planes") && strstr(s->out, "satellite: 4 of 4 planes") &&
            strstr(s->out, "model: 8 of 8 planes") && strstr(s->out, "sun: 1 of 1 planes"));
    s = squall("forecast", test_path("data/mrms"), "-o", test_path("out"), "--leads", "10..60/10");
    require_done(s);
    require_forecast(test_path("out/squall_20260601T2100Z.nc"));
    print_message("# %.1f s of processor time\n", cpu_s() - begin);
#if !defined __SANITIZE_ADDRESS__ && !defined __clang__ /* those builds are checked for other things */
    REQUIRE(cpu_s() - begin < 60);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_hour_of_weather_is_fetched_and_forecast)};
    return cmocka_run_group_tests(tests, bucket_set_up, bucket_tear_down);
}
