/* What the files of `squall fetch` share: data sets, names of keys, listings, indexes and checks.
 *
 * A bucket is an S3 one, read by anyone: `URL/?list-type=2&prefix=...` lists its keys, `URL/KEY` is an object.
 * Everything that comes from there may be broken or hostile. */
#ifndef SQ_INGEST_FETCH_H
#define SQ_INGEST_FETCH_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SQ_KEY_MAX 1025 /* S3's longest key and its NUL */
#define SQ_FETCH_NAME_MAX 200
#define SQ_FETCH_LEADS_MAX 64
#define SQ_FETCH_SPANS_MAX 512

/* ---- data sets: configs/fetch.yaml explains the keys --------------------------------------------------- */

struct sq_dataset {
    char name[32];  /* a folder is named after it */
    char about[256];
    char url[256];  /* of the bucket, without a slash at its end */
    char key[512];  /* pattern of the keys wanted */
    char file[200]; /* pattern of the file's name here; "": the key's last part */
    char check[16];
    char fields[2048]; /* of the index, "VAR:level" or "VAR:level:forecast", between semicolons; "": whole files */
    int every_s, look_back_s;
    int leads_h[SQ_FETCH_LEADS_MAX], n_leads; /* where the key has %L: those wanted; none: all */
    int parallel, tries, max_mb;
    double wait_s, connect_s, stall_s;
};

/* The data set `name` of a list of them; SQ_USAGE, with the names there are, where it is not among them. */
enum sq_status sq_dataset_parse(const char *name, const char *where, const void *text, size_t size,
                                struct sq_dataset *ret, struct sq_err *e) SQ_CHECK;
/* The same from a file; NULL: the one that comes with squall. */
enum sq_status sq_dataset_read(const char *name, const char *path, struct sq_dataset *ret, struct sq_err *e) SQ_CHECK;

/* ---- patterns: %Y %m %d %j %H %M %S, %L (lead in hours, two or three digits), * -------------------------- */

/* `*` stands for any characters but `/` up to the one that follows it in the pattern, so that there is one way
 * at most in which a key matches. A field that comes twice must say the same. */
bool sq_pattern_match(const char *pattern, const char *text, int64_t *ret_time, int *ret_lead_h);

/* The pattern with its fields filled in; false where it has a `*` or does not fit. */
bool sq_pattern_expand(const char *pattern, int64_t time, int lead_h, char *out, size_t size);

/* What the keys of one hour, or day, begin with; *ret_unit_s is 3600 or 86400. false where the pattern has no day
 * before its first `*`, or is none. */
bool sq_pattern_prefix(const char *pattern, int64_t time, char *out, size_t size, int *ret_unit_s);

/* Whether a name from outside may become that of a file: letters, digits and ._@+=,- alone, not hidden, not long. */
bool sq_name_is_safe(const char *name);

/* ---- listings: the XML of S3's ListObjectsV2 -------------------------------------------------------------- */

struct sq_listed {
    const char *key, *etag; /* the etag as it is given, with its quotes; "": none. Valid during the call */
    int64_t size;           /* bytes */
};
typedef enum sq_status sq_on_listed(void *ctx, const struct sq_listed *item, struct sq_err *e);

/* One page: every object is passed on in the order of the page. *ret_next is what continues the listing, to be
 * freed by the caller; NULL: this was the last page. `where` begins the messages. */
enum sq_status sq_listing_parse(const char *where, const char *text, size_t size, sq_on_listed *on, void *ctx,
                                char **ret_next, struct sq_err *e) SQ_CHECK;

/* ---- indexes of GRIB files: n:offset:d=YYYYMMDDHH:VAR:level:forecast: ------------------------------------- */

struct sq_span {
    int64_t first, last; /* bytes of an object, both included */
};

/* Where the messages of the wanted fields are in an object of `object_size` bytes: rising, neighbours joined, at
 * most SQ_FETCH_SPANS_MAX. `run` is the time that every line must give. A field that is not there is logged;
 * SQ_FAILED where none is. */
enum sq_status sq_index_spans(const char *where, const char *text, size_t size, int64_t object_size, int64_t run,
                              const char *fields, struct sq_span *ret, int *ret_n, struct sq_err *e) SQ_CHECK;

/* ---- checks ------------------------------------------------------------------------------------------------ */

/* Whether a file is whole and of its kind: "gzip" (to its end, checksums included), "grib" (every message from
 * GRIB to 7777), "hdf5" and "netcdf" (their first bytes), "none". Its size was held against the listing before; an
 * ETag is no checksum to rely on, as that of an object uploaded in parts is none of its bytes. The message says what
 * is wrong with "it": callers know the better name, its URL. */
enum sq_status sq_fetch_check(const char *path, const char *kind, struct sq_err *e) SQ_CHECK;

#endif
