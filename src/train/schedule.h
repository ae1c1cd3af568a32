/* Learning-rate schedules: a pure function of the place in the run and of what was set by hand. */
#ifndef THAW_TRAIN_SCHEDULE_H
#define THAW_TRAIN_SCHEDULE_H

#include "thaw/train/experiment.h"

/* What a schedule multiplies. A rate that was set by hand holds at its anchor, and the schedule goes on from there in
 * proportion: of any two rates behind it, the ratio is the schedule's. */
#define SCHEDULE_NO_ANCHOR UINT64_MAX
struct schedule_base {
    double base;     /* base learning rate; or the rate at the anchor */
    uint64_t anchor; /* position; SCHEDULE_NO_ANCHOR: none */
};

/* The learning rate of the batch at `position`, counted from the start of the run (0..), `batches` an epoch. Warm-up
 * rises linearly to the base; the cosine runs from its end to 0 behind the last epoch; the step schedule counts whole
 * epochs. From an anchor where the schedule has come to 0, the rate stays. */
double schedule_lr(const struct experiment *experiment, struct schedule_base base, uint64_t position,
                   int batches) THAW_NONNULL;

#endif
