/* Slots of the cube: thinning, gaps, odd steps, other grids, broken frames. */
#include "small_cf.h"

#include "ingest.h"

#include "core/log.h"

static struct sq_inputs *open_path(char *path)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    return in;
}

/* A file of n frames at the given times; the first cell of frame i is i. */
static struct sq_inputs *frames_at(const int64_t *time, int n)
{
    char *path = test_path("f.nc");
    small_cf_write(path, (struct small_cf){.n = n, .time = time});
    return open_path(path);
}

/* The cube's frames are those of the file numbered in `want` (-1: a gap), and its step is `step_s`. */
static void check_cube(struct sq_inputs *in, struct sq_cube_params p, int step_s, int n, const int *want)
{
    struct sq_cube c = {0};
    struct sq_err err = {0};
    REQUIRE_OK(sq_cube_build(in, &p, &c, &err));
    assert_int_equal(c.step_s, step_s);
    assert_int_equal(c.n, n);
    for (int i = 0; i < n; i++) {
        const struct sq_cube_frame *f = &c.frame[i];
        REQUIRE(i == 0 || f->time > c.frame[i - 1].time);
        REQUIRE(!f->state == (i < n - 1)); /* of the newest alone */
        if (want[i] < 0) {
            REQUIRE(!f->rate_mmh && !f->path && f->coverage == 0);
            continue;
        }
        REQUIRE(f->rate_mmh && f->rate_mmh[0] == (float)want[i] && f->path && f->coverage == 1);
        assert_int_equal(f->time, sq_inputs_info(in, want[i])->time);
    }
    sq_cube_finish(&c);
}

#define WANT(...) (sizeof(int[]){__VA_ARGS__} / sizeof(int)), (const int[]){__VA_ARGS__}
#define NEWEST .at = INT64_MAX, .from = INT64_MIN

static void two_minute_frames_are_thinned(void **state)
{
    (void)state;
    int64_t t[13];
    for (int i = 0; i < 13; i++)
        t[i] = 120 * i;
    struct sq_inputs *in = frames_at(t, 13);
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 4}, 240, WANT(6, 8, 10, 12));
    check_cube(in, (struct sq_cube_params){NEWEST}, 240, WANT(0, 2, 4, 6, 8, 10, 12));
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 3, .least_step_s = 300}, 360, WANT(6, 9, 12));
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 3, .least_step_s = 60}, 120, WANT(10, 11, 12));
    /* 5 minutes before is between two frames: the earlier of equals */
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 3, .step_s = 300}, 300, WANT(7, 9, 12));
    sq_inputs_close(&in);
}

static void gaps_stay_gaps(void **state)
{
    (void)state;
    const int64_t t[] = {0, 300, 600, 1500, 1800, 2700};
    struct sq_inputs *in = frames_at(t, 6);
    check_cube(in, (struct sq_cube_params){NEWEST}, 300, WANT(0, 1, 2, -1, -1, 3, 4, -1, -1, 5));
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 5}, 300, WANT(3, 4, -1, -1, 5));
    check_cube(in, (struct sq_cube_params){.at = 2000, .from = INT64_MIN, .frames = 3}, 300, WANT(-1, 3, 4));
    check_cube(in, (struct sq_cube_params){.at = 600, .from = INT64_MIN, .frames = 4}, 300, WANT(-1, 0, 1, 2));
    /* further back, but no gaps before the first frame */
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 2, .past_s = 1200}, 300, WANT(3, 4, -1, -1, 5));
    check_cube(in, (struct sq_cube_params){.at = 600, .from = INT64_MIN, .frames = 2, .past_s = 3000}, 300, WANT(0, 1, 2));
    check_cube(in, (struct sq_cube_params){.at = 600, .from = INT64_MIN, .frames = 4, .past_s = 3000}, 300, WANT(-1, 0, 1, 2));
    check_cube(in, (struct sq_cube_params){.at = 1500, .from = 300}, 300, WANT(1, 2, -1, -1, 3));
    check_cube(in, (struct sq_cube_params){.at = 1500, .from = 300, .frames = 3}, 300, WANT(-1, -1, 3));
    check_cube(in, (struct sq_cube_params){.at = 0, .from = INT64_MIN}, 300, WANT(0));
    struct sq_cube c = {0};
    struct sq_err err = {0};
    struct sq_cube_params early = {.at = -1, .from = INT64_MIN};
    REQUIRE_STATUS(sq_cube_build(in, &early, &c, &err), SQ_ABSENT);
    REQUIRE(!c.frame && strstr(err.text, "1969-12-31T23:59:59Z"));
    sq_inputs_close(&in);
}

/* MRMS reflectivity comes at odd seconds, and some frames late: each goes to its nearest slot. */
static void odd_steps_go_to_the_nearest_slot(void **state)
{
    (void)state;
    const int64_t t[] = {39, 338, 641, 939, 1240, 1380, 1539};
    struct sq_inputs *in = frames_at(t, 7);
    check_cube(in, (struct sq_cube_params){NEWEST}, 300, WANT(0, 1, 2, 3, 4, 6));
    sq_inputs_close(&in);
    const int64_t half[] = {0, 150, 600, 900, 1200}; /* 150 is halfway between two slots, and serves one */
    in = frames_at(half, 5);
    check_cube(in, (struct sq_cube_params){NEWEST}, 300, WANT(0, -1, 2, 3, 4));
    sq_inputs_close(&in);
    const int64_t alone[] = {1234567};
    in = frames_at(alone, 1);
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 3}, 300, WANT(-1, -1, 0));
    sq_inputs_close(&in);
}

/* Years without data between two events are not a million slots. */
static void spans_beyond_reason_are_refused(void **state)
{
    (void)state;
    const int64_t t[] = {0, 300, 600, 1500000000};
    struct sq_inputs *in = frames_at(t, 4);
    struct sq_cube c = {0};
    struct sq_err err = {0};
    struct sq_cube_params p = {NEWEST};
    REQUIRE_STATUS(sq_cube_build(in, &p, &c, &err), SQ_FAILED);
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 2}, 300, WANT(-1, 3));
    sq_inputs_close(&in);
}

/* Frames of nothing at the end: passed over where the newest shall show something, else kept. */
static void the_newest_frame_shall_show_something(void **state)
{
    (void)state;
    const int64_t t[] = {0, 300, 600, 900};
    double raw[4 * SMALL_NX * SMALL_NY];
    for (int i = 0; i < 48; i++)
        raw[i] = i < 24 ? i / 12 : (double)NAN;
    small_cf_write(test_path("f.nc"), (struct small_cf){.n = 4, .time = t, .value = raw});
    struct sq_inputs *in = open_path(test_path("f.nc"));
    check_cube(in, (struct sq_cube_params){NEWEST, .observed = true}, 300, WANT(0, 1));
    check_cube(in, (struct sq_cube_params){NEWEST, .frames = 3, .observed = true}, 300, WANT(-1, 0, 1));
    struct sq_cube c = {0};
    struct sq_err err = {0};
    struct sq_cube_params p = {NEWEST, .frames = 2, .observed = true};
    REQUIRE_STATUS(sq_cube_build(in, &p, &c, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "no observed cell") && strstr(err.text, "newest 2 frames"));
    p = (struct sq_cube_params){.at = INT64_MAX, .from = 600, .observed = true};
    REQUIRE_STATUS(sq_cube_build(in, &p, &c, &err), SQ_FAILED);
    p = (struct sq_cube_params){NEWEST};
    REQUIRE_OK(sq_cube_build(in, &p, &c, &err));
    REQUIRE(c.n == 4 && c.frame[3].time == 900 && c.frame[3].coverage == 0);
    sq_cube_finish(&c);
    sq_inputs_close(&in);
}

static void another_grid_is_refused_or_regridded(void **state)
{
    (void)state;
    const int64_t t0[] = {0}, t1[] = {300}, t2[] = {600};
    double one[4 * 4] = {0};
    for (int i = 0; i < 16; i++)
        one[i] = 1;
    small_cf_write(test_path("a.nc"), (struct small_cf){.time = t0});
    small_cf_write(test_path("b.nc"), (struct small_cf){.time = t1, .nx = 4, .ny = 4, .value = one});
    small_cf_write(test_path("c.nc"), (struct small_cf){.time = t2});
    struct sq_inputs *in = open_path(test_folder());
    struct sq_cube c = {0};
    struct sq_err err = {0};
    struct sq_cube_params p = {NEWEST};
    REQUIRE_STATUS(sq_cube_build(in, &p, &c, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, test_path("b.nc")));
    p.grid = &sq_inputs_info(in, 0)->grid;
    REQUIRE_OK(sq_cube_build(in, &p, &c, &err));
    assert_int_equal(c.n, 3);
    REQUIRE(sq_grid_equal(&c.grid, p.grid));
    for (int i = 0; i < 12; i++)
        REQUIRE(c.frame[1].rate_mmh[i] == 1); /* a constant stays one on any grid */
    sq_cube_finish(&c);
    struct sq_grid half = *p.grid; /* each cell of it is two of the frames' */
    half.nx = 2;
    half.dx = 2000;
    half.x0 = 1000;
    p.grid = &half;
    REQUIRE_OK(sq_cube_build(in, &p, &c, &err));
    REQUIRE_NEAR(c.frame[2].rate_mmh[0], 0.05, 1e-6); /* mean of 0 and 0.1, in float */
    REQUIRE_NEAR(c.frame[0].rate_mmh[1], 0.25, 1e-6);
    REQUIRE(c.frame[2].state[0] == SQ_STATE_VALID && !c.frame[0].state);
    REQUIRE_NEAR(c.cell_m[0], 2000, 1); /* near the middle of the map */
    sq_cube_finish(&c);
    sq_inputs_close(&in);
}

int main(void)
{
    sq_log_level(SQ_LOG_ERROR); /* files passed over are logged as warnings */
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
    const struct CMUnitTest tests[] = {
        CASE(two_minute_frames_are_thinned),
        CASE(gaps_stay_gaps),
        CASE(odd_steps_go_to_the_nearest_slot),
        CASE(spans_beyond_reason_are_refused),
        CASE(the_newest_frame_shall_show_something),
        CASE(another_grid_is_refused_or_regridded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
