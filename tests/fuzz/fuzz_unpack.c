/* Archives: members within the limits, each as long as was said, or one line. */
#include "fuzz.h"

#include "ingest/unpack.h"

#include <sys/stat.h>

static void check_member(struct sq_unpack *u, const struct sq_member *m)
{
    struct sq_err err = {0};
    struct stat s;
    char path[32];
    int fd;
    if (sq_unpack_member(u, m, path, &fd, &err)) {
        FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n'));
        return;
    }
    FUZZ_REQUIRE(!fstat(fd, &s) && s.st_size <= SQ_UNPACK_MEMBER_MAX);
    FUZZ_REQUIRE(m->size == SIZE_MAX || (size_t)s.st_size == m->size);
    close(fd);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct sq_err err = {0};
    struct sq_unpack *u = NULL;
    struct sq_member m;
    bool end = false;
    int fd = fuzz_file(data, size, path), n = 0;
    enum sq_status st = sq_unpack_open(path, &u, &err);
    FUZZ_REQUIRE(!st || !u);
    while (u && !st && !end) {
        st = sq_unpack_next(u, &m, &end, &err);
        if (st || end)
            break;
        FUZZ_REQUIRE(++n <= SQ_UNPACK_MEMBERS_MAX);
        for (const char *c = m.name; *c; c++)
            FUZZ_REQUIRE(*c > ' ' && *c < 127);
        if (n < 8)
            check_member(u, &m);
    }
    FUZZ_REQUIRE(!st || (st == SQ_FAILED && err.text[0] && !strchr(err.text, '\n')));
    sq_unpack_close(&u);
    fuzz_file_end(fd, path);
    return 0;
}
