/* A graph: an architecture as a list of nodes in execution order, with all its parameters in one flat block.
 *
 * Names are those of the source library ("layer1.0.conv1", "features.3"), so that weights come and go by name. Inputs
 * of a node precede it; node 0 is the input. Shapes are kept for one image (n = 1). */
#ifndef THAW_NETWORK_GRAPH_H
#define THAW_NETWORK_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/ops/op.h"
#include "thaw/tensor/preprocess.h"

enum { GRAPH_NAME_MAX = 64 };

struct graph_node {
    char name[GRAPH_NAME_MAX]; /* dotted path; unique */
    enum op_kind kind;
    struct op_attrs attrs;
    int inputs;
    int *input;          /* node indices, all smaller than this node's */
    struct shape4 shape; /* of the output, n = 1 */
    int stage;           /* index into graph.stage */
    int first_param, params;
};

struct graph_param {
    char name[GRAPH_NAME_MAX + 16]; /* "layer1.0.conv1.weight" */
    int node, slot;                 /* slot: index among the node's parameters, as op_def.params lists them */
    enum op_role role;
    enum op_init init;
    int fan;
    struct shape shape;   /* native layout */
    size_t offset, count; /* floats, into graph.values */
};

/* What the Layers screen folds by and `[freeze] upto` names: "conv1", "layer1", "features.block3", "fc". */
struct graph_stage {
    char name[GRAPH_NAME_MAX];
    int first_node, nodes;
};

/* Tensors of the source library's files that the graph has no use for. */
struct graph_left_out {
    const char *prefix, *reason; /* static text */
    const float *values;         /* static; what the tensor of that name must hold, or NULL: anything */
    size_t count;
};
enum { GRAPH_LEFT_OUT_MAX = 16 };

/* Values of a parameter that never moves (OP_ROLE_CONSTANT), given while the graph is built. */
struct graph_constant {
    int param;
    float *values; /* the graph's own */
};

struct graph {
    char arch[GRAPH_NAME_MAX]; /* "resnet18" */
    struct preprocess preprocess;
    enum preprocess_basis preprocess_basis;
    int nodes, params, stages;
    struct graph_node *node;
    struct graph_param *param;
    struct graph_stage *stage;
    int trunk;  /* last node of the feature extractor; all nodes behind it are the head */
    int output; /* the logits, shape (1,1,1,classes) */
    int classes;
    float *values; /* every parameter, native layout, each at a MEM_ALIGN boundary */
    size_t values_count;
    struct error build_error; /* first fault while building; graph_finish returns it */
    int nodes_room, params_room, stages_room;
    int *name_slot; /* nodes by the hash of their names, at most half full: an index, or 0 */
    int name_slots;
    struct graph_left_out left_out[GRAPH_LEFT_OUT_MAX];
    int lefts_out;
    struct graph_constant *constant;
    int constants, constants_room;
    char *note; /* what was decided while it was made that its user should know, one sentence a line; or NULL */
};

/* --- building (used by zoo_*.c) ---
 * Faults are sticky: after one, the adders do nothing and return 0; graph_finish reports it. */
struct graph *graph_create(const char *arch, int height, int width, int channels) THAW_NONNULL;
void graph_destroy(struct graph *graph);
/* A copy without values: names, shapes and costs, for who looks at them while the graph itself may go. */
struct graph *graph_outline(const struct graph *graph) THAW_NONNULL;
/* The nodes that follow belong to this stage; the first stage takes the input too. Nodes before any stage are in one
 * called "network". */
void graph_begin_stage(struct graph *graph, const char *name) THAW_NONNULL;
/* Adds a node reading `inputs` nodes; returns its index. */
int graph_add(struct graph *graph, const char *name, enum op_kind kind, const struct op_attrs *attrs, int inputs,
              const int *input) THAW_NONNULL;
/* Common cases of graph_add. */
int graph_add_unary(struct graph *graph, const char *name, enum op_kind kind, int input) THAW_NONNULL;
int graph_add_conv(struct graph *graph, const char *name, int input, int out_channels, int kernel, int stride,
                   int padding, int groups, bool bias) THAW_NONNULL;
int graph_add_batch_norm(struct graph *graph, const char *name, int input, float eps, float momentum) THAW_NONNULL;
int graph_add_linear(struct graph *graph, const char *name, int input, int out_features) THAW_NONNULL;
int graph_add_binary(struct graph *graph, const char *name, enum op_kind kind, int a, int b) THAW_NONNULL;
/* The values of a parameter whose role is OP_ROLE_CONSTANT, copied; without them it is as its initialiser says (a scale
 * 1, a shift 0). `slot` as op_def.params lists them. */
void graph_set_constant(struct graph *graph, int node, int slot, const float *values, size_t count) THAW_NONNULL;
/* The trunk's last node; unmarked: all before the class layer, or all but the output where there is none. */
void graph_mark_trunk(struct graph *graph, int node) THAW_NONNULL;
/* Tensors whose names begin so are not missed in the graph: bind ignores them and gives the reason. The texts are borrowed
 * for good. */
void graph_leave_out(struct graph *graph, const char *prefix, const char *reason) THAW_NONNULL;
/* The same of one tensor whose values are part of the architecture: with others the file is refused. */
void graph_expect(struct graph *graph, const char *name, const float *values, size_t count,
                  const char *reason) THAW_NONNULL;
/* Adds a line to the note. */
void graph_add_note(struct graph *graph, const char *format, ...) THAW_NONNULL THAW_PRINTF(2, 3);
/* Checks, sets output and classes from the last node; values stay NULL: enough for names, shapes and costs. */
bool graph_seal(struct graph *graph, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Seals it and allocates `values` (zeroed but for the constants). */
bool graph_finish(struct graph *graph, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* --- using --- */
int graph_find_node(const struct graph *graph, const char *name) THAW_NONNULL;  /* or -1 */
int graph_find_param(const struct graph *graph, const char *name) THAW_NONNULL; /* or -1 */
int graph_find_stage(const struct graph *graph, const char *name) THAW_NONNULL; /* or -1 */
/* The node whose output channels are the classes, or -1: the last convolution or linear layer, found back from the
 * output through what keeps the channels apart (SqueezeNet's 1x1 convolution is followed by relu and pooling). */
int graph_class_layer(const struct graph *graph) THAW_NONNULL;
/* Whether a constant is as the architecture gives it: no file brought other values. */
bool graph_constant_is_own(const struct graph *graph, int param) THAW_NONNULL;
float *graph_param_values(const struct graph *graph, int param) THAW_NONNULL;
/* Fresh weights, each parameter a pure function of (seed, its name); constants stay as they are. */
void graph_initialise(struct graph *graph, uint64_t seed) THAW_NONNULL;
void graph_initialise_param(struct graph *graph, int param, uint64_t seed) THAW_NONNULL;
/* Cost of one node for a batch of n. */
struct op_cost graph_node_cost(const struct graph *graph, int node, int n) THAW_NONNULL;
/* Totals over the graph for one image; params counts learnable values only, buffers the running statistics, neither of
 * them constants. */
struct graph_totals {
    double macs, activation_bytes;
    size_t params, buffers;
};
struct graph_totals graph_totals(const struct graph *graph) THAW_NONNULL;

#endif
