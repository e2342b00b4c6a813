/* The CF netCDF file that squall writes of observed or simulated rain, and that it reads back like any other:
 * rain_rate(time, y, x) as uint16 in 0.01 mm/h, 65535 = not observed, y from north to south, one chunk a
 * frame, the coordinate system as CF attributes and as crs:proj4. Gaps are times that are not there. */
#ifndef SQ_INGEST_RAIN_FILE_H
#define SQ_INGEST_RAIN_FILE_H

#include "core/grid.h"

#include <stdint.h>

struct sq_rain_file;

/* `title` and `source` are the attributes of these names. Destroy without publish leaves nothing behind. */
enum sq_status sq_rain_file_create(const char *path, const struct sq_grid *g, int n_frames, const char *title,
                                   const char *source, struct sq_rain_file **ret, struct sq_err *e) SQ_CHECK;
/* The next frame; n_frames of them, times ascending. Rates beyond 655.34 mm/h are written as that. */
enum sq_status sq_rain_file_put(struct sq_rain_file *f, int64_t time, const float *rate_mmh,
                                struct sq_err *e) SQ_CHECK;
enum sq_status sq_rain_file_publish(struct sq_rain_file *f, struct sq_err *e) SQ_CHECK;
void sq_rain_file_destroy(struct sq_rain_file **f);

#endif
