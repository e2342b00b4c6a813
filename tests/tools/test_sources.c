/* Several sources through the program: a network learns from radar, satellite, model and sun of a simulated world, and
 * forecasts from whatever of them is there. */
#include "program.h"

#include "serve.h"

#include <math.h>

#define AT "2026-06-01T20:40:00Z"

static const char *world(void)
{
    const char *path = test_path("world");
    if (access(path, R_OK)) {
        require_done(squall("synth", "-o", path, "--format", "all", "-n", "9", "--size", "100", "--start",
                            "2026-06-01T20:00Z", "--leads", "3"));
        REQUIRE(!unlink(test_path("world/radar.nc")) && !unlink(test_path("world/truth.nc"))); /* MRMS is the radar */
    }
    return path;
}

static const char *recipe(void)
{
    const char *path = test_path("recipe.yaml");
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    fputs("name: tiny\nchannels: 16\nstacks: 1\ndilation: [1, 2]\nup: 4\nhidden: 8\nwindow: 64\nbatch: 2\nwarmup: 2\n"
          "steps: 12\nrate: 0.01\nsources: " SQ_SOURCE_DIR "/configs/networks/beside.yaml\n", f);
    fclose(f);
    return path;
}

/* P(rate >= 0.1 mm/h) at half an hour, and what the file says of its sources. */
struct outcome {
    float *p;
    size_t n;
    char sources[1000];
};

static struct outcome forecast(const char *name, const char *a, const char *b, const char *c)
{
    struct sq_err err = {0};
    struct outcome o = {0};
    const struct sq_forecast *f = NULL;
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    char out[100], product[200];
    snprintf(out, sizeof out, "%s", test_path(name));
    require_done(squall("forecast", "--weights", test_path("several.nc"), "--method", "network", "--leads", "30",
                        "--no-pictures", "--at", AT, "-o", out, test_path(a), b ? test_path(b) : test_path(a),
                        c ? test_path(c) : test_path(a)));
    snprintf(product, sizeof product, "%s/squall_20260601T2040Z.nc", out);
    REQUIRE_OK(sq_product_open(product, &f, &r, &err));
    REQUIRE_OK(sq_lead_init(&lead, f, &err));
    REQUIRE_OK(sq_product_get(r, 0, &lead, &err));
    o.n = sq_grid_cells(&f->grid);
    o.p = malloc(o.n * sizeof *o.p);
    memcpy(o.p, lead.prob, o.n * sizeof *o.p);
    REQUIRE(f->sources);
    snprintf(o.sources, sizeof o.sources, "%s", f->sources);
    sq_lead_finish(&lead);
    sq_product_close(&r);
    return o;
}

/* How many cells have a probability, and how far two forecasts differ at most. */
static double difference(const struct outcome *a, const struct outcome *b, size_t *ret_cells)
{
    double most = 0;
    *ret_cells = 0;
    REQUIRE(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        REQUIRE(isnan(a->p[i]) == isnan(b->p[i]));
        if (isnan(a->p[i]))
            continue;
        REQUIRE(a->p[i] >= 0 && a->p[i] <= 1);
        most = fmax(most, fabs((double)(a->p[i] - b->p[i])));
        ++*ret_cells;
    }
    return most;
}

static void any_subset_forecasts(void **state)
{
    (void)state;
    size_t cells;
    const struct said *s = squall("train", "-c", recipe(), world(), "-o", test_path("several.nc"));
    require_done(s);
    s = squall("info", test_path("several.nc"));
    require_done(s);
    REQUIRE(strstr(s->out, "sees beside the radar: satellite (satellite), 2 channels at 3 times"));
    struct outcome all = forecast("all", "world/mrms", "world/goes", "world/hrrr");
    struct outcome again = forecast("again", "world/mrms", "world/goes", "world/hrrr");
    struct outcome blind = forecast("no_satellite", "world/mrms", "world/hrrr", NULL);
    struct outcome radar = forecast("radar", "world/mrms", NULL, NULL);
    REQUIRE(strstr(all.sources, "satellite: 6 of 6 planes") && strstr(all.sources, "model: 10 of 10 planes"));
    REQUIRE(strstr(blind.sources, "satellite: 0 of 6 planes") && strstr(blind.sources, "model: 10 of 10 planes"));
    REQUIRE(strstr(radar.sources, "satellite: 0 of 6 planes") && strstr(radar.sources, "model: 0 of 10 planes"));
    REQUIRE(difference(&all, &again, &cells) == 0 && cells > 1000);
    REQUIRE(difference(&all, &blind, &cells) > 1e-3); /* what is there is looked at */
    REQUIRE(difference(&blind, &radar, &cells) > 1e-3);
    s = squall("info", test_path("radar/squall_20260601T2040Z.nc"));
    require_done(s);
    REQUIRE(strstr(s->out, "satellite: 0 of 6 planes"));
    free(all.p);
    free(again.p);
    free(blind.p);
    free(radar.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_subset_forecasts),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
