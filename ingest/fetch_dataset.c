#include "fetch.h"

#include "core/config.h"
#include "core/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATASETS_MAX = 64 };

#define AT(member) offsetof(struct sq_dataset, member)
#define TEXT(member) {#member, SQ_CONFIG_TEXT, AT(member), 0, (int)sizeof ((struct sq_dataset *)0)->member, 0, 0, NULL}

/* clang-format off */
static const struct sq_config_key keys[] = {
    TEXT(name), TEXT(about), TEXT(url), TEXT(key), TEXT(file), TEXT(fields),
    {"check", SQ_CONFIG_TEXT, AT(check), 0, 16, 0, 0, "gzip grib hdf5 netcdf none"},
    {"leads_h", SQ_CONFIG_WHOLES, AT(leads_h), AT(n_leads), SQ_FETCH_LEADS_MAX, 0, 999, NULL},
    {"every_s", SQ_CONFIG_WHOLE, AT(every_s), 0, 0, 1, 86400, NULL},
    {"look_back_s", SQ_CONFIG_WHOLE, AT(look_back_s), 0, 0, 60, 864000, NULL},
    {"parallel", SQ_CONFIG_WHOLE, AT(parallel), 0, 0, 1, 16, NULL},
    {"tries", SQ_CONFIG_WHOLE, AT(tries), 0, 0, 1, 20, NULL},
    {"max_mb", SQ_CONFIG_WHOLE, AT(max_mb), 0, 0, 1, 10000000, NULL},
    {"wait_s", SQ_CONFIG_REAL, AT(wait_s), 0, 0, 0.01, 60, NULL},
    {"connect_s", SQ_CONFIG_REAL, AT(connect_s), 0, 0, 0.1, 600, NULL},
    {"stall_s", SQ_CONFIG_REAL, AT(stall_s), 0, 0, 1, 600, NULL},
};
/* clang-format on */
enum { KEYS = sizeof keys / sizeof *keys };

static enum sq_status reject(const char *where, const struct sq_dataset *d, const char *why, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%.200s: data set %s: %s", where, d->name, why);
}

/* What the table of keys cannot say. */
static enum sq_status judge(const char *where, struct sq_dataset *d, struct sq_err *e)
{
    char text[2048];
    int unit_s;
    size_t n = strlen(d->url);
    if (!sq_name_is_safe(d->name))
        return sq_fail(e, SQ_FAILED, "%.200s: a data set's name is letters, digits and ._@+=,- alone", where);
    if ((strncmp(d->url, "https://", 8) && strncmp(d->url, "http://", 7)) || strpbrk(d->url, " ?#\"\r\n"))
        return reject(where, d, "url must be https://HOST or https://HOST/BUCKET", e);
    if (d->url[n - 1] == '/')
        d->url[n - 1] = 0;
    if (!sq_pattern_prefix(d->key, 0, text, sizeof text, &unit_s))
        return reject(where, d, "key must have a day (%Y%m%d or %Y%j) before its first *, and no %-field that is unknown", e);
    if (strstr(d->key, "**") || strstr(d->key, "*%"))
        return reject(where, d, "key: a * must be followed by a character", e);
    if (d->file[0] && (!sq_pattern_expand(d->file, 0, 0, text, sizeof text) || !sq_name_is_safe(text)))
        return reject(where, d, "file must be a file's name, with fields and without *", e);
    if (d->n_leads && !strstr(d->key, "%L"))
        return reject(where, d, "leads_h needs %L in key", e);
    return SQ_OK;
}

enum sq_status sq_dataset_parse(const char *name, const char *where, const void *text, size_t size,
                                struct sq_dataset *ret, struct sq_err *e)
{
    struct sq_dataset *d = NULL;
    char names[300] = "";
    int n = 0;
    enum sq_status status = sq_alloc((void **)&d, DATASETS_MAX, sizeof *d, "the list of data sets", e);
    if (status)
        return status;
    for (int i = 0; i < DATASETS_MAX; i++)
        d[i] = (struct sq_dataset){.check = "none", .every_s = 300, .look_back_s = 10800, .parallel = 4, .tries = 6,
                                   .max_mb = 4000, .wait_s = 1, .connect_s = 20, .stall_s = 30};
    if ((status = sq_config_parse_list(keys, KEYS, where, text, size, DATASETS_MAX, d, sizeof *d, &n, e)))
        goto done;
    for (int i = 0; i < n; i++) {
        if (!strcmp(d[i].name, name)) {
            if (!(status = judge(where, &d[i], e)))
                *ret = d[i];
            goto done;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", d[i].name);
    }
    status = sq_fail(e, SQ_USAGE, "no data set '%.63s' in %.150s, which has:%s", name, where, names);
done:
    free(d);
    return status;
}

enum sq_status sq_dataset_read(const char *name, const char *path, struct sq_dataset *ret, struct sq_err *e)
{
    char own[4096], *text = NULL;
    size_t size = 0;
    enum sq_status status = path ? SQ_OK : sq_settings_file("fetch.yaml", own, e);
    if (!status)
        status = sq_config_load(path ? path : own, &text, &size, e);
    if (!status)
        status = sq_dataset_parse(name, path ? path : own, text, size, ret, e);
    free(text);
    return status;
}
