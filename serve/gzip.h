/* Answers packed by gzip for those who take it. */
#ifndef SQ_SERVE_GZIP_H
#define SQ_SERVE_GZIP_H

#include "router.h"

/* Whether answers of this Content-Type are packed at all: texts are, pictures are packed already. NULL may be. */
bool sq_packs(const char *type);

/* Whether an Accept-Encoding header, NULL where there is none, takes gzip (RFC 9110, 12.5.3). */
bool sq_takes_gzip(const char *header);

/* Packs the body where the client takes that and it is worth it; its ETag becomes a weak one. What does not change and is
 * large is packed once. Without memory the answer stays as it is. */
void sq_gzip_answer(struct sq_site *s, const struct sq_request *q, struct sq_response *r);

#endif
