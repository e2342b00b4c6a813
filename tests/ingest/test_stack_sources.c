/* The stack of satellite and model files: parts of images, leads that are mixed, runs and scans that had not come. */
#include "small_abi.h"
#include "small_model.h"

#include "source.h"
#include "stack_parts.h"

#include "core/log.h"

#define SCAN 1560189750 /* 2019-06-10T18:02:30Z, the middle of small_abi's */

/* 300 km round Kansas in 20 km cells: a small part of the whole CONUS sector. */
static const struct sq_grid target = {15, 15, -140000, 140000, 20000, 20000, "+proj=laea +lat_0=38 +lon_0=-98 +datum=WGS84"};

static struct sq_stacker *open_stacker(const char *text, const char *elevation)
{
    struct sq_err err = {0};
    struct sq_stacker *s = NULL;
    struct sq_stack_def *def = malloc(sizeof *def);
    const struct sq_stacker_params p = {
        .def = def, .target = &target, .read = SQ_READ_PARAMS_DEFAULT, .elevation = elevation, .workers = 1};
    REQUIRE(def);
    REQUIRE_OK(sq_stack_def_parse("small.yaml", text, strlen(text), def, &err));
    REQUIRE_OK(sq_stacker_open(&p, &s, &err));
    free(def);
    return s;
}

static struct sq_stack build(struct sq_stacker *s, int64_t at)
{
    struct sq_err err = {0};
    struct sq_stack stack = {0};
    char *path = test_folder();
    REQUIRE_OK(sq_stacker_build(s, &path, 1, at, &stack, &err));
    return stack;
}

/* What the plane must be: all of the image, brought onto the grid. */
static float *whole_image(char *path, const struct sq_grid *grid, int *ret_part)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_field f = {0};
    struct sq_regrid *r = NULL;
    struct sq_err err = {0};
    float *value = malloc(sq_grid_cells(grid) * sizeof *value);
    p.kind = SQ_KIND_SATELLITE;
    REQUIRE(value);
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, 0, &f, &err));
    REQUIRE_OK(sq_regrid_create(&f.grid, grid, SQ_REGRID_AUTO, &r, &err));
    sq_regrid_apply(r, f.value, value);
    const struct sq_window w = sq_regrid_window(r);
    *ret_part = (int)(100.0 * w.ny * w.nx / (f.grid.nx * f.grid.ny));
    /* a part that is read alone is the same cells */
    struct sq_field part = {0};
    REQUIRE(sq_inputs_parts(in, 0));
    REQUIRE_OK(sq_inputs_read_part(in, 0, &w, &part, &err));
    REQUIRE(part.grid.nx == w.nx && part.grid.ny == w.ny);
    for (int j = 0; j < w.ny; j++)
        REQUIRE(!memcmp(part.value + j * w.nx, f.value + (j + w.row) * f.grid.nx + w.col, (size_t)w.nx * sizeof(float)));
    sq_field_finish(&part);
    sq_field_finish(&f);
    sq_regrid_destroy(&r);
    sq_inputs_close(&in);
    return value;
}

static void an_image_is_read_in_part_and_is_the_same(void **state)
{
    (void)state;
    enum { NX = 250, NY = 150 };
    int16_t *raw = malloc(NX * NY * sizeof *raw);
    int part;
    REQUIRE(raw);
    for (int i = 0; i < NX * NY; i++) /* smooth, with two cells that are not there */
        raw[i] = (int16_t)(i % 7001 == 0 ? -1 : 1500 + 1000 * sin(i % NX / 9.0) * cos(i / NX / 7.0));
    small_abi_write(test_path("abi.nc"), (struct small_abi){.nx = NX, .ny = NY, .stride = 10, .band = 13, .raw = raw});
    struct sq_stacker *s = open_stacker("- name: sat\n  kind: satellite\n  channels: abi13\n  slices_s: [0]\n  latency_s: 300\n"
                                        "  reach_s: 600\n  coarser: 2\n  margin_km: 200\n", NULL);
    struct sq_stack stack = build(s, SCAN + 300);
    const struct sq_stack_plane *p = sq_stack_at(&stack, 0, 0, 0);
    const struct sq_grid *grid = &stack.grid[1].grid;
    float *want = whole_image(test_path("abi.nc"), grid, &part);
    REQUIRE(p->why == SQ_STACK_USED && p->age_s == 300 && part < 50 && part > 0);
    for (size_t i = 0; i < sq_grid_cells(grid); i++)
        REQUIRE_NEAR(p->value[i], want[i], 2e-3); /* kelvins in floats, positions counted from another corner */
    free(want);
    sq_stack_finish(&stack);
    /* a second earlier it had not come */
    struct sq_err err = {0};
    char *path = test_folder();
    REQUIRE_STATUS(sq_stacker_build(s, &path, 1, SCAN + 299, &stack, &err), SQ_ABSENT);
    sq_stacker_close(&s);
    free(raw);
}

/* Real ones: no cell of a part differs from that of the whole frame, but near the part's edge where quality control
 * sees less. */
static void a_radar_frame_is_read_in_part_and_is_the_same(void **state)
{
    (void)state;
    NEED_SHARED();
    enum { EDGE = 64 };
    const struct sq_window w = {1300, 2200, 1200, 1500, 3500, 7000};
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_field all = {0}, part = {0};
    struct sq_err err = {0};
    char path[4200], *paths = path;
    int wet = 0;
    snprintf(path, sizeof path, "%s/formats/mrms/PrecipRate_00.00_20190610-000400.grib2", test_shared());
    REQUIRE_OK(sq_inputs_open(&paths, 1, &p, &in, &err));
    REQUIRE(sq_inputs_parts(in, 0));
    REQUIRE_OK(sq_inputs_read(in, 0, &all, &err));
    REQUIRE_OK(sq_inputs_read_part(in, 0, &w, &part, &err));
    sq_inputs_close(&in);
    REQUIRE(part.grid.nx == w.nx && part.grid.ny == w.ny);
    for (int j = EDGE; j < w.ny - EDGE; j++)
        for (int i = EDGE; i < w.nx - EDGE; i++) {
            const size_t a = (size_t)(j + w.row) * 7000 + (size_t)(i + w.col), b = (size_t)(j * w.nx + i);
            REQUIRE(all.state[a] == part.state[b] && (all.value[a] == part.value[b] || isnan(part.value[b])));
            wet += part.value[b] > 0;
        }
    REQUIRE(wet > 10000);
    sq_field_finish(&all);
    sq_field_finish(&part);
    p.range_km = 100; /* a disc about the middle of the whole grid */
    REQUIRE_OK(sq_inputs_open(&paths, 1, &p, &in, &err));
    REQUIRE(!sq_inputs_parts(in, 0));
    sq_inputs_close(&in);
}

/* Surface pressure: 10 Pa at the time of the run, 1 Pa more each hour. Returns that time. */
static int64_t write_model(void)
{
    static const double lead_pa[] = {10, 11, 12};
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *path = test_path("model.grib2");
    double value[40 * 30];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 40 * 30; i++)
            value[i] = lead_pa[k];
        put_model(path, (struct small_model){.nx = 40, .ny = 30, .lat = 50, .lon = 252, .dx = 0.5, .dy = 0.5, .parameter = {0, 3, 0}, .level_type = 1,
                                             .lead_min = 60 * k, .from_min = -1, .value = value}, k ? "a" : "w");
    }
    p.kind = SQ_KIND_MODEL;
    REQUIRE_OK(sq_inputs_open(&path, 1, &p, &in, &err));
    assert_int_equal(sq_inputs_count(in), 3);
    assert_string_equal(sq_inputs_info(in, 0)->channel, "surface_pressure");
    const int64_t run = sq_inputs_info(in, 0)->reference_time;
    sq_inputs_close(&in);
    return run;
}

static void leads_are_mixed_at_the_time_of_the_slice(void **state)
{
    (void)state;
    const int64_t run = write_model();
    struct sq_stacker *s = open_stacker("- name: model\n  kind: model\n  channels: surface_pressure cape\n"
                                        "  slices_s: [-1800, 0, 900]\n  latency_s: 3300\n  reach_s: 21600\n", NULL);
    struct sq_stack stack = build(s, run + 4500);
    static const double want[] = {11.75, 11.25, 11};
    for (int k = 0; k < 3; k++) {
        const struct sq_stack_plane *p = sq_stack_at(&stack, 0, 0, k);
        REQUIRE(p->why == SQ_STACK_USED && p->reference_time == run && p->age_s == 4500 && p->coverage == 1);
        REQUIRE(p->time == p->valid_time && (p->path[1][0] != '\0') == (k < 2));
        REQUIRE_NEAR(p->value[7], want[k], 1e-5);
        REQUIRE(sq_stack_at(&stack, 0, 1, k)->why == SQ_STACK_NONE); /* no field of that channel: the others stand */
    }
    sq_stack_finish(&stack);
    struct sq_err err = {0};
    char *path = test_folder();
    REQUIRE_STATUS(sq_stacker_build(s, &path, 1, run + 3299, &stack, &err), SQ_ABSENT);
    sq_stacker_close(&s);
}

static void heights_come_from_a_file(void **state)
{
    (void)state;
    enum { NX = 40, NY = 30 };
    double value[NX * NY];
    char *dem = test_path("heights");
    struct sq_err err = {0};
    struct sq_stack stack = {0};
    char *path = test_folder();
    for (int i = 0; i < NX * NY; i++)
        value[i] = 100 * (i / NX); /* rows run northwards */
    write_model();
    small_cf_write(dem, (struct small_cf){.nx = NX, .ny = NY, .value = value, .name = "elevation", .standard_name = "",
                                          .units = "m", .proj4 = "", .xy_units = "degrees", .x0 = -108, .dx = 0.5, .y0 = 30,
                                          .dy = 0.5, .scalar_time = true});
    static const char def[] = "- name: place\n  kind: computed\n  channels: elevation latitude\n  slices_s: [0]\n"
                              "- name: model\n  kind: model\n  channels: surface_pressure\n  slices_s: [0]\n  reach_s: 21600\n";
    struct sq_stacker *s = open_stacker(def, dem);
    const int64_t run = write_model();
    REQUIRE(!rename(dem, test_path(".heights"))); /* hidden: no input */
    REQUIRE_STATUS(sq_stacker_build(s, &path, 1, run, &stack, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "heights"));
    sq_stacker_close(&s);
    s = open_stacker(def, test_path(".heights"));
    stack = build(s, run);
    const float *height = sq_stack_at(&stack, 0, 0, 0)->value, *lat = sq_stack_at(&stack, 0, 1, 0)->value;
    for (size_t i = 0; i < sq_grid_cells(&target); i++)
        REQUIRE_NEAR(height[i], (lat[i] - 30) / 0.5 * 100, 5); /* m: positions are right to 0.05 cells of 100 m */
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_image_is_read_in_part_and_is_the_same, test_end),
        cmocka_unit_test_teardown(a_radar_frame_is_read_in_part_and_is_the_same, test_end),
        cmocka_unit_test_teardown(leads_are_mixed_at_the_time_of_the_slice, test_end),
        cmocka_unit_test_teardown(heights_come_from_a_file, test_end),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
