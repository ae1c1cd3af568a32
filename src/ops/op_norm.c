/* Batch normalisation (Ioffe and Szegedy 2015) over n, h, w for each channel.
 *
 * Fixed statistics: out = (in - running_mean) / sqrt(running_var + eps) * weight + bias; nothing moves. Batch statistics:
 * the batch's own mean and (biased) variance, and the running ones move by `momentum`, the variance unbiased, as torch
 * does. A residual and an activation behind it are part of both directions: forward is one pass for the statistics and one
 * that writes, backward one for the sums (and the residual's gradient) and one for the input's. Without a residual,
 * backward works out the activation's argument again from the input, so that the output need not be kept.
 * Sums over pixels are made in double over parts fixed by the shape, so that any team gives the same bits.
 * saved: mean, inverse deviation, scale, shift (c each), and whether they are the batch's (one float). */
#include "config.h"

#include <math.h>
#include <string.h>

#include "activate.h"
#include "norm_rows.h"
#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { WEIGHT, BIAS, MEAN, VARIANCE, PARAMS };
enum { ROW_GRAIN = 8192, TILE_FLOATS = 2048, TILE_ROWS = 8 };
enum { SAVED_MEAN, SAVED_INVERSE, SAVED_SCALE, SAVED_SHIFT, SAVED }; /* times c */

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
    return SAVED * (size_t)out.c + 1;
}

/* One call: rows pixels of c channels, cut into parts for the sums and for the elementwise pass. */
struct norm {
    const struct op_call *call;
    size_t rows;
    int c, parts, sum_parts;
    double *sums;                 /* [sum_parts][2][c] */
    float *scale, *shift, *extra; /* [c]: the input's gradient is g * scale + x * extra + shift */
    struct norm_mask line;        /* out = x * scale + shift, held to its bounds where the activation does just that */
    bool clips;
    const float *mean; /* backward: what forward saved; forward: NULL */
    bool batch;        /* backward: the statistics were the batch's */
    float *tile;       /* [threads][2][tile_rows][c]: for activations of other kinds, while they are in cache */
    size_t tile_floats, tile_rows;
};

static size_t norm_rows(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w;
}

static int sum_parts(size_t rows)
{
    return split_parts(rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST);
}

static size_t tile_rows(size_t c)
{
    return TILE_FLOATS / c > TILE_ROWS ? TILE_FLOATS / c / TILE_ROWS * TILE_ROWS : TILE_ROWS;
}

static size_t norm_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                             bool backward)
{
    (void)attrs, (void)in, (void)backward;
    size_t c = (size_t)out.c, sums = (size_t)sum_parts(norm_rows(out)) * 2 * c * (sizeof(double) / sizeof(float));
    return split_line(sums + 3 * c) + (size_t)threads * 2 * split_line(tile_rows(c) * c);
}

static struct norm geometry(const struct op_call *call)
{
    struct norm norm = {.call = call, .rows = norm_rows(call->out_shape), .c = call->out_shape.c};
    size_t c = (size_t)norm.c, grain = ROW_GRAIN / c;
    norm.parts = split_parts(norm.rows, grain ? grain : 1, SPLIT_FLAT_MOST);
    norm.sum_parts = sum_parts(norm.rows);
    norm.sums = (double *)(void *)call->workspace;
    norm.scale = (float *)(void *)(norm.sums + (size_t)norm.sum_parts * 2 * c);
    norm.shift = norm.scale + c;
    norm.extra = norm.shift + c;
    norm.tile_rows = tile_rows(c);
    norm.tile_floats = split_line(norm.tile_rows * c);
    norm.tile = call->workspace + split_line((size_t)(norm.extra + c - call->workspace));
    norm.line = (struct norm_mask){norm.scale, norm.shift, -INFINITY, INFINITY};
    if (call->saved) {
        norm.line.scale = call->saved + SAVED_SCALE * c;
        norm.line.shift = call->saved + SAVED_SHIFT * c;
    }
    norm.clips = activate_bounds(call->activation, call->activation_attrs, &norm.line.low, &norm.line.high);
    return norm;
}

/* The rows of a task, a tile after the other. */
struct stretch {
    size_t first, rows, last;
};

static struct stretch task_rows(const struct norm *norm, int parts, int task)
{
    return (struct stretch){split_at(norm->rows, parts, task), 0, split_at(norm->rows, parts, task + 1)};
}

static bool next_tile(const struct norm *norm, struct stretch *stretch)
{
    stretch->first += stretch->rows;
    size_t left = stretch->last - stretch->first;
    stretch->rows = left < norm->tile_rows ? left : norm->tile_rows;
    return left > 0;
}

/* The activation's gradient of a tile: from the output where a residual went into it, else from the input. */
static void activation_gradient(const struct norm *norm, size_t at, size_t rows, float *argument, float *to)
{
    const struct op_call *call = norm->call;
    size_t count = rows * (size_t)norm->c;
    const float *value = argument;
    if (call->residual)
        value = call->out + at;
    else {
        norm_apply(argument, call->in[0] + at, NULL, &norm->line, rows, norm->c);
        if (activate_slope_is_of_output(call->activation))
            activate(call->activation, call->activation_attrs, argument, argument, count);
    }
    activate_gradient(call->activation, call->activation_attrs, to, value, call->out_grad + at, count, false);
}

/* The mask is worked out again inside the loops. */
static bool masks(const struct norm *norm)
{
    return norm->clips && !norm->call->residual;
}

/* The gradient before the activation for a tile's rows; `give`: hand it to the residual, too. */
static const float *tile_gradient(const struct norm *norm, const struct stretch *tile, int worker, bool give)
{
    const struct op_call *call = norm->call;
    size_t at = tile->first * (size_t)norm->c, count = tile->rows * (size_t)norm->c;
    const float *g = call->out_grad + at;
    bool writes = call->residual_grad && !call->residual_grad_add;
    if (writes && !give)
        return call->residual_grad + at; /* it is there already */
    if (call->activation != OP_ACT_NONE && !masks(norm)) {
        float *room = norm->tile + (size_t)worker * 2 * norm->tile_floats;
        float *to = writes ? call->residual_grad + at : room;
        activation_gradient(norm, at, tile->rows, room + norm->tile_floats, to);
        g = to;
    }
    if (call->residual_grad && give)
        pass_move(call->residual_grad + at, g, count, call->residual_grad_add);
    return g;
}

static void moments_task(void *context, int task, int worker)
{
    const struct norm *norm = context;
    size_t c = (size_t)norm->c;
    double *sums = norm->sums + (size_t)task * 2 * c;
    memset(sums, 0, 2 * c * sizeof *sums);
    struct stretch tile = task_rows(norm, norm->sum_parts, task);
    while (next_tile(norm, &tile)) {
        const float *x = norm->call->in[0] + tile.first * c;
        if (norm->mean)
            norm_gradient_moments(sums, tile_gradient(norm, &tile, worker, true), x, norm->mean,
                                  masks(norm) ? &norm->line : NULL, tile.rows, norm->c);
        else
            norm_moments(sums, x, norm->call->in[0], tile.rows, norm->c);
    }
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

static void apply_task(void *context, int task, int worker)
{
    (void)worker;
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    struct stretch tile = task_rows(norm, norm->parts, task);
    while (next_tile(norm, &tile)) {
        size_t at = tile.first * (size_t)norm->c;
        float *out = call->out + at;
        norm_apply(out, call->in[0] + at, call->residual ? call->residual + at : NULL, &norm->line, tile.rows, norm->c);
        if (call->activation != OP_ACT_NONE && !norm->clips)
            activate(call->activation, call->activation_attrs, out, out, tile.rows * (size_t)norm->c);
    }
}

static void gradient_task(void *context, int task, int worker)
{
    const struct norm *norm = context;
    const struct op_call *call = norm->call;
    struct stretch tile = task_rows(norm, norm->parts, task);
    while (next_tile(norm, &tile)) {
        size_t at = tile.first * (size_t)norm->c;
        norm_gradient(call->in_grad[0] + at, tile_gradient(norm, &tile, worker, false), call->in[0] + at,
                      masks(norm) ? &norm->line : NULL, norm->scale, norm->batch ? norm->extra : NULL, norm->shift,
                      tile.rows, norm->c, call->in_grad_add[0]);
    }
}

/* Moves the running statistics towards this batch's. */
static void move_statistics(const struct op_call *call, int k, double mean, double variance, double rows)
{
    double momentum = call->attrs->momentum, unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
    call->param[MEAN][k] = (float)((1 - momentum) * call->param[MEAN][k] + momentum * mean);
    call->param[VARIANCE][k] = (float)((1 - momentum) * call->param[VARIANCE][k] + momentum * unbiased);
}

/* This call's line of every channel and, where a backward follows, what that reads. */
static void find_line(struct norm *norm)
{
    const struct op_call *call = norm->call;
    float *scale = call->saved ? call->saved + SAVED_SCALE * norm->c : norm->scale;
    float *shift = call->saved ? call->saved + SAVED_SHIFT * norm->c : norm->shift;
    if (call->batch_statistics)
        reduce(norm);
    for (int k = 0; k < norm->c; k++) {
        double mean = call->param[MEAN][k], variance = call->param[VARIANCE][k];
        if (call->batch_statistics) {
            double offset = norm->sums[k] / (double)norm->rows;
            mean = call->in[0][k] + offset; /* moments are taken from the first pixel's values */
            variance = norm->sums[norm->c + k] / (double)norm->rows - offset * offset;
            variance = variance > 0 ? variance : 0;
            move_statistics(call, k, mean, variance, (double)norm->rows);
        }
        double inverse = 1 / sqrt(variance + call->attrs->eps);
        scale[k] = (float)(inverse * call->param[WEIGHT][k]);
        shift[k] = (float)(call->param[BIAS][k] - mean * inverse * call->param[WEIGHT][k]);
        if (call->saved) {
            call->saved[SAVED_MEAN * norm->c + k] = (float)mean;
            call->saved[SAVED_INVERSE * norm->c + k] = (float)inverse;
        }
    }
    if (call->saved)
        call->saved[SAVED * norm->c] = call->batch_statistics ? 1 : 0;
}

static void norm_forward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    if (!call->again || !call->saved)
        find_line(&norm);
    team_run(call->team, norm.parts, apply_task, &norm);
}

/* Gradients of the parameters and the line of the input's gradient, from the sums. */
static void finish_sums(struct norm *norm)
{
    const struct op_call *call = norm->call;
    const float *saved_inverse = call->saved + SAVED_INVERSE * norm->c;
    for (int k = 0; k < norm->c; k++) {
        double sum = norm->sums[k], product = norm->sums[norm->c + k], inverse = saved_inverse[k];
        if (call->param_grad[BIAS])
            call->param_grad[BIAS][k] = (float)sum;
        if (call->param_grad[WEIGHT])
            call->param_grad[WEIGHT][k] = (float)(product * inverse);
        double scale = call->param[WEIGHT][k] * inverse, extra = 0, shift = 0;
        if (norm->batch) { /* the batch's mean and variance depend on every pixel */
            extra = -scale * inverse * inverse * product / (double)norm->rows;
            shift = -scale * sum / (double)norm->rows - extra * norm->mean[k];
        }
        norm->scale[k] = (float)scale;
        norm->extra[k] = (float)extra;
        norm->shift[k] = (float)shift;
    }
}

static void norm_backward(const struct op_call *call)
{
    struct norm norm = geometry(call);
    norm.mean = call->saved + SAVED_MEAN * norm.c;
    norm.batch = call->saved[SAVED * norm.c] != 0;
    if (norm.batch || call->param_grad[WEIGHT] || call->param_grad[BIAS] || call->residual_grad)
        reduce(&norm);
    else
        memset(norm.sums, 0, 2 * (size_t)norm.c * sizeof *norm.sums);
    finish_sums(&norm);
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
