/* Activations' reference twins: the textbook's lines, in double. */
#include "config.h"

#include <math.h>

#include "activate.h"

static double hold(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double normal(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static const double root_two_over_pi = 0.79788456080286535588;

double activate_reference(enum op_activation activation, const struct op_attrs *attrs, double x)
{
    switch (activation) {
    case OP_ACT_RELU:
        return fmax(x, 0);
    case OP_ACT_RELU6:
        return hold(x, 0, 6);
    case OP_ACT_SIGMOID:
        return sigmoid(x);
    case OP_ACT_HARD_SIGMOID:
        return hold(attrs->alpha * x + attrs->beta, 0, 1);
    case OP_ACT_SILU:
        return x * sigmoid(x);
    case OP_ACT_HARD_SWISH:
        return x * hold(x + 3, 0, 6) / 6;
    case OP_ACT_LEAKY_RELU:
        return x > 0 ? x : attrs->alpha * x;
    case OP_ACT_GELU:
        return x * normal(x);
    case OP_ACT_TANH:
        return tanh(x);
    case OP_ACT_CLIP:
        return hold(x, attrs->low, attrs->high);
    case OP_ACT_QUICK_GELU:
        return x * sigmoid(1.702 * x);
    case OP_ACT_GELU_TANH:
        return x * (1 + tanh(root_two_over_pi * (x + 0.044715 * x * x * x))) / 2;
    default:
        return x;
    }
}

double activate_slope_reference(enum op_activation activation, const struct op_attrs *attrs, double x)
{
    const double root_two_pi = 2.50662827463100050242;
    double t;
    switch (activation) {
    case OP_ACT_RELU:
        return x > 0 ? 1 : 0;
    case OP_ACT_RELU6:
        return x > 0 && x < 6 ? 1 : 0;
    case OP_ACT_SIGMOID:
        return sigmoid(x) * sigmoid(-x);
    case OP_ACT_HARD_SIGMOID:
        return attrs->alpha * x + attrs->beta > 0 && attrs->alpha * x + attrs->beta < 1 ? attrs->alpha : 0;
    case OP_ACT_SILU:
        return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
    case OP_ACT_HARD_SWISH:
        return x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5;
    case OP_ACT_LEAKY_RELU:
        return x > 0 ? 1 : attrs->alpha;
    case OP_ACT_GELU:
        return normal(x) + x * exp(-x * x / 2) / root_two_pi;
    case OP_ACT_TANH:
        return 1 - tanh(x) * tanh(x);
    case OP_ACT_CLIP:
        return x > attrs->low && x < attrs->high ? 1 : 0;
    case OP_ACT_QUICK_GELU:
        return sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x));
    case OP_ACT_GELU_TANH:
        t = tanh(root_two_over_pi * (x + 0.044715 * x * x * x));
        return (1 + t + x * (1 - t * t) * root_two_over_pi * (1 + 3 * 0.044715 * x * x)) / 2;
    default:
        return 1;
    }
}
