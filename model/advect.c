#include "advect.h"

#include "blur.h"

#include <math.h>
#include <string.h>

/* Spread of the neighbourhood: a Gaussian of this standard deviation per minute of lead, that of a disc whose
 * diameter grows by 1 km a minute (along each axis a disc has half its radius). 200 and 300 are as good on the
 * development events, 400 and 500 worse at every lead. */
static const double spread_m_per_min = 250;

static float sigma_cells(const struct sq_cube *c, double lead_s)
{
    return (float)(spread_m_per_min * lead_s / 60 / sqrt(c->cell_m[0] * c->cell_m[1]));
}

/* The window and all that its neighbourhoods reach, inside the grid. */
static struct sq_window widen(const struct sq_grid *g, const struct sq_window *win, int reach)
{
    int top = win->row > reach ? win->row - reach : 0, left = win->col > reach ? win->col - reach : 0;
    int bottom = win->row + win->h + reach < g->ny ? win->row + win->h + reach : g->ny;
    int right = win->col + win->w + reach < g->nx ? win->col + win->w + reach : g->nx;
    return (struct sq_window){top, left, bottom - top, right - left};
}

size_t sq_advect_room(const struct sq_cube *c, const struct sq_window *win, double lead_s)
{
    int reach = sq_blur_reach(sigma_cells(c, lead_s));
    return 4 * (size_t)(win->h + 2 * reach) * (size_t)(win->w + 2 * reach) + (size_t)(win->w + 2 * reach);
}

/* Rates of the window; returns the largest, -1 where nothing was observed. */
static float gather(const float *map, const struct sq_grid *g, const struct sq_window *win, float *rate, float *seen)
{
    float most = -1;
    for (int i = 0; i < win->h; i++)
        for (int j = 0; j < win->w; j++) {
            float r = map[(size_t)(win->row + i) * (size_t)g->nx + (size_t)(win->col + j)];
            size_t k = (size_t)i * (size_t)win->w + (size_t)j;
            seen[k] = !isnan(r);
            rate[k] = isnan(r) ? -1 : r;
            most = rate[k] > most ? rate[k] : most;
        }
    return most;
}

void sq_advect_share(const struct sq_cube *c, const float *composite, double lead_s, const struct sq_window *win,
                     const float *edge, int n, float *ret, float *tmp)
{
    float sigma = sigma_cells(c, lead_s);
    struct sq_window wide = widen(&c->grid, win, sq_blur_reach(sigma));
    size_t cells = (size_t)wide.h * (size_t)wide.w, plane = (size_t)win->h * (size_t)win->w;
    float *rate = tmp, *seen = rate + cells, *share = seen + cells, *scratch = share + cells;
    float most = gather(composite, &c->grid, &wide, rate, seen);
    if (most >= edge[0])
        sq_blur(seen, scratch, wide.w, wide.h, sigma);
    for (int k = 0; k < n; k++, ret += plane) {
        if (most < edge[k]) {
            memset(ret, 0, plane * sizeof *ret);
            continue;
        }
        for (size_t i = 0; i < cells; i++)
            share[i] = rate[i] >= edge[k];
        sq_blur(share, scratch, wide.w, wide.h, sigma);
        for (int i = 0; i < win->h; i++)
            for (int j = 0; j < win->w; j++) {
                size_t at = (size_t)(win->row - wide.row + i) * (size_t)wide.w + (size_t)(win->col - wide.col + j);
                float p = seen[at] > 0 ? share[at] / seen[at] : 0;
                ret[(size_t)i * (size_t)win->w + (size_t)j] = p < 0 ? 0 : p > 1 ? 1 : p; /* rounding of running sums */
            }
    }
}
