/* The reducer: what gradients and running sums pass through between a backward pass and the update. The worker team
 * leaves them complete, so its row has nothing to add up; ranks on several machines sum theirs in another row. */
#ifndef THAW_TRAIN_REDUCER_H
#define THAW_TRAIN_REDUCER_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

struct reducer_part {
    float *values; /* one gradient tensor */
    size_t count;
};
struct reducer {
    const char *name;
    /* Replaces parts and sums (loss, images, correct ones ...) by their totals over all who take part. NULL: they are
     * totals already. */
    bool (*sum)(void *context, const struct reducer_part *part, size_t parts, double *sums, size_t count,
                struct error *error);
    void *context;
};

extern const struct reducer reducer_team;

#endif
