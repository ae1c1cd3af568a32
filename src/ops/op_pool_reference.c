/* Pooling's reference twins: every window visited value by value. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "op_rows.h"
#include "pool.h"

static size_t at(struct shape4 s, int n, int y, int x, int k)
{
    return (((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)k;
}

static void clear(const struct op_call *call)
{
    if (!call->in_grad_add[0])
        memset(call->in_grad[0], 0, shape4_count(call->in_shape[0]) * sizeof(float));
}

/* The place of the window's first largest value. */
static size_t largest(const struct op_call *call, struct pool_window w, int n, int k)
{
    struct shape4 in = call->in_shape[0];
    size_t best = at(in, n, w.y0, w.x0, k);
    for (int y = w.y0; y < w.y1; y++)
        for (int x = w.x0; x < w.x1; x++)
            if (call->in[0][at(in, n, y, x, k)] > call->in[0][best] || isnan(call->in[0][at(in, n, y, x, k)]))
                best = at(in, n, y, x, k);
    return best;
}

typedef void (*visit)(const struct op_call *call, struct pool_window w, int n, int k, size_t out);

static void each_output(const struct op_call *call, visit visit_output)
{
    struct shape4 out = call->out_shape;
    for (int n = 0; n < out.n; n++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                for (int k = 0; k < out.c; k++)
                    visit_output(call, pool_window(call->attrs, call->in_shape[0], y, x), n, k, at(out, n, y, x, k));
}

static void max_value(const struct op_call *call, struct pool_window w, int n, int k, size_t out)
{
    struct shape4 in = call->in_shape[0];
    size_t best = largest(call, w, n, k);
    call->out[out] = call->in[0][best];
    int pixel = (int)(best / (size_t)in.c % ((size_t)in.h * (size_t)in.w));
    int place = (pixel / in.w - w.y0) * (w.x1 - w.x0) + pixel % in.w - w.x0;
    if (call->saved)
        pool_set_place(call->attrs, call->saved, out, place);
}

static void max_gradient(const struct op_call *call, struct pool_window w, int n, int k, size_t out)
{
    struct shape4 in = call->in_shape[0];
    int pixel = pool_place_pixel(in, w, pool_place(call->attrs, call->saved, out));
    call->in_grad[0][at(in, n, pixel / in.w, pixel % in.w, k)] += call->out_grad[out];
}

static void average_value(const struct op_call *call, struct pool_window w, int n, int k, size_t out)
{
    double sum = 0;
    for (int y = w.y0; y < w.y1; y++)
        for (int x = w.x0; x < w.x1; x++)
            sum += call->in[0][at(call->in_shape[0], n, y, x, k)];
    call->out[out] = (float)(sum / w.divisor);
}

static void average_gradient(const struct op_call *call, struct pool_window w, int n, int k, size_t out)
{
    for (int y = w.y0; y < w.y1; y++)
        for (int x = w.x0; x < w.x1; x++)
            call->in_grad[0][at(call->in_shape[0], n, y, x, k)] += call->out_grad[out] / (float)w.divisor;
}

void op_max_pool_forward_reference(const struct op_call *call)
{
    each_output(call, max_value);
}

void op_max_pool_backward_reference(const struct op_call *call)
{
    if (!call->in_grad[0])
        return;
    clear(call);
    each_output(call, max_gradient);
}

void op_avg_pool_forward_reference(const struct op_call *call)
{
    each_output(call, average_value);
}

void op_avg_pool_backward_reference(const struct op_call *call)
{
    if (!call->in_grad[0])
        return;
    clear(call);
    each_output(call, average_gradient);
}

void op_global_avg_pool_forward_reference(const struct op_call *call)
{
    struct shape4 in = call->in_shape[0];
    for (int n = 0; n < in.n; n++)
        for (int k = 0; k < in.c; k++) {
            double sum = 0;
            for (int y = 0; y < in.h; y++)
                for (int x = 0; x < in.w; x++)
                    sum += call->in[0][at(in, n, y, x, k)];
            call->out[(size_t)n * (size_t)in.c + (size_t)k] = (float)(sum / (in.h * in.w));
        }
}

void op_global_avg_pool_backward_reference(const struct op_call *call)
{
    struct shape4 in = call->in_shape[0];
    if (!call->in_grad[0])
        return;
    clear(call);
    for (int n = 0; n < in.n; n++)
        for (int y = 0; y < in.h; y++)
            for (int x = 0; x < in.w; x++)
                for (int k = 0; k < in.c; k++)
                    call->in_grad[0][at(in, n, y, x, k)] +=
                        call->out_grad[(size_t)n * (size_t)in.c + (size_t)k] / (float)(in.h * in.w);
}
