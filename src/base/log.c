/* The log file of a run. */
#include "config.h"

#include "thaw/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"

struct log {
    FILE *stream;
    enum log_level least;
    pthread_mutex_t lock;
};

struct log *log_open(const char *path, enum log_level least, struct error *error)
{
    int fd = file_open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0666, error);
    FILE *stream = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (!stream && fd >= 0) {
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
        close(fd);
    }
    if (!stream) {
        error_wrap(error, "cannot write the log");
        return NULL;
    }
    struct log *log = mem_alloc(sizeof *log);
    log->stream = stream;
    log->least = least;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    fclose(log->stream);
    pthread_mutex_destroy(&log->lock);
    mem_free(log);
}

void log_write(struct log *log, enum log_level level, const char *area, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if (!log || level < log->least)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm local;
    localtime_r(&now.tv_sec, &local);
    char when[32];
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    va_list args;
    va_start(args, format);
    char *text = NULL, *plain;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    plain = text_plain(text ? text : format); /* one line, and safe to look at */
    va_end(args);
    pthread_mutex_lock(&log->lock);
    fprintf(log->stream, "%s.%03ld %-7s %-10s %s\n", when, now.tv_nsec / 1000000, names[level], area, plain);
    fflush(log->stream);
    pthread_mutex_unlock(&log->lock);
    mem_free(plain);
    free(text);
}
