/* Operators of several maps, or of a map and a constant: arithmetic and concatenation. Called through onnx_convert.c.
 *
 * A constant that is one number, or one for each channel, makes an affine that never learns: y = scale * x + shift. The
 * tidying folds it into its neighbour. A constant of any other shape is refused. */
#include "config.h"

#include <string.h>

#include "onnx_convert.h"
#include "thaw/base/mem.h"

/* --- a map and a constant --- */

/* Where, in the constant's shape, the map's channels are; -1: the constant is one number; -2: it does not fit. */
static int channel_axis(const struct value *value, const struct shape *shape, int channels)
{
    int rank = value_rank(value), found = -1;
    if (shape_count(shape) == 1 && shape->rank <= rank)
        return -1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == 1)
            continue;
        int axis = i + rank - shape->rank; /* shapes are aligned at their ends */
        if (found >= 0 || axis < 0 || value_axis(value, axis) != 'c' || shape->dim[i] != channels)
            return -2;
        found = i;
    }
    return found;
}

/* The constant as one value a channel; the array is the net's. */
static double *channel_values(struct net *net, const struct onnx_node *node, const struct value *value,
                              struct constant *constant)
{
    int channels = net->draft[value->draft].shape.c;
    int axis = channel_axis(value, &constant->shape, channels);
    if (axis == -2) {
        char text[SHAPE_TEXT];
        net_refuse(net, node, "a constant of %s; only one number, or one for each channel, is known",
                   shape_text(text, &constant->shape));
        return NULL;
    }
    const double *from = constant_values(net, node, constant);
    double *to = from ? net_room(net, (size_t)channels, sizeof *to) : NULL;
    for (int i = 0; to && i < channels; i++)
        to[i] = from[axis < 0 ? 0 : i];
    return to;
}

/* The op as y = scale * x + shift, c being the constant. */
static bool scale_and_shift(struct net *net, const struct onnx_node *node, bool constant_first, const double *c,
                            int channels, double *scale, double *shift)
{
    char op = node->op[0];
    if (op == 'D' && constant_first)
        return net_refuse(net, node, "a constant divided by values of the image");
    for (int i = 0; i < channels; i++) {
        if (op == 'D' && c[i] == 0)
            return net_refuse(net, node, "it divides by zero");
        scale[i] = op == 'M' ? c[i] : op == 'D' ? 1 / c[i] : op == 'S' && constant_first ? -1 : 1;
        shift[i] = op == 'A' ? c[i] : op != 'S' ? 0 : constant_first ? c[i] : -c[i];
    }
    return true;
}

static bool convert_with_constant(struct net *net, const struct onnx_node *node, const struct value *value,
                                  struct constant *constant, bool constant_first)
{
    int channels = net->draft[value->draft].shape.c;
    const double *c = channel_values(net, node, value, constant);
    double *scale = c ? net_room(net, (size_t)channels, sizeof *scale) : NULL;
    double *shift = scale ? net_room(net, (size_t)channels, sizeof *shift) : NULL;
    if (!shift || !scale_and_shift(net, node, constant_first, c, channels, scale, shift))
        return false;
    int draft = draft_add_affine(net, node, value->draft, scale, shift);
    if (draft < 0)
        return false;
    net->draft[draft].weight = constant->tensor && constant->tensor->name[0] ? constant->tensor->name : NULL;
    return net_define_map(net, node, draft, value);
}

/* --- two maps --- */

static bool is_pixel(const struct net *net, const struct value *value)
{
    const struct shape4 *shape = &net->draft[value->draft].shape;
    return shape->h == 1 && shape->w == 1;
}

static bool same_axes(const struct net *net, const struct value *a, const struct value *b)
{
    if (value_rank(a) != value_rank(b))
        return false;
    return (a->layout == b->layout && a->groups == b->groups) || is_pixel(net, a) || is_pixel(net, b);
}

static bool convert_maps(struct net *net, const struct onnx_node *node)
{
    struct value *a = net_map(net, node, 0), *b = a ? net_map(net, node, 1) : NULL;
    if (!b)
        return false;
    if (!same_axes(net, a, b))
        return net_refuse(net, node, "its inputs have their axes in different orders");
    struct op_attrs attrs = op_attrs_default();
    if (strcmp(node->op, "Add") == 0) {
        int input[] = {a->draft, b->draft};
        return net_define_map(net, node, draft_add(net, node, OP_ADD, &attrs, 2, input), a);
    }
    if (strcmp(node->op, "Mul") != 0)
        return net_refuse(net, node, "only of a constant is it known, not of two values of the image");
    bool factor_first = is_pixel(net, a) && !is_pixel(net, b); /* squeeze-and-excitation: the factor stands second */
    int input[] = {factor_first ? b->draft : a->draft, factor_first ? a->draft : b->draft};
    return net_define_map(net, node, draft_add(net, node, OP_MUL, &attrs, 2, input), factor_first ? b : a);
}

bool convert_arithmetic(struct net *net, const struct onnx_node *node)
{
    struct value *a = net_input(net, node, 0), *b = net_input(net, node, 1);
    if (!a || !b || node->inputs != 2)
        return net_refuse(net, node, "it needs two inputs");
    if (a->constant)
        return (b = net_map(net, node, 1)) && convert_with_constant(net, node, b, a->constant, true);
    if (b->constant)
        return (a = net_map(net, node, 0)) && convert_with_constant(net, node, a, b->constant, false);
    return convert_maps(net, node);
}

bool convert_sum(struct net *net, const struct onnx_node *node)
{
    int input[NET_INPUTS_MAX];
    struct op_attrs attrs = op_attrs_default();
    struct value *first = net_map(net, node, 0);
    if (first && node->inputs == 1)
        return convert_identity(net, node);
    for (size_t i = 0; first && i < node->inputs && i < NET_INPUTS_MAX; i++) {
        struct value *value = net_map(net, node, i);
        if (!value)
            return false;
        if (!same_axes(net, first, value))
            return net_refuse(net, node, "its inputs have their axes in different orders");
        input[i] = value->draft;
    }
    return first && net_define_map(net, node, draft_add(net, node, OP_ADD, &attrs, (int)node->inputs, input), first);
}

bool convert_concat(struct net *net, const struct onnx_node *node)
{
    int input[NET_INPUTS_MAX];
    struct op_attrs attrs = op_attrs_default();
    struct value *first = net_map(net, node, 0);
    if (!first)
        return false;
    if (value_axis(first, net_integer(node, "axis", 1)) != 'c')
        return net_refuse(net, node, "only channels are joined; axis %lld is another",
                          (long long)net_integer(node, "axis", 1));
    for (size_t i = 0; i < node->inputs && i < NET_INPUTS_MAX; i++) {
        struct value *value = net_map(net, node, i);
        if (!value)
            return false;
        if (value->layout != first->layout)
            return net_refuse(net, node, "its inputs have their axes in different orders");
        input[i] = value->draft;
    }
    if (node->inputs == 1)
        return convert_identity(net, node);
    return net_define_map(net, node, draft_add(net, node, OP_CONCAT, &attrs, (int)node->inputs, input), first);
}
