#include "carry.h"

#include <math.h>

/* Node fields are bilinear, so along a row each is piecewise linear: walk it node by node. */
void sq_carry_positions(const struct sq_motion *m, const float *dx, const float *dy, int row, int col, int w,
                        float *pos_y, float *pos_x)
{
    float s = 1.0f / (float)m->cell;
    float ny = ((float)row + 0.5f) * s - 0.5f;
    ny = ny < 0 ? 0 : ny > (float)(m->my - 1) ? (float)(m->my - 1) : ny;
    int i = (int)ny, i1 = i + 1 < m->my ? i + 1 : i;
    float fy = ny - (float)i;
    const float *xa = dx + i * m->mx, *xb = dx + i1 * m->mx, *ya = dy + i * m->mx, *yb = dy + i1 * m->mx;
    for (int k = 0; k < w; k++) {
        float nx = ((float)(col + k) + 0.5f) * s - 0.5f;
        nx = nx < 0 ? 0 : nx > (float)(m->mx - 1) ? (float)(m->mx - 1) : nx;
        int j = (int)nx, j1 = j + 1 < m->mx ? j + 1 : j;
        float fx = nx - (float)j;
        float x0 = xa[j] + fy * (xb[j] - xa[j]), x1 = xa[j1] + fy * (xb[j1] - xa[j1]);
        float y0 = ya[j] + fy * (yb[j] - ya[j]), y1 = ya[j1] + fy * (yb[j1] - ya[j1]);
        pos_x[k] = (float)(col + k) + x0 + fx * (x1 - x0);
        pos_y[k] = (float)row + y0 + fx * (y1 - y0);
    }
}

static float take_nearest(const float *map, int ny, int nx, float y, float x)
{
    if (!(y > -0.5f && x > -0.5f && y < (float)ny - 0.5f && x < (float)nx - 0.5f))
        return NAN;
    int i = (int)(y + 0.5f), j = (int)(x + 0.5f);
    return map[(size_t)i * (size_t)nx + (size_t)j];
}

static float take_bilinear(const float *map, int ny, int nx, float y, float x)
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
