#include "product_windows.h"
#include "product_chunks.h"
#include "product_names.h"

#include "core/hot.h"

#include <libdeflate.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 256, BLOCK = 32, ZERO = 2048 };

struct sq_windows {
    struct sq_product_reader *r;
    const struct sq_forecast *f;
    struct sq_chunks *chunks; /* NULL: netCDF reads */
    pthread_mutex_t lock;     /* of both libraries: they know no threads */
    int rows, cols;
};

struct sq_window_hand {
    struct libdeflate_decompressor *z;
    unsigned char *packed, *bytes;
    size_t room;
    unsigned char zero[ZERO]; /* a packed chunk of zeros, as it was met: most of a forecast is dry */
    size_t n_zero;
};

static bool fits_blocks(size_t side, int cells)
{
    return side == (size_t)cells || (side > 0 && side < (size_t)cells && side % BLOCK == 0);
}

enum sq_status sq_windows_create(struct sq_product_reader *r, struct sq_windows **ret, struct sq_err *e)
{
    size_t chunk[4];
    const struct sq_forecast *f = sq_product_forecast(r);
    struct sq_windows *w = calloc(1, sizeof *w);
    if (!w)
        return sq_fail(e, SQ_FAILED, "out of memory for a forecast");
    pthread_mutex_init(&w->lock, NULL);
    w->r = r;
    w->f = f;
    w->rows = f->grid.ny < SIDE ? f->grid.ny : SIDE;
    w->cols = f->grid.nx;
    enum sq_status status = !sq_product_sealed(r) ? SQ_ABSENT /* a broken one may end the process that looks */
                                                  : sq_chunks_look(sq_product_path(r), SQ_PRODUCT_PROB, &w->chunks, chunk, e);
    if (!status && chunk[0] == 1 && chunk[1] == 1 && fits_blocks(chunk[2], f->grid.ny) && fits_blocks(chunk[3], f->grid.nx) &&
        chunk[2] * chunk[3] <= 4 * SIDE * SIDE) {
        w->rows = (int)chunk[2];
        w->cols = (int)chunk[3];
    } else {
        sq_chunks_destroy(&w->chunks);
    }
    if (status && status != SQ_ABSENT)
        sq_windows_destroy(&w);
    else
        *ret = w;
    return w ? SQ_OK : status;
}

void sq_windows_destroy(struct sq_windows **w)
{
    if (!*w)
        return;
    sq_chunks_destroy(&(*w)->chunks);
    pthread_mutex_destroy(&(*w)->lock);
    free(*w);
    *w = NULL;
}

int sq_windows_rows(const struct sq_windows *w)
{
    return w->rows;
}

int sq_windows_cols(const struct sq_windows *w)
{
    return w->cols;
}

bool sq_windows_parallel(const struct sq_windows *w)
{
    return w->chunks;
}

enum sq_status sq_window_hand_create(const struct sq_windows *w, struct sq_window_hand **ret, struct sq_err *e)
{
    struct sq_window_hand *h = calloc(1, sizeof *h);
    bool direct = w->chunks;
    if (h && direct) {
        h->z = libdeflate_alloc_decompressor();
        h->bytes = malloc((size_t)w->rows * (size_t)w->cols * sizeof(float));
    }
    if (!h || (direct && (!h->z || !h->bytes))) {
        sq_window_hand_destroy(&h);
        return sq_fail(e, SQ_FAILED, "out of memory for a forecast");
    }
    *ret = h;
    return SQ_OK;
}

void sq_window_hand_destroy(struct sq_window_hand **h)
{
    if (!*h)
        return;
    if ((*h)->z)
        libdeflate_free_decompressor((*h)->z);
    free((*h)->packed);
    free((*h)->bytes);
    free(*h);
    *h = NULL;
}

/* n values of a row from the four planes of bytes; 0 where one is outside of [0, 1]. */
SQ_HOT static int unshuffle(size_t n, size_t plane, const unsigned char *restrict in, float fill, float *restrict to)
{
    int fine = 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)in[i] | (uint32_t)in[plane + i] << 8 | (uint32_t)in[2 * plane + i] << 16 |
                        (uint32_t)in[3 * plane + i] << 24;
        float v;
        memcpy(&v, &bits, sizeof v);
        to[i] = v == fill ? NAN : v;
        fine &= v == fill || v != v || (v >= 0 && v <= 1);
    }
    return fine;
}

static bool all_zero(const unsigned char *bytes, size_t n)
{
    return !bytes[0] && !memcmp(bytes, bytes + 1, n - 1);
}

static enum sq_status get_chunk(struct sq_windows *w, struct sq_window_hand *h, const size_t *start, size_t n_rows,
                                size_t n_cols, float *to, struct sq_err *e)
{
    size_t n = 0, plane = (size_t)w->rows * (size_t)w->cols;
    pthread_mutex_lock(&w->lock);
    enum sq_status status = sq_chunks_get(w->chunks, start, &h->packed, &h->room, &n, e);
    pthread_mutex_unlock(&w->lock);
    if (status)
        return status;
    if (!n) {
        for (size_t i = 0; i < n_rows * n_cols; i++)
            to[i] = NAN;
        return SQ_OK;
    }
    bool zero = n == h->n_zero && !memcmp(h->packed, h->zero, n), fine = true;
    if (!zero && libdeflate_zlib_decompress(h->z, h->packed, n, h->bytes, 4 * plane, NULL) != LIBDEFLATE_SUCCESS)
        return sq_fail(e, SQ_FAILED, "%s: " SQ_PRODUCT_PROB " cannot be unpacked: the file is damaged",
                       sq_product_path(w->r));
    if (!zero && n <= ZERO && all_zero(h->bytes, 4 * plane)) {
        memcpy(h->zero, h->packed, n);
        h->n_zero = n;
        zero = true;
    }
    if (zero) {
        memset(to, 0, n_rows * n_cols * sizeof *to);
        return SQ_OK;
    }
    for (size_t i = 0; i < n_rows; i++)
        fine &= unshuffle(n_cols, plane, h->bytes + i * (size_t)w->cols, sq_chunks_fill(w->chunks), to + i * n_cols) != 0;
    return fine ? SQ_OK
                : sq_fail(e, SQ_FAILED, "%s: " SQ_PRODUCT_PROB " has a value outside 0 to 1: the file is damaged",
                          sq_product_path(w->r));
}

enum sq_status sq_windows_get(struct sq_windows *w, struct sq_window_hand *h, int lead, int row, int col, float *ret_prob,
                              struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    int n_rows = w->f->grid.ny - row < w->rows ? w->f->grid.ny - row : w->rows;
    int n_cols = w->f->grid.nx - col < w->cols ? w->f->grid.nx - col : w->cols;
    if (!w->chunks) {
        pthread_mutex_lock(&w->lock);
        status = sq_product_bands(w->r, lead, row, n_rows, ret_prob, e);
        pthread_mutex_unlock(&w->lock);
        return status;
    }
    for (int k = 0; k < w->f->n_threshold && !status; k++) {
        const size_t start[4] = {(size_t)lead, (size_t)k, (size_t)row, (size_t)col};
        status = get_chunk(w, h, start, (size_t)n_rows, (size_t)n_cols, ret_prob + (size_t)(k * n_rows) * (size_t)n_cols, e);
    }
    return status;
}
