#include "text.h"

#include "core/instant.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sq_text_finish(struct sq_text *t)
{
    free(t->data);
    *t = (struct sq_text){0};
}

/* Room for n more characters and the NUL. */
static bool make_room(struct sq_text *t, size_t n)
{
    if (t->failed || n < t->room - t->n)
        return !t->failed;
    size_t room = 2 * t->room + n + 256;
    char *more = realloc(t->data, room);
    if (!more) {
        t->failed = true;
        return false;
    }
    t->data = more;
    t->room = room;
    return true;
}

static void put_n(struct sq_text *t, const char *s, size_t n)
{
    if (!make_room(t, n))
        return;
    memcpy(t->data + t->n, s, n);
    t->n += n;
    t->data[t->n] = 0;
}

void sq_text_put(struct sq_text *t, const char *s)
{
    put_n(t, s, strlen(s));
}

void sq_text_f(struct sq_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && make_room(t, (size_t)n)) {
        vsnprintf(t->data + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void sq_text_xml(struct sq_text *t, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '<': sq_text_put(t, "&lt;"); break;
        case '>': sq_text_put(t, "&gt;"); break;
        case '&': sq_text_put(t, "&amp;"); break;
        case '"': sq_text_put(t, "&quot;"); break;
        case '\'': sq_text_put(t, "&#39;"); break;
        default: put_n(t, (unsigned char)*s < 0x20 || *s == 0x7f ? " " : s, 1);
        }
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void quote(struct sq_text *t, const char *s)
{
    put_n(t, "\"", 1);
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            sq_text_f(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            sq_text_f(t, "\\u%04x", (unsigned char)*s);
        else
            put_n(t, s, 1);
    put_n(t, "\"", 1);
}

/* What stands before a value: a comma, a key. */
static void lead_in(struct sq_text *t, const char *key)
{
    if (t->depth && t->more[t->depth - 1])
        put_n(t, ",", 1);
    if (t->depth)
        t->more[t->depth - 1] = true;
    if (key) {
        quote(t, key);
        put_n(t, ":", 1);
    }
}

void sq_json_open(struct sq_text *t, const char *key, char bracket)
{
    assert(t->depth < SQ_JSON_DEPTH);
    lead_in(t, key);
    put_n(t, &bracket, 1);
    t->more[t->depth++] = false;
}

void sq_json_close(struct sq_text *t, char bracket)
{
    assert(t->depth > 0);
    t->depth--;
    put_n(t, &bracket, 1);
}

void sq_json_string(struct sq_text *t, const char *key, const char *value)
{
    lead_in(t, key);
    if (value)
        quote(t, value);
    else
        sq_text_put(t, "null");
}

void sq_json_whole(struct sq_text *t, const char *key, int64_t value)
{
    lead_in(t, key);
    sq_text_f(t, "%lld", (long long)value);
}

void sq_json_number(struct sq_text *t, const char *key, double value, int digits)
{
    lead_in(t, key);
    if (isfinite(value))
        sq_text_f(t, "%.*g", digits, value);
    else
        sq_text_put(t, "null");
}

void sq_json_bool(struct sq_text *t, const char *key, bool value)
{
    lead_in(t, key);
    sq_text_put(t, value ? "true" : "false");
}

void sq_json_time(struct sq_text *t, const char *key, int64_t time)
{
    char iso[32];
    sq_json_string(t, key, sq_instant_iso(time, iso));
}
