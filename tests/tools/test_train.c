/* Learning through the program: weights come out that a forecast takes, and a stop can be taken up again. */
#include "program.h"

#include <time.h>

static const char recipe_text[] = "name: tiny\n"
                                  "channels: 16\n"
                                  "stacks: 1\n"
                                  "dilation: [1, 2]\n"
                                  "up: 4\n"
                                  "hidden: 8\n"
                                  "window: 64\n"
                                  "batch: 1\n"
                                  "warmup: 2\n"
                                  "steps: %d\n";

static const char *storm(void)
{
    const char *path = test_path("storm.nc");
    if (access(path, R_OK))
        require_done(squall("synth", "-o", path, "--frames", "20"));
    return path;
}

static const char *recipe(const char *name, int steps)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    fprintf(f, recipe_text, steps);
    fclose(f);
    return path;
}

static void what_is_learnt_forecasts(void **state)
{
    (void)state;
    const char *weights = test_path("tiny.nc"), *out = test_path("out");
    const struct said *s = squall("train", "-c", recipe("short.yaml", 3), storm(), "-o", weights);
    require_done(s);
    REQUIRE(strstr(s->out, "tiny.nc\n"));
    s = squall("info", weights);
    require_done(s);
    REQUIRE(strstr(s->out, "weights of a network\n") && strstr(s->out, "  stacks: 1\n"));
    s = squall("forecast", storm(), "-o", out, "--weights", weights, "--leads", "30", "--no-pictures");
    require_done(s);
    REQUIRE(!s->err[0]);
    s = squall("info", test_path("out/squall_20260601T1335Z.nc"));
    require_done(s);
    REQUIRE(strstr(s->out, "by network, model tiny, sha256 "));
    /* an hour and a half is beyond what it learnt */
    s = squall("forecast", storm(), "-o", out, "--weights", weights, "--leads", "90", "--no-pictures", "--method", "network");
    require_refusal(s, 1, "tiny");
}

static void a_stop_leaves_weights_and_can_be_taken_up(void **state)
{
    (void)state;
    const char *weights = test_path("stopped.nc"), *log = test_path("stopped.nc.log.csv");
    const char *endless = recipe("endless.yaml", 1000000), *event = storm();
    const struct timespec nap = {0, 20000000};
    pid_t pid = start(NULL, (const char *const[]){"train", "-c", endless, event, "-o", weights, NULL});
    for (int i = 0; i < 3000 && access(log, R_OK); i++)
        nanosleep(&nap, NULL);
    kill(pid, SIGTERM);
    require_done(wait_for(pid));
    REQUIRE(!access(weights, R_OK) && !access(test_path("stopped.nc.ckpt"), R_OK));
    require_done(squall("train", "-c", endless, event, "-o", weights, "--resume", "--minutes", "0.02"));
}

static void what_cannot_be_learnt_from_is_named(void **state)
{
    (void)state;
    require_refusal(squall("train", "-c", test_path("none.yaml"), storm(), "-o", test_path("w.nc")), 1, "none.yaml");
    require_refusal(squall("train", "-c", recipe("r.yaml", 3), test_path("none.nc"), "-o", test_path("w.nc")), 75, "none.nc");
    REQUIRE(access(test_path("w.nc"), F_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_learnt_forecasts),
        cmocka_unit_test(a_stop_leaves_weights_and_can_be_taken_up),
        cmocka_unit_test(what_cannot_be_learnt_from_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
