/* A site without sockets for tests: requests as text, answers as they are, and what is needed to look into them. */
#ifndef SQ_TESTS_SMALL_SITE_H
#define SQ_TESTS_SMALL_SITE_H

#include "small_forecast.h"

#include "router.h"

#include <ctype.h>
#include <png.h>

#define TILE "tiles/prob/20160711T2200Z/30/7/30/48.png" /* somewhere on the grid lcc */
enum { SMALL_NOW = 1468274400 + 60 }; /* a minute after the small forecasts' reference time */

/* Leads to an hour, every five minutes, `later` seconds after the others. */
static inline struct sq_forecast small_hour(const struct small_grid *g, int later)
{
    struct sq_forecast f = small_forecast(g);
    f.issue_time += later;
    f.n_lead = 12;
    for (int i = 0; i < f.n_lead; i++)
        f.lead_s[i] = 300 * (i + 1);
    return f;
}

/* Writes it as `name` into the folder. */
static inline void small_file(const char *name, const struct small_grid *g, int later)
{
    struct sq_err err = {0};
    struct sq_forecast f = small_hour(g, later);
    REQUIRE_OK(small_write(test_path(name), &f, f.n_lead, &err));
    sq_forecast_finish(&f);
}

static inline struct sq_site *small_site(void)
{
    struct sq_err err = {0};
    struct sq_site *s = NULL;
    const struct sq_site_params p = {.folder = test_folder(), SQ_SITE_DEFAULTS};
    REQUIRE_OK(sq_site_create(&p, &s, &err));
    return s;
}

/* The site of one forecast on that grid. */
static inline struct sq_site *small_site_of(const struct small_grid *g)
{
    small_file("squall_20160711T2200Z.nc", g, 0);
    struct sq_site *s = small_site();
    REQUIRE(sq_store_scan(sq_site_store(s), SMALL_NOW) == 1);
    return s;
}

static inline struct sq_response ask(struct sq_site *s, const char *target)
{
    struct sq_response r;
    const struct sq_request q = {.method = "GET", .target = target, .host = "localhost:8080", .now = SMALL_NOW};
    sq_route(s, &q, &r);
    return r;
}

static inline int code_of(struct sq_site *s, const char *target)
{
    struct sq_response r = ask(s, target);
    int code = r.code;
    sq_response_finish(&r);
    return code;
}

/* The body as a string; the code must be 200. The caller frees. */
static inline char *body_of(struct sq_site *s, const char *target)
{
    struct sq_response r = ask(s, target);
    if (r.code != 200)
        fail_msg("%s: %d %.*s", target, r.code, (int)r.n, r.body ? (const char *)r.body : "");
    char *text = calloc(1, r.n + 1);
    REQUIRE(text);
    memcpy(text, r.body, r.n);
    sq_response_finish(&r);
    return text;
}

/* ---- JSON, read strictly -------------------------------------------------------------------------------- */

static inline const char *json_value(const char *s, int depth);

static inline const char *json_string(const char *s)
{
    if (*s++ != '"')
        return NULL;
    for (; *s && *s != '"'; s++) {
        if ((unsigned char)*s < 0x20)
            return NULL;
        if (*s == '\\') {
            s++;
            if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") >= 4)
                s += 4;
            else if (!*s || !strchr("\"\\/bfnrt", *s))
                return NULL;
        }
    }
    return *s ? s + 1 : NULL;
}

static inline const char *json_number(const char *s)
{
    s += *s == '-';
    if (!isdigit((unsigned char)*s) || (*s == '0' && isdigit((unsigned char)s[1])))
        return NULL;
    s += strspn(s, "0123456789");
    if (*s == '.') {
        if (!isdigit((unsigned char)s[1]))
            return NULL;
        s += 1 + strspn(s + 1, "0123456789");
    }
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '-' || s[1] == '+');
        if (!isdigit((unsigned char)*s))
            return NULL;
        s += strspn(s, "0123456789");
    }
    return s;
}

static inline const char *json_list(const char *s, int depth)
{
    char end = *s == '{' ? '}' : ']';
    if (*++s == end)
        return s + 1;
    for (;; s++) {
        if (end == '}' && (!(s = json_string(s)) || *s++ != ':'))
            return NULL;
        if (!(s = json_value(s, depth + 1)))
            return NULL;
        if (*s == end)
            return s + 1;
        if (*s != ',')
            return NULL;
    }
}

/* What follows the value, or NULL where it is none. Blanks are none of ours. */
static inline const char *json_value(const char *s, int depth)
{
    static const char *const word[] = {"true", "false", "null"};
    if (depth > 20)
        return NULL;
    for (int i = 0; i < 3; i++)
        if (!strncmp(s, word[i], strlen(word[i])))
            return s + strlen(word[i]);
    return *s == '{' || *s == '[' ? json_list(s, depth) : *s == '"' ? json_string(s) : json_number(s);
}

static inline bool is_json(const char *s)
{
    const char *end = json_value(s, 0);
    return end && !strcmp(end, "\n");
}

/* The number behind "key": — the first one of that name. */
static inline double json_at(const char *s, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(s, quoted);
    if (!at)
        fail_msg("no %s in %s", key, s);
    return strncmp(at + strlen(quoted), "null", 4) ? atof(at + strlen(quoted)) : (double)NAN;
}

/* ---- PNG ------------------------------------------------------------------------------------------------- */

struct small_png {
    int side, bits, n_palette;
    uint8_t index[512 * 512];
    uint32_t rgba[256];
    char text[2000]; /* "key=value\n" each */
};

struct small_bytes {
    const unsigned char *data;
    size_t n, at;
};

static inline void small_png_read(png_structp png, png_bytep to, size_t n)
{
    struct small_bytes *b = png_get_io_ptr(png);
    if (n > b->n - b->at)
        png_error(png, "too short");
    memcpy(to, b->data + b->at, n);
    b->at += n;
}

/* libpng's own checks of sizes and checksums included; any fault ends the test. */
static inline void decode_png(const void *data, size_t n, struct small_png *ret)
{
    struct small_bytes b = {data, n, 0};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    png_bytep alpha = NULL;
    png_colorp colour = NULL;
    png_textp text = NULL;
    int n_alpha = 0;
    REQUIRE(info);
    memset(ret, 0, sizeof *ret);
    png_set_read_fn(png, &b, small_png_read);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png, info);
    ret->side = (int)png_get_image_width(png, info);
    ret->bits = png_get_bit_depth(png, info);
    REQUIRE(ret->side <= 512 && png_get_image_height(png, info) == (unsigned)ret->side);
    png_get_PLTE(png, info, &colour, &ret->n_palette);
    png_get_tRNS(png, info, &alpha, &n_alpha, NULL);
    for (int i = 0; i < ret->n_palette; i++)
        ret->rgba[i] = (uint32_t)colour[i].red << 24 | (uint32_t)colour[i].green << 16 | (uint32_t)colour[i].blue << 8 |
                       (i < n_alpha ? alpha[i] : 255u);
    png_set_packing(png);
    for (int y = 0; y < ret->side; y++)
        png_read_row(png, ret->index + (size_t)y * (size_t)ret->side, NULL);
    png_read_end(png, info);
    int n_text = png_get_text(png, info, &text, NULL);
    for (int i = 0; i < n_text; i++)
        snprintf(ret->text + strlen(ret->text), sizeof ret->text - strlen(ret->text), "%s=%s\n", text[i].key, text[i].text);
    png_destroy_read_struct(&png, &info, NULL);
    REQUIRE(b.at == n);
}

static inline void ask_png(struct sq_site *s, const char *target, struct small_png *ret)
{
    struct sq_response r = ask(s, target);
    if (r.code != 200)
        fail_msg("%s: %d %.*s", target, r.code, (int)r.n, (const char *)r.body);
    assert_string_equal(r.type, "image/png");
    decode_png(r.body, r.n, ret);
    sq_response_finish(&r);
}

#endif
