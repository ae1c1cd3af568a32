/* Layers as the families' builders say them: pools, paddings and the like over graph_add. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "family.h"

const char *zoo_name(char name[ZOO_NAME], const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(name, ZOO_NAME, format, list);
    va_end(list);
    return name;
}

static int add_pool(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride,
                    int padding, bool ceil_mode)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_top = attrs.pad_left = attrs.pad_bottom = attrs.pad_right = padding;
    attrs.ceil_mode = ceil_mode;
    attrs.count_padding = kind == OP_AVG_POOL;
    return graph_add(graph, name, kind, &attrs, 1, &input);
}

int zoo_pool(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride, int padding)
{
    return add_pool(graph, name, kind, input, kernel, stride, padding, false);
}

int zoo_pool_ceil(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride,
                  int padding)
{
    return add_pool(graph, name, kind, input, kernel, stride, padding, true);
}

int zoo_basic_conv(struct graph *graph, const char *name, int input, int channels, int kernel_h, int kernel_w,
                   int stride, bool padded)
{
    char part[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = kernel_h;
    attrs.kernel_w = kernel_w;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_top = attrs.pad_bottom = padded ? kernel_h / 2 : 0;
    attrs.pad_left = attrs.pad_right = padded ? kernel_w / 2 : 0;
    attrs.out_channels = channels;
    int x = graph_add(graph, zoo_name(part, "%s.conv", name), OP_CONV, &attrs, 1, &input);
    x = graph_add_batch_norm(graph, zoo_name(part, "%s.bn", name), x, 1e-3f, 0.1f);
    return graph_add_unary(graph, zoo_name(part, "%s.relu", name), OP_RELU, x);
}

int zoo_dropout(struct graph *graph, const char *name, int input, float rate)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.rate = rate;
    return graph_add(graph, name, OP_DROPOUT, &attrs, 1, &input);
}

int zoo_flatten_chw(struct graph *graph, const char *name, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.flatten_chw = true;
    return graph_add(graph, name, OP_FLATTEN, &attrs, 1, &input);
}

/* One side as a window. A side of 1 is repeated by windows that each hold the one pixel and padding that does not
 * count. */
static bool adapt_side(int side, int cells, int *kernel, int *stride, int *padding)
{
    *kernel = side == 1 ? cells : side / cells;
    *stride = side == 1 ? 1 : side / cells;
    *padding = side == 1 ? cells - 1 : 0;
    return side == 1 || (side > 0 && side % cells == 0);
}

int zoo_adaptive_pool(struct graph *graph, const char *name, int input, int cells)
{
    struct op_attrs attrs = op_attrs_default();
    struct shape4 shape = graph->node[input].shape;
    if (graph->build_error.kind != ERROR_NONE)
        return 0;
    if (!adapt_side(shape.h, cells, &attrs.kernel_h, &attrs.stride_h, &attrs.pad_top) ||
        !adapt_side(shape.w, cells, &attrs.kernel_w, &attrs.stride_w, &attrs.pad_left)) {
        error_set(
            &graph->build_error, ERROR_USAGE,
            "%s: an input of %dx%d leaves %dx%d cells before the classifier, which takes %dx%d: choose sides that "
            "leave a multiple of that, as the original's do, or a single cell",
            graph->arch, graph->node[0].shape.h, graph->node[0].shape.w, shape.h, shape.w, cells, cells);
        return 0;
    }
    if (shape.h == cells && shape.w == cells)
        return input;
    attrs.pad_bottom = attrs.pad_top;
    attrs.pad_right = attrs.pad_left;
    return graph_add(graph, name, OP_AVG_POOL, &attrs, 1, &input);
}

int zoo_divisible(double channels, int divisor)
{
    int rounded = (int)(channels + divisor / 2.0) / divisor * divisor;
    if (rounded < divisor)
        rounded = divisor;
    return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

/* The norm and the activation of a convolution NAME.0. */
static int add_norm(struct graph *graph, const char *name, int conv, enum op_kind activation, struct zoo_norm norm)
{
    char part[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(part, "%s.1", name), conv, norm.eps, norm.momentum);
    return activation ? graph_add_unary(graph, zoo_name(part, "%s.2", name), activation, x) : x;
}

int zoo_conv_norm(struct graph *graph, const char *name, int input, struct zoo_conv conv, struct zoo_norm norm)
{
    char part[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(part, "%s.0", name), input, conv.channels, conv.kernel, conv.stride,
                           conv.kernel / 2, conv.groups ? conv.groups : 1, false);
    return add_norm(graph, name, x, conv.activation, norm);
}

int zoo_conv_norm_same(struct graph *graph, const char *name, int input, struct zoo_conv conv, struct zoo_norm norm)
{
    char part[ZOO_NAME];
    int x = zoo_conv_same(graph, zoo_name(part, "%s.0", name), input, conv.channels, conv.kernel, conv.stride,
                          conv.groups ? conv.groups : 1, false);
    return add_norm(graph, name, x, conv.activation, norm);
}

int zoo_slice(struct graph *graph, const char *name, int input, int begin, int end)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.begin = begin;
    attrs.end = end;
    return graph_add(graph, name, OP_SLICE, &attrs, 1, &input);
}

int zoo_split_convs(struct graph *graph, const char *prefix, int input, const struct zoo_split *split)
{
    enum { SCALE_MAX = 8 };
    char name[ZOO_NAME];
    int part[SCALE_MAX], last = split->scale - 1;
    struct op_attrs attrs = op_attrs_default();
    for (int i = 0; i < split->scale; i++) {
        int x =
            zoo_slice(graph, zoo_name(name, "%sslice.%d", prefix, i), input, i * split->width, (i + 1) * split->width);
        if (i < last && i > 0 && !split->first)
            x = graph_add_binary(graph, zoo_name(name, "%sadd.%d", prefix, i), OP_ADD, x, part[i - 1]);
        if (i < last) {
            x = graph_add_conv(graph, zoo_name(name, "%sconvs.%d", prefix, i), x, split->width, 3, split->stride, 1,
                               split->groups, false);
            x = graph_add_batch_norm(graph, zoo_name(name, "%sbns.%d", prefix, i), x, 1e-5f, 0.1f);
            x = graph_add_unary(graph, zoo_name(name, "%srelus.%d", prefix, i), OP_RELU, x);
        } else if (split->first) {
            x = zoo_pool(graph, zoo_name(name, "%spool", prefix), OP_AVG_POOL, x, 3, split->stride, 1);
        }
        part[i] = x;
    }
    return graph_add(graph, zoo_name(name, "%sconcat", prefix), OP_CONCAT, &attrs, split->scale, part);
}

int zoo_squeeze_excite(struct graph *graph, const char *name, int input, int squeezed, enum op_kind activation,
                       enum op_kind gate)
{
    char part[ZOO_NAME];
    int channels = graph->node[input].shape.c;
    struct op_attrs attrs = op_attrs_default();
    attrs.alpha = 1 / 6.0f; /* the hard sigmoid's slope and height at zero */
    attrs.beta = 0.5f;
    int x = graph_add_unary(graph, zoo_name(part, "%s.avgpool", name), OP_GLOBAL_AVG_POOL, input);
    x = graph_add_conv(graph, zoo_name(part, "%s.fc1", name), x, squeezed, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(part, "%s.activation", name), activation, x);
    x = graph_add_conv(graph, zoo_name(part, "%s.fc2", name), x, channels, 1, 1, 0, 1, true);
    x = graph_add(graph, zoo_name(part, "%s.scale_activation", name), gate, &attrs, 1, &x);
    return graph_add_binary(graph, zoo_name(part, "%s.scale", name), OP_MUL, input, x);
}

void zoo_pad_same(int input, int kernel, int stride, int *before, int *after)
{
    int output = (input + stride - 1) / stride;
    int total = (output - 1) * stride + kernel - input;
    *before = total > 0 ? total / 2 : 0;
    *after = total > 0 ? total - total / 2 : 0;
}

int zoo_conv_same(struct graph *graph, const char *name, int input, int channels, int kernel, int stride, int groups,
                  bool bias)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.groups = groups;
    attrs.out_channels = channels;
    attrs.bias = bias;
    zoo_pad_same(graph->node[input].shape.h, kernel, stride, &attrs.pad_top, &attrs.pad_bottom);
    zoo_pad_same(graph->node[input].shape.w, kernel, stride, &attrs.pad_left, &attrs.pad_right);
    return graph_add(graph, name, OP_CONV, &attrs, 1, &input);
}
