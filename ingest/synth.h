/* What the files of simulated weather share. */
#ifndef SQ_INGEST_SYNTH_H
#define SQ_INGEST_SYNTH_H

#include "ingest.h"
#include "world.h"

/* Fills in defaults, and the world whose middle is that of the grid; `where` begins messages. */
enum sq_status sq_synth_begin(struct sq_synth_params *p, const char *where, struct sq_world *ret,
                              struct sq_err *e) SQ_CHECK;

#endif
