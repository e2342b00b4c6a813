/* Weather radars: sites some 200 km apart, scattered about a hexagonal lattice, and what each does to the rain. */
#include "views.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KM 1e3
#define BETWEEN_M 230e3   /* sites */
#define SCATTER_M 45e3
#define BINS 220          /* range, km */
#define AZIMUTHS 360
#define SECTORS 2         /* that something near the site hides */
#define STANDS 0.75       /* of the lattice's places, that it has a site; its middle always has */
#define WATCH_S 7200      /* in every such span a site may fall silent once */
#define SILENT 0.03
#define NOISE_DB 0.4

struct site {
    uint64_t key;
    double x, y;
    int row0, row1, col0, col1; /* cells that may be in its range, last excluded */
    struct {
        double from, width, passes; /* rad; share of the power that passes */
        double beyond_m;
    } sector[SECTORS];
};

/* How one cell is looked at: by the site that sees it lowest. */
struct look {
    float r_m, azimuth; /* rad, [0, 2 pi); r_m = INFINITY: by none */
    int site;
};

struct sq_radars {
    const struct sq_world *world;
    const struct sq_world_map *map;
    int n;
    struct site *site;
};

/* ---- the sites ------------------------------------------------------------------------------------------ */

/* Cells that may be within range, from the nodes that are. */
static bool place_box(struct site *s, const struct sq_world_map *m)
{
    const double reach = BINS * KM + 1.5 * m->step * m->cell_m;
    int top = m->my, bottom = -1, left = m->mx, right = -1;
    for (int i = 0; i < m->my; i++)
        for (int j = 0; j < m->mx; j++) {
            size_t at = (size_t)i * (size_t)m->mx + (size_t)j;
            if (hypot(m->x[at] - s->x, m->y[at] - s->y) > reach)
                continue;
            top = i < top ? i : top;
            bottom = i > bottom ? i : bottom;
            left = j < left ? j : left;
            right = j > right ? j : right;
        }
    s->row0 = (top > 0 ? top - 1 : 0) * m->step;
    s->col0 = (left > 0 ? left - 1 : 0) * m->step;
    s->row1 = (int)fmin(m->grid.ny, (bottom + 1) * m->step);
    s->col1 = (int)fmin(m->grid.nx, (right + 1) * m->step);
    return bottom >= 0 && s->row0 < s->row1 && s->col0 < s->col1;
}

static struct site make_site(uint64_t seed, int i, int j)
{
    struct site s = {.key = sq_mix_place(seed, i, j, 77)};
    double angle = 2 * M_PI * sq_unit(sq_mix(s.key)), off = SCATTER_M * sqrt(sq_unit(sq_mix(s.key + 1)));
    s.x = (i + 0.5 * (j & 1)) * BETWEEN_M + off * cos(angle);
    s.y = j * BETWEEN_M * 0.866 + off * sin(angle);
    for (int k = 0; k < SECTORS; k++) {
        const uint64_t key = s.key + 10 * ((uint64_t)k + 1);
        if (sq_unit(sq_mix(key)) < 0.5)
            continue;
        s.sector[k].from = 2 * M_PI * sq_unit(sq_mix(key + 1));
        s.sector[k].width = (2 + 8 * sq_unit(sq_mix(key + 2))) * M_PI / 180;
        s.sector[k].passes = fmax(0, 0.9 - 1.2 * sq_unit(sq_mix(key + 3)));
        s.sector[k].beyond_m = 15 * KM + 80 * KM * sq_unit(sq_mix(key + 4));
    }
    return s;
}

enum sq_status sq_radars_create(const struct sq_world *w, const struct sq_world_map *m, struct sq_radars **ret,
                                struct sq_err *e)
{
    void *block;
    double far = 0;
    for (int i = 0; i < m->mx * m->my; i++)
        far = fmax(far, hypot(m->x[i], m->y[i]));
    const int side = (int)(far / (0.866 * BETWEEN_M)) + 3;
    enum sq_status s = sq_alloc(&block, 1, sizeof(struct sq_radars), "radars", e);
    if (s)
        return s;
    struct sq_radars *r = block;
    *r = (struct sq_radars){.world = w, .map = m};
    s = sq_alloc(&block, (size_t)(2 * side + 1) * (size_t)(2 * side + 1), sizeof(struct site), "radars", e);
    if (s) {
        sq_radars_destroy(&r);
        return s;
    }
    r->site = block;
    for (int j = -side; j <= side; j++)
        for (int i = -side; i <= side; i++) {
            struct site one = make_site(w->seed, i, j);
            if ((sq_unit(sq_mix(one.key + 9)) < STANDS || (!i && !j)) && place_box(&one, m))
                r->site[r->n++] = one;
        }
    *ret = r;
    return SQ_OK;
}

void sq_radars_destroy(struct sq_radars **r)
{
    if (*r)
        free((*r)->site);
    free(*r);
    *r = NULL;
}

/* ---- one frame ------------------------------------------------------------------------------------------ */

static bool is_silent(const struct site *s, double t)
{
    const double watch = floor(t / WATCH_S);
    const uint64_t key = sq_mix_place(s->key, (int64_t)watch, 0, 1);
    if (sq_unit(key) >= SILENT)
        return false;
    double from = WATCH_S * 0.6 * sq_unit(sq_mix(key)), lasts = WATCH_S * (0.1 + 0.3 * sq_unit(sq_mix(key + 1)));
    return t - watch * WATCH_S >= from && t - watch * WATCH_S < from + lasts;
}

/* Share of the power that comes through. */
static double passes(const struct site *s, double r_m, double azimuth)
{
    double share = 1;
    for (int k = 0; k < SECTORS; k++)
        if (r_m > s->sector[k].beyond_m && fmod(azimuth - s->sector[k].from + 2 * M_PI, 2 * M_PI) < s->sector[k].width)
            share *= s->sector[k].passes;
    return share;
}

static int bin_of(float r_m, float azimuth)
{
    int a = (int)(azimuth * (float)(AZIMUTHS / (2 * M_PI))) % AZIMUTHS;
    return a * BINS + (int)fminf(r_m / (float)KM, BINS - 1);
}

/* What one site sees, in its own rays: mean rates by bin, and it looks at the cells that no lower beam reached. */
static void sweep(const struct sq_radars *r, int index, const float *rate, float *polar, float *count,
                  struct look *look)
{
    const struct site *s = &r->site[index];
    for (int row = s->row0; row < s->row1; row++)
        for (int col = s->col0; col < s->col1; col++) {
            double p[2];
            sq_world_place(r->map, row, col, p);
            const float dx = (float)(p[0] - s->x), dy = (float)(p[1] - s->y), d = hypotf(dx, dy);
            if (d >= (float)(BINS * KM))
                continue;
            float azimuth = atan2f(dx, dy);
            azimuth += azimuth < 0 ? (float)(2 * M_PI) : 0;
            const size_t at = (size_t)row * (size_t)r->map->grid.nx + (size_t)col;
            const int bin = bin_of(d, azimuth);
            polar[bin] += rate[at];
            count[bin]++;
            if (d < look[at].r_m && passes(s, (double)d, (double)azimuth) > 0.1)
                look[at] = (struct look){d, azimuth, index};
        }
}

/* Two-way loss by rain on the way, dB, in place of `count`; 0.0018 R^1.05 dB/km one way is C band's, and the site's
 * processing makes up for most of it. */
#define LOSS_LEFT 0.3f
static void attenuate(float *polar, float *count)
{
    for (int a = 0; a < AZIMUTHS; a++) {
        float loss = 0, last = 0;
        for (int k = 0; k < BINS; k++) {
            const int bin = a * BINS + k;
            polar[bin] = last = count[bin] > 0 ? polar[bin] / count[bin] : last; /* a ray is thin near the site */
            count[bin] = fminf(loss, 8);
            loss += LOSS_LEFT * 2 * 0.0018f * powf(last, 1.05f);
        }
    }
}

/* Height of the beam's middle over the site, km: 0.5 degrees up, over an Earth of 4/3 its radius. */
static double beam_km(double r_m)
{
    return (r_m * sin(0.5 * M_PI / 180) + r_m * r_m / (2 * 4 / 3. * 6371e3)) / KM;
}

/* An echo of the ground, dBZ, -INFINITY mostly: the same bins again and again, most often filtered out. */
static double clutter_dbz(const struct site *s, double r_m, int bin, double t)
{
    const uint64_t key = sq_mix_place(s->key, bin, 0, 2);
    if (sq_unit(key) > 0.02 * exp(-r_m / (14 * KM)) || sq_unit(sq_mix_place(key, (int64_t)t, 0, 3)) > 0.4)
        return -INFINITY;
    return 12 + 22 * sq_unit(sq_mix(key + 1));
}

static float measure(const struct sq_radars *r, const struct look *l, size_t cell, double t, float rate, float kind,
                     const float *polar, const float *loss)
{
    const struct site *s = &r->site[l->site];
    const double range = (double)l->r_m, wide = 0.6 * range / (BINS * KM);
    const int bin = bin_of(l->r_m, l->azimuth);
    double mean = (1 - wide) * (double)rate + wide * (double)polar[bin]; /* the beam is wider than a cell */
    double dbz = 10 * log10(200 * pow(fmax(mean, 1e-3), 1.6));
    dbz -= fmax(0, beam_km(range) - 1.8) * (3.2 - 2.4 * (double)kind); /* rain weakens with height, showers less */
    dbz -= (double)loss[bin] - 10 * log10(passes(s, range, (double)l->azimuth));
    dbz += NOISE_DB * (double)sq_gauss(sq_mix_place(s->key ^ 5, (int64_t)cell, (int64_t)t, 0));
    dbz = 10 * log10(pow(10, 0.1 * dbz) + pow(10, 0.1 * clutter_dbz(s, range, bin, t)));
    if (dbz < fmax(5, 4 + 20 * log10(range / (100 * KM))))
        return 0; /* below what it can detect */
    dbz = 0.5 * rint(2 * dbz);
    return (float)pow(pow(10, 0.1 * dbz) / 200, 1 / 1.6);
}

enum sq_status sq_radars_observe(const struct sq_radars *r, double t, float *rate, struct sq_err *e)
{
    const size_t n = sq_grid_cells(&r->map->grid), bins = AZIMUTHS * BINS;
    void *kind = NULL, *look = NULL, *polar = NULL;
    enum sq_status s = sq_alloc(&kind, n, sizeof(float), "a kind of weather", e);
    if (!s)
        s = sq_alloc(&look, n, sizeof(struct look), "beams", e);
    if (!s)
        s = sq_alloc(&polar, 2 * bins * (size_t)(r->n + 1), sizeof(float), "rays", e);
    if (!s)
        s = sq_world_render(r->world, r->map, t, 0, NULL, rate, kind, e);
    if (s)
        goto done;
    struct look *at = look;
    float *ray = polar;
    const float *k = kind;
    memset(polar, 0, 2 * bins * (size_t)(r->n + 1) * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        rate[i] = sq_world_rate(rate[i], k[i]);
        at[i].r_m = INFINITY;
    }
    for (int i = 0; i < r->n; i++)
        if (!is_silent(&r->site[i], t)) {
            sweep(r, i, rate, ray + 2 * bins * (size_t)i, ray + 2 * bins * (size_t)i + bins, at);
            attenuate(ray + 2 * bins * (size_t)i, ray + 2 * bins * (size_t)i + bins);
        }
    for (size_t i = 0; i < n; i++) {
        const float *own = ray + 2 * bins * (size_t)at[i].site;
        rate[i] = isinf(at[i].r_m) ? NAN : measure(r, &at[i], i, t, rate[i], k[i], own, own + bins);
    }
done:
    free(kind);
    free(look);
    free(polar);
    return s;
}
