/* MobileNetV1 (Howard et al. 2017) at any width: a 3x3 stem, then thirteen pairs of a depthwise 3x3 and a pointwise 1x1
 * convolution, each with batch norm and relu6, pooling and one linear layer.
 *
 * Padding is TensorFlow's SAME: the output is ceil(input / stride), what is missing is split with the odd pixel at the
 * bottom and right, so at stride 2 it depends on the input's size. Stages: stem, block0 to block12, classifier. */
#include "config.h"

#include "zoo_family.h"

enum { PAIRS = 13 };
static const float bn_eps = 1e-3f, bn_momentum = 0.01f;

static const struct mobilenet_row {
    int stride, channels;
} rows[PAIRS] = {
    {1, 64},  {2, 128}, {1, 128}, {2, 256}, {1, 256},  {2, 512},  {1, 512},
    {1, 512}, {1, 512}, {1, 512}, {1, 512}, {2, 1024}, {1, 1024},
};

/* As the original scales widths: rounded down, never under 8. */
static int scale(int channels, double alpha)
{
    int scaled = (int)(channels * alpha);
    return scaled < 8 ? 8 : scaled;
}

static void pad_same(int input, int kernel, int stride, int *before, int *after)
{
    int output = (input + stride - 1) / stride;
    int total = (output - 1) * stride + kernel - input;
    *before = total > 0 ? total / 2 : 0;
    *after = total > 0 ? total - total / 2 : 0;
}

/* `prefix`conv, `prefix`bn, `prefix`relu6. */
static int add_layer(struct graph *graph, const char *prefix, int input, int channels, int kernel, int stride,
                     int groups)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.groups = groups;
    attrs.out_channels = channels;
    pad_same(graph->node[input].shape.h, kernel, stride, &attrs.pad_top, &attrs.pad_bottom);
    pad_same(graph->node[input].shape.w, kernel, stride, &attrs.pad_left, &attrs.pad_right);
    int x = graph_add(graph, zoo_name(name, "%sconv", prefix), OP_CONV, &attrs, 1, &input);
    x = graph_add_batch_norm(graph, zoo_name(name, "%sbn", prefix), x, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%srelu6", prefix), OP_RELU6, x);
}

void zoo_mobilenet_build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int channels = scale(32, arch->alpha);
    graph_begin_stage(graph, "stem");
    int x = add_layer(graph, "stem.", 0, channels, 3, 2, 1);
    for (int i = 0; i < PAIRS; i++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "block%d", i));
        zoo_name(name, "dw.%d.", i);
        x = add_layer(graph, name, x, channels, 3, rows[i].stride, channels);
        channels = scale(rows[i].channels, arch->alpha);
        zoo_name(name, "pw.%d.", i);
        x = add_layer(graph, name, x, channels, 1, 1, 1);
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}
