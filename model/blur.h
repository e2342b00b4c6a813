/* A Gaussian blur by three running means (W. M. Wells 1986), with parts of cells at their ends so that the width is that asked
 * for (P. Gwosdek and others 2011): cost does not grow with it. */
#ifndef SQ_MODEL_BLUR_H
#define SQ_MODEL_BLUR_H

/* In place on (h, w); `tmp` holds w * h + w floats; sigma in cells, >= 0. Cells beyond the edge count as 0: callers
 * divide by a blurred weight where that matters. */
void sq_blur(float *a, float *tmp, int w, int h, float sigma);

/* How far a cell sees to each side. */
int sq_blur_reach(float sigma);

#endif
