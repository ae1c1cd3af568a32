/* Learning-rate schedules: a pure function of the place in the run, so that nothing has to be saved. */
#ifndef THAW_TRAIN_SCHEDULE_H
#define THAW_TRAIN_SCHEDULE_H

#include "thaw/train/experiment.h"

/* The learning rate of the batch at `position`, counted from the start of the run (0..), `batches` an epoch; `base` is
 * the base learning rate at that time (changes by hand and by [thaw] lines are in it). Warm-up rises linearly to base;
 * the cosine runs from its end to 0 behind the last epoch; the step schedule counts whole epochs. */
double schedule_lr(const struct experiment *experiment, double base, uint64_t position, int batches) THAW_NONNULL;

#endif
