/* A run made in memory, of any size, without a file: rain in patches, a disc of coverage. For benchmarks and fuzzing. */
#ifndef SQ_TESTS_MADE_RUN_H
#define SQ_TESTS_MADE_RUN_H

#include "router.h"

#include "core/crs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MADE_TIME 1468274400 /* 2016-07-11T22:00Z */

/* How hard it rains at a cell, mm/h: patches of some tens of cells, a third of the map; NaN outside of an ellipse. */
static inline float made_rate(const struct sq_grid *g, int row, int col, int lead)
{
    float x = (float)(col - 3 * lead), y = (float)row;
    float u = (float)col / (float)g->nx * 2 - 1, v = (float)row / (float)g->ny * 2 - 1;
    if (u * u + v * v > 1.2f)
        return NAN;
    float wave = sinf(x * 0.011f + 2 * sinf(y * 0.007f)) * sinf(y * 0.013f + 1.7f * sinf(x * 0.005f)) +
                 0.35f * sinf(x * 0.09f + y * 0.05f) * sinf(y * 0.11f - x * 0.03f);
    return wave > 0.35f ? 20 * (wave - 0.35f) * (wave - 0.35f) : 0;
}

/* NULL where there is no memory; ends the program where the grid is none. */
static inline struct sq_run *made_run(const struct sq_grid *g, int n_lead)
{
    struct sq_err err = {0};
    struct sq_run *r = calloc(1, sizeof *r);
    enum { ROWS = 8 * SQ_BLOCK };
    size_t plane = (size_t)ROWS * (size_t)g->nx;
    uint16_t *code = malloc(plane * SQ_THRESHOLDS * sizeof *code);
    if (!r || !code)
        abort();
    r->held = 1;
    r->f = (struct sq_forecast){.grid = *g, .issue_time = MADE_TIME, .n_lead = n_lead, .n_threshold = SQ_THRESHOLDS,
                                .n_percentile = 3, .percentile = {10, 50, 90}, .method = "network", .model = "made"};
    memcpy(r->f.threshold_mmh, sq_thresholds_mmh, sizeof sq_thresholds_mmh);
    snprintf(r->name, sizeof r->name, "20160711T2200Z");
    if (sq_crs_bounds(g, r->box, &err) || sq_crs_cell_m(g, r->f.cell_m, &err))
        abort();
    for (int lead = 0; lead < n_lead; lead++) {
        r->f.lead_s[lead] = 300 * (lead + 1);
        if (sq_volume_init(&r->lead[lead], g->nx, g->ny, SQ_THRESHOLDS, &err))
            abort();
        for (int row = 0; row < g->ny; row += ROWS) {
            int rows = g->ny - row < ROWS ? g->ny - row : ROWS;
            plane = (size_t)rows * (size_t)g->nx;
            for (size_t i = 0; i < plane; i++) {
                float rate = made_rate(g, row + (int)(i / (size_t)g->nx), (int)(i % (size_t)g->nx), lead);
                for (int k = 0; k < SQ_THRESHOLDS; k++)
                    code[(size_t)k * plane + i] =
                        isnan(rate) ? SQ_CODE_NONE
                                    : (uint16_t)(16 * lrintf(2048 * fminf(1, rate / (rate + sq_thresholds_mmh[k]))));
            }
            if (sq_volume_put(&r->lead[lead], row, 0, rows, g->nx, code, &err))
                abort();
        }
        r->bytes += r->lead[lead].bytes;
        r->hash ^= r->lead[lead].hash;
    }
    struct sq_distribution d = {SQ_THRESHOLDS, r->f.threshold_mmh, SQ_TAIL_MMH};
    sq_distribution_mean_weights(&d, r->mean_weight);
    free(code);
    return r;
}

#endif
