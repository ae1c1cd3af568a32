/* Activations as loops over floats. Every kernel takes two scalars, which mean what its activation needs: the bounds it
 * holds to, or alpha and beta. Called by op_activation.c and, as epilogues, by pass.c. */
#include "config.h"

#include "activate.h"

#include "elementary.h"
#include "thaw/base/macros.h"

typedef void forward_kernel(float *out, const float *in, size_t count, float a, float b);
typedef void slope_kernel(float *to, const float *value, const float *gradient, size_t count, float a, float b,
                          float keep);

/* out = expression of x. */
#define FORWARD(name, expression)                                                                                      \
    THAW_SIMD static void name(float *out, const float *in, size_t count, float a, float b)                            \
    {                                                                                                                  \
        (void)a, (void)b;                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                                           \
            float x = in[i];                                                                                           \
            out[i] = expression;                                                                                       \
        }                                                                                                              \
    }

/* to = or += expression of the gradient g and v, forward's output or input. */
#define SLOPE(name, expression)                                                                                        \
    THAW_SIMD static void name(float *to, const float *value, const float *gradient, size_t count, float a, float b,   \
                               float keep)                                                                             \
    {                                                                                                                  \
        (void)a, (void)b;                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                                           \
            float v = value[i], g = gradient[i];                                                                       \
            float slope = expression;                                                                                  \
            to[i] = keep != 0 ? to[i] + slope : slope;                                                                 \
        }                                                                                                              \
    }

ELEMENTARY float hold(float x, float low, float high)
{
    x = x < low ? low : x; /* in this order a NaN stays one */
    return x > high ? high : x;
}

ELEMENTARY float gelu_of(float x)
{
    float density, cumulative;
    normal_of(x, &density, &cumulative);
    return x * cumulative;
}

ELEMENTARY float gelu_slope(float x)
{
    float density, cumulative;
    normal_of(x, &density, &cumulative);
    return cumulative + x * density;
}

ELEMENTARY float silu_slope(float x)
{
    float s = sigmoid_of(x);
    return s * (1 + x * (1 - s));
}

static const float quick = 1.702f;

ELEMENTARY float quick_gelu_slope(float x)
{
    float s = sigmoid_of(quick * x);
    return s * (1 + quick * x * (1 - s));
}

/* (1 + tanh(u)) / 2 is sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
static const float twice_root = 1.59576912f, cubic = 0.044715f;

ELEMENTARY float gelu_tanh_inside(float x)
{
    return twice_root * (x + cubic * x * x * x);
}

/* 1 - sigmoid(u) is e^-u sigmoid(u), without the cancelling. */
ELEMENTARY float gelu_tanh_slope(float x)
{
    float near = hold(x, -16, 16), e = exp_of(-gelu_tanh_inside(near)), s = 1 / (1 + e);
    return s + near * (s * (e * s)) * (twice_root * (1 + 3 * cubic * near * near));
}

ELEMENTARY float hard_swish_slope(float x)
{
    float inside = x * (1.0f / 3) + 0.5f;
    inside = x < -3 ? 0 : inside;
    return x > 3 ? 1 : inside;
}

FORWARD(clip, hold(x, a, b))
FORWARD(sigmoid, sigmoid_of(x))
FORWARD(hard_sigmoid, hold(a *x + b, 0, 1))
FORWARD(silu, x *sigmoid_of(x))
FORWARD(hard_swish, x *hold(x + 3, 0, 6) * (1.0f / 6))
FORWARD(leaky_relu, x > 0 ? x : a * x)
FORWARD(gelu, gelu_of(x))
FORWARD(tanh_all, tanh_of(x))
FORWARD(quick_gelu, x *sigmoid_of(quick *x))
FORWARD(gelu_tanh, x *sigmoid_of(gelu_tanh_inside(x)))

SLOPE(clip_gradient, v > a && v < b ? g : 0)
SLOPE(sigmoid_gradient, g *v *(1 - v))
SLOPE(hard_sigmoid_gradient, v > 0 && v < 1 ? g * a : 0)
SLOPE(silu_gradient, g *silu_slope(v))
SLOPE(hard_swish_gradient, g *hard_swish_slope(v))
SLOPE(leaky_relu_gradient, v > 0 ? g : a * g)
SLOPE(gelu_gradient, g *gelu_slope(v))
SLOPE(tanh_gradient, g *(1 - v * v))
SLOPE(quick_gelu_gradient, g *quick_gelu_slope(v))
SLOPE(gelu_tanh_gradient, g *gelu_tanh_slope(v))

struct row {
    forward_kernel *forward;
    slope_kernel *slope;
};

static const struct row rows[] = {
    [OP_ACT_NONE] = {NULL, NULL},
    [OP_ACT_RELU] = {clip, clip_gradient},
    [OP_ACT_RELU6] = {clip, clip_gradient},
    [OP_ACT_SIGMOID] = {sigmoid, sigmoid_gradient},
    [OP_ACT_HARD_SIGMOID] = {hard_sigmoid, hard_sigmoid_gradient},
    [OP_ACT_SILU] = {silu, silu_gradient},
    [OP_ACT_HARD_SWISH] = {hard_swish, hard_swish_gradient},
    [OP_ACT_LEAKY_RELU] = {leaky_relu, leaky_relu_gradient},
    [OP_ACT_GELU] = {gelu, gelu_gradient},
    [OP_ACT_TANH] = {tanh_all, tanh_gradient},
    [OP_ACT_CLIP] = {clip, clip_gradient},
    [OP_ACT_QUICK_GELU] = {quick_gelu, quick_gelu_gradient},
    [OP_ACT_GELU_TANH] = {gelu_tanh, gelu_tanh_gradient},
};
_Static_assert(THAW_LENGTH(rows) == OP_ACTIVATIONS, "every activation has its row");

struct scalars {
    float a, b;
};

static struct scalars scalars_of(enum op_activation activation, const struct op_attrs *attrs)
{
    switch (activation) {
    case OP_ACT_RELU:
        return (struct scalars){0, INFINITY};
    case OP_ACT_RELU6:
        return (struct scalars){0, 6};
    case OP_ACT_CLIP:
        return (struct scalars){attrs->low, attrs->high};
    case OP_ACT_HARD_SIGMOID:
    case OP_ACT_LEAKY_RELU:
        return (struct scalars){attrs->alpha, attrs->beta};
    default:
        return (struct scalars){0, 0};
    }
}

void activate(enum op_activation activation, const struct op_attrs *attrs, float *out, const float *in, size_t count)
{
    struct scalars s = scalars_of(activation, attrs);
    rows[activation].forward(out, in, count, s.a, s.b);
}

void activate_gradient(enum op_activation activation, const struct op_attrs *attrs, float *to, const float *value,
                       const float *gradient, size_t count, bool add)
{
    struct scalars s = scalars_of(activation, attrs);
    rows[activation].slope(to, value, gradient, count, s.a, s.b, add ? 1 : 0);
}

bool activate_bounds(enum op_activation activation, const struct op_attrs *attrs, float *low, float *high)
{
    if (activation != OP_ACT_RELU && activation != OP_ACT_RELU6 && activation != OP_ACT_CLIP)
        return false;
    struct scalars s = scalars_of(activation, attrs);
    *low = s.a;
    *high = s.b;
    return true;
}

bool activate_slope_is_of_output(enum op_activation activation)
{
    return activation != OP_ACT_SILU && activation != OP_ACT_HARD_SWISH && activation != OP_ACT_GELU &&
           activation != OP_ACT_QUICK_GELU && activation != OP_ACT_GELU_TANH;
}
