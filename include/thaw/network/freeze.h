/* The freeze plan: the ONE place that says what is frozen. Counts, optimiser, backward, cache and screens read it.
 *
 * Per node, four things can be fixed: weights (with bias), batch-norm affine, batch-norm statistics, dropout (fixed =
 * inactive). Frozen means all that the node has, unless told otherwise. */
#ifndef THAW_NETWORK_FREEZE_H
#define THAW_NETWORK_FREEZE_H

#include "thaw/base/hash.h"
#include "thaw/network/graph.h"

enum freeze_mark { FREEZE_WEIGHTS = 1, FREEZE_AFFINE = 2, FREEZE_STATISTICS = 4, FREEZE_DROPOUT = 8, FREEZE_ALL = 15 };

struct freeze {
    int nodes;
    unsigned char *fixed; /* [nodes], freeze_mark bits */
};

struct freeze *freeze_create(const struct graph *graph) THAW_NONNULL; /* everything thawed */
struct freeze *freeze_copy(const struct freeze *freeze) THAW_NONNULL;
void freeze_destroy(struct freeze *freeze);

/* The marks that mean something for this node: conv, linear, affine {weights}, batch norm {affine, statistics}, layer norm
 * {affine}, dropout {dropout}; constants have none. */
unsigned freeze_marks(const struct graph *graph, int node) THAW_NONNULL;
void freeze_set(struct freeze *freeze, const struct graph *graph, int node, unsigned marks, bool fixed) THAW_NONNULL;
bool freeze_is_frozen(const struct freeze *freeze, const struct graph *graph, int node) THAW_NONNULL; /* all marks */
bool freeze_param_moves(const struct freeze *freeze, const struct graph *graph, int param) THAW_NONNULL;

/* Freezes every node up to and including the named stage or node; the rest is thawed. "none": all thawed; "trunk": all
 * but the head. Unknown: ERROR_USAGE with the nearest names. */
bool freeze_upto(struct freeze *freeze, const struct graph *graph, const char *name,
                 struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Freezes or thaws the nodes whose names match any of the space-separated globs (a stage name takes all of it); behind
 * a colon single marks, "layer4.*:statistics,affine". A glob that matches nothing is ERROR_USAGE. */
bool freeze_match(struct freeze *freeze, const struct graph *graph, const char *patterns, bool fixed,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Batch-norm statistics of all nodes: fixed everywhere, or moving wherever the node is not frozen; where scale and shift
 * are constants, those that are fixed stay so. */
void freeze_statistics(struct freeze *freeze, const struct graph *graph, bool fixed) THAW_NONNULL;
/* "stem layer1 layer2.0.bn1:statistics": the shortest list of stages and nodes that are frozen, with the marks of those
 * that are only partly; what freeze_match takes. Caller frees; "" when none. */
char *freeze_describe(const struct freeze *freeze, const struct graph *graph) THAW_NONNULL;

struct freeze_counts {
    size_t trainable, frozen;             /* learnable values */
    size_t buffers_moving, buffers_fixed; /* running statistics */
    int layers_trainable, layers_frozen;  /* nodes that have marks */
};
struct freeze_counts freeze_counts(const struct freeze *freeze, const struct graph *graph) THAW_NONNULL;

/* The frontier: the number of leading nodes in execution order that depend on nothing that moves (weights, affine,
 * statistics or active dropout). Nodes [0, frontier) are inference only. */
int freeze_frontier(const struct freeze *freeze, const struct graph *graph) THAW_NONNULL;

/* Proof of freeze: one digest a parameter tensor that does not move, statistics included. */
struct freeze_proof;
struct freeze_proof *freeze_proof_take(const struct freeze *freeze, const struct graph *graph) THAW_NONNULL;
void freeze_proof_destroy(struct freeze_proof *proof);
/* Digests again; returns the first tensor that moved (its param index), or -1. *checked: tensors compared. */
int freeze_proof_check(const struct freeze_proof *proof, const struct graph *graph, int *checked) THAW_NONNULL;
/* Brings the proof to a new plan: newly frozen tensors are digested, newly thawed ones dropped. */
void freeze_proof_update(struct freeze_proof *proof, const struct freeze *freeze,
                         const struct graph *graph) THAW_NONNULL;
/* One digest over all of them. */
struct hash freeze_proof_hash(const struct freeze_proof *proof) THAW_NONNULL;

#endif
