#include "broken.h"
#include "small_mask.h"

#include "ingest/ingest.h"

enum { NY = SMALL_MASK_NY, NX = SMALL_MASK_NX };

static const int format[] = {NC_NETCDF4, NC_64BIT_DATA}; /* read by another process, and here */

static void check_mask(const char *path)
{
    struct sq_err err = {0};
    struct sq_mask m;
    int64_t issue;
    REQUIRE_OK(sq_mask_read(path, &m, &err));
    REQUIRE_OK(sq_mask_issue(path, &issue, &err));
    REQUIRE(m.issue_time == SMALL_MASK_ISSUE && issue == m.issue_time);
    REQUIRE(m.n_lead == 2 && m.lead_s[1] == 1800);
    REQUIRE(m.grid.nx == NX && m.grid.ny == NY && m.grid.x0 == 500 && m.grid.y0 == 3000 && m.grid.dy == 1000);
    REQUIRE(m.valid[0] == 8 && m.valid[11] == 3 && m.valid[12] == 20);
    sq_mask_finish(&m);
}

static void masks_are_read_north_first(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const char *path = test_path("mask.nc");
    const char *const needed[] = {"forecast_reference_time", "lead", "y", "x", "valid"};
    struct sq_mask m;
    for (int k = 0; k < 2; k++) {
        small_mask_write(path, format[k], "");
        check_mask(path);
        for (int i = 0; i < 5; i++) {
            small_mask_write(path, format[k], needed[i]);
            REQUIRE_STATUS(sq_mask_read(path, &m, &err), SQ_FAILED);
            REQUIRE(strstr(err.text, needed[i]) && strstr(err.text, path));
        }
    }
}

static void try_it(const char *path, bool must_fail)
{
    struct sq_err err = {0};
    struct sq_mask m;
    int64_t issue;
    enum sq_status st = sq_mask_read(path, &m, &err);
    broken_check(path, must_fail, st, &err);
    if (!st)
        sq_mask_finish(&m);
    broken_check(path, false, sq_mask_issue(path, &issue, &err), &err);
}

static void broken_masks_are_refused_in_one_line(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        small_mask_write(test_path("broken.nc"), format[k], "");
        broken_try(test_path("broken.nc"), 50, 400, try_it);
    }
}

static void masks_of_others_are_read(void **state)
{
    (void)state;
    NEED_SHARED();
    struct sq_err err = {0};
    struct sq_mask m;
    char path[8192];
    snprintf(path, sizeof path, "%s/steps/opera_20180824/mask_20180824T1845.nc", test_shared());
    REQUIRE_OK(sq_mask_read(path, &m, &err));
    REQUIRE(m.n_lead == 4 && m.lead_s[3] == 5400 && m.grid.nx == 512 && m.grid.ny == 512);
    REQUIRE(m.grid.x0 == 1803000 && m.grid.y0 == -2249000 && m.grid.dx == 2000 && m.grid.dy == 2000);
    sq_mask_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_read_north_first),
        cmocka_unit_test(broken_masks_are_refused_in_one_line),
        cmocka_unit_test(masks_of_others_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
