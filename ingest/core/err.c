#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

enum sq_status sq_alloc(void **ret, size_t count, size_t size, const char *what, struct sq_err *e)
{
    void *p = calloc(count ? count : 1, size ? size : 1); /* calloc checks the product */
    if (!p)
        return sq_fail(e, SQ_FAILED, "out of memory for %s (%zu x %zu bytes)", what, count, size);
    *ret = p;
    return SQ_OK;
}
