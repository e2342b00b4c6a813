/* Samples of every format, cut short and with bits turned over: never a crash, and where squall refuses one,
 * one line that names it. SQ_TEST_FULL=1 takes every sample and more places (hours). */
#include "test.h"

#include "ingest.h"
#include "unpack.h"

#include "core/log.h"

#include <glob.h>

/* netCDF-C 4.9.0 and HDF5 1.10.8 leak where they give up on a broken file: not ours to find here. Asked by the
 * leak sanitizer, where there is one. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnetcdf\nleak:libhdf5\n";
}

static bool full(void)
{
    return getenv("SQ_TEST_FULL");
}

/* xorshift64*: seeded, so that a run can be repeated */
static uint64_t next_random(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * 0x2545f4914f6cdd1d;
}

static uint8_t *slurp(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f && !fseek(f, 0, SEEK_END));
    *ret_n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*ret_n);
    REQUIRE(bytes && fread(bytes, 1, *ret_n, f) == *ret_n);
    fclose(f);
    return bytes;
}

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static void check_field(const struct sq_field *f, enum sq_kind kind)
{
    for (size_t i = 0; i < sq_grid_cells(&f->grid); i++)
        if (f->state[i] > SQ_STATE_DARK || (f->state[i] > SQ_STATE_UNDETECT) != isnan(f->value[i]) ||
            isinf(f->value[i]) || (kind == SQ_KIND_RADAR && (f->value[i] < 0 || f->value[i] > 300)))
            fail_msg("cell %zu: state %d, value %g", i, f->state[i], (double)f->value[i]);
}

/* Reads what can be read. Returns whether the file was refused. */
static bool try_file(const char *path, enum sq_kind kind)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {(char *)(uintptr_t)path};
    p.kind = kind;
    enum sq_status st = sq_inputs_open(paths, 1, &p, &in, &err);
    int n = in ? sq_inputs_count(in) : 0;
    for (int i = 0; i < n && !st; i += n > 8 ? n / 4 : 1) {
        struct sq_field f = {0};
        st = sq_inputs_read(in, i, &f, &err);
        if (!st)
            check_field(&f, kind);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    if (st && (st != SQ_FAILED || !strstr(err.text, path) || strchr(err.text, '\n')))
        fail_msg("status %d: %s", st, err.text);
    return st;
}

static void break_file(const char *sample, enum sq_kind kind, int places, int flips)
{
    const char *path = test_path("broken");
    size_t n;
    uint64_t seed = 20190610;
    uint8_t *bytes = slurp(sample, &n);
    put(path, bytes, n);
    for (int k = places - 1; k >= 0; k--) {
        assert_int_equal(truncate(path, (off_t)(n * (size_t)k / (size_t)places)), 0);
        if (!try_file(path, kind))
            fail_msg("%s: cut at %d/%d is taken as whole", sample, k, places);
    }
    for (int k = 0; k < flips; k++) {
        /* Half of the bits in the first kB, where the structure is. */
        size_t at = next_random(&seed) % (k % 2 && n > 1024 ? 1024 : n);
        uint8_t bit = (uint8_t)(1u << next_random(&seed) % 8);
        bytes[at] ^= bit;
        put(path, bytes, n);
        (void)try_file(path, kind);
        bytes[at] ^= bit;
    }
    unlink(path);
    free(bytes);
}

static void break_some(const char *pattern, enum sq_kind kind, int files, int flips)
{
    char where[4200];
    glob_t g = {0};
    snprintf(where, sizeof where, "%s/%s", test_shared(), pattern);
    assert_int_equal(glob(where, 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc && (full() || (int)i < files); i++)
        break_file(g.gl_pathv[i], kind, 49, full() ? 20 * flips : flips); /* half of 24 messages would be whole */
    globfree(&g);
}

static void broken_mrms(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("formats/mrms/PrecipRate*", SQ_KIND_RADAR, 1, 6);
    break_some("formats/mrms/*Altitude*", SQ_KIND_RADAR, 1, 6);
}

static void broken_odim(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("formats/odim/T_PAAH21*", SQ_KIND_RADAR, 1, 20);
    break_some("formats/odim/T_PAAH22*", SQ_KIND_RADAR, 1, 20);
    break_some("formats/odim/T_PABV21*", SQ_KIND_RADAR, 1, 10);
}

/* The sample, and what is in it. */
static void broken_radolan(void **state)
{
    (void)state;
    NEED_SHARED();
    char where[4200], copy[32];
    struct sq_err err = {0};
    struct sq_unpack *u = NULL;
    struct sq_member m;
    bool end;
    int fd;
    break_some("formats/radolan/raa01-r[xw]*", SQ_KIND_RADAR, 2, 20);
    snprintf(where, sizeof where, "%s/formats/radolan/DE1200_RV2210180700.tar.bz2", test_shared());
    break_file(where, SQ_KIND_RADAR, 6, full() ? 100 : 6);
    REQUIRE_OK(sq_unpack_open(where, &u, &err));
    REQUIRE_OK(sq_unpack_next(u, &m, &end, &err));
    REQUIRE_OK(sq_unpack_member(u, &m, copy, &fd, &err));
    close(fd);
    sq_unpack_close(&u);
    break_file(copy, SQ_KIND_RADAR, 50, full() ? 4000 : 200);
    unlink(copy);
}

static void broken_knmi(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("formats/knmi/*", SQ_KIND_RADAR, 2, 200);
}

static void broken_cf(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("events/mch*", SQ_KIND_RADAR, 1, 100);
    break_some("events/openmrg*", SQ_KIND_RADAR, 1, 60);
}

static void broken_satellite(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("formats/goes/*GLMM1*", SQ_KIND_SATELLITE, 1, 100);
    break_some("formats/nwcsaf/*", SQ_KIND_SATELLITE, 1, 40);
}

static void broken_models(void **state)
{
    (void)state;
    NEED_SHARED();
    break_some("formats/nwp/arpege_PRECIP*", SQ_KIND_MODEL, 1, 60);
    break_some("formats/nwp/subset*", SQ_KIND_MODEL, 1, 20);
    break_some("formats/nwp/arome*", SQ_KIND_MODEL, 1, 10);
}

int main(void)
{
    sq_log_level(SQ_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_mrms),
        cmocka_unit_test(broken_odim),
        cmocka_unit_test(broken_knmi),
        cmocka_unit_test(broken_radolan),
        cmocka_unit_test(broken_cf),
        cmocka_unit_test(broken_models),
        cmocka_unit_test(broken_satellite),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
