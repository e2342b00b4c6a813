/* What is in a bucket for a time. */
#ifndef SQ_INGEST_FETCH_BUCKET_H
#define SQ_INGEST_FETCH_BUCKET_H

#include "fetch_http.h"

/* An object, and the file that it becomes. */
struct sq_item {
    char *key, *etag, *url; /* owned */
    int64_t size, time;
    int lead_h;
    char name[SQ_FETCH_NAME_MAX]; /* of the file here: safe, without a folder */
    bool wanted;
    /* for the caller */
    struct sq_span *span; /* what of it is fetched; owned */
    int n_span;
    int64_t bytes; /* the sum of that */
    bool there;    /* the file is here already */
    void *owner;
};

struct sq_items {
    struct sq_item *v; /* ascending in time, then lead; one for each */
    int n, room;
};

/* Objects of the set from `from` to `to`, both included; where `newest` is not 0, those of so many times at most,
 * the newest that have every lead wanted. None is no failure. Caller finishes *ret. */
enum sq_status sq_bucket_list(const struct sq_dataset *set, const struct sq_http_params *http, int64_t from, int64_t to,
                              int newest, struct sq_items *ret, struct sq_err *e) SQ_CHECK;
void sq_items_finish(struct sq_items *items);

#endif
