/* The command line: every mistake is one line that names it and exit code 2, every --help has an example. */
#include "program.h"

#include "tools/options.h"

static const char *const subcommand[] = {"forecast", "verify", "train", "ingest", "synth", "info", "fetch", "export"};
enum { N = sizeof subcommand / sizeof *subcommand };

static void help_has_an_example(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        const struct said *s = squall(subcommand[i], "--help");
        char call[64];
        snprintf(call, sizeof call, "Example:\n  squall %s ", subcommand[i]);
        require_done(s);
        REQUIRE(!s->err[0] && strstr(s->out, call) && strstr(s->out, "--set KEY=VALUE"));
        REQUIRE(!strstr(s->out, "  -c, --config FILE") == !strcmp(subcommand[i], "train"));
    }
    require_done(squall("--help"));
    const struct said *s = squall("--version");
    require_done(s);
    REQUIRE(!strncmp(s->out, "squall ", 7) && lines(s->out) == 1);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    require_refusal(squall("forcast"), 2, "forcast: no such subcommand");
    require_refusal(wait_for(start(NULL, (const char *const[]){NULL})), 2, "which subcommand");
    for (int i = 0; i < N; i++) {
        require_refusal(squall(subcommand[i], "--nonsense"), 2, "--nonsense");
        require_refusal(squall(subcommand[i], "-Z"), 2, "-Z");
        require_refusal(squall(subcommand[i], "--set"), 2, "--set needs a value");
        require_refusal(squall(subcommand[i], "--set", "nonsense=1", "x"), 2, "nonsense");
        require_refusal(squall(subcommand[i], "--verbose=3", "x"), 2, "--verbose");
    }
    require_refusal(squall("forecast", "-o", "out"), 2, "INPUT... is missing");
    require_refusal(squall("forecast", "in.nc"), 2, "-o DIR is missing");
    require_refusal(squall("forecast", "in.nc", "-o", ""), 2, "the value is empty");
    require_refusal(squall("forecast", "in.nc", "-o", "out", "--method", "guess"), 2, "guess");
    require_refusal(squall("forecast", "in.nc", "-o", "out", "--grid", "nowhere-grid"), 2, "nowhere-grid");
    require_refusal(squall("forecast", "in.nc", "-o", "out", "--at", "noon"), 2, "noon");
    require_refusal(squall("forecast", "in.nc", "-o", "out", "--threshold", "600"), 2, "600");
    require_refusal(squall("forecast", "in.nc", "-o", "out", "--threads", "-1"), 2, "-1");
    require_refusal(squall("synth"), 2, "-o FILE is missing");
    require_refusal(squall("export", "a.nc"), 2, "-o FILE is missing");
    require_refusal(squall("export", "a.nc", "-o", "b", "--zoom", "4-9"), 2, "4..9");
    require_refusal(squall("synth", "-o", "a.nc", "b.nc"), 2, "b.nc: nothing is expected here");
    require_refusal(squall("synth", "-o", "a.nc", "--seed", "-3"), 2, "-3");
    require_refusal(squall("synth", "-o", "a.nc", "--step", "0"), 2, "0");
    require_refusal(squall("train", "in.nc", "-o", "w.nc"), 2, "-c RECIPE is missing");
    require_refusal(squall("train", "in.nc", "-c", "r.yaml"), 2, "-o WEIGHTS is missing");
    require_refusal(squall("ingest", "in.nc"), 2, "-o CUBE is missing");
    require_refusal(squall("info", "x.nc", "--point", "8.5"), 2, "LON,LAT");
    require_refusal(squall("info", "x.nc", "--point", "8.5,97"), 2, "LON,LAT");
}

static void settings_files_that_are_not_there_are_named(void **state)
{
    (void)state;
    const struct said *s = squall("info", "-c", test_path("none.yaml"), "x.nc");
    REQUIRE(s->code && s->code != 2 && lines(s->err) == 1 && strstr(s->err, "none.yaml"));
}

/* Output that nobody received is a failure. */
static void a_full_disk_behind_stdout_is_noticed(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    const struct said *s = wait_for(start("/dev/full", (const char *const[]){"--help", NULL}));
    assert_int_equal(s->code, 1);
    assert_int_equal(lines(s->err), 1);
}

static void require_list(const char *text, int n, double first, double last)
{
    struct sq_list l = {0};
    struct sq_err err = {0};
    REQUIRE_OK(sq_parse_list(text, &l, &err));
    assert_int_equal(l.n, n);
    REQUIRE_NEAR(l.v[0], first, 1e-12);
    REQUIRE_NEAR(l.v[n - 1], last, 1e-12);
    for (int i = 1; i < n; i++)
        REQUIRE(l.v[i] > l.v[i - 1]);
}

static void lists_are_read(void **state)
{
    (void)state;
    require_list("5", 1, 5, 5);
    require_list("5..60/5", 12, 5, 60);
    require_list("5..62/5", 12, 5, 60);
    require_list("0.1..0.5/0.1", 5, 0.1, 0.5);
    require_list("60,15,30,15", 3, 15, 60);
    require_list("5..30/5,45,60", 8, 5, 60);
    require_list("1..96/1", 96, 1, 96);
    static const char *const bad[] = {"",     ",",      "5,",     ",5",      "0",          "-5",        "a",
                                      "5..",  "5..60",  "5..60/", "5..60/0", "5..60/-5",   "60..5/5",   "5 60",
                                      "nan",  "inf",    "1e999",  "5..nan/5", "1..97/1",   "5;6",       "5.../5",
                                      "5..60/5x", "1..2/1e-300", "1..96/1,97"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sq_list l;
        struct sq_err err = {0};
        REQUIRE_STATUS(sq_parse_list(bad[i], &l, &err), SQ_USAGE);
        REQUIRE(err.text[0] && !strchr(err.text, '\n'));
    }
}

static void leads_are_minutes(void **state)
{
    (void)state;
    struct sq_settings s = {0};
    struct sq_err err = {0};
    REQUIRE_OK(sq_parse_leads("7.5,15", &s, &err));
    assert_int_equal(s.n_leads, 2);
    assert_int_equal(s.leads_s[0], 450);
    assert_int_equal(s.leads_s[1], 900);
    REQUIRE_STATUS(sq_parse_leads("0.5", &s, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_parse_leads("5,5.00000000001", &s, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_parse_leads("1441", &s, &err), SQ_USAGE);
}

/* Whatever the order: first the file, then --set, then the options. */
static void options_win_over_set_and_set_over_the_file(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("my.yaml"));
    FILE *f = fopen(path, "w");
    fputs("threads: 3\npicture_px: 500\nzr_a: 300\n", f);
    fclose(f);
    char *argv[] = {(char[]){"forecast"}, (char[]){"--threads"}, (char[]){"7"}, (char[]){"--set"},
                    (char[]){"picture_px=600"}, (char[]){"-c"}, path, (char[]){"--set"}, (char[]){"threads=5"},
                    (char[]){"word"}, NULL};
    struct sq_call call;
    struct sq_err err = {0};
    const struct sq_command cmd = {"forecast", "INPUT...", "", ""};
    const struct sq_option table[] = {{"threads", 'j', "N", "", sq_parse_threads, &call.settings}};
    REQUIRE_OK(sq_options_parse(&cmd, table, 1, 10, argv, &call, &err));
    assert_int_equal(call.settings.threads, 7);
    assert_int_equal(call.settings.picture_px, 600);
    REQUIRE_NEAR(call.settings.zr_a, 300, 0);
    REQUIRE(call.n_words == 1 && !strcmp(call.words[0], "word") && !call.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_has_an_example),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(settings_files_that_are_not_there_are_named),
        cmocka_unit_test(a_full_disk_behind_stdout_is_noticed),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(leads_are_minutes),
        cmocka_unit_test(options_win_over_set_and_set_over_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
