/* GOES ABI level 2 cloud and moisture imagery, all bands in a file (MCMIP), as NOAA writes it: packed unsigned shorts on
 * the fixed grid, with DQF (GOES-R Product Definition and Users' Guide, volume 5). */
#ifndef SQ_INGEST_ABI_WRITE_H
#define SQ_INGEST_ABI_WRITE_H

#include "core/grid.h"

#include <stdint.h>

enum { SQ_ABI_FILE_BANDS = 16 };

#define SQ_ABI_HEIGHT_M 35786023.0
#define SQ_ABI_PIXEL_RAD 56e-6 /* at 2 km; pixel centres lie at odd multiples of its half */

/* The name that NOAA gives it: scan from `start` to `end` (UTC s). */
void sq_abi_name(int64_t start, int64_t end, char ret[96]);

/* Writes it whole or not at all. `g` is a part of the fixed grid, in PROJ's metres; band[k] (ny, nx) has no NaN. */
enum sq_status sq_abi_write(const char *path, const struct sq_grid *g, double lon_0, int64_t start, int64_t end,
                            float *const band[SQ_ABI_FILE_BANDS], struct sq_err *e) SQ_CHECK;

#endif
