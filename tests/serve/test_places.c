/* The forecast at a place, as numbers, words and a picture. */
#include "small_site.h"

static void a_place_gets_what_the_file_holds(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_site *s = small_site_of(&small_grids[1]);
    struct sq_forecast f = small_hour(&small_grids[1], 0);
    const struct sq_forecast *back;
    struct sq_product_reader *r = NULL;
    struct sq_point p = {0};
    char target[128], *want = NULL;
    const double place[2] = {f.grid.x0 + 33 * f.grid.dx, f.grid.y0 - 20 * f.grid.dy};
    REQUIRE_OK(sq_product_open(test_path("squall_20160711T2200Z.nc"), &back, &r, &err));
    REQUIRE_OK(sq_product_point(r, place, &p, &err));
    REQUIRE_OK(sq_point_write(&p, &(struct sq_point_params){.form = SQ_POINT_JSON, .run = "20160711T2200Z"}, &want, &err));
    snprintf(target, sizeof target, "/point?lon=%.9g&lat=%.9g", place[0], place[1]);
    char *got = body_of(s, target);
    assert_string_equal(got, want); /* from memory and from the file: the same numbers */
    REQUIRE(is_json(got) && strstr(got, "\"covered\":true"));
    float x = 33.0f / 40, y = 20.0f / 30, wet = (x - 0.6f) * (0.5f + y); /* small_lead */
    REQUIRE_NEAR(atof(strstr(got, "\"probability\":[[") + 16), 1, 0);
    REQUIRE_NEAR(p.prob[1], fminf(1, 2 * wet), 1.0 / 2048); /* threshold 1 mm/h; rounding of the file */
    free(got);
    free(want);
    sq_point_finish(&p);
    sq_product_close(&r);
    sq_forecast_finish(&f);
    sq_site_destroy(&s);
}

static void places_without_a_forecast_are_told_so(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[1]);
    static const char *const target[] = {"/point?lon=0&lat=0", "/point?lon=-129.99&lat=54.9"}; /* off the grid; west */
    for (int i = 0; i < 2; i++) {
        char *got = body_of(s, target[i]);
        REQUIRE(is_json(got) && strstr(got, "\"covered\":false") && strstr(got, "No forecast here"));
        REQUIRE(strstr(got, "\"mean\":[null,null"));
        free(got);
    }
    sq_site_destroy(&s);
}

static void a_place_in_other_words(void **state)
{
    (void)state;
    struct sq_site *s = small_site_of(&small_grids[1]);
    char *cov = body_of(s, "/point?lon=-129.7&lat=54.8&f=covjson"), *svg;
    REQUIRE(is_json(cov) && strstr(cov, "\"type\":\"Coverage\"") && strstr(cov, "\"shape\":[12,4]"));
    free(cov);
    svg = body_of(s, "/plume.svg?lon=-129.7&lat=54.8&w=400&h=300&utc_offset=-420");
    REQUIRE(!strncmp(svg, "<svg ", 5) && strstr(svg, "<title>") && strstr(svg, "</svg>\n"));
    REQUIRE(!strstr(svg, "nan") && !strstr(svg, "inf") && !strstr(svg, "<script"));
    free(svg);
    svg = body_of(s, "/plume.svg?lon=0&lat=0");
    REQUIRE(strstr(svg, "No forecast here") && !strstr(svg, "nan"));
    free(svg);
    sq_site_destroy(&s);
}

/* Sentences from chances of rain at 5, 10, ... 60 minutes. */
static void sentences_say_when(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = small_hour(&small_grids[0], 0);
    struct sq_point p = {0};
    char text[SQ_SENTENCE_MAX];
    const double place[2] = {0, 0};
    static const struct {
        float observed, chance[12];
        const char *want;
    } c[] = {
        {NAN, {0, 0, 0, 0, 0.2f, 0.5f, 0.7f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f}, "Rain begins in 20\u201335 min, 70 %"},
        {0, {0.6f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f, 0.8f}, "Rain begins in 0\u20135 min, 80 %"},
        {0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.02f, 0.04f}, "No rain expected until 23:00 UTC, 4 %"},
        {2, {1, 1, 0.9f, 0.7f, 0.5f, 0.3f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f}, "Rain now; it ends in 15\u201330 min, 80 %"},
        {NAN, {1, 1, 1, 1, 1, 1, 1, 0.9f, 0.9f, 0.9f, 0.9f, 0.9f}, "Rain now, and until 23:00 UTC, 90 %"},
    };
    REQUIRE_OK(sq_point_init(&p, &f, place, &err));
    assert_string_equal(sq_point_sentence(&p, text), "No forecast here");
    p.covered = true;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        p.observed_mmh = c[i].observed;
        for (int k = 0; k < 12; k++)
            p.prob[k * f.n_threshold] = c[i].chance[k];
        assert_string_equal(sq_point_sentence(&p, text), c[i].want);
    }
    sq_point_finish(&p);
    sq_forecast_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(a_place_gets_what_the_file_holds),
        CASE(places_without_a_forecast_are_told_so),
        CASE(a_place_in_other_words),
        CASE(sentences_say_when),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
