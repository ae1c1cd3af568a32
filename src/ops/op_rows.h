/* The rows of the op table, one family a file, and what they share. Seen by op.c and the families only. */
#ifndef THAW_OPS_OP_ROWS_H
#define THAW_OPS_OP_ROWS_H

#include "thaw/ops/op.h"

extern const struct op_def op_input;
extern const struct op_def op_conv;
extern const struct op_def op_linear;
extern const struct op_def op_batch_norm;
extern const struct op_def op_relu, op_relu6, op_sigmoid, op_hard_sigmoid, op_silu, op_hard_swish, op_leaky_relu,
    op_gelu, op_tanh, op_clip, op_quick_gelu, op_gelu_tanh;
extern const struct op_def op_mul, op_affine, op_layer_norm;
extern const struct op_def op_slice, op_shuffle, op_pad;
extern const struct op_def op_attention, op_window_attention, op_tokens, op_position;
extern const struct op_def op_max_pool, op_avg_pool, op_global_avg_pool;
extern const struct op_def op_add, op_concat, op_flatten, op_subsample;
extern const struct op_def op_dropout;

/* Cost of an op without multiply-adds and parameters: the output's bytes. */
void op_cost_plain(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost);
/* Pixels as tokens: how many, or -1 where they are more than a network that runs would have. */
int op_tokens_of(struct shape4 shape);
/* The shape rule of ops that keep their first input's shape. */
bool op_shape_same(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                   struct error *error);

/* Reference twins that live in files of their own. */
void op_conv_forward_reference(const struct op_call *call);
void op_conv_backward_reference(const struct op_call *call);
void op_batch_norm_forward_reference(const struct op_call *call);
void op_batch_norm_backward_reference(const struct op_call *call);
void op_max_pool_forward_reference(const struct op_call *call);
void op_max_pool_backward_reference(const struct op_call *call);
void op_avg_pool_forward_reference(const struct op_call *call);
void op_avg_pool_backward_reference(const struct op_call *call);
void op_global_avg_pool_forward_reference(const struct op_call *call);
void op_global_avg_pool_backward_reference(const struct op_call *call);
void op_add_forward_reference(const struct op_call *call);
void op_add_backward_reference(const struct op_call *call);
void op_concat_forward_reference(const struct op_call *call);
void op_concat_backward_reference(const struct op_call *call);
void op_flatten_forward_reference(const struct op_call *call);
void op_flatten_backward_reference(const struct op_call *call);
void op_subsample_forward_reference(const struct op_call *call);
void op_subsample_backward_reference(const struct op_call *call);
void op_mul_forward_reference(const struct op_call *call);
void op_mul_backward_reference(const struct op_call *call);
void op_affine_forward_reference(const struct op_call *call);
void op_affine_backward_reference(const struct op_call *call);
void op_layer_norm_forward_reference(const struct op_call *call);
void op_layer_norm_backward_reference(const struct op_call *call);
void op_slice_forward_reference(const struct op_call *call);
void op_slice_backward_reference(const struct op_call *call);
void op_shuffle_forward_reference(const struct op_call *call);
void op_shuffle_backward_reference(const struct op_call *call);
void op_pad_forward_reference(const struct op_call *call);
void op_pad_backward_reference(const struct op_call *call);
void op_window_attention_forward_reference(const struct op_call *call);
void op_window_attention_backward_reference(const struct op_call *call);
void op_attention_forward_reference(const struct op_call *call);
void op_attention_backward_reference(const struct op_call *call);
void op_tokens_forward_reference(const struct op_call *call);
void op_tokens_backward_reference(const struct op_call *call);
void op_position_forward_reference(const struct op_call *call);
void op_position_backward_reference(const struct op_call *call);

#endif
