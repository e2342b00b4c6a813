/* What every test program includes: cmocka and the requirements that print what they saw. */
#ifndef SQ_TESTS_TEST_H
#define SQ_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, #cond);                                      \
    } while (0)

/* |a - b| <= tol; the reason for tol stands beside the call. */
#define REQUIRE_NEAR(a, b, tol)                                                                    \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) <= (tol)))                                                             \
            fail_msg("%s:%d: %s = %.9g, %s = %.9g", __FILE__, __LINE__, #a, a_, #b, b_);           \
    } while (0)

/* status is as expected; prints the message otherwise */
#define REQUIRE_STATUS(call, want)                                                                 \
    do {                                                                                           \
        int s_ = (call);                                                                           \
        if (s_ != (want))                                                                          \
            fail_msg("%s:%d: %s = %d: %s", __FILE__, __LINE__, #call, s_, err.text);               \
    } while (0)
#define REQUIRE_OK(call) REQUIRE_STATUS(call, SQ_OK)

/* The folder of real data beside the project, or NULL: tests that need it skip. */
static inline const char *test_shared(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/../shared/data", SQ_SOURCE_DIR);
    return access(path, R_OK) ? NULL : path;
}
#define NEED_SHARED()                                                                              \
    do {                                                                                           \
        if (!test_shared()) {                                                                      \
            print_message("# no ../shared/data: skipped\n");                                         \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* ---- a folder for files --------------------------------------------------------------------------------- */

static char test_folder_name[64]; /* "": there is none */

/* The folder of this test program alone. The first call makes it; so does the next one after test_end. */
static inline char *test_folder(void)
{
    if (!test_folder_name[0]) {
        strcpy(test_folder_name, "/tmp/squall-test-XXXXXX");
        REQUIRE(mkdtemp(test_folder_name));
    }
    return test_folder_name;
}

/* A name in the folder, as a path. Holds for the next 99 calls. */
static inline char *test_path(const char *name)
{
    static char room[100][256];
    static int turn;
    char *path = room[turn++ % 100];
    snprintf(path, sizeof room[0], "%s/%s", test_folder(), name);
    return path;
}

/* Removes a file, or a folder with all that is in it. */
static inline void test_remove(const char *path)
{
    char below[4096];
    struct stat s;
    DIR *d = NULL;
    if (!lstat(path, &s) && S_ISDIR(s.st_mode) && !chmod(path, 0700))
        d = opendir(path);
    if (!d) {
        unlink(path);
        return;
    }
    for (struct dirent *f; (f = readdir(d));)
        if (strcmp(f->d_name, ".") && strcmp(f->d_name, "..") &&
            snprintf(below, sizeof below, "%s/%s", path, f->d_name) < (int)sizeof below)
            test_remove(below);
    closedir(d);
    rmdir(path);
}

/* The end of a case, or of a program: the folder goes. */
static inline int test_end(void **state)
{
    (void)state;
    if (test_folder_name[0])
        test_remove(test_folder_name);
    test_folder_name[0] = 0;
    return 0;
}

#endif
