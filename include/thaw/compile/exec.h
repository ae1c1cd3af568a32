/* Running a plan. Nothing here allocates or fails. 1 <= n <= the batch of the plan, and may differ from call to call; the two
 * halves and the backward pass of one step take the same n. */
#ifndef THAW_COMPILE_EXEC_H
#define THAW_COMPILE_EXEC_H

#include <stdint.h>

#include "thaw/compile/plan.h"

/* Frozen half: input (n,h,w,c) to the crossing buffers. */
void exec_frozen(struct plan *plan, const float *input, int n) THAW_NONNULL;
/* The rest of the frozen half, from a cut at which plan_starts_at holds: the caller has put the values that cross it
 * where plan_value says, right before. The same bits as exec_frozen gives. */
void exec_frozen_from(struct plan *plan, int cut, int n) THAW_NONNULL;
/* Thawed half, from the crossing buffers (and the input, where the frontier is at the start: then `input` must be
 * given, and stay until exec_backward is done; else it may be NULL). train: dropout is active and statistics move as
 * the freeze plan says. Returns logits (n, classes), borrowed until the next call of exec_frozen or exec_thawed.
 * (seed, step) feed dropout. */
const float *exec_thawed(struct plan *plan, const float *input, int n, bool train, uint64_t seed, uint64_t step)
    THAW_NONNULL_ARGS(1);
/* Both halves. */
const float *exec_forward(struct plan *plan, const float *input, int n, bool train, uint64_t seed,
                          uint64_t step) THAW_NONNULL;
/* logits_gradient (n, classes), not changed: of the exec_thawed just run, through what it did (batch or running
 * statistics, dropout or none). Once per forward. Fills the gradients of every parameter that moves. */
void exec_backward(struct plan *plan, const float *logits_gradient, int n) THAW_NONNULL;

#endif
