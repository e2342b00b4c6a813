/* What quality control found in a frame: a reason for each thing touched, with counts. */
#ifndef SQ_CORE_QUALITY_H
#define SQ_CORE_QUALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sq_fault {
    SQ_FAULT_NONE,
    /* of cells */
    SQ_FAULT_CAPPED,     /* above the cap: set to it */
    SQ_FAULT_NEGATIVE,   /* slightly negative: set to 0 */
    SQ_FAULT_UNDECLARED, /* -1 and below, a code the file does not declare: missing */
    SQ_FAULT_NO_NUMBER,  /* infinite, or no number although measured: rejected, as those that follow */
    SQ_FAULT_SPIKE,      /* one cell far above all its neighbours */
    SQ_FAULT_STRIPE,     /* rows or columns unlike those on either side */
    SQ_FAULT_SPOKE,      /* a thin straight ray */
    SQ_FAULT_SPECKLE,    /* an island of a few cells without rain nearby in the frames beside it */
    SQ_FAULT_HALF,       /* a large area that was wet, or observed, and is not any more: half delivered */
    /* of whole frames */
    SQ_FAULT_FROZEN,  /* the frame before, once more */
    SQ_FAULT_SHIFTED, /* displaced in a way that no motion explains */
    SQ_FAULT_FAR,     /* far from its neighbours: amount of rain, or pattern */
    SQ_FAULTS
};

struct sq_quality_report {
    uint32_t cells[SQ_FAULTS]; /* touched, by reason */
    enum sq_fault frame;       /* why the whole frame was taken out; SQ_FAULT_NONE: it was not */
};

/* "spikes", "half delivered" */
const char *sq_fault_name(enum sq_fault f);

/* Cells touched for any reason. */
uint32_t sq_quality_cells(const struct sq_quality_report *r);

/* "frame rejected: frozen", or "spikes 12, speckle 40" (cells); false where there is nothing to say. */
bool sq_quality_text(const struct sq_quality_report *r, char *out, size_t size);

#endif
