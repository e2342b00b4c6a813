#include "config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libcyaml fills for a key: texts only. Its numbers would take "5x" for 5 and "010" for 8. */
struct slot {
    void *data; /* char * or, for lists, char ** ; NULL: the key was not given */
    uint32_t n; /* entries of a list */
};

/* ---- messages ------------------------------------------------------------------------------------------ */

/* What libcyaml says of a fault in several lines. */
struct complaint {
    char what[256], key[48];
    unsigned line;
};

static void listen(cyaml_log_t level, void *arg, const char *fmt, va_list args)
{
    struct complaint *c = arg;
    char text[256], *key = c->key;
    (void)level;
    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\r\n")] = 0;
    const char *said = strncmp(text, "Load: ", 6) ? text : text + 6;
    const char *field = strstr(said, "in mapping field '"), *line = strstr(said, "(line: ");
    if (*said == ' ') {
        if (line && !c->line)
            c->line = (unsigned)strtoul(line + 7, NULL, 10);
        if (field && !*key)
            snprintf(key, sizeof c->key, "%.*s", (int)strcspn(field + 18, "'"), field + 18);
    } else if (!c->what[0] && strncmp(said, "Backtrace", 9)) {
        snprintf(c->what, sizeof c->what, "%s", said);
    }
}

/* libcyaml's words where ours are plainer. */
static const char *plain(const char *what)
{
    if (!strncmp(what, "Expecting MAPPING", 17))
        return "lines like 'key: value' are expected";
    if (!strncmp(what, "Expecting SEQUENCE", 18))
        return "a list is expected, like [1, 2]";
    if (!strncmp(what, "Expecting STRING", 16))
        return "one value is expected";
    return what;
}

static enum sq_status explain(const char *where, cyaml_err_t fault, const struct complaint *c, bool lines,
                              struct sq_err *e)
{
    const char *what = c->what[0] ? plain(c->what) : cyaml_strerror(fault), *colon = strrchr(what, ':');
    char line[24] = "";
    if (fault == CYAML_ERR_INVALID_KEY && colon) /* "Unexpected key: NAME"; the line is that of the mapping */
        return sq_fail(e, SQ_FAILED, "%.300s:%.50s: no such key", where, colon + 1);
    if (lines && c->line)
        snprintf(line, sizeof line, " line %u:", c->line);
    return sq_fail(e, SQ_FAILED, "%.250s:%s %s%s%s", where, line, c->key, c->key[0] ? ": " : "", what);
}

static enum sq_status reject(const char *where, const struct sq_config_key *k, struct sq_err *e, const char *fmt, ...)
    SQ_PRINTF(4, 5);
static enum sq_status reject(const char *where, const struct sq_config_key *k, struct sq_err *e, const char *fmt, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return sq_fail(e, SQ_FAILED, "%.250s: %s: %s", where, k->key, why);
}

/* ---- texts to values ------------------------------------------------------------------------------------ */

static bool is_list(const struct sq_config_key *k)
{
    return k->kind == SQ_CONFIG_WHOLES || k->kind == SQ_CONFIG_REALS;
}

static bool is_whole(const struct sq_config_key *k)
{
    return k->kind == SQ_CONFIG_WHOLE || k->kind == SQ_CONFIG_WHOLES;
}

static enum sq_status number(const char *where, const struct sq_config_key *k, const char *text, double *ret,
                             struct sq_err *e)
{
    char *end;
    double v = is_whole(k) ? (double)strtol(text, &end, 10) : strtod(text, &end);
    if (end == text || *end || strpbrk(text, "xXnN")) /* nor hexadecimal, nan, inf */
        return reject(where, k, e, "'%.60s' is not a %s", text, is_whole(k) ? "whole number" : "number");
    if (!(v >= k->lo && v <= k->hi))
        return reject(where, k, e, "%.60s is outside [%.10g, %.10g]", text, k->lo, k->hi);
    *ret = v;
    return SQ_OK;
}

static bool among(const char *words, const char *text)
{
    size_t n = strlen(text);
    for (const char *at = words; n && (at = strstr(at, text)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

static enum sq_status take_text(const char *where, const struct sq_config_key *k, const char *text, char *target,
                                struct sq_err *e)
{
    if (strlen(text) >= (size_t)k->most)
        return reject(where, k, e, "'%.40s...' has more than %d bytes", text, k->most - 1);
    if (k->words && (strchr(text, ' ') || !among(k->words, text)))
        return reject(where, k, e, "'%.60s' is none of: %s", text, k->words);
    strcpy(target, text);
    return SQ_OK;
}

static enum sq_status take_list(const char *where, const struct sq_config_key *k, const struct slot *s, char *target,
                                struct sq_err *e)
{
    double v = -INFINITY;
    for (uint32_t i = 0; i < s->n; i++) {
        double before = v;
        const char *text = ((char **)s->data)[i];
        enum sq_status status = number(where, k, text, &v, e);
        if (status)
            return status;
        if (!(v > before))
            return reject(where, k, e, "%.60s follows %.10g, but the values of a list must rise", text, before);
        if (is_whole(k))
            ((int *)(void *)(target + k->at))[i] = (int)v;
        else
            ((float *)(void *)(target + k->at))[i] = (float)v;
    }
    *(int *)(void *)(target + k->count_at) = (int)s->n;
    return SQ_OK;
}

static enum sq_status take(const char *where, const struct sq_config_key *k, const struct slot *s, char *target,
                           struct sq_err *e)
{
    double v = 0;
    if (!s->data)
        return SQ_OK;
    if (is_list(k))
        return take_list(where, k, s, target, e);
    if (k->kind == SQ_CONFIG_TEXT)
        return take_text(where, k, s->data, target + k->at, e);
    enum sq_status status = number(where, k, s->data, &v, e);
    if (!status && is_whole(k))
        *(int *)(void *)(target + k->at) = (int)v;
    else if (!status)
        *(double *)(void *)(target + k->at) = v;
    return status;
}

/* ---- libcyaml ------------------------------------------------------------------------------------------- */

static const cyaml_schema_value_t any_text = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

/* The schema that goes with a table; n_keys + 1 fields. */
static void make_fields(const struct sq_config_key *table, int n_keys, cyaml_schema_field_t *field)
{
    for (int i = 0; i < n_keys; i++) {
        field[i].key = table[i].key;
        field[i].data_offset = (uint32_t)((size_t)i * sizeof(struct slot) + offsetof(struct slot, data));
        field[i].value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
        if (is_list(&table[i])) {
            field[i].value.type = CYAML_SEQUENCE;
            field[i].value.data_size = sizeof(char *);
            field[i].count_offset = (uint32_t)((size_t)i * sizeof(struct slot) + offsetof(struct slot, n));
            field[i].count_size = sizeof(uint32_t);
            field[i].value.sequence.entry = &any_text;
            field[i].value.sequence.min = 1;
            field[i].value.sequence.max = (uint32_t)table[i].most;
        } else {
            field[i].value.type = CYAML_STRING;
            field[i].value.data_size = sizeof(char);
            field[i].value.string.max = CYAML_UNLIMITED;
        }
    }
}

/* `most` mappings of a sequence, or one mapping where ret_n is NULL. */
static enum sq_status parse(const struct sq_config_key *table, int n_keys, const char *where, const void *text,
                            size_t size, int most, char *items, size_t item_size, int *ret_n, struct sq_err *e)
{
    struct complaint c = {0};
    struct slot *slots = NULL;
    cyaml_schema_field_t *field = NULL;
    unsigned n = 0;
    cyaml_config_t config = {.log_fn = listen, .log_ctx = &c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_WARNING,
                             .flags = CYAML_CFG_NO_ALIAS};
    enum sq_status status = sq_alloc((void **)&field, (size_t)n_keys + 1, sizeof *field, "a schema", e);
    if (status)
        return status;
    make_fields(table, n_keys, field);
    cyaml_schema_value_t mapping = {.type = CYAML_MAPPING, .flags = ret_n ? CYAML_FLAG_DEFAULT : CYAML_FLAG_POINTER,
                                    .data_size = (uint32_t)((size_t)n_keys * sizeof *slots), .mapping = {field}};
    cyaml_schema_value_t list = {.type = CYAML_SEQUENCE, .flags = CYAML_FLAG_POINTER, .data_size = mapping.data_size,
                                 .sequence = {&mapping, 0, (uint32_t)most}};
    const cyaml_schema_value_t *top = ret_n ? &list : &mapping;
    cyaml_err_t fault = cyaml_load_data(text, size, &config, top, (void **)&slots, ret_n ? &n : NULL);
    if (fault || c.what[0]) {
        status = explain(where, fault, &c, memchr(text, '\n', size), e);
        goto done;
    }
    for (unsigned i = 0; slots && i < (ret_n ? n : 1); i++)
        for (int k = 0; k < n_keys && !status; k++)
            status = take(where, &table[k], &slots[i * (unsigned)n_keys + (unsigned)k], items + i * item_size, e);
    if (!status && ret_n)
        *ret_n = (int)n;
done:
    cyaml_free(&config, top, slots, n);
    free(field);
    return status;
}

enum sq_status sq_config_parse(const struct sq_config_key *table, int n_keys, const char *where, const void *text,
                               size_t size, void *target, size_t target_size, struct sq_err *e)
{
    void *copy = NULL;
    enum sq_status status = sq_alloc(&copy, 1, target_size, "settings", e);
    if (status)
        return status;
    memcpy(copy, target, target_size);
    status = parse(table, n_keys, where, text, size, 1, copy, target_size, NULL, e);
    if (!status)
        memcpy(target, copy, target_size);
    free(copy);
    return status;
}

enum sq_status sq_config_parse_list(const struct sq_config_key *table, int n_keys, const char *where, const void *text,
                                    size_t size, int most, void *items, size_t item_size, int *ret_n, struct sq_err *e)
{
    return parse(table, n_keys, where, text, size, most, items, item_size, ret_n, e);
}

/* ---- files and lines ------------------------------------------------------------------------------------ */

enum sq_status sq_config_load(const char *path, char **ret, size_t *ret_size, struct sq_err *e)
{
    enum sq_status status = SQ_FAILED;
    char *text = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return sq_fail(e, SQ_FAILED, "%s: %s", path, strerror(errno));
    if ((status = sq_alloc((void **)&text, SQ_CONFIG_BYTES_MAX + 1, 1, "a file of settings", e)))
        goto done;
    size_t n = fread(text, 1, SQ_CONFIG_BYTES_MAX + 1, f);
    if (ferror(f)) {
        status = sq_fail(e, SQ_FAILED, "%s: %s", path, strerror(errno));
    } else if (n > SQ_CONFIG_BYTES_MAX) {
        status = sq_fail(e, SQ_FAILED, "%s: more than a megabyte, this is no file of settings", path);
    } else {
        *ret = text;
        *ret_size = n;
        text = NULL;
    }
done:
    fclose(f);
    free(text);
    return status;
}

void sq_config_print(const struct sq_config_key *k, const void *target, char *out, size_t size)
{
    const char *at = (const char *)target + k->at;
    size_t n = (size_t)snprintf(out, size, "%s: ", k->key);
    if (k->kind == SQ_CONFIG_TEXT) {
        snprintf(out + (n < size ? n : size), n < size ? size - n : 0, "\"%s\"", at);
    } else if (!is_list(k)) {
        double v = is_whole(k) ? *(const int *)(const void *)at : *(const double *)(const void *)at;
        snprintf(out + (n < size ? n : size), n < size ? size - n : 0, "%.10g", v);
    } else {
        int count = *(const int *)(const void *)((const char *)target + k->count_at);
        for (int i = 0; i < count && n < size; i++) {
            double v = is_whole(k) ? ((const int *)(const void *)at)[i] : (double)((const float *)(const void *)at)[i];
            n += (size_t)snprintf(out + n, size - n, "%s%.7g%s", i ? ", " : "[", v, i + 1 < count ? "" : "]");
        }
    }
}
