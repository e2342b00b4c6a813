/* MRMS (NOAA NSSL): PrecipRate and ReflectivityAtLowestAltitude in GRIB2, plain or in gzip.
 *
 * The sections are checked octet by octet here (WMO Manual on Codes, FM 92 GRIB edition 2), so that frames
 * are listed from headers alone, and only messages of the one shape that MRMS has are decoded: regular
 * latitude-longitude from the north-west, no bitmap, PNG or simple packing. Of a picture only the part that is asked
 * for is worked out, its samples through a table; what is packed simply goes through ecCodes. */
#include "grib.h"
#include "packed.h"
#include "source.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (256u << 20) /* bytes */
#define PNG_HEAD 29              /* of the signature and IHDR: sizes, depth, kind of colour */

/* One message, by its octets: section k of the standard, octet n at s[k][n - 1]. */
struct message {
    size_t at, length; /* in the unpacked file */
    uint8_t s0[16], s[8][72];
    uint32_t n[8]; /* section lengths */
    uint8_t png[PNG_HEAD];
};

/* ---- the file ------------------------------------------------------------------------------------------ */

/* Discipline 209 is that of MRMS alone. */
static bool probe(const struct sq_file *f)
{
    uint8_t head[8];
    return f->nc < 0 && sq_grib_head(f->path, head) && head[7] == 2 && head[6] == 209;
}

static enum sq_status cut(const char *path, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: GRIB file is cut or broken", path);
}

static bool skip(struct sq_packed *f, size_t n)
{
    return sq_packed_seek(f, sq_packed_tell(f) + n);
}

/* The lengths that the sections of an MRMS message have; 0: any. */
static const uint32_t section_length[8] = {0, 21, 0, 72, 34, 21, 6, 0};

/* Sections 1 to 7, each once and in order; a section 2 is not MRMS. `left` octets until "7777". */
static bool take_sections(struct sq_packed *f, struct message *m, size_t left)
{
    for (int k = 1; k <= 7; k += k == 1 ? 2 : 1) {
        uint8_t *s = m->s[k];
        if (left < 5 || !sq_packed_take(f, s, 5) || s[4] != k)
            return false;
        m->n[k] = sq_grib_uint(s, 4);
        if (m->n[k] < 5 || m->n[k] > left || (section_length[k] && m->n[k] != section_length[k]))
            return false;
        left -= m->n[k];
        size_t want = k < 7 ? m->n[k] - 5 : m->n[k] - 5 < PNG_HEAD ? m->n[k] - 5 : PNG_HEAD;
        if (!sq_packed_take(f, k < 7 ? s + 5 : m->png, want) || !skip(f, m->n[k] - 5 - want))
            return false;
    }
    return left == 0;
}

/* The next message's headers; *end is set instead at the end of the file. */
static enum sq_status next_message(struct sq_packed *f, const char *path, struct message *m, bool *end,
                                   struct sq_err *e)
{
    uint8_t tail[4];
    *m = (struct message){.at = sq_packed_tell(f)};
    long n = sq_packed_read(f, m->s0, 16);
    *end = n == 0;
    if (n == 0)
        return SQ_OK;
    if (n != 16 || memcmp(m->s0, "GRIB", 4))
        return cut(path, e);
    if (m->s0[7] != 2)
        return sq_fail(e, SQ_FAILED, "%s: GRIB edition %d, 2 is expected of radar", path, m->s0[7]);
    if (sq_grib_uint(m->s0 + 8, 4) || sq_grib_uint(m->s0 + 12, 4) > MESSAGE_MAX)
        return sq_fail(e, SQ_FAILED, "%s: GRIB message claims more than %u bytes", path, MESSAGE_MAX);
    m->length = sq_grib_uint(m->s0 + 12, 4);
    if (sq_grib_uint(m->s0 + 6, 1) != 209) { /* another discipline: passed over whole */
        if (m->length < 20 || !skip(f, m->length - 20))
            return cut(path, e);
    } else if (m->length < 20 || !take_sections(f, m, m->length - 20)) {
        return cut(path, e);
    }
    return sq_packed_take(f, tail, 4) && !memcmp(tail, "7777", 4) ? SQ_OK : cut(path, e);
}

/* ---- what a message says ------------------------------------------------------------------------------- */

enum kind { NOT_RAIN, RATE, REFLECTIVITY };

/* MRMS by numbers: ecCodes and others have no names for them. */
static enum kind kind_of(const struct message *m)
{
    if (m->s0[6] != 209 || sq_grib_uint(m->s[1] + 5, 2) != 161)
        return NOT_RAIN;
    int category = m->s[4][9], number = m->s[4][10];
    return category == 6 && number == 1 ? RATE : category == 3 && number == 57 ? REFLECTIVITY : NOT_RAIN;
}

/* GRIB integers have their sign in the first bit. Degrees. */
static double degrees(const uint8_t *octets)
{
    uint32_t v = sq_grib_uint(octets, 4);
    double d = (v & 0x7fffffff) * 1e-6;
    return v >> 31 ? -d : d;
}

/* Step from the increments: first and last point are rounded in the files and give 0.009999999714. */
static enum sq_status read_grid(const struct message *m, const char *path, struct sq_grid *g, struct sq_err *e)
{
    const uint8_t *s = m->s[3];
    uint32_t nx = sq_grib_uint(s + 30, 4), ny = sq_grib_uint(s + 34, 4), basic = sq_grib_uint(s + 38, 4), parts = sq_grib_uint(s + 42, 4);
    if (s[5] || s[10] || s[11] || sq_grib_uint(s + 12, 2) || s[71] || nx > SQ_GRID_MAX || ny > SQ_GRID_MAX ||
        sq_grib_uint(s + 6, 4) != nx * ny || !((basic == 0 || basic == 1) && (parts == 1000000 || !basic)))
        return sq_fail(e, SQ_FAILED, "%s: no regular latitude-longitude grid from the north-west in microdegrees",
                       path);
    g->nx = (int)nx;
    g->ny = (int)ny;
    g->y0 = degrees(s + 46);
    g->x0 = degrees(s + 50);
    g->dx = degrees(s + 63);
    g->dy = degrees(s + 67);
    if (g->x0 > 180)
        g->x0 -= 360;
    strcpy(g->crs, SQ_CRS_LONLAT); /* the ellipsoid of 1965 in the files is not meant */
    return SQ_OK;
}

/* The packing is one that holds the grid's cells and no other number of them. */
static bool packing_fits(const struct message *m, uint32_t cells)
{
    const uint8_t *s = m->s[5];
    uint32_t template = sq_grib_uint(s + 9, 2), bits = s[19], room = m->n[7] - 5;
    if (sq_grib_uint(s + 5, 4) != cells || m->s[6][5] != 255 || sq_grib_uint(m->s[4] + 5, 2) || sq_grib_uint(m->s[4] + 7, 2))
        return false;
    if (bits == 0)
        return template == 0 || template == 41;
    if (template == 0)
        return bits <= 32 && ((uint64_t)cells * bits + 7) / 8 <= room;
    const uint8_t *p = m->png;
    return template == 41 && room >= PNG_HEAD && !memcmp(p, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) &&
           sq_grib_uint(p + 16, 4) == sq_grib_uint(m->s[3] + 30, 4) && sq_grib_uint(p + 20, 4) == sq_grib_uint(m->s[3] + 34, 4) &&
           p[24] == bits && (bits == 8 || bits == 16) && p[25] == 0;
}

/* Observation time with its seconds, which ecCodes would drop from dataTime. */
static int64_t time_of(const struct message *m)
{
    const uint8_t *s = m->s[1];
    return sq_instant_civil((int)sq_grib_uint(s + 12, 2), s[14], s[15], s[16], s[17], s[18]);
}

static enum sq_status describe(const struct message *m, const char *path, struct sq_frame_info *info,
                               struct sq_err *e)
{
    enum sq_status st = read_grid(m, path, &info->grid, e);
    if (st)
        return st;
    if (!packing_fits(m, (uint32_t)info->grid.nx * (uint32_t)info->grid.ny))
        return sq_fail(e, SQ_FAILED, "%s: values are packed otherwise than MRMS does, or do not fit the grid",
                       path);
    info->time = time_of(m);
    snprintf(info->product, sizeof info->product, "%s",
             kind_of(m) == RATE ? "PrecipRate" : "ReflectivityAtLowestAltitude");
    return SQ_OK;
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_packed *in = NULL;
    struct message m;
    bool end = false, any = false;
    enum sq_status st = sq_packed_open(f->path, &in, e);
    for (int i = 0; !st; i++) {
        struct sq_frame_info info = {.index = i};
        st = next_message(in, f->path, &m, &end, e);
        if (st || end)
            break;
        if (kind_of(&m) == NOT_RAIN)
            continue;
        any = true;
        st = describe(&m, f->path, &info, e);
        if (!st)
            st = sq_frames_add(list, &info, e);
    }
    if (!st && !any)
        st = sq_fail(e, SQ_FAILED, "%s: GRIB file without an MRMS rain rate or lowest reflectivity", f->path);
    sq_packed_close(&in);
    return st;
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* MRMS has no bitmap: what is missing is a value. -99 dBZ means "looked, no echo", whatever the table of
 * MRMS calls it: it fills the dry country. Echoes go below zero, so codes are met by equality; packing
 * leaves 1e-13 of noise that the float does not show. */
static void decode_rate(const double *v, size_t n, float *value, uint8_t *state)
{
    for (size_t i = 0; i < n; i++) {
        float r = (float)v[i];
        int is = r == -3 ? SQ_STATE_NO_COVERAGE : r == -1 ? SQ_STATE_MISSING : SQ_STATE_VALID;
        state[i] = (uint8_t)is;
        value[i] = is == SQ_STATE_VALID ? r : NAN;
    }
}

static void decode_reflectivity(const double *v, size_t n, const struct sq_read_params *p, float *value, uint8_t *state)
{
    for (size_t i = 0; i < n; i++) {
        float z = (float)v[i];
        int is = z == -999 ? SQ_STATE_NO_COVERAGE : z == -99 ? SQ_STATE_UNDETECT : SQ_STATE_VALID;
        state[i] = (uint8_t)is;
        value[i] = is == SQ_STATE_VALID ? sq_rate_from_dbz((double)z, p) : is == SQ_STATE_UNDETECT ? 0 : NAN;
    }
}

static void decode_values(const double *v, size_t n, enum kind kind, const struct sq_read_params *p, float *value,
                          uint8_t *state)
{
    if (kind == RATE)
        decode_rate(v, n, value, state);
    else
        decode_reflectivity(v, n, p, value, state);
}

/* The rows of the field, which is all of the frame or a window of it. */
static void decode(const double *v, enum kind kind, const struct sq_window *w, int nx, const struct sq_read_params *p,
                   struct sq_field *f)
{
    for (int r = 0; r < f->grid.ny; r++) {
        const double *row = v + (size_t)(w ? w->row + r : r) * (size_t)nx + (size_t)(w ? w->col : 0);
        const size_t n = (size_t)f->grid.nx, at = (size_t)r * n;
        decode_values(row, n, kind, p, f->value + at, f->state + at);
    }
}

/* What each sample of a picture stands for. */
struct samples {
    int depth;
    int row, col;        /* of the picture, where the field begins */
    struct sq_field *to;
    double raw[1 << 16]; /* unpacked */
    float value[1 << 16];
    uint8_t state[1 << 16];
};

/* Regulation 92.9.4: (reference + sample 2^binary) / 10^decimal. */
static void make_table(const struct message *m, const struct sq_read_params *p, struct samples *s)
{
    const uint8_t *s5 = m->s[5];
    const uint32_t bits = sq_grib_uint(s5 + 11, 4), n = 1u << s->depth;
    float reference;
    memcpy(&reference, &bits, sizeof reference);
    const double step = ldexp(1, sq_grib_int(s5 + 15, 2)), scale = pow(10, -sq_grib_int(s5 + 17, 2));
    for (uint32_t i = 0; i < n; i++)
        s->raw[i] = ((double)reference + i * step) * scale;
    decode_values(s->raw, n, kind_of(m), p, s->value, s->state);
}

static void use_row(void *ctx, int row, const uint8_t *sample)
{
    struct samples *s = ctx;
    const int nx = s->to->grid.nx;
    if (row < s->row)
        return;
    float *value = s->to->value + (size_t)(row - s->row) * (size_t)nx;
    uint8_t *state = s->to->state + (size_t)(row - s->row) * (size_t)nx;
    for (int x = 0; x < nx; x++) {
        const int c = s->col + x, k = s->depth == 8 ? sample[c] : sample[2 * c] << 8 | sample[2 * c + 1];
        value[x] = s->value[k];
        state[x] = s->state[k];
    }
}

static bool is_picture(const struct message *m)
{
    return sq_grib_uint(m->s[5] + 9, 2) == 41 && m->s[5][19] && !m->png[PNG_HEAD - 1]; /* not interlaced */
}

static enum sq_status read_picture(const char *path, const struct message *m, const uint8_t *bytes,
                                   const struct sq_window *w, const struct sq_read_params *p, struct sq_field *ret,
                                   struct sq_err *e)
{
    struct samples *s = NULL;
    enum sq_status st = sq_alloc((void **)&s, 1, sizeof *s, "a table of samples", e);
    if (st)
        return st;
    s->depth = m->s[5][19];
    s->row = w ? w->row : 0;
    s->col = w ? w->col : 0;
    s->to = ret;
    make_table(m, p, s);
    const struct sq_grib_picture picture = {(int)sq_grib_uint(m->s[3] + 30, 4), s->depth, s->row + ret->grid.ny,
                                            s->col + ret->grid.nx};
    const size_t n = m->n[7] - 5;
    if (!sq_grib_png(bytes + m->length - 4 - n, n, &picture, use_row, s))
        st = sq_fail(e, SQ_FAILED, "%s: values cannot be unpacked, the file is broken", path);
    free(s);
    return st;
}

static enum sq_status read_plain(const char *path, const struct message *m, const uint8_t *bytes,
                                 const struct sq_window *w, int nx, int ny, const struct sq_read_params *p,
                                 struct sq_field *ret, struct sq_err *e)
{
    const bool png = sq_grib_uint(m->s[5] + 9, 2) == 41 && m->s[5][19];
    const size_t n = m->n[7] - 5;
    double *v = NULL;
    if (png && !sq_grib_png_whole(bytes + m->length - 4 - n, n))
        return sq_fail(e, SQ_FAILED, "%s: values cannot be unpacked, the file is broken", path);
    enum sq_status st = sq_grib_unpack(path, bytes, m->length, (size_t)nx * (size_t)ny, &v, e);
    if (!st)
        decode(v, kind_of(m), w, nx, p, ret);
    free(v);
    return st;
}

/* The message of frame `index`, checked again: the file may have changed since the scan. */
static enum sq_status find_message(struct sq_packed *f, const struct sq_frame_info *info, struct message *m,
                                   struct sq_err *e)
{
    struct sq_frame_info now = {0};
    bool end = false;
    enum sq_status st = SQ_OK;
    for (int i = 0; i <= info->index && !st && !end; i++)
        st = next_message(f, info->path, m, &end, e);
    if (!st && !end && kind_of(m) != NOT_RAIN)
        st = describe(m, info->path, &now, e);
    if (!st && (!sq_grid_equal(&now.grid, &info->grid) || now.time != info->time))
        st = sq_fail(e, SQ_FAILED, "%s: changed while it was read", info->path);
    return st;
}

static enum sq_status read_bytes(struct sq_packed *f, const char *path, const struct message *m, uint8_t **ret,
                                 struct sq_err *e)
{
    uint8_t *bytes = NULL;
    enum sq_status st = sq_alloc((void **)&bytes, m->length, 1, "a GRIB message", e);
    if (!st && (!sq_packed_seek(f, m->at) || !sq_packed_take(f, bytes, m->length) ||
                memcmp(bytes, m->s0, sizeof m->s0)))
        st = cut(path, e);
    if (st)
        free(bytes);
    else
        *ret = bytes;
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    struct message m;
    uint8_t *bytes = NULL;
    struct sq_packed *in = NULL;
    enum sq_status st = sq_packed_open(f->path, &in, e);
    if (!st)
        st = find_message(in, info, &m, e);
    if (!st)
        st = read_bytes(in, f->path, &m, &bytes, e);
    if (!st)
        st = is_picture(&m) ? read_picture(f->path, &m, bytes, f->window, p, ret, e)
                            : read_plain(f->path, &m, bytes, f->window, info->grid.nx, info->grid.ny, p, ret, e);
    free(bytes);
    sq_packed_close(&in);
    return st;
}

const struct sq_source sq_source_mrms = {"mrms", probe, scan, read_frame, false};
