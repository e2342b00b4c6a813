/* PNG files: the only door to libpng. */
#ifndef SQ_SERVE_PNG_WRITE_H
#define SQ_SERVE_PNG_WRITE_H

#include "core/err.h"

#include <stdint.h>

struct sq_png_text {
    const char *key;  /* ASCII, 1 to 79 characters */
    const char *text; /* UTF-8; NULL or "" leaves the chunk out */
};

/* Writes rgb (h, w), 0xRRGGBB, row 0 on top, to `path`, whole or not at all. Up to 256 colours become a palette
 * image, more a true-colour one. The same arguments give the same bytes. */
enum sq_status sq_png_write(const char *path, int w, int h, const uint32_t *rgb, const struct sq_png_text *text,
                            int n_text, struct sq_err *e) SQ_CHECK;

/* The same bytes in memory; caller frees *ret. */
enum sq_status sq_png_encode(int w, int h, const uint32_t *rgb, const struct sq_png_text *text, int n_text,
                             unsigned char **ret, size_t *ret_n, struct sq_err *e) SQ_CHECK;

#endif
