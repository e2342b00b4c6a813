/* The GRIB reader on messages made here: codes, packings, several messages, gzip, and what it must refuse. */
#include "small_grib.h"

#include "ingest.h"

#include "core/instant.h"
#include "core/log.h"

static void put(const char *name, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(test_path(name), "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static void put_message(const char *name, struct small_grib g)
{
    uint8_t bytes[GRIB_ROOM];
    size_t at[8];
    put(name, bytes, small_grib(bytes, g, at));
}

static enum sq_status open_name(const char *name, struct sq_inputs **in, struct sq_err *err)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    char *path = *name ? test_path(name) : test_folder();
    return sq_inputs_open(&path, 1, &p, in, err);
}

static struct sq_field read_name(const char *name, int frame)
{
    struct sq_inputs *in = NULL;
    struct sq_field f = {0};
    struct sq_err err = {0};
    REQUIRE_OK(open_name(name, &in, &err));
    REQUIRE_OK(sq_inputs_read(in, frame, &f, &err));
    sq_inputs_close(&in);
    return f;
}

static void check_rate(const struct sq_field *f)
{
    static const float want[GRIB_CELLS] = {NAN, NAN, 0, 0.1f, 0.2f, 1, 2.5f, 10, 152.8f, 300, NAN, 0, 0, 0, 0,
                                           0,   0,   0, 0,    NAN};
    for (int i = 0; i < GRIB_CELLS; i++) {
        int state = i == 1 ? SQ_STATE_MISSING : isnan(want[i]) ? SQ_STATE_NO_COVERAGE : SQ_STATE_VALID;
        assert_int_equal(f->state[i], state);
        REQUIRE(isnan(want[i]) ? isnan(f->value[i]) : f->value[i] == want[i]);
    }
}

static void codes_are_resolved_in_both_packings(void **state)
{
    (void)state;
    for (int png = 0; png < 2; png++) {
        put_message("a.grib2", (struct small_grib){.png = png, .minute = 4, .second = 39});
        struct sq_field f = read_name("a.grib2", 0);
        check_rate(&f);
        char text[32];
        assert_string_equal(sq_instant_iso(f.time, text), "2019-06-10T00:04:39Z");
        assert_string_equal(f.source, "mrms");
        assert_string_equal(f.product, "PrecipRate");
        assert_int_equal(f.grid.nx, GRIB_NX);
        assert_int_equal(f.grid.ny, GRIB_NY);
        REQUIRE_NEAR(f.grid.x0, -129.995, 1e-9); /* microdegrees */
        REQUIRE_NEAR(f.grid.y0, 54.995, 1e-9);
        REQUIRE_NEAR(f.grid.dx, 0.01, 1e-12);
        REQUIRE_NEAR(f.grid.dy, 0.01, 1e-12);
        sq_field_finish(&f);
    }
}

static void reflectivity_becomes_rate(void **state)
{
    (void)state;
    const double dbz[GRIB_CELLS] = {-999, -99, -98.9, -31, 0, 23, 40, 55, 70};
    put_message("z.grib2", (struct small_grib){.category = 3, .number = 57, .png = true, .value = dbz});
    struct sq_field f = read_name("z.grib2", 0);
    REQUIRE(isnan(f.value[0]) && f.state[0] == SQ_STATE_NO_COVERAGE);
    REQUIRE(f.value[1] == 0 && f.state[1] == SQ_STATE_UNDETECT);
    for (int i = 2; i < GRIB_CELLS; i++) {
        double want = pow(pow(10, fmin(dbz[i], 55) / 10) / 200, 1 / 1.6);
        assert_int_equal(f.state[i], SQ_STATE_VALID);
        REQUIRE_NEAR(f.value[i], want, 1e-6 * want); /* float, from a float of dBZ */
    }
    REQUIRE_NEAR(f.value[5], 1, 0.01); /* 23 dBZ is 1 mm/h by Marshall and Palmer */
    sq_field_finish(&f);
}

static void several_messages_make_several_frames(void **state)
{
    (void)state;
    uint8_t bytes[4 * GRIB_ROOM];
    size_t at[8], n = small_grib(bytes, (struct small_grib){.minute = 2}, at);
    size_t foreign = n;
    n += small_grib(bytes + n, (struct small_grib){.minute = 3}, at);
    bytes[foreign + 6] = 0; /* a discipline of its own: passed over */
    n += small_grib(bytes + n, (struct small_grib){.category = 6, .number = 0}, at); /* PrecipFlag */
    n += small_grib(bytes + n, (struct small_grib){.minute = 0, .png = true}, at);
    for (int gz = 0; gz < 2; gz++) {
        struct sq_inputs *in = NULL;
        struct sq_err err = {0};
        const char *name = gz ? "many.grib2.gz" : "many.grib2";
        put("many.grib2", bytes, n);
        if (gz) {
            gzFile f = gzopen(test_path(name), "wb");
            REQUIRE(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
        }
        REQUIRE_OK(open_name(name, &in, &err));
        assert_int_equal(sq_inputs_count(in), 2);
        assert_int_equal(sq_inputs_info(in, 0)->index, 3);
        assert_int_equal(sq_inputs_info(in, 1)->time - sq_inputs_info(in, 0)->time, 120);
        for (int i = 0; i < 2; i++) {
            struct sq_field f = {0};
            REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
            check_rate(&f);
            sq_field_finish(&f);
        }
        sq_inputs_close(&in);
    }
}

/* As while a file is being uploaded: every length short of the whole. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[2 * GRIB_ROOM];
    size_t at[8], n = small_grib(bytes, (struct small_grib){.png = true}, at);
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    for (size_t k = 0; k < n; k++) {
        put("cut", bytes, k);
        REQUIRE_STATUS(open_name("cut", &in, &err), SQ_FAILED);
        REQUIRE(strstr(err.text, test_path("cut")));
    }
    gzFile f = gzopen(test_path("whole.gz"), "wb");
    REQUIRE(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
    FILE *whole = fopen(test_path("whole.gz"), "rb");
    REQUIRE(whole);
    n = fread(bytes, 1, sizeof bytes, whole);
    fclose(whole);
    for (size_t k = 0; k < n; k++) {
        put("cut", bytes, k);
        REQUIRE_STATUS(open_name("cut", &in, &err), SQ_FAILED);
    }
}

/* One octet that says something else than MRMS does: refused, and never decoded. */
static void other_shapes_are_refused(void **state)
{
    (void)state;
    static const struct {
        int section, octet; /* of the standard, from 1 */
        uint8_t value;
    } change[] = {
        {0, 8, 1},    /* edition 1 */
        {0, 13, 0x7f}, /* message of 2 GB */
        {1, 4, 22},   /* section length */
        {1, 6, 7},    /* another centre */
        {1, 15, 13},  /* month 13 */
        {3, 6, 1},    /* grid from elsewhere */
        {3, 10, 21},  /* points that are not Ni x Nj */
        {3, 14, 30},  /* Lambert */
        {3, 31, 1},   /* Ni of 16 million */
        {3, 34, 0},   /* no column */
        {3, 64, 0x80}, /* a step below 0 */
        {3, 72, 64},  /* south to north */
        {4, 9, 8},    /* an accumulation */
        {5, 9, 1},    /* values that are not the points */
        {5, 11, 40},  /* JPEG 2000 */
        {5, 20, 24},  /* bits that the PNG has not */
        {6, 6, 0},    /* a bitmap */
        {7, 6 + 19, 6}, /* the PNG is wider */
        {7, 6 + 25, 2}, /* and coloured */
    };
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        uint8_t bytes[GRIB_ROOM];
        size_t at[8] = {0}, n = small_grib(bytes, (struct small_grib){.png = true}, at);
        struct sq_inputs *in = NULL;
        struct sq_err err = {0};
        bytes[at[change[i].section] + (size_t)change[i].octet - 1] = change[i].value;
        put("other", bytes, n);
        if (open_name("other", &in, &err) != SQ_FAILED)
            fail_msg("section %d octet %d is taken", change[i].section, change[i].octet);
    }
}

/* A frame whose values turn out to be broken: the user's to know if named, passed over in a folder. */
static void a_frame_that_does_not_unpack_is_passed_over_in_folders(void **state)
{
    (void)state;
    for (int m = 0; m <= 20; m += 5) {
        char name[32];
        snprintf(name, sizeof name, "%02d.grib2", m);
        put_message(name, (struct small_grib){.minute = m, .png = true, .spoil = m == 10 || m == 20});
    }
    struct sq_inputs *in = NULL;
    struct sq_cube c = {0};
    struct sq_err err = {0};
    struct sq_cube_params p = {.at = INT64_MAX, .from = INT64_MIN, .frames = 4};
    REQUIRE_OK(open_name("", &in, &err));
    assert_int_equal(sq_inputs_count(in), 5);
    REQUIRE_OK(sq_cube_build(in, &p, &c, &err));
    assert_int_equal(c.n, 4); /* 00, 05, a gap, 15: 20 is not there */
    REQUIRE(c.frame[3].rate_mmh && c.frame[3].state && !c.frame[2].rate_mmh && c.frame[1].rate_mmh);
    assert_string_equal(c.frame[3].path, test_path("15.grib2"));
    REQUIRE(isnan(c.frame[3].rate_mmh[0]) && c.frame[3].rate_mmh[2] == 0 && c.frame[3].rate_mmh[7] == 10);
    sq_cube_finish(&c);
    sq_inputs_close(&in);
    REQUIRE_OK(open_name("20.grib2", &in, &err));
    REQUIRE_STATUS(sq_cube_build(in, &p, &c, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, test_path("20.grib2")) && !c.frame);
    sq_inputs_close(&in);
}

int main(void)
{
    sq_log_level(SQ_LOG_ERROR);
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
    const struct CMUnitTest tests[] = {
        CASE(codes_are_resolved_in_both_packings),
        CASE(reflectivity_becomes_rate),
        CASE(several_messages_make_several_frames),
        CASE(cut_files_are_refused),
        CASE(other_shapes_are_refused),
        CASE(a_frame_that_does_not_unpack_is_passed_over_in_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
