#include "png_write.h"
#include "core/publish.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- the picture's colours --------------------------------------------------------------------------- */

/* Colours met so far, in the order of meeting, found through an open hash table. */
struct colours {
    int n; /* -1: more than a palette holds */
    uint32_t rgb[256];
    short slot[1024]; /* index into rgb, -1 free */
};

static int colour_index(struct colours *c, uint32_t rgb)
{
    uint32_t k = (rgb * 2654435761u) >> 22; /* Knuth's multiplier, 10 bits */
    for (; c->slot[k] >= 0; k = (k + 1) & 1023)
        if (c->rgb[c->slot[k]] == rgb)
            return c->slot[k];
    if (c->n == 256)
        return -1;
    c->slot[k] = (short)c->n;
    c->rgb[c->n] = rgb;
    return c->n++;
}

/* Fills `index` (n) with palette entries; colours->n is -1 where a palette is too small. */
static void find_colours(size_t n, const uint32_t *rgb, uint8_t *index, struct colours *c)
{
    uint32_t last = ~rgb[0];
    int k = 0;
    c->n = 0;
    memset(c->slot, -1, sizeof c->slot);
    for (size_t i = 0; i < n; i++) {
        if (rgb[i] != last)
            k = colour_index(c, rgb[i]);
        if (k < 0) {
            c->n = -1;
            return;
        }
        last = rgb[i];
        index[i] = (uint8_t)k;
    }
}

/* ---- libpng ------------------------------------------------------------------------------------------ */

struct encoding {
    unsigned char *data; /* the file so far */
    size_t n, room;
    char message[128];
};

/* libpng wants its error function not to return: it may jump only from here to encode() */
static void on_error(png_structp png, png_const_charp message)
{
    struct encoding *out = png_get_error_ptr(png);
    strncpy(out->message, message, sizeof out->message - 1);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep data, size_t n)
{
    struct encoding *out = png_get_io_ptr(png);
    if (n > out->room - out->n) {
        size_t room = 2 * out->room + n;
        unsigned char *more = realloc(out->data, room);
        if (!more)
            png_error(png, "out of memory");
        out->data = more;
        out->room = room;
    }
    memcpy(out->data + out->n, data, n);
    out->n += n;
}

static void on_flush(png_structp png)
{
    (void)png;
}

struct source {
    int w, h;
    const uint32_t *rgb;
    const uint8_t *index;
    const struct colours *colours;
    const struct sq_png_text *text;
    int n_text;
    uint8_t *line; /* (w, 3), for true colour */
};

static void put_texts(png_structp png, png_infop info, const struct source *s)
{
    for (int i = 0; i < s->n_text; i++) {
        png_text t = {.compression = PNG_TEXT_COMPRESSION_NONE};
        if (!s->text[i].text || !*s->text[i].text)
            continue;
        for (const char *c = s->text[i].text; *c; c++)
            if ((unsigned char)*c > 126) /* tEXt is Latin-1; ours is UTF-8 */
                t.compression = PNG_ITXT_COMPRESSION_NONE;
        t.key = (char *)s->text[i].key;
        t.text = (char *)s->text[i].text;
        t.lang = t.lang_key = NULL;
        png_set_text(png, info, &t, 1);
    }
}

static void put_palette(png_structp png, png_infop info, const struct colours *c)
{
    png_color palette[256];
    for (int i = 0; i < c->n; i++)
        palette[i] = (png_color){(png_byte)(c->rgb[i] >> 16), (png_byte)(c->rgb[i] >> 8), (png_byte)c->rgb[i]};
    png_set_PLTE(png, info, palette, c->n);
}

static void put_line(png_structp png, const struct source *s, int y)
{
    size_t at = (size_t)y * (size_t)s->w;
    if (s->index) {
        png_write_row(png, s->index + at);
        return;
    }
    for (int x = 0; x < s->w; x++) {
        uint32_t rgb = s->rgb[at + (size_t)x];
        s->line[3 * x] = (uint8_t)(rgb >> 16);
        s->line[3 * x + 1] = (uint8_t)(rgb >> 8);
        s->line[3 * x + 2] = (uint8_t)rgb;
    }
    png_write_row(png, s->line);
}

/* false, with out->message, on failure; out->data is the caller's either way. */
static bool encode(const struct source *s, struct encoding *out)
{
    png_infop volatile info = NULL;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, out, on_error, on_warning);
    if (!png)
        return false;
    if (setjmp(png_jmpbuf(png))) {
        png_infop made = info;
        png_destroy_write_struct(&png, &made);
        return false;
    }
    png_infop made = info = png_create_info_struct(png);
    if (!made)
        png_error(png, "out of memory");
    png_set_write_fn(png, out, on_write, on_flush);
    png_set_compression_level(png, 2); /* 3 times as fast as 6, and flat colours stay small */
    png_set_filter(png, 0, s->index ? PNG_FILTER_NONE : PNG_FILTER_SUB);
    png_set_IHDR(png, made, (png_uint_32)s->w, (png_uint_32)s->h, 8,
                 s->index ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (s->index)
        put_palette(png, made, s->colours);
    put_texts(png, made, s);
    png_write_info(png, made);
    for (int y = 0; y < s->h; y++)
        put_line(png, s, y);
    png_write_end(png, made);
    png_destroy_write_struct(&png, &made);
    return true;
}

enum sq_status sq_png_encode(int w, int h, const uint32_t *rgb, const struct sq_png_text *text, int n_text,
                             unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    struct encoding out = {0};
    struct colours colours;
    uint8_t *index = NULL, *line = NULL;
    size_t n = (size_t)w * (size_t)h;
    enum sq_status status = sq_alloc((void **)&index, n, 1, "a PNG picture", e);
    if (!status)
        status = sq_alloc((void **)&line, (size_t)w, 3, "a PNG picture", e);
    if (status)
        goto done;
    find_colours(n, rgb, index, &colours);
    struct source s = {w, h, rgb, colours.n > 0 ? index : NULL, &colours, text, n_text, line};
    if (encode(&s, &out)) {
        *ret = out.data;
        *ret_n = out.n;
        out.data = NULL;
    } else {
        status = sq_fail(e, SQ_FAILED, "a PNG picture cannot be made: %s", out.message[0] ? out.message : "no memory");
    }
done:
    free(out.data);
    free(index);
    free(line);
    return status;
}

enum sq_status sq_png_write(const char *path, int w, int h, const uint32_t *rgb, const struct sq_png_text *text,
                            int n_text, struct sq_err *e)
{
    unsigned char *data = NULL;
    size_t n = 0;
    struct sq_err why = {0};
    enum sq_status status = sq_png_encode(w, h, rgb, text, n_text, &data, &n, &why);
    if (status)
        return sq_fail(e, status, "%s: not written: %s", path, why.text);
    status = sq_publish_bytes(path, data, n, e);
    free(data);
    return status;
}
