#include "warm.h"
#include "site.h"

#include <math.h>

enum { FEW = 16 }; /* tiles of one picture */

/* Tiles of zoom z over a box, columns and rows; the count. */
static int span_of(const double box[4], int z, int ret[4])
{
    double n = ldexp(1, z), y[2];
    for (int i = 0; i < 2; i++) {
        double lat = fmax(-85, fmin(85, box[3 - 2 * i])) * (M_PI / 180);
        y[i] = (1 - asinh(tan(lat)) / M_PI) / 2;
    }
    ret[0] = (int)fmax(0, floor((box[0] + 180) / 360 * n));
    ret[1] = (int)fmin(n - 1, floor((box[2] + 180) / 360 * n));
    ret[2] = (int)floor(y[0] * n);
    ret[3] = (int)floor(y[1] * n);
    return (ret[1] - ret[0] + 1) * (ret[3] - ret[2] + 1);
}

static void paint_all(struct sq_site *s, struct sq_tile_view *v, const double box[4])
{
    int at[4];
    const struct sq_request nobody = {0};
    const struct sq_asked a = {.request = &nobody};
    for (int z = 0; z <= SQ_ZOOM_MAX && span_of(box, z, at) <= FEW; z++)
        for (int x = at[0]; x <= at[1]; x++)
            for (int y = at[2]; y <= at[3]; y++) {
                struct sq_response r = {0};
                v->tile = (struct sq_tile){.z = z, .x = x, .y = y, .side = 256};
                sq_answer_tile(s, &a, v, SQ_CACHE_FIXED, &r);
                sq_response_finish(&r);
            }
}

void sq_site_warm(struct sq_site *s)
{
    static const char *const layer[] = {"prob", "median"};
    struct sq_shelf *shelf = sq_store_hold(s->store);
    const struct sq_run *run = shelf->n_run ? shelf->run[0] : NULL;
    struct sq_classes classes;
    struct sq_err err = {0};
    for (size_t i = 0; run && i < sizeof layer / sizeof *layer; i++)
        for (int lead = 0; lead < run->f.n_lead; lead++) {
            struct sq_tile_view v = {.run = run, .lead = lead, .classes = &classes};
            if (sq_layer_parse(layer[i], &v.layer) && sq_classes_find(sq_layer_quantity(&v.layer), "", &classes) &&
                !sq_tile_view_check(run, &v.layer, &err))
                paint_all(s, &v, run->box);
        }
    if (run && run->observed) {
        struct sq_tile_view v = {.run = run, .frame = run->observed, .layer.kind = SQ_LAYER_OBSERVED, .classes = &classes};
        if (sq_classes_find(SQ_RATE, "", &classes))
            paint_all(s, &v, run->box);
    }
    sq_shelf_release(shelf);
}
