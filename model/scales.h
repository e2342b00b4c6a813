/* Rain by scale, in the moving frame: decibels of the newest frames, smoothed by Gaussians from 1 to 32 km. The
 * difference of neighbours is a band of the cascade of STEPS (N. E. Bowler, C. E. Pierce and A. W. Seed 2006), where it is cut
 * by Fourier transform; this one needs no periodic field, knows cells that nobody observed, and is the same
 * whatever the window. */
#ifndef SQ_MODEL_SCALES_H
#define SQ_MODEL_SCALES_H

#include "coarse.h"
#include "scene.h"

enum { SQ_SCALES = 6, SQ_SCALE_FRAMES = 3 };

/* Decibels over 1 mm/h; less than 0.1 mm/h, -10 dB, counts as dry. */
#define SQ_DRY_DB (-15.0f)

struct sq_scales {
    struct sq_window win; /* for which they can be asked */
    int frames;           /* newest first, then those 1 and 2 steps older */
    bool known[SQ_SCALE_FRAMES]; /* false: a gap */
    struct sq_sight sight[SQ_SCALES + 1];        /* of each smoothing; the first: of none */
    float *smooth[SQ_SCALE_FRAMES][SQ_SCALES + 1]; /* dB above dry, blocks of the sight; NULL: not there */
};

/* Of the newest composite and `frames` - 1 frames before it, these from scale `finest` on. What an older frame did not
 * observe is taken from the newest. The window lies inside the grid. Caller finishes *ret. */
enum sq_status sq_scales_init(struct sq_scales *ret, const struct sq_scene *s, const struct sq_window *win, int frames,
                              int finest, struct sq_err *e) SQ_CHECK;
void sq_scales_finish(struct sq_scales *x);

/* Decibels above dry of frame f, smoothed by scale k (0: not at all, else 2^(k - 1) km), of part of the window; ret
 * (at->h, at->w). */
void sq_scales_put(const struct sq_scales *x, int f, int k, const struct sq_window *at, float *ret);

#endif
