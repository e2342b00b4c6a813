#include "test.h"

#include "ingest/ingest.h"

#include <netcdf.h>

#define NC(call)                                                                                               \
    do {                                                                                                       \
        int r_ = (call);                                                                                       \
        if (r_)                                                                                                \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, nc_strerror(r_));                             \
    } while (0)

enum { LEADS = 2, NY = 3, NX = 4 };

/* A mask whose rows run upwards; `leave`: the name of a variable that is not written. */
static void write_mask(const char *path, const char *leave)
{
    int nc, d[3], v;
    const char *unit = "seconds since 1970-01-01 00:00:00";
    const double lead[] = {15, 30}, y[] = {1000, 2000, 3000}, x[] = {500, 1500, 2500, 3500};
    uint8_t valid[LEADS * NY * NX];
    for (int i = 0; i < LEADS * NY * NX; i++)
        valid[i] = (uint8_t)i;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "lead", LEADS, &d[0]));
    NC(nc_def_dim(nc, "y", NY, &d[1]));
    NC(nc_def_dim(nc, "x", NX, &d[2]));
    if (strcmp(leave, "forecast_reference_time")) {
        NC(nc_def_var(nc, "forecast_reference_time", NC_INT64, 0, NULL, &v));
        NC(nc_put_att_text(nc, v, "units", strlen(unit), unit));
        NC(nc_put_var_longlong(nc, v, (long long[]){1468270800}));
    }
    const struct {
        const char *name;
        int n, *dims;
        const double *value;
    } axes[] = {{"lead", 1, d, lead}, {"y", 1, d + 1, y}, {"x", 1, d + 2, x}};
    for (int i = 0; i < 3; i++)
        if (strcmp(leave, axes[i].name)) {
            NC(nc_def_var(nc, axes[i].name, NC_DOUBLE, 1, axes[i].dims, &v));
            NC(nc_put_var_double(nc, v, axes[i].value));
        }
    if (strcmp(leave, "valid")) {
        NC(nc_def_var(nc, "valid", NC_UBYTE, 3, d, &v));
        NC(nc_put_var_uchar(nc, v, valid));
    }
    NC(nc_close(nc));
}

static void masks_are_read_north_first(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const char *path = test_path("mask.nc");
    write_mask(path, "");
    struct sq_mask m;
    int64_t issue;
    REQUIRE_OK(sq_mask_read(path, &m, &err));
    REQUIRE_OK(sq_mask_issue(path, &issue, &err));
    REQUIRE(m.issue_time == 1468270800 && issue == m.issue_time);
    REQUIRE(m.n_lead == 2 && m.lead_s[1] == 1800);
    REQUIRE(m.grid.nx == NX && m.grid.ny == NY && m.grid.x0 == 500 && m.grid.y0 == 3000 && m.grid.dy == 1000);
    REQUIRE(m.valid[0] == 8 && m.valid[11] == 3 && m.valid[12] == 20);
    sq_mask_finish(&m);
    const char *const needed[] = {"forecast_reference_time", "lead", "y", "x", "valid"};
    for (int i = 0; i < 5; i++) {
        write_mask(path, needed[i]);
        REQUIRE_STATUS(sq_mask_read(path, &m, &err), SQ_FAILED);
        REQUIRE(strstr(err.text, needed[i]) && strstr(err.text, path));
    }
    REQUIRE(!truncate(path, 300));
    REQUIRE_STATUS(sq_mask_read(path, &m, &err), SQ_FAILED);
    REQUIRE(!truncate(path, 0));
    REQUIRE_STATUS(sq_mask_issue(path, &issue, &err), SQ_FAILED);
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
        cmocka_unit_test(masks_of_others_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
