/* Running a plan. */
#ifndef THAW_MODEL_EXEC_H
#define THAW_MODEL_EXEC_H

#include <stdint.h>

#include "thaw/model/plan.h"

/* Frozen half: input (n,h,w,c), n <= plan_batch, to the crossing buffers. */
void exec_frozen(struct plan *plan, const float *input, int n) THAW_NONNULL;
/* Thawed half, from the crossing buffers (and the input, where the frontier is at the start: then `input` must be
 * given, else it may be NULL). train: dropout is active and statistics move as the freeze plan says. Returns logits
 * (n, classes), borrowed until the next call. (seed, step) feed dropout. */
const float *exec_thawed(struct plan *plan, const float *input, int n, bool train, uint64_t seed, uint64_t step)
    THAW_NONNULL_ARGS(1);
/* Both halves. */
const float *exec_forward(struct plan *plan, const float *input, int n, bool train, uint64_t seed,
                          uint64_t step) THAW_NONNULL;
/* logits_gradient (n, classes) of the forward just run with train true, or of one run with statistics and dropout all
 * fixed; fills the gradients of every parameter that moves. */
void exec_backward(struct plan *plan, const float *logits_gradient, int n) THAW_NONNULL;

#endif
