/* How work is cut into tasks. Everything here is a function of shapes alone, never of the team, so that any number of
 * threads computes the same bits. */
#ifndef THAW_OPS_SPLIT_H
#define THAW_OPS_SPLIT_H

#include <stddef.h>

enum {
    SPLIT_LINE = 16,          /* floats in a cache line: per-worker scratch starts on one */
    SPLIT_FLAT_GRAIN = 16384, /* floats of an elementwise task: 64 KiB, worth a wake-up */
    SPLIT_FLAT_MOST = 256,
    SPLIT_SUM_GRAIN = 256, /* rows that one partial sum covers at least */
    SPLIT_SUM_MOST = 16,   /* partial sums of one reduction at most */
};

/* Into how many parts of about `grain` items (1 part at least, `most` at most). */
static inline int split_parts(size_t total, size_t grain, int most)
{
    size_t parts = (total + grain - 1) / grain;
    return parts < 1 ? 1 : parts > (size_t)most ? most : (int)parts;
}

/* The first item of a part; that of part `parts` is `total`. */
static inline size_t split_at(size_t total, int parts, int part)
{
    return total / (size_t)parts * (size_t)part + total % (size_t)parts * (size_t)part / (size_t)parts;
}

/* Rounded up to whole cache lines. */
static inline size_t split_line(size_t floats)
{
    return (floats + SPLIT_LINE - 1) / SPLIT_LINE * SPLIT_LINE;
}

#endif
