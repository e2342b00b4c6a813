/* The map in the browser: its page, its files, and the land below it. */
#include "asset.h"
#include "land.h"
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing but our own files, and no script or style inside a page. Leaflet has one picture in itself. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

static void answer_asset(const struct sq_asked *a, const char *name, struct sq_response *ret)
{
    const struct sq_asset *f = sq_assets;
    uint64_t hash = 3;
    while (f->name && strcmp(f->name, name) != 0)
        f++;
    if (!f->name) {
        sq_answer_error(ret, 404, "the viewer has no file of that name");
        return;
    }
    ret->policy = policy;
    ret->cache = SQ_CACHE_NEWEST;
    for (size_t i = 0; i < f->n; i++)
        hash = (hash ^ f->data[i]) * 0x100000001b3; /* FNV-1a */
    if (sq_answer_unchanged(ret, a, hash, name))
        return;
    ret->code = 200;
    ret->type = f->type;
    ret->body = f->data;
    ret->n = f->n;
}

void sq_serve_viewer(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    (void)s;
    answer_asset(a, a->n ? a->segment[1] : "viewer.html", ret);
}

/* ---- land --------------------------------------------------------------------------------------------------- */

struct plot {
    const struct sq_land *land;
    int z, x, y;
};

static enum sq_status plot_land(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    const struct plot *p = arg;
    struct sq_text t = {0};
    sq_land_tile(p->land, p->z, p->x, p->y, &t);
    if (t.failed) {
        sq_text_finish(&t);
        return sq_fail(e, SQ_FAILED, "out of memory for coastlines");
    }
    *ret = (unsigned char *)t.data;
    *ret_n = t.n;
    return SQ_OK;
}

static void release_blob(void *blob)
{
    sq_blob_release(blob);
}

/* land/{z}/{x}/{y}.json */
void sq_serve_land(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct plot p = {.land = s->land};
    char name[64], *dot = strchr(a->segment[3], '.');
    struct sq_blob *blob = NULL;
    struct sq_err err = {0};
    if (!dot || strcmp(dot, ".json") != 0) {
        sq_answer_error(ret, 404, "land is z/x/y.json");
        return;
    }
    *dot = 0;
    if (!sq_parse_whole(a->segment[1], 0, SQ_ZOOM_MAX, &p.z) || !sq_parse_whole(a->segment[2], 0, (1 << p.z) - 1, &p.x) ||
        !sq_parse_whole(a->segment[3], 0, (1 << p.z) - 1, &p.y)) {
        sq_answer_error(ret, 400, "land is z/x/y.json, z up to %d, x and y below 2^z", SQ_ZOOM_MAX);
        return;
    }
    snprintf(name, sizeof name, "land/%d/%d/%d", p.z, p.x, p.y);
    ret->cache = "public, max-age=86400";
    if (sq_answer_unchanged(ret, a, sq_land_hash(s->land), name))
        return;
    if (sq_tile_cache_get(s->cache, name, plot_land, &p, &blob, &err)) {
        sq_answer_error(ret, 503, "%s", err.text);
        return;
    }
    ret->code = 200;
    ret->type = "application/json";
    ret->body = blob->data;
    ret->n = blob->n;
    ret->owner = blob;
    ret->release = release_blob;
}
