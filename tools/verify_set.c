#include "verify.h"

#include "serve.h"

#include "core/instant.h"
#include "core/log.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is known of a file beside sq_verify_file. */
struct found {
    struct sq_verify_file file;
    bool labelled;     /* by the user */
    char folder[96];   /* its name, not its path */
    char parent[4096]; /* its path */
};

struct search {
    struct found *found;
    int n, room;
};

/* Part of the word after LABEL=; an existing path is taken as it is. */
static const char *split_label(const char *word, char ret_label[96])
{
    const char *equal = strchr(word, '='), *slash = strchr(word, '/');
    ret_label[0] = 0;
    if (!equal || equal == word || (slash && slash < equal) || equal - word >= 96 || !access(word, F_OK))
        return word;
    memcpy(ret_label, word, (size_t)(equal - word));
    ret_label[equal - word] = 0;
    return equal + 1;
}

/* The folder's path with links resolved, and the last part of it. */
static void name_folder(struct found *f)
{
    char *whole = realpath(f->file.path, NULL), *slash = whole ? strrchr(whole, '/') : NULL;
    if (slash) {
        *slash = 0;
        snprintf(f->parent, sizeof f->parent, "%s", whole);
        const char *last = strrchr(whole, '/');
        snprintf(f->folder, sizeof f->folder, "%.95s", last ? last + 1 : whole);
    }
    free(whole);
}

/* Opens the file for its issue time and for what made it. */
static enum sq_status look(struct found *f, struct sq_err *e)
{
    const struct sq_forecast *fc;
    struct sq_product_reader *r = NULL;
    enum sq_status st = sq_product_open(f->file.path, &fc, &r, e);
    if (st)
        return st;
    f->file.issue = fc->issue_time;
    if (!f->labelled)
        snprintf(f->file.label, sizeof f->file.label, "%s", fc->model[0] ? fc->model : fc->method);
    sq_product_close(&r);
    return SQ_OK;
}

static enum sq_status add(struct search *s, const char *path, const char *label, bool named, struct sq_err *e)
{
    struct found f = {.labelled = label[0] != 0};
    struct sq_err why = {0};
    if (s->n == s->room) {
        int more = s->room ? 2 * s->room : 64;
        void *p = realloc(s->found, (size_t)more * sizeof f);
        if (!p)
            return sq_fail(e, SQ_FAILED, "out of memory for %d forecasts", more);
        s->found = p;
        s->room = more;
    }
    f.file.path = strdup(path);
    if (!f.file.path)
        return sq_fail(e, SQ_FAILED, "out of memory for a path");
    strcpy(f.file.label, label);
    enum sq_status st = look(&f, &why);
    if (!st) {
        name_folder(&f);
        s->found[s->n++] = f;
        return SQ_OK;
    }
    free(f.file.path);
    if (named)
        return sq_fail(e, st, "%s", why.text);
    sq_log(SQ_LOG_WARN, "%s: passed over", why.text);
    return SQ_OK;
}

static enum sq_status add_matches(struct search *s, const char *pattern, const char *label, struct sq_err *e)
{
    glob_t g = {0};
    enum sq_status st = SQ_OK;
    if (glob(pattern, 0, NULL, &g))
        st = sq_fail(e, SQ_ABSENT, "%s: no such forecast", pattern);
    for (size_t i = 0; !st && i < g.gl_pathc; i++)
        st = add(s, g.gl_pathv[i], label, false, e);
    globfree(&g);
    return st;
}

static enum sq_status add_word(struct search *s, const char *word, struct sq_err *e)
{
    char label[96], pattern[4096];
    struct stat info;
    const char *path = split_label(word, label);
    if (stat(path, &info))
        return add_matches(s, path, label, e);
    if (!S_ISDIR(info.st_mode))
        return add(s, path, label, true, e);
    if (snprintf(pattern, sizeof pattern, "%s/*.nc", path) >= (int)sizeof pattern)
        return sq_fail(e, SQ_FAILED, "%.100s...: the path is too long", path);
    return add_matches(s, pattern, label, e);
}

/* Files from several folders are told apart by these. */
static void label_by_folder(struct search *s)
{
    const struct found *first = NULL;
    bool several = false;
    for (int i = 0; i < s->n; i++) {
        if (s->found[i].labelled)
            continue;
        first = first ? first : &s->found[i];
        several |= strcmp(first->parent, s->found[i].parent) != 0;
    }
    for (int i = 0; several && i < s->n; i++)
        if (!s->found[i].labelled)
            strcpy(s->found[i].file.label, s->found[i].folder);
}

static int label_of(const struct sq_verify_set *s, const char *label)
{
    int i = 0;
    while (i < s->n_label && strcmp(s->label[i], label))
        i++;
    return i;
}

static int by_issue(const void *a, const void *b, void *set)
{
    const struct sq_verify_file *x = a, *y = b;
    if (x->issue != y->issue)
        return x->issue < y->issue ? -1 : 1;
    return label_of(set, x->label) - label_of(set, y->label);
}

static enum sq_status order(struct search *s, struct sq_verify_set *ret, struct sq_err *e)
{
    enum sq_status st = sq_alloc((void **)&ret->file, (size_t)s->n, sizeof *ret->file, "forecasts", e);
    if (st)
        return st;
    for (int i = 0; i < s->n; i++) {
        int l = label_of(ret, s->found[i].file.label);
        if (l == SQ_VERIFY_LABELS)
            return sq_fail(e, SQ_USAGE,
                           "%s: at most %d labels are compared: name fewer folders, or give labels",
                           s->found[i].file.path, SQ_VERIFY_LABELS);
        if (l == ret->n_label)
            strcpy(ret->label[ret->n_label++], s->found[i].file.label);
    }
    for (int i = 0; i < s->n; i++) {
        ret->file[ret->n++] = s->found[i].file;
        s->found[i].file.path = NULL;
    }
    qsort_r(ret->file, (size_t)ret->n, sizeof *ret->file, by_issue, ret);
    for (int i = 1; i < ret->n; i++) {
        const struct sq_verify_file *a = &ret->file[i - 1], *b = &ret->file[i];
        char text[32];
        if (a->issue == b->issue && !strcmp(a->label, b->label))
            return sq_fail(e, SQ_USAGE,
                           "%s: %.200s is a forecast of %s for %s already: give one of them another "
                           "label, as in NEW=PATH",
                           b->path, a->path, a->label, sq_instant_iso(a->issue, text));
    }
    return SQ_OK;
}

enum sq_status sq_verify_collect(char *const *words, int n, struct sq_verify_set *ret, struct sq_err *e)
{
    struct search s = {0};
    enum sq_status st = SQ_OK;
    *ret = (struct sq_verify_set){0};
    for (int i = 0; i < n && !st; i++)
        st = add_word(&s, words[i], e);
    if (!st && !s.n)
        st = sq_fail(e, SQ_ABSENT, "%s: no forecast of squall there", words[0]);
    if (!st) {
        label_by_folder(&s);
        st = order(&s, ret, e);
    }
    for (int i = 0; i < s.n; i++)
        free(s.found[i].file.path);
    free(s.found);
    if (st)
        sq_verify_set_finish(ret);
    return st;
}

void sq_verify_set_finish(struct sq_verify_set *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->file[i].path);
    free(s->file);
    *s = (struct sq_verify_set){0};
}
