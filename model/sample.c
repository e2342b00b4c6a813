#include "sample.h"

#include "advect.h"
#include "amounts.h"
#include "scene_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct start {
    const struct sq_cube *cube;
    const struct sq_stack *stack;
    int stack_wide;
    int frame, step_s;
    float keep; /* share of draws that are kept */
    bool ready;
    struct sq_scene scene;
    struct sq_amounts amounts;
    float **ahead; /* [frames of the cube after this one]: node displacements dx, dy to its time; NULL = not yet */
};

struct sq_library {
    struct sq_sample_params p;
    const struct sq_beside *beside;
    size_t n_features;
    int n_event, n_start;
    int *first;          /* [n_event + 1] starts of each event */
    struct start *start;
    double *mass;        /* [n_event] draws of the events up to each, as sqrt(area * starts), added up */
    float *window, *planes; /* scratch: (size, size) and (n_edge, size, size) */
    float *newest, *tmp; /* (sight), and the scratch of advection */
};

static int leads_ahead(const struct sq_library *l, const struct start *s, int *ret_frame)
{
    int n = 0;
    for (int i = s->frame + 1; i < s->cube->n; i++)
        if (s->cube->frame[i].rate_mmh && s->cube->frame[i].time - s->cube->frame[s->frame].time <= l->p.most_lead_s) {
            if (ret_frame)
                ret_frame[n] = i;
            n++;
        }
    return n;
}

/* A start needs itself, one frame before it and one after. */
static bool usable(const struct sq_library *l, const struct start *s)
{
    const struct sq_cube *c = s->cube;
    return c->frame[s->frame].rate_mmh && leads_ahead(l, s, NULL) > 0 &&
           sq_cube_find(c, c->frame[s->frame].time - s->step_s, s->step_s / 3) >= 0;
}

static int collect(struct sq_library *l, const struct sq_lesson *lessons, int n_lessons)
{
    int n = 0;
    for (int k = 0; k < n_lessons; k++) {
        const struct sq_cube *cube = &lessons[k].cube;
        if (l->start)
            l->first[k] = n;
        for (int stride = 1; stride <= l->p.most_stride; stride++)
            for (int i = 0; i < cube->n; i++) {
                struct start s = {.cube = cube, .stack = lessons[k].stack ? lessons[k].stack[i] : NULL,
                                  .stack_wide = lessons[k].stack_wide, .frame = i, .step_s = stride * cube->step_s};
                s.keep = (stride > 1 ? l->p.thinned : 1) * (k >= l->p.n_native ? l->p.twin : 1);
                if ((stride > 1 && s.step_s > l->p.most_step_s) || !usable(l, &s))
                    continue;
                if (l->start)
                    l->start[n] = s;
                n++;
            }
    }
    if (l->start)
        l->first[n_lessons] = n;
    return n;
}

/* A wide grid and a long event say more than small ones, but not in proportion: its windows are alike. */
static void weigh_events(struct sq_library *l, const struct sq_lesson *lessons)
{
    double sum = 0;
    for (int k = 0; k < l->n_event; k++) {
        const struct sq_cube *c = &lessons[k].cube;
        double cell = c->cell_m[0] * c->cell_m[1];
        int starts = l->first[k + 1] - l->first[k];
        sum += sqrt((double)sq_grid_cells(&c->grid) * sqrt(cell) * starts);
        l->mass[k] = sum;
    }
}

/* Room for the widest sight and its scratch. */
static enum sq_status sight_room(struct sq_library *l, const struct sq_lesson *lessons, struct sq_err *e)
{
    size_t newest = 0, tmp = 0;
    for (int k = 0; k < l->n_event; k++) {
        const struct sq_grid *g = &lessons[k].cube.grid;
        struct sq_window win = {(g->ny - l->p.size) / 2, (g->nx - l->p.size) / 2, l->p.size, l->p.size};
        win.row = win.row > 0 ? win.row : 0, win.col = win.col > 0 ? win.col : 0;
        struct sq_window s = sq_advect_sight(&lessons[k].cube, &win, l->p.most_lead_s);
        /* a window elsewhere may be aligned otherwise */
        size_t cells = (size_t)(s.h + 32) * (size_t)(s.w + 32), room = 5 * cells;
        newest = cells > newest ? cells : newest;
        tmp = room > tmp ? room : tmp;
    }
    enum sq_status st = sq_alloc((void **)&l->newest, newest, sizeof *l->newest, "samples", e);
    return st ? st : sq_alloc((void **)&l->tmp, tmp, sizeof *l->tmp, "samples", e);
}

enum sq_status sq_library_create(const struct sq_lesson *lessons, int n_lessons, const struct sq_beside *beside,
                                 const struct sq_sample_params *p, struct sq_library **ret, struct sq_err *e)
{
    struct sq_library *l = NULL;
    size_t cells = (size_t)p->size * (size_t)p->size;
    enum sq_status s = sq_alloc((void **)&l, 1, sizeof *l, "samples", e);
    if (s)
        return s;
    l->p = *p;
    l->beside = beside;
    l->n_features = SQ_FEATURES(p->slots.n) + (beside ? 2 * (size_t)beside->n : 0);
    l->n_event = n_lessons;
    l->n_start = collect(l, lessons, n_lessons);
    s = l->n_start ? SQ_OK : sq_fail(e, SQ_FAILED, "training: no event has a frame with one before and one after it");
    if (!s)
        s = sq_alloc((void **)&l->start, (size_t)l->n_start, sizeof *l->start, "samples", e);
    if (!s)
        s = sq_alloc((void **)&l->first, (size_t)n_lessons + 1, sizeof *l->first, "samples", e);
    if (!s)
        s = sq_alloc((void **)&l->mass, (size_t)n_lessons, sizeof *l->mass, "samples", e);
    if (!s)
        s = sq_alloc((void **)&l->window, cells * (1 + SQ_CLASS_MAX), sizeof *l->window, "samples", e);
    if (!s)
        s = sight_room(l, lessons, e);
    if (s) {
        sq_library_destroy(&l);
        return s;
    }
    l->planes = l->window + cells;
    collect(l, lessons, n_lessons);
    weigh_events(l, lessons);
    *ret = l;
    return SQ_OK;
}

void sq_library_destroy(struct sq_library **l)
{
    if (!*l)
        return;
    for (int i = 0; (*l)->start && i < (*l)->n_start; i++) {
        struct start *s = &(*l)->start[i];
        for (int k = 0; s->ahead && k < s->cube->n - s->frame; k++)
            free(s->ahead[k]);
        free(s->ahead);
        sq_scene_finish(&s->scene);
        sq_amounts_finish(&s->amounts);
    }
    free((*l)->start);
    free((*l)->first);
    free((*l)->mass);
    free((*l)->window);
    free((*l)->newest);
    free((*l)->tmp);
    free(*l);
    *l = NULL;
}

int sq_library_starts(const struct sq_library *l)
{
    return l->n_start;
}

static enum sq_status make_ready(const struct sq_library *l, struct start *s, struct sq_err *e)
{
    if (s->ready)
        return SQ_OK;
    enum sq_status st = sq_scene_init(&s->scene, s->cube, s->frame, s->step_s, &l->p.slots, e);
    s->scene.beside = l->beside;
    s->scene.stack = s->stack;
    s->scene.stack_wide = s->stack_wide;
    if (!st)
        st = sq_amounts_init(&s->amounts, &s->scene, l->p.most_lead_s, e);
    if (!st)
        st = sq_alloc((void **)&s->ahead, (size_t)(s->cube->n - s->frame), sizeof *s->ahead, "samples", e);
    s->ready = !st;
    return st;
}

static enum sq_status trace_ahead(struct start *s, int frame, const float **ret, struct sq_err *e)
{
    float **slot = &s->ahead[frame - s->frame];
    const struct sq_motion *m = &s->scene.motion;
    size_t nodes = (size_t)m->mx * (size_t)m->my;
    if (!*slot) {
        enum sq_status st = sq_alloc((void **)slot, 2 * nodes, sizeof **slot, "samples", e);
        if (st)
            return st;
        double dt = (double)(s->cube->frame[frame].time - s->cube->frame[s->frame].time);
        sq_motion_ahead(m, dt, *slot, *slot + nodes);
    }
    *ret = *slot;
    return SQ_OK;
}

/* Observed and wet fraction of a window of the start frame, from every sixth cell. */
static void survey(const struct start *s, const struct sq_window *win, float *ret_seen, float *ret_wet)
{
    const struct sq_grid *g = &s->cube->grid;
    const float *map = s->cube->frame[s->frame].rate_mmh;
    int all = 0, seen = 0, wet = 0;
    for (int i = win->row + 3; i < win->row + win->h; i += 6)
        for (int j = win->col + 3; j < win->col + win->w; j += 6) {
            all++;
            if (i < 0 || j < 0 || i >= g->ny || j >= g->nx)
                continue;
            float v = map[(size_t)i * (size_t)g->nx + (size_t)j];
            seen += !isnan(v);
            wet += v >= 0.1f;
        }
    *ret_seen = (float)seen / (float)all;
    *ret_wet = (float)wet / (float)all;
}

static int place(struct sq_random *r, int n, int size)
{
    int margin = size / 4, room = n - size + 2 * margin;
    return room > 0 ? sq_random_below(r, room + 1) - margin : (n - size) / 2;
}

/* Windows with rain are preferred, dry ones are not left out. */
static bool worth(const struct start *s, const struct sq_window *win, float keep, struct sq_random *r)
{
    float seen, wet;
    survey(s, win, &seen, &wet);
    return seen >= 0.3f && sq_random_uniform(r) < (0.03f + 4 * wet) * keep;
}

static void place_window(const struct sq_library *l, const struct start *s, struct sq_random *r, struct sq_window *win)
{
    win->h = win->w = l->p.size;
    win->row = place(r, s->cube->grid.ny, win->h);
    win->col = place(r, s->cube->grid.nx, win->w);
}

enum { ATTEMPTS = 100 };

/* A start is drawn as often as a window of it would be. */
static struct start *choose_start(struct sq_library *l, struct sq_random *r)
{
    struct start *s = NULL;
    struct sq_window win;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int k = 0;
        for (double at = sq_random_uniform(r) * l->mass[l->n_event - 1]; k < l->n_event - 1 && at >= l->mass[k];)
            k++;
        if (l->first[k] == l->first[k + 1])
            continue;
        s = &l->start[l->first[k] + sq_random_below(r, l->first[k + 1] - l->first[k])];
        place_window(l, s, r, &win);
        if (worth(s, &win, s->keep, r))
            break;
    }
    return s;
}

static void choose_window(const struct sq_library *l, const struct start *s, struct sq_random *r, struct sq_window *win)
{
    int attempt = 0;
    do {
        place_window(l, s, r, win);
    } while (!worth(s, win, 1, r) && ++attempt < ATTEMPTS);
}

/* The newest observation stands for what can be forecast: cells never observed do not count. */
static void mask_truth(const struct sq_library *l, const float *features, float *truth, size_t n, struct sq_touch touch)
{
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (int k = 0; k < l->p.slots.n && l->p.slots.age[k] <= SQ_FRESH; k++)
            seen |= features[i * l->n_features + (size_t)(2 * k + 1)] > 0;
        truth[i] = seen ? sq_touched(touch, truth[i]) : NAN;
    }
}

static enum sq_status draw_truth(struct sq_library *l, struct start *s, const struct sq_window *win, struct sq_random *r,
                                 struct sq_touch touch, const float *features, float *truth, int *lead_s, struct sq_err *e)
{
    enum { MOST = 256 };
    int frame[MOST], n = leads_ahead(l, s, frame);
    size_t cells = (size_t)win->h * (size_t)win->w;
    for (int k = 0; k < l->p.leads; k++) {
        float *out = truth + (size_t)k * cells;
        if (k >= n) {
            for (size_t i = 0; i < cells; i++)
                out[i] = NAN;
            lead_s[k] = lead_s[0];
            continue;
        }
        int pick = k + sq_random_below(r, n - k), f = frame[pick]; /* without putting back */
        frame[pick] = frame[k];
        const float *d;
        enum sq_status st = trace_ahead(s, f, &d, e);
        if (st)
            return st;
        const struct sq_motion *m = &s->scene.motion;
        sq_carry(s->cube->frame[f].rate_mmh, m, d, d + (size_t)m->mx * (size_t)m->my, win, true, out);
        mask_truth(l, features, out, cells, touch);
        lead_s[k] = (int)(s->cube->frame[f].time - s->cube->frame[s->frame].time);
    }
    return SQ_OK;
}

/* What of the window lies inside the grid. */
static struct sq_window inside(const struct sq_grid *g, const struct sq_window *win)
{
    int top = win->row > 0 ? win->row : 0, left = win->col > 0 ? win->col : 0;
    int bottom = win->row + win->h < g->ny ? win->row + win->h : g->ny;
    int right = win->col + win->w < g->nx ? win->col + win->w : g->nx;
    return (struct sq_window){top, left, bottom - top, right - left};
}

/* Rates of the untouched rain that the edges stand for. */
static void untouch(const struct sq_library *l, struct sq_touch touch, float ret[SQ_CLASS_MAX])
{
    for (int k = 0; k < l->p.n_edge; k++)
        ret[k] = fmaxf(l->p.edge_mmh[k], touch.least_mmh) / touch.gain;
}

/* Advection probabilities of each lead; 0 outside the grid, where truth does not count. */
static enum sq_status draw_base(struct sq_library *l, const struct start *s, const struct sq_window *win,
                                struct sq_touch touch, const int *lead_s, float *base, struct sq_err *e)
{
    const int size = l->p.size, n = l->p.n_edge;
    size_t cells = (size_t)size * (size_t)size;
    struct sq_window in = inside(&s->cube->grid, win);
    float *planes = l->planes, untouched[SQ_CLASS_MAX];
    struct sq_scales scales;
    int last = 0;
    enum sq_status st = sq_amounts_scales(&scales, &s->scene, &in, e);
    if (st)
        return st;
    untouch(l, touch, untouched);
    for (int k = 0; k < l->p.leads; k++)
        last = lead_s[k] > last ? lead_s[k] : last;
    struct sq_newest newest = {sq_advect_sight(s->cube, &in, last), l->newest};
    sq_scene_composite(&s->scene, &newest.win, l->newest, l->tmp);
    for (size_t i = 0; i < (size_t)newest.win.h * (size_t)newest.win.w; i++)
        l->newest[i] = sq_touched(touch, l->newest[i]);
    for (int k = 0; k < l->p.leads; k++) {
        sq_advect_share(s->cube, &newest, lead_s[k], &in, l->p.edge_mmh, n, planes, l->tmp);
        sq_amounts_pool(&s->amounts, &scales, lead_s[k], &in, untouched, n, planes, l->tmp);
        for (int c = 0; c < n; c++, base += cells) {
            memset(base, 0, cells * sizeof *base);
            for (int i = 0; i < in.h; i++)
                memcpy(base + (size_t)(in.row - win->row + i) * (size_t)size + (size_t)(in.col - win->col),
                       planes + ((size_t)c * (size_t)in.h + (size_t)i) * (size_t)in.w, (size_t)in.w * sizeof *planes);
        }
    }
    sq_scales_finish(&scales);
    return SQ_OK;
}

static struct sq_touch draw_touch(const struct sq_library *l, struct sq_random *r)
{
    struct sq_touch t = {.gain = expf(l->p.gain_sigma * sq_random_normal(r))};
    if (sq_random_uniform(r) < l->p.blind)
        t.least_mmh = 0.1f * expf(logf(6) * sq_random_uniform(r));
    for (int i = 0; l->beside && i < l->beside->def->n_sources; i++)
        t.dropped |= (unsigned)(sq_random_uniform(r) < l->p.dropped) << i;
    return t;
}

enum sq_status sq_library_draw(struct sq_library *l, struct sq_random *which, struct sq_random *r, float *features,
                               float *truth, float *base, int *lead_s, struct sq_err *e)
{
    struct sq_window win;
    struct start *s = choose_start(l, which);
    enum sq_status st = make_ready(l, s, e);
    if (st)
        return st;
    choose_window(l, s, r, &win);
    struct sq_touch touch = draw_touch(l, r);
    sq_features(&s->scene, &l->p.slots, &win, touch, features, l->window);
    st = draw_truth(l, s, &win, r, touch, features, truth, lead_s, e);
    return st ? st : draw_base(l, s, &win, touch, lead_s, base, e);
}
