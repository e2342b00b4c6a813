/* squall forecast: files to one forecast. */
#include "beside.h"
#include "options.h"
#include "staged.h"
#include "tools.h"
#include "ingest.h"
#include "model.h"
#include "serve.h"

#include "core/instant.h"
#include "core/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LEAST_STEP_S 240 /* frames closer in time than this are thinned */

/* The networks that come with squall; their forecasts are pooled. */
static const char *const shipped[] = {"weights/squall-radar.nc"};

static const struct sq_command command = {
    "forecast", "INPUT...",
    "Forecasts precipitation from the newest radar frames. INPUT is files, folders or globs. Writes into DIR\n"
    "  squall_20160711T2200Z.nc             the forecast: probabilities, percentiles and mean\n"
    "  squall_20160711T2200Z_sheet.png      an overview\n"
    "  squall_20160711T2200Z_p1.0_030min.png, ..._median_030min.png, ..._observed.png   maps\n"
    "whole or not at all. Ends with 75 when the inputs are not there yet.\n",
    "  squall forecast radar/ -o out --at 2016-07-11T22:00Z --leads 5..60/5\n"};

struct job {
    struct sq_call call;
    struct sq_settings *set;
    const char *out;
    int64_t at;
    const volatile int *stop;
    bool no_pictures;
    char base[64]; /* "squall_20160711T2200Z" */
    char product_path[SQ_PATH_MAX];
    struct sq_cube cube;
    struct sq_forecast f;
    struct sq_weights *weights;
    struct sq_stack *beside; /* what the weights see beside the radar, of it what there is */
    struct sq_nowcast *nowcast;
    struct sq_lead lead;
    struct sq_product_writer *product;
    struct sq_staged staged;
    struct sq_painter *painter;
    struct sq_sheet *sheet;
    int map_threshold[SQ_THRESHOLD_MAX], n_map_threshold; /* indices of f->threshold_mmh */
    int median;                                           /* index of percentile 50; -1: there is none */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what there is to forecast from ------------------------------------------------------------------------- */

static enum sq_status read_cube(struct job *j, struct sq_err *e)
{
    const struct sq_read_params read = sq_options_read(j->set);
    struct sq_cube_params p = {.at = j->at, .from = INT64_MIN, .frames = SQ_SLOTS, .past_s = SQ_PAST_S,
                               .least_step_s = LEAST_STEP_S, .observed = true};
    struct sq_inputs *in = NULL;
    struct sq_grid room;
    enum sq_status s = sq_options_grid(j->set, &room, &p.grid, e);
    if (!s)
        s = sq_inputs_open(j->call.words, j->call.n_words, &read, &in, e);
    if (!s)
        s = sq_cube_build(in, &p, &j->cube, e);
    sq_inputs_close(&in);
    return s;
}

/* Is what there is enough, and new enough? */
static enum sq_status judge_cube(const struct job *j, struct sq_err *e)
{
    const struct sq_cube *c = &j->cube;
    const struct sq_cube_frame *newest = &c->frame[c->n - 1];
    char have[32], want[32];
    double most = 0;
    sq_instant_iso(newest->time, have);
    if (c->n_late)
        sq_log(SQ_LOG_WARN, "forecasting from %s, for the newest frame was rejected: %s", have,
               sq_fault_name(c->late.frame));
    if (j->at != INT64_MAX && j->at - newest->time >= (int64_t)c->step_s * (1 + c->n_late))
        return sq_fail(e, SQ_ABSENT, "the newest frame, %s, is of %s, and %s is asked for: wait for newer ones, or "
                       "choose an earlier --at", newest->path, have, sq_instant_iso(j->at, want));
    for (int i = 0; i < c->n; i++)
        most = fmax(most, c->frame[i].coverage);
    if (newest->coverage < 0.5 * most)
        sq_log(SQ_LOG_WARN, "%s: only %.0f %% of the cells are observed, earlier frames have up to %.0f %%",
               newest->path, 100 * newest->coverage, 100 * most);
    return SQ_OK;
}

static int count_frames(const struct sq_cube *c)
{
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->frame[i].rate_mmh && c->frame[i].coverage > 0;
    return n;
}

/* ---- what is asked for ---------------------------------------------------------------------------------------- */

static int index_of(const float *v, int n, float x)
{
    for (int i = 0; i < n; i++)
        if (fabsf(v[i] - x) <= 1e-4f * x)
            return i;
    return -1;
}

/* Adds a threshold in its place unless it is there. */
static enum sq_status add_threshold(struct sq_forecast *f, float mmh, struct sq_err *e)
{
    int i = f->n_threshold;
    if (index_of(f->threshold_mmh, f->n_threshold, mmh) >= 0)
        return SQ_OK;
    if (i == SQ_THRESHOLD_MAX)
        return sq_fail(e, SQ_USAGE, "more than %d thresholds", SQ_THRESHOLD_MAX);
    for (; i > 0 && f->threshold_mmh[i - 1] > mmh; i--)
        f->threshold_mmh[i] = f->threshold_mmh[i - 1];
    f->threshold_mmh[i] = mmh;
    f->n_threshold++;
    return SQ_OK;
}

/* The thresholds of maps are in the file too. */
static enum sq_status ask(struct job *j, struct sq_err *e)
{
    const struct sq_settings *set = j->set;
    struct sq_forecast *f = &j->f;
    enum sq_status s = sq_forecast_begin(f, &j->cube, e);
    f->n_lead = set->n_leads;
    memcpy(f->lead_s, set->leads_s, sizeof f->lead_s);
    f->n_threshold = set->n_thresholds;
    memcpy(f->threshold_mmh, set->thresholds_mmh, sizeof f->threshold_mmh);
    f->n_percentile = set->n_percentiles;
    memcpy(f->percentile, set->percentiles, sizeof f->percentile);
    snprintf(f->institution, sizeof f->institution, "%s", set->institution);
    for (int i = 0; i < set->n_map_thresholds && !s; i++)
        s = add_threshold(f, set->map_thresholds_mmh[i], e);
    for (int i = 0; i < set->n_map_thresholds && !s; i++)
        j->map_threshold[i] = index_of(f->threshold_mmh, f->n_threshold, set->map_thresholds_mmh[i]);
    j->n_map_threshold = set->n_map_thresholds;
    j->median = index_of(f->percentile, f->n_percentile, 50);
    return s;
}

/* ---- how --------------------------------------------------------------------------------------------------------- */

static enum sq_status add_weights(struct job *j, const char *path, struct sq_err *e)
{
    struct sq_weights *w;
    enum sq_status s = sq_weights_read(path, &w, e);
    if (s)
        return s;
    if (j->weights)
        s = sq_weights_join(j->weights, &w, e);
    else
        j->weights = w, w = NULL;
    sq_weights_destroy(&w);
    return s;
}

static enum sq_status add_listed(struct job *j, const char *list, struct sq_err *e)
{
    char copy[sizeof j->set->weights], *rest;
    enum sq_status s = SQ_OK;
    snprintf(copy, sizeof copy, "%s", list);
    for (char *path = strtok_r(copy, ",", &rest); path && !s; path = strtok_r(NULL, ",", &rest))
        s = add_weights(j, path, e);
    return s;
}

static enum sq_status add_shipped(struct job *j, struct sq_err *e)
{
    char path[SQ_PATH_MAX];
    enum sq_status s = SQ_OK;
    for (size_t k = 0; k < sizeof shipped / sizeof *shipped && !s; k++) {
        s = sq_settings_file(shipped[k], path, e);
        if (!s)
            s = add_weights(j, path, e);
    }
    return s;
}

static enum sq_status find_weights(struct job *j, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    if (count_frames(&j->cube) < 2)
        s = sq_fail(e, SQ_FAILED, "there is one frame only: the network needs two to see the rain move");
    if (!s)
        s = *j->set->weights ? add_listed(j, j->set->weights, e) : add_shipped(j, e);
    return s ? s : sq_weights_fit(j->weights, &j->cube, j->f.lead_s[j->f.n_lead - 1], e);
}

/* With "auto", the network where it can be had, else advection, which needs nothing. */
static enum sq_status choose_method(struct job *j, struct sq_nowcast_params *p, struct sq_err *e)
{
    const bool free_choice = !strcmp(j->set->method, "auto");
    struct sq_err why = {0};
    enum sq_status s = free_choice ? SQ_OK : sq_method_parse(j->set->method, &p->method, e);
    if (free_choice)
        p->method = SQ_METHOD_NETWORK;
    if (s || p->method != SQ_METHOD_NETWORK)
        return s;
    s = find_weights(j, &why);
    p->weights = j->weights;
    if (s && free_choice) {
        sq_log(SQ_LOG_WARN, "forecasting by advection, not by the network: %s", why.text);
        p->method = SQ_METHOD_ADVECTION;
        s = SQ_OK;
    }
    return s ? sq_fail(e, s, "%s", why.text) : SQ_OK;
}

/* Satellite, model fields and so on, where the weights know them. Whatever is missing is forecast without. */
static enum sq_status read_beside(struct job *j, struct sq_nowcast_params *p, struct sq_err *e)
{
    const struct sq_stack_def *def = p->weights ? sq_weights_sources(p->weights) : NULL;
    struct sq_beside_files files = {0};
    if (!def)
        return SQ_OK;
    enum sq_status s = sq_beside_open(&files, def, &j->f.grid, j->set, j->call.words, j->call.n_words, e);
    if (!s)
        s = sq_beside_at(&files, j->f.issue_time, &j->beside, e);
    sq_beside_close(&files);
    if (s)
        return s;
    p->stack = j->beside;
    j->f.sources = sq_beside_say(def, j->beside);
    for (const char *line = j->f.sources; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        sq_log(SQ_LOG_INFO, "%.*s", (int)strcspn(line, "\n"), line);
    return SQ_OK;
}

static enum sq_status create_nowcast(struct job *j, struct sq_err *e)
{
    struct sq_nowcast_params p = {.threads = j->set->threads};
    enum sq_status s = choose_method(j, &p, e);
    if (!s)
        s = read_beside(j, &p, e);
    if (!s && count_frames(&j->cube) < 2 && p.method != SQ_METHOD_PERSISTENCE)
        sq_log(SQ_LOG_WARN, "there is one frame only: the rain is taken to stand still");
    return s ? s : sq_nowcast_create(&j->cube, &p, &j->f, &j->nowcast, e);
}

/* A lead over a continent takes 2 GB: what is not needed any more goes first. The newest frame is drawn. */
static void free_frames(struct sq_cube *c)
{
    for (int i = 0; i < c->n; i++) {
        free(c->frame[i].state);
        c->frame[i].state = NULL;
        if (i < c->n - 1) {
            free(c->frame[i].rate_mmh);
            c->frame[i].rate_mmh = NULL;
        }
    }
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

/* Fails before the work is done where nothing could be written after it. */
static enum sq_status prepare_folder(struct job *j, struct sq_err *e)
{
    char tmp[SQ_PATH_MAX], time[32];
    snprintf(j->base, sizeof j->base, "squall_%s", sq_instant_compact(j->f.issue_time, time));
    if (snprintf(j->product_path, SQ_PATH_MAX, "%s/%s.nc", j->out, j->base) >= SQ_PATH_MAX)
        return sq_fail(e, SQ_FAILED, "%.200s...: the name is too long", j->out);
    enum sq_status s = sq_publish_folder(j->out, e);
    return s ? s : sq_publish_begin(j->product_path, tmp, e);
}

static enum sq_status open_outputs(struct job *j, struct sq_err *e)
{
    const struct sq_picture_params p = {.width_px = j->set->picture_px,
                                        .palette = j->set->palette[0] ? j->set->palette : NULL,
                                        .coastline = true};
    const float *newest = j->cube.frame[j->cube.n - 1].rate_mmh;
    enum sq_status s = sq_lead_init(&j->lead, &j->f, e);
    if (!s)
        s = sq_product_create(j->product_path, &j->f, &j->product, e);
    if (s || j->no_pictures)
        return s;
    s = sq_staged_begin(&j->staged, j->out, j->base, e);
    if (!s)
        s = sq_painter_create(&j->f, &p, &j->painter, e);
    return s ? s : sq_sheet_create(j->painter, newest, j->map_threshold, j->n_map_threshold, &j->sheet, e);
}

/* "30min", or "450s" where a lead is no whole minute. */
static void lead_name(int lead_s, char ret[16])
{
    if (lead_s % 60)
        snprintf(ret, 16, "%05ds", lead_s);
    else
        snprintf(ret, 16, "%03dmin", lead_s / 60);
}

/* "1.0", "0.1", "0.25" */
static void rate_name(float mmh, char ret[16])
{
    snprintf(ret, 16, "%.5g", (double)mmh);
    if (!strpbrk(ret, ".e"))
        strcat(ret, ".0");
}

static enum sq_status draw_lead(struct job *j, int i, struct sq_err *e)
{
    char lead[16], rate[16], name[128], path[SQ_PATH_MAX];
    enum sq_status s = SQ_OK;
    lead_name(j->f.lead_s[i], lead);
    for (int k = 0; k < j->n_map_threshold && !s; k++) {
        rate_name(j->f.threshold_mmh[j->map_threshold[k]], rate);
        snprintf(name, sizeof name, "%s_p%s_%s.png", j->base, rate, lead);
        s = sq_staged_path(&j->staged, name, path, e);
        if (!s)
            s = sq_picture_probability(j->painter, &j->lead, i, j->map_threshold[k], path, e);
    }
    if (!s && j->median >= 0) {
        snprintf(name, sizeof name, "%s_median_%s.png", j->base, lead);
        s = sq_staged_path(&j->staged, name, path, e);
        if (!s)
            s = sq_picture_rate(j->painter, &j->lead, i, j->median, path, e);
    }
    if (!s)
        sq_sheet_put(j->sheet, &j->lead, i);
    return s;
}

static enum sq_status draw_whole(struct job *j, struct sq_err *e)
{
    char name[128], path[SQ_PATH_MAX];
    snprintf(name, sizeof name, "%s_observed.png", j->base);
    enum sq_status s = sq_staged_path(&j->staged, name, path, e);
    if (!s)
        s = sq_picture_observed(j->painter, j->cube.frame[j->cube.n - 1].rate_mmh, path, e);
    snprintf(name, sizeof name, "%s_sheet.png", j->base);
    if (!s)
        s = sq_staged_path(&j->staged, name, path, e);
    return s ? s : sq_sheet_write(j->sheet, path, e);
}

/* ---- lead by lead ---------------------------------------------------------------------------------------------- */

static void progress(int done, int n)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (done < n)
        fprintf(stderr, "\rsquall: lead %d of %d", done + 1, n);
    else
        fputs("\r\033[K", stderr); /* the line is cleared */
}

static enum sq_status run_leads(struct job *j, struct sq_err *e)
{
    double forecast = 0, writing = 0, drawing = 0;
    enum sq_status s = SQ_OK;
    for (int i = 0; i < j->f.n_lead && !s; i++) {
        progress(i, j->f.n_lead);
        double t0 = now_s();
        s = *j->stop ? sq_fail(e, SQ_FAILED, "interrupted: nothing was written") : SQ_OK;
        if (!s)
            s = sq_nowcast_lead(j->nowcast, i, &j->lead, e);
        double t1 = now_s();
        if (!s)
            s = sq_product_put(j->product, i, &j->lead, e);
        double t2 = now_s();
        if (!s && !j->no_pictures)
            s = draw_lead(j, i, e);
        forecast += t1 - t0;
        writing += t2 - t1;
        drawing += now_s() - t2;
    }
    progress(j->f.n_lead, j->f.n_lead);
    double t = now_s();
    if (!s && !j->no_pictures)
        s = draw_whole(j, e);
    drawing += now_s() - t;
    if (!s)
        sq_log(SQ_LOG_INFO, "leads %.2f s, writing %.2f s, pictures %.2f s", forecast, writing, drawing);
    return s;
}

static enum sq_status publish(struct job *j, struct sq_err *e)
{
    double t = now_s();
    enum sq_status s = sq_product_publish(j->product, e);
    if (!s && !j->no_pictures)
        s = sq_staged_commit(&j->staged, e);
    if (!s)
        sq_log(SQ_LOG_INFO, "publishing %.2f s", now_s() - t);
    return s;
}

static void report(const struct job *j)
{
    printf("%s/%s.nc\n", j->out, j->base);
    if (j->no_pictures)
        return;
    printf("%s/%s_sheet.png\n", j->out, j->base);
    printf("and %d maps, %s/%s_*.png\n", j->staged.n - 1, j->out, j->base);
}

static enum sq_status run(struct job *j, struct sq_err *e)
{
    double t0 = now_s();
    j->stop = sq_options_stop(); /* before there is anything to clean up */
    enum sq_status s = read_cube(j, e);
    if (!s)
        s = judge_cube(j, e);
    double t1 = now_s();
    if (!s)
        s = ask(j, e);
    if (!s)
        s = prepare_folder(j, e);
    if (!s)
        s = create_nowcast(j, e);
    if (s)
        return s;
    sq_log(SQ_LOG_INFO, "%d of %d frames of %d x %d cells, method %s", count_frames(&j->cube), j->cube.n,
           j->f.grid.nx, j->f.grid.ny, j->f.method);
    sq_log(SQ_LOG_INFO, "reading %.2f s, motion and features %.2f s", t1 - t0, now_s() - t1);
    free_frames(&j->cube);
    s = open_outputs(j, e);
    if (!s)
        s = run_leads(j, e);
    return s ? s : publish(j, e);
}

static void finish(struct job *j)
{
    sq_sheet_destroy(&j->sheet);
    sq_painter_destroy(&j->painter);
    sq_staged_abandon(&j->staged);
    sq_product_destroy(&j->product);
    sq_lead_finish(&j->lead);
    sq_nowcast_destroy(&j->nowcast);
    sq_weights_destroy(&j->weights);
    sq_beside_drop(&j->beside);
    sq_forecast_finish(&j->f);
    sq_cube_finish(&j->cube);
}

static enum sq_status parse_method(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    enum sq_method ignored;
    enum sq_status bad = strcmp(text, "auto") ? sq_method_parse(text, &ignored, e) : SQ_OK;
    if (!bad)
        snprintf(s->method, sizeof s->method, "%s", text);
    return bad;
}

int sq_tool_forecast(int argc, char **argv)
{
    struct job j = {.at = INT64_MAX};
    struct sq_err err = {0};
    j.set = &j.call.settings;
    const struct sq_option table[] = {
        {"output", 'o', "DIR", "the folder to write into; made if need be", sq_parse_text, &j.out},
        {"at", 0, "TIME", "issue time: nothing later is looked at; default the newest frame", sq_parse_time, &j.at},
        {"grid", 0, "NAME", "native, or a grid of grids.yaml; default native", sq_parse_grid, j.set},
        {"leads", 0, "MINUTES", "like 5..60/5 (the default) or 15,30,60", sq_parse_leads, j.set},
        {"method", 0, "METHOD", "network, advection, persistence, extrapolation; default auto: network if its "
         "weights fit, else advection", parse_method, j.set},
        {"weights", 0, "FILES", "of the network, or of several, like a.nc,b.nc: their forecasts are pooled; default those "
         "that come with squall", sq_parse_weights, j.set},
        {"threshold", 0, "RATES", "mm/h: draw P(rate >= these), like 0.5,5; default 0.1,1,5", sq_parse_maps,
         j.set},
        {"no-pictures", 0, NULL, "write the netCDF file alone", NULL, &j.no_pictures},
        {"threads", 'j', "N", "default: one a core", sq_parse_threads, j.set},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &j.call, &err);
    if (!s && j.call.done)
        return 0;
    if (!s && !j.out)
        s = sq_fail(&err, SQ_USAGE, "forecast: -o DIR is missing; see squall forecast --help");
    if (!s)
        s = run(&j, &err);
    if (!s)
        report(&j);
    finish(&j);
    return sq_options_end(s, &err);
}
