/* What readers of GRIB share: the sections of both editions, what they say, and the only door to ecCodes.
 *
 * ecCodes believes what a message says of itself, so readers check the octets first (WMO Manual on Codes, FM 92 GRIB,
 * editions 1 and 2) and hand over what can only be right. Not thread safe. */
#ifndef SQ_INGEST_GRIB_H
#define SQ_INGEST_GRIB_H

#include "packed.h"

#include "core/grid.h"

#include <stdint.h>

/* n <= 4 octets, the first the highest. */
static inline uint32_t sq_grib_uint(const uint8_t *octets, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | octets[i];
    return v;
}

/* The same with the sign in the first bit, as GRIB has it. */
static inline int32_t sq_grib_int(const uint8_t *octets, int n)
{
    uint32_t v = sq_grib_uint(octets, n), sign = 1u << (8 * n - 1);
    return v & sign ? -(int32_t)(v & ~sign) : (int32_t)v;
}

/* Whether the file, packed or not, begins with GRIB; its first octets: the edition is head[7], the discipline of
 * edition 2 head[6]. */
bool sq_grib_head(const char *path, uint8_t head[8]);

/* ---- the sections of one field (grib_walk.c) ------------------------------------------------------------------ */

#define SQ_GRIB_HEAD 128 /* octets of each section that are kept */

/* Octet n of section k, as the standard counts, is s[k][n - 1]. In edition 1 the sections are 0 indicator, 1 product
 * definition, 2 grid, 3 bitmap, 4 data; what a section does not have is 0. */
struct sq_grib {
    int edition;
    uint8_t s[8][SQ_GRIB_HEAD];
    uint32_t n[8];    /* lengths; 0: there is no such section */
    size_t at[8];     /* in the unpacked file */
    size_t map_at;    /* edition 2: the bitmap defined last in the message, and its length */
    uint32_t map_n;
    size_t end, next; /* of the message; of what has not been walked */
    int last;         /* section walked last: a message of edition 2 may hold several fields */
};

/* The next field's sections, from headers alone; *g is zeroed for the first call. *end is set after the last one. */
enum sq_status sq_grib_next(struct sq_packed *f, const char *path, struct sq_grib *g, bool *end,
                            struct sq_err *e) SQ_CHECK;

/* ---- what, where in the atmosphere, and when (grib_meta.c) ---------------------------------------------------- */

enum sq_grib_over { SQ_GRIB_INSTANT, SQ_GRIB_SUM, SQ_GRIB_MEAN };

struct sq_grib_meta {
    int centre;
    int parameter[3];   /* edition 2: discipline, category, number; edition 1: -1, table, number */
    int level_type[2];  /* code table 4.5, edition 1 translated; -1: none */
    double level[2];    /* m, Pa or what the type has; NaN: none */
    enum sq_grib_over over;
    int64_t reference, begin, end; /* UTC s: the run; valid from, and to (equal where over an instant) */
};

/* false where it is of a kind that is not read: members of ensembles, model levels, other statistics. */
bool sq_grib_meta(const struct sq_grib *g, struct sq_grib_meta *ret);

/* The shortName of ecCodes; "unknown" where it has none, or sq_grib_meta would be false. */
void sq_grib_name(const struct sq_grib *g, char ret[32]);

/* ---- grid and values (grib_grid.c, grib_values.c) ------------------------------------------------------------- */

struct sq_grib_grid {
    struct sq_grid grid;
    uint8_t scan;        /* flag table 3.4: the order of the values in the file */
    bool along_grid;     /* u and v point along columns and rows, not east and north */
};

/* Regular and rotated latitude-longitude, Lambert, polar stereographic; the earth is that of the message. */
enum sq_status sq_grib_grid(const struct sq_grib *g, const char *path, struct sq_grib_grid *ret,
                            struct sq_err *e) SQ_CHECK;

/* The cell of the i-th value of the file. */
size_t sq_grib_cell(const struct sq_grib_grid *grid, size_t i);

/* The n values of the field in the order of the file, NaN where there is none; *ret is the caller's to free. */
enum sq_status sq_grib_values(struct sq_packed *f, const char *path, const struct sq_grib *g, int nx, int ny,
                              double **ret, struct sq_err *e) SQ_CHECK;

/* ---- pictures (grib_png.c) ------------------------------------------------------------------------------------ */

/* A grey PNG without interlace, nx samples of 8 or 16 bits a row; of it rows [0, rows) and columns [0, columns). */
struct sq_grib_picture {
    int nx, depth, rows, columns;
};

/* Gives each row to `use`, from the top: samples in octets, the first the highest. False where the picture, which
 * begins with its signature, is broken or too short; some rows may have been used then. */
bool sq_grib_png(const uint8_t *png, size_t n, const struct sq_grib_picture *p,
                 void (*use)(void *ctx, int row, const uint8_t *samples), void *ctx);

/* Whether the chunks after its signature, up to IEND, lie within n octets: where they do not, ecCodes (2.28 at least)
 * ends the process. */
bool sq_grib_png_whole(const uint8_t *png, size_t n);

/* ---- ecCodes (grib.c) ----------------------------------------------------------------------------------------- */

/* What sq_grib_unpack gives where a message says that a value is missing. */
#define SQ_GRIB_MISSING 1e34

/* The n values of one whole message in the order of the file; *ret is the caller's to free. */
enum sq_status sq_grib_unpack(const char *path, const uint8_t *bytes, size_t n_bytes, size_t n, double **ret,
                              struct sq_err *e) SQ_CHECK;
/* The shortName of one whole message. */
void sq_grib_short_name(const uint8_t *bytes, size_t n_bytes, char ret[32]);

#endif
