/* The command line of a subcommand: one table that getopt_long reads and --help is made from.
 *
 * Every subcommand has, besides its own rows, --set KEY=VALUE, -v, -h, and -c FILE unless it has a row with
 * the letter c. Whatever their order, -c is applied first, then --set, then the other options. */
#ifndef SQ_OPTIONS_H
#define SQ_OPTIONS_H

#include "core/settings.h"
#include "ingest.h"

/* What a forecast looks at: so many frames, gaps included, and more where there are any down to so far back (model/growth.h). */
#define SQ_SLOTS 10
#define SQ_PAST_S 6300

/* One row. `parse` puts the option's text into `ret`; NULL for a flag, whose ret is a bool set to true. */
struct sq_option {
    const char *name; /* long name, without dashes */
    char letter;      /* 0: none */
    const char *word; /* what stands for the value in --help; NULL for a flag */
    const char *help;
    enum sq_status (*parse)(const char *text, void *ret, struct sq_err *e);
    void *ret;
};

struct sq_command {
    const char *name;    /* "forecast" */
    const char *words;   /* what follows the options: "INPUT..." ; NULL: nothing may */
    const char *about;   /* what it does, lines ending in \n */
    const char *example; /* lines ending in \n */
};

struct sq_call {
    struct sq_settings settings;
    char **words; /* what followed the options */
    int n_words;
    bool done;    /* --help was printed: nothing else is to be done */
};

/* SQ_USAGE, with a line that names the option, for everything the user got wrong; missing words included. */
enum sq_status sq_options_parse(const struct sq_command *cmd, const struct sq_option *table, int n_table,
                                int argc, char **argv, struct sq_call *ret, struct sq_err *e) SQ_CHECK;

/* Prints the error, if `status` is one, and returns the exit code. */
int sq_options_end(enum sq_status status, const struct sq_err *e);

/* How the settings, which must outlive it, say that inputs are read. */
struct sq_read_params sq_options_read(const struct sq_settings *s);

/* The grid of the settings: *ret_grid is `room`, filled, or NULL for native. */
enum sq_status sq_options_grid(const struct sq_settings *s, struct sq_grid *room,
                               const struct sq_grid **ret_grid, struct sq_err *e) SQ_CHECK;

/* Set to 1 by SIGINT or SIGTERM from the first call on; a second signal ends the program at once. */
const volatile int *sq_options_stop(void);

/* ---- values of options -------------------------------------------------------------------------------- */

enum sq_status sq_parse_text(const char *text, void *ret_text, struct sq_err *e);     /* const char ** */
enum sq_status sq_parse_count(const char *text, void *ret_int, struct sq_err *e);     /* int *, >= 1 */
enum sq_status sq_parse_number(const char *text, void *ret_double, struct sq_err *e); /* double *, >= 0 */
enum sq_status sq_parse_seed(const char *text, void *ret_uint64, struct sq_err *e);   /* uint64_t * */
enum sq_status sq_parse_time(const char *text, void *ret_time, struct sq_err *e);     /* int64_t * */
enum sq_status sq_parse_duration(const char *text, void *ret_s, struct sq_err *e);    /* int *, s */
enum sq_status sq_parse_point(const char *text, void *ret_lonlat, struct sq_err *e);  /* double[2] */

struct sq_list {
    int n;
    double v[SQ_LEAD_MAX]; /* ascending */
};
/* Numbers above 0 and steps of them: "1,5", "5..60/5", "5..30/5,45,60"; sorted, each once. */
enum sq_status sq_parse_list(const char *text, void *ret_list, struct sq_err *e);

/* Into settings: leads in minutes as such a list, and the keys of the same name. */
enum sq_status sq_parse_leads(const char *text, void *settings, struct sq_err *e);
enum sq_status sq_parse_maps(const char *text, void *settings, struct sq_err *e); /* map_thresholds_mmh */
enum sq_status sq_parse_weights(const char *text, void *settings, struct sq_err *e);
enum sq_status sq_parse_grid(const char *text, void *settings, struct sq_err *e);
enum sq_status sq_parse_threads(const char *text, void *settings, struct sq_err *e);

#endif
