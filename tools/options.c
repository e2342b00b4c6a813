#include "options.h"
#include "core/instant.h"
#include "core/log.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 32

/* What every subcommand has; applied before its own options. */
static enum sq_status parse_config(const char *text, void *ret, struct sq_err *e)
{
    return sq_settings_read(ret, text, e);
}
static enum sq_status parse_set(const char *text, void *ret, struct sq_err *e)
{
    return sq_settings_set(ret, text, e);
}

/* The rows of a call: its own, then the common ones. */
struct rows {
    int n;
    struct sq_option row[ROWS_MAX];
    bool help, verbose;
};

static bool has_letter(const struct sq_option *table, int n, char letter)
{
    for (int i = 0; i < n; i++)
        if (table[i].letter == letter)
            return true;
    return false;
}

static void rows_make(struct rows *r, const struct sq_option *table, int n, struct sq_settings *s)
{
    const struct sq_option common[] = {
        {"config", 'c', "FILE", "settings; configs/squall.yaml explains every key", parse_config, s},
        {"set", 0, "KEY=VALUE", "one setting, as in a settings file; may be repeated", parse_set, s},
        {"verbose", 'v', NULL, "say what is done, and how long it took", NULL, &r->verbose},
        {"help", 'h', NULL, "this text", NULL, &r->help},
    };
    for (int i = 0; i < n; i++)
        r->row[r->n++] = table[i];
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (!common[i].letter || !has_letter(table, n, common[i].letter))
            r->row[r->n++] = common[i];
}

static void print_help(const struct sq_command *cmd, const struct rows *r)
{
    printf("squall %s [OPTION]... %s\n\n%s\n", cmd->name, cmd->words ? cmd->words : "", cmd->about);
    for (int i = 0; i < r->n; i++) {
        const struct sq_option *o = &r->row[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->word ? " " : "", o->word ? o->word : "");
        printf("  %c%c%c %-24s %s\n", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
               o->letter ? ',' : ' ', left, o->help);
    }
    printf("\nExample:\n%s", cmd->example);
}

/* -c is taken in pass 0, --set in pass 1, what a subcommand adds in pass 2. */
static int pass_of(const struct sq_option *o)
{
    return o->parse == parse_config ? 0 : o->parse == parse_set ? 1 : 2;
}

static enum sq_status take(const struct sq_option *o, const char *text, struct sq_err *e)
{
    if (!o->parse) {
        *(bool *)o->ret = true;
        return SQ_OK;
    }
    struct sq_err why = {0};
    enum sq_status s = o->parse(text, o->ret, &why);
    if (s)
        return sq_fail(e, o->parse == parse_config ? s : SQ_USAGE, "--%s: %s", o->name, why.text);
    return SQ_OK;
}

/* One walk over argv; the first one reports unknown options. */
static enum sq_status walk(const struct rows *r, int pass, int argc, char **argv, struct sq_err *e)
{
    struct option longs[ROWS_MAX + 1] = {0};
    char shorts[2 * ROWS_MAX + 2] = ":";
    for (int i = 0; i < r->n; i++) {
        const struct sq_option *o = &r->row[i];
        longs[i] = (struct option){o->name, o->word ? required_argument : no_argument, NULL, 256 + i};
        if (o->letter)
            sprintf(shorts + strlen(shorts), "%c%s", o->letter, o->word ? ":" : "");
    }
    optind = 0; /* glibc: start anew, argv may be another one */
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const char *seen = argv[optind - 1];
        if (got == ':')
            return sq_fail(e, SQ_USAGE, "%s needs a value", seen);
        if (got == '?' && optopt > 0 && optopt < 256)
            return sq_fail(e, SQ_USAGE, "no option -%c", optopt);
        if (got == '?')
            return sq_fail(e, SQ_USAGE, "%s: no such option, or more than one begins so", seen);
        int i = got - 256;
        for (int k = 0; got < 256 && k < r->n; k++)
            if (r->row[k].letter == got)
                i = k;
        enum sq_status s = pass_of(&r->row[i]) == pass ? take(&r->row[i], optarg, e) : SQ_OK;
        if (s)
            return s;
    }
    return SQ_OK;
}

enum sq_status sq_options_parse(const struct sq_command *cmd, const struct sq_option *table, int n_table,
                                int argc, char **argv, struct sq_call *ret, struct sq_err *e)
{
    struct rows rows = {0};
    struct sq_err why = {0};
    enum sq_status s = SQ_OK;
    *ret = (struct sq_call){0};
    sq_settings_default(&ret->settings);
    rows_make(&rows, table, n_table, &ret->settings);
    for (int pass = 0; pass < 3 && !s; pass++)
        s = walk(&rows, pass, argc, argv, &why);
    if (s && s != SQ_USAGE)
        return sq_fail(e, s, "%s", why.text);
    ret->words = argv + optind;
    ret->n_words = argc - optind;
    if (!s && !rows.help && cmd->words && !ret->n_words)
        s = sq_fail(&why, SQ_USAGE, "%s is missing", cmd->words);
    if (!s && !rows.help && !cmd->words && ret->n_words)
        s = sq_fail(&why, SQ_USAGE, "%s: nothing is expected here", ret->words[0]);
    if (s)
        return sq_fail(e, s, "%s: %.400s; see squall %s --help", cmd->name, why.text, cmd->name);
    if (rows.verbose)
        sq_log_level(SQ_LOG_INFO);
    ret->done = rows.help;
    if (rows.help)
        print_help(cmd, &rows);
    return SQ_OK;
}

int sq_options_end(enum sq_status status, const struct sq_err *e)
{
    if (status)
        fprintf(stderr, "squall: %s\n", e->text);
    return (int)status;
}

/* ---- values of options -------------------------------------------------------------------------------- */

enum sq_status sq_parse_text(const char *text, void *ret, struct sq_err *e)
{
    if (!*text)
        return sq_fail(e, SQ_USAGE, "the value is empty");
    *(const char **)ret = text;
    return SQ_OK;
}

/* A finite number that text begins with; *ret_end is what follows. */
static bool number(const char *text, double *ret, char **ret_end)
{
    errno = 0;
    *ret = strtod(text, ret_end);
    return *ret_end != text && isfinite(*ret) && !errno;
}

enum sq_status sq_parse_number(const char *text, void *ret, struct sq_err *e)
{
    char *end;
    double v;
    if (!number(text, &v, &end) || *end || v < 0)
        return sq_fail(e, SQ_USAGE, "%s: not a number of at least 0", text);
    *(double *)ret = v;
    return SQ_OK;
}

enum sq_status sq_parse_count(const char *text, void *ret, struct sq_err *e)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (end == text || *end || errno || v < 1 || v > 1000000000)
        return sq_fail(e, SQ_USAGE, "%s: not a whole number of at least 1", text);
    *(int *)ret = (int)v;
    return SQ_OK;
}

enum sq_status sq_parse_time(const char *text, void *ret, struct sq_err *e)
{
    return sq_instant_parse(text, ret, e);
}

enum sq_status sq_parse_duration(const char *text, void *ret, struct sq_err *e)
{
    return sq_duration_parse(text, ret, e);
}

enum sq_status sq_parse_point(const char *text, void *ret, struct sq_err *e)
{
    double p[2];
    char *end;
    if (!number(text, &p[0], &end) || *end != ',' || !number(end + 1, &p[1], &end) || *end ||
        fabs(p[0]) > 360 || fabs(p[1]) > 90)
        return sq_fail(e, SQ_USAGE, "%s: not a place, give LON,LAT in degrees", text);
    memcpy(ret, p, sizeof p);
    return SQ_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* "5" or "5..60/5"; false when it is neither or the list is full. */
static bool list_part(const char *text, char **ret_end, struct sq_list *l)
{
    double first, last, step = 1;
    if (!number(text, &first, ret_end))
        return false;
    last = first;
    /* strtod takes "5." of "5..60": the second point tells a range */
    const char *p = *ret_end;
    if (p > text && p[-1] == '.' && p[0] == '.')
        p--;
    if (p[0] == '.' && p[1] == '.') {
        if (!number(p + 2, &last, ret_end) || **ret_end != '/' || !number(*ret_end + 1, &step, ret_end))
            return false;
    }
    if (!(first > 0) || last < first || !(step > 0) || (last - first) / step >= SQ_LEAD_MAX)
        return false;
    int n = (int)((last - first) / step + 1e-9) + 1;
    if (l->n + n > SQ_LEAD_MAX)
        return false;
    for (int i = 0; i < n; i++)
        l->v[l->n++] = first + i * step;
    return true;
}

enum sq_status sq_parse_list(const char *text, void *ret, struct sq_err *e)
{
    struct sq_list l = {0};
    char *end = NULL;
    for (const char *p = text;; p = end + 1) {
        if (!list_part(p, &end, &l) || (*end && *end != ','))
            return sq_fail(e, SQ_USAGE, "%s: not up to %d numbers above 0, like 1,5 or 5..60/5", text,
                           SQ_LEAD_MAX);
        if (!*end)
            break;
    }
    qsort(l.v, (size_t)l.n, sizeof *l.v, ascending);
    int n = 0;
    for (int i = 0; i < l.n; i++)
        if (!n || l.v[i] > l.v[n - 1])
            l.v[n++] = l.v[i];
    l.n = n;
    *(struct sq_list *)ret = l;
    return SQ_OK;
}

enum sq_status sq_parse_leads(const char *text, void *settings, struct sq_err *e)
{
    struct sq_settings *s = settings;
    struct sq_list l;
    enum sq_status bad = sq_parse_list(text, &l, e);
    if (bad)
        return bad;
    for (int i = 0; i < l.n; i++) {
        double lead_s = l.v[i] * 60;
        if (lead_s > 86400 || fabs(lead_s - round(lead_s)) > 1e-6)
            return sq_fail(e, SQ_USAGE, "%s: leads are minutes, at most a day, in whole seconds", text);
        s->leads_s[i] = (int)lround(lead_s);
    }
    s->n_leads = l.n;
    return SQ_OK;
}
