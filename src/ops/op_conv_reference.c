/* Convolution's reference twin: the definition as plain loops, in double. Stays for ever; tests hold every kernel
 * against it. */
#include "config.h"

#include <string.h>

#include "activate.h"
#include "op_rows.h"

/* One multiply-add of an output value: the input and the weight it reads. */
struct pair {
    size_t in, weight;
};

/* Steps through all taps of output value (n, oy, ox, co); start with tap -1. False behind the last. */
static bool next_tap(const struct op_call *call, int n, int oy, int ox, int co, int *tap, struct pair *pair)
{
    const struct op_attrs *a = call->attrs;
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    int group_in = in.c / a->groups, group_out = out.c / a->groups, all = a->kernel_h * a->kernel_w * group_in;
    for (++*tap; *tap < all; ++*tap) {
        int ci = *tap % group_in, kx = *tap / group_in % a->kernel_w, ky = *tap / group_in / a->kernel_w;
        int iy = oy * a->stride_h - a->pad_top + ky * a->dilation_h;
        int ix = ox * a->stride_w - a->pad_left + kx * a->dilation_w;
        if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
            continue;
        pair->in = (((size_t)n * (size_t)in.h + (size_t)iy) * (size_t)in.w + (size_t)ix) * (size_t)in.c +
                   (size_t)(co / group_out * group_in + ci);
        pair->weight = (size_t)*tap * (size_t)out.c + (size_t)co;
        return true;
    }
    return false;
}

void op_conv_forward_reference(const struct op_call *call)
{
    struct shape4 out = call->out_shape;
    float *to = call->out;
    for (int n = 0; n < out.n; n++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                for (int co = 0; co < out.c; co++, to++) {
                    double sum = call->attrs->bias ? call->param[1][co] : 0;
                    struct pair p;
                    for (int tap = -1; next_tap(call, n, oy, ox, co, &tap, &p);)
                        sum += (double)call->in[0][p.in] * call->param[0][p.weight];
                    if (call->residual)
                        sum += call->residual[to - call->out];
                    *to = (float)activate_reference(call->activation, call->activation_attrs, sum);
                }
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
               (size_t)(a->kernel_h * a->kernel_w * (call->in_shape[0].c / a->groups)) * (size_t)out.c *
                   sizeof *weight_grad);
    if (bias_grad)
        memset(bias_grad, 0, (size_t)out.c * sizeof *bias_grad);
    const float *g = call->out_grad;
    for (int n = 0; n < out.n; n++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                for (int co = 0; co < out.c; co++, g++) {
                    struct pair p;
                    for (int tap = -1; next_tap(call, n, oy, ox, co, &tap, &p);) {
                        if (in_grad)
                            in_grad[p.in] += *g * call->param[0][p.weight];
                        if (weight_grad)
                            weight_grad[p.weight] += *g * call->in[0][p.in];
                    }
                    if (bias_grad)
                        bias_grad[co] += *g;
                }
}
