/* Reference twins of the ops that only move values. */
#include "config.h"

#include "activate.h"
#include "op_rows.h"

static size_t at(struct shape4 s, int n, int y, int x, int k)
{
    return (((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)k;
}

/* Gradient of input i's element: kept or overwritten as the call says. */
static void give(const struct op_call *call, int i, size_t element, float gradient)
{
    if (call->in_grad[i])
        call->in_grad[i][element] = (call->in_grad_add[i] ? call->in_grad[i][element] : 0) + gradient;
}

void op_add_forward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t e = 0; e < count; e++) {
        double sum = call->residual ? call->residual[e] : 0;
        for (int i = 0; i < call->inputs; i++)
            sum += call->in[i][e];
        call->out[e] = (float)activate_reference(call->activation, call->activation_attrs, sum);
    }
}

void op_add_backward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t e = 0; e < count; e++)
        for (int i = 0; i < call->inputs; i++)
            give(call, i, e, call->out_grad[e]);
}

/* Visits every element of every input with its place in the output. */
static void concat(const struct op_call *call, bool forward)
{
    int offset = 0;
    for (int i = 0; i < call->inputs; offset += call->in_shape[i++].c) {
        struct shape4 in = call->in_shape[i];
        for (int n = 0; n < in.n; n++)
            for (int y = 0; y < in.h; y++)
                for (int x = 0; x < in.w; x++)
                    for (int k = 0; k < in.c; k++) {
                        size_t from = at(in, n, y, x, k), to = at(call->out_shape, n, y, x, offset + k);
                        if (forward)
                            call->out[to] = call->in[i][from];
                        else
                            give(call, i, from, call->out_grad[to]);
                    }
    }
}

void op_concat_forward_reference(const struct op_call *call)
{
    concat(call, true);
}

void op_concat_backward_reference(const struct op_call *call)
{
    concat(call, false);
}

static void flatten(const struct op_call *call, bool forward)
{
    struct shape4 in = call->in_shape[0];
    for (int n = 0; n < in.n; n++)
        for (int y = 0; y < in.h; y++)
            for (int x = 0; x < in.w; x++)
                for (int k = 0; k < in.c; k++) {
                    int place = call->attrs->flatten_chw ? (k * in.h + y) * in.w + x : (y * in.w + x) * in.c + k;
                    size_t from = at(in, n, y, x, k), to = (size_t)n * (size_t)call->out_shape.c + (size_t)place;
                    if (forward)
                        call->out[to] = call->in[0][from];
                    else
                        give(call, 0, from, call->out_grad[to]);
                }
}

void op_flatten_forward_reference(const struct op_call *call)
{
    flatten(call, true);
}

void op_flatten_backward_reference(const struct op_call *call)
{
    flatten(call, false);
}

void op_subsample_forward_reference(const struct op_call *call)
{
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    const struct op_attrs *a = call->attrs;
    for (int n = 0; n < out.n; n++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                for (int k = 0; k < out.c; k++) {
                    int from = k - a->pad_before;
                    bool real = from >= 0 && from < in.c;
                    call->out[at(out, n, y, x, k)] =
                        real ? call->in[0][at(in, n, y * a->stride_h, x * a->stride_w, from)] : 0;
                }
}

void op_subsample_backward_reference(const struct op_call *call)
{
    struct shape4 in = call->in_shape[0];
    const struct op_attrs *a = call->attrs;
    for (int n = 0; n < in.n; n++)
        for (int y = 0; y < in.h; y++)
            for (int x = 0; x < in.w; x++)
                for (int k = 0; k < in.c; k++) {
                    bool taken = y % a->stride_h == 0 && x % a->stride_w == 0;
                    size_t out =
                        taken ? at(call->out_shape, n, y / a->stride_h, x / a->stride_w, k + a->pad_before) : 0;
                    give(call, 0, at(in, n, y, x, k), taken ? call->out_grad[out] : 0);
                }
}
