/* Operators that only number the values anew: reshapes and transposes. Most change the layout of a value, not its data.
 * Called through onnx_convert.c. */
#include "config.h"

#include <string.h>

#include "onnx_convert.h"

/* --- reshapes --- */

static bool same_dims(const struct shape *shape, int rank, const int64_t *dim)
{
    struct shape other = shape_make(rank, dim);
    return shape_equal(shape, &other);
}

/* Another layout of the same node whose axes have these sizes. */
static bool find_layout(const struct net *net, const struct value *from, const struct shape *to, struct value *value)
{
    static const enum layout layouts[] = {LAYOUT_IMAGE, LAYOUT_ROW, LAYOUT_LINES, LAYOUT_PLANE, LAYOUT_PIXELS};
    const struct shape4 *shape = &net->draft[from->draft].shape;
    bool pixel = shape->h == 1 && shape->w == 1;
    for (size_t i = 0; i < THAW_LENGTH(layouts); i++) {
        value->layout = layouts[i];
        bool turns = (layouts[i] == LAYOUT_PIXELS) != (from->layout == LAYOUT_PIXELS);
        if ((layouts[i] == LAYOUT_ROW && !pixel) || (layouts[i] == LAYOUT_PLANE && shape->c != 1) || (turns && !pixel))
            continue;
        struct shape own = value_shape(net, value);
        if (shape_equal(&own, to))
            return true;
    }
    if (from->layout == LAYOUT_PIXELS && !pixel)
        return false;
    int64_t groups = to->rank == 5 ? to->dim[1] : 0;
    value->layout = LAYOUT_GROUPS;
    value->groups = (int)groups;
    return groups > 0 && groups <= shape->c && shape->c % groups == 0 &&
           same_dims(to, 5, (int64_t[]){net->batch, groups, shape->c / groups, shape->h, shape->w});
}

/* The values as one row for each image, in the order the layout has them. */
static bool flatten(struct net *net, const struct onnx_node *node, struct value *value)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.flatten_chw = value->layout != LAYOUT_PIXELS;
    value->draft = draft_add(net, node, OP_FLATTEN, &attrs, 1, &value->draft);
    value->layout = LAYOUT_ROW;
    return value->draft >= 0;
}

static bool shuffle(struct net *net, const struct onnx_node *node, struct value *value)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.groups = value->groups;
    value->draft = draft_add(net, node, OP_SHUFFLE, &attrs, 1, &value->draft);
    value->layout = LAYOUT_IMAGE;
    return value->draft >= 0;
}

static bool define_reshaped(struct net *net, const struct onnx_node *node, struct value *from, const struct shape *to)
{
    struct value value = *from;
    struct shape own = value_shape(net, from);
    if (shape_equal(&own, to))
        return net_define(net, node, 0, value);
    if (value.layout == LAYOUT_SHUFFLED && !shuffle(net, node, &value))
        return false;
    struct value found = value;
    if (find_layout(net, &value, to, &found))
        return net_define(net, node, 0, found);
    int64_t row = shape_count(to) / net->batch; /* all of an image in one axis, ones around it */
    bool flat = to->rank >= 2 && to->dim[0] == net->batch && to->dim[1] == row;
    if (flat && !flatten(net, node, &value))
        return false;
    found = value;
    if (flat && find_layout(net, &value, to, &found))
        return net_define(net, node, 0, found);
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    return net_refuse(net, node, "from %s to %s is no reshape that thaw knows", shape_text(have, &own),
                      shape_text(want, to));
}

bool convert_reshape(struct net *net, const struct onnx_node *node)
{
    const int64_t *wanted;
    int count;
    struct shape to;
    struct value *value = net_map(net, node, 0);
    if (!value || !net_integers(net, node, 1, "shape", &wanted, &count))
        return false;
    struct shape from = value_shape(net, value);
    if (count < 0 || !fold_target(&from, wanted, count, net_integer(node, "allowzero", 0) != 0, &to))
        return net_refuse(net, node, "its shape is not one of as many values");
    return define_reshaped(net, node, value, &to);
}

bool convert_flatten(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    struct shape from = value_shape(net, value), to;
    int64_t axis = net_integer(node, "axis", 1);
    axis += axis < 0 ? from.rank : 0;
    if (axis != 1)
        return net_refuse(net, node, "it must keep the images apart, and its axis is %lld", (long long)axis);
    if (!fold_target(&from, (int64_t[]){net->batch, -1}, 2, false, &to))
        return net_refuse(net, node, "its input is empty");
    return define_reshaped(net, node, value, &to);
}

/* Whether an axis is among those listed; they may count from the end of `rank` axes. */
static bool is_listed(const int64_t *axes, int count, int rank, int axis)
{
    for (int i = 0; i < count; i++) {
        if (axes[i] == axis || axes[i] == axis - rank)
            return true;
    }
    return false;
}

static bool squeeze(const struct shape *from, const int64_t *axes, int count, struct shape *to)
{
    to->rank = 0;
    for (int i = 0; i < from->rank; i++) {
        bool goes = count < 0 ? from->dim[i] == 1 && i > 0 : is_listed(axes, count, from->rank, i);
        if (goes && from->dim[i] != 1)
            return false;
        if (!goes)
            to->dim[to->rank++] = from->dim[i];
    }
    return true;
}

static bool unsqueeze(const struct shape *from, const int64_t *axes, int count, struct shape *to)
{
    int at = 0;
    to->rank = from->rank + (count < 0 ? 0 : count);
    if (to->rank > SHAPE_RANK_MAX)
        return false;
    for (int i = 0; i < to->rank; i++) {
        bool comes = is_listed(axes, count, to->rank, i);
        if (!comes && at == from->rank)
            return false;
        to->dim[i] = comes ? 1 : from->dim[at++];
    }
    return at == from->rank;
}

/* Squeeze and Unsqueeze, of maps and of constants. */
bool convert_squeeze(struct net *net, const struct onnx_node *node)
{
    const int64_t *axes;
    int count;
    bool adds = strcmp(node->op, "Unsqueeze") == 0;
    struct value *value = net_input(net, node, 0);
    if (!value || !net_integers(net, node, 1, "axes", &axes, &count))
        return false;
    struct shape from = value->constant ? value->constant->shape : value_shape(net, value), to = from;
    if (!(adds ? unsqueeze(&from, axes, count, &to) : squeeze(&from, axes, count, &to)))
        return net_refuse(net, node, "its axes are not of its input");
    if (value->constant)
        return net_define_constant(net, node, fold_reshaped(net, value->constant, &to));
    return (value = net_map(net, node, 0)) && define_reshaped(net, node, value, &to);
}

/* --- transposes --- */

bool convert_transpose(struct net *net, const struct onnx_node *node)
{
    static const struct {
        enum layout from, to;
        int64_t perm[5];
    } known[] = {
        {LAYOUT_IMAGE, LAYOUT_PIXELS, {0, 2, 3, 1}},
        {LAYOUT_PIXELS, LAYOUT_IMAGE, {0, 3, 1, 2}},
        {LAYOUT_GROUPS, LAYOUT_SHUFFLED, {0, 2, 1, 3, 4}},
        {LAYOUT_SHUFFLED, LAYOUT_GROUPS, {0, 2, 1, 3, 4}},
    };
    const struct onnx_attribute *perm = net_attribute(node, "perm");
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    int rank = value_rank(value);
    if (!perm || perm->kind != ONNX_INTS || perm->count != (size_t)rank)
        return net_refuse(net, node, "its perm is not of its input's %d axes", rank);
    bool stays = true;
    for (int i = 0; i < rank; i++)
        stays = stays && perm->integers[i] == i;
    struct value moved = *value;
    for (size_t i = 0; i < THAW_LENGTH(known) && !stays; i++) {
        if (known[i].from == value->layout &&
            memcmp(known[i].perm, perm->integers, (size_t)rank * sizeof(int64_t)) == 0) {
            moved.layout = known[i].to;
            return net_define(net, node, 0, moved);
        }
    }
    return stays ? net_define(net, node, 0, moved)
                 : net_refuse(net, node, "only to and from n, h, w, c and of groups of channels is it known");
}

/* The shape of a map, the batch as the file has it, else 1. */
bool convert_shape(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_input(net, node, 0);
    if (!value)
        return false;
    struct shape of = value->constant ? value->constant->shape : value_shape(net, value);
    int64_t start = net_integer(node, "start", 0), end = net_integer(node, "end", of.rank);
    start += start < 0 ? of.rank : 0;
    end += end < 0 ? of.rank : 0;
    start = start < 0 ? 0 : start;
    end = end > of.rank ? of.rank : end;
    struct shape list = shape_make(1, (int64_t[]){end > start ? end - start : 0});
    struct constant *constant = constant_create(net, &list, true);
    for (int64_t i = start; constant && i < end; i++)
        constant->value[i - start] = (double)of.dim[i];
    return net_define_constant(net, node, constant);
}
