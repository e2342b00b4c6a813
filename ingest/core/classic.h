/* The header of a classic netCDF file (CDF-1, 2 and 5), walked before netCDF-C sees it: the library believes
 * every count and type in it. A file of 100 bytes that claims 2^31 dimensions keeps it busy until memory ends;
 * one of 360 bytes with a variable of no known type ends the process; of a file that was cut it reads the missing end as
 * zeros, which would be no rain. */
#ifndef SQ_CORE_CLASSIC_H
#define SQ_CORE_CLASSIC_H

#include "err.h"

/* SQ_FAILED where the file, known to begin with "CDF", does not hold what its header claims. */
enum sq_status sq_classic_check(const char *path, struct sq_err *e) SQ_CHECK;

#endif
