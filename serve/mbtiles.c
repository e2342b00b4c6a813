/* MBTiles 1.3: the tiles of a map in one SQLite file, for phones and for places without a network. */
#include "paint.h"
#include "serve.h"

#include "core/instant.h"
#include "core/publish.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exporter {
    const char *path; /* of messages */
    sqlite3 *db;
    sqlite3_stmt *put;
    struct sq_brush *brush;
    struct sq_tile_view view;
    long long *ret_tiles;
};

static enum sq_status failed(const struct exporter *x, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: cannot be written: %s", x->path, x->db ? sqlite3_errmsg(x->db) : "out of memory");
}

/* The file is ours alone until it is published, so it needs no journal. 0x4d504258 is "MPBX". */
static enum sq_status create(struct exporter *x, const char *tmp, struct sq_err *e)
{
    static const char start[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA application_id=0x4d504258;"
                                "CREATE TABLE metadata (name TEXT, value TEXT);"
                                "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);"
                                "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row); BEGIN";
    if (sqlite3_open_v2(tmp, &x->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ||
        sqlite3_exec(x->db, start, NULL, NULL, NULL) ||
        sqlite3_prepare_v2(x->db, "INSERT INTO tiles VALUES (?, ?, ?, ?)", -1, &x->put, NULL))
        return failed(x, e);
    return SQ_OK;
}

static enum sq_status put_metadata(struct exporter *x, const char *name, const char *value, struct sq_err *e)
{
    sqlite3_stmt *s = NULL;
    bool done = !sqlite3_prepare_v2(x->db, "INSERT INTO metadata VALUES (?, ?)", -1, &s, NULL) &&
                !sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC) && !sqlite3_bind_text(s, 2, value, -1, SQLITE_STATIC) &&
                sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return done ? SQ_OK : failed(x, e);
}

static enum sq_status describe(struct exporter *x, const struct sq_mbtiles_params *p, struct sq_err *e)
{
    const struct sq_run *r = x->view.run;
    char title[SQ_LAYER_TITLE_MAX], valid[32], bounds[96], center[96], zoom[2][8];
    bool round = r->box[2] > 180;
    double west = round ? -180 : r->box[0], east = round ? 180 : r->box[2];
    double south = fmax(r->box[1], -85.0511), north = fmin(r->box[3], 85.0511);
    sq_instant_iso(r->f.issue_time + r->f.lead_s[x->view.lead], valid);
    snprintf(bounds, sizeof bounds, "%.6f,%.6f,%.6f,%.6f", west, south, east, north);
    snprintf(center, sizeof center, "%.6f,%.6f,%d", (west + east) / 2, (south + north) / 2, p->zoom[0]);
    for (int i = 0; i < 2; i++)
        snprintf(zoom[i], sizeof zoom[i], "%d", p->zoom[i]);
    const char *const pair[][2] = {
        {"name", sq_layer_title(&x->view.layer, title)}, {"format", "png"}, {"bounds", bounds}, {"center", center},
        {"minzoom", zoom[0]}, {"maxzoom", zoom[1]}, {"type", "overlay"}, {"version", "1"},
        {"attribution", p->attribution}, {"description", "A forecast of rain by squall " SQ_VERSION},
        {"run", r->name}, {"valid", valid}};
    enum sq_status status = SQ_OK;
    for (size_t i = 0; i < sizeof pair / sizeof *pair && !status; i++)
        status = put_metadata(x, pair[i][0], pair[i][1], e);
    return status;
}

/* Rows of the file count from the south. */
static enum sq_status put_tile(struct exporter *x, int z, int column, int row, struct sq_err *e)
{
    unsigned char *png = NULL;
    size_t n = 0;
    x->view.tile = (struct sq_tile){.z = z, .x = column, .y = row, .side = 256};
    enum sq_status status = sq_paint(x->brush, &x->view, &png, &n, e);
    if (!status && (sqlite3_bind_int(x->put, 1, z) || sqlite3_bind_int(x->put, 2, column) ||
                    sqlite3_bind_int(x->put, 3, (1 << z) - 1 - row) ||
                    sqlite3_bind_blob(x->put, 4, png, (int)n, SQLITE_STATIC) || sqlite3_step(x->put) != SQLITE_DONE ||
                    sqlite3_reset(x->put)))
        status = failed(x, e);
    free(png);
    ++*x->ret_tiles;
    return status;
}

static int row_of(double lat, int n)
{
    double y = n * (1 - asinh(tan(lat * (M_PI / 180))) / M_PI) / 2;
    return y < 0 ? 0 : y >= n ? n - 1 : (int)y;
}

/* The tiles that the forecast's box touches; round the date line, columns begin again. */
static enum sq_status put_zoom(struct exporter *x, int z, struct sq_err *e)
{
    const double *box = x->view.run->box;
    int n = 1 << z, first = (int)floor((box[0] + 180) / 360 * n), last = (int)floor((box[2] + 180) / 360 * n);
    enum sq_status status = SQ_OK;
    if (last >= first + n)
        last = first + n - 1;
    for (int row = row_of(fmin(box[3], 89.9), n); row <= row_of(fmax(box[1], -89.9), n) && !status; row++)
        for (int column = first; column <= last && !status; column++)
            status = put_tile(x, z, column % n, row, e);
    return status;
}

static enum sq_status find_view(const struct sq_run *r, const struct sq_mbtiles_params *p, struct sq_classes *c,
                                struct sq_tile_view *v, struct sq_err *e)
{
    *v = (struct sq_tile_view){.run = r, .classes = c};
    if (!sq_layer_parse(p->layer, &v->layer))
        return sq_fail(e, SQ_USAGE, "there is no layer '%s'; squall serve --help names some", p->layer);
    if (!sq_classes_find(sq_layer_quantity(&v->layer), p->style, c))
        return sq_fail(e, SQ_USAGE, "there is no style '%s': squall, grey, radar or value", p->style);
    if (p->zoom[0] < 0 || p->zoom[1] < p->zoom[0] || p->zoom[1] > SQ_ZOOM_MAX)
        return sq_fail(e, SQ_USAGE, "zoom %d..%d is not within 0..%d", p->zoom[0], p->zoom[1], SQ_ZOOM_MAX);
    while (v->lead < r->f.n_lead && p->lead_s && r->f.lead_s[v->lead] != p->lead_s)
        v->lead++;
    if (v->lead == r->f.n_lead)
        return sq_fail(e, SQ_USAGE, "the forecast has no lead of %g minutes", p->lead_s / 60.0);
    if (v->layer.kind == SQ_LAYER_OBSERVED && !(v->frame = r->observed))
        return sq_fail(e, SQ_FAILED, "the forecast does not say what was observed");
    return sq_tile_view_check(r, &v->layer, e);
}

enum sq_status sq_mbtiles_export(const char *forecast, const struct sq_mbtiles_params *p, const char *path,
                                 long long *ret_tiles, struct sq_err *e)
{
    char tmp[SQ_PATH_MAX] = "";
    struct exporter x = {.path = path, .ret_tiles = ret_tiles};
    struct sq_classes classes;
    struct sq_run *run = NULL;
    *ret_tiles = 0;
    enum sq_status status = sq_run_load(forecast, &run, e);
    if (!status)
        status = find_view(run, p, &classes, &x.view, e);
    if (!status)
        status = sq_brush_create(&x.brush, e);
    if (!status)
        status = sq_publish_begin(path, tmp, e);
    bool begun = !status;
    if (!status)
        status = create(&x, tmp, e);
    if (!status)
        status = describe(&x, p, e);
    for (int z = p->zoom[0]; z <= p->zoom[1] && !status; z++)
        status = put_zoom(&x, z, e);
    if (!status && sqlite3_exec(x.db, "COMMIT", NULL, NULL, NULL))
        status = failed(&x, e);
    sqlite3_finalize(x.put);
    if (sqlite3_close(x.db) && !status)
        status = failed(&x, e);
    if (begun && status)
        sq_publish_abandon(tmp);
    else if (begun)
        status = sq_publish_commit(tmp, path, e);
    sq_brush_destroy(&x.brush);
    sq_run_release(&run);
    return status;
}
