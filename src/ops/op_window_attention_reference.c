/* Reference twin of attention within windows: the definition, in double, a query at a time. */
#include "config.h"

#include <math.h>

#include "op_rows.h"
#include "thaw/base/mem.h"

/* A query of a head: where it is in the shifted image. */
struct query {
    const struct op_call *call;
    int image, head, y, x, width;
    double scale;
};

/* The pixel behind a place of the shifted image. */
static size_t pixel_at(const struct op_call *call, int image, int y, int x)
{
    struct shape4 out = call->out_shape;
    y = (y + call->attrs->pad_top) % out.h;
    x = (x + call->attrs->pad_left) % out.w;
    return ((size_t)image * (size_t)out.h + (size_t)y) * (size_t)out.w + (size_t)x;
}

/* Whether a line of the shifted image came round from the other side. */
static bool is_wrapped(int at, int size, int shift)
{
    return shift > 0 && at >= size - shift;
}

static bool are_apart(const struct query *q, int y, int x)
{
    const struct op_attrs *attrs = q->call->attrs;
    struct shape4 out = q->call->out_shape;
    return is_wrapped(y, out.h, attrs->pad_top) != is_wrapped(q->y, out.h, attrs->pad_top) ||
           is_wrapped(x, out.w, attrs->pad_left) != is_wrapped(q->x, out.w, attrs->pad_left);
}

static size_t in_index(const struct query *q, int y, int x, int third)
{
    size_t c = (size_t)q->call->out_shape.c;
    return pixel_at(q->call, q->image, y, x) * 3 * c + (size_t)third * c + (size_t)(q->head * q->width);
}

/* The key of that number in the query's window, and the bias's element. */
static void key_of(const struct query *q, int number, int *y, int *x, int *bias)
{
    int h = q->call->attrs->kernel_h, w = q->call->attrs->kernel_w;
    *y = q->y / h * h + number / w;
    *x = q->x / w * w + number % w;
    *bias = ((q->y - *y + h - 1) * (2 * w - 1) + q->x - *x + w - 1) * q->call->attrs->heads + q->head;
}

static void weigh(const struct query *q, int tokens, double *weight)
{
    const float *in = q->call->in[0];
    double largest = -INFINITY, sum = 0;
    size_t own = in_index(q, q->y, q->x, 0);
    for (int t = 0; t < tokens; t++) {
        int y, x, bias;
        key_of(q, t, &y, &x, &bias);
        weight[t] = q->call->param[0][bias] - (are_apart(q, y, x) ? 100 : 0);
        for (int c = 0; c < q->width; c++)
            weight[t] += q->scale * in[own + (size_t)c] * in[in_index(q, y, x, 1) + (size_t)c];
        largest = fmax(largest, weight[t]);
    }
    for (int t = 0; t < tokens; t++)
        sum += weight[t] = exp(weight[t] - largest);
    for (int t = 0; t < tokens; t++)
        weight[t] /= sum;
}

static struct query query_of(const struct op_call *call, size_t number)
{
    struct shape4 out = call->out_shape;
    struct query q = {.call = call, .width = out.c / call->attrs->heads};
    q.head = (int)(number % (size_t)call->attrs->heads);
    number /= (size_t)call->attrs->heads;
    q.x = (int)(number % (size_t)out.w);
    q.y = (int)(number / (size_t)out.w % (size_t)out.h);
    q.image = (int)(number / (size_t)out.w / (size_t)out.h);
    q.scale = 1 / sqrt((double)q.width);
    return q;
}

static size_t out_index(const struct query *q)
{
    return pixel_at(q->call, q->image, q->y, q->x) * (size_t)q->call->out_shape.c + (size_t)(q->head * q->width);
}

static size_t count_queries(const struct op_call *call)
{
    return shape4_count(call->out_shape) / (size_t)call->out_shape.c * (size_t)call->attrs->heads;
}

void op_window_attention_forward_reference(const struct op_call *call)
{
    int tokens = call->attrs->kernel_h * call->attrs->kernel_w;
    double *weight = mem_array((size_t)tokens, sizeof *weight);
    for (size_t i = 0; i < count_queries(call); i++) {
        struct query q = query_of(call, i);
        weigh(&q, tokens, weight);
        for (int c = 0; c < q.width; c++) {
            double sum = 0;
            for (int t = 0; t < tokens; t++) {
                int y, x, bias;
                key_of(&q, t, &y, &x, &bias);
                sum += weight[t] * call->in[0][in_index(&q, y, x, 2) + (size_t)c];
            }
            call->out[out_index(&q) + (size_t)c] = (float)sum;
        }
    }
    mem_free(weight);
}

/* Adds what a query gives to the gradients of in and bias. */
static void query_backward(const struct query *q, int tokens, double *weight, double *slope, double *in_sum,
                           double *bias_sum)
{
    const float *in = q->call->in[0], *g = q->call->out_grad + out_index(q);
    double mean = 0;
    int y, x, bias;
    size_t own = in_index(q, q->y, q->x, 0);
    weigh(q, tokens, weight);
    for (int t = 0; t < tokens; t++) {
        slope[t] = 0;
        key_of(q, t, &y, &x, &bias);
        for (int c = 0; c < q->width; c++)
            slope[t] += (double)g[c] * in[in_index(q, y, x, 2) + (size_t)c];
        mean += slope[t] * weight[t];
    }
    for (int t = 0; t < tokens; t++) {
        double score = weight[t] * (slope[t] - mean);
        key_of(q, t, &y, &x, &bias);
        bias_sum[bias] += score;
        for (int c = 0; c < q->width; c++) {
            size_t key = in_index(q, y, x, 1) + (size_t)c;
            in_sum[own + (size_t)c] += score * q->scale * in[key];
            in_sum[key] += score * q->scale * in[own + (size_t)c];
            in_sum[in_index(q, y, x, 2) + (size_t)c] += weight[t] * g[c];
        }
    }
}

void op_window_attention_backward_reference(const struct op_call *call)
{
    int h = call->attrs->kernel_h, w = call->attrs->kernel_w, tokens = h * w;
    size_t count = 3 * shape4_count(call->out_shape);
    size_t biases = (size_t)((2 * h - 1) * (2 * w - 1) * call->attrs->heads);
    double *weight = mem_array((size_t)tokens, sizeof *weight), *slope = mem_array((size_t)tokens, sizeof *slope);
    double *in_sum = mem_array(count, sizeof *in_sum), *bias_sum = mem_array(biases, sizeof *bias_sum);
    for (size_t i = 0; i < count_queries(call); i++) {
        struct query q = query_of(call, i);
        query_backward(&q, tokens, weight, slope, in_sum, bias_sum);
    }
    for (size_t i = 0; i < count && call->in_grad[0]; i++)
        call->in_grad[0][i] = (float)((call->in_grad_add[0] ? call->in_grad[0][i] : 0) + in_sum[i]);
    for (size_t i = 0; i < biases && call->param_grad[0]; i++)
        call->param_grad[0][i] = (float)bias_sum[i];
    mem_free(weight);
    mem_free(slope);
    mem_free(in_sum);
    mem_free(bias_sum);
}
