/* Quality control: each fault is found and named, by itself and in real events; what is sound is left. */
#include "test.h"

#include "ingest.h"
#include "injuries.h"
#include "quality.h"

#include "core/log.h"

#define SIDE 160
#define FRAMES 6

/* Showers on a sheet of rain that all move by (3, -1) cells a frame, each with a life of its own. */
static float rain_at(int frame, int y, int x)
{
    const double u = x - 3.0 * frame, v = y + 1.0 * frame;
    double sum = 2.2 * sin(u / 17 + 1) * cos(v / 13) + sin(u / 7 + v / 9) * (1 + 0.1 * frame);
    for (int k = 0; k < 5; k++)
        sum += 4 * exp(-hypot(u - 30 - 25 * k, v - 40 - 20 * (k * 3 % 5)) / 4);
    return sum > 0.6 ? (float)(4 * (sum - 0.6)) : 0;
}

static struct sq_cube make_weather(void)
{
    struct sq_cube c = {.grid = {SIDE, SIDE, 500, 159500, 1000, 1000, "+proj=laea +lat_0=51.5 +lon_0=4 +datum=WGS84"},
                        .cell_m = {1000, 1000}, .step_s = 300, .n = FRAMES};
    c.frame = calloc(FRAMES, sizeof *c.frame);
    for (int k = 0; k < FRAMES; k++) {
        c.frame[k].time = 1780315200 + 300 * k;
        c.frame[k].rate_mmh = malloc(SIDE * SIDE * sizeof(float));
        for (int i = 0; i < SIDE * SIDE; i++)
            c.frame[k].rate_mmh[i] = rain_at(k, i / SIDE, i % SIDE);
    }
    return c;
}

static struct sq_cube copy(const struct sq_cube *from, int first, int n)
{
    struct sq_cube c = *from;
    const size_t size = sq_grid_cells(&c.grid) * sizeof(float);
    c.n = n;
    c.frame = calloc((size_t)n, sizeof *c.frame);
    for (int k = 0; k < n; k++) {
        c.frame[k] = (struct sq_cube_frame){.time = from->frame[first + k].time, .rate_mmh = malloc(size)};
        memcpy(c.frame[k].rate_mmh, from->frame[first + k].rate_mmh, size);
    }
    return c;
}

/* Through a file, as everything comes. */
static struct sq_cube through_file(const struct sq_cube *c, const struct sq_quality_params *q)
{
    char *path = (char *)(uintptr_t)test_path("weather.nc");
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    const struct sq_cube_params cp = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_inputs *in = NULL;
    struct sq_cube ret = {0};
    struct sq_err err = {0};
    if (q)
        p.quality = *q;
    REQUIRE_OK(sq_cube_write(path, c, &err));
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    REQUIRE_OK(sq_cube_build(in, &cp, &ret, &err));
    sq_inputs_close(&in);
    return ret;
}

/* Puts a fault into frame `at` of frames [first, first + FRAMES) of the event. */
static struct sq_cube injure(const struct sq_cube *event, int first, int at, const struct injury *how, uint64_t seed)
{
    struct sq_cube c = copy(event, first, FRAMES);
    struct trial t = {event, first + at, c.frame[at].rate_mmh, calloc(sq_grid_cells(&c.grid), 1), c.grid.nx, c.grid.ny,
                      c.cell_m[0] / 1000, seed};
    how->put(&t);
    free(t.hurt);
    return c;
}

/* Was it found by its name, and is everything else still there? */
static void require_found(const struct sq_cube *c, int at, const struct injury *how)
{
    const bool late = at >= c->n;
    const struct sq_quality_report *r = late ? &c->late : &c->frame[at].report;
    char text[400] = "nothing";
    sq_quality_text(r, text, sizeof text);
    if (how->frame ? r->frame != how->why : !r->cells[how->why])
        fail_msg("%s, frame %d: found %s", how->name, at, text);
    REQUIRE(c->n >= FRAMES - 1);
    for (int k = 0; k < c->n; k++)
        if (k != at && !c->frame[k].rate_mmh)
            fail_msg("%s in frame %d: frame %d is gone", how->name, at, k);
}

static const struct injury *injury_of(const char *begin)
{
    for (int k = 0; k < INJURIES; k++)
        if (!strncmp(injuries[k].name, begin, strlen(begin)))
            return &injuries[k];
    fail_msg("no injury %s", begin);
    return NULL;
}

/* ---- made weather ---------------------------------------------------------------------------------------- */

static void sound_weather_is_left(void **state)
{
    (void)state;
    struct sq_cube made = make_weather(), got = through_file(&made, NULL);
    assert_int_equal(got.n, FRAMES);
    for (int k = 0; k < FRAMES; k++) {
        REQUIRE(got.frame[k].rate_mmh && !sq_quality_cells(&got.frame[k].report) && !got.frame[k].report.frame);
        for (int i = 0; i < SIDE * SIDE; i++)
            REQUIRE_NEAR(got.frame[k].rate_mmh[i], made.frame[k].rate_mmh[i], 0.0051); /* the file's steps */
    }
    sq_cube_finish(&got);
    sq_cube_finish(&made);
}

/* "far off: the frame of another time" needs hours, and infinite rates do not go through our files. */
static void faults_are_found_and_named(void **state)
{
    (void)state;
    static const char *const name[] = {"spikes", "radial spoke", "speckle", "stripe, 1 to 3 wide: dry",
                                       "stripe: constant", "stripe: amplified", "half delivered: 1/3 to 2/3 of",
                                       "half delivered: 1/3 to 2/3 missing", "half delivered: one", "frozen", "shifted",
                                       "far off: upside", "far off: rates"};
    struct sq_cube made = make_weather();
    for (size_t k = 0; k < sizeof name / sizeof *name; k++)
        for (int at = 3; at < FRAMES; at += 2) {
            const struct injury *how = injury_of(name[k]);
            struct sq_cube hurt = injure(&made, 0, at, how, 11), got = through_file(&hurt, NULL);
            require_found(&got, at, how);
            sq_cube_finish(&got);
            sq_cube_finish(&hurt);
        }
    sq_cube_finish(&made);
}

static void impossible_rates_are_counted(void **state)
{
    (void)state;
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_field f = {0};
    struct sq_err err = {0};
    struct sq_grid g = {SIDE, SIDE, 0, 0, 1, 1, "+proj=longlat"};
    p.quality = (struct sq_quality_params){0};
    REQUIRE_OK(sq_field_init(&f, &g, &err));
    memset(f.state, SQ_STATE_VALID, SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        f.value[i] = 0;
    const float bad[] = {INFINITY, NAN, 5000, -0.4f, -99};
    memcpy(f.value, bad, sizeof bad);
    REQUIRE_OK(sq_quality_apply(&f, &p, &err));
    REQUIRE(f.report.cells[SQ_FAULT_NO_NUMBER] == 2 && f.report.cells[SQ_FAULT_CAPPED] == 1);
    REQUIRE(f.report.cells[SQ_FAULT_NEGATIVE] == 1 && f.report.cells[SQ_FAULT_UNDECLARED] == 1);
    REQUIRE(isnan(f.value[0]) && isnan(f.value[1]) && f.value[2] == 300 && f.value[3] == 0 && isnan(f.value[4]));
    sq_field_finish(&f);
}

static void what_is_switched_off_does_nothing(void **state)
{
    (void)state;
    const struct sq_quality_params off = {0};
    struct sq_cube made = make_weather();
    for (int k = 0; k < INJURIES; k++) {
        const struct injury *how = &injuries[k];
        if (how->why == SQ_FAULT_NO_NUMBER)
            continue;
        struct sq_cube hurt = injure(&made, 0, 4, how, 7), got = through_file(&hurt, &off);
        assert_int_equal(got.n, FRAMES);
        REQUIRE(!got.n_late);
        for (int i = 0; i < FRAMES; i++)
            REQUIRE(got.frame[i].rate_mmh && !sq_quality_cells(&got.frame[i].report));
        sq_cube_finish(&got);
        sq_cube_finish(&hurt);
    }
    sq_cube_finish(&made);
}

/* Of three frozen frames at the end none is left, and the cube ends before them. */
static void a_frozen_feed_stays_rejected(void **state)
{
    (void)state;
    struct sq_cube made = make_weather();
    for (int k = 3; k < FRAMES; k++)
        memcpy(made.frame[k].rate_mmh, made.frame[2].rate_mmh, SIDE * SIDE * sizeof(float));
    struct sq_cube got = through_file(&made, NULL);
    REQUIRE(got.n == 3 && got.n_late == 3 && got.late.frame == SQ_FAULT_FROZEN && got.frame[2].state);
    sq_cube_finish(&got);
    sq_cube_finish(&made);
}

/* One strong cell of 3 x 3, moving; a lone one, and the same as a spike. */
static void small_strong_cells_survive(void **state)
{
    (void)state;
    struct sq_cube made = make_weather();
    for (int k = 0; k < FRAMES; k++)
        for (int i = 0; i < 9; i++)
            made.frame[k].rate_mmh[(20 + i / 3) * SIDE + 60 + 3 * k + i % 3] = i == 4 ? 90 : 30;
    struct sq_cube got = through_file(&made, NULL);
    for (int k = 0; k < FRAMES; k++)
        REQUIRE(got.frame[k].rate_mmh && got.frame[k].rate_mmh[21 * SIDE + 61 + 3 * k] == 90);
    sq_cube_finish(&got);
    sq_cube_finish(&made);
}

/* ---- real events ------------------------------------------------------------------------------------------ */

/* Its first `n` frames. */
static struct sq_cube read_event(const char *file, const struct sq_quality_params *q, int n)
{
    char path[4200], *paths[] = {path};
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_cube c = {0};
    struct sq_err err = {0};
    snprintf(path, sizeof path, "%s/events/%s", test_shared(), file);
    p.quality = *q;
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    const struct sq_cube_params cp = {.at = sq_inputs_info(in, n - 1)->time, .from = INT64_MIN};
    REQUIRE_OK(sq_cube_build(in, &cp, &c, &err));
    sq_inputs_close(&in);
    return c;
}

static void events_lose_next_to_nothing(void **state)
{
    (void)state;
    NEED_SHARED();
    static const char *const file[] = {"bom_20180616.nc", "bom_20201031.nc", "fmi_20160928.nc", "knmi_20100826.nc",
                                       "mch_20150515.nc", "mch_20160711.nc", "opera_20180824.nc"};
    const struct sq_quality_params off = {0}, on = SQ_QUALITY_DEFAULT;
    for (size_t k = 0; k < sizeof file / sizeof *file; k++) {
        struct sq_cube was = read_event(file[k], &off, 24), is = read_event(file[k], &on, 24);
        double wet = 0, lost = 0, strong = 0, lost_strong = 0;
        assert_int_equal(is.n, was.n);
        for (int i = 0; i < was.n; i++) {
            if (!is.frame[i].rate_mmh)
                fail_msg("%s: frame %d is gone", file[k], i);
            for (size_t j = 0; j < sq_grid_cells(&was.grid); j++) {
                const bool gone = isnan(is.frame[i].rate_mmh[j]);
                wet += was.frame[i].rate_mmh[j] > 0;
                lost += was.frame[i].rate_mmh[j] > 0 && gone;
                strong += was.frame[i].rate_mmh[j] >= 20;
                lost_strong += was.frame[i].rate_mmh[j] >= 20 && gone;
            }
        }
        print_message("# %s: %.4f %% of the wet cells, %.4f %% of those with 20 mm/h\n", file[k], 100 * lost / wet,
                      100 * lost_strong / strong);
        REQUIRE(lost < 0.001 * wet);
        sq_cube_finish(&was);
        sq_cube_finish(&is);
    }
}

/* Storms that grow between frames 10 minutes apart seem to jump; so do the frames before them. */
static void fast_weather_is_not_shifted(void **state)
{
    (void)state;
    NEED_SHARED();
    const struct sq_quality_params on = SQ_QUALITY_DEFAULT;
    struct sq_cube c = read_event("bom_20201031.nc", &on, 7);
    assert_int_equal(c.n, 7);
    REQUIRE(c.frame[6].rate_mmh);
    sq_cube_finish(&c);
}

/* A part of 240 x 240 cells of the Alpine event, so that it is quick. */
static struct sq_cube read_part(void)
{
    const struct sq_quality_params off = {0};
    struct sq_cube all = read_event("mch_20160711.nc", &off, 40), c = all;
    enum { PART = 240, X0 = 300, Y0 = 200 };
    c.grid.nx = c.grid.ny = PART;
    c.grid.x0 = sq_grid_x(&all.grid, X0);
    c.grid.y0 = sq_grid_y(&all.grid, Y0);
    c.frame = calloc((size_t)c.n, sizeof *c.frame);
    for (int k = 0; k < c.n; k++) {
        c.frame[k] = (struct sq_cube_frame){.time = all.frame[k].time, .rate_mmh = malloc(PART * PART * sizeof(float))};
        for (int y = 0; y < PART; y++)
            memcpy(c.frame[k].rate_mmh + y * PART, all.frame[k].rate_mmh + (Y0 + y) * all.grid.nx + X0, PART * sizeof(float));
    }
    sq_cube_finish(&all);
    return c;
}

/* The forecast of the program is made whatever is wrong with the newest frame. */
static void a_forecast_is_made_with_every_fault(void **state)
{
    (void)state;
    NEED_SHARED();
    const char *program = getenv("SQUALL_PROGRAM");
    struct sq_cube part = read_part();
    struct sq_err err = {0};
    REQUIRE(program);
    for (int k = 0; k < INJURIES; k++) {
        char command[9000], name[32], *path, *out;
        struct sq_cube hurt = injure(&part, 10, FRAMES - 1, &injuries[k], (uint64_t)k);
        snprintf(name, sizeof name, "fault%d.nc", k);
        path = strdup(test_path(name));
        out = strdup(test_path("forecasts"));
        for (size_t i = 0; i < sq_grid_cells(&hurt.grid); i++) /* the file has no word for infinite */
            if (isinf(hurt.frame[FRAMES - 1].rate_mmh[i]))
                hurt.frame[FRAMES - 1].rate_mmh[i] = 650;
        REQUIRE_OK(sq_cube_write(path, &hurt, &err));
        snprintf(command, sizeof command, "'%s' forecast '%s' -o '%s' --method advection --no-pictures --leads 5 >/dev/null 2>&1",
                 program, path, out);
        if (system(command))
            fail_msg("no forecast with %s", injuries[k].name);
        sq_cube_finish(&hurt);
        free(path);
        free(out);
    }
    sq_cube_finish(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_weather_is_left),
        cmocka_unit_test(faults_are_found_and_named),
        cmocka_unit_test(impossible_rates_are_counted),
        cmocka_unit_test(what_is_switched_off_does_nothing),
        cmocka_unit_test(a_frozen_feed_stays_rejected),
        cmocka_unit_test(small_strong_cells_survive),
        cmocka_unit_test(events_lose_next_to_nothing),
        cmocka_unit_test(fast_weather_is_not_shifted),
        cmocka_unit_test(a_forecast_is_made_with_every_fault),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, test_end);
}
