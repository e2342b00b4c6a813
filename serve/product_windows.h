/* The probabilities of a forecast file, a window of the map at a time, by several threads at once.
 *
 * Files as squall wrote and sealed them are unpacked here, chunk by chunk, for netCDF-C does one thing at a time; others,
 * those that passed through other hands, are read by netCDF-C, in a process of its own. Meanwhile nobody may use the reader, or netCDF. */
#ifndef SQ_SERVE_PRODUCT_WINDOWS_H
#define SQ_SERVE_PRODUCT_WINDOWS_H

#include "serve.h"

struct sq_windows;
/* The reader must outlive it. */
enum sq_status sq_windows_create(struct sq_product_reader *r, struct sq_windows **ret, struct sq_err *e) SQ_CHECK;
void sq_windows_destroy(struct sq_windows **w);

/* Cells of a window: multiples of 32 unless it takes the whole map. */
int sq_windows_rows(const struct sq_windows *w);
int sq_windows_cols(const struct sq_windows *w);
/* Whether several threads are faster than one. */
bool sq_windows_parallel(const struct sq_windows *w);

/* What one thread needs. */
struct sq_window_hand;
enum sq_status sq_window_hand_create(const struct sq_windows *w, struct sq_window_hand **ret, struct sq_err *e) SQ_CHECK;
void sq_window_hand_destroy(struct sq_window_hand **h);

/* The window that begins at a cell that is a multiple of its size: (n_threshold, n_rows, n_cols), NaN where there is no
 * forecast; at the map's edges n_rows and n_cols are what is left of it. Values are in [0, 1]. */
enum sq_status sq_windows_get(struct sq_windows *w, struct sq_window_hand *h, int lead, int row, int col, float *ret_prob,
                              struct sq_err *e) SQ_CHECK;

#endif
