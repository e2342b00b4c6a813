/* The lettering of pictures: a stroke font of squall's own, drawn for maps at 7 to 30 px.
 *
 * Glyphs are lines and quarter ellipses in a frame of 21 units from baseline to capital height. At a given size
 * stems and bars are moved onto pixels, so that small text stays sharp. Text is UTF-8: ASCII, Latin-1 and
 * Latin Extended-A letters, and the signs of maps; anything else is drawn as a box. */
#ifndef SQ_SERVE_FONT_H
#define SQ_SERVE_FONT_H

/* Receives one piece of stroke, in pixels from the start of the baseline, y downwards. */
typedef void sq_font_stroke(void *arg, double x0, double y0, double x1, double y1);

/* Pixels from the first stem to the last; calls `stroke` for each piece unless it is NULL.
 * cap_px: height of capitals, [5, 100]; pen_px: width of the pen, so that strokes are centred on pixels. */
int sq_font_run(const char *text, int cap_px, double pen_px, sq_font_stroke *stroke, void *arg);

#endif
