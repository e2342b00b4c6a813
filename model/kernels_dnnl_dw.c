/* The gradient of the weights with oneDNN. It is fast at moderate dilation only. Beyond, the image is cut
 * into tiles as large as the dilation: a tap then pairs each tile with itself or a neighbour, pixel by pixel,
 * which is a matrix product. Where the dilation reaches the image's height or width the outer rows or columns
 * of taps see nothing but padding and are left out. The choice is by rule and never by timing, which would
 * make two runs differ. */
#include "core/hot.h"
#include "kernels_dnnl.h"

#include <string.h>

static size_t weight_count(const struct sq_conv_shape *s)
{
    return (size_t)s->in * (size_t)s->out * (size_t)(s->kernel * s->kernel);
}

void sq_dw_finish(struct sq_dw *p)
{
    for (size_t i = 0; i < sizeof p->op / sizeof *p->op; i++)
        sq_op_finish(&p->op[i]);
}

/* ---- by one primitive --------------------------------------------------------------------------------- */

static dnnl_status_t describe_direct(dnnl_primitive_desc_t *ret, const struct sq_dw *p, dnnl_format_tag_t tag)
{
    const struct sq_engine *k = p->engine;
    const struct sq_conv_shape *s = &p->shape;
    const dnnl_dim_t d_h = p->taps_h == 1 ? 1 : s->dilation, d_w = p->taps_w == 1 ? 1 : s->dilation;
    const dnnl_dims_t dims_x = {s->n, s->in, s->h, s->w}, dims_y = {s->n, s->out, s->h, s->w},
                      dims_b = {s->out};
    const dnnl_dims_t dims_w = {s->out, s->in, p->taps_h, p->taps_w};
    const dnnl_dims_t gaps = {d_h - 1, d_w - 1}, pads = {p->taps_h / 2 * d_h, p->taps_w / 2 * d_w};
    const dnnl_data_type_t type = sq_engine_type(p->engine);
    struct descs d = {0};
    desc_view x = describe(&d, 4, dims_x, type, tag), dy = describe(&d, 4, dims_y, type, tag);
    desc_view w = describe(&d, 4, dims_w, type, dnnl_format_tag_any);
    desc_view dw = describe(&d, 4, dims_w, dnnl_f32, dnnl_format_tag_any),
              db = describe(&d, 1, dims_b, dnnl_f32, dnnl_a);
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t st = d.status;
    if (!st)
        st = describe_forward(&hint, k->engine, dnnl_forward_training, x, w, db, dy, gaps, pads, k->plain);
    if (!st)
        st = describe_weights(ret, k->engine, x, dw, db, dy, gaps, pads, hint, k->plain);
    dnnl_primitive_desc_destroy(hint);
    descs_finish(&d);
    return st;
}

/* Reorders of x and dy from plain nhwc to the blocked layout, and of the result to its place in dw. */
static dnnl_status_t make_reorders(struct sq_dw *p)
{
    const struct sq_engine *k = p->engine;
    const struct sq_conv_shape *s = &p->shape;
    const dnnl_dim_t taps = (dnnl_dim_t)s->kernel * s->kernel;
    const dnnl_dims_t dims_x = {s->n, s->in, s->h, s->w}, dims_y = {s->n, s->out, s->h, s->w};
    const dnnl_dims_t dims_w = {s->out, s->in, p->taps_h, p->taps_w},
                      strides = {s->in * taps, taps, s->kernel, 1};
    const dnnl_data_type_t type = sq_engine_type(p->engine);
    struct descs d = {0};
    desc_view x = describe(&d, 4, dims_x, type, dnnl_nhwc), dy = describe(&d, 4, dims_y, type, dnnl_nhwc);
    desc_view dw = describe_strides(&d, 4, dims_w, dnnl_f32, strides);
    dnnl_status_t st = d.status;
    if (!st)
        st = sq_op_init_reorder(&p->op[COLLECT], k, sq_op_view(&p->op[DIRECT], 2), dw);
    if (!st && p->blocked)
        st = sq_op_init_reorder(&p->op[BLOCK_X], k, x, sq_op_view(&p->op[DIRECT], 0));
    if (!st && p->blocked)
        st = sq_op_init_reorder(&p->op[BLOCK_DY], k, dy, sq_op_view(&p->op[DIRECT], 1));
    descs_finish(&d);
    return st;
}

/* Refuses (unimplemented) what is slower than `most`. */
static dnnl_status_t try_direct(struct sq_dw *p, bool blocked, int most)
{
    const struct sq_engine *k = p->engine;
    const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS};
    p->blocked = blocked;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = describe_direct(&pd, p, blocked ? k->block : dnnl_nhwc);
    if (!st && sq_op_slowness(pd) > most)
        st = dnnl_unimplemented;
    if (!st)
        st = sq_op_init(&p->op[DIRECT], k, pd, 4, 4, ids);
    if (!st)
        st = make_reorders(p);
    dnnl_primitive_desc_destroy(pd);
    if (st)
        sq_dw_finish(p);
    return st;
}

/* In float and with more than one tap the blocked layout is faster by more than reordering costs. */
static dnnl_status_t make_direct(struct sq_dw *p)
{
    bool first = p->engine->base.dtype == SQ_F32 && p->shape.kernel > 1;
    dnnl_status_t st = dnnl_unimplemented;
    for (int most = 0; most <= 2 && st == dnnl_unimplemented; most++)
        for (int i = 0; i < 2 && st == dnnl_unimplemented; i++)
            st = try_direct(p, i ? !first : first, most);
    return st;
}

static void run_direct(struct sq_dw *p, const void *x, const void *dy, float *dw, float *db)
{
    const struct sq_engine *k = p->engine;
    void *scratch = k->arena + p->at_scratch;
    if (p->blocked) {
        sq_op_run(&p->op[BLOCK_X], k, x, k->arena + p->at_x, scratch);
        sq_op_run(&p->op[BLOCK_DY], k, dy, k->arena + p->at_dy, scratch);
        x = k->arena + p->at_x;
        dy = k->arena + p->at_dy;
    }
    sq_op_bind(&p->op[DIRECT], 2, k->arena + p->at_dw);
    sq_op_bind(&p->op[DIRECT], 3, db);
    sq_op_run(&p->op[DIRECT], k, x, dy, scratch);
    int kernel = p->shape.kernel; /* taps that see nothing lie around those that do, and stay zero */
    if (p->taps_h < kernel || p->taps_w < kernel)
        memset(dw, 0, weight_count(&p->shape) * sizeof *dw);
    float *first = dw + (kernel - p->taps_h) / 2 * kernel + (kernel - p->taps_w) / 2;
    sq_op_run(&p->op[COLLECT], k, k->arena + p->at_dw, first, scratch);
}

/* ---- by products of tiles ------------------------------------------------------------------------------ */

/* Tiles of row `down` make a matrix: a row for each (n, i, j) in the tile, in it (across, channel). The
 * product of one tile of dy, transposed, with up to three neighbouring tiles of x is (out, kx, in). (Adding
 * up is left to us: in bfloat16 oneDNN does it by reference code alone.) */
static dnnl_status_t make_product(struct sq_dw *p, int tiles)
{
    const struct sq_engine *k = p->engine;
    const struct sq_conv_shape *s = &p->shape;
    const dnnl_dim_t pixels = (dnnl_dim_t)s->n * p->tile_h * p->tile_w, columns = (dnnl_dim_t)tiles * s->in;
    const dnnl_dims_t dims_a = {s->out, pixels}, strides_a = {1, (dnnl_dim_t)p->across * s->out};
    const dnnl_dims_t dims_b = {pixels, columns}, strides_b = {(dnnl_dim_t)p->across * s->in, 1};
    const dnnl_dims_t dims_c = {s->out, columns};
    const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS_0, DNNL_ARG_DST};
    const dnnl_data_type_t type = sq_engine_type(p->engine);
    struct descs d = {0};
    desc_view dy = describe_strides(&d, 2, dims_a, type, strides_a);
    desc_view x = describe_strides(&d, 2, dims_b, type, strides_b);
    desc_view dw = describe(&d, 2, dims_c, dnnl_f32, dnnl_ab);
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = d.status;
    if (!st)
        st = describe_product(&pd, k->engine, dy, x, dw, k->plain);
    if (!st && sq_op_slowness(pd) == 2)
        st = dnnl_unimplemented;
    if (!st)
        st = sq_op_init(&p->op[PRODUCT + tiles - 1], k, pd, 3, 3, ids);
    dnnl_primitive_desc_destroy(pd);
    descs_finish(&d);
    return st;
}

/* From float (ky, out, kx, in), which the products add up, to dw. */
static dnnl_status_t make_collect(struct sq_dw *p)
{
    const struct sq_conv_shape *s = &p->shape;
    const dnnl_dim_t in = s->in, out = s->out;
    const dnnl_dims_t dims = {out, in, 3, 3}, strides = {3 * in, 1, out * 3 * in, in};
    struct descs d = {0};
    desc_view sums = describe_strides(&d, 4, dims, dnnl_f32, strides),
              dw = describe(&d, 4, dims, dnnl_f32, dnnl_oihw);
    dnnl_status_t st = d.status;
    if (!st)
        st = sq_op_init_reorder(&p->op[COLLECT], p->engine, sums, dw);
    descs_finish(&d);
    return st;
}

static dnnl_status_t make_tiled(struct sq_dw *p)
{
    dnnl_status_t st = make_collect(p);
    for (int tiles = 1; tiles <= 3 && !st; tiles++) /* at an edge there are 2 side by side, if 2 there are */
        if (tiles == 1 ? p->across == 1 : p->across >= tiles)
            st = make_product(p, tiles);
    return st;
}

/* (n, h, w, pixel) -> (down, n, tile_h, tile_w, across, pixel), zero beyond the edge. */
static void cut_tiles(const struct sq_dw *p, size_t pixel, const void *from, void *to)
{
    const struct sq_conv_shape *s = &p->shape;
    const size_t width = (size_t)p->tile_w * (size_t)p->across * pixel;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < p->down * s->n * p->tile_h; r++) {
        int i = r / (s->n * p->tile_h) * p->tile_h + r % p->tile_h, n = r / p->tile_h % s->n;
        const unsigned char *row =
            (const unsigned char *)from + ((size_t)n * (size_t)s->h + (size_t)i) * (size_t)s->w * pixel;
        unsigned char *out = (unsigned char *)to + (size_t)r * width;
        for (int j = 0; j < p->tile_w; j++) {
            for (int x = j; x < p->across * p->tile_w; x += p->tile_w, out += pixel) {
                if (i < s->h && x < s->w)
                    memcpy(out, row + (size_t)x * pixel, pixel);
                else
                    memset(out, 0, pixel);
            }
        }
    }
}

/* Sums of `m` <= 16 channels over all pixels: in float along a row, in double over rows. */
SQ_HOT static void sum_channels(const struct sq_conv_shape *s, bool bf16, const void *dy, int first, int m,
                                float *db)
{
    double sum[16] = {0};
    for (int64_t row = 0; row < (int64_t)s->n * s->h; row++) {
        float part[16] = {0};
        for (int j = 0; j < s->w; j++) {
            size_t at = ((size_t)row * (size_t)s->w + (size_t)j) * (size_t)s->out + (size_t)first;
            for (int o = 0; o < m; o++)
                part[o] += bf16 ? sq_bf16_float(((const uint16_t *)dy)[at + (size_t)o])
                                : ((const float *)dy)[at + (size_t)o];
        }
        for (int o = 0; o < m; o++)
            sum[o] += (double)part[o];
    }
    for (int o = 0; o < m; o++)
        db[first + o] = (float)sum[o];
}

static void bias_gradient(const struct sq_dw *p, const void *dy, float *db)
{
    const struct sq_conv_shape *s = &p->shape;
#pragma omp parallel for schedule(static)
    for (int o = 0; o < s->out; o += 16)
        sum_channels(s, p->engine->base.dtype == SQ_BF16, dy, o, s->out - o < 16 ? s->out - o : 16, db);
}

/* Adds a product of `tiles` tiles, (out, tiles, in), to the sums (out, 3, in) from tap kx on. */
static void add_product(const struct sq_conv_shape *s, const float *product, int tiles, int kx, float *sums)
{
    size_t in = (size_t)s->in, width = (size_t)tiles * in;
    for (size_t o = 0; o < (size_t)s->out; o++)
        for (size_t i = 0; i < width; i++)
            sums[(o * 3 + (size_t)kx) * in + i] += product[o * width + i];
}

/* The products of row `r` of the tiles of dy with row r + ky - 1 of those of x. */
static void multiply_rows(struct sq_dw *p, int r, int ky)
{
    const struct sq_engine *k = p->engine;
    const struct sq_conv_shape *s = &p->shape;
    const size_t in = (size_t)s->in * sq_engine_element(p->engine), out = (size_t)s->out * sq_engine_element(p->engine);
    const size_t pixels = (size_t)s->n * (size_t)(p->tile_h * p->tile_w) * (size_t)p->across;
    const unsigned char *x = k->arena + p->at_x + (size_t)(r + ky - 1) * pixels * in;
    const unsigned char *dy = k->arena + p->at_dy + (size_t)r * pixels * out;
    float *sums = (float *)(void *)(k->arena + p->at_dw),
          *product = (float *)(void *)(k->arena + p->at_product);
    for (int q = 0; q < p->across; q++) {
        int left = q > 0 ? q - 1 : q, right = q + 1 < p->across ? q + 1 : q;
        struct sq_op *o = &p->op[PRODUCT + right - left];
        sq_op_bind(o, 2, product);
        sq_op_run(o, k, dy + (size_t)q * out, x + (size_t)left * in, k->arena + p->at_scratch);
        add_product(s, product, right - left + 1, left - q + 1,
                    sums + (size_t)(ky * 3) * (size_t)s->out * (size_t)s->in);
    }
}

static void run_tiled(struct sq_dw *p, const void *x, const void *dy, float *dw, float *db)
{
    const struct sq_engine *k = p->engine;
    const struct sq_conv_shape *s = &p->shape;
    cut_tiles(p, (size_t)s->in * sq_engine_element(p->engine), x, k->arena + p->at_x);
    cut_tiles(p, (size_t)s->out * sq_engine_element(p->engine), dy, k->arena + p->at_dy);
    memset(k->arena + p->at_dw, 0, weight_count(&p->shape) * sizeof(float));
    for (int r = 0; r < p->down; r++)
        for (int ky = r > 0 ? 0 : 1; ky < 3 && r + ky - 1 < p->down; ky++)
            multiply_rows(p, r, ky);
    sq_op_run(&p->op[COLLECT], k, k->arena + p->at_dw, dw, k->arena + p->at_scratch);
    bias_gradient(p, dy, db);
}

/* ---- which way ------------------------------------------------------------------------------------------
 */

/* Whether a dilation is in reach of the direct primitives along an axis: beyond a quarter of the image (and
 * 16 in float) they fall back to gemm. Without AVX-512 they do at any dilation, and tiles overtake gemm where they
 * hold some cells. Measured with oneDNN 2.6.3 and 3.7.2. */
static bool in_reach(const struct sq_dw *p, int length)
{
    const struct sq_conv_shape *s = &p->shape;
    const bool bf16 = p->engine->base.dtype == SQ_BF16;
    const int farthest = bf16 ? length : p->engine->block == dnnl_nChw16c ? 16 : 4;
    const int most = length / 4 < farthest ? length / 4 : farthest;
    return s->kernel == 1 || s->dilation == 1 || s->dilation >= length || s->dilation <= most;
}

/* Places in the arena, one after the other. */
static dnnl_status_t place(struct sq_dw *p)
{
    const struct sq_conv_shape *s = &p->shape;
    const size_t area =
        (size_t)s->n * (size_t)(p->down * p->tile_h) * (size_t)(p->across * p->tile_w) * sq_engine_element(p->engine);
    size_t x = p->tiled ? area * (size_t)s->in : 0, dy = p->tiled ? area * (size_t)s->out : 0;
    size_t dw = weight_count(&p->shape) * sizeof(float), scratch = 0;
    if (p->blocked) {
        x = sq_op_bytes(&p->op[DIRECT], 0);
        dy = sq_op_bytes(&p->op[DIRECT], 1);
    }
    if (!p->tiled)
        dw = sq_op_bytes(&p->op[DIRECT], 2);
    for (size_t i = 0; i < sizeof p->op / sizeof *p->op; i++)
        scratch = p->op[i].scratch_bytes > scratch ? p->op[i].scratch_bytes : scratch;
    p->at_dy = sq_engine_round(x);
    p->at_dw = p->at_dy + sq_engine_round(dy);
    p->at_product = p->at_dw + sq_engine_round(dw);
    p->at_scratch = p->at_product + (p->tiled ? sq_engine_round(dw) : 0);
    return sq_engine_need(p->engine, p->at_scratch + scratch);
}

dnnl_status_t sq_dw_init(struct sq_dw *p, struct sq_engine *k, const struct sq_conv_shape *s)
{
    p->engine = k;
    p->shape = *s;
    p->taps_h = s->dilation < s->h ? s->kernel : 1;
    p->taps_w = s->dilation < s->w ? s->kernel : 1;
    p->tile_h = p->taps_h > 1 ? s->dilation : s->h;
    p->tile_w = p->taps_w > 1 ? s->dilation : s->w;
    p->down = (s->h + p->tile_h - 1) / p->tile_h;
    p->across = (s->w + p->tile_w - 1) / p->tile_w;
    p->tiled = !in_reach(p, s->h) || !in_reach(p, s->w);
    dnnl_status_t st = p->tiled ? make_tiled(p) : dnnl_unimplemented;
    if (st == dnnl_unimplemented) {
        sq_dw_finish(p);
        p->tiled = false;
        st = make_direct(p);
    }
    return st ? st : place(p);
}

void sq_dw_run(struct sq_dw *p, const void *x, const void *dy, float *dw, float *db)
{
    if (p->tiled)
        run_tiled(p, x, dy, dw, db);
    else
        run_direct(p, x, dy, dw, db);
}
