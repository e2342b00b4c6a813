/* A stack: what a network may see of one moment. A definition lists sources, channels, time slices and
 * resolutions; the stack holds a plane for each, aligned, with where it came from. What could not have been
 * there at the issue time is not there.
 *
 * NaN = not observed. Grid 0 is the target; others have coarser cells and reach farther (the context), and the
 * target's north-west corner is a corner of one of their cells. */
#ifndef SQ_CORE_STACK_H
#define SQ_CORE_STACK_H

#include "grid.h"
#include "quality.h"

#include <stdint.h>

#define SQ_STACK_SOURCES 32
#define SQ_STACK_CHANNELS 64 /* of one source */
#define SQ_STACK_SLICES 64   /* of one source */
#define SQ_STACK_GRIDS 8

/* ---- the definition ------------------------------------------------------------------------------------ */

enum sq_stack_kind { SQ_STACK_RADAR, SQ_STACK_SATELLITE, SQ_STACK_MODEL, SQ_STACK_COMPUTED };

/* How frames come onto the grid. AUTO: the mean over a cell where cells are coarser, else bilinear. */
enum sq_stack_method { SQ_STACK_AUTO, SQ_STACK_NEAREST, SQ_STACK_BILINEAR, SQ_STACK_AREA };

struct sq_stack_source {
    char name[32];
    char about[256];
    enum sq_stack_kind kind;
    int n_channels;
    char channel[SQ_STACK_CHANNELS][24];
    int n_slices;
    int slice_s[SQ_STACK_SLICES]; /* s before the issue time, rising; of models also negative: forecasts */
    int latency_s; /* a frame may be used this long after its time (a model's: after the time of its run) */
    int reach_s;   /* an observation may be this much older than asked for; the run of a model, than the issue */
    int clock_s;   /* slices before the issue time are put back onto whole multiples of this; 0: they are not */
    int coarser;   /* a cell is this many cells of the target wide, >= 1 */
    double margin_km; /* how far the grid reaches beyond the target, on each side */
    enum sq_stack_method method;
};

struct sq_stack_def {
    char name[64]; /* the file's, without folder and ending */
    int n_sources;
    struct sq_stack_source source[SQ_STACK_SOURCES];
};

/* From YAML; configs/networks/metnet2.yaml explains every key. `where` (a path) begins the messages. */
enum sq_status sq_stack_def_parse(const char *where, const void *text, size_t size, struct sq_stack_def *ret,
                                  struct sq_err *e) SQ_CHECK;
/* Whether `path` is that of a definition, not of settings: a list, or the name of a file in configs/networks. */
bool sq_stack_def_is(const char *path);
/* The text itself, zero-terminated; the caller frees it. `path` is a file, or the name of one in configs/networks. */
enum sq_status sq_stack_def_load(const char *path, char **ret, size_t *ret_size, struct sq_err *e) SQ_CHECK;
/* `path` is a file, or the name of one in configs/networks. *ret is large: keep it on the heap. */
enum sq_status sq_stack_def_read(const char *path, struct sq_stack_def *ret, struct sq_err *e) SQ_CHECK;

const char *sq_stack_kind_name(enum sq_stack_kind kind); /* "radar" ... */

/* The instant that slice i of a source asks for. */
int64_t sq_stack_valid_time(const struct sq_stack_source *s, int i, int64_t at);

/* ---- the stack ----------------------------------------------------------------------------------------- */

struct sq_stack_grid {
    struct sq_grid grid;
    double cell_m[2]; /* ground size of a cell at the middle, along x and y */
    int coarser;
    int margin[2];    /* its cells beyond the target's west and north edges */
};

/* Why a plane is there, or is not. The order is that of flag_values in files. */
enum sq_stack_why {
    SQ_STACK_USED,
    SQ_STACK_NONE,    /* no frame of that time */
    SQ_STACK_LATE,    /* there is one, but by its latency it had not come at the issue time */
    SQ_STACK_BROKEN,  /* there is one, and it could not be read, or quality control took it out */
    SQ_STACK_OUTSIDE, /* there is one, and it covers none of the grid */
};
const char *sq_stack_why_name(enum sq_stack_why why); /* "used", "no_frame" ... */

struct sq_stack_plane {
    const float *value;     /* (ny, nx) of its source's grid, NaN = not observed; NULL unless USED */
    enum sq_stack_why why;
    int64_t valid_time;     /* what was asked for */
    int64_t time;           /* what it is valid for; of a computed plane, or one that is not there, valid_time */
    int64_t reference_time; /* the run of a model; else `time` */
    int age_s;              /* issue time - reference_time: how old the newest thing in it is */
    double coverage;        /* fraction of cells observed */
    struct sq_quality_report report; /* what quality control found in the frame: in what was read of it. Its `frame`:
                                        why a newer one was passed over, also where none serves */
    char path[2][512];      /* files; the second is "" unless two leads of a model were mixed. Cut in front */
    char product[64];
    char units[16];
};

struct sq_stack {
    int64_t at; /* issue time */
    double cloud_top_m; /* satellite images were moved for clouds this high; 0: they are as seen */
    struct sq_stack_def def;
    int n_grids;
    struct sq_stack_grid grid[SQ_STACK_GRIDS];
    int grid_of[SQ_STACK_SOURCES];    /* of each source */
    size_t first[SQ_STACK_SOURCES];   /* its first plane; they go channel by channel, slices within */
    size_t n_planes;
    struct sq_stack_plane *plane;     /* [n_planes], owned */
    float *block;                     /* what the planes' values point into, where the stack owns them; else
                                         NULL, and they are valid until its maker builds again or is closed */
};

/* Lays out planes and grids: everything but values, each plane absent with its valid_time. `target` is a grid
 * in metres or degrees. Caller finishes. */
enum sq_status sq_stack_init(struct sq_stack *s, const struct sq_stack_def *def, const struct sq_grid *target,
                             int64_t at, struct sq_err *e) SQ_CHECK;
void sq_stack_finish(struct sq_stack *s);

/* Copies the values, so that the stack outlives its maker's next build. */
enum sq_status sq_stack_own(struct sq_stack *s, struct sq_err *e) SQ_CHECK;

static inline struct sq_stack_plane *sq_stack_at(const struct sq_stack *s, int source, int channel, int slice)
{
    return &s->plane[s->first[source] + (size_t)channel * (size_t)s->def.source[source].n_slices + (size_t)slice];
}

/* Index by name, or -1. */
int sq_stack_find_source(const struct sq_stack_def *def, const char *name);
int sq_stack_find_channel(const struct sq_stack_source *s, const char *channel);

/* Planes of a source that are there. */
int sq_stack_count(const struct sq_stack *s, int source);

/* One line on source i, cut to `size`: "radar: 13 of 13 planes, newest 2019-06-10T01:10:00Z (120 s old)". */
void sq_stack_say(const struct sq_stack *s, int source, char *out, size_t size);

#endif
