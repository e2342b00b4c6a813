/* RADOLAN and RADVOR composites of DWD (Germany) in their binary format: one frame a file, a line of text up to the
 * byte 3, then raw cells from the south-west corner, row by row to the north.
 *
 * RX is a reflectivity; RW (an hour), RY, RZ, RV and YW (5 minutes) are sums that end at the time of the file. RV is
 * a forecast: its +0 is the analysis and counts as an observation; the frames after it are of kind model, channel
 * rain_rate, valid at the run's time plus their lead VV, reference_time the run.
 *
 * Sources: DWD, "RADOLAN/RADVOR: Beschreibung des Kompositformats"; grids as wradlib and DWD give them: all are
 * counted from 9 E, 51 N, on a sphere of 6370040 m, and on WGS84 from format version (VS) 5 on. */
#include "source.h"

#include "packed.h"

#include "core/crs.h"
#include "core/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MAX = 4096, FIRST = 17 }; /* FIRST: product, time and place have fixed columns, the rest has names */

struct head {
    char product[4];
    int64_t run;  /* UTC s */
    int lead_s, interval_s, version, rows, columns, width; /* width: bytes of a cell */
    double scale; /* power of ten of what is stored */
    size_t length, total; /* bytes of the text, its last one included, and of the file */
};

/* ---- the line of text ------------------------------------------------------------------------------------- */

/* Digits 0 to n - 1 of text; -1 where there are others. */
static int number(const char *text, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        v = 10 * v + text[i] - '0';
    }
    return v;
}

/* "RW102050100000814BY": product, day, hour and minute, place, month and year. */
static bool looks_radolan(const char *t)
{
    return t[0] >= 'A' && t[0] <= 'Z' && t[1] >= 'A' && t[1] <= 'Z' && number(t + 2, 6) >= 0 &&
           number(t + 8, 5) >= 0 && number(t + 13, 4) >= 0 && t[FIRST] == 'B' && t[FIRST + 1] == 'Y';
}

static bool probe(const struct sq_file *f)
{
    char text[FIRST + 2];
    struct sq_packed *in = NULL;
    bool ours = f->nc < 0 && !sq_packed_open(f->path, &in, NULL) && sq_packed_take(in, text, sizeof text) &&
                looks_radolan(text);
    sq_packed_close(&in);
    return ours;
}

/* The whole number behind the name `key`; names come in this order in every file, so *at moves on. */
static bool take_number(const char **at, const char *key, long least, long most, int *ret)
{
    const char *t = strstr(*at, key);
    char *end;
    if (!t)
        return false;
    t += strlen(key);
    long v = strtol(t, &end, 10);
    if (end == t || v < least || v > most)
        return false;
    *at = end;
    *ret = (int)v;
    return true;
}

/* Reads by name, not by column: producers differ in widths. */
static bool parse(char *text, struct head *h)
{
    const char *t = text + FIRST;
    char *radars = strstr(text, "MS");
    int total, power, minutes, lead = 0;
    if (radars)
        *radars = 0; /* the list of radars may hold any letters */
    if (!take_number(&t, "BY", 1, 1 << 30, &total) || !take_number(&t, "VS", 0, 99, &h->version) ||
        !take_number(&t, "PR E", -3, 0, &power) || !take_number(&t, "INT", 1, 1440, &minutes))
        return false;
    const char *size = strstr(t, "GP");
    if (!size || sscanf(size, "GP%5dx%5d", &h->rows, &h->columns) != 2)
        return false;
    if (strstr(size, "VV") && !take_number(&size, "VV", 0, 1440, &lead))
        return false;
    memcpy(h->product, text, 2);
    h->product[2] = 0;
    h->run = sq_instant_civil(2000 + number(text + 15, 2), number(text + 13, 2), number(text + 2, 2),
                              number(text + 4, 2), number(text + 6, 2), 0);
    h->scale = pow(10, power);
    h->lead_s = 60 * lead;
    h->interval_s = 60 * minutes;
    h->width = strcmp(h->product, "RX") ? 2 : 1;
    h->total = (size_t)total;
    return h->run != SQ_NO_TIME && h->rows > 0 && h->columns > 0 && h->rows <= SQ_GRID_MAX &&
           h->columns <= SQ_GRID_MAX &&
           h->total == h->length + (size_t)h->rows * (size_t)h->columns * (size_t)h->width;
}

/* Leaves `in` at the first cell. */
static enum sq_status read_head(struct sq_packed *in, const char *path, struct head *h, struct sq_err *e)
{
    static const char *const known[] = {"RX", "RW", "RY", "RZ", "RV", "YW"};
    char text[HEAD_MAX + 1];
    long n = sq_packed_read(in, text, HEAD_MAX);
    text[n < 0 ? 0 : n] = 0;
    char *end = n < 0 ? NULL : memchr(text, 3, (size_t)n);
    if (!end || !sq_packed_seek(in, (size_t)(end - text) + 1))
        return sq_fail(e, SQ_FAILED, "%s: RADOLAN file is cut or broken", path);
    *end = 0;
    h->length = (size_t)(end - text) + 1;
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++)
        found = !memcmp(text, known[i], 2);
    if (!found)
        return sq_fail(e, SQ_FAILED, "%s: RADOLAN product %.2s: squall reads RX, RW, RY, RZ, RV and YW", path, text);
    if (strlen(text) != h->length - 1 || !looks_radolan(text) || !parse(text, h))
        return sq_fail(e, SQ_FAILED, "%s: RADOLAN header is broken or of an unknown form: %.60s", path, text);
    return SQ_OK;
}

/* ---- the map ----------------------------------------------------------------------------------------------- */

#define POLAR "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 "

/* Where 9 E, 51 N lies, on the map in metres and on each grid in cells of 1 km from the south-west corner. On WGS84
 * DE1200 has its origin in its north-western cell. */
static const struct {
    const char *crs;
    double x, y;
} sphere = {POLAR "+a=6370040 +b=6370040", -73462.1669, -4208644.7243},
  wgs84 = {POLAR "+a=6378137 +b=6356752.3142451802", -73696.8352, -4222088.8619},
  de1200 = {POLAR "+a=6378137 +b=6356752.3142451802 +x_0=543196.83521776402 +y_0=3622588.8619310018", 469500, -599500};

static const struct {
    int rows, columns, west, south;
} shape[] = {{900, 900, 450, 450}, {1100, 900, 370, 550}, {1200, 1100, 470, 600}};

static enum sq_status make_grid(const struct head *h, const char *path, struct sq_grid *g, struct sq_err *e)
{
    struct sq_err why;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        if (h->rows != shape[i].rows || h->columns != shape[i].columns)
            continue;
        const char *crs = h->version < 5 ? sphere.crs : h->rows == 1200 ? de1200.crs : wgs84.crs;
        double x = h->version < 5 ? sphere.x : h->rows == 1200 ? de1200.x : wgs84.x;
        double y = h->version < 5 ? sphere.y : h->rows == 1200 ? de1200.y : wgs84.y;
        *g = (struct sq_grid){.nx = h->columns, .ny = h->rows, .dx = 1000, .dy = 1000};
        g->x0 = x - 1000 * shape[i].west + 500;
        g->y0 = y - 1000 * shape[i].south + 1000 * h->rows - 500;
        return sq_crs_normalise(crs, g->crs, NULL, &why) ? sq_fail(e, SQ_FAILED, "%s: %s", path, why.text) : SQ_OK;
    }
    return sq_fail(e, SQ_FAILED, "%s: RADOLAN grid of %d rows x %d columns: squall knows 900 x 900, 1100 x 900 and "
                   "1200 x 1100", path, h->rows, h->columns);
}

/* ---- frames ------------------------------------------------------------------------------------------------- */

static enum sq_status describe(const struct head *h, const char *path, struct sq_frame_info *info, struct sq_err *e)
{
    info->kind = h->lead_s ? SQ_KIND_MODEL : SQ_KIND_RADAR;
    info->time = h->run + h->lead_s;
    info->reference_time = h->run;
    info->interval_s = h->width == 1 ? 0 : h->interval_s;
    snprintf(info->product, sizeof info->product, "%s", h->product);
    return make_grid(h, path, &info->grid, e);
}

/* Whether all cells are there. */
static bool whole(struct sq_packed *in, const struct head *h)
{
    char last;
    return sq_packed_seek(in, h->total - 1) && sq_packed_take(in, &last, 1);
}

static enum sq_status scan(const struct sq_file *f, struct sq_frames *list, struct sq_err *e)
{
    struct sq_frame_info info = {0};
    struct sq_packed *in = NULL;
    struct head h = {0};
    enum sq_status st = sq_packed_open(f->path, &in, e);
    if (!st)
        st = read_head(in, f->path, &h, e);
    if (!st)
        st = describe(&h, f->path, &info, e);
    if (!st && !whole(in, &h))
        st = sq_fail(e, SQ_FAILED, "%s: RADOLAN file is cut", f->path);
    if (!st)
        st = sq_frames_add(list, &info, e);
    sq_packed_close(&in);
    return st;
}

/* dBZ in steps of 0.5 from -32.5. 0 is below detection, 249 clutter, 250 no data; what is above has no meaning. */
static void decode_byte(const uint8_t *raw, size_t n, const struct sq_read_params *p, float *value, uint8_t *state)
{
    for (size_t i = 0; i < n; i++) {
        state[i] = raw[i] == 250   ? SQ_STATE_NO_COVERAGE
                   : raw[i] == 249 ? SQ_STATE_REJECTED
                   : raw[i] > 250  ? SQ_STATE_MISSING
                   : raw[i] == 0   ? SQ_STATE_UNDETECT
                                   : SQ_STATE_VALID;
        value[i] = state[i] == SQ_STATE_VALID      ? sq_rate_from_dbz(raw[i] / 2.0 - 32.5, p)
                   : state[i] == SQ_STATE_UNDETECT ? 0
                                                   : NAN;
    }
}

/* 12 bits of value, then: 0x1000 from a secondary source (as good as others), 0x2000 no data, 0x4000 negative,
 * 0x8000 clutter. */
static void decode_word(const uint8_t *raw, size_t n, double factor, float *value, uint8_t *state)
{
    for (size_t i = 0; i < n; i++) {
        unsigned word = raw[2 * i] | (unsigned)raw[2 * i + 1] << 8;
        state[i] = word & 0x2000 ? SQ_STATE_NO_COVERAGE : word & 0x8000 ? SQ_STATE_REJECTED : SQ_STATE_VALID;
        double v = (word & 0xfff) * factor;
        value[i] = state[i] != SQ_STATE_VALID ? NAN : (float)(word & 0x4000 ? -v : v);
    }
}

static enum sq_status read_rows(struct sq_packed *in, const char *path, const struct head *h,
                                const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    uint8_t *raw = NULL;
    size_t nx = (size_t)h->columns, bytes = nx * (size_t)h->width;
    enum sq_status st = sq_alloc((void **)&raw, bytes, 1, "a row", e);
    for (int r = h->rows - 1; r >= 0 && !st; r--) {
        size_t at = (size_t)r * nx;
        if (!sq_packed_take(in, raw, bytes))
            st = sq_fail(e, SQ_FAILED, "%s: RADOLAN file is cut or broken", path);
        else if (h->width == 1)
            decode_byte(raw, nx, p, ret->value + at, ret->state + at);
        else
            decode_word(raw, nx, h->scale * 3600 / h->interval_s, ret->value + at, ret->state + at);
    }
    free(raw);
    return st;
}

static enum sq_status read_frame(const struct sq_file *f, const struct sq_frame_info *info,
                                 const struct sq_read_params *p, struct sq_field *ret, struct sq_err *e)
{
    struct sq_frame_info now = {0};
    struct sq_packed *in = NULL;
    struct head h = {0};
    enum sq_status st = sq_packed_open(f->path, &in, e);
    if (!st)
        st = read_head(in, f->path, &h, e);
    if (!st)
        st = describe(&h, f->path, &now, e);
    if (!st && (!sq_grid_equal(&now.grid, &info->grid) || now.time != info->time))
        st = sq_fail(e, SQ_FAILED, "%s: changed while it was read", f->path);
    if (!st)
        st = read_rows(in, f->path, &h, p, ret, e);
    sq_packed_close(&in);
    return st;
}

const struct sq_source sq_source_radolan = {"radolan", probe, scan, read_frame, false};
