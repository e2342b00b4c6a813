/* The parts of squall verify: which forecasts are compared, and what is told of them. */
#ifndef SQ_VERIFY_H
#define SQ_VERIFY_H

#include "options.h"

#include <stdio.h>

struct sq_inputs;
struct sq_scores;

#define SQ_VERIFY_LABELS 8 /* of forecasts */
#define SQ_VERIFY_BASELINES 3
#define SQ_VERIFY_LINES (SQ_VERIFY_LABELS + SQ_VERIFY_BASELINES)

/* ---- the forecasts ----------------------------------------------------------------------------------- */

struct sq_verify_file {
    char *path;
    char label[96];
    int64_t issue; /* UTC s */
};

struct sq_verify_set {
    struct sq_verify_file *file; /* ascending in issue time, then in order of labels */
    int n;
    char label[SQ_VERIFY_LABELS][96]; /* in the order of the words */
    int n_label;
};

/* From the words of the command line: [LABEL=]PATH, a path being a file, a folder or a glob. Without LABEL a
 * forecast is called by its model or method, or, when several folders are given, by its folder. A file that
 * is named must be a forecast; others are passed over with a warning. Caller finishes *ret. */
enum sq_status sq_verify_collect(char *const *words, int n, struct sq_verify_set *ret,
                                 struct sq_err *e) SQ_CHECK;
void sq_verify_set_finish(struct sq_verify_set *s);

/* ---- the work ---------------------------------------------------------------------------------------- */

#define SQ_VERIFY_PATHS 4096

struct sq_verify_paths {
    char *path[SQ_VERIFY_PATHS];
    int n;
};

struct sq_verify_mask {
    const char *path;
    int64_t issue;
};

struct sq_verify_job {
    struct sq_verify_paths truth, masks;
    struct sq_list thresholds, leads, scales;
    const char *folder;
    bool no_baselines;
    int within_s;
    double dry_mmh;
    int threads;
    struct sq_inputs *in;
    struct sq_verify_set set;
    struct sq_verify_mask mask[SQ_VERIFY_PATHS];
    struct sq_scores *scores;
    int starts, starts_alone, starts_unmasked; /* counted: scored, not in every label, without a mask */
    int leads_seen, leads_unseen;              /* leads with and without an observed frame */
    int failed[SQ_VERIFY_BASELINES];           /* starts for which a baseline could not be made, and why */
    struct sq_err why[SQ_VERIFY_BASELINES];
};

/* Scores the forecasts [first, first + n) of the set, which share an issue time. */
enum sq_status sq_verify_start(struct sq_verify_job *j, int first, int n, struct sq_err *e) SQ_CHECK;
const char *sq_verify_baseline(int i);

/* ---- the report -------------------------------------------------------------------------------------- */

struct sq_verify_report {
    const struct sq_scores *scores;
    const float *threshold_mmh;
    int n_thresholds;
    const float *fss_km;
    int n_fss;
    const int *lead_s; /* leads that get a reliability diagram of their own */
    int n_leads;
};

void sq_verify_table(const struct sq_verify_report *r, FILE *out);
/* scores.csv, one row a label, lead ("all": pooled) and threshold, every score; and reliability.csv, one row a label,
 * lead, threshold and tenth of probability that was issued. */
enum sq_status sq_verify_csv(const struct sq_verify_report *r, const char *folder, struct sq_err *e) SQ_CHECK;
/* Reliability diagrams, and scores against lead, as PNG files in `folder`; the first 8 labels. */
enum sq_status sq_verify_plots(const struct sq_verify_report *r, const char *folder,
                               struct sq_err *e) SQ_CHECK;

#endif
