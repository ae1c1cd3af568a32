/* A plan: a graph compiled for one batch size and one freeze plan. Who needs gradients, which buffers live when, what
 * is folded and fused. Below the frontier it is inference only: batch norm folded into the convolution before it,
 * activation and residual add fused, nothing kept for backward. All memory is one arena, allocated here; the step loop
 * allocates nothing.
 *
 * The plan reads graph->values in place (the optimiser moves them there) except folded weights, which are copies of
 * what is frozen. It borrows graph, freeze and team while it lives. */
#ifndef THAW_MODEL_PLAN_H
#define THAW_MODEL_PLAN_H

#include "thaw/base/parallel.h"
#include "thaw/model/freeze.h"
#include "thaw/model/graph.h"

struct plan_options {
    int batch;     /* the most images of one call */
    bool training; /* false: the whole graph is inference, the frontier is its end */
    bool fold;     /* fold and fuse where legal (off only to test that it changes nothing) */
    struct team *team;
};

struct plan;
struct plan *plan_create(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options,
                         struct error *error) THAW_NONNULL_ARGS(1, 3, 4) THAW_MUST_CHECK; /* freeze NULL: none frozen */
void plan_destroy(struct plan *plan);

int plan_batch(const struct plan *plan) THAW_NONNULL;
int plan_frontier(const struct plan *plan) THAW_NONNULL; /* node index, see freeze_frontier */
size_t plan_bytes(const struct plan *plan) THAW_NONNULL; /* arena, gradients and folded weights */

/* The values that cross the frontier: outputs of frozen nodes that thawed nodes read. What a feature cache stores. */
int plan_crossings(const struct plan *plan) THAW_NONNULL;
struct shape4 plan_crossing_shape(const struct plan *plan, int crossing) THAW_NONNULL; /* n = batch */
float *plan_crossing_values(struct plan *plan, int crossing) THAW_NONNULL; /* valid between the two halves */

/* The gradient of a parameter in native layout, or NULL where it does not move. Valid after exec_backward. */
float *plan_gradient(const struct plan *plan, int param) THAW_NONNULL;

#endif
