#include "small_forecast.h"

#include "product_pack.h"

#include "core/crs.h"

#include <dirent.h>
#include <netcdf.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PROB "probability_of_lwe_precipitation_rate_above_threshold"

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

/* ---- what is written comes back -------------------------------------------------------------------------- */

static void require_same_story(const struct sq_forecast *a, const struct sq_forecast *b)
{
    REQUIRE(sq_grid_equal(&a->grid, &b->grid));
    assert_int_equal(a->issue_time, b->issue_time);
    assert_int_equal(a->n_lead, b->n_lead);
    assert_int_equal(a->n_threshold, b->n_threshold);
    assert_int_equal(a->n_percentile, b->n_percentile);
    assert_memory_equal(a->lead_s, b->lead_s, (size_t)a->n_lead * sizeof *a->lead_s);
    assert_memory_equal(a->threshold_mmh, b->threshold_mmh, (size_t)a->n_threshold * sizeof(float));
    assert_memory_equal(a->percentile, b->percentile, (size_t)a->n_percentile * sizeof(float));
    assert_memory_equal(a->quality, b->quality, sq_grid_cells(&a->grid));
    assert_string_equal(a->method, b->method);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->model_sha256, b->model_sha256);
    assert_string_equal(a->institution, b->institution);
    assert_string_equal(a->inputs_used, b->inputs_used);
    assert_string_equal(a->inputs_missing, b->inputs_missing);
}

/* Equal within the quantum of storage, zero and NaN exactly. */
static void require_near(size_t n, const float *want, const float *got, float absolute, float relative)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(isnan(want[i]), isnan(got[i]));
        if (isnan(want[i]))
            continue;
        REQUIRE_NEAR(want[i], got[i], fmaxf(absolute, relative * want[i]));
        REQUIRE(want[i] != 0 || got[i] == 0);
    }
}

static void require_same_leads(const struct sq_forecast *f, struct sq_product_reader *r)
{
    struct sq_err err = {0};
    struct sq_lead want = {0}, got = {0};
    size_t n = sq_grid_cells(&f->grid);
    REQUIRE_OK(sq_lead_init(&want, f, &err));
    REQUIRE_OK(sq_lead_init(&got, f, &err));
    for (int k = f->n_lead - 1; k >= 0; k--) { /* in any order */
        small_lead(f, k, &want);
        REQUIRE_OK(sq_product_get(r, k, &got, &err));
        require_near(n * (size_t)f->n_threshold, want.prob, got.prob, SQ_PACK_PROB_ERROR, 0);
        require_near(n * (size_t)f->n_percentile, want.rate, got.rate, SQ_PACK_RATE_ERROR_MMH, SQ_PACK_RATE_ERROR_RELATIVE);
        require_near(n, want.mean, got.mean, SQ_PACK_RATE_ERROR_MMH, SQ_PACK_RATE_ERROR_RELATIVE);
    }
    sq_lead_finish(&want);
    sq_lead_finish(&got);
}

static void require_same_observed(const struct sq_forecast *f, struct sq_product_reader *r)
{
    struct sq_err err = {0};
    size_t n = sq_grid_cells(&f->grid);
    float *got = malloc(n * sizeof *got);
    REQUIRE_OK(sq_product_observed(r, got, &err));
    require_near(n, f->observed, got, SQ_PACK_RATE_ERROR_MMH, SQ_PACK_RATE_ERROR_RELATIVE);
    free(got);
}

static void comes_back(const struct small_grid *g)
{
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(g);
    const struct sq_forecast *back;
    struct sq_product_reader *r = NULL;
    double cell[2];
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    REQUIRE_OK(sq_crs_cell_m(&f.grid, cell, &err));
    for (int k = 0; k < 2; k++) { /* read here, and by another process */
        REQUIRE_OK(sq_product_open(test_path("f.nc"), &back, &r, &err));
        require_same_story(&f, back);
        REQUIRE_NEAR(back->cell_m[0], cell[0], 1e-6 * cell[0]); /* the step has been through differences */
        REQUIRE_NEAR(back->cell_m[1], cell[1], 1e-6 * cell[1]);
        require_same_leads(&f, r);
        require_same_observed(&f, r);
        sq_product_close(&r);
        small_unseal(test_path("f.nc"));
    }
    sq_forecast_finish(&f);
}

static void a_forecast_comes_back_on_every_grid(void **state)
{
    (void)state;
    for (int i = 0; i < SMALL_GRIDS; i++)
        comes_back(&small_grids[i]);
}

static void a_forecast_of_many_chunks_comes_back(void **state)
{
    (void)state;
    struct small_grid g = small_grids[0];
    g.nx = 515; /* 3 chunks of 192, the last one cut short */
    g.ny = 257;
    comes_back(&g);
    g.nx = 1025; /* more than another process hands over at once */
    g.ny = 520;
    comes_back(&g);
}

static void a_forecast_of_little_comes_back(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct small_grid g = small_grids[0];
    g.nx = g.ny = 2;
    struct sq_forecast f = small_forecast(&g);
    const struct sq_forecast *back;
    struct sq_product_reader *r = NULL;
    f.n_lead = f.n_threshold = f.n_percentile = 1;
    free(f.quality);
    f.quality = NULL;
    free(f.observed);
    f.observed = NULL;
    f.model[0] = f.institution[0] = f.inputs_missing[0] = 0;
    REQUIRE_OK(small_write(test_path("f.nc"), &f, 1, &err));
    REQUIRE_OK(sq_product_open(test_path("f.nc"), &back, &r, &err));
    REQUIRE(!back->quality && !*back->model && !*back->institution && !*back->inputs_missing);
    require_same_leads(&f, r);
    REQUIRE_STATUS(sq_product_observed(r, NULL, &err), SQ_ABSENT);
    sq_product_close(&r);
    sq_forecast_finish(&f);
}

/* Files that other tools rewrote may have lost our words; CF's are enough. */
static void the_projection_is_understood_by_cf_alone(void **state)
{
    (void)state;
    struct sq_err err = {0};
    for (int i = 0; i < SMALL_GRIDS; i++) {
        struct sq_forecast f = small_forecast(&small_grids[i]);
        const struct sq_forecast *back;
        struct sq_product_reader *r = NULL;
        struct sq_crs_map *a = NULL, *b = NULL;
        int nc, var = -1;
        double ax = f.grid.x0, ay = f.grid.y0, bx = ax, by = ay;
        REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
        REQUIRE(!nc_open(test_path("f.nc"), NC_WRITE, &nc) && !nc_inq_varid(nc, "crs", &var));
        REQUIRE(!nc_del_att(nc, var, "proj_params") && !nc_close(nc));
        REQUIRE_OK(sq_product_open(test_path("f.nc"), &back, &r, &err));
        REQUIRE_OK(sq_crs_map_create(f.grid.crs, SQ_CRS_LONLAT, &a, &err));
        REQUIRE_OK(sq_crs_map_create(back->grid.crs, SQ_CRS_LONLAT, &b, &err));
        sq_crs_forward(a, 1, &ax, &ay);
        sq_crs_forward(b, 1, &bx, &by);
        REQUIRE_NEAR(ax, bx, 1e-5); /* degrees: a metre */
        REQUIRE_NEAR(ay, by, 1e-5);
        sq_crs_map_destroy(&a);
        sq_crs_map_destroy(&b);
        sq_product_close(&r);
        sq_forecast_finish(&f);
    }
}

/* ---- what is in the file --------------------------------------------------------------------------------- */

static void order_is_enforced_and_nan_never_written(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    const struct sq_forecast *back;
    struct sq_product_writer *w = NULL;
    struct sq_product_reader *r = NULL;
    struct sq_lead l = {0};
    size_t n = sq_grid_cells(&f.grid);
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    for (size_t i = 0; i < n; i++) {
        const float prob[4] = {0.5f, 0.7f, NAN, 0.6f}, wild[4] = {1.2f, 0.7f, 0.75f, -0.1f};
        const float rate[3] = {3, 2, 4}, negative[3] = {-1, NAN, 0.5f};
        for (size_t k = 0; k < 4; k++)
            l.prob[k * n + i] = i % 3 ? i % 3 == 1 ? prob[k] : wild[k] : NAN;
        for (size_t k = 0; k < 3; k++)
            l.rate[k * n + i] = i % 3 ? i % 3 == 1 ? rate[k] : negative[k] : NAN;
        l.mean[i] = i % 3 ? -0.5f : NAN;
    }
    REQUIRE_OK(sq_product_create(test_path("f.nc"), &f, &w, &err));
    for (int k = 2; k >= 0; k--)
        REQUIRE_OK(sq_product_put(w, k, &l, &err));
    REQUIRE_OK(sq_product_publish(w, &err));
    sq_product_destroy(&w);
    REQUIRE_OK(sq_product_open(test_path("f.nc"), &back, &r, &err));
    REQUIRE_OK(sq_product_get(r, 1, &l, &err));
    sq_product_close(&r);
    REQUIRE(isnan(l.prob[0]) && isnan(l.rate[0]) && isnan(l.mean[0]));
    REQUIRE(l.prob[1] == 0.5f && l.prob[n + 1] == 0.5f && isnan(l.prob[2 * n + 1]) && l.prob[3 * n + 1] == 0.5f);
    REQUIRE(l.rate[1] == 3 && l.rate[n + 1] == 3 && l.rate[2 * n + 1] == 4 && l.mean[1] == 0);
    REQUIRE(l.prob[2] == 1 && fabsf(l.prob[n + 2] - 0.7f) < 5e-4f && l.prob[2 * n + 2] == l.prob[n + 2] &&
            l.prob[3 * n + 2] == 0);
    REQUIRE(l.rate[2] == 0 && isnan(l.rate[n + 2]) && l.rate[2 * n + 2] == 0.5f);

    int nc, var;
    REQUIRE(!nc_open(test_path("f.nc"), NC_NOWRITE, &nc) && !nc_inq_varid(nc, PROB, &var));
    float *raw = malloc(12 * n * sizeof *raw);
    REQUIRE(raw && !nc_get_var_float(nc, var, raw) && !nc_close(nc));
    for (size_t i = 0; i < 12 * n; i++)
        REQUIRE(!isnan(raw[i]) && (raw[i] == NC_FILL_FLOAT) == (i % n % 3 == 0 || (i / n % 4 == 2 && i % n % 3 == 1)));
    free(raw);
    sq_lead_finish(&l);
    sq_forecast_finish(&f);
}

static void what_nobody_saw_and_what_is_dry_takes_little_room(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct small_grid g = small_grids[0];
    g.nx = g.ny = 1000;
    struct sq_forecast f = small_forecast(&g);
    struct sq_lead l = {0};
    long size[2];
    free(f.quality);
    f.quality = NULL;
    free(f.observed);
    f.observed = NULL;
    REQUIRE_OK(sq_lead_init(&l, &f, &err)); /* NaN */
    for (int dry = 0; dry < 2; dry++) {
        struct sq_product_writer *w = NULL;
        for (size_t i = 0; i < 1000000 && dry; i++)
            l.mean[i] = 0;
        REQUIRE_OK(sq_product_create(test_path("f.nc"), &f, &w, &err));
        for (int k = 0; k < 3; k++)
            REQUIRE_OK(sq_product_put(w, k, &l, &err));
        REQUIRE_OK(sq_product_publish(w, &err));
        sq_product_destroy(&w);
        size[dry] = size_of(test_path("f.nc"));
    }
    /* of 96 MB raw: nothing but what the file says of itself, and three dry maps of 16 chunks */
    REQUIRE(size[0] < 80000);
    REQUIRE(size[1] > size[0] && size[1] < size[0] + 3 * 16 * 500 + 20000);
    sq_lead_finish(&l);
    sq_forecast_finish(&f);
}

static char *date_created(const char *path, char out[32])
{
    int nc;
    memset(out, 0, 32);
    REQUIRE(!nc_open(path, NC_NOWRITE, &nc) && !nc_get_att_text(nc, NC_GLOBAL, "date_created", out) && !nc_close(nc));
    return out;
}

static void the_same_forecast_gives_the_same_bytes_whatever_the_threads(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct small_grid g = small_grids[0];
    g.nx = g.ny = 300; /* four chunks */
    struct sq_forecast f = small_forecast(&g);
    char date[2][32];
    f.n_lead = f.n_percentile = 1;
    int tries = 0;
    do { /* until both fall into one second: the date is a part of the bytes */
        if (tries++ == 50)
            skip(); /* a very busy machine */
        omp_set_num_threads(1);
        REQUIRE_OK(small_write(test_path("a.nc"), &f, f.n_lead, &err));
        omp_set_num_threads(4);
        REQUIRE_OK(small_write(test_path("b.nc"), &f, f.n_lead, &err));
    } while (strcmp(date_created(test_path("a.nc"), date[0]), date_created(test_path("b.nc"), date[1])));
    omp_set_num_threads(1);
    size_t n[2];
    char *a = slurp(test_path("a.nc"), &n[0]), *b = slurp(test_path("b.nc"), &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(a, b, n[0]);
    free(a);
    free(b);
    sq_forecast_finish(&f);
}

/* ---- whole or not at all --------------------------------------------------------------------------------- */

static void without_publish_nothing_is_left(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    struct sq_product_writer *w = NULL;
    REQUIRE_OK(sq_product_create(test_path("f.nc"), &f, &w, &err));
    assert_int_equal(files(), 1);
    REQUIRE(access(test_path("f.nc"), F_OK));
    sq_product_destroy(&w);
    assert_int_equal(files(), 0);
    REQUIRE(!w);
    sq_product_destroy(&w);
    REQUIRE_STATUS(small_write(test_path("f.nc"), &f, 2, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "f.nc") && strstr(err.text, "lead 3 of 3"));
    assert_int_equal(files(), 0);
    sq_forecast_finish(&f);
}

static void a_killed_writer_leaves_the_old_forecast(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_forecast(&small_grids[0]);
    size_t n[2];
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    char *old = slurp(test_path("f.nc"), &n[0]);
    pid_t child = fork();
    if (!child) {
        struct sq_product_writer *w = NULL;
        struct sq_lead l = {0};
        if (sq_lead_init(&l, &f, &err) || sq_product_create(test_path("f.nc"), &f, &w, &err))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = -1;
    REQUIRE(child > 0 && waitpid(child, &how, 0) == child && WIFSIGNALED(how));
    assert_int_equal(files(), 2);
    char *now = slurp(test_path("f.nc"), &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(old, now, n[0]);
    free(old);
    free(now);
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    assert_int_equal(files(), 1);
    sq_forecast_finish(&f);
}

/* Exit status of writing where a file may not become longer than `most`: 0 refused as it should be. */
static int write_limited(const struct sq_forecast *f, rlim_t most)
{
    struct sq_err err = {0};
    struct rlimit limit = {most, most};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    enum sq_status status = small_write(test_path("f.nc"), f, f->n_lead, &err);
    return status == SQ_FAILED && strstr(err.text, "f.nc") && !strchr(err.text, '\n') ? 0 : 1;
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct small_grid g = small_grids[0];
    g.nx = g.ny = 400;
    struct sq_forecast f = small_forecast(&g);
    REQUIRE_OK(small_write(test_path("f.nc"), &f, f.n_lead, &err));
    long whole = size_of(test_path("f.nc"));
    REQUIRE(!unlink(test_path("f.nc")));
    for (int part = 0; part < 20; part++) {
        pid_t child = fork();
        if (!child)
            _exit(write_limited(&f, (rlim_t)(whole * part / 20)));
        int how = -1;
        REQUIRE(child > 0 && waitpid(child, &how, 0) == child);
        if (how)
            fail_msg("disk full after %ld of %ld bytes: %d", whole * part / 20, whole, how);
        assert_int_equal(files(), 0);
    }
    sq_forecast_finish(&f);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct small_grid g = small_grids[0];
    struct sq_forecast f = small_forecast(&g);
    REQUIRE_STATUS(small_write(test_path("no/f.nc"), &f, 3, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "/no"));
    f.grid.nx = 1;
    REQUIRE_STATUS(small_write(test_path("f.nc"), &f, 3, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "2 x 2"));
    f.grid.nx = g.nx;
    strcpy(f.grid.crs, "+proj=nonsense");
    REQUIRE_STATUS(small_write(test_path("f.nc"), &f, 3, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "nonsense"));
    assert_int_equal(files(), 0);
    sq_forecast_finish(&f);
}

#define TEST(f) cmocka_unit_test_teardown(f, test_end)
int main(void)
{
    sq_log_level(SQ_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(a_killed_writer_leaves_the_old_forecast), /* first: threads do not outlive a fork */
        TEST(a_full_disk_leaves_nothing),
        TEST(a_forecast_comes_back_on_every_grid),
        TEST(a_forecast_of_many_chunks_comes_back),
        TEST(a_forecast_of_little_comes_back),
        TEST(the_projection_is_understood_by_cf_alone),
        TEST(order_is_enforced_and_nan_never_written),
        TEST(what_nobody_saw_and_what_is_dry_takes_little_room),
        TEST(the_same_forecast_gives_the_same_bytes_whatever_the_threads),
        TEST(without_publish_nothing_is_left),
        TEST(what_cannot_be_written_is_refused),
    };
    omp_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
