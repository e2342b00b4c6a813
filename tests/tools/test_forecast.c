/* From files to a forecast through the program itself: what it writes, what it refuses, and that an end at any
 * moment leaves no half file. */
#include "program.h"

#include "ingest.h"
#include "serve.h"

#include <time.h>

#define SIDE 96
#define START 1780315200 /* 2026-06-01T12:00Z */

enum weather { RAIN, DRY, NEWEST_MOSTLY_MISSING, NEWEST_MISSING, ALL_MISSING };

/* A shower of 30 km that moves east by 4 km a frame. */
static float rain_at(int frame, int row, int col)
{
    double d = hypot(row - SIDE / 2, col - 20 - 4 * frame);
    return (float)(d < 15 ? 0.5 * (15 - d) : 0);
}

static const char *write_input(const char *name, int n, enum weather w)
{
    struct sq_cube_frame frame[8] = {0};
    struct sq_cube c = {.grid = {SIDE, SIDE, -47500, 47500, 1000, 1000, "+proj=laea +lat_0=51.5 +lon_0=4 +datum=WGS84"},
                        .step_s = 300, .n = n, .frame = frame};
    struct sq_err err = {0};
    const char *path = test_path(name);
    for (int k = 0; k < n; k++) {
        frame[k].time = START + 300 * k;
        frame[k].rate_mmh = malloc(SIDE * SIDE * sizeof(float));
        for (int i = 0; i < SIDE * SIDE; i++)
            frame[k].rate_mmh[i] = w == DRY ? 0 : rain_at(k, i / SIDE, i % SIDE);
        for (int i = 0; (k == n - 1 || w == ALL_MISSING) && w >= NEWEST_MOSTLY_MISSING && i < SIDE * SIDE; i++)
            if (w >= NEWEST_MISSING || i > 10 * SIDE)
                frame[k].rate_mmh[i] = NAN;
    }
    REQUIRE_OK(sq_cube_write(path, &c, &err));
    for (int k = 0; k < n; k++)
        free(frame[k].rate_mmh);
    return path;
}

static const struct sq_forecast *reopen(const char *path, struct sq_product_reader **r, struct sq_lead *lead, int i)
{
    const struct sq_forecast *f = NULL;
    struct sq_err err = {0};
    REQUIRE_OK(sq_product_open(path, &f, r, &err));
    REQUIRE_OK(sq_lead_init(lead, f, &err));
    REQUIRE_OK(sq_product_get(*r, i, lead, &err));
    return f;
}

static void a_storm_becomes_a_forecast(void **state)
{
    (void)state;
    const char *storm = test_path("storm.nc"), *out = test_path("deep/out");
    require_done(squall("synth", "-o", storm, "--frames", "8"));
    const struct said *s = squall("forecast", storm, "-o", out, "--method", "advection", "--threshold", "0.1,2.5,2.500001");
    require_done(s);
    REQUIRE(!s->err[0] && strstr(s->out, "/squall_20260601T1235Z.nc\n") && strstr(s->out, "_sheet.png\n"));
    assert_int_equal(count_files(out, "squall_20260601T1235Z_p0.1_", "min.png"), 12);
    assert_int_equal(count_files(out, "squall_20260601T1235Z_p2.5_", "min.png"), 12);
    assert_int_equal(count_files(out, "squall_20260601T1235Z_median_", "min.png"), 12);
    assert_int_equal(count_files(out, "squall_20260601T1235Z_p2.5_005min.png", ""), 1);
    assert_int_equal(count_files(out, "squall_20260601T1235Z_observed.png", ""), 1);
    assert_int_equal(count_files(out, "squall_20260601T1235Z_sheet.png", ""), 1);
    assert_int_equal(count_files(out, "", ""), 2 + 36 + 3); /* . and .. */

    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    const char *product = test_path("deep/out/squall_20260601T1235Z.nc");
    const struct sq_forecast *f = reopen(product, &r, &lead, 5);
    REQUIRE(f->n_lead == 12 && f->lead_s[5] == 1800 && f->n_threshold == 18 && f->issue_time == START + 2100);
    assert_string_equal(f->method, "advection");
    REQUIRE(strstr(f->inputs_used, "2026-06-01T12:35:00Z") && !strstr(f->inputs_missing, "T12:") && f->quality);
    sq_lead_finish(&lead);
    sq_product_close(&r);

    s = squall("info", product, storm);
    require_done(s);
    REQUIRE(strstr(s->out, "by advection") && strstr(s->out, "8 frames"));
    s = squall("info", product, "--point", "4,51.5");
    require_done(s);
    assert_int_equal(lines(s->out), 1 + 1 + 1 + 12); /* title, when rain begins or not, head, leads */
    REQUIRE(strstr(s->out, "ain "));
    require_refusal(squall("info", storm, "--point", "4,51.5"), 1, "not a squall forecast");
    REQUIRE(squall("info", product, "--point", "40,51.5")->code == 1);
}

/* The shower is where it was going, and a cell that --point names is the cell of the map. */
static void rain_is_where_it_was_going(void **state)
{
    (void)state;
    const char *in = write_input("shower.nc", 6, RAIN), *out = test_path("shower");
    require_done(squall("forecast", in, "-o", out, "--method", "advection", "--leads", "15", "--no-pictures"));
    assert_int_equal(count_files(out, "", ""), 3);
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0}, cell = {0};
    struct sq_forecast one = {.n_threshold = 17, .n_percentile = 5, .grid = {.nx = 1, .ny = 1}};
    struct sq_err err = {0};
    reopen(test_path("shower/squall_20260601T1225Z.nc"), &r, &lead, 0);
    size_t ahead = SIDE / 2 * SIDE + 20 + 4 * 8, behind = SIDE / 2 * SIDE + 20; /* three frames on; at the start */
    REQUIRE(lead.prob[ahead] > 0.8f && lead.prob[behind] < 0.3f);
    REQUIRE_OK(sq_lead_init(&cell, &one, &err));
    REQUIRE_OK(sq_product_cell(r, 0, SIDE / 2, 20 + 4 * 8, &cell, &err));
    for (int k = 0; k < 17; k++)
        REQUIRE(cell.prob[k] == lead.prob[(size_t)k * SIDE * SIDE + ahead]);
    for (int k = 0; k < 5; k++)
        REQUIRE(cell.rate[k] == lead.rate[(size_t)k * SIDE * SIDE + ahead]);
    REQUIRE(cell.mean[0] == lead.mean[ahead]);
    sq_lead_finish(&cell);
    sq_lead_finish(&lead);
    sq_product_close(&r);
}

static void without_weights_it_advects_and_says_so(void **state)
{
    (void)state;
    const char *in = write_input("weights.nc", 6, RAIN), *out = test_path("w"), *none = test_path("none.nc");
    const struct said *s = squall("forecast", in, "-o", out, "--weights", none, "--no-pictures", "--leads", "30");
    require_done(s);
    REQUIRE(lines(s->err) == 1 && strstr(s->err, "advection") && strstr(s->err, "none.nc"));
    s = squall("forecast", in, "-o", out, "--weights", none, "--method", "network", "--no-pictures");
    REQUIRE(s->code && lines(s->err) == 1 && strstr(s->err, "none.nc"));
    s = squall("forecast", in, "-o", out, "--weights", in, "--method", "network", "--no-pictures");
    REQUIRE(s->code == 1 && lines(s->err) == 1 && strstr(s->err, "weights.nc"));
}

static void poor_inputs_give_a_forecast_or_a_reason(void **state)
{
    (void)state;
    const char *out = test_path("poor"), *dry = write_input("dry.nc", 6, DRY);
    const struct said *s = squall("forecast", write_input("one.nc", 1, RAIN), "-o", out, "--no-pictures", "--leads", "5");
    require_done(s);
    REQUIRE(strstr(s->err, "one frame only"));
    require_done(squall("forecast", dry, "-o", out, "--method", "advection", "--leads", "10,20"));
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    reopen(test_path("poor/squall_20260601T1225Z.nc"), &r, &lead, 1);
    for (int i = 0; i < SIDE * SIDE; i++)
        REQUIRE(isnan(lead.prob[i]) || lead.prob[i] < 0.01f);
    REQUIRE(!isnan(lead.prob[SIDE / 2 * SIDE + SIDE / 2]));
    sq_lead_finish(&lead);
    sq_product_close(&r);
    s = squall("forecast", write_input("part.nc", 5, NEWEST_MOSTLY_MISSING), "-o", out, "--method", "advection",
               "--no-pictures", "--leads", "5", "--set", "quality=off");
    require_done(s);
    REQUIRE(lines(s->err) == 1 && strstr(s->err, "% of the cells are observed"));
    require_refusal(squall("forecast", write_input("blind.nc", 8, ALL_MISSING), "-o", test_path("blind")), 1,
                    "no observed cell");
    REQUIRE(access(test_path("blind"), F_OK));
}

/* The issue time is that of the frame that shows something. */
static void a_newest_frame_that_shows_nothing_is_passed_over(void **state)
{
    (void)state;
    const char *in = write_input("blank.nc", 5, NEWEST_MISSING), *out = test_path("blank");
    const struct said *s = squall("forecast", in, "-o", out, "--method", "advection", "--no-pictures", "--leads", "5");
    require_done(s);
    REQUIRE(lines(s->err) == 1 && strstr(s->err, "2026-06-01T12:15:00Z is the newest one used, 1 after it"));
    struct sq_product_reader *r = NULL;
    struct sq_lead lead = {0};
    const struct sq_forecast *f = reopen(test_path("blank/squall_20260601T1215Z.nc"), &r, &lead, 0);
    assert_int_equal(f->issue_time, START + 900);
    sq_lead_finish(&lead);
    sq_product_close(&r);
    s = squall("forecast", in, "-o", out, "--at", "2026-06-01T12:20Z"); /* of 12:20 there is nothing yet */
    REQUIRE(s->code == 75 && strstr(s->err, "12:15"));
}

/* Of 12:20 a strip alone came: the forecast is of 12:15, even if it is asked for 12:20. */
static void a_newest_frame_that_is_half_delivered_is_passed_over(void **state)
{
    (void)state;
    const char *out = test_path("passed"), *part = write_input("part5.nc", 5, NEWEST_MOSTLY_MISSING);
    const struct said *s = squall("forecast", part, "-o", out, "--method", "advection", "--no-pictures", "--leads", "5",
                                  "--at", "2026-06-01T12:20Z");
    require_done(s);
    REQUIRE(strstr(s->out, "squall_20260601T1215Z.nc"));
    REQUIRE(strstr(s->err, "2026-06-01T12:20:00Z: frame rejected: half delivered"));
    REQUIRE(strstr(s->err, "forecasting from 2026-06-01T12:15:00Z"));
    s = squall("forecast", part, "-o", out, "--at", "2026-06-01T12:25Z");
    REQUIRE(s->code == 75 && strstr(s->err, "12:15"));
    s = squall("ingest", part, "-o", test_path("part_cube.nc"));
    require_done(s);
    REQUIRE(strstr(s->out, "4 frames") && strstr(s->out, "newest frame rejected: half delivered"));
}

static void what_is_not_there_yet_ends_with_75(void **state)
{
    (void)state;
    const char *in = write_input("late.nc", 6, RAIN), *out = test_path("late");
    require_refusal(squall("forecast", test_path("nothing.nc"), "-o", out), 75, "nothing.nc");
    require_refusal(squall("forecast", in, "-o", out, "--at", "2026-06-01T11:00Z"), 75, "11:00");
    require_refusal(squall("forecast", in, "-o", out, "--at", "2026-06-01T12:30Z"), 75, "12:25");
    require_refusal(squall("info", test_path("nothing.nc")), 75, "nothing.nc");
    require_refusal(squall("ingest", test_path("nothing*.nc"), "-o", test_path("cube.nc")), 75, "nothing*.nc");
    const struct said *s = squall("forecast", in, "-o", out, "--at", "2026-06-01T12:13Z", "--method", "persistence",
                                  "--no-pictures", "--leads", "5");
    require_done(s);
    REQUIRE(strstr(s->out, "squall_20260601T1210Z.nc"));
}

static void write_bytes(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f && fwrite(text, 1, n, f) == n && !fclose(f));
}

static void broken_inputs_and_outputs_end_with_1(void **state)
{
    (void)state;
    const char *in = write_input("fine.nc", 6, RAIN), *bad = test_path("bad.nc"), *file = test_path("file");
    static char head[2000];
    write_bytes(file, "no radar\n", 9);
    require_refusal(squall("forecast", file, "-o", test_path("o")), 1, "file");
    require_refusal(squall("info", file), 1, "file");
    FILE *f = fopen(in, "r");
    REQUIRE(f && fread(head, 1, sizeof head, f) == sizeof head);
    fclose(f);
    write_bytes(bad, head, sizeof head);
    require_refusal(squall("forecast", bad, "-o", test_path("o")), 1, "bad.nc");
    require_refusal(squall("forecast", in, "-o", test_path("file/below"), "--method", "advection"), 1, "file");
    require_refusal(squall("synth", "-o", test_path("file/below.nc"), "--frames", "1"), 1, "file");
    require_refusal(squall("ingest", in, "-o", test_path("nowhere/cube.nc")), 1, "nowhere");
    if (geteuid()) { /* root writes everywhere */
        REQUIRE(!mkdir(test_path("locked"), 0500));
        require_refusal(squall("forecast", in, "-o", test_path("locked"), "--method", "advection"), 1, "locked");
    }
}

/* Starts a forecast that takes some seconds and waits until it has begun to write. */
static pid_t start_writing(const char *out)
{
    const char *storm = test_path("long.nc");
    if (access(storm, R_OK))
        require_done(squall("synth", "-o", storm, "--frames", "3"));
    pid_t pid = start(NULL, (const char *const[]){"forecast", storm, "-o", out, "--method", "advection", "--leads",
                                                  "1..90/1", NULL});
    const struct timespec nap = {0, 5000000};
    for (int i = 0; i < 10000 && !count_files(out, ".squall_", ".tmp") && !waitpid(pid, NULL, WNOHANG); i++)
        nanosleep(&nap, NULL);
    REQUIRE(count_files(out, ".squall_", ".tmp"));
    return pid;
}

static void a_kill_leaves_no_half_file(void **state)
{
    (void)state;
    const char *out = test_path("killed");
    pid_t pid = start_writing(out);
    kill(pid, SIGKILL);
    assert_int_equal(wait_for(pid)->code, -1);
    assert_int_equal(count_files(out, "squall_", ""), 0);
}

static void an_interrupt_leaves_nothing(void **state)
{
    (void)state;
    const char *out = test_path("stopped");
    pid_t pid = start_writing(out);
    kill(pid, SIGTERM);
    require_refusal(wait_for(pid), 1, "interrupted");
    assert_int_equal(count_files(out, "", ""), 2);
}

static void a_cube_gives_the_same_forecast(void **state)
{
    (void)state;
    const char *in = write_input("direct.nc", 6, RAIN), *cube = test_path("cube.nc");
    require_done(squall("ingest", in, "-o", cube));
    require_done(squall("forecast", in, "-o", test_path("direct"), "--method", "advection", "--leads", "30", "--no-pictures"));
    require_done(squall("forecast", cube, "-o", test_path("cubed"), "--method", "advection", "--leads", "30", "--no-pictures"));
    struct sq_product_reader *r[2] = {0};
    struct sq_lead lead[2] = {0};
    reopen(test_path("direct/squall_20260601T1225Z.nc"), &r[0], &lead[0], 0);
    reopen(test_path("cubed/squall_20260601T1225Z.nc"), &r[1], &lead[1], 0);
    assert_memory_equal(lead[0].prob, lead[1].prob, 17 * SIDE * SIDE * sizeof(float));
    for (int i = 0; i < 2; i++) {
        sq_lead_finish(&lead[i]);
        sq_product_close(&r[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_becomes_a_forecast),
        cmocka_unit_test(rain_is_where_it_was_going),
        cmocka_unit_test(without_weights_it_advects_and_says_so),
        cmocka_unit_test(poor_inputs_give_a_forecast_or_a_reason),
        cmocka_unit_test(a_newest_frame_that_shows_nothing_is_passed_over),
        cmocka_unit_test(a_newest_frame_that_is_half_delivered_is_passed_over),
        cmocka_unit_test(what_is_not_there_yet_ends_with_75),
        cmocka_unit_test(broken_inputs_and_outputs_end_with_1),
        cmocka_unit_test(a_kill_leaves_no_half_file),
        cmocka_unit_test(an_interrupt_leaves_nothing),
        cmocka_unit_test(a_cube_gives_the_same_forecast),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
