/* Product of two values: equal shapes, or one factor a channel and image (n,1,1,c), as squeeze-and-excitation has it (Hu
 * et al. 2018). A factor's gradient is a sum over pixels, made in double, an image a task. */
#include "config.h"

#include <string.h>

#include "op_rows.h"
#include "split.h"

static bool mul_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                      struct error *error)
{
    (void)attrs, (void)inputs;
    bool is_factor = in[1].h == 1 && in[1].w == 1 && in[1].c == in[0].c;
    if (!shape4_equal(in[0], in[1]) && !is_factor)
        return error_set(error, ERROR_FAILED, "mul: %dx%dx%d and %dx%dx%d: neither equal nor one factor a channel",
                         in[0].h, in[0].w, in[0].c, in[1].h, in[1].w, in[1].c);
    *out = in[0];
    return true;
}

/* Rows of `width` floats, `repeat` of which share a row of the second input: pixels and channels where it is a factor,
 * else everything is one row. */
struct mul {
    const struct op_call *call;
    size_t rows, width, repeat;
    int parts;
};

static struct mul geometry(const struct op_call *call)
{
    struct shape4 shape = call->out_shape;
    size_t pixels = (size_t)shape.h * (size_t)shape.w;
    struct mul mul = {.call = call, .width = (size_t)shape.c, .repeat = pixels};
    mul.rows = (size_t)shape.n * pixels;
    if (call->in_shape[1].h * call->in_shape[1].w == shape.h * shape.w)
        mul.repeat = 1;
    size_t grain = SPLIT_FLAT_GRAIN / mul.width;
    mul.parts = split_parts(mul.rows, grain ? grain : 1, SPLIT_FLAT_MOST);
    return mul;
}

THAW_SIMD static void multiply(float *to, const float *a, const float *b, size_t count, float keep)
{
    for (size_t i = 0; i < count; i++) {
        float v = a[i] * b[i];
        to[i] = keep != 0 ? to[i] + v : v;
    }
}

/* to = or += a * b, b repeated. */
static void multiply_rows(const struct mul *mul, int task, float *to, const float *a, const float *b, bool add)
{
    size_t first = split_at(mul->rows, mul->parts, task), last = split_at(mul->rows, mul->parts, task + 1);
    size_t w = mul->width, step = 1;
    for (size_t row = first; row < last; row += step) {
        step = mul->repeat == 1 ? last - first : 1;
        multiply(to + row * w, a + row * w, b + row / mul->repeat * w, step * w, add ? 1 : 0);
    }
}

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct mul *mul = context;
    multiply_rows(mul, task, mul->call->out, mul->call->in[0], mul->call->in[1], false);
}

static void first_task(void *context, int task, int worker)
{
    (void)worker;
    const struct mul *mul = context;
    const struct op_call *call = mul->call;
    multiply_rows(mul, task, call->in_grad[0], call->out_grad, call->in[1], call->in_grad_add[0]);
}

static void second_task(void *context, int task, int worker)
{
    (void)worker;
    const struct mul *mul = context;
    const struct op_call *call = mul->call;
    multiply_rows(mul, task, call->in_grad[1], call->out_grad, call->in[0], call->in_grad_add[1]);
}

THAW_SIMD static void gate_products(double *restrict sum, const float *restrict a, const float *restrict b, size_t rows,
                                    size_t width)
{
    for (size_t row = 0; row < rows; row++, a += width, b += width)
        for (size_t k = 0; k < width; k++)
            sum[k] += (double)a[k] * b[k];
}

/* The factors' gradient of image n. */
static void factor_task(void *context, int n, int worker)
{
    const struct mul *mul = context;
    const struct op_call *call = mul->call;
    size_t w = mul->width, first = (size_t)n * mul->repeat * w;
    double *sum = (double *)(void *)(call->workspace + (size_t)worker * split_line(2 * w));
    memset(sum, 0, w * sizeof *sum);
    gate_products(sum, call->out_grad + first, call->in[0] + first, mul->repeat, w);
    float *to = call->in_grad[1] + (size_t)n * w;
    for (size_t k = 0; k < w; k++)
        to[k] = (call->in_grad_add[1] ? to[k] : 0) + (float)sum[k];
}

static size_t mul_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                            bool backward)
{
    (void)attrs, (void)in;
    return backward ? (size_t)threads * split_line(2 * (size_t)out.c) : 0;
}

static void mul_forward(const struct op_call *call)
{
    struct mul mul = geometry(call);
    team_run(call->team, mul.parts, forward_task, &mul);
}

static void give_second(const struct op_call *call, struct mul *mul)
{
    if (!call->in_grad[1])
        return;
    if (mul->repeat == 1)
        team_run(call->team, mul->parts, second_task, mul);
    else
        team_run(call->team, call->out_shape.n, factor_task, mul);
}

/* In order, as for an add; in place the first overwrites what the second reads, and comes last. */
static void mul_backward(const struct op_call *call)
{
    struct mul mul = geometry(call);
    bool in_place = call->in_grad[0] == call->out_grad;
    if (in_place)
        give_second(call, &mul);
    if (call->in_grad[0])
        team_run(call->team, mul.parts, first_task, &mul);
    if (!in_place)
        give_second(call, &mul);
}

const struct op_def op_mul = {
    .name = "mul",
    .inputs_min = 2,
    .inputs_max = 2,
    .needs = OP_NEEDS_IN,
    .in_place = true,
    .shape = mul_shape,
    .cost = op_cost_plain,
    .workspace_floats = mul_workspace,
    .forward = mul_forward,
    .backward = mul_backward,
    .forward_reference = op_mul_forward_reference,
    .backward_reference = op_mul_backward_reference,
};
