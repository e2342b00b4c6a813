/* What is too small to be weather: lone cells far above their neighbours, and tiny islands that no frame beside
 * supports. */
#include "quality.h"

#include "core/hot.h"

#include <stdlib.h>

#define SPIKE_MMH 5.0f /* weaker ones do no harm */
#define SUPPORT 4      /* cells: an island is supported by rain this near */
#define ISLAND_MAX 16  /* cells; larger ones are not followed */

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* The largest of the eight round each cell of a row but its ends; a, b and c are the rows above, itself, below. */
SQ_HOT static void largest_round(const float *a, const float *b, const float *c, int nx, float *ret)
{
    for (int x = 1; x < nx - 1; x++) {
        float left = larger(larger(a[x - 1], b[x - 1]), c[x - 1]);
        float right = larger(larger(a[x + 1], b[x + 1]), c[x + 1]);
        ret[x] = larger(larger(left, right), larger(a[x], c[x]));
    }
}

enum sq_status sq_quality_spikes(struct sq_examined *f, float *wet, double ratio, struct sq_err *e)
{
    const int nx = f->nx;
    const float r = (float)ratio;
    float *round = NULL;
    enum sq_status s = sq_alloc((void **)&round, (size_t)nx, sizeof *round, "a row", e);
    if (s)
        return s;
    for (int y = 1; y < f->ny - 1; y++) {
        const float *row = wet + (size_t)y * (size_t)nx;
        largest_round(row - nx, row, row + nx, nx, round);
        for (int x = 1; x < nx - 1; x++)
            if (row[x] >= SPIKE_MMH && row[x] > r * round[x])
                sq_quality_reject(f, wet, (size_t)y * (size_t)nx + (size_t)x, SQ_FAULT_SPIKE);
    }
    free(round);
    return SQ_OK;
}

/* ---- speckle --------------------------------------------------------------------------------------------- */

static bool is_wet(const struct sq_examined *f, int y, int x)
{
    return y >= 0 && y < f->ny && x >= 0 && x < f->nx && f->rate_mmh[(size_t)y * (size_t)f->nx + (size_t)x] > 0;
}

/* The island round (y, x), as at most `most` places in `at`; returns how many, or most + 1 where it is larger. */
static int follow(const struct sq_examined *f, int y, int x, int most, int at[][2])
{
    int n = 1;
    at[0][0] = y;
    at[0][1] = x;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < 9; i++) {
            const int v = at[k][0] + i / 3 - 1, u = at[k][1] + i % 3 - 1;
            bool known = !is_wet(f, v, u);
            for (int j = 0; j < n && !known; j++)
                known = at[j][0] == v && at[j][1] == u;
            if (known)
                continue;
            if (n == most)
                return most + 1;
            at[n][0] = v;
            at[n++][1] = u;
        }
    return n;
}

/* Any rain, or anything unknown, in the frame beside round where (y, x) was, or will be? */
static bool supported(const struct sq_examined *f, const struct sq_beside *b, int y, int x)
{
    y -= b->moved[1];
    x -= b->moved[0];
    for (int v = y - SUPPORT; b->rate_mmh && v <= y + SUPPORT; v++)
        for (int u = x - SUPPORT; u <= x + SUPPORT; u++)
            if (v >= 0 && v < f->ny && u >= 0 && u < f->nx && !(b->rate_mmh[(size_t)v * (size_t)f->nx + (size_t)u] <= 0))
                return true;
    return false;
}

void sq_quality_speckle(struct sq_examined *f, const struct sq_beside beside[2], int most_cells)
{
    int at[ISLAND_MAX][2];
    const int most = most_cells < ISLAND_MAX ? most_cells : ISLAND_MAX;
    if (!beside[0].rate_mmh && !beside[1].rate_mmh)
        return;
    for (int y = 0; y < f->ny; y++)
        for (int x = 0; x < f->nx; x++) {
            const int n = is_wet(f, y, x) ? follow(f, y, x, most, at) : most + 1;
            bool keep = n > most;
            for (int k = 0; k < n && !keep; k++)
                keep = supported(f, &beside[0], at[k][0], at[k][1]) || supported(f, &beside[1], at[k][0], at[k][1]);
            for (int k = 0; k < n && !keep; k++)
                sq_quality_reject(f, NULL, (size_t)at[k][0] * (size_t)f->nx + (size_t)at[k][1], SQ_FAULT_SPECKLE);
        }
}
