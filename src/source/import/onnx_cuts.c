/* Operators that take parts of an image or put borders around it: Slice, Split, Gather, Pad. Called through
 * onnx_convert.c. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "onnx_convert.h"

enum { PADS_MAX = 8, BORDER_MAX = 1 << 16 };

static int slice_channels(struct net *net, const struct onnx_node *node, int draft, int64_t begin, int64_t end)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.begin = (int)begin;
    attrs.end = (int)end;
    return draft_add(net, node, OP_SLICE, &attrs, 1, &draft);
}

/* --- Slice --- */

/* One axis from start to end by step, numbers already inside it; the draft index, or -1. */
static int slice_axis(struct net *net, const struct onnx_node *node, int draft, char axis, int64_t start, int64_t end,
                      int64_t step)
{
    const struct shape4 *shape = &net->draft[draft].shape;
    struct op_attrs attrs = op_attrs_default();
    int64_t size = axis == 'c' ? shape->c : axis == 'h' ? shape->h : shape->w;
    if (end <= start || step < 1) {
        net_refuse(net, node, "it leaves nothing, or runs backwards");
        return -1;
    }
    if (axis == 'c' && step == 1)
        return start == 0 && end == size ? draft : slice_channels(net, node, draft, start, end);
    if (axis == 'c') {
        net_refuse(net, node, "every %lldth channel; only neighbouring ones are known", (long long)step);
        return -1;
    }
    if (start > 0 || end < size) { /* the rest is cut off first */
        struct op_attrs crop = op_attrs_default();
        int before = (int)-start, after = (int)(end - size);
        if (axis == 'h') {
            crop.pad_top = before;
            crop.pad_bottom = after;
        } else {
            crop.pad_left = before;
            crop.pad_right = after;
        }
        draft = draft_add(net, node, OP_PAD, &crop, 1, &draft);
    }
    if (draft < 0 || step == 1)
        return draft;
    if (axis == 'h')
        attrs.stride_h = (int)(step < BORDER_MAX ? step : BORDER_MAX);
    else
        attrs.stride_w = (int)(step < BORDER_MAX ? step : BORDER_MAX);
    return draft_add(net, node, OP_SUBSAMPLE, &attrs, 1, &draft);
}

/* An end of a slice, counted from the start and inside the axis. */
static int64_t hold(int64_t number, int64_t size)
{
    if (number < 0)
        number = number < -size ? 0 : number + size;
    return number > size ? size : number;
}

bool convert_slice(struct net *net, const struct onnx_node *node)
{
    const int64_t *start, *end, *axes, *step;
    int starts, ends, axis_count, steps;
    struct value *value = net_map(net, node, 0);
    if (!value || !net_integers(net, node, 1, "starts", &start, &starts) ||
        !net_integers(net, node, 2, "ends", &end, &ends) || !net_integers(net, node, 3, "axes", &axes, &axis_count) ||
        !net_integers(net, node, 4, "steps", &step, &steps))
        return false;
    if (starts < 1 || ends != starts || (axis_count >= 0 && axis_count != starts) || (steps >= 0 && steps != starts))
        return net_refuse(net, node, "its lists of starts, ends, axes and steps differ in length");
    int draft = value->draft;
    for (int i = 0; i < starts && draft >= 0; i++) {
        int64_t axis = axis_count < 0 ? i : axes[i], by = steps < 0 ? 1 : step[i];
        char kind = value_axis(value, axis);
        struct shape shape = value_shape(net, value);
        int64_t size = kind ? shape.dim[axis < 0 ? axis + shape.rank : axis] : 0;
        int64_t from = hold(start[i], size), to = hold(end[i], size);
        if (!kind)
            return net_refuse(net, node, "axis %lld is none of its input", (long long)axis);
        if (kind != 'n')
            draft = slice_axis(net, node, draft, kind, from, to, by);
        else if (from != 0 || to != size || by != 1)
            return net_refuse(net, node, "it takes images out of the batch");
    }
    return net_define_map(net, node, draft, value);
}

/* --- Split --- */

bool convert_split(struct net *net, const struct onnx_node *node)
{
    const int64_t *size;
    int count;
    struct value *value = net_map(net, node, 0);
    if (!value || !net_integers(net, node, 1, "split", &size, &count))
        return false;
    if (value_axis(value, net_integer(node, "axis", 0)) != 'c')
        return net_refuse(net, node, "only channels are split; axis %lld is another",
                          (long long)net_integer(node, "axis", 0));
    struct value part = *value;
    int64_t channels = net->draft[value->draft].shape.c, begin = 0, parts = (int64_t)node->outputs;
    if (parts < 1 || parts > channels || (count >= 0 && count != parts))
        return net_refuse(net, node, "%d channels in %lld parts", (int)channels, (long long)parts);
    int64_t even = (channels + parts - 1) / parts; /* the last part may be smaller */
    for (int64_t i = 0; i < parts; i++) {
        int64_t end = begin + (count < 0 ? even : size[i] < 0 || size[i] > channels ? channels + 1 : size[i]);
        end = count < 0 && end > channels ? channels : end;
        part.draft = slice_channels(net, node, value->draft, begin, end); /* checks begin and end */
        if (part.draft < 0 || !net_define(net, node, (size_t)i, part))
            return false;
        value = net_map(net, node, 0); /* the list of values may have moved */
        begin = end;
    }
    return begin == channels || net_refuse(net, node, "its parts are not all of the %d channels", (int)channels);
}

/* --- Gather --- */

/* One channel as a plane, or several in any order. */
bool convert_gather(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    struct constant *index = value ? net_constant(net, node, 1) : NULL;
    const double *from = index ? constant_values(net, node, index) : NULL;
    if (!from)
        return false;
    int64_t count = shape_count(&index->shape), channels = net->draft[value->draft].shape.c;
    if (value_axis(value, net_integer(node, "axis", 0)) != 'c' || index->shape.rank > 1 || count < 1 ||
        count > NET_INPUTS_MAX)
        return net_refuse(net, node, "only a few channels are picked so");
    struct value picked = *value;
    int input[NET_INPUTS_MAX];
    for (int64_t i = 0; i < count; i++) {
        double channel = from[i] < 0 ? from[i] + (double)channels : from[i];
        if (!(channel >= 0 && channel < (double)channels))
            return net_refuse(net, node, "there is no channel %g", from[i]);
        input[i] = slice_channels(net, node, value->draft, (int64_t)channel, (int64_t)channel + 1);
        if (input[i] < 0)
            return false;
    }
    struct op_attrs attrs = op_attrs_default();
    picked.draft = count == 1 ? input[0] : draft_add(net, node, OP_CONCAT, &attrs, (int)count, input);
    if (index->shape.rank == 0) { /* the axis goes */
        if (value->layout != LAYOUT_IMAGE && value->layout != LAYOUT_PIXELS)
            return net_refuse(net, node, "one channel is only picked out of an image");
        picked.layout = LAYOUT_PLANE;
    }
    return picked.draft >= 0 && net_define(net, node, 0, picked);
}

/* --- Pad --- */

static bool pad_value(struct net *net, const struct onnx_node *node, double *value)
{
    struct constant *constant;
    *value = net_real(node, "value", 0);
    if (node->inputs > 2 && node->input[2][0])
        return (constant = net_constant(net, node, 2)) && constant_scalar(net, node, constant, value);
    return true;
}

/* Zero channels before and after, as the parameter-free shortcut of CIFAR ResNets has them. */
static int pad_channels(struct net *net, const struct onnx_node *node, int draft, const int *channel, double value)
{
    struct op_attrs attrs = op_attrs_default();
    if (channel[0] == 0 && channel[1] == 0)
        return draft;
    if (channel[0] < 0 || channel[1] < 0 || value != 0) {
        net_refuse(net, node, "only channels of zeros are put beside an image's own");
        return -1;
    }
    attrs.pad_before = channel[0];
    attrs.pad_after = channel[1];
    return draft_add(net, node, OP_SUBSAMPLE, &attrs, 1, &draft);
}

static int pad_borders(struct net *net, const struct onnx_node *node, int draft, const struct op_attrs *attrs)
{
    if (attrs->pad_top == 0 && attrs->pad_bottom == 0 && attrs->pad_left == 0 && attrs->pad_right == 0)
        return draft;
    return draft_add(net, node, OP_PAD, attrs, 1, &draft);
}

bool convert_pad(struct net *net, const struct onnx_node *node)
{
    const int64_t *pads;
    int count, channel[2] = {0, 0};
    double value = 0;
    struct op_attrs attrs = op_attrs_default();
    struct value *image = net_map(net, node, 0);
    if (!image || !net_integers(net, node, 1, "pads", &pads, &count) || !pad_value(net, node, &value))
        return false;
    int rank = value_rank(image);
    if (strcmp(net_text(node, "mode", "constant"), "constant") != 0 || (node->inputs > 3 && node->input[3][0]))
        return net_refuse(net, node, "only borders of one value, given for all axes, are known");
    if (count != 2 * rank || count > PADS_MAX || isnan(value))
        return net_refuse(net, node, "its pads are not two for each of %d axes, or its value is none", rank);
    value = fmax(fmin(value, (double)FLT_MAX), -(double)FLT_MAX);
    for (int i = 0; i < rank; i++) {
        int64_t before = pads[i], after = pads[rank + i];
        if (before < -BORDER_MAX || before > BORDER_MAX || after < -BORDER_MAX || after > BORDER_MAX)
            return net_refuse(net, node, "a border of %lld and %lld", (long long)before, (long long)after);
        char axis = value_axis(image, i);
        int *first = axis == 'c' ? &channel[0] : axis == 'h' ? &attrs.pad_top : &attrs.pad_left;
        int *second = axis == 'c' ? &channel[1] : axis == 'h' ? &attrs.pad_bottom : &attrs.pad_right;
        if ((before || after) && axis != 'c' && axis != 'h' && axis != 'w')
            return net_refuse(net, node, "it adds to an axis that is none of an image's");
        if (before || after) {
            *first = (int)before;
            *second = (int)after;
        }
    }
    attrs.pad_value = (float)value;
    int draft = pad_borders(net, node, image->draft, &attrs);
    draft = draft < 0 ? -1 : pad_channels(net, node, draft, channel, value);
    return net_define_map(net, node, draft, image);
}
