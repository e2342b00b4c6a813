/* The maps of a forecast file into memory, by as many threads as there are cores. */
#ifndef SQ_SERVE_RUN_LEADS_H
#define SQ_SERVE_RUN_LEADS_H

#include "run.h"
#include "serve.h"

/* Fills ret->lead; ret->f is the reader's forecast. Nobody may use the reader, or netCDF, meanwhile. Each thread takes 6 bytes
 * for each threshold and cell of a chunk of the file: 7 MB for 17 thresholds. */
enum sq_status sq_run_leads(struct sq_product_reader *r, struct sq_run *ret, struct sq_err *e) SQ_CHECK;

#endif
