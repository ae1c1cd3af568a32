/* ReLU and ReLU6. Elementwise, split into flat chunks; backward reads only the output, so that the input's buffer may be
 * reused and the op may work in place. */
#include "config.h"

#include <math.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

THAW_SIMD static void clamp(float *out, const float *in, size_t count, float high)
{
    for (size_t i = 0; i < count; i++) {
        float v = in[i] < 0 ? 0 : in[i];
        out[i] = v > high ? high : v;
    }
}

THAW_SIMD static void clamp_gradient(float *to, const float *out, const float *gradient, size_t count, float high)
{
    for (size_t i = 0; i < count; i++)
        to[i] = out[i] > 0 && out[i] < high ? gradient[i] : 0;
}

THAW_SIMD static void clamp_gradient_add(float *to, const float *out, const float *gradient, size_t count, float high)
{
    for (size_t i = 0; i < count; i++)
        to[i] += out[i] > 0 && out[i] < high ? gradient[i] : 0;
}

struct clamp {
    const struct op_call *call;
    size_t count;
    int parts;
    float high;
};

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct clamp *c = context;
    size_t first = split_at(c->count, c->parts, task), last = split_at(c->count, c->parts, task + 1);
    clamp(c->call->out + first, c->call->in[0] + first, last - first, c->high);
}

static void backward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct clamp *c = context;
    const struct op_call *call = c->call;
    size_t first = split_at(c->count, c->parts, task), count = split_at(c->count, c->parts, task + 1) - first;
    (call->in_grad_add[0] ? clamp_gradient_add : clamp_gradient)(call->in_grad[0] + first, call->out + first,
                                                                 call->out_grad + first, count, c->high);
}

static void run(const struct op_call *call, team_task task, float high)
{
    struct clamp c = {.call = call, .count = shape4_count(call->out_shape), .high = high};
    c.parts = split_parts(c.count, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST);
    team_run(call->team, c.parts, task, &c);
}

static void relu_forward(const struct op_call *call)
{
    run(call, forward_task, INFINITY);
}

static void relu_backward(const struct op_call *call)
{
    if (call->in_grad[0])
        run(call, backward_task, INFINITY);
}

static void relu6_forward(const struct op_call *call)
{
    run(call, forward_task, 6);
}

static void relu6_backward(const struct op_call *call)
{
    if (call->in_grad[0])
        run(call, backward_task, 6);
}

static void relu_forward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t i = 0; i < count; i++)
        call->out[i] = call->in[0][i] > 0 ? call->in[0][i] : 0;
}

static void relu6_forward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t i = 0; i < count; i++)
        call->out[i] = fminf(fmaxf(call->in[0][i], 0), 6);
}

static void backward_reference(const struct op_call *call, float high)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t i = 0; call->in_grad[0] && i < count; i++) {
        float g = 0;
        if (call->out[i] > 0 && call->out[i] < high)
            g = call->out_grad[i];
        call->in_grad[0][i] = (call->in_grad_add[0] ? call->in_grad[0][i] : 0) + g;
    }
}

static void relu_backward_reference(const struct op_call *call)
{
    backward_reference(call, INFINITY);
}

static void relu6_backward_reference(const struct op_call *call)
{
    backward_reference(call, 6);
}

const struct op_def op_relu = {
    .name = "relu",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_OUT,
    .in_place = true,
    .shape = op_shape_same,
    .cost = op_cost_plain,
    .forward = relu_forward,
    .backward = relu_backward,
    .forward_reference = relu_forward_reference,
    .backward_reference = relu_backward_reference,
};

const struct op_def op_relu6 = {
    .name = "relu6",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_OUT,
    .in_place = true,
    .shape = op_shape_same,
    .cost = op_cost_plain,
    .forward = relu6_forward,
    .backward = relu6_backward,
    .forward_reference = relu6_forward_reference,
    .backward_reference = relu6_backward_reference,
};
