/* MobileNetV2 (Sandler et al. 2018) as keras.applications has it, at its widths: layers Conv1, expanded_conv_*, block_1_* to
 * block_16_*, Conv_1; padding as TensorFlow's SAME, so at stride 2 one pixel at the bottom and right; a batch norm's eps
 * is 1e-3. Stages: Conv1 (the stem), block_0 to block_16, Conv_1 (and the pooling), top. */
#include "config.h"

#include "keras.h"

static const float bn_eps = 1e-3f, bn_momentum = 0.001f;

/* The paper's table 2. */
static const struct mobilenet_row {
    int expansion, channels, repeats, stride;
} rows[] = {
    {1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
};

/* `prefix`_BN and, but after a projection, `prefix`_relu. */
static int add_bn(struct graph *graph, const char *prefix, int input, bool relu)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%s_BN", prefix), input, bn_eps, bn_momentum);
    return relu ? graph_add_unary(graph, zoo_name(name, "%s_relu", prefix), OP_RELU6, x) : x;
}

static int add_block(struct graph *graph, const struct mobilenet_row *row, double alpha, int number, int stride,
                     int input)
{
    char prefix[ZOO_NAME] = "expanded_conv", name[ZOO_NAME];
    graph_begin_stage(graph, zoo_name(name, "block_%d", number));
    if (number > 0)
        zoo_name(prefix, "block_%d", number);
    int x = input, in = graph->node[input].shape.c, wide = in * row->expansion;
    int channels = zoo_divisible((int)(row->channels * alpha), 8);
    if (row->expansion > 1) {
        x = graph_add_conv(graph, zoo_name(name, "%s_expand", prefix), x, wide, 1, 1, 0, 1, false);
        x = add_bn(graph, name, x, true);
    }
    x = zoo_conv_same(graph, zoo_name(name, "%s_depthwise", prefix), x, wide, 3, stride, wide, false);
    x = add_bn(graph, name, x, true);
    x = graph_add_conv(graph, zoo_name(name, "%s_project", prefix), x, channels, 1, 1, 0, 1, false);
    x = add_bn(graph, name, x, false);
    if (stride == 1 && channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%s_add", prefix), OP_ADD, input, x);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int number = 0, last = arch->alpha > 1 ? zoo_divisible(1280 * arch->alpha, 8) : 1280;
    graph_begin_stage(graph, "Conv1");
    int x = zoo_conv_same(graph, "Conv1", 0, zoo_divisible(32 * arch->alpha, 8), 3, 2, 1, false);
    x = graph_add_batch_norm(graph, "bn_Conv1", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "Conv1_relu", OP_RELU6, x);
    for (size_t r = 0; r < THAW_LENGTH(rows); r++) {
        for (int i = 0; i < rows[r].repeats; i++)
            x = add_block(graph, &rows[r], arch->alpha, number++, i == 0 ? rows[r].stride : 1, x);
    }
    graph_begin_stage(graph, "Conv_1");
    x = graph_add_conv(graph, "Conv_1", x, last, 1, 1, 0, 1, false);
    x = graph_add_batch_norm(graph, "Conv_1_bn", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "out_relu", OP_RELU6, x);
    keras_top(graph, "global_average_pooling2d", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_mobilenet_v2", "MobileNetV2", "MobileNetV2 of Keras (Sandler et al. 2018)", ZOO_TENSORFLOW(224, 256), build, 0, 1, true},
    {"keras_mobilenet_v2_0.35", "MobileNetV2", "MobileNetV2 of Keras at 0.35 of its widths", ZOO_TENSORFLOW(224, 256), build, 0, 0.35, true},
    {"keras_mobilenet_v2_0.5", "MobileNetV2", "MobileNetV2 of Keras at 0.5 of its widths", ZOO_TENSORFLOW(224, 256), build, 0, 0.5, true},
    {"keras_mobilenet_v2_0.75", "MobileNetV2", "MobileNetV2 of Keras at 0.75 of its widths", ZOO_TENSORFLOW(224, 256), build, 0, 0.75, true},
    {"keras_mobilenet_v2_1.3", "MobileNetV2", "MobileNetV2 of Keras at 1.3 of its widths", ZOO_TENSORFLOW(224, 256), build, 0, 1.3, true},
    {"keras_mobilenet_v2_1.4", "MobileNetV2", "MobileNetV2 of Keras at 1.4 of its widths", ZOO_TENSORFLOW(224, 256), build, 0, 1.4, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_mobilenet_v2 = {archs, THAW_LENGTH(archs), NULL};
