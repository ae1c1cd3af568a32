/* Layers as keras.applications has them, over those of layers.c. */
#include "config.h"

#include "keras.h"

int keras_pool_same(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    zoo_pad_same(graph->node[input].shape.h, kernel, stride, &attrs.pad_top, &attrs.pad_bottom);
    zoo_pad_same(graph->node[input].shape.w, kernel, stride, &attrs.pad_left, &attrs.pad_right);
    return graph_add(graph, name, kind, &attrs, 1, &input);
}

int keras_pad(struct graph *graph, const char *name, int input, int before, int after)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.pad_top = attrs.pad_left = before;
    attrs.pad_bottom = attrs.pad_right = after;
    return graph_add(graph, name, OP_PAD, &attrs, 1, &input);
}

int keras_pad_same(struct graph *graph, const char *name, int input, int kernel, int stride)
{
    struct op_attrs attrs = op_attrs_default();
    zoo_pad_same(graph->node[input].shape.h, kernel, stride, &attrs.pad_top, &attrs.pad_bottom);
    zoo_pad_same(graph->node[input].shape.w, kernel, stride, &attrs.pad_left, &attrs.pad_right);
    return graph_add(graph, name, OP_PAD, &attrs, 1, &input);
}

int keras_rescale(struct graph *graph, const char *name, int input, const float scale[3], const float shift[3])
{
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = attrs.constant = true;
    int node = graph_add(graph, name, OP_AFFINE, &attrs, 1, &input);
    int channels = graph->node[input].shape.c;
    float grey[2] = {(scale[0] + scale[1] + scale[2]) / 3, (shift[0] + shift[1] + shift[2]) / 3};
    graph_set_constant(graph, node, 0, channels == 1 ? &grey[0] : scale, (size_t)channels);
    graph_set_constant(graph, node, 1, channels == 1 ? &grey[1] : shift, (size_t)channels);
    return node;
}

int keras_separable(struct graph *graph, const char *name, int input, int channels, int kernel, int stride)
{
    char full[ZOO_NAME];
    int groups = graph->node[input].shape.c;
    int x = zoo_conv_same(graph, zoo_name(full, "%s.depthwise", name), input, groups, kernel, stride, groups, false);
    return graph_add_conv(graph, zoo_name(full, "%s.pointwise", name), x, channels, 1, 1, 0, 1, false);
}

void keras_top(struct graph *graph, const char *pool, int input, int classes)
{
    int x = graph_add_unary(graph, pool, OP_GLOBAL_AVG_POOL, input);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "top");
    graph_add_linear(graph, "predictions", x, classes);
}
