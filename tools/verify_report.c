#include "verify.h"

#include "model.h"
#include "serve.h"

#include "core/publish.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 10
#define POOLED 0 /* in the place of a lead */

/* Every score of a threshold, in the order of the CSV file. */
static const char *const event_scores[] = {"BASE", "BS",     "BSS",  "REL", "RES", "ROC",
                                           "CSI",  "CSImax", "PMAX", "POD", "FAR", "BIAS"};
#define EVENT_SCORES (int)(sizeof event_scores / sizeof *event_scores)

/* Labels and leads of a report, the pooled lead last. */
struct axes {
    const char *label[SQ_VERIFY_LINES];
    int n_label, lead_s[SQ_LEAD_MAX + 1], n_lead;
};

static struct axes axes_of(const struct sq_verify_report *r)
{
    struct axes a = {0};
    a.n_label = sq_scores_labels(r->scores, a.label, SQ_VERIFY_LINES);
    a.n_lead = sq_scores_leads(r->scores, a.lead_s, SQ_LEAD_MAX);
    a.lead_s[a.n_lead++] = POOLED;
    return a;
}

static const char *lead_name(int lead_s, char out[32])
{
    if (lead_s == POOLED)
        strcpy(out, "all");
    else
        snprintf(out, 32, "%.4g", lead_s / 60.0);
    return out;
}

/* ---- the table --------------------------------------------------------------------------------------- */

/* The threshold nearest to 1 mm/h: the one the table goes into. */
static float middle_threshold(const struct sq_verify_report *r)
{
    float best = r->threshold_mmh[0];
    for (int i = 1; i < r->n_thresholds; i++)
        if (fabsf(logf(r->threshold_mmh[i])) < fabsf(logf(best)))
            best = r->threshold_mmh[i];
    return best;
}

static void put_number(FILE *out, double v)
{
    if (isnan(v))
        fprintf(out, " %8s", "-");
    else
        fprintf(out, " %8.4f", v);
}

static void put_head(FILE *out, const char *name, float t)
{
    char text[32];
    snprintf(text, sizeof text, "%s%.3g", name, (double)t);
    fprintf(out, " %8s", text);
}

static void put_row(const struct sq_verify_report *r, const char *label, int lead_s, int width, FILE *out)
{
    static const char *const at_middle[] = {"ROC", "CSI", "BIAS"};
    const struct sq_scores *s = r->scores;
    char text[32];
    float t = middle_threshold(r);
    fprintf(out, "%6s  %-*s %11.0f", lead_name(lead_s, text), width, label,
            sq_scores_get(s, label, lead_s, "N", 0, 0));
    put_number(out, sq_scores_get(s, label, lead_s, "CRPS", 0, 0));
    put_number(out, sq_scores_get(s, label, lead_s, "CRPSb", 0, 0));
    put_number(out, sq_scores_get(s, label, lead_s, "MAE", 0, 0));
    for (int i = 0; i < r->n_thresholds; i++)
        put_number(out, sq_scores_get(s, label, lead_s, "BSS", r->threshold_mmh[i], 0));
    for (int i = 0; i < 3; i++)
        put_number(out, sq_scores_get(s, label, lead_s, at_middle[i], t, 0));
    for (int i = 0; i < r->n_fss; i++)
        put_number(out, sq_scores_get(s, label, lead_s, "FSS", t, r->fss_km[i]));
    fputc('\n', out);
}

void sq_verify_table(const struct sq_verify_report *r, FILE *out)
{
    struct axes a = axes_of(r);
    float t = middle_threshold(r);
    int width = 5;
    for (int i = 0; i < a.n_label; i++)
        width = (int)strlen(a.label[i]) > width ? (int)strlen(a.label[i]) : width;
    fprintf(out,
            "Lead in minutes; CRPS, CRPSb, MAE in mm/h, lower is better; BSS at each threshold in mm/h; at "
            "%.3g mm/h also ROC area,\nCSI and frequency bias of P >= 0.5, and FSS at each scale in km.\n\n",
            (double)t);
    fprintf(out, "%6s  %-*s %11s %8s %8s %8s", "lead", width, "label", "cells", "CRPS", "CRPSb", "MAE");
    for (int i = 0; i < r->n_thresholds; i++)
        put_head(out, "BSS ", r->threshold_mmh[i]);
    fprintf(out, " %8s %8s %8s", "ROC", "CSI", "BIAS");
    for (int i = 0; i < r->n_fss; i++)
        put_head(out, "FSS ", r->fss_km[i]);
    fputc('\n', out);
    for (int k = 0; k < a.n_lead; k++)
        for (int i = 0; i < a.n_label; i++)
            put_row(r, a.label[i], a.lead_s[k], width, out);
}

/* ---- CSV --------------------------------------------------------------------------------------------- */

static void csv_number(FILE *f, double v)
{
    if (isnan(v))
        fputc(',', f);
    else
        fprintf(f, ",%.9g", v);
}

/* A label in quotes where it needs them. */
static void csv_text(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void csv_row(const struct sq_verify_report *r, const char *label, int lead_s, float t, FILE *f)
{
    const struct sq_scores *s = r->scores;
    char text[32];
    csv_text(f, label);
    fprintf(f, ",%s,%.6g,%.0f", lead_name(lead_s, text), (double)t,
            sq_scores_get(s, label, lead_s, "N", 0, 0));
    csv_number(f, sq_scores_get(s, label, lead_s, "CRPS", 0, 0));
    csv_number(f, sq_scores_get(s, label, lead_s, "CRPSb", 0, 0));
    csv_number(f, sq_scores_get(s, label, lead_s, "MAE", 0, 0));
    for (int i = 0; i < EVENT_SCORES; i++)
        csv_number(f, sq_scores_get(s, label, lead_s, event_scores[i], t, 0));
    for (int i = 0; i < r->n_fss; i++)
        csv_number(f, sq_scores_get(s, label, lead_s, "FSS", t, r->fss_km[i]));
    fputc('\n', f);
}

static void csv_write(const struct sq_verify_report *r, FILE *f)
{
    struct axes a = axes_of(r);
    fputs("label,lead_min,threshold_mmh,N,CRPS,CRPSb,MAE", f);
    for (int i = 0; i < EVENT_SCORES; i++)
        fprintf(f, ",%s", event_scores[i]);
    for (int i = 0; i < r->n_fss; i++)
        fprintf(f, ",FSS%gkm", (double)r->fss_km[i]);
    fputc('\n', f);
    for (int k = 0; k < a.n_lead; k++)
        for (int i = 0; i < a.n_label; i++)
            for (int t = 0; t < r->n_thresholds; t++)
                csv_row(r, a.label[i], a.lead_s[k], r->threshold_mmh[t], f);
}

/* Reliability curves: a line a bin of probability that was issued. */
static void reliability_write(const struct sq_verify_report *r, FILE *f)
{
    struct axes a = axes_of(r);
    double p[BINS], o[BINS], count[BINS];
    char text[32];
    fputs("label,lead_min,threshold_mmh,forecast,observed,cells\n", f);
    for (int k = 0; k < a.n_lead; k++)
        for (int i = 0; i < a.n_label; i++)
            for (int t = 0; t < r->n_thresholds; t++) {
                int n = sq_scores_reliability(r->scores, a.label[i], a.lead_s[k], r->threshold_mmh[t], BINS, p, o, count);
                for (int b = 0; b < n; b++) {
                    csv_text(f, a.label[i]);
                    fprintf(f, ",%s,%.6g,%.6g,%.6g,%.0f\n", lead_name(a.lead_s[k], text), (double)r->threshold_mmh[t], p[b],
                            o[b], count[b]);
                }
            }
}

static enum sq_status publish(const struct sq_verify_report *r, void (*write)(const struct sq_verify_report *, FILE *),
                              const char *path, struct sq_err *e)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f)
        write(r, f);
    bool bad = !f || ferror(f);
    if (f && fclose(f))
        bad = true;
    enum sq_status st =
        bad ? sq_fail(e, SQ_FAILED, "out of memory for %s", path) : sq_publish_bytes(path, text, size, e);
    free(text);
    return st;
}

enum sq_status sq_verify_csv(const struct sq_verify_report *r, const char *folder, struct sq_err *e)
{
    char path[SQ_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/reliability.csv", folder) >= (int)sizeof path)
        return sq_fail(e, SQ_FAILED, "%.100s...: the path is too long", folder);
    enum sq_status st = publish(r, reliability_write, path, e);
    snprintf(path, sizeof path, "%s/scores.csv", folder);
    return st ? st : publish(r, csv_write, path, e);
}

/* ---- plots ------------------------------------------------------------------------------------------- */

/* Lines of one plot. */
struct curves {
    struct sq_plot_line line[SQ_VERIFY_LINES];
    double x[SQ_VERIFY_LINES][SQ_LEAD_MAX], y[SQ_VERIFY_LINES][SQ_LEAD_MAX];
    int n;
};

static enum sq_status plot(const struct curves *c, struct sq_plot *p, const char *folder, const char *name,
                           struct sq_err *e)
{
    char path[SQ_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s.png", folder, name) >= (int)sizeof path)
        return sq_fail(e, SQ_FAILED, "%.100s...: the path is too long", folder);
    p->line = c->line;
    p->n = c->n < 8 ? c->n : 8;
    return sq_plot_write(p, path, e);
}

/* A score against lead, a line a label. */
static enum sq_status plot_score(const struct sq_verify_report *r, const char *score, float t,
                                 const char *title, const char *folder, const char *name, struct sq_err *e)
{
    struct curves c = {0};
    struct axes a = axes_of(r);
    for (int i = 0; i < a.n_label; i++, c.n++) {
        for (int k = 0; k < a.n_lead - 1; k++) {
            c.x[i][k] = a.lead_s[k] / 60.0;
            c.y[i][k] = sq_scores_get(r->scores, a.label[i], a.lead_s[k], score, t, 0);
        }
        c.line[i] = (struct sq_plot_line){a.label[i], a.n_lead - 1, c.x[i], c.y[i]};
    }
    struct sq_plot p = {.title = title, .x_label = "lead (min)", .y_label = t > 0 ? score : "CRPSb (mm/h)"};
    return plot(&c, &p, folder, name, e);
}

static enum sq_status plot_reliability(const struct sq_verify_report *r, int lead_s, float t,
                                       const char *folder, struct sq_err *e)
{
    struct curves c = {0};
    struct axes a = axes_of(r);
    char title[96], name[96], lead[32];
    double count[BINS];
    for (int i = 0; i < a.n_label; i++) {
        int n = sq_scores_reliability(r->scores, a.label[i], lead_s, t, BINS, c.x[c.n], c.y[c.n], count);
        c.line[c.n] = (struct sq_plot_line){a.label[i], n, c.x[c.n], c.y[c.n]};
        c.n += n > 0;
    }
    lead_name(lead_s, lead);
    snprintf(title, sizeof title, "Reliability, rate >= %.3g mm/h, %s%s%s", (double)t,
             lead_s == POOLED ? "" : "lead ", lead, lead_s == POOLED ? " leads" : " min");
    snprintf(name, sizeof name, "reliability_%.3gmmh%s%s%s", (double)t, lead_s == POOLED ? "" : "_",
             lead_s == POOLED ? "" : lead, lead_s == POOLED ? "" : "min");
    struct sq_plot p = {.title = title,
                        .x_label = "forecast probability",
                        .y_label = "observed frequency",
                        .x_max = 1,
                        .y_max = 1,
                        .diagonal = true};
    return c.n ? plot(&c, &p, folder, name, e) : SQ_OK;
}

enum sq_status sq_verify_plots(const struct sq_verify_report *r, const char *folder, struct sq_err *e)
{
    enum sq_status st = plot_score(r, "CRPSb", 0, "CRPSb against lead", folder, "crpsb", e);
    for (int i = 0; i < r->n_thresholds && !st; i++) {
        float t = r->threshold_mmh[i];
        char title[64], name[32];
        snprintf(title, sizeof title, "Brier skill, rate >= %.3g mm/h", (double)t);
        snprintf(name, sizeof name, "bss_%.3gmmh", (double)t);
        st = plot_score(r, "BSS", t, title, folder, name, e);
        if (!st)
            st = plot_reliability(r, POOLED, t, folder, e);
        for (int k = 0; k < r->n_leads && !st; k++)
            st = plot_reliability(r, r->lead_s[k], t, folder, e);
    }
    return st;
}
