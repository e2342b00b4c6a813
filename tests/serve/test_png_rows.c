/* What is packed for the pixels of tiles, unpacked by zlib. */
#include "test.h"

#include "png_rows.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 1 << 17 };

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*seed >> 33) % below);
}

/* Runs of random length and rows like the one above, the more the lower `wild` is; every byte comes. */
static void make_rows(uint8_t *to, size_t n, size_t stride, uint32_t wild, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        to[i] = draw(&seed, 100) < wild        ? (uint8_t)draw(&seed, 256)
                : i >= stride && draw(&seed, 2) ? to[i - stride]
                : i                             ? to[i - 1]
                                                : 7;
}

/* Everything of it comes back, and nothing is written behind `room`. Returns its length. */
static size_t require_back(const uint8_t *rows, size_t n, size_t stride, size_t room)
{
    static uint8_t packed[2 * MOST], back[MOST];
    static struct sq_rows_packer p;
    uLongf n_back = n;
    sq_rows_packer_init(&p);
    memset(packed, 0xee, sizeof packed);
    size_t took = sq_rows_pack(&p, rows, n, stride, packed, room);
    for (size_t i = room; i < room + 64; i++)
        assert_int_equal(packed[i], 0xee);
    if (!took)
        return 0;
    REQUIRE(took <= room);
    REQUIRE(uncompress(back, &n_back, packed, took) == Z_OK);
    assert_int_equal(n_back, n);
    assert_memory_equal(back, rows, n);
    return took;
}

static void rows_come_back(void **state)
{
    (void)state;
    static const size_t strides[] = {2, 3, 4, 5, 8, 9, 17, 65, 129, 257, 513, 1000, 16385, 32768};
    static uint8_t rows[MOST];
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++)
        for (uint32_t wild = 0; wild <= 100; wild += 20)
            for (size_t high = 1; high <= 600 && high * strides[s] <= MOST; high = 3 * high + 1) {
                make_rows(rows, high * strides[s], strides[s], wild, high + wild);
                REQUIRE(require_back(rows, high * strides[s], strides[s], MOST + MOST / 2));
            }
}

/* A run of every length up to beyond the longest repetition, and what follows it. */
static void all_lengths_come_back(void **state)
{
    (void)state;
    static uint8_t rows[4 * 1024];
    for (size_t run = 1; run < 600; run++) {
        memset(rows, 1, sizeof rows);
        memset(rows + run, 2, sizeof rows - run);
        rows[2048 + run] = 200;
        REQUIRE(require_back(rows, sizeof rows, 1024, 4096));
    }
}

static void what_does_not_fit_is_not_packed(void **state)
{
    (void)state;
    static uint8_t rows[129 * 256];
    make_rows(rows, sizeof rows, 129, 10, 3);
    size_t whole = require_back(rows, sizeof rows, 129, MOST);
    REQUIRE(whole > 1000);
    for (size_t room = 0; room < whole; room += 1 + room / 50)
        assert_int_equal(require_back(rows, sizeof rows, 129, room), 0);
    memset(rows, 3, sizeof rows); /* one colour: a few bits for each 258 bytes */
    REQUIRE(require_back(rows, sizeof rows, 129, MOST) < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test(f)
        CASE(rows_come_back),
        CASE(all_lengths_come_back),
        CASE(what_does_not_fit_is_not_packed),
    };
    return cmocka_run_group_tests_name("png_rows", tests, NULL, NULL);
}
