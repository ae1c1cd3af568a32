/* A scale, and a shift if attrs.bias, for each channel: the layer scale of ConvNeXt (Touvron et al. 2021), an image
 * normalised inside the network, what other frameworks fold a batch norm to. attrs.constant: part of the architecture. */
#include "config.h"

#include <string.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { WEIGHT, BIAS };

static int affine_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    struct shape shape = shape_make(1, (int64_t[]){in->c});
    param[WEIGHT] =
        (struct op_param){.name = "weight", .role = OP_ROLE_WEIGHT, .init = OP_INIT_ONE, .shape = shape, .fan = in->c};
    param[BIAS] =
        (struct op_param){.name = "bias", .role = OP_ROLE_BIAS, .init = OP_INIT_ZERO, .shape = shape, .fan = in->c};
    if (attrs->constant)
        param[WEIGHT].role = param[BIAS].role = OP_ROLE_CONSTANT;
    return attrs->bias ? 2 : 1;
}

static void affine_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    cost->param_bytes = (attrs->bias ? 2.0 : 1.0) * out.c * sizeof(float);
}

struct affine {
    const struct op_call *call;
    size_t rows;
    int c, parts, sum_parts;
    double *sums; /* [sum_parts][c] */
};

static struct affine geometry(const struct op_call *call)
{
    struct shape4 shape = call->out_shape;
    struct affine affine = {.call = call, .rows = (size_t)shape.n * (size_t)shape.h * (size_t)shape.w, .c = shape.c};
    size_t grain = SPLIT_FLAT_GRAIN / (size_t)shape.c;
    affine.parts = split_parts(affine.rows, grain ? grain : 1, SPLIT_FLAT_MOST);
    affine.sum_parts = split_parts(affine.rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST);
    affine.sums = (double *)(void *)call->workspace;
    return affine;
}

THAW_SIMD static void scale_rows(float *out, const float *x, const float *weight, const float *bias, size_t rows, int c)
{
    for (size_t r = 0; r < rows; r++, x += c, out += c)
        for (int k = 0; k < c; k++)
            out[k] = bias ? x[k] * weight[k] + bias[k] : x[k] * weight[k];
}

THAW_SIMD static void add_scaled_rows(float *to, const float *g, const float *weight, size_t rows, int c)
{
    for (size_t r = 0; r < rows; r++, g += c, to += c)
        for (int k = 0; k < c; k++)
            to[k] += g[k] * weight[k];
}

THAW_SIMD static void sum_products(double *restrict sum, const float *restrict g, const float *restrict x, size_t rows,
                                   int c)
{
    for (size_t r = 0; r < rows; r++, g += c, x += c)
        for (int k = 0; k < c; k++)
            sum[k] += (double)g[k] * x[k];
}

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct affine *a = context;
    const struct op_call *call = a->call;
    size_t c = (size_t)a->c, first = split_at(a->rows, a->parts, task);
    size_t rows = split_at(a->rows, a->parts, task + 1) - first;
    float *out = call->out + first * c;
    scale_rows(out, call->in[0] + first * c, call->param[WEIGHT], call->attrs->bias ? call->param[BIAS] : NULL, rows,
               a->c);
    pass_epilogue(out, rows * c, 1, (int)(rows * c), NULL, NULL, call->activation, call->activation_attrs);
}

static void gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct affine *a = context;
    const struct op_call *call = a->call;
    size_t c = (size_t)a->c, first = split_at(a->rows, a->parts, task);
    size_t rows = split_at(a->rows, a->parts, task + 1) - first;
    float *to = call->in_grad[0] + first * c;
    if (call->in_grad_add[0])
        add_scaled_rows(to, call->out_grad + first * c, call->param[WEIGHT], rows, a->c);
    else
        scale_rows(to, call->out_grad + first * c, call->param[WEIGHT], NULL, rows, a->c);
}

static void weight_task(void *context, int task, int worker)
{
    (void)worker;
    const struct affine *a = context;
    size_t c = (size_t)a->c, first = split_at(a->rows, a->sum_parts, task);
    size_t rows = split_at(a->rows, a->sum_parts, task + 1) - first;
    double *sum = a->sums + (size_t)task * c;
    memset(sum, 0, c * sizeof *sum);
    sum_products(sum, a->call->out_grad + first * c, a->call->in[0] + first * c, rows, a->c);
}

static size_t affine_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                               bool backward)
{
    (void)attrs, (void)in, (void)threads;
    return backward ? pass_bias_floats((size_t)out.n * (size_t)out.h * (size_t)out.w, out.c) : 0;
}

static void affine_forward(const struct op_call *call)
{
    struct affine a = geometry(call);
    team_run(call->team, a.parts, forward_task, &a);
}

/* The parameters first: in place, the input's gradient overwrites what they read. */
static void affine_backward(const struct op_call *call)
{
    struct affine a = geometry(call);
    if (call->param_grad[WEIGHT]) {
        team_run(call->team, a.sum_parts, weight_task, &a);
        for (int k = 0; k < a.c; k++) {
            double sum = 0;
            for (int p = 0; p < a.sum_parts; p++)
                sum += a.sums[(size_t)p * (size_t)a.c + (size_t)k];
            call->param_grad[WEIGHT][k] = (float)sum;
        }
    }
    if (call->attrs->bias && call->param_grad[BIAS])
        pass_bias(call->team, call->out_grad, a.rows, a.c, call->workspace, call->param_grad[BIAS]);
    if (call->in_grad[0])
        team_run(call->team, a.parts, gradient_task, &a);
}

const struct op_def op_affine = {
    .name = "affine",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .in_place = true,
    .shape = op_shape_same,
    .params = affine_params,
    .cost = affine_cost,
    .workspace_floats = affine_workspace,
    .forward = affine_forward,
    .backward = affine_backward,
    .forward_reference = op_affine_forward_reference,
    .backward_reference = op_affine_backward_reference,
};
