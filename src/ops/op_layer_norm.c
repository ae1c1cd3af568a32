/* Layer normalisation (Ba et al. 2016) over the channels of each pixel: out = (in - mean) / sqrt(variance + eps) * weight
 * + bias, mean and (biased) variance the pixel's own. Sums over a pixel are made in eight lanes in a fixed order, those
 * over pixels in double over parts fixed by the shape. saved: mean and inverse deviation of each pixel. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "op_rows.h"
#include "split.h"

enum { WEIGHT, BIAS, LANES = 8 };

static int norm_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    (void)attrs;
    struct shape shape = shape_make(1, (int64_t[]){in->c});
    param[WEIGHT] =
        (struct op_param){.name = "weight", .role = OP_ROLE_AFFINE, .init = OP_INIT_ONE, .shape = shape, .fan = in->c};
    param[BIAS] =
        (struct op_param){.name = "bias", .role = OP_ROLE_AFFINE, .init = OP_INIT_ZERO, .shape = shape, .fan = in->c};
    return 2;
}

static void norm_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    cost->param_bytes = 2.0 * out.c * sizeof(float);
}

static size_t pixels(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w;
}

static size_t norm_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)attrs, (void)in;
    return 2 * pixels(out);
}

static int sum_parts(size_t rows)
{
    return split_parts(rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST);
}

static size_t norm_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                             bool backward)
{
    (void)attrs, (void)in, (void)threads;
    return backward ? (size_t)sum_parts(pixels(out)) * 4 * (size_t)out.c : 0;
}

struct norm {
    const struct op_call *call;
    size_t rows;
    int c, parts, sum_parts;
    double *sums; /* [sum_parts][2][c] */
};

static struct norm geometry(const struct op_call *call)
{
    struct norm norm = {.call = call, .rows = pixels(call->out_shape), .c = call->out_shape.c};
    size_t grain = SPLIT_FLAT_GRAIN / (size_t)norm.c;
    norm.parts = split_parts(norm.rows, grain ? grain : 1, SPLIT_FLAT_MOST);
    norm.sum_parts = sum_parts(norm.rows);
    norm.sums = (double *)(void *)call->workspace;
    return norm;
}

static inline __attribute__((always_inline)) float add_lanes(const float *lane)
{
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

THAW_SIMD static void normalise(const float *x, const float *weight, const float *bias, float *out, float *saved,
                                size_t rows, int c, float eps)
{
    for (size_t r = 0; r < rows; r++, x += c, out += c) {
        float sum[LANES] = {0}, square[LANES] = {0};
        int k = 0;
        for (; k + LANES <= c; k += LANES)
            for (int i = 0; i < LANES; i++)
                sum[i] += x[k + i];
        for (int i = 0; k + i < c; i++)
            sum[i] += x[k + i];
        float mean = add_lanes(sum) / (float)c;
        for (k = 0; k + LANES <= c; k += LANES)
            for (int i = 0; i < LANES; i++)
                square[i] += (x[k + i] - mean) * (x[k + i] - mean);
        for (int i = 0; k + i < c; i++)
            square[i] += (x[k + i] - mean) * (x[k + i] - mean);
        float inverse = 1 / sqrtf(add_lanes(square) / (float)c + eps);
        for (k = 0; k < c; k++)
            out[k] = (x[k] - mean) * inverse * weight[k] + bias[k];
        if (saved) {
            saved[2 * r] = mean;
            saved[2 * r + 1] = inverse;
        }
    }
}

/* to = or += inverse * (g' - mean(g') - x' * mean(g' x')), where g' = g * weight and x' is the normalised input. */
THAW_SIMD static void give_input(float *to, const float *g, const float *x, const float *weight, const float *saved,
                                 size_t rows, int c, float keep)
{
    for (size_t r = 0; r < rows; r++, x += c, g += c, to += c) {
        float sum[LANES] = {0}, product[LANES] = {0}, mean = saved[2 * r], inverse = saved[2 * r + 1];
        int k = 0;
        for (; k + LANES <= c; k += LANES)
            for (int i = 0; i < LANES; i++) {
                float own = g[k + i] * weight[k + i];
                sum[i] += own;
                product[i] += own * (x[k + i] - mean);
            }
        for (int i = 0; k + i < c; i++) {
            float own = g[k + i] * weight[k + i];
            sum[i] += own;
            product[i] += own * (x[k + i] - mean);
        }
        float shift = add_lanes(sum) / (float)c, slope = add_lanes(product) / (float)c * inverse * inverse;
        for (k = 0; k < c; k++) {
            float v = (g[k] * weight[k] - shift - (x[k] - mean) * slope) * inverse;
            to[k] = keep != 0 ? to[k] + v : v;
        }
    }
}

/* sums[0] += g * x', sums[1] += g. */
THAW_SIMD static void sum_parameters(double *sums, const float *g, const float *x, const float *saved, size_t rows,
                                     int c)
{
    double *plain = sums + c;
    for (size_t r = 0; r < rows; r++, x += c, g += c) {
        float mean = saved[2 * r], inverse = saved[2 * r + 1];
        for (int k = 0; k < c; k++) {
            sums[k] += g[k] * ((x[k] - mean) * inverse);
            plain[k] += g[k];
        }
    }
}

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->parts, task);
    size_t rows = split_at(norm->rows, norm->parts, task + 1) - first;
    normalise(call->in[0] + first * c, call->param[WEIGHT], call->param[BIAS], call->out + first * c,
              call->saved ? call->saved + 2 * first : NULL, rows, norm->c, call->attrs->eps);
}

static void gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->parts, task);
    size_t rows = split_at(norm->rows, norm->parts, task + 1) - first;
    give_input(call->in_grad[0] + first * c, call->out_grad + first * c, call->in[0] + first * c, call->param[WEIGHT],
               call->saved + 2 * first, rows, norm->c, call->in_grad_add[0] ? 1 : 0);
}

static void parameters_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->sum_parts, task);
    size_t rows = split_at(norm->rows, norm->sum_parts, task + 1) - first;
    double *sums = norm->sums + (size_t)task * 2 * c;
    memset(sums, 0, 2 * c * sizeof *sums);
    sum_parameters(sums, call->out_grad + first * c, call->in[0] + first * c, call->saved + 2 * first, rows, norm->c);
}

static void norm_forward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    team_run(call->team, norm.parts, forward_task, &norm);
}

/* The parameters first: in place, the input's gradient overwrites what they read. */
static void norm_backward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    if (call->param_grad[WEIGHT] || call->param_grad[BIAS])
        team_run(call->team, norm.sum_parts, parameters_task, &norm);
    for (int slot = WEIGHT; slot <= BIAS; slot++) {
        for (int k = 0; k < norm.c && call->param_grad[slot]; k++) {
            double sum = 0;
            for (int p = 0; p < norm.sum_parts; p++)
                sum += norm.sums[((size_t)p * 2 + (size_t)slot) * (size_t)norm.c + (size_t)k];
            call->param_grad[slot][k] = (float)sum;
        }
    }
    if (call->in_grad[0])
        team_run(call->team, norm.parts, gradient_task, &norm);
}

const struct op_def op_layer_norm = {
    .name = "layer norm",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .in_place = true,
    .shape = op_shape_same,
    .params = norm_params,
    .cost = norm_cost,
    .saved_floats = norm_saved,
    .workspace_floats = norm_workspace,
    .forward = norm_forward,
    .backward = norm_backward,
    .forward_reference = op_layer_norm_forward_reference,
    .backward_reference = op_layer_norm_backward_reference,
};
