#include "test.h"

#include "core/publish.h"

#include <fcntl.h>
#include <sys/wait.h>

static void require_content(const char *path, const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");
    REQUIRE(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    assert_string_equal(text, want);
}

static int files(void)
{
    int n = 0;
    DIR *d = opendir(test_folder());
    REQUIRE(d);
    for (struct dirent *f; (f = readdir(d));)
        n += strcmp(f->d_name, ".") && strcmp(f->d_name, "..");
    closedir(d);
    return n;
}

static void a_file_appears_whole(void **state)
{
    (void)state;
    struct sq_err err = {0};
    REQUIRE_OK(sq_publish_bytes(test_path("a.txt"), "first", 5, &err));
    require_content(test_path("a.txt"), "first");
    REQUIRE_OK(sq_publish_bytes(test_path("a.txt"), "2nd", 3, &err));
    require_content(test_path("a.txt"), "2nd");
    REQUIRE_OK(sq_publish_bytes(test_path("empty"), "", 0, &err));
    require_content(test_path("empty"), "");
    assert_int_equal(files(), 2); /* nothing beside them */
}

static void the_temporary_file_is_hidden_and_beside(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char tmp[SQ_PATH_MAX], want[SQ_PATH_MAX];
    REQUIRE_OK(sq_publish_begin(test_path("a.nc"), tmp, &err));
    snprintf(want, sizeof want, "%s/.squall_a.nc.%ld.tmp", test_folder(), (long)getpid());
    assert_string_equal(tmp, want);
    REQUIRE_OK(sq_publish_begin("a.nc", tmp, &err)); /* a bare name is in this folder */
    snprintf(want, sizeof want, ".squall_a.nc.%ld.tmp", (long)getpid());
    assert_string_equal(tmp, want);
}

static void failure_leaves_the_old_file(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char tmp[SQ_PATH_MAX], path[128];
    strcpy(path, test_path("a.txt"));
    REQUIRE_OK(sq_publish_bytes(path, "old", 3, &err));
    REQUIRE_OK(sq_publish_begin(path, tmp, &err));
    REQUIRE_STATUS(sq_publish_commit(tmp, path, &err), SQ_FAILED); /* nobody wrote tmp */
    REQUIRE(strstr(err.text, "a.txt"));
    require_content(path, "old");
    REQUIRE_OK(sq_publish_bytes(tmp, "half", 4, &err));
    sq_publish_abandon(tmp);
    require_content(path, "old");
    assert_int_equal(files(), 1);
    /* a folder in the way of the rename: tmp goes, too */
    REQUIRE(!mkdir(test_path("dir"), 0777));
    REQUIRE_OK(sq_publish_bytes(tmp, "half", 4, &err));
    REQUIRE_STATUS(sq_publish_commit(tmp, test_path("dir"), &err), SQ_FAILED);
    assert_int_equal(files(), 2);
}

static void a_killed_writer_leaves_the_old_file_and_nothing_for_long(void **state)
{
    (void)state;
    struct sq_err err = {0};
    REQUIRE_OK(sq_publish_bytes(test_path("a.txt"), "old", 3, &err));
    pid_t child = fork();
    if (!child) {
        char tmp[SQ_PATH_MAX];
        if (sq_publish_begin(test_path("a.txt"), tmp, NULL))
            _exit(1);
        int fd = open(tmp, O_WRONLY | O_CREAT, 0666);
        _exit(fd >= 0 && write(fd, "ha", 2) == 2 ? 0 : 1); /* dies in the middle */
    }
    int how;
    REQUIRE(child > 0 && waitpid(child, &how, 0) == child && !how);
    require_content(test_path("a.txt"), "old");
    assert_int_equal(files(), 2);
    REQUIRE_OK(sq_publish_bytes(test_path("b.txt"), "x", 1, &err)); /* another name's business */
    assert_int_equal(files(), 3);
    REQUIRE_OK(sq_publish_bytes(test_path("a.txt"), "new", 3, &err));
    require_content(test_path("a.txt"), "new");
    assert_int_equal(files(), 2); /* what it left is gone */
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    struct sq_err err = {0};
    if (access("/dev/full", W_OK) || access("/dev", W_OK))
        skip();
    REQUIRE_STATUS(sq_publish_bytes("/dev/full/x", "x", 1, &err), SQ_FAILED); /* not a folder */
    REQUIRE(strstr(err.text, "not a folder") || strstr(err.text, "Not a directory"));
}

static void what_cannot_be_written_is_said_in_one_line(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char tmp[SQ_PATH_MAX] = "untouched", name[400];
    REQUIRE_STATUS(sq_publish_bytes(test_path("no/such/a.txt"), "x", 1, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "/no/such: ") && strstr(err.text, "No such file") && !strchr(err.text, '\n'));
    REQUIRE_STATUS(sq_publish_begin(test_folder(), tmp, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "is a folder"));
    REQUIRE_STATUS(sq_publish_begin(test_path(""), tmp, &err), SQ_USAGE);
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    REQUIRE_STATUS(sq_publish_begin(name, tmp, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "too long"));
    assert_string_equal(tmp, "untouched");
    if (geteuid()) { /* root may write everywhere */
        REQUIRE(!chmod(test_folder(), 0555));
        REQUIRE_STATUS(sq_publish_begin(test_path("a.txt"), tmp, &err), SQ_FAILED);
        REQUIRE(strstr(err.text, "Permission denied"));
    }
}

static void a_link_under_the_temporary_name_is_not_followed(void **state)
{
    (void)state;
    struct sq_err err = {0};
    char tmp[SQ_PATH_MAX], victim[128];
    strcpy(victim, test_path("victim"));
    REQUIRE_OK(sq_publish_bytes(victim, "mine", 4, &err));
    REQUIRE_OK(sq_publish_begin(test_path("a.txt"), tmp, &err));
    REQUIRE(!symlink("victim", tmp));
    REQUIRE_STATUS(sq_publish_bytes(test_path("a.txt"), "x", 1, &err), SQ_FAILED);
    require_content(victim, "mine");
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct stat st;
    REQUIRE_OK(sq_publish_folder(test_path("x/y//z/"), &err));
    REQUIRE(!stat(test_path("x/y/z"), &st) && S_ISDIR(st.st_mode));
    REQUIRE_OK(sq_publish_folder(test_path("x/y/z"), &err));
    REQUIRE_OK(sq_publish_folder("/", &err));
    REQUIRE_OK(sq_publish_bytes(test_path("x/file"), "", 0, &err));
    REQUIRE_STATUS(sq_publish_folder(test_path("x/file/z"), &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "x/file"));
    REQUIRE_STATUS(sq_publish_folder("", &err), SQ_USAGE);
}

#define TEST(f) cmocka_unit_test_teardown(f, test_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_appears_whole),
        TEST(the_temporary_file_is_hidden_and_beside),
        TEST(failure_leaves_the_old_file),
        TEST(a_killed_writer_leaves_the_old_file_and_nothing_for_long),
        TEST(a_full_disk_is_said),
        TEST(what_cannot_be_written_is_said_in_one_line),
        TEST(a_link_under_the_temporary_name_is_not_followed),
        TEST(folders_are_made_with_their_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
