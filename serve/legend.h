/* What stands round a map: legends, scale bar, ticks, captions. Sizes in pixels, x and y the upper left corner. */
#ifndef SQ_SERVE_LEGEND_H
#define SQ_SERVE_LEGEND_H

#include "canvas.h"
#include "palette.h"
#include "view.h"

#include "core/forecast.h"

#define SQ_RGB_TEXT 0x1f2428u
#define SQ_RGB_QUIET 0x5a6268u
#define SQ_RGB_FRAME 0x50565cu

/* Classes side by side below a title, `w` wide; SQ_LEGEND_BAR_H high. `percent`: edges are probabilities. */
#define SQ_LEGEND_BAR_H 46
void sq_legend_bar(struct sq_canvas *c, int x, int y, int w, const struct sq_scale *s, bool percent,
                   const char *title);

/* Classes on top of one another, heaviest above, `step` high each; the title and (n + 2) steps high. */
void sq_legend_column(struct sq_canvas *c, int x, int y, int step, const struct sq_scale *s, bool percent,
                      const char *title);

/* What white and hatching mean: two lines, SQ_LEGEND_MARKS_W wide. */
#define SQ_LEGEND_MARKS_W 110
void sq_legend_marks(struct sq_canvas *c, int x, int y, const char *dry);

/* A bar of a round number of km, at most `most` px, that ends at `right`; the label above. */
void sq_scale_bar(struct sq_canvas *c, int right, int y, double km_px, int most);

/* Frame, ticks and labels round a map at x, y. */
void sq_map_frame(struct sq_canvas *c, const struct sq_view *v, int x, int y, bool ticks);

/* A note in a white box in the middle of a map. */
void sq_map_note(struct sq_canvas *c, const struct sq_view *v, int x, int y, const char *text);

/* Draws as much of the text as fits into `room` px. */
void sq_text_within(struct sq_canvas *c, int x, int y, int room, struct sq_lettering l, const char *text);

/* "2016-07-11 22:30 UTC", "+30 min"; "P(rain >= 1 mm/h)", "Median rain rate". Return `out`. */
#define SQ_CAPTION_MAX 96
char *sq_caption_time(int64_t t, char out[SQ_CAPTION_MAX]);
char *sq_caption_lead(int lead_s, char out[SQ_CAPTION_MAX]);
char *sq_caption_probability(float threshold_mmh, char out[SQ_CAPTION_MAX]);
char *sq_caption_percentile(float percentile, char out[SQ_CAPTION_MAX]);
/* "issued ... by squall, network NAME, INSTITUTION; 1 input missing" */
#define SQ_CAPTION_ISSUE_MAX 384
char *sq_caption_issue(const struct sq_forecast *f, char out[SQ_CAPTION_ISSUE_MAX]);

#endif
