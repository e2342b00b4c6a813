#include "options.h"
#include "core/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
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
    return o->letter == 'c' ? 0 : o->parse == parse_set ? 1 : 2;
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
        return sq_fail(e, o->letter == 'c' ? s : SQ_USAGE, "--%s: %s", o->name, why.text);
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

struct sq_read_params sq_options_read(const struct sq_settings *s)
{
    const bool on = strcmp(s->quality, "off") != 0;
    const struct sq_quality_params quality = {.spike_ratio = s->spike_ratio,
                                              .speckle_cells = s->speckle_cells,
                                              .stripe_cells = s->stripe_cells,
                                              .spoke_cells = s->spoke_cells,
                                              .frames = !strcmp(s->quality, "all")};
    return (struct sq_read_params){.zr_a = s->zr_a,
                                   .zr_b = s->zr_b,
                                   .rate_cap_mmh = s->rate_cap_mmh,
                                   .dbz_cap = s->dbz_cap,
                                   .range_km = s->range_km,
                                   .cloud_top_m = s->cloud_top_m,
                                   .model_fields = s->model_fields,
                                   .quality = on ? quality : (struct sq_quality_params){0}};
}

enum sq_status sq_options_grid(const struct sq_settings *s, struct sq_grid *room,
                               const struct sq_grid **ret_grid, struct sq_err *e)
{
    *ret_grid = NULL;
    if (!strcmp(s->grid, "native"))
        return SQ_OK;
    enum sq_status bad = sq_settings_grid(s->grid, room, e);
    if (!bad)
        *ret_grid = room;
    return bad;
}

static volatile int stop; /* what a signal handler can reach */

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

const volatile int *sq_options_stop(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return &stop;
}
