#include "carry.h"

#include <math.h>

/* Along a row between nodes j and j + 1: displacements of cells [from, to), linear. */
struct stretch {
    int j, from, to;
    float x0, x1, y0, y1;
};

static int node_within(const struct sq_motion *m, int j)
{
    return j < 0 ? 0 : j < m->mx ? j : m->mx - 1;
}

/* That of cell `col`, which may lie outside the grid; nodes i and i1 of the rows count 1 - fy and fy. Before the first node and
 * after the last it is constant. */
static struct stretch find_stretch(const struct sq_motion *m, const float *dx, const float *dy, int i, int i1, float fy, int col)
{
    int j = (int)floor((col + 0.5) / m->cell - 0.5), j0 = node_within(m, j), j1 = node_within(m, j + 1);
    const float *xa = dx + i * m->mx, *xb = dx + i1 * m->mx, *ya = dy + i * m->mx, *yb = dy + i1 * m->mx;
    return (struct stretch){j, col, (int)ceil((j + 1.5) * m->cell - 0.5),
                            xa[j0] + fy * (xb[j0] - xa[j0]), xa[j1] + fy * (xb[j1] - xa[j1]),
                            ya[j0] + fy * (yb[j0] - ya[j0]), ya[j1] + fy * (yb[j1] - ya[j1])};
}

static void put_stretch(const struct stretch *s, float per_cell, int row, float *pos_y, float *pos_x)
{
    for (int k = 0; k < s->to - s->from; k++) {
        float f = ((float)(s->from + k) + 0.5f) * per_cell - 0.5f - (float)s->j;
        pos_x[k] = (float)(s->from + k) + s->x0 + f * (s->x1 - s->x0);
        pos_y[k] = (float)row + s->y0 + f * (s->y1 - s->y0);
    }
}

/* Node fields are bilinear, so along a row each is piecewise linear: walk it node by node. */
void sq_carry_positions(const struct sq_motion *m, const float *dx, const float *dy, int row, int col, int w,
                        float *pos_y, float *pos_x)
{
    float per_cell = 1.0f / (float)m->cell, ny = ((float)row + 0.5f) * per_cell - 0.5f;
    ny = ny < 0 ? 0 : ny > (float)(m->my - 1) ? (float)(m->my - 1) : ny;
    int i = (int)ny, i1 = i + 1 < m->my ? i + 1 : i;
    for (int k = 0; k < w;) {
        struct stretch s = find_stretch(m, dx, dy, i, i1, ny - (float)i, col + k);
        s.to = s.to < col + w ? s.to : col + w;
        put_stretch(&s, per_cell, row, pos_y + k, pos_x + k);
        k = s.to - col;
    }
}

static float take_nearest(const float *map, int ny, int nx, float y, float x)
{
    if (!(y > -0.5f && x > -0.5f && y < (float)ny - 0.5f && x < (float)nx - 0.5f))
        return NAN;
    int i = (int)(y + 0.5f), j = (int)(x + 0.5f);
    return map[(size_t)i * (size_t)nx + (size_t)j];
}

/* Where some of the four are not known, or outside: of the others. */
static float take_some(const float *map, int ny, int nx, float y, float x)
{
    if (!(y > -0.5f && x > -0.5f && y < (float)ny - 0.5f && x < (float)nx - 0.5f))
        return NAN;
    int i = (int)floorf(y), j = (int)floorf(x);
    float fy = y - (float)i, fx = x - (float)j, sum = 0, weight = 0;
    for (int k = 0; k < 4; k++) {
        int r = i + k / 2, c = j + k % 2;
        float w = (k / 2 ? fy : 1 - fy) * (k % 2 ? fx : 1 - fx);
        if (r < 0 || c < 0 || r >= ny || c >= nx)
            continue;
        float v = map[(size_t)r * (size_t)nx + (size_t)c];
        if (isnan(v))
            continue;
        sum += w * v;
        weight += w;
    }
    return weight >= 0.5f ? sum / weight : NAN;
}

static inline float take_bilinear(const float *map, int ny, int nx, float y, float x)
{
    float v = NAN;
    if (y >= 0 && x >= 0 && y < (float)(ny - 1) && x < (float)(nx - 1)) {
        int i = (int)y, j = (int)x;
        float fy = y - (float)i, fx = x - (float)j;
        const float *p = map + (size_t)i * (size_t)nx + (size_t)j, *q = p + nx;
        v = (1 - fy) * ((1 - fx) * p[0] + fx * p[1]) + fy * ((1 - fx) * q[0] + fx * q[1]);
    }
    return isnan(v) ? take_some(map, ny, nx, y, x) : v;
}

enum { PIECE = 256 };

void sq_carry(const float *map, const struct sq_motion *m, const float *dx, const float *dy,
              const struct sq_window *win, bool nearest, float *ret)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < win->h; i++) {
        float y[PIECE], x[PIECE];
        float *out = ret + (size_t)i * (size_t)win->w;
        for (int j0 = 0; j0 < win->w; j0 += PIECE) {
            int w = win->w - j0 < PIECE ? win->w - j0 : PIECE;
            sq_carry_positions(m, dx, dy, win->row + i, win->col + j0, w, y, x);
            for (int j = 0; j < w; j++)
                out[j0 + j] = nearest ? take_nearest(map, m->ny, m->nx, y[j], x[j])
                                      : take_bilinear(map, m->ny, m->nx, y[j], x[j]);
        }
    }
}
