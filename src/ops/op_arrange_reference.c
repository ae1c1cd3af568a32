/* Reference twins of slice, shuffle and pad: every value of the output with its place in the input. */
#include "config.h"

#include "op_rows.h"

static size_t at(struct shape4 s, int n, int y, int x, int k)
{
    return (((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)k;
}

/* The input's element that an output value is, as shifts of its coordinates. */
struct source {
    int top, left;
    int begin;
    int groups;
};

static void arrange(const struct op_call *call, struct source source, bool forward)
{
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    for (size_t e = 0; !forward && !call->in_grad_add[0] && e < shape4_count(in); e++)
        call->in_grad[0][e] = 0;
    for (int n = 0; n < out.n; n++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                for (int k = 0; k < out.c; k++) {
                    int iy = y - source.top, ix = x - source.left;
                    int from_k = k % source.groups * (out.c / source.groups) + k / source.groups + source.begin;
                    bool real = iy >= 0 && iy < in.h && ix >= 0 && ix < in.w;
                    size_t to = at(out, n, y, x, k), from = real ? at(in, n, iy, ix, from_k) : 0;
                    if (forward)
                        call->out[to] = real ? call->in[0][from] : call->attrs->pad_value;
                    else if (real)
                        call->in_grad[0][from] += call->out_grad[to];
                }
}

static struct source slice_source(const struct op_call *call)
{
    return (struct source){.begin = call->attrs->begin, .groups = 1};
}

static struct source shuffle_source(const struct op_call *call)
{
    return (struct source){.groups = call->attrs->groups};
}

static struct source pad_source(const struct op_call *call)
{
    return (struct source){.top = call->attrs->pad_top, .left = call->attrs->pad_left, .groups = 1};
}

void op_slice_forward_reference(const struct op_call *call)
{
    arrange(call, slice_source(call), true);
}

void op_slice_backward_reference(const struct op_call *call)
{
    if (call->in_grad[0])
        arrange(call, slice_source(call), false);
}

void op_shuffle_forward_reference(const struct op_call *call)
{
    arrange(call, shuffle_source(call), true);
}

void op_shuffle_backward_reference(const struct op_call *call)
{
    if (call->in_grad[0])
        arrange(call, shuffle_source(call), false);
}

void op_pad_forward_reference(const struct op_call *call)
{
    arrange(call, pad_source(call), true);
}

void op_pad_backward_reference(const struct op_call *call)
{
    if (call->in_grad[0])
        arrange(call, pad_source(call), false);
}
