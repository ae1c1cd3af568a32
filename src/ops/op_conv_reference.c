/* Convolution's reference twin: the definition as plain loops, in double. Stays for ever; tests hold every kernel
 * against it. */
#include "config.h"

#include <string.h>

#include "activate.h"
#include "op_rows.h"

/* The multiply-adds of an output value at one place of the kernel: the first input and weight that they read. The next
 * input channel is the next input and, behind all output channels, the next weight. */
struct place {
    size_t in, weight;
};

/* Steps through the places of the kernel that lie in the image, for output value (n, oy, ox, co); start with -1. False
 * behind the last. */
static bool next_place(const struct op_call *call, int n, int oy, int ox, int co, int *at, struct place *place)
{
    const struct op_attrs *a = call->attrs;
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    int group_in = in.c / a->groups, group_out = out.c / a->groups, all = a->kernel_h * a->kernel_w;
    for (++*at; *at < all; ++*at) {
        int iy = oy * a->stride_h - a->pad_top + *at / a->kernel_w * a->dilation_h;
        int ix = ox * a->stride_w - a->pad_left + *at % a->kernel_w * a->dilation_w;
        if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
            continue;
        place->in = (((size_t)n * (size_t)in.h + (size_t)iy) * (size_t)in.w + (size_t)ix) * (size_t)in.c +
                    (size_t)(co / group_out * group_in);
        place->weight = (size_t)*at * (size_t)group_in * (size_t)out.c + (size_t)co;
        return true;
    }
    return false;
}

static size_t input_channels(const struct op_call *call)
{
    return (size_t)(call->in_shape[0].c / call->attrs->groups);
}

void op_conv_forward_reference(const struct op_call *call)
{
    struct shape4 out = call->out_shape;
    size_t channels = input_channels(call), next = (size_t)out.c;
    float *to = call->out;
    for (int n = 0; n < out.n; n++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                for (int co = 0; co < out.c; co++, to++) {
                    double sum = call->attrs->bias ? call->param[1][co] : 0;
                    struct place p;
                    for (int at = -1; next_place(call, n, oy, ox, co, &at, &p);) {
                        const float *in = call->in[0] + p.in, *weight = call->param[0] + p.weight;
                        for (size_t ci = 0; ci < channels; ci++)
                            sum += (double)in[ci] * weight[ci * next];
                    }
                    if (call->residual)
                        sum += call->residual[to - call->out];
                    *to = (float)activate_reference(call->activation, call->activation_attrs, sum);
                }
}

/* What one output value's gradient gives at one place of the kernel; either gradient may be NULL. */
static void give(const struct op_call *call, struct place p, float gradient)
{
    size_t channels = input_channels(call), next = (size_t)call->out_shape.c;
    float *in_grad = call->in_grad[0], *weight_grad = call->param_grad[0];
    for (size_t ci = 0; in_grad && ci < channels; ci++)
        in_grad[p.in + ci] += gradient * call->param[0][p.weight + ci * next];
    for (size_t ci = 0; weight_grad && ci < channels; ci++)
        weight_grad[p.weight + ci * next] += gradient * call->in[0][p.in + ci];
}

void op_conv_backward_reference(const struct op_call *call)
{
    struct shape4 out = call->out_shape;
    const struct op_attrs *a = call->attrs;
    float *in_grad = call->in_grad[0], *weight_grad = call->param_grad[0];
    float *bias_grad = a->bias ? call->param_grad[1] : NULL;
    if (in_grad && !call->in_grad_add[0])
        memset(in_grad, 0, shape4_count(call->in_shape[0]) * sizeof *in_grad);
    if (weight_grad)
        memset(weight_grad, 0,
               (size_t)(a->kernel_h * a->kernel_w) * input_channels(call) * (size_t)out.c * sizeof *weight_grad);
    if (bias_grad)
        memset(bias_grad, 0, (size_t)out.c * sizeof *bias_grad);
    const float *g = call->out_grad;
    for (int n = 0; n < out.n; n++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                for (int co = 0; co < out.c; co++, g++) {
                    struct place p;
                    for (int at = -1; next_place(call, n, oy, ox, co, &at, &p);)
                        give(call, p, *g);
                    if (bias_grad)
                        bias_grad[co] += *g;
                }
}
