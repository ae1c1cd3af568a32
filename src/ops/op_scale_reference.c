/* Reference twins of mul, affine and layer norm: the definitions, in double. */
#include "config.h"

#include <math.h>

#include "activate.h"
#include "op_rows.h"
#include "thaw/base/mem.h"

enum { WEIGHT, BIAS };

static void give(const struct op_call *call, int i, size_t element, double gradient)
{
    if (call->in_grad[i])
        call->in_grad[i][element] = (float)((call->in_grad_add[i] ? call->in_grad[i][element] : 0) + gradient);
}

/* The second input's element that meets element e of the first. */
static size_t partner(const struct op_call *call, size_t e)
{
    struct shape4 a = call->in_shape[0], b = call->in_shape[1];
    size_t c = (size_t)a.c, image = (size_t)a.h * (size_t)a.w * c;
    return a.h == b.h && a.w == b.w ? e : e / image * c + e % c;
}

void op_mul_forward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    for (size_t e = 0; e < count; e++)
        call->out[e] = call->in[0][e] * call->in[1][partner(call, e)];
}

void op_mul_backward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape), factors = shape4_count(call->in_shape[1]);
    for (size_t e = 0; e < count; e++)
        give(call, 0, e, (double)call->out_grad[e] * call->in[1][partner(call, e)]);
    if (call->in_grad[1] == NULL)
        return;
    double *sum = mem_array(factors, sizeof *sum);
    for (size_t e = 0; e < count; e++)
        sum[partner(call, e)] += (double)call->out_grad[e] * call->in[0][e];
    for (size_t f = 0; f < factors; f++)
        give(call, 1, f, sum[f]);
    mem_free(sum);
}

void op_affine_forward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape), c = (size_t)call->out_shape.c;
    for (size_t e = 0; e < count; e++) {
        double shift = call->attrs->bias ? call->param[BIAS][e % c] : 0;
        call->out[e] = (float)activate_reference(call->activation, call->activation_attrs,
                                                 (double)call->in[0][e] * call->param[WEIGHT][e % c] + shift);
    }
}

void op_affine_backward_reference(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape), c = (size_t)call->out_shape.c;
    for (size_t k = 0; k < c; k++) {
        double scale = 0, shift = 0;
        for (size_t e = k; e < count; e += c) {
            scale += (double)call->out_grad[e] * call->in[0][e];
            shift += call->out_grad[e];
        }
        if (call->param_grad[WEIGHT])
            call->param_grad[WEIGHT][k] = (float)scale;
        if (call->attrs->bias && call->param_grad[BIAS])
            call->param_grad[BIAS][k] = (float)shift;
    }
    for (size_t e = 0; e < count; e++)
        give(call, 0, e, (double)call->out_grad[e] * call->param[WEIGHT][e % c]);
}

static void moments(const float *x, int c, double *mean, double *inverse, double eps)
{
    double sum = 0, square = 0;
    for (int k = 0; k < c; k++)
        sum += x[k];
    *mean = sum / c;
    for (int k = 0; k < c; k++)
        square += (x[k] - *mean) * (x[k] - *mean);
    *inverse = 1 / sqrt(square / c + eps);
}

void op_layer_norm_forward_reference(const struct op_call *call)
{
    int c = call->out_shape.c;
    size_t rows = shape4_count(call->out_shape) / (size_t)c;
    for (size_t r = 0; r < rows; r++) {
        const float *x = call->in[0] + r * (size_t)c;
        double mean, inverse;
        moments(x, c, &mean, &inverse, call->attrs->eps);
        for (int k = 0; k < c; k++)
            call->out[r * (size_t)c + (size_t)k] =
                (float)((x[k] - mean) * inverse * call->param[WEIGHT][k] + call->param[BIAS][k]);
    }
}

static void layer_norm_pixel(const struct op_call *call, size_t first, int c)
{
    const float *x = call->in[0] + first, *g = call->out_grad + first;
    double mean, inverse, sum = 0, product = 0;
    moments(x, c, &mean, &inverse, call->attrs->eps);
    for (int k = 0; k < c; k++) {
        sum += (double)g[k] * call->param[WEIGHT][k];
        product += (double)g[k] * call->param[WEIGHT][k] * (x[k] - mean) * inverse;
    }
    for (int k = 0; k < c; k++)
        give(call, 0, first + (size_t)k,
             inverse * ((double)g[k] * call->param[WEIGHT][k] - sum / c - (x[k] - mean) * inverse * product / c));
}

void op_layer_norm_backward_reference(const struct op_call *call)
{
    int c = call->out_shape.c;
    size_t count = shape4_count(call->out_shape);
    for (int k = 0; k < c; k++) {
        double scale = 0, shift = 0;
        for (size_t first = 0; first < count; first += (size_t)c) {
            double mean, inverse, g = call->out_grad[first + (size_t)k];
            moments(call->in[0] + first, c, &mean, &inverse, call->attrs->eps);
            scale += g * (call->in[0][first + (size_t)k] - mean) * inverse;
            shift += g;
        }
        if (call->param_grad[WEIGHT])
            call->param_grad[WEIGHT][k] = (float)scale;
        if (call->param_grad[BIAS])
            call->param_grad[BIAS][k] = (float)shift;
    }
    for (size_t first = 0; first < count; first += (size_t)c)
        layer_norm_pixel(call, first, c);
}
