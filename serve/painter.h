/* Inside of the painter, shared by single maps (picture.c) and the sheet (sheet.c). */
#ifndef SQ_SERVE_PAINTER_H
#define SQ_SERVE_PAINTER_H

#include "palette.h"
#include "png_write.h"
#include "serve.h"
#include "view.h"

struct sq_painter {
    const struct sq_forecast *f;
    const struct sq_palette *palette;
    struct sq_view view;
};

/* Adds what every picture of f says of itself (formats: PNG text chunks) and writes it. `layer` and `units` name
 * what is drawn, `valid` is SQ_NO_TIME for a sheet. */
struct sq_picture_info {
    const char *title, *layer, *units;
    int64_t valid;
};
enum sq_status sq_picture_save(const struct sq_forecast *f, const struct sq_canvas *c,
                               const struct sq_picture_info *info, const char *path, struct sq_err *e) SQ_CHECK;

#endif
