/* Simulated weather is weather: some of it wet, moving, the same for the same seed. And what is written is
 * what is read back. */
#include "test.h"

#include "core/crs.h"
#include "ingest.h"
#include "world.h"

#define SIDE 160
#define FRAMES 7

static struct sq_synth_params storm(uint64_t seed)
{
    struct sq_synth_params p = {.seed = seed, .n_frames = FRAMES, .step_s = 300, .start = 1468274400};
    p.grid = (struct sq_grid){SIDE, SIDE, -159000, 159000, 2000, 2000,
                              "+proj=laea +lat_0=51.5 +lon_0=4 +ellps=WGS84 +units=m +no_defs"};
    return p;
}

static void read_cube(char *path, const struct sq_quality_params *quality, struct sq_cube *ret)
{
    struct sq_read_params r = SQ_READ_PARAMS_DEFAULT;
    r.quality = *quality;
    struct sq_cube_params c = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    REQUIRE_OK(sq_inputs_open(&path, 1, &r, &in, &err));
    REQUIRE_OK(sq_cube_build(in, &c, ret, &err));
    sq_inputs_close(&in);
}

static void write_storm(uint64_t seed, const char *name, struct sq_cube *ret)
{
    char *path = test_path(name);
    struct sq_synth_params p = storm(seed);
    struct sq_err err = {0};
    REQUIRE_OK(sq_synth_write(path, &p, false, &err));
    read_cube(path, &(struct sq_quality_params)SQ_QUALITY_DEFAULT, ret);
    assert_int_equal(ret->n, FRAMES);
    assert_int_equal(ret->step_s, 300);
    assert_int_equal(ret->frame[0].time, p.start);
    char crs[SQ_CRS_MAX];
    REQUIRE_OK(sq_crs_normalise(p.grid.crs, crs, NULL, &err)); /* readers give one spelling */
    strcpy(p.grid.crs, crs);
    REQUIRE(sq_grid_equal(&ret->grid, &p.grid));
}

/* Each storm is another one, so ranges are wide; all of them together are like real events. */
static void storms_are_like_weather(void **state)
{
    (void)state;
    double seen = 0, wet = 0, most = 0, heavy = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sq_cube c = {0};
        write_storm(seed, "storm.nc", &c);
        for (int k = 0; k < c.n; k++) {
            const float *r = c.frame[k].rate_mmh;
            REQUIRE(c.frame[k].coverage > 0.4); /* the middle always has a site, of 220 km; the grid is 320 km wide */
            for (size_t i = 0; i < SIDE * SIDE; i++) {
                seen += !isnan(r[i]);
                wet += r[i] >= 0.1f;
                heavy += r[i] >= 5;
                most = fmax(most, isnan(r[i]) ? 0 : r[i]);
            }
        }
        sq_cube_finish(&c);
    }
    REQUIRE(wet / seen > 0.1 && wet / seen < 0.6);
    REQUIRE(heavy / wet > 0.01 && heavy / wet < 0.4);
    REQUIRE(most > 25 && most < 200);
}

/* Sum of squared differences of log rates between a and b moved by (dx, dy) cells, inner cells only. */
static double mismatch(const float *a, const float *b, int dx, int dy)
{
    double sum = 0;
    for (int y = SIDE / 4; y < 3 * SIDE / 4; y++)
        for (int x = SIDE / 4; x < 3 * SIDE / 4; x++) {
            double d = log(0.1 + a[(y - dy) * SIDE + x - dx]) - log(0.1 + b[y * SIDE + x]);
            sum += isnan(d) ? 0 : d * d;
        }
    return sum;
}

/* Rain goes where the world's flow takes it, within what the flow differs by over the grid. */
static void a_storm_moves_and_changes(void **state)
{
    (void)state;
    struct sq_cube c = {0};
    write_storm(1, "moving.nc", &c);
    const float *a = c.frame[0].rate_mmh, *b = c.frame[4].rate_mmh;
    int best_x = 0, best_y = 0;
    double least = INFINITY;
    for (int dy = -12; dy <= 12; dy++)
        for (int dx = -12; dx <= 12; dx++) {
            double m = mismatch(a, b, dx, dy);
            if (m < least) {
                least = m;
                best_x = dx;
                best_y = dy;
            }
        }
    struct sq_world w;
    double x = 0, y = 0, start = (double)storm(1).start;
    sq_world_make(&w, 1, 4, 51.5);
    sq_world_trace(&w, 1, start, start + 1200, 1, &x, &y);
    REQUIRE(hypot(x, y) > 4000);
    REQUIRE_NEAR(best_x, x / 2000, 2.5);
    REQUIRE_NEAR(best_y, -y / 2000, 2.5); /* rows fall to the north */
    REQUIRE(least < 0.7 * mismatch(a, b, 0, 0));                     /* moving explains most of it */
    REQUIRE(least > 0.02 * mismatch(a, b, 0, 0));                    /* but cells have grown and decayed */
    sq_cube_finish(&c);
}

static size_t differences(const struct sq_cube *a, const struct sq_cube *b, double tolerance)
{
    size_t n = 0;
    for (int k = 0; k < a->n; k++)
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            float x = a->frame[k].rate_mmh[i], y = b->frame[k].rate_mmh[i];
            n += isnan(x) != isnan(y) || fabsf(x - y) > tolerance;
        }
    return n;
}

static void a_seed_is_a_storm(void **state)
{
    (void)state;
    struct sq_cube a = {0}, same = {0}, other = {0};
    write_storm(7, "a.nc", &a);
    write_storm(7, "same.nc", &same);
    write_storm(8, "other.nc", &other);
    assert_int_equal(differences(&a, &same, 0), 0);
    REQUIRE(differences(&a, &other, 0) > SIDE * SIDE / 2);
    sq_cube_finish(&a);
    sq_cube_finish(&same);
    sq_cube_finish(&other);
}

/* NaN, 0 and rain come back as what they were; a gap comes back as a gap. */
static void a_cube_comes_back(void **state)
{
    (void)state;
    char *path = test_path("cube.nc");
    struct sq_err err = {0};
    struct sq_cube a = {0}, b = {0};
    write_storm(4, "whole.nc", &a);
    free(a.frame[2].rate_mmh);
    a.frame[2].rate_mmh = NULL;
    a.frame[3].rate_mmh[5] = 700; /* more than the file can say */
    REQUIRE_OK(sq_cube_write(path, &a, &err));
    read_cube(path, &(struct sq_quality_params){0}, &b); /* quality control would take the lone 700 for a spike */
    assert_int_equal(b.n, FRAMES);
    REQUIRE(!b.frame[2].rate_mmh);
    REQUIRE(b.frame[3].rate_mmh[5] >= 299);
    struct sq_cube_frame gap_a = a.frame[2], gap_b = b.frame[2];
    a.frame[2] = a.frame[FRAMES - 1];
    b.frame[2] = b.frame[FRAMES - 1];
    a.frame[3].rate_mmh[5] = b.frame[3].rate_mmh[5];
    assert_int_equal(differences(&a, &b, 1e-4), 0); /* packed twice in the same steps */
    a.frame[2] = gap_a;
    b.frame[2] = gap_b;
    sq_cube_finish(&a);
    sq_cube_finish(&b);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_synth_params p = storm(1);
    char *path = test_path("bad.nc");
    REQUIRE_STATUS(sq_synth_write(test_path("none/storm.nc"), &p, false, &err), SQ_FAILED);
    p.grid.nx = 0;
    REQUIRE_STATUS(sq_synth_write(path, &p, false, &err), SQ_FAILED);
    strcpy(p.grid.crs, "nonsense");
    p.grid.nx = SIDE;
    REQUIRE_STATUS(sq_synth_write(path, &p, false, &err), SQ_FAILED);
    struct sq_cube gap = {.n = 0};
    REQUIRE_STATUS(sq_cube_write(path, &gap, &err), SQ_FAILED);
    REQUIRE(access(path, F_OK) == -1);
    DIR *d = opendir(test_folder());
    for (struct dirent *f; (f = readdir(d));)
        REQUIRE(!strstr(f->d_name, ".tmp"));
    closedir(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms_are_like_weather),
        cmocka_unit_test(a_storm_moves_and_changes),
        cmocka_unit_test(a_seed_is_a_storm),
        cmocka_unit_test(a_cube_comes_back),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
