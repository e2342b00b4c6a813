/* Weights files: what was written is read, what does not fit is refused with the reason, broken files end in a
 * line; training makes them, goes on from a checkpoint, and forecasting uses them. */
#include "test.h"
#include "made.h"

#include "core/publish.h"
#include "model.h"
#include "weights.h"

static char path[256];

static int begin(void **state)
{
    (void)state;
    strcpy(path, test_path("w.nc"));
    return 0;
}

static struct sq_weights some_weights(void)
{
    struct sq_err err = {0};
    struct sq_net_shape s = {.slots = sq_slots_last, .channels = 16, .stacks = 1, .n_dilation = 1, .dilation = {1}, .up = 4, .hidden = 16,
                             .n_node = 2, .node_s = {600, 3600}, .n_edge = 3, .edge_mmh = {0.1f, 1, 10}};
    struct sq_weights w = {.name = "tiny", .least_step_s = 240, .most_step_s = 900, .least_cell_m = 500,
                           .most_cell_m = 4000};
    REQUIRE_OK(sq_net_init(&w.net, &s, &err));
    sq_net_randomise(&w.net, 3);
    w.recipe = strdup("name: tiny\n");
    return w;
}

static void drop(struct sq_weights *w)
{
    sq_net_finish(&w->net);
    free(w->recipe);
}

static void written_is_read(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_weights w = some_weights(), *back = NULL;
    REQUIRE_OK(sq_weights_write(path, &w, NULL, &err));
    REQUIRE_OK(sq_weights_read(path, &back, &err));
    assert_int_equal(back->net.n_parameters, w.net.n_parameters);
    assert_memory_equal(back->net.theta, w.net.theta, w.net.n_parameters * sizeof(float));
    assert_string_equal(back->name, "tiny");
    assert_string_equal(back->recipe, "name: tiny\n");
    assert_int_equal(strlen(back->sha256), 64);
    assert_true(back->advection_share == 0 && back->most_step_s == 900 && back->scores == NULL);
    sq_weights_destroy(&back);
    REQUIRE_STATUS(sq_weights_attach(path, NULL, 1.5, &err), SQ_USAGE);
    REQUIRE_OK(sq_weights_attach(path, "CRPSb 0.9 of STEPS", 0.25, &err));
    REQUIRE_OK(sq_weights_read(path, &back, &err));
    assert_string_equal(back->scores, "CRPSb 0.9 of STEPS");
    assert_true(back->advection_share == 0.25f);
    assert_memory_equal(back->net.theta, w.net.theta, w.net.n_parameters * sizeof(float));
    sq_weights_destroy(&back);
    drop(&w);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_weights w = some_weights();
    struct sq_cube c = {.cell_m = {1000, 1000}, .step_s = 300};
    REQUIRE_OK(sq_weights_fit(&w, &c, 3600, &err));
    REQUIRE_STATUS(sq_weights_fit(&w, &c, 7200, &err), SQ_FAILED);
    assert_non_null(strstr(err.text, "120 min"));
    c.step_s = 1800;
    REQUIRE_STATUS(sq_weights_fit(&w, &c, 3600, &err), SQ_FAILED);
    assert_non_null(strstr(err.text, "1800 s apart"));
    c.step_s = 300, c.cell_m[0] = c.cell_m[1] = 9000;
    REQUIRE_STATUS(sq_weights_fit(&w, &c, 3600, &err), SQ_FAILED);
    assert_non_null(strstr(err.text, "9000 m"));
    drop(&w);
}

/* The weights that come along: they load, and say how they were made, from what, and how good they are. */
static void weights_that_come_along_are_whole(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_weights *w = NULL;
    struct sq_cube radar = {.cell_m = {1000, 1000}, .step_s = 300};
    REQUIRE_OK(sq_weights_read(SQ_SOURCE_DIR "/configs/weights/squall-radar.nc", &w, &err));
    REQUIRE_OK(sq_weights_fit(w, &radar, 3600, &err));
    assert_true(w->recipe && strstr(w->recipe, "name: squall-"));
    assert_true(w->data && strstr(w->data, "frames"));
    assert_true(w->scores && strstr(w->scores, "CRPSb"));
    assert_true(w->git && *w->git && w->advection_share > 0);
    sq_weights_destroy(&w);
}

static size_t slurp(const char *name, unsigned char **ret)
{
    FILE *f = fopen(name, "rb");
    struct stat st;
    REQUIRE(f && !fstat(fileno(f), &st));
    *ret = malloc((size_t)st.st_size);
    REQUIRE(fread(*ret, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    fclose(f);
    return (size_t)st.st_size;
}

/* Cut at 50 places: refused, in one line. Bits turned: refused, or read as numbers that are numbers. */
static void broken_files_end_in_a_line(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_weights w = some_weights(), *back = NULL;
    char broken[160];
    unsigned char *bytes;
    REQUIRE_OK(sq_weights_write(path, &w, NULL, &err));
    size_t n = slurp(path, &bytes);
    snprintf(broken, sizeof broken, "%s/broken.nc", test_folder());
    for (size_t k = 0; k < 50; k++) {
        REQUIRE_OK(sq_publish_bytes(broken, bytes, n * k / 50, &err));
        REQUIRE_STATUS(sq_weights_read(broken, &back, &err), SQ_FAILED);
        assert_true(strlen(err.text) > 10 && !strchr(err.text, '\n'));
    }
    for (size_t k = 0; k < 300; k++) {
        size_t at = (k * 2654435761u) % n;
        bytes[at] ^= (unsigned char)(1u << (k % 8));
        REQUIRE_OK(sq_publish_bytes(broken, bytes, n, &err));
        if (sq_weights_read(broken, &back, &err) == SQ_OK)
            sq_weights_destroy(&back);
        bytes[at] ^= (unsigned char)(1u << (k % 8));
    }
    free(bytes);
    REQUIRE_STATUS(sq_weights_read("./nothing-here.nc", &back, &err), SQ_FAILED);
    drop(&w);
}

/* ---- learning ------------------------------------------------------------------------------------------------- */

enum { NX = 96, NY = 80, FRAMES = 8 };

static void make_event(struct sq_cube *c)
{
    made_cube(c, NX, NY, FRAMES);
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < NY; i++)
            for (int j = 0; j < NX; j++)
                c->frame[f].rate_mmh[i * NX + j] = fmaxf(0, 6 * sinf(0.2f * (float)(j - 2 * f)) * cosf(0.15f * (float)i));
}

static void write_recipe(const char *name, int steps)
{
    FILE *f = fopen(name, "w");
    fprintf(f, "name: tiny\nchannels: 16\nstacks: 1\ndilation: [1, 2]\nup: 4\nhidden: 16\nwindow: 32\nbatch: 2\nsteps: %d\n"
               "warmup: 5\ncoarsen: 1\nprecision: float\nleads: 2\naverage: 0.9\n",
            steps);
    fclose(f);
}

static double last_loss(const char *out)
{
    char name[200], line[256];
    double loss = NAN;
    snprintf(name, sizeof name, "%s.log.csv", out);
    FILE *f = fopen(name, "r");
    REQUIRE(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "%*d,%*f,%*f,%lf", &loss);
    fclose(f);
    return loss;
}

/* Probabilities of 0.1 and 2 mm/h in 15 minutes, (2, NY, NX). Caller frees. */
static float *forecast(const struct sq_cube *c, const struct sq_weights *w, const char *name)
{
    struct sq_err err = {0};
    struct sq_forecast f = {.grid = c->grid, .n_lead = 1, .lead_s = {900}, .n_threshold = 2, .threshold_mmh = {0.1f, 2},
                            .n_percentile = 1, .percentile = {50}};
    struct sq_nowcast_params np = {.method = SQ_METHOD_NETWORK, .weights = w, .threads = 1};
    struct sq_nowcast *n = NULL;
    struct sq_lead l;
    float *prob = malloc(2 * NX * NY * sizeof *prob);
    REQUIRE_OK(sq_nowcast_create(c, &np, &f, &n, &err));
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    REQUIRE_OK(sq_nowcast_lead(n, 0, &l, &err));
    memcpy(prob, l.prob, 2 * NX * NY * sizeof *prob);
    assert_string_equal(f.model, name);
    sq_lead_finish(&l);
    sq_nowcast_destroy(&n);
    return prob;
}

/* Twice the same run gives the same bytes; stopped and resumed, the same parameters; and the loss falls. */
static void training_is_seeded_and_resumable(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c;
    char recipe[160], a[160], b[160];
    snprintf(recipe, sizeof recipe, "%s/recipe.yaml", test_folder());
    snprintf(a, sizeof a, "%s/a.nc", test_folder());
    snprintf(b, sizeof b, "%s/b.nc", test_folder());
    make_event(&c);
    write_recipe(recipe, 100);
    const struct sq_event event = {.cube = c};
    struct sq_train_params p = {.recipe = recipe, .out = a, .threads = 1};
    REQUIRE_OK(sq_train(&p, &event, 1, NULL, &err));
    double first = last_loss(a);
    p.out = b;
    volatile int stop = 1; /* before the first step: a checkpoint of the beginning */
    REQUIRE_OK(sq_train(&p, &event, 1, &stop, &err));
    p.resume = true;
    REQUIRE_OK(sq_train(&p, &event, 1, NULL, &err));
    struct sq_weights *wa = NULL, *wb = NULL;
    REQUIRE_OK(sq_weights_read(a, &wa, &err));
    REQUIRE_OK(sq_weights_read(b, &wb, &err));
    assert_memory_equal(wa->net.theta, wb->net.theta, wa->net.n_parameters * sizeof(float));
    assert_true(first < 2.3); /* an untrained network starts above 3 */
    sq_weights_destroy(&wb);

    /* the network that came out forecasts, and pooled with itself no otherwise */
    float *alone = forecast(&c, wa, "tiny"), *pooled;
    int seen = 0;
    for (int i = 0; i < NX * NY; i++) {
        seen += !isnan(alone[i]);
        assert_true(isnan(alone[i]) || (alone[i] >= alone[NX * NY + i] && alone[i] <= 1));
    }
    assert_true(seen > NX * NY / 2);
    REQUIRE_OK(sq_weights_read(b, &wb, &err));
    REQUIRE_OK(sq_weights_join(wa, &wb, &err));
    assert_null(wb);
    pooled = forecast(&c, wa, "tiny + tiny");
    for (int i = 0; i < 2 * NX * NY; i++)
        assert_true(isnan(alone[i]) ? isnan(pooled[i]) : fabsf(alone[i] - pooled[i]) < 1e-5f);
    free(alone);
    free(pooled);
    sq_weights_destroy(&wa);
    sq_cube_finish(&c);
}

static void bad_recipes_are_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_event event = {0};
    char recipe[160];
    snprintf(recipe, sizeof recipe, "%s/bad.yaml", test_folder());
    make_event(&event.cube);
    struct sq_train_params p = {.recipe = recipe, .out = path, .threads = 1};
    REQUIRE_STATUS(sq_train(&p, &event, 1, NULL, &err), SQ_FAILED);
    REQUIRE_OK(sq_publish_bytes(recipe, "chanels: 3\n", 11, &err));
    REQUIRE_STATUS(sq_train(&p, &event, 1, NULL, &err), SQ_FAILED);
    assert_non_null(strstr(err.text, "chanels"));
    event.cube.n = 1; /* an event of one frame teaches nothing */
    write_recipe(recipe, 5);
    REQUIRE_STATUS(sq_train(&p, &event, 1, NULL, &err), SQ_FAILED);
    event.cube.n = FRAMES;
    sq_cube_finish(&event.cube);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(weights_that_come_along_are_whole),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(broken_files_end_in_a_line),
        cmocka_unit_test(training_is_seeded_and_resumable),
        cmocka_unit_test(bad_recipes_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, test_end);
}
