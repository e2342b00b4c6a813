/* The log: one sink for the process, stderr by default; the only global of the libraries. Thread safe. */
#ifndef SQ_CORE_LOG_H
#define SQ_CORE_LOG_H

#include "err.h"

enum sq_level { SQ_LOG_ERROR, SQ_LOG_WARN, SQ_LOG_INFO, SQ_LOG_DEBUG };

/* Messages above `most` are dropped; the default is SQ_LOG_WARN. */
void sq_log_level(enum sq_level most);

/* One line, without a newline at its end: "squall: warning: ...". */
void sq_log(enum sq_level level, const char *fmt, ...) SQ_PRINTF(2, 3);

#endif
