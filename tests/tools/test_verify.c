/* squall verify as a program, on an event and forecasts that are made up, beside the independent scorer. */
#include "program.h"
#include "scorer.h"

#include "core/instant.h"
#include "core/publish.h"
#include "serve/serve.h"

enum { NX = 96, NY = 72, STEP = 300, FRAMES = 6, STARTS = 2, LEADS = 3 };
#define T0 1468270800 /* 2016-07-11 21:00 */
#define CELL 1000.0

/* ---- tables -------------------------------------------------------------------------------------------- */

struct table {
    char *text;
    int rows, columns;
    char **cell; /* (rows, columns); row 0 is the head */
};

static struct table table_read(const char *path)
{
    struct table t = {0};
    FILE *f = fopen(path, "r");
    REQUIRE(f);
    t.text = calloc(1, 1 << 20);
    REQUIRE(fread(t.text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    t.cell = calloc(100000, sizeof *t.cell);
    char *rest = t.text, *line;
    while ((line = strsep(&rest, "\n")) && *line) {
        int n = 0;
        for (char *c; (c = strsep(&line, ",\r")) && n < (t.columns ? t.columns : 1000); n++)
            t.cell[t.rows * t.columns + n] = c;
        t.columns = t.columns ? t.columns : n;
        t.rows++;
    }
    return t;
}

static void table_free(struct table *t)
{
    free(t->text);
    free(t->cell);
}

static int column_of(const struct table *t, const char *name)
{
    for (int i = 0; i < t->columns; i++)
        if (!strcmp(t->cell[i], name))
            return i;
    return -1;
}

static double number_at(const struct table *t, int row, int column)
{
    const char *text = t->cell[row * t->columns + column];
    return *text && strcmp(text, "nan") ? atof(text) : NAN;
}

/* Row of the scorer's table for a label and lead. */
static int row_of(const struct table *t, const char *label, const char *lead)
{
    for (int i = 1; i < t->rows; i++) {
        const char *l = t->cell[i * t->columns + 1];
        bool same = !strcmp(lead, "all") || !strcmp(l, "all") ? !strcmp(l, lead) : atof(l) == atof(lead);
        if (!strcmp(t->cell[i * t->columns], label) && same)
            return i;
    }
    fail_msg("score.py has no row %s %s", label, lead);
    return -1;
}

/* The same of a table of ours, which has a row a threshold; -1: none. */
static int row_of_threshold(const struct table *t, const char *label, const char *lead, const char *threshold)
{
    for (int i = 1; i < t->rows; i++) {
        char **row = t->cell + i * t->columns;
        if (!strcmp(row[0], label) && !strcmp(row[1], lead) && !strcmp(row[2], threshold))
            return i;
    }
    return -1;
}

/* The scorer's name for a column of ours at a threshold; false for what it has not. */
static bool theirs_for(const char *ours, const char *threshold, char ret[64])
{
    static const char *const unknown[] = {"label", "lead_min", "threshold_mmh", "CRPS", "MAE", "PMAX"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!strcmp(ours, unknown[i]))
            return false;
    if (!strcmp(ours, "N") || !strcmp(ours, "CRPSb"))
        snprintf(ret, 64, "%s", !strcmp(ours, "N") ? "n" : ours);
    else if (!strncmp(ours, "FSS", 3))
        snprintf(ret, 64, "FSS%g_%s", atof(ours + 3), threshold);
    else
        snprintf(ret, 64, "%s_%s", !strcmp(ours, "BASE") ? "base" : ours, threshold);
    return true;
}

/* Every number of ours against the scorer's; returns how many agreed. */
static int compare(const char *our_csv, const char *their_csv)
{
    struct table a = table_read(our_csv), b = table_read(their_csv);
    int n = 0;
    double worst = 0;
    for (int i = 1; i < a.rows; i++) {
        char **row = a.cell + i * a.columns, name[64];
        int k = row_of(&b, row[0], row[1]);
        for (int j = 0; j < a.columns; j++) {
            if (!theirs_for(a.cell[j], row[2], name))
                continue;
            int column = column_of(&b, name);
            REQUIRE(column >= 0);
            double x = number_at(&a, i, j), y = number_at(&b, k, column);
            double gap = isnan(x) && isnan(y) ? 0 : fabs(x - y);
            if (!(gap <= 1e-4))
                fail_msg("%s %s %s: ours %.9g, score.py %.9g", row[0], row[1], name, x, y);
            worst = gap > worst ? gap : worst;
            n += !isnan(x);
        }
    }
    table_free(&a);
    table_free(&b);
    print_message("# %d scores agree with score.py, the largest difference is %.2g\n", n, worst);
    return n;
}

/* ---- the made-up archive ------------------------------------------------------------------------------- */

static void make_event(const char *path, int64_t t0)
{
    struct sq_forecast f = made_forecast(NX, NY, CELL);
    float *rate = malloc(FRAMES * NX * NY * sizeof *rate);
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < NX * NY; i++)
            rate[t * NX * NY + i] = i % 97 < 2 ? NAN : made_rain(7, i % NX + 2 * t, i / NX, 9);
    netcdf_event(path, &f.grid, t0, STEP, FRAMES, rate);
    free(rate);
}

/* LABEL/squall_*.nc on a grid, as squall writes them. */
static void make_forecasts(const char *label, const struct sq_grid *grid, int bias, double width)
{
    struct sq_err err = {0};
    char path[128], text[32];
    REQUIRE_OK(sq_publish_folder(label, &err));
    for (int t = 0; t < STARTS; t++) {
        struct sq_forecast f = made_forecast(grid->nx, grid->ny, CELL);
        struct sq_product_writer *w = NULL;
        f.grid = *grid;
        f.cell_m[0] = f.cell_m[1] = grid->dx;
        f.issue_time = T0 + t * STEP;
        f.n_lead = LEADS;
        f.n_percentile = 1;
        f.percentile[0] = 50;
        strcpy(f.method, "advection");
        for (int k = 0; k < LEADS; k++)
            f.lead_s[k] = (k + 1) * STEP;
        snprintf(path, sizeof path, "%s/squall_%s.nc", label, sq_instant_compact(f.issue_time, text));
        REQUIRE_OK(sq_product_create(path, &f, &w, &err));
        for (int k = 0; k < LEADS; k++) {
            struct sq_lead l = {0};
            size_t cells = sq_grid_cells(grid);
            REQUIRE_OK(sq_lead_init(&l, &f, &err));
            made_lead(&l, &f, CELL, 7, 2 * (t + k + 1) + bias, width);
            memcpy(l.rate, l.mean, cells * sizeof *l.rate);
            for (size_t i = 0; i < cells; i += 53 + (size_t)bias) { /* no forecast there */
                for (int c = 0; c < f.n_threshold; c++)
                    l.prob[(size_t)c * cells + i] = NAN;
                l.mean[i] = l.rate[i] = NAN;
            }
            REQUIRE_OK(sq_product_put(w, k, &l, &err));
            sq_lead_finish(&l);
        }
        REQUIRE_OK(sq_product_publish(w, &err));
        sq_product_destroy(&w);
    }
}

/* Every test starts in an empty folder. */
static void begin(void)
{
    test_remove(test_path("case"));
    REQUIRE(!mkdir(test_path("case"), 0700) && !chdir(test_path("case")));
    make_event("event.nc", T0);
}

static void agrees_on(const struct sq_grid *grid)
{
    begin();
    make_forecasts("near", grid, 0, 0.3);
    make_forecasts("far", grid, 3, 0.7);
    require_done(squall("verify", "near", "far", "--truth", "event.nc", "--no-baselines", "-o", "out"));
    run("%s --event event.nc --forecast near='near/*.nc' --forecast far='far/*.nc' --thresholds "
        "0.1,0.2,1,2,5,10 "
        "--csv theirs.csv > /dev/null",
        scorer_path());
    REQUIRE(compare("out/scores.csv", "theirs.csv") >=
            2 * (LEADS + 1) * 6 * 14); /* labels, leads, t, scores */
    REQUIRE(count_files("out", "reliability_", ".png") == 6 && count_files("out", "bss_", ".png") == 6);
    REQUIRE(count_files("out", "crpsb", ".png") == 1);
}

static void agrees_with_the_scorer(void **state)
{
    (void)state;
    NEED_SCORER();
    agrees_on(&(struct sq_grid){NX, NY, 0, 0, CELL, CELL, MADE_CRS});
    agrees_on(&(struct sq_grid){40, 31, 17 * CELL, -9 * CELL, CELL, CELL, MADE_CRS}); /* a window */
    agrees_on(&(struct sq_grid){30, 22, 5.5 * CELL, -7.5 * CELL, 2 * CELL, 2 * CELL, MADE_CRS}); /* 2 x 2 */
}

static void says_what_is_missing(void **state)
{
    (void)state;
    struct sq_grid whole = {NX, NY, 0, 0, CELL, CELL, MADE_CRS};
    struct sq_grid odd = {40, 31, 17.3 * CELL, -9 * CELL, CELL, CELL, MADE_CRS};
    begin();
    make_event("late.nc", T0 + 86400);
    make_forecasts("whole", &whole, 0, 0.3);
    make_forecasts("odd", &odd, 0, 0.3);
    require_refusal(squall("verify", "whole"), 2, "--truth");
    require_refusal(squall("verify", "--truth", "event.nc"), 2, "FORECAST");
    require_refusal(squall("verify", "none.nc", "--truth", "event.nc"), 75, "none.nc");
    require_refusal(squall("verify", "event.nc", "--truth", "event.nc"), 1, "event.nc");
    require_refusal(squall("verify", "whole", "--truth", "none.nc"), 75, "none.nc");
    require_refusal(squall("verify", "odd", "--no-baselines", "--truth", "event.nc"), 1, "not aligned");
    require_refusal(squall("verify", "whole", "odd", "--truth", "event.nc"), 1, "score them separately");
    require_refusal(squall("verify", "a=whole", "a=whole", "--truth", "event.nc"), 2, "already");
    require_refusal(squall("verify", "whole", "--leads", "7", "--truth", "event.nc"), 75,
                    "nothing to compare");
    require_refusal(squall("verify", "whole", "--thresholds", "0", "--truth", "event.nc"), 2, "thresholds");
    require_refusal(squall("verify", "whole", "--mask", "event.nc", "--truth", "event.nc"), 1, "no mask");
    require_refusal(squall("verify", "whole", "--no-baselines", "--truth", "late.nc"), 75,
                    "without an observation");
}

/* The last map of the second start lies after the last frame but one: it is counted, and the rest is scored.
 */
static void a_gap_is_counted(void **state)
{
    (void)state;
    begin();
    make_event("early.nc", T0 - 2 * STEP);
    make_forecasts("whole", &(struct sq_grid){NX, NY, 0, 0, CELL, CELL, MADE_CRS}, 0, 0.3);
    const struct said *s = squall("verify", "whole", "--no-baselines", "--truth", "early.nc");
    require_done(s);
    REQUIRE(strstr(s->out, "2 starts, 5 maps compared") && strstr(s->err, "1 of 6 maps have no observation"));
}

/* Synthesised, forecast, verified: what squall makes by itself. The baseline of verify is the forecast of the
 * same method, but for the packing of the file. */
static void the_whole_way(void **state)
{
    (void)state;
    begin();
    require_done(squall("synth", "-o", "storm.nc", "--frames", "16", "--start", "2016-07-11T21:00Z"));
    const char *const at[] = {"2016-07-11T21:30Z", "2016-07-11T21:40Z"};
    for (int i = 0; i < 2; i++)
        require_done(squall("forecast", "storm.nc", "-o", "out", "--at", at[i], "--leads", "5,20",
                            "--no-pictures", "--method", "advection"));
    require_done(squall("verify", "mine=out/*.nc", "--truth", "storm.nc", "-o", "scores", "--leads", "5,20"));
    struct table t = table_read("scores/scores.csv");
    int bs = column_of(&t, "BS"), n = column_of(&t, "N"), compared = 0;
    for (int i = 1; i < t.rows; i++) {
        char **row = t.cell + i * t.columns;
        int same = strcmp(row[0], "mine") ? -1 : row_of_threshold(&t, "advection", row[1], row[2]);
        if (same < 0)
            continue;
        REQUIRE(number_at(&t, i, n) == number_at(&t, same, n) && number_at(&t, i, n) > 0);
        REQUIRE_NEAR(number_at(&t, i, bs), number_at(&t, same, bs), 1e-3); /* probabilities are packed */
        compared++;
    }
    assert_int_equal(compared, 3 * 6); /* two leads and all, thresholds */
    table_free(&t);
    REQUIRE(count_files("scores", "reliability_", ".png") == 3 * 6);
    if (!scorer_path())
        return;
    run("%s --event storm.nc --forecast mine='out/*.nc' --thresholds 0.1,0.2,1,2,5,10 --csv theirs.csv > "
        "/dev/null",
        scorer_path());
    require_done(squall("verify", "mine=out", "--truth", "storm.nc", "-o", "alone", "--no-baselines"));
    REQUIRE(compare("alone/scores.csv", "theirs.csv") >=
            3 * 6 * 12); /* heavy rain may leave some undefined */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_scorer),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(a_gap_is_counted),
        cmocka_unit_test(the_whole_way),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
