/* What every fuzz target includes. A target takes any bytes and must neither crash nor leak; it asserts
 * what must hold whatever the bytes were. Parsers of text or memory take the bytes as they are; readers
 * of files get them through fuzz_file. Readers that do with classic netCDF are fuzzed in that, whose parser stands up to
 * anything; those of formats that are HDF5 alone (ODIM, KNMI, stacks) meet libhdf5's own faults, which squall keeps in a
 * process apart: tools/fuzz counts them and goes on. */
#ifndef SQ_TESTS_FUZZ_H
#define SQ_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays in every build, unlike assert. */
#define FUZZ_REQUIRE(cond)                                                                         \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes as a string: malloc'ed, the caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_REQUIRE(text);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    return text;
}

/* The bytes as a file, in memory where there is such a folder: fills `path` and returns the descriptor; to be ended by
 * fuzz_file_end. HDF5 refuses files without a name of their own, like those of memfd_create. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[32])
{
    int fd = mkstemp(strcpy(path, "/dev/shm/fuzz-XXXXXX"));
    if (fd < 0)
        fd = mkstemp(strcpy(path, "/tmp/fuzz-XXXXXX"));
    FUZZ_REQUIRE(fd >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        FUZZ_REQUIRE(n > 0);
        done += (size_t)n;
    }
    return fd;
}

static inline void fuzz_file_end(int fd, const char *path)
{
    close(fd);
    unlink(path);
}

#endif
