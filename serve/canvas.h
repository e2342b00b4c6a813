/* A canvas: a picture in memory, with smooth lines and lettering.
 *
 * Pixels are 0xRRGGBB, row 0 on top. Lines are drawn in two steps: strokes gather in a mask, where crossing
 * strokes count once, then ink colours what the mask covers. Coverage has 16 levels, so that pictures keep to
 * few colours. Everything outside the canvas, or outside the clip, is left out. */
#ifndef SQ_SERVE_CANVAS_H
#define SQ_SERVE_CANVAS_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sq_canvas {
    int w, h;
    uint32_t *rgb;  /* (h, w) */
    uint8_t *cover; /* (h, w), 0 to 255: strokes not yet inked */
    int dirty[4];   /* rectangle of them: x0, y0, x1, y1, the last two outside */
    int clip[4];    /* likewise */
};

/* Sizes in [1, 16384]; filled with `rgb`. finish accepts a zeroed struct. */
enum sq_status sq_canvas_init(struct sq_canvas *c, int w, int h, uint32_t rgb, struct sq_err *e) SQ_CHECK;
void sq_canvas_finish(struct sq_canvas *c);

/* Confines what follows to a rectangle; w = 0 frees it again. */
void sq_canvas_clip(struct sq_canvas *c, int x, int y, int w, int h);

void sq_canvas_fill(struct sq_canvas *c, int x, int y, int w, int h, uint32_t rgb);
/* A frame one pixel wide, just outside the rectangle. */
void sq_canvas_frame(struct sq_canvas *c, int x, int y, int w, int h, uint32_t rgb);
/* No coverage: light grey, hatched. */
void sq_canvas_hatch(struct sq_canvas *c, int x, int y, int w, int h);

/* A straight stroke with round ends; whole coordinates are the corners of pixels. */
void sq_canvas_stroke(struct sq_canvas *c, double x0, double y0, double x1, double y1, double width);
void sq_canvas_disc(struct sq_canvas *c, double x, double y, double radius);
/* Colours the strokes made since the last ink, and forgets them. */
void sq_canvas_ink(struct sq_canvas *c, uint32_t rgb);

enum sq_anchor { SQ_LEFT, SQ_CENTRE, SQ_RIGHT };
struct sq_lettering {
    int cap_px; /* height of capitals, [5, 100] */
    bool bold;
    bool upwards; /* turned by 90 degrees, read from the right */
    enum sq_anchor anchor;
    uint32_t rgb;
};
/* x, y: the anchor on the baseline. Text in UTF-8. */
void sq_canvas_text(struct sq_canvas *c, int x, int y, struct sq_lettering l, const char *text);
int sq_canvas_text_width(struct sq_lettering l, const char *text);

#endif
