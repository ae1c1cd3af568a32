/* Error values. Called by every layer; allocates nothing, so that it works when memory has run out. */
#include "config.h"

#include "thaw/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The sentence goes through a buffer of its own, since an argument may point into the error being rewritten. */
static void write_text(struct error *error, const char *format, va_list args, const char *tail)
{
    char text[ERROR_TEXT_MAX];
    int length = vsnprintf(text, sizeof text, format, args);
    size_t used = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    if (tail)
        snprintf(text + used, sizeof text - used, ": %s", tail);
    memcpy(error->text, text, sizeof text);
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_text(error, format, args, NULL);
    va_end(args);
    error->kind = kind;
    return false;
}

bool error_set_errno(struct error *error, enum error_kind kind, int errno_value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_text(error, format, args, strerror(errno_value));
    va_end(args);
    error->kind = kind;
    return false;
}

bool error_wrap(struct error *error, const char *format, ...)
{
    char inner[ERROR_TEXT_MAX];
    memcpy(inner, error->text, sizeof inner);
    va_list args;
    va_start(args, format);
    write_text(error, format, args, inner);
    va_end(args);
    return false;
}

int error_exit_code(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return 0;
    case ERROR_USAGE:
        return 2;
    case ERROR_DATA:
        return 3;
    case ERROR_WEIGHTS:
        return 4;
    case ERROR_STOPPED:
        return 5;
    case ERROR_INTERRUPTED:
        return 130;
    case ERROR_FAILED:
        break;
    }
    return 1;
}
