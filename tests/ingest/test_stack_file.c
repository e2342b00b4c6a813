/* The file of a stack: what was written comes back, and what is broken is refused. */
#include "small_cf.h"

#include "ingest.h"

#include "core/log.h"
#include "core/publish.h"

static const char *const text =
    "- name: radar\n  about: fine\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 300, 600]\n  latency_s: 60\n"
    "  reach_s: 300\n"
    "- name: sat\n  kind: satellite\n  channels: abi13 abi14\n  slices_s: [0, 300]\n  clock_s: 300\n  reach_s: 300\n"
    "- name: place\n  kind: computed\n  channels: latitude day_of_year_sin\n  slices_s: [0]\n  coarser: 2\n  margin_km: 3\n";

/* What is seen at 900 s of frames at 0, 300 and 840 s; the first cells of the last are NaN, dry, 0.2. */
static struct sq_stacker *make(struct sq_stack *ret)
{
    static const int64_t time[] = {0, 300, 840};
    double value[3 * SMALL_NX * SMALL_NY];
    struct sq_err err = {0};
    struct sq_stacker *s = NULL;
    struct sq_stack_def *def = malloc(sizeof *def);
    struct sq_stacker_params p = {.def = def, .read = SQ_READ_PARAMS_DEFAULT, .workers = 1};
    char *path = test_path("f.nc");
    REQUIRE(def);
    p.read.cloud_top_m = 9000;
    for (int i = 0; i < 3 * SMALL_NX * SMALL_NY; i++)
        value[i] = i / (SMALL_NX * SMALL_NY) + (i % (SMALL_NX * SMALL_NY)) / 10.0;
    value[2 * SMALL_NX * SMALL_NY] = NAN;
    value[2 * SMALL_NX * SMALL_NY + 1] = 0;
    small_cf_write(path, (struct small_cf){.n = 3, .time = time, .value = value});
    REQUIRE_OK(sq_stack_def_parse("small.yaml", text, strlen(text), def, &err));
    REQUIRE_OK(sq_stacker_open(&p, &s, &err));
    REQUIRE_OK(sq_stacker_build(s, &path, 1, 900, ret, &err));
    free(def);
    return s;
}

static void require_same(const struct sq_stack_plane *a, const struct sq_stack_plane *b, size_t cells, bool values)
{
    REQUIRE(a->why == b->why && a->valid_time == b->valid_time && a->time == b->time);
    if (a->why == SQ_STACK_USED) {
        REQUIRE(a->reference_time == b->reference_time && a->age_s == b->age_s && a->coverage == b->coverage);
        assert_string_equal(a->units, b->units);
    }
    assert_string_equal(a->path[0], b->path[0]);
    assert_string_equal(a->path[1], b->path[1]);
    assert_string_equal(a->product, b->product);
    REQUIRE((b->value != NULL) == (values && a->value != NULL));
    for (size_t i = 0; b->value && i < cells; i++)
        REQUIRE(a->value[i] == b->value[i] || (isnan(a->value[i]) && isnan(b->value[i])));
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct sq_stack s = {0}, back = {0};
    struct sq_err err = {0};
    char *path = test_path("cube.nc");
    struct sq_stacker *stacker = make(&s);
    const float *newest = sq_stack_at(&s, 0, 0, 0)->value;
    REQUIRE(isnan(newest[0]) && newest[1] == 0 && newest[2] > 2.1f && sq_stack_count(&s, 0) == 2);
    REQUIRE_OK(sq_stack_write(path, &s, &err));
    REQUIRE(sq_stack_probe(path) && !sq_stack_probe(test_path("f.nc")) && !sq_stack_probe(test_path("none.nc")));
    for (int values = 0; values < 2; values++) {
        REQUIRE_OK(sq_stack_read(path, values, &back, &err));
        REQUIRE(back.at == s.at && back.n_grids == s.n_grids && back.n_planes == s.n_planes && back.n_grids == 2);
        assert_string_equal(back.def.name, "small");
        REQUIRE(s.cloud_top_m == 9000 && back.cloud_top_m == 9000);
        assert_memory_equal(back.def.source, s.def.source, sizeof s.def.source);
        for (int k = 0; k < s.n_grids; k++)
            REQUIRE(sq_grid_equal(&s.grid[k].grid, &back.grid[k].grid) && s.grid[k].margin[1] == back.grid[k].margin[1]);
        for (int i = 0; i < s.def.n_sources; i++)
            for (int c = 0; c < s.def.source[i].n_channels; c++)
                for (int k = 0; k < s.def.source[i].n_slices; k++)
                    require_same(sq_stack_at(&s, i, c, k), sq_stack_at(&back, i, c, k),
                                 sq_grid_cells(&s.grid[s.grid_of[i]].grid), values);
        sq_stack_finish(&back);
    }
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
}

/* Does something to a copy of the good file, which is then refused by name. */
static void require_refused(void (*spoil)(int nc))
{
    struct sq_stack back = {0};
    struct sq_err err = {0};
    char *good = test_path("cube.nc"), *bad = test_path("bad.nc"), command[600];
    int nc;
    snprintf(command, sizeof command, "cp %s %s", good, bad);
    REQUIRE(!system(command));
    NC(nc_open(bad, NC_WRITE, &nc));
    spoil(nc);
    NC(nc_close(nc));
    REQUIRE_STATUS(sq_stack_read(bad, true, &back, &err), SQ_FAILED);
    if (strncmp(err.text, bad, strlen(bad)) || back.plane || back.block)
        fail_msg("%s", err.text);
}

static void other_version(int nc)
{
    const int v = 99;
    NC(nc_put_att_int(nc, NC_GLOBAL, "squall_stack", NC_INT, 1, &v));
}
static void huge_target(int nc)
{
    const double v[6] = {32767, 32767, 500, 2500, 1000, 1000};
    NC(nc_put_att_double(nc, NC_GLOBAL, "squall_target_grid", NC_DOUBLE, 6, v));
}
static void no_target(int nc)
{
    NC(nc_del_att(nc, NC_GLOBAL, "squall_target_grid"));
}
static void no_such_kind(int nc)
{
    int g;
    NC(nc_inq_grp_ncid(nc, "sat", &g));
    NC(nc_put_att_text(g, NC_GLOBAL, "kind", 5, "lidar"));
}
static void no_such_status(int nc)
{
    int g, var;
    const signed char v[3] = {0, 9, 0};
    NC(nc_inq_grp_ncid(nc, "radar", &g));
    NC(nc_inq_varid(g, "status", &var));
    NC(nc_put_var_schar(g, var, v));
}
static void no_variable(int nc)
{
    int g, var;
    NC(nc_inq_grp_ncid(nc, "sat", &g));
    NC(nc_inq_varid(g, "abi14", &var));
    NC(nc_rename_var(g, var, "abi15"));
}
static void coverage_beyond(int nc)
{
    int g, var;
    const double v[3] = {2, 1, 1};
    NC(nc_inq_grp_ncid(nc, "radar", &g));
    NC(nc_inq_varid(g, "coverage", &var));
    NC(nc_put_var_double(g, var, v));
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    struct sq_stack s = {0};
    struct sq_err err = {0};
    struct sq_stacker *stacker = make(&s);
    REQUIRE_OK(sq_stack_write(test_path("cube.nc"), &s, &err));
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
    require_refused(other_version);
    require_refused(huge_target);
    require_refused(no_target);
    require_refused(no_such_kind);
    require_refused(no_such_status);
    require_refused(no_variable);
    require_refused(coverage_beyond);
    REQUIRE_OK(sq_publish_bytes(test_path("text"), "not netCDF", 10, &err));
    REQUIRE_STATUS(sq_stack_read(test_path("text"), true, &s, &err), SQ_FAILED);
    REQUIRE_STATUS(sq_stack_read(test_path("f.nc"), true, &s, &err), SQ_FAILED);
    REQUIRE_STATUS(sq_stack_write(test_path("no/folder.nc"), &s, &err), SQ_FAILED);
}

/* ---- faulty frames ----------------------------------------------------------------------------------------- */

enum { SIDE = 128, FRAMES = 7, LAST = FRAMES - 1 };

/* Showers that move 3 cells to the east and 1 to the south each frame. */
static double *showers(void)
{
    double *v = calloc((size_t)FRAMES * SIDE * SIDE, sizeof *v);
    uint64_t seed = 7;
    REQUIRE(v);
    for (int i = 0; i < 40; i++) {
        double at[3];
        for (int k = 0; k < 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            at[k] = (double)(seed >> 40) / (1 << 24);
        }
        for (int f = 0; f < FRAMES; f++)
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++) {
                    const double dx = x - (at[0] * 1.5 - 0.25) * SIDE - 3 * f, dy = y - at[1] * SIDE - f;
                    v[(f * SIDE + y) * SIDE + x] += 8 * exp(-(dx * dx + dy * dy) / (20 + 60 * at[2]));
                }
    }
    for (int i = 0; i < FRAMES * SIDE * SIDE; i++)
        v[i] = v[i] < 0.1 ? 0 : v[i];
    return v;
}

/* Two grids of what is seen at the time of the last frame, kept by *ret. */
static struct sq_stacker *judge(const double *value, bool frames, struct sq_stack *ret)
{
    static const char *const two = "- name: near\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 300, 600, 900, 1200]\n"
        "  reach_s: 600\n- name: far\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 300, 600, 900, 1200]\n"
        "  reach_s: 600\n  coarser: 2\n  margin_km: 20\n";
    struct sq_err err = {0};
    struct sq_stacker *s = NULL;
    struct sq_stack_def *def = malloc(sizeof *def);
    const struct sq_grid target = {100, 100, 14500, -10500, 1000, 1000, SMALL_LAEA};
    struct sq_stacker_params p = {.def = def, .target = &target, .read = SQ_READ_PARAMS_DEFAULT, .workers = 1};
    char *path = test_path("f.nc");
    REQUIRE(def);
    p.read.quality.frames = frames;
    small_cf_write(path, (struct small_cf){.nx = SIDE, .ny = SIDE, .n = FRAMES, .value = value, .y0 = 2500, .dy = -1000});
    REQUIRE_OK(sq_stack_def_parse("two.yaml", two, strlen(two), def, &err));
    REQUIRE_OK(sq_stacker_open(&p, &s, &err));
    REQUIRE_OK(sq_stacker_build(s, &path, 1, LAST * 300, ret, &err));
    free(def);
    return s;
}

/* The newest frame is passed over for this reason, on both grids and in the file; the one before serves. */
static void require_passed_over(const double *value, enum sq_fault why)
{
    struct sq_stack s = {0}, back = {0};
    struct sq_err err = {0};
    struct sq_stacker *stacker = judge(value, true, &s);
    REQUIRE_OK(sq_stack_write(test_path("cube.nc"), &s, &err));
    REQUIRE_OK(sq_stack_read(test_path("cube.nc"), false, &back, &err));
    for (int i = 0; i < 2; i++) {
        const struct sq_stack_plane *p = sq_stack_at(&s, i, 0, 0);
        REQUIRE(p->why == SQ_STACK_USED && p->time == (LAST - 1) * 300 && p->age_s == 300);
        assert_int_equal(p->report.frame, why);
        assert_int_equal(sq_stack_at(&back, i, 0, 0)->report.frame, why);
        assert_int_equal(sq_stack_at(&s, i, 0, 1)->report.frame, SQ_FAULT_NONE);
        REQUIRE(sq_stack_at(&s, i, 0, 1)->time == (LAST - 1) * 300);
    }
    sq_stack_finish(&s);
    sq_stack_finish(&back);
    sq_stacker_close(&stacker);
    stacker = judge(value, false, &s);
    REQUIRE(sq_stack_at(&s, 0, 0, 0)->time == LAST * 300 && !sq_stack_at(&s, 0, 0, 0)->report.frame);
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
}

static void faulty_frames_make_room(void **state)
{
    (void)state;
    const size_t n = SIDE * SIDE;
    double *v = showers(), *last = v + LAST * n;
    struct sq_stack s = {0};
    struct sq_stacker *stacker = judge(v, true, &s);
    for (size_t k = 0; k < s.n_planes; k++)
        REQUIRE(s.plane[k].why == SQ_STACK_USED && s.plane[k].time == s.plane[k].valid_time && !s.plane[k].report.frame &&
                !s.plane[k].report.cells[SQ_FAULT_HALF]);
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
    double *good = malloc(n * sizeof *good);
    REQUIRE(good);
    memcpy(good, last, n * sizeof *good);
    memcpy(last, last - n, n * sizeof *last);
    require_passed_over(v, SQ_FAULT_FROZEN);
    for (size_t i = 0; i < n; i++)
        last[i] = 4 * good[i];
    require_passed_over(v, SQ_FAULT_FAR);
    /* half of the newest is dry: those cells alone are taken out, and counted */
    for (size_t i = 0; i < n; i++)
        last[i] = i % SIDE < SIDE / 3 ? 0 : good[i];
    stacker = judge(v, true, &s);
    for (int i = 0; i < 2; i++) {
        const struct sq_stack_plane *p = sq_stack_at(&s, i, 0, 0);
        REQUIRE(p->time == LAST * 300 && !p->report.frame && p->report.cells[SQ_FAULT_HALF] > 100);
        REQUIRE(p->coverage < sq_stack_at(&s, i, 0, 1)->coverage);
    }
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
    free(good);
    free(v);
}

/* Whatever bits are wrong, the file is read or refused in one line that names it: libhdf5 may fall over it, we not. */
static void no_bits_end_the_program(void **state)
{
    (void)state;
    static uint8_t whole[1 << 20], bytes[1 << 20];
    char *good = test_path("cube.nc"), *bad = test_path("bad.nc");
    struct sq_stack s = {0};
    struct sq_err err = {0};
    struct sq_stacker *stacker = make(&s);
    uint64_t seed = 20190610;
    REQUIRE_OK(sq_stack_write(good, &s, &err));
    sq_stack_finish(&s);
    sq_stacker_close(&stacker);
    FILE *f = fopen(good, "rb");
    REQUIRE(f);
    const size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    REQUIRE(n > 0 && n < sizeof whole);
    for (int i = 0; i < 100; i++) {
        const bool cut = i % 10 == 0;
        memcpy(bytes, whole, n);
        for (int m = 0; m < 20 && !cut; m++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[(seed >> 33) % n] ^= (uint8_t)(1u << (seed >> 30 & 7));
        }
        REQUIRE_OK(sq_publish_bytes(bad, bytes, cut ? n * (size_t)i / 100 : n, &err));
        const enum sq_status st = sq_stack_read(bad, i % 2, &s, &err);
        REQUIRE(!st || (st == SQ_FAILED && !strncmp(err.text, bad, strlen(bad)) && !strchr(err.text, '\n')));
        REQUIRE(!st || (!s.plane && !s.block));
        REQUIRE(st || !cut);
        sq_stack_finish(&s);
        s = (struct sq_stack){0};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_written_comes_back, test_end),
        cmocka_unit_test_teardown(broken_files_are_refused, test_end),
        cmocka_unit_test_teardown(faulty_frames_make_room, test_end),
        cmocka_unit_test_teardown(no_bits_end_the_program, test_end),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
