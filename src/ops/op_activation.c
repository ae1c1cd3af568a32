/* Activations as ops: elementwise, split into flat chunks. Where backward reads only the output, the input's buffer may be
 * reused and the op may work in place. The functions themselves are in activate.c. */
#include "config.h"

#include "activate.h"
#include "op_rows.h"
#include "split.h"

struct run {
    const struct op_call *call;
    enum op_activation activation;
    const float *value; /* backward: what the slope is taken at */
    size_t count;
    int parts;
};

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct run *r = context;
    size_t first = split_at(r->count, r->parts, task), count = split_at(r->count, r->parts, task + 1) - first;
    activate(r->activation, r->call->attrs, r->call->out + first, r->call->in[0] + first, count);
}

static void backward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct run *r = context;
    const struct op_call *call = r->call;
    size_t first = split_at(r->count, r->parts, task), count = split_at(r->count, r->parts, task + 1) - first;
    activate_gradient(r->activation, call->attrs, call->in_grad[0] + first, r->value + first, call->out_grad + first,
                      count, call->in_grad_add[0]);
}

static void run(const struct op_call *call, const struct op_def *op, team_task task)
{
    struct run r = {.call = call, .activation = op->activation, .count = shape4_count(call->out_shape)};
    r.value = op->needs & OP_NEEDS_IN ? call->in[0] : call->out;
    r.parts = split_parts(r.count, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST);
    team_run(call->team, r.parts, task, &r);
}

static void run_backward(const struct op_call *call, const struct op_def *op)
{
    if (call->in_grad[0])
        run(call, op, backward_task);
}

static void run_reference(const struct op_call *call, enum op_activation activation)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t i = 0; i < count; i++)
        call->out[i] = (float)activate_reference(activation, call->attrs, call->in[0][i]);
}

static void run_backward_reference(const struct op_call *call, enum op_activation activation)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t i = 0; call->in_grad[0] && i < count; i++) {
        double g = call->out_grad[i] * activate_slope_reference(activation, call->attrs, call->in[0][i]);
        call->in_grad[0][i] = (float)((call->in_grad_add[0] ? call->in_grad[0][i] : 0) + g);
    }
}

static bool leaky_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                        struct error *error)
{
    if (!(attrs->alpha >= 0)) /* backward tells the side by the output's sign */
        return error_set(error, ERROR_FAILED, "leaky relu: a slope of %g below zero", (double)attrs->alpha);
    return op_shape_same(attrs, inputs, in, out, error);
}

static bool clip_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                       struct error *error)
{
    if (!(attrs->low <= attrs->high))
        return error_set(error, ERROR_FAILED, "clip: from %g to %g holds nothing", (double)attrs->low,
                         (double)attrs->high);
    return op_shape_same(attrs, inputs, in, out, error);
}

/* A row of the op table: its name, what fusing calls it, what its backward reads, its shape rule. */
#define ACTIVATION(id, text, kind, reads, rule)                                                                        \
    static void id##_forward(const struct op_call *call)                                                               \
    {                                                                                                                  \
        run(call, &op_##id, forward_task);                                                                             \
    }                                                                                                                  \
    static void id##_backward(const struct op_call *call)                                                              \
    {                                                                                                                  \
        run_backward(call, &op_##id);                                                                                  \
    }                                                                                                                  \
    static void id##_forward_reference(const struct op_call *call)                                                     \
    {                                                                                                                  \
        run_reference(call, kind);                                                                                     \
    }                                                                                                                  \
    static void id##_backward_reference(const struct op_call *call)                                                    \
    {                                                                                                                  \
        run_backward_reference(call, kind);                                                                            \
    }                                                                                                                  \
    const struct op_def op_##id = {                                                                                    \
        .name = text,                                                                                                  \
        .inputs_min = 1,                                                                                               \
        .inputs_max = 1,                                                                                               \
        .needs = reads,                                                                                                \
        .in_place = true,                                                                                              \
        .activation = kind,                                                                                            \
        .shape = rule,                                                                                                 \
        .cost = op_cost_plain,                                                                                         \
        .forward = id##_forward,                                                                                       \
        .backward = id##_backward,                                                                                     \
        .forward_reference = id##_forward_reference,                                                                   \
        .backward_reference = id##_backward_reference,                                                                 \
    };

ACTIVATION(relu, "relu", OP_ACT_RELU, OP_NEEDS_OUT, op_shape_same)
ACTIVATION(relu6, "relu6", OP_ACT_RELU6, OP_NEEDS_OUT, op_shape_same)
ACTIVATION(sigmoid, "sigmoid", OP_ACT_SIGMOID, OP_NEEDS_OUT, op_shape_same)
ACTIVATION(hard_sigmoid, "hard sigmoid", OP_ACT_HARD_SIGMOID, OP_NEEDS_OUT, op_shape_same)
ACTIVATION(silu, "silu", OP_ACT_SILU, OP_NEEDS_IN, op_shape_same)
ACTIVATION(hard_swish, "hard swish", OP_ACT_HARD_SWISH, OP_NEEDS_IN, op_shape_same)
ACTIVATION(leaky_relu, "leaky relu", OP_ACT_LEAKY_RELU, OP_NEEDS_OUT, leaky_shape)
ACTIVATION(gelu, "gelu", OP_ACT_GELU, OP_NEEDS_IN, op_shape_same)
ACTIVATION(tanh, "tanh", OP_ACT_TANH, OP_NEEDS_OUT, op_shape_same)
ACTIVATION(clip, "clip", OP_ACT_CLIP, OP_NEEDS_OUT, clip_shape)
ACTIVATION(quick_gelu, "quick gelu", OP_ACT_QUICK_GELU, OP_NEEDS_IN, op_shape_same)
ACTIVATION(gelu_tanh, "gelu tanh", OP_ACT_GELU_TANH, OP_NEEDS_IN, op_shape_same)
