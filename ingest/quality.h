/* Quality control of radar frames: see quality.c for impossible rates, the other files for what their names say.
 *
 * Of one frame, where it is read, on its own grid: rates, spikes, stripes. In a cube, where there are
 * frames on either side: spokes, speckle, half-delivered, frozen, shifted and far-off frames. What is rejected becomes NaN
 * and SQ_STATE_REJECTED; nothing is ever filled. After ideas of Gabella and Notarpietro (ERAD 2002: lone cells and
 * small islands), Peura (ERAD 2002, and BALTRAD's ropo after it: specks, and thin straight segments of emitters and
 * the sun), Gourley et al. (2007: texture), and Kuglin and Hines (1975: displacement by correlation). */
#ifndef SQ_INGEST_QUALITY_H
#define SQ_INGEST_QUALITY_H

#include "ingest.h"

/* A frame under examination. */
struct sq_examined {
    int nx, ny;
    float *rate_mmh;                  /* (ny, nx), NaN = not observed */
    uint8_t *state;                   /* (ny, nx) or NULL */
    struct sq_quality_report *report;
};

/* Cell i becomes NaN for reason `why`, unless it is already, and 0 in `wet` (or NULL). */
void sq_quality_reject(struct sq_examined *f, float *wet, size_t i, enum sq_fault why);

/* Impossible rates, the range disc, then the checks below; f->report is filled. */
enum sq_status sq_quality_apply(struct sq_field *f, const struct sq_read_params *p, struct sq_err *e) SQ_CHECK;

/* Each takes `wet`, (ny, nx): the rate, 0 where it is NaN; cells that they reject become 0 in it. */
enum sq_status sq_quality_spikes(struct sq_examined *f, float *wet, double ratio, struct sq_err *e) SQ_CHECK;
enum sq_status sq_quality_stripes(struct sq_examined *f, float *wet, int least_cells, struct sq_err *e) SQ_CHECK;

/* A frame beside the one under examination, and where its rain has moved until then, or comes from, in cells. */
struct sq_beside {
    const float *rate_mmh; /* (ny, nx); NULL: there is no such frame */
    int moved[2];          /* along x and y */
};

/* Islands of at most `most_cells` cells that have no rain near them in the frames beside; with none, nothing is done. */
void sq_quality_speckle(struct sq_examined *f, const struct sq_beside beside[2], int most_cells);

/* Thin straight rays over at least `least_cells` rows or columns, which the frame beside does not have. */
enum sq_status sq_quality_spokes(struct sq_examined *f, const struct sq_beside *beside, int least_cells,
                                 struct sq_err *e) SQ_CHECK;

/* Rectangles that should hold rain after both frames beside, and are dry: rejected, where it is known how rain moves. *ret_lost is the part of the rain, or of the
 * observed cells, that is missing: 0 to 1. */
enum sq_status sq_quality_half(struct sq_examined *f, const struct sq_beside beside[2], bool moves_known,
                               double *ret_lost, struct sq_err *e) SQ_CHECK;

/* All checks that need a sequence; fills the reports of the frames. Rejected frames become gaps. */
enum sq_status sq_quality_sequence(struct sq_cube *c, const struct sq_quality_params *p, struct sq_err *e) SQ_CHECK;

#endif
