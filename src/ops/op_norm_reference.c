/* Batch normalisation's reference twin: the definition, channel by channel, in double, two passes. */
#include "config.h"

#include <math.h>

#include "activate.h"
#include "op_rows.h"

enum { WEIGHT, BIAS, MEAN, VARIANCE };

static double mean_of(const float *x, size_t rows, int c)
{
    double sum = 0;
    for (size_t r = 0; r < rows; r++)
        sum += x[r * (size_t)c];
    return sum / (double)rows;
}

static double variance_of(const float *x, size_t rows, int c, double mean)
{
    double sum = 0;
    for (size_t r = 0; r < rows; r++)
        sum += (x[r * (size_t)c] - mean) * (x[r * (size_t)c] - mean);
    return sum / (double)rows;
}

void op_batch_norm_forward_reference(const struct op_call *call)
{
    struct shape4 shape = call->out_shape;
    int c = shape.c;
    size_t rows = shape4_count(shape) / (size_t)c;
    for (int k = 0; k < c; k++) {
        const float *x = call->in[0] + k;
        double mean = call->param[MEAN][k], variance = call->param[VARIANCE][k], m = call->attrs->momentum;
        bool known = call->again && call->saved;
        if (call->batch_statistics && !known) {
            mean = mean_of(x, rows, c);
            variance = variance_of(x, rows, c, mean);
            double unbiased = rows > 1 ? variance * (double)rows / (double)(rows - 1) : variance;
            call->param[MEAN][k] = (float)((1 - m) * call->param[MEAN][k] + m * mean);
            call->param[VARIANCE][k] = (float)((1 - m) * call->param[VARIANCE][k] + m * unbiased);
        }
        double inverse = 1 / sqrt(variance + call->attrs->eps);
        if (known) {
            mean = call->saved[k];
            inverse = call->saved[c + k];
        }
        for (size_t r = 0; r < rows; r++)
            call->out[r * (size_t)c + (size_t)k] = (float)activate_reference(
                call->activation, call->activation_attrs,
                (x[r * (size_t)c] - mean) * inverse * call->param[WEIGHT][k] + call->param[BIAS][k] +
                    (call->residual ? call->residual[r * (size_t)c + (size_t)k] : 0));
        if (call->saved) {
            call->saved[k] = (float)mean;
            call->saved[c + k] = (float)inverse;
            call->saved[4 * c] = call->batch_statistics ? 1 : 0;
        }
    }
}

/* The output's gradient at one value, before the activation. */
static double gradient_at(const struct op_call *call, size_t at, int k, double normal)
{
    double argument = normal * call->param[WEIGHT][k] + call->param[BIAS][k];
    if (call->activation == OP_ACT_NONE)
        return call->out_grad[at];
    argument += call->residual ? call->residual[at] : 0;
    return call->out_grad[at] * activate_slope_reference(call->activation, call->activation_attrs, argument);
}

void op_batch_norm_backward_reference(const struct op_call *call)
{
    struct shape4 shape = call->out_shape;
    int c = shape.c;
    size_t rows = shape4_count(shape) / (size_t)c;
    for (int k = 0; k < c; k++) {
        double mean = call->saved[k], inverse = call->saved[c + k], sum = 0, product = 0;
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * (size_t)c + (size_t)k;
            double normal = (call->in[0][at] - mean) * inverse, g = gradient_at(call, at, k, normal);
            sum += g;
            product += g * normal;
            if (call->residual_grad)
                call->residual_grad[at] = (float)(g + (call->residual_grad_add ? call->residual_grad[at] : 0));
        }
        if (call->param_grad[BIAS])
            call->param_grad[BIAS][k] = (float)sum;
        if (call->param_grad[WEIGHT])
            call->param_grad[WEIGHT][k] = (float)product;
        for (size_t r = 0; call->in_grad[0] && r < rows; r++) {
            size_t at = r * (size_t)c + (size_t)k;
            double normal = (call->in[0][at] - mean) * inverse, g = gradient_at(call, at, k, normal);
            if (call->saved[4 * c] != 0)
                g -= (sum + normal * product) / (double)rows;
            double value = g * inverse * call->param[WEIGHT][k];
            call->in_grad[0][at] = (float)(value + (call->in_grad_add[0] ? call->in_grad[0][at] : 0));
        }
    }
}
