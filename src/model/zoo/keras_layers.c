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
