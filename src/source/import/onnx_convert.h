/* What each operator of ONNX becomes (https://onnx.ai/onnx/operators): the table is in onnx_convert.c. Private to
 * src/source/import/onnx*.c. */
#ifndef THAW_SRC_SOURCE_IMPORT_ONNX_CONVERT_H
#define THAW_SRC_SOURCE_IMPORT_ONNX_CONVERT_H

#include "onnx_net.h"

/* Defines the outputs of a node; false: the net's error says why not. */
typedef bool (*convert)(struct net *net, const struct onnx_node *node);
/* The converter of an op, or NULL. */
convert net_find_convert(const struct onnx_node *node) THAW_NONNULL;

/* onnx_layers.c */
bool convert_conv(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_batch_norm(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_gemm(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_matmul(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_pool(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_global_pool(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_reduce_mean(struct net *net, const struct onnx_node *node) THAW_NONNULL;
/* onnx_activations.c */
bool convert_activation(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_clip(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_dropout(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_identity(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_softmax(struct net *net, const struct onnx_node *node) THAW_NONNULL;
/* onnx_joins.c */
bool convert_arithmetic(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_sum(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_concat(struct net *net, const struct onnx_node *node) THAW_NONNULL;
/* onnx_shapes.c */
bool convert_reshape(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_flatten(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_squeeze(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_transpose(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_shape(struct net *net, const struct onnx_node *node) THAW_NONNULL;
/* onnx_cuts.c */
bool convert_slice(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_split(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_gather(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool convert_pad(struct net *net, const struct onnx_node *node) THAW_NONNULL;

/* onnx_fold.c: the node's output, where all it reads is constant. */
bool fold_node(struct net *net, const struct onnx_node *node) THAW_NONNULL;
bool fold_is_known(const struct onnx_node *node) THAW_NONNULL;
/* onnx_fold_numbers.c: arithmetic. */
bool fold_is_number(const struct onnx_node *node) THAW_NONNULL;
bool fold_numbers(struct net *net, const struct onnx_node *node) THAW_NONNULL;
/* A constant of another shape, the same values. */
struct constant *fold_reshaped(struct net *net, const struct constant *from, const struct shape *shape) THAW_NONNULL;
/* Target of a Reshape: 0 copies (unless allowzero), -1 takes what is left; false: it does not fit. */
bool fold_target(const struct shape *from, const int64_t *wanted, int count, bool allow_zero,
                 struct shape *to) THAW_NONNULL;

#endif
