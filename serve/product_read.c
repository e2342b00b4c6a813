/* Forecast files are read as squall sealed them, or, where others have had them in their hands, by another process. */
#include "product_parse.h"
#include "product_seal.h"
#include "serve.h"

#include "core/apart.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sq_product_reader {
    char *path;
    struct sq_product_file file;
    struct sq_apart *apart; /* it has the file open; NULL: it is open here */
};

/* ---- the other process ------------------------------------------------------------------------------- */

enum { TEXTS = 4, TEXT_MAX = 1 << 16, PIECE = 1 << 21 /* values handed over at once */ };
_Static_assert(PIECE >= SQ_THRESHOLD_MAX * SQ_GRID_MAX, "a row of all levels is handed over at once");

struct job {
    bool opens; /* else a part is read */
    struct sq_product_file file;
    bool has[TEXTS];
    char text[TEXTS][TEXT_MAX]; /* of file; longer ones are cut */
    struct sq_product_part part;
    enum sq_status status;
    struct sq_err err;
    _Alignas(64) float value[PIECE];
};

static char **text_at(struct sq_product_file *r, int i)
{
    char **const at[TEXTS] = {&r->f.inputs_used, &r->f.inputs_missing, &r->f.sources, &r->mapping.wkt};
    return at[i];
}

static void work(void *ctx, void *block)
{
    struct sq_product_reader *r = ctx;
    struct job *j = block;
    if (!j->opens) {
        j->status = sq_product_values(&r->file, &j->part, j->value, &j->err);
        return;
    }
    j->status = sq_product_parse(&r->file, &j->err);
    j->file = r->file;
    for (int i = 0; i < TEXTS && !j->status; i++) {
        const char *text = *text_at(&r->file, i);
        j->has[i] = text;
        snprintf(j->text[i], TEXT_MAX, "%s", text ? text : "");
    }
}

static enum sq_status ask(struct sq_product_reader *r, struct sq_err *e)
{
    const struct job *j = sq_apart_block(r->apart);
    enum sq_status status = sq_apart_read(r->apart, SQ_APART_LIMIT_S, r->path, e);
    return !status && j->status ? sq_fail(e, j->status, "%s", j->err.text) : status;
}

static enum sq_status open_far(struct sq_product_reader *r, struct sq_err *e)
{
    enum sq_status status = sq_apart_start(sizeof(struct job), work, r, &r->apart, e);
    if (status)
        return status;
    struct job *j = sq_apart_block(r->apart);
    j->opens = true;
    status = ask(r, e);
    if (status)
        return status;
    r->file = j->file;
    r->file.nc = -1;
    j->opens = false;
    for (int i = 0; i < TEXTS; i++) {
        char *text = j->has[i] ? strdup(j->text[i]) : NULL;
        *text_at(&r->file, i) = text;
        if (j->has[i] && !text)
            status = sq_fail(e, SQ_FAILED, "%s: out of memory", r->path);
    }
    return status;
}

/* As sq_product_values, some rows at a time. */
static enum sq_status values_far(struct sq_product_reader *r, const struct sq_product_part *p, float *ret,
                                 struct sq_err *e)
{
    struct job *j = sq_apart_block(r->apart);
    const size_t levels = (size_t)sq_product_levels(&r->file.f, p->map), most = PIECE / (levels * p->nx);
    enum sq_status status = SQ_OK;
    for (size_t done = 0; done < p->ny && !status; done += j->part.ny) {
        j->part = *p;
        j->part.row = p->row + done;
        j->part.ny = p->ny - done < most ? p->ny - done : most;
        status = ask(r, e);
        for (size_t k = 0; k < levels && !status; k++)
            memcpy(ret + (k * p->ny + done) * p->nx, j->value + k * j->part.ny * p->nx,
                   j->part.ny * p->nx * sizeof *ret);
    }
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static enum sq_status open_file(struct sq_product_reader *r, struct sq_err *e)
{
    struct stat st; /* first: netCDF takes some names for addresses in the network */
    bool sealed;
    if (stat(r->path, &st))
        return sq_fail(e, errno == ENOENT ? SQ_ABSENT : SQ_FAILED, "%s: %s", r->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sq_fail(e, SQ_FAILED, "%s: is not a file", r->path);
    enum sq_status status = sq_product_unbroken(r->path, &sealed, e);
    if (status)
        return status;
    return sealed ? sq_product_parse(&r->file, e) : open_far(r, e);
}

static enum sq_status values(struct sq_product_reader *r, const struct sq_product_part *p, float *ret, struct sq_err *e)
{
    return r->apart ? values_far(r, p, ret, e) : sq_product_values(&r->file, p, ret, e);
}

static enum sq_status settle_grid(struct sq_product_reader *r, struct sq_err *e)
{
    struct sq_forecast *f = &r->file.f;
    struct sq_err why = {0};
    enum sq_status status = SQ_OK;
    if (!f->grid.crs[0] && (status = sq_crs_from_cf(&r->file.mapping, f->grid.crs, &why)))
        return sq_fail(e, status, "%s: %s", r->path, why.text);
    status = sq_grid_check(&f->grid, r->path, e);
    if (!status && (status = sq_crs_cell_m(&f->grid, f->cell_m, &why)))
        sq_fail(e, status, "%s: %s", r->path, why.text);
    return status;
}

static struct sq_product_part whole_map(const struct sq_product_reader *r, enum sq_product_map map, int lead)
{
    return (struct sq_product_part){map, lead, 0, 0, (size_t)r->file.f.grid.ny, (size_t)r->file.f.grid.nx};
}

/* Unknown where the file does not say. Some rows at a time, for four times as much is read as is kept. */
static enum sq_status read_quality(struct sq_product_reader *r, struct sq_err *e)
{
    enum { ROWS = 256 };
    struct sq_forecast *f = &r->file.f;
    const size_t ny = (size_t)f->grid.ny, nx = (size_t)f->grid.nx;
    float *value = NULL;
    enum sq_status status = sq_alloc((void **)&value, ROWS * nx, sizeof *value, "radar_quality", e);
    if (!status)
        status = sq_alloc((void **)&f->quality, ny, nx, "radar_quality", e);
    for (size_t row = 0; row < ny && !status; row += ROWS) {
        const struct sq_product_part p = {SQ_MAP_QUALITY, 0, row, 0, ny - row < ROWS ? ny - row : ROWS, nx};
        status = values(r, &p, value, e);
        for (size_t i = 0; i < p.ny * nx && !status; i++)
            f->quality[row * nx + i] = (uint8_t)value[i];
    }
    free(value);
    if (status != SQ_ABSENT)
        return status;
    free(f->quality);
    f->quality = NULL;
    return SQ_OK;
}

enum sq_status sq_product_open(const char *path, const struct sq_forecast **ret_forecast,
                               struct sq_product_reader **ret, struct sq_err *e)
{
    struct sq_product_reader *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return sq_fail(e, SQ_FAILED, "%s: out of memory", path);
    }
    r->file.path = r->path;
    r->file.nc = -1;
    enum sq_status status = open_file(r, e);
    if (!status)
        status = settle_grid(r, e);
    if (!status)
        status = read_quality(r, e);
    if (status) {
        sq_product_close(&r);
        return status;
    }
    *ret_forecast = &r->file.f;
    *ret = r;
    return SQ_OK;
}

const char *sq_product_path(const struct sq_product_reader *r)
{
    return r->path;
}

bool sq_product_sealed(const struct sq_product_reader *r)
{
    return !r->apart;
}

const struct sq_forecast *sq_product_forecast(const struct sq_product_reader *r)
{
    return &r->file.f;
}

void sq_product_close(struct sq_product_reader **r)
{
    if (!*r)
        return;
    sq_apart_stop(&(*r)->apart);
    sq_product_file_finish(&(*r)->file);
    free((*r)->path);
    free(*r);
    *r = NULL;
}

/* ---- values ------------------------------------------------------------------------------------------ */

static bool is_cell(const struct sq_product_reader *r, int row, int col)
{
    return row >= 0 && row < r->file.f.grid.ny && col >= 0 && col < r->file.f.grid.nx;
}

enum sq_status sq_product_bands(struct sq_product_reader *r, int lead_index, int row, int n_rows, float *ret_prob,
                                struct sq_err *e)
{
    assert(lead_index >= 0 && lead_index < r->file.f.n_lead);
    assert(row >= 0 && n_rows > 0 && row + n_rows <= r->file.f.grid.ny);
    const struct sq_product_part p = {SQ_MAP_PROB, lead_index, (size_t)row, 0, (size_t)n_rows,
                                      (size_t)r->file.f.grid.nx};
    return values(r, &p, ret_prob, e);
}

enum sq_status sq_product_observed(struct sq_product_reader *r, float *ret_mmh, struct sq_err *e)
{
    const struct sq_product_part p = whole_map(r, SQ_MAP_OBSERVED, 0);
    return values(r, &p, ret_mmh, e);
}

enum sq_status sq_product_observed_cell(struct sq_product_reader *r, int row, int col, float *ret_mmh, struct sq_err *e)
{
    assert(is_cell(r, row, col));
    return values(r, &(struct sq_product_part){SQ_MAP_OBSERVED, 0, (size_t)row, (size_t)col, 1, 1}, ret_mmh, e);
}

static enum sq_status get_part(struct sq_product_reader *r, struct sq_product_part p, struct sq_lead *l, struct sq_err *e)
{
    float *const to[] = {[SQ_MAP_PROB] = l->prob, [SQ_MAP_RATE] = l->rate, [SQ_MAP_MEAN] = l->mean};
    enum sq_status status = SQ_OK;
    assert(p.lead >= 0 && p.lead < r->file.f.n_lead);
    for (int k = SQ_MAP_PROB; k <= SQ_MAP_MEAN && !status; k++) {
        p.map = (enum sq_product_map)k;
        status = values(r, &p, to[k], e);
    }
    return status;
}

enum sq_status sq_product_get(struct sq_product_reader *r, int lead_index, struct sq_lead *l, struct sq_err *e)
{
    return get_part(r, whole_map(r, SQ_MAP_PROB, lead_index), l, e);
}

enum sq_status sq_product_cell(struct sq_product_reader *r, int lead_index, int row, int col, struct sq_lead *l,
                               struct sq_err *e)
{
    assert(is_cell(r, row, col));
    return get_part(r, (struct sq_product_part){SQ_MAP_PROB, lead_index, (size_t)row, (size_t)col, 1, 1}, l, e);
}
