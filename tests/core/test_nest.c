#include "test.h"

#include "core/nest.h"

static struct sq_grid grid(int nx, int ny, double x0, double y0, double cell)
{
    return (struct sq_grid){nx, ny, x0, y0, cell, cell, "+proj=laea"};
}

static void windows_and_coarser_cells(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_nest n;
    struct sq_grid fine = grid(12, 10, 500, 9500, 1000), window = grid(5, 4, 3500, 7500, 1000);
    float src[120], dst[20];
    for (int i = 0; i < 120; i++)
        src[i] = (float)i;
    REQUIRE_OK(sq_nest_find(&fine, &window, "w", &n, &err));
    REQUIRE(n.row == 2 && n.col == 3 && n.k == 1);
    sq_nest_mean(&n, src, dst);
    REQUIRE(dst[0] == 27 && dst[4] == 31 && dst[19] == 67);
    struct sq_grid coarse = grid(3, 2, 4000, 6000, 2000); /* over columns 3 to 8, rows 3 to 6 */
    src[4 * 12 + 8] = NAN;
    REQUIRE_OK(sq_nest_find(&fine, &coarse, "c", &n, &err));
    REQUIRE(n.row == 3 && n.col == 3 && n.k == 2);
    sq_nest_mean(&n, src, dst);
    REQUIRE_NEAR(dst[0], (39 + 40 + 51 + 52) / 4.0, 1e-6);
    REQUIRE(isnan(dst[2]) && !isnan(dst[1]) && !isnan(dst[5]));
    uint8_t valid[120], got[6];
    memset(valid, 2, sizeof valid);
    valid[6 * 12 + 5] = 0;
    sq_nest_all(&n, valid, got);
    REQUIRE(got[0] == 1 && got[4] == 0 && got[3] == 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_nest n;
    struct sq_grid fine = grid(12, 10, 500, 9500, 1000);
    const struct sq_grid bad[] = {
        grid(4, 4, 500, 9500, 1500), /* no whole multiple */
        grid(4, 4, 500, 9500, 500),  /* finer */
        grid(4, 4, 700, 9500, 1000), /* not aligned */
        grid(4, 4, 500, 9500, 2000), /* centres must lie between the fine ones */
        grid(4, 4, -500, 9500, 1000), grid(4, 4, 500, 10500, 1000), /* outside to the west, to the north */
        grid(13, 4, 500, 9500, 1000), grid(4, 6, 1000, 9000, 2000), /* to the east, to the south */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        REQUIRE_STATUS(sq_nest_find(&fine, &bad[i], "out.nc", &n, &err), SQ_FAILED);
        REQUIRE(!strncmp(err.text, "out.nc: ", 8));
    }
}

static void a_cube_is_brought_along(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_cube c = {.grid = grid(4, 2, 0, 0, 1000), .cell_m = {990, 1010}, .step_s = 300, .n = 2};
    struct sq_grid coarse = grid(2, 1, 500, -500, 2000);
    c.frame = calloc(2, sizeof *c.frame);
    c.frame[1].rate_mmh = malloc(8 * sizeof(float));
    c.frame[1].state = calloc(8, 1);
    for (int i = 0; i < 8; i++)
        c.frame[1].rate_mmh[i] = (float)i;
    REQUIRE_OK(sq_nest_cube(&c, &c.grid, "same", &err));
    REQUIRE(c.frame[1].rate_mmh[7] == 7 && c.frame[1].state);
    REQUIRE_OK(sq_nest_cube(&c, &coarse, "c", &err));
    REQUIRE(c.grid.nx == 2 && c.cell_m[1] == 2020 && !c.frame[0].rate_mmh && !c.frame[1].state);
    REQUIRE(c.frame[1].rate_mmh[0] == 2.5f && c.frame[1].rate_mmh[1] == 4.5f);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_and_coarser_cells),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_cube_is_brought_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
