/* Samples used several times over: what a use sees depends on its number alone, and is turned as one. */
#include "bank.h"

#include "made.h"
#include "scene_features.h"
#include "test.h"

enum { SIDE = 64, SIZE = 32, LEADS = 2, EDGES = 3, F = SQ_FEATURES(4), REUSE = 3 };

struct shown {
    float features[SIZE * SIZE * F], truth[LEADS * SIZE * SIZE], base[LEADS * EDGES * SIZE * SIZE];
    int lead_s[LEADS];
};

/* Showers that stand still, of which no two rows or columns are alike. */
static void make_event(struct sq_cube *c)
{
    made_cube(c, SIDE, SIDE, 8);
    for (int f = 0; f < c->n; f++)
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                c->frame[f].rate_mmh[i * SIDE + j] =
                    fmaxf(0, 8 * sinf(0.3f * (float)j + 0.002f * (float)(i * i)) * cosf(0.2f * (float)i));
}

static void open_bank(const struct sq_cube *c, int reuse, struct sq_library **l, struct sq_bank **b)
{
    struct sq_err err = {0};
    static struct sq_lesson lesson;
    const struct sq_sample_params p = {.size = SIZE,
                                       .leads = LEADS,
                                       .most_lead_s = 1800,
                                       .most_stride = 1,
                                       .most_step_s = 900,
                                       .n_native = 1,
                                       .slots = sq_slots_last,
                                       .n_edge = EDGES,
                                       .edge_mmh = {0.1f, 1, 4}};
    const struct sq_bank_params q = {
        .seed = 5, .reuse = reuse, .size = SIZE, .features = F, .leads = LEADS, .edges = EDGES};
    lesson = (struct sq_lesson){.cube = *c};
    REQUIRE_OK(sq_library_create(&lesson, 1, NULL, &p, l, &err));
    REQUIRE_OK(sq_bank_create(*l, &q, b, &err));
}

static void take(struct sq_bank *b, int use, struct shown *s)
{
    struct sq_err err = {0};
    memset(s, 0, sizeof *s);
    REQUIRE_OK(sq_bank_take(b, use, s->features, s->truth, s->base, s->lead_s, &err));
}

/* What no turn changes: the sum of the newest frame. */
static double mark(const struct shown *s)
{
    double sum = 0;
    for (int i = 0; i < SIZE * SIZE; i++)
        sum += (double)s->features[i * F];
    return sum;
}

static void a_later_start_sees_what_would_have_come(void **state)
{
    (void)state;
    enum { USES = 40, FROM = 17 };
    static struct shown a[USES], b;
    struct sq_cube c;
    struct sq_library *l = NULL;
    struct sq_bank *bank = NULL;
    make_event(&c);
    open_bank(&c, REUSE, &l, &bank);
    for (int k = 0; k < USES; k++)
        take(bank, k, &a[k]);
    sq_bank_destroy(&bank);
    sq_library_destroy(&l);
    open_bank(&c, REUSE, &l, &bank);
    for (int k = FROM; k < USES; k++) {
        take(bank, k, &b);
        assert_memory_equal(&a[k], &b, sizeof b);
    }
    sq_bank_destroy(&bank);
    sq_library_destroy(&l);
    sq_cube_finish(&c);
}

static int distinct(struct sq_bank *b, int uses)
{
    double seen[64];
    int n = 0;
    for (int k = 0, i; k < uses; k++) {
        static struct shown s;
        take(b, k, &s);
        for (i = 0; i < n && fabs(seen[i] - mark(&s)) > 1e-3; i++) /* another order of adding */
            continue;
        if (i == n)
            seen[n++] = mark(&s);
    }
    return n;
}

static void a_sample_is_used_as_often_as_asked(void **state)
{
    (void)state;
    struct sq_cube c;
    make_event(&c);
    for (int reuse = 1; reuse <= REUSE; reuse += 2) {
        struct sq_library *l = NULL;
        struct sq_bank *bank = NULL;
        open_bank(&c, reuse, &l, &bank);
        assert_in_range(distinct(bank, 60), 60 / reuse - 2, 60 / reuse); /* windows may be drawn twice */
        sq_bank_destroy(&bank);
        sq_library_destroy(&l);
    }
    sq_cube_finish(&c);
}

/* Rain stands still and is not made stronger: truth is the newest frame, and advection expects rain where it
 * is. */
static void all_of_a_sample_is_turned_alike(void **state)
{
    (void)state;
    static struct shown s;
    struct sq_cube c;
    struct sq_library *l = NULL;
    struct sq_bank *bank = NULL;
    make_event(&c);
    open_bank(&c, REUSE, &l, &bank);
    for (int use = 0; use < 24; use++) {
        double wet = 0, dry = 0, n_wet = 0, n_dry = 0;
        take(bank, use, &s);
        for (int i = 0; i < SIZE * SIZE; i++) {
            if (isnan(s.truth[i]))
                continue;
            REQUIRE_NEAR(sq_feature_rate(s.features[i * F]), s.truth[i], 1e-3 * (1 + (double)s.truth[i]));
            *(s.truth[i] >= 1 ? &wet : &dry) += (double)s.base[SIZE * SIZE + i];
            *(s.truth[i] >= 1 ? &n_wet : &n_dry) += 1;
        }
        REQUIRE(n_wet > 20 && n_dry > 20 && wet / n_wet > 0.2 + dry / n_dry);
    }
    sq_bank_destroy(&bank);
    sq_library_destroy(&l);
    sq_cube_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_start_sees_what_would_have_come),
        cmocka_unit_test(a_sample_is_used_as_often_as_asked),
        cmocka_unit_test(all_of_a_sample_is_turned_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
