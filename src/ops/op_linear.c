/* Linear: out (n, c_out) = in (n, c_in) * weight (c_in, c_out) + bias. The input may have any shape whose h and w are 1.
 *
 * One image is a matrix times a vector, three times faster so than as a product with one row: each task runs through a
 * stretch of the weight's rows into an output of its own, and these are added up in order. Otherwise forward splits the output's columns, so that a wide layer (VGG's 25088 x 4096) streams its weights through all cores;
 * the weight gradient splits the weight's rows. */
#include "config.h"

#include "activate.h"
#include "op_rows.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/gemm.h"

enum { WEIGHT, BIAS };
enum {
    COLUMN_GRAIN = 64,
    PARTS_MOST = 64,
    VECTOR_GRAIN = 65536, /* weights of a task for one image */
    VECTOR_MOST = 16,
};

static bool linear_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                         struct error *error)
{
    (void)inputs;
    if (in->h != 1 || in->w != 1)
        return error_set(error, ERROR_FAILED, "linear: an input of %dx%d pixels; it takes vectors, flatten first",
                         in->h, in->w);
    if (attrs->out_channels < 1)
        return error_set(error, ERROR_FAILED, "linear: %d outputs; at least 1", attrs->out_channels);
    *out = (struct shape4){in->n, 1, 1, attrs->out_channels};
    return true;
}

static int linear_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    const int64_t weight[] = {in->c, attrs->out_channels}, bias[] = {attrs->out_channels};
    param[WEIGHT] = (struct op_param){
        .name = "weight", .role = OP_ROLE_WEIGHT, .init = OP_INIT_LINEAR, .shape = shape_make(2, weight), .fan = in->c};
    param[BIAS] = (struct op_param){
        .name = "bias", .role = OP_ROLE_BIAS, .init = OP_INIT_LINEAR, .shape = shape_make(1, bias), .fan = in->c};
    return attrs->bias ? 2 : 1;
}

static void linear_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    double weights = (double)in->c * out.c;
    cost->macs = out.n * weights;
    cost->param_bytes = (weights + (attrs->bias ? out.c : 0)) * sizeof(float);
}

struct linear {
    const struct op_call *call;
    int n, in, out, parts;
};

static void forward_task(void *context, int task, int worker)
{
    (void)worker;
    const struct linear *l = context;
    const struct op_call *call = l->call;
    int first = (int)split_at((size_t)l->out, l->parts, task), last = (int)split_at((size_t)l->out, l->parts, task + 1);
    gemm(false, false, l->n, last - first, l->in, 1, call->in[0], l->in, call->param[WEIGHT] + first, l->out, 0,
         call->out + first, l->out);
    pass_epilogue(call->out + first, (size_t)l->out, l->n, last - first,
                  call->attrs->bias ? call->param[BIAS] + first : NULL, call->residual ? call->residual + first : NULL,
                  call->activation, call->activation_attrs);
}

static int vector_parts(int in, int out)
{
    return split_parts((size_t)in * (size_t)out, VECTOR_GRAIN, in < VECTOR_MOST ? in : VECTOR_MOST);
}

static void vector_task(void *context, int task, int worker)
{
    (void)worker;
    const struct linear *l = context;
    int first = (int)split_at((size_t)l->in, l->parts, task), last = (int)split_at((size_t)l->in, l->parts, task + 1);
    gemv(true, last - first, l->out, 1, l->call->param[WEIGHT] + (size_t)first * (size_t)l->out, l->out,
         l->call->in[0] + first, 0, l->call->workspace + (size_t)task * split_line((size_t)l->out));
}

static void forward_vector(struct linear *l)
{
    const struct op_call *call = l->call;
    size_t outputs = (size_t)l->out;
    l->parts = vector_parts(l->in, l->out);
    team_run(call->team, l->parts, vector_task, l);
    pass_sum_partials(call->team, call->out, call->workspace, l->parts, split_line(outputs), outputs);
    pass_epilogue(call->out, outputs, 1, l->out, call->attrs->bias ? call->param[BIAS] : NULL, call->residual,
                  call->activation, call->activation_attrs);
}

static void data_task(void *context, int task, int worker)
{
    (void)worker;
    const struct linear *l = context;
    const struct op_call *call = l->call;
    int first = (int)split_at((size_t)l->in, l->parts, task), last = (int)split_at((size_t)l->in, l->parts, task + 1);
    gemm(false, true, l->n, last - first, l->out, 1, call->out_grad, l->out,
         call->param[WEIGHT] + (size_t)first * (size_t)l->out, l->out, call->in_grad_add[0] ? 1 : 0,
         call->in_grad[0] + first, l->in);
}

static void weight_task(void *context, int task, int worker)
{
    (void)worker;
    const struct linear *l = context;
    const struct op_call *call = l->call;
    int first = (int)split_at((size_t)l->in, l->parts, task), last = (int)split_at((size_t)l->in, l->parts, task + 1);
    gemm(true, false, last - first, l->out, l->n, 1, call->in[0] + first, l->in, call->out_grad, l->out, 0,
         call->param_grad[WEIGHT] + (size_t)first * (size_t)l->out, l->out);
}

static struct linear geometry(const struct op_call *call)
{
    return (struct linear){.call = call, .n = call->out_shape.n, .in = call->in_shape[0].c, .out = call->out_shape.c};
}

static size_t linear_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                               bool backward)
{
    (void)threads;
    if (backward)
        return attrs->bias ? pass_bias_floats((size_t)out.n, out.c) : 0;
    return (size_t)vector_parts(in->c, out.c) * split_line((size_t)out.c); /* a batch may end with one image */
}

static void linear_forward(const struct op_call *call)
{
    struct linear l = geometry(call);
    if (l.n == 1) {
        forward_vector(&l);
        return;
    }
    l.parts = split_parts((size_t)l.out, COLUMN_GRAIN, PARTS_MOST);
    team_run(call->team, l.parts, forward_task, &l);
}

static void linear_backward(const struct op_call *call)
{
    struct linear l = geometry(call);
    l.parts = split_parts((size_t)l.in, COLUMN_GRAIN, PARTS_MOST);
    if (call->in_grad[0])
        team_run(call->team, l.parts, data_task, &l);
    if (call->param_grad[WEIGHT])
        team_run(call->team, l.parts, weight_task, &l);
    if (call->attrs->bias && call->param_grad[BIAS])
        pass_bias(call->team, call->out_grad, (size_t)l.n, l.out, call->workspace, call->param_grad[BIAS]);
}

static void op_linear_forward_reference(const struct op_call *call)
{
    struct linear l = geometry(call);
    for (int i = 0; i < l.n; i++)
        for (int o = 0; o < l.out; o++) {
            double sum = call->attrs->bias ? call->param[BIAS][o] : 0;
            for (int k = 0; k < l.in; k++)
                sum += (double)call->in[0][i * l.in + k] * call->param[WEIGHT][(size_t)k * (size_t)l.out + (size_t)o];
            size_t at = (size_t)i * (size_t)l.out + (size_t)o;
            sum += call->residual ? call->residual[at] : 0;
            call->out[at] = (float)activate_reference(call->activation, call->activation_attrs, sum);
        }
}

static void op_linear_backward_reference(const struct op_call *call)
{
    struct linear l = geometry(call);
    for (int i = 0; call->in_grad[0] && i < l.n; i++)
        for (int k = 0; k < l.in; k++) {
            float *to = &call->in_grad[0][i * l.in + k];
            double sum = call->in_grad_add[0] ? *to : 0;
            for (int o = 0; o < l.out; o++)
                sum +=
                    (double)call->out_grad[i * l.out + o] * call->param[WEIGHT][(size_t)k * (size_t)l.out + (size_t)o];
            *to = (float)sum;
        }
    for (int o = 0; o < l.out; o++) {
        for (int k = 0; call->param_grad[WEIGHT] && k < l.in; k++) {
            double sum = 0;
            for (int i = 0; i < l.n; i++)
                sum += (double)call->in[0][i * l.in + k] * call->out_grad[i * l.out + o];
            call->param_grad[WEIGHT][(size_t)k * (size_t)l.out + (size_t)o] = (float)sum;
        }
        double sum = 0;
        for (int i = 0; i < l.n; i++)
            sum += call->out_grad[i * l.out + o];
        if (call->attrs->bias && call->param_grad[BIAS])
            call->param_grad[BIAS][o] = (float)sum;
    }
}

const struct op_def op_linear = {
    .name = "linear",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .shape = linear_shape,
    .params = linear_params,
    .cost = linear_cost,
    .workspace_floats = linear_workspace,
    .forward = linear_forward,
    .backward = linear_backward,
    .forward_reference = op_linear_forward_reference,
    .backward_reference = op_linear_backward_reference,
};
