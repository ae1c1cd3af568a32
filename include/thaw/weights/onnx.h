/* The graph of an ONNX file (https://onnx.ai/onnx/repo-docs/IR.html), as plain C: what src/source reads without knowing
 * of protobuf. Everything is borrowed from the weights handle and lives as long as it. Names are as the file has them:
 * any bytes but NUL, so quote them before they reach a screen. */
#ifndef THAW_WEIGHTS_ONNX_H
#define THAW_WEIGHTS_ONNX_H

#include "thaw/weights/weights.h"

/* Values of an initialiser or an attribute: dense, little endian, at any alignment, all inside a map or a kept block. */
struct onnx_tensor {
    const char *name; /* "" for most attributes */
    enum tensor_type type;
    struct shape shape; /* as the file states it; rank 0: one value */
    const uint8_t *values;
    long index; /* in the weights' list, or -1 */
};

enum onnx_kind {
    ONNX_INT,
    ONNX_FLOAT,
    ONNX_STRING,
    ONNX_INTS,
    ONNX_FLOATS,
    ONNX_TENSOR,
    ONNX_OTHER /* subgraphs, sparse tensors, lists of strings or tensors: named, not read */
};
struct onnx_attribute {
    const char *name;
    enum onnx_kind kind;
    int64_t integer;
    float real;
    const char *text;
    size_t count; /* of integers or reals */
    const int64_t *integers;
    const float *reals;
    const struct onnx_tensor *tensor;
};

struct onnx_node {
    const char *op, *domain, *name; /* domain "": the standard's own */
    size_t inputs, outputs, attributes;
    char *const *input; /* names of values; "": left out */
    char *const *output;
    const struct onnx_attribute *attribute;
};

/* An input or output of the graph. */
struct onnx_value {
    const char *name;
    int rank;                    /* -1: not stated, or over SHAPE_RANK_MAX */
    int64_t dim[SHAPE_RANK_MAX]; /* -1: symbolic or not stated */
};

struct onnx_graph {
    int64_t opset; /* of the standard's own operators; 0: not stated */
    const char *producer;
    size_t bytes; /* of the file and of those its values lie in */
    size_t nodes, inputs, outputs, initializers;
    const struct onnx_node *node; /* the file's order: each behind the nodes it reads */
    const struct onnx_value *input, *output;
    const struct onnx_tensor *initializer;
};

/* NULL: not an ONNX file. */
const struct onnx_graph *weights_onnx(const struct weights *weights) THAW_NONNULL;

#endif
