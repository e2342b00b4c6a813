#include "scorer.h"

#include "model/model.h"
#include "model/scores.h"

/* ---- parts against their definitions ----------------------------------------------------------------- */

/* CRPS by the midpoint rule over the distribution's own exceedance function. */
static double crps_by_steps(const struct sq_distribution *d, const float *p, double y)
{
    double sum = 0, h = 2e-3, end = (double)d->edge[d->n - 1] + 12 * (double)d->tail_mmh;
    for (double t = h / 2; t < end || t < y; t += h) {
        double g = (double)sq_distribution_exceed(d, p, (float)t) - (y >= t);
        sum += h * g * g;
    }
    return sum;
}

static void crps_is_the_integral(void **state)
{
    (void)state;
    struct sq_distribution d = {SQ_THRESHOLDS, sq_thresholds_mmh, SQ_TAIL_MMH};
    struct sq_crps c;
    sq_crps_init(&c, d.n, d.edge, d.tail_mmh);
    const double ys[] = {0, 0.04, 0.1, 0.13, 0.5, 2.2, 7, 49, 50, 71};
    uint64_t seed = 1;
    for (int trial = 0; trial < 4; trial++) {
        float p[SQ_THRESHOLDS], apart[3 * SQ_THRESHOLDS];
        float fall = (float)made_uniform(&seed);
        for (int k = 0; k < d.n; k++)
            p[k] = trial == 0 ? 0 : powf(fall, (float)k * 0.3f) * (float)(1 - 0.3 * (trial == 2));
        for (int k = 0; k < d.n; k++)
            apart[3 * k] = p[k];
        for (size_t i = 0; i < sizeof ys / sizeof *ys; i++) {
            double want = crps_by_steps(&d, p, ys[i]);
            REQUIRE_NEAR(sq_crps_cell(&c, apart, 3, ys[i]), want, 3e-3); /* one step of the rule, and float */
        }
        if (trial == 0)
            REQUIRE(sq_crps_cell(&c, p, 1, 0) == 0);
    }
}

/* The box of sizes odd, even, 1 and beyond the map, as sums over windows. */
static void fss_is_a_box_sum(void **state)
{
    (void)state;
    struct sq_err err = {0};
    enum { NX = 23, NY = 17 };
    float f[NX * NY], o[NX * NY];
    uint64_t seed = 3;
    for (int i = 0; i < NX * NY; i++) {
        f[i] = made_uniform(&seed) < 0.3 ? 1 : (float)rint(8 * made_uniform(&seed)) / 8;
        o[i] = made_uniform(&seed) < 0.2;
    }
    const int boxes[][2] = {{1, 1}, {2, 2}, {3, 3}, {4, 5}, {10, 10}, {20, 20}, {23, 17}, {47, 60}, {1, 4}};
    for (size_t b = 0; b < sizeof boxes / sizeof *boxes; b++) {
        double want[3] = {0}, got[3];
        for (int y = 0; y < NY; y++)
            for (int x = 0; x < NX; x++) {
                double sf = 0, so = 0;
                for (int v = y - boxes[b][1] / 2; v < y - boxes[b][1] / 2 + boxes[b][1]; v++)
                    for (int u = x - boxes[b][0] / 2; u < x - boxes[b][0] / 2 + boxes[b][0]; u++)
                        if (u >= 0 && u < NX && v >= 0 && v < NY) {
                            sf += (double)f[v * NX + u];
                            so += (double)o[v * NX + u];
                        }
                want[0] += sf * sf;
                want[1] += so * so;
                want[2] += sf * so;
            }
        REQUIRE_OK(sq_fss_sums(f, o, NX, NY, boxes[b], got, &err));
        for (int i = 0; i < 3; i++)
            REQUIRE_NEAR(got[i], want[i], 1e-9 * (1 + want[i])); /* sums of eighths are exact in double */
    }
}

/* Four cells worked by hand: p = 1, 0.6, 0.4, 0 and events yes, no, yes, no at 1 mm/h. */
static void four_cells_by_hand(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = made_forecast(4, 1, 1000);
    f.n_threshold = 1;
    f.threshold_mmh[0] = 1;
    float prob[4] = {1, 0.6f, 0.4f, 0}, mean[4] = {2, 1, 0.05f, 0}, truth[4] = {3, 0.5f, 1, 0.09f};
    struct sq_lead l = {prob, NULL, mean};
    struct sq_scored label = {"it", &l};
    float one = 1;
    struct sq_scores *s = NULL;
    REQUIRE_OK(sq_scores_create(&(struct sq_scores_params){&one, 1, &one, 1, 0.1f}, &s, &err));
    REQUIRE_OK(sq_scores_add(s, &f, 600, truth, NULL, &label, 1, &err));
    const struct {
        const char *name;
        double value;
    } want[] = {{"N", 4},
                {"BASE", 0.5},
                {"BS", (0.36 + 0.36) / 4},
                {"BSS", 1 - 0.18 / 0.25},
                {"REL", (0.36 + 0.36) / 4},
                {"RES", 0.25},
                {"ROC", 0.75},
                {"CSI", 1.0 / 3},
                {"POD", 0.5},
                {"FAR", 0.5},
                {"BIAS", 1},
                {"CSImax", 2.0 / 3},
                {"PMAX", 0.005},
                {"CRPSb", 0.18},
                {"MAE", (1 + 0.5 + 1 + 0) / 4},
                {"FSS", 2 * 1.4 / (1 + 0.36 + 0.16 + 2)}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        for (int lead_s = 0; lead_s <= 600; lead_s += 600)
            REQUIRE_NEAR(sq_scores_get(s, "it", lead_s, want[i].name, 1, 1), want[i].value,
                         1e-6); /* float p */
    double fc[10], ob[10], n[10];
    assert_int_equal(sq_scores_reliability(s, "it", 600, 1, 10, fc, ob, n), 4);
    REQUIRE(n[0] == 1 && ob[0] == 0 && ob[3] == 1);
    REQUIRE_NEAR(fc[1], 0.4, 1e-9);
    REQUIRE(isnan(sq_scores_get(s, "it", 600, "BS", 2, 0)) && isnan(sq_scores_get(s, "no", 600, "BS", 1, 0)));
    sq_scores_destroy(&s);
}

/* A cell that one label lacks, or that the mask leaves out, counts for none. */
static void mask_is_common(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = made_forecast(8, 8, 1000);
    struct sq_lead a = {0}, b = {0};
    REQUIRE_OK(sq_lead_init(&a, &f, &err));
    REQUIRE_OK(sq_lead_init(&b, &f, &err));
    made_lead(&a, &f, 1000, 5, 0, 0.5);
    made_lead(&b, &f, 1000, 5, 1, 0.5);
    float truth[64] = {0};
    uint8_t mask[64];
    memset(mask, 1, sizeof mask);
    a.prob[64 * 5 + 7] = NAN; /* one threshold alone */
    b.prob[9] = NAN;
    truth[20] = NAN;
    mask[33] = 0;
    struct sq_scores *s = NULL;
    struct sq_scored label[] = {{"a", &a}, {"b", &b}};
    REQUIRE_OK(sq_scores_create(&(struct sq_scores_params){0}, &s, &err));
    REQUIRE_OK(sq_scores_add(s, &f, 300, truth, mask, label, 2, &err));
    REQUIRE_OK(sq_scores_add(s, &f, 900, truth, NULL, label, 2, &err));
    REQUIRE(sq_scores_get(s, "a", 300, "N", 0, 0) == 60 && sq_scores_get(s, "b", 300, "N", 0, 0) == 60);
    REQUIRE(sq_scores_get(s, "b", 0, "N", 0, 0) == 60 + 61);
    int leads[4];
    const char *labels[4];
    REQUIRE(sq_scores_leads(s, leads, 4) == 2 && leads[0] == 300 && leads[1] == 900);
    REQUIRE(sq_scores_labels(s, labels, 4) == 2 && !strcmp(labels[1], "b"));
    REQUIRE_STATUS(sq_scores_add(s, &f, 0, truth, NULL, label, 2, &err), SQ_FAILED);
    sq_scores_destroy(&s);
    sq_lead_finish(&a);
    sq_lead_finish(&b);
}

/* ---- against the independent scorer ------------------------------------------------------------------ */

/* A forecast file as the scorer wants it; `rate`: the mean as well. */
static void write_forecast(const char *path, const struct sq_forecast *f, const struct sq_lead *l, bool rate)
{
    int nc, d[4], ref, lead, thr, prob, mean = -1;
    NC(nc_create(path, NC_NETCDF4 | NC_CLOBBER, &nc));
    NC(nc_def_dim(nc, "lead", (size_t)f->n_lead, &d[0]));
    NC(nc_def_dim(nc, "threshold", (size_t)f->n_threshold, &d[1]));
    NC(nc_def_dim(nc, "y", (size_t)f->grid.ny, &d[2]));
    NC(nc_def_dim(nc, "x", (size_t)f->grid.nx, &d[3]));
    ref = netcdf_time(nc, "forecast_reference_time", 0, NULL);
    lead = netcdf_float(nc, "lead", 1, d);
    thr = netcdf_float(nc, "threshold", 1, d + 1);
    prob = netcdf_float(nc, "prob", 4, d);
    if (rate)
        mean = netcdf_float(nc, "rate", 3, (int[]){d[0], d[2], d[3]});
    netcdf_axes(nc, &f->grid, d + 2);
    NC(nc_enddef(nc));
    long long t = f->issue_time;
    NC(nc_put_var_longlong(nc, ref, &t));
    NC(nc_put_var_float(nc, thr, f->threshold_mmh));
    for (size_t i = 0; i < (size_t)f->n_lead; i++) {
        size_t ny = (size_t)f->grid.ny, nx = (size_t)f->grid.nx, from[] = {i, 0, 0, 0};
        float minutes = (float)f->lead_s[i] / 60;
        NC(nc_put_var1_float(nc, lead, &i, &minutes));
        NC(nc_put_vara_float(nc, prob, from, (size_t[]){1, (size_t)f->n_threshold, ny, nx}, l[i].prob));
        if (rate)
            NC(nc_put_vara_float(nc, mean, from, (size_t[]){1, ny, nx}, l[i].mean));
    }
    NC(nc_close(nc));
}

/* The score of ours that a column of the scorer's table holds; false for columns that we have not. */
static bool ours(const struct sq_scores *s, const char *label, int lead_s, const char *column, double *ret)
{
    char name[32];
    double t = 0;
    float km = 0;
    const char *bar = strrchr(column, '_');
    snprintf(name, sizeof name, "%.*s", bar ? (int)(bar - column) : 31, column);
    if (bar)
        t = atof(bar + 1);
    if (!strncmp(name, "FSS", 3)) {
        km = (float)atof(name + 3);
        name[3] = 0;
    }
    if (!strcmp(name, "n") || !strcmp(name, "base"))
        strcpy(name, *name == 'n' ? "N" : "BASE");
    if (!strcmp(name, "CRPS") || !strcmp(name, "CRPSf") || !strncmp(name, "mean", 4))
        return false;
    *ret = sq_scores_get(s, label, lead_s, name, (float)t, km);
    return true;
}

/* Every number of the scorer's table against ours; returns how many numbers agreed. `only`: this column. */
static int compare(const char *csv, const struct sq_scores *s, const char *only)
{
    char head[8192], line[8192], *column[256];
    int columns = 0, n = 0;
    double worst = 0;
    FILE *f = fopen(csv, "r");
    REQUIRE(f && fgets(head, sizeof head, f));
    for (char *c = strtok(head, ",\r\n"); c && columns < 256; c = strtok(NULL, ",\r\n"))
        column[columns++] = c;
    while (fgets(line, sizeof line, f)) {
        char *rest = line, *label = strsep(&rest, ","), *lead = strsep(&rest, ",");
        int lead_s = strcmp(lead, "all") ? (int)rint(60 * atof(lead)) : 0;
        for (int i = 2; i < columns; i++) {
            char *text = strsep(&rest, ",\r\n");
            double mine, theirs = *text ? atof(text) : NAN;
            if ((only && strcmp(column[i], only)) || !ours(s, label, lead_s, column[i], &mine))
                continue;
            if (!only && !strcmp(column[i], "MAE"))
                continue; /* the scorer has it for files with a rate alone, where the rest differs */
            double gap = isnan(mine) && isnan(theirs) ? 0 : fabs(mine - theirs);
            if (!(gap <= 1e-4))
                fail_msg("%s %s %s: ours %.9g, score.py %.9g", label, lead, column[i], mine, theirs);
            worst = gap > worst ? gap : worst;
            n += !isnan(mine);
        }
    }
    fclose(f);
    print_message("# %d scores agree with score.py, the largest difference is %.2g\n", n, worst);
    return n;
}

/* Two labels, two starts, three leads; gaps in the truth and in each forecast. */
static void made_up_event(double cell_m)
{
    struct sq_err err = {0};
    enum { NX = 83, NY = 61, CELLS = NX * NY, STEP = 300 };
    const char *dir = test_folder();
    char path[4096];
    struct sq_forecast f = made_forecast(NX, NY, cell_m);
    f.n_lead = 3;
    float *event = malloc(6 * CELLS * sizeof *event);
    for (int t = 0; t < 6; t++)
        for (int i = 0; i < CELLS; i++)
            event[t * CELLS + i] = i % 97 < 2 ? NAN : made_rain(7, i % NX + 2 * t, i / NX, 9);
    snprintf(path, sizeof path, "%s/event.nc", dir);
    netcdf_event(path, &f.grid, 1000000200, STEP, 6, event);
    struct sq_scores *s = NULL;
    REQUIRE_OK(sq_scores_create(&(struct sq_scores_params){0}, &s, &err));
    const char *names[] = {"sharp", "wide"};
    struct sq_lead lead[2][3] = {0};
    for (int start = 0; start < 2; start++) {
        f.issue_time = 1000000200 + start * STEP;
        for (int k = 0; k < 3; k++) {
            struct sq_scored label[2];
            f.lead_s[k] = (k + 1) * STEP;
            for (int j = 0; j < 2; j++) {
                sq_lead_finish(&lead[j][k]);
                REQUIRE_OK(sq_lead_init(&lead[j][k], &f, &err));
                made_lead(&lead[j][k], &f, cell_m, 7, 2 * (start + k + 1) - j - k, j ? 0.9 : 0.25);
                for (int c = 0; c < SQ_THRESHOLDS; c++)
                    for (int y = 0; y < NY; y++)
                        lead[j][k].prob[c * CELLS + y * NX + (j ? 0 : NX - 1 - k)] = NAN;
                label[j] = (struct sq_scored){names[j], &lead[j][k]};
            }
            REQUIRE_OK(
                sq_scores_add(s, &f, f.lead_s[k], event + (start + k + 1) * CELLS, NULL, label, 2, &err));
        }
        for (int j = 0; j < 2; j++)
            for (int rate = 0; rate < 2; rate++) {
                snprintf(path, sizeof path, "%s/%s_%d_%d.nc", dir, names[j], rate, start);
                write_forecast(path, &f, lead[j], rate);
            }
    }
    for (int rate = 0; rate < 1 + (cell_m == 1000); rate++) {
        run("cd %s && %s --event event.nc --forecast sharp='sharp_%d_*.nc' --forecast wide='wide_%d_*.nc' "
            "--thresholds 0.1,0.2,1,2,5,10 --csv out.csv > /dev/null",
            dir, scorer_path(), rate, rate);
        snprintf(path, sizeof path, "%s/out.csv", dir);
        REQUIRE(compare(path, s, rate ? "MAE" : NULL) >= (rate ? 8 : 8 * 80));
    }
    (void)test_end(NULL);
    for (int j = 0; j < 2; j++)
        for (int k = 0; k < 3; k++)
            sq_lead_finish(&lead[j][k]);
    sq_scores_destroy(&s);
    free(event);
}

static void agrees_on_a_made_up_event(void **state)
{
    (void)state;
    NEED_SCORER();
    made_up_event(1000); /* boxes of 1, 10, 20 cells */
    made_up_event(330);  /* 3, 30, 61: odd, and beyond the map */
}

/* A real event, the ensemble of pysteps and its mask: one lead of one start. */
static void agrees_on_a_real_event(void **state)
{
    (void)state;
    NEED_SHARED();
    NEED_SCORER();
    struct sq_err err = {0};
    enum { NX = 710, NY = 640, CELLS = NX * NY };
    const char *dir = test_folder();
    char event[8192], steps[8192], mask[8192];
    snprintf(event, sizeof event, "%s/events/mch_20160711.nc", test_shared());
    snprintf(steps, sizeof steps, "%s/steps/mch_20160711/steps_20160711T2100.nc", test_shared());
    snprintf(mask, sizeof mask, "%s/steps/mch_20160711/mask_20160711T2100.nc", test_shared());
    struct sq_forecast f = made_forecast(NX, NY, 1000);
    struct sq_lead l = {0};
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    float *truth = malloc(CELLS * sizeof *truth);
    unsigned short *raw = malloc(CELLS * sizeof *raw);
    uint8_t *packed = malloc(SQ_THRESHOLDS * CELLS), *valid = malloc(CELLS);
    int nc, v;
    NC(nc_open(event, NC_NOWRITE, &nc)); /* the file begins at 20:45, a frame every 5 minutes: 21:30 is 9 */
    NC(nc_inq_varid(nc, "rain_rate", &v));
    NC(nc_get_vara_ushort(nc, v, (size_t[]){9, 0, 0}, (size_t[]){1, NY, NX}, raw));
    NC(nc_close(nc));
    for (int i = 0; i < CELLS; i++)
        truth[i] = raw[i] == 65535 ? NAN : (float)(raw[i] * 0.01);
    NC(nc_open(steps, NC_NOWRITE, &nc)); /* leads of 15, 30, 60 and 90 minutes */
    NC(nc_inq_varid(nc, "prob", &v));
    NC(nc_get_vara_uchar(nc, v, (size_t[]){1, 0, 0, 0}, (size_t[]){1, SQ_THRESHOLDS, NY, NX}, packed));
    NC(nc_close(nc));
    for (int i = 0; i < SQ_THRESHOLDS * CELLS; i++)
        l.prob[i] = packed[i] == 255 ? NAN : (float)packed[i] * 0.005f;
    NC(nc_open(mask, NC_NOWRITE, &nc));
    NC(nc_inq_varid(nc, "valid", &v));
    NC(nc_get_vara_uchar(nc, v, (size_t[]){1, 0, 0}, (size_t[]){1, NY, NX}, valid));
    NC(nc_close(nc));
    struct sq_scores *s = NULL;
    struct sq_scored label = {"steps", &l};
    REQUIRE_OK(sq_scores_create(&(struct sq_scores_params){0}, &s, &err));
    REQUIRE_OK(sq_scores_add(s, &f, 1800, truth, valid, &label, 1, &err));
    run("cd %s && %s --event %s --forecast steps=%s --mask %s --leads 30 "
        "--thresholds 0.1,0.2,1,2,5,10 --csv out.csv > /dev/null",
        dir, scorer_path(), event, steps, mask);
    char csv[4096];
    snprintf(csv, sizeof csv, "%s/out.csv", dir);
    REQUIRE(compare(csv, s, NULL) >= 2 * 80);
    (void)test_end(NULL);
    sq_scores_destroy(&s);
    sq_lead_finish(&l);
    free(truth);
    free(raw);
    free(packed);
    free(valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crps_is_the_integral),      cmocka_unit_test(fss_is_a_box_sum),
        cmocka_unit_test(four_cells_by_hand),        cmocka_unit_test(mask_is_common),
        cmocka_unit_test(agrees_on_a_made_up_event), cmocka_unit_test(agrees_on_a_real_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
