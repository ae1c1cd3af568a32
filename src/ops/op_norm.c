/* Batch normalisation (Ioffe and Szegedy 2015) over n, h, w for each channel.
 *
 * Fixed statistics: out = (in - running_mean) / sqrt(running_var + eps) * weight + bias; nothing moves. Batch statistics:
 * the batch's own mean and (biased) variance, and the running ones move by `momentum`, the variance unbiased, as torch
 * does. Sums over pixels are made in double over parts fixed by the shape, so that any team gives the same bits.
 * saved: mean (c), inverse deviation (c), and whether they are the batch's (one float). */
#include "config.h"

#include <math.h>
#include <string.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { WEIGHT, BIAS, MEAN, VARIANCE, PARAMS, ROW_GRAIN = 8192 };

static int norm_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    static const struct op_param rows[PARAMS] = {
        [WEIGHT] = {.name = "weight", .role = OP_ROLE_AFFINE, .init = OP_INIT_ONE},
        [BIAS] = {.name = "bias", .role = OP_ROLE_AFFINE, .init = OP_INIT_ZERO},
        [MEAN] = {.name = "running_mean", .role = OP_ROLE_STATISTICS, .init = OP_INIT_ZERO},
        [VARIANCE] = {.name = "running_var", .role = OP_ROLE_STATISTICS, .init = OP_INIT_ONE},
    };
    const int64_t channels[] = {in->c};
    for (int i = 0; i < PARAMS; i++) {
        param[i] = rows[i];
        param[i].shape = shape_make(1, channels);
        param[i].fan = in->c;
    }
    if (attrs->no_scale)
        param[WEIGHT].role = OP_ROLE_CONSTANT;
    if (attrs->no_shift)
        param[BIAS].role = OP_ROLE_CONSTANT;
    return PARAMS;
}

static void norm_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    cost->param_bytes = 2.0 * out.c * sizeof(float);
}

static size_t norm_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)attrs, (void)in;
    return 2 * (size_t)out.c + 1;
}

/* One call: rows pixels of c channels, cut into parts for the sums and for the elementwise pass. */
struct norm {
    const struct op_call *call;
    size_t rows;
    int c, parts, sum_parts;
    double *sums;                 /* [sum_parts][2][c] */
    float *scale, *shift, *extra; /* [c]: the elementwise pass is out = x * scale + shift (+ g * extra) */
    const float *mean, *inverse;  /* backward: what forward saved; forward: NULL */
};

static size_t norm_rows(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w;
}

static int sum_parts(size_t rows)
{
    return split_parts(rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST);
}

static size_t norm_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                             bool backward)
{
    (void)attrs, (void)in, (void)threads, (void)backward;
    size_t c = (size_t)out.c;
    return (size_t)sum_parts(norm_rows(out)) * 2 * c * (sizeof(double) / sizeof(float)) + 3 * c;
}

static struct norm geometry(const struct op_call *call)
{
    struct norm norm = {.call = call, .rows = norm_rows(call->out_shape), .c = call->out_shape.c};
    size_t grain = ROW_GRAIN / (size_t)norm.c;
    norm.parts = split_parts(norm.rows, grain ? grain : 1, SPLIT_FLAT_MOST);
    norm.sum_parts = sum_parts(norm.rows);
    norm.sums = (double *)(void *)call->workspace;
    norm.scale = (float *)(void *)(norm.sums + (size_t)norm.sum_parts * 2 * (size_t)norm.c);
    norm.shift = norm.scale + norm.c;
    norm.extra = norm.shift + norm.c;
    return norm;
}

/* sums[0] += x - from, sums[1] += (x - from)^2, from the rows given; `from` keeps the squares small. */
THAW_SIMD static void moments(double *sums, const float *x, const float *from, size_t rows, int c)
{
    double *square = sums + c;
    for (size_t r = 0; r < rows; r++, x += c)
        for (int k = 0; k < c; k++) {
            double d = (double)x[k] - from[k];
            sums[k] += d;
            square[k] += d * d;
        }
}

/* sums[0] += g, sums[1] += g * (x - mean). */
THAW_SIMD static void gradient_moments(double *sums, const float *g, const float *x, const float *mean, size_t rows,
                                       int c)
{
    double *product = sums + c;
    for (size_t r = 0; r < rows; r++, x += c, g += c)
        for (int k = 0; k < c; k++) {
            sums[k] += g[k];
            product[k] += (double)g[k] * (x[k] - mean[k]);
        }
}

THAW_SIMD static void affine(float *out, const float *x, const float *scale, const float *shift, size_t rows, int c)
{
    for (size_t r = 0; r < rows; r++, x += c, out += c)
        for (int k = 0; k < c; k++)
            out[k] = x[k] * scale[k] + shift[k];
}

/* to = or += g * scale + x * extra + shift. */
THAW_SIMD static void gradient_affine(float *to, const float *g, const float *x, const float *scale, const float *extra,
                                      const float *shift, size_t rows, int c, float keep)
{
    for (size_t r = 0; r < rows; r++, x += c, g += c, to += c)
        for (int k = 0; k < c; k++) {
            float v = g[k] * scale[k] + x[k] * extra[k] + shift[k];
            to[k] = keep != 0 ? to[k] + v : v;
        }
}

static void moments_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->sum_parts, task);
    size_t rows = split_at(norm->rows, norm->sum_parts, task + 1) - first;
    double *sums = norm->sums + (size_t)task * 2 * c;
    memset(sums, 0, 2 * c * sizeof *sums);
    const float *x = norm->call->in[0] + first * c;
    if (norm->mean)
        gradient_moments(sums, norm->call->out_grad + first * c, x, norm->mean, rows, norm->c);
    else
        moments(sums, x, norm->call->in[0], rows, norm->c);
}

/* Both sums of every channel into sums[0..2c), in part order. */
static void reduce(struct norm *norm)
{
    team_run(norm->call->team, norm->sum_parts, moments_task, norm);
    size_t count = 2 * (size_t)norm->c;
    for (int part = 1; part < norm->sum_parts; part++)
        for (size_t k = 0; k < count; k++)
            norm->sums[k] += norm->sums[(size_t)part * count + k];
}

static void affine_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->parts, task);
    size_t rows = split_at(norm->rows, norm->parts, task + 1) - first;
    float *out = norm->call->out + first * c;
    affine(out, norm->call->in[0] + first * c, norm->scale, norm->shift, rows, norm->c);
    pass_epilogue(out, rows * c, 1, (int)(rows * c), NULL, NULL, norm->call->activation, norm->call->activation_attrs);
}

static void gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    size_t c = (size_t)norm->c, first = split_at(norm->rows, norm->parts, task);
    size_t rows = split_at(norm->rows, norm->parts, task + 1) - first;
    gradient_affine(call->in_grad[0] + first * c, call->out_grad + first * c, call->in[0] + first * c, norm->scale,
                    norm->extra, norm->shift, rows, norm->c, call->in_grad_add[0] ? 1 : 0);
}

/* Moves the running statistics towards this batch's. */
static void move_statistics(const struct op_call *call, int k, double mean, double variance, double rows)
{
    double momentum = call->attrs->momentum, unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
    call->param[MEAN][k] = (float)((1 - momentum) * call->param[MEAN][k] + momentum * mean);
    call->param[VARIANCE][k] = (float)((1 - momentum) * call->param[VARIANCE][k] + momentum * unbiased);
}

static void norm_forward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    if (call->batch_statistics)
        reduce(&norm);
    for (int k = 0; k < norm.c; k++) {
        double mean = call->param[MEAN][k], variance = call->param[VARIANCE][k];
        if (call->batch_statistics) {
            double offset = norm.sums[k] / (double)norm.rows;
            mean = call->in[0][k] + offset; /* moments are taken from the first pixel's values */
            variance = norm.sums[norm.c + k] / (double)norm.rows - offset * offset;
            variance = variance > 0 ? variance : 0;
            move_statistics(call, k, mean, variance, (double)norm.rows);
        }
        double inverse = 1 / sqrt(variance + call->attrs->eps);
        norm.scale[k] = (float)(inverse * call->param[WEIGHT][k]);
        norm.shift[k] = (float)(call->param[BIAS][k] - mean * inverse * call->param[WEIGHT][k]);
        if (call->saved) {
            call->saved[k] = (float)mean;
            call->saved[norm.c + k] = (float)inverse;
        }
    }
    if (call->saved)
        call->saved[2 * norm.c] = call->batch_statistics ? 1 : 0;
    team_run(call->team, norm.parts, affine_task, &norm);
}

static void norm_backward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    norm.mean = call->saved;
    norm.inverse = call->saved + norm.c;
    bool batch = call->saved[2 * norm.c] != 0;
    if (batch || call->param_grad[WEIGHT] || call->param_grad[BIAS])
        reduce(&norm);
    else
        memset(norm.sums, 0, 2 * (size_t)norm.c * sizeof *norm.sums);
    for (int k = 0; k < norm.c; k++) {
        double sum = norm.sums[k], product = norm.sums[norm.c + k], inverse = norm.inverse[k];
        if (call->param_grad[BIAS])
            call->param_grad[BIAS][k] = (float)sum;
        if (call->param_grad[WEIGHT])
            call->param_grad[WEIGHT][k] = (float)(product * inverse);
        double scale = call->param[WEIGHT][k] * inverse, extra = 0, shift = 0;
        if (batch) { /* the batch's mean and variance depend on every pixel */
            extra = -scale * inverse * inverse * product / (double)norm.rows;
            shift = -scale * sum / (double)norm.rows - extra * norm.mean[k];
        }
        norm.scale[k] = (float)scale;
        norm.extra[k] = (float)extra;
        norm.shift[k] = (float)shift;
    }
    if (call->in_grad[0])
        team_run(call->team, norm.parts, gradient_task, &norm);
}

const struct op_def op_batch_norm = {
    .name = "batch norm",
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
    .forward_reference = op_batch_norm_forward_reference,
    .backward_reference = op_batch_norm_backward_reference,
};
