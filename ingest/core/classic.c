/* Format: "NetCDF Classic Format Specification", Unidata; grammar in brackets below. */
#include "classic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX (4 << 20) /* bytes of header that are looked at */
#define COUNT_MAX 8192        /* dimensions, attributes, variables: netCDF's own limit for most */

struct cursor {
    const uint8_t *at, *end;
    int wide;   /* bytes of a count: 4, in CDF-5 8 */
    int offset; /* bytes of a position: 4, in CDF-2 and 5 8 */
    bool bad;   /* ran past the end, or met what cannot be */
};

static uint64_t take(struct cursor *c, int bytes)
{
    uint64_t v = 0;
    if (c->bad || c->end - c->at < bytes) {
        c->bad = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        v = v << 8 | *c->at++;
    return v;
}

static void skip_padded(struct cursor *c, uint64_t bytes)
{
    uint64_t left = (uint64_t)(c->end - c->at), padded = (bytes + 3) / 4 * 4;
    if (c->bad || bytes > left || padded > left)
        c->bad = true;
    else
        c->at += padded;
}

/* [tag nelems], or [0 0] for an absent list */
static uint64_t take_list(struct cursor *c, uint64_t tag)
{
    uint64_t is = take(c, 4), n = take(c, c->wide);
    if (n > COUNT_MAX || (is != tag && (is || n)))
        c->bad = true;
    return c->bad ? 0 : n;
}

/* [name] = [nelems characters padded] */
static void skip_name(struct cursor *c)
{
    uint64_t n = take(c, c->wide);
    if (n < 1 || n > 256)
        c->bad = true;
    skip_padded(c, n);
}

/* Bytes of a value of each type. */
static const uint8_t type_size[12] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};

/* [attr] = [name type nelems values padded] */
static void skip_attributes(struct cursor *c)
{
    uint64_t n = take_list(c, 12);
    for (uint64_t i = 0; i < n && !c->bad; i++) {
        skip_name(c);
        uint64_t type = take(c, 4), values = take(c, c->wide);
        if (type < 1 || type > 11 || values > HEADER_MAX)
            c->bad = true;
        else
            skip_padded(c, values * type_size[type]);
    }
}

/* What the header says of where the data lie. */
struct layout {
    uint64_t file;           /* bytes that there are */
    uint64_t records;
    uint64_t dims;
    uint64_t dim[COUNT_MAX]; /* 0: that of the records */
    uint64_t record_vars;
    uint64_t record;         /* bytes of one record, each variable padded */
    uint64_t lone;           /* that of the last variable met, not padded */
    uint64_t record_end;     /* where the first record ends */
    bool cut;                /* data would lie behind the end */
};

/* `bytes` of a variable, or of its part of one record, from `begin` on. */
static void place(struct layout *l, uint64_t begin, uint64_t bytes, bool in_records)
{
    if (in_records && !l->records)
        return;
    if (begin > l->file || bytes > l->file - begin) {
        l->cut = true;
    } else if (in_records) {
        l->record_vars++;
        l->record += (bytes + 3) / 4 * 4;
        l->lone = bytes;
        l->record_end = begin + bytes > l->record_end ? begin + bytes : l->record_end;
    }
}

/* [var] = [name ndims dimids attributes type size begin]; the size is not to be relied on, says the specification. */
static void take_variable(struct cursor *c, struct layout *l)
{
    uint64_t cells = 1;
    bool in_records = false;
    skip_name(c);
    uint64_t rank = take(c, c->wide);
    for (uint64_t k = 0; k < rank && !c->bad; k++) {
        uint64_t id = take(c, c->wide);
        if (id >= l->dims)
            c->bad = true;
        else if (!l->dim[id])
            in_records = true;
        else
            cells = cells > UINT64_MAX / 16 / l->dim[id] ? UINT64_MAX / 16 : cells * l->dim[id]; /* no file has it */
    }
    skip_attributes(c);
    uint64_t type = take(c, 4);
    if (type < 1 || type > 11)
        c->bad = true;
    (void)take(c, c->wide);
    uint64_t begin = take(c, c->offset);
    if (!c->bad)
        place(l, begin, cells * type_size[type], in_records);
}

/* Records follow one another, padded unless there is one variable in them. */
static bool records_fit(const struct layout *l)
{
    const uint64_t stride = l->record_vars == 1 ? l->lone : l->record;
    return !l->record_vars || !stride || l->records - 1 <= (l->file - l->record_end) / stride;
}

/* [magic numrecs dims attributes vars] */
static bool header_holds(const uint8_t *bytes, size_t n, struct layout *l)
{
    struct cursor c = {.at = bytes + 4, .end = bytes + n, .wide = bytes[3] == 5 ? 8 : 4,
                       .offset = bytes[3] == 1 ? 4 : 8};
    l->records = take(&c, c.wide);
    l->dims = take_list(&c, 10);
    for (uint64_t i = 0; i < l->dims && !c.bad; i++) {
        skip_name(&c);
        l->dim[i] = take(&c, c.wide);
    }
    skip_attributes(&c);
    uint64_t vars = take_list(&c, 11);
    for (uint64_t i = 0; i < vars && !c.bad; i++)
        take_variable(&c, l);
    return !c.bad;
}

enum sq_status sq_classic_check(const char *path, struct sq_err *e)
{
    struct layout l = {0};
    uint8_t *bytes = NULL;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sq_fail(e, SQ_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    long size = fseek(f, 0, SEEK_END) ? 0 : ftell(f);
    size_t n = size < 0 ? 0 : size < HEADER_MAX ? (size_t)size : HEADER_MAX;
    enum sq_status st = sq_alloc((void **)&bytes, n, 1, "a header", e);
    rewind(f);
    l.file = size < 0 ? 0 : (uint64_t)size;
    if (!st && (n < 8 || fread(bytes, 1, n, f) != n || !header_holds(bytes, n, &l)))
        st = sq_fail(e, SQ_FAILED, "%s: the header of this netCDF file is cut or broken", path);
    if (!st && (l.cut || !records_fit(&l)))
        st = sq_fail(e, SQ_FAILED, "%s: this netCDF file is cut: it is shorter than its header says", path);
    fclose(f);
    free(bytes);
    return st;
}
