#include "grib_write.h"
#include "core/crs.h"
#include "core/publish.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define HEADS 512 /* octets, more than all sections but the last take */

struct sq_grib_file {
    char path[SQ_PATH_MAX], tmp[SQ_PATH_MAX];
    FILE *file; /* NULL: closed */
};

/* A message while it grows. */
struct octets {
    uint8_t *at;
    size_t n;
};

static void put(struct octets *o, uint32_t v, int n)
{
    for (int i = n - 1; i >= 0; i--)
        o->at[o->n++] = (uint8_t)(v >> (8 * i));
}

/* The sign is the first bit. */
static void put_signed(struct octets *o, double v, int n)
{
    put(o, (uint32_t)fabs(rint(v)) | (v < 0 ? 1u << (8 * n - 1) : 0), n);
}

static void put_float(struct octets *o, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(o, bits, 4);
}

/* Begins a section; its length is known at its end. */
static size_t begin(struct octets *o, int section)
{
    size_t at = o->n;
    put(o, 0, 4);
    put(o, (uint32_t)section, 1);
    return at;
}

static void end(struct octets *o, size_t at)
{
    struct octets length = {o->at + at, 0};
    put(&length, (uint32_t)(o->n - at), 4);
}

static void put_time(struct octets *o, int64_t t)
{
    struct tm at;
    time_t seconds = (time_t)t;
    gmtime_r(&seconds, &at);
    put(o, (uint32_t)at.tm_year + 1900, 2);
    put(o, (uint32_t)at.tm_mon + 1, 1);
    put(o, (uint32_t)at.tm_mday, 1);
    put(o, (uint32_t)at.tm_hour, 1);
    put(o, (uint32_t)at.tm_min, 1);
    put(o, (uint32_t)at.tm_sec, 1);
}

static void identification(struct octets *o, const struct sq_grib_product *p)
{
    size_t at = begin(o, 1);
    put(o, (uint32_t)p->centre, 2);
    put(o, 0, 2);
    put(o, (uint32_t)p->tables, 1);
    put(o, (uint32_t)p->local_tables, 1);
    put(o, (uint32_t)p->significance, 1);
    put_time(o, p->reference);
    put(o, (uint32_t)p->status, 1);
    put(o, (uint32_t)p->type, 1);
    end(o, at);
}

static double east(double lon)
{
    return lon < 0 ? lon + 360 : lon;
}

/* Section 3, template 3.0: from the north-west, in microdegrees, on the ellipsoid that MRMS states. */
static void lonlat_grid(struct octets *o, const struct sq_grid *g)
{
    put(o, 2, 1);
    put(o, 1, 1);
    put(o, 6367470, 4);
    put(o, 1, 1);
    put(o, 6378160, 4);
    put(o, 1, 1);
    put(o, 6356775, 4);
    put(o, (uint32_t)g->nx, 4);
    put(o, (uint32_t)g->ny, 4);
    put(o, 1, 4);
    put(o, 1000000, 4);
    put_signed(o, g->y0 * 1e6, 4);
    put_signed(o, east(g->x0) * 1e6, 4);
    put(o, 48, 1);
    put_signed(o, sq_grid_y(g, g->ny - 1) * 1e6, 4);
    put_signed(o, east(sq_grid_x(g, g->nx - 1)) * 1e6, 4);
    put_signed(o, g->dx * 1e6, 4);
    put_signed(o, g->dy * 1e6, 4);
    put(o, 0, 1);
}

/* A number of a PROJ string. */
static double number(const char *crs, const char *key)
{
    const char *at = strstr(crs, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

/* Section 3, template 3.30: from the south-west, winds along the grid, the sphere of NCEP. */
static enum sq_status lambert_grid(struct octets *o, const struct sq_grid *g, struct sq_err *e)
{
    struct sq_crs_map *map = NULL;
    const double parallel = number(g->crs, "+lat_1="), lov = number(g->crs, "+lon_0=");
    double lon = g->x0, lat = sq_grid_y(g, g->ny - 1);
    if (!strstr(g->crs, "+proj=lcc") || !(fabs(parallel) <= 90) || !(fabs(lov) <= 180))
        return sq_fail(e, SQ_FAILED, "%s: no grid that GRIB is written on", g->crs);
    enum sq_status s = sq_crs_map_create(g->crs, SQ_CRS_LONLAT, &map, e);
    if (s)
        return s;
    sq_crs_forward(map, 1, &lon, &lat);
    sq_crs_map_destroy(&map);
    put(o, 6, 1);
    for (int i = 0; i < 3; i++) { /* no radii of its own */
        put(o, 0, 1);
        put(o, 0, 4);
    }
    put(o, (uint32_t)g->nx, 4);
    put(o, (uint32_t)g->ny, 4);
    put_signed(o, lat * 1e6, 4);
    put_signed(o, east(lon) * 1e6, 4);
    put(o, 8, 1);
    put_signed(o, parallel * 1e6, 4);
    put_signed(o, east(lov) * 1e6, 4);
    put(o, (uint32_t)lrint(g->dx * 1e3), 4);
    put(o, (uint32_t)lrint(g->dy * 1e3), 4);
    put(o, 0, 1);
    put(o, 64, 1);
    put_signed(o, parallel * 1e6, 4);
    put_signed(o, parallel * 1e6, 4);
    put(o, 0, 4);
    put(o, 0, 4);
    return SQ_OK;
}

static enum sq_status grid(struct octets *o, const struct sq_grid *g, struct sq_err *e)
{
    const bool degrees = sq_grid_geographic(g);
    enum sq_status s = SQ_OK;
    size_t at = begin(o, 3);
    put(o, 0, 1);
    put(o, (uint32_t)sq_grid_cells(g), 4);
    put(o, 0, 2);
    put(o, degrees ? 0 : 30, 2);
    if (degrees)
        lonlat_grid(o, g);
    else
        s = lambert_grid(o, g, e);
    end(o, at);
    return s;
}

static void surface(struct octets *o, int type, int level)
{
    put(o, (uint32_t)type, 1);
    put(o, 0, 1);
    put_signed(o, level, 4);
}

/* Section 4, template 4.0, or 4.8 with its one time range. */
static void product(struct octets *o, const struct sq_grib_product *p)
{
    size_t at = begin(o, 4);
    put(o, 0, 2);
    put(o, p->sum_h ? 8 : 0, 2);
    put(o, (uint32_t)p->category, 1);
    put(o, (uint32_t)p->number, 1);
    put(o, (uint32_t)p->process, 1);
    put(o, 0, 1);
    put(o, (uint32_t)p->model, 1);
    put(o, 0, 3);
    put(o, p->significance == 1, 1); /* hours; observations have minutes, none of them */
    put(o, (uint32_t)(p->lead_h - p->sum_h), 4);
    surface(o, p->level_type[0], p->level[0]);
    surface(o, p->level_type[1], p->level[1]);
    if (p->sum_h) {
        put_time(o, p->reference + 3600 * (int64_t)p->lead_h);
        put(o, 1, 1);
        put(o, 0, 4);
        put(o, 1, 1); /* accumulation */
        put(o, 2, 1); /* one start, later and later ends */
        put(o, 1, 1);
        put(o, (uint32_t)p->sum_h, 4);
        put(o, 255, 1);
        put(o, 0, 4);
    }
    end(o, at);
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* value = (reference + packed) / 10^decimals */
struct packing {
    float reference;
    int bits;
    double scale;
};

static enum sq_status plan(const struct sq_grib_product *p, size_t n, const float *v, struct packing *ret,
                           struct sq_err *e)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, (double)v[i]);
        most = fmax(most, (double)v[i]);
    }
    ret->scale = pow(10, p->decimals);
    ret->reference = floorf((float)(least * ret->scale));
    const double range = rint(most * ret->scale - (double)ret->reference);
    ret->bits = p->png ? 16 : range < 1 ? 0 : (int)floor(log2(range)) + 1;
    if (!(range >= 0) || ret->bits > 24 || range > 0xffffff || (p->png && range > 0xffff))
        return sq_fail(e, SQ_FAILED, "GRIB parameter %d.%d.%d: values from %g to %g cannot be packed to %d decimals",
                       p->discipline, p->category, p->number, least, most, p->decimals);
    return SQ_OK;
}

static uint32_t pack(const struct packing *k, float v)
{
    return (uint32_t)fmax(0, rint((double)v * k->scale - (double)k->reference));
}

/* Rows from the south where the grid is written so. */
static size_t row_of(const struct sq_grid *g, int i)
{
    return (size_t)(sq_grid_geographic(g) ? i : g->ny - 1 - i) * (size_t)g->nx;
}

static void put_bits(struct octets *o, const struct packing *k, const struct sq_grid *g, const float *v)
{
    uint64_t held = 0;
    int n = 0;
    for (int row = 0; row < g->ny && k->bits; row++)
        for (int col = 0; col < g->nx; col++) {
            held = held << k->bits | pack(k, v[row_of(g, row) + (size_t)col]);
            for (n += k->bits; n >= 8; n -= 8)
                put(o, (uint32_t)(held >> (n - 8)) & 0xff, 1);
        }
    if (n)
        put(o, (uint32_t)(held << (8 - n)) & 0xff, 1);
}

static void put_chunk(struct octets *o, const char *type, const uint8_t *data, size_t n)
{
    put(o, (uint32_t)n, 4);
    const uint8_t *from = o->at + o->n;
    memcpy(o->at + o->n, type, 4);
    if (n)
        memcpy(o->at + o->n + 4, data, n);
    o->n += n + 4;
    put(o, (uint32_t)crc32(0, from, (uInt)n + 4), 4);
}

/* Grey of 16 bits, every row as the difference to the one above (filter 2). */
static enum sq_status put_png(struct octets *o, const struct packing *k, const struct sq_grid *g, const float *v,
                              struct sq_err *e)
{
    const size_t width = 2 * (size_t)g->nx + 1, raw_n = width * (size_t)g->ny;
    uLongf n = compressBound((uLong)raw_n);
    void *raw = NULL, *squeezed = NULL;
    enum sq_status s = sq_alloc(&raw, raw_n, 1, "rows of an image", e);
    if (!s)
        s = sq_alloc(&squeezed, n, 1, "an image", e);
    if (s)
        goto done;
    uint8_t *to = raw;
    for (int row = 0; row < g->ny; row++) {
        *to++ = 2;
        for (int col = 0; col < g->nx; col++) {
            uint32_t now = pack(k, v[row_of(g, row) + (size_t)col]);
            uint32_t up = row ? pack(k, v[row_of(g, row - 1) + (size_t)col]) : 0;
            *to++ = (uint8_t)((now >> 8) - (up >> 8));
            *to++ = (uint8_t)(now - up);
        }
    }
    if (compress2(squeezed, &n, raw, (uLong)raw_n, 6) != Z_OK) {
        s = sq_fail(e, SQ_FAILED, "out of memory for an image");
        goto done;
    }
    uint8_t head[13] = {0};
    struct octets h = {head, 0};
    put(&h, (uint32_t)g->nx, 4);
    put(&h, (uint32_t)g->ny, 4);
    put(&h, 16, 1);
    memcpy(o->at + o->n, "\x89PNG\r\n\x1a\n", 8);
    o->n += 8;
    put_chunk(o, "IHDR", head, sizeof head);
    put_chunk(o, "IDAT", squeezed, n);
    put_chunk(o, "IEND", NULL, 0);
done:
    free(raw);
    free(squeezed);
    return s;
}

/* Sections 5 to 7. */
static enum sq_status values(struct octets *o, const struct sq_grib_product *p, const struct sq_grid *g,
                             const float *v, const struct packing *k, struct sq_err *e)
{
    enum sq_status s = SQ_OK;
    size_t at = begin(o, 5);
    put(o, (uint32_t)sq_grid_cells(g), 4);
    put(o, p->png ? 41 : 0, 2);
    put_float(o, k->reference);
    put(o, 0, 2);
    put_signed(o, p->decimals, 2);
    put(o, (uint32_t)k->bits, 1);
    put(o, 0, 1);
    end(o, at);
    at = begin(o, 6);
    put(o, 255, 1);
    end(o, at);
    at = begin(o, 7);
    if (p->png)
        s = put_png(o, k, g, v, e);
    else
        put_bits(o, k, g, v);
    end(o, at);
    return s;
}

/* ---- the file ------------------------------------------------------------------------------------------- */

enum sq_status sq_grib_file_create(const char *path, struct sq_grib_file **ret, struct sq_err *e)
{
    void *block;
    enum sq_status s = sq_alloc(&block, 1, sizeof(struct sq_grib_file), "a GRIB file", e);
    if (s)
        return s;
    struct sq_grib_file *f = block;
    *f = (struct sq_grib_file){.file = NULL};
    s = sq_publish_begin(path, f->tmp, e);
    if (s)
        f->tmp[0] = '\0';
    else if (snprintf(f->path, sizeof f->path, "%s", path), !(f->file = fopen(f->tmp, "wbe")))
        s = sq_fail(e, SQ_FAILED, "%s: cannot write", path);
    if (s)
        sq_grib_file_destroy(&f);
    else
        *ret = f;
    return s;
}

enum sq_status sq_grib_file_put(struct sq_grib_file *f, const struct sq_grid *g, const struct sq_grib_product *p,
                                const float *value, struct sq_err *e)
{
    const size_t cells = sq_grid_cells(g);
    struct packing k;
    void *block;
    enum sq_status s = plan(p, cells, value, &k, e);
    if (!s) /* room for PNG, which is the longest */
        s = sq_alloc(&block, HEADS + compressBound(4 * cells + (uLong)g->ny), 1, "a GRIB message", e);
    if (s)
        return s;
    struct octets o = {block, 0};
    memcpy(o.at, "GRIB\0", 6);
    o.n = 6;
    put(&o, (uint32_t)p->discipline, 1);
    put(&o, 2, 1);
    put(&o, 0, 4);
    put(&o, 0, 4);
    identification(&o, p);
    s = grid(&o, g, e);
    product(&o, p);
    if (!s)
        s = values(&o, p, g, value, &k, e);
    memcpy(o.at + o.n, "7777", 4);
    o.n += 4;
    struct octets length = {o.at + 12, 0};
    put(&length, (uint32_t)o.n, 4);
    if (!s && fwrite(o.at, 1, o.n, f->file) != o.n)
        s = sq_fail(e, SQ_FAILED, "%s: cannot write", f->path);
    free(block);
    return s;
}

enum sq_status sq_grib_file_publish(struct sq_grib_file *f, struct sq_err *e)
{
    int failed = fclose(f->file);
    f->file = NULL;
    if (failed)
        return sq_fail(e, SQ_FAILED, "%s: cannot write", f->path);
    enum sq_status s = sq_publish_commit(f->tmp, f->path, e);
    f->tmp[0] = '\0'; /* renamed or removed */
    return s;
}

void sq_grib_file_destroy(struct sq_grib_file **f)
{
    if (*f && (*f)->file)
        fclose((*f)->file);
    if (*f && (*f)->tmp[0])
        sq_publish_abandon((*f)->tmp);
    free(*f);
    *f = NULL;
}
