/* The definition of a stack: YAML to struct, and what must hold between its keys. */
#include "config.h"
#include "settings.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a mapping of the file fills. */
struct entry {
    struct sq_stack_source s;
    char kind[16], method[16], channels[SQ_STACK_CHANNELS * 24];
};

#define AT(member) offsetof(struct entry, member)

/* clang-format off */
static const struct sq_config_key keys[] = {
    {"name", SQ_CONFIG_TEXT, AT(s.name), 0, 32, 0, 0, NULL},
    {"about", SQ_CONFIG_TEXT, AT(s.about), 0, 256, 0, 0, NULL},
    {"kind", SQ_CONFIG_TEXT, AT(kind), 0, 16, 0, 0, "radar satellite model computed"},
    {"channels", SQ_CONFIG_TEXT, AT(channels), 0, SQ_STACK_CHANNELS * 24, 0, 0, NULL},
    {"slices_s", SQ_CONFIG_WHOLES, AT(s.slice_s), AT(s.n_slices), SQ_STACK_SLICES, -259200, 864000, NULL},
    {"latency_s", SQ_CONFIG_WHOLE, AT(s.latency_s), 0, 0, 0, 864000, NULL},
    {"reach_s", SQ_CONFIG_WHOLE, AT(s.reach_s), 0, 0, 0, 864000, NULL},
    {"clock_s", SQ_CONFIG_WHOLE, AT(s.clock_s), 0, 0, 0, 86400, NULL},
    {"coarser", SQ_CONFIG_WHOLE, AT(s.coarser), 0, 0, 1, 64, NULL},
    {"margin_km", SQ_CONFIG_REAL, AT(s.margin_km), 0, 0, 0, 10000, NULL},
    {"method", SQ_CONFIG_TEXT, AT(method), 0, 16, 0, 0, "auto nearest bilinear area"},
};
/* clang-format on */
enum { KEYS = sizeof keys / sizeof *keys };

static const char *const kinds[] = {"radar", "satellite", "model", "computed"};
static const char *const methods[] = {"auto", "nearest", "bilinear", "area"};

static int word(const char *text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(text, words[i]))
            return i;
    return -1;
}

const char *sq_stack_kind_name(enum sq_stack_kind kind)
{
    return kinds[kind];
}

static enum sq_status reject(const char *where, const char *name, const char *why, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%.250s: source '%.31s': %.150s", where, name, why);
}

/* Names, set apart by blanks. */
static enum sq_status take_channels(const char *where, struct entry *x, struct sq_err *e)
{
    char *rest = NULL, why[100];
    for (char *at = strtok_r(x->channels, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
        snprintf(why, sizeof why, "channels: '%.30s' is too long, stands twice, or is one too many", at);
        if (strlen(at) >= sizeof x->s.channel[0] || x->s.n_channels == SQ_STACK_CHANNELS ||
            sq_stack_find_channel(&x->s, at) >= 0)
            return reject(where, x->s.name, why, e);
        strcpy(x->s.channel[x->s.n_channels++], at);
    }
    return SQ_OK;
}

/* What holds between keys. */
static const char *fault(const struct sq_stack_source *s)
{
    if (!s->n_channels)
        return "channels: at least one is needed";
    if (!s->n_slices)
        return "slices_s: seconds before the issue time are needed, such as [0, 300, 600]";
    if (s->kind != SQ_STACK_MODEL && s->kind != SQ_STACK_COMPUTED) {
        if (s->slice_s[0] < 0)
            return "slices_s: nothing is observed after the issue time";
        if (!s->reach_s)
            return "reach_s is needed: how much older than asked for a frame may be";
        if (s->n_slices > 1 && s->slice_s[1] < s->latency_s)
            return "slices_s: two slices newer than latency_s would show the same frame";
    }
    if (s->kind == SQ_STACK_MODEL && !s->reach_s)
        return "reach_s is needed: how old a run may be at the issue time";
    if (s->kind == SQ_STACK_COMPUTED && (s->latency_s || s->reach_s))
        return "what is computed has neither latency_s nor reach_s";
    return NULL;
}

static enum sq_status take(const char *where, struct entry *x, struct sq_stack_def *def, struct sq_err *e)
{
    const int kind = word(x->kind, kinds, 4), method = word(x->method, methods, 4);
    if (!x->s.name[0])
        return sq_fail(e, SQ_FAILED, "%.300s: every source needs a name", where);
    if (strspn(x->s.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(x->s.name))
        return reject(where, x->s.name, "name: small letters, digits and _ are allowed", e);
    if (sq_stack_find_source(def, x->s.name) >= 0)
        return reject(where, x->s.name, "name: stands twice", e);
    if (kind < 0)
        return reject(where, x->s.name, "kind is needed: radar, satellite, model or computed", e);
    x->s.kind = (enum sq_stack_kind)kind;
    x->s.method = method < 0 ? SQ_STACK_AUTO : (enum sq_stack_method)method;
    enum sq_status status = take_channels(where, x, e);
    if (!status && fault(&x->s))
        status = reject(where, x->s.name, fault(&x->s), e);
    if (!status)
        def->source[def->n_sources++] = x->s;
    return status;
}

/* "configs/networks/metnet2.yaml" -> "metnet2" */
static void take_name(const char *where, char *out, size_t size)
{
    const char *slash = strrchr(where, '/'), *name = slash ? slash + 1 : where, *dot = strrchr(name, '.');
    snprintf(out, size, "%.*s", (int)(dot && dot > name ? dot - name : (ptrdiff_t)strlen(name)), name);
}

enum sq_status sq_stack_def_parse(const char *where, const void *text, size_t size, struct sq_stack_def *ret,
                                  struct sq_err *e)
{
    struct entry *x = NULL;
    struct sq_stack_def *def = NULL;
    int n = 0;
    enum sq_status status = sq_alloc((void **)&x, SQ_STACK_SOURCES, sizeof *x, "sources", e);
    if (!status)
        status = sq_alloc((void **)&def, 1, sizeof *def, "a definition", e);
    for (int i = 0; i < SQ_STACK_SOURCES && !status; i++)
        x[i].s.coarser = 1;
    if (!status)
        status = sq_config_parse_list(keys, KEYS, where, text, size, SQ_STACK_SOURCES, x, sizeof *x, &n, e);
    for (int i = 0; i < n && !status; i++)
        status = take(where, &x[i], def, e);
    if (!status && !n)
        status = sq_fail(e, SQ_FAILED, "%.300s: no source", where);
    if (!status) {
        take_name(where, def->name, sizeof def->name);
        *ret = *def;
    }
    free(x);
    free(def);
    return status;
}

static bool is_name(const char *path)
{
    return !strpbrk(path, "/.") && access(path, F_OK);
}

bool sq_stack_def_is(const char *path)
{
    char *text = NULL;
    size_t size = 0, at = 0;
    struct sq_err ignored;
    if (is_name(path))
        return true;
    if (sq_config_load(path, &text, &size, &ignored))
        return false;
    while (at < size && strchr(" \r\n#", text[at])) /* blanks and lines of comment */
        at += text[at] == '#' ? strcspn(text + at, "\n") : 1;
    const bool list = at < size && (text[at] == '-' || text[at] == '[');
    free(text);
    return list;
}

enum sq_status sq_stack_def_load(const char *path, char **ret, size_t *ret_size, struct sq_err *e)
{
    char own[128], found[4096];
    enum sq_status status = SQ_OK;
    if (is_name(path)) {
        if (strlen(path) > 60)
            return sq_fail(e, SQ_FAILED, "%.100s...: no such network", path);
        snprintf(own, sizeof own, "networks/%s.yaml", path);
        status = sq_settings_file(own, found, e);
        path = found;
    }
    return status ? status : sq_config_load(path, ret, ret_size, e);
}

enum sq_status sq_stack_def_read(const char *path, struct sq_stack_def *ret, struct sq_err *e)
{
    char *text = NULL;
    size_t size = 0;
    enum sq_status status = sq_stack_def_load(path, &text, &size, e);
    if (!status)
        status = sq_stack_def_parse(path, text, size, ret, e);
    free(text);
    return status;
}

int sq_stack_find_source(const struct sq_stack_def *def, const char *name)
{
    for (int i = 0; i < def->n_sources; i++)
        if (!strcmp(def->source[i].name, name))
            return i;
    return -1;
}

int sq_stack_find_channel(const struct sq_stack_source *s, const char *channel)
{
    for (int i = 0; i < s->n_channels; i++)
        if (!strcmp(s->channel[i], channel))
            return i;
    return -1;
}
