#include "quality.h"

#include <stdio.h>

static const char *const names[SQ_FAULTS] = {
    [SQ_FAULT_NONE] = "none",
    [SQ_FAULT_CAPPED] = "above the cap",
    [SQ_FAULT_NEGATIVE] = "negative",
    [SQ_FAULT_UNDECLARED] = "undeclared codes",
    [SQ_FAULT_NO_NUMBER] = "no numbers",
    [SQ_FAULT_SPIKE] = "spikes",
    [SQ_FAULT_STRIPE] = "stripes",
    [SQ_FAULT_SPOKE] = "spokes",
    [SQ_FAULT_SPECKLE] = "speckle",
    [SQ_FAULT_HALF] = "half delivered",
    [SQ_FAULT_FROZEN] = "frozen",
    [SQ_FAULT_SHIFTED] = "shifted",
    [SQ_FAULT_FAR] = "far from its neighbours",
};

const char *sq_fault_name(enum sq_fault f)
{
    return names[f];
}

uint32_t sq_quality_cells(const struct sq_quality_report *r)
{
    uint32_t n = 0;
    for (int k = 0; k < SQ_FAULTS; k++)
        n += r->cells[k];
    return n;
}

bool sq_quality_text(const struct sq_quality_report *r, char *out, size_t size)
{
    int used = snprintf(out, size, r->frame ? "frame rejected: %s" : "%s", r->frame ? names[r->frame] : "");
    const char *gap = used ? "; cells " : "cells ";
    for (int k = 0; k < SQ_FAULTS; k++) {
        if (!r->cells[k] || used < 0 || (size_t)used >= size)
            continue;
        used += snprintf(out + used, size - (size_t)used, "%s%s %u", gap, names[k], (unsigned)r->cells[k]);
        gap = ", ";
    }
    return used > 0;
}
