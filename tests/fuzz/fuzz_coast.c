/* GSHHG's binned coastlines and borders: the first byte chooses between two sound files, the others are laid over
 * the numbers in it. What netCDF makes of a broken header is not ours to test. */
#include "fuzz.h"
#include "serve/small_coast.h"

#include "coast.h"

enum { NUMBERS = 116 }; /* bytes at the end of a small file: all its variables */

static size_t sound_file(bool border, uint8_t *bytes, size_t room)
{
    char path[32];
    int fd = fuzz_file(NULL, 0, path);
    small_coast_write(path, (struct small_coast){.border = border});
    ssize_t n = pread(fd, bytes, room, 0);
    fuzz_file_end(fd, path);
    FUZZ_REQUIRE(n > 2 * NUMBERS && (size_t)n < room);
    return (size_t)n;
}

static void check(const struct sq_coast *c)
{
    for (int i = 0; i < c->n_point; i++)
        FUZZ_REQUIRE(c->lon[i] >= 0 && c->lon[i] <= 360.001 && fabs(c->lat[i]) <= 90.001);
    for (int i = 0; i < c->n_line; i++)
        FUZZ_REQUIRE(c->line[i].n >= 2 && c->line[i].first >= 0 && c->line[i].first <= c->n_point - c->line[i].n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sound[2][4096];
    static size_t length[2];
    const double box[4] = {-10, -20, 50, 60};
    uint8_t bytes[4096];
    char path[32];
    int border = size ? data[0] & 1 : 0;
    struct sq_coast c = {0};
    struct sq_err err = {0};
    if (!length[border])
        length[border] = sound_file(border, sound[border], sizeof sound[border]);
    size_t n = length[border];
    memcpy(bytes, sound[border], n);
    for (size_t i = 1; i < size && i <= NUMBERS; i++)
        bytes[n - NUMBERS - 1 + i] ^= data[i];
    int fd = fuzz_file(bytes, n, path);
    if (sq_coast_read(path, box, &c, &err) == SQ_OK)
        check(&c);
    else
        FUZZ_REQUIRE(err.text[0] && !c.line);
    sq_coast_finish(&c);
    fuzz_file_end(fd, path);
    return 0;
}
