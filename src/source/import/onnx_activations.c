/* Operators that work on each value alone. Called through onnx_convert.c. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "onnx_convert.h"

bool convert_activation(struct net *net, const struct onnx_node *node)
{
    static const struct {
        const char *op;
        int kind;
        double alpha, beta; /* the defaults */
    } rows[] = {
        {"Relu", OP_RELU, 0, 0},
        {"LeakyRelu", OP_LEAKY_RELU, 0.01, 0},
        {"Sigmoid", OP_SIGMOID, 0, 0},
        {"HardSigmoid", OP_HARD_SIGMOID, 0.2, 0.5},
        {"HardSwish", OP_HARD_SWISH, 0, 0},
        {"Tanh", OP_TANH, 0, 0},
        {"Gelu", OP_GELU, 0, 0},
        {"Erf", DRAFT_ERF, 0, 0},
    };
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    size_t row = 0;
    while (strcmp(rows[row].op, node->op) != 0)
        row++;
    if (rows[row].kind == OP_GELU && strcmp(net_text(node, "approximate", "none"), "none") != 0)
        return net_refuse(net, node, "the approximation by tanh is not known, only the exact form");
    struct op_attrs attrs = op_attrs_default();
    attrs.alpha = rows[row].alpha != 0 ? (float)net_real(node, "alpha", rows[row].alpha) : 0;
    attrs.beta = rows[row].beta != 0 ? (float)net_real(node, "beta", rows[row].beta) : 0;
    if (!isfinite(attrs.alpha) || !isfinite(attrs.beta))
        return net_refuse(net, node, "its alpha or beta is no number");
    return net_define_map(net, node, draft_add(net, node, rows[row].kind, &attrs, 1, &value->draft),
                          net_map(net, node, 0));
}

/* A bound of Clip: an input since opset 11, an attribute before. */
static bool read_bound(struct net *net, const struct onnx_node *node, size_t input, const char *name, double *bound)
{
    *bound = net_real(node, name, *bound);
    if (input >= node->inputs || node->input[input][0] == '\0')
        return true;
    struct constant *constant = net_constant(net, node, input);
    return constant && constant_scalar(net, node, constant, bound);
}

/* The constant of Min or Max, in either place. */
static bool read_other(struct net *net, const struct onnx_node *node, struct value **value, double *bound)
{
    struct value *first = net_input(net, node, 0);
    size_t map = first && first->constant ? 1 : 0;
    if (node->inputs != 2)
        return net_refuse(net, node, "it is only known of an image and a number");
    *value = net_map(net, node, map);
    struct constant *constant = *value ? net_constant(net, node, 1 - map) : NULL;
    return constant && constant_scalar(net, node, constant, bound);
}

bool convert_clip(struct net *net, const struct onnx_node *node)
{
    double low = -INFINITY, high = INFINITY;
    struct value *value = NULL;
    if (strcmp(node->op, "Clip") == 0) {
        if (!read_bound(net, node, 1, "min", &low) || !read_bound(net, node, 2, "max", &high))
            return false;
        value = net_map(net, node, 0);
    } else if (!read_other(net, node, &value, strcmp(node->op, "Max") == 0 ? &low : &high)) {
        return false;
    }
    if (!value)
        return false;
    if (!(low <= high))
        return net_refuse(net, node, "it holds values to %g..%g, which leaves none", low, high);
    struct op_attrs attrs = op_attrs_default();
    bool open = high >= (double)FLT_MAX;
    int kind = low == 0 && open ? OP_RELU : low == 0 && high == 6 ? OP_RELU6 : OP_CLIP;
    if (kind == OP_CLIP) {
        attrs.low = (float)fmax(low, -(double)FLT_MAX);
        attrs.high = (float)fmin(high, (double)FLT_MAX);
    }
    struct value like = *value;
    return net_define_map(net, node, draft_add(net, node, kind, &attrs, 1, &value->draft), &like);
}

bool convert_dropout(struct net *net, const struct onnx_node *node)
{
    double rate = net_real(node, "ratio", 0.5);
    struct value *value = net_map(net, node, 0);
    if (!value || !read_bound(net, node, 1, "ratio", &rate))
        return false;
    if (!(rate >= 0 && rate < 1))
        return net_refuse(net, node, "a ratio of %g; it must be from 0 to below 1", rate);
    struct op_attrs attrs = op_attrs_default();
    attrs.rate = (float)rate;
    struct value like = *value;
    return net_define_map(net, node, draft_add(net, node, OP_DROPOUT, &attrs, 1, &value->draft), &like);
}

bool convert_identity(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_input(net, node, 0);
    return value && net_define(net, node, 0, *value);
}

/* The loss has its own softmax: one at the end is left out. */
bool convert_softmax(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    struct value closed = *value;
    closed.closed = node;
    return net_define(net, node, 0, closed);
}
