#include "motion.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 10, PAIRS = 5, LEVELS = 5, ROUNDS = 3, ORIGIN_ROUNDS = 10, LEAST_SIDE = 8 };

/* Chosen by the error of extrapolation (squall verify) on the development events. */
static const float stiffness = 0.05f;  /* pull towards the wider window's answer, of the mean structure */
static const double work_m = 2000;     /* pixel size of the finest level */
static const int most_pixels = 1 << 20;

/* What a field is estimated from. */
struct span {
    double apart_s, over_s; /* between the frames of a pair; from the first pair to the last */
    int least;              /* steps between the frames of a pair, where there are so many frames */
    float sigma;            /* of the Lucas-Kanade window, pixels of a level */
};
static const struct span brief = {300, 600, 1, 3.5f}, lasting = {1200, 1200, 2, 5.5f};

/* One level of the image pyramid: log rain rate, and which part of a pixel was observed. */
struct image {
    int w, h;
    float *v, *seen;
};

static void image_free(struct image *im)
{
    free(im->v);
    *im = (struct image){0};
}

static float log_rate(float r)
{
    return isnan(r) || r < 0.1f ? 0 : log2f((r < 60 ? r : 60) * 10) + 1;
}

static enum sq_status image_init(struct image *im, int w, int h, struct sq_err *e)
{
    *im = (struct image){.w = w, .h = h};
    enum sq_status s = sq_alloc((void **)&im->v, 2 * (size_t)w * (size_t)h, sizeof *im->v, "motion", e);
    im->seen = s ? NULL : im->v + (size_t)w * (size_t)h;
    return s;
}

/* Mean over f x f cells; unobserved ones count as dry, and the pixel as seen in part. */
static enum sq_status shrink_frame(const float *rate, int nx, int ny, int f, struct image *ret, struct sq_err *e)
{
    struct image im;
    enum sq_status s = image_init(&im, (nx + f - 1) / f, (ny + f - 1) / f, e);
    if (s)
        return s;
    for (int i = 0; i < ny; i++) {
        size_t row = (size_t)(i / f) * (size_t)im.w;
        for (int j = 0; j < nx; j++) {
            float r = rate[(size_t)i * (size_t)nx + (size_t)j];
            im.v[row + (size_t)(j / f)] += log_rate(r);
            im.seen[row + (size_t)(j / f)] += !isnan(r);
        }
    }
    float scale = 1.0f / (float)(f * f);
    for (size_t k = 0; k < 2 * (size_t)im.w * (size_t)im.h; k++)
        im.v[k] *= scale;
    *ret = im;
    return SQ_OK;
}

static void halve_plane(const float *a, int w, int h, float *ret)
{
    for (int i = 0; 2 * i < h; i++)
        for (int j = 0; 2 * j < w; j++) {
            int i1 = 2 * i + 1 < h ? 2 * i + 1 : 2 * i, j1 = 2 * j + 1 < w ? 2 * j + 1 : 2 * j;
            const float *p = a + (size_t)(2 * i) * (size_t)w, *q = a + (size_t)i1 * (size_t)w;
            *ret++ = 0.25f * (p[2 * j] + p[j1] + q[2 * j] + q[j1]);
        }
}

static enum sq_status halve(const struct image *a, struct image *ret, struct sq_err *e)
{
    enum sq_status s = image_init(ret, (a->w + 1) / 2, (a->h + 1) / 2, e);
    if (s)
        return s;
    halve_plane(a->v, a->w, a->h, ret->v);
    halve_plane(a->seen, a->w, a->h, ret->seen);
    return SQ_OK;
}

/* ---- Lucas-Kanade ---------------------------------------------------------------------------------------- */

static float clampf(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static float bilinear(const float *a, int w, int h, float y, float x)
{
    y = clampf(y, 0, (float)(h - 1));
    x = clampf(x, 0, (float)(w - 1));
    int i = (int)y, j = (int)x, i1 = i + 1 < h ? i + 1 : i, j1 = j + 1 < w ? j + 1 : j;
    float fy = y - (float)i, fx = x - (float)j;
    const float *p = a + (size_t)i * (size_t)w, *q = a + (size_t)i1 * (size_t)w;
    float top = p[j] + fx * (p[j1] - p[j]), bottom = q[j] + fx * (q[j1] - q[j]);
    return top + fy * (bottom - top);
}

/* The work arrays of one level. S = sum of g g^T, b = sum of g * (later - earlier carried). */
struct level {
    int w, h;
    float *u, *v;                       /* cells of this level per second */
    float *xx, *xy, *yy, *xt, *yt;      /* structure, then blurred */
    float *warped, *seen, *tmp;         /* the earlier image carried; of both images what was observed */
    float *block;
};

static enum sq_status level_init(struct level *l, int w, int h, struct sq_err *e)
{
    size_t n = (size_t)w * (size_t)h;
    *l = (struct level){.w = w, .h = h};
    enum sq_status s = sq_alloc((void **)&l->block, 10 * n + (size_t)w, sizeof *l->block, "motion", e);
    if (s)
        return s;
    float **slice[] = {&l->u, &l->v, &l->xx, &l->xy, &l->yy, &l->xt, &l->yt, &l->warped, &l->seen, &l->tmp};
    for (size_t k = 0; k < sizeof slice / sizeof *slice; k++)
        *slice[k] = l->block + k * n;
    return SQ_OK;
}

/* Adds one pair's share: the earlier image carried by the present estimate over dt, beside the later. */
static void add_pair(struct level *l, const struct image *later, const struct image *earlier, float dt)
{
    int w = l->w, h = l->h;
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            size_t k = (size_t)i * (size_t)w + (size_t)j;
            float y = (float)i - l->v[k] * dt, x = (float)j - l->u[k] * dt;
            l->warped[k] = bilinear(earlier->v, w, h, y, x);
            float seen = bilinear(earlier->seen, w, h, y, x);
            l->seen[k] = seen < later->seen[k] ? seen : later->seen[k];
        }
    for (int i = 1; i + 1 < h; i++)
        for (int j = 1; j + 1 < w; j++) {
            size_t k = (size_t)i * (size_t)w + (size_t)j, W = (size_t)w;
            const float *a = later->v, *b = l->warped, *s = l->seen;
            if (s[k - 1] + s[k + 1] + s[k - W] + s[k + W] < 3.99f) /* edges of coverage do not move */
                continue;
            float gx = 0.25f * (a[k + 1] - a[k - 1] + b[k + 1] - b[k - 1]) * dt;
            float gy = 0.25f * (a[k + W] - a[k - W] + b[k + W] - b[k - W]) * dt;
            float gt = a[k] - b[k];
            gt = clampf(gt, -0.5f, 0.5f); /* births and deaths of echoes say little of motion */
            l->xx[k] += gx * gx;
            l->xy[k] += gx * gy;
            l->yy[k] += gy * gy;
            l->xt[k] -= gx * gt;
            l->yt[k] -= gy * gt;
        }
}

static void solve(struct level *l, float sigma)
{
    size_t n = (size_t)l->w * (size_t)l->h;
    float *s[] = {l->xx, l->xy, l->yy, l->xt, l->yt};
    for (int k = 0; k < 5; k++)
        sq_blur(s[k], l->tmp, l->w, l->h, sigma);
    double trace = 0;
    for (size_t k = 0; k < n; k++)
        trace += l->xx[k] + l->yy[k];
    float lambda = stiffness * (float)(trace / (double)n) + 1e-9f;
    for (size_t k = 0; k < n; k++) {
        float a = l->xx[k] + lambda, b = l->xy[k], d = l->yy[k] + lambda, det = a * d - b * b;
        l->u[k] += (d * l->xt[k] - b * l->yt[k]) / det;
        l->v[k] += (a * l->yt[k] - b * l->xt[k]) / det;
    }
}

/* The frames of both fields and the pairs of one. */
struct frames {
    int n;
    int index[FRAMES];
    int64_t time[FRAMES];
};

struct pairs {
    int n;
    int later[PAIRS], earlier[PAIRS]; /* of the frames */
};

static void refine(struct level *l, const struct image *im, const struct frames *f, const struct pairs *pairs, float sigma)
{
    size_t cells = (size_t)l->w * (size_t)l->h;
    for (int round = 0; round < ROUNDS; round++) {
        memset(l->xx, 0, 5 * cells * sizeof *l->xx);
        for (int p = 0; p < pairs->n; p++) {
            int a = pairs->later[p], b = pairs->earlier[p];
            add_pair(l, &im[a], &im[b], (float)(f->time[a] - f->time[b]));
        }
        solve(l, sigma);
    }
}

/* The coarser level's velocities on the finer one, doubled because its pixels are half as wide. */
static void inherit(struct level *fine, const struct level *coarse)
{
    for (int i = 0; i < fine->h; i++)
        for (int j = 0; j < fine->w; j++) {
            size_t k = (size_t)i * (size_t)fine->w + (size_t)j;
            float y = 0.5f * (float)i - 0.25f, x = 0.5f * (float)j - 0.25f;
            fine->u[k] = 2 * bilinear(coarse->u, coarse->w, coarse->h, y, x);
            fine->v[k] = 2 * bilinear(coarse->v, coarse->w, coarse->h, y, x);
        }
}

/* ---- from cube to nodes ------------------------------------------------------------------------------------ */

static int shrink_factor(const struct sq_cube *c)
{
    double m = sqrt(c->cell_m[0] * c->cell_m[1]);
    int f = (int)(work_m / m + 0.5);
    f = f < 1 ? 1 : f;
    while (sq_grid_cells(&c->grid) / (size_t)(f * f) > (size_t)most_pixels)
        f++;
    return f;
}

static void nodes_from_level(const struct sq_motion *m, const struct level *l, int f, float *u, float *v)
{
    for (int i = 0; i < m->my; i++)
        for (int j = 0; j < m->mx; j++) {
            float y = (((float)i + 0.5f) * (float)m->cell) / (float)f - 0.5f;
            float x = (((float)j + 0.5f) * (float)m->cell) / (float)f - 0.5f;
            u[i * m->mx + j] = (float)f * bilinear(l->u, l->w, l->h, y, x);
            v[i * m->mx + j] = (float)f * bilinear(l->v, l->w, l->h, y, x);
        }
}

/* ---- which frames -------------------------------------------------------------------------------------------- */

static int add_frame(struct frames *f, const struct sq_cube *c, int index)
{
    for (int k = 0; k < f->n; k++)
        if (f->index[k] == index)
            return k;
    if (f->n == FRAMES)
        return -1;
    f->index[f->n] = index;
    f->time[f->n] = c->frame[index].time;
    return f->n++;
}

/* Pairs `apart` units apart, `every` units one after the other, the last beginning at most `over` units back. */
static void find_pairs(const struct sq_cube *c, int newest, int unit_s, int apart, int over, int every, struct frames *f,
                       struct pairs *ret)
{
    int64_t now = c->frame[newest].time;
    ret->n = 0;
    for (int k = 0; k <= over && ret->n < PAIRS; k += every) {
        int later = sq_cube_find(c, now - (int64_t)k * unit_s, c->step_s / 3);
        int earlier = sq_cube_find(c, now - (int64_t)(k + apart) * unit_s, c->step_s / 3);
        if (later < 0 || earlier < 0 || earlier >= later)
            continue;
        int a = add_frame(f, c, later), b = add_frame(f, c, earlier);
        if (a >= 0 && b >= 0) {
            ret->later[ret->n] = a;
            ret->earlier[ret->n++] = b;
        }
    }
}

/* As far apart as wanted, or as near to that as the frames allow. Units are steps, or several short ones. */
static void choose_pairs(const struct sq_cube *c, int newest, int step_s, const struct span *x, struct frames *f,
                         struct pairs *ret)
{
    int unit_s = (int)ceil(240.0 / step_s) * step_s;
    int apart = (int)lround(x->apart_s / unit_s), over = (int)(x->over_s / unit_s);
    over = over > 1 ? over : 1;
    ret->n = 0;
    for (apart = apart > x->least ? apart : x->least; apart >= 1 && ret->n == 0; apart--)
        find_pairs(c, newest, unit_s, apart, over, apart > 2 ? 2 : 1, f, ret);
}

/* ---- one field ----------------------------------------------------------------------------------------------- */

static enum sq_status pyramid(const struct sq_cube *c, const struct frames *fr, int f, struct image im[LEVELS][FRAMES],
                              struct sq_err *e)
{
    for (int p = 0; p < fr->n; p++) {
        enum sq_status s = shrink_frame(c->frame[fr->index[p]].rate_mmh, c->grid.nx, c->grid.ny, f, &im[0][p], e);
        for (int k = 1; k < LEVELS && !s; k++)
            s = halve(&im[k - 1][p], &im[k][p], e);
        if (s)
            return s;
    }
    return SQ_OK;
}

static enum sq_status solve_field(struct sq_motion *m, struct image im[LEVELS][FRAMES], const struct frames *fr,
                                  const struct pairs *pairs, float sigma, int f, float *u, float *v, struct sq_err *e)
{
    struct level level[LEVELS] = {0};
    enum sq_status s = SQ_OK;
    int top = LEVELS - 1; /* a handful of pixels tells nothing of motion */
    while (top > 0 && (im[top][0].w < LEAST_SIDE || im[top][0].h < LEAST_SIDE))
        top--;
    for (int k = top; k >= 0 && !s; k--) {
        s = level_init(&level[k], im[k][0].w, im[k][0].h, e);
        if (s)
            break;
        if (k < top)
            inherit(&level[k], &level[k + 1]);
        refine(&level[k], im[k], fr, pairs, sigma);
    }
    if (!s)
        nodes_from_level(m, &level[0], f, u, v);
    for (int k = 0; k < LEVELS; k++)
        free(level[k].block);
    return s;
}

static enum sq_status lay_nodes(struct sq_motion *m, int f, struct sq_err *e)
{
    m->cell = 8 * ((f + 1) / 2);
    m->mx = (m->nx + m->cell - 1) / m->cell;
    m->my = (m->ny + m->cell - 1) / m->cell;
    size_t n = (size_t)m->mx * (size_t)m->my;
    enum sq_status s = sq_alloc((void **)&m->u, 4 * n, sizeof *m->u, "motion", e);
    if (!s)
        m->v = m->u + n, m->lasting_u = m->v + n, m->lasting_v = m->lasting_u + n;
    return s;
}

enum sq_status sq_motion_estimate(const struct sq_cube *c, int newest, int step_s, struct sq_motion *ret, struct sq_err *e)
{
    struct image im[LEVELS][FRAMES] = {0};
    struct frames fr = {0};
    struct pairs now, later;
    int f = shrink_factor(c);
    *ret = (struct sq_motion){.nx = c->grid.nx, .ny = c->grid.ny};
    enum sq_status s = lay_nodes(ret, f, e);
    choose_pairs(c, newest, step_s, &brief, &fr, &now);
    choose_pairs(c, newest, step_s, &lasting, &fr, &later);
    if (s || now.n == 0)
        return s;
    s = pyramid(c, &fr, f, im, e);
    if (!s)
        s = solve_field(ret, im, &fr, &now, brief.sigma, f, ret->u, ret->v, e);
    if (!s)
        s = solve_field(ret, im, &fr, &later, lasting.sigma, f, ret->lasting_u, ret->lasting_v, e);
    for (int k = 0; k < LEVELS; k++)
        for (int p = 0; p < FRAMES; p++)
            image_free(&im[k][p]);
    if (s)
        sq_motion_finish(ret);
    return s;
}

void sq_motion_finish(struct sq_motion *m)
{
    free(m->u);
    *m = (struct sq_motion){0};
}

float sq_motion_at(const struct sq_motion *m, const float *node, float row, float col)
{
    float s = 1.0f / (float)m->cell;
    return bilinear(node, m->mx, m->my, (row + 0.5f) * s - 0.5f, (col + 0.5f) * s - 0.5f);
}

static inline float between(const float *a, int down, int right, float fy, float fx)
{
    float top = a[0] + fx * (a[right] - a[0]), bottom = a[down] + fx * (a[down + right] - a[down]);
    return top + fy * (bottom - top);
}

/* ---- trajectories -------------------------------------------------------------------------------------------- */

/* For how long, in nodes per cell, each of the two velocities carries a parcel from the start to a time. */
struct carried {
    float now, lasting;
};

static struct carried carried_until(const struct sq_motion *m, double t_s)
{
    double now = m->lasting_u ? copysign(SQ_MOTION_FADE_S * (1 - exp(-fabs(t_s) / SQ_MOTION_FADE_S)), t_s) : t_s;
    return (struct carried){(float)(now / m->cell), (float)((t_s - now) / m->cell)};
}

/* Displacement of the parcel that starts at node coordinates (row y, column x), which are clamped to the field. */
static inline void displace(const struct sq_motion *m, struct carried c, float y, float x, float *ret_dy, float *ret_dx)
{
    y = clampf(y, 0, (float)(m->my - 1));
    x = clampf(x, 0, (float)(m->mx - 1));
    int i = (int)y, j = (int)x, down = i + 1 < m->my ? m->mx : 0, right = j + 1 < m->mx ? 1 : 0, at = i * m->mx + j;
    float fy = y - (float)i, fx = x - (float)j;
    *ret_dx = c.now * between(m->u + at, down, right, fy, fx);
    *ret_dy = c.now * between(m->v + at, down, right, fy, fx);
    if (m->lasting_u) {
        *ret_dx += c.lasting * between(m->lasting_u + at, down, right, fy, fx);
        *ret_dy += c.lasting * between(m->lasting_v + at, down, right, fy, fx);
    }
}

void sq_motion_ahead(const struct sq_motion *m, double t_s, float *dx, float *dy)
{
    struct carried c = carried_until(m, t_s);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < m->my; i++)
        for (int j = 0; j < m->mx; j++) {
            int k = i * m->mx + j;
            displace(m, c, (float)i, (float)j, &dy[k], &dx[k]);
            dx[k] *= (float)m->cell;
            dy[k] *= (float)m->cell;
        }
}

/* The start x solves x + D(x) = node. The half step of the fixed point converges where parcels come together, too, short
 * of meeting: there nothing can be said, and ten rounds keep to the neighbourhood. */
void sq_motion_origin(const struct sq_motion *m, double t_s, float *dx, float *dy)
{
    struct carried c = carried_until(m, t_s);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < m->my; i++)
        for (int j = 0; j < m->mx; j++) {
            int k = i * m->mx + j;
            float y = (float)i, x = (float)j, v, u;
            for (int round = 0; round < ORIGIN_ROUNDS; round++) {
                float part = round ? 0.5f : 1;
                displace(m, c, y, x, &v, &u);
                y += part * ((float)i - v - y);
                x += part * ((float)j - u - x);
            }
            dx[k] = (x - (float)j) * (float)m->cell;
            dy[k] = (y - (float)i) * (float)m->cell;
        }
}
