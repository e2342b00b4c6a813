/* squall train: events to weights. */
#include "beside.h"
#include "options.h"
#include "tools.h"
#include "git.h"
#include "ingest.h"
#include "model.h"

#include "core/config.h"
#include "core/log.h"
#include "core/publish.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct sq_command command = {
    "train", "INPUT...",
    "Learns from radar archives and writes weights for squall forecast. Each INPUT, a file or a folder (with the\n"
    "folders in it), is one event: all its frames, in order, on its own grid, and where the recipe names sources, what there is of them. While it learns, WEIGHTS.ckpt holds what is needed to go\n"
    "on with --resume, and WEIGHTS.log.csv the losses; an interrupt ends the run with both in place.\n"
    "With --scores or --share, INPUT is weights that are there, and what held-out events taught is put into them.\n",
    "  squall train -c configs/recipes/radar.yaml archive/*.nc -o mine.nc --minutes 60\n"
    "  squall train -c configs/recipes/radar.yaml archive/*.nc -o mine.nc --from configs/weights/squall-radar.nc\n"
    "  squall forecast today/ -o out --weights mine.nc\n"};

/* The files of an event: a path, and where that is a folder, the folders in it (one for each source). */
struct files {
    char *path[64];
    int n;
};

static int folder_in(const struct dirent *d)
{
    return d->d_name[0] != '.' && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN || d->d_type == DT_LNK);
}

static void find_files(char *path, struct files *f)
{
    struct dirent **entry = NULL;
    struct stat st;
    f->path[f->n++] = strdup(path);
    int n = scandir(path, &entry, folder_in, alphasort);
    for (int i = 0; i < n; i++) {
        char *inner = NULL;
        if (f->n < 64 && asprintf(&inner, "%s/%s", path, entry[i]->d_name) > 0 && !stat(inner, &st) && S_ISDIR(st.st_mode))
            f->path[f->n++] = inner;
        else
            free(inner);
        free(entry[i]);
    }
    free(entry);
}

static void drop_files(struct files *f)
{
    while (f->n)
        free(f->path[--f->n]);
}

/* What was there beside the radar at each frame's time. */
static enum sq_status read_beside(const struct files *in, const struct sq_stack_def *def,
                                  const struct sq_settings *settings, struct sq_event *event, struct sq_err *e)
{
    struct sq_beside_files files = {0};
    enum sq_status s = sq_alloc((void **)&event->stack, (size_t)event->cube.n, sizeof(struct sq_stack *), "sources", e);
    if (!s)
        s = sq_beside_open(&files, def, &event->cube.grid, settings, in->path, in->n, e);
    for (int i = 0; i < event->cube.n && !s; i++)
        s = sq_beside_at(&files, event->cube.frame[i].time, &event->stack[i], e);
    sq_beside_close(&files);
    return s;
}

static void drop_event(struct sq_event *event)
{
    for (int i = 0; event->stack && i < event->cube.n; i++)
        sq_beside_drop(&event->stack[i]);
    free(event->stack);
    sq_cube_finish(&event->cube);
}

static enum sq_status read_radar(const struct files *files, const struct sq_settings *settings, struct sq_cube *ret,
                                 struct sq_err *e)
{
    const struct sq_cube_params p = {.at = INT64_MAX, .from = INT64_MIN};
    const struct sq_read_params read = sq_options_read(settings);
    struct sq_inputs *in = NULL;
    enum sq_status s = sq_inputs_open(files->path, files->n, &read, &in, e);
    if (!s)
        s = sq_cube_build(in, &p, ret, e);
    if (!s)
        sq_log(SQ_LOG_INFO, "%s: %d frames of %d x %d cells, every %d s", files->path[0], ret->n, ret->grid.nx, ret->grid.ny,
               ret->step_s);
    sq_inputs_close(&in);
    return s;
}

/* One path is one event. */
static enum sq_status read_event(char *path, const struct sq_stack_def *def, const struct sq_settings *settings,
                                 struct sq_event *ret, struct sq_err *e)
{
    struct files files = {0};
    find_files(path, &files);
    enum sq_status s = read_radar(&files, settings, &ret->cube, e);
    if (!s && def)
        s = read_beside(&files, def, settings, ret, e);
    drop_files(&files);
    return s;
}

/* Weights that are there learn of their scores, and how much advection to trust beside them. */
static enum sq_status attach(const char *path, const char *scores, double share, struct sq_err *e)
{
    char *text = NULL;
    size_t size;
    enum sq_status s = scores ? sq_config_load(scores, &text, &size, e) : SQ_OK;
    if (!s)
        s = sq_weights_attach(path, text, share, e);
    free(text);
    return s;
}

/* The sources beside the radar that the recipe names; NULL: none. */
static enum sq_status find_sources(const char *recipe, struct sq_stack_def **ret, struct sq_err *e)
{
    char name[SQ_PATH_MAX];
    enum sq_status s = sq_recipe_sources(recipe, name, sizeof name, e);
    if (s || !name[0])
        return s;
    s = sq_alloc((void **)ret, 1, sizeof **ret, "sources", e);
    return s ? s : sq_stack_def_read(name, *ret, e);
}

int sq_tool_train(int argc, char **argv)
{
    const char *scores = NULL;
    double share = -1;
    struct sq_train_params p = {.git = SQ_GIT};
    struct sq_call call;
    struct sq_err err = {0};
    struct sq_event *event = NULL;
    struct sq_stack_def *def = NULL;
    int n = 0;
    const struct sq_option table[] = {
        {"recipe", 'c', "RECIPE", "what to learn and how; see configs/recipes", sq_parse_text, &p.recipe},
        {"output", 'o', "WEIGHTS", "the file to write", sq_parse_text, &p.out},
        {"from", 0, "WEIGHTS", "begin with what these learnt, on other archives perhaps", sq_parse_text, &p.from},
        {"resume", 0, NULL, "go on where WEIGHTS.ckpt stopped", NULL, &p.resume},
        {"scores", 0, "FILE", "a text, the scores of held-out events, to keep in WEIGHTS", sq_parse_text, &scores},
        {"share", 0, "S", "of advection in the forecast at an hour, 0 to 1", sq_parse_number, &share},
        {"minutes", 0, "M", "stop after so long; default: the steps of the recipe", sq_parse_number, &p.minutes},
        {"threads", 'j', "N", "default: one a core", sq_parse_threads, &call.settings},
    };
    enum sq_status s = sq_options_parse(&command, table, sizeof table / sizeof *table, argc, argv, &call, &err);
    if (!s && call.done)
        return 0;
    if (!s && (scores || share >= 0))
        return sq_options_end(attach(call.words[0], scores, share, &err), &err);
    if (!s && (!p.recipe || !p.out))
        s = sq_fail(&err, SQ_USAGE, "train: -%s is missing; see squall train --help", p.recipe ? "o WEIGHTS" : "c RECIPE");
    if (!s)
        s = find_sources(p.recipe, &def, &err);
    if (!s)
        s = sq_alloc((void **)&event, (size_t)call.n_words, sizeof *event, "events", &err);
    const volatile int *stop = sq_options_stop();
    for (; !s && n < call.n_words && !*stop; n++)
        s = read_event(call.words[n], def, &call.settings, &event[n], &err);
    p.threads = call.settings.threads;
    p.progress = isatty(STDERR_FILENO);
    if (!s && *stop)
        s = sq_fail(&err, SQ_FAILED, "interrupted while reading");
    if (!s)
        s = sq_train(&p, event, n, stop, &err);
    if (!s)
        printf("%s\n", p.out);
    while (n)
        drop_event(&event[--n]);
    free(event);
    free(def);
    return sq_options_end(s, &err);
}
