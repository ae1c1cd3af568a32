/* Between the two halves of costs, and for the trainer, which has a scheme and a plan already. */
#ifndef THAW_TRAIN_COST_PRIVATE_H
#define THAW_TRAIN_COST_PRIVATE_H

#include "scheme.h"
#include "thaw/train/cost.h"

/* `plan`: of scheme->plan, dry or not. `filling`: dry or not, of feature_cache_plan; NULL: nothing is kept. */
struct train_bytes cost_bytes(const struct scheme_request *request, const struct scheme *scheme,
                              const struct plan *plan, const struct plan *filling) THAW_NONNULL_ARGS(1, 2, 3);
/* The dry plan that computes features; NULL: nothing is kept. */
struct plan *cost_filling(const struct scheme_request *request, const struct scheme *scheme) THAW_NONNULL;

/* cost_seconds.c */
struct train_seconds cost_seconds(const struct train_cost_request *request, const struct scheme *scheme,
                                  const struct plan *plan, const struct plan *filling) THAW_NONNULL_ARGS(1, 2, 3);

#endif
