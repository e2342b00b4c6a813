/* The forecasts that are served: the newest of a folder, and the radar frames of the past two hours, whole in memory.
 *
 * A new forecast is read completely and then put in place by one swap of a list; who holds the old list goes on with
 * it. A bad file changes nothing. Any thread, but one at a time scans. */
#ifndef SQ_SERVE_STORE_H
#define SQ_SERVE_STORE_H

#include "run.h"

enum { SQ_KEEP_MAX = 32, SQ_FRAMES_MAX = 96, SQ_PAST_S = 7200, SQ_PAST_SLACK_S = 900 };

/* What is served at one moment; constant. */
struct sq_shelf {
    atomic_int held;
    int n_run, n_frame;
    struct sq_run *run[SQ_KEEP_MAX];       /* the newest first; a later forecast of the same time before an earlier one */
    struct sq_frame *frame[SQ_FRAMES_MAX]; /* the newest first, each time once */
    int64_t since; /* UTC s: when it came into being; 0 for the first, empty one */
};

struct sq_store;
/* Keeps `keep` forecasts, [1, SQ_KEEP_MAX]. The folder need not be there yet. folder NULL: only what is put. */
enum sq_status sq_store_create(const char *folder, int keep, struct sq_store **ret, struct sq_err *e) SQ_CHECK;
void sq_store_destroy(struct sq_store **s);

/* Looks through the folder once and takes in what is new: "*.nc", but no hidden file. Files that cannot be read are logged once and tried
 * again when they change. Returns how many forecasts were taken in. */
int sq_store_scan(struct sq_store *s, int64_t now);
/* The same every second, in a thread of its own; the first time at once. Stopped by destroy. */
enum sq_status sq_store_watch(struct sq_store *s, struct sq_err *e) SQ_CHECK;
/* What is called, by the one who scans, whenever a forecast was taken in. To be set before any scan. */
void sq_store_tell(struct sq_store *s, void (*on_new)(void *arg), void *arg);

/* Takes in a run, now; it becomes the store's. */
enum sq_status sq_store_put(struct sq_store *s, struct sq_run *run, int64_t now, struct sq_err *e) SQ_CHECK;

struct sq_shelf *sq_store_hold(struct sq_store *s);
void sq_shelf_release(struct sq_shelf *s);

struct sq_store_count {
    unsigned long long taken, failed; /* files */
    double load_s;                    /* reading the newest took */
};
void sq_store_count(struct sq_store *s, struct sq_store_count *ret);

#endif
