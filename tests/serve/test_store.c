/* Forecasts come, stay and go; bad files are kept out. */
#include "small_site.h"

static void a_new_forecast_takes_over_and_the_old_one_stays(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_store *store = sq_site_store(s);
    struct sq_shelf *held = sq_store_hold(store);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 0); /* nothing new */
    small_file("squall_20160711T2205Z.nc", &small_grids[0], 300);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    struct sq_response r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2205Z");
    sq_response_finish(&r);
    assert_int_equal(code_of(s, "/" TILE), 200);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-5/0/0/0.png"), 200); /* what the older one observed */
    assert_string_equal(held->run[0]->name, "20160711T2200Z");                /* as it was */
    for (int i = 2; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "squall_20160711T22%02dZ.nc", 5 * i);
        small_file(name, &small_grids[0], 300 * i);
        assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    }
    assert_int_equal(code_of(s, "/" TILE), 404); /* three are kept */
    assert_int_equal(code_of(s, "/tiles/prob/20160711T2210Z/5/0/0/0.png"), 200);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-20/0/0/0.png"), 200); /* its frame is kept for longer */
    assert_string_equal(held->run[0]->name, "20160711T2200Z");
    sq_shelf_release(held);
    sq_site_destroy(&s);
    s = small_site(); /* started afresh: as many forecasts, all frames */
    assert_int_equal(sq_store_scan(sq_site_store(s), SMALL_NOW), 3);
    assert_int_equal(code_of(s, "/tiles/observed/latest/-20/0/0/0.png"), 200);
    assert_int_equal(code_of(s, "/tiles/prob/20160711T2205Z/5/0/0/0.png"), 404);
    sq_site_destroy(&s);
}

static void bad_files_are_kept_out(void **state)
{
    (void)state;
    size_t n;
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_store *store = sq_site_store(s);
    struct sq_store_count count;
    char *bytes = slurp(test_path("squall_20160711T2200Z.nc"), &n);
    small_file("squall_20160711T2210Z.nc", &small_grids[0], 600);
    put_bytes(test_path("squall_20160711T2300Z.nc"), bytes, n / 2);
    put_bytes(test_path("squall_20160711T2301Z.nc"), bytes, 0);
    put_bytes(test_path("squall_20160711T2302Z.nc"), "nonsense", 8);
    bytes[n / 3] ^= 1;
    put_bytes(test_path("squall_20160711T2303Z.nc"), bytes, n);
    put_bytes(test_path(".squall_20160711T2304Z.nc"), bytes, n); /* somebody is writing it */
    put_bytes(test_path("notes.txt"), bytes, n);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1); /* the good one among them */
    sq_store_count(store, &count);
    REQUIRE(count.taken == 2 && count.failed == 4);
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 0); /* not tried again */
    sq_store_count(store, &count);
    REQUIRE(count.failed == 4);
    struct sq_response r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2210Z");
    sq_response_finish(&r);
    bytes[n / 3] ^= 1;
    put_bytes(test_path("squall_20160711T2301Z.nc"), bytes, n); /* copied at last: the first forecast over again */
    assert_int_equal(sq_store_scan(store, SMALL_NOW), 1);
    sq_store_count(store, &count);
    REQUIRE(count.failed == 4);
    r = ask(s, "/tiles/prob/latest/5/0/0/0.png");
    assert_string_equal(r.run, "20160711T2210Z");
    sq_response_finish(&r);
    free(bytes);
    sq_site_destroy(&s);
}

static void a_second_forecast_of_a_time_has_another_name(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_site *s = small_site_of(&small_grids[0]);
    struct sq_forecast f = small_hour(&small_grids[0], 0);
    struct sq_response first = ask(s, "/" TILE), second;
    for (int i = 0; i < f.n_lead; i++)
        f.lead_s[i] += 60;
    REQUIRE_OK(small_write(test_path("squall_20160711T2200Z.nc"), &f, f.n_lead, &err));
    assert_int_equal(sq_store_scan(sq_site_store(s), SMALL_NOW), 1);
    second = ask(s, "/tiles/prob/latest/31/7/30/48.png");
    assert_string_equal(second.run, "20160711T2200Z_r1");
    REQUIRE(strcmp(second.etag, first.etag) != 0);
    sq_response_finish(&second);
    second = ask(s, "/" TILE);
    REQUIRE(second.code == 200 && !strcmp(second.etag, first.etag)); /* what was fixed stays */
    sq_response_finish(&second);
    sq_response_finish(&first);
    sq_forecast_finish(&f);
    sq_site_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(a_new_forecast_takes_over_and_the_old_one_stays),
        CASE(bad_files_are_kept_out),
        CASE(a_second_forecast_of_a_time_has_another_name),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
