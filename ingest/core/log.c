#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic int most_level = SQ_LOG_WARN;

void sq_log_level(enum sq_level most)
{
    most_level = most;
}

void sq_log(enum sq_level level, const char *fmt, ...)
{
    static const char *const name[] = {"error: ", "warning: ", "", "debug: "};
    if ((int)level > most_level)
        return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "squall: %s%s\n", name[level], line); /* one call, so that lines stay whole */
}
