/* Work that may crash, loop or eat memory, done in a child process: a library that cannot be trusted with a hostile
 * file is called there and nowhere else. The child is a fork, so that it sees the parent's map of the file without a
 * copy; it has no thread but its own, cannot open a file, write to one, or outlive its time. What it finds out it
 * writes to a pipe, and the parent checks all of it as it would check a file. Private to src/weights and its tests. */
#ifndef THAW_SRC_WEIGHTS_ISOLATE_H
#define THAW_SRC_WEIGHTS_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/macros.h"

/* How it ended. */
enum isolate_end {
    ISOLATE_DONE,   /* the work came to its end: the result is whole */
    ISOLATE_DIED,   /* by a signal, or the work returned false */
    ISOLATE_SLOW,   /* out of time */
    ISOLATE_LARGE,  /* its result is over the limit */
    ISOLATE_UNMADE, /* the system gave no pipe or process; errno says why */
    ISOLATE_ENDS
};

struct isolate_limits {
    double seconds; /* of computing; ten times as many by the clock */
    size_t memory;  /* bytes that the child may map beyond what the parent has */
    size_t result;  /* bytes it may write */
};

/* Where the work writes its result; only the child has one. */
struct isolate_out;
void isolate_write(struct isolate_out *out, const void *bytes, size_t size) THAW_NONNULL_ARGS(1);

/* Forks, calls work(context, out) in the child, gathers what it writes. The work may change any of its memory, which is
 * a copy but for shared maps, and must not wait for another thread. *result (free with mem_free) and *size are set
 * where the end is ISOLATE_DONE, NULL and 0 otherwise. */
enum isolate_end isolate_run(bool (*work)(void *context, struct isolate_out *out), void *context,
                             const struct isolate_limits *limits, uint8_t **result, size_t *size)
    THAW_NONNULL_ARGS(1, 3, 4, 5) THAW_MUST_CHECK;

#endif
