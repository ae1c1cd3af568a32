/* A run's log file (thaw.log): one line a message, with time, level and area. For developers and post-mortems; what a
 * user must know is an event or an error. */
#ifndef THAW_BASE_LOG_H
#define THAW_BASE_LOG_H

#include "thaw/base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log;
struct log *log_open(const char *path, enum log_level least, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void log_close(struct log *log);
/* Thread-safe. log may be NULL: nothing is written. */
void log_write(struct log *log, enum log_level level, const char *area, const char *format, ...) THAW_NONNULL_ARGS(3, 4)
    THAW_PRINTF(4, 5);

#endif
