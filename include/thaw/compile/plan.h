/* A plan: a graph compiled for one batch size and one freeze plan. Who needs gradients, which buffers live when, what
 * is folded and fused. Below the frontier it is inference only: batch norm or affine folded into the convolution before it,
 * activation and residual add fused, nothing kept for backward. All memory is one arena, allocated here; the step loop
 * allocates nothing.
 *
 * The plan reads graph->values in place (the optimiser moves them there) except folded weights, which are copies. It
 * borrows graph and team while it lives; the freeze plan is read at creation only: make a new plan when it changes. */
#ifndef THAW_COMPILE_PLAN_H
#define THAW_COMPILE_PLAN_H

#include "thaw/base/parallel.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/network/freeze.h"
#include "thaw/network/graph.h"

/* Which halves of the network a plan holds. The frozen half alone computes what a feature cache keeps, in its own time
 * and with its own batch; the thawed half alone trains on what is kept, and takes no memory for the other. Either is
 * fused as it is within the whole, so their values are the same bits. */
enum plan_half { PLAN_WHOLE, PLAN_FROZEN, PLAN_THAWED };

struct plan_options {
    int batch;                          /* the most images of one call, >= 1 */
    bool training;                      /* false: the whole graph is inference, the frontier is its end */
    const struct kernel_table *kernels; /* borrowed at creation; NULL, and for single images: the built-in rule */
    bool no_winograd;                   /* convolutions sum products as they stand: slower, rounds less */
    bool fold;                          /* fold and fuse where legal (off only to test that it changes nothing) */
    size_t budget;       /* bytes that the plan may take; where it would pass them, values are computed again in the
                            backward pass rather than kept, which changes no bit; 0: no limit */
    int portion;         /* images that the frozen half takes at a time; 0: what the cache holds, by layer */
    bool poison;         /* NaN into every buffer when its life ends (only to test that nothing reads it later) */
    struct team *team;   /* its size may not change any bit of the results */
    int threads;         /* of the team that a dry plan is thought for; 0: one for each core */
    int start;           /* a node below the frontier at which exec_frozen_from is to begin; 0: none */
    enum plan_half half; /* FROZEN and THAWED: with `training`; exec runs that half only */
};

struct plan;
/* ERROR_USAGE for a batch that is not to be indexed, ERROR_FAILED with the size wanted where memory or the budget does
 * not suffice. freeze NULL: none frozen. */
struct plan *plan_create(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options,
                         struct error *error) THAW_NONNULL_ARGS(1, 3, 4) THAW_MUST_CHECK;
/* The same plan, to the byte, without its memory: it can be asked for what it would take and do, and is never run. It
 * needs no team, no weights (graph_seal is enough), and is not refused for its size: plan_fits tells. plan_bytes of one
 * that would not fit this machine anyhow may be less than it would take. */
struct plan *plan_dry(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options,
                      struct error *error) THAW_NONNULL_ARGS(1, 3, 4) THAW_MUST_CHECK;
/* Whether plan_create would have it, as far as the budget and the machine's memory go; the sentence where not. */
bool plan_fits(const struct plan *plan, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void plan_destroy(struct plan *plan);
size_t plan_bytes(const struct plan *plan) THAW_NONNULL; /* arena, gradients and folded weights */
/* Steps that a training step computes a second time, and what share of the forward pass's multiply-adds they have, 0..1
 * (NULL: not wanted). 0: everything is kept. */
int plan_recomputed(const struct plan *plan, double *share) THAW_NONNULL_ARGS(1);

/* The values that cross the frontier: outputs of frozen nodes that thawed nodes read, in node order; the logits where
 * everything is frozen. What a feature cache stores. None where only the input itself crosses (the frontier is 1):
 * exec_thawed then reads its input argument. Written by exec_frozen or by the caller (a cache); they keep their values
 * through exec_thawed and exec_backward, until they are written again. */
int plan_crossings(const struct plan *plan) THAW_NONNULL;
struct shape4 plan_crossing_shape(const struct plan *plan, int crossing) THAW_NONNULL; /* n = batch */
float *plan_crossing_values(struct plan *plan, int crossing) THAW_NONNULL;

/* The same for any frontier, without a plan: writes the nodes whose values would cross it to node[graph->nodes] and
 * returns how many. `node` NULL: only counts. */
int plan_cut(const struct graph *graph, int frontier, int *node) THAW_NONNULL_ARGS(1);
/* Whether a plan made with `start` = cut can begin at a cut below the plan's frontier: no step was fused across it, and the input
 * itself does not cross it. */
bool plan_starts_at(const struct plan *plan, int cut) THAW_NONNULL;
/* Where the value of a node that crosses such a cut lies, (batch,h,w,c). */
float *plan_value(struct plan *plan, int node) THAW_NONNULL;

/* The gradient of a parameter in native layout, or NULL where it does not move. Valid from exec_backward until the next
 * forward pass, which uses its memory. */
float *plan_gradient(const struct plan *plan, int param) THAW_NONNULL;

#endif
