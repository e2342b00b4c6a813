/* Forecast files as the server holds them in memory. */
#include "small_site.h"

#include "product_windows.h"
#include "run.h"

#include <netcdf.h>

/* Writes a small forecast of an hour on a grid of 4 x 2 chunks: the first in the west without any forecast, which are not
 * in the file at all, the last ones cut short. */
static void write_large(const char *name)
{
    struct small_grid g = small_grids[0];
    g.nx = 1000;
    g.ny = 257;
    small_file(name, &g, 0);
}

/* Every probability of the run is that of the file. */
static void require_same(const struct sq_run *run, const char *path)
{
    struct sq_err err = {0};
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    struct sq_lead l = {0};
    float got[SQ_THRESHOLD_MAX];
    REQUIRE_OK(sq_product_open(path, &f, &r, &err));
    REQUIRE_OK(sq_lead_init(&l, f, &err));
    size_t n = sq_grid_cells(&f->grid), known = 0;
    for (int k = 0; k < f->n_lead; k++) {
        REQUIRE_OK(sq_product_get(r, k, &l, &err));
        for (size_t i = 0; i < n; i++) {
            sq_run_cell(run, k, (int)(i / (size_t)f->grid.nx), (int)(i % (size_t)f->grid.nx), got);
            for (int t = 0; t < f->n_threshold; t++) {
                float want = l.prob[(size_t)t * n + i];
                if (isnan(want) ? !(t ? got[t] <= 0 || isnan(got[t]) : isnan(got[t])) : got[t] != want)
                    fail_msg("lead %d, cell %zu, threshold %d: %g instead of %g", k, i, t, (double)got[t], (double)want);
                known += want > 0;
            }
        }
    }
    REQUIRE(known > n);
    sq_lead_finish(&l);
    sq_product_close(&r);
}

static bool is_parallel(const char *path)
{
    struct sq_err err = {0};
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    struct sq_windows *w = NULL;
    REQUIRE_OK(sq_product_open(path, &f, &r, &err));
    REQUIRE_OK(sq_windows_create(r, &w, &err));
    bool parallel = sq_windows_parallel(w);
    sq_windows_destroy(&w);
    sq_product_close(&r);
    return parallel;
}

static void a_file_of_ours_is_taken_in_by_all_threads(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_run *run = NULL, *again = NULL;
    write_large("f.nc");
    REQUIRE(is_parallel(test_path("f.nc")));
    REQUIRE_OK(sq_run_load(test_path("f.nc"), &run, &err));
    require_same(run, test_path("f.nc"));
    REQUIRE_OK(sq_run_load(test_path("f.nc"), &again, &err));
    REQUIRE(again->hash == run->hash); /* whoever came first to a lead */
    sq_run_release(&again);
    sq_run_release(&run);
}

/* As another program would: the same variables, not packed. */
static void copy_plainly(const char *from, const char *to)
{
    int in, out, n_dim, n_var, n_att, id;
    size_t len;
    char name[NC_MAX_NAME + 1];
    REQUIRE(!nc_open(from, NC_NOWRITE, &in) && !nc_create(to, NC_NETCDF4, &out));
    REQUIRE(!nc_inq(in, &n_dim, &n_var, &n_att, NULL));
    for (int i = 0; i < n_dim; i++)
        REQUIRE(!nc_inq_dim(in, i, name, &len) && !nc_def_dim(out, name, len, &id));
    for (int i = 0; i < n_att; i++)
        REQUIRE(!nc_inq_attname(in, NC_GLOBAL, i, name) && !nc_copy_att(in, NC_GLOBAL, name, out, NC_GLOBAL));
    for (int i = 0; i < n_var; i++)
        REQUIRE(!nc_copy_var(in, i, out));
    REQUIRE(!nc_close(in) && !nc_close(out));
}

static void a_file_from_other_hands_is_taken_in_too(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_run *run = NULL;
    write_large("f.nc");
    copy_plainly(test_path("f.nc"), test_path("g.nc"));
    REQUIRE(!is_parallel(test_path("g.nc")));
    REQUIRE_OK(sq_run_load(test_path("g.nc"), &run, &err));
    require_same(run, test_path("f.nc"));
    sq_run_release(&run);
}

/* Bytes are overwritten all over a file that has no seal: it is read, or refused by name, and nothing else happens. */
static void damaged_chunks_are_refused(void **state)
{
    (void)state;
    enum { ROUNDS = 24, HOLE = 3000 };
    struct sq_err err = {0};
    int refused = 0;
    write_large("f.nc");
    FILE *f = fopen(test_path("f.nc"), "rb");
    REQUIRE(f && !fseek(f, 0, SEEK_END));
    size_t n = (size_t)ftell(f) - 16; /* without its seal */
    unsigned char *bytes = malloc(n), keep[HOLE];
    rewind(f);
    REQUIRE(bytes && fread(bytes, 1, n, f) == n);
    fclose(f);
    sq_log_level(SQ_LOG_ERROR);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct sq_run *run = NULL;
        unsigned char *at = bytes + (n - HOLE) / ROUNDS * i;
        memcpy(keep, at, HOLE);
        memset(at, 0x5a, HOLE);
        put_bytes(test_path("g.nc"), (const char *)bytes, n);
        memcpy(at, keep, HOLE);
        if (sq_run_load(test_path("g.nc"), &run, &err)) {
            refused++;
            REQUIRE(!run && strstr(err.text, test_path("g.nc")));
        }
        sq_run_release(&run);
    }
    REQUIRE(refused >= 6); /* holes in the percentiles, which are not read, are not met */
    free(bytes);
}

static void any_of_the_leads_is_between_the_greatest_and_all_apart(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_run *run = NULL;
    size_t more = 0, unknown = 0;
    write_large("f.nc");
    REQUIRE_OK(sq_run_load(test_path("f.nc"), &run, &err));
    for (int w = 0; w < SQ_WINDOWS; w++)
        for (int i = 0; i < run->f.grid.nx * run->f.grid.ny; i++) {
            int row = i / run->f.grid.nx, col = i % run->f.grid.nx, n = 0;
            float p[SQ_THRESHOLD_MAX], most[4] = {0}, none[4] = {1, 1, 1, 1};
            uint16_t code[SQ_LEVELS_MAX];
            n = sq_volume_cell(&run->window[w], row, col, code);
            for (int k = 0; k < run->f.n_lead && run->f.lead_s[k] <= 60 * sq_window_min[w]; k++) {
                sq_run_cell(run, k, row, col, p);
                for (int t = 0; t < 4; t++) {
                    most[t] = isnan(p[0]) || isnan(most[t]) ? NAN : fmaxf(most[t], p[t]);
                    none[t] *= 1 - p[t];
                }
            }
            if (isnan(most[0])) {
                REQUIRE(code[0] == SQ_CODE_NONE);
                unknown++;
                continue;
            }
            for (int t = 0; t < 4; t++) {
                float got = t < n ? (float)code[t] / SQ_CODE_ONE : 0;
                REQUIRE_NEAR(got, most[t] + SQ_WINDOW_SHARE * (1 - none[t] - most[t]), 0.51f / 2048);
                more += got > most[t] + 0.01f;
            }
        }
    REQUIRE(more > 1000 && unknown > 1000);
    sq_run_release(&run);
}

/* A volume of 3 leads in one row of blocks: known everywhere, known in part, dry. */
static void where_one_lead_knows_nothing_nothing_is_said(void **state)
{
    (void)state;
    enum { WIDE = 3 * SQ_BLOCK };
    struct sq_err err = {0};
    struct sq_volume lead[2] = {0}, any = {0};
    uint16_t code[2 * WIDE], c[SQ_LEVELS_MAX];
    for (int l = 0; l < 2; l++) {
        REQUIRE_OK(sq_volume_init(&lead[l], WIDE, 1, 2, &err));
        for (int i = 0; i < WIDE; i++) {
            bool hole = l == 1 && i >= SQ_BLOCK && i % 2;
            code[i] = hole ? SQ_CODE_NONE : i < SQ_BLOCK ? 16384 : 0;
            code[WIDE + i] = hole ? SQ_CODE_NONE : i < SQ_BLOCK && l ? 8192 : 0;
        }
        REQUIRE_OK(sq_volume_put(&lead[l], 0, 0, 1, WIDE, code, &err));
    }
    REQUIRE_OK(sq_volume_init(&any, WIDE, 1, 2, &err));
    REQUIRE_OK(sq_volume_any(&any, 2, lead, 0.5f, &err));
    REQUIRE(sq_volume_cell(&any, 0, 5, c) == 2 && c[0] == 16384 + 4096 && c[1] == 8192); /* 1/2 and 3/4; 1/4 twice */
    REQUIRE(sq_volume_cell(&any, 0, SQ_BLOCK + 1, c) == 1 && c[0] == SQ_CODE_NONE);
    REQUIRE(sq_volume_cell(&any, 0, SQ_BLOCK + 2, c) == 1 && c[0] == 0);
    for (int l = 0; l < 2; l++)
        sq_volume_finish(&lead[l]);
    sq_volume_finish(&any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(a_file_of_ours_is_taken_in_by_all_threads),
        CASE(a_file_from_other_hands_is_taken_in_too),
        CASE(damaged_chunks_are_refused),
        CASE(any_of_the_leads_is_between_the_greatest_and_all_apart),
        CASE(where_one_lead_knows_nothing_nothing_is_said),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
