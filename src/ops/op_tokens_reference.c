/* Reference twins of attention, tokens and position: the definitions, in double. */
#include "config.h"

#include <math.h>

#include "op_rows.h"
#include "thaw/base/mem.h"

/* One head of one image. */
struct head {
    const struct op_call *call;
    size_t queries, asked, tokens;  /* tokens that ask; the first that is asked; all */
    size_t width, stride, channels; /* stride: of in */
    size_t in, out;                 /* of its first element */
    double scale;
};

static struct head head_of(const struct op_call *call, int image, int number)
{
    struct shape4 out = call->out_shape;
    struct head head = {.call = call, .queries = (size_t)out.h * (size_t)out.w, .channels = (size_t)out.c};
    head.asked = (size_t)call->attrs->tokens;
    head.tokens = (size_t)call->in_shape->h * (size_t)call->in_shape->w;
    head.width = head.channels / (size_t)call->attrs->heads;
    head.stride = 3 * head.channels;
    head.in = (size_t)image * head.tokens * head.stride + (size_t)number * head.width;
    head.out = (size_t)image * head.queries * head.channels + (size_t)number * head.width;
    head.scale = 1 / sqrt((double)head.width);
    return head;
}

static double in_at(const struct head *head, size_t third, size_t token, size_t channel)
{
    return head->call->in[0][head->in + token * head->stride + third * head->channels + channel];
}

/* The softmax of the scores of a query with all keys. */
static void weigh(const struct head *head, size_t query, double *weight)
{
    double largest = -INFINITY, sum = 0;
    for (size_t j = head->asked; j < head->tokens; j++) {
        weight[j] = 0;
        for (size_t c = 0; c < head->width; c++)
            weight[j] += in_at(head, 0, query, c) * in_at(head, 1, j, c) * head->scale;
        largest = fmax(largest, weight[j]);
    }
    for (size_t j = head->asked; j < head->tokens; j++)
        sum += weight[j] = exp(weight[j] - largest);
    for (size_t j = head->asked; j < head->tokens; j++)
        weight[j] /= sum;
}

static void head_forward(const struct head *head, double *weight)
{
    for (size_t i = 0; i < head->queries; i++) {
        weigh(head, i, weight);
        for (size_t c = 0; c < head->width; c++) {
            double sum = 0;
            for (size_t j = head->asked; j < head->tokens; j++)
                sum += weight[j] * in_at(head, 2, j, c);
            head->call->out[head->out + i * head->channels + c] = (float)sum;
        }
    }
}

void op_attention_forward_reference(const struct op_call *call)
{
    double *weight = mem_array((size_t)call->in_shape->h * (size_t)call->in_shape->w, sizeof *weight);
    for (int i = 0; i < call->out_shape.n * call->attrs->heads; i++) {
        struct head head = head_of(call, i / call->attrs->heads, i % call->attrs->heads);
        head_forward(&head, weight);
    }
    mem_free(weight);
}

static double grad_at(const struct head *head, size_t token, size_t channel)
{
    return head->call->out_grad[head->out + token * head->channels + channel];
}

/* Adds to `sum`, which is as an image of in is, what a query gives. */
static void query_backward(const struct head *head, size_t query, double *weight, double *slope, double *sum)
{
    double mean = 0;
    size_t own = head->in % (head->tokens * head->stride), c_all = head->channels;
    weigh(head, query, weight);
    for (size_t j = head->asked; j < head->tokens; j++) {
        slope[j] = 0;
        for (size_t c = 0; c < head->width; c++)
            slope[j] += grad_at(head, query, c) * in_at(head, 2, j, c);
        mean += slope[j] * weight[j];
    }
    for (size_t j = head->asked; j < head->tokens; j++) {
        double g = weight[j] * (slope[j] - mean) * head->scale;
        for (size_t c = 0; c < head->width; c++) {
            sum[own + query * head->stride + c] += g * in_at(head, 1, j, c);
            sum[own + j * head->stride + c_all + c] += g * in_at(head, 0, query, c);
            sum[own + j * head->stride + 2 * c_all + c] += weight[j] * grad_at(head, query, c);
        }
    }
}

void op_attention_backward_reference(const struct op_call *call)
{
    size_t tokens = (size_t)call->in_shape->h * (size_t)call->in_shape->w;
    size_t image = tokens * 3 * (size_t)call->out_shape.c;
    double *weight = mem_array(tokens, sizeof *weight), *slope = mem_array(tokens, sizeof *slope);
    for (int n = 0; n < call->out_shape.n && call->in_grad[0]; n++) {
        double *sum = mem_array(image, sizeof *sum);
        for (int h = 0; h < call->attrs->heads; h++) {
            struct head head = head_of(call, n, h);
            for (size_t query = 0; query < head.queries; query++)
                query_backward(&head, query, weight, slope, sum);
        }
        float *to = call->in_grad[0] + (size_t)n * image;
        for (size_t i = 0; i < image; i++)
            to[i] = (float)((call->in_grad_add[0] ? to[i] : 0) + sum[i]);
        mem_free(sum);
    }
    mem_free(weight);
    mem_free(slope);
}

/* --- tokens --- */

/* Where a row of out comes from: a row of in, or (negative, less 1) of the parameter. */
static long source_of(const struct op_attrs *attrs, long row)
{
    if (row < attrs->begin)
        return row;
    return row < attrs->begin + attrs->tokens ? attrs->begin - row - 1 : row - attrs->tokens;
}

void op_tokens_forward_reference(const struct op_call *call)
{
    size_t c = (size_t)call->out_shape.c, rows = (size_t)call->out_shape.w;
    size_t in_rows = rows - (size_t)call->attrs->tokens;
    for (size_t e = 0; e < shape4_count(call->out_shape); e++) {
        long from = source_of(call->attrs, (long)(e / c % rows));
        size_t image = e / c / rows;
        call->out[e] = from < 0 ? call->param[0][(size_t)(-from - 1) * c + e % c]
                                : call->in[0][(image * in_rows + (size_t)from) * c + e % c];
    }
}

void op_tokens_backward_reference(const struct op_call *call)
{
    size_t c = (size_t)call->out_shape.c, rows = (size_t)call->out_shape.w, all = shape4_count(call->out_shape);
    size_t in_rows = rows - (size_t)call->attrs->tokens;
    for (size_t e = 0; e < rows * c; e++) { /* of the first image; then of the others */
        long from = source_of(call->attrs, (long)(e / c));
        double sum = 0;
        for (size_t at = e, image = 0; at < all; at += rows * c, image++) {
            sum += call->out_grad[at];
            if (from < 0 || !call->in_grad[0])
                continue;
            float *to = &call->in_grad[0][(image * in_rows + (size_t)from) * c + e % c];
            *to = (call->in_grad_add[0] ? *to : 0) + call->out_grad[at];
        }
        if (from < 0 && call->param_grad[0])
            call->param_grad[0][(size_t)(-from - 1) * c + e % c] = (float)sum;
    }
}

/* --- position --- */

void op_position_forward_reference(const struct op_call *call)
{
    size_t all = shape4_count(call->out_shape), image = all / (size_t)call->out_shape.n;
    for (size_t e = 0; e < all; e++)
        call->out[e] = call->in[0][e] + call->param[0][e % image];
}

void op_position_backward_reference(const struct op_call *call)
{
    size_t all = shape4_count(call->out_shape), image = all / (size_t)call->out_shape.n;
    for (size_t i = 0; i < image && call->param_grad[0]; i++) {
        double sum = 0;
        for (size_t e = i; e < all; e += image)
            sum += call->out_grad[e];
        call->param_grad[0][i] = (float)sum;
    }
    for (size_t e = 0; e < all && call->in_grad[0]; e++)
        call->in_grad[0][e] = (call->in_grad_add[0] ? call->in_grad[0][e] : 0) + call->out_grad[e];
}
