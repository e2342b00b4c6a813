/* A stand-in for the buckets, on a loopback port that the system chooses: the same listings, the same objects by
 * range, and faults on demand. */
#ifndef SQ_TESTS_STANDIN_H
#define SQ_TESTS_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum standin_fault {
    STANDIN_STATUS,      /* HTTP status `value`, with what S3 says then */
    STANDIN_RETRY_AFTER, /* 503, Retry-After: `value` */
    STANDIN_SLOW,        /* `value` ms after every 4 kB */
    STANDIN_CUT,         /* the connection is closed half-way through the body */
    STANDIN_RESET,       /* likewise, but reset */
    STANDIN_STALL,       /* nothing more for `value` ms half-way, then closed */
    STANDIN_SHORT,       /* half of the body, with a length that goes with it */
    STANDIN_LONG,        /* `value` bytes more than there are */
    STANDIN_DAMAGED,     /* one byte is wrong */
    STANDIN_NO_RANGES,   /* all of the object, whatever was asked */
    STANDIN_WRONG_RANGE, /* a range that begins one byte later */
    STANDIN_REDIRECT,    /* to the same path, once */
};

struct standin;

struct standin *standin_start(void);
void standin_stop(struct standin *s);
const char *standin_url(const struct standin *s); /* "http://127.0.0.1:PORT" */

/* An object; one of the same key is replaced. The bytes are copied. */
void standin_put(struct standin *s, const char *key, const void *bytes, size_t n);
void standin_remove_all(struct standin *s); /* objects, faults, the log, and how it lists */

/* Requests whose path and query hold `part` go wrong `times` times; -1: always. */
void standin_fault(struct standin *s, const char *part, enum standin_fault fault, int value, int times);
void standin_heal(struct standin *s); /* no faults any more */

/* Keys a page of the listings (0: 1000), and whether they come in reverse. */
void standin_listing(struct standin *s, int page, bool reversed);
/* Listings are this text. NULL: no more. */
void standin_listing_text(struct standin *s, const char *text);

/* What was asked: requests whose line "PATH?QUERY range=... if-match=..." holds `part`. */
int standin_count(struct standin *s, const char *part);
int standin_most_at_once(struct standin *s);
int64_t standin_bytes(struct standin *s); /* of bodies of objects, sent since the start or the last remove_all */

#endif
