/* The op table: one row an op, in the order of enum op_kind. Adding an op is its enum value, its row here and its file.
 * Called by network/ (shapes, parameters, costs when a graph is built) and compile/ (kernels when a plan runs). */
#include "config.h"

#include "thaw/ops/op.h"

#include "op_rows.h"

static const struct op_def *const table[] = {
    [OP_INPUT] = &op_input,
    [OP_CONV] = &op_conv,
    [OP_LINEAR] = &op_linear,
    [OP_BATCH_NORM] = &op_batch_norm,
    [OP_RELU] = &op_relu,
    [OP_RELU6] = &op_relu6,
    [OP_MAX_POOL] = &op_max_pool,
    [OP_AVG_POOL] = &op_avg_pool,
    [OP_GLOBAL_AVG_POOL] = &op_global_avg_pool,
    [OP_ADD] = &op_add,
    [OP_CONCAT] = &op_concat,
    [OP_FLATTEN] = &op_flatten,
    [OP_DROPOUT] = &op_dropout,
    [OP_SUBSAMPLE] = &op_subsample,
    [OP_SIGMOID] = &op_sigmoid,
    [OP_HARD_SIGMOID] = &op_hard_sigmoid,
    [OP_SILU] = &op_silu,
    [OP_HARD_SWISH] = &op_hard_swish,
    [OP_LEAKY_RELU] = &op_leaky_relu,
    [OP_GELU] = &op_gelu,
    [OP_TANH] = &op_tanh,
    [OP_CLIP] = &op_clip,
    [OP_MUL] = &op_mul,
    [OP_AFFINE] = &op_affine,
    [OP_LAYER_NORM] = &op_layer_norm,
    [OP_SLICE] = &op_slice,
    [OP_SHUFFLE] = &op_shuffle,
    [OP_PAD] = &op_pad,
    [OP_QUICK_GELU] = &op_quick_gelu,
    [OP_ATTENTION] = &op_attention,
    [OP_TOKENS] = &op_tokens,
    [OP_POSITION] = &op_position,
    [OP_WINDOW_ATTENTION] = &op_window_attention,
    [OP_GELU_TANH] = &op_gelu_tanh,
};
_Static_assert(THAW_LENGTH(table) == OP_KINDS, "every op has its row");

const struct op_def *op_get(enum op_kind kind)
{
    return table[kind];
}

struct op_attrs op_attrs_default(void)
{
    return (struct op_attrs){
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
    };
}

void op_cost_plain(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    (void)attrs, (void)in;
    *cost = (struct op_cost){.out_bytes = (double)shape4_count(out) * sizeof(float)};
}

bool op_shape_same(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                   struct error *error)
{
    (void)attrs, (void)inputs, (void)error;
    *out = in[0];
    return true;
}

const struct op_def op_input = {
    .name = "input",
    .cost = op_cost_plain,
};
