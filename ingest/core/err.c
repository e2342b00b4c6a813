#include "err.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum sq_status sq_fail(struct sq_err *e, enum sq_status status, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        for (char *c = e->text; *c; c++) /* what files and users say may hold anything; a message is one line */
            if ((unsigned char)*c < ' ' || *c == 127)
                *c = ' ';
    }
    return status;
}

/* Maps are walked plane by plane, each on other pages: where these are small, finding them takes as long as what is on them. calloc
 * has not touched what it takes from the system, so it is not too late. */
static void prefer_huge(void *p, size_t bytes)
{
    const uintptr_t huge = 2 << 20, from = ((uintptr_t)p + huge - 1) / huge * huge, to = ((uintptr_t)p + bytes) / huge * huge;
    if (to > from)
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE); /* where it cannot be, nothing is lost */
}

enum sq_status sq_alloc(void **ret, size_t count, size_t size, const char *what, struct sq_err *e)
{
    count = count ? count : 1;
    size = size ? size : 1;
    void *p = calloc(count, size); /* it checks the product */
    if (!p)
        return sq_fail(e, SQ_FAILED, "out of memory for %s (%zu x %zu bytes)", what, count, size);
    prefer_huge(p, count * size);
    *ret = p;
    return SQ_OK;
}

enum sq_status sq_alloc_unknown(float **ret, size_t count, const char *what, struct sq_err *e)
{
    float *v;
    enum sq_status s = sq_alloc((void **)&v, count, sizeof *v, what, e);
    if (s)
        return s;
    for (size_t i = 0; i < count; i++)
        v[i] = NAN;
    *ret = v;
    return SQ_OK;
}
