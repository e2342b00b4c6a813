/* YAML into structs by one table of keys: the only door to libcyaml. A key stands once, with its place in the
 * struct, its range and its words; libcyaml holds the text against the table, and numbers are read strictly
 * ("5x" is none, "010" is ten). Every fault is one line that names the file, the key and what is allowed. */
#ifndef SQ_CORE_CONFIG_H
#define SQ_CORE_CONFIG_H

#include "err.h"

enum sq_config_kind {
    SQ_CONFIG_WHOLE,  /* int */
    SQ_CONFIG_REAL,   /* double */
    SQ_CONFIG_TEXT,   /* char[most] */
    SQ_CONFIG_WHOLES, /* int[most], rising, and an int that counts them; 1 to `most` */
    SQ_CONFIG_REALS,  /* float[most], likewise */
};

struct sq_config_key {
    const char *key;
    enum sq_config_kind kind;
    size_t at;         /* offset of the value in the struct */
    size_t count_at;   /* of the count, for lists */
    int most;          /* for texts with their NUL, and lists */
    double lo, hi;     /* every number is in [lo, hi] */
    const char *words; /* a text is one of these, blanks between; NULL: any text */
};

#define SQ_CONFIG_BYTES_MAX (1 << 20) /* more is not written by people */

/* A mapping, laid over what *target (of target_size bytes) holds: keys that are not given stay. An empty text
 * gives nothing. *target is untouched on failure. `where` begins the messages: a path. */
enum sq_status sq_config_parse(const struct sq_config_key *table, int n_keys, const char *where, const void *text,
                               size_t size, void *target, size_t target_size, struct sq_err *e) SQ_CHECK;

/* A sequence of mappings, laid over items[0], items[1] and so on, which the caller has filled with defaults;
 * at most `most` of them. On failure the items are undefined. */
enum sq_status sq_config_parse_list(const struct sq_config_key *table, int n_keys, const char *where,
                                    const void *text, size_t size, int most, void *items, size_t item_size,
                                    int *ret_n, struct sq_err *e) SQ_CHECK;

/* The whole of a file. Caller frees *ret. Refuses more than SQ_CONFIG_BYTES_MAX. */
enum sq_status sq_config_load(const char *path, char **ret, size_t *ret_size, struct sq_err *e) SQ_CHECK;

/* "key: value" as it could be read again; cut off where `out` is too small. */
void sq_config_print(const struct sq_config_key *key, const void *target, char *out, size_t size);

#endif
