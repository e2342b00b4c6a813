/* Archives: what they hold comes out, in every packing; bombs and lies are refused before anything grows. */
#include "small_tar.h"
#include "small_cf.h"

#include "ingest.h"
#include "unpack.h"

#include "core/log.h"

#include <fcntl.h>

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static size_t slurp(const char *path, uint8_t *to, size_t room)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f);
    size_t n = fread(to, 1, room, f);
    REQUIRE(n < room);
    fclose(f);
    return n;
}

static void run(const char *format, const char *a, const char *b)
{
    char command[1024];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

static bool have(const char *tool)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", tool);
    return !system(command);
}

/* The bytes of a member. */
static void check_content(struct sq_unpack *u, const struct sq_member *m, const char *want)
{
    struct sq_err err = {0};
    char text[2048] = "", copy[32];
    int fd;
    REQUIRE_OK(sq_unpack_member(u, m, copy, &fd, &err));
    REQUIRE(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    REQUIRE(!unlink(copy));
    assert_string_equal(text, want);
}

static size_t make_archive(uint8_t *a)
{
    size_t n = small_tar(a, "folder/", "", 0, '5');
    n += small_tar(a + n, "folder/one", "first", 5, '0');
    n += small_tar(a + n, "././@LongLink", "a name of more than a hundred characters", 40, 'L');
    n += small_tar(a + n, "two\nlines \x80", "second", 6, 0);
    n += small_tar(a + n, "link", "", 0, '2');
    n += small_tar(a + n, "empty", "", 0, '0');
    memset(a + n, 0, 1024);
    return n + 1024;
}

static void members_come_out_in_every_packing(void **state)
{
    (void)state;
    static const char *const tool[] = {"cat", "gzip", "bzip2", "xz"};
    static uint8_t a[16384];
    put(test_path("tar"), a, make_archive(a));
    for (int k = 0; k < 4; k++) {
        struct sq_err err = {0};
        struct sq_unpack *u = NULL;
        struct sq_member m[3], last;
        bool end = true;
        if (!have(tool[k]))
            continue;
        char command[64];
        snprintf(command, sizeof command, "%s%s <%%s >%%s", tool[k], k ? " -c" : "");
        run(command, test_path("tar"), test_path("packed"));
        REQUIRE_OK(sq_unpack_open(test_path("packed"), &u, &err));
        REQUIRE(u);
        for (int i = 0; i < 3; i++) {
            REQUIRE_OK(sq_unpack_next(u, &m[i], &end, &err));
            REQUIRE(!end);
        }
        REQUIRE_OK(sq_unpack_next(u, &last, &end, &err));
        REQUIRE(end);
        assert_string_equal(m[0].name, "folder/one");
        assert_string_equal(m[1].name, "two?lines??"); /* names go into lines of a log */
        assert_string_equal(m[2].name, "empty");
        check_content(u, &m[2], ""); /* in any order */
        check_content(u, &m[1], "second");
        check_content(u, &m[0], "first");
        sq_unpack_close(&u);
        sq_unpack_close(&u); /* NULL is fine */
        if (k) { /* two streams in one file, as parallel packers write them */
            put(test_path("half"), "first", 5);
            run(command, test_path("half"), test_path("packed"));
            run("cat %s >>%s", test_path("packed"), test_path("twice"));
            run("cat %s >>%s", test_path("packed"), test_path("twice"));
            REQUIRE_OK(sq_unpack_open(test_path("twice"), &u, &err));
            REQUIRE_OK(sq_unpack_next(u, &m[0], &end, &err));
            REQUIRE(!end && !m[0].name[0] && m[0].size == SIZE_MAX);
            check_content(u, &m[0], "firstfirst");
            REQUIRE_OK(sq_unpack_next(u, &m[0], &end, &err));
            REQUIRE(end);
            sq_unpack_close(&u);
            unlink(test_path("twice"));
        }
    }
}

static void plain_files_are_no_archives(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_unpack *u = NULL;
    static uint8_t zeros[2048];
    put(test_path("plain"), "hello", 5);
    REQUIRE_OK(sq_unpack_open(test_path("plain"), &u, &err));
    REQUIRE(!u);
    put(test_path("zeros"), zeros, sizeof zeros);
    REQUIRE_OK(sq_unpack_open(test_path("zeros"), &u, &err));
    REQUIRE(!u);
    REQUIRE_STATUS(sq_unpack_open(test_path("none"), &u, &err), SQ_FAILED);
    REQUIRE(!u && strstr(err.text, "none"));
}

/* Lists the archive to its end; the message where that fails. */
static void check_refused(const char *path, const char *why)
{
    struct sq_err err = {0};
    struct sq_unpack *u = NULL;
    struct sq_member m;
    char copy[32];
    bool end = false;
    enum sq_status st = sq_unpack_open(path, &u, &err);
    int fd, n = 0;
    while (!st && !end) {
        st = sq_unpack_next(u, &m, &end, &err);
        if (!st && !end && n++ < 3 && !(st = sq_unpack_member(u, &m, copy, &fd, &err))) {
            close(fd);
            unlink(copy);
        }
    }
    sq_unpack_close(&u);
    if (st != SQ_FAILED || !strstr(err.text, path) || !strstr(err.text, why))
        fail_msg("wanted %s: %s", why, err.text);
}

static void cut_archives_are_refused(void **state)
{
    (void)state;
    static uint8_t a[16384], packed[16384];
    size_t n = make_archive(a);
    const char *path = test_path("cut");
    put(test_path("tar"), a, n);
    for (size_t k = 512; k < n - 1024; k += 256) {
        put(path, a, k);
        check_refused(path, "cut");
    }
    run("gzip -c <%s >%s", test_path("tar"), test_path("packed"));
    n = slurp(test_path("packed"), packed, sizeof packed);
    for (size_t k = 20; k < n; k++) { /* the last bytes are the checksum of what was read before */
        put(path, packed, k);
        check_refused(path, path);
    }
    packed[n - 5] ^= 1;
    put(path, packed, n);
    check_refused(path, path);
    n = make_archive(a);
    a[512 + 3] ^= 1; /* a header that is not its checksum */
    put(path, a, n);
    check_refused(path, "cut or broken");
}

static void lies_about_sizes_are_refused(void **state)
{
    (void)state;
    static uint8_t a[4 * 512];
    const char *path = test_path("lie");
    small_tar_head(a, "a", SQ_UNPACK_MEMBER_MAX + 1ul, '0');
    put(path, a, sizeof a);
    check_refused(path, "at most");
    small_tar_head(a, "a", 8589934591, '0'); /* the most that octal digits can say */
    put(path, a, sizeof a);
    check_refused(path, "at most");
    small_tar_head(a, "a", 1u << 20, '0');
    put(path, a, sizeof a);
    check_refused(path, "cut");
    small_tar_head(a, "a", 0, '0');
    memset(a + 124, 0x80, 12); /* a size in base 256: of 8 GB and more */
    unsigned sum = 0;
    memset(a + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += a[i];
    snprintf((char *)a + 148, 8, "%06o", sum);
    put(path, a, sizeof a);
    check_refused(path, "cut or broken");
}

/* 5 members of 512 MB each that take no room on the disk, and a million members of nothing. */
static void too_much_is_refused(void **state)
{
    (void)state;
    uint8_t block[512];
    const char *path = test_path("much");
    FILE *f = fopen(path, "wb");
    REQUIRE(f);
    for (int i = 0; i < 5; i++) {
        small_tar_head(block, "hole", SQ_UNPACK_MEMBER_MAX, i ? '0' : '5');
        REQUIRE(fwrite(block, 1, 512, f) == 512 && !fseek(f, SQ_UNPACK_MEMBER_MAX, SEEK_CUR));
    }
    REQUIRE(!fclose(f));
    struct sq_err err = {0};
    struct sq_unpack *u = NULL;
    struct sq_member m;
    bool end = false;
    enum sq_status st;
    int n = 0;
    REQUIRE_OK(sq_unpack_open(path, &u, &err));
    while (!(st = sq_unpack_next(u, &m, &end, &err)) && !end)
        n++;
    sq_unpack_close(&u);
    REQUIRE(st == SQ_FAILED && n == 2 && strstr(err.text, "of all"));
    REQUIRE((f = fopen(path, "wb")));
    small_tar_head(block, "nothing", 0, 'x'); /* not even files */
    for (int i = 0; i < SQ_UNPACK_MEMBERS_MAX + 2; i++)
        REQUIRE(fwrite(block, 1, 512, f) == 512);
    REQUIRE(!fclose(f));
    check_refused(path, "more than 10000 members");
}

/* 600 MB of zeros in 600 kB: many streams, each a megabyte. */
static void a_bomb_is_refused(void **state)
{
    (void)state;
    static uint8_t stream[4096];
    if (!have("gzip"))
        skip();
    run("head -c 1000000 /dev/zero | gzip -9 >%s%s", test_path("stream"), "");
    size_t n = slurp(test_path("stream"), stream, sizeof stream);
    FILE *f = fopen(test_path("bomb"), "wb");
    REQUIRE(f);
    for (int i = 0; i < 600; i++)
        REQUIRE(fwrite(stream, 1, n, f) == n);
    REQUIRE(!fclose(f));
    check_refused(test_path("bomb"), "holds more than 536870912 bytes");
}

/* netCDF in gzip, in a tar of packed and plain files, in a packed tar: all are inputs. */
static void archives_are_inputs(void **state)
{
    (void)state;
    if (!have("gzip") || !have("tar"))
        skip();
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_err err = {0};
    struct sq_inputs *in = NULL;
    struct sq_field f = {0};
    const int64_t t[] = {0, 300};
    REQUIRE(!mkdir(test_path("in"), 0700));
    small_cf_write(test_path("in/a.nc"), (struct small_cf){.time = t});
    small_cf_write(test_path("in/b.nc"), (struct small_cf){.time = t + 1});
    put(test_path("in/c.txt"), "not radar", 9);
    run("tar -C %s -czf %s a.nc b.nc c.txt", test_path("in"), test_path("two.tgz"));
    run("gzip -c <%s >%s", test_path("in/a.nc"), test_path("one.gz"));
    char *one = test_path("one.gz"), *two = test_path("two.tgz"), *both[] = {one, two};
    REQUIRE_OK(sq_inputs_open(&one, 1, &p, &in, &err));
    assert_int_equal(sq_inputs_count(in), 1);
    assert_string_equal(sq_inputs_info(in, 0)->path, one);
    sq_inputs_close(&in);
    REQUIRE_OK(sq_inputs_open(both, 2, &p, &in, &err));
    assert_int_equal(sq_inputs_count(in), 2); /* the frame of 0 s is there twice: the first path wins */
    assert_string_equal(sq_inputs_info(in, 0)->path, one);
    assert_string_equal(sq_inputs_info(in, 0)->file, one);
    assert_string_equal(sq_inputs_info(in, 1)->path, test_path("two.tgz/b.nc"));
    assert_string_equal(sq_inputs_info(in, 1)->file, two);
    for (int i = 1; i >= 0; i--) {
        REQUIRE_OK(sq_inputs_read(in, i, &f, &err));
        REQUIRE(f.time == t[i] && fabsf(f.value[11] - 1.1f) < 1e-6f);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    run("tar -C %s -cf %s c.txt", test_path("in"), test_path("none.tar"));
    char *none = test_path("none.tar");
    REQUIRE_STATUS(sq_inputs_open(&none, 1, &p, &in, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, none) && strstr(err.text, "no radar frame"));
    REQUIRE(!truncate(test_path("one.gz"), 200)); /* what is said of the copy is said of the user's file */
    REQUIRE_STATUS(sq_inputs_open(&one, 1, &p, &in, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, one) && !strstr(err.text, "/proc/"));
}

static int open_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static void nothing_stays_open(void **state)
{
    archives_are_inputs(state); /* opens what PROJ keeps */
    int before = open_descriptors();
    (void)test_end(state);
    archives_are_inputs(state);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
    const struct CMUnitTest tests[] = {
        CASE(members_come_out_in_every_packing),
        CASE(plain_files_are_no_archives),
        CASE(cut_archives_are_refused),
        CASE(lies_about_sizes_are_refused),
        CASE(too_much_is_refused),
        CASE(a_bomb_is_refused),
        CASE(nothing_stays_open),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, test_end);
}
