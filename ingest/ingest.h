/* The room ingest: files on disk -> fields -> an aligned cube. It may flag data; it never fills gaps.
 *
 * Formats are found by looking inside a file, never by its name. Not thread safe (ecCodes, netCDF-C). */
#ifndef SQ_INGEST_H
#define SQ_INGEST_H

#include "core/cube.h"
#include "core/field.h"
#include "core/stack.h"

/* ---- what is there ---------------------------------------------------------------------------------- */

enum sq_kind { SQ_KIND_RADAR, SQ_KIND_SATELLITE, SQ_KIND_MODEL, SQ_KIND_ANY /* to ask for all of them */ };

struct sq_frame_info {
    enum sq_kind kind;
    int64_t time;           /* UTC s, from the contents: what it is valid for */
    int64_t reference_time; /* UTC s, the run of a model; 0: that of an observation, its time */
    int interval_s;      /* accumulation, 0 = instantaneous */
    struct sq_grid grid;
    const char *path;    /* "archive.tar/member" of a member */
    const char *file;    /* on the disk: path, or the archive that holds the member */
    int index;           /* which frame inside the file */
    char source[32];     /* "mrms", "odim", "knmi", "cf" */
    char product[64];
    char channel[24];    /* "" stands for "rain_rate" */
    char units[16];      /* "" stands for "mm h-1" */
};

/* Which faults are sought; 0 leaves a check out. Lengths are in cells of the radar's own grid. */
struct sq_quality_params {
    double spike_ratio; /* a lone cell this many times above each neighbour is a spike */
    int speckle_cells;  /* islands of up to this many cells, 16 at most, without rain near them a frame before or after */
    int stripe_cells;   /* rows and columns unlike their neighbours over at least this many */
    int spoke_cells;    /* thin straight rays of at least this many */
    bool frames;        /* half-delivered, frozen, shifted and far-off frames of a cube */
};
#define SQ_QUALITY_DEFAULT {.spike_ratio = 5, .speckle_cells = 3, .stripe_cells = 40, .spoke_cells = 40, .frames = true}

struct sq_read_params {
    enum sq_kind kind;   /* frames of other kinds are not listed; default radar */
    double zr_a, zr_b;   /* Z = a R^b for dBZ; defaults 200, 1.6. A file's own zr_a, zr_b win */
    double rate_cap_mmh; /* (0, inf), default 300 */
    double dbz_cap;      /* dBZ, default 55, applied before Z-R */
    double range_km;     /* cells farther from the grid's middle are not observed; 0 = off */
    double cloud_top_m;  /* geostationary images are moved for the parallax of clouds this high; 0 = as seen */
    const char *model_fields; /* path of a table like configs/model_fields.yaml, outlives the inputs; NULL or "": that */
    struct sq_quality_params quality;
    bool together; /* HDF5 files, too, are read in this process, which a broken one may then end: for fuzzing, which
                      sees its own process alone */
};
#define SQ_READ_PARAMS_DEFAULT {.zr_a = 200, .zr_b = 1.6, .rate_cap_mmh = 300, .dbz_cap = 55, .quality = SQ_QUALITY_DEFAULT}

struct sq_inputs; /* frames found in the files, ascending in time, then by channel, the newest run first */

/* `paths`: files, folders (one level, hidden files skipped) and globs. Files may be packed by gzip, bzip2 or xz; the
 * members of a tar, packed or not, are taken as the files of a folder are. A file that is named and cannot be
 * read fails the call; a file met in a folder that squall does not know (or a broken one) is logged and
 * passed over, one with frames of other kinds only is passed over in silence. Several frames of one time, channel and run: the first path wins, the rest is logged. Several
 * radar products met in folders: the one with the most frames stays, the others are logged and passed over; files named stay. No
 * frame: SQ_FAILED; nothing matches a path at all: SQ_ABSENT. Caller closes. */
enum sq_status sq_inputs_open(char *const *paths, int n_paths, const struct sq_read_params *p,
                              struct sq_inputs **ret, struct sq_err *e) SQ_CHECK;
void sq_inputs_close(struct sq_inputs **in);
int sq_inputs_count(const struct sq_inputs *in);
const struct sq_frame_info *sq_inputs_info(const struct sq_inputs *in, int i); /* valid until close */

/* Reads frame i; a radar frame passes the checks that need no other frame. Caller finishes *ret. */
enum sq_status sq_inputs_read(struct sq_inputs *in, int i, struct sq_field *ret, struct sq_err *e) SQ_CHECK;

/* ---- one grid onto another --------------------------------------------------------------------------- */

enum sq_regrid_method { SQ_REGRID_AUTO, SQ_REGRID_NEAREST, SQ_REGRID_BILINEAR, SQ_REGRID_AREA };

struct sq_regrid; /* the plan for a pair of grids: computed once, kept */

/* Positions are within 0.1 source cell of exact PROJ. AUTO: area mean where the target is at least 1.5
 * times coarser, else bilinear. Caller destroys. */
enum sq_status sq_regrid_create(const struct sq_grid *from, const struct sq_grid *to,
                                enum sq_regrid_method method, struct sq_regrid **ret,
                                struct sq_err *e) SQ_CHECK;
void sq_regrid_destroy(struct sq_regrid **r);

/* Values: NaN-aware; a target cell is NaN unless at least half of its weight was observed. `src` has the
 * cells of `from`, `dst` those of `to`. */
void sq_regrid_apply(const struct sq_regrid *r, const float *src, float *dst);
/* The same, with the quality of each source cell as its weight: 0 counts as not observed, NaN (nobody knows) as what
 * the others are on average. NULL: as sq_regrid_apply. */
void sq_regrid_weighted(const struct sq_regrid *r, const float *src, const float *quality, float *dst);
/* Works out all weights, so that sq_regrid_apply is several times quicker from then on; 8 bytes for each source cell
 * under each target cell. Where that would be more than 128 MB, or there is no memory, nothing changes. Results
 * differ by rounding alone. */
void sq_regrid_prepare(struct sq_regrid *r);
/* States (enum sq_state): nearest. */
void sq_regrid_states(const struct sq_regrid *r, const uint8_t *src, uint8_t *dst);

/* ---- the cube ---------------------------------------------------------------------------------------- */

struct sq_cube_params {
    int64_t at;                 /* newest allowed frame time; INT64_MAX = the newest there is */
    int64_t from;               /* oldest allowed frame time; INT64_MIN = see `frames` */
    int frames;                 /* this many slots ending at the newest frame; 0 = all from `from` on */
    int past_s;                 /* with `frames`: as many more as there are until so far back; not on grids of more than
                                   SQ_WIDE_CELLS, where there is no time to read them */
    int step_s;                 /* slot spacing; 0 = the most frequent spacing of the input, but at least
                                   `least_step_s`, as a multiple of it (2-minute MRMS is thinned) */
    int least_step_s;           /* default 240 when 0 */
    const struct sq_grid *grid; /* target; NULL = native, the grid of the newest frame */
    bool observed;              /* the newest frame shall have an observed cell: newer ones without are passed
                                   over with a warning, at most `frames` - 1 of them where `frames` is given */
};

/* A slot takes the frame nearest to its time within half a step; a slot without one is a gap. A frame on
 * another grid than the newest is regridded when `grid` is given, and otherwise refused by name.
 * Faulty frames become gaps, and where the newest are faulty the cube ends before them; each frame's report says what
 * was found, and the log has a line for each frame with a fault.
 * SQ_ABSENT when no frame is at or before `at`. Caller finishes *ret. */
enum sq_status sq_cube_build(struct sq_inputs *in, const struct sq_cube_params *p, struct sq_cube *ret,
                             struct sq_err *e) SQ_CHECK;

/* Writes the frames of a cube, its gaps left out, as one CF netCDF file (rain_rate in steps of 0.01 mm/h),
 * whole or not at all. */
enum sq_status sq_cube_write(const char *path, const struct sq_cube *c, struct sq_err *e) SQ_CHECK;

/* ---- the stack: several sources ---------------------------------------------------------------------- */

struct sq_stacker; /* builds one stack after the other; keeps what the next one may need */

struct sq_stacker_params {
    const struct sq_stack_def *def; /* copied */
    const struct sq_grid *target;   /* copied; NULL = that of the newest radar frame of the first build */
    struct sq_read_params read;     /* of radar; its kind is not looked at */
    const char *elevation;          /* CF netCDF file of heights in m; NULL = the channel is absent */
    const char *cache;              /* folder, made where it is not there, that keeps aligned planes; NULL = none */
    int64_t cache_bytes;            /* most that the folder holds; 0 = 4 GiB */
    int workers;                    /* processes that decode; 0 = one a processor, 1 = none beside this one */
};

enum sq_status sq_stacker_open(const struct sq_stacker_params *p, struct sq_stacker **ret, struct sq_err *e) SQ_CHECK;
void sq_stacker_close(struct sq_stacker **s);

/* The stack of the moment `at`, from whatever files are there; `paths` as for sq_inputs_open. A frame is used only
 * if its time (a model's: that of its run) plus its source's latency is at most `at`. Frames that cannot be read are
 * logged and passed over, the next ones take their place. Only what earlier builds did not have is decoded.
 * SQ_ABSENT: nothing of any source was there. Caller finishes *ret; its values are the stacker's, and good until it
 * builds again or is closed. */
enum sq_status sq_stacker_build(struct sq_stacker *s, char *const *paths, int n_paths, int64_t at,
                                struct sq_stack *ret, struct sq_err *e) SQ_CHECK;

/* Bytes of planes that are held. */
size_t sq_stacker_bytes(const struct sq_stacker *s);

/* As one CF netCDF-4 file, whole or not at all: a group a source, in it a variable a channel (slice, y, x), and what
 * is known of each plane, (channel, slice). */
enum sq_status sq_stack_write(const char *path, const struct sq_stack *s, struct sq_err *e) SQ_CHECK;
/* Reads such a file; without `values` their pointers are NULL. Caller finishes *ret, which owns its values. */
enum sq_status sq_stack_read(const char *path, bool values, struct sq_stack *ret, struct sq_err *e) SQ_CHECK;
/* Whether a file is one of these, by its first words. */
bool sq_stack_probe(const char *path);

/* ---- masks --------------------------------------------------------------------------------------------- */

#define SQ_MASK_LEADS 96

/* Cells to score of one forecast, so that it can be compared where another system has a forecast too. */
struct sq_mask {
    struct sq_grid grid; /* without a crs: the file has none */
    int64_t issue_time;  /* UTC s */
    int n_lead;
    int lead_s[SQ_MASK_LEADS];
    uint8_t *valid;      /* (n_lead, ny, nx), 0 = leave out; owned */
};

/* netCDF: valid(lead, y, x), lead in minutes, x, y, forecast_reference_time. Caller finishes *ret. */
enum sq_status sq_mask_read(const char *path, struct sq_mask *ret, struct sq_err *e) SQ_CHECK;
/* Its issue time alone. */
enum sq_status sq_mask_issue(const char *path, int64_t *ret, struct sq_err *e) SQ_CHECK;
void sq_mask_finish(struct sq_mask *m);
/* ---- simulated weather ------------------------------------------------------------------------------- */

struct sq_synth_params {
    uint64_t seed;
    int n_frames, step_s;  /* of radar and truth; default 24, 300 */
    int64_t start;         /* time of the first frame */
    struct sq_grid grid;   /* of radar and truth; other views cover it on grids of their own */
    int lead_h;            /* of the model's runs; default 12 */
};

/* Writes simulated weather as one CF netCDF file (rain_rate, packed), whole or not at all: what radars see of it, or, with
 * `truth`, what falls. The same seed, middle of the grid and time are the same weather. */
enum sq_status sq_synth_write(const char *path, const struct sq_synth_params *p, bool truth,
                              struct sq_err *e) SQ_CHECK;

/* The same weather as others would publish it, from the first frame to the last; each file whole or not at all:
 *   MRMS  PrecipRate in GRIB2 on 0.01 degree, every 2 minutes     mrms/MRMS_PrecipRate_00.00_20260601-120000.grib2
 *   GOES  ABI MCMIP in netCDF on the 2 km fixed grid, every 5     goes/OR_ABI-L2-MCMIPC-M6_G16_s....nc
 *   HRRR  GRIB2 on its 3 km Lambert grid; hourly runs, from two hours before the first frame, with hourly leads
 *                                                                 hrrr/hrrr.20260601.t12z.wrfsfcf03.grib2
 * The folder `dir` and the three in it are made. Adds to *ret_files how many were written. */
enum sq_synth_view { SQ_SYNTH_MRMS = 1, SQ_SYNTH_GOES = 2, SQ_SYNTH_HRRR = 4 };
enum sq_status sq_synth_folder(const char *dir, const struct sq_synth_params *p, unsigned views, int *ret_files,
                               struct sq_err *e) SQ_CHECK;

/* ---- fetching ------------------------------------------------------------------------------------------ */

struct sq_fetch_file {
    const char *path, *url;
    int64_t size;    /* bytes to fetch; of a file that is there, 0 */
    int64_t time;    /* from its key: of the observation, or of the run of a model */
    bool there;      /* it was there already */
};

struct sq_fetch_params {
    const char *datasets; /* configs/fetch.yaml explains; NULL: that which comes with squall */
    const char *folder;   /* files go to FOLDER/DATASET/NAME; made if need be */
    int64_t from, to;     /* UTC s, both included. from INT64_MIN: the newest at or before `to` */
    int newest;           /* so many times of observation (or runs that are complete), where `from` is not given */
    bool dry_run;         /* no file is fetched, but indexes are */
    uint64_t seed;        /* of the jitter between tries */
    const volatile int *stop; /* not 0: end soon; NULL: never */
    void (*on_file)(void *ctx, const struct sq_fetch_file *f); /* as it appears, or is found there; NULL */
    void (*on_progress)(void *ctx, int n_done, int n, int64_t bytes_done, int64_t bytes); /* often; NULL */
    void *ctx;
};

/* Brings files of a data set from its bucket. Each appears whole, checked, or not at all; what was cut goes on with
 * the next call. SQ_ABSENT: nothing is there for those times, or, without `from`, nothing that is not here already.
 * Two calls on one folder: the second gets SQ_ABSENT. Not thread safe. */
enum sq_status sq_fetch(const char *dataset, const struct sq_fetch_params *p, struct sq_err *e) SQ_CHECK;

#endif
