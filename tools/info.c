/* squall info: what a file is. */
#include "options.h"
#include "tools.h"
#include "ingest.h"
#include "model.h"
#include "serve.h"

#include "core/crs.h"
#include "core/distribution.h"
#include "core/instant.h"
#include "core/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct sq_command command = {
    "info", "FILE...",
    "Describes files: radar, satellite and model inputs, cubes, forecasts, and weights of a network. With --point\n"
    "it prints what a forecast says of one place: probabilities in %, percentiles and mean in mm/h.\n",
    "  squall info radar/*.h5\n"
    "  squall info out/squall_20160711T2200Z.nc --point 8.55,47.37\n"};

static void print_grid(const struct sq_grid *g)
{
    double cell[2], box[4];
    struct sq_err ignored;
    printf("  grid: %d x %d cells", g->nx, g->ny);
    if (!sq_crs_cell_m(g, cell, &ignored))
        printf(" of %.3f x %.3f km", cell[0] / 1000, cell[1] / 1000);
    if (!sq_crs_bounds(g, box, &ignored))
        printf(", longitude %.2f to %.2f, latitude %.2f to %.2f", box[0], box[2], box[1], box[3]);
    printf("\n  map: %s\n", g->crs);
}

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

enum { CHANNELS_SHOWN = 64 };

/* The newest frame of each channel, from the last channel to the first. Returns how many. */
static int newest_frames(const struct sq_inputs *in, int ret[CHANNELS_SHOWN])
{
    int n = 0;
    for (int i = sq_inputs_count(in) - 1; i >= 0 && n < CHANNELS_SHOWN; i--) {
        int k = 0;
        while (k < n && strcmp(sq_inputs_info(in, ret[k])->channel, sq_inputs_info(in, i)->channel))
            k++;
        if (k == n)
            ret[n++] = i;
    }
    return n;
}

static enum sq_status print_frame(struct sq_inputs *in, int i, bool alone, struct sq_err *e)
{
    struct sq_field f = {0};
    enum sq_status s = sq_inputs_read(in, i, &f, e);
    if (s)
        return s;
    const char *unit = strcmp(f.units, "1") ? f.units : "";
    printf("  %s: %.1f %% of the cells observed", alone ? "newest frame" : f.channel, 100 * sq_field_coverage(&f));
    if (sq_field_coverage(&f) > 0 && !strcmp(f.units, "mm h-1"))
        printf(", up to %.2f mm/h", (double)sq_field_most(&f));
    else if (sq_field_coverage(&f) > 0)
        printf(", up to %.4g%s%s", (double)sq_field_most(&f), *unit ? " " : "", unit);
    if (sq_inputs_info(in, i)->kind == SQ_KIND_SATELLITE)
        printf(", %s for parallax", f.parallax_corrected ? "corrected" : "not corrected");
    printf("\n");
    sq_field_finish(&f);
    return SQ_OK;
}

static void print_times(const struct sq_inputs *in, int channels)
{
    const int n = sq_inputs_count(in);
    const struct sq_frame_info *old = sq_inputs_info(in, 0), *new = sq_inputs_info(in, n - 1);
    char first[32], last[32];
    int times = 1;
    for (int i = 1; i < n; i++)
        times += sq_inputs_info(in, i)->time != sq_inputs_info(in, i - 1)->time;
    printf("%d frame%s, ", n, n > 1 ? "s" : "");
    if (channels > 1)
        printf("%d channels, ", channels);
    if (times > 1)
        printf("%s to ", sq_instant_iso(old->time, first));
    printf("%s", sq_instant_iso(new->time, last));
    if (times > 1)
        printf(", every %lld s on average", (long long)(new->time - old->time) / (times - 1));
    if (new->interval_s)
        printf(", sums over %d s", new->interval_s);
    printf("\n");
}

static enum sq_status print_inputs(const char *path, struct sq_inputs *in, struct sq_err *e)
{
    const struct sq_frame_info *new = sq_inputs_info(in, sq_inputs_count(in) - 1);
    int frame[CHANNELS_SHOWN], channels = newest_frames(in, frame);
    enum sq_status s = SQ_OK;
    printf("%s: %s, %s, ", path, new->source, new->product);
    print_times(in, channels);
    print_grid(&new->grid);
    for (int k = channels - 1; k >= 0 && !s; k--)
        s = print_frame(in, frame[k], channels == 1, e);
    return s;
}

/* Frames of each kind that a file or folder holds. */
static enum sq_status describe_input(char *path, const struct sq_settings *set, struct sq_err *e)
{
    static const enum sq_kind kinds[] = {SQ_KIND_RADAR, SQ_KIND_SATELLITE, SQ_KIND_MODEL};
    struct sq_read_params read = sq_options_read(set);
    struct sq_inputs *in = NULL;
    struct sq_err why;
    bool found = false;
    enum sq_status s = SQ_OK, first = SQ_OK;
    for (int k = 0; k < 3 && !s && first != SQ_ABSENT; k++) {
        read.kind = kinds[k];
        enum sq_status opened = sq_inputs_open(&path, 1, &read, &in, k ? &why : e);
        sq_log_level(SQ_LOG_ERROR); /* what is wrong with a file has been said */
        first = k ? first : opened;
        if (opened)
            continue;
        found = true;
        s = print_inputs(path, in, e);
        sq_inputs_close(&in);
    }
    sq_log_level(SQ_LOG_WARN);
    return s ? s : found ? SQ_OK : first;
}

/* ---- forecasts --------------------------------------------------------------------------------------------------- */

static void print_numbers(const char *label, const float *v, int n, const char *unit)
{
    printf("  %s:", label);
    for (int i = 0; i < n; i++)
        printf(" %.4g", (double)v[i]);
    printf(" %s\n", unit);
}

static void print_title(const char *path, const struct sq_forecast *f)
{
    char time[32];
    printf("%s: forecast of %s by %s", path, sq_instant_iso(f->issue_time, time), f->method);
    if (f->model[0])
        printf(", model %s, sha256 %s", f->model, f->model_sha256);
    printf("%s%s\n", f->institution[0] ? ", " : "", f->institution);
}

static void describe_forecast(const struct sq_forecast *f)
{
    print_grid(&f->grid);
    printf("  leads:");
    for (int i = 0; i < f->n_lead; i++)
        printf(" %.4g", f->lead_s[i] / 60.0);
    printf(" min\n");
    print_numbers("thresholds", f->threshold_mmh, f->n_threshold, "mm/h");
    print_numbers("percentiles", f->percentile, f->n_percentile, "%");
    printf("  inputs used: %s\n", f->inputs_used ? f->inputs_used : "not said");
    if (f->inputs_missing && f->inputs_missing[0])
        printf("  inputs missing: %s\n", f->inputs_missing);
    for (const char *line = f->sources; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
}

static void print_head(const struct sq_forecast *f, const struct sq_settings *set)
{
    printf("%8s  %-20s", "lead/min", "valid");
    for (int k = 0; k < set->n_map_thresholds; k++)
        printf("  P>=%-4.3g", (double)set->map_thresholds_mmh[k]);
    for (int k = 0; k < f->n_percentile; k++)
        printf("  p%-5.3g", (double)f->percentile[k]);
    printf("  mean\n");
}

static void print_lead(const struct sq_forecast *f, int i, const struct sq_lead *l, const struct sq_settings *set)
{
    const struct sq_distribution d = {f->n_threshold, f->threshold_mmh, SQ_TAIL_MMH};
    char valid[32];
    printf("%8.4g  %-20s", f->lead_s[i] / 60.0, sq_instant_iso(f->issue_time + f->lead_s[i], valid));
    if (isnan(l->prob[0])) {
        printf("  no forecast here\n");
        return;
    }
    for (int k = 0; k < set->n_map_thresholds; k++)
        printf("  %6.1f ", 100 * (double)sq_distribution_exceed(&d, l->prob, set->map_thresholds_mmh[k]));
    for (int k = 0; k < f->n_percentile; k++)
        printf("  %6.2f", (double)l->rate[k]);
    printf("  %.2f\n", (double)l->mean[0]);
}

/* What --point and --as ask for. */
struct place {
    double lonlat[2];
    bool formed;
    enum sq_point_form form;
};

static enum sq_status parse_form(const char *text, void *ret, struct sq_err *e)
{
    static const char *const name[] = {[SQ_POINT_JSON] = "json", [SQ_POINT_COVJSON] = "covjson", [SQ_POINT_SVG] = "svg"};
    struct place *p = ret;
    for (int k = 0; k < 3; k++)
        if (!strcmp(text, name[k])) {
            p->formed = true;
            p->form = (enum sq_point_form)k;
            return SQ_OK;
        }
    return sq_fail(e, SQ_USAGE, "'%s' is none of json, covjson, svg", text);
}

/* The table, or, with a form, what the server answers. */
static enum sq_status print_point(struct sq_product_reader *r, const struct sq_forecast *f, const struct place *place,
                                  const struct sq_settings *set, struct sq_err *e)
{
    float prob[SQ_THRESHOLD_MAX], rate[SQ_PERCENTILE_MAX], mean;
    struct sq_lead cell = {prob, rate, &mean};
    struct sq_point_params params = {.form = place->form, .w = 640, .h = 320};
    struct sq_point p = {0};
    char sentence[SQ_SENTENCE_MAX], *text = NULL;
    enum sq_status s = sq_product_point(r, place->lonlat, &p, e);
    if (!s && p.row < 0)
        s = sq_fail(e, SQ_FAILED, "longitude %g, latitude %g lies outside the forecast", place->lonlat[0],
                    place->lonlat[1]);
    if (!s && place->formed && !(s = sq_point_write(&p, &params, &text, e)))
        fputs(text, stdout);
    if (!s && !place->formed) {
        printf("%s\n", sq_point_sentence(&p, sentence));
        print_head(f, set);
    }
    for (int i = 0; i < f->n_lead && !s && !place->formed; i++) {
        s = sq_product_cell(r, i, p.row, p.col, &cell, e);
        if (!s)
            print_lead(f, i, &cell, set);
    }
    free(text);
    sq_point_finish(&p);
    return s;
}

/* ---- cubes of several sources ---------------------------------------------------------------------------------- */

/* "    abi13 (K): 13 of 13, ages 300 600 s, coverage 0.98 to 1" */
static void print_channel(const struct sq_stack *s, int source, int channel)
{
    const struct sq_stack_source *d = &s->def.source[source];
    double least = 1, most = 0;
    int there = 0;
    for (int k = 0; k < d->n_slices; k++) {
        const struct sq_stack_plane *p = sq_stack_at(s, source, channel, k);
        if (p->why != SQ_STACK_USED)
            continue;
        there++;
        least = p->coverage < least ? p->coverage : least;
        most = p->coverage > most ? p->coverage : most;
    }
    printf("    %s", d->channel[channel]);
    if (sq_stack_at(s, source, channel, 0)->units[0])
        printf(" (%s)", sq_stack_at(s, source, channel, 0)->units);
    printf(": %d of %d", there, d->n_slices);
    if (there && d->kind != SQ_STACK_COMPUTED) {
        printf(", ages");
        for (int k = 0; k < d->n_slices; k++)
            if (sq_stack_at(s, source, channel, k)->why == SQ_STACK_USED)
                printf(" %d", sq_stack_at(s, source, channel, k)->age_s);
        printf(" s, coverage %.3g to %.3g", least, most);
    }
    printf("\n");
}

static enum sq_status describe_stack(const char *path, struct sq_err *e)
{
    struct sq_stack s = {0};
    char line[200];
    enum sq_status status = sq_stack_read(path, false, &s, e);
    if (status)
        return status;
    printf("%s: what the network %s sees at %s\n", path, s.def.name, sq_instant_iso(s.at, line));
    for (int k = 0; k < s.n_grids; k++)
        print_grid(&s.grid[k].grid);
    for (int i = 0; i < s.def.n_sources; i++) {
        sq_stack_say(&s, i, line, sizeof line);
        printf("  %s, grid %d\n", line, s.grid_of[i]);
        if (s.def.source[i].kind == SQ_STACK_SATELLITE && s.cloud_top_m > 0)
            printf("    corrected for the parallax of clouds at %g m\n", s.cloud_top_m);
        else if (s.def.source[i].kind == SQ_STACK_SATELLITE)
            printf("    not corrected for parallax\n");
        for (int c = 0; c < s.def.source[i].n_channels; c++)
            print_channel(&s, i, c);
    }
    sq_stack_finish(&s);
    return SQ_OK;
}

/* ---- which it is ----------------------------------------------------------------------------------------------------- */

static void print_lines(void *arg, const char *text)
{
    (void)arg;
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        printf("%s%.*s\n", n ? "  " : "", (int)n, text);
    }
}

static enum sq_status describe(char *path, const struct place *place, const struct sq_settings *set, struct sq_err *e)
{
    const struct sq_forecast *f;
    struct sq_product_reader *r = NULL;
    struct sq_weights *w = NULL;
    struct sq_err ignored;
    enum sq_status s = sq_product_open(path, &f, &r, e);
    if (!s) {
        if (!place || !place->formed)
            print_title(path, f);
        if (place)
            s = print_point(r, f, place, set, e);
        else
            describe_forecast(f);
        sq_product_close(&r);
        return s;
    }
    if (s == SQ_ABSENT || place)
        return s;
    if (!sq_weights_read(path, &w, &ignored)) {
        printf("%s: weights of a network\n", path);
        sq_weights_describe(w, print_lines, NULL);
        sq_weights_destroy(&w);
        return SQ_OK;
    }
    if (sq_stack_probe(path))
        return describe_stack(path, e);
    return describe_input(path, set, e);
}

int sq_tool_info(int argc, char **argv)
{
    struct sq_call call;
    struct sq_err err = {0};
    struct place place = {.lonlat = {NAN, NAN}};
    const struct sq_option table[] = {
        {"point", 0, "LON,LAT", "what a forecast says of this place, in degrees east and north", sq_parse_point,
         place.lonlat},
        {"as", 0, "FORM", "--point as json, covjson or svg, as the server answers it", parse_form, &place},
        {"threshold", 0, "RATES", "mm/h, for the probabilities of --point; default 0.1,1,5", sq_parse_maps,
         &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && place.formed && isnan(place.lonlat[0]))
        s = sq_fail(&err, SQ_USAGE, "info: --as is for --point; see squall info --help");
    for (int i = 0; !s && i < call.n_words; i++)
        s = describe(call.words[i], isnan(place.lonlat[0]) ? NULL : &place, &call.settings, &err);
    return sq_options_end(s, &err);
}
