#include "gzip.h"
#include "site.h"

#include <ctype.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LEAST = 700, KEPT = 16 << 10, LEVEL_ONCE = 4, LEVEL_KEPT = 9 }; /* bytes */

bool sq_packs(const char *type)
{
    return !type || strncmp(type, "image/", 6) != 0 || !strcmp(type, "image/svg+xml");
}

/* "gzip", "gzip;q=0.5", "*"; not "gzip;q=0". */
bool sq_takes_gzip(const char *header)
{
    bool any = false;
    for (const char *at = header; at && *at;) {
        at += strspn(at, " \t,");
        size_t word = strcspn(at, " \t,;"), n = strcspn(at, ",");
        const char *q = memchr(at, '=', n);
        bool taken = !q || strtod(q + 1, NULL) > 0;
        if (word == 4 && !strncasecmp(at, "gzip", 4))
            return taken;
        any |= word == 1 && *at == '*' && taken;
        at += n;
    }
    return any;
}

struct body {
    const void *data;
    size_t n;
    int level;
};

/* A sq_tile_cache_make. */
static enum sq_status pack(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    const struct body *b = arg;
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(b->level);
    size_t room = z ? libdeflate_gzip_compress_bound(z, b->n) : 0, n = 0;
    unsigned char *to = z ? malloc(room) : NULL;
    if (to && (n = libdeflate_gzip_compress(z, b->data, b->n, to, room))) {
        *ret = to;
        *ret_n = n;
    } else {
        free(to);
    }
    libdeflate_free_compressor(z);
    return n ? SQ_OK : sq_fail(e, SQ_FAILED, "out of memory for an answer");
}

static void release_blob(void *blob)
{
    sq_blob_release(blob);
}

static void replace(struct sq_response *r, const void *body, size_t n, void *owner, void (*release)(void *))
{
    char etag[sizeof r->etag];
    if (r->release)
        r->release(r->owner);
    r->body = body;
    r->n = n;
    r->owner = owner;
    r->release = release;
    r->encoding = "gzip";
    snprintf(etag, sizeof etag, "%s%.21s", *r->etag ? "W/" : "", r->etag);
    memcpy(r->etag, etag, sizeof etag);
}

void sq_gzip_answer(struct sq_site *s, const struct sq_request *q, struct sq_response *r)
{
    char name[32];
    struct sq_err err = {0};
    struct sq_blob *blob = NULL;
    unsigned char *bytes = NULL;
    size_t n = 0;
    if (r->code != 200 || r->n < LEAST || !sq_packs(r->type) || !sq_takes_gzip(q->accept_encoding))
        return;
    struct body b = {r->body, r->n, LEVEL_ONCE};
    if (r->n >= KEPT && *r->etag) {
        b.level = LEVEL_KEPT;
        snprintf(name, sizeof name, "gzip/%s", r->etag);
        if (!sq_tile_cache_get(s->cache, name, pack, &b, &blob, &err))
            replace(r, blob->data, blob->n, blob, release_blob);
    } else if (!pack(&b, &bytes, &n, &err)) {
        replace(r, bytes, n, bytes, free);
    }
}
