/* Convolution: shape rule, parameters, cost, and the choice of kernels.
 *
 * Activations NHWC, weight (kernel_h, kernel_w, c_in / groups, c_out). Kernels are rows of the table below: Winograd
 * (op_conv_winograd.c), packed products over the image in place (op_conv_sweep.c), direct ones for depthwise and narrow
 * groups, and products over gathered panels (op_conv_panels.c) for kernels of more than a hundred positions. */
#include "config.h"

#include "conv.h"
#include "conv_winograd.h"
#include "op_rows.h"
#include "pass.h"
#include "window.h"

enum { WEIGHT, BIAS };

/* In order of preference for each job; the last of each fits every shape. */
static const struct conv_kernel *const table[] = {
    &conv_depthwise_forward,  &conv_depthwise_data,     &conv_depthwise_weights,  &conv_narrow_forward,
    &conv_narrow_data,        &conv_narrow_weights,     &conv_winograd_4_forward, &conv_winograd_4_data,
    &conv_winograd_4_weights, &conv_winograd_2_forward, &conv_winograd_2_data,    &conv_winograd_2_weights,
    &conv_sweep_forward,      &conv_sweep_data,         &conv_sweep_weights,      &conv_panels_forward,
    &conv_panels_data,        &conv_panels_weights,
};

const struct conv_kernel *conv_kernel_choose(const struct conv *conv, enum op_job job)
{
    size_t i = conv->attrs->kernel[job];
    if (i > 0 && table[i - 1]->job == job && table[i - 1]->fits(conv))
        return table[i - 1];
    for (i = 0;; i++) /* the last kernel of each job fits every shape and always pays */
        if (table[i]->job == job && table[i]->fits(conv) && (!table[i]->pays || table[i]->pays(conv)))
            return table[i];
}

static int conv_kernels(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, enum op_job job,
                        struct op_kernel list[OP_KERNELS_MAX])
{
    struct op_attrs free = *attrs;
    free.kernel[job] = 0;
    struct conv conv = conv_geometry(&free, *in, out);
    const struct conv_kernel *first = conv_kernel_choose(&conv, job);
    int count = 1;
    for (size_t i = 0; i < THAW_LENGTH(table); i++) {
        struct op_kernel kernel = {(unsigned char)(i + 1), table[i]->name, table[i]->transforms};
        if (table[i] == first)
            list[0] = kernel;
        else if (table[i]->job == job && count < OP_KERNELS_MAX && table[i]->fits(&conv))
            list[count++] = kernel;
    }
    return count;
}

static size_t conv_prepared_floats(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    struct conv conv = conv_geometry(attrs, *in, out);
    const struct conv_kernel *kernel = conv_kernel_choose(&conv, OP_JOB_FORWARD);
    return kernel->prepared_floats ? kernel->prepared_floats(&conv) : 0;
}

static void conv_prepare(const struct op_call *call, float *prepared)
{
    struct conv conv = conv_geometry(call->attrs, call->in_shape[0], call->out_shape);
    conv_kernel_choose(&conv, OP_JOB_FORWARD)->prepare(&conv, call, prepared);
}

struct conv conv_geometry(const struct op_attrs *attrs, struct shape4 in, struct shape4 out)
{
    return (struct conv){
        .attrs = attrs,
        .in = in,
        .out = out,
        .group_in = in.c / attrs->groups,
        .group_out = out.c / attrs->groups,
        .taps = attrs->kernel_h * attrs->kernel_w,
        .pixels = (size_t)out.n * (size_t)out.h * (size_t)out.w,
        .pointwise = attrs->kernel_h == 1 && attrs->kernel_w == 1 && attrs->stride_h == 1 && attrs->stride_w == 1 &&
                     out.h == in.h && out.w == in.w && attrs->pad_top == 0 && attrs->pad_left == 0,
    };
}

static bool conv_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                       struct error *error)
{
    (void)inputs;
    if (attrs->out_channels < 1 || attrs->groups < 1)
        return error_set(error, ERROR_FAILED, "conv: %d output channels in %d groups; both must be at least 1",
                         attrs->out_channels, attrs->groups);
    if (in->c % attrs->groups != 0 || attrs->out_channels % attrs->groups != 0)
        return error_set(error, ERROR_FAILED, "conv: %d input and %d output channels do not divide into %d groups",
                         in->c, attrs->out_channels, attrs->groups);
    *out = (struct shape4){.n = in->n, .c = attrs->out_channels};
    if (!window_shape("conv", attrs, *in, out, error))
        return false;
    return (int64_t)attrs->kernel_h * attrs->kernel_w <= INT32_MAX / attrs->out_channels ||
           error_set(error, ERROR_FAILED, "conv: kernels of %dx%d for %d output channels are too large",
                     attrs->kernel_h, attrs->kernel_w, attrs->out_channels);
}

static int conv_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    const int64_t weight[] = {attrs->kernel_h, attrs->kernel_w, in->c / attrs->groups, attrs->out_channels};
    const int64_t bias[] = {attrs->out_channels};
    param[WEIGHT] = (struct op_param){
        .name = "weight",
        .role = OP_ROLE_WEIGHT,
        .init = OP_INIT_HE,
        .shape = shape_make(4, weight),
        .fan = attrs->kernel_h * attrs->kernel_w * (attrs->out_channels / attrs->groups),
    };
    param[BIAS] = (struct op_param){
        .name = "bias", .role = OP_ROLE_BIAS, .init = OP_INIT_ZERO, .shape = shape_make(1, bias), .fan = param[0].fan};
    return attrs->bias ? 2 : 1;
}

static void conv_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    double weights = (double)attrs->kernel_h * attrs->kernel_w * (in->c / attrs->groups) * out.c;
    op_cost_plain(attrs, in, out, cost);
    cost->macs = (double)out.n * out.h * out.w * weights;
    cost->param_bytes = (weights + (attrs->bias ? out.c : 0)) * sizeof(float);
}

static size_t job_floats(const struct conv *conv, enum op_job job, int threads)
{
    return conv_kernel_choose(conv, job)->workspace_floats(conv, threads);
}

static size_t conv_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                             bool backward)
{
    size_t most = backward && attrs->bias ? pass_bias_floats((size_t)out.n * (size_t)out.h * (size_t)out.w, out.c) : 0;
    struct shape4 some_in = *in, some_out = out;
    for (int n = 1; n <= out.n; n++) { /* panels differ from batch size to batch size: fewer images may need more */
        some_in.n = some_out.n = n;
        struct conv conv = conv_geometry(attrs, some_in, some_out);
        for (int job = OP_JOB_FORWARD; job <= OP_JOB_WEIGHT_GRADIENT; job++) {
            size_t need = (job != OP_JOB_FORWARD) == backward ? job_floats(&conv, (enum op_job)job, threads) : 0;
            most = need > most ? need : most;
        }
    }
    return most;
}

static void conv_forward(const struct op_call *call)
{
    struct conv conv = conv_geometry(call->attrs, call->in_shape[0], call->out_shape);
    conv_kernel_choose(&conv, OP_JOB_FORWARD)->run(&conv, call);
}

static void conv_backward(const struct op_call *call)
{
    struct conv conv = conv_geometry(call->attrs, call->in_shape[0], call->out_shape);
    if (call->in_grad[0])
        conv_kernel_choose(&conv, OP_JOB_DATA_GRADIENT)->run(&conv, call);
    if (call->param_grad[WEIGHT])
        conv_kernel_choose(&conv, OP_JOB_WEIGHT_GRADIENT)->run(&conv, call);
    if (call->attrs->bias && call->param_grad[BIAS])
        pass_bias(call->team, call->out_grad, conv.pixels, conv.out.c, call->workspace, call->param_grad[BIAS]);
}

const struct op_def op_conv = {
    .name = "conv",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .shape = conv_shape,
    .params = conv_params,
    .cost = conv_cost,
    .workspace_floats = conv_workspace,
    .kernels = conv_kernels,
    .prepared_floats = conv_prepared_floats,
    .prepare = conv_prepare,
    .forward = conv_forward,
    .backward = conv_backward,
    .forward_reference = op_conv_forward_reference,
    .backward_reference = op_conv_backward_reference,
};
