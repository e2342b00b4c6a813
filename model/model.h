/* The room model: a cube of observed rain -> a probabilistic forecast, how that is learnt and how it is
 * judged. It knows no file of foreign format, no projection, no wall clock (but for progress). */
#ifndef SQ_MODEL_H
#define SQ_MODEL_H

#include "core/cube.h"
#include "core/forecast.h"
#include "core/stack.h"

#include <stdbool.h>

/* ---- making a forecast -------------------------------------------------------------------------------- */

enum sq_method { SQ_METHOD_NETWORK, SQ_METHOD_ADVECTION, SQ_METHOD_PERSISTENCE, SQ_METHOD_EXTRAPOLATION };
enum sq_status sq_method_parse(const char *name, enum sq_method *ret, struct sq_err *e) SQ_CHECK;
const char *sq_method_name(enum sq_method m);

struct sq_weights; /* a trained network, read from a weights file */
enum sq_status sq_weights_read(const char *path, struct sq_weights **ret, struct sq_err *e) SQ_CHECK;
void sq_weights_destroy(struct sq_weights **w);
/* Pools the forecasts of both from now on, each network's counting alike; `b` belongs to `a` then, and is NULL where
 * they have become one. Refused where classes differ, or where one sees other sources than the radar. */
enum sq_status sq_weights_join(struct sq_weights *a, struct sq_weights **b, struct sq_err *e) SQ_CHECK;
/* Refuses, with the reason, a cube that the network was not made for (step, cell size, leads). */
enum sq_status sq_weights_fit(const struct sq_weights *w, const struct sq_cube *c, int most_lead_s,
                              struct sq_err *e) SQ_CHECK;
/* Puts what was learnt on held-out events into a weights file, which is replaced whole: their scores, a text (NULL
 * leaves them), and the share of advection in the forecast at an hour, [0, 1] (below 0 leaves it; weights.h). */
enum sq_status sq_weights_attach(const char *path, const char *scores, double share, struct sq_err *e) SQ_CHECK;
/* What the network sees beside the radar; NULL: nothing. Valid as long as the weights. */
const struct sq_stack_def *sq_weights_sources(const struct sq_weights *w);
/* Prints what the file says of itself: recipe, data, scores, tensors. */
void sq_weights_describe(const struct sq_weights *w, void (*line)(void *, const char *), void *arg);

struct sq_nowcast_params {
    enum sq_method method;
    const struct sq_weights *weights; /* for SQ_METHOD_NETWORK; outlives the nowcast */
    const struct sq_stack *stack;     /* what sq_weights_sources asks for, its target the cube's grid; any of it may
                                         be missing; NULL: all of it. May go when the nowcast is made */
    int threads;                      /* 0 = all cores */
};

struct sq_nowcast; /* everything computed once for all leads: motion, features, trunk */

/* `c`: the newest frame is the issue time; it outlives the nowcast, but its frames may go when this has
 * returned. `f` gives leads, thresholds and percentiles; method, model and model_sha256 are filled in. Caller
 * destroys. */
enum sq_status sq_nowcast_create(const struct sq_cube *c, const struct sq_nowcast_params *p,
                                 struct sq_forecast *f, struct sq_nowcast **ret, struct sq_err *e) SQ_CHECK;
/* Fills one lead (initialised by the caller for f). EXTRAPOLATION: prob 0 or 1, rate and mean the
 * extrapolated rain. */
enum sq_status sq_nowcast_lead(struct sq_nowcast *n, int lead_index, struct sq_lead *ret,
                               struct sq_err *e) SQ_CHECK;
void sq_nowcast_destroy(struct sq_nowcast **n);

/* ---- learning ----------------------------------------------------------------------------------------- */

struct sq_train_params {
    const char *recipe;   /* path of a YAML recipe */
    const char *out;      /* weights file; OUT.ckpt and OUT.log.csv stand beside it while it learns */
    const char *from;     /* weights to begin with, of the recipe's shape; NULL: from nothing */
    bool resume;          /* go on from OUT.ckpt */
    double minutes;       /* stop (with a checkpoint and weights) after this long; 0 = recipe's steps */
    int threads;
    bool progress;        /* a line on stderr */
    const char *git;      /* git description, for the weights file */
};
/* One event, whole, and what there was beside the radar at the time of each frame. */
struct sq_event {
    struct sq_cube cube;
    struct sq_stack **stack; /* [cube.n], each NULL where there was nothing; NULL: radar alone */
};

/* The sources that a recipe wants beside the radar: a definition for sq_stack_def_read, "" for none. */
enum sq_status sq_recipe_sources(const char *recipe, char *ret, size_t size, struct sq_err *e) SQ_CHECK;

/* SIGINT/SIGTERM: set *stop and the next step ends the run with a checkpoint. */
enum sq_status sq_train(const struct sq_train_params *p, const struct sq_event *events, int n,
                        volatile const int *stop, struct sq_err *e) SQ_CHECK;

/* ---- scores -------------------------------------------------------------------------------------------- */

/* Sums from which every score follows; pooled over forecasts, kept per (label, lead). Definitions as in
 * scores.h. */
struct sq_scores;
struct sq_scores_params {
    const float *threshold_mmh; /* events rate >= t scored in detail; default 0.1 0.2 1 2 5 10 */
    int n_thresholds;
    const float *fss_km;        /* default 1 10 20 */
    int n_fss;
    float dry_mmh;              /* observed rates below are 0; default 0.1 */
};
enum sq_status sq_scores_create(const struct sq_scores_params *p, struct sq_scores **ret, struct sq_err *e)
    SQ_CHECK;
void sq_scores_destroy(struct sq_scores **s);

/* One forecast of one lead beside the truth. All labels of one lead are given together, so that only cells
 * observed and forecast by every label count. `truth` (ny, nx) mm/h, NaN = not observed. */
struct sq_scored {
    const char *label;
    const struct sq_lead *lead;
};
enum sq_status sq_scores_add(struct sq_scores *s, const struct sq_forecast *f, int lead_s, const float *truth,
                             const uint8_t *mask /* may be NULL; 0 = leave out */, const struct sq_scored *label,
                             int n_labels, struct sq_err *e) SQ_CHECK;

/* Results. `lead_s` 0 = all leads pooled. Names: CRPS CRPSb MAE BS BSS REL RES ROC CSI CSImax PMAX POD FAR BIAS
 * FSS (with `scale_km`) BASE N. NaN where it is not defined. */
double sq_scores_get(const struct sq_scores *s, const char *label, int lead_s, const char *name,
                     float threshold_mmh, float scale_km);
int sq_scores_labels(const struct sq_scores *s, const char **ret, int most);
int sq_scores_leads(const struct sq_scores *s, int *ret, int most);
/* The reliability curve: mean forecast, frequency of the event and cells of up to `most` equal bins of
 * probability; empty bins are left out; returns how many there are. */
int sq_scores_reliability(const struct sq_scores *s, const char *label, int lead_s, float threshold_mmh,
                          int most, double *ret_forecast, double *ret_observed, double *ret_count);

#endif
