/* Which messages of a weather model are which channel: a table, read from YAML (configs/model_fields.yaml explains
 * the keys). Several rows may make one channel: models say the same thing in different ways. */
#ifndef SQ_INGEST_MODEL_FIELDS_H
#define SQ_INGEST_MODEL_FIELDS_H

#include "core/err.h"

enum { SQ_MODEL_FIELDS_MAX = 128 };

struct sq_model_field {
    char channel[24];
    char units[16];       /* of the channel, after factor and offset */
    char about[128];
    char name[64];        /* shortNames of ecCodes, blanks between; "" = numbers alone */
    char grib2[64];       /* discipline.category.number, with @centre where local; blanks between */
    char grib1[64];       /* number in the international tables 1 to 3, or table.number; blanks between */
    char level_type[24];  /* see the configuration; "any" */
    double level, level_to; /* m or hPa, in either order; NaN: any */
    char over[8];         /* "instant", "sum" or "mean" */
    double factor, offset; /* value = (file + offset) * factor; sums are divided by their hours then */
    double lead_from_h, lead_to_h; /* from the run to the valid time, both included */
    char turn_with[24];   /* the channel that is the other component of a wind; "" = not a wind */
    char axis[4];         /* "x" or "y": which component this is; "" = not a wind */
};

struct sq_model_fields {
    int n;
    struct sq_model_field row[SQ_MODEL_FIELDS_MAX];
};

/* What configs/model_fields.yaml says as well. */
void sq_model_fields_default(struct sq_model_fields *ret);

/* The bytes of such a file; `where` begins the messages. *ret is undefined on failure. */
enum sq_status sq_model_fields_parse(struct sq_model_fields *ret, const char *where, const void *text, size_t size,
                                     struct sq_err *e) SQ_CHECK;

/* The table of a file; NULL or "": the default. Caller frees *ret. */
enum sq_status sq_model_fields_load(const char *path, struct sq_model_fields **ret, struct sq_err *e) SQ_CHECK;

#endif
