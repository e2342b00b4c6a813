/* Text that grows: JSON, XML and plain lines, written front to back, one writer for all that is served as text.
 *
 * Commas and quotes are the writer's business, and so is escaping: no string reaches JSON or XML otherwise than
 * through it. Out of memory is remembered in `failed`, and what follows is dropped. One thread. */
#ifndef SQ_SERVE_TEXT_H
#define SQ_SERVE_TEXT_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SQ_JSON_DEPTH 16

struct sq_text {
    char *data; /* NUL at its end */
    size_t n, room;
    bool failed;
    int depth;
    bool more[SQ_JSON_DEPTH]; /* something stands at this depth already */
};

/* Accepts a zeroed struct. */
void sq_text_finish(struct sq_text *t);

void sq_text_put(struct sq_text *t, const char *s);
void sq_text_f(struct sq_text *t, const char *fmt, ...) SQ_PRINTF(2, 3);
/* With <, >, &, ' and " escaped; control characters, which XML forbids, become blanks. */
void sq_text_xml(struct sq_text *t, const char *s);

/* JSON: objects and arrays are opened and closed with their brackets. Key NULL: an element of an array. Strings are
 * UTF-8; NULL is null. What is not a finite number is null. */
void sq_json_open(struct sq_text *t, const char *key, char bracket);
void sq_json_close(struct sq_text *t, char bracket);
void sq_json_string(struct sq_text *t, const char *key, const char *value);
void sq_json_whole(struct sq_text *t, const char *key, int64_t value);
/* Rounded to `digits` significant ones. */
void sq_json_number(struct sq_text *t, const char *key, double value, int digits);
void sq_json_bool(struct sq_text *t, const char *key, bool value);
void sq_json_time(struct sq_text *t, const char *key, int64_t time); /* "2016-07-11T22:00:00Z" */

#endif
