/* The part of XML that S3 listings are made of: elements, attributes that are passed over, text with entities.
 * Comments, CDATA, document types and processing instructions but the first are refused. */
#include "fetch.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8, NAME_ROOM = 48, TEXT_ROOM = 4096 };
#define SIZE_LIMIT (INT64_C(1) << 50) /* S3's largest objects are far smaller; sums of sizes stay in range */

struct reader {
    const char *where, *at, *end;
    struct sq_err *e;
    int depth;
    char open[DEPTH_MAX][NAME_ROOM]; /* names of the elements we are in */
    char text[TEXT_ROOM];            /* of the innermost one, since its tag */
    size_t n_text;
    /* what is being put together */
    char key[SQ_KEY_MAX], etag[128], *next;
    int64_t size;
    bool truncated, has_key, has_size;
    char code[64]; /* of an answer that is an error */
    sq_on_listed *on;
    void *ctx;
};

static enum sq_status broken(const struct reader *r, const char *what)
{
    return sq_fail(r->e, SQ_FAILED, "%.250s: the listing is broken: %s", r->where, what);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static bool put(struct reader *r, char c)
{
    if (r->n_text + 1 >= TEXT_ROOM)
        return false;
    r->text[r->n_text++] = c;
    r->text[r->n_text] = 0;
    return true;
}

/* A character reference as UTF-8. */
static bool put_code(struct reader *r, unsigned long c)
{
    if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    if (c < 0x80)
        return put(r, (char)c);
    if (c >= 0x10000)
        return put(r, (char)(0xf0 | c >> 18)) && put(r, (char)(0x80 | (c >> 12 & 63))) &&
               put(r, (char)(0x80 | (c >> 6 & 63))) && put(r, (char)(0x80 | (c & 63)));
    if (c >= 0x800)
        return put(r, (char)(0xe0 | c >> 12)) && put(r, (char)(0x80 | (c >> 6 & 63))) && put(r, (char)(0x80 | (c & 63)));
    return put(r, (char)(0xc0 | c >> 6)) && put(r, (char)(0x80 | (c & 63)));
}

/* At an ampersand. */
static bool take_entity(struct reader *r)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    char word[16], *end;
    const char *semicolon = memchr(r->at, ';', (size_t)(r->end - r->at));
    size_t n = semicolon ? (size_t)(semicolon - r->at) - 1 : 0;
    if (!n || n >= sizeof word)
        return false;
    memcpy(word, r->at + 1, n);
    word[n] = 0;
    r->at = semicolon + 1;
    if (word[0] == '#') {
        bool hex = word[1] == 'x';
        if (!isxdigit((unsigned char)word[1 + hex]))
            return false;
        unsigned long c = strtoul(word + 1 + hex, &end, hex ? 16 : 10);
        return !*end && put_code(r, c);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(word, known[i].name))
            return put(r, known[i].c);
    return false;
}

static enum sq_status take_text(struct reader *r)
{
    while (r->at < r->end && *r->at != '<') {
        if (!*r->at || (*r->at == '&' ? !take_entity(r) : !put(r, *r->at++)))
            return broken(r, "a text is too long, or has characters that it cannot have");
    }
    return SQ_OK;
}

/* ---- elements --------------------------------------------------------------------------------------------------- */

static bool inside(const struct reader *r, const char *parent, const char *name)
{
    return r->depth >= 2 && !strcmp(r->open[r->depth - 2], parent) && !strcmp(r->open[r->depth - 1], name);
}

static bool text_to(const struct reader *r, char *room, size_t size)
{
    if (r->n_text >= size || strlen(r->text) != r->n_text)
        return false;
    memcpy(room, r->text, r->n_text + 1);
    return true;
}

static bool text_to_size(struct reader *r)
{
    char *end;
    errno = 0;
    long long v = strtoll(r->text, &end, 10);
    r->size = v;
    r->has_size = true;
    return isdigit((unsigned char)r->text[0]) && !*end && !errno && v >= 0 && v <= SIZE_LIMIT;
}

static enum sq_status pass_on(struct reader *r)
{
    const struct sq_listed item = {r->key, r->etag, r->size};
    if (!r->has_key || !r->has_size)
        return broken(r, "an object without Key or Size");
    return r->on(r->ctx, &item, r->e);
}

/* The innermost element has ended. */
static enum sq_status take_element(struct reader *r)
{
    static const char root[] = "ListBucketResult", object[] = "Contents";
    bool fine = true;
    if (r->depth == 2 && inside(r, root, object))
        return pass_on(r);
    if (r->depth == 2 && inside(r, root, "IsTruncated")) {
        r->truncated = !strcmp(r->text, "true");
        fine = r->truncated || !strcmp(r->text, "false");
    } else if (r->depth == 2 && inside(r, root, "NextContinuationToken")) {
        free(r->next);
        r->next = strdup(r->text);
        fine = r->next && r->n_text;
    } else if (r->depth == 3 && inside(r, object, "Key")) {
        fine = r->has_key = text_to(r, r->key, sizeof r->key) && r->n_text;
    } else if (r->depth == 3 && inside(r, object, "Size")) {
        fine = text_to_size(r);
    } else if (r->depth == 3 && inside(r, object, "ETag")) {
        fine = text_to(r, r->etag, sizeof r->etag) && !strpbrk(r->etag, "\r\n");
    } else if (r->depth == 2 && inside(r, "Error", "Code")) {
        fine = text_to(r, r->code, sizeof r->code);
    }
    return fine ? SQ_OK : broken(r, r->open[r->depth - 1]);
}

static bool take_name(struct reader *r, char room[NAME_ROOM])
{
    size_t n = 0;
    while (r->at + n < r->end && (isalnum((unsigned char)r->at[n]) || strchr("_-.:", r->at[n])) && r->at[n])
        n++;
    if (!n || n >= NAME_ROOM)
        return false;
    memcpy(room, r->at, n);
    room[n] = 0;
    r->at += n;
    return true;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
}

/* Attributes, to the end of the tag; *ret_closed where it closes itself. */
static bool take_attributes(struct reader *r, bool *ret_closed)
{
    char name[NAME_ROOM];
    for (;;) {
        skip_blanks(r);
        *ret_closed = r->at < r->end && *r->at == '/';
        r->at += *ret_closed;
        if (r->at < r->end && *r->at == '>')
            return r->at++, true;
        if (*ret_closed || !take_name(r, name))
            return false;
        if (r->end - r->at < 2 || r->at[0] != '=' || (r->at[1] != '"' && r->at[1] != '\''))
            return false;
        const char *quote = memchr(r->at + 2, r->at[1], (size_t)(r->end - r->at - 2));
        if (!quote)
            return false;
        r->at = quote + 1;
    }
}

static enum sq_status open_element(struct reader *r)
{
    bool closed;
    if (r->depth == DEPTH_MAX || !take_name(r, r->open[r->depth]) || !take_attributes(r, &closed))
        return broken(r, "a tag that cannot be read");
    const char *name = r->open[r->depth++];
    if (r->depth == 1 && strcmp(name, "ListBucketResult") && strcmp(name, "Error"))
        return broken(r, "it is none of S3");
    if (r->depth == 2 && !strcmp(name, "Contents")) {
        r->has_key = r->has_size = false;
        r->etag[0] = 0;
    }
    r->n_text = 0;
    r->text[0] = 0;
    enum sq_status status = closed ? take_element(r) : SQ_OK;
    r->depth -= closed;
    return status;
}

static enum sq_status close_element(struct reader *r)
{
    char name[NAME_ROOM];
    if (!take_name(r, name) || !r->depth || strcmp(name, r->open[r->depth - 1]))
        return broken(r, "an element ends that did not begin");
    skip_blanks(r);
    if (r->at == r->end || *r->at++ != '>')
        return broken(r, "it breaks off");
    enum sq_status status = take_element(r);
    r->depth--;
    r->n_text = 0;
    r->text[0] = 0;
    return status;
}

static enum sq_status read_all(struct reader *r)
{
    static const char head[] = "<?xml";
    bool begun = false;
    skip_blanks(r);
    if (r->end - r->at > 5 && !memcmp(r->at, head, 5)) {
        const char *end = memchr(r->at, '>', (size_t)(r->end - r->at));
        r->at = end ? end + 1 : r->end;
    }
    for (;;) {
        if (r->depth) {
            enum sq_status status = take_text(r);
            if (status)
                return status;
        } else {
            skip_blanks(r);
        }
        if (r->at == r->end)
            return begun && !r->depth ? SQ_OK : broken(r, "it breaks off");
        if (*r->at++ != '<' || (begun && !r->depth))
            return broken(r, "something stands outside of it");
        bool closes = r->at < r->end && *r->at == '/';
        r->at += closes;
        enum sq_status status = closes ? close_element(r) : open_element(r);
        if (status)
            return status;
        begun = true;
    }
}

enum sq_status sq_listing_parse(const char *where, const char *text, size_t size, sq_on_listed *on, void *ctx,
                                char **ret_next, struct sq_err *e)
{
    struct reader *r = NULL;
    enum sq_status status = sq_alloc((void **)&r, 1, sizeof *r, "a listing", e);
    if (status)
        return status;
    *r = (struct reader){.where = where, .at = text, .end = text + size, .e = e, .on = on, .ctx = ctx};
    status = read_all(r);
    if (!status && !strcmp(r->open[0], "Error"))
        status = sq_fail(e, SQ_FAILED, "%.250s: the server says %s", where, r->code[0] ? r->code : "that it failed");
    if (!status && r->truncated && !r->next)
        status = broken(r, "it goes on, but does not say how");
    if (!status) {
        *ret_next = r->truncated ? r->next : NULL;
        r->next = r->truncated ? NULL : r->next;
    }
    free(r->next);
    free(r);
    return status;
}
