/* squall verify: forecasts against what then happened. */
#include "verify.h"

#include "tools.h"

#include "ingest.h"
#include "model.h"

#include "core/log.h"
#include "core/publish.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the call ---------------------------------------------------------------------------------------- */

/* One more path of an option that is repeated. */
static enum sq_status parse_paths(const char *text, void *ret, struct sq_err *e)
{
    struct sq_verify_paths *p = ret;
    if (!*text)
        return sq_fail(e, SQ_USAGE, "the path is empty");
    if (p->n == SQ_VERIFY_PATHS)
        return sq_fail(e, SQ_USAGE, "more than %d paths", SQ_VERIFY_PATHS);
    p->path[p->n++] = (char *)(uintptr_t)text; /* argv is ours */
    return SQ_OK;
}

/* Words that follow --truth or --mask belong to it: each becomes an option of its own. */
static enum sq_status spread(int argc, char **argv, int *ret_argc, char ***ret, struct sq_err *e)
{
    const char *open = NULL;
    int n = 0;
    char **out = NULL;
    enum sq_status st = sq_alloc((void **)&out, (size_t)argc * 2 + 1, sizeof *out, "the command line", e);
    for (int i = 0; i < argc && !st; i++) {
        bool word = argv[i][0] != '-';
        if (word && open)
            out[n++] = (char *)(uintptr_t)open;
        else
            open = !strcmp(argv[i], "--truth") || !strcmp(argv[i], "--mask") ? argv[i] : NULL;
        if (!word && open && i + 1 < argc && argv[i + 1][0] != '-')
            continue; /* said again before each of its words */
        out[n++] = argv[i];
    }
    *ret_argc = n;
    *ret = out;
    return st;
}

/* Numbers of a list as floats; returns how many. */
static int floats(const struct sq_list *l, float *ret, int most)
{
    int n = l->n < most ? l->n : most;
    for (int i = 0; i < n; i++)
        ret[i] = (float)l->v[i];
    return n;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static enum sq_status take_all(struct sq_verify_job *j, struct sq_err *e)
{
    enum sq_status st = SQ_OK;
    bool tell = isatty(STDERR_FILENO);
    for (int i = 0, n; i < j->set.n && !st; i += n) {
        n = 1;
        while (i + n < j->set.n && j->set.file[i + n].issue == j->set.file[i].issue)
            n++;
        if (tell)
            fprintf(stderr, "\rforecast %d of %d", i + n, j->set.n);
        st = sq_verify_start(j, i, n, e);
    }
    if (tell)
        fputs("\r\033[K", stderr);
    return st;
}

/* What was left out, a line each, on stderr. */
static void tell_gaps(const struct sq_verify_job *j)
{
    if (j->leads_unseen)
        sq_log(SQ_LOG_WARN, "%d of %d maps have no observation and were left out", j->leads_unseen,
               j->leads_seen + j->leads_unseen);
    if (j->starts_alone)
        sq_log(SQ_LOG_WARN, "%d starts are not in every label and were left out", j->starts_alone);
    if (j->starts_unmasked)
        sq_log(SQ_LOG_WARN, "%d starts have no mask and were left out", j->starts_unmasked);
    for (int i = 0; i < SQ_VERIFY_BASELINES; i++)
        if (j->failed[i])
            sq_log(SQ_LOG_WARN, "%s: could not be made for %d of %d starts and lacks them (%.200s)",
                   sq_verify_baseline(i), j->failed[i], j->starts, j->why[i].text);
}

static enum sq_status report(const struct sq_verify_job *j, const float *thresholds, int n_thresholds,
                             const float *km, int n_km, struct sq_err *e)
{
    int leads[SQ_LEAD_MAX];
    for (int i = 0; i < j->leads.n; i++)
        leads[i] = (int)lrint(j->leads.v[i] * 60);
    struct sq_verify_report r = {j->scores, thresholds, n_thresholds, km, n_km, leads, j->leads.n};
    printf("%d starts, %d maps compared\n", j->starts, j->leads_seen);
    sq_verify_table(&r, stdout);
    if (!j->folder)
        return SQ_OK;
    enum sq_status st = sq_publish_folder(j->folder, e);
    if (!st)
        st = sq_verify_csv(&r, j->folder, e);
    if (!st)
        st = sq_verify_plots(&r, j->folder, e);
    return st;
}

static enum sq_status open_inputs(struct sq_verify_job *j, const struct sq_settings *s, struct sq_err *e)
{
    struct sq_read_params p = sq_options_read(s);
    p.quality = (struct sq_quality_params){0}; /* truth is what the radar said: nobody shall be scored on a kinder one */
    if (!j->truth.n)
        return sq_fail(e, SQ_USAGE, "verify: --truth is missing; see squall verify --help");
    enum sq_status st = SQ_OK;
    for (int i = 0; i < j->masks.n && !st; i++) {
        j->mask[i].path = j->masks.path[i];
        st = sq_mask_issue(j->masks.path[i], &j->mask[i].issue, e);
    }
    return st ? st : sq_inputs_open(j->truth.path, j->truth.n, &p, &j->in, e);
}

static enum sq_status verify(struct sq_verify_job *j, const struct sq_call *call, struct sq_err *e)
{
    float thresholds[SQ_THRESHOLD_MAX], km[SQ_LEAD_MAX];
    struct sq_scores_params p = {thresholds, floats(&j->thresholds, thresholds, SQ_THRESHOLD_MAX), km,
                                 floats(&j->scales, km, SQ_LEAD_MAX), (float)fmax(j->dry_mmh, 1e-30)};
    j->threads = call->settings.threads;
    enum sq_status st = sq_scores_create(&p, &j->scores, e);
    if (!st)
        st = open_inputs(j, &call->settings, e);
    if (!st)
        st = sq_verify_collect(call->words, call->n_words, &j->set, e);
    if (!st)
        st = take_all(j, e);
    if (!st && !j->leads_seen)
        st = sq_fail(e, SQ_ABSENT,
                     "%s: nothing to compare: %d maps without an observation, %d starts not in every "
                     "label, %d without a mask",
                     call->words[0], j->leads_unseen, j->starts_alone, j->starts_unmasked);
    if (st)
        return st;
    tell_gaps(j);
    return report(j, thresholds, p.n_thresholds, km, p.n_fss, e);
}

static int run(struct sq_verify_job *j, int argc, char **argv)
{
    const struct sq_command cmd = {
        .name = "verify",
        .words = "FORECAST...",
        .about = "Compares forecasts with what then happened. FORECAST is [LABEL=]PATH: a file, a\n"
                 "folder or a glob. Forecasts of one label are pooled; several labels are compared\n"
                 "over the cells and starts that all have. Persistence, extrapolation and advection\n"
                 "are made from the observations and compared too. A forecast may cover a window of\n"
                 "the observations, or have cells a whole multiple of theirs. Prints a table; with\n"
                 "-o also scores.csv, reliability.csv and plots. Observations pass no quality control. Exit code 75: nothing was observed yet.\n",
        .example =
            "  squall verify net=out/net adv=out/advection --truth radar/*.nc --leads 15,30,60 -o scores\n",
    };
    const struct sq_option table[] = {
        {"truth", 0, "INPUT...", "observations: files, folders or globs; name the forecasts first",
         parse_paths, &j->truth},
        {"output", 'o', "DIR", "write scores, reliability and plots there", sq_parse_text, &j->folder},
        {"mask", 0, "FILE...", "netCDF masks of cells to score, one for each start", parse_paths, &j->masks},
        {"thresholds", 0, "LIST", "events in mm/h, those that forecasts have (0.1,0.2,1,2,5,10)",
         sq_parse_list, &j->thresholds},
        {"leads", 0, "LIST", "only these, in minutes, with a reliability diagram for each", sq_parse_list,
         &j->leads},
        {"fss-km", 0, "LIST", "scales of the fractions skill score (1,10,20)", sq_parse_list, &j->scales},
        {"dry", 0, "MMH", "lower observed rates are dry (0.1)", sq_parse_number, &j->dry_mmh},
        {"within", 0, "TIME", "how far an observation may be from the time it stands for (30s)",
         sq_parse_duration, &j->within_s},
        {"no-baselines", 0, NULL, "compare the forecasts alone", NULL, &j->no_baselines},
    };
    struct sq_call call;
    struct sq_err e = {0};
    j->thresholds = (struct sq_list){6, {0.1, 0.2, 1, 2, 5, 10}};
    j->scales = (struct sq_list){3, {1, 10, 20}};
    j->within_s = 30;
    j->dry_mmh = 0.1;
    enum sq_status st = sq_options_parse(&cmd, table, sizeof table / sizeof *table, argc, argv, &call, &e);
    if (!st && !call.done)
        st = verify(j, &call, &e);
    sq_scores_destroy(&j->scores);
    sq_inputs_close(&j->in);
    sq_verify_set_finish(&j->set);
    return sq_options_end(st, &e);
}

int sq_tool_verify(int argc, char **argv)
{
    struct sq_verify_job *j = NULL;
    struct sq_err e = {0};
    char **spread_argv = NULL;
    int n = 0, code;
    enum sq_status st = sq_alloc((void **)&j, 1, sizeof *j, "verify", &e);
    if (!st)
        st = spread(argc, argv, &n, &spread_argv, &e);
    code = st ? sq_options_end(st, &e) : run(j, n, spread_argv);
    free(spread_argv);
    free(j);
    return code;
}
