/* How well quality control finds faults, and how much it takes for one that is none.
 *
 *     bench_quality [-n TRIALS] EVENT.nc...
 *
 * Each fault is put into real radar sequences at random times and places (seeded: the same every time), in windows of
 * six frames and 320 x 320 cells with at least 1 % of them wet: half of the trials into the newest frame, as in live
 * use, half into the fourth. A fault that may miss the rain is drawn again, with its window, until it hits as much as
 * injuries.h asks for. Prints two tables in Markdown: what is touched in the whole events, where nothing was put in, once
 * in sequence and once with each frame as the newest, as in operation each is once; and fault against detection. */
#include "ingest.h"
#include "injuries.h"
#include "quality.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 6
#define READ 10 /* frames: what a forecast reads */
#define INNER 3
#define SIDE 320
#define STRONG_MMH 20
#define WET_PART 0.01
#define TRIES_MOST 200

/* ---- one window through quality control ------------------------------------------------------------------ */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(enum sq_status s, const struct sq_err *e)
{
    if (!s)
        return;
    fprintf(stderr, "bench_quality: %s\n", e->text);
    exit(1);
}

/* A part of an event. */
struct window {
    int first, n;        /* frames */
    int x, y, nx, ny;    /* cells */
};

/* A copy as a cube of its own. */
static struct sq_cube copy_window(const struct sq_cube *event, const struct window *w)
{
    struct sq_cube c = *event;
    c.grid.nx = w->nx;
    c.grid.ny = w->ny;
    c.frame = calloc((size_t)w->n, sizeof *c.frame);
    c.n = w->n;
    for (int k = 0; k < w->n; k++) {
        const struct sq_cube_frame *from = &event->frame[w->first + k];
        c.frame[k].time = from->time;
        if (!from->rate_mmh)
            continue;
        c.frame[k].rate_mmh = malloc(sq_grid_cells(&c.grid) * sizeof(float));
        for (int y = 0; y < w->ny; y++)
            memcpy(c.frame[k].rate_mmh + (size_t)y * (size_t)w->nx,
                   from->rate_mmh + (size_t)(w->y + y) * (size_t)event->grid.nx + (size_t)w->x,
                   (size_t)w->nx * sizeof(float));
    }
    return c;
}

/* Frames [from, n), as reading does it. */
static void control_frames(struct sq_cube *c, int from, int n)
{
    const struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    const size_t cells = sq_grid_cells(&c->grid);
    struct sq_err err = {0};
    for (int k = from; k < n; k++) {
        struct sq_cube_frame *f = &c->frame[k];
        if (!f->rate_mmh)
            continue;
        struct sq_field field = {.grid = c->grid, .value = f->rate_mmh, .state = malloc(cells)};
        for (size_t i = 0; i < cells; i++)
            field.state[i] = isnan(f->rate_mmh[i]) ? SQ_STATE_NO_COVERAGE : SQ_STATE_VALID;
        must(sq_quality_apply(&field, &p, &err), &err);
        f->report = field.report;
        free(field.state);
    }
}

/* As sq_cube_build does it. */
static void control_sequence(struct sq_cube *c)
{
    const struct sq_quality_params p = SQ_QUALITY_DEFAULT;
    struct sq_err err = {0};
    must(sq_quality_sequence(c, &p, &err), &err);
}

/* ---- detection ------------------------------------------------------------------------------------------- */

struct score {
    int trials, of[2], found[2], named[2]; /* [0] in the newest frame, [1] in an inner one */
    double hurt, taken;          /* cells */
    int kept;                    /* trials that leave all other frames */
    int again;                   /* drawn again: too little rain was hit */
};

/* Of the newest frame of a window. */
static double wet_part(const struct sq_cube *c, const struct window *w)
{
    const float *rate = c->frame[w->first + w->n - 1].rate_mmh;
    int wet = 0;
    for (int y = w->y; rate && y < w->y + w->ny; y++)
        for (int x = w->x; x < w->x + w->nx; x++)
            wet += rate[(size_t)y * (size_t)c->grid.nx + (size_t)x] >= 0.1f;
    return (double)wet / w->nx / w->ny;
}

/* One with rain, where one is found. */
static struct window choose(const struct sq_cube *event, uint64_t *seed)
{
    struct window w = {.n = WINDOW, .nx = SIDE < event->grid.nx ? SIDE : event->grid.nx,
                       .ny = SIDE < event->grid.ny ? SIDE : event->grid.ny};
    for (int tries = 0; tries < 1000 && (!tries || wet_part(event, &w) < WET_PART); tries++) {
        w.first = chance_below(seed, event->n - WINDOW + 1);
        w.x = chance_below(seed, event->grid.nx - w.nx + 1);
        w.y = chance_below(seed, event->grid.ny - w.ny + 1);
    }
    return w;
}

/* A window with a fault in it. */
struct hurt_window {
    struct sq_cube c;
    uint8_t *hurt; /* (ny, nx) */
    int at;        /* the frame */
};

static void finish_window(struct hurt_window *h)
{
    sq_cube_finish(&h->c);
    free(h->hurt);
}

static void injure(const struct sq_cube *event, const struct window *w, int newest, const struct injury *how,
                   uint64_t chance, struct hurt_window *ret)
{
    struct window all = *w;
    all.first = 0;
    all.n = event->n;
    struct sq_cube times = how->frame ? copy_window(event, &all) : (struct sq_cube){0};
    *ret = (struct hurt_window){.c = copy_window(event, w), .at = newest ? WINDOW - 1 : INNER};
    ret->hurt = calloc(sq_grid_cells(&ret->c.grid), 1);
    struct trial t = {&times, w->first + ret->at, ret->c.frame[ret->at].rate_mmh, ret->hurt, ret->c.grid.nx,
                      ret->c.grid.ny, ret->c.cell_m[0] / 1000, chance};
    how->put(&t);
    sq_cube_finish(&times);
}

/* Does the fault hit rain enough to be one? */
static bool hits(const struct sq_cube *event, const struct window *w, const struct hurt_window *h, const struct injury *how)
{
    const float *rate = event->frame[w->first + h->at].rate_mmh;
    int hit = 0;
    for (int y = 0; how->least_wet && y < w->ny; y++)
        for (int x = 0; x < w->nx; x++)
            hit += h->hurt[y * w->nx + x] &&
                   rate[(size_t)(w->y + y) * (size_t)event->grid.nx + (size_t)(w->x + x)] >= INJURY_MMH;
    return hit >= how->least_wet;
}

static void judge(struct hurt_window *h, int newest, const struct injury *how, struct score *s)
{
    struct sq_cube *c = &h->c;
    const size_t cells = sq_grid_cells(&c->grid);
    control_frames(c, 0, WINDOW);
    control_sequence(c);
    const bool late = h->at >= c->n;
    const struct sq_quality_report *r = late ? &c->late : &c->frame[h->at].report;
    const bool named = how->frame ? r->frame == how->why : r->cells[how->why] > 0;
    const float *left = late ? NULL : c->frame[h->at].rate_mmh;
    s->trials++;
    s->of[!newest]++;
    s->named[!newest] += named;
    s->found[!newest] += named || r->frame; /* taken out whole, under whatever name */
    for (size_t i = 0; !how->frame && i < cells; i++) {
        s->hurt += h->hurt[i];
        /* capped and slightly negative rates are mended in place */
        s->taken += h->hurt[i] && (!left || isnan(left[i]) || (how->why == SQ_FAULT_NO_NUMBER && left[i] <= 300));
    }
    int kept = late;
    for (int k = 0; k < c->n; k++)
        kept += c->frame[k].rate_mmh != NULL || k == h->at;
    s->kept += kept >= WINDOW && c->n >= WINDOW - 1;
}

/* A fault that hits too little rain is drawn again, with its window. */
static void try_one(const struct sq_cube *event, int newest, const struct injury *how, uint64_t *seed, struct score *s)
{
    for (int tries = 0; tries < TRIES_MOST; tries++) {
        const struct window w = choose(event, seed);
        struct hurt_window h;
        injure(event, &w, newest, how, *seed, &h);
        const bool counts = hits(event, &w, &h, how);
        if (counts)
            judge(&h, newest, how, s);
        finish_window(&h);
        if (counts)
            return;
        s->again++;
    }
}

static void try_all(const struct sq_cube *event, int n_trials, struct score *score)
{
    uint64_t seed = (uint64_t)event->frame[0].time; /* the same for an event, whatever came before */
    for (int k = 0; k < INJURIES; k++)
        for (int i = 0; i < n_trials; i++)
            try_one(event, i % 2, &injuries[k], &seed, &score[k]);
}

static void print_scores(const struct score *score)
{
    printf("\n| fault | found, newest frame | found, inner frame | by its own name | faulty cells taken out or mended "
           "| all other frames kept | drawn again |\n|---|---|---|---|---|---|---|\n");
    for (int k = 0; k < INJURIES; k++) {
        const struct score *s = &score[k];
        printf("| %s | %d of %d | %d of %d | %d of %d | ", injuries[k].name, s->found[0], s->of[0], s->found[1], s->of[1],
               s->named[0] + s->named[1], s->trials);
        if (s->hurt > 0)
            printf("%.1f %% of %.0f", 100 * s->taken / s->hurt, s->hurt);
        printf(" | %d of %d | %d |\n", s->kept, s->trials, s->again);
    }
}

/* ---- false alarms ---------------------------------------------------------------------------------------- */

/* What is touched of frames in which nothing is wrong. */
struct alarms {
    int frames, out;
    double wet, lost, strong, lost_strong; /* cells of the frames that stay */
    unsigned long long count[SQ_FAULTS];   /* cells, dry ones, too */
};

/* A frame as it was, and after quality control: NULL, taken out. */
static void add_alarms(const float *was, const float *is, const struct sq_quality_report *r, size_t cells, struct alarms *a)
{
    a->frames++;
    a->out += was && !is;
    for (size_t i = 0; was && is && i < cells; i++) {
        a->wet += was[i] > 0;
        a->lost += was[i] > 0 && isnan(is[i]);
        a->strong += was[i] >= STRONG_MMH;
        a->lost_strong += was[i] >= STRONG_MMH && isnan(is[i]);
    }
    for (int j = 0; is && j < SQ_FAULTS; j++)
        a->count[j] += r->cells[j];
}

/* Frames [first, first + n) as a sequence; those from `from` on count. `checked` went through control_frames. */
static void try_clean(const struct sq_cube *event, const struct sq_cube *checked, int first, int n, int from,
                      struct alarms *a)
{
    const struct window w = {first, n, 0, 0, event->grid.nx, event->grid.ny};
    struct sq_cube c = copy_window(checked, &w);
    for (int k = 0; k < n; k++)
        c.frame[k].report = checked->frame[first + k].report;
    control_sequence(&c);
    for (int k = from; k < n; k++)
        add_alarms(event->frame[first + k].rate_mmh, k < c.n ? c.frame[k].rate_mmh : NULL,
                   k < c.n ? &c.frame[k].report : NULL, sq_grid_cells(&event->grid), a);
    sq_cube_finish(&c);
}

static void print_touched(const struct alarms *a)
{
    printf(" %d of %d | %.4f %% | %.4f %% | %llu, %llu, %llu, %llu, %llu |", a->out, a->frames, 100 * a->lost / a->wet,
           100 * a->lost_strong / a->strong, a->count[SQ_FAULT_SPIKE], a->count[SQ_FAULT_STRIPE],
           a->count[SQ_FAULT_SPOKE], a->count[SQ_FAULT_SPECKLE], a->count[SQ_FAULT_HALF]);
}

/* The whole event in sequence, and every frame of it as the newest of those that had come by then. */
static void print_alarms(const char *name, const struct sq_cube *event)
{
    const struct window whole = {0, event->n, 0, 0, event->grid.nx, event->grid.ny};
    struct sq_cube checked = copy_window(event, &whole);
    struct alarms inner = {0}, newest = {0};
    double t0 = now_s();
    control_frames(&checked, 0, checked.n);
    try_clean(event, &checked, 0, event->n, 0, &inner);
    const double frame_s = (now_s() - t0) / event->n;
    for (int t = 0; t < event->n; t++) {
        const int first = t < READ ? 0 : t - READ + 1;
        try_clean(event, &checked, first, t - first + 1, t - first, &newest);
    }
    printf("| %s |", name);
    print_touched(&inner);
    print_touched(&newest);
    printf(" %.0f ms |\n", 1000 * frame_s);
    fflush(stdout);
    sq_cube_finish(&checked);
}

/* The event as it came. */
static struct sq_cube read_event(char *path)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    const struct sq_cube_params cp = {.at = INT64_MAX, .from = INT64_MIN};
    struct sq_inputs *in = NULL;
    struct sq_cube c = {0};
    struct sq_err err = {0};
    p.quality = (struct sq_quality_params){0};
    must(sq_inputs_open(&path, 1, &p, &in, &err), &err);
    must(sq_cube_build(in, &cp, &c, &err), &err);
    sq_inputs_close(&in);
    return c;
}

int main(int argc, char **argv)
{
    struct score score[INJURIES] = {{0}};
    int n_trials = 6, first = 1;
    if (argc > 2 && !strcmp(argv[1], "-n")) {
        n_trials = atoi(argv[2]);
        first = 3;
    }
    if (first >= argc) {
        fputs("usage: bench_quality [-n TRIALS] EVENT.nc...\n", stderr);
        return 2;
    }
    printf("| nothing put in | in sequence: frames taken out | wet cells | cells of 20 mm/h and more | cells of spikes, stripes, "
           "spokes, speckle, half delivered | each as the newest: frames taken out | wet cells | of 20 mm/h and more | cells of "
           "spikes ... | time for a frame |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (int k = first; k < argc; k++) {
        struct sq_cube event = read_event(argv[k]);
        const char *slash = strrchr(argv[k], '/');
        if (event.n < 2 * WINDOW) {
            fprintf(stderr, "bench_quality: %s: at least %d frames are needed\n", argv[k], 2 * WINDOW);
            return 1;
        }
        print_alarms(slash ? slash + 1 : argv[k], &event);
        try_all(&event, n_trials, score);
        sq_cube_finish(&event);
    }
    if (n_trials > 0)
        print_scores(score);
    return 0;
}
