/* An ONNX graph on its way to a graph of ours. Private to src/source/import/onnx*.c.
 *
 * onnx.c walks the file's nodes in order. Each value (a name) is either constant, and then what is computed from it is
 * computed at once (onnx_fold.c), or a map: a draft node, whose shape is NHWC as everywhere in thaw, seen through a
 * layout that says how ONNX numbers its axes. Reshapes and transposes change the layout, not the data, wherever that is
 * possible. The draft is tidied (onnx_tidy.c: silu written as x * sigmoid(x), constants folded into their neighbours),
 * named (onnx_names.c) and built (onnx_build.c). */
#ifndef THAW_SRC_SOURCE_IMPORT_ONNX_NET_H
#define THAW_SRC_SOURCE_IMPORT_ONNX_NET_H

#include "importer.h"
#include "thaw/weights/onnx.h"

enum { NET_INPUTS_MAX = 64, NET_NODES_MAX = 10000 };

/* --- constants --- */

/* Values known without an image: of a tensor of the file, or computed. */
struct constant {
    struct shape shape;
    bool whole;                       /* integers: division rounds towards zero */
    const struct onnx_tensor *tensor; /* or NULL */
    bool turned;                      /* the tensor is a matrix, and this its transpose */
    double *value;                    /* in order; NULL until asked for by constant_values */
};

/* --- values --- */

enum layout {
    LAYOUT_IMAGE,    /* (n, c, h, w) */
    LAYOUT_PIXELS,   /* (n, h, w, c) */
    LAYOUT_ROW,      /* (n, c), of one pixel */
    LAYOUT_LINES,    /* (n, c, h * w) */
    LAYOUT_PLANE,    /* (n, h, w), of one channel */
    LAYOUT_GROUPS,   /* (n, groups, c / groups, h, w) */
    LAYOUT_SHUFFLED, /* (n, c / groups, groups, h, w): the one above, its groups transposed */
};

struct value {
    const char *name;
    struct constant *constant; /* or NULL: a map */
    int draft;                 /* of a map */
    enum layout layout;
    int groups;
    const struct onnx_node *closed; /* a softmax that may only be the end; NULL */
};

/* --- the draft --- */

/* Kinds of draft nodes that exist only until the draft is tidied. */
enum { DRAFT_ERF = OP_KINDS };

/* Where a parameter's values come from: the tensor's, else `value`, else `fill`; then times `scale` of the output
 * channel. */
struct source {
    const struct onnx_tensor *tensor;
    bool turned;   /* of a linear weight: the tensor is (in, out) */
    double factor; /* of all values; 1 but for Gemm's alpha and beta */
    double *value; /* [channels], the net's, of vectors */
    double fill;
    double *scale; /* [out_channels], the net's, or NULL */
};

struct draft {
    int kind; /* enum op_kind or DRAFT_... */
    struct op_attrs attrs;
    int inputs, *input; /* the net's */
    struct shape4 shape;
    struct source *source;        /* as the op lists its parameters, the net's; NULL: it has none */
    const struct onnx_node *node; /* it comes from; NULL: the input */
    const char *weight;           /* name of the tensor that names it, or NULL */
    int uses;                     /* counted by net_count_uses */
    int instead;                  /* tidied away: this node's value, else -1 */
    int built;                    /* its node in the graph */
    char name[GRAPH_NAME_MAX];
};

struct net {
    const struct weights *weights;
    const struct onnx_graph *onnx;
    struct error *error;
    int side;          /* of the input; 0: the file's own */
    int64_t batch;     /* what the file says it is, else 1 */
    size_t bytes_left; /* that may still be allocated for this file */
    bool *computed;    /* [tensors of the file]: their values went into others */

    struct value *value; /* all that are defined so far */
    size_t values, values_room;
    int *slot; /* of names: a value's number + 1, or 0 */
    size_t slots;

    struct draft *draft; /* 0 is the input */
    int drafts, drafts_room;
    int output; /* of the draft */

    void **block; /* freed with the net */
    size_t blocks, blocks_room;
    const struct onnx_node *dropped; /* the softmax that was left out, or NULL */
    struct preprocess preprocess;
    bool preprocess_stated;
};

/* --- onnx.c --- */

/* The draft of a file, tidied and named; NULL with a sentence that leaves the file's name out. side 0: the file's own. */
struct net *net_create(const struct weights *weights, int side, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void net_destroy(struct net *net);

/* ERROR_WEIGHTS about one node: "Conv node conv1: ...". Returns false. */
bool net_refuse(struct net *net, const struct onnx_node *node, const char *format, ...) THAW_NONNULL_ARGS(1, 2, 3)
    THAW_PRINTF(3, 4);
/* Takes bytes off what the file's size allows; false, and an error, where they are not left. */
bool net_spend(struct net *net, size_t size) THAW_NONNULL THAW_MUST_CHECK;
/* Zeroed memory that lives as long as the net, spent; NULL, and an error, where it is not left. */
void *net_room(struct net *net, size_t count, size_t item) THAW_NONNULL THAW_MUST_CHECK;

/* The attribute of that name, or NULL; its value, or the default. */
const struct onnx_attribute *net_attribute(const struct onnx_node *node, const char *name) THAW_NONNULL;
int64_t net_integer(const struct onnx_node *node, const char *name, int64_t otherwise) THAW_NONNULL;
double net_real(const struct onnx_node *node, const char *name, double otherwise) THAW_NONNULL;
const char *net_text(const struct onnx_node *node, const char *name, const char *otherwise) THAW_NONNULL;

/* --- onnx_values.c --- */

/* The value behind an input of a node; NULL where the node has no such input (or an error is set: it is not defined). */
struct value *net_input(struct net *net, const struct onnx_node *node, size_t index) THAW_NONNULL;
/* The same, but a map: an error where it is left out or constant. */
struct value *net_map(struct net *net, const struct onnx_node *node, size_t index) THAW_NONNULL;
/* The same, but constant. */
struct constant *net_constant(struct net *net, const struct onnx_node *node, size_t index) THAW_NONNULL;
/* Defines the value of an output. */
bool net_define(struct net *net, const struct onnx_node *node, size_t output, struct value value) THAW_NONNULL;
/* Output 0; constant NULL: false, the error is set. */
bool net_define_constant(struct net *net, const struct onnx_node *node, struct constant *constant)
    THAW_NONNULL_ARGS(1, 2);
/* Output 0: a map in the layout of `like`. */
bool net_define_map(struct net *net, const struct onnx_node *node, int draft, const struct value *like) THAW_NONNULL;
/* By name, without a node. */
bool net_define_name(struct net *net, const char *name, struct value value) THAW_NONNULL;
struct value *net_find(const struct net *net, const char *name) THAW_NONNULL;

/* ONNX's idea of a map's shape. */
struct shape value_shape(const struct net *net, const struct value *value) THAW_NONNULL;
/* What an axis of a map is: 'n', 'c', 'h', 'w', or 0 where it is a part or a product of those. */
char value_axis(const struct value *value, int64_t axis) THAW_NONNULL;
int value_rank(const struct value *value) THAW_NONNULL;

/* Notes that a tensor's values are part of what is computed. */
void net_note(struct net *net, const struct onnx_tensor *tensor) THAW_NONNULL;
/* All values of a constant in order; NULL, and an error, where they are very many or not finite. */
const double *constant_values(struct net *net, const struct onnx_node *node, struct constant *constant) THAW_NONNULL;
struct constant *constant_create(struct net *net, const struct shape *shape, bool whole) THAW_NONNULL;
/* The one value; an error where there are more. */
bool constant_scalar(struct net *net, const struct onnx_node *node, struct constant *constant,
                     double *value) THAW_NONNULL;
/* Integers of an input or, before some opset, of an attribute; count -1: neither is there. The list is the net's. */
bool net_integers(struct net *net, const struct onnx_node *node, size_t input, const char *attribute,
                  const int64_t **values, int *count) THAW_NONNULL;

/* --- onnx_draft.c --- */

/* Adds a node whose shape the op table finds; its index, or -1 and an error. */
int draft_add(struct net *net, const struct onnx_node *node, int kind, const struct op_attrs *attrs, int inputs,
              const int *input) THAW_NONNULL;
int draft_add_unary(struct net *net, const struct onnx_node *node, int kind, int input) THAW_NONNULL;
/* y = scale * x + shift for each channel; the arrays are the net's, of the input's channels. */
int draft_add_affine(struct net *net, const struct onnx_node *node, int input, double *scale,
                     double *shift) THAW_NONNULL;
/* Follows `instead`. */
int draft_at(const struct net *net, int draft) THAW_NONNULL;
void net_count_uses(struct net *net) THAW_NONNULL;

/* --- what becomes of the draft --- */

/* onnx_tidy.c: also numbers the nodes that are left. */
bool net_tidy(struct net *net) THAW_NONNULL;
/* onnx_names.c */
void net_name(struct net *net) THAW_NONNULL;
/* onnx_stages.c: begins, in the graph, the stage a draft node belongs to, before it is added. */
struct net_stages *net_stages_create(const struct net *net) THAW_NONNULL;
void net_stages_destroy(struct net_stages *stages);
void net_stages_begin(struct net_stages *stages, struct graph *graph, int draft) THAW_NONNULL;
/* onnx_build.c: sealed; and the row of the importer's table. */
struct graph *net_build(struct net *net) THAW_NONNULL;
bool onnx_bind(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
               struct error *error) THAW_NONNULL;

#endif
