/* Colours of maps: classes of probability and of rain rate, and the palettes that name them.
 *
 * Colours are 0xRRGGBB, sRGB. In the palettes marked `safe`, lightness falls from class to class, so that they
 * read the same in grey, and neighbours stay apart for people with protanopia or deuteranopia. They are steps
 * through OKLCH: lightness by the class, hue from yellow over green to violet (probability), and from cyan
 * over blue and magenta to dark red (rain rate). Everything here is constant: any thread may use it. */
#ifndef SQ_SERVE_PALETTE_H
#define SQ_SERVE_PALETTE_H

#include <stdbool.h>
#include <stdint.h>

#define SQ_CLASS_MAX 16

/* Class k holds edge[k] <= value < edge[k + 1]; the last one is open. Below edge[0] counts as dry. */
struct sq_scale {
    int n;
    float edge[SQ_CLASS_MAX]; /* ascending; probability 0 to 1, or mm/h */
    uint32_t rgb[SQ_CLASS_MAX];
};

struct sq_palette {
    const char *name;
    bool safe; /* for colour-blind readers */
    struct sq_scale probability, rate;
};

#define SQ_RGB_DRY 0xffffffu
#define SQ_RGB_UNSEEN 0xeeeeecu /* no coverage: hatched with the next */
#define SQ_RGB_UNSEEN_LINE 0xd2d2cfu
/* The hatching of no coverage at pixel x, y of a picture. */
static inline uint32_t sq_rgb_unseen(int x, int y)
{
    return (x + y) % 7 ? SQ_RGB_UNSEEN : SQ_RGB_UNSEEN_LINE;
}

/* Palettes by number from 0, the default first; NULL after the last. */
const struct sq_palette *sq_palette_at(int i);
/* By name; NULL or "" gives the default, an unknown name NULL. */
const struct sq_palette *sq_palette_find(const char *name);

/* 0: not observed (NaN), 1: dry, below the first edge, 2 + k: class k. */
int sq_scale_class(const struct sq_scale *s, float value);
#define SQ_CLASS_UNSEEN 0
#define SQ_CLASS_DRY 1
#define SQ_CLASS_FIRST 2

/* CIE 1976 lightness, 0 (black) to 100 (white). */
double sq_rgb_lightness(uint32_t rgb);

/* a to b, t in [0, 1]. */
uint32_t sq_rgb_mix(uint32_t a, uint32_t b, double t);

#endif
