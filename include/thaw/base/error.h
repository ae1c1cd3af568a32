/* Errors are values that carry a sentence: what was wrong, where (file, byte, tensor, line), what to do.
 *
 * A function that can fail returns bool (true: done) or a pointer (NULL: failed) and takes a `struct error *` last.
 * The sentence is set where the fault is detected, wrapped with context at most once a layer, and printed once, by
 * the front end. Sentences start in lower case, end without a full stop, and name the file first. */
#ifndef THAW_BASE_ERROR_H
#define THAW_BASE_ERROR_H

#include <stdbool.h>

#include "thaw/base/macros.h"

/* The kinds are the program's exit codes (see error_exit_code). */
enum error_kind {
    ERROR_NONE,
    ERROR_FAILED,      /* anything the other kinds do not name: exit 1 */
    ERROR_USAGE,       /* command line, experiment file, settings: exit 2 */
    ERROR_DATA,        /* nothing usable left in a dataset: exit 3 */
    ERROR_WEIGHTS,     /* a weights file that cannot be used: exit 4 */
    ERROR_STOPPED,     /* stopped early by the user: exit 5 */
    ERROR_INTERRUPTED, /* SIGINT: exit 130 */
};

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    enum error_kind kind;
    char text[ERROR_TEXT_MAX];
};

/* Fills *error and returns false, so that a reader can `return error_set(...)`. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...) THAW_NONNULL_ARGS(1, 3)
    THAW_PRINTF(3, 4);

/* Like error_set, then appends ": " and strerror(errno_value). */
bool error_set_errno(struct error *error, enum error_kind kind, int errno_value, const char *format, ...)
    THAW_NONNULL_ARGS(1, 4) THAW_PRINTF(4, 5);

/* Puts "context: " before the sentence already there; the kind stays. Returns false. */
bool error_wrap(struct error *error, const char *format, ...) THAW_NONNULL_ARGS(1, 2) THAW_PRINTF(2, 3);

/* The documented exit code of a kind: 0, 1, 2, 3, 4, 5 or 130. */
int error_exit_code(enum error_kind kind);

#endif
