/* A small residual network with every way in which values meet (identity, projected and option-A shortcuts, concat, a
 * value with three readers), and a plan-free reference run of any graph: every node its own buffers, plain loops. */
#ifndef TESTS_UNIT_NETWORK_SMALL_GRAPH_H
#define TESTS_UNIT_NETWORK_SMALL_GRAPH_H

#include "thaw/network/freeze.h"
#include "thaw/network/graph.h"

enum { SMALL_SIZE = 9, SMALL_CHANNELS = 3, SMALL_CLASSES = 5, SMALL_BATCH = 6 };

/* Values are random everywhere, batch-norm parameters and statistics included. */
struct graph *small_graph(void);
/* Stages and some nodes of the same names, and every op that a residual network has not: gates and products, all
 * activations, layer norm, affine, slices, shuffles, crops, batch norms without scale or shift, constants. */
struct graph *modern_graph(void);
/* `count` floats in -1..1. */
void small_random(float *to, size_t count, uint64_t seed);
/* Fixes random marks: each mark of each node with this chance. */
void small_random_marks(struct freeze *freeze, const struct graph *graph, double chance, uint64_t seed);

struct reference {
    const struct graph *graph;
    int n;
    float **value, **gradient, **saved; /* [nodes] */
    float **param_grad;                 /* [params] */
};
/* Forward and, for the logits' gradient given, backward. Parameters of the graph are put back where statistics moved.
 * freeze says which statistics and dropouts are active when `train`. */
struct reference *reference_run(const struct graph *graph, const struct freeze *freeze, const float *input,
                                const float *logits_gradient, int n, bool train, uint64_t seed, uint64_t step);
void reference_destroy(struct reference *reference);

/* |a - b| / |b|, Euclidean; infinite where a has a NaN. */
double relative_distance(const float *a, const float *b, size_t count);

#endif
